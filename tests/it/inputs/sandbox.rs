//! The sandbox over a notebook's life: lost, reset, made again; what it has and what it lacks.

use serde_json::json;

use super::{arm, before_the_prompt, requests, rig, uploads, write};
use crate::support::rig::Rig;

#[tokio::test]
async fn an_expired_sandbox_gets_the_files_again_in_the_same_cell() {
    let mut rig = rig().await;
    write(&rig, "a.csv", "1\n");
    write(&rig, "b.csv", "1\n");
    rig.cell("%attach a.csv\nList the files").await;
    arm(&rig, json!({"kind": "expire_container"})).await;
    let ran = rig.cell("%attach b.csv\nList the files").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    let text = ran.text();
    assert!(
        text.contains("which has your attached files and nothing else"),
        "{text}"
    );
    assert!(text.contains("a.csv\nb.csv"), "{text}");
    rig.cell("List the files").await;
    assert_eq!(
        before_the_prompt(&rig).await,
        Vec::<String>::new(),
        "once is enough"
    );
}

#[tokio::test]
async fn a_sandbox_that_was_reset_gets_the_files_again() {
    let mut rig = rig().await;
    write(&rig, "a.csv", "1\n");
    rig.cell("%attach a.csv\nList the files").await;
    let ran = rig.cell("%reset sandbox\nList the files").await;
    let text = ran.text();
    assert!(
        text.contains("`a.csv` goes to Claude's new sandbox, too."),
        "{text}"
    );
    assert!(text.contains("a.csv\n"), "{text}");
    assert_eq!(uploads(&rig).await, 1);
    rig.cell("%tools none\nLook").await;
    assert_eq!(before_the_prompt(&rig).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_refusal_for_another_reason_does_not_cost_the_sandbox() {
    let mut rig = rig().await;
    write(&rig, "a.csv", "1\n");
    rig.cell("%attach a.csv\nList the files").await;
    arm(&rig, json!({"kind": "status", "status": 400, "times": 3})).await;
    assert_eq!(rig.cell("List the files").await.reply()["status"], "error");
    rig.emulator.faults().clear().await.unwrap();
    let ran = rig.cell("List the files").await;
    assert!(!ran.text().contains("sandbox"), "{}", ran.text());
    assert!(ran.text().contains("a.csv"), "{}", ran.text());
}

#[tokio::test]
async fn packages_are_asked_for_once() {
    let mut rig = Rig::start("# Hello\n\nHi.\n").await;
    let ran = rig.cell("%packages plotly").await;
    assert!(
        ran.text()
            .starts_with("plotly is not in the sandbox. Instead: matplotlib"),
        "{}",
        ran.text()
    );
    assert_eq!(requests(&rig).await, Vec::new(), "one name asks nobody");
    let ran = rig.cell("%packages").await;
    let text = ran.text();
    assert!(text.starts_with("The sandbox has python 3."), "{text}");
    assert!(text.contains("numpy "), "{text}");
    let sent = requests(&rig).await.len();
    assert_eq!(rig.cell("%packages").await.text(), text);
    assert!(
        rig.cell("%packages numpy")
            .await
            .text()
            .starts_with("numpy is in the sandbox: numpy ")
    );
    assert_eq!(requests(&rig).await.len(), sent, "the list is kept");
    let history = rig.cell("%history").await;
    assert!(!history.text().contains("packages"), "{}", history.text());
    rig.cell("Hello").await;
    let requests = requests(&rig).await;
    let body = &requests.last().unwrap().1;
    assert_eq!(body["messages"].as_array().unwrap().len(), 1, "{body}");
    assert!(
        body["container"].is_string(),
        "its sandbox is the conversation's"
    );
}

#[tokio::test]
async fn a_failed_step_is_followed_by_what_to_do_instead() {
    let mut rig = Rig::start(
        "# Import\n\n```python\nimport plotly.express\n```\n\n```python\nimport plotly\n```\n\nNo.\n\n# Fill\n\n```python\nraise MemoryError\n```\n\nNo.\n",
    )
    .await;
    let ran = rig.cell("Import").await;
    let text = ran.text();
    let hint = "Claude's own sandbox does not have it either: matplotlib and seaborn draw figures.";
    assert_eq!(text.replace('`', "").matches(hint).count(), 1, "{text}");
    let ran = rig.cell("Fill").await;
    assert!(ran.text().contains("5 GiB of memory"), "{}", ran.text());
}

#[tokio::test]
async fn a_fresh_sandbox_can_be_made_as_the_old_one_was() {
    let mut rig = Rig::start(
        "# Make\n\n```bash\ncp \"$INPUT_DIR/a.csv\" kept.csv; echo more >> kept.csv\n```\n\nMade.\n\n# Read\n\n```bash\ncat kept.csv\n```\n\nRead.\n",
    )
    .await;
    let ran = rig.cell("%reset sandbox --replay").await;
    assert!(
        ran.text().contains("there is nothing to run"),
        "{}",
        ran.text()
    );
    write(&rig, "a.csv", "first\n");
    rig.cell("%attach a.csv\nMake").await;
    let ran = rig.cell("%reset sandbox --replay").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    let text = ran.text();
    assert!(text.contains("Claude runs the one step that ran"), "{text}");
    assert!(text.contains("step 1 of 1 (In [2]): exit 0"), "{text}");
    assert!(!text.contains("did not run"), "{text}");
    let ran = rig.cell("Read").await;
    assert!(ran.text().contains("first\nmore\n"), "{}", ran.text());
}

/// The sandbox is rebuilt as it stood above the cell, not as the cells below left it.
#[tokio::test]
async fn a_replay_is_of_the_turns_above_the_cell() {
    let mut rig = Rig::start(
        "# Make one\n\n```bash\necho one > one.txt\n```\n\nMade.\n\n# Make two\n\n```bash\necho two > two.txt\n```\n\nMade.\n\n\
         # List\n\n```bash\nls\n```\n\nListed.\n",
    )
    .await;
    rig.cell_in("a", &[], "Make one").await;
    rig.cell_in("b", &[], "List").await;
    rig.cell_in("c", &[], "Make two").await;
    let ran = rig.cell_in("b", &[], "%reset sandbox --replay").await;
    assert!(
        ran.transcript()
            .contains("Claude runs the one step that ran"),
        "{}",
        ran.transcript()
    );
    let ran = rig.cell_in("b", &[], "List").await;
    let shown = ran.transcript();
    assert!(
        shown.contains("one.txt") && !shown.contains("two.txt"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_replay_that_did_not_happen_is_told() {
    let mut rig = Rig::start(
        "# Make\n\n```bash\necho x > kept.csv\n```\n\nMade.\n\n# /^Run this command once/\n\nI would rather not.\n",
    )
    .await;
    rig.cell("Make").await;
    let ran = rig.cell("%reset sandbox --replay").await;
    assert!(
        ran.text().contains("did not run the recorded steps"),
        "{}",
        ran.text()
    );
}

#[tokio::test]
async fn status_tells_of_the_sandbox() {
    let mut rig = rig().await;
    let ran = rig.cell("%status").await;
    assert!(
        ran.text().contains("none yet: the first command makes one"),
        "{}",
        ran.text()
    );
    rig.cell("List the files").await;
    let ran = rig.cell("%status").await;
    let text = ran.text();
    assert!(
        text.contains("one, made just now, used last just now, promised for 4 h more"),
        "{text}"
    );
}
