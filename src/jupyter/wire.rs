//! The wire codec: frames to message and back, signatures. Pure; no bytes can make it panic.
//!
//! `[identity…] <IDS|MSG> signature header parent_header metadata content [buffer…]`. A signature
//! is checked against the bytes that came, and a parent header goes back as the bytes that came:
//! nothing is verified or echoed through a second serialisation.
//!
//! A signed message comes from somebody who waits for an answer. So whatever is odd in it is left
//! out where it can be, and told to the sender where it cannot.
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

/// Ends the routing frames.
pub const DELIMITER: &[u8] = b"<IDS|MSG>";

/// The fields of a header that the kernel reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `msg_id`; a number reads as its digits, anything else as empty.
    pub msg_id: String,
    /// `session` of the sender; empty when the sender left it out.
    pub session: String,
    /// `msg_type`, such as `execute_request`.
    pub msg_type: String,
    /// `date`, when it parses as RFC 3339.
    pub date: Option<DateTime<Utc>>,
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
    /// When it is not an object with a `msg_type`.
    pub fn header(&self) -> Result<Header, WireError> {
        read_header(self.as_str())
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
    /// `metadata`, an object; without the members that cannot be read.
    pub metadata: Map<String, Value>,
    /// `content`, an object; empty if it cannot be read.
    pub content: Value,
    /// Why `content` cannot be read. Such a request is not run, but answered.
    pub unreadable: Option<String>,
    /// Raw buffers.
    pub buffers: Vec<Bytes>,
}

/// A message to send, borrowed from where its parts live.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a, C: ?Sized, M: ?Sized> {
    /// The routing frames, or on iopub the topic.
    pub identities: &'a [Bytes],
    /// The header's JSON, from the session.
    pub header: &'a str,
    /// What the message answers; `None` sends `{}`.
    pub parent: Option<&'a Parent>,
    /// `metadata`, an object.
    pub metadata: &'a M,
    /// `content`, an object.
    pub content: &'a C,
    /// Raw buffers; not signed.
    pub buffers: &'a [Bytes],
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
    /// The signature is not accepted.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The header is not JSON, not even with a repair.
    #[error("the header is not a JSON object")]
    Header,
    /// A header without a `msg_type`: it is not known what is asked.
    #[error("the header has no `msg_type`")]
    NoType,
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
/// The four JSON frames are slices of one buffer, so they are signed in one go and copied never.
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
    // What we send always serialises (string keys, finite numbers) and a `Vec` takes every byte;
    // should that ever change, an empty object is still a message.
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

/// Returns a header to send back: as it came if it is JSON, else repaired.
fn raw(text: &str) -> Option<Parent> {
    let as_it_came = RawValue::from_string(text.to_owned()).ok();
    as_it_came
        .or_else(|| RawValue::from_string(json::repaired(text)?).ok())
        .map(Parent)
}

/// Returns what a message answers; `None` for `{}`, as in requests, and for what cannot be read.
fn reply_parent(text: &str) -> Option<Parent> {
    let map = json::parse_members(text)?;
    (!map.is_empty()).then(|| raw(text))?
}

/// Reads `content`. `null`, which some clients send where `{}` is meant, is an empty object.
fn read_content(text: &str) -> Result<Map<String, Value>, String> {
    match json::parse(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err("`content` is not a JSON object".to_owned()),
        Err(error) => Err(format!("`content` is not valid JSON: {error}")),
    }
}
