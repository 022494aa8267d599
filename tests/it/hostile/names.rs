//! Names of and links in their place.

use std::collections::BTreeSet;

use super::{check_harmless, corpus, decoded, making};
use crate::support::rig::{Asks, Rig};

/// Names a sandbox's file system can hold, and what they become.
fn possible() -> Vec<(String, String)> {
    let all: Vec<(String, String)> = serde_json::from_slice(&corpus("names.json")).unwrap();
    all.into_iter()
        .filter(|(name, _)| {
            !name.contains(['/', '\0']) && !matches!(name.as_str(), "" | "." | "..")
        })
        .collect()
}

#[tokio::test]
async fn every_name_becomes_a_file_in_the_folder_and_a_link_that_leads_there() {
    let names = possible();
    assert!(names.len() > 30);
    let content: Vec<(&str, &[u8])> = names
        .iter()
        .map(|(name, _)| (name.as_str(), name.as_bytes()))
        .collect();
    let mut rig = Rig::start(&making(&content)).await;
    let ran = rig.cell("Make them").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    let targets: BTreeSet<String> = check_harmless(&ran)
        .iter()
        .map(|target| decoded(target))
        .collect();
    for (name, saved) in &names {
        let path = rig.files().join(saved);
        let held = std::fs::read(&path).unwrap_or_else(|error| panic!("{saved:?}: {error}"));
        assert_eq!(held, name.as_bytes(), "{saved:?}");
        let target = format!("claude_files/{saved}");
        assert!(
            targets.contains(&target),
            "no link to {target:?}: {targets:?}"
        );
        assert!(rig.directory.path().join(&target).is_file());
    }
    let mut found: BTreeSet<String> = names.iter().map(|(_, saved)| saved.clone()).collect();
    found.insert(".index.jsonl".to_owned());
    let there: BTreeSet<String> = std::fs::read_dir(rig.files())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(there, found, "nothing else is there");
    let beside: Vec<_> = std::fs::read_dir(rig.directory.path()).unwrap().collect();
    assert_eq!(beside.len(), 2, "the script and the folder: {beside:?}");
    let known = std::fs::read_to_string(rig.files().join(".index.jsonl")).unwrap();
    assert_eq!(known.lines().count(), names.len());
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_is_a_link_is_not_followed_and_the_answer_says_so() {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&making(&[("a.csv", b"x,y\n1,2\n")])).await;
    std::os::unix::fs::symlink(elsewhere.path(), rig.files()).unwrap();
    for asks in [Asks::Batch, Asks::Lab, Asks::Console] {
        let ran = rig.cell_as(asks, "Make them").await;
        assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
        let text = ran.text();
        assert!(text.contains("move `claude_files` away"), "{text}");
        assert!(text.contains("Made."), "{text}");
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_a_link_is_left_alone_and_the_new_one_stands_beside_it() {
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("precious");
    std::fs::write(&target, "x,y\n1,2\n").unwrap();
    let mut rig = Rig::start(&making(&[("a.csv", b"x,y\n1,2\n"), ("b.csv", b"1")])).await;
    std::fs::create_dir(rig.files()).unwrap();
    std::os::unix::fs::symlink(&target, rig.files().join("a.csv")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("new"), rig.files().join("b.csv")).unwrap();
    let ran = rig.cell("Make them").await;
    let paths: Vec<_> = ran
        .files()
        .into_iter()
        .map(|file| file["path"].clone())
        .collect();
    assert_eq!(paths, ["claude_files/a-2.csv", "claude_files/b-2.csv"]);
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "x,y\n1,2\n");
    assert!(!elsewhere.path().join("new").exists());
}
