//! The events of a Messages stream. Parsed once; unknown ones are kept whole.

use serde_json::{Map, Value};

use super::block::Block;
use super::error::ApiError;

/// One server-sent event (`claude-api.md` 7.2).
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// `message_start`: the message object without content.
    MessageStart { message: Map<String, Value> },
    /// `content_block_start`.
    BlockStart { index: usize, block: Block },
    /// `content_block_delta`.
    BlockDelta { index: usize, delta: Delta },
    /// `content_block_stop`.
    BlockStop { index: usize },
    /// `message_delta`: `delta`, `usage` and any other top-level field, as an object.
    MessageDelta { raw: Map<String, Value> },
    /// `message_stop`.
    MessageStop,
    /// `ping`.
    Ping,
    /// `error` in mid-stream.
    Error { error: ApiError },
    /// A name this version does not know.
    Unknown { name: String, raw: Value },
}

/// A piece of a block (`claude-api.md` 7.2).
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// `text_delta`.
    Text(String),
    /// `input_json_delta`: a piece of JSON text.
    InputJson(String),
    /// `thinking_delta`.
    Thinking(String),
    /// `signature_delta`: replaces.
    Signature(String),
    /// `citations_delta`: appended to `citations`.
    Citation(Value),
    /// `compaction_delta` and unknown kinds: fields that replace those of the block.
    Other { kind: String, raw: Value },
}
