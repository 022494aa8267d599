//! What `tools`, and the tools in effect, may be
//! (`docs/protocol.md#client-tools, #programmatic-calls`).

use std::collections::HashSet;

use serde_json::Value;

use super::super::error::ApiError;
use super::super::message::text;
use super::super::request::Request;
use super::super::toolset::{is_deferred, key_of};

/// The most skills and strict tools in one request.
const TWENTY: usize = 20;
/// The skills of type `anthropic` (`docs/protocol.md#skills`).
const SKILLS: &[&str] = &["pptx", "xlsx", "docx", "pdf"];

pub(super) fn check(request: &Request) -> Result<(), ApiError> {
    let mut names = HashSet::new();
    for tool in &request.tools {
        let name = key_of(tool);
        if names.contains(&name) {
            return Err(
                ApiError::invalid(format!("tools: Tool names must be unique: `{name}`"))
                    .code("tool_name_conflict"),
            );
        }
        names.insert(name);
    }
    for (path, tool) in request.definitions() {
        definition(tool, &path)?;
    }
    let strict = request.offered.iter().filter(|tool| is_strict(tool));
    if strict.count() > TWENTY {
        return Err(ApiError::invalid(
            "tools: at most 20 strict tools are allowed",
        ));
    }
    let all_deferred = !request.tools.is_empty() && request.tools.iter().all(is_deferred);
    if all_deferred && request.offered.is_empty() {
        return Err(ApiError::invalid(
            "tools: at least one tool must have `defer_loading` false",
        ));
    }
    skills(request)
}

/// Checks one tool by itself.
fn definition(tool: &Value, path: &str) -> Result<(), ApiError> {
    if is_strict(tool) && by_code(tool) {
        return Err(ApiError::invalid(format!(
            "{path}: `strict` cannot be combined with programmatic `allowed_callers`"
        )));
    }
    if tool.get("allowed_domains").is_some_and(Value::is_array)
        && tool.get("blocked_domains").is_some_and(Value::is_array)
    {
        return Err(ApiError::invalid(format!(
            "{path}: only one of `allowed_domains` and `blocked_domains` may be given"
        )));
    }
    if is_deferred(tool) && tool.get("cache_control").is_some_and(Value::is_object) {
        return Err(ApiError::invalid(format!(
            "{path}: a tool with `defer_loading` cannot have `cache_control`"
        )));
    }
    Ok(())
}

/// Whether code in the sandbox may call a tool.
pub(super) fn by_code(tool: &Value) -> bool {
    let callers = tool.get("allowed_callers").and_then(Value::as_array);
    callers
        .into_iter()
        .flatten()
        .any(|caller| caller != "direct")
}

pub(super) fn is_strict(tool: &Value) -> bool {
    tool.get("strict") == Some(&Value::Bool(true))
}

fn skills(request: &Request) -> Result<(), ApiError> {
    if !request.skills.is_empty() && request.code_execution().is_none() {
        return Err(ApiError::invalid(
            "container.skills: skills need the code execution tool",
        ));
    }
    for (i, skill) in request.skills.iter().enumerate() {
        let id = text(skill, "skill_id").unwrap_or_default();
        if text(skill, "type") == Some("anthropic") && !SKILLS.contains(&id) {
            return Err(ApiError::invalid(format!(
                "container.skills.{i}.skill_id: there is no skill '{id}'"
            )));
        }
    }
    if request.skills.len() > TWENTY {
        return Err(ApiError::invalid(
            "container.skills: List should have at most 20 items after validation",
        ));
    }
    Ok(())
}
