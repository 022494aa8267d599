//! What a front end asks of unfinished text: completion, inspection, whether it is complete.
//!
//! Cursors are in code points, as the protocol has them since 5.2; one beyond the end means the
//! end. All of it comes from the registry.

use super::call::{MagicCall, SHELL, Scope};
use super::fill::lookup;
use super::help::{about, of_magic};
use super::line::magic_line;
use super::magic::{Candidate, Context, Form, Magic};
use super::magics::{MAGICS, find, lend, variables};
use super::parse::{Cell, normalise_ends, parse};
use super::shown::Shown;
use super::topics::TOPICS;

/// The content of `complete_reply`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completion {
    /// What may stand between the cursors, in the order to show.
    pub matches: Vec<Candidate>,
    /// First code point that is replaced.
    pub cursor_start: usize,
    /// One past the last.
    pub cursor_end: usize,
}

/// The content of `is_complete_reply`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// It can be run.
    Complete,
    /// More is to come; prose is not indented.
    Incomplete,
    /// Running it can only fail.
    Invalid,
}

/// Completes the text before the cursor.
#[must_use]
pub fn complete(code: &str, cursor_pos: usize, context: &Context<'_>) -> Completion {
    let context = &lend(context);
    let before = first(code, cursor_pos);
    let cursor_end = before.chars().count();
    let (word, mut matches) = match cursor_context(before) {
        CursorContext::MagicName { word, signs } => (word, magic_names(signs)),
        CursorContext::Value {
            magic,
            before,
            word,
        } => (word, (magic.values)(context, &before)),
        // The sign behind `%name?` ends the word.
        CursorContext::Topic { word } if before.ends_with(word) => (word, topics()),
        CursorContext::Variable { word } => (
            word,
            Candidate::list("variable", context.variables.paths(word)),
        ),
        CursorContext::Topic { .. } | CursorContext::Elsewhere => ("", Vec::new()),
    };
    // A name completes with one sign or two: `%js` is on the way to `%%json`.
    let bare = |text: &str| text.trim_start_matches('%').to_lowercase();
    let typed = bare(word);
    matches.retain(|candidate| bare(&candidate.text).starts_with(&typed));
    Completion {
        matches,
        cursor_start: cursor_end.saturating_sub(word.chars().count()),
        cursor_end,
    }
}

/// Returns what to show about the word at the cursor, if there is anything.
#[must_use]
pub fn inspect(code: &str, cursor_pos: usize, context: &Context<'_>) -> Option<Shown> {
    let context = &lend(context);
    let before = first(code, cursor_pos);
    let rest = code.get(before.len()..).unwrap_or_default();
    let extent = rest
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '%')))
        .unwrap_or(rest.len());
    let through = code.get(..before.len() + extent).unwrap_or(before);
    match cursor_context(through) {
        CursorContext::MagicName { word, .. } => {
            find(word.trim_start_matches('%')).map(|magic| of_magic(magic, context))
        }
        CursorContext::Value { magic, word, .. } if magic.name == "help" && !word.is_empty() => {
            about(word, context).ok()
        }
        CursorContext::Value { magic, .. } => Some(of_magic(magic, context)),
        CursorContext::Topic { word } => about(word, context).ok(),
        CursorContext::Variable { word } => {
            let value = lookup(word, context.variables)?;
            Some(variables::shown(word, &value))
        }
        CursorContext::Elsewhere => None,
    }
}

/// Returns whether a cell can be run as it stands, for consoles that send at Enter.
#[must_use]
pub fn is_complete(code: &str) -> Completeness {
    let (magics, prompt) = match parse(code) {
        Cell::Empty | Cell::Parameters(_) => return Completeness::Complete,
        Cell::Help { .. } => return Completeness::Complete,
        Cell::Turn { magics, prompt } => (magics, prompt),
    };
    if magics.iter().any(is_unknown) {
        return Completeness::Invalid;
    }
    let body = magics.last().and_then(|call| call.body.as_deref());
    let text = body.unwrap_or(&prompt);
    if text.trim_end_matches([' ', '\t']).ends_with('\\') || has_open_fence(text) {
        return Completeness::Incomplete;
    }
    // In a console, an empty line after the magics ends a cell that has no prompt.
    let left = normalise_ends(code).ends_with("\n\n");
    let waits = magics.last().is_some_and(|call| match &call.body {
        Some(body) => body.is_empty(),
        None => call.scope == Scope::ThisCell && prompt.is_empty(),
    });
    if waits && !left {
        return Completeness::Incomplete;
    }
    Completeness::Complete
}

/// Returns whether applying the call will fail for its name alone.
fn is_unknown(call: &MagicCall) -> bool {
    call.name == SHELL || find(&call.name).is_none()
}

