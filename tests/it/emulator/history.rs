//! What may follow what in a conversation.

use serde_json::{Value, json};

use super::{Backend, ask, check_accepted, check_refused, say};

const PREFILL: &str = "This model does not support assistant message prefill.";

fn user(content: Value) -> Value {
    json!({"role": "user", "content": content})
}

fn claude(content: Value) -> Value {
    json!({"role": "assistant", "content": content})
}

fn call(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "t", "input": {}})
}

fn result(id: &str) -> Value {
    json!({"type": "tool_result", "tool_use_id": id, "content": "done"})
}

fn run(id: &str) -> Value {
    json!({"type": "server_tool_use", "id": id, "name": "bash_code_execution", "input": {"command": "ls"}})
}

fn ran(id: &str) -> Value {
    json!({"type": "bash_code_execution_tool_result", "tool_use_id": id, "content": {
        "type": "bash_code_execution_result", "stdout": "", "stderr": "", "return_code": 0, "content": [],
    }})
}

fn text(words: &str) -> Value {
    json!({"type": "text", "text": words})
}

fn system(words: &str) -> Value {
    json!({"role": "system", "content": words})
}

#[tokio::test]
async fn messages_have_content_and_an_order() {
    let backend = Backend::start().await;
    check_accepted(
        &backend,
        "",
        vec![
            say(json!([user(json!("a")), user(json!("b"))])),
            say(json!([user(json!("a")), claude(json!("b")), claude(json!([text("c")])), user(json!("d"))])),
            say(json!([user(json!("a")), claude(json!([{"type": "text", "text": "b", "citations": null}])), user(json!("c"))])),
            say(json!([user(json!("a")), system("now brief")])),
            say(json!([user(json!("a")), system("now brief"), claude(json!("b")), user(json!("c"))])),
            say(json!([user(json!("a")), claude(json!([run("s"), ran("s")])), system("x")])),
            ask(json!({"model": "claude-opus-4-5", "messages": [user(json!("a")), claude(json!("{"))]})),
            say(json!([user(json!([text("a"), text(" \n")]))])),
            say(json!([user(json!("a")), claude(json!([text("\n\n"), text("b"), text(" ")])), user(json!("c"))])),
            say(json!([user(json!("a")), claude(json!([text(" "), call("t")])), user(json!([result("t")]))])),
        ],
    )
    .await;
    let brief =
        |model: &str| ask(json!({"model": model, "messages": [user(json!("a")), system("brief")]}));
    check_refused(
        &backend,
        "",
        vec![
            (say(json!([])), "messages: at least one message is required"),
            (say(json!([claude(json!("a"))])), "messages: first message must use the \"user\" role"),
            (say(json!([system("a"), user(json!("b"))])), "messages: first message must use the \"user\" role"),
            (say(json!([user(json!([]))])), "messages.0: all messages must have non-empty content"),
            (say(json!([user(json!(""))])), "messages.0.content.0: text content blocks must be non-empty"),
            (say(json!([user(json!([text("a"), text("")]))])), "messages.0.content.1: text content blocks must be non-empty"),
            (say(json!([user(json!(" \n"))])), "messages.0.content.0: text content blocks must contain non-whitespace text"),
            (say(json!([user(json!("a")), claude(json!([text(" "), run("s"), ran("s")])), user(json!("c"))])), "messages.1.content.0: text content blocks must contain non-whitespace text"),
            (say(json!([user(json!("a")), claude(json!([text(""), text("b")])), user(json!("c"))])), "messages.1.content.0: text content blocks must be non-empty"),
            (say(json!([user(json!("a")), claude(json!([call("t")])), user(json!([{"type": "tool_result", "tool_use_id": "t", "content": [text("")]}]))])), "messages.2.content.0.content.0: text content blocks must be non-empty"),
            (say(json!([user(json!("a")), claude(json!("b"))])), PREFILL),
            (say(json!([user(json!("a")), claude(json!([run("s"), ran("s"), text("b")]))])), PREFILL),
            (brief("claude-sonnet-5"), "messages.1: `system` messages are not supported by claude-sonnet-5"),
            (say(json!([user(json!("a")), claude(json!("b")), system("c")])), "messages.2: `system` messages must follow a `user` message"),
            (say(json!([user(json!("a")), system("b"), user(json!("c"))])), "messages.1: `system` messages must be last"),
            (say(json!([user(json!([ran("s")]))])), "messages.0.content.0: `bash_code_execution_tool_result` blocks can only be in `assistant` messages"),
            (say(json!([user(json!("a")), claude(json!([result("t")]))])), "messages.1.content.0: `tool_result` blocks can only be in `user` messages"),
        ],
    )
    .await;
}

