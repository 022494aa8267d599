//! A cell's text, taken apart: magics in its first lines, then the prompt (`ux.md`, "Cells").

/// Whether a magic holds from here on (`%x`) or for this cell only (`%%x`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `%x`.
    FromHere,
    /// `%%x`.
    ThisCell,
}

/// One magic line as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MagicCall {
    /// The name without percent signs.
    pub name: String,
    /// `%` or `%%`.
    pub scope: Scope,
    /// The rest of the line, trimmed.
    pub args: String,
    /// The rest of the cell, for a body magic.
    pub body: Option<String>,
    /// 1-based line in the cell.
    pub line: usize,
}

/// What a cell is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing but white space.
    Empty,
    /// `name?`, `%name?`, `?name`: help about `name`.
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
pub fn parse(_source: &str) -> Cell {
    Cell::Empty
}
