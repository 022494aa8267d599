//! What goes into the history, case by case.

use serde_json::json;

use super::*;

fn blocks(values: &[Value]) -> Said {
    let blocks = values.iter().cloned().map(Block::from_raw).collect();
    Said::assistant(blocks)
}

fn results(values: &[Value]) -> Said {
    Said::user(blocks(values).blocks)
}

fn contents(kept: Kept) -> Vec<Vec<Value>> {
    let messages = kept.messages.into_iter();
    let values = |said: Said| said.param().content.values();
    messages.map(values).collect()
}

fn over(said: &[Said], cut: bool, sandbox_known: bool) -> Kept {
    keep(said, Stage::Over { cut, sandbox_known })
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn thinking(signature: &str) -> Value {
    json!({"type": "thinking", "thinking": "", "signature": signature})
}

fn run(id: &str) -> [Value; 2] {
    [
        json!({"type": "server_tool_use", "id": id, "name": "bash_code_execution", "input": {}}),
        json!({"type": "bash_code_execution_tool_result", "tool_use_id": id, "content": {}}),
    ]
}

fn search(id: &str) -> [Value; 2] {
    [
        json!({"type": "server_tool_use", "id": id, "name": "web_search", "input": {}}),
        json!({"type": "web_search_tool_result", "tool_use_id": id, "content": []}),
    ]
}

#[test]
fn a_call_without_a_result_goes_and_so_does_the_thinking_behind_it() {
    let [first, first_result] = run("srvtoolu_1");
    let [second, _] = run("srvtoolu_2");
    let said = [blocks(&[
        thinking("a"),
        first.clone(),
        second,
        first_result.clone(),
        thinking("b"),
        text("late"),
    ])];
    assert_eq!(
        contents(over(&said, true, true)),
        vec![vec![thinking("a"), first, first_result, text("late")]]
    );
}

#[test]
fn a_pair_may_span_a_pause() {
    let [call, result] = run("srvtoolu_1");
    let said = [
        blocks(std::slice::from_ref(&call)),
        blocks(std::slice::from_ref(&result)),
    ];
    assert_eq!(
        contents(over(&said, false, true)),
        vec![vec![call], vec![result]]
    );
}

#[test]
fn a_cut_answer_loses_its_trailing_thinking_and_may_vanish() {
    let said = [blocks(&[text("a"), thinking("b"), text(" \n")])];
    assert_eq!(contents(over(&said, true, true)), vec![vec![text("a")]]);
    let said = [blocks(&[thinking("a")]), blocks(&[thinking("b")])];
    assert_eq!(over(&said, true, true), Kept::default());
    assert_eq!(over(&said, false, true), Kept::default());
    let said = [blocks(&[text("a"), thinking("b")])];
    assert_eq!(contents(over(&said, false, true)), vec![vec![text("a")]]);
}

#[test]
fn steps_in_a_sandbox_without_a_name_go_and_searches_stay() {
    let ([run, ran], [search, found]) = (run("srvtoolu_1"), search("srvtoolu_2"));
    let said = [blocks(&[
        search.clone(),
        found.clone(),
        run,
        ran,
        thinking("a"),
        text("b"),
    ])];
    let kept = over(&said, true, false);
    assert!(kept.sandbox_lost);
    assert_eq!(contents(kept), vec![vec![search, found, text("b")]]);
    assert!(!over(&[blocks(&[text("b")])], true, false).sandbox_lost);
}

#[test]
fn what_lost_code_had_called_goes_with_it() {
    let code = json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "code_execution", "input": {}});
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "mine", "input": {},
        "caller": {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}});
    let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"});
    let said = [
        blocks(&[text("a"), code, call]),
        results(std::slice::from_ref(&result)),
    ];
    assert_eq!(contents(over(&said, true, true)), vec![vec![text("a")]]);
}

#[test]
fn answered_tools_stay_and_end_the_history() {
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "mine", "input": {}});
    let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"});
    let said = [
        blocks(&[thinking("a"), call("toolu_1"), call("toolu_2")]),
        results(std::slice::from_ref(&result)),
        blocks(&[thinking("b")]),
    ];
    assert_eq!(
        contents(over(&said, true, true)),
        vec![vec![thinking("a"), call("toolu_1")], vec![result]]
    );
}

#[test]
fn w5_text_that_no_request_may_carry_goes() {
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "mine", "input": {}});
    let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"});
    let said = [
        blocks(&[text(""), text("\n\n"), call.clone()]),
        results(std::slice::from_ref(&result)),
        blocks(&[text(" "), text("a"), text(""), text("\n\n")]),
    ];
    assert_eq!(
        contents(over(&said, false, true)),
        vec![
            vec![text("\n\n"), call],
            vec![result],
            vec![text(" "), text("a"), text("\n\n")]
        ]
    );
    let [run, ran] = run("srvtoolu_1");
    let said = [blocks(&[text(" "), run.clone(), ran.clone(), text("\n")])];
    assert_eq!(contents(over(&said, false, true)), vec![vec![run, ran]]);
    let said = [blocks(&[thinking("a"), text(" ")])];
    assert_eq!(over(&said, false, true), Kept::default());
    let said = [blocks(&[
        thinking("a"),
        json!({"type": "text", "text": null}),
    ])];
    assert_eq!(over(&said, false, true), Kept::default());
}

