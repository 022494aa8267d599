//! A recorded cell is answered again: the same bytes, nothing sent.

use claude_kernel::chat::recording::Recording;
use claude_kernel::chat::recording::coding::Coded;
use claude_kernel::config::{Resume, Secret};
use claude_kernel::jupyter::connection::Channel;
use claude_kernel::kernel::journal::Options;
use claude_kernel::kernel::journal::redact::Redactor;
use serde_json::{Value, json};

use super::{cell, outputs, recorded, requests, run, save};
use crate::support::rig::Rig;

#[tokio::test]
async fn under_only_the_outputs_are_the_same_bytes_and_nothing_is_sent() {
    let (mut rig, before) = recorded().await;
    std::fs::remove_dir_all(rig.files()).unwrap();
    let sent = requests(&rig).await;
    run(&mut rig, "s", "%replay only").await;
    let first = outputs(&run(&mut rig, "a", "Count the lines").await);
    let second = outputs(&run(&mut rig, "b", "Name the first").await);
    assert_eq!([&first, &second], [&before[0], &before[1]]);
    let summed = run(&mut rig, "t", "%compact").await;
    assert!(
        summed.text().contains("the conversation is not summed up"),
        "{}",
        summed.text()
    );
    let packages = run(&mut rig, "u", "%packages").await;
    assert!(
        packages
            .text()
            .contains("the sandbox is not asked what it has"),
        "{}",
        packages.text()
    );
    assert_eq!(requests(&rig).await, sent);
    // The file is written again, from the recording alone.
    let table = std::fs::read_to_string(rig.files().join("table.csv")).unwrap();
    assert_eq!(table, "a,1\nb,2\n");
}

#[tokio::test]
async fn under_catchup_a_cell_is_answered_once_and_asked_when_it_is_run_again() {
    let (mut rig, before) = recorded().await;
    let sent = requests(&rig).await;
    let first = run(&mut rig, "a", "Count the lines").await;
    assert!(
        first.text().contains("recorded · nothing sent"),
        "{}",
        first.text()
    );
    assert_eq!(requests(&rig).await, sent);
    // All but the receipt is as it was.
    let (now, then) = (outputs(&first), &before[0]);
    assert_eq!(now[..now.len() - 1], then[..then.len() - 1]);
    let cost = run(&mut rig, "c", "%cost").await;
    assert!(cost.text().contains("$0 (recorded)"), "{}", cost.text());
    let status = run(&mut rig, "c", "%status").await;
    assert!(
        status
            .text()
            .contains("catchup; 2 recorded answers are known, 1 shown"),
        "{}",
        status.text()
    );
    let again = run(&mut rig, "a", "Count the lines").await;
    assert!(!again.text().contains("nothing sent"), "{}", again.text());
    assert!(requests(&rig).await > sent);
}

#[tokio::test]
async fn what_changed_is_asked_and_under_only_it_is_named() {
    let (mut rig, _) = recorded().await;
    run(&mut rig, "s", "%replay only").await;
    let miss = run(&mut rig, "a", "Name another").await;
    let error = &miss.iopub("error")[0];
    assert_eq!(error["ename"], "ReplayMiss");
    assert_eq!(
        error["evalue"],
        "this cell has no recorded answer: the prompt changed"
    );
    let above = run(&mut rig, "b", "Name the first").await;
    let said = above.iopub("error")[0]["evalue"].as_str().unwrap();
    assert!(said.contains("In [1] above was not run"), "{said}");
    let setting = run(&mut rig, "a", "%%effort low\nCount the lines").await;
    let said = setting.iopub("error")[0]["evalue"].as_str().unwrap();
    assert!(said.contains("`effort`"), "{said}");
    let sent = requests(&rig).await;
    let fresh = run(&mut rig, "a", "%%fresh\nCount the lines").await;
    assert!(fresh.text().contains("2 lines") || fresh.text().contains("**2** lines"));
    assert!(requests(&rig).await > sent);
}

#[tokio::test]
async fn the_turn_after_recorded_ones_knows_them_and_holds_nothing_of_another_api() {
    let (mut rig, _) = recorded().await;
    run(&mut rig, "a", "Count the lines").await;
    run(&mut rig, "b", "Name the first").await;
    let next = run(&mut rig, "c", "Name another").await;
    assert!(next.text().contains("It is `b`"), "{}", next.text());
    let request = crate::support::rig::asked(&rig).await.pop().unwrap();
    let text = request.to_string();
    assert!(text.contains("There are **2** lines."), "{text}");
    assert!(!text.contains("\"thinking\":\"I should count"), "{text}");
}

#[tokio::test]
async fn two_identical_runs_leave_the_same_recording() {
    let (rig, before) = recorded().await;
    drop(rig);
    let (_rig, again) = recorded().await;
    let record = |outputs: &[serde_json::Value]| {
        outputs.last().unwrap()["metadata"]["claude_kernel"]["record"].clone()
    };
    assert!(record(&before[0])["data"].is_string());
    assert_eq!(record(&before[0]), record(&again[0]));
}

#[tokio::test]
async fn a_recording_that_was_forged_answers_nothing() {
    let (rig, mut before) = recorded().await;
    let other = before_id(&before[1]);
    let receipt = before[0].last_mut().unwrap();
    receipt["metadata"]["claude_kernel"]["record"]["id"] = other;
    save(&rig, &[cell("a", 1, "Count the lines", &before[0])]);
    let mut rig: Rig = rig.restarted(Options::nowhere()).await;
    run(&mut rig, "s", "%replay only").await;
    let miss = run(&mut rig, "a", "Count the lines").await;
    let said = miss.iopub("error")[0]["evalue"].as_str().unwrap();
    assert!(said.contains("changed after it was written"), "{said}");
}

