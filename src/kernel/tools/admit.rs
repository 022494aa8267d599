//! Makes blocks that the API takes of what a tool returned. If one block were refused, this turn
//! and all later turns would be refused too, because the conversation holds the block.
//!
//! Pure. The bytes decide what a block is, not what the tool calls it. For a block that cannot be
//! sent, a text says what it was.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagesize::ImageType;
use serde_json::{Value, json};

use crate::kernel::whole;

use super::limits::{MAX_IMAGE_BASE64, MAX_IMAGE_SIDE, MAX_PDF_BASE64};

/// Makes blocks that the API takes of those a tool returned.
pub(super) fn admit(content: Vec<Value>) -> Vec<Value> {
    content.into_iter().map(block).collect()
}

fn block(block: Value) -> Value {
    let kind = block.get("type").and_then(Value::as_str);
    let refused = match kind {
        Some("image") => match image(&block) {
            Ok(block) => return block,
            Err(why) => format!("(An image that cannot be shown to Claude: {why}.)"),
        },
        Some("document") => match pdf(&block) {
            None => return block,
            Some(why) => format!("(A PDF that cannot be shown to Claude: {why}.)"),
        },
        Some("text") if is_blank(&block) => "(an empty text)".to_owned(),
        _ => return block,
    };
    json!({"type": "text", "text": refused})
}

fn data(block: &Value) -> Option<&str> {
    block.pointer("/source/data").and_then(Value::as_str)
}

fn is_blank(block: &Value) -> bool {
    let text = block.get("text").and_then(Value::as_str);
    text.is_none_or(|text| text.trim().is_empty())
}

/// An image with the media type it really has, or why the API would refuse it.
fn image(block: &Value) -> Result<Value, String> {
    let data = data(block).unwrap_or_default();
    if data.len() > MAX_IMAGE_BASE64 {
        return Err(format!(
            "it is larger than {} MB in base64",
            MAX_IMAGE_BASE64 / 1_000_000
        ));
    }
    let Ok(bytes) = STANDARD.decode(data) else {
        return Err("it is not in base64".to_owned());
    };
    let kind = imagesize::image_type(&bytes).ok();
    let media_type = match kind {
        Some(ImageType::Png) => "image/png",
        Some(ImageType::Jpeg) => "image/jpeg",
        Some(ImageType::Gif) => "image/gif",
        Some(ImageType::Webp) => "image/webp",
        _ => return Err("it is no PNG, JPEG, GIF or WebP".to_owned()),
    };
    let Ok(size) = imagesize::blob_size(&bytes) else {
        return Err("its size in pixels cannot be read".to_owned());
    };
    let (width, height) = (size.width, size.height);
    if width.max(height) > MAX_IMAGE_SIDE || width.min(height) == 0 {
        return Err(format!(
            "it has {width} x {height} pixels, and a side may have 1 to {MAX_IMAGE_SIDE}"
        ));
    }
    // A file cut off in the middle has a good head.
    if let Some(fault) = kind.and_then(|kind| whole::image_fault(kind, &bytes)) {
        return Err(fault.to_owned());
    }
    Ok(json!({
        "type": "image",
        "source": {"type": "base64", "media_type": media_type, "data": data},
    }))
}

/// Why the API would refuse a PDF.
fn pdf(block: &Value) -> Option<String> {
    let data = data(block).unwrap_or_default();
    if data.len() > MAX_PDF_BASE64 {
        return Some(format!(
            "it is larger than {} MB in base64",
            MAX_PDF_BASE64 / 1_000_000
        ));
    }
    let Ok(bytes) = STANDARD.decode(data) else {
        return Some("it is not in base64".to_owned());
    };
    if !bytes.starts_with(b"%PDF-") {
        return Some("it is none".to_owned());
    }
    let mut pdf = whole::Pdf::default();
    pdf.push(&bytes);
    pdf.fault().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One pixel.
    const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    fn said(kind: &str, data: &str) -> Value {
        let source = json!({"type": "base64", "media_type": "image/jpeg", "data": data});
        let mut blocks = admit(vec![json!({"type": kind, "source": source})]);
        blocks.remove(0)
    }

    #[test]
    fn an_image_goes_with_the_type_it_really_has() {
        let block = said("image", PNG);
        assert_eq!(block["source"]["media_type"], "image/png");
        assert_eq!(block["source"]["data"], PNG);
    }

    #[test]
    fn what_the_api_would_refuse_is_said_in_words() {
        let wide = {
            let mut bytes = STANDARD.decode(PNG).unwrap();
            bytes[16..20].copy_from_slice(&9_000_u32.to_be_bytes());
            STANDARD.encode(bytes)
        };
        let cut = &PNG[..PNG.len() - 28];
        let huge = "A".repeat(MAX_IMAGE_BASE64 + 4);
        let large = "A".repeat(MAX_PDF_BASE64 + 4);
        for (kind, data, why) in [
            ("image", "!!!!", "not in base64"),
            ("image", "AAAA", "no PNG, JPEG, GIF or WebP"),
            ("image", "", "no PNG"),
            ("image", "iVBORw0KGgpub3QgcmVhbGx5", "size in pixels"),
            ("image", wide.as_str(), "9000 x 1 pixels"),
            ("image", cut, "cut off"),
            ("image", huge.as_str(), "larger than 10 MB"),
            ("document", "AAAA", "it is none"),
            ("document", large.as_str(), "larger than 20 MB"),
        ] {
            let block = said(kind, data);
            let text = block["text"].as_str().unwrap_or_default();
            assert!(text.contains(why), "{why}: {text}");
        }
        assert!(said("document", "JVBERi0xLjcKJSVFT0Y=")["text"].is_null());
        let blank = admit(vec![json!({"type": "text", "text": " \n"})]);
        assert_eq!(blank[0]["text"], "(an empty text)");
    }
}
