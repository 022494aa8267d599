//! Sandboxes that expired (W1), that no tool could use (W3), and an API that is busy (W4).

use serde_json::Value;

use super::{at_once, fine, write};
use crate::support::rig::{Rig, arm, asked};

const SCRIPT: &str = "# /^List/\n\n```bash\nls \"$INPUT_DIR\"; echo x >> kept.txt; wc -l < kept.txt\n```\n\nListed.\n\n\
    # /^Say/\n\nSaid.\n";

fn container(body: &Value) -> &Value {
    &body["container"]
}

/// An expired sandbox is replaced in the same cell, with the inputs again, and it is said.
async fn check_expired(told: &str) {
    let mut rig = Rig::start(SCRIPT).await;
    write(&rig, "a.csv", "1\n");
    at_once(&mut rig, "%attach a.csv\nList").await;
    let (_, request) = at_once(&mut rig, "List").await;
    let old = container(&request).clone();
    assert!(old.is_string());
    arm(&rig, &format!("expire_container told={told}")).await;
    let (ran, sent) = fine(&mut rig, "List").await;
    let last = &sent[sent.len() - 1];
    assert_eq!((container(&sent[0]), container(last)), (&old, &Value::Null));
    let text = ran.text();
    assert!(text.contains("sandbox") && text.contains("gone"), "{text}");
    assert!(text.contains("a.csv\n1\n"), "new, with the input: {text}");
    let (ran, request) = at_once(&mut rig, "List").await;
    assert_ne!(container(&request), &old);
    assert!(!ran.text().contains("gone"), "{}", ran.text());
    assert!(ran.text().contains("a.csv\n2\n"), "{}", ran.text());
}

#[tokio::test]
async fn w1_an_expired_sandbox_told_by_the_first_event_is_replaced() {
    check_expired("event").await;
}

#[tokio::test]
async fn w1_an_expired_sandbox_told_by_a_404_is_replaced() {
    check_expired("not_found").await;
}

#[tokio::test]
async fn w1_an_expired_sandbox_told_by_a_bare_500_is_replaced() {
    check_expired("internal").await;
}

#[tokio::test]
async fn w1_a_sandbox_whose_step_says_that_it_expired_is_not_named_again() {
    let mut rig = Rig::start(SCRIPT).await;
    at_once(&mut rig, "List").await;
    arm(&rig, "expire_container told=result").await;
    let (_, request) = at_once(&mut rig, "List").await;
    assert!(container(&request).is_string());
    let (ran, request) = at_once(&mut rig, "List").await;
    assert_eq!(container(&request), &Value::Null);
    assert!(ran.text().contains("1\n"), "{}", ran.text());
}

/// A 500 that has nothing to do with the sandbox does not cost it.
#[tokio::test]
async fn w1_a_500_for_another_reason_keeps_the_sandbox() {
    let mut rig = Rig::start(SCRIPT).await;
    at_once(&mut rig, "List").await;
    arm(&rig, "500 times=20").await;
    let ran = rig.cell("List").await;
    assert_eq!(ran.reply()["status"], "error");
    assert!(!ran.text().contains("is gone"), "{}", ran.text());
    rig.emulator.faults().clear().await.unwrap();
    let (ran, _) = at_once(&mut rig, "List").await;
    assert!(ran.text().contains("2\n"), "{}", ran.text());
}

/// A model that is told nothing of tools in mid-conversation gets them anew.
async fn check_rests(model: &str) {
    let mut rig = Rig::start(SCRIPT).await;
    at_once(&mut rig, &format!("%model {model}\nList")).await;
    let (_, request) = at_once(&mut rig, "List").await;
    let sandbox = container(&request).clone();
    let (ran, _) = at_once(&mut rig, "%tools none\nSay it").await;
    assert!(!ran.text().contains("sandbox"), "{}", ran.text());
    at_once(&mut rig, "Say it").await;
    let (ran, request) = at_once(&mut rig, "%tools default\nList").await;
    assert_eq!(container(&request), &sandbox, "it only rested");
    assert!(ran.text().contains("3\n"), "{}", ran.text());
}

#[tokio::test]
async fn w3_a_sandbox_rests_while_no_tool_can_use_it() {
    check_rests("haiku").await;
}

#[tokio::test]
async fn w3_a_sandbox_rests_also_with_an_older_model() {
    check_rests("claude-opus-4-7").await;
}

#[tokio::test]
async fn w3_a_sandbox_rests_also_when_tools_go_up_front_after_a_refusal() {
    let mut rig = Rig::start(SCRIPT).await;
    at_once(&mut rig, "List").await;
    at_once(&mut rig, "List").await;
    // An older deployment knows no tools in mid-conversation.
    arm(&rig, "unknown_beta times=20").await;
    fine(&mut rig, "%tools none\n%web on\nSay it").await;
    let (ran, _) = fine(&mut rig, "%tools default\nList").await;
    assert!(ran.text().contains("3\n"), "{}", ran.text());
}

#[tokio::test]
async fn w4_an_error_as_the_first_event_is_tried_again() {
    for kind in [
        "overloaded_error",
        "rate_limit_error",
        "api_error",
        "timeout_error",
    ] {
        let mut rig = Rig::start(SCRIPT).await;
        at_once(&mut rig, "List").await;
        arm(&rig, &format!("first_event error_type={kind}")).await;
        let (ran, sent) = fine(&mut rig, "List").await;
        assert_eq!(sent.len(), 2, "{kind}");
        assert_eq!(container(&sent[0]), container(&sent[1]), "{kind}");
        assert!(ran.text().contains("2\n"), "{kind}: {}", ran.text());
    }
}

#[tokio::test]
async fn w4_an_error_as_every_first_event_has_done_nothing() {
    let mut rig = Rig::start(SCRIPT).await;
    arm(&rig, "first_event times=20").await;
    let ran = rig.cell("List").await;
    assert_eq!(
        ran.reply()["ename"],
        "OverloadedError",
        "{}",
        ran.transcript()
    );
    let text = ran.text();
    assert!(!text.contains("may already have run"), "{text}");
    assert!(!text.contains("mid-answer"), "{text}");
    assert_eq!(asked(&rig).await.len(), 3, "as often as an HTTP error");
}
