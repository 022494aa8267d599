//! Containers for the tests, and a look at the processes of this machine.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use claude_kernel::emulator::sandbox::{Cell, Container, Limits, Mechanism, Outcome, Sandbox};
use tempfile::TempDir;

/// What a machine may lack.
pub(super) const MACHINES: [&[Mechanism]; 4] = [
    &[],
    &[Mechanism::Landlock],
    &[Mechanism::PrivateRoot],
    &[Mechanism::Namespaces],
];

/// A container in a directory of its own, and the real binary to run its calls.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) container: Container,
    /// Holds the container; a private file or two beside it are for commands to be kept from.
    pub(super) directory: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let sandbox = sandbox(limits);
        let container = sandbox.container("container_1", directory.path()).unwrap();
        Self {
            container,
            directory,
        }
    }

    pub(super) fn without(limits: Limits, missing: &[Mechanism]) -> Self {
        let mut place = Self::with(limits);
        for mechanism in missing {
            place.container.forgo(*mechanism);
        }
        place
    }

    pub(super) async fn bash(&mut self, command: &str) -> Outcome {
        self.container.bash(command).await.unwrap()
    }

    /// Runs a command that must succeed without a word on stderr; returns its stdout.
    pub(super) async fn said(&mut self, command: &str) -> String {
        let outcome = self.bash(command).await;
        assert_eq!((outcome.return_code, outcome.stderr.as_str()), (0, ""));
        outcome.stdout
    }

    pub(super) async fn repl(&mut self, code: &str) -> Outcome {
        match self.container.repl(code, &[]).await.unwrap() {
            Cell::Done(outcome) => outcome,
            Cell::Calls(calls) => panic!("{calls:?}"),
        }
    }
}

pub(super) fn sandbox(limits: Limits) -> Sandbox {
    Sandbox {
        command: env!("CARGO_BIN_EXE_claude-kernel").into(),
        python: Some(python()),
        limits,
    }
}

/// The interpreter with pandas and its friends: the project's own environment.
fn python() -> PathBuf {
    let named = std::env::var_os("CLAUDE_KERNEL_TEST_PYTHON").map(PathBuf::from);
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    named.unwrap_or(own)
}

/// A word that no other process has in its command line.
pub(super) fn marker() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("marker_{}_{count}_", std::process::id())
}

/// The processes that have the marker in their command line: its words, and what `/proc` says.
fn processes(marker: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let status = || std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        line.contains(marker)
            .then(|| format!("{line}\n{}", status()))
    });
    lines.collect()
}

/// Waits until there are such processes, or none, and fails when that does not happen.
pub(super) async fn until(marker: &str, there: bool) {
    for _ in 0..1500 {
        if processes(marker).is_empty() != there {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let left = processes(marker);
    panic!(
        "{} processes have `{marker}`:\n{}",
        left.len(),
        left.join("\n")
    );
}
