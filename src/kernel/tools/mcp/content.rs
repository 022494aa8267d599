//! What an MCP tool returned → content blocks for Claude. Read as JSON, so that a kind of content
//! that is newer than this program is named rather than lost.

use serde_json::{Value, json};

use super::super::limits::{cut, text_limit};
use super::super::worker::Answer;

/// Media types that the API takes as images.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Makes the answer of a tool's result. Code in the sandbox (`direct` false) gets text only.
pub(super) fn answer(result: &Value, direct: bool) -> Answer {
    let blocks = result.get("content").and_then(Value::as_array);
    let mut content: Vec<Value> = blocks
        .into_iter()
        .flatten()
        .map(|block| convert(block, direct))
        .collect();
    if content.is_empty() {
        let text = match result.get("structuredContent") {
            Some(structured) => cut(&structured.to_string(), text_limit(direct)),
            None => "The tool returned nothing.".to_owned(),
        };
        content.push(json!({"type": "text", "text": text}));
    }
    Answer {
        content,
        is_error: result.get("isError").and_then(Value::as_bool) == Some(true),
        printed: String::new(),
    }
}

fn convert(block: &Value, direct: bool) -> Value {
    let text = |of: &Value, key: &str| {
        of.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let kind = text(block, "type");
    let said = match kind.as_str() {
        "text" => text(block, "text"),
        "image" => match image(block, "data", direct) {
            Some(image) => return image,
            None => format!(
                "(an image of type {} that cannot be shown here)",
                text(block, "mimeType")
            ),
        },
        "audio" => format!(
            "(sound of type {}, which Claude cannot hear)",
            text(block, "mimeType")
        ),
        "resource" => {
            let resource = block.get("resource").unwrap_or(&Value::Null);
            if let Some(image) = image(resource, "blob", direct) {
                return image;
            }
            match resource.get("text").and_then(Value::as_str) {
                Some(text) => text.to_owned(),
                None => format!(
                    "(a binary resource: {}, {})",
                    text(resource, "uri"),
                    text(resource, "mimeType")
                ),
            }
        }
        "resource_link" => format!(
            "(a resource: {} {})",
            text(block, "name"),
            text(block, "uri")
        ),
        other => format!("(content of a kind that is not known here: {other})"),
    };
    let said = cut(&said, text_limit(direct));
    // The API takes no empty text.
    let said = if said.trim().is_empty() {
        "(an empty text)".to_owned()
    } else {
        said
    };
    json!({"type": "text", "text": said})
}

/// An image of a kind that the API takes; whether it is one is seen later.
fn image(of: &Value, key: &str, direct: bool) -> Option<Value> {
    let media_type = of.get("mimeType").and_then(Value::as_str)?;
    let data = of.get(key).and_then(Value::as_str)?;
    (direct && IMAGES.contains(&media_type)).then(|| {
        json!({
            "type": "image",
            "source": {"type": "base64", "media_type": media_type, "data": data},
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_content_has_a_form() {
        let result = json!({"content": [
            {"type": "text", "text": "hello"},
            {"type": "text", "text": ""},
            {"type": "image", "mimeType": "image/png", "data": "AAAA"},
            {"type": "image", "mimeType": "image/svg+xml", "data": "AAAA"},
            {"type": "resource", "resource": {"uri": "a:b", "text": "inside"}},
            {"type": "resource_link", "name": "n", "uri": "a:c"},
            {"type": "hologram"},
            {"type": "audio", "mimeType": "audio/wav", "data": "AAAA"},
            {"type": "resource", "resource": {"uri": "a:d", "mimeType": "image/png", "blob": "AAAA"}},
            {"type": "resource", "resource": {"uri": "a:e", "mimeType": "x/y", "blob": "AAAA"}},
        ], "isError": true});
        let answer = answer(&result, true);
        assert!(answer.is_error);
        let texts: Vec<&str> = answer
            .content
            .iter()
            .filter_map(|b| b["text"].as_str())
            .collect();
        assert_eq!(
            texts,
            [
                "hello",
                "(an empty text)",
                "(an image of type image/svg+xml that cannot be shown here)",
                "inside",
                "(a resource: n a:c)",
                "(content of a kind that is not known here: hologram)",
                "(sound of type audio/wav, which Claude cannot hear)",
                "(a binary resource: a:e, x/y)",
            ]
        );
        assert_eq!(answer.content[2]["type"], "image");
        assert_eq!(answer.content[8]["type"], "image");
        let from_code = super::answer(&result, false);
        assert!(
            from_code
                .content
                .iter()
                .all(|block| block["type"] == "text")
        );
    }

    #[test]
    fn structured_content_stands_in_for_none() {
        let result = json!({"content": [], "structuredContent": {"a": 1}});
        assert_eq!(answer(&result, true).content[0]["text"], "{\"a\":1}");
    }
}
