//! Notes and warnings of the kernel, as lines for the front end. Pure.
//!
//! They are displays, because notebooks paint the error stream red. A note is a small quiet line; a
//! warning is a line that a person should not miss.

use serde_json::{Map, json};

use crate::jupyter::mime::{Display, MimeBundle, Output};
use crate::render::foreign;
use crate::render::screen::quiet;

/// Small quiet lines, one below the other. They say what was done, and nobody has to act.
pub(in crate::kernel) fn notes<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<Output> {
    let form = |text: &String| {
        let text = sentence(text);
        (quiet(&foreign::spoken(&text)), text)
    };
    said("note", texts.into_iter().map(form).collect())
}

/// Lines that a person should not miss.
pub(in crate::kernel) fn warnings<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<Output> {
    let form = |text: &String| {
        let text = sentence(text);
        let markdown = format!("**Warning:** {}", foreign::spoken(&text));
        (markdown, format!("Warning: {text}"))
    };
    said("warning", texts.into_iter().map(form).collect())
}

/// What a magic shows, in both forms. Foreign words may stand in it: nothing of them moves a
/// terminal.
pub(in crate::kernel) fn shown(markdown: &str, plain: &str) -> MimeBundle {
    MimeBundle::markdown(foreign::among_ours(markdown), foreign::among_ours(plain))
}

/// Errors end without a full stop, and what is said of them may come from one.
fn sentence(text: &str) -> String {
    let mut text = foreign::among_ours(text).trim_end().to_owned();
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
