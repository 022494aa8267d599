//! Containers: one real directory each, in which commands really run, confined.
//!
//! This is the side that asks: it starts `claude-kernel sandbox-exec` for every call, reads what
//! comes out within limits, and collects files. Confining is `confine`'s business, inside the
//! child. Nothing a command writes is ever followed, executed or trusted here, and dropping a call
//! or a container ends every process it started.

mod call;
mod capture;
mod container;
mod files;
mod repl;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::confine;

pub use super::protection::{Protection, Protections};
pub use confine::{EditOutcome, Mechanism};
pub use container::{Cell, ClientCall, Container};
pub(super) use files::remove;

/// What a command or a Python cell left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Standard output, lossily decoded, capped.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Exit code; 128 + n for a signal.
    pub return_code: i32,
    /// Files at the top level of this call's `$OUTPUT_DIR`, sorted by name: plain files only.
    /// They lie where no command can reach them and stay until the container is dropped.
    pub files: Vec<PathBuf>,
}

/// Why a call has no outcome: an `error_code` of `docs/protocol.md#code-results`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct CallError {
    /// `execution_time_exceeded`, `output_file_too_large`, `unavailable`, `file_not_found`,
    /// `invalid_tool_input`.
    pub code: &'static str,
    /// For the log, and for the `error_message` of the text editor's errors.
    pub message: String,
}

impl CallError {
    fn unavailable(message: impl Into<String>) -> Self {
        Self {
            code: "unavailable",
            message: message.into(),
        }
    }
}

impl From<io::Error> for CallError {
    /// What fails here is our side of the container.
    fn from(error: io::Error) -> Self {
        Self::unavailable(error.to_string())
    }
}

/// How much one call may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time of a bash command.
    pub command: Duration,
    /// Wall-clock time of a cell of the persistent interpreter.
    pub cell: Duration,
    /// Memory of all processes of a call together, in bytes.
    pub memory_bytes: u64,
    /// Processes and threads of a call together.
    pub processes: u32,
    /// Kept of each of stdout and stderr, in bytes: half from the start, half from the end.
    pub output_bytes: usize,
    /// The largest file collected, in bytes; one twice as large cannot be written at all.
    pub file_bytes: u64,
    /// Space that all files of a container take, in bytes.
    pub disk_bytes: u64,
    /// Files collected from `$OUTPUT_DIR`.
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command: Duration::from_secs(300),
            cell: Duration::from_secs(90),
            memory_bytes: 5 << 30,
            processes: 256,
            output_bytes: 512 << 10,
            file_bytes: 500_000_000,
            disk_bytes: 5 << 30,
            files: 100,
        }
    }
}

/// How containers are made.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// The binary that has the hidden `sandbox-exec` subcommand.
    pub command: PathBuf,
    /// The interpreter behind `python3`; the first one on the standard path when `None`.
    pub python: Option<PathBuf>,
    /// What a call may use.
    pub limits: Limits,
}

impl Sandbox {
    /// Makes the container's directory below `parent` (`parent/ID`), which must exist.
    ///
    /// # Errors
    /// When a directory cannot be made, or `id` is not one plain path component.
    pub fn container(&self, id: &str, parent: &Path) -> io::Result<Container> {
        Container::new(self.clone(), id, parent)
    }

    /// Runs nothing, confined as a command would be, and reports what held.
    ///
    /// # Errors
    /// `unavailable` when the child cannot be started at all.
    pub async fn probe(&self) -> Result<Protections, CallError> {
        let parent = tempfile::tempdir()?;
        let mut container = self.container("probe", parent.path())?;
        container.look().await
    }
}

/// Wraps Python code as a bash command: `python3 - <<'EOF'`, with a delimiter that no line of the
/// code is.
#[must_use]
pub fn heredoc(code: &str) -> String {
    let mut delimiter = "EOF".to_owned();
    while code.lines().any(|line| line == delimiter) {
        delimiter.push('_');
    }
    let newline = if code.ends_with('\n') { "" } else { "\n" };
    format!("python3 - <<'{delimiter}'\n{code}{newline}{delimiter}")
}
