//! What a result block says, for every tool: a status word, and sections to show.

use serde_json::Value;

use crate::anthropic::block::{Block, Edited, Executed, ToolError, View};
use crate::render::foreign;
use crate::render::sources::source_link;
use crate::render::tool_image;

/// The most sources that are listed.
const MAX_SOURCES: usize = 20;

/// How many lines of output are shown, from its beginning and from its end.
pub(super) const OUTPUT_LINES: (usize, usize) = (20, 5);

/// The heading of standard output.
pub(super) const STDOUT: &str = "Output";
/// The heading of what a tool of this machine printed.
pub(super) const PRINTED: &str = "Printed";
/// The heading of standard error.
pub(super) const STDERR: &str = "Standard error";
/// The heading of the change that an edit made.
pub(super) const CHANGE: &str = "Change";

/// What a result says.
pub(super) struct Report {
    /// `ok`, `exit 1`, `failed`, …
    pub(super) status: String,
    pub(super) failed: bool,
    pub(super) sections: Vec<Section>,
    pub(super) exit_code: Option<i64>,
}

/// A part of what a result says.
pub(super) enum Section {
    /// Text in a fence under a heading: `Output`, `Standard error`, …
    Fence {
        word: &'static str,
        language: &'static str,
        text: String,
    },
    /// Markdown that we made, and the same in plain text.
    Text { markdown: String, plain: String },
}

impl Section {
    /// Returns the section as it is shown: of a long text the beginning and the end.
    pub(super) fn markdown(&self) -> String {
        match self {
            Self::Fence {
                word,
                language,
                text,
            } => {
                let shown = foreign::excerpt(text, OUTPUT_LINES.0, OUTPUT_LINES.1);
                format!("{word}\n\n{}", foreign::fence(language, &shown))
            }
            Self::Text { markdown, .. } => markdown.clone(),
        }
    }

    fn line(text: &str) -> Self {
        Self::Text {
            markdown: foreign::inline(text),
            plain: foreign::line(text),
        }
    }
}

/// Reads a result.
pub(super) fn report(result: &Block) -> Report {
    match result.view() {
        View::Executed { outcome, .. } => match outcome {
            Ok(result) => executed(&result),
            Err(error) => failure(&error),
        },
        View::Edited { outcome, .. } => outcome.map_or_else(|error| failure(&error), edited),
        View::Searched { outcome, .. } => outcome.map_or_else(|error| failure(&error), searched),
        View::Fetched { outcome, .. } => outcome.map_or_else(|error| failure(&error), fetched),
        View::OtherResult { content, .. } => other(result, content),
        _ => success(Vec::new(), "ok"),
    }
}

fn success(sections: Vec<Section>, status: &str) -> Report {
    Report {
        status: status.to_owned(),
        failed: false,
        sections,
        exit_code: None,
    }
}

fn executed(result: &Executed<'_>) -> Report {
    let mut sections = Vec::new();
    let mut fence = |word, text: &str| {
        if !text.trim().is_empty() {
            sections.push(Section::Fence {
                word,
                language: "text",
                text: text.to_owned(),
            });
        }
    };
    fence(STDOUT, result.stdout.unwrap_or_default());
    fence(STDERR, result.stderr);
    if result.stdout.is_none() {
        sections.push(Section::line(
            "The output is encrypted: the API shows it to Claude only.",
        ));
    } else if sections.is_empty() {
        sections.push(Section::line("No output"));
    }
    let failed = result.return_code != 0;
    Report {
        status: match result.return_code {
            0 => "ok".to_owned(),
            code => format!("exit {code}"),
        },
        failed,
        sections,
        exit_code: Some(result.return_code),
    }
}

fn edited(result: Edited<'_>) -> Report {
    match result {
        Edited::Viewed {
            file_type,
            content,
            start_line,
            num_lines,
            total_lines,
        } => {
            if file_type != "text" {
                let line = format!("Claude looked at a file of type {file_type}.");
                return success(vec![Section::line(&line)], "ok");
            }
            let mut sections = vec![Section::Fence {
                word: "Content",
                language: "text",
                text: content.to_owned(),
            }];
            if let (Some(start), Some(lines), Some(total)) = (start_line, num_lines, total_lines)
                && lines < total
            {
                let end = start.saturating_add(lines).saturating_sub(1);
                let line = format!("Lines {start} to {end} of {total}");
                sections.push(Section::line(&line));
            }
            success(sections, "ok")
        }
        Edited::Created { is_file_update } => success(
            Vec::new(),
            if is_file_update {
                "replaced"
            } else {
                "created"
            },
        ),
        Edited::Replaced {
            old_start, lines, ..
        } => {
            let mut sections = Vec::new();
            if let Some(line) = old_start {
                sections.push(Section::line(&format!("At line {line}")));
            }
            if !lines.is_empty() {
                sections.push(Section::Fence {
                    word: CHANGE,
                    language: "diff",
                    text: lines.join("\n"),
                });
            }
            success(sections, "ok")
        }
    }
}

