//! Images: that they are of the type they claim, how many there may be and how large they may be
//! (`docs/protocol.md#images`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::error::ApiError;
use super::super::message::{kind, text};
use super::super::request::Request;

/// The most bytes of an image as base64 text.
const MOST_BYTES: usize = 10 * 1024 * 1024;
/// The most pixels of a side.
const LONGEST_SIDE: usize = 8000;
/// The most images in one request, and on models with the small context window.
const MOST: usize = 600;
const MOST_IN_SMALL_WINDOW: usize = 100;

pub(super) fn check(request: &Request) -> Result<(), ApiError> {
    let mut images = Vec::new();
    for (i, message) in request.messages.iter().enumerate() {
        for (j, block) in message.blocks.iter().enumerate() {
            let path = format!("messages.{i}.content.{j}");
            if kind(block) == "tool_result" {
                let inner = block.get("content").and_then(Value::as_array);
                for (k, block) in inner.into_iter().flatten().enumerate() {
                    images.push((format!("{path}.content.{k}"), block));
                }
            } else {
                images.push((path, block));
            }
        }
    }
    images.retain(|(_, block)| kind(block) == "image");
    let most = match request.model.has_small_window() {
        true => MOST_IN_SMALL_WINDOW,
        false => MOST,
    };
    if images.len() > most {
        return Err(ApiError::invalid(format!(
            "messages: {} images, more than the {most} that are allowed",
            images.len()
        )));
    }
    let mut too_large: Option<(usize, Vec<Value>)> = None;
    for (path, block) in &images {
        let transformations = block.get("transformations");
        let oversized = transformations.and_then(|given| text(given, "oversized_image"));
        let limit = match oversized {
            Some("error") => request.model.seen_side(),
            _ => LONGEST_SIDE,
        };
        if longest_side(block, path)?.is_some_and(|side| side > limit) {
            let (most, paths) = too_large.get_or_insert((limit, Vec::new()));
            *most = limit.min(*most);
            paths.push(path.as_str().into());
        }
    }
    match too_large {
        None => Ok(()),
        Some((most, paths)) => Err(ApiError::invalid(format!(
            "{}: At least one of the image dimensions exceed max allowed size: {most} pixels",
            paths.first().and_then(Value::as_str).unwrap_or_default()
        ))
        .code("image_dimensions_too_large")
        .detail("max_side_length_pixels", most.into())
        .detail("paths", paths.into())),
    }
}

/// Checks an image that is sent in the request; returns its longer side in pixels, if the image
/// tells it.
fn longest_side(block: &Value, path: &str) -> Result<Option<usize>, ApiError> {
    let Some(source) = block
        .get("source")
        .filter(|source| kind(source) == "base64")
    else {
        return Ok(None);
    };
    let data = text(source, "data").unwrap_or_default();
    let bytes = STANDARD.decode(data).map_err(|_| {
        ApiError::invalid(format!("{path}.image.source.base64: invalid base64 data"))
    })?;
    if data.len() > MOST_BYTES {
        return Err(ApiError::invalid(format!(
            "{path}.image.source.base64: image exceeds 10 MB maximum: {} bytes > 10485760 bytes",
            data.len()
        )));
    }
    let media_type = text(source, "media_type").unwrap_or_default();
    match infer::get(&bytes) {
        Some(found) if found.mime_type() == media_type => {
            let size = imagesize::blob_size(&bytes).ok();
            Ok(size.map(|size| size.width.max(size.height)))
        }
        Some(found) if found.matcher_type() == infer::MatcherType::Image => {
            Err(ApiError::invalid(format!(
                "{path}.image.source.base64.media_type: the image was specified as {media_type} but appears to be {}",
                found.mime_type()
            )))
        }
        _ => Err(ApiError::invalid(format!(
            "{path}.image.source.base64.data: Could not process image"
        ))),
    }
}
