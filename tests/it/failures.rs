//! What goes wrong at the API, as a notebook sees it: one clear error, a next step, and a next cell
//! that works.

use serde_json::{Value, json};

use crate::support::rig::{Asks, Ran, Rig, arm};

const SCRIPT: &str = "# Say hello\n\nHello.\n\n# Keep a file\n\n```bash\necho kept > kept.txt\n```\n\nDone.\n\n\
                      # Read the file\n\n```bash\ncat kept.txt\n```\n\nRead.\n\n\
                      # Make a file\n\n```bash\necho a > \"$OUTPUT_DIR/a.txt\"\n```\n\nMade.\n";

async fn rig() -> Rig {
    Rig::start(SCRIPT).await
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
        ran.transcript().contains("Overloaded, trying again"),
        "{}",
        ran.transcript()
    );
    assert!(
        !ran.text().contains("Overloaded"),
        "nothing of it stays: {}",
        ran.text()
    );
}

#[tokio::test]
async fn errors_of_the_api_fail_the_cell_by_name() {
    for (fault, ename) in [
        (
            "status status=529 retry_after_ms=1 times=11",
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
        ("cut after_events=3", "StreamBroken"),
        ("cut after_events=3 clean=true", "StreamBroken"),
        ("reset times=3", "ConnectionError"),
        ("status status=402", "BillingError"),
        ("status status=529 should_retry=false", "OverloadedError"),
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

/// The messages of the last request, as the backend got them.
async fn last_messages(rig: &Rig) -> Vec<Value> {
    let requests = rig.emulator.faults().requests().await.unwrap();
    let last = requests
        .iter()
        .rfind(|request| request.target == "/v1/messages");
    last.unwrap().body["messages"].as_array().unwrap().clone()
}

fn hints(ran: &Ran) -> String {
    ran.reply()["traceback"].to_string()
}

#[tokio::test]
async fn a_refusal_gives_its_reason_and_leaves_no_turn() {
    for (prompt, shown) in [("Refuse at once", ""), ("Refuse later", "I begin.")] {
        let mut rig = Rig::start(&format!(
            "{SCRIPT}\n# Refuse at once\n\n<!-- stop: refusal cyber -->\n\n# Refuse later\n\nI begin.\n\n<!-- stop: refusal bio -->\n"
        ))
        .await;
        let ran = rig.cell(prompt).await;
        assert!(ran.text().contains(shown), "{}", ran.text());
        let evalue = ran.reply()["evalue"].as_str().unwrap();
        assert!(
            evalue.contains("category `") && evalue.contains("refuses here"),
            "{evalue}"
        );
        assert!(hints(&ran).contains("%%model"), "{}", hints(&ran));
        check_failed(&mut rig, &ran, "Refusal").await;
        let sent = json!(last_messages(&rig).await).to_string();
        assert!(
            !sent.contains("Refuse") && !sent.contains("I begin"),
            "{sent}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_off_says_so_and_how_to_go_on() {
    for (stop, hint) in [
        ("max_tokens", "%max_tokens"),
        ("model_context_window_exceeded", "%compact"),
    ] {
        let script = format!("{SCRIPT}\n# Talk\n\nOne two three.\n\n<!-- stop: {stop} -->\n");
        let mut rig = Rig::start(&script).await;
        let ran = rig.cell("Talk").await;
        assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
        for part in ["One two three.", "cut off", "%continue", hint] {
            assert!(ran.text().contains(part), "{part}: {}", ran.text());
        }
        assert_eq!(rig.cell("Say hello").await.reply()["status"], "ok");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_keeps_what_was_shown_in_the_conversation() {
    for fault in [
        "cut after_deltas=2",
        "error after_deltas=2 error_type=api_error",
    ] {
        let mut rig = Rig::start(&format!(
            "{SCRIPT}\n# Talk\n\nOne two three four five six seven eight nine ten eleven twelve.\n"
        ))
        .await;
        arm(&rig, fault).await;
        let ran = rig.cell("Talk").await;
        assert!(
            ran.text().contains("One") && !ran.text().contains("twelve"),
            "{}",
            ran.text()
        );
        assert!(hints(&ran).contains("%continue"), "{}", hints(&ran));
        assert_eq!(rig.cell("Say hello").await.reply()["status"], "ok");
        let sent = last_messages(&rig).await;
        assert_eq!(sent.len(), 3, "{sent:?}");
        assert_eq!(sent[1]["role"], "assistant");
        assert!(sent[1].to_string().contains("One"), "{sent:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_counts_down_or_tells_when_to_come_back() {
    let mut rig = rig().await;
    arm(&rig, "status status=429 retry_after_ms=1300 times=2").await;
    let ran = rig.cell_as(Asks::Lab, "Say hello").await;
    assert!(ran.text().contains("Hello."), "{}", ran.text());
    for line in ["Rate limited, trying again in 2 s", "trying again in 1 s"] {
        assert!(ran.transcript().contains(line), "{}", ran.transcript());
    }
    arm(&rig, "status status=429 retry_after=7200").await;
    let ran = rig.cell("Say hello").await;
    let hint = hints(&ran);
    assert!(
        hint.contains("in 2 h (at ") && hint.contains(" UTC)"),
        "{hint}"
    );
    check_failed(&mut rig, &ran, "RateLimitError").await;
}

#[tokio::test]
async fn x_should_retry_is_obeyed_both_ways() {
    let mut rig = rig().await;
    arm(&rig, "status status=400 should_retry=true").await;
    let ran = rig.cell("Say hello").await;
    assert!(ran.text().contains("Hello."), "{}", ran.transcript());
    // With a sandbox and thinking, too: what is asked for is the same request.
    rig.cell("Keep a file").await;
    arm(&rig, "status status=400 should_retry=true").await;
    rig.cell("Say hello").await;
    let asked = rig.emulator.faults().requests().await.unwrap();
    let [.., first, again] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert!(first.body["container"].is_string(), "{first:?}");
    assert_eq!(first.body, again.body);
    arm(&rig, "status status=500 should_retry=false").await;
    let ran = rig.cell("Say hello").await;
    check_failed(&mut rig, &ran, "ApiError").await;
}

#[tokio::test]
async fn a_request_beyond_32_mb_is_not_sent() {
    let mut rig = rig().await;
    rig.cell("Say hello").await;
    let before = rig.emulator.faults().requests().await.unwrap().len();
    let ran = rig.cell(&"many words ".repeat(3_000_000)).await;
    let hint = hints(&ran);
    for part in ["33.0 MB", "Nothing was sent", "%compact", "%reset chat"] {
        assert!(hint.contains(part), "{hint}");
    }
    let after = rig.emulator.faults().requests().await.unwrap().len();
    assert_eq!(before, after);
    check_failed(&mut rig, &ran, "RequestTooLargeError").await;
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
