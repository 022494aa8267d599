//! The wire codec: frames to message and back, signatures. Pure; no bytes can make it panic.
//!
//! Source: Jupyter messaging spec 5.4, "The wire protocol".

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The fields of a header that the kernel reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `msg_id`.
    pub msg_id: String,
    /// `session` of the sender.
    pub session: String,
    /// `msg_type`, such as `execute_request`.
    pub msg_type: String,
    /// `date`, when it parses as RFC 3339.
    pub date: Option<chrono::DateTime<chrono::Utc>>,
}

/// The header of a request as it came, spliced back unchanged as `parent_header`; `{}` for none.
#[derive(Debug, Clone)]
pub struct Parent(pub Box<RawValue>);

/// A request as received: signature checked, parts parsed.
#[derive(Debug, Clone)]
pub struct Message {
    /// All routing frames, kept for the reply.
    pub identities: Vec<Bytes>,
    /// The parsed header.
    pub header: Header,
    /// The header's own bytes, for `parent_header` of everything caused by this message.
    pub parent: Parent,
    /// `metadata`, an object.
    pub metadata: Map<String, Value>,
    /// `content`, an object.
    pub content: Value,
    /// Raw buffers.
    pub buffers: Vec<Bytes>,
}
