//! One step: a tool call and its result, as one output.
//!
//! Words, never colour alone, say whether the step worked. The fold shows a part of the output;
//! `text/plain` has the exact call and the output.

use serde_json::{Map, Value, json};

use super::display_mode::DisplayMode;
use super::foreign;
use super::screen::{Form, Terminal, boundary, fold, machine, quiet};
use super::tool::Tool;
use crate::anthropic::block::Block;
use crate::jupyter::mime::{MimeBundle, StreamName};

mod bare;
mod report;

use report::{CHANGE, OUTPUT_LINES, PRINTED, Report, STDERR, STDOUT, Section, report};

/// How many lines of code are shown, from its beginning and from its end: more than of its output,
/// because the code says what was done.
const CODE_LINES: (usize, usize) = (120, 10);

/// Code of more lines stands in a fold of its own: the result of a step is read more often.
const MAX_OPEN_LINES: usize = 12;

/// The pieces of a step's final form.
pub(crate) struct Parts {
    pub(crate) markdown: String,
    pub(crate) plain: String,
    /// Data for programs.
    pub(crate) kernel: Map<String, Value>,
    pub(crate) terminal: Terminal,
    /// What a batch client gets as streams.
    pub(crate) streams: Vec<(StreamName, String)>,
}

/// A call that has been made, and what is known of it.
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
    /// What a tool of this machine printed.
    pub(crate) printed: Option<String>,
    /// Whether only the output is shown, because the code stands in the cell.
    pub(crate) bare: bool,
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
            return quiet("Running the cell …");
        }
        self.markdown("running", false, false, &[])
    }

    /// Returns the title and how it stands, in Markdown.
    pub(crate) fn summary(&self) -> String {
        let status = match &self.result {
            Some(result) => report(result).status,
            None => "running".to_owned(),
        };
        foreign::inline(&self.title(Some(&status)))
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

    /// Returns the same as [`running`](Self::running) in plain text.
    pub(crate) fn running_plain(&self) -> String {
        format!("{}\n", self.title(Some("running")))
    }

    /// Returns the final form. `open` says whether the fold is open.
    pub(crate) fn form(&self, open: bool, client: DisplayMode) -> Form {
        let parts = self.parts(open, client);
        let data = match parts.markdown.is_empty() {
            true => MimeBundle::default(),
            false => MimeBundle::markdown(parts.markdown, parts.plain),
        };
        Form {
            data,
            metadata: machine(Value::Object(parts.kernel)),
            terminal: parts.terminal,
            streams: parts.streams,
        }
    }

    /// Returns the pieces of the final form.
    pub(crate) fn parts(&self, open: bool, client: DisplayMode) -> Parts {
        let mut report = match &self.result {
            Some(result) => report(result),
            None => Report {
                status: "stopped before its result".to_owned(),
                failed: false,
                sections: Vec::new(),
                exit_code: None,
            },
        };
        report.sections.extend(self.printed());
        let terminal = terminal(&report);
        let streams = match client {
            DisplayMode::Batch => take_streams(&mut report.sections),
            DisplayMode::Live | DisplayMode::Terminal => Vec::new(),
        };
        // Why a tool failed is not in its streams.
        let open = match client {
            DisplayMode::Batch => report.failed && !report.sections.is_empty(),
            DisplayMode::Live | DisplayMode::Terminal => open,
        };
        let (markdown, plain) = if self.bare {
            bare::forms(&report)
        } else {
            (
                self.markdown(&report.status, report.failed, open, &report.sections),
                self.plain(&report),
            )
        };
        Parts {
            markdown,
            plain,
            kernel: self.kernel(&report),
            terminal,
            streams,
        }
    }

    /// Returns the data for programs.
    fn kernel(&self, report: &Report) -> Map<String, Value> {
        let mut kernel = Map::new();
        kernel.insert("block".to_owned(), json!("step"));
        kernel.insert("tool".to_owned(), json!(self.name));
        if let Some(code) = report.exit_code {
            kernel.insert("exit_code".to_owned(), json!(code));
        }
        kernel
    }

    fn printed(&self) -> Option<Section> {
        let printed = self.printed.as_ref()?;
        (!printed.trim().is_empty()).then(|| Section::Fence {
            word: PRINTED,
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
        let summary = foreign::inline(&self.title(None));
        let status = match foreign::inline(status) {
            status if failed => format!("<b>{status}</b>"),
            status => status,
        };
        // The change with the lines around it says more than the two texts of the call.
        let changed = sections
            .iter()
            .any(|section| matches!(section, Section::Fence { word, .. } if *word == CHANGE));
        let code = if changed { None } else { self.code() };
        // If it failed, the reason comes first, and of it what was written to standard error.
        let is_error =
            |section: &&Section| matches!(section, Section::Fence { word, .. } if *word == STDERR);
        let (first, rest): (Vec<&Section>, Vec<&Section>) = sections
            .iter()
            .partition(|section| failed && is_error(section));
        let sections: Vec<String> = first
            .into_iter()
            .chain(rest)
            .map(Section::markdown)
            .collect();
        let sections = sections.into_iter();
        let parts: Vec<String> = match failed {
            true if sections.len() > 0 => {
                let code = code.map(|code| format!("Code\n\n{code}"));
                sections.chain(code).collect()
            }
            true => code.into_iter().collect(),
            false => code.into_iter().chain(sections).collect(),
        };
        let body = match parts.is_empty() {
            true => String::new(),
            false => boundary(&parts.join("\n\n")),
        };
        fold(&format!("{summary} - {status}"), &body, open)
    }

    /// Returns the code that is shown, in a fold of its own if it is long.
    fn code(&self) -> Option<String> {
        let mut fences = Vec::new();
        let mut lines = 0;
        for (language, code) in &self.tool.code {
            // Front ends show two fences with no word between them as if they were one.
            if !fences.is_empty() {
                fences.push("Shell".to_owned());
            }
            lines += code.lines().count();
            let shown = foreign::excerpt(code, CODE_LINES.0, CODE_LINES.1);
            fences.push(foreign::fence(language, &shown));
        }
        let shown = fences.join("\n\n");
        match lines {
            _ if fences.is_empty() => None,
            lines if lines > MAX_OPEN_LINES => {
                Some(fold(&format!("{lines} lines of code"), &shown, false))
            }
            _ => Some(shown),
        }
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

/// Takes out of the sections what was printed, as the streams it was printed to.
fn take_streams(sections: &mut Vec<Section>) -> Vec<(StreamName, String)> {
    let mut streams = Vec::new();
    sections.retain(|section| match section {
        Section::Fence { word, text, .. } => {
            let name = match *word {
                STDOUT | PRINTED => StreamName::Stdout,
                STDERR => StreamName::Stderr,
                _ => return true,
            };
            streams.push((name, foreign::coloured_whole(text)));
            false
        }
        Section::Text { .. } => true,
    });
    streams
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
