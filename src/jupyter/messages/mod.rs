//! The messages that the kernel sends: one type for each, which serialises as the message's
//! content. Pure.
//!
//! The `status` of a reply is part of its type. A type with the name `…Reply` is sent if the
//! request succeeded; [`ErrorReply`] answers any request that failed. A member that is always empty
//! has the type [`Empty`].
//!
//! Source: Jupyter messaging spec 5.5.

pub mod control;
pub mod iopub;
pub mod shell;
pub mod stdin;

use serde::Serialize;
use serde_json::{Map, Value};

use super::mime::ErrorOutput;

/// The content of a message.
pub trait Content: Serialize {
    /// Returns `msg_type`.
    fn msg_type(&self) -> &str;
}

/// An object without members.
pub type Empty = Map<String, Value>;

/// Answers a request that failed, whatever its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename = "error")]
pub struct ErrorReply {
    /// The type of the reply that the request expects.
    #[serde(skip)]
    pub msg_type: &'static str,
    /// What went wrong.
    #[serde(flatten)]
    pub error: ErrorOutput,
}

impl Content for ErrorReply {
    fn msg_type(&self) -> &str {
        self.msg_type
    }
}
