//! When `container` may be named (`docs/protocol.md#sandbox-life`): an id alone is a string, and it
//! needs a tool that can use a container.

use serde_json::Value;

use super::super::error::ApiError;
use super::super::message::kind;
use super::super::request::Request;

/// The first version of the web tools that runs code in a container.
const FILTERS_BY_CODE: &str = "20260209";

pub(super) fn check(request: &Request) -> Result<(), ApiError> {
    if request.container_is_object && request.skills.is_empty() {
        return Err(ApiError::invalid(
            "container: Input should be a valid string",
        ));
    }
    if request.container.is_some() && !request.offered.iter().any(uses_container) {
        return Err(ApiError::invalid(
            "container: no tool of this request can use a container",
        ));
    }
    Ok(())
}

/// Whether a tool runs in a container: code execution does, and the newer web tools do unless only
/// the model itself may call them.
fn uses_container(tool: &Value) -> bool {
    let kind = kind(tool);
    if kind.starts_with("code_execution_") {
        return true;
    }
    let dated = kind
        .strip_prefix("web_search_")
        .or(kind.strip_prefix("web_fetch_"));
    let by_code = match tool.get("allowed_callers").and_then(Value::as_array) {
        Some(callers) => callers.iter().any(|caller| caller != "direct"),
        None => true,
    };
    dated.is_some_and(|date| date >= FILTERS_BY_CODE) && by_code
}
