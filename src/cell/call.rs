//! One magic as it is written in a cell, and why it cannot be applied.

/// Whether a magic holds from here on (`%x`) or for this cell only (`%%x`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `%x`, and magics with a body that define something for later cells too.
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
    /// ([`super::line::unescape`]).
    pub body: Option<String>,
    /// 1-based line in the cell.
    pub line: usize,
}

/// The name that stands for `!command`, which is always refused.
pub const SHELL: &str = "!";

/// A magic that cannot be applied. Nothing of its cell is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MagicError {
    /// What is wrong, with the magic's name in backticks.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl MagicError {
    /// The most characters of a sentence: what was typed is quoted in it, and may be a megabyte.
    const LONGEST: usize = 300;

    /// Makes an error of its two sentences.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let bounded = |text: String| {
            let end = text.char_indices().nth(Self::LONGEST).map(|(at, _)| at);
            match end.and_then(|end| text.get(..end)) {
                Some(head) => format!("{head}…"),
                None => text,
            }
        };
        Self {
            message: bounded(message.into()),
            hint: bounded(hint.into()),
        }
    }
}
