//! Summaries on demand (`docs/protocol.md#compaction`).

use serde_json::{Value, json};

use super::{Backend, ask, check_accepted};

const BETA: &str = "compact-2026-09-04";

fn conversation() -> Value {
    json!([
        {"role": "user", "content": "What is a knot?"},
        {"role": "assistant", "content": "A bend in a rope."},
    ])
}

fn compact(messages: Value, more: Value) -> Value {
    let mut body = json!({"messages": messages, "compaction": {"type": "summarize"}});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    ask(body)
}

async fn summary(backend: &Backend) -> Value {
    let body = compact(conversation(), json!({}));
    let request = backend.request("POST", "/v1/messages");
    let request = request.header("anthropic-beta", BETA);
    let answer = backend.send(request.json(&body)).await;
    answer.json()
}

async fn check_code(backend: &Backend, body: &Value, code: &str) {
    let request = backend.request("POST", "/v1/messages");
    let request = request.header("anthropic-beta", BETA);
    let answer = backend.send(request.json(body)).await.json();
    assert_eq!(answer["error"]["details"]["error_code"], code, "{answer:#}");
}

#[tokio::test]
async fn a_summary_is_one_signed_block_whose_cost_stands_apart() {
    let backend = Backend::start().await;
    let message = summary(&backend).await;
    assert_eq!(message["stop_reason"], "compaction");
    let content = message["content"].as_array().unwrap();
    assert_eq!(content.len(), 1);
    assert_eq!(content[0]["type"], "compaction");
    assert!(
        content[0]["content"]
            .as_str()
            .unwrap()
            .contains("What is a knot?")
    );
    let usage = &message["usage"];
    assert_eq!(
        (&usage["input_tokens"], &usage["output_tokens"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(usage["iterations"][0]["type"], "compaction");
    assert!(usage["iterations"][0]["input_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn the_block_goes_first_once_and_as_it_came() {
    let backend = Backend::start().await;
    let block = summary(&backend).await["content"][0].clone();
    let next = json!({"role": "user", "content": "Go on."});
    let own = |blocks: Value| json!({"role": "assistant", "content": blocks});
    let with = |first: Value| ask(json!({"messages": [first, next]}));
    check_accepted(
        &backend,
        BETA,
        vec![
            with(own(json!([block]))),
            ask(json!({"messages": [{"role": "user", "content": [block, {"type": "text", "text": "Go on."}]}]})),
            with(own(json!([{"type": "compaction", "content": null}]))),
        ],
    )
    .await;
    let changed = |field: &str, value: &str| {
        let mut other = block.clone();
        other[field] = json!(value);
        with(own(json!([other])))
    };
    let cases = [
        (
            with(own(json!([block, block]))),
            "compaction_block_ambiguous",
        ),
        (
            ask(json!({"messages": [next, own(json!([block])), next]})),
            "compaction_block_misplaced",
        ),
        (
            changed("content", "Something else."),
            "compaction_content_mismatch",
        ),
        (
            changed("signature", "c2lnbmF0dXJl"),
            "compaction_signature_invalid",
        ),
    ];
    for (body, code) in cases {
        check_code(&backend, &body, code).await;
    }
    let refusal = backend.refusal(&with(own(json!([block]))), "").await;
    assert!(
        refusal.contains("compaction"),
        "the header is needed: {refusal}"
    );
}

#[tokio::test]
async fn a_request_for_a_summary_asks_for_nothing_else() {
    let backend = Backend::start().await;
    let tool = json!([{"name": "t", "input_schema": {"type": "object"}}]);
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "t", "input": {}});
    let open = json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [call]},
    ]);
    check_code(
        &backend,
        &compact(open, json!({"tools": tool})),
        "compaction_incomplete_turn",
    )
    .await;
    for (more, says) in [
        (json!({"stop_sequences": ["x"]}), "stop_sequences"),
        (
            json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": false}}}}),
            "output_config.format",
        ),
        (
            json!({"model": "claude-haiku-4-5"}),
            "does not support compaction",
        ),
        (
            json!({"model": "claude-sonnet-4-5"}),
            "does not support compaction",
        ),
    ] {
        let body = compact(conversation(), more);
        let refusal = backend.refusal(&body, BETA).await;
        assert!(refusal.contains(says), "{refusal}");
    }
    let refusal = backend
        .refusal(&compact(conversation(), json!({})), "")
        .await;
    assert!(refusal.contains("compaction: Extra inputs"), "{refusal}");
}
