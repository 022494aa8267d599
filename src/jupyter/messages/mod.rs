//! What the kernel says, one type for each message. Pure.
//!
//! Source: Jupyter messaging spec 5.5.

pub mod iopub;

use serde::Serialize;

/// The content of a message; serialises as an object.
pub trait Content: Serialize {
    /// Returns `msg_type`.
    fn msg_type(&self) -> &'static str;
}
