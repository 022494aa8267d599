//! What a request may hold: the shape, and the rules between its values.

use serde_json::json;

use super::{Backend, ask, check_accepted, check_refused, say};

#[tokio::test]
async fn shapes_are_held_to_the_reference() {
    let backend = Backend::start().await;
    let block = |block: serde_json::Value| say(json!([{"role": "user", "content": [block]}]));
    check_refused(
        &backend,
        "",
        vec![
            (json!([]), "Input should be a valid dictionary"),
            (json!({}), "model: Field required"),
            (json!({"model": "claude-opus-5-5"}), "max_tokens: Field required"),
            (
                json!({"model": "claude-opus-5-5", "max_tokens": 1}),
                "messages: Field required",
            ),
            (ask(json!({"max_tokens": "9"})), "max_tokens: Input should be a valid integer"),
            (ask(json!({"max_tokens": 1.5})), "max_tokens: Input should be a valid integer"),
            (ask(json!({"max_tokens": -1})), "max_tokens: Input should be greater than or equal to 0"),
            (ask(json!({"max_tokens": 128_001})), "max_tokens: 128001 > 128000, which is the maximum"),
            (ask(json!({"stream": "yes"})), "stream: Input should be a valid boolean"),
            (ask(json!({"stream": null})), "stream: Input should be a valid boolean"),
            (ask(json!({"betas": []})), "betas: Extra inputs are not permitted"),
            (ask(json!({"output_format": {}})), "output_format: Extra inputs"),
            (ask(json!({"metadata": {"user_id": "u", "name": "n"}})), "metadata.name: Extra inputs"),
            (ask(json!({"service_tier": "fast"})), "service_tier: Input should be 'auto' or 'standard_only'"),
            (ask(json!({"speed": "slow"})), "speed: Input should be 'standard' or 'fast'"),
            (ask(json!({"inference_geo": "eu"})), "inference_geo: "),
            (ask(json!({"system": 7})), "system: Input should be a valid string"),
            (ask(json!({"system": [{"type": "image"}]})), "system.0: Input tag 'image' found using 'type'"),
            (ask(json!({"stop_sequences": "x"})), "stop_sequences: Input should be a valid list"),
            (ask(json!({"container": 7})), "container: Input should be a valid string"),
            (ask(json!({"container": {"name": "x"}})), "container.name: Extra inputs"),
            (ask(json!({"diagnostics": {"previous": 1}})), "diagnostics.previous: Extra inputs"),
            (ask(json!({"cache_control": {"type": "forever"}})), "cache_control: Input tag 'forever'"),
            (ask(json!({"cache_control": {"type": "ephemeral", "ttl": "2h"}})), "cache_control.ttl: Input should be '5m' or '1h'"),
            (say(json!("hi")), "messages: Input should be a valid list"),
            (say(json!([{"role": "user"}])), "messages.0.content: Field required"),
            (say(json!([{"role": "tool", "content": "x"}])), "messages.0.role: Input should be 'user', 'assistant' or 'system'"),
            (say(json!([{"role": "user", "content": "x", "name": "n"}])), "messages.0.name: Extra inputs"),
            (block(json!({"type": "text"})), "messages.0.content.0.text: Field required"),
            (block(json!({"text": "x"})), "messages.0.content.0.type: Field required"),
            (block(json!({"type": "text", "text": "x", "index": 0})), "messages.0.content.0.index: Extra inputs"),
            (block(json!({"type": "video", "url": "x"})), "messages.0.content.0: Input tag 'video' found using 'type' does not match any of the expected tags: 'text', 'image'"),
            (block(json!({"type": "thinking", "thinking": "", "signature": "s", "cache_control": null})), "messages.0.content.0.cache_control: Extra inputs"),
            (block(json!({"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": ""}})), "messages.0.content.0.source.media_type: Input should be 'image/jpeg', "),
            (block(json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "***"}})), "messages.0.content.0.image.source.base64: invalid base64"),
            (block(json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "R0lGODlhAQABAAAAACw="}})), "messages.0.content.0.image.source.base64.media_type: the image was specified as image/png but appears to be image/gif"),
            (block(json!({"type": "container_upload"})), "messages.0.content.0.file_id: Field required"),
            (block(json!({"type": "tool_use", "id": "a b", "name": "x", "input": {}})), "messages.0.content.0.id: String should match pattern"),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let backend = Backend::start().await;
    for body in ["", "{", "{\"a\":1}}", "\u{feff}{}"] {
        let request = backend.request("POST", "/v1/messages").body(body);
        let answer = backend.send(request).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.body.contains("not valid JSON"), "{}", answer.body);
    }
    let deep = "[".repeat(100_000);
    let request = backend.request("POST", "/v1/messages").body(deep);
    assert_eq!(backend.send(request).await.status, 400);
}

