//! Messages on iopub.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Content, Empty};
use crate::jupyter::mime::{Display, ErrorOutput, StreamName};

/// `status`: what the kernel is doing for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The present state.
    pub execution_state: ExecutionState,
}

/// The values of `execution_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionState {
    /// Sent once in the life of a process, before any other message.
    Starting,
    /// The kernel is serving a request.
    Busy,
    /// The request is finished: this is its last message on iopub.
    Idle,
}

/// `execute_input`: tells all front ends which code is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ExecuteInput<'a> {
    /// The cell's text.
    pub code: &'a str,
    /// The number of the cell.
    pub execution_count: u32,
}

/// `stream`: text for standard output or standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stream<'a> {
    /// The stream: standard output or standard error.
    pub name: StreamName,
    /// The text, unchanged.
    pub text: &'a str,
}

/// `display_data`: an output. All three members are always present: some clients read them without
/// a check.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DisplayData<'a> {
    /// The representations, by mime type.
    pub data: &'a Map<String, Value>,
    /// The metadata of the output.
    pub metadata: &'a Map<String, Value>,
    /// Data that is not saved in the notebook.
    pub transient: Transient<'a>,
}

/// The name under which a display can be updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Transient<'a> {
    /// The id; it is unique during the life of a kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_id: Option<&'a str>,
}

/// `update_display_data`: replaces every display with that id.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct UpdateDisplayData<'a>(pub DisplayData<'a>);

/// `execute_result`: the output that is the value of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ExecuteResult<'a> {
    /// The output.
    #[serde(flatten)]
    pub display: DisplayData<'a>,
    /// The number of the cell.
    pub execution_count: u32,
}

/// `comm_close`: tells a front end that there is no comm with that id.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CommClose<'a> {
    /// The id that the front end sent.
    pub comm_id: &'a str,
    /// The data; always empty.
    pub data: Empty,
}

/// `iopub_welcome`: tells a new subscriber that it gets everything published from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct IopubWelcome<'a> {
    /// The topic that was subscribed to, usually the empty one.
    pub subscription: &'a str,
}

impl<'a> From<&'a Display> for DisplayData<'a> {
    fn from(display: &'a Display) -> Self {
        Self {
            data: &display.data.0,
            metadata: &display.metadata,
            transient: Transient {
                display_id: display.display_id.as_deref(),
            },
        }
    }
}

impl Content for Status {
    fn msg_type(&self) -> &str {
        "status"
    }
}

impl Content for ExecuteInput<'_> {
    fn msg_type(&self) -> &str {
        "execute_input"
    }
}

impl Content for Stream<'_> {
    fn msg_type(&self) -> &str {
        "stream"
    }
}

impl Content for DisplayData<'_> {
    fn msg_type(&self) -> &str {
        "display_data"
    }
}

impl Content for UpdateDisplayData<'_> {
    fn msg_type(&self) -> &str {
        "update_display_data"
    }
}

impl Content for ExecuteResult<'_> {
    fn msg_type(&self) -> &str {
        "execute_result"
    }
}

impl Content for ErrorOutput {
    fn msg_type(&self) -> &str {
        "error"
    }
}

impl Content for CommClose<'_> {
    fn msg_type(&self) -> &str {
        "comm_close"
    }
}

impl Content for IopubWelcome<'_> {
    fn msg_type(&self) -> &str {
        "iopub_welcome"
    }
}
