//! What the kernel says: one type for each message, which serialises as its content. Pure.
//!
//! A reply's `status` is part of its type: what is called `…Reply` went well, and [`ErrorReply`]
//! answers any request that did not. What is always empty is left to the serialiser.
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

/// Answers a request that failed, whatever its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename = "error")]
pub struct ErrorReply {
    /// The type of the reply that the request wants.
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
