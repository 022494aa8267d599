//! Turns that belong to cells: Claude sees what stands above the cell, whatever was run when.

mod marks;

use serde_json::{Value, json};

use crate::support::rig::{Asks, Ran, Rig};

const SCRIPT: &str = "\
# Work on {{what}}

> Let me think about {{what}}.

```bash
echo {{what}} >> log.txt; cat log.txt
```

Worked on {{what}}.

# {{what}}

> Hm, {{what}}.

Heard: {{what}}.
";

/// The prompts of the last request, oldest first.
async fn prompts(rig: &Rig) -> Vec<String> {
    let request = last_request(rig).await;
    let messages = request["messages"].as_array().unwrap();
    let asked = messages.iter().filter(|said| said["role"] == "user");
    asked
        .filter_map(|said| said["content"].as_array().unwrap().last()?["text"].as_str())
        .map(str::to_owned)
        .collect()
}

async fn last_request(rig: &Rig) -> Value {
    let requests = rig.emulator.faults().requests().await.unwrap();
    let mut bodies = requests.into_iter().map(|request| request.body);
    let last = bodies.rfind(|body| body["messages"].is_array());
    last.expect("something was sent")
}

async fn run(rig: &mut Rig, cell: &str, code: &str) -> Ran {
    let ran = rig.cell_in(cell, &[], code).await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    ran
}

/// The details of the receipt.
fn receipt(ran: &Ran) -> Value {
    let outputs = ran.iopub("display_data").into_iter();
    let updates = ran.iopub("update_display_data").into_iter();
    // Receipts of other cells say what has become of their answers.
    let updates = updates.filter(|output| output["metadata"]["claude_kernel"]["mark"].is_null());
    let outputs = outputs.chain(updates);
    let details = outputs.map(|output| output["metadata"]["claude_kernel"].clone());
    let mut receipts = details.filter(|details| details["block"] == "receipt");
    receipts.next_back().expect("there is a receipt")
}

fn save(rig: &Rig, cells: &[&str]) {
    let cells: Vec<Value> = cells.iter().map(|id| json!({"id": id})).collect();
    let path = rig.directory.path().join("notebook.ipynb");
    std::fs::write(path, json!({"cells": cells}).to_string()).unwrap();
}

#[tokio::test]
async fn a_cell_that_runs_again_sees_what_stands_above_it_and_what_is_below_gets_stale() {
    let mut rig = Rig::start(SCRIPT).await;
    for cell in ["a", "b", "c"] {
        run(&mut rig, cell, &format!("This is {cell}")).await;
    }
    assert_eq!(prompts(&rig).await, ["This is a", "This is b", "This is c"]);
    assert!(
        run(&mut rig, "z", "%stale")
            .await
            .text()
            .contains("Nothing is stale")
    );

    let again = run(&mut rig, "b", "This is b again").await;
    assert_eq!(prompts(&rig).await, ["This is a", "This is b again"]);
    assert!(
        again.text().contains("effort medium · 1 cell stale"),
        "{}",
        again.text()
    );
    let details = receipt(&again);
    assert_eq!(details["saw"], json!(["a"]));
    assert_eq!(
        (&details["stale"], &details["turn"]),
        (&json!(1), &json!(2))
    );
    let stale = run(&mut rig, "z", "%stale").await.text();
    assert!(
        stale.contains("This is c") && !stale.contains("This is b"),
        "{stale}"
    );

    run(&mut rig, "d", "This is d").await;
    assert_eq!(
        prompts(&rig).await,
        ["This is a", "This is b again", "This is c", "This is d"],
        "stale turns are sent, in their latest form"
    );
    let rerun = run(&mut rig, "z", "%rerun stale").await.text();
    assert!(
        rerun.contains("1. In [") && !rerun.contains("2. "),
        "{rerun}"
    );
    let again = run(&mut rig, "c", "This is c").await;
    assert!(
        again.text().contains("effort medium · 1 cell stale"),
        "{}",
        again.text()
    );
    run(&mut rig, "d", "This is d").await;
    assert!(
        run(&mut rig, "z", "%stale")
            .await
            .text()
            .contains("Nothing is stale")
    );
}

#[tokio::test]
async fn the_saved_notebook_says_where_an_inserted_cell_stands() {
    let mut rig = Rig::start(SCRIPT).await;
    save(&rig, &["a", "b"]);
    run(&mut rig, "a", "This is a").await;
    run(&mut rig, "b", "This is b").await;
    save(&rig, &["a", "x", "b", "c"]);
    let inserted = run(&mut rig, "x", "This is x").await;
    assert_eq!(prompts(&rig).await, ["This is a", "This is x"]);
    assert!(
        inserted.text().contains("1 cell stale"),
        "{}",
        inserted.text()
    );
    run(&mut rig, "c", "This is c").await;
    assert_eq!(
        prompts(&rig).await,
        ["This is a", "This is x", "This is b", "This is c"]
    );
    save(&rig, &["b", "a", "c", "x"]);
    run(&mut rig, "c", "This is c").await;
    assert_eq!(prompts(&rig).await, ["This is b", "This is a", "This is c"]);
    std::fs::write(rig.directory.path().join("notebook.ipynb"), "rubbish").unwrap();
    run(&mut rig, "c", "This is c").await;
    assert_eq!(prompts(&rig).await, ["This is b", "This is a", "This is c"]);
}

