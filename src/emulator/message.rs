//! The messages of a request and their blocks. Nothing is checked here.

use serde_json::Value;

/// One message. If its content was a string, it is one text block here.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    pub(super) role: Role,
    pub(super) blocks: Vec<Value>,
    /// `clear_at`; only `system` messages have it.
    pub(super) clear_at: Option<String>,
    /// `output_config`; only `system` messages have it.
    pub(super) config: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    User,
    Assistant,
    System,
}

impl Role {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
        }
    }
}

impl Message {
    /// The effort from this message on, if it changes here.
    pub(super) fn effort(&self) -> Option<&str> {
        text(self.config.as_ref()?, "effort")
    }

    pub(super) fn read(value: &Value) -> Self {
        Self {
            role: match text(value, "role") {
                Some("assistant") => Role::Assistant,
                Some("system") => Role::System,
                _ => Role::User,
            },
            blocks: blocks(value.get("content")),
            clear_at: text(value, "clear_at").map(str::to_owned),
            config: present(value, "output_config"),
        }
    }
}

/// Returns a text field.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// Returns a block's `type`.
pub(super) fn kind(block: &Value) -> &str {
    text(block, "type").unwrap_or_default()
}

/// Whether a block is thinking, shown or redacted.
pub(super) fn is_thinking(block: &Value) -> bool {
    matches!(kind(block), "thinking" | "redacted_thinking")
}

/// Whether this is a call of a client tool that was made by code in the sandbox.
pub(super) fn is_by_code(block: &Value) -> bool {
    if kind(block) != "tool_use" {
        return false;
    }
    let caller = block.get("caller").and_then(|caller| text(caller, "type"));
    caller.is_some_and(|caller| caller.starts_with("code_execution"))
}

/// Returns a field, if it is there and not null.
pub(super) fn present(value: &Value, name: &str) -> Option<Value> {
    value.get(name).filter(|value| !value.is_null()).cloned()
}

/// Returns the items of a list, or nothing if there is no list.
pub(super) fn list(value: &Value, name: &str) -> Vec<Value> {
    let items = value.get(name).and_then(Value::as_array);
    items.cloned().unwrap_or_default()
}

/// Returns content as a list of blocks.
pub(super) fn blocks(content: Option<&Value>) -> Vec<Value> {
    match content {
        Some(Value::String(text)) => vec![serde_json::json!({"type": "text", "text": text})],
        Some(Value::Array(blocks)) => blocks.clone(),
        _ => Vec::new(),
    }
}
