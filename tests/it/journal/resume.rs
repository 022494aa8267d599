//! What a restarted kernel continues, and what it says.

use claude_kernel::config::Resume;
use claude_kernel::jupyter::connection::Channel;
use claude_kernel::kernel::journal::Options;
use serde_json::{Value, json};

use super::{
    Place, SCRIPT, arm, crash, entries, last_request, run, shut_down, text, until_written,
};
use crate::support::rig::{Asks, Ran, Rig};

fn said(ran: &Ran, what: &str) -> bool {
    let is_said = |shown: &Value| {
        shown["metadata"]["claude_kernel"]["block"] == "note"
            && shown["data"]["text/plain"].to_string().contains(what)
    };
    ran.iopub("display_data").into_iter().any(is_said)
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
async fn the_steps_of_a_turn_that_was_cut_off_are_in_the_history() {
    let place = Place::new();
    let script = "# Count\n\n```bash\necho counted\n```\n\nOne two three four five six seven.\n";
    let mut rig = Rig::with_journal(script, place.options()).await;
    run(&mut rig, "Count").await;
    // Its sandbox is known from the turn before. In the middle of the text:
    arm(&rig, "gate after_events=8 name=text").await;
    rig.send_as(Asks::Console, "Count").await;
    rig.emulator.faults().gate_reached("text").await.unwrap();
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let is_written = || {
        let text = text(&place.only_journal());
        text.lines()
            .any(|line| line.contains("\"turn\":2") && line.contains("_tool_result"))
    };
    while !is_written() {
        assert!(std::time::Instant::now() < limit);
        tokio::task::yield_now().await;
    }
    crash(&place, rig).await;

    let mut rig = Rig::with_journal(script, place.options()).await;
    let status = run(&mut rig, "%status").await.text();
    assert!(status.contains("cut off"), "{status}");
    // The new backend knows no such sandbox; the turn is made all the same.
    let next = run(&mut rig, "Count").await;
    assert_eq!(next.reply()["status"], "ok", "{}", next.transcript());
    let request = last_request(&rig).await;
    assert_eq!(request.matches("echo counted").count(), 2, "{request}");
    let requests = rig.emulator.faults().requests().await.unwrap();
    let asked = |what: &str| {
        requests
            .iter()
            .any(|sent| sent.body.to_string().contains(what))
    };
    assert!(
        asked("\"container\":\"container_"),
        "the sandbox was asked for"
    );
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

/// A budget holds over restarts: what was spent before is not forgotten.
#[tokio::test]
async fn the_ledger_comes_back_with_the_conversation() {
    let place = Place::new();
    let mut rig = Rig::paid_with_journal(SCRIPT, place.options()).await;
    run(&mut rig, "%budget $1\nSay hello").await;
    let before = run(&mut rig, "%cost").await.text();
    crash(&place, rig).await;
    let mut rig = Rig::paid_with_journal(SCRIPT, place.options()).await;
    run(&mut rig, "%resume").await;
    let after = run(&mut rig, "%cost").await.text();
    assert!(before.contains("Say hello"), "{before}");
    assert_eq!(after.matches("Say hello").count(), 1, "{after}");
    let budget = run(&mut rig, "%budget").await.text();
    assert!(budget.contains("$1 for the notebook"), "{budget}");
    assert!(!budget.contains("$0.000 of it spent"), "{budget}");
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

#[tokio::test]
async fn resume_goes_on_with_the_last_conversation_and_keeps_the_one_that_ran() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "%effort low\nSay hello").await;
    shut_down(rig).await;

    let mut rig = place.kernel().await;
    let resumed = run(&mut rig, "%resume").await;
    assert_eq!(resumed.reply()["status"], "ok", "{}", resumed.transcript());
    assert!(
        resumed.text().contains("goes on (1 turn)") && resumed.text().contains("Hello, world."),
        "{}",
        resumed.text()
    );
    assert!(!said(&resumed, "onversation"), "it is not told twice");
    // Nothing was said in the one it began with.
    let path = place.only_journal();
    run(&mut rig, "And again").await;
    assert!(last_request(&rig).await.contains("Say hello"));
    assert!(run(&mut rig, "%effort").await.text().contains("low"));
    shut_down(rig).await;
    assert!(text(&path).contains("Hello a second time.") && text(&path).contains("%resume"));

    // Away from a conversation with turns, and back.
    let mut rig = place.kernel().await;
    run(&mut rig, "Count").await;
    run(&mut rig, "%resume").await;
    assert_eq!(place.journals().len(), 2);
    let list = run(&mut rig, "%resume list").await.text();
    assert!(
        list.contains("(this one)") && list.contains("work.ipynb"),
        "{list}"
    );
    let other = list.lines().find(|line| line.contains("Count")).unwrap();
    let id = other.split_whitespace().next().unwrap();
    let back = run(&mut rig, &format!("%resume {id}")).await;
    assert!(back.text().contains("It is done."), "{}", back.text());
    run(&mut rig, "Say hello").await;
    let request = last_request(&rig).await;
    assert!(
        request.contains("Count") && !request.contains("And again"),
        "{request}"
    );
}

#[tokio::test]
async fn resume_shows_all_that_had_arrived_of_a_turn_that_was_cut_off() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    arm(&rig, "gate after_deltas=2 name=second").await;
    rig.send_as(Asks::Console, "Slowly").await;
    until_written(&place, "One two").await;
    crash(&place, rig).await;

    let options = Options {
        connection: Some("another.json".to_owned()),
        ..place.options()
    };
    let mut rig = Rig::with_journal(SCRIPT, options).await;
    let resumed = run(&mut rig, "%resume").await;
    assert!(
        resumed.text().contains("What had arrived for: Slowly")
            && resumed.text().contains("One two"),
        "{}",
        resumed.text()
    );
}

