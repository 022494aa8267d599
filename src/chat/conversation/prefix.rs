//! `system` and `tools`, which stand before the messages of a request, and what Claude is told if
//! they change. Data only: `chat::turn::compose` decides.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::anthropic::content::Content;

/// What stands before all messages of a conversation. Changes only if there is no other way to tell
/// Claude of new settings or tools (`docs/protocol.md#thinking-binding`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prefix {
    /// `system`.
    pub system: Vec<Value>,
    /// `tools`.
    pub tools: Vec<Value>,
    /// The part of `system` that settings decide.
    pub instructions: String,
}

/// A change of settings or tools, told in mid-conversation (`docs/protocol.md#system-messages`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Notice {
    /// The instructions in force from here on, if they changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// The tools in force from here on, if they changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<Value>>,
    /// `content` of the `system` message.
    pub content: Content,
}
