//! Which files wait, and which sandbox has which.

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::chat::record::Record;

/// A turn as journals have it.
fn turn(number: u32, container: &str, before: &[Value]) -> TurnRecord {
    let record = json!({"turn": {
        "thread": "main", "id": number, "cell": {"run": number}, "prompt": "p",
        "question": before, "answers": [], "container": container, "above": 0,
        "bound": crate::chat::conversation::digest::Digest::default(),
        "receipt": crate::chat::receipt::Receipt { turn: number, count: number, ..Default::default() },
    }});
    match Record::parse(&record.to_string()).unwrap() {
        Record::Turn(turn) => *turn,
        other => panic!("{other:?}"),
    }
}

fn input(file_id: &str, name: &str, path: &str) -> Input {
    Input {
        file_id: file_id.to_owned(),
        name: name.to_owned(),
        path: path.into(),
        size_bytes: 1,
        sha256: format!("sha of {file_id}"),
        mime_type: "text/plain".to_owned(),
        expires_at: None,
        visible_as: None,
        sandbox: false,
        cells: Vec::new(),
    }
}

/// The blocks of what waits.
fn waiting(inputs: &Inputs) -> Vec<Value> {
    inputs
        .waiting()
        .iter()
        .flat_map(Attachment::blocks)
        .collect()
}

#[test]
fn what_a_sandbox_has_is_what_was_sent_to_it() {
    let mut inputs = Inputs::default();
    for id in ["file_a", "file_b"] {
        inputs.add(input(id, id, id));
        inputs.wait(id, None, true);
    }
    inputs.sent(&turn(1, "container_1", &waiting(&inputs)));
    assert!(inputs.waiting().is_empty());
    let there = |inputs: &Inputs, container| inputs.files(container).in_sandbox;
    let both = Some(vec!["file_a".to_owned(), "file_b".to_owned()]);
    assert_eq!(there(&inputs, Some("container_1")), both);
    assert_eq!(there(&inputs, Some("container_2")), None, "nobody knows");
    inputs.watch("container_2");
    assert_eq!(there(&inputs, Some("container_2")), Some(Vec::new()));
    assert_eq!(there(&inputs, None), Some(Vec::new()));
    inputs.remove("file_a");
    let ids = ["file_a".to_owned(), "file_b".to_owned()];
    assert_eq!(
        inputs.sentence_of_files_again(&ids).as_deref(),
        Some("`file_b` goes to Claude's new sandbox, too.")
    );
    assert_eq!(inputs.uploaded()[0].cells, [1]);
}

#[test]
fn what_waited_before_a_cell_that_failed_waits_again() {
    let mut inputs = Inputs::default();
    inputs.add(input("file_a", "a", "a"));
    inputs.wait("file_a", None, true);
    let before = inputs.waiting();
    inputs.add(input("file_b", "b", "b"));
    inputs.wait("file_b", Some(VisibleAs::Document), true);
    inputs.wait("file_a", Some(VisibleAs::Image), false);
    inputs.set_waiting(&before);
    assert_eq!(inputs.waiting(), before);
    assert_eq!(inputs.uploaded().len(), 2, "what was uploaded is there");
}

#[test]
fn a_file_goes_once_however_often_it_was_attached() {
    let mut inputs = Inputs::default();
    inputs.add(input("file_a", "a.png", "a.png"));
    inputs.wait("file_a", Some(VisibleAs::Image), false);
    inputs.wait("file_a", None, true);
    inputs.wait("file_gone", None, true);
    assert_eq!(
        waiting(&inputs),
        [
            json!({"type": "image", "source": {"type": "file", "file_id": "file_a"}}),
            json!({"type": "container_upload", "file_id": "file_a"}),
        ]
    );
}

#[test]
fn two_files_of_one_name_are_told_apart() {
    let mut inputs = Inputs::default();
    assert_eq!(
        inputs.free_name("data.csv", Path::new("/n/data.csv")),
        "data.csv"
    );
    inputs.add(input("file_a", "data.csv", "/n/data.csv"));
    assert_eq!(
        inputs.free_name("data.csv", Path::new("/n/data.csv")),
        "data.csv"
    );
    assert_eq!(
        inputs.free_name("data.csv", Path::new("/n/q2/data.csv")),
        "q2_data.csv"
    );
    inputs.add(input("file_b", "q2_data.csv", "/n/q2/data.csv"));
    assert_eq!(
        inputs.free_name("data.csv", Path::new("/m/q2/data.csv")),
        "data-2.csv"
    );
}
