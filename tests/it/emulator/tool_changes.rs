//! Tools that come and go in the middle of a conversation
//! (`docs/protocol.md#compaction, #tool-changes`).

use claude_kernel::emulator::faults::{Fault, FaultKind};
use serde_json::{Value, json};

use super::{Answer, Backend, ask, check_accepted, check_refused, say};

const INLINE: &str = "inline-tools-2026-09-15";
const REFERENCES: &str = "mid-conversation-tool-changes-2026-07-01";

fn tool(name: &str, description: &str) -> Value {
    json!({"name": name, "description": description, "input_schema": {"type": "object"}})
}

fn with(mut tool: Value, field: &str, value: Value) -> Value {
    tool[field] = value;
    tool
}

fn define(definition: &Value) -> Value {
    json!({"type": "tool_addition", "tool": {"type": "tool_definition", "definition": definition}})
}

fn add(name: &str) -> Value {
    json!({"type": "tool_addition", "tool": {"type": "tool_reference", "name": name}})
}

fn remove(name: &str) -> Value {
    json!({"type": "tool_removal", "tool": {"type": "tool_reference", "name": name}})
}

fn system(blocks: Value) -> Value {
    json!({"role": "system", "content": blocks})
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn claude(text: &str) -> Value {
    json!({"role": "assistant", "content": text})
}

/// A question, these changes, and what was said to it.
fn after(changes: Value) -> Value {
    say(json!([user("hello"), system(changes)]))
}

async fn post(backend: &Backend, body: &Value, betas: &str) -> Answer {
    let request = backend.request("POST", "/v1/messages");
    let request = request.header("anthropic-beta", betas);
    backend.send(request.body(body.to_string())).await
}

async fn message(backend: &Backend, body: &Value, betas: &str) -> Value {
    let answer = post(backend, body, betas).await;
    assert_eq!(answer.status, 200, "{body:#}\n{}", answer.body);
    answer.json()
}

async fn check_code(backend: &Backend, body: &Value, code: &str) {
    let answer = post(backend, body, INLINE).await;
    assert_eq!(answer.status, 400, "{body:#}\n{}", answer.body);
    let error = answer.json();
    assert_eq!(error["error"]["details"]["error_code"], code, "{error:#}");
}

#[tokio::test]
async fn the_header_says_what_a_change_may_hold() {
    let backend = Backend::start().await;
    let one = tool("one", "");
    let by_reference = |change: Value| {
        let mut body = after(json!([change]));
        body["tools"] = json!([one]);
        body
    };
    let marked = with(add("one"), "cache_control", json!({"type": "ephemeral"}));
    check_accepted(
        &backend,
        REFERENCES,
        vec![by_reference(remove("one")), by_reference(marked)],
    )
    .await;
    let both = format!("{REFERENCES},{INLINE}");
    for betas in [INLINE, &both] {
        check_accepted(
            &backend,
            betas,
            vec![
                by_reference(remove("one")),
                after(json!([{"type": "text", "text": "A tool comes."}, define(&one)])),
                after(json!([
                    define(&one),
                    define(&one),
                    remove("one"),
                    add("one"),
                    define(&tool("one", "x"))
                ])),
                after(json!([define(
                    &json!({"type": "web_search_20260318", "name": "web_search"})
                )])),
                after(json!([define(
                    &json!({"type": "browser_toolset_20260801"})
                )])),
            ],
        )
        .await;
    }
    check_refused(
        &backend,
        REFERENCES,
        vec![(
            after(json!([define(&one)])),
            "messages.1.content.0.tool: Input tag 'tool_definition'",
        )],
    )
    .await;
    let definition = "messages.1.content.0.tool.definition";
    check_refused(
        &backend,
        "",
        vec![(
            after(json!([add("one")])),
            "messages.1.content.0: Input tag 'tool_addition'",
        )],
    )
    .await;
    let refused = vec![
        (
            after(
                json!([{"type": "tool_removal", "tool": {"type": "tool_definition", "definition": one}}]),
            ),
            "messages.1.content.0.tool: Input tag 'tool_definition'".to_owned(),
        ),
        (
            after(json!([with(add("one"), "at", json!(1))])),
            "messages.1.content.0.at: Extra inputs".to_owned(),
        ),
        (
            after(
                json!([{"type": "tool_addition", "tool": {"type": "tool_reference", "tool_name": "one"}}]),
            ),
            "messages.1.content.0.tool.name: Field required".to_owned(),
        ),
        (
            after(json!([define(&json!({"name": "one"}))])),
            format!("{definition}.input_schema: Field required"),
        ),
        (
            after(json!([define(&with(
                one.clone(),
                "input_schema",
                json!({"type": "string"})
            ))])),
            format!("{definition}.input_schema.type: Input should be 'object'"),
        ),
        (
            after(json!([define(
                &json!({"type": "computer_toolset_20260801"})
            )])),
            format!("{definition}: tools of type 'computer_toolset_20260801'"),
        ),
        (
            after(json!([define(
                &json!({"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-5-5"})
            )])),
            format!("{definition}: Input tag 'advisor_20260301'"),
        ),
        (
            after(json!([define(&with(
                with(one.clone(), "strict", json!(true)),
                "allowed_callers",
                json!(["code_execution_20260521"])
            ))])),
            format!("{definition}: `strict` cannot be combined"),
        ),
        (
            say(json!([{"role": "user", "content": [define(&one)]}])),
            "messages.0.content.0: `tool_addition` blocks can only be in `system` messages"
                .to_owned(),
        ),
        (
            ask(
                json!({"model": "claude-sonnet-5", "messages": [user("hello"), system(json!([define(&one)]))]}),
            ),
            "messages.1: `system` messages are not supported by claude-sonnet-5".to_owned(),
        ),
    ];
    for (body, expected) in refused {
        let said = backend.refusal(&body, INLINE).await;
        assert!(said.starts_with(&expected), "{body:#}\n{said}");
    }
    let servers = json!([define(
        &json!({"type": "mcp_toolset", "mcp_server_name": "s"})
    )]);
    let said = backend
        .refusal(&after(servers), &format!("{INLINE},mcp-client-2025-11-20"))
        .await;
    assert!(said.contains("mcp-client-2026-09-15"), "{said}");
}

#[tokio::test]
async fn a_name_means_one_tool_that_was_there_before() {
    let backend = Backend::start().await;
    let search =
        |version: &str| json!({"type": format!("web_search_{version}"), "name": "web_search"});
    let given = |tools: Value, changes: Value| {
        let mut body = after(changes);
        body["tools"] = tools;
        body
    };
    check_accepted(
        &backend,
        INLINE,
        vec![
            given(
                json!([search("20250305")]),
                json!([define(&search("20260318"))]),
            ),
            given(
                json!([tool("web_search", "")]),
                json!([remove("web_search"), define(&search("20260318"))]),
            ),
            say(json!([
                user("hello"),
                system(json!([define(&tool("one", ""))])),
                claude("a"),
                user("more"),
                system(json!([remove("one")])),
                claude("b"),
                user("more"),
                system(json!([add("one")])),
            ])),
        ],
    )
    .await;
    for (body, code) in [
        (after(json!([add("one")])), "tool_reference_unresolved"),
        (after(json!([remove("one")])), "tool_reference_unresolved"),
        (
            after(json!([add("one"), define(&tool("one", ""))])),
            "tool_reference_unresolved",
        ),
        (
            given(
                json!([search("20260318")]),
                json!([define(&tool("web_search", ""))]),
            ),
            "tool_name_conflict",
        ),
        (
            given(
                json!([tool("bash", "")]),
                json!([define(&json!({"type": "bash_20250124", "name": "bash"}))]),
            ),
            "tool_name_conflict",
        ),
        (
            given(
                json!([{"type": "browser_toolset_20260801"}]),
                json!([define(&tool("browser", ""))]),
            ),
            "tool_name_conflict",
        ),
    ] {
        check_code(&backend, &body, code).await;
    }
    let mcp = |kind: &str, name: Value| {
        let mut body = after(
            json!([{"type": "tool_removal", "tool": {"type": kind, "server_name": "s", "name": name}}]),
        );
        if name.is_null() {
            let tool = body["messages"][1]["content"][0]["tool"].as_object_mut();
            tool.unwrap().remove("name");
        }
        body
    };
    for body in [
        mcp("mcp_tool_reference", json!("t")),
        mcp("mcp_toolset_reference", Value::Null),
    ] {
        check_code(&backend, &body, "tool_reference_unresolved").await;
        let mut body = body;
        body["tools"] = json!([{"type": "mcp_toolset", "mcp_server_name": "s"}]);
        check_accepted(
            &backend,
            &format!("{INLINE},mcp-client-2026-09-15"),
            vec![body],
        )
        .await;
    }
}

#[tokio::test]
async fn changes_stand_after_what_was_asked_or_answered() {
    let backend = Backend::start().await;
    let one = define(&tool("one", ""));
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "t", "input": {}});
    let called = json!({"role": "assistant", "content": [call]});
    let answered =
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1"}]});
    let run = json!([
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution", "input": {}},
        {"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_1",
         "content": {"type": "bash_code_execution_result", "stdout": "", "stderr": "", "return_code": 0, "content": []}},
    ]);
    let paused = json!({"role": "assistant", "content": run});
    let text = system(json!("Be brief."));
    let change = system(json!([one]));
    check_accepted(
        &backend,
        INLINE,
        vec![
            say(json!([user("hello"), called, answered, change])),
            say(json!([user("hello"), called, answered, text, change])),
            say(json!([user("hello"), change, text])),
            say(json!([user("hello"), paused, text])),
            say(json!([user("hello"), paused, user("more"), change])),
        ],
    )
    .await;
    let cleared = with(change.clone(), "clear_at", json!("next_user_message"));
    check_refused(
        &backend,
        &format!("{INLINE},mid-conversation-system-clear-at-2026-08-21"),
        vec![
            (say(json!([change, user("hello")])), "messages: first message must use"),
            (say(json!([user("hello"), change, user("more")])), "messages.1: `system` messages must be last"),
            (say(json!([user("hello"), change, text, user("more")])), "messages.1: `system` messages must be last"),
            (say(json!([user("hello"), claude("a"), change])), "messages.2: `system` messages must follow"),
            (say(json!([user("hello"), called, change, answered])), "messages.2: `system` messages must follow"),
            (say(json!([user("hello"), paused, change])), "messages.2.content.0: `tool_addition` blocks are not allowed after a paused"),
            (say(json!([user("hello"), paused, text, change])), "messages.3.content.0: `tool_addition` blocks are not allowed after a paused"),
            (say(json!([user("hello"), cleared])), "messages.1.content.0: `tool_addition` blocks are not allowed in a message with `clear_at`"),
        ],
    )
    .await;
}

