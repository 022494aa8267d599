//! What was said outlives the kernel: journals, their files, and what a second kernel makes of them.

mod commands;
mod files;
mod history;
mod kept;
mod lines;
mod resume;
mod saved;
mod states;

use std::path::{Path, PathBuf};

use claude_kernel::config::Resume;
use claude_kernel::kernel::journal::{Options, folder};
use serde_json::Value;

use crate::support::rig::{Asks, Ran, Rig, arm};

const SCRIPT: &str = "\
# Say hello

Hello, world.

# And again

Hello a second time.

# Slowly

One two three four five six seven eight nine ten eleven twelve.

# Count

```bash
echo counted-in-the-sandbox
```

It is done.
";

/// A journal without its checksums, as older kernels wrote it, so that a test may edit it.
pub(crate) fn unsealed(text: &str) -> String {
    text.lines()
        .map(|line| match line.rsplit_once(",\"crc\":") {
            Some((open, _)) => format!("{open}}}\n"),
            None => format!("{line}\n"),
        })
        .collect()
}

/// A state directory that outlives kernels.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn options(&self) -> Options {
        Options {
            state_dir: Some(self.folder.path().to_owned()),
            notebook: Some(self.folder.path().join("work.ipynb")),
            connection: Some("kernel-1.json".to_owned()),
            resume: Resume::Ask,
            ..Options::nowhere()
        }
    }

    /// Starts a kernel for the notebook.
    async fn kernel(&self) -> Rig {
        Rig::with_journal(SCRIPT, self.options()).await
    }

    fn conversations(&self) -> PathBuf {
        self.folder.path().join("conversations/offline")
    }

    /// Returns the journals, the one whose name comes first, first.
    fn journals(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.conversations()) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    }

    fn only_journal(&self) -> PathBuf {
        let journals = self.journals();
        assert_eq!(journals.len(), 1, "{journals:?}");
        journals[0].clone()
    }
}

/// Ends a kernel as a crash does: nothing more is said or written.
async fn crash(place: &Place, rig: Rig) {
    let Rig { kernel, .. } = rig;
    kernel.abort();
    assert!(kernel.await.unwrap_err().is_cancelled());
    for path in place.journals() {
        // A process that is gone holds no lock; this one's thread may, for a moment.
        while folder::is_in_use(&path) {
            tokio::task::yield_now().await;
        }
    }
}

/// Ends a kernel as Jupyter does.
async fn shut_down(mut rig: Rig) {
    use claude_kernel::jupyter::connection::Channel;
    let content = serde_json::json!({"restart": true});
    rig.ask(Channel::Control, "shutdown_request", content).await;
    (&mut rig.kernel).await.unwrap();
}

/// Runs a cell that somebody looks at.
async fn run(rig: &mut Rig, code: &str) -> Ran {
    rig.cell_as(Asks::Console, code).await
}

/// Returns what the last request for an answer said, as text.
async fn last_request(rig: &Rig) -> String {
    let requests = rig.emulator.faults().requests().await.unwrap();
    let asked = requests
        .iter()
        .rev()
        .find(|request| request.target.starts_with("/v1/messages"));
    asked.expect("something was asked").body.to_string()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Returns a journal's lines as JSON.
fn entries(path: &Path) -> Vec<Value> {
    let text = text(path);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Waits until the only journal holds a text: another thread writes it.
async fn until_written(place: &Place, what: &str) {
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let is_written = || {
        place
            .journals()
            .first()
            .is_some_and(|path| text(path).contains(what))
    };
    while !is_written() {
        assert!(std::time::Instant::now() < limit, "{what} was not written");
        tokio::task::yield_now().await;
    }
}
