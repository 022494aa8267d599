//! What a request runs into whatever its shape: a sandbox that is gone, an account that moved, an
//! older deployment, an API that is busy.

use claude_kernel::emulator::faults::Fault;
use serde_json::{Value, json};

use super::{Answer, Backend, ask, check_accepted, check_refused};

const WORKS: &str = "# work\n\n> Let me see.\n\n```bash\necho out\n```\n\nDone.\n";

async fn arm(backend: &Backend, fault: Value) {
    let fault = Fault::from_json(&fault).unwrap();
    backend.emulator.faults().add(fault).await.unwrap();
}

fn work(stream: bool) -> Value {
    ask(json!({
        "stream": stream,
        "messages": [{"role": "user", "content": "work"}],
        "tools": [code_execution()],
    }))
}

fn code_execution() -> Value {
    json!({"type": "code_execution_20260521", "name": "code_execution"})
}

/// The type and the data of the first event of a stream.
fn first_event(answer: &Answer) -> (String, Value) {
    let (kind, rest) = answer.body.split_once("\ndata: ").unwrap();
    let (data, _) = rest.split_once("\n\n").unwrap();
    let kind = kind.strip_prefix("event: ").unwrap().to_owned();
    (kind, serde_json::from_str(data).unwrap())
}

/// Asks for work in a sandbox that has just expired, and is told so in this way.
async fn in_expired(backend: &Backend, told: &str, stream: bool) -> (String, Answer) {
    let made = backend.message(&work(false)).await;
    let id = made["container"]["id"].as_str().unwrap().to_owned();
    let mut body = work(stream);
    body["container"] = json!(id);
    arm(backend, json!({"kind": "expire_container", "told": told})).await;
    let answer = backend.post("/v1/messages", &body).await;
    (id, answer)
}

#[tokio::test]
async fn an_expired_sandbox_is_told_in_each_of_the_ways() {
    let backend = Backend::with_script(WORKS).await;
    let not_found = |id: &str| json!({"type": "not_found_error", "message": format!("Container not found: {id}")});
    let internal = json!({"type": "api_error", "message": "Internal server error"});
    let (id, answer) = in_expired(&backend, "event", true).await;
    let (kind, data) = first_event(&answer);
    assert_eq!((answer.status, &*kind), (200, "error"));
    assert_eq!(data["error"], not_found(&id));
    let (id, answer) = in_expired(&backend, "event", false).await;
    assert_eq!(
        (answer.status, answer.json()["error"].clone()),
        (404, not_found(&id))
    );
    let (id, answer) = in_expired(&backend, "not_found", true).await;
    assert_eq!(
        (answer.status, answer.json()["error"].clone()),
        (404, not_found(&id))
    );
    let (id, answer) = in_expired(&backend, "internal", true).await;
    assert_eq!(
        (answer.status, answer.json()["error"].clone()),
        (500, internal)
    );
    // It stays gone, and is told so in the same way.
    let mut again = work(false);
    again["container"] = json!(id);
    assert_eq!(backend.post("/v1/messages", &again).await.status, 500);
    let (id, answer) = in_expired(&backend, "result", false).await;
    let message = answer.json();
    assert_eq!(answer.status, 200, "{message}");
    let results = message["content"].as_array().unwrap().iter();
    let mut results = results.filter(|block| block["type"] == "bash_code_execution_tool_result");
    assert_eq!(
        results.next().unwrap()["content"],
        json!({"type": "bash_code_execution_tool_result_error", "error_code": "container_expired"})
    );
    again["container"] = json!(id);
    assert_eq!(backend.post("/v1/messages", &again).await.status, 404);
}

