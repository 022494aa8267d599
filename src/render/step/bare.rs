//! A step of which only the output is shown, because its code stands in the cell (`%%exec`).

use super::report::{Report, STDERR, Section};
use super::{CODE_LINES, push_block};
use crate::render::foreign;

/// Returns the output as Markdown and as plain text; standard output has no heading.
pub(super) fn forms(report: &Report) -> (String, String) {
    let (mut markdown, mut plain) = (String::new(), String::new());
    for section in &report.sections {
        match section {
            Section::Fence {
                word,
                language,
                text,
            } => {
                if *word == STDERR {
                    markdown.push_str(&format!("{word}\n\n"));
                    plain.push_str(&format!("{word}\n"));
                }
                let shown = foreign::excerpt(text, CODE_LINES.0, CODE_LINES.1);
                markdown.push_str(&foreign::fence(language, &shown));
                push_block(&mut plain, text);
            }
            Section::Text {
                markdown: shown,
                plain: text,
            } => {
                markdown.push_str(shown);
                push_block(&mut plain, text);
            }
        }
        markdown.push_str("\n\n");
    }
    if report.failed {
        markdown.push_str(&format!("<b>{}</b>", foreign::inline(&report.status)));
        plain.push_str(&format!("{}\n", report.status));
    }
    (markdown.trim_end().to_owned(), plain)
}