fn searched(results: &[Value]) -> Report {
    let mut markdown = String::new();
    let mut plain = String::new();
    for (number, result) in (1..).zip(results.iter().take(MAX_SOURCES)) {
        let text = |key: &str| result.get(key).and_then(Value::as_str).unwrap_or_default();
        let (title, url) = (text("title"), text("url"));
        markdown.push_str(&format!("{number}. {}\n", source_link(title, url)));
        let source = foreign::line(&format!("{title} <{url}>"));
        plain.push_str(&format!("{number}. {source}\n"));
    }
    let status = match results.len() {
        1 => "1 result".to_owned(),
        count => format!("{count} results"),
    };
    success(vec![Section::Text { markdown, plain }], &status)
}

fn fetched(result: &Value) -> Report {
    let url = result
        .get("url")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let document = result.get("content");
    let title = document
        .and_then(|document| document.get("title"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let section = Section::Text {
        markdown: source_link(title, url),
        plain: foreign::line(&format!("{title} <{url}>")),
    };
    success(vec![section], "ok")
}

fn other(result: &Block, content: &Value) -> Report {
    let code = content.get("error_code").and_then(Value::as_str);
    if let Some(code) = code {
        let message = content.get("error_message").and_then(Value::as_str);
        return failure(&ToolError { code, message });
    }
    let failed = result.raw().get("is_error").and_then(Value::as_bool) == Some(true);
    let texts: Vec<&str> = match content {
        Value::String(text) => vec![text],
        Value::Array(items) => items
            .iter()
            .filter_map(|item| item.get("text").and_then(Value::as_str))
            .collect(),
        // An advisor's result (`docs/protocol.md#output-blocks`).
        Value::Object(fields) => fields
            .get("text")
            .and_then(Value::as_str)
            .into_iter()
            .collect(),
        _ => Vec::new(),
    };
    let references: Vec<&str> = content
        .get("tool_references")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|tool| tool.get("tool_name").and_then(Value::as_str))
        .collect();
    let section = if !texts.is_empty() {
        Section::Fence {
            word: "Result",
            language: "text",
            text: texts.join("\n"),
        }
    } else if !references.is_empty() {
        Section::line(&format!("Found: {}", references.join(", ")))
    } else {
        Section::line(&tool_image::what(content, result.kind()))
    };
    Report {
        failed,
        ..success(vec![section], if failed { "failed" } else { "ok" })
    }
}

fn failure(error: &ToolError<'_>) -> Report {
    let mut line = format!("The tool failed: {}", error.code);
    if let Some(message) = error.message.filter(|message| !message.is_empty()) {
        line.push_str(&format!(" ({message})"));
    }
    let mut sections = vec![Section::line(&line)];
    let hint = hint(error.code);
    if !hint.is_empty() {
        sections.push(Section::line(hint));
    }
    Report {
        failed: true,
        ..success(sections, "failed")
    }
}

/// Returns what a person can do about an error code (`docs/protocol.md#code-results, #web-tools`);
/// empty if the code is not known.
fn hint(code: &str) -> &'static str {
    match code {
        "execution_time_exceeded" => {
            "It took longer than the sandbox allows (see %help limits): ask for smaller pieces of \
             work, or for less data."
        }
        // Claude often tries again by itself; a hint comes at the end, if at all.
        "output_file_too_large" => {
            "A file was too large to hand out: ask for it in parts or compressed."
        }
        "file_not_found" => "There is no such file in the sandbox.",
        "max_uses_exceeded" => "The limit that %web max_uses=N sets is used up.",
        "url_not_allowed" => "The address is not among those that %web allows.",
        "url_not_in_prior_context" => {
            "Only a page whose address stands in the conversation can be read: write it in the \
             prompt, or let Claude search."
        }
        "url_too_long" | "query_too_long" | "request_too_large" => {
            "It was too long for the tool: ask for less at once."
        }
        "url_not_accessible" => "The page could not be reached.",
        "unsupported_content_type" => "The page is of a kind that cannot be read.",
        "content_too_large" => "The page is too large to read.",
        _ => "",
    }
}