#[tokio::test]
async fn a_container_needs_a_tool_that_can_use_it_and_is_a_string() {
    let backend = Backend::with_script(WORKS).await;
    let id = backend.message(&work(false)).await["container"]["id"].clone();
    let with =
        |tools: Value, container: Value| ask(json!({"tools": tools, "container": container}));
    let search = |callers: Value| json!({"type": "web_search_20260318", "name": "web_search", "allowed_callers": callers});
    let tool = json!({"name": "t", "input_schema": {"type": "object"}});
    let skills = json!([{"type": "anthropic", "skill_id": "xlsx"}]);
    let useless = "container: no tool of this request can use a container";
    let no_string = "container: Input should be a valid string";
    check_accepted(
        &backend,
        "",
        vec![
            with(json!([code_execution()]), id.clone()),
            with(
                json!([code_execution()]),
                json!({"id": id, "skills": skills}),
            ),
            with(json!([code_execution()]), json!({"skills": skills})),
            with(
                json!([search(json!(["code_execution_20260120"]))]),
                id.clone(),
            ),
            with(json!([]), json!(null)),
        ],
    )
    .await;
    let removed = ask(json!({
        "tools": [code_execution(), tool],
        "container": id,
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "system", "content": [{"type": "tool_removal",
                "tool": {"type": "tool_reference", "name": "code_execution"}}]},
        ],
    }));
    check_refused(
        &backend,
        "mid-conversation-tool-changes-2026-07-01",
        vec![
            (ask(json!({"container": id})), useless),
            (with(json!([tool]), id.clone()), useless),
            (
                with(json!([search(json!(["direct"]))]), id.clone()),
                useless,
            ),
            (removed, useless),
            (
                with(json!([code_execution()]), json!({"id": id})),
                no_string,
            ),
            (
                with(json!([code_execution()]), json!({"id": id, "skills": []})),
                no_string,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_error_may_be_the_first_event() {
    let backend = Backend::start().await;
    let streamed = ask(json!({"stream": true}));
    for (kind, status, text) in [
        ("overloaded_error", 529, "Overloaded"),
        (
            "rate_limit_error",
            429,
            "This request would exceed your rate limit",
        ),
        ("api_error", 500, "Internal server error"),
    ] {
        let fault = json!({"kind": "first_event", "error_type": kind, "times": 2});
        arm(&backend, fault).await;
        let answer = backend.post("/v1/messages", &streamed).await;
        assert_eq!(answer.status, 200);
        let (event, data) = first_event(&answer);
        assert_eq!(
            (&*event, &data["error"]),
            ("error", &json!({"type": kind, "message": text}))
        );
        assert_eq!(data["request_id"], answer.header("request-id"));
        assert_eq!(answer.body.matches("event: ").count(), 1);
        let answer = backend.post("/v1/messages", &ask(json!({}))).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["type"]),
            (status, &json!(kind))
        );
    }
    let script = "# hello\n\n<!-- fault: first_event message=later -->\n\nHello.\n";
    let backend = Backend::with_script(script).await;
    let answer = backend.post("/v1/messages", &streamed).await;
    assert_eq!(first_event(&answer).1["error"]["message"], "later");
    let answer = backend.post("/v1/messages", &streamed).await;
    assert_eq!(first_event(&answer).0, "message_start");
}

#[tokio::test]
async fn thinking_may_be_refused_once_or_for_good() {
    let backend = Backend::with_script(WORKS).await;
    let first = backend.message(&work(false)).await;
    let mut body = work(false);
    body["container"] = first["container"]["id"].clone();
    body["messages"] = json!([
        {"role": "user", "content": "work"},
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": "work"},
    ]);
    let mut without = body.clone();
    let blocks = without["messages"][1]["content"].as_array_mut().unwrap();
    assert_eq!(blocks.remove(0)["type"], "thinking");
    arm(&backend, json!({"kind": "refuse_thinking"})).await;
    backend.message(&without).await;
    let refusal = backend.refusal(&body, "").await;
    assert!(refusal.contains("thinking"), "{refusal}");
    backend.message(&body).await;

    arm(&backend, json!({"kind": "other_organization"})).await;
    for _ in 0..2 {
        let refusal = backend.refusal(&body, "").await;
        let expected = "messages.1.content.0: Invalid `signature` in `thinking` block. It was made by another organization.";
        assert_eq!(refusal, expected);
    }
    let mut dropped = body.clone();
    dropped["thinking"] = json!({"type": "adaptive",
        "block_binding": {"prefix_mismatch_behavior": "drop_block"}});
    let request = backend.request("POST", "/v1/messages");
    let request = request.header("anthropic-beta", "thinking-binding-controls-2026-08-01");
    let answer = backend.send(request.body(dropped.to_string())).await;
    assert_eq!(
        answer.json()["input_transformations"],
        json!([{"type": "thinking_dropped", "path": "messages.1.content.0",
            "reason": "organization_binding_mismatch"}])
    );
    // What is thought from here on belongs to the new account.
    let next = backend.message(&without).await;
    without["messages"].as_array_mut().unwrap().extend([
        json!({"role": "assistant", "content": next["content"]}),
        json!({"role": "user", "content": "work"}),
    ]);
    assert_eq!(next["content"][0]["type"], "thinking");
    backend.message(&without).await;
}

#[tokio::test]
async fn diagnostics_compare_with_messages_of_this_api_where_they_are_known() {
    let backend = Backend::start().await;
    let asked = |id: Value| ask(json!({"diagnostics": {"previous_message_id": id}}));
    let accepted = vec![
        asked(json!(null)),
        asked(json!("msg_1")),
        ask(json!({"diagnostics": null})),
    ];
    check_accepted(&backend, "", accepted).await;
    let pattern = "diagnostics.previous_message_id: String should match pattern '^msg_'";
    check_refused(&backend, "", vec![(asked(json!("gen-1")), pattern)]).await;
    arm(&backend, json!({"kind": "refuse_diagnostics"})).await;
    backend.message(&ask(json!({}))).await;
    let extra = "diagnostics: Extra inputs are not permitted";
    check_refused(&backend, "", vec![(asked(json!(null)), extra)]).await;
    backend.message(&asked(json!(null))).await;
}

#[tokio::test]
async fn an_older_deployment_takes_the_older_version_alone() {
    let backend = Backend::start().await;
    arm(&backend, json!({"kind": "old_version", "times": 2})).await;
    check_refused(&backend, "", vec![(ask(json!({})), "Invalid API version")]).await;
    let url = format!("{}/v1/messages", backend.emulator.base_url());
    let request = backend.client.post(url).bearer_auth(backend.emulator.key());
    let request = request.header("anthropic-version", "2023-06-01");
    let answer = backend.send(request.body(ask(json!({})).to_string())).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    check_refused(&backend, "", vec![(ask(json!({})), "Invalid API version")]).await;
    backend.message(&ask(json!({}))).await;
}

#[tokio::test]
async fn the_input_of_a_call_is_an_object() {
    let backend = Backend::start().await;
    let said = |block: Value, result: Value| {
        let messages = json!([
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [block]},
            {"role": "user", "content": [result, {"type": "text", "text": "b"}]},
        ]);
        ask(json!({"messages": messages}))
    };
    let result = json!({"type": "tool_result", "tool_use_id": "t", "content": "c"});
    for input in [json!("hello"), json!([1]), json!(7), json!(null)] {
        let own = json!({"type": "tool_use", "id": "t", "name": "t", "input": input});
        let run = json!({"type": "server_tool_use", "id": "s", "name": "bash_code_execution", "input": input});
        let expected = "messages.1.content.0.input: Input should be a valid dictionary";
        check_refused(
            &backend,
            "",
            vec![
                (said(own, result.clone()), expected),
                (said(run, result.clone()), expected),
            ],
        )
        .await;
    }
}

#[tokio::test]
async fn a_key_that_no_type_has_comes_back_or_is_refused_by_its_place() {
    let script = "# work\n\n```python repl\nprint(1)\n```\n\nDone.\n";
    let backend = Backend::with_script(script).await;
    let first = backend.message(&work(false)).await;
    let content = &first["content"][1]["content"];
    assert_eq!(content.get("abort_reason"), Some(&json!(null)));
    let mut body = work(false);
    body["container"] = first["container"]["id"].clone();
    body["messages"] = json!([
        {"role": "user", "content": "work"},
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": "work"},
    ]);
    arm(&backend, json!({"kind": "refuse_unknown_keys"})).await;
    backend.message(&work(false)).await;
    let expected = "messages.1.content.1.code_execution_tool_result.content.abort_reason: Extra inputs are not permitted";
    check_refused(&backend, "", vec![(body.clone(), expected)]).await;
    backend.message(&body).await;
}
