//! Where the log goes: a file in the state directory, never the terminal of whoever started Jupyter
//! unless asked for.
#![expect(
    clippy::disallowed_types,
    reason = "edge: the writer that tracing shares between threads"
)]

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use crate::config::Config;

/// Beyond this many bytes the log of earlier kernels is put aside as `….1`.
const MAX_LOG_BYTES: u64 = 5_000_000;

/// Starts logging; when there is nowhere to write, there is no log.
pub(super) fn start(config: &Config) {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("warn"));
    let Some(path) = config.log_path() else {
        return;
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        // A full disk is not to be told to the terminal, once for each line.
        .log_internal_errors(false);
    let started = if path.as_os_str() == "-" {
        builder.with_writer(io::stderr).try_init()
    } else if let Ok(file) = open(&path) {
        builder.with_writer(Mutex::new(file)).try_init()
    } else {
        return;
    };
    // A second kernel in one process keeps the first one's log.
    let _already_started = started;
}

fn open(path: &Path) -> io::Result<fs::File> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    if fs::metadata(path).is_ok_and(|found| found.len() > MAX_LOG_BYTES) {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".1");
        fs::rename(path, aside)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
