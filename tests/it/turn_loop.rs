//! One turn as a state machine: events in, actions out; every stop reason, failures, interrupts.

mod cut_off;
mod repairs;
mod settings;

use claude_kernel::anthropic::error::ApiError;
use claude_kernel::anthropic::event::StreamEvent;
use claude_kernel::anthropic::request::{MessagesRequest, Role};
use claude_kernel::chat::action::{Action, Input, NotSaved};
use claude_kernel::chat::settings::Settings;
use claude_kernel::chat::turn::{Activity, FinishedTurn, ToolResult, TurnEnd, Update};
use claude_kernel::chat::turn_loop::MAX_CONTINUATIONS;
use serde_json::{Value, json};

use crate::support::talk::{Asked, Talk};

fn fresh() -> Asked {
    Talk::default().start(&Settings::default(), "hi")
}

fn actions(turn: &mut Asked) -> Vec<Action> {
    std::iter::from_fn(|| turn.poll()).collect()
}

/// The request of the one call among the actions.
fn call(turn: &mut Asked) -> MessagesRequest {
    let mut calls = actions(turn).into_iter().filter_map(|action| match action {
        Action::Call(request) => Some(*request),
        _ => None,
    });
    let request = calls.next().expect("a call");
    assert!(calls.next().is_none(), "one call");
    request
}

fn end(turn: &mut Asked) -> TurnEnd {
    let mut ends = actions(turn).into_iter().filter_map(|action| match action {
        Action::Finish(end) => Some(*end),
        _ => None,
    });
    let end = ends.next().expect("the turn ends");
    assert!(ends.next().is_none(), "it ends once");
    end
}

fn finished(turn: &mut Asked) -> FinishedTurn {
    match end(turn) {
        TurnEnd::Finished(finished) => *finished,
        other => panic!("not finished: {other:?}"),
    }
}

fn contents(finished: &FinishedTurn) -> Vec<Vec<Value>> {
    finished
        .messages
        .iter()
        .map(|message| message.param().content.values())
        .collect()
}

/// The events of a message with these blocks, whole in their start.
fn message(blocks: &[Value], stop_reason: &str, container: Option<&str>) -> Vec<StreamEvent> {
    let mut events = vec![
        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5",
            "content": [], "stop_reason": null, "usage": {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 100}}}),
    ];
    for (index, block) in blocks.iter().enumerate() {
        events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": stop_reason, "stop_sequence": null,
        "stop_details": {"type": "refusal", "category": "cyber", "explanation": "no"},
        "container": container.map(|id| json!({"id": id, "expires_at": "2026-11-22T12:40:00Z"}))}, "usage": {"output_tokens": 20}}));
    events.push(json!({"type": "message_stop"}));
    events
        .iter()
        .map(|event| {
            StreamEvent::parse(event["type"].as_str().unwrap(), &event.to_string()).unwrap()
        })
        .collect()
}

fn play(turn: &mut Asked, events: Vec<StreamEvent>) {
    for event in events {
        turn.handle(Input::Event(event));
    }
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text, "citations": null})
}

fn thinking() -> Value {
    json!({"type": "thinking", "thinking": "", "signature": "sig"})
}

fn run(id: &str) -> [Value; 2] {
    [
        json!({"type": "server_tool_use", "id": id, "name": "bash_code_execution", "input": {"command": "ls"}}),
        json!({"type": "bash_code_execution_tool_result", "tool_use_id": id,
            "content": {"type": "bash_code_execution_result", "stdout": "", "stderr": "", "return_code": 0, "content": []}}),
    ]
}

fn refused(status: u16) -> Input {
    let error = ApiError::Status {
        status,
        kind: "invalid_request_error".to_owned(),
        message: format!("number {status}"),
        code: None,
        request_id: None,
        retry_after: None,
        should_retry: None,
    };
    Input::Failed { error, random: 0.0 }
}

fn content(request: &MessagesRequest) -> Vec<Vec<Value>> {
    request
        .messages
        .iter()
        .map(|message| message.content.values())
        .collect()
}

#[test]
fn a_finished_turn_keeps_what_came_value_for_value() {
    let mut turn = fresh();
    call(&mut turn);
    let [run, ran] = run("srvtoolu_1");
    let blocks = [
        thinking(),
        run,
        ran,
        json!({"type": "something_new", "x": [1, 2.5]}),
        text("Done."),
    ];
    play(&mut turn, message(&blocks, "end_turn", Some("container_1")));
    let finished = finished(&mut turn);
    assert_eq!(contents(&finished), vec![blocks.to_vec()]);
    assert_eq!(finished.answer, "Done.");
    assert_eq!(finished.receipt.runs, 1);
    assert_eq!(finished.receipt.usage.cache_read_tokens, 100);
    assert_eq!(finished.receipt.usage.output_tokens, 20);
    assert_eq!(turn.container(), Some("container_1"));
}

