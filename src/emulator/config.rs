//! How the offline backend is started.

use std::path::PathBuf;
use std::sync::Arc;

use crate::host::Host;

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
    /// Clock and ids; the system's when `None`.
    pub host: Option<Arc<dyn Host>>,
    /// Whether every model refuses thinking in an edited history, as later ones will; else those
    /// that do today.
    pub strict_thinking: bool,
}
