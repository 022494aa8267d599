//! The wire codec: frames to message and back, with signatures. Pure. No input can make it panic.
//!
//! `[identity…] <IDS|MSG> signature header parent_header metadata content [buffer…]`. A signature
//! is checked against the bytes that were received, and a parent header is sent back with the bytes
//! that were received: neither is serialised a second time.
//!
//! The sender of a signed message waits for an answer. So a part of the message that cannot be read
//! is left out if this is possible; otherwise the sender is told.
//!
//! Source: Jupyter messaging spec 5.5, "The wire protocol".

use std::borrow::Cow;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::json;
use super::signature::{ReplayWindow, SignatureError, Signer};

/// The frame after the routing frames.
pub const DELIMITER: &[u8] = b"<IDS|MSG>";

/// The fields of a header that the kernel reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `msg_id`. If it is a number, these are its digits; if it is anything else, this is empty.
    pub msg_id: String,
    /// `session` of the sender; empty if the sender left it out.
    pub session: String,
    /// `msg_type`, such as `execute_request`.
    pub msg_type: String,
    /// `date`, if it can be parsed as RFC 3339.
    pub date: Option<DateTime<Utc>>,
}

/// The header of a message as it was received. It is sent back unchanged as `parent_header`;
/// without it, `{}` is sent.
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
    /// If it is not an object with a `msg_type`.
    pub fn header(&self) -> Result<Header, WireError> {
        read_header(self.as_str())
    }
}

impl PartialEq for Parent {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// A message that was received: its signature is checked, and its parts are parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// All routing frames; the reply needs them.
    pub identities: Vec<Bytes>,
    /// The parsed header.
    pub header: Header,
    /// The header as it was received. It is the `parent_header` of every message that this message
    /// causes.
    pub parent: Parent,
    /// The message's own `parent_header`: the message that it answers. `None` for `{}`, as in
    /// requests.
    pub in_reply_to: Option<Parent>,
    /// `metadata`, an object. Members that cannot be read are left out.
    pub metadata: Map<String, Value>,
    /// `content`, an object; empty if it cannot be read.
    pub content: Value,
    /// Why `content` cannot be read. Such a request is answered, but not run.
    pub unreadable: Option<String>,
    /// The raw buffers.
    pub buffers: Vec<Bytes>,
}

/// A message to send; it borrows its parts.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a, C: ?Sized, M: ?Sized> {
    /// The routing frames or, on iopub, the topic.
    pub identities: &'a [Bytes],
    /// The header's JSON, which the session made.
    pub header: &'a str,
    /// The header of the message that is answered; if it is `None`, `{}` is sent.
    pub parent: Option<&'a Parent>,
    /// `metadata`, an object.
    pub metadata: &'a M,
    /// `content`, an object.
    pub content: &'a C,
    /// The raw buffers, which are not signed.
    pub buffers: &'a [Bytes],
}

/// Why frames are not a message. Such a message is logged and dropped.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No frame is `<IDS|MSG>`.
    #[error("no delimiter `<IDS|MSG>` among {frames} frames")]
    NoDelimiter {
        /// How many frames were received.
        frames: usize,
    },
    /// Fewer than five frames follow the delimiter.
    #[error("{frames} frames after the delimiter, at least 5 are needed")]
    TooShort {
        /// How many frames follow the delimiter.
        frames: usize,
    },
    /// The signature is not accepted.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The header is not JSON, even after a repair.
    #[error("the header is not a JSON object")]
    Header,
    /// The header has no `msg_type`, so it is not known what the message asks for.
    #[error("the header has no `msg_type`")]
    NoType,
}

/// Turns received frames into a message; `seen` remembers its signature.
///
/// # Errors
/// If the frames are not a message, or the signature is wrong or repeats.
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
    if let Some(tag) = tag {
        seen.admit(tag)?;
    }

    let header_text = lossy(header);
    let header = read_header(&header_text)?;
    let parent = raw(&header_text).ok_or(WireError::Header)?;
    let in_reply_to = reply_parent(&lossy(parent_header));
    let metadata = json::parse_members(&lossy(metadata)).unwrap_or_default();
    let (content, unreadable) = match read_content(&lossy(content)) {
        Ok(content) => (content, None),
        Err(why) => (Map::new(), Some(why)),
    };
    Ok(Message {
        identities,
        header,
        parent,
        in_reply_to,
        metadata,
        content: Value::Object(content),
        unreadable,
        buffers: rest.split_off(6),
    })
}

/// Turns a message into signed frames.
///
/// The four JSON frames are slices of one buffer, so they are signed in one step and never copied.
#[must_use]
pub fn encode<C, M>(draft: &Draft<'_, C, M>, signer: &Signer) -> Vec<Bytes>
where
    C: Serialize + ?Sized,
    M: Serialize + ?Sized,
{
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
    // What the kernel sends can always be serialised (string keys, finite numbers), and a `Vec`
    // takes every byte. If serialisation fails all the same, an empty object still makes a valid
    // message.
    if serde_json::to_writer(&mut *buffer, value).is_err() {
        buffer.truncate(start);
        buffer.extend_from_slice(b"{}");
    }
}

fn read_header(text: &str) -> Result<Header, WireError> {
    let map = json::parse_members(text).ok_or(WireError::Header)?;
    let text = |field| match map.get(field) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let date = text("date").and_then(|date| DateTime::parse_from_rfc3339(&date).ok());
    Ok(Header {
        msg_id: text("msg_id").unwrap_or_default(),
        session: text("session").unwrap_or_default(),
        msg_type: text("msg_type").ok_or(WireError::NoType)?,
        date: date.map(|date| date.to_utc()),
    })
}

fn lossy(frame: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(frame)
}

/// Returns a header to send back: unchanged if it is JSON, repaired if it is not.
fn raw(text: &str) -> Option<Parent> {
    let as_it_came = RawValue::from_string(text.to_owned()).ok();
    as_it_came
        .or_else(|| RawValue::from_string(json::repaired(text)?).ok())
        .map(Parent)
}

/// Returns the header of the message that is answered. `None` if it is `{}`, as in requests, or
/// cannot be read.
fn reply_parent(text: &str) -> Option<Parent> {
    let map = json::parse_members(text)?;
    (!map.is_empty()).then(|| raw(text))?
}

/// Reads `content`. If it is `null`, which some clients send instead of `{}`, the result is an
/// empty object.
fn read_content(text: &str) -> Result<Map<String, Value>, String> {
    match json::parse(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err("`content` is not a JSON object".to_owned()),
        Err(error) => Err(format!("`content` is not valid JSON: {error}")),
    }
}
