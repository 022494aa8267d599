//! A content block: the raw JSON as it came, and a typed view of it for rendering.
//!
//! No assistant block is ever rebuilt: what came is what is sent back
//! (`docs/protocol.md#sending-answers-back`).

use std::sync::LazyLock;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The one key of a tool input that is no JSON object; its value is the text as it came.
pub const UNPARSED_INPUT: &str = "unparsed_input";

/// What a missing `input` reads as.
static NO_INPUT: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));
/// What a missing `content` reads as.
static NO_CONTENT: Value = Value::Null;

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

    /// Returns whether the block is a call of a tool, no matter who runs the tool.
    #[must_use]
    pub fn is_call(&self) -> bool {
        matches!(self.kind(), "tool_use" | "server_tool_use" | "mcp_tool_use")
    }

    /// Returns it without the keys of its content that the reference does not know, if it is a result
    /// of the sandbox that has such (`docs/protocol.md#sending-answers-back`).
    #[must_use]
    pub fn with_known_keys(&self) -> Option<Self> {
        let content = self.0.get("content")?.as_object()?;
        let known = known_keys(content.get("type")?.as_str()?)?;
        if content.keys().all(|key| known.contains(&key.as_str())) {
            return None;
        }
        let mut block = self.clone();
        let content = block.0.get_mut("content")?.as_object_mut()?;
        content.retain(|key, _| known.contains(&key.as_str()));
        Some(block)
    }

    /// Returns whether a block may be the result of this call: the kinds go together
    /// (`docs/protocol.md#output-blocks`).
    #[must_use]
    pub fn takes_result(&self, result: &Self) -> bool {
        let name = self.0.get("name").and_then(Value::as_str);
        let kind = result.kind();
        match self.kind() {
            "tool_use" => kind == "tool_result",
            "mcp_tool_use" => kind == "mcp_tool_result",
            _ => match name {
                Some(
                    name @ ("bash_code_execution"
                    | "text_editor_code_execution"
                    | "code_execution"
                    | "web_search"
                    | "web_fetch"),
                ) => kind.strip_suffix("_tool_result") == Some(name),
                // A server tool that this version does not know.
                _ => kind.ends_with("_result") && kind != "tool_result",
            },
        }
    }

    /// Returns whether code in the sandbox called it (`docs/protocol.md#programmatic-calls`).
    #[must_use]
    pub fn is_called_by_code(&self) -> bool {
        let caller = self.0.get("caller").and_then(|caller| caller.get("type"));
        let caller = caller.and_then(Value::as_str);
        caller.is_some_and(|caller| caller.starts_with("code_execution"))
    }

    /// Returns whether the block is `thinking` or `redacted_thinking`.
    #[must_use]
    pub fn is_thinking(&self) -> bool {
        matches!(self.kind(), "thinking" | "redacted_thinking")
    }

    /// If the block is a call whose `input` is no JSON object, returns it with an object that holds
    /// the input as JSON text under [`UNPARSED_INPUT`], because the API takes only objects.
    #[must_use]
    pub fn with_object_input(mut self) -> Self {
        if self.is_call() {
            let input = self.0.entry("input").or_insert(Value::Null);
            if input.is_null() {
                *input = Value::Object(Map::new());
            } else if !input.is_object() {
                *input = unparsed(input.to_string());
            }
        }
        self
    }

    /// Returns the text of a call's input if it was no JSON object and was replaced.
    #[must_use]
    pub fn unparsed_input(input: &Value) -> Option<&str> {
        let input = input.as_object().filter(|input| input.len() == 1)?;
        input.get(UNPARSED_INPUT)?.as_str()
    }

    /// Returns whether the block is a call whose input was replaced because it was no JSON object.
    #[must_use]
    pub fn has_unparsed_input(&self) -> bool {
        let input = self.0.get("input").and_then(Value::as_object);
        let is_marked =
            |input: &Map<String, Value>| input.len() == 1 && input.contains_key(UNPARSED_INPUT);
        self.is_call() && input.is_some_and(is_marked)
    }

    /// Returns what the block says, typed. Unknown kinds and broken shapes are [`View::Unknown`].
    #[must_use]
    pub fn view(&self) -> View<'_> {
        let kind = self.kind();
        self.known_view(kind).unwrap_or(View::Unknown { kind })
    }

    fn known_view<'a>(&'a self, kind: &'a str) -> Option<View<'a>> {
        let raw = &self.0;
        Some(match kind {
            "text" => View::Text {
                text: string(raw, "text")?,
                citations: array(raw, "citations"),
            },
            "thinking" => View::Thinking {
                thinking: string(raw, "thinking").unwrap_or_default(),
            },
            "redacted_thinking" => View::RedactedThinking,
            "tool_use" => View::ToolUse {
                id: string(raw, "id")?,
                name: string(raw, "name")?,
                input: raw.get("input").unwrap_or(&NO_INPUT),
            },
            "server_tool_use" | "mcp_tool_use" => View::ServerToolUse {
                id: string(raw, "id")?,
                name: string(raw, "name")?,
                input: raw.get("input").unwrap_or(&NO_INPUT),
            },
            "bash_code_execution_tool_result" | "code_execution_tool_result" => View::Executed {
                tool_use_id: string(raw, "tool_use_id")?,
                outcome: outcome(raw.get("content")?, executed)?,
            },
            "text_editor_code_execution_tool_result" => View::Edited {
                tool_use_id: string(raw, "tool_use_id")?,
                outcome: outcome(raw.get("content")?, edited)?,
            },
            "web_search_tool_result" => View::Searched {
                tool_use_id: string(raw, "tool_use_id")?,
                outcome: outcome(raw.get("content")?, |content| {
                    content.as_array().map(Vec::as_slice)
                })?,
            },
            "web_fetch_tool_result" => View::Fetched {
                tool_use_id: string(raw, "tool_use_id")?,
                outcome: outcome(raw.get("content")?, |content| {
                    content.is_object().then_some(content)
                })?,
            },
            "fallback" => View::Fallback {
                from: raw.get("from")?.get("model")?.as_str()?,
                to: raw.get("to")?.get("model")?.as_str()?,
            },
            "compaction" => View::Compaction {
                // Null when only `encrypted_content` is given.
                summary: string(raw, "content").unwrap_or_default(),
            },
            _ => View::OtherResult {
                kind,
                tool_use_id: string(raw, "tool_use_id")?,
                content: raw.get("content").unwrap_or(&NO_CONTENT),
            },
        })
    }
}

