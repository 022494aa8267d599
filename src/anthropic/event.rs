//! The events of a Messages stream. Parsed once; unknown ones are kept whole.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::block::Block;
use super::error::ApiError;
use surrogates::replaced;

pub mod surrogates;

/// One server-sent event (`docs/protocol.md#stream-events`).
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

/// A piece of a block (`docs/protocol.md#stream-events`).
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
    /// `compaction_delta`, whose fields replace those of the block; unknown kinds, which are kept
    /// to be seen and leave the block as it is; and known kinds of a shape that is not theirs.
    Other { kind: String, raw: Value },
}

impl Delta {
    /// Returns how much of what is paid for it brings, in bytes: text, code, summaries.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::InputJson(text) | Self::Thinking(text) => text.len(),
            Self::Signature(_) | Self::Citation(_) | Self::Other { .. } => 0,
        }
    }

    /// Appends the next piece, if both are text of the same kind; returns it if they are not.
    fn append(&mut self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Text(text), Self::Text(more))
            | (Self::InputJson(text), Self::InputJson(more))
            | (Self::Thinking(text), Self::Thinking(more)) => {
                text.push_str(&more);
                None
            }
            (_, next) => Some(next),
        }
    }
}

/// Up to this length, in bytes, the next piece of the same text is appended to one.
const SHORT_PIECE_BYTES: usize = 1024;

/// The longest piece of text that is handed on at once, in bytes: whoever shows it looks up from its work
/// between two pieces.
const MAX_PIECE_BYTES: usize = 16 * 1024;

impl StreamEvent {
    /// Returns the name of an event as its data repeats it.
    #[must_use]
    pub fn name_in(data: &str) -> Option<String> {
        #[derive(Deserialize)]
        struct Named {
            #[serde(rename = "type")]
            kind: String,
        }
        let Named { kind } = serde_json::from_str(&replaced(data)).ok()?;
        Some(kind)
    }

    /// Returns whether the event says why the answer stops.
    #[must_use]
    pub fn stops(&self) -> bool {
        let reason = match self {
            Self::MessageDelta { raw } => {
                raw.get("delta").and_then(|delta| delta.get("stop_reason"))
            }
            Self::MessageStart { message } => message.get("stop_reason"),
            _ => None,
        };
        reason.is_some_and(Value::is_string)
    }

    /// Whether no text in it is longer than one is to be.
    #[must_use]
    pub fn is_one_piece(&self) -> bool {
        match self {
            Self::BlockDelta { delta, .. } => delta.len_bytes() <= MAX_PIECE_BYTES,
            _ => true,
        }
    }

    /// Whether it is a piece of text that more may be appended to.
    #[must_use]
    pub fn is_short_piece(&self) -> bool {
        match self {
            Self::BlockDelta { delta, .. } => (1..SHORT_PIECE_BYTES).contains(&delta.len_bytes()),
            _ => false,
        }
    }

    /// Appends the next event, if both are pieces of the same text; returns it if they are not.
    pub fn append(&mut self, next: Self) -> Option<Self> {
        let Self::BlockDelta { index, delta } = self else {
            return Some(next);
        };
        match next {
            Self::BlockDelta {
                index: same,
                delta: more,
            } if same == *index => {
                let delta = delta.append(more)?;
                Some(Self::BlockDelta { index: same, delta })
            }
            next => Some(next),
        }
    }

