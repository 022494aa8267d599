//! The terminal that shows what the kernel says. Jupyter starts the kernel with the streams of the
//! console that asked for it, so the kernel can look how wide that is; a console that came later
//! is taken to have 80 columns. An edge: looks at this process's own streams.

use crate::config::Environment;
use crate::jupyter::mime::{ErrorOutput, Output};
use crate::render::terminal::{Look, dim, wrap};

/// The width where it is not known.
const COLUMNS: usize = 80;
/// Lines wider than this are hard to read, however wide the window is.
const MAX_COLUMNS: usize = 100;
/// The narrowest width that anything is laid out for.
const MIN_COLUMNS: usize = 30;

/// What is known of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    is_styled: bool,
    /// `None`: it is looked up each time, because windows change.
    columns: Option<usize>,
}

impl Terminal {
    /// Takes the terminal of this process: styles, unless `NO_COLOR` or `TERM=dumb` says otherwise.
    #[must_use]
    pub fn own(environment: &Environment) -> Self {
        let refuses = environment
            .get("NO_COLOR")
            .is_some_and(|value| !value.is_empty());
        Self {
            is_styled: !refuses && environment.get("TERM") != Some("dumb"),
            columns: None,
        }
    }

    /// Takes a terminal of 80 columns that knows no styles.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            is_styled: false,
            columns: Some(COLUMNS),
        }
    }

    /// Returns what it can show now.
    #[must_use]
    pub fn look(&self) -> Look {
        let found = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let columns = self.columns.or_else(found).unwrap_or(COLUMNS);
        Look {
            columns: columns.clamp(MIN_COLUMNS, MAX_COLUMNS),
            is_styled: self.is_styled,
        }
    }
}

/// Fits a line of the kernel's own to a terminal: wrapped, and pale if nobody has to act.
pub(super) fn fit(output: Output, look: Look) -> Output {
    let Output::Display(mut display) = output else {
        return output;
    };
    let block = display
        .metadata
        .get("claude_kernel")
        .and_then(|own| own.get("block"));
    let is_note = match block.and_then(serde_json::Value::as_str) {
        Some("note") => true,
        Some("warning") => false,
        _ => return Output::Display(display),
    };
    let plain = display.data.text("text/plain").unwrap_or_default();
    let lines = wrap(plain, look.columns);
    let lines = lines
        .split('\n')
        .map(|line| dim(line, look.is_styled && is_note));
    let plain = lines.collect::<Vec<_>>().join("\n");
    display.data = display.data.with("text/plain", plain);
    Output::Display(display)
}

/// Fits an error to a terminal.
pub(super) fn fit_error(error: ErrorOutput, look: Look) -> ErrorOutput {
    let lines = error.traceback.iter();
    let traceback = lines
        .map(|line| wrap(line, look.columns).into_owned())
        .collect();
    ErrorOutput { traceback, ..error }
}
