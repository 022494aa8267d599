//! An assistant message as it came: its fields as an open map, its content as blocks
//! (`docs/protocol.md#message-object`), and typed readings of the parts a turn depends on.
//!
//! The content is echoed from [`Message::content`]; nothing here rewrites it.

use std::fmt;

use serde_json::{Map, Value};

use super::block::Block;
use super::usage::Usage;

/// One assistant message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// Every top-level field but `content`, as received and in that order.
    pub fields: Map<String, Value>,
    /// `content`, in the order of the blocks' indexes.
    pub content: Vec<Block>,
}

impl Message {
    /// Splits a message object, streamed or not, into fields and content.
    #[must_use]
    pub fn from_raw(mut fields: Map<String, Value>) -> Self {
        let content = match fields.shift_remove("content") {
            Some(Value::Array(blocks)) => blocks.into_iter().map(Block::from_raw).collect(),
            _ => Vec::new(),
        };
        Self { fields, content }
    }

    /// Returns `id`.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.text("id")
    }

    /// Returns `model`: the one that served, which a `fallback` block changes.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.text("model")
    }

    /// Returns `stop_reason`; `None` while it is null or missing.
    #[must_use]
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.text("stop_reason").map(StopReason::parse)
    }

    /// Returns `stop_sequence`.
    #[must_use]
    pub fn stop_sequence(&self) -> Option<&str> {
        self.text("stop_sequence")
    }

    /// Returns `stop_details`, an object where the API gives a reason.
    #[must_use]
    pub fn stop_details(&self) -> Option<&Map<String, Value>> {
        self.fields.get("stop_details").and_then(Value::as_object)
    }

    /// Returns the refusal's `category` and `explanation`, each where the API gives it.
    #[must_use]
    pub fn refusal(&self) -> (Option<&str>, Option<&str>) {
        let detail = |name| {
            self.stop_details()
                .and_then(|details| details.get(name))
                .and_then(Value::as_str)
        };
        (detail("category"), detail("explanation"))
    }

    /// Returns `container`, if the call used one.
    #[must_use]
    pub fn container(&self) -> Option<Container<'_>> {
        let container = self.fields.get("container")?;
        Some(Container {
            id: container.get("id")?.as_str()?,
            expires_at: container.get("expires_at").and_then(Value::as_str),
        })
    }

    /// Returns `usage` as an open map.
    #[must_use]
    pub fn usage_raw(&self) -> Option<&Map<String, Value>> {
        self.fields.get("usage").and_then(Value::as_object)
    }

    /// Returns `usage`, typed; all zero when it is missing.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage_raw().map(Usage::from_raw).unwrap_or_default()
    }

    /// Returns `diagnostics.cache_miss_reason.type`, if the API names one.
    #[must_use]
    pub fn cache_miss_reason(&self) -> Option<&str> {
        self.fields
            .get("diagnostics")?
            .get("cache_miss_reason")?
            .get("type")?
            .as_str()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }
}

/// The sandbox a call ran in (`docs/protocol.md#sandbox-life`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Container<'a> {
    /// Sent back as `container` on every later request.
    pub id: &'a str,
    /// RFC 3339; a rolling value, shorter than the container's life.
    pub expires_at: Option<&'a str>,
}

/// Why the model stopped (`docs/protocol.md#stop-reasons`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// `end_turn`.
    EndTurn,
    /// `max_tokens`.
    MaxTokens,
    /// `stop_sequence`.
    StopSequence,
    /// `tool_use`: client tools are to be run.
    ToolUse,
    /// `pause_turn`: send the same again with what came.
    PauseTurn,
    /// `refusal`.
    Refusal,
    /// `model_context_window_exceeded`.
    ContextWindowExceeded,
    /// `compaction`.
    Compaction,
    /// Any other.
    Other(String),
}

impl StopReason {
    /// Reads the wire value.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        match value {
            "end_turn" => Self::EndTurn,
            "max_tokens" => Self::MaxTokens,
            "stop_sequence" => Self::StopSequence,
            "tool_use" => Self::ToolUse,
            "pause_turn" => Self::PauseTurn,
            "refusal" => Self::Refusal,
            "model_context_window_exceeded" => Self::ContextWindowExceeded,
            "compaction" => Self::Compaction,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Returns the wire value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::EndTurn => "end_turn",
            Self::MaxTokens => "max_tokens",
            Self::StopSequence => "stop_sequence",
            Self::ToolUse => "tool_use",
            Self::PauseTurn => "pause_turn",
            Self::Refusal => "refusal",
            Self::ContextWindowExceeded => "model_context_window_exceeded",
            Self::Compaction => "compaction",
            Self::Other(other) => other,
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
