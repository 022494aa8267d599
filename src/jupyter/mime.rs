//! Outputs as values: mime bundles and the kinds of output a cell can have.
//!
//! Pure. Source: Jupyter messaging spec 5.5, "Messages on the IOPub channel".

use serde::Serialize;
use serde_json::{Map, Value};

/// A mime bundle: from mime type to a string (or, for JSON types, a JSON value). The mime types
/// have no parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct MimeBundle(pub Map<String, Value>);

impl MimeBundle {
    /// Makes a bundle that has only `text/plain`.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self::default().with("text/plain", text)
    }

    /// Makes a bundle of `text/markdown` and the same content as `text/plain`.
    #[must_use]
    pub fn markdown(markdown: impl Into<String>, plain: impl Into<String>) -> Self {
        Self::default()
            .with("text/markdown", markdown)
            .with("text/plain", plain)
    }

    /// Adds or replaces one representation.
    #[must_use]
    pub fn with(mut self, mime: &str, text: impl Into<String>) -> Self {
        self.0.insert(mime.to_owned(), Value::String(text.into()));
        self
    }

    /// Returns the string stored under `mime`.
    #[must_use]
    pub fn text(&self, mime: &str) -> Option<&str> {
        self.0.get(mime).and_then(Value::as_str)
    }
}

/// The content of `display_data`, `update_display_data` and `execute_result`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Display {
    /// The representations. A final display always has `text/plain`.
    pub data: MimeBundle,
    /// The metadata of the output; data for programs is under `claude_kernel`.
    pub metadata: Map<String, Value>,
    /// `transient.display_id`: an update must have it. It is unique during the life of a kernel.
    pub display_id: Option<String>,
}

/// `stdout` or `stderr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamName {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl StreamName {
    /// Returns the name in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// The content of `error`, and of every reply with status `error`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorOutput {
    /// The kind of error, one of the short list in `kernel::error`, such as `MagicError`.
    pub ename: String,
    /// What happened, in one sentence.
    pub evalue: String,
    /// A few readable lines; the last line says what to do next.
    pub traceback: Vec<String>,
}

/// One message on iopub that belongs to a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// `stream`.
    Stream {
        /// Which stream.
        name: StreamName,
        /// The text, unchanged.
        text: String,
    },
    /// `display_data`.
    Display(Display),
    /// `update_display_data`; it always has a display id.
    Update(Display),
    /// `execute_result`; the actor adds the count.
    Result(Display),
    /// `error`.
    Error(ErrorOutput),
}
