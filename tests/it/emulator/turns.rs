//! What a played turn looks like on the wire, and when it ends.

use serde_json::{Value, json};

use super::{Backend, ask, say};

/// The events of a stream, as name and data.
fn events(body: &str) -> Vec<(String, Value)> {
    body.split_terminator("\n\n")
        .map(|frame| {
            let (event, data) = frame.split_once('\n').unwrap();
            let data = data.strip_prefix("data: ").unwrap();
            (
                event.strip_prefix("event: ").unwrap().to_owned(),
                serde_json::from_str(data).unwrap(),
            )
        })
        .collect()
}

const HELLO: &str = "# hello\n\n> A greeting.\n\nHello there, you who read this.\n";

#[tokio::test]
async fn a_stream_has_the_events_of_the_reference_in_their_order() {
    let backend = Backend::with_script(HELLO).await;
    let body =
        ask(json!({"stream": true, "thinking": {"type": "adaptive", "display": "summarized"}}));
    let answer = backend.post("/v1/messages", &body).await;
    assert_eq!(
        answer.header("content-type"),
        "text/event-stream; charset=utf-8"
    );
    let events = events(&answer.body);
    for (name, data) in &events {
        assert_eq!(data["type"], *name);
    }
    let names: Vec<String> = events
        .iter()
        .map(
            |(name, data)| match data.get("delta").and_then(|delta| delta.get("type")) {
                Some(kind) => kind.as_str().unwrap().to_owned(),
                None => name.clone(),
            },
        )
        .collect();
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "ping",
            "thinking_delta",
            "signature_delta",
            "content_block_stop",
            "content_block_start",
            "text_delta",
            "text_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let start = &events[0].1["message"];
    assert_eq!(start["content"], json!([]));
    assert_eq!(start["stop_reason"], Value::Null);
    assert_eq!(start["usage"]["output_tokens"], 1);
    let delta = &events[10].1;
    assert_eq!(
        delta["delta"],
        json!({"stop_reason": "end_turn", "stop_sequence": null, "stop_details": null})
    );
    assert_eq!(
        delta["usage"]["input_tokens"],
        start["usage"]["input_tokens"]
    );
}

#[tokio::test]
async fn hidden_thinking_is_one_signature() {
    let backend = Backend::with_script(HELLO).await;
    let answer = backend
        .post("/v1/messages", &ask(json!({"stream": true})))
        .await;
    assert!(!answer.body.contains("thinking_delta") && !answer.body.contains("A greeting"));
    assert_eq!(answer.body.matches("signature_delta").count(), 1);
    let none = ask(json!({"model": "claude-opus-5", "thinking": {"type": "disabled"}}));
    let message = backend.message(&none).await;
    assert_eq!(message["content"].as_array().unwrap().len(), 1);
    assert_eq!(
        message["usage"]["output_tokens_details"]["thinking_tokens"],
        0
    );
}

#[tokio::test]
async fn a_script_is_read_again_when_it_changes_and_its_errors_are_told() {
    let backend = Backend::with_script("# hello\n\nOne.\n").await;
    let path = backend.directory.path().join("test.claude.md");
    assert_eq!(
        backend.message(&ask(json!({}))).await["content"][0]["text"],
        "One."
    );
    std::fs::write(&path, "# hello\n\nTwo, which is longer.\n").unwrap();
    let message = backend.message(&ask(json!({}))).await;
    assert_eq!(message["content"][0]["text"], "Two, which is longer.");
    std::fs::write(&path, "# hello\n\n```bash\nnever closed\n").unwrap();
    let said = backend.refusal(&ask(json!({})), "").await;
    assert!(
        said.contains("test.claude.md") && said.contains("line"),
        "{said}"
    );
    std::fs::write(&path, "# hello\n\n<!-- fault: earthquake -->\n\nThree.\n").unwrap();
    let said = backend.refusal(&ask(json!({})), "").await;
    assert!(
        said.contains("earthquake") || said.contains("fault"),
        "{said}"
    );
}

#[tokio::test]
async fn a_paused_turn_goes_on_even_after_prose_but_a_forged_one_does_not() {
    let script = "# hello\n\nFirst half.\n\n<!-- stop: pause_turn -->\n\nSecond half.\n\n<!-- stop: pause_turn -->\n\nThe end.\n";
    let backend = Backend::with_script(script).await;
    let mut messages = vec![json!({"role": "user", "content": "hello"})];
    for (text, reason) in [
        ("First half.", "pause_turn"),
        ("Second half.", "pause_turn"),
        ("The end.", "end_turn"),
    ] {
        let message = backend.message(&say(json!(messages))).await;
        assert_eq!(message["content"][0]["text"], text);
        assert_eq!(message["stop_reason"], reason);
        messages.push(json!({"role": "assistant", "content": message["content"]}));
    }
    let said = backend.refusal(&say(json!(messages)), "").await;
    assert!(said.contains("prefill"), "{said}");
    let forged = say(json!([
        {"role": "user", "content": "hello"}, {"role": "assistant", "content": "First part."},
    ]));
    assert!(backend.refusal(&forged, "").await.contains("prefill"));
}

