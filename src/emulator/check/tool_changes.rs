//! Where tools may be added and taken away, and how that is marked for the cache
//! (`docs/protocol.md#prompt-cache, #tool-changes`).
//!
//! Whether the `system` messages themselves stand in a right place is checked in `history`.

use serde_json::Value;

use super::super::error::ApiError;
use super::super::message::{Role, kind};
use super::super::request::Request;
use super::super::toolset::definition_in;

pub(super) fn check(request: &Request) -> Result<(), ApiError> {
    let mut after_assistant = false;
    for (i, message) in request.messages.iter().enumerate() {
        if message.role != Role::System {
            after_assistant = message.role == Role::Assistant;
            continue;
        }
        for (j, block) in message.blocks.iter().enumerate() {
            if !matches!(kind(block), "tool_addition" | "tool_removal") {
                continue;
            }
            let wrong = |what: &str| {
                let kind = kind(block);
                Err(ApiError::invalid(format!(
                    "messages.{i}.content.{j}: `{kind}` blocks {what}"
                )))
            };
            // If the request goes on with an assistant turn, that turn was paused.
            if after_assistant {
                return wrong("are not allowed after a paused `assistant` turn");
            }
            if message.clear_at.as_deref() == Some("next_user_message") {
                return wrong("are not allowed in a message with `clear_at` \"next_user_message\"");
            }
            let marked = |value: &Value| value.get("cache_control").is_some_and(Value::is_object);
            if marked(block) && definition_in(block).is_some_and(marked) {
                return wrong("take one `cache_control`, their own or the definition's");
            }
        }
    }
    Ok(())
}
