//! The dated tool types that a request may carry as they are, and the betas they need.
//!
//! Source: `docs/protocol.md#code-execution-tool, #web-tools`. Only tools that the API runs itself:
//! tools that would run on this machine are refused by name.

use serde_json::{Value, json};

/// One dated type of a tool that the API runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolType {
    /// `type` on the wire.
    pub id: &'static str,
    /// `name` on the wire; two types of one name cannot be sent together.
    pub name: &'static str,
    /// The beta header it needs, if any.
    pub beta: Option<&'static str>,
    /// What it brings, in a few words.
    pub note: &'static str,
}

/// Returns whether an entry of `tools` is the sandbox's, of any date.
#[must_use]
pub fn is_code_execution(entry: &Value) -> bool {
    entry.get("name").and_then(Value::as_str) == Some("code_execution")
}

/// The types known on the table's day, newest of each name first.
pub const TOOL_TYPES: &[ToolType] = &[
    ToolType {
        id: "code_execution_20260521",
        name: "code_execution",
        beta: None,
        note: "bash, file editing, Python; knows its 90 s limit (default)",
    },
    ToolType {
        id: "code_execution_20260120",
        name: "code_execution",
        beta: None,
        note: "bash, file editing, Python",
    },
    ToolType {
        id: "code_execution_20250825",
        name: "code_execution",
        beta: None,
        note: "bash and file editing; no persistent Python",
    },
    ToolType {
        id: "code_execution_20250522",
        name: "code_execution",
        beta: Some("code-execution-2025-05-22"),
        note: "Python only; legacy, the API may refuse it",
    },
    ToolType {
        id: "web_search_20260318",
        name: "web_search",
        beta: None,
        note: "web search",
    },
    ToolType {
        id: "web_search_20260209",
        name: "web_search",
        beta: None,
        note: "web search",
    },
    ToolType {
        id: "web_search_20250305",
        name: "web_search",
        beta: None,
        note: "web search, first version",
    },
    ToolType {
        id: "web_fetch_20260318",
        name: "web_fetch",
        beta: None,
        note: "reads pages whose address is in the conversation",
    },
    ToolType {
        id: "web_fetch_20260309",
        name: "web_fetch",
        beta: None,
        note: "reads pages",
    },
    ToolType {
        id: "web_fetch_20260209",
        name: "web_fetch",
        beta: None,
        note: "reads pages",
    },
    ToolType {
        id: "web_fetch_20250910",
        name: "web_fetch",
        beta: None,
        note: "reads pages, first version",
    },
];

/// Finds a type by its id.
#[must_use]
pub fn tool_type(id: &str) -> Option<&'static ToolType> {
    TOOL_TYPES.iter().find(|tool| tool.id == id)
}

/// Returns the `name` a dated type goes by: the type without its date.
#[must_use]
pub fn tool_name(id: &str) -> &str {
    match id.rsplit_once('_') {
        Some((name, date)) if is_date(date) => name,
        _ => id,
    }
}

/// Returns whether a type of the web is called from code unless told otherwise: those from
/// 2026-02-09 on.
#[must_use]
pub fn is_web_by_code(id: &str) -> bool {
    const FIRST: &str = "20260209";
    let is_web = matches!(tool_name(id), "web_search" | "web_fetch");
    is_web && id.rsplit_once('_').is_some_and(|(_, date)| date >= FIRST)
}

/// Returns whether `id` has the form of a dated type, such as `web_search_20260318`.
#[must_use]
pub fn is_dated(id: &str) -> bool {
    id.rsplit_once('_').is_some_and(|(name, date)| {
        is_date(date)
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    })
}

/// Returns the entry of `tools` for a type: exactly the type and its name.
#[must_use]
pub fn tool_entry(id: &str) -> Value {
    json!({"type": id, "name": tool_name(id)})
}

fn is_date(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}