fn before_id(outputs: &[serde_json::Value]) -> serde_json::Value {
    outputs.last().unwrap()["metadata"]["claude_kernel"]["record"]["id"].clone()
}

#[tokio::test]
async fn a_kernel_that_was_restarted_answers_from_its_journal_where_the_notebook_was_not_saved() {
    let state = tempfile::tempdir().unwrap();
    let options = || Options {
        state_dir: Some(state.path().to_owned()),
        notebook: Some("/n/sales.ipynb".into()),
        resume: Resume::Ask,
        ..Options::nowhere()
    };
    let mut rig = Rig::with_journal(super::SCRIPT, options()).await;
    let before = outputs(&run(&mut rig, "a", "Count the lines").await);
    let content = serde_json::json!({"restart": true});
    rig.ask(Channel::Control, "shutdown_request", content).await;
    rig.kernel.await.unwrap();
    let mut rig = Rig::with_journal(super::SCRIPT, options()).await;
    let ran = run(&mut rig, "a", "Count the lines").await;
    assert!(ran.text().contains("nothing sent"), "{}", ran.text());
    assert_eq!(requests(&rig).await, 0);
    // The answer is the one of before; a line above says that `%resume` continues the conversation.
    let answer = |outputs: &[serde_json::Value]| {
        let texts = outputs.iter().map(|output| output["data"].to_string());
        texts
            .filter(|text| text.contains("There are"))
            .collect::<Vec<_>>()
    };
    assert_eq!(answer(&outputs(&ran)), answer(&before));
}

/// Changes what a recording says, as somebody does who knows how its digests are made.
fn forged(outputs: &mut [Value], change: impl FnOnce(&mut Recording)) {
    let record = &mut outputs.last_mut().unwrap()["metadata"]["claude_kernel"]["record"];
    let mut recording = Coded::read(record).unwrap().recording().unwrap();
    change(&mut recording);
    *record = Coded::of(&recording).unwrap().value();
}

#[tokio::test]
async fn a_recorded_name_that_leads_outside_stays_in_the_folder_and_false_content_is_left_out() {
    let (rig, mut before) = recorded().await;
    std::fs::remove_dir_all(rig.files()).unwrap();
    forged(&mut before[0], |recording| {
        recording.files[0].name = "../../evil.csv".to_owned();
        let mut other = recording.files[0].clone();
        other.id = "file_r2".to_owned();
        other.name = "/tmp/other.csv".to_owned();
        other.content = Some("AAAA".to_owned());
        recording.files.push(other);
        let is_result = |block: &&mut Value| block["tool_use_id"].is_string();
        let mut blocks = recording.calls[0].blocks.iter_mut();
        let result = blocks.find(is_result).unwrap();
        let files = result["content"]["content"].as_array_mut().unwrap();
        files.push(json!({"type": "bash_code_execution_output", "file_id": "file_r2"}));
    });
    save(&rig, &[cell("a", 1, "Count the lines", &before[0])]);
    let mut rig = rig.restarted(Options::nowhere()).await;
    let ran = run(&mut rig, "a", "Count the lines").await;
    assert!(ran.text().contains("nothing sent"), "{}", ran.text());
    let entries = std::fs::read_dir(rig.files()).unwrap();
    let names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].ends_with("evil.csv"), "{names:?}");
    let above = rig.directory.path().parent().unwrap();
    assert!(!above.join("evil.csv").exists() && !rig.directory.path().join("evil.csv").exists());
    assert!(
        ran.text().contains("the recording holds only its name"),
        "{}",
        ran.text()
    );
}

#[tokio::test]
async fn a_recorded_answer_of_a_stranger_is_neutralised_as_any_answer_is() {
    let (rig, mut before) = recorded().await;
    forged(&mut before[0], |recording| {
        let text = recording.calls[0].blocks.last_mut().unwrap();
        text["text"] = json!("<script>alert(1)</script> <img src=x onerror=alert(2)>");
    });
    save(&rig, &[cell("a", 1, "Count the lines", &before[0])]);
    let mut rig = rig.restarted(Options::nowhere()).await;
    let shown = outputs(&run(&mut rig, "a", "Count the lines").await);
    let markdown: Vec<&str> = shown
        .iter()
        .filter_map(|output| output["data"]["text/markdown"].as_str())
        .collect();
    let page = markdown.concat();
    assert!(page.contains("alert(1)"), "{page}");
    assert!(
        !page.contains("<script") && !page.contains("<img"),
        "{page}"
    );
}

#[tokio::test]
async fn the_cells_below_one_whose_key_was_covered_are_answered_too() {
    let key = "sk-ant-own-key-of-this-process-0123456789";
    let options = || Options {
        redactor: Redactor::new([Secret::new(key)]),
        ..Options::nowhere()
    };
    let mut rig = Rig::with_journal(super::SCRIPT, options()).await;
    let prompt = format!("Is {key} a key?");
    let first = outputs(&run(&mut rig, "a", &prompt).await);
    let second = outputs(&run(&mut rig, "b", "Name the first").await);
    let recording = Coded::read(&first.last().unwrap()["metadata"]["claude_kernel"]["record"]);
    let recording = recording.unwrap().recording().unwrap();
    assert_eq!(recording.prompt, "Is [a key, not recorded] a key?");
    let cells = [
        cell("a", 1, &prompt, &first),
        cell("b", 2, "Name the first", &second),
    ];
    save(&rig, &cells);
    let mut rig = rig.restarted(options()).await;
    run(&mut rig, "s", "%replay only").await;
    let again = outputs(&run(&mut rig, "a", &prompt).await);
    assert_eq!(again, first);
    let again = outputs(&run(&mut rig, "b", "Name the first").await);
    assert_eq!(again, second);
}
