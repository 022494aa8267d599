//! What a tool may return to code in the sandbox: text and nothing else
//! (`docs/protocol.md#programmatic-calls`).

use serde_json::Value;

use super::super::error::ApiError;
use super::super::message::is_by_code;
use super::super::message::{kind, text};
use super::super::request::Request;

pub(super) fn check(request: &Request) -> Result<(), ApiError> {
    let by_code: Vec<&str> = request
        .messages
        .iter()
        .flat_map(|message| &message.blocks)
        .filter(|block| is_by_code(block))
        .filter_map(|block| text(block, "id"))
        .collect();
    for (i, message) in request.messages.iter().enumerate() {
        for (j, block) in message.blocks.iter().enumerate() {
            let answers = text(block, "tool_use_id").is_some_and(|id| by_code.contains(&id));
            if kind(block) == "tool_result" && answers && !is_text(block.get("content")) {
                return Err(ApiError::invalid(format!(
                    "messages.{i}.content.{j}.content: results of programmatic tool calls may hold text only"
                )));
            }
        }
    }
    Ok(())
}

fn is_text(content: Option<&Value>) -> bool {
    match content {
        Some(Value::Array(blocks)) => blocks.iter().all(|block| kind(block) == "text"),
        _ => true,
    }
}
