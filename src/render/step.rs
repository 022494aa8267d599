//! One step: a tool call and its result, as one output.
//!
//! Says with words, never with colour alone, whether it worked. The fold shows an excerpt; the
//! exact call and the output stand in `text/plain`.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::foreign;
use super::screen::{Form, Terminal, machine};
use super::tool::Tool;
use crate::anthropic::block::{Block, Edited, Executed, ToolError, View};
use crate::jupyter::mime::{MimeBundle, StreamName};

mod bare;

/// Lines of output shown at its beginning and end (`ux.md`).
const OUTPUT_LINES: (usize, usize) = (20, 5);
/// Lines of code shown: more than of output, because it is what was done.
const CODE_LINES: (usize, usize) = (120, 10);
/// Sources listed.
const MAX_SOURCES: usize = 20;

/// The word over standard error.
const STDERR: &str = "Standard error";
/// The word over the change an edit made.
const CHANGE: &str = "Change";

/// A call that has been made, with what is known of it.
#[derive(Debug)]
pub(crate) struct Step {
    /// The tool's name on the wire.
    pub(crate) name: String,
    /// The call's id.
    pub(crate) id: String,
    /// The call, described.
    pub(crate) tool: Tool,
    /// The result block, once it has come.
    pub(crate) result: Option<Block>,
    /// What a tool of this machine printed, and how long it took.
    pub(crate) ran: Option<(String, Duration)>,
    /// Whether only its output is shown: the code stands in the cell.
    pub(crate) bare: bool,
}

/// What a result says.
struct Report {
    /// `ok`, `exit 1`, `failed`, …
    status: String,
    failed: bool,
    sections: Vec<Section>,
    exit_code: Option<i64>,
    file_ids: Vec<String>,
}

enum Section {
    /// Text in a fence under a word: `Output`, `Standard error`, …
    Fence {
        word: &'static str,
        language: &'static str,
        text: String,
    },
    /// Markdown of our own making, and its plain twin.
    Text { markdown: String, plain: String },
}

impl Section {
    fn line(text: &str) -> Self {
        Self::Text {
            markdown: foreign::inline(text),
            plain: text.to_owned(),
        }
    }
}

impl Step {
    /// Returns whether the step has failed.
    pub(crate) fn failed(&self) -> bool {
        self.result
            .as_ref()
            .is_some_and(|result| report(result).failed)
    }

    /// Returns the form while the call runs.
    pub(crate) fn running(&self) -> String {
        if self.bare {
            return "<sub>Running the cell …</sub>".to_owned();
        }
        self.markdown("running", false, false, &[])
    }

