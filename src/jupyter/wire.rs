//! The wire codec: frames to message and back, signatures. Pure; no bytes can make it panic.
//!
//! `[identity…] <IDS|MSG> signature header parent_header metadata content [buffer…]`. A signature
//! is checked against the bytes that came, and a parent header goes back as the bytes that came:
//! nothing is verified or echoed through a second serialisation.
//!
//! Source: Jupyter messaging spec 5.5, "The wire protocol".

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::session::{ReplayWindow, Signer};

/// Ends the routing frames.
pub const DELIMITER: &[u8] = b"<IDS|MSG>";

/// The fields of a header that the kernel reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `msg_id`.
    pub msg_id: String,
    /// `session` of the sender; empty when the sender left it out.
    pub session: String,
    /// `msg_type`, such as `execute_request`.
    pub msg_type: String,
    /// `date`, when it parses as RFC 3339.
    pub date: Option<chrono::DateTime<chrono::Utc>>,
}

/// The header of a message as it came, spliced back unchanged as `parent_header`; `{}` for none.
#[derive(Debug, Clone)]
pub struct Parent(pub Box<RawValue>);

impl Parent {
    /// Returns the header's JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Reads the fields of the header.
    ///
    /// # Errors
    /// When it is not an object with `msg_id` and `msg_type`.
    pub fn header(&self) -> Result<Header, WireError> {
        read_header(&object(self.as_str(), Part::ParentHeader)?)
    }
}

impl PartialEq for Parent {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// A message as received: signature checked, parts parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// All routing frames, kept for the reply.
    pub identities: Vec<Bytes>,
    /// The parsed header.
    pub header: Header,
    /// The header's own bytes, for `parent_header` of everything caused by this message.
    pub parent: Parent,
    /// The message's own `parent_header`: what it answers. `None` for `{}`, as in requests.
    pub in_reply_to: Option<Parent>,
    /// `metadata`, an object.
    pub metadata: Map<String, Value>,
    /// `content`, an object.
    pub content: Value,
    /// Raw buffers.
    pub buffers: Vec<Bytes>,
}

/// A message to send, borrowed from where its parts live.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a, C: ?Sized> {
    /// The routing frames, or on iopub the topic.
    pub identities: &'a [Bytes],
    /// The header's JSON, from [`Session::header`](super::session::Session::header).
    pub header: &'a str,
    /// What the message answers; `None` sends `{}`.
    pub parent: Option<&'a Parent>,
    /// `metadata`.
    pub metadata: &'a Map<String, Value>,
    /// `content`, an object.
    pub content: &'a C,
    /// Raw buffers; not signed.
    pub buffers: &'a [Bytes],
}

/// One of the four JSON frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `header`.
    Header,
    /// `parent_header`.
    ParentHeader,
    /// `metadata`.
    Metadata,
    /// `content`.
    Content,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::ParentHeader => "parent_header",
            Self::Metadata => "metadata",
            Self::Content => "content",
        })
    }
}

/// Why frames are not a message. Such a message is logged and dropped.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No frame is `<IDS|MSG>`.
    #[error("no delimiter `<IDS|MSG>` among {frames} frames")]
    NoDelimiter {
        /// How many frames came.
        frames: usize,
    },
    /// Fewer than five frames follow the delimiter.
    #[error("{frames} frames after the delimiter, at least 5 are needed")]
    TooShort {
        /// How many frames follow it.
        frames: usize,
    },
    /// An empty signature where a key is set.
    #[error("the message is not signed")]
    Unsigned,
    /// The signature does not match the frames.
    #[error("the signature does not match")]
    BadSignature,
    /// The signature was seen before.
    #[error("the message was received before (its signature repeats)")]
    Replayed,
    /// A frame is not JSON.
    #[error("`{part}` is not valid JSON")]
    NotJson {
        /// Which frame.
        part: Part,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A frame is JSON, but not an object.
    #[error("`{part}` is not a JSON object")]
    NotObject {
        /// Which frame.
        part: Part,
    },
    /// A header lacks a field that nothing works without.
    #[error("the header has no string `{field}`")]
    MissingField {
        /// The field's name.
        field: &'static str,
    },
}

/// Turns received frames into a message; `seen` remembers its signature.
///
/// # Errors
/// When the frames are not a message, or its signature is wrong or repeats.
pub fn decode(
    mut frames: Vec<Bytes>,
    signer: &Signer,
    seen: &mut ReplayWindow,
) -> Result<Message, WireError> {
    let Some(at) = frames.iter().position(|frame| frame == DELIMITER) else {
        return Err(WireError::NoDelimiter {
            frames: frames.len(),
        });
    };
    let mut rest = frames.split_off(at);
    let identities = frames;
    let [_, signature, header, parent_header, metadata, content, ..] = rest.as_slice() else {
        return Err(WireError::TooShort {
            frames: rest.len().saturating_sub(1),
        });
    };

    let tag = signer.verify(signature, [header, parent_header, metadata, content])?;
    if tag.is_some_and(|tag| !seen.admit(tag)) {
        return Err(WireError::Replayed);
    }

    let header_text = lossy(header);
    let header = read_header(&object(&header_text, Part::Header)?)?;
    let parent = raw(&header_text, Part::Header)?;
    let in_reply_to = match nullable(&lossy(parent_header), Part::ParentHeader)? {
        Some(map) if !map.is_empty() => Some(raw(&lossy(parent_header), Part::ParentHeader)?),
        _ => None,
    };
    let metadata = nullable(&lossy(metadata), Part::Metadata)?.unwrap_or_default();
    let content = nullable(&lossy(content), Part::Content)?.unwrap_or_default();
    Ok(Message {
        identities,
        header,
        parent,
        in_reply_to,
        metadata,
        content: Value::Object(content),
        buffers: rest.split_off(6),
    })
}

