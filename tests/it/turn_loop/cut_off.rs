//! Turns that do not get to their end: whatever is kept of them can be sent again.
//!
//! The judge is the offline backend's reading of the API's rules, which shares nothing with the
//! kernel's.

use claude_kernel::anthropic::error::ApiError;
use claude_kernel::anthropic::event::StreamEvent;
use claude_kernel::anthropic::request::Role;
use claude_kernel::anthropic::sse::Decoder;
use claude_kernel::chat::action::{Action, Input};
use claude_kernel::chat::receipt::Cut;
use claude_kernel::chat::settings::Settings;
use claude_kernel::chat::turn::{FinishedTurn, ToolResult, TurnEnd, Update};
use claude_kernel::emulator::judge;
use serde_json::{Value, json};

use crate::support::talk::{Asked, Talk};

use super::{actions, call, contents, end, fresh, message, play, run, text, thinking};

/// The events of a recording, as far as they can be read.
fn recorded(name: &str) -> Vec<StreamEvent> {
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/streams")
        .join(format!("{name}.sse"));
    let mut decoder = Decoder::new();
    decoder.push(&std::fs::read(path).unwrap());
    let mut events = Vec::new();
    while let Some(event) = decoder.next_event().unwrap() {
        events.push(StreamEvent::parse(&event.name, &event.data).unwrap());
    }
    events
}

fn settings() -> Settings {
    Settings {
        client_tools: vec![json!({"name": "mine", "input_schema": {"type": "object"}})],
        ..Settings::default()
    }
}

/// What was kept of a turn that broke off, if anything.
fn kept(end: TurnEnd) -> Option<FinishedTurn> {
    match end {
        TurnEnd::Interrupted { left } | TurnEnd::Failed { left, .. } => left.kept.map(|turn| *turn),
        other => panic!("not broken off: {other:?}"),
    }
}

/// The next request after a turn is one that the API takes.
fn check_next(mut talk: Talk, container: Option<&str>, kept: Option<FinishedTurn>) {
    match kept {
        Some(kept) => {
            assert!(!kept.messages.is_empty());
            talk.commit(kept, container);
        }
        None => talk.set_container(container),
    }
    let request = talk.plan(&settings(), "next");
    let body = serde_json::to_value(&request).unwrap();
    assert_eq!(judge::refusal(&body, &request.betas), None, "{body:#}");
}

/// Tools of this machine answer at once.
fn answer_tools(turn: &mut Asked) {
    let calls: Vec<_> = actions(turn)
        .into_iter()
        .filter_map(|action| match action {
            Action::RunTool(call) => Some(call.id),
            _ => None,
        })
        .collect();
    for id in calls {
        let result = ToolResult {
            content: json!("done"),
            is_error: false,
            ..ToolResult::default()
        };
        turn.handle(Input::ToolDone { id, result });
    }
}

/// Built streams: everything that may stand in an answer, over pauses and rounds of tools.
fn built() -> Vec<(&'static str, Vec<StreamEvent>)> {
    let ([a, a_ran], [b, b_ran]) = (run("srvtoolu_a"), run("srvtoolu_b"));
    let mine = |id: &str| json!({"type": "tool_use", "id": id, "name": "mine", "input": {}});
    let code = json!({"type": "server_tool_use", "id": "srvtoolu_c", "name": "code_execution", "input": {"code": "x"}});
    let coded = json!({"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_c",
        "content": {"type": "code_execution_result", "stdout": "", "stderr": "", "return_code": 0, "content": []}});
    let by_code = json!({"type": "tool_use", "id": "toolu_c", "name": "mine", "input": {},
        "caller": {"type": "code_execution_20260120", "tool_id": "srvtoolu_c"}});
    let parallel = [
        thinking(),
        a.clone(),
        b.clone(),
        a_ran.clone(),
        b_ran.clone(),
        thinking(),
        json!({"type": "future_block"}),
        text("Done."),
    ];
    let paused = [
        message(&[thinking(), a.clone()], "pause_turn", Some("container_1")),
        message(
            &[a_ran.clone(), thinking(), b.clone()],
            "pause_turn",
            Some("container_1"),
        ),
        message(
            &[b_ran.clone(), text("Done.")],
            "end_turn",
            Some("container_1"),
        ),
    ];
    let rounds = [
        message(
            &[thinking(), text("One."), mine("toolu_1"), mine("toolu_2")],
            "tool_use",
            None,
        ),
        message(
            &[thinking(), a, a_ran, mine("toolu_3")],
            "tool_use",
            Some("container_1"),
        ),
        message(&[thinking(), text("Done.")], "end_turn", None),
    ];
    let from_code = [
        message(
            &[text("Let me see."), code, by_code],
            "tool_use",
            Some("container_1"),
        ),
        message(&[coded, text("Done.")], "end_turn", Some("container_1")),
    ];
    vec![
        ("parallel", message(&parallel, "end_turn", None)),
        ("paused", paused.concat()),
        ("rounds", rounds.concat()),
        ("from code", from_code.concat()),
    ]
}

