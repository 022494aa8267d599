//! Makes outputs of what magics show. Pure.

use crate::jupyter::mime::{Display, Output};
use crate::jupyter::request::Execute;
use crate::jupyter::wire::Message;
use crate::render::renderer::DisplayMode;

use super::prepare::Prepared;
use crate::kernel::lines;

/// Makes the outputs of what magics show. If there is one value and no prompt, the value is the
/// cell's result.
pub(in crate::kernel) fn shows(prepared: &Prepared, is_whole_cell: bool) -> Vec<Output> {
    let is_result = is_whole_cell && prepared.shows.len() == 1;
    prepared
        .shows
        .iter()
        .map(|(markdown, plain)| {
            let display = Display {
                data: lines::shown(markdown, plain),
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

/// How the front end takes a growing answer (`docs/protocol.md#kinds-of-clients`).
pub(in crate::kernel) fn display_mode(execute: &Execute, request: &Message) -> DisplayMode {
    if request.metadata.contains_key("cellId") {
        DisplayMode::Live
    } else if execute.allow_stdin {
        DisplayMode::Terminal
    } else {
        DisplayMode::Batch
    }
}
