//! A content block: the raw JSON as it came, and a typed view of it for rendering.
//!
//! No assistant block is ever rebuilt: what came is what is sent back (`claude-api.md` 6.6).

use serde_json::{Map, Value};

/// One content block. Holds the JSON object exactly as received, in key order.
#[derive(Debug, Clone, PartialEq)]
pub struct Block(Map<String, Value>);

impl Block {
    /// Wraps a JSON value; anything that is no object becomes an unknown block that keeps it.
    #[must_use]
    pub fn from_raw(raw: Value) -> Self {
        match raw {
            Value::Object(map) => Self(map),
            other => {
                let mut map = Map::new();
                map.insert("type".to_owned(), Value::String("not_an_object".to_owned()));
                map.insert("value".to_owned(), other);
                Self(map)
            }
        }
    }

    /// Returns the block's JSON object.
    #[must_use]
    pub fn raw(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Returns the JSON object for the accumulator to complete.
    pub(super) fn raw_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.0
    }

    /// Returns the `type` field, or an empty string.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Returns what the block says, typed. Unknown kinds and broken shapes are [`View::Unknown`].
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View::Unknown { kind: self.kind() }
    }
}

/// What a block says. Borrowed from the raw JSON; optional fields that are missing read as empty.
#[derive(Debug, Clone, PartialEq)]
pub enum View<'a> {
    /// `text`, with its citations (objects; empty when null).
    Text {
        text: &'a str,
        citations: &'a [Value],
    },
    /// `thinking`: a summary, possibly empty.
    Thinking { thinking: &'a str },
    /// `redacted_thinking`.
    RedactedThinking,
    /// `tool_use`: a client tool to run.
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: &'a Value,
    },
    /// `server_tool_use` or `mcp_tool_use`: a call that runs at Anthropic.
    ServerToolUse {
        id: &'a str,
        name: &'a str,
        input: &'a Value,
    },
    /// `bash_code_execution_tool_result` or `code_execution_tool_result`.
    Executed {
        tool_use_id: &'a str,
        outcome: Result<Executed<'a>, ToolError<'a>>,
    },
    /// `text_editor_code_execution_tool_result`.
    Edited {
        tool_use_id: &'a str,
        outcome: Result<Edited<'a>, ToolError<'a>>,
    },
    /// `web_search_tool_result`.
    Searched {
        tool_use_id: &'a str,
        outcome: Result<&'a [Value], ToolError<'a>>,
    },
    /// `web_fetch_tool_result`: the result object.
    Fetched {
        tool_use_id: &'a str,
        outcome: Result<&'a Value, ToolError<'a>>,
    },
    /// Any other block with a `tool_use_id`: `tool_search_tool_result`, `mcp_tool_result`, …
    OtherResult {
        kind: &'a str,
        tool_use_id: &'a str,
        content: &'a Value,
    },
    /// `fallback`: another model went on.
    Fallback { from: &'a str, to: &'a str },
    /// `compaction`: a summary stands for earlier messages.
    Compaction { summary: &'a str },
    /// Anything else.
    Unknown { kind: &'a str },
}

/// The result of a command or a Python cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Executed<'a> {
    /// Standard output; `None` when the API keeps it encrypted.
    pub stdout: Option<&'a str>,
    /// Standard error.
    pub stderr: &'a str,
    /// Exit code; non-zero is a normal result.
    pub return_code: i64,
    /// Ids of files left in `$OUTPUT_DIR`.
    pub file_ids: Vec<&'a str>,
}

/// The result of a text-editor step.
#[derive(Debug, Clone, PartialEq)]
pub enum Edited<'a> {
    /// `view`.
    Viewed {
        file_type: &'a str,
        content: &'a str,
        start_line: Option<u64>,
        num_lines: Option<u64>,
        total_lines: Option<u64>,
    },
    /// `create`.
    Created { is_file_update: bool },
    /// `str_replace`: the diff's lines with their `-`, `+` or space prefix.
    Replaced {
        old_start: Option<u64>,
        new_start: Option<u64>,
        lines: Vec<&'a str>,
    },
}

/// A server tool that failed; the request itself did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolError<'a> {
    /// `error_code`, an open set.
    pub code: &'a str,
    /// `error_message`, which few tools send.
    pub message: Option<&'a str>,
}
