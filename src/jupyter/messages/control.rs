//! Replies on control.

use serde::Serialize;

use super::Content;
use crate::jupyter::mime::ErrorOutput;

/// `interrupt_reply`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub struct InterruptReply {}

/// `shutdown_reply`; it is the last message of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub struct ShutdownReply {
    /// The value in the request.
    pub restart: bool,
}

/// `shutdown_reply` of a kernel that does not shut down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename = "error")]
pub struct ShutdownError {
    /// The value in the request.
    pub restart: bool,
    /// Why the kernel does not shut down.
    #[serde(flatten)]
    pub error: ErrorOutput,
}

impl Content for InterruptReply {
    fn msg_type(&self) -> &str {
        "interrupt_reply"
    }
}

impl Content for ShutdownReply {
    fn msg_type(&self) -> &str {
        "shutdown_reply"
    }
}

impl Content for ShutdownError {
    fn msg_type(&self) -> &str {
        "shutdown_reply"
    }
}
