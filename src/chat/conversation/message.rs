//! Messages as bytes: made once, marked for the cache, relieved of thinking.

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::anthropic::request::{MessageParam, Role};

/// What a marked block ends with.
const MARKER: &str = r#","cache_control":{"type":"ephemeral"}}]"#;

/// Serialises blocks as a message; `None` when there are none.
#[must_use]
pub fn message(role: Role, blocks: &[Value]) -> Option<MessageParam> {
    if blocks.is_empty() {
        return None;
    }
    // Cannot fail for values that came from JSON.
    let content = serde_json::value::to_raw_value(blocks).ok()?;
    Some(MessageParam {
        role,
        content: Arc::from(content),
    })
}

/// Reads the blocks of a message.
#[must_use]
pub(super) fn blocks(message: &MessageParam) -> Vec<Value> {
    serde_json::from_str(message.content.get()).unwrap_or_default()
}

/// Returns the message with a cache marker on its last block, by its bytes alone.
#[must_use]
pub(super) fn marked(message: &MessageParam) -> MessageParam {
    let content = message.content.get();
    let marked = content
        .strip_suffix("}]")
        .filter(|head| !head.ends_with('{'))
        .and_then(|head| RawValue::from_string(format!("{head}{MARKER}")).ok());
    MessageParam {
        role: message.role,
        content: marked.map_or_else(|| Arc::clone(&message.content), Arc::from),
    }
}

/// Marks the two newest messages of the person for the cache, tool results included, and none before
/// them (`claude-api.md` 16.1): every round of tools is read from the cache in the next.
pub fn mark_newest(messages: &mut [MessageParam]) {
    /// One more than are marked: each round adds one.
    const LOOKED_AT: usize = 3;
    let newest = messages.iter_mut().rev();
    let newest = newest.filter(|said| said.role == Role::User);
    for (at, said) in newest.take(LOOKED_AT).enumerate() {
        let is_marked = said.content.get().ends_with(MARKER);
        if at < 2 && !is_marked {
            *said = marked(said);
        } else if at >= 2 && is_marked {
            *said = unmarked(said);
        }
    }
}

fn unmarked(message: &MessageParam) -> MessageParam {
    let head = message.content.get().strip_suffix(MARKER);
    let plain = head.and_then(|head| RawValue::from_string(format!("{head}}}]")).ok());
    MessageParam {
        role: message.role,
        content: plain.map_or_else(|| Arc::clone(&message.content), Arc::from),
    }
}

/// Returns the message without thinking; `None` when nothing else is in it.
#[must_use]
pub(super) fn strip(message: MessageParam) -> Option<MessageParam> {
    if message.role != Role::Assistant {
        return Some(message);
    }
    let blocks = blocks(&message);
    if !blocks.iter().any(is_thinking) {
        return Some(message);
    }
    let kept: Vec<Value> = blocks.into_iter().filter(|b| !is_thinking(b)).collect();
    self::message(message.role, &kept)
}

/// Returns whether a block is thinking.
#[must_use]
pub(super) fn is_thinking(block: &Value) -> bool {
    matches!(
        block.get("type").and_then(Value::as_str),
        Some("thinking" | "redacted_thinking")
    )
}
