//! `claude-kernel conversations`, the real binary over journals that a kernel wrote.

use std::process::{Command, Output};

use serde_json::Value;

use super::{Place, arm, crash, run, shut_down, text, until_written};
use crate::support::rig::Asks;

fn conversations(place: &Place, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_claude-kernel"))
        .arg("conversations")
        .args(arguments)
        .env_clear()
        .env("HOME", place.folder.path())
        .env("CLAUDE_KERNEL_STATE_DIR", place.folder.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn they_are_listed_shown_and_removed() {
    let place = Place::new();
    assert!(printed(&conversations(&place, &["list"])).contains("No conversations are kept"));
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    arm(&rig, "gate after_deltas=2 name=second").await;
    rig.send_as(Asks::Console, "Slowly").await;
    until_written(&place, "One two").await;

    // While a kernel is using it.
    let notebook = place.folder.path().join("work.ipynb");
    let notebook = notebook.to_str().unwrap();
    let list = printed(&conversations(&place, &["list"]));
    assert!(
        list.contains(notebook) && list.contains("(offline) (in use)"),
        "{list}"
    );
    let refused = conversations(&place, &["rm", notebook, "--yes"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stdout).contains("another kernel is using it"));
    crash(&place, rig).await;

    let list = printed(&conversations(&place, &["list", "--json"]));
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(
        (&list[0]["turns"], &list[0]["cut_off"]),
        (&1.into(), &true.into())
    );
    let id = list[0]["id"].as_str().unwrap();

    for which in [id, &id[..5], notebook, list[0]["path"].as_str().unwrap()] {
        let shown = printed(&conversations(&place, &["show", which]));
        for part in [
            "> Say hello",
            "Hello, world.",
            "--- cut off",
            "> Slowly",
            "One two",
        ] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
    }
    let shown = printed(&conversations(&place, &["show", id, "--json"]));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["turns"][0]["answer"], "Hello, world.");
    assert_eq!(shown["cut_off"][0]["said"][0]["kind"], "answer");

    let unasked = conversations(&place, &["rm", id]);
    assert!(!unasked.status.success());
    assert!(String::from_utf8_lossy(&unasked.stderr).contains("--yes"));
    let young = printed(&conversations(
        &place,
        &["rm", "--older-than", "1", "--yes"],
    ));
    assert!(young.contains("Nothing to remove."));
    assert_eq!(place.journals().len(), 1);
    printed(&conversations(&place, &["rm", id, "--yes"]));
    assert_eq!(place.journals().len(), 0);
    let gone = conversations(&place, &["show", id]);
    assert!(String::from_utf8_lossy(&gone.stderr).contains("there is no conversation"));
}

#[tokio::test]
async fn files_that_cannot_be_read_are_listed_with_the_reason() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say \u{1b}]0;title\u{7}hello").await;
    shut_down(rig).await;
    let path = place.only_journal();
    let shown = printed(&conversations(&place, &["show", path.to_str().unwrap()]));
    assert!(
        shown.contains("hello") && !shown.contains('\u{1b}'),
        "{shown}"
    );
    let newer = text(&path).replacen("\"version\":1", "\"version\":9", 1);
    std::fs::write(&path, newer).unwrap();
    std::fs::write(path.with_file_name("none-x-12345678.jsonl"), "hello").unwrap();
    let list = printed(&conversations(&place, &["list"]));
    assert!(
        list.contains("in format 9") && list.contains("no conversation of claude-kernel"),
        "{list}"
    );
}

/// A list of conversations shows what was typed, not how the kernel worded it.
#[tokio::test]
async fn u13_a_list_shows_what_was_typed() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "%%exec bash\necho hi").await;
    for list in ["%resume list", "%history", "%cost"] {
        let shown = run(&mut rig, list).await.text();
        assert!(shown.contains("%%exec bash echo hi"), "{list}: {shown}");
        assert!(!shown.contains("exactly as it is"), "{list}: {shown}");
    }
    shut_down(rig).await;
}

/// Going over to another conversation leaves turns behind, and says so.
#[tokio::test]
async fn u13_resume_says_what_it_leaves() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    shut_down(rig).await;
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    run(&mut rig, "And again").await;
    let shown = run(&mut rig, "%resume").await.text();
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let left = "What was asked since the start of this kernel (In [1] to In [2]) is not part of it: %resume ";
    let (_, after) = shown.split_once(left).unwrap_or_else(|| panic!("{shown}"));
    // And that way back is one.
    let id = after.split_whitespace().next().unwrap();
    let back = run(&mut rig, &format!("%resume {id}")).await.text();
    assert!(back.contains("And again"), "{back}");
    shut_down(rig).await;
}
