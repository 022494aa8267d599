//! The HTTP server (axum) on loopback.

use std::path::PathBuf;

/// How to start the backend.
#[derive(Debug, Clone, Default)]
pub struct EmulatorConfig {
    /// The API key clients must send; a random one when `None`.
    pub key: Option<String>,
    /// TCP port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Script files, first match wins; read again when they change.
    pub scripts: Vec<PathBuf>,
    /// Directories whose `*.claude.md` are scripts.
    pub script_dirs: Vec<PathBuf>,
    /// The interpreter for `python`; else `python3` from the standard places.
    pub python: Option<PathBuf>,
    /// The binary that has the hidden `sandbox-exec` subcommand; else the running one.
    pub sandbox_command: Option<PathBuf>,
    /// Where containers and files live; a fresh temporary directory when `None`.
    pub root: Option<PathBuf>,
}

/// A running backend. Dropping it stops the server and ends every container's processes.
#[derive(Debug)]
pub struct Emulator {}

impl Emulator {
    /// Returns the URL for `ANTHROPIC_BASE_URL`, such as `http://127.0.0.1:41234`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        ""
    }

    /// Returns the key clients must send.
    #[must_use]
    pub fn key(&self) -> &str {
        ""
    }
}

/// Binds, then serves on tasks of its own.
///
/// # Errors
/// When the port is taken or the root cannot be made.
pub async fn start(_config: EmulatorConfig) -> std::io::Result<Emulator> {
    Ok(Emulator {})
}
