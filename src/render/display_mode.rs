//! The three kinds of front end.

/// How the front end that asked takes a growing answer (`docs/protocol.md#kinds-of-clients`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisplayMode {
    /// JupyterLab, VS Code: displays with ids, updated.
    Live,
    /// A terminal: stdout as it comes, no second copy.
    Terminal,
    /// nbclient and its kin: one final display per block.
    Batch,
}
