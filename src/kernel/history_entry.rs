//! A cell that was executed, as Jupyter's history has it.

/// One executed cell, for history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The execution count.
    pub line: u32,
    /// The cell's text.
    pub input: String,
    /// The answer's text, or the shown value.
    pub output: String,
}