#[tokio::test]
async fn markers_of_changes_count_with_the_others() {
    let backend = Backend::start().await;
    let marker = json!({"type": "ephemeral"});
    let inside = |name: &str| define(&with(tool(name, ""), "cache_control", marker.clone()));
    let outside = |name: &str| with(define(&tool(name, "")), "cache_control", marker.clone());
    let four = json!([inside("a"), outside("b"), inside("c"), outside("d")]);
    let mut five = four.clone();
    five.as_array_mut().unwrap().push(inside("e"));
    let mut long = inside("b");
    long["tool"]["definition"]["cache_control"]["ttl"] = json!("1h");
    let deferred = with(tool("a", ""), "defer_loading", json!(true));
    check_accepted(&backend, INLINE, vec![after(four)]).await;
    check_refused(
        &backend,
        INLINE,
        vec![
            (
                after(five),
                "A maximum of 4 blocks with cache_control may be provided. Found 5.",
            ),
            (
                after(json!([outside("a"), long])),
                "a ttl='1h' cache_control block must not come after",
            ),
            (
                after(json!([with(inside("a"), "cache_control", marker.clone())])),
                "messages.1.content.0: `tool_addition` blocks take one `cache_control`",
            ),
            (
                after(json!([define(&with(
                    deferred,
                    "cache_control",
                    marker.clone()
                ))])),
                "messages.1.content.0.tool.definition: a tool with `defer_loading` cannot have",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn only_so_many_tools_are_available_at_once() {
    let backend = Backend::start().await;
    let many = |count: usize, deferred: bool| -> Vec<Value> {
        let names = (0..count).map(|n| tool(&format!("t{n}"), ""));
        names
            .map(|tool| define(&with(tool, "defer_loading", json!(deferred))))
            .collect()
    };
    let limit = "available_tools_limit_exceeded";
    check_code(&backend, &after(json!(many(10_001, false))), limit).await;
    let mut some = many(10_001, false);
    some.insert(10_000, remove("t0"));
    check_accepted(&backend, INLINE, vec![after(json!(some))]).await;
    let huge = |name: &str| define(&tool(name, &"x".repeat(2_100_000)));
    check_code(&backend, &after(json!([huge("a"), huge("b")])), limit).await;
    check_accepted(&backend, INLINE, vec![after(json!([huge("a")]))]).await;
}

/// Asks the script to call `t` and says whether it could.
async fn calls(backend: &Backend, mut body: Value) -> bool {
    body["messages"][0] = user("Call");
    let message = message(backend, &body, INLINE).await;
    let called = message["stop_reason"] == "tool_use";
    assert_eq!(
        called,
        !message.to_string().contains("does not offer"),
        "{message:#}"
    );
    called
}

#[tokio::test]
async fn a_script_calls_what_is_in_effect_at_the_end() {
    let backend = Backend::with_script("# Call\n\n```call t\n{}\n```\n").await;
    let t = tool("t", "");
    let deferred = with(t.clone(), "defer_loading", json!(true));
    let cases = [
        (json!([]), json!([define(&t)]), true),
        (json!([]), json!([define(&deferred)]), false),
        (json!([]), json!([define(&deferred), add("t")]), true),
        (json!([t]), json!([remove("t")]), false),
        (json!([t]), json!([remove("t"), add("t")]), true),
        (json!([t]), json!([remove("t"), define(&t)]), true),
        (
            json!([deferred, tool("u", "")]),
            json!([remove("u"), add("u")]),
            false,
        ),
        (json!([deferred, tool("u", "")]), json!([add("t")]), true),
    ];
    for (tools, changes, expected) in cases {
        let mut body = after(changes.clone());
        body["tools"] = tools;
        assert_eq!(calls(&backend, body).await, expected, "{changes:#}");
    }
    let choose = |changes: Value| {
        let mut body = after(changes);
        body["model"] = json!("claude-opus-4-8");
        body["tool_choice"] = json!({"type": "tool", "name": "t"});
        body
    };
    check_accepted(&backend, INLINE, vec![choose(json!([define(&t)]))]).await;
    let said = backend
        .refusal(&choose(json!([define(&tool("u", ""))])), INLINE)
        .await;
    assert!(said.contains("Tool 't' not found"), "{said}");
    let said = backend
        .refusal(&choose(json!([define(&t), remove("t")])), INLINE)
        .await;
    assert!(said.contains("while providing tools"), "{said}");
}

#[tokio::test]
async fn an_older_deployment_knows_no_inline_tools() {
    let backend = Backend::start().await;
    let faults = backend.emulator.faults();
    let unknown = |ignored: bool| {
        Fault::once(FaultKind::UnknownBeta {
            beta: INLINE.into(),
            ignored,
        })
    };
    let body = after(json!([define(&tool("t", ""))]));
    faults.add(unknown(false)).await.unwrap();
    // Does not strike what does not carry the header.
    check_accepted(&backend, "", vec![ask(json!({}))]).await;
    let said = backend.refusal(&body, INLINE).await;
    assert!(
        said.contains("anthropic-beta") && said.contains(INLINE),
        "{said}"
    );
    check_accepted(&backend, INLINE, vec![body.clone()]).await;
    faults.add(unknown(true)).await.unwrap();
    let said = backend.refusal(&body, INLINE).await;
    assert!(
        said.starts_with("messages.1.content.0: Input tag 'tool_addition'"),
        "{said}"
    );
    let scripted = Backend::with_script("# hello\n\n<!-- fault: unknown_beta -->\n\nHi.\n").await;
    check_accepted(&scripted, "", vec![ask(json!({}))]).await;
    let said = scripted.refusal(&body, INLINE).await;
    assert!(said.contains(INLINE), "{said}");
    check_accepted(&scripted, INLINE, vec![body]).await;
}
