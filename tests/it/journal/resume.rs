//! What a restarted kernel continues, and what it says.

use claude_kernel::config::Resume;
use claude_kernel::jupyter::connection::Channel;
use claude_kernel::kernel::journal::Options;
use serde_json::json;

use super::{
    Place, SCRIPT, arm, crash, entries, last_request, run, shut_down, text, until_written,
};
use crate::support::rig::{Asks, Ran, Rig};

fn said(ran: &Ran, what: &str) -> bool {
    let lines = ran.iopub("stream");
    lines
        .iter()
        .any(|line| line["name"] == "stderr" && line["text"].to_string().contains(what))
}

#[tokio::test]
async fn a_kernel_that_died_goes_on_where_it_was() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    let first = run(&mut rig, "Say hello").await;
    assert!(!said(&first, "conversation"), "{}", first.transcript());
    crash(&place, rig).await;

    let mut rig = place.kernel().await;
    let again = run(&mut rig, "And again").await;
    assert!(said(&again, "goes on (1 turn)"), "{}", again.transcript());
    let request = last_request(&rig).await;
    assert!(
        request.contains("Say hello") && request.contains("Hello, world."),
        "{request}"
    );
    // And what is said now is added to the same file.
    shut_down(rig).await;
    assert!(text(&place.only_journal()).contains("Hello a second time."));
}

#[tokio::test]
async fn a_kernel_that_was_restarted_on_purpose_begins_afresh_and_can_resume() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    shut_down(rig).await;

    let mut rig = place.kernel().await;
    let fresh = run(&mut rig, "And again").await;
    assert!(
        said(&fresh, "`%resume` continues it") && said(&fresh, "has 1 turn"),
        "{}",
        fresh.transcript()
    );
    assert!(!last_request(&rig).await.contains("Say hello"));
    shut_down(rig).await;
    assert_eq!(place.journals().len(), 2);
}

#[tokio::test]
async fn auto_continues_after_any_restart_and_off_never_says_a_word() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    shut_down(rig).await;

    let with = |resume| Options {
        resume,
        ..place.options()
    };
    let mut rig = Rig::with_journal(SCRIPT, with(Resume::Auto)).await;
    let again = run(&mut rig, "And again").await;
    assert!(said(&again, "goes on"), "{}", again.transcript());
    assert!(last_request(&rig).await.contains("Say hello"));
    crash(&place, rig).await;

    let mut rig = Rig::with_journal(SCRIPT, with(Resume::Off)).await;
    let off = run(&mut rig, "And again").await;
    assert!(!said(&off, "onversation"), "{}", off.transcript());
    assert!(!last_request(&rig).await.contains("Say hello"));
}

#[tokio::test]
async fn where_nobody_watches_nothing_is_continued_and_nothing_is_said() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    crash(&place, rig).await;

    let options = Options {
        resume: Resume::Auto,
        ..place.options()
    };
    let mut rig = Rig::with_journal(SCRIPT, options).await;
    let batch = rig.cell_as(Asks::Batch, "And again").await;
    assert!(!said(&batch, "onversation"), "{}", batch.transcript());
    assert!(!last_request(&rig).await.contains("Say hello"));
    shut_down(rig).await;
    let headless = place.journals().into_iter().find(|path| {
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("none-")
    });
    assert_eq!(entries(&headless.unwrap())[0]["notebook"], json!(null));
}

#[tokio::test]
async fn another_notebook_has_a_conversation_of_its_own() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    crash(&place, rig).await;

    let options = Options {
        notebook: Some(place.folder.path().join("copy.ipynb")),
        resume: Resume::Auto,
        ..place.options()
    };
    let mut rig = Rig::with_journal(SCRIPT, options).await;
    let ran = run(&mut rig, "And again").await;
    assert!(!said(&ran, "onversation"), "{}", ran.transcript());
    assert!(!last_request(&rig).await.contains("Say hello"));
}

