//! What spoiled conversations for good, fault by fault: each test bears the name of the fault it is
//! about. Whatever an answer was, whatever was attached, removed, taken back or expired: the next
//! request is valid, and no sentence says what is not so.

mod answers;
mod cells;
mod numbers;
mod sandbox;
mod thinking;

use serde_json::Value;

use crate::support::rig::{Ran, Rig, asked};

/// Runs a cell that must succeed; returns it and the requests it led to.
async fn fine(rig: &mut Rig, code: &str) -> (Ran, Vec<Value>) {
    let before = asked(rig).await.len();
    let ran = rig.cell(code).await;
    assert_eq!(ran.reply()["status"], "ok", "{code}\n{}", ran.transcript());
    let sent = asked(rig).await.split_off(before);
    (ran, sent)
}

/// Runs a cell that must succeed with its first request.
async fn at_once(rig: &mut Rig, code: &str) -> (Ran, Value) {
    let (ran, sent) = fine(rig, code).await;
    assert_eq!(sent.len(), 1, "`{code}` took {} requests", sent.len());
    (ran, sent[0].clone())
}

fn write(rig: &Rig, name: &str, text: &str) {
    std::fs::write(rig.directory.path().join(name), text).unwrap();
}

/// How many thinking blocks a request holds.
fn thoughts(body: &Value) -> usize {
    blocks(body)
        .filter(|block| block["type"] == "thinking")
        .count()
}

fn blocks(body: &Value) -> impl Iterator<Item = &Value> {
    let messages = body["messages"].as_array().unwrap().iter();
    messages.flat_map(|said| said["content"].as_array().into_iter().flatten())
}
