//! Files that went in, after the kernel was killed and started again: the backend still has them.

use std::path::{Path, PathBuf};

use claude_kernel::config::Resume;
use claude_kernel::kernel::journal::{Options, folder};
use serde_json::json;

use super::listed::delete_behind_the_kernels_back;
use super::{SCRIPT, arm, before_the_prompt, requests, uploads, write};
use crate::journal::unsealed;
use crate::support::rig::{Asks, Ran, Rig};

/// A kernel, and where it keeps what was said.
struct Kept {
    rig: Rig,
    state: tempfile::TempDir,
}

fn options(state: &Path) -> Options {
    Options {
        state_dir: Some(state.to_owned()),
        notebook: Some("/n/work.ipynb".into()),
        connection: Some("kernel-1.json".to_owned()),
        resume: Resume::Ask,
        ..Options::nowhere()
    }
}

impl Kept {
    async fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let rig = Rig::with_journal(SCRIPT, options(state.path())).await;
        write(&rig, "a.csv", "1\n");
        write(&rig, "b.csv", "1\n2\n");
        Self { rig, state }
    }

    async fn run(&mut self, code: &str) -> Ran {
        self.rig.cell_as(Asks::Console, code).await
    }

    /// Runs a cell that must go well; returns what is seen.
    async fn text(&mut self, code: &str) -> String {
        let ran = self.run(code).await;
        assert_eq!(ran.reply()["status"], "ok", "{code}: {}", ran.transcript());
        ran.text()
    }

    fn journals(&self) -> Vec<PathBuf> {
        let folder = self.state.path().join("conversations/offline");
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Kills the kernel, and starts it again.
    async fn killed(self) -> Self {
        let options = options(self.state.path());
        self.started_again(options).await
    }

    /// As [`killed`](Self::killed); the new one begins a conversation of its own.
    async fn anew(self) -> Self {
        let options = Options {
            connection: None,
            ..options(self.state.path())
        };
        self.started_again(options).await
    }

    async fn started_again(self, options: Options) -> Self {
        let journals = self.journals();
        let rig = self.rig.restarted(options).await;
        for path in journals {
            // A process that is gone holds no lock; this one's thread may, for a moment.
            while folder::is_in_use(&path) {
                tokio::task::yield_now().await;
            }
        }
        Self {
            rig,
            state: self.state,
        }
    }
}

#[tokio::test]
async fn what_was_attached_is_known_and_what_waited_goes_with_the_next_prompt() {
    let mut kept = Kept::new().await;
    kept.text("%attach a.csv\nList the files").await;
    kept.text("%attach b.csv").await;
    let before = kept.text("%files").await;
    let mut kept = kept.killed().await;
    let files = kept.text("%files").await;
    assert!(files.ends_with(&before), "{files}");
    let text = kept.text("List the files").await;
    assert!(text.contains("a.csv\nb.csv"), "{text}");
    assert!(!text.contains("new sandbox"), "{text}");
    assert_eq!(before_the_prompt(&kept.rig).await, ["container_upload"]);
    // The sandbox is as it was, also in later turns and after another end.
    for _ in 0..2 {
        let text = kept.text("List the files").await;
        assert!(!text.contains("new sandbox"), "{text}");
        assert_eq!(before_the_prompt(&kept.rig).await, Vec::<String>::new());
        kept = kept.killed().await;
    }
    kept.text("%attach a.csv b.csv\nList the files").await;
    assert_eq!(uploads(&kept.rig).await, 2);
    let files = kept.text("%files").await;
    assert!(files.contains("In [2], In [1]"), "{files}");
}

#[tokio::test]
async fn a_sandbox_that_is_new_after_all_gets_the_files_again() {
    let mut kept = Kept::new().await;
    kept.text("%attach a.csv\nList the files").await;
    kept.text("%reset sandbox").await;
    let mut kept = kept.killed().await;
    let text = kept.text("List the files").await;
    assert!(
        text.contains("`a.csv` goes to Claude's new sandbox, too."),
        "{text}"
    );
    // One that was made to be asked for its packages has none.
    kept.text("%reset sandbox").await;
    kept.text("%packages").await;
    let mut kept = kept.killed().await;
    let text = kept.text("List the files").await;
    assert!(text.contains("goes to Claude's new sandbox"), "{text}");
    assert!(text.contains("a.csv\n"), "{text}");
}