/// Turns a message into signed frames.
///
/// The four JSON frames are slices of one buffer, so they are signed in one go and copied never.
#[must_use]
pub fn encode<C: Serialize + ?Sized>(draft: &Draft<'_, C>, signer: &Signer) -> Vec<Bytes> {
    let parent = draft.parent.map_or("{}", Parent::as_str);
    let mut signed = Vec::with_capacity(draft.header.len() + parent.len() + 256);
    signed.extend_from_slice(draft.header.as_bytes());
    let header_end = signed.len();
    signed.extend_from_slice(parent.as_bytes());
    let parent_end = signed.len();
    append_json(&mut signed, draft.metadata);
    let metadata_end = signed.len();
    append_json(&mut signed, draft.content);

    let signature = signer.sign(&signed);
    let signed = Bytes::from(signed);
    let mut frames = Vec::with_capacity(draft.identities.len() + 6 + draft.buffers.len());
    frames.extend_from_slice(draft.identities);
    frames.push(Bytes::from_static(DELIMITER));
    frames.push(signature);
    frames.push(signed.slice(..header_end));
    frames.push(signed.slice(header_end..parent_end));
    frames.push(signed.slice(parent_end..metadata_end));
    frames.push(signed.slice(metadata_end..));
    frames.extend_from_slice(draft.buffers);
    frames
}

fn append_json(buffer: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let start = buffer.len();
    // What we send always serialises (string keys, finite numbers) and a `Vec` takes every byte;
    // should that ever change, an empty object is still a message.
    if serde_json::to_writer(&mut *buffer, value).is_err() {
        buffer.truncate(start);
        buffer.extend_from_slice(b"{}");
    }
}

fn read_header(map: &Map<String, Value>) -> Result<Header, WireError> {
    let text = |field| map.get(field).and_then(Value::as_str).map(str::to_owned);
    let required = |field| text(field).ok_or(WireError::MissingField { field });
    Ok(Header {
        msg_id: required("msg_id")?,
        session: text("session").unwrap_or_default(),
        msg_type: required("msg_type")?,
        date: text("date")
            .and_then(|date| chrono::DateTime::parse_from_rfc3339(&date).ok())
            .map(|date| date.to_utc()),
    })
}

fn lossy(frame: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(frame)
}

fn raw(text: &str, part: Part) -> Result<Parent, WireError> {
    RawValue::from_string(text.to_owned())
        .map(Parent)
        .map_err(|source| WireError::NotJson { part, source })
}

fn object(text: &str, part: Part) -> Result<Map<String, Value>, WireError> {
    nullable(text, part)?.ok_or(WireError::NotObject { part })
}

/// Parses an object; `None` for `null`, which some clients send where `{}` is meant.
fn nullable(text: &str, part: Part) -> Result<Option<Map<String, Value>>, WireError> {
    let parsed = serde_json::from_str(text).or_else(|error| match without_lone_surrogates(text) {
        Some(repaired) => serde_json::from_str(&repaired),
        None => Err(error),
    });
    match parsed {
        Ok(Value::Object(map)) => Ok(Some(map)),
        Ok(Value::Null) => Ok(None),
        Ok(_) => Err(WireError::NotObject { part }),
        Err(source) => Err(WireError::NotJson { part, source }),
    }
}

/// Replaces `\uD800`-`\uDFFF` escapes without a partner by `\uFFFD`; `None` when there are none.
///
/// Browsers write half an emoji that way, and a cell refused for it would never turn idle.
fn without_lone_surrogates(text: &str) -> Option<String> {
    let mut repaired = String::with_capacity(text.len());
    let mut changed = false;
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        repaired.push_str(before);
        let len = match (code_unit(escape), escape.get(6..).and_then(code_unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                repaired.push_str("\\uFFFD");
                changed = true;
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            // Any other escape: the backslash and the character it covers.
            _ => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (kept, after) = escape.split_at(len.min(escape.len()));
        repaired.push_str(kept);
        rest = after;
    }
    repaired.push_str(rest);
    changed.then_some(repaired)
}

/// Reads the UTF-16 code unit of a leading `\uXXXX`.
fn code_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u16::from_str_radix(digits, 16).ok()
}
