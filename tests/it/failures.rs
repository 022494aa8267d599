//! What goes wrong at the API, as a notebook sees it: one clear error, a next step, and a next cell
//! that works.

use claude_kernel::emulator::faults::Fault;
use claude_kernel::jupyter::connection::Channel;
use claude_kernel::jupyter::memory::Sent;
use serde_json::json;

use crate::support::rig::{Asks, Ran, Rig};

const SCRIPT: &str = "# Say hello\n\nHello.\n\n# Keep a file\n\n```bash\necho kept > kept.txt\n```\n\nDone.\n\n\
                      # Read the file\n\n```bash\ncat kept.txt\n```\n\nRead.\n\n\
                      # Make a file\n\n```bash\necho a > \"$OUTPUT_DIR/a.txt\"\n```\n\nMade.\n";

async fn rig() -> Rig {
    Rig::start(SCRIPT).await
}

/// Arms a fault as the table in `emulator::faults` writes it.
async fn arm(rig: &Rig, fault: &str) {
    rig.emulator
        .faults()
        .add(Fault::from_script(fault).unwrap())
        .await
        .unwrap();
}

/// The cell failed in the right way and left the conversation as it was.
async fn check_failed(rig: &mut Rig, ran: &Ran, ename: &str) {
    assert_eq!(ran.reply()["ename"], ename, "{}", ran.transcript());
    assert_eq!(ran.iopub("error").len(), 1);
    let traceback = ran.reply()["traceback"].as_array().unwrap();
    assert!(
        traceback.len() >= 2,
        "it says what to do next: {traceback:?}"
    );
    let next = rig.cell("Say hello").await;
    assert_eq!(next.reply()["status"], "ok", "{}", next.transcript());
    assert!(next.text().contains("Hello."), "{}", next.text());
}

#[tokio::test]
async fn an_overloaded_api_is_tried_again_and_the_wait_can_be_seen() {
    let mut rig = rig().await;
    arm(&rig, "status status=529 retry_after_ms=600").await;
    let ran = rig.cell_as(Asks::Lab, "Say hello").await;
    assert!(ran.text().contains("Hello."), "{}", ran.text());
    assert!(
        ran.transcript().contains("overloaded"),
        "{}",
        ran.transcript()
    );
    assert!(
        !ran.text().contains("overloaded"),
        "nothing of it stays: {}",
        ran.text()
    );
}

#[tokio::test]
async fn errors_of_the_api_fail_the_cell_by_name() {
    for (fault, ename) in [
        (
            "status status=529 retry_after_ms=1 times=3",
            "OverloadedError",
        ),
        ("status status=429 retry_after=3600", "RateLimitError"),
        (
            "status status=429 error_code=enforced_spend_limit_reached",
            "SpendLimitError",
        ),
        ("status status=500 should_retry=false", "ApiError"),
        ("status status=401", "AuthenticationError"),
        ("status status=403", "PermissionError"),
        ("status status=413 body=too-large", "RequestTooLargeError"),
        ("cut after_events=3", "ConnectionError"),
        ("cut after_events=3 clean=true", "ConnectionError"),
        (
            "error after_events=3 error_type=overloaded_error",
            "OverloadedError",
        ),
    ] {
        let mut rig = rig().await;
        arm(&rig, fault).await;
        let ran = rig.cell("Say hello").await;
        assert_eq!(ran.reply()["ename"], ename, "{fault}: {}", ran.transcript());
        check_failed(&mut rig, &ran, ename).await;
    }
}

#[tokio::test]
async fn an_unknown_model_says_where_the_known_ones_are() {
    let mut rig = rig().await;
    let ran = rig.cell("%%model claude-nonsense-9\nSay hello").await;
    assert!(
        ran.reply()["traceback"].to_string().contains("%models"),
        "{}",
        ran.transcript()
    );
    check_failed(&mut rig, &ran, "NotFoundError").await;
}

#[tokio::test]
async fn an_expired_sandbox_is_replaced_in_the_same_cell_and_said() {
    let mut rig = rig().await;
    rig.cell("Keep a file").await;
    assert!(rig.cell("Read the file").await.text().contains("kept"));
    arm(&rig, "expire_container").await;
    let ran = rig.cell("Read the file").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    assert!(
        ran.text().contains("sandbox of earlier cells is gone"),
        "{}",
        ran.text()
    );
    assert!(
        ran.text().contains("No such file"),
        "the new one is empty: {}",
        ran.text()
    );
}

#[tokio::test]
async fn what_this_version_does_not_know_is_kept_and_noted_quietly() {
    let mut rig = rig().await;
    arm(&rig, "unknown_event after_events=2").await;
    arm(&rig, "unknown_block after_events=1").await;
    let ran = rig.cell("Say hello").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    assert!(ran.text().contains("Hello."), "{}", ran.text());
    let next = rig.cell("Say hello").await;
    assert_eq!(
        next.reply()["status"],
        "ok",
        "the unknown block goes back as it came: {}",
        next.transcript()
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_fetched_is_a_line_in_the_answer() {
    let mut rig = rig().await;
    arm(&rig, "fail_download status=404 times=9").await;
    let ran = rig.cell("Make a file").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    assert!(
        ran.text().contains("a.txt") && ran.text().contains("Made."),
        "{}",
        ran.text()
    );
    assert!(!rig.files().join("a.txt").exists());
}

#[tokio::test]
async fn odd_chunks_give_the_same_answer() {
    let mut rig = rig().await;
    let expected = rig.cell("Make a file").await;
    for fault in [
        "chunks size=1",
        "chunks size=100000",
        "chunks split_utf8=true",
    ] {
        let mut rig = Rig::start(SCRIPT).await;
        arm(&rig, fault).await;
        assert_eq!(
            rig.cell("Make a file").await.text(),
            expected.text(),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn an_interrupt_after_the_second_delta_keeps_what_was_shown() {
    let mut rig =
        Rig::start("# Talk\n\nOne two three four five six seven eight nine ten eleven twelve.\n")
            .await;
    arm(&rig, "gate after_deltas=2 name=second").await;
    let cell = rig.send_as(Asks::Lab, "Talk").await;
    let mut shown = Vec::new();
    while !shown
        .iter()
        .any(|sent: &Sent| sent.message.content["data"].to_string().contains("One"))
    {
        shown.push(rig.next().await);
    }
    rig.front_end
        .send(Channel::Control, "interrupt_request", json!({}))
        .await
        .unwrap();
    let mut ran = rig.until_idle(&cell).await;
    ran.messages.splice(0..0, shown);
    assert!(ran.text().contains("One"), "{}", ran.transcript());
    assert!(!ran.text().contains("twelve"), "{}", ran.transcript());
    assert!(
        ran.text().contains("KeyboardInterrupt") && ran.text().contains("billed"),
        "{}",
        ran.text()
    );
}

#[tokio::test]
async fn a_wrong_key_is_told_without_showing_it() {
    let mut rig = Rig::with_key(SCRIPT, "sk-ant-wrong-key").await;
    let ran = rig.cell("Say hello").await;
    assert_eq!(ran.reply()["ename"], "AuthenticationError");
    assert!(
        !ran.transcript().contains("sk-ant-wrong-key"),
        "{}",
        ran.transcript()
    );
}
