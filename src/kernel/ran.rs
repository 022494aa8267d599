//! What became of a cell, before it is a reply.

use serde_json::Value;

use super::error::CellError;
use super::execute::Leave;
use super::jobs::Stopped;

/// What became of a cell.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) result: Result<Vec<Value>, CellError>,
    pub(super) output: String,
    pub(super) leave: Option<Leave>,
}

impl Ran {
    pub(super) fn ok(payload: Vec<Value>, output: String) -> Self {
        Self {
            result: Ok(payload),
            output,
            leave: None,
        }
    }

    pub(super) fn failed(error: CellError) -> Self {
        Self {
            result: Err(error),
            output: String::new(),
            leave: None,
        }
    }

    pub(super) fn stopped(stopped: Stopped) -> Self {
        Self {
            leave: stopped.leave,
            ..Self::failed(stopped.error)
        }
    }
}
