//! Messages on iopub.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Content, Empty};
use crate::jupyter::mime::{Display, ErrorOutput, StreamName};

/// `status`: what the kernel is doing for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Status {
    /// What it is doing.
    pub execution_state: ExecutionState,
}

/// The words of `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecutionState {
    /// Once in a process, before anything else.
    Starting,
    /// A request is being served.
    Busy,
    /// Nothing of the request comes after this.
    Idle,
}

/// `execute_input`: tells all front ends what is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ExecuteInput<'a> {
    /// The cell's text.
    pub code: &'a str,
    /// Its number.
    pub execution_count: u32,
}

/// `stream`: text for standard output or standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stream<'a> {
    /// Which of the two.
    pub name: StreamName,
    /// The text, as it is.
    pub text: &'a str,
}

/// `display_data`: an output. All three members are always there: some clients read them unasked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DisplayData<'a> {
    /// The representations, by mime type.
    pub data: &'a Map<String, Value>,
    /// Output metadata.
    pub metadata: &'a Map<String, Value>,
    /// What a notebook does not save.
    pub transient: Transient<'a>,
}

/// The name under which a display can be updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Transient<'a> {
    /// Unique in a kernel's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_id: Option<&'a str>,
}

/// `update_display_data`: takes the place of every display of that name.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct UpdateDisplayData<'a>(pub DisplayData<'a>);

/// `execute_result`: the output that is a cell's value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ExecuteResult<'a> {
    /// The output.
    #[serde(flatten)]
    pub display: DisplayData<'a>,
    /// The cell's number.
    pub execution_count: u32,
}

/// `comm_close`: no comm of that id exists.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CommClose<'a> {
    /// As the front end named it.
    pub comm_id: &'a str,
    /// Empty.
    pub data: Empty,
}

/// `iopub_welcome`: says to a new subscriber that what is published from now on arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct IopubWelcome<'a> {
    /// The topic that was subscribed to, mostly the empty one.
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
