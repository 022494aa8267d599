//! How what magics say reaches the front end. Pure.
//!
//! What the kernel has to say of itself is a display and never the error stream, which notebooks
//! paint red: a note is a small quiet line, a warning a line that a person should not miss.

use serde_json::{Map, Value, json};

use crate::jupyter::mime::{Display, MimeBundle, Output};
use crate::jupyter::request::Execute;
use crate::jupyter::wire::Message;
use crate::render::foreign;
use crate::render::renderer::Client as FrontEnd;

use super::cells::Prepared;

/// Small quiet lines, one below the other: what was done, and needs nobody.
pub(super) fn notes<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<Output> {
    let form = |text: &String| {
        let text = sentence(text);
        (format!("<sub>{}</sub>", foreign::spoken(&text)), text)
    };
    said("note", texts.into_iter().map(form).collect())
}

/// Lines that a person should not miss.
pub(super) fn warnings<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<Output> {
    let form = |text: &String| {
        let text = sentence(text);
        let markdown = format!("**Warning:** {}", foreign::spoken(&text));
        (markdown, format!("Warning: {text}"))
    };
    said("warning", texts.into_iter().map(form).collect())
}

/// Errors end without a full stop, and what is said of them may come from one.
fn sentence(text: &str) -> String {
    let mut text = foreign::printable(text).trim_end().to_owned();
    if !text.ends_with(['.', '?', '!', '…']) {
        text.push('.');
    }
    text
}

fn said(block: &str, lines: Vec<(String, String)>) -> Vec<Output> {
    if lines.is_empty() {
        return Vec::new();
    }
    let (markdown, plain): (Vec<String>, Vec<String>) = lines.into_iter().unzip();
    let mut metadata = Map::new();
    metadata.insert("claude_kernel".to_owned(), json!({ "block": block }));
    vec![Output::Display(Display {
        data: MimeBundle::markdown(markdown.join("  \n"), plain.join("\n")),
        metadata,
        display_id: None,
    })]
}

/// What magics had to show: the cell's result when it is one value and there is no prompt.
pub(super) fn shows(prepared: &Prepared, is_whole_cell: bool) -> Vec<Output> {
    let is_result = is_whole_cell && prepared.shows.len() == 1;
    prepared
        .shows
        .iter()
        .map(|(markdown, plain)| {
            let display = Display {
                data: MimeBundle::markdown(markdown, plain),
                ..Display::default()
            };
            if is_result {
                Output::Result(display)
            } else {
                Output::Display(display)
            }
        })
        .collect()
}

/// How the front end takes a growing answer (`jupyter.md` 2.9).
pub(super) fn front_end(execute: &Execute, request: &Message) -> FrontEnd {
    if request.metadata.contains_key("cellId") {
        FrontEnd::Live
    } else if execute.allow_stdin {
        FrontEnd::Terminal
    } else {
        FrontEnd::Batch
    }
}

/// A payload that front ends open in a pager.
pub(super) fn page_payload(text: &str) -> Value {
    json!({"source": "page", "data": {"text/plain": text}, "start": 0})
}
