//! Text blocks without words (`docs/protocol.md#blank-text`). An empty one is refused everywhere.
//! One that holds only white space is refused if nothing else in its message has content.

use serde_json::Value;

use super::super::error::ApiError;
use super::super::message::{kind, text};
use super::super::request::Request;

pub(super) fn check(request: &Request) -> Result<(), ApiError> {
    for (i, message) in request.messages.iter().enumerate() {
        let says_something = message
            .blocks
            .iter()
            .any(|block| kind(block) == "tool_use" || has_words(block));
        for (j, block) in message.blocks.iter().enumerate() {
            let path = format!("messages.{i}.content.{j}");
            nested(block, &path)?;
            if is_empty(block) {
                return Err(empty(&path));
            }
            if kind(block) == "text" && !says_something {
                return Err(ApiError::invalid(format!(
                    "{path}: text content blocks must contain non-whitespace text"
                )));
            }
        }
    }
    Ok(())
}

/// What a result of a client tool holds.
fn nested(block: &Value, path: &str) -> Result<(), ApiError> {
    if kind(block) != "tool_result" {
        return Ok(());
    }
    let inner = block.get("content").and_then(Value::as_array);
    match inner.and_then(|blocks| blocks.iter().position(is_empty)) {
        Some(at) => Err(empty(&format!("{path}.content.{at}"))),
        None => Ok(()),
    }
}

fn empty(path: &str) -> ApiError {
    ApiError::invalid(format!("{path}: text content blocks must be non-empty"))
}

fn is_empty(block: &Value) -> bool {
    kind(block) == "text" && text(block, "text") == Some("")
}

fn has_words(block: &Value) -> bool {
    kind(block) == "text" && text(block, "text").is_some_and(|text| !text.trim().is_empty())
}
