//! Images in the result of a tool of this machine, shown after its step.
//!
//! They are as foreign as those of the sandbox: they are judged by their header, never by what they
//! claim to be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagesize::ImageType;
use serde_json::{Map, Value, json};

use super::foreign;
use super::image_size::shown_size;
use super::screen::{Form, Terminal, machine};
use crate::anthropic::block::Block;
use crate::jupyter::mime::MimeBundle;

/// The longest side that is shown, in pixels.
const MAX_SIDE: usize = 10_000;
/// The most pixels that are shown: each takes 4 bytes of the front end's memory.
const MAX_PIXELS: usize = 40_000_000;

/// Returns the images of a `tool_result` block. What is not an image is left out, because the step
/// shows it.
pub(crate) fn tool_images(result: &Block, tool: &str) -> Vec<Form> {
    let content = result.raw().get("content").and_then(Value::as_array);
    let images = content.into_iter().flatten().filter_map(|block| {
        let source = block.get("source")?;
        let is_image = block.get("type").and_then(Value::as_str) == Some("image");
        let data = source.get("data").and_then(Value::as_str)?;
        is_image.then(|| image(data, tool)).flatten()
    });
    images.collect()
}

/// Says what a result holds besides text: `Result: 2 images, 1 document`.
pub(crate) fn what(content: &Value, kind: &str) -> String {
    let count = |kind: &str| {
        let blocks = content.as_array().into_iter().flatten();
        let of_kind =
            blocks.filter(|block| block.get("type").and_then(Value::as_str) == Some(kind));
        match of_kind.count() {
            0 => None,
            1 => Some(format!("1 {kind}")),
            many => Some(format!("{many} {kind}s")),
        }
    };
    let all: Vec<String> = [count("image"), count("document")]
        .into_iter()
        .flatten()
        .collect();
    match all.is_empty() {
        true => format!("A result of kind {kind}"),
        false => format!("Result: {}", all.join(", ")),
    }
}

fn image(data: &str, tool: &str) -> Option<Form> {
    let bytes = STANDARD.decode(data).ok()?;
    let mime = match imagesize::image_type(&bytes).ok()? {
        ImageType::Png => "image/png",
        ImageType::Jpeg => "image/jpeg",
        ImageType::Gif => "image/gif",
        ImageType::Webp => "image/webp",
        _ => return None,
    };
    let size = imagesize::blob_size(&bytes).ok()?;
    let (width, height) = (size.width, size.height);
    let pixels = width.checked_mul(height)?;
    if pixels == 0 || width.max(height) > MAX_SIDE || pixels > MAX_PIXELS {
        return None;
    }
    let (shown_width, shown_height) = shown_size(&bytes, width, height);
    let name = foreign::line(&format!("image from {tool}"));
    let mut metadata = Map::new();
    metadata.insert(
        mime.to_owned(),
        json!({"width": shown_width, "height": shown_height, "alt": name}),
    );
    metadata.extend(machine(json!({"block": "tool_image", "tool": tool})));
    let plain = format!("{name} ({width} x {height} pixels)");
    Some(Form {
        data: MimeBundle::default()
            .with(mime, STANDARD.encode(bytes))
            .with("text/plain", plain),
        metadata,
        terminal: Terminal::Bundle,
        streams: Vec::new(),
    })
}
