//! Messages on iopub.

use serde::Serialize;

use super::Content;

/// Says to a new subscriber that what is published from now on arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct IopubWelcome<'a> {
    /// The topic that was subscribed to, mostly the empty one.
    pub subscription: &'a str,
}

impl Content for IopubWelcome<'_> {
    fn msg_type(&self) -> &'static str {
        "iopub_welcome"
    }
}
