//! A kernel that goes on from any state it may have been killed in, and two that want the same.

use claude_kernel::kernel::journal::Options;
use serde_json::{Map, json};

use super::{Place, SCRIPT, arm, crash, last_request, run, shut_down, text, until_written};
use crate::support::rig::{Asks, Rig};

/// What VS Code calls cells holds within one process of it only.
#[tokio::test]
async fn a_turn_that_was_cut_off_is_not_taken_for_a_cell_of_another_process() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    let cell = |address: &str| {
        let id = format!("vscode-notebook-cell:/n/work.ipynb#{address}");
        Map::from_iter([("cellId".to_owned(), json!(id))])
    };
    let asked = rig.send_with(Asks::Console, "Say hello", cell("W0")).await;
    rig.until_idle(&asked).await;
    arm(&rig, "gate after_deltas=2 name=second").await;
    rig.send_with(Asks::Console, "Slowly", cell("W1")).await;
    until_written(&place, "One two").await;
    crash(&place, rig).await;

    let mut rig = place.kernel().await;
    let asked = rig.send_with(Asks::Console, "And again", cell("W1")).await;
    rig.until_idle(&asked).await;
    let request = last_request(&rig).await;
    assert!(
        request.contains("Hello, world.") && request.contains("One two"),
        "{request}"
    );
}

#[tokio::test]
async fn a_kernel_that_died_while_a_tool_of_this_machine_ran_goes_on() {
    let place = Place::new();
    let script = format!(
        "# Wait\n\nI wait.\n\n```json block\n{{\"type\": \"tool_use\", \"name\": \"wait\", \"input\": {{}}}}\n```\n\nDone.\n\n{SCRIPT}"
    );
    let mut rig = Rig::with_journal(&script, place.options()).await;
    let tool = "%%tool\nimport time\ndef wait() -> int:\n    \"\"\"Wait.\"\"\"\n    time.sleep(600)\n    return 1\n";
    let defined = run(&mut rig, tool).await;
    assert_eq!(defined.reply()["status"], "ok", "{}", defined.transcript());
    rig.send_as(Asks::Console, "Wait").await;
    until_written(&place, "\"name\":\"wait\",\"input\":{}").await;
    crash(&place, rig).await;

    let mut rig = Rig::with_journal(&script, place.options()).await;
    let next = run(&mut rig, "Say hello").await;
    assert_eq!(next.reply()["status"], "ok", "{}", next.transcript());
    let request = last_request(&rig).await;
    assert!(request.contains("I wait."), "{request}");
    assert!(!request.contains("\"tool_use\""), "{request}");
}

#[tokio::test]
async fn of_two_kernels_that_resume_one_conversation_at_once_one_does() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    shut_down(rig).await;
    let path = place.only_journal();
    let id = path.file_stem().unwrap().to_str().unwrap();
    let resume = format!("%resume {}", id.rsplit('-').next().unwrap());

    let mut first = place.kernel().await;
    let mut second = place.kernel().await;
    for rig in [&mut first, &mut second] {
        run(rig, "%set mood good").await;
    }
    let (one, other) = tokio::join!(run(&mut first, &resume), run(&mut second, &resume));
    let went = [&one, &other].map(|ran| ran.reply()["status"] == "ok");
    assert_ne!(
        went[0],
        went[1],
        "{} {}",
        one.transcript(),
        other.transcript()
    );
    let (won, lost, refused) = match went[0] {
        true => (&mut first, &mut second, other),
        false => (&mut second, &mut first, one),
    };
    assert!(refused.text().contains("another kernel is using it"));
    run(won, "And again").await;
    assert!(last_request(won).await.contains("Hello, world."));
    run(lost, "And again").await;
    assert!(!last_request(lost).await.contains("Hello, world."));
    shut_down(first).await;
    shut_down(second).await;
    assert!(text(&path).contains("And again"));
}

#[tokio::test]
async fn threads_and_forks_are_as_they_were() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    run(&mut rig, "%fork aside\nAnd again").await;
    run(&mut rig, "%thread main\n%effort low\nCount").await;
    run(&mut rig, "%thread aside").await;
    let before = (
        run(&mut rig, "%thread").await.text(),
        run(&mut rig, "%history").await.text(),
    );
    crash(&place, rig).await;
    let options = Options {
        connection: None,
        ..place.options()
    };
    let mut rig = Rig::with_journal(SCRIPT, options).await;
    run(&mut rig, "%resume").await;
    let after = (
        run(&mut rig, "%thread").await.text(),
        run(&mut rig, "%history").await.text(),
    );
    assert_eq!(after, before);
    assert!(run(&mut rig, "%effort").await.text().contains("low"));
    run(&mut rig, "Say hello").await;
    let request = last_request(&rig).await;
    assert!(
        request.contains("And again") && !request.contains("counted"),
        "{request}"
    );
}

#[tokio::test]
async fn a_summary_stands_for_its_turns_after_a_restart_too() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    run(&mut rig, "And again").await;
    let compacted = run(&mut rig, "%compact").await;
    assert_eq!(
        compacted.reply()["status"],
        "ok",
        "{}",
        compacted.transcript()
    );
    crash(&place, rig).await;
    let mut rig = place.kernel().await;
    let next = run(&mut rig, "Count").await;
    assert_eq!(next.reply()["status"], "ok", "{}", next.transcript());
    let request = last_request(&rig).await;
    assert!(
        request.contains("\"type\":\"compaction\"") && !request.contains("Hello, world."),
        "{request}"
    );
    let history = run(&mut rig, "%history").await.text();
    assert!(history.contains("Say hello"), "{history}");
}