#[test]
fn interrupts_at_every_event_boundary_leave_a_valid_conversation() {
    let mut streams: Vec<_> = [
        "turn",
        "cut",
        "pause_turn",
        "hidden_thinking",
        "web_search",
        "truncated_input",
    ]
    .map(|name| (name, recorded(name)))
    .to_vec();
    let continued = [recorded("pause_turn"), recorded("pause_turn_continued")];
    streams.push(("pause_turn and its continuation", continued.concat()));
    streams.extend(built());
    let mut something_kept = 0;
    for (name, events) in streams {
        for known in [None, Some("container_0")] {
            for position in 0..=events.len() {
                let mut talk = Talk::default();
                talk.set_container(known);
                let mut turn = talk.start(&settings(), "hi");
                for event in &events[..position] {
                    turn.handle(Input::Event(event.clone()));
                    answer_tools(&mut turn);
                }
                turn.handle(Input::Interrupted);
                turn.handle(Input::Interrupted);
                play(&mut turn, events[position..].to_vec());
                let left = actions(&mut turn);
                let ends = left
                    .iter()
                    .filter(|action| matches!(action, Action::Finish(_)));
                assert!(
                    ends.count() <= 1,
                    "{name} ends once, after {position} events"
                );
                let Some(Action::Finish(end)) = left.into_iter().next_back() else {
                    // It had ended by itself.
                    continue;
                };
                let kept = kept(*end);
                something_kept += usize::from(kept.is_some());
                check_next(talk, turn.container(), kept);
            }
        }
    }
    assert!(something_kept > 50, "{something_kept}");
}

#[test]
fn an_interrupted_answer_keeps_its_pairs_and_its_unfinished_text() {
    let [run, ran] = run("srvtoolu_1");
    let whole = [thinking(), run, ran, thinking(), text("Done.")];
    let mut events = message(&whole, "end_turn", Some("container_1"));
    events.truncate(10);
    let opened = json!({"type": "content_block_start", "index": 4, "content_block": text("")});
    let half = json!({"type": "content_block_delta", "index": 4, "delta": {"type": "text_delta", "text": "Half an ans"}});
    for event in [opened, half] {
        let name = event["type"].as_str().unwrap();
        events.push(StreamEvent::parse(name, &event.to_string()).unwrap());
    }
    let mut talk = Talk::default();
    talk.set_container(Some("container_0"));
    let mut turn = talk.start(&Settings::default(), "hi");
    play(&mut turn, events[..9].to_vec());
    turn.handle(Input::Interrupted);
    let turn_kept = kept(end(&mut turn)).unwrap();
    assert_eq!(
        contents(&turn_kept),
        [whole[..3].to_vec()],
        "trailing thinking goes"
    );

    let mut turn = talk.start(&Settings::default(), "hi");
    play(&mut turn, events.clone());
    turn.handle(Input::Interrupted);
    let turn_kept = kept(end(&mut turn)).unwrap();
    let mut expected = whole[..4].to_vec();
    expected.push(text("Half an ans"));
    assert_eq!(contents(&turn_kept), [expected]);
    assert_eq!(turn_kept.cut, Some(Cut::Interrupted));
    assert_eq!(turn_kept.answer, "Half an ans");
    assert_eq!(
        turn_kept.receipt.usage.cache_read_tokens, 100,
        "it is billed"
    );

    // The same in a new sandbox: its name had not come.
    let mut turn = fresh();
    play(&mut turn, events);
    turn.handle(Input::Interrupted);
    let all = actions(&mut turn);
    // It is said once, by the error of the cell.
    let says = |action: &Action| matches!(action, Action::Show(Update::Notice(_)));
    assert!(!all.iter().any(says), "{all:?}");
    let Some(Action::Finish(end)) = all.into_iter().next_back() else {
        panic!("it ends")
    };
    assert!(matches!(&*end, TurnEnd::Interrupted { left } if left.sandbox_is_lost));
    let expected = vec![thinking(), text("Half an ans")];
    assert_eq!(contents(&kept(*end).unwrap()), [expected]);
}

