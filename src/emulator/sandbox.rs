//! Containers: each is a real directory, and commands really run in it, confined.
//!
//! This is the side that asks. It starts `claude-kernel sandbox-exec` for every call, reads a
//! limited amount of what the call prints, and collects files. The child does the confining
//! (`confine`). No link that a command made is followed here, and nothing that it wrote is executed
//! or trusted. If a call or a container is dropped, every process that it started ends.

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
    /// Standard output, of limited length; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Standard error, in the same way.
    pub stderr: String,
    /// Exit code; 128 + n for a signal.
    pub return_code: i32,
    /// The plain files at the top level of this call's `$OUTPUT_DIR`, sorted by name. They are kept
    /// where no command can reach them, until the container is dropped.
    pub files: Vec<PathBuf>,
}

/// Why a call has no result: an `error_code` of `docs/protocol.md#code-results`.
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
    /// Such an error is a failure of our side of the container.
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
    /// How many bytes of stdout and of stderr are kept: half from the start, half from the end.
    pub output_bytes: usize,
    /// The largest file that is collected, in bytes. A file of twice this size cannot be written at
    /// all.
    pub file_bytes: u64,
    /// How much space all files of a container may take, in bytes.
    pub disk_bytes: u64,
    /// The most files that are collected from `$OUTPUT_DIR`.
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
    /// The interpreter behind `python3`; if `None`, the first on the standard path.
    pub python: Option<PathBuf>,
    /// What a call may use.
    pub limits: Limits,
}

impl Sandbox {
    /// Makes the container's directory below `parent` (`parent/ID`), which must exist.
    ///
    /// # Errors
    /// If a directory cannot be made, or `id` is not one plain path component.
    pub fn container(&self, id: &str, parent: &Path) -> io::Result<Container> {
        Container::new(self.clone(), id, parent)
    }

    /// Runs nothing, but confines it like a command, and reports which protection holds.
    ///
    /// # Errors
    /// `unavailable` if the child cannot be started.
    pub async fn probe(&self) -> Result<Protections, CallError> {
        let parent = tempfile::tempdir()?;
        let mut container = self.container("probe", parent.path())?;
        container.look().await
    }
}

/// Wraps Python code as a bash command: `python3 - <<'EOF'`. The delimiter is one that no line of
/// the code is equal to.
#[must_use]
pub fn heredoc(code: &str) -> String {
    let mut delimiter = "EOF".to_owned();
    while code.lines().any(|line| line == delimiter) {
        delimiter.push('_');
    }
    let newline = if code.ends_with('\n') { "" } else { "\n" };
    format!("python3 - <<'{delimiter}'\n{code}{newline}{delimiter}")
}