#[tokio::test]
async fn tool_calls_are_answered_at_once_and_completely() {
    let backend = Backend::start().await;
    let unanswered =
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: ";
    check_accepted(
        &backend,
        "",
        vec![
            say(json!([
                user(json!("a")),
                claude(json!([call("t1")])),
                user(json!([result("t1")]))
            ])),
            say(json!([
                user(json!("a")),
                claude(json!([call("t1"), call("t2")])),
                user(json!([result("t2"), result("t1"), text("and?")]))
            ])),
            say(json!([
                user(json!("a")),
                claude(json!([call("t1")])),
                user(json!([result("t1")])),
                claude(json!([call("t2")])),
                user(json!([result("t2")]))
            ])),
            // An id may come back in another turn.
            say(json!([
                user(json!("a")),
                claude(json!([call("t1")])),
                user(json!([result("t1")])),
                claude(json!([call("t1"), run("s1"), ran("s1")])),
                user(json!([result("t1")])),
                claude(json!([run("s1"), ran("s1"), text("b")])),
                user(json!("c"))
            ])),
        ],
    )
    .await;
    check_refused(
        &backend,
        "",
        vec![
            (
                say(json!([
                    user(json!("a")),
                    claude(json!([call("t1")])),
                    user(json!("b"))
                ])),
                unanswered,
            ),
            (
                say(json!([
                    user(json!("a")),
                    claude(json!([call("t1"), call("t2")])),
                    user(json!([result("t1")]))
                ])),
                unanswered,
            ),
            (
                say(json!([user(json!("a")), claude(json!([call("t1")]))])),
                unanswered,
            ),
            (
                say(json!([
                    user(json!("a")),
                    claude(json!([call("t1")])),
                    user(json!([text("b"), result("t1")]))
                ])),
                "messages.2.content.1: `tool_result` blocks must come before",
            ),
            (
                say(json!([
                    user(json!("a")),
                    claude(json!([call("t1")])),
                    user(json!([result("t1"), result("t1")]))
                ])),
                "messages.2.content.1: each tool_use must have a single result",
            ),
            (
                say(json!([user(json!([result("t1")]))])),
                "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1",
            ),
            (
                say(json!([
                    user(json!("a")),
                    claude(json!([call("t1"), call("t1")])),
                    user(json!([result("t1")]))
                ])),
                "messages.1.content.1: `tool_use` ids must be unique",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn server_tool_calls_keep_their_results() {
    let backend = Backend::start().await;
    let unpaired = "`bash_code_execution` tool use with id `s1` was found without a corresponding `bash_code_execution_tool_result` block";
    let code = json!([
        {"type": "code_execution_20260521", "name": "code_execution"},
        {"name": "t", "input_schema": {"type": "object"}},
    ]);
    let pending = json!([
        user(json!("a")),
        claude(json!([run("s1"), call("t1")])),
        user(json!([result("t1")]))
    ]);
    check_refused(
        &backend,
        "",
        vec![
            (say(json!([user(json!("a")), claude(json!([run("s1")])), user(json!("b"))])), unpaired),
            (say(json!([user(json!("a")), claude(json!([ran("s1")])), user(json!("b"))])), "messages.1.content.0: unexpected `tool_use_id`"),
            (say(json!([user(json!("a")), claude(json!([run("s1"), ran("s1"), run("s1"), ran("s1")])), user(json!("b"))])), "messages.1.content.2: `server_tool_use` ids must be unique"),
            (say(pending.clone()), "`bash_code_execution` tool use with id `s1` is pending but no `code_execution` tool was provided"),
            (ask(json!({"messages": pending, "tools": code})), "container: `bash_code_execution` tool use with id `s1` is pending"),
            (say(json!([user(json!("a")), claude(json!([run("s1"), call("t1")])), user(json!([result("t1"), text("more")]))])), unpaired),
        ],
    )
    .await;
    check_accepted(
        &backend,
        "",
        vec![
            say(json!([
                user(json!("a")),
                claude(json!([run("s1"), ran("s1"), text("b")])),
                user(json!("c"))
            ])),
            say(json!([
                user(json!("a")),
                claude(json!([run("s1")])),
                claude(json!([ran("s1"), text("b")])),
                user(json!("c"))
            ])),
            say(json!([
                user(json!("a")),
                claude(json!([run("s1"), call("t1")])),
                user(json!([result("t1")])),
                claude(json!([ran("s1"), text("b")])),
                user(json!("c"))
            ])),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_unknown_container_or_file_is_refused() {
    let backend = Backend::start().await;
    let mut named = ask(json!({
        "container": "container_gone",
        "tools": [{"type": "code_execution_20260521", "name": "code_execution"}],
    }));
    let answer = backend.post("/v1/messages", &named).await;
    let error =
        json!({"type": "not_found_error", "message": "Container not found: container_gone"});
    assert_eq!((answer.status, &answer.json()["error"]), (404, &error));
    named["stream"] = json!(true);
    let answer = backend.post("/v1/messages", &named).await;
    let data = answer.body.strip_prefix("event: error\ndata: ").unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!((answer.status, &data["error"]), (200, &error));
    let upload = say(json!([user(
        json!([{"type": "container_upload", "file_id": "file_gone"}])
    )]));
    let answer = backend.post("/v1/messages", &upload).await;
    assert_eq!(answer.status, 404, "{}", answer.body);
}

const THINKS: &str = "# one\n\n> first thought\n\nAnswer one.\n\n# two\n\n> second thought\n\nAnswer two.\n\n# three\n\n> third thought\n\nAnswer three.\n";

/// Asks the prompts one after the other and returns the whole history.
async fn converse(backend: &Backend, prompts: &[&str]) -> Vec<Value> {
    let mut history = Vec::new();
    for prompt in prompts {
        history.push(user(json!(prompt)));
        let message = backend
            .message(&ask(json!({"messages": history, "system": "s"})))
            .await;
        history.push(claude(message["content"].clone()));
    }
    history
}

#[tokio::test]
async fn thinking_is_bound_to_what_came_before_it() {
    let backend = Backend::with_script(THINKS).await;
    let history = converse(&backend, &["one", "two", "three"]).await;
    let with = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut history = history.clone();
        change(&mut history);
        history.push(user(json!("one")));
        ask(json!({"messages": history, "system": "s"}))
    };
    let strip = |history: &mut Vec<Value>, which: &[usize]| {
        for i in which {
            history[*i]["content"].as_array_mut().unwrap().remove(0);
        }
    };
    check_accepted(
        &backend,
        "",
        vec![
            with(&|_| {}),
            with(&|h| strip(h, &[1])),
            with(&|h| strip(h, &[5])),
            with(&|h| strip(h, &[3, 5])),
            with(&|h| strip(h, &[1, 3])),
            with(&|h| strip(h, &[1, 3, 5])),
            with(&|h| {
                strip(h, &[1, 3, 5]);
                h[0] = user(json!("edited"));
            }),
            // A string and one text block are the same, and so are the markers and nulls.
            with(&|h| h[0] = user(json!([{"type": "text", "text": "one", "cache_control": {"type": "ephemeral"}}]))),
            with(&|h| h[1]["content"][1] = json!({"text": "Answer one.", "type": "text"})),
        ],
    )
    .await;
    let moved = "messages.3.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation.";
    check_refused(
        &backend,
        "",
        vec![
            (
                with(&|h| h[0] = user(json!("edited"))),
                "messages.1.content.0: Invalid `signature`",
            ),
            (
                with(&|h| h[1]["content"][1]["text"] = json!("Answer 1.")),
                moved,
            ),
            (with(&|h| h[2] = user(json!("edited"))), moved),
            (
                with(&|h| {
                    h.drain(0..2);
                }),
                "messages.1.content.0: Invalid `signature`",
            ),
            (
                with(&|h| strip(h, &[3])),
                "messages.5.content.0: Invalid `signature`",
            ),
            (
                with(&|h| h[1]["content"][0]["thinking"] = json!("mine")),
                "messages.1.content.0: Invalid `signature`",
            ),
            (
                with(&|h| h[1]["content"][0]["signature"] = json!("abc")),
                "messages.1.content.0: Invalid `signature`",
            ),
        ],
    )
    .await;
    let mut other_system = with(&|_| {});
    other_system["system"] = json!("t");
    let mut other_tools = with(&|_| {});
    other_tools["tools"] = json!([{"name": "t", "input_schema": {"type": "object"}}]);
    let message = "messages.1.content.0: Invalid `signature`";
    check_refused(
        &backend,
        "",
        vec![(other_system, message), (other_tools, message)],
    )
    .await;
    // Effort, limits and display are no part of it.
    let mut other_settings = with(&|_| {});
    other_settings["max_tokens"] = json!(999);
    other_settings["output_config"] = json!({"effort": "low"});
    other_settings["thinking"] = json!({"type": "adaptive", "display": "summarized"});
    check_accepted(&backend, "", vec![other_settings]).await;
}

#[tokio::test]
async fn a_model_that_cannot_read_the_thinking_of_another_drops_it() {
    let backend = Backend::with_script(THINKS).await;
    let mut history = converse(&backend, &["one"]).await;
    history.push(user(json!("two")));
    let body = ask(json!({"messages": history, "system": "s", "model": "claude-haiku-5-5"}));
    let request = backend.request("POST", "/v1/messages");
    let request = request.header("anthropic-beta", "thinking-binding-controls-2026-08-01");
    let answer = backend.send(request.body(body.to_string())).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        answer.json()["input_transformations"],
        json!([{"type": "thinking_dropped", "path": "messages.1.content.0", "reason": "model_binding_mismatch"}])
    );
}