/// Where a cursor stands, with the word before it.
#[derive(Debug)]
pub(super) enum CursorContext<'a> {
    /// In `%na`, signs included.
    MagicName { word: &'a str, signs: usize },
    /// Behind a magic's name; `before` are the words between.
    Value {
        magic: &'static Magic,
        before: Vec<&'a str>,
        word: &'a str,
    },
    /// In `?na`.
    Topic { word: &'a str },
    /// In `{{na`.
    Variable { word: &'a str },
    /// Anywhere else.
    Elsewhere,
}

pub(super) fn cursor_context(before: &str) -> CursorContext<'_> {
    let start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
    let (above, line) = before.split_at_checked(start).unwrap_or(("", before));
    if let Some((_, inside)) = line.rsplit_once("{{")
        && !inside.contains("}}")
    {
        return CursorContext::Variable {
            word: inside.trim_start(),
        };
    }
    let Some(in_head) = stands_in_head(above) else {
        return CursorContext::Elsewhere;
    };
    let line = line
        .trim_start()
        .trim_start_matches('\u{feff}')
        .trim_start();
    if in_head == Head::First
        && let Some(word) = line.strip_prefix('?')
    {
        let word = word.trim_start_matches(['?', ' ', '%']);
        return if word.contains(char::is_whitespace) {
            CursorContext::Elsewhere
        } else {
            CursorContext::Topic { word }
        };
    }
    if line == "%" || line == "%%" {
        return CursorContext::MagicName {
            word: line,
            signs: line.len(),
        };
    }
    let Some((signs, name, rest)) = magic_line(line) else {
        return CursorContext::Elsewhere;
    };
    if rest.is_empty() {
        return CursorContext::MagicName { word: line, signs };
    }
    if rest == "?" {
        return CursorContext::Topic { word: name };
    }
    let Some(magic) = find(name).filter(|_| rest.starts_with(char::is_whitespace)) else {
        return CursorContext::Elsewhere;
    };
    let word_start = rest
        .rfind(|c: char| c.is_whitespace() || c == ',')
        .map_or(0, |at| {
            at + rest
                .get(at..)
                .and_then(|tail| tail.chars().next())
                .map_or(1, char::len_utf8)
        });
    let (words, word) = rest.split_at_checked(word_start).unwrap_or((rest, ""));
    let before = words
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty())
        .collect();
    CursorContext::Value {
        magic,
        before,
        word,
    }
}

/// What stands above a line in which a magic may be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Head {
    /// Nothing.
    First,
    /// Other magics.
    Later,
}

/// Whether a line below `above` could still be a magic: only magics without a body and blank lines.
fn stands_in_head(above: &str) -> Option<Head> {
    match parse(above) {
        Cell::Empty => Some(Head::First),
        Cell::Help { .. } => Some(Head::Later),
        Cell::Turn { magics, prompt } => {
            let open = prompt.is_empty() && magics.iter().all(|call| call.body.is_none());
            open.then_some(Head::Later)
        }
        Cell::Parameters(_) => None,
    }
}

fn magic_names(signs: usize) -> Vec<Candidate> {
    let fits = |magic: &&&Magic| match magic.form {
        Form::Setting | Form::Body => true,
        Form::Line => signs == 1,
        // A person who types `%%name` begins with a single sign.
        Form::Cell | Form::CellBody => true,
    };
    let names = MAGICS.iter().filter(fits).map(|magic| {
        let sign = if signs == 2 { "%%" } else { magic.form.sign() };
        format!("{sign}{}", magic.name)
    });
    Candidate::list("magic", names)
}

fn topics() -> Vec<Candidate> {
    let mut all = Candidate::list("topic", TOPICS.iter().map(|topic| topic.name));
    all.extend(Candidate::list(
        "magic",
        MAGICS.iter().map(|magic| magic.name),
    ));
    all
}

/// The text before a cursor given in code points.
pub(super) fn first(code: &str, cursor_pos: usize) -> &str {
    let end = code
        .char_indices()
        .nth(cursor_pos)
        .map_or(code.len(), |(at, _)| at);
    code.get(..end).unwrap_or(code)
}

/// Whether a fence of backticks or tildes was opened and not closed.
pub(super) fn has_open_fence(text: &str) -> bool {
    let mut open: Option<(char, usize)> = None;
    for line in text.split('\n') {
        let line = line.trim_start();
        let Some(sign) = line.chars().next().filter(|c| matches!(c, '`' | '~')) else {
            continue;
        };
        let length = line.chars().take_while(|c| *c == sign).count();
        let info = line.get(length..).unwrap_or_default();
        match open {
            None if length >= 3 && !(sign == '`' && info.contains('`')) => {
                open = Some((sign, length));
            }
            Some((opened, least))
                if sign == opened && length >= least && info.trim().is_empty() =>
            {
                open = None;
            }
            _ => {}
        }
    }
    open.is_some()
}