#[test]
fn w6_results_follow_their_calls_and_an_id_is_used_once() {
    let ([run_a, ran_a], [run_b, ran_b]) = (run("srvtoolu_1"), run("srvtoolu_2"));
    let said = [blocks(&[
        ran_b.clone(),
        run_a.clone(),
        run_a.clone(),
        ran_a.clone(),
        ran_a.clone(),
        run_b,
        thinking("late"),
        text("done"),
    ])];
    assert_eq!(
        contents(over(&said, false, true)),
        vec![vec![run_a, ran_a, text("done")]]
    );
}

#[test]
fn w6_an_input_is_an_object_and_a_call_has_an_id_and_a_name() {
    let ([mut run, ran], [nameless, _]) = (run("srvtoolu_1"), run(""));
    run["input"] = json!("hello");
    let said = [blocks(&[
        run.clone(),
        ran.clone(),
        nameless,
        json!({"type": "tool_use"}),
        text("a"),
    ])];
    run["input"] = json!({"unparsed_input": "\"hello\""});
    assert_eq!(
        contents(over(&said, false, true)),
        vec![vec![run, ran, text("a")]]
    );
}

#[test]
fn an_id_may_come_again_in_a_later_message() {
    let [run, ran] = run("srvtoolu_1");
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "mine", "input": {}});
    let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"});
    let said = [
        blocks(&[run.clone(), ran.clone(), call.clone()]),
        results(std::slice::from_ref(&result)),
        blocks(&[run.clone(), ran.clone()]),
        // The API takes this and the one before as one message.
        blocks(&[run.clone(), ran.clone(), text("a")]),
    ];
    assert_eq!(
        contents(over(&said, false, true)),
        vec![
            vec![run.clone(), ran.clone(), call],
            vec![result],
            vec![run, ran],
            vec![text("a")]
        ]
    );
}

#[test]
fn the_calls_of_a_running_answer_wait_for_their_results() {
    let [run, _] = run("srvtoolu_1");
    let said = [blocks(&[text("a"), run.clone()])];
    let kept = keep(&said, Stage::Running).messages;
    assert_eq!(kept, said);
    assert_eq!(contents(over(&said, false, true)), vec![vec![text("a")]]);
}

#[test]
fn thinking_behind_an_input_that_is_not_sent_as_it_came_goes() {
    let [mut run, ran] = run("srvtoolu_1");
    run["input"] = json!("hello");
    let said = [blocks(&[
        thinking("a"),
        run.clone(),
        ran.clone(),
        thinking("b"),
        text("c"),
    ])];
    run["input"] = json!({"unparsed_input": "\"hello\""});
    assert_eq!(
        contents(over(&said, false, true)),
        vec![vec![thinking("a"), run, ran, text("c")]]
    );
}

#[test]
fn thinking_of_a_later_request_is_bound_to_what_that_request_sent() {
    let [run, ran] = run("srvtoolu_1");
    let said = [
        blocks(&[run.clone(), ran.clone(), run.clone(), thinking("a")]),
        blocks(&[thinking("b"), text("c")]),
    ];
    assert_eq!(
        contents(over(&said, false, true)),
        vec![vec![run, ran], vec![thinking("b"), text("c")]]
    );
}

#[test]
fn w6_a_result_is_of_the_kind_of_its_call() {
    let ([run, _], [_, found]) = (run("srvtoolu_1"), search("srvtoolu_1"));
    let said = [blocks(&[run, found, text("a")])];
    assert_eq!(contents(over(&said, false, true)), vec![vec![text("a")]]);
}

#[test]
fn only_the_thinking_behind_a_result_that_changes_goes() {
    let noted = |id: &str| {
        let [call, mut result] = run(id);
        result["content"] =
            json!({"type": "code_execution_result", "stdout": "", "abort_reason": 1});
        [call, result]
    };
    let known = |id: &str| {
        let [_, mut result] = run(id);
        result["content"] = json!({"type": "code_execution_result", "stdout": ""});
        result
    };
    let [plain, plain_result] = run("srvtoolu_1");
    let [first, first_result] = noted("srvtoolu_2");
    let [second, second_result] = noted("srvtoolu_3");
    let said = [
        blocks(&[
            thinking("a"),
            plain.clone(),
            plain_result.clone(),
            thinking("b"),
            first.clone(),
            first_result,
            thinking("c"),
        ]),
        blocks(&[thinking("d")]),
        blocks(&[second.clone(), second_result, thinking("e"), text("end")]),
    ];
    assert!(has_unknown_keys(&said));
    let left = with_known_keys(&said).unwrap();
    assert!(!has_unknown_keys(&left));
    assert_eq!(
        left,
        [
            blocks(&[
                thinking("a"),
                plain,
                plain_result,
                thinking("b"),
                first,
                known("srvtoolu_2"),
            ]),
            blocks(&[second, known("srvtoolu_3"), text("end")]),
        ]
    );
    assert_eq!(with_known_keys(&left), None);
}