#[tokio::test]
async fn what_cannot_be_resumed_is_said_and_changes_nothing() {
    let place = Place::new();
    let mut first = place.kernel().await;
    let none = run(&mut first, "%resume").await;
    assert_eq!(none.reply()["ename"], "MagicError");
    assert!(
        none.text().contains("no earlier conversation"),
        "{}",
        none.text()
    );
    run(&mut first, "Say hello").await;
    let id = place.only_journal();
    let id = id
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .rsplit('-')
        .next()
        .unwrap()
        .to_owned();

    let mut second = place.kernel().await;
    run(&mut second, "And again").await;
    for (code, what) in [
        (format!("%resume {id}"), "another kernel is using it"),
        ("%resume".to_owned(), "another kernel is using it"),
        (
            "%resume ffffffffffff".to_owned(),
            "there is no conversation",
        ),
    ] {
        let ran = run(&mut second, &code).await;
        assert!(ran.text().contains(what), "{}", ran.text());
    }
    run(&mut second, "Say hello").await;
    assert!(last_request(&second).await.contains("And again"));
    let own = run(&mut first, &format!("%resume {id}")).await;
    assert!(own.text().contains("that is running"), "{}", own.text());
}

#[tokio::test]
async fn a_damaged_conversation_goes_on_in_a_copy() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    run(&mut rig, "And again").await;
    shut_down(rig).await;
    let path = place.only_journal();
    let damaged = text(&path).replace("{\"t\":\"cell\",\"line\":2", "{\"t\":\"ce");
    std::fs::write(&path, &damaged).unwrap();

    let mut rig = place.kernel().await;
    let resumed = run(&mut rig, "%resume").await;
    assert!(
        resumed.text().contains("damaged at line") && resumed.text().contains("2 turns"),
        "{}",
        resumed.text()
    );
    run(&mut rig, "Count").await;
    assert!(last_request(&rig).await.contains("Hello, world."));
    shut_down(rig).await;
    assert_eq!(text(&path), damaged);
    assert_eq!(place.journals().len(), 2);
}

/// One flipped byte came back as `bash_code_eVecution_result`, and the next turn was refused.
#[tokio::test]
async fn s9_a_flipped_byte_is_left_out_and_said_and_the_next_turn_is_taken() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    run(&mut rig, "Count").await;
    run(&mut rig, "And again").await;
    shut_down(rig).await;
    let path = place.only_journal();
    let damaged = text(&path).replace("bash_code_execution_result", "bash_code_eVecution_result");
    assert_ne!(damaged, text(&path));
    std::fs::write(&path, &damaged).unwrap();
    let mut rig = place.kernel().await;
    let resumed = run(&mut rig, "%resume").await.text();
    assert!(
        resumed.contains("damaged at line") && resumed.contains("2 turns"),
        "{resumed}"
    );
    let ran = run(&mut rig, "Say hello").await;
    assert!(ran.text().contains("Hello, world."), "{}", ran.text());
    let request = last_request(&rig).await;
    assert!(!request.contains("eVecution"), "{request}");
}

#[tokio::test]
async fn h5_prose_that_names_resume_hears_of_the_earlier_conversation() {
    for prompt in [
        "What does `%resume` do?",
        "Tell me about %resume",
        "And again %resume",
    ] {
        let place = Place::new();
        let mut rig = place.kernel().await;
        run(&mut rig, "Say hello").await;
        shut_down(rig).await;

        let mut rig = place.kernel().await;
        let fresh = run(&mut rig, prompt).await;
        assert!(
            said(&fresh, "`%resume` continues it"),
            "{prompt}: {}",
            fresh.transcript()
        );
    }
}