    /// Returns the same as several events, if a text in it is longer than one is to be.
    #[must_use]
    pub fn in_pieces(self) -> Vec<Self> {
        let (index, delta) = match self {
            Self::BlockDelta { index, delta } if delta.len_bytes() > MAX_PIECE_BYTES => {
                (index, delta)
            }
            event => return vec![event],
        };
        let (text, make): (String, fn(String) -> Delta) = match delta {
            Delta::Text(text) => (text, Delta::Text),
            Delta::InputJson(text) => (text, Delta::InputJson),
            Delta::Thinking(text) => (text, Delta::Thinking),
            delta => return vec![Self::BlockDelta { index, delta }],
        };
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let end = rest.floor_char_boundary(MAX_PIECE_BYTES);
            let (piece, more) = rest.split_at_checked(end).unwrap_or((rest, ""));
            let delta = make(piece.to_owned());
            pieces.push(Self::BlockDelta { index, delta });
            rest = more;
        }
        pieces
    }

    /// Reads one server-sent event.
    ///
    /// # Errors
    /// [`ApiError::Protocol`] when an event of a known name is not JSON or lacks what it must have.
    pub fn parse(name: &str, data: &str) -> Result<Self, ApiError> {
        let data = &*replaced(data);
        match name {
            "content_block_delta" => parse_block_delta(data),
            "ping" => Ok(Self::Ping),
            "error" => Ok(Self::Error {
                error: ApiError::from_stream_event(data),
            }),
            "message_start" => {
                let mut raw = object(name, data)?;
                match raw.remove("message") {
                    Some(Value::Object(message)) => Ok(Self::MessageStart { message }),
                    _ => Err(lacks(name, "message")),
                }
            }
            "content_block_start" => {
                let mut raw = object(name, data)?;
                let index = index(name, &raw)?;
                let block = raw
                    .remove("content_block")
                    .ok_or_else(|| lacks(name, "content_block"))?;
                Ok(Self::BlockStart {
                    index,
                    block: Block::from_raw(block),
                })
            }
            "content_block_stop" => {
                let raw = object(name, data)?;
                Ok(Self::BlockStop {
                    index: index(name, &raw)?,
                })
            }
            "message_delta" => Ok(Self::MessageDelta {
                raw: object(name, data)?,
            }),
            "message_stop" => Ok(Self::MessageStop),
            _ => Ok(Self::Unknown {
                name: name.to_owned(),
                raw: serde_json::from_str(data).unwrap_or_else(|_| Value::String(data.to_owned())),
            }),
        }
    }
}

/// The frequent deltas, read without building a tree.
#[derive(Deserialize)]
struct FrequentDeltaEvent<'a> {
    index: usize,
    #[serde(borrow)]
    delta: FrequentDelta<'a>,
}

#[derive(Deserialize)]
struct FrequentDelta<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    text: Option<String>,
    partial_json: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
}

fn parse_block_delta(data: &str) -> Result<StreamEvent, ApiError> {
    if let Ok(FrequentDeltaEvent { index, delta }) = serde_json::from_str(data) {
        let delta = match delta.kind.as_ref() {
            "text_delta" => delta.text.map(Delta::Text),
            "input_json_delta" => delta.partial_json.map(Delta::InputJson),
            "thinking_delta" => delta.thinking.map(Delta::Thinking),
            "signature_delta" => delta.signature.map(Delta::Signature),
            _ => None,
        };
        if let Some(delta) = delta {
            return Ok(StreamEvent::BlockDelta { index, delta });
        }
    }
    let name = "content_block_delta";
    let mut raw = object(name, data)?;
    let index = index(name, &raw)?;
    let delta = raw.remove("delta").ok_or_else(|| lacks(name, "delta"))?;
    let kind = delta
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let delta = match (kind.as_str(), delta) {
        ("citations_delta", Value::Object(mut fields)) if fields.contains_key("citation") => {
            Delta::Citation(fields.remove("citation").unwrap_or_default())
        }
        (_, raw) => Delta::Other { kind, raw },
    };
    Ok(StreamEvent::BlockDelta { index, delta })
}

fn object(name: &str, data: &str) -> Result<Map<String, Value>, ApiError> {
    serde_json::from_str(data).map_err(|error| ApiError::Protocol {
        reason: format!("a `{name}` event that is no JSON object ({error})"),
    })
}

fn index(name: &str, raw: &Map<String, Value>) -> Result<usize, ApiError> {
    raw.get("index")
        .and_then(Value::as_u64)
        .and_then(|index| usize::try_from(index).ok())
        .ok_or_else(|| lacks(name, "index"))
}

fn lacks(name: &str, field: &str) -> ApiError {
    ApiError::Protocol {
        reason: format!("a `{name}` event without a usable `{field}`"),
    }
}
