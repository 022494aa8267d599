//! A notebook that was copied, renamed or received: its recorded answers are part of the
//! conversation, and what its steps made goes into the new sandbox.

use serde_json::Value;

use super::{SCRIPT, cell, outputs, recorded, run, save};
use crate::support::rig::{Rig, asked};

/// A notebook of another machine: two answers, the files of its folder, no conversation.
async fn received() -> Rig {
    let (from, before) = recorded().await;
    let rig = Rig::start(SCRIPT).await;
    save(
        &rig,
        &[
            cell("a", 1, "Count the lines", &before[0]),
            cell("b", 2, "Name the first", &before[1]),
        ],
    );
    std::fs::create_dir_all(rig.files()).unwrap();
    let table = rig.files().join("table.csv");
    std::fs::copy(from.files().join("table.csv"), table).unwrap();
    rig
}

#[tokio::test]
async fn a_new_cell_knows_the_answers_above_it_and_says_so_before_it_asks() {
    let mut rig = received().await;
    let ran = run(&mut rig, "new", "Name another").await;
    let text = ran.text();
    let told = text.find("2 recorded answers are part of the conversation");
    let answer = text.find("It is `b`");
    assert!(told.is_some() && told < answer, "{text}");
    let request = asked(&rig).await.pop().unwrap().to_string();
    for said in ["Count the lines", "There are **2** lines.", "It is `a`."] {
        assert!(request.contains(said), "{said}: {request}");
    }
    assert!(!request.contains("I should count"), "{request}");
}

#[tokio::test]
async fn what_recorded_steps_made_goes_into_the_new_sandbox_and_claude_is_told() {
    let mut rig = received().await;
    let ran = run(&mut rig, "new", "Name another").await;
    assert!(
        ran.text()
            .contains("`table.csv` of a recorded answer goes to Claude's sandbox"),
        "{}",
        ran.text()
    );
    let request = asked(&rig).await.pop().unwrap();
    let question = request["messages"].as_array().unwrap().last().unwrap();
    let blocks = question["content"].as_array().unwrap();
    let note = blocks[0]["text"].as_str().unwrap();
    assert!(
        note.contains("these files are here") && note.contains("table.csv"),
        "{note}"
    );
    let uploads = |block: &&Value| block["type"] == "container_upload";
    assert_eq!(blocks.iter().filter(uploads).count(), 1);
    // The same sandbox is not given it again.
    run(&mut rig, "newer", "%%fresh\nName the first").await;
    let request = asked(&rig).await.pop().unwrap();
    let question = request["messages"].as_array().unwrap().last().unwrap();
    assert!(
        !question.to_string().contains("container_upload"),
        "{question}"
    );
}

#[tokio::test]
async fn a_cell_that_is_run_below_recorded_ones_is_answered_from_its_recording() {
    let mut rig = received().await;
    let ran = run(&mut rig, "b", "Name the first").await;
    assert!(ran.text().contains("nothing sent"), "{}", ran.text());
    assert_eq!(asked(&rig).await.len(), 0);
}

#[tokio::test]
async fn resume_takes_up_the_recorded_answers_and_reset_leaves_them() {
    let mut rig = received().await;
    let ran = run(&mut rig, "z", "%resume").await;
    assert!(ran.text().contains("go on (2 turns)"), "{}", ran.text());
    let history = run(&mut rig, "z", "%history").await;
    assert!(
        history.text().contains("Name the first"),
        "{}",
        history.text()
    );
    run(&mut rig, "z", "%reset").await;
    let ran = run(&mut rig, "new", "Name another").await;
    assert!(!ran.text().contains("recorded answer"), "{}", ran.text());
    let request = asked(&rig).await.pop().unwrap().to_string();
    assert!(!request.contains("Count the lines"), "{request}");
}

#[tokio::test]
async fn a_recorded_answer_needs_no_credentials() {
    let (rig, _) = recorded().await;
    let mut rig = rig.without_key().await;
    run(&mut rig, "s", "%replay off").await;
    let ran = run(&mut rig, "a", "Count the lines").await;
    let text = ran.text();
    assert!(
        text.contains("There are no credentials to ask with"),
        "{text}"
    );
    assert!(
        text.contains("**2** lines") || text.contains("2 lines"),
        "{text}"
    );
    let new = run(&mut rig, "c", "Name another").await;
    assert_eq!(new.iopub("error")[0]["ename"], "AuthenticationError");
    assert_eq!(outputs(&run(&mut rig, "d", "%version").await).len(), 1);
}

/// How many files were uploaded so far.
async fn uploads(rig: &Rig) -> usize {
    let sent = rig.emulator.faults().requests().await.unwrap();
    sent.iter().filter(|one| one.target == "/v1/files").count()
}

#[tokio::test]
async fn a_file_that_a_recorded_cell_attaches_is_not_uploaded_until_claude_is_asked() {
    let script = "# /^How many/\n\nThree.\n\n# And now\n\nFour.\n";
    let mut rig = Rig::start(script).await;
    std::fs::write(rig.directory.path().join("sales.csv"), "a,1\n").unwrap();
    let source = "%attach sales.csv\nHow many?";
    let before = outputs(&run(&mut rig, "a", source).await);
    save(&rig, &[cell("a", 1, source, &before)]);
    let mut rig = rig
        .restarted(claude_kernel::kernel::journal::Options::nowhere())
        .await;
    let then = uploads(&rig).await;
    run(&mut rig, "s", "%replay only").await;
    let now = outputs(&run(&mut rig, "a", source).await);
    assert_eq!(now, before);
    assert_eq!(uploads(&rig).await, then);
    run(&mut rig, "s", "%replay catchup").await;
    let ran = run(&mut rig, "b", "And now").await;
    assert!(ran.text().contains("Four."), "{}", ran.text());
    assert_eq!(uploads(&rig).await, then + 1);
    // Another file under the same name is another question.
    std::fs::write(rig.directory.path().join("sales.csv"), "b,2\n").unwrap();
    run(&mut rig, "s", "%replay only").await;
    let miss = run(&mut rig, "a", source).await;
    let said = miss.iopub("error")[0]["evalue"].as_str().unwrap();
    assert!(
        said.contains("`sales.csv` is not the file that it was"),
        "{said}"
    );
}

/// The setting `record` names a file to answer from: its answers are not those of this notebook.
#[tokio::test]
async fn the_answers_of_a_file_that_was_named_answer_and_are_no_turns() {
    let (from, before) = recorded().await;
    let named = from.directory.path().join("notebook.ipynb");
    let mut rig = Rig::answering_from(SCRIPT, &named).await;
    run(&mut rig, "s", "%replay only").await;
    let shown = outputs(&run(&mut rig, "a", "Count the lines").await);
    assert_eq!(shown, before[0]);
    run(&mut rig, "t", "%replay off").await;
    run(&mut rig, "new", "Name another").await;
    let request = asked(&rig).await.pop().unwrap().to_string();
    assert!(request.contains("Count the lines") && !request.contains("Name the first"));
}
