//! Containers: one real directory each, in which commands really run, confined.
#![allow(
    clippy::missing_errors_doc,
    reason = "placeholder until the module is written"
)]

use std::path::PathBuf;

/// What a command or a Python cell left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Standard output, lossily decoded, capped.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Exit code; 128 + n for a signal.
    pub return_code: i32,
    /// Files at the top level of this call's `$OUTPUT_DIR`, sorted by name: plain files only.
    pub files: Vec<PathBuf>,
}

/// Why a call has no outcome: an `error_code` of `claude-api.md` 3.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// `execution_time_exceeded`, `output_file_too_large`, `unavailable`, `file_not_found`, …
    pub code: &'static str,
}
