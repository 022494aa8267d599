//! Where the log goes: into a file in the state directory. It goes to the terminal of the person
//! who started Jupyter only if that was asked for. No line holds a key, whatever wrote it: at level
//! `trace`, other crates log what they send.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: opens the log and puts an old one aside"
)]
#![expect(
    clippy::disallowed_types,
    reason = "edge: the writer that tracing shares between threads"
)]

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::kernel::journal::redact::Redactor;

/// If the log of earlier kernels has more bytes than this, it is renamed to `….1`.
const MAX_LOG_BYTES: u64 = 5_000_000;

/// Starts logging. If the log cannot be written anywhere, there is no log.
pub(super) fn start(config: &Config, redactor: Redactor) {
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
        let lines = Lines::new(io::stderr(), redactor);
        builder.with_writer(Mutex::new(lines)).try_init()
    } else if let Ok(file) = open(&path) {
        let lines = Lines::new(file, redactor);
        builder.with_writer(Mutex::new(lines)).try_init()
    } else {
        return;
    };
    // If a second kernel runs in the same process, it uses the log of the first.
    let _already_started = started;
}

/// Writes whole lines, without keys.
struct Lines<W> {
    to: W,
    redactor: Redactor,
    /// A line whose end is to come.
    line: Vec<u8>,
}

impl<W> Lines<W> {
    fn new(to: W, redactor: Redactor) -> Self {
        Self {
            to,
            redactor,
            line: Vec::new(),
        }
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if let Some(end) = memchr::memrchr(b'\n', &self.line) {
            let rest = self.line.split_off(end + 1);
            let lines = std::mem::replace(&mut self.line, rest);
            let text = String::from_utf8_lossy(&lines);
            self.to.write_all(self.redactor.redact(&text).as_bytes())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
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
