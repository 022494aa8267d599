//! What became of a cell, before a reply is made of it.

use crate::jupyter::messages::shell::Payload;
use crate::kernel::error::CellError;
use crate::kernel::interrupts::{Leave, Stopped};

/// What became of a cell.
#[derive(Debug)]
pub struct CellEnd {
    /// The reply's `payload`, or what the cell fails with.
    pub result: Result<Vec<Payload>, CellError>,
    /// What it showed, as plain text, for the history of inputs and outputs.
    pub output: String,
    /// Set when the kernel is to leave.
    pub leave: Option<Leave>,
}

impl CellEnd {
    /// Makes the end of a cell that did its work.
    #[must_use]
    pub fn ok(payload: Vec<Payload>, output: String) -> Self {
        Self {
            result: Ok(payload),
            output,
            leave: None,
        }
    }

    /// Makes the end of a cell that failed.
    #[must_use]
    pub fn failed(error: CellError) -> Self {
        Self {
            result: Err(error),
            output: String::new(),
            leave: None,
        }
    }
}

impl From<Stopped> for CellEnd {
    fn from(stopped: Stopped) -> Self {
        Self {
            leave: stopped.leave,
            ..Self::failed(stopped.error)
        }
    }
}