#[test]
fn a_paused_turn_is_sent_back_as_it_is_with_the_container_and_capped() {
    let mut turn = fresh();
    call(&mut turn);
    let [run, ran] = run("srvtoolu_1");
    play(
        &mut turn,
        message(
            std::slice::from_ref(&run),
            "pause_turn",
            Some("container_1"),
        ),
    );
    let request = call(&mut turn);
    assert_eq!(request.container.id.as_deref(), Some("container_1"));
    assert_eq!(request.messages.last().unwrap().role, Role::Assistant);
    assert_eq!(content(&request).last().unwrap(), &vec![run.clone()]);
    play(
        &mut turn,
        message(&[ran.clone(), text("Done.")], "end_turn", None),
    );
    assert_eq!(
        contents(&finished(&mut turn)),
        vec![vec![run], vec![ran, text("Done.")]]
    );

    let mut endless = fresh();
    for _ in 0..MAX_CONTINUATIONS {
        call(&mut endless);
        play(&mut endless, message(&[text("more")], "pause_turn", None));
    }
    call(&mut endless);
    play(&mut endless, message(&[text("more")], "pause_turn", None));
    finished(&mut endless);
}

#[test]
fn every_other_stop_reason_ends_the_turn_in_its_way() {
    for stop in [
        "end_turn",
        "stop_sequence",
        "max_tokens",
        "model_context_window_exceeded",
        "compaction",
        "something_new",
    ] {
        let mut turn = fresh();
        play(
            &mut turn,
            message(&[text("so far"), thinking()], stop, None),
        );
        let is_cut = matches!(stop, "max_tokens" | "model_context_window_exceeded");
        // An answer may not end in thinking, whether it was cut off or not.
        let kept = finished(&mut turn);
        assert_eq!(contents(&kept), vec![vec![text("so far")]], "{stop}");
        assert_eq!(kept.cut.is_some(), is_cut, "{stop}");
    }
    let mut turn = fresh();
    play(&mut turn, message(&[text("no")], "refusal", None));
    let TurnEnd::Refused {
        category,
        explanation,
    } = end(&mut turn)
    else {
        panic!("it was refused");
    };
    assert_eq!(category.as_deref(), Some("cyber"));
    assert_eq!(explanation.as_deref(), Some("no"));
}

/// Two calls in one answer: both run, one message of results in the order of the calls goes back.
#[test]
fn tools_of_this_machine_run_together_and_answer_together() {
    let mut turn = fresh();
    let first = call(&mut turn);
    let use_of =
        |id: &str| json!({"type": "tool_use", "id": id, "name": "mine", "input": {"x": 1}});
    let blocks = [thinking(), use_of("toolu_1"), use_of("toolu_2")];
    play(&mut turn, message(&blocks, "tool_use", Some("container_1")));
    let calls: Vec<_> = actions(&mut turn)
        .into_iter()
        .filter_map(|action| match action {
            Action::RunTool(call) => Some((call.ordinal, call.id, call.input)),
            _ => None,
        })
        .collect();
    let expected = [(1, "toolu_1"), (2, "toolu_2")]
        .map(|(ordinal, id)| (ordinal, id.to_owned(), json!({"x": 1})));
    assert_eq!(calls, expected);
    let done = |id: &str, text: &str, is_error| Input::ToolDone {
        id: id.to_owned(),
        result: ToolResult {
            content: json!(text),
            is_error,
            ..ToolResult::default()
        },
    };
    turn.handle(done("toolu_2", "second", true));
    turn.handle(done("toolu_2", "again", false));
    turn.handle(done("toolu_9", "unknown", false));
    turn.handle(done("toolu_1", "first", false));
    let second = call(&mut turn);
    assert_eq!(second.container.id.as_deref(), Some("container_1"));
    let said = content(&second);
    assert_eq!(said.len(), first.messages.len() + 2);
    let results = vec![
        json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "first"}),
        json!({"type": "tool_result", "tool_use_id": "toolu_2", "content": "second", "is_error": true}),
    ];
    let mut sent = results.clone();
    sent[1]["cache_control"] = json!({"type": "ephemeral"});
    assert_eq!(said[1..], [blocks.to_vec(), sent]);
    play(&mut turn, message(&[text("Done.")], "end_turn", None));
    let finished = finished(&mut turn);
    assert_eq!(
        contents(&finished),
        [blocks.to_vec(), results, vec![text("Done.")]]
    );
    assert_eq!(finished.messages[1].role, Role::User);
}

