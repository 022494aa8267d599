//! Where the log goes: into a file in the state directory. It goes to the terminal of the person
//! who started Jupyter only if that was asked for.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: opens the log and puts an old one aside"
)]
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

/// If the log of earlier kernels has more bytes than this, it is renamed to `….1`.
const MAX_LOG_BYTES: u64 = 5_000_000;

/// Starts logging. If the log cannot be written anywhere, there is no log.
pub(super) fn start(config: &Config) {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("warn"));
    let Some(path) = config.log_path() else {
        return;
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        // If the disk is full, the terminal must not get a message about that for each line.
        .log_internal_errors(false);
    let started = if path.as_os_str() == "-" {
        builder.with_writer(io::stderr).try_init()
    } else if let Ok(file) = open(&path) {
        builder.with_writer(Mutex::new(file)).try_init()
    } else {
        return;
    };
    // If a second kernel runs in the same process, it uses the log of the first.
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
