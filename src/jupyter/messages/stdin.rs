//! Questions on stdin.

use serde::Serialize;

use super::Content;

/// `input_request`: asks the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct InputRequest<'a> {
    /// The question.
    pub prompt: &'a str,
    /// Whether the answer must stay hidden.
    pub password: bool,
}

impl Content for InputRequest<'_> {
    fn msg_type(&self) -> &str {
        "input_request"
    }
}
