//! Tools that change in mid-conversation, told in a `system` message so that `tools`, and with it
//! the cache and the thinking, stays as it is (`docs/protocol.md#tool-changes, #thinking-binding`).
//! Pure.
//!
//! A turn remembers the tools in force after its change, not the change itself. If turns above it
//! are taken back or moved, the change is made anew from the tools that are then in force above it.

use serde_json::{Value, json};

use crate::anthropic::error::ApiError;

use super::tool_types::is_code_execution;

/// The headers that a request with tool changes needs, on every later request too: the first for
/// tools named by reference, the second for tools defined by value.
pub const BETAS: [&str; 2] = [
    "mid-conversation-tool-changes-2026-07-01",
    "inline-tools-2026-09-15",
];

/// Refusals of one change, by `details.error_code`; they say nothing of others.
const OF_ONE_CHANGE: [&str; 3] = [
    "tool_name_conflict",
    "tool_reference_unresolved",
    "available_tools_limit_exceeded",
];

/// Returns whether two lists hold the same tools. Their order means nothing to Claude.
#[must_use]
pub fn same(one: &[Value], other: &[Value]) -> bool {
    one.len() == other.len() && one.iter().all(|tool| other.contains(tool))
}

/// Returns the tools that are active if `wanted` come after `active_tools`. The second value says
/// whether the sandbox is disabled: its tool is not wanted, but stays active, and Claude is told not
/// to use it.
#[must_use]
pub fn next_tools(active_tools: &[Value], wanted: &[Value]) -> (Vec<Value>, bool) {
    let sandbox = active_tools.iter().find(|tool| is_code_execution(tool));
    let Some(sandbox) = sandbox.filter(|_| !wanted.iter().any(is_code_execution)) else {
        return (wanted.to_vec(), false);
    };
    // Who may call a tool matters only while there is code that could.
    let plain = |tool: &Value| {
        let mut tool = tool.clone();
        if let Some(fields) = tool.as_object_mut() {
            fields.remove("allowed_callers");
        }
        tool
    };
    let others = wanted.iter().map(|tool| {
        let known = active_tools
            .iter()
            .find(|known| plain(known) == plain(tool));
        known.unwrap_or(tool).clone()
    });
    let others: Vec<Value> = others.collect();
    (
        std::iter::once(sandbox.clone()).chain(others).collect(),
        true,
    )
}

/// Returns the blocks that turn the tools `from` into the tools `to`.
#[must_use]
pub fn blocks(from: &[Value], to: &[Value]) -> Vec<Value> {
    // A tool replaces a tool of the same name, unless that one is of another kind.
    let stays = |old: &Value| {
        let mut heirs = to.iter().filter(|new| name(new) == name(old));
        heirs.any(|new| is_own(new) == is_own(old))
    };
    let gone = from.iter().filter(|tool| !stays(tool)).map(name);
    let gone = gone.map(
        |name| json!({"type": "tool_removal", "tool": {"type": "tool_reference", "name": name}}),
    );
    let new = to.iter().filter(|tool| !from.contains(tool));
    let new = new.map(|tool| {
        json!({"type": "tool_addition", "tool": {"type": "tool_definition", "definition": tool}})
    });
    gone.chain(new).collect()
}

/// Returns the tools in force when these changes are made to those in force before; `None` if one
/// refers to a tool that is not there.
#[must_use]
pub fn applied(active_tools: &[Value], changes: &[Value]) -> Option<Vec<Value>> {
    let mut tools = active_tools.to_vec();
    for change in changes {
        let tool = change.get("tool")?;
        let definition = tool.get("definition");
        let named = definition.map_or_else(|| name(tool), name);
        let at = tools.iter().position(|known| name(known) == named);
        let is_removal = change.get("type").and_then(Value::as_str) == Some("tool_removal");
        match (is_removal, definition, at) {
            (true, _, Some(at)) => drop(tools.remove(at)),
            (false, Some(definition), Some(at)) => {
                tools.get_mut(at)?.clone_from(definition);
            }
            (false, Some(definition), None) => tools.push(definition.clone()),
            // The tool is in force already.
            (false, None, Some(_)) => {}
            (true, _, None) | (false, None, None) => return None,
        }
    }
    Some(tools)
}

/// Returns whether a block of a `system` message changes tools.
#[must_use]
pub fn is_change(block: &Value) -> bool {
    matches!(
        block.get("type").and_then(Value::as_str),
        Some("tool_addition" | "tool_removal")
    )
}

/// Returns whether a refusal is about one change of tools. If not, it may be about all such
/// changes.
#[must_use]
pub fn is_about_one(error: &ApiError) -> bool {
    error
        .code()
        .is_some_and(|code| OF_ONE_CHANGE.contains(&code))
}

/// Whether a tool runs on this machine.
fn is_own(tool: &Value) -> bool {
    tool.get("input_schema").is_some()
}

fn name(tool: &Value) -> Option<&str> {
    tool.get("name").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, about: &str) -> Value {
        json!({"name": name, "description": about, "input_schema": {"type": "object"}})
    }

    fn sandbox() -> Value {
        json!({"type": "code_execution_20260521", "name": "code_execution"})
    }

    #[test]
    fn what_is_gone_is_removed_by_name_and_what_is_new_or_changed_is_defined() {
        let from = [tool("a", "1"), tool("b", "1"), tool("c", "1")];
        let to = [tool("d", "1"), tool("b", "2"), tool("c", "1")];
        let told = blocks(&from, &to);
        let expected = [
            json!({"type": "tool_removal", "tool": {"type": "tool_reference", "name": "a"}}),
            json!({"type": "tool_addition", "tool": {"type": "tool_definition", "definition": tool("d", "1")}}),
            json!({"type": "tool_addition", "tool": {"type": "tool_definition", "definition": tool("b", "2")}}),
        ];
        assert_eq!(told, expected);
        assert!(blocks(&to, &to).is_empty());
    }

    #[test]
    fn a_sandbox_that_rests_stays_and_who_may_call_a_tool_does_not_matter_meanwhile() {
        let mut called_by_code = tool("a", "1");
        called_by_code["allowed_callers"] = json!(["direct", "code_execution_20260120"]);
        let active_tools = [sandbox(), called_by_code.clone()];
        let (tools, sandbox_disabled) =
            next_tools(&active_tools, &[tool("a", "1"), tool("b", "1")]);
        assert!(sandbox_disabled);
        assert_eq!(tools, [sandbox(), called_by_code, tool("b", "1")]);
        let (tools, sandbox_disabled) = next_tools(&active_tools, &[sandbox()]);
        assert!(!sandbox_disabled);
        assert_eq!(tools, [sandbox()]);
    }
}