#[tokio::test]
async fn what_had_arrived_of_a_turn_is_in_the_history_after_a_crash() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    arm(&rig, "gate after_deltas=2 name=second").await;
    rig.send_as(Asks::Console, "Slowly").await;
    until_written(&place, "One two").await;
    crash(&place, rig).await;

    let mut rig = place.kernel().await;
    let again = run(&mut rig, "And again").await;
    assert!(
        said(&again, "goes on (1 turn)") && said(&again, "cut off"),
        "{}",
        again.transcript()
    );
    let request = last_request(&rig).await;
    assert!(
        request.contains("Slowly") && request.contains("One two"),
        "{request}"
    );
    assert!(!request.contains("twelve"));
    crash(&place, rig).await;

    // It is a turn like any other from then on.
    let mut rig = place.kernel().await;
    let third = run(&mut rig, "And again").await;
    assert!(said(&third, "goes on (3 turns)"), "{}", third.transcript());
    assert!(!said(&third, "cut off"));
}

#[tokio::test]
async fn the_sandbox_of_a_turn_that_was_cut_off_is_known_again() {
    let place = Place::new();
    let script = "# Count\n\n```bash\necho counted\n```\n\nOne two three four five six seven.\n";
    let mut rig = Rig::with_journal(script, place.options()).await;
    arm(&rig, "gate after_events=12 name=text").await;
    rig.send_as(Asks::Console, "Count").await;
    until_written(&place, "\"t\":\"sandbox\"").await;
    until_written(&place, "counted\\n").await;
    crash(&place, rig).await;

    let mut rig = Rig::with_journal(script, place.options()).await;
    let status = run(&mut rig, "%status").await;
    assert!(
        status.text().contains("one, kept for later cells"),
        "{}",
        status.text()
    );
    // The new backend knows no such sandbox; the turn is made all the same.
    let next = run(&mut rig, "Count").await;
    assert_eq!(next.reply()["status"], "ok", "{}", next.transcript());
}

#[tokio::test]
async fn settings_come_back_with_the_conversation() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "%effort low\n%system Be brief.\nSay hello").await;
    crash(&place, rig).await;

    let mut rig = place.kernel().await;
    let effort = run(&mut rig, "%effort").await;
    assert!(effort.text().contains("low"), "{}", effort.text());
    run(&mut rig, "And again").await;
    assert!(last_request(&rig).await.contains("Be brief."));
}

#[tokio::test]
async fn two_kernels_of_one_notebook_write_two_conversations() {
    let place = Place::new();
    let mut first = place.kernel().await;
    run(&mut first, "Say hello").await;
    let mut second = place.kernel().await;
    let ran = run(&mut second, "And again").await;
    assert!(said(&ran, "Another kernel"), "{}", ran.transcript());
    run(&mut first, "And again").await;
    run(&mut second, "Say hello").await;
    shut_down(first).await;
    shut_down(second).await;
    let turns: Vec<usize> = place
        .journals()
        .iter()
        .map(|path| {
            let lines = entries(path);
            lines
                .iter()
                .filter(|line| !line["record"]["turn"].is_null())
                .count()
        })
        .collect();
    assert_eq!(turns, [2, 2]);
}

#[tokio::test]
async fn an_interrupted_turn_is_continued_as_it_was_left() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    arm(&rig, "gate after_deltas=2 name=second").await;
    let cell = rig.send_as(Asks::Console, "Slowly").await;
    until_written(&place, "One two").await;
    rig.front_end
        .send(Channel::Control, "interrupt_request", json!({}))
        .await
        .unwrap();
    rig.until_idle(&cell).await;
    crash(&place, rig).await;

    let mut rig = place.kernel().await;
    let again = run(&mut rig, "And again").await;
    assert!(said(&again, "goes on (1 turn)") && !said(&again, "cut off"));
    assert!(last_request(&rig).await.contains("One two"));
}
