//! How the offline backend is started.

use std::path::PathBuf;
use std::sync::Arc;

use crate::host::Host;

/// How to start the backend.
#[derive(Debug, Clone, Default)]
pub struct EmulatorConfig {
    /// The API key clients must send; a random one when `None`.
    pub key: Option<String>,
    /// TCP port on 127.0.0.1; 0 takes one that is free.
    pub port: u16,
    /// Script files. The first that fits a prompt is taken; a file is read again when it changes.
    pub scripts: Vec<PathBuf>,
    /// Directories whose `*.claude.md` are scripts.
    pub script_dirs: Vec<PathBuf>,
    /// The name of the script that belongs to the notebook, for the answer to a prompt that no
    /// script knows.
    pub script_name: Option<String>,
    /// The interpreter for `python`. If `None`, `python3` from the standard places.
    pub python: Option<PathBuf>,
    /// The binary that has the hidden `sandbox-exec` subcommand. If `None`, the running one.
    pub sandbox_command: Option<PathBuf>,
    /// Where containers and files are kept. If `None`, a new temporary directory.
    pub root: Option<PathBuf>,
    /// The clock and the ids. If `None`, those of the system.
    pub host: Option<Arc<dyn Host>>,
    /// Whether every model refuses thinking in an edited history, as later models will. If not,
    /// only those models that do today.
    pub strict_thinking: bool,
}
