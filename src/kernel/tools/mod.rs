//! Tools that run on this machine when Claude calls them.
//!
//! Whatever goes wrong in a tool is an answer to Claude, never the end of the turn.

pub mod environment;
pub mod limits;
pub mod mcp;
pub mod names;
pub mod worker;

use futures::future::BoxFuture;
use serde_json::Value;

use crate::chat::turn::{ToolCall, ToolResult};

/// The tools in force. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tools {}

impl Tools {
    /// Runs one call. Dropping the future stops it.
    #[must_use]
    pub fn run(&self, call: ToolCall) -> BoxFuture<'static, ToolResult> {
        Box::pin(async move {
            ToolResult {
                content: Value::String(format!("there is no tool `{}` here", call.name)),
                is_error: true,
            }
        })
    }
}