#[tokio::test]
async fn packages_are_known_as_long_as_the_sandbox_is_the_same() {
    let mut kept = Kept::new().await;
    kept.text("List the files").await;
    let list = kept.text("%packages").await;
    let mut kept = kept.killed().await;
    let sent = requests(&kept.rig).await.len();
    let known = kept.text("%packages").await;
    assert!(known.ends_with(&list), "{known}");
    let numpy = kept.text("%packages numpy").await;
    assert!(
        numpy.starts_with("numpy is in the sandbox: numpy "),
        "{numpy}"
    );
    assert_eq!(requests(&kept.rig).await.len(), sent, "nobody is asked");
    kept.text("%reset sandbox").await;
    let mut kept = kept.killed().await;
    let known = kept.text("%packages").await;
    assert!(known.ends_with(&list), "{known}");
    assert_eq!(
        requests(&kept.rig).await.len(),
        sent + 1,
        "it may have others"
    );
}

#[tokio::test]
async fn what_was_removed_stays_removed() {
    let mut kept = Kept::new().await;
    kept.text("%attach a.csv b.csv\nList the files").await;
    kept.text("%rm a.csv").await;
    let mut kept = kept.killed().await;
    let files = kept.text("%files").await;
    assert!(
        files.contains("b.csv") && !files.contains("a.csv"),
        "{files}"
    );
    let text = kept.text("Look").await;
    assert!(!text.contains("gone"), "the person knows: {text}");
    kept.text("%reset all").await;
    let mut kept = kept.killed().await;
    let files = kept.text("%files").await;
    assert!(!files.contains("b.csv"), "{files}");
}

#[tokio::test]
async fn what_the_api_lost_meanwhile_is_uploaded_again() {
    let mut kept = Kept::new().await;
    kept.text("%attach a.csv b.csv\nList the files").await;
    for name in ["a.csv", "b.csv"] {
        delete_behind_the_kernels_back(&kept.rig, name).await;
    }
    let mut kept = kept.killed().await;
    // The person was faster with the one; the other is found out.
    let text = kept.text("%attach a.csv\nList the files").await;
    assert!(
        text.contains("`b.csv` was gone from Anthropic and is uploaded again."),
        "{text}"
    );
    assert!(!text.contains("`a.csv` is gone"), "{text}");
    assert_eq!(uploads(&kept.rig).await, 4);
    let mut kept = kept.killed().await;
    let text = kept.text("List the files").await;
    assert!(
        !text.contains("gone") && !text.contains("new sandbox"),
        "{text}"
    );
    assert_eq!(uploads(&kept.rig).await, 4);
}

#[tokio::test]
async fn a_kernel_that_dies_during_an_upload_or_a_turn_forgets_nothing_that_was_there() {
    let mut kept = Kept::new().await;
    kept.text("%attach a.csv\nLook").await;
    let slow = json!({"kind": "slow_start", "ms": 600_000, "path": "/v1/files"});
    arm(&kept.rig, slow).await;
    kept.rig
        .send_as(Asks::Console, "%attach b.csv\nList the files")
        .await;
    while uploads(&kept.rig).await < 2 {
        tokio::task::yield_now().await;
    }
    let mut kept = kept.killed().await;
    let files = kept.text("%files").await;
    assert!(
        files.contains("a.csv") && !files.contains("b.csv"),
        "{files}"
    );
    // Nothing of this turn arrives.
    arm(
        &kept.rig,
        json!({"kind": "gate", "after_events": 0, "name": "first"}),
    )
    .await;
    kept.rig.send_as(Asks::Console, "%attach b.csv\nLook").await;
    kept.rig
        .emulator
        .faults()
        .gate_reached("first")
        .await
        .unwrap();
    let mut kept = kept.killed().await;
    let files = kept.text("%files").await;
    assert!(files.contains("next"), "{files}");
    // Of this one something does, and is kept.
    arm(
        &kept.rig,
        json!({"kind": "gate", "after_deltas": 1, "name": "second"}),
    )
    .await;
    kept.rig.send_as(Asks::Console, "Look").await;
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let is_written = |kept: &Kept| {
        let text = std::fs::read_to_string(&kept.journals()[0]).unwrap();
        text.contains("\"t\":\"delta\"")
    };
    while !is_written(&kept) {
        assert!(std::time::Instant::now() < limit);
        tokio::task::yield_now().await;
    }
    let mut kept = kept.killed().await;
    let files = kept.text("%files").await;
    assert!(
        !files.contains("next") && files.contains("b.csv"),
        "{files}"
    );
    kept.text("Look").await;
    assert_eq!(before_the_prompt(&kept.rig).await, Vec::<String>::new());
    let all = requests(&kept.rig).await;
    let said = all.last().unwrap().1["messages"].to_string();
    assert_eq!(said.matches("container_upload").count(), 2, "{said}");
}