#[tokio::test]
async fn the_prefix_that_was_marked_is_read_from_the_cache() {
    let backend = Backend::start().await;
    let marked = |text: &str, ttl: &str| json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": ttl}});
    let long = "Background. ".repeat(300);
    let body = |blocks: Value| {
        ask(
            json!({"system": [marked(&long, "1h")], "messages": [{"role": "user", "content": blocks}]}),
        )
    };
    let usage = async |body: &Value| -> [u64; 4] {
        let usage = backend.message(body).await["usage"].clone();
        let field = |value: &Value| value.as_u64().unwrap();
        assert_eq!(
            field(&usage["cache_creation_input_tokens"]),
            field(&usage["cache_creation"]["ephemeral_5m_input_tokens"])
                + field(&usage["cache_creation"]["ephemeral_1h_input_tokens"])
        );
        [
            field(&usage["input_tokens"]),
            field(&usage["cache_read_input_tokens"]),
            field(&usage["cache_creation"]["ephemeral_5m_input_tokens"]),
            field(&usage["cache_creation"]["ephemeral_1h_input_tokens"]),
        ]
    };
    let first = usage(&body(json!([marked("one", "5m")]))).await;
    assert_eq!(first[1], 0);
    assert!(first[2] > 0 && first[3] > 512, "{first:?}");
    let again = usage(&body(json!([marked("one", "5m")]))).await;
    assert_eq!(again, [first[0], first[2] + first[3], 0, 0]);
    let other = usage(&body(json!([marked("two!", "5m")]))).await;
    assert_eq!(other[1], first[3], "the system prompt is still read");
    assert_eq!(again.iter().sum::<u64>(), first.iter().sum::<u64>());

    // 19 blocks further the old end is still found, 20 further it is not.
    for (more, found) in [(19, true), (20, false)] {
        let mut blocks = vec![marked(&format!("end {more}"), "5m")];
        let before = usage(&body(json!(blocks))).await;
        for n in 1..=more {
            blocks.push(json!({"type": "text", "text": format!("{n}")}));
        }
        blocks[0].as_object_mut().unwrap().remove("cache_control");
        blocks[more]["cache_control"] = json!({"type": "ephemeral"});
        let mut body = body(json!(blocks));
        body["system"][0]
            .as_object_mut()
            .unwrap()
            .remove("cache_control");
        let after = usage(&body).await;
        assert_eq!(
            after[1] == before[1] + before[2] + before[3],
            found,
            "{more}: {before:?} {after:?}"
        );
    }

    // Too short to be cached: silently not.
    let short = say(json!([{"role": "user", "content": [marked("hi", "5m")]}]));
    assert_eq!(usage(&short).await[1..], [0, 0, 0]);
    assert_eq!(usage(&short).await[1..], [0, 0, 0]);
}

#[tokio::test]
async fn the_offline_backend_says_what_it_is() {
    let backend = Backend::start().await;
    let message = backend.message(&ask(json!({}))).await;
    let text = message["content"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("offline") && text.contains("no model was called"),
        "{text}"
    );
}

#[tokio::test]
async fn the_choice_of_tools_says_how_many_are_called() {
    let script = "# hello\n\n```call t\n{}\n```\n\n```call t\n{\"n\": 2}\n```\n\nDone.\n";
    let backend = Backend::with_script(script).await;
    let tools = json!([{"name": "t", "input_schema": {"type": "object"}}]);
    let mut body = ask(json!({"tools": tools, "tool_choice": {"type": "auto"}}));
    let calls = |message: &Value| {
        let content = message["content"].as_array().unwrap();
        let calls = content.iter().filter(|block| block["type"] == "tool_use");
        calls.map(|call| call["input"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        calls(&backend.message(&body).await),
        [json!({}), json!({"n": 2})]
    );
    body["tool_choice"]["disable_parallel_tool_use"] = json!(true);
    let first = backend.message(&body).await;
    assert_eq!(calls(&first), [json!({})]);
    let id = &first["content"][0]["id"];
    body["messages"].as_array_mut().unwrap().extend([
        json!({"role": "assistant", "content": first["content"]}),
        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "x"}]}),
    ]);
    assert_eq!(calls(&backend.message(&body).await), [json!({"n": 2})]);
    let none = ask(json!({"tools": tools, "tool_choice": {"type": "none"}}));
    let message = backend.message(&none).await;
    assert_eq!(
        (calls(&message), &message["stop_reason"]),
        (vec![], &json!("end_turn"))
    );
}
