//! Outputs as values: mime bundles and the kinds of output a cell can have.
//!
//! Pure. Source: Jupyter messaging spec 5.5, "Messages on the IOPub channel".

use serde::Serialize;
use serde_json::{Map, Value};

/// A mime bundle: mime type to string (or, for JSON types, a JSON value). Keys carry no parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct MimeBundle(pub Map<String, Value>);

impl MimeBundle {
    /// Makes a bundle of `text/plain` only.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self::default().with("text/plain", text)
    }

    /// Makes a bundle of `text/markdown` and its `text/plain` twin.
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
    /// The representations; always with `text/plain` in a final display.
    pub data: MimeBundle,
    /// Output metadata; machine data goes under `claude_kernel`.
    pub metadata: Map<String, Value>,
    /// `transient.display_id`: required for an update, unique in a kernel's life.
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
    /// Returns the protocol's word.
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
    /// One of the short list in `kernel::error`, such as `MagicError`.
    pub ename: String,
    /// One sentence.
    pub evalue: String,
    /// A few readable lines; the last says what to do next.
    pub traceback: Vec<String>,
}

/// One message on iopub that belongs to a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// `stream`.
    Stream {
        /// Which stream.
        name: StreamName,
        /// The text, as it is.
        text: String,
    },
    /// `display_data`.
    Display(Display),
    /// `update_display_data`; has a display id.
    Update(Display),
    /// `execute_result`; the actor adds the count.
    Result(Display),
    /// `error`.
    Error(ErrorOutput),
}
