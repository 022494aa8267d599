//! Commands, cells and edits in a container: what they leave behind.

use std::path::{Path, PathBuf};
use std::time::Duration;

use claude_kernel::emulator::sandbox::{Container, Limits, Outcome, Sandbox};
use tempfile::TempDir;

/// A container in a directory of its own, and the real binary to run its calls.
pub(super) struct Place {
    pub(super) container: Container,
    pub(super) directory: TempDir,
}

pub(super) fn place() -> Place {
    place_with(Limits::default())
}

pub(super) fn place_with(limits: Limits) -> Place {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox {
        command: env!("CARGO_BIN_EXE_claude-kernel").into(),
        python: Some(python()),
        limits,
    };
    let container = sandbox.container("container_1", directory.path()).unwrap();
    Place {
        container,
        directory,
    }
}

/// The interpreter with pandas and its friends: the project's own environment.
fn python() -> PathBuf {
    let named = std::env::var_os("CLAUDE_KERNEL_TEST_PYTHON").map(PathBuf::from);
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    named.unwrap_or(own)
}

impl Place {
    pub(super) async fn bash(&mut self, command: &str) -> Outcome {
        self.container.bash(command).await.unwrap()
    }
}

#[tokio::test]
async fn a_command_runs() {
    let mut place = place();
    let outcome = place.bash("echo hi; echo oops >&2; exit 3").await;
    let expected = Outcome {
        stdout: "hi\n".into(),
        stderr: "oops\n".into(),
        return_code: 3,
        files: Vec::new(),
    };
    assert_eq!(outcome, expected);
    assert!(place.directory.path().exists());
}
