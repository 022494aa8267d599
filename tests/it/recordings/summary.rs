//! A summary (`%compact`) is recorded too: it is shown again, and is no turn.

use claude_kernel::kernel::journal::Options;
use claude_kernel::notebook::check::check;
use claude_kernel::notebook::export::export;
use serde_json::{Value, json};

use super::{SCRIPT, cell, outputs, requests, run, save};
use crate::support::rig::{Rig, asked};

/// Two answers and a summary between them, with a prompt in the same cell; then another kernel.
async fn recorded() -> (Rig, Vec<(&'static str, &'static str, Vec<Value>)>) {
    let mut rig = Rig::start(SCRIPT).await;
    let mut shown = Vec::new();
    for (id, code) in [
        ("a", "Count the lines"),
        ("b", "%compact keep the number\n\nName the first"),
    ] {
        let ran = run(&mut rig, id, code).await;
        assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
        shown.push((id, code, outputs(&ran)));
    }
    let cells = shown.iter().zip(1..);
    let cells: Vec<Value> = cells
        .map(|((id, code, outputs), count)| cell(id, count, code, outputs))
        .collect();
    save(&rig, &cells);
    (rig.restarted(Options::nowhere()).await, shown)
}

#[tokio::test]
async fn under_only_it_is_the_same_bytes_and_nothing_is_sent() {
    let (mut rig, before) = recorded().await;
    let sent = requests(&rig).await;
    run(&mut rig, "s", "%replay only").await;
    for (id, code, shown) in &before {
        assert_eq!(&outputs(&run(&mut rig, id, code).await), shown, "{id}");
    }
    assert_eq!(requests(&rig).await, sent);
}

#[tokio::test]
async fn under_catchup_it_costs_nothing_once_and_what_follows_sees_it() {
    let (mut rig, before) = recorded().await;
    let sent = requests(&rig).await;
    for (id, code, _) in &before {
        let ran = run(&mut rig, id, code).await;
        assert!(ran.text().contains("nothing sent"), "{id}: {}", ran.text());
    }
    assert_eq!(requests(&rig).await, sent);
    run(&mut rig, "d", "Name another").await;
    let request = asked(&rig).await.pop().unwrap().to_string();
    assert!(request.contains("\"compaction\""), "{request}");
    // At another place it is another one.
    let again = run(&mut rig, "e", "%compact keep the number").await;
    assert!(!again.text().contains("nothing sent"), "{}", again.text());
}

#[tokio::test]
async fn it_is_no_turn_of_a_notebook_that_was_received() {
    let (mut rig, _) = recorded().await;
    let ran = run(&mut rig, "new", "Name another").await;
    let told = "2 recorded answers are part of the conversation";
    assert!(ran.text().contains(told), "{}", ran.text());
}

/// A cell that holds a summary alone has a receipt, and its recording is no answer's.
#[tokio::test]
async fn check_and_export_miss_nothing_in_a_cell_of_a_summary() {
    let mut rig = Rig::start(SCRIPT).await;
    let first = outputs(&run(&mut rig, "a", "Count the lines").await);
    let second = outputs(&run(&mut rig, "b", "%compact").await);
    let cells = [
        cell("a", 1, "Count the lines", &first),
        cell("b", 2, "%compact", &second),
    ];
    let notebook = json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
    let exported = export(&notebook, false).unwrap();
    assert_eq!(exported.unrecorded, Vec::<String>::new());
    let checked = check(&notebook, &|_, _| None).unwrap();
    let problems: Vec<_> = checked.iter().flat_map(|cell| &cell.problems).collect();
    assert!(problems.is_empty(), "{problems:?}");
}