#[tokio::test]
async fn a_file_attached_before_the_conversation_goes_on_goes_along() {
    let mut kept = Kept::new().await;
    kept.text("%attach a.csv\nList the files").await;
    let mut kept = kept.anew().await;
    kept.text("%attach b.csv").await;
    let resumed = kept.text("%resume").await;
    assert!(resumed.contains("goes on"), "{resumed}");
    let text = kept.text("List the files").await;
    assert!(text.contains("a.csv\nb.csv"), "{text}");
    // And one of a conversation that is left stays with it.
    let mut kept = kept.anew().await;
    write(&kept.rig, "c.csv", "1\n");
    kept.text("%attach c.csv\nList the files").await;
    kept.text("%resume").await;
    let files = kept.text("%files").await;
    assert!(
        files.contains("b.csv") && !files.contains("c.csv"),
        "{files}"
    );
}

/// The journal is our own file, and a file like any other.
#[tokio::test]
async fn a_journal_names_no_file_that_no_upload_led_to_and_gives_none_away() {
    let mut kept = Kept::new().await;
    kept.text("%attach a.csv\nList the files").await;
    kept.text("%attach b.csv").await;
    let path = kept.journals()[0].clone();
    let kept = kept.killed().await;
    let text = std::fs::read_to_string(&path).unwrap();
    let mut text = unsealed(&text).replace("\"name\":\"b.csv\"", "\"name\":\"../b.csv\"");
    let id = text.split("\"file_id\":\"").nth(1).unwrap();
    let id = id.split('"').next().unwrap().to_owned();
    let hostile = |change: serde_json::Value| {
        let mut input = json!({
            "file_id": "file_nobody", "name": "shadow", "path": "/etc/hostname", "size_bytes": 9,
            "sha256": "0".repeat(64), "mime_type": "text/plain",
        });
        let fields = input.as_object_mut().unwrap();
        fields.extend(change.as_object().unwrap().clone());
        let record = json!({"record": {"input": {"input": input, "waits": {"sandbox": true}}}});
        format!("{record}\n")
    };
    text.push_str(&hostile(json!({})));
    text.push_str(&hostile(json!({"file_id": "../../v1/models"})));
    text.push_str(&hostile(json!({"file_id": "", "name": ""})));
    text.push_str(&hostile(json!({"file_id": "file_9", "sha256": "x"})));
    // What a real id stands for is asked of the API.
    text.push_str(&hostile(
        json!({"file_id": id, "name": "a.csv", "size_bytes": 1_000_000}),
    ));
    std::fs::write(&path, text).unwrap();
    let mut kept = kept.killed().await;
    let files = kept.text("%files").await;
    assert!(
        !files.contains("models") && !files.contains(".."),
        "{files}"
    );
    let ran = kept.text("List the files").await;
    assert!(ran.contains("gone from Anthropic"), "{ran}");
    assert_eq!(
        uploads(&kept.rig).await,
        2,
        "nothing was sent that has another content"
    );
}
