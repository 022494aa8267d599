//! A cell's text, taken apart: magics in its first lines, then the prompt.
//!
//! Never fails: what is wrong is found when a magic is applied. Nothing is lost either: apart from
//! white space and invisible characters around lines, line ends (always `\n` afterwards), a byte order
//! mark and the one escaping backslash, every character of the source is in the [`Cell`].

use super::invisible::is_blank;
use super::line::{help_topic, magic_line, shell_command};
use super::magics;
use super::parameters::{self, Parameters, Role};

pub use super::call::{MagicCall, SHELL, Scope};
pub use super::line::unescape;

/// What a cell is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing but white space.
    Empty,
    /// `%name?` or `?name` and nothing else: help about `name`, `help` for a lone `?`.
    Help { topic: String },
    /// A cell of parameters, such as papermill's: variables to set, nothing to send.
    Parameters(Parameters),
    /// Magics, then a prompt (may be empty).
    Turn {
        magics: Vec<MagicCall>,
        prompt: String,
    },
}

/// Takes a cell apart. Never fails: what is wrong is found when a magic is applied.
#[must_use]
pub fn parse(source: &str) -> Cell {
    parse_as(source, Role::default())
}

/// Takes a cell apart of which more is known than its text.
#[must_use]
pub fn parse_as(source: &str, role: Role) -> Cell {
    let source = normalise(source);
    let whole = source.trim_matches(is_blank);
    if whole.is_empty() {
        return Cell::Empty;
    }
    if let Some(topic) = help_topic(whole) {
        return Cell::Help {
            topic: topic.to_owned(),
        };
    }
    if let Some(parameters) = parameters::headed(&source) {
        return Cell::Parameters(parameters);
    }
    let cell = turn(&source);
    let is_prompt = matches!(&cell, Cell::Turn { magics, .. } if magics.is_empty());
    let assigned = is_prompt
        .then(|| parameters::of_role(&source, role))
        .flatten();
    assigned.map_or(cell, Cell::Parameters)
}

/// Removes a byte order mark and makes every line end `\n`.
fn normalise(source: &str) -> String {
    normalise_ends(source.strip_prefix('\u{feff}').unwrap_or(source))
}

/// Makes every line end `\n`.
pub(super) fn normalise_ends(source: &str) -> String {
    source.replace("\r\n", "\n").replace('\r', "\n")
}

fn turn(source: &str) -> Cell {
    let mut magics = Vec::new();
    let mut rest = source;
    let mut number = 0;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        number += 1;
        if line.trim_matches(is_blank).is_empty() {
            rest = after;
            continue;
        }
        let Some((signs, name, args)) = magic_line(line) else {
            if let Some(command) = shell_command(line) {
                magics.push(MagicCall {
                    name: SHELL.to_owned(),
                    scope: Scope::ThisCell,
                    args: command.trim().to_owned(),
                    body: None,
                    line: number,
                });
                rest = after;
            }
            break;
        };
        let args = args.trim_matches(is_blank).to_owned();
        let takes_body = signs == 2 && args != "?" && magics::takes_body(name);
        magics.push(MagicCall {
            name: name.to_owned(),
            scope: if signs == 2 && (!takes_body || magics::makes_turn(name)) {
                Scope::ThisCell
            } else {
                Scope::FromHere
            },
            args,
            body: takes_body.then(|| trim_lines(after).to_owned()),
            line: number,
        });
        rest = if takes_body { "" } else { after };
    }
    Cell::Turn {
        magics,
        prompt: unescape(trim_lines(rest)).to_owned(),
    }
}

/// The prompt or a body: without blank lines before it and white space after it.
fn trim_lines(source: &str) -> &str {
    let mut lines = source.trim_end();
    if lines.trim_matches(is_blank).is_empty() {
        return "";
    }
    while let Some((first, after)) = lines.split_once('\n') {
        if !first.trim_matches(is_blank).is_empty() {
            break;
        }
        lines = after;
    }
    lines
}