impl Serialize for Block {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Returns the ids of server-side calls that no block answers
/// (`docs/protocol.md#unanswered-calls`).
#[must_use]
pub fn unanswered_server_calls(content: &[Block]) -> Vec<&str> {
    let answered = |id: &str| {
        content
            .iter()
            .any(|block| string(block.raw(), "tool_use_id") == Some(id))
    };
    content
        .iter()
        .filter_map(|block| match block.view() {
            View::ServerToolUse { id, .. } if !answered(id) => Some(id),
            _ => None,
        })
        .collect()
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

fn string<'a>(raw: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    raw.get(name).and_then(Value::as_str)
}

fn array<'a>(raw: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    raw.get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The keys of a result of the sandbox; `None` for what is no such result.
fn known_keys(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "bash_code_execution_result" | "code_execution_result" => {
            &["type", "stdout", "stderr", "return_code", "content"]
        }
        "encrypted_code_execution_result" => &[
            "type",
            "encrypted_stdout",
            "stderr",
            "return_code",
            "content",
        ],
        "text_editor_code_execution_view_result" => &[
            "type",
            "file_type",
            "content",
            "num_lines",
            "start_line",
            "total_lines",
        ],
        "text_editor_code_execution_create_result" => &["type", "is_file_update"],
        "text_editor_code_execution_str_replace_result" => &[
            "type",
            "lines",
            "old_start",
            "old_lines",
            "new_start",
            "new_lines",
        ],
        _ => return None,
    })
}

/// The object that stands for an input which is no JSON object.
pub(super) fn unparsed(text: String) -> Value {
    let mut marked = Map::new();
    marked.insert(UNPARSED_INPUT.to_owned(), Value::String(text));
    Value::Object(marked)
}

/// Reads the `content` of a result block: an error object, or what `success` makes of it.
fn outcome<'a, T>(
    content: &'a Value,
    success: impl FnOnce(&'a Value) -> Option<T>,
) -> Option<Result<T, ToolError<'a>>> {
    let is_error = content
        .get("type")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.ends_with("_error"));
    if is_error {
        return Some(Err(ToolError {
            code: content
                .get("error_code")
                .and_then(Value::as_str)
                .unwrap_or("unknown"),
            message: content.get("error_message").and_then(Value::as_str),
        }));
    }
    success(content).map(Ok)
}

fn executed(content: &Value) -> Option<Executed<'_>> {
    let content = content.as_object()?;
    let stdout = match string(content, "type")? {
        "bash_code_execution_result" | "code_execution_result" => {
            Some(string(content, "stdout").unwrap_or_default())
        }
        "encrypted_code_execution_result" => None,
        _ => return None,
    };
    Some(Executed {
        stdout,
        stderr: string(content, "stderr").unwrap_or_default(),
        return_code: content
            .get("return_code")
            .and_then(Value::as_i64)
            .unwrap_or_default(),
        file_ids: array(content, "content")
            .iter()
            .filter_map(|output| output.get("file_id")?.as_str())
            .collect(),
    })
}

fn edited(content: &Value) -> Option<Edited<'_>> {
    let content = content.as_object()?;
    let number = |name| content.get(name).and_then(Value::as_u64);
    Some(match string(content, "type")? {
        "text_editor_code_execution_view_result" => Edited::Viewed {
            file_type: string(content, "file_type").unwrap_or("text"),
            content: string(content, "content").unwrap_or_default(),
            start_line: number("start_line"),
            num_lines: number("num_lines"),
            total_lines: number("total_lines"),
        },
        "text_editor_code_execution_create_result" => Edited::Created {
            is_file_update: content
                .get("is_file_update")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
        },
        "text_editor_code_execution_str_replace_result" => Edited::Replaced {
            old_start: number("old_start"),
            new_start: number("new_start"),
            lines: array(content, "lines")
                .iter()
                .filter_map(Value::as_str)
                .collect(),
        },
        _ => return None,
    })
}
