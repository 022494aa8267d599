//! The three kinds of front end.

/// How the front end that asked takes a growing answer (`docs/protocol.md#kinds-of-clients`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisplayMode {
    /// JupyterLab, VS Code: displays have ids and are updated.
    Live,
    /// A terminal: text goes to stdout as it comes, and no second copy follows.
    Terminal,
    /// nbclient and its kind: one final display for each block, and what a step printed as streams.
    Batch,
}
