//! A cell's text, taken apart: magics in its first lines, then the prompt (`ux.md`, "Cells").
//!
//! Never fails: what is wrong is found when a magic is applied. Nothing is lost either: apart from
//! white space around lines, line ends (always `\n` afterwards), a byte order mark and the one
//! escaping backslash, every character of the source is in the [`Cell`].

use super::magic;
use super::parameters;

/// Whether a magic holds from here on (`%x`) or for this cell only (`%%x`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `%x`, and body magics that define something that lasts.
    FromHere,
    /// `%%x`.
    ThisCell,
}

/// One magic line as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MagicCall {
    /// The name without percent signs; [`SHELL`] for a line that began with `!`.
    pub name: String,
    /// How long its settings hold.
    pub scope: Scope,
    /// The rest of the line, trimmed; `?` asks for help.
    pub args: String,
    /// The rest of the cell, for a body magic written with `%%`; may be empty. Still escaped
    /// ([`unescape`]).
    pub body: Option<String>,
    /// 1-based line in the cell.
    pub line: usize,
}

/// The name that stands for `!command`, which is always refused.
pub const SHELL: &str = "!";

/// What a cell is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing but white space.
    Empty,
    /// `%name?` or `?name` and nothing else: help about `name`, `help` for a lone `?`.
    Help { topic: String },
    /// papermill's injected cell: variables to set, nothing to send.
    Parameters { values: Vec<(String, String)> },
    /// Magics, then a prompt (may be empty).
    Turn {
        magics: Vec<MagicCall>,
        prompt: String,
    },
}

/// Takes a cell apart. Never fails: what is wrong is found when a magic is applied.
#[must_use]
pub fn parse(source: &str) -> Cell {
    let source = normalise(source);
    let whole = source.trim();
    if whole.is_empty() {
        return Cell::Empty;
    }
    if let Some(topic) = help_topic(whole) {
        return Cell::Help {
            topic: topic.to_owned(),
        };
    }
    if let Some(values) = parameters::parse(whole) {
        return Cell::Parameters { values };
    }
    turn(&source)
}

/// Removes a byte order mark and makes every line end `\n`.
fn normalise(source: &str) -> String {
    normalise_ends(source.strip_prefix('\u{feff}').unwrap_or(source))
}

/// Makes every line end `\n`.
pub(super) fn normalise_ends(source: &str) -> String {
    source.replace("\r\n", "\n").replace('\r', "\n")
}

/// A line that may open a magic: percent signs (1 or 2), the name, the rest untrimmed.
pub(super) fn magic_line(line: &str) -> Option<(usize, &str, &str)> {
    let line = line.trim_start();
    let after = line.strip_prefix('%')?;
    let (signs, after) = match after.strip_prefix('%') {
        Some(after) => (2, after),
        None => (1, after),
    };
    if !after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return None;
    }
    let end = after
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
        .unwrap_or(after.len());
    let (name, rest) = after.split_at_checked(end)?;
    Some((signs, name, rest))
}

fn turn(source: &str) -> Cell {
    let mut magics = Vec::new();
    let mut rest = source;
    let mut number = 0;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        number += 1;
        if line.trim().is_empty() {
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
        let args = args.trim().to_owned();
        let takes_body = signs == 2 && args != "?" && magic::takes_body(name);
        magics.push(MagicCall {
            name: name.to_owned(),
            scope: if signs == 2 && (!takes_body || magic::makes_turn(name)) {
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

/// Takes away the one backslash that keeps a prompt or a body from being read as something else:
/// `\%effort` becomes `%effort`, `\!` and `\?name` likewise; any other text stays as it is.
#[must_use]
pub fn unescape(text: &str) -> &str {
    match text.trim_start().strip_prefix('\\') {
        Some(plain) if needs_escape(plain) => plain,
        _ => text,
    }
}

/// The prompt or a body: without blank lines before it and white space after it.
fn trim_lines(source: &str) -> &str {
    let mut lines = source.trim_end();
    while let Some((first, after)) = lines.split_once('\n') {
        if !first.trim().is_empty() {
            break;
        }
        lines = after;
    }
    lines
}

/// Whether a prompt beginning so would be taken for something else, or for its own escaped form.
fn needs_escape(prompt: &str) -> bool {
    let line = prompt.split('\n').next().unwrap_or_default();
    match line.chars().next() {
        Some('%') => magic_line(line).is_some(),
        Some('!') => shell_command(line).is_some(),
        Some('?') => help_topic(prompt.trim()).is_some(),
        Some('\\') => needs_escape(prompt.trim_start_matches('\\')),
        _ => false,
    }
}

/// `!cmd`, but not `![image](…)` and not `!=`.
fn shell_command(line: &str) -> Option<&str> {
    let command = line.trim_start().strip_prefix('!')?;
    let start = command.trim_start_matches('!').trim_start();
    start
        .starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '.' | '/' | '~' | '$'))
        .then_some(command)
}

/// `%name?`, `%%name?`, `?name`, `??name`, `?`.
fn help_topic(whole: &str) -> Option<&str> {
    if whole.trim_matches('?').is_empty() && whole.len() <= 2 {
        return Some("help");
    }
    let name = match whole.strip_prefix('?') {
        Some(rest) => rest
            .strip_prefix('?')
            .unwrap_or(rest)
            .trim_start()
            .trim_start_matches('%'),
        None => whole
            .starts_with('%')
            .then(|| whole.trim_start_matches('%').strip_suffix('?'))??,
    };
    let name = name.trim_end_matches('?').trim_end();
    let word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    word.then_some(name)
}
