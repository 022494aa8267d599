//! The code that a recorded turn ran, step by step, with what it printed. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::anthropic::block::{Block, Edited, View};
use crate::chat::wrapped_python::{self, Scripts};

use super::{RecordedFile, Recording};

/// What a step ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A shell command.
    Bash(String),
    /// Python.
    Python(String),
    /// A file was written.
    Write {
        /// Where.
        path: String,
        /// Its text.
        text: String,
    },
    /// A piece of a file was replaced.
    Replace {
        /// The file.
        path: String,
        /// The piece.
        old: String,
        /// What stands there now.
        new: String,
    },
}

/// A step of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What ran.
    pub code: Code,
    /// Whether it did what it should: an exit code of 0, no error of the tool.
    pub succeeded: bool,
    /// What it printed; empty if that is not known.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Recording {
    /// Returns the steps that ran in the sandbox, in order.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let mut scripts = Scripts::default();
        let blocks = self.calls.iter().flat_map(|call| &call.blocks);
        let blocks: Vec<Block> = blocks.cloned().map(Block::from_raw).collect();
        let mut steps = Vec::new();
        for block in &blocks {
            let View::ServerToolUse { id, name, input } = block.view() else {
                continue;
            };
            let Some(code) = code(name, input, &mut scripts) else {
                continue;
            };
            let mut results = blocks.iter().filter_map(|result| outcome(result, id));
            if let Some((succeeded, stdout, stderr)) = results.next() {
                steps.push(Step {
                    code,
                    succeeded,
                    stdout,
                    stderr,
                });
            }
        }
        steps
    }

    /// Returns the answer's text: all of it, in order.
    #[must_use]
    pub fn text(&self) -> String {
        let blocks = self.calls.iter().flat_map(|call| &call.blocks);
        let texts: Vec<&str> = blocks
            .filter(|block| block.get("type").and_then(Value::as_str) == Some("text"))
            .filter_map(|block| block.get("text")?.as_str())
            .filter(|text| !text.trim().is_empty())
            .collect();
        texts.join("\n\n")
    }

    /// Returns the names of the tools of the person's machine that code of the sandbox called.
    #[must_use]
    pub fn tools_in_code(&self) -> BTreeSet<&str> {
        let blocks = self.calls.iter().flat_map(|call| &call.blocks);
        let calls = blocks.filter(|block| {
            let is_call = block.get("type").and_then(Value::as_str) == Some("tool_use");
            let caller = block.pointer("/caller/type").and_then(Value::as_str);
            is_call && caller.is_some_and(|caller| caller.starts_with("code_execution"))
        });
        let names = calls.filter_map(|block| block.get("name")?.as_str());
        // Other names can be no tool's.
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        names.filter(|name| name.chars().all(is_of_name)).collect()
    }

    /// Returns the texts of thinking.
    #[must_use]
    pub fn thinking(&self) -> Vec<String> {
        let blocks = self.calls.iter().flat_map(|call| &call.blocks);
        let texts = blocks.filter_map(|block| block.get("thinking")?.as_str());
        texts.map(str::to_owned).collect()
    }

    /// Returns whether a text of the answer cites a source.
    #[must_use]
    pub fn cites(&self) -> bool {
        let mut blocks = self.calls.iter().flat_map(|call| &call.blocks);
        blocks.any(|block| {
            let cited = block.get("citations").and_then(Value::as_array);
            cited.is_some_and(|cited| !cited.is_empty())
        })
    }

    /// Returns all that was known when the answer was written, as texts: what steps printed, what
    /// tools and searches gave, small files that are text.
    #[must_use]
    pub fn sources(&self) -> Vec<String> {
        let mut found = Vec::new();
        let blocks = self.calls.iter().flat_map(|call| &call.blocks);
        for block in blocks {
            let kind = block.get("type").and_then(Value::as_str);
            if !matches!(kind, Some("text" | "thinking" | "redacted_thinking") | None) {
                texts(block, &mut found);
            }
        }
        for tool in &self.tools {
            texts(&tool.content, &mut found);
            found.push(tool.printed.clone());
        }
        let files = self.files.iter().filter_map(RecordedFile::bytes);
        found.extend(files.filter_map(|bytes| String::from_utf8(bytes).ok()));
        found
    }
}

/// Collects the texts and numbers of a value.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(map) => {
            for (key, value) in map {
                let is_opaque = matches!(key.as_str(), "id" | "tool_use_id" | "file_id" | "type")
                    || key.starts_with("encrypted");
                if !is_opaque {
                    texts(value, found);
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn code(name: &str, input: &Value, scripts: &mut Scripts) -> Option<Code> {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let owned = |name: &str| text(name).map(str::to_owned);
    match name {
        "bash_code_execution" => {
            let command = text("command")?;
            match wrapped_python::unwrap(command, scripts) {
                Some(wrapped) if wrapped.shell.is_none() => Some(Code::Python(wrapped.python)),
                _ => Some(Code::Bash(command.to_owned())),
            }
        }
        "code_execution" => owned("code").map(Code::Python),
        "text_editor_code_execution" => {
            let path = owned("path")?;
            match text("command")? {
                "create" => {
                    let text = owned("file_text")?;
                    scripts.wrote(&path, &text);
                    Some(Code::Write { path, text })
                }
                "str_replace" => {
                    scripts.changed(&path);
                    Some(Code::Replace {
                        path,
                        old: owned("old_str")?,
                        new: owned("new_str").unwrap_or_default(),
                    })
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn outcome(result: &Block, id: &str) -> Option<(bool, String, String)> {
    match result.view() {
        View::Executed {
            tool_use_id,
            outcome,
        } if tool_use_id == id => Some(match outcome {
            Ok(executed) => (
                executed.return_code == 0,
                executed.stdout.unwrap_or_default().to_owned(),
                executed.stderr.to_owned(),
            ),
            Err(error) => (false, String::new(), error.code.to_owned()),
        }),
        View::Edited {
            tool_use_id,
            outcome,
        } if tool_use_id == id => {
            let succeeded = matches!(
                outcome,
                Ok(Edited::Created { .. } | Edited::Replaced { .. })
            );
            Some((succeeded, String::new(), String::new()))
        }
        _ => None,
    }
}