    /// Returns what a terminal shows when the call begins.
    pub(crate) fn announcement(&self) -> String {
        if self.bare {
            return String::new();
        }
        let mut text = self.headline();
        for (_, code) in &self.tool.code {
            for line in foreign::excerpt(code, CODE_LINES.0, CODE_LINES.1).lines() {
                text.push_str("    ");
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }

    /// Returns the final form; `open` unfolds it.
    pub(crate) fn form(&self, open: bool) -> Form {
        let mut report = match &self.result {
            Some(result) => report(result),
            None => Report {
                status: "stopped before its result".to_owned(),
                failed: false,
                sections: Vec::new(),
                exit_code: None,
                file_ids: Vec::new(),
            },
        };
        report.sections.extend(self.printed());
        let (markdown, plain) = if self.bare {
            bare::forms(&report)
        } else {
            (
                self.markdown(&report.status, report.failed, open, &report.sections),
                self.plain(&report),
            )
        };
        let mut kernel = Map::new();
        kernel.insert("block".to_owned(), json!("step"));
        kernel.insert("tool".to_owned(), json!(self.name));
        kernel.insert("tool_use_id".to_owned(), json!(self.id));
        if let Some(code) = report.exit_code {
            kernel.insert("exit_code".to_owned(), json!(code));
        }
        if let Some((_, elapsed)) = &self.ran {
            kernel.insert("elapsed_s".to_owned(), json!(elapsed.as_secs_f64()));
        }
        if !report.file_ids.is_empty() {
            kernel.insert("file_ids".to_owned(), json!(report.file_ids));
        }
        Form {
            data: MimeBundle::markdown(markdown, plain),
            metadata: machine(Value::Object(kernel)),
            terminal: terminal(&report),
        }
    }

    fn printed(&self) -> Option<Section> {
        let (printed, _) = self.ran.as_ref()?;
        (!printed.trim().is_empty()).then(|| Section::Fence {
            word: "Printed",
            language: "text",
            text: printed.clone(),
        })
    }

    /// Returns the line that names the call in a terminal.
    pub(crate) fn headline(&self) -> String {
        format!("[{}]\n", self.title(None))
    }

    fn title(&self, status: Option<&str>) -> String {
        let mut parts = vec![self.tool.label.as_str()];
        if !self.tool.title.is_empty() {
            parts.push(&self.tool.title);
        }
        parts.extend(status);
        foreign::printable(&parts.join(" - ")).into_owned()
    }

    fn markdown(&self, status: &str, failed: bool, open: bool, sections: &[Section]) -> String {
        let (open, summary) = (
            if open { " open" } else { "" },
            foreign::inline(&self.title(None)),
        );
        let status = foreign::inline(status);
        let status = if failed {
            format!("<b>{status}</b>")
        } else {
            status
        };
        let mut out = format!("<details{open}><summary>{summary} - {status}</summary>\n\n");
        // The change with its surroundings says more than the two pieces of the call.
        let changed = sections
            .iter()
            .any(|section| matches!(section, Section::Fence { word, .. } if *word == CHANGE));
        for (index, (language, code)) in self.tool.code.iter().enumerate() {
            if changed {
                break;
            }
            // Two fences without a word between them run together.
            if index > 0 {
                out.push_str("Shell\n\n");
            }
            let shown = foreign::excerpt(code, CODE_LINES.0, CODE_LINES.1);
            out.push_str(&foreign::fence(language, &shown));
            out.push_str("\n\n");
        }
        for section in sections {
            match section {
                Section::Fence {
                    word,
                    language,
                    text,
                } => {
                    let shown = foreign::excerpt(text, OUTPUT_LINES.0, OUTPUT_LINES.1);
                    out.push_str(word);
                    out.push_str("\n\n");
                    out.push_str(&foreign::fence(language, &shown));
                }
                Section::Text { markdown, .. } => out.push_str(markdown),
            }
            out.push_str("\n\n");
        }
        out.push_str("</details>");
        out
    }

    fn plain(&self, report: &Report) -> String {
        let mut out = self.title(Some(&report.status));
        out.push('\n');
        if !self.tool.exact.is_empty() && self.tool.exact != self.tool.title {
            out.push('\n');
            push_block(&mut out, &self.tool.exact);
        }
        for section in &report.sections {
            out.push('\n');
            match section {
                Section::Fence { word, text, .. } => {
                    out.push_str(word);
                    out.push('\n');
                    push_block(&mut out, text);
                }
                Section::Text { plain, .. } => push_block(&mut out, plain),
            }
        }
        out
    }
}

fn push_block(out: &mut String, text: &str) {
    out.push_str(&foreign::plain(text));
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

fn terminal(report: &Report) -> Terminal {
    let mut texts = Vec::new();
    for section in &report.sections {
        let (name, text) = match section {
            Section::Fence { word, text, .. } => (
                match *word {
                    STDERR => StreamName::Stderr,
                    _ => StreamName::Stdout,
                },
                foreign::coloured_excerpt(text, OUTPUT_LINES.0, OUTPUT_LINES.1),
            ),
            Section::Text { plain, .. } => (StreamName::Stdout, format!("{plain}\n")),
        };
        texts.push((name, text));
    }
    let end = if report.failed {
        format!("[{}]\n\n", report.status)
    } else {
        "\n".to_owned()
    };
    texts.push((StreamName::Stdout, end));
    Terminal::Text(texts)
}

fn report(result: &Block) -> Report {
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
        file_ids: Vec::new(),
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
    fence("Output", result.stdout.unwrap_or_default());
    fence(STDERR, result.stderr);
    if result.stdout.is_none() {
        sections.push(Section::line(
            "The output is encrypted: the API shows it to Claude only.",
        ));
    } else if sections.is_empty() {
        sections.push(Section::line("No output"));
    }
    let failed = result.return_code != 0;
    let missing = ["ModuleNotFoundError", "No module named"]
        .iter()
        .any(|sign| result.stderr.contains(sign));
    if failed && missing {
        sections.push(Section::line(
            "The sandbox has no internet, so nothing can be installed: ask for a package that is \
             there (see %help limits).",
        ));
    }
    if failed
        && result
            .stdout
            .is_some_and(|text| text.contains("detection_timeout"))
    {
        sections.push(Section::line(hint("execution_time_exceeded")));
    }
    Report {
        status: match result.return_code {
            0 => "ok".to_owned(),
            code => format!("exit {code}"),
        },
        failed,
        sections,
        exit_code: Some(result.return_code),
        file_ids: result.file_ids.iter().map(|&id| id.to_owned()).collect(),
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
        plain.push_str(&format!("{number}. {title} <{url}>\n"));
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
        plain: format!("{title} <{url}>"),
    };
    success(vec![section], "ok")
}

/// Returns a link that shows the title, or the address where there is none.
pub(crate) fn source_link(title: &str, url: &str) -> String {
    let shown = if title.trim().is_empty() { url } else { title };
    let shown = foreign::inline(&foreign::shorten(shown, 120));
    match foreign::web_link(url) {
        Some(target) => format!("[{shown}]({target})"),
        None => shown,
    }
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
        Section::line(&format!("A result of kind {}", result.kind()))
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

/// Says what a person can do about an error code (`claude-api.md` 3.3, 4); empty if unknown.
fn hint(code: &str) -> &'static str {
    match code {
        "execution_time_exceeded" => {
            "It took longer than the sandbox allows (see %help limits): ask for smaller pieces of \
             work, or for less data."
        }
        "unavailable" => "The tool is not available at the moment: run the cell again later.",
        "too_many_requests" => "Too many calls at once: wait a minute and run the cell again.",
        "output_file_too_large" => {
            "A file was too large to hand out: ask for it in parts or compressed."
        }
        "file_not_found" => "There is no such file in the sandbox.",
        "max_uses_exceeded" => "The limit set for this tool is used up.",
        "url_not_allowed" => "The address is not among those allowed.",
        "url_not_accessible" => "The page could not be reached.",
        "unsupported_content_type" => "The page is of a kind that cannot be read.",
        "content_too_large" => "The page is too large to read.",
        _ => "",
    }
}