#[tokio::test]
async fn a_deleted_cell_is_not_sent_and_returns_when_it_runs_again() {
    let mut rig = Rig::start(SCRIPT).await;
    for cell in ["a", "b", "c"] {
        run(&mut rig, cell, &format!("This is {cell}")).await;
    }
    let ran = rig.cell_in("d", &["b", "unknown"], "This is d").await;
    assert_eq!(prompts(&rig).await, ["This is a", "This is c", "This is d"]);
    assert!(ran.text().contains("1 cell stale"), "{}", ran.text());
    let history = run(&mut rig, "z", "%history").await.text();
    assert!(!history.contains("This is b"), "{history}");
    run(&mut rig, "b", "Back again").await;
    run(&mut rig, "d", "This is d").await;
    assert_eq!(
        prompts(&rig).await,
        ["This is a", "Back again", "This is c", "This is d"]
    );
}

#[tokio::test]
async fn without_ids_every_run_is_a_cell_of_its_own() {
    let mut rig = Rig::start(SCRIPT).await;
    for asks in [Asks::Batch, Asks::Console] {
        rig.cell_as(asks, "Same").await;
        rig.cell_as(asks, "Same").await;
    }
    assert_eq!(prompts(&rig).await, ["Same"; 4]);
    rig.cell("%undo").await;
    rig.cell("Other").await;
    assert_eq!(prompts(&rig).await, ["Same", "Same", "Same", "Other"]);
}

#[tokio::test]
async fn undo_takes_back_the_turn_made_last() {
    let mut rig = Rig::start(SCRIPT).await;
    for cell in ["a", "b", "c"] {
        run(&mut rig, cell, &format!("This is {cell}")).await;
    }
    run(&mut rig, "a", "This is a again").await;
    let undone = run(&mut rig, "z", "%undo").await.text();
    assert!(
        undone.contains("] is taken back: This is a again"),
        "{undone}"
    );
    run(&mut rig, "d", "%undo\nThis is d").await;
    assert_eq!(prompts(&rig).await, ["This is b", "This is d"]);
    for _ in 0..3 {
        run(&mut rig, "z", "%undo").await;
    }
    let empty = run(&mut rig, "z", "%undo").await.text();
    assert!(empty.contains("this conversation is empty"), "{empty}");
}

#[tokio::test]
async fn threads_and_forks_are_conversations_of_their_own() {
    let mut rig = Rig::start(SCRIPT).await;
    run(&mut rig, "a", "Work on a").await;
    let main = last_request(&rig).await;
    run(&mut rig, "b", "This is b").await;
    assert_eq!(main["container"], Value::Null);
    let container = last_request(&rig).await["container"].clone();
    assert!(container.is_string());

    run(&mut rig, "c", "%thread aside\nThis is c").await;
    assert_eq!(prompts(&rig).await, ["This is c"]);
    assert_eq!(last_request(&rig).await["container"], Value::Null);
    let list = run(&mut rig, "z", "%thread").await.text();
    assert!(list.contains("aside         1      here"), "{list}");
    run(&mut rig, "d", "%thread main\nThis is d").await;
    assert_eq!(prompts(&rig).await, ["Work on a", "This is b", "This is d"]);
    assert_eq!(last_request(&rig).await["container"], container);

    run(&mut rig, "b", "%fork idea\nWork on another b").await;
    let forked = last_request(&rig).await;
    let asked = forked["messages"].as_array().unwrap().iter();
    let questions: Vec<&Value> = asked.filter(|said| said["role"] == "user").collect();
    assert_eq!(questions.len(), 2);
    let note = questions[1]["content"][0]["text"].as_str().unwrap();
    assert!(note.contains("the sandbox is new and empty"), "{note}");
    let again = rig.cell_in("z", &[], "%fork idea").await;
    assert_eq!(again.reply()["ename"], "MagicError");
    run(&mut rig, "e", "%thread main\nThis is e").await;
    assert_eq!(
        prompts(&rig).await,
        ["Work on a", "This is b", "This is d", "This is e"]
    );
}

#[tokio::test]
async fn claude_is_told_when_the_sandbox_is_ahead() {
    let mut rig = Rig::start(SCRIPT).await;
    run(&mut rig, "a", "Work on a").await;
    run(&mut rig, "b", "Work on b").await;
    let again = run(&mut rig, "a", "Work on a").await;
    assert!(
        again.text().contains("1 cell stale · sandbox ahead"),
        "{}",
        again.text()
    );
    assert_eq!(receipt(&again)["sandbox_ahead"], true);
    let request = last_request(&rig).await;
    let question = &request["messages"][0]["content"];
    assert!(
        question[0]["text"]
            .as_str()
            .unwrap()
            .contains("ahead of this conversation")
    );
    let below = run(&mut rig, "b", "Work on b").await;
    assert!(!below.text().contains("sandbox ahead"), "{}", below.text());
    let plain = run(&mut rig, "z", "%history --json").await.text();
    assert!(
        plain.contains(r#""prompt": "Work on a""#),
        "notes are not the person's words: {plain}"
    );
}

#[tokio::test]
async fn the_last_answer_can_be_shown_again() {
    let mut rig = Rig::start(SCRIPT).await;
    let empty = run(&mut rig, "z", "%last").await.text();
    assert!(empty.contains("this conversation is empty"), "{empty}");
    let answer = rig.cell("Work on a").await.text();
    let before = rig.emulator.faults().requests().await.unwrap().len();
    let again = rig.cell("%last").await.text();
    assert_eq!(again, answer);
    let after = rig.emulator.faults().requests().await.unwrap().len();
    assert_eq!(before, after, "nobody was asked");
}