#[test]
fn an_interrupt_during_a_repair_gives_no_sandbox_up() {
    let mut talk = Talk::default();
    talk.set_container(Some("container_0"));
    let mut turn = talk.start(&Settings::default(), "hi");
    call(&mut turn);
    turn.handle(super::refused(400));
    assert_eq!(call(&mut turn).container.id, None);
    turn.handle(Input::Interrupted);
    assert!(kept(end(&mut turn)).is_none());
    assert_eq!(turn.container(), Some("container_0"));
}

#[test]
fn an_interrupt_while_tools_run_keeps_those_that_answered() {
    let use_of = |id: &str| json!({"type": "tool_use", "id": id, "name": "mine", "input": {}});
    let blocks = [thinking(), use_of("toolu_1"), use_of("toolu_2")];
    let mut turn = fresh();
    play(&mut turn, message(&blocks, "tool_use", None));
    actions(&mut turn);
    let result = ToolResult {
        content: json!("first"),
        is_error: false,
        ..ToolResult::default()
    };
    turn.handle(Input::ToolDone {
        id: "toolu_1".to_owned(),
        result,
    });
    turn.handle(Input::Interrupted);
    let turn_kept = kept(end(&mut turn)).unwrap();
    let answer = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "first"});
    assert_eq!(contents(&turn_kept), [blocks[..2].to_vec(), vec![answer]]);
    assert_eq!(turn_kept.messages[1].role, Role::User);
}

#[test]
fn an_interrupt_while_files_come_keeps_the_whole_answer() {
    let [run, mut ran] = run("srvtoolu_1");
    ran["content"]["content"] =
        json!([{"type": "bash_code_execution_output", "file_id": "file_1"}]);
    let blocks = [run, ran, thinking(), text("Done.")];
    let mut turn = fresh();
    play(&mut turn, message(&blocks, "end_turn", Some("container_1")));
    actions(&mut turn);
    turn.handle(Input::Interrupted);
    let turn_kept = kept(end(&mut turn)).unwrap();
    assert_eq!(contents(&turn_kept), [blocks.to_vec()]);
    assert_eq!(turn_kept.cut, None);
}

#[test]
fn a_stream_that_breaks_or_errs_fails_the_turn_and_keeps_what_came() {
    let events = message(&[text("half"), thinking()], "end_turn", None);
    let stream_error = || ApiError::Stream {
        kind: "overloaded_error".to_owned(),
        message: "busy".to_owned(),
        code: None,
        request_id: None,
    };
    let early = ApiError::Truncated {
        reason: "the stream ended early".to_owned(),
    };
    let failed = Input::Failed {
        error: stream_error(),
        random: 0.0,
    };
    for (input, expected) in [(Input::EndOfStream, early), (failed, stream_error())] {
        let mut turn = fresh();
        call(&mut turn);
        play(&mut turn, events[..4].to_vec());
        turn.handle(input);
        let TurnEnd::Failed { error, left } = end(&mut turn) else {
            panic!("failed")
        };
        assert_eq!(error, expected);
        let kept = left.kept.unwrap();
        assert_eq!(contents(&kept), [vec![text("half")]]);
        assert_eq!(kept.cut, Some(Cut::Failed));
    }
    let mut turn = fresh();
    call(&mut turn);
    play(&mut turn, events[..1].to_vec());
    turn.handle(Input::EndOfStream);
    assert!(kept(end(&mut turn)).is_none(), "nothing had come");
}

#[test]
fn a_later_call_that_fails_keeps_the_rounds_before_it() {
    let use_it = json!({"type": "tool_use", "id": "toolu_1", "name": "mine", "input": {}});
    let mut turn = fresh();
    play(
        &mut turn,
        message(&[text("One."), use_it.clone()], "tool_use", None),
    );
    answer_tools(&mut turn);
    turn.handle(super::refused(403));
    let turn_kept = kept(end(&mut turn)).unwrap();
    let answer = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"});
    let expected: [Vec<Value>; 2] = [vec![text("One."), use_it], vec![answer]];
    assert_eq!(contents(&turn_kept), expected);
}