#[test]
fn an_overloaded_api_is_asked_again_and_the_wait_is_shown() {
    let mut turn = fresh();
    for _ in 0..2 {
        call(&mut turn);
        turn.handle(refused(529));
        let shown = actions(&mut turn);
        assert!(
            shown.iter().any(|action| matches!(
                action,
                Action::Show(Update::Activity(Activity::Retrying { .. }))
            )),
            "{shown:?}"
        );
        assert!(
            shown.iter().any(|action| matches!(action, Action::Wait(_))),
            "{shown:?}"
        );
        turn.handle(Input::Waited);
    }
    call(&mut turn);
    turn.handle(refused(529));
    assert!(matches!(
        end(&mut turn),
        TurnEnd::Failed {
            error: ApiError::Status { status: 529, .. },
            ..
        }
    ));
}

#[test]
fn files_are_fetched_beside_the_stream_and_waited_for() {
    let mut turn = fresh();
    call(&mut turn);
    let [run, mut ran] = run("srvtoolu_1");
    ran["content"]["content"] =
        json!([{"type": "bash_code_execution_output", "file_id": "file_1"}]);
    play(&mut turn, message(&[run, ran], "end_turn", None));
    let all = actions(&mut turn);
    assert!(all.iter().any(
        |action| matches!(action, Action::Fetch { ordinal: 1, file_id } if file_id == "file_1")
    ));
    assert!(
        !all.iter().any(|action| matches!(action, Action::Finish(_))),
        "it waits for the file"
    );
    turn.handle(Input::Fetched {
        ordinal: 1,
        file_id: "file_1".to_owned(),
        result: Err(NotSaved::because("gone")),
    });
    let all = actions(&mut turn);
    assert!(matches!(
        all.first(),
        Some(Action::Show(Update::FileFailed { .. }))
    ));
    assert!(matches!(all.last(), Some(Action::Finish(_))));
}

/// Each round is read from the cache in the next; the marks are never more than two.
#[test]
fn cache_markers_go_along_with_rounds_of_tools() {
    let mut turn = fresh();
    for round in 0..4 {
        let request = call(&mut turn);
        let said = request.messages.iter().zip(content(&request));
        let marks: Vec<bool> = said
            .filter(|(said, _)| said.role == Role::User)
            .map(|(_, blocks)| {
                let marked = |block: &Value| block.get("cache_control").is_some();
                assert!(!blocks[..blocks.len() - 1].iter().any(marked));
                marked(blocks.last().unwrap())
            })
            .collect();
        let newest = marks.len().saturating_sub(2);
        let expected: Vec<bool> = (0..marks.len()).map(|at| at >= newest).collect();
        assert_eq!(marks, expected, "round {round}");
        let id = format!("toolu_{round}");
        let call = json!({"type": "tool_use", "id": id, "name": "mine", "input": {}});
        play(&mut turn, message(&[call], "tool_use", None));
        actions(&mut turn);
        turn.handle(Input::ToolDone {
            id,
            result: ToolResult {
                content: json!("done"),
                ..ToolResult::default()
            },
        });
    }
}

#[test]
fn cache_markers_stand_on_system_and_the_two_newest_user_messages_only() {
    let mut talk = Talk::default();
    for prompt in ["one", "two", "three"] {
        let mut turn = talk.start(&Settings::default(), prompt);
        let request = call(&mut turn);
        assert!(
            request
                .system
                .last()
                .unwrap()
                .get("cache_control")
                .is_some()
        );
        let marked: Vec<(Role, bool)> = request
            .messages
            .iter()
            .zip(content(&request))
            .map(|(message, blocks)| {
                (
                    message.role,
                    blocks
                        .iter()
                        .any(|block| block.get("cache_control").is_some()),
                )
            })
            .collect();
        let users: Vec<bool> = marked
            .iter()
            .filter(|(role, _)| *role == Role::User)
            .map(|(_, marked)| *marked)
            .collect();
        let newest = users.len().saturating_sub(2);
        assert!(
            users
                .iter()
                .enumerate()
                .all(|(at, marked)| *marked == (at >= newest)),
            "{users:?}"
        );
        assert!(
            marked
                .iter()
                .all(|(role, marked)| *role == Role::User || !marked)
        );
        play(&mut turn, message(&[text("ok")], "end_turn", None));
        talk.commit(finished(&mut turn), None);
    }
}