#[tokio::test]
async fn beta_fields_need_their_header() {
    let backend = Backend::start().await;
    let cases = [
        (
            "context_management",
            json!({"edits": []}),
            "context-management-2025-06-27",
        ),
        (
            "thread",
            json!({"type": "create"}),
            "message-threads-2026-08-12",
        ),
        (
            "fallbacks",
            json!("default"),
            "server-side-fallback-2026-07-01",
        ),
        ("mcp_servers", json!([]), "mcp-client-2025-11-20"),
        (
            "thinking",
            json!({"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "error"}}),
            "thinking-binding-controls-2026-08-01",
        ),
        (
            "thinking",
            json!({"type": "adaptive", "display": "updates"}),
            "thinking-display-updates-2026-08-18",
        ),
        (
            "output_config",
            json!({"task_budget": {"type": "tokens", "total": 20000}}),
            "task-budgets-2026-03-13",
        ),
        (
            "tools",
            json!([{"type": "code_execution_20250522", "name": "code_execution"}]),
            "code-execution-2025-05-22",
        ),
    ];
    for (name, value, beta) in cases {
        let body = ask(json!({name: value}));
        backend.refusal(&body, "").await;
        check_accepted(&backend, &format!("other-2020-01-01,{beta}"), vec![body]).await;
    }
    let thread = ask(json!({"thread": {"type": "continue", "previous_message_id": "msg_1"}}));
    let request = backend.request("POST", "/v1/messages");
    let request = request.header("anthropic-beta", "message-threads-2026-08-12");
    let answer = backend.send(request.body(thread.to_string())).await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.json()["error"]["details"]["error_code"],
        "thread_not_found"
    );
}

#[tokio::test]
async fn thinking_is_as_each_model_has_it() {
    let backend = Backend::start().await;
    // Accepted: adaptive, enabled, between_tools, disabled.
    let table = [
        ("claude-fable-5-2", [true, false, false, false]),
        ("claude-opus-5-5", [true, false, false, false]),
        ("claude-sonnet-5-5", [true, false, true, false]),
        ("claude-haiku-5-5", [true, false, false, true]),
        ("claude-opus-5", [true, false, false, true]),
        ("claude-sonnet-5", [true, false, false, true]),
        ("claude-opus-4-8", [true, false, false, true]),
        ("claude-opus-4-6", [true, true, false, true]),
        ("claude-sonnet-4-5", [false, true, false, true]),
    ];
    for (model, accepted) in table {
        let kinds = ["adaptive", "enabled", "between_tools", "disabled"];
        for (kind, accepted) in kinds.into_iter().zip(accepted) {
            let mut thinking = json!({"type": kind});
            if kind == "enabled" {
                thinking["budget_tokens"] = json!(1024);
            }
            let body = ask(json!({"model": model, "max_tokens": 2000, "thinking": thinking}));
            if accepted {
                check_accepted(&backend, "", vec![body]).await;
            } else {
                let said = backend.refusal(&body, "").await;
                let start = format!("\"thinking.type.{kind}\" is not supported for this model.");
                assert!(said.starts_with(&start), "{model} {said}");
            }
        }
    }
    let budget = |tokens: u64| json!({"type": "enabled", "budget_tokens": tokens});
    check_refused(
        &backend,
        "",
        vec![
            (
                ask(json!({"model": "claude-opus-4-6", "thinking": budget(1023)})),
                "thinking.budget_tokens: Input should be greater than or equal to 1024",
            ),
            (
                ask(json!({"model": "claude-opus-4-6", "max_tokens": 2000, "thinking": budget(2000)})),
                "`max_tokens` must be greater than `thinking.budget_tokens`",
            ),
            (
                ask(json!({"model": "claude-opus-5", "thinking": {"type": "disabled"}, "output_config": {"effort": "max"}})),
                "\"thinking.type.disabled\" is not supported with output_config.effort 'max'",
            ),
            (
                ask(json!({"model": "claude-sonnet-5-5", "thinking": {"type": "between_tools", "display": "omitted"}})),
                "thinking.display: Extra inputs are not permitted",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn effort_and_structured_output_have_their_limits() {
    let backend = Backend::start().await;
    let effort =
        |model: &str, level: &str| ask(json!({"model": model, "output_config": {"effort": level}}));
    let schema = |schema: serde_json::Value| {
        ask(json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}))
    };
    check_accepted(
        &backend,
        "",
        vec![
            effort("claude-opus-5-5", "xhigh"),
            effort("claude-opus-4-6", "max"),
            ask(json!({"output_config": {"effort": null, "format": null}})),
            schema(json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false})),
        ],
    )
    .await;
    check_refused(
        &backend,
        "",
        vec![
            (effort("claude-opus-5-5", "huge"), "output_config.effort: Input should be 'low', 'medium'"),
            (effort("claude-opus-4-6", "xhigh"), "This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium."),
            (effort("claude-haiku-4-5", "low"), "output_config.effort: claude-haiku-4-5 does not support effort"),
            (schema(json!({"type": "object", "properties": {}})), "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"),
            (schema(json!({"type": "array", "items": {"type": "string", "minLength": 2}})), "output_config.format.schema.items: property `minLength` is not supported"),
            (schema(json!({"$ref": "https://x/y.json"})), "output_config.format.schema: external `$ref`"),
            (schema(json!({"type": "object", "additionalProperties": false, "properties": {"next": {"$ref": "#"}}})), "output_config.format.schema.properties.next: recursive"),
        ],
    )
    .await;
}

#[tokio::test]
async fn tools_and_the_choice_between_them() {
    let backend = Backend::start().await;
    let tool = json!({"name": "t", "input_schema": {"type": "object"}});
    let code = json!({"type": "code_execution_20260521", "name": "code_execution"});
    let by_code = json!({"name": "u", "input_schema": {"type": "object"}, "allowed_callers": ["code_execution_20260120"]});
    let mut endless = by_code.clone();
    endless["input_schema"]["properties"] = json!({"child": {"$ref": "#"}});
    let tools = |tools: serde_json::Value| ask(json!({"tools": tools}));
    let choose = |model: &str, choice: serde_json::Value| {
        ask(json!({"model": model, "tools": [tool], "tool_choice": choice}))
    };
    check_accepted(
        &backend,
        "",
        vec![
            tools(json!([tool, code])),
            tools(json!([{"type": "code_execution_20250825", "name": "code_execution", "cache_control": {"type": "ephemeral"}}])),
            tools(json!([{"type": "web_search_20260318", "name": "web_search", "max_uses": 3, "allowed_domains": ["a.b"]}])),
            tools(json!([{"type": "custom", "name": "t", "input_schema": {"type": "object", "additionalProperties": false}, "strict": true, "input_examples": [{}]}])),
            choose("claude-opus-5-5", json!({"type": "auto", "disable_parallel_tool_use": true})),
            choose("claude-opus-5-5", json!({"type": "none"})),
            choose("claude-opus-4-8", json!({"type": "tool", "name": "t"})),
            ask(json!({"tools": [code, by_code], "tool_choice": {"type": "auto"}})),
        ],
    )
    .await;
    check_refused(
        &backend,
        "",
        vec![
            (tools(json!({})), "tools: Input should be a valid list"),
            (tools(json!([{"name": "t"}])), "tools.0.input_schema: Field required"),
            (tools(json!([{"name": "a b", "input_schema": {"type": "object"}}])), "tools.0.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"),
            (tools(json!([{"name": "t", "input_schema": {"type": "string"}}])), "tools.0.input_schema.type: Input should be 'object'"),
            (tools(json!([{"name": "t", "input_schema": {"type": "object"}, "timeout": 3}])), "tools.0.timeout: Extra inputs"),
            (tools(json!([tool, tool])), "tools: Tool names must be unique"),
            (tools(json!([code, {"type": "code_execution_20250825", "name": "code_execution"}])), "tools: Tool names must be unique"),
            (tools(json!([{"type": "code_execution_20260521", "name": "python"}])), "tools.0.name: Input should be 'code_execution'"),
            (tools(json!([{"type": "code_execution_20260521", "name": "code_execution", "timeout": 3}])), "tools.0.timeout: Extra inputs"),
            (tools(json!([{"type": "code_execution_20250522", "name": "code_execution"}])), "tools.0: tool type 'code_execution_20250522' needs the header"),
            (tools(json!([{"type": "code_execution_20991231", "name": "code_execution"}])), "tools.0: Input tag 'code_execution_20991231'"),
            (tools(json!([{"name": "t", "input_schema": {"type": "object"}, "defer_loading": true}])), "tools: at least one tool"),
            (ask(json!({"tool_choice": {"type": "auto"}})), "tool_choice: may only be specified while providing tools"),
            (choose("claude-opus-5-5", json!({"type": "any"})), "tool_choice: type \"tool\" and \"any\" are not supported"),
            (choose("claude-opus-4-8", json!({"type": "tool", "name": "u"})), "tool_choice.name: Tool 'u' not found"),
            (choose("claude-opus-4-8", json!({"type": "some"})), "tool_choice: Input tag 'some'"),
            (tools(json!([{"name": "t", "input_schema": {"type": "object"}, "strict": true}])), "tools.0.input_schema: For 'object' type, 'additionalProperties'"),
            (tools(json!([{"name": "t", "input_schema": {"type": "object"}, "defer_loading": true, "cache_control": {"type": "ephemeral"}}, tool])), "tools: Tool names must be unique"),
            (tools(json!([{"name": "d", "input_schema": {"type": "object"}, "defer_loading": true, "cache_control": {"type": "ephemeral"}}, tool])), "tools.0: a tool with `defer_loading`"),
            (tools(json!([code, endless])), "tools.1.input_schema: recursive schemas"),
            (ask(json!({"tools": [code, by_code], "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}})), "tool_choice.disable_parallel_tool_use: not supported"),
            (ask(json!({"model": "claude-opus-4-8", "tools": [code, by_code], "tool_choice": {"type": "any"}})), "tool_choice: type \"tool\" and \"any\" are not supported with programmatic"),
        ],
    )
    .await;
}

#[tokio::test]
async fn cache_markers_are_four_and_the_long_ones_come_first() {
    let backend = Backend::start().await;
    let text = |ttl: &str| json!({"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": ttl}});
    let asks = |ttls: &[&str]| {
        let blocks: Vec<_> = ttls.iter().map(|ttl| text(ttl)).collect();
        say(json!([{"role": "user", "content": blocks}]))
    };
    let with_top = |mut body: serde_json::Value, ttl: &str| {
        body["cache_control"] = json!({"type": "ephemeral", "ttl": ttl});
        body
    };
    check_accepted(
        &backend,
        "",
        vec![
            asks(&["5m"; 4]),
            asks(&["1h", "1h", "5m"]),
            with_top(asks(&["5m"; 4]), "5m"),
            with_top(ask(json!({})), "1h"),
        ],
    )
    .await;
    check_refused(
        &backend,
        "",
        vec![
            (
                asks(&["5m"; 5]),
                "A maximum of 4 blocks with cache_control may be provided. Found 5.",
            ),
            (
                asks(&["5m", "1h"]),
                "a ttl='1h' cache_control block must not come after a ttl='5m'",
            ),
            (
                with_top(asks(&["1h"]), "5m"),
                "cache_control: the last block already has",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn counting_takes_no_more_than_it_needs() {
    let backend = Backend::start().await;
    let mut body = ask(json!({"system": "s"}));
    body.as_object_mut().unwrap().remove("max_tokens");
    let counted = backend.post("/v1/messages/count_tokens", &body).await;
    assert_eq!(counted.status, 200, "{}", counted.body);
    assert!(counted.json()["input_tokens"].as_u64().unwrap() > 5);
    for (name, value) in [
        ("max_tokens", json!(5)),
        ("stream", json!(true)),
        ("container", json!("container_1")),
    ] {
        let mut body = body.clone();
        body[name] = value;
        let refused = backend.post("/v1/messages/count_tokens", &body).await;
        assert_eq!(refused.status, 400, "{name}");
        assert_eq!(
            refused.json()["error"]["message"],
            format!("{name}: Extra inputs are not permitted")
        );
    }
}

#[tokio::test]
async fn w12_fast_answers_need_a_header_on_some_models_and_are_none_on_others() {
    let backend = Backend::start().await;
    let fast = |model: &str| ask(json!({"model": model, "speed": "fast"}));
    let header = "fast-mode-2026-02-01";
    let newest = vec![fast("claude-opus-5-5"), fast("claude-fable-5-2")];
    check_accepted(&backend, "", newest).await;
    check_accepted(&backend, header, vec![fast("claude-opus-5")]).await;
    let told = "speed: 'fast' is not supported by";
    check_refused(&backend, "", vec![(fast("claude-opus-5"), told)]).await;
    for beta in ["", header] {
        check_refused(&backend, beta, vec![(fast("claude-opus-4-8"), told)]).await;
    }
}
