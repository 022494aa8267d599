//! How what magics say reaches the front end. Pure.

use serde_json::{Value, json};

use crate::jupyter::mime::{Display, MimeBundle, Output, StreamName};
use crate::jupyter::request::Execute;
use crate::jupyter::wire::Message;
use crate::render::renderer::Client as FrontEnd;

use super::cells::Prepared;

/// Quiet lines on stderr.
pub(super) fn warnings<'a>(texts: impl Iterator<Item = &'a String>) -> Vec<Output> {
    texts
        .map(|text| Output::Stream {
            name: StreamName::Stderr,
            text: format!("{text}\n"),
        })
        .collect()
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
