//! One step: a tool call and its result, as one output.
//!
//! Words, never colour alone, say whether the step worked. The fold shows a part of the output;
//! `text/plain` has the exact call and the output.

use serde_json::{Map, Value, json};

use super::foreign;
use super::screen::{Form, Terminal, machine};
use super::tool::Tool;
use crate::anthropic::block::Block;
use crate::jupyter::mime::{MimeBundle, StreamName};

mod bare;
mod report;

use report::{CHANGE, Report, STDERR, Section, report};

/// How many lines of output are shown, from its beginning and from its end.
const OUTPUT_LINES: (usize, usize) = (20, 5);
/// The same for code: more lines, because the code says what was done.
const CODE_LINES: (usize, usize) = (120, 10);

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

    /// Returns the final form. `open` says whether the fold is open.
    pub(crate) fn form(&self, open: bool) -> Form {
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
        if let Some(code) = report.exit_code {
            kernel.insert("exit_code".to_owned(), json!(code));
        }
        Form {
            data: MimeBundle::markdown(markdown, plain),
            metadata: machine(Value::Object(kernel)),
            terminal: terminal(&report),
        }
    }

    fn printed(&self) -> Option<Section> {
        let printed = self.printed.as_ref()?;
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
        // The change with the lines around it says more than the two texts of the call.
        let changed = sections
            .iter()
            .any(|section| matches!(section, Section::Fence { word, .. } if *word == CHANGE));
        for (index, (language, code)) in self.tool.code.iter().enumerate() {
            if changed {
                break;
            }
            // Front ends show two fences with no word between them as if they were one.
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
