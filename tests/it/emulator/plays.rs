//! Answers as recordings of the live API show them: which events, in which order, which keys are
//! absent (`docs/protocol.md#event-order`).

use claude_kernel::emulator::faults::Fault;
use serde_json::{Value, json};

use super::{Backend, ask};

fn events(body: &str) -> Vec<Value> {
    let lines = body.lines().filter_map(|line| line.strip_prefix("data: "));
    lines
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// A line for each event: its type, and what is in it.
fn names(body: &str) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = |event: &Value| match event["type"].as_str().unwrap() {
        "content_block_start" => word(&event["content_block"]["type"]),
        "content_block_delta" => word(&event["delta"]["type"]),
        other => other.to_owned(),
    };
    events(body).iter().map(name).collect()
}

fn with_code(prompt: &str) -> Value {
    ask(json!({
        "stream": true,
        "messages": [{"role": "user", "content": prompt}],
        "tools": [
            {"type": "code_execution_20260521", "name": "code_execution"},
            {"name": "t", "input_schema": {"type": "object"},
             "allowed_callers": ["direct", "code_execution_20260120"]},
        ],
    }))
}

async fn stream(backend: &Backend, body: &Value) -> String {
    let answer = backend.post("/v1/messages", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    // It stands on answers and means nothing there.
    assert_eq!(answer.header("retry-after"), "17");
    answer.body
}

#[tokio::test]
async fn further_calls_of_code_come_with_the_start_and_nothing_else() {
    let script =
        "# work\n\n```python repl\nprint(await t({\"n\": 1}), await t({\"n\": 2}))\n```\n\nOver.\n";
    let backend = Backend::with_script(script).await;
    let mut body = with_code("work");
    let first = stream(&backend, &body).await;
    let first = events(&first);
    let call = first
        .iter()
        .find(|event| event["content_block"]["type"] == "tool_use")
        .unwrap();
    assert_eq!(call["content_block"]["input"], json!({"n": 1}));
    let code = &call["content_block"]["caller"]["tool_id"];
    let index = &call["index"];
    let deltas = first
        .iter()
        .filter(|event| event["type"] == "content_block_delta" && event["index"] == *index);
    assert_eq!(deltas.count(), 0, "its whole input came with its start");
    let container = first
        .iter()
        .find_map(|event| event["delta"]["container"].as_object())
        .unwrap()
        .clone();
    assert!(!container.contains_key("skills"));
    let said = [
        json!({"type": "server_tool_use", "id": code, "name": "code_execution",
            "input": {"code": "print(await t({\"n\": 1}), await t({\"n\": 2}))\n"}}),
        call["content_block"].clone(),
    ];
    let answer = |call: &Value, said: &str| {
        json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": call["id"], "content": said}]})
    };
    body["container"] = container["id"].clone();
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": said}));
    messages.push(answer(&call["content_block"], "one"));

    let second = stream(&backend, &body).await;
    assert_eq!(names(&second), ["message_start", "message_stop"]);
    let message = events(&second)[0]["message"].clone();
    let call = &message["content"][0];
    assert_eq!(
        (&message["stop_reason"], &call["type"], &call["input"]),
        (&json!("tool_use"), &json!("tool_use"), &json!({"n": 2}))
    );
    assert_eq!(
        message["usage"],
        json!({"input_tokens": 0, "output_tokens": 0})
    );
    assert_eq!(message["container"]["id"], container["id"]);
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": message["content"]}));
    messages.push(answer(call, "two"));

    let third = stream(&backend, &body).await;
    let third = events(&third);
    assert_eq!(third[0]["message"]["content"], json!([]));
    let result = &third[1]["content_block"];
    assert_eq!(result["tool_use_id"], *code);
    assert_eq!(result["content"]["stdout"], "one two\n");
}

#[tokio::test]
async fn calls_and_their_input_come_in_small_pieces_the_first_of_them_empty() {
    let backend = Backend::with_script("# work\n\n```bash\necho a long line of words\n```\n").await;
    let body = stream(&backend, &with_code("work")).await;
    let events = events(&body);
    let call = &events[1]["content_block"];
    assert_eq!(
        (&call["type"], &call["input"], call.get("caller")),
        (&json!("server_tool_use"), &json!({}), None)
    );
    assert_eq!(events[2]["type"], "ping", "inside the first block");
    let pieces: Vec<&str> = events
        .iter()
        .filter_map(|event| event["delta"]["partial_json"].as_str())
        .collect();
    assert_eq!(pieces[0], "");
    assert!(pieces.len() > 3, "{pieces:?}");
    let input: Value = serde_json::from_str(&pieces.concat()).unwrap();
    assert_eq!(input, json!({"command": "echo a long line of words\n"}));
    let kinds = names(&body);
    let stop = kinds.iter().position(|kind| kind == "content_block_stop");
    assert_eq!(
        kinds[stop.unwrap() + 1..][..2],
        ["ping", "bash_code_execution_tool_result"]
    );
}

#[tokio::test]
async fn steps_together_are_called_before_any_of_them_has_a_result() {
    let script = "# work\n\n<!-- together: 3 -->\n\n```bash\necho one\n```\n\n```python\nprint('two')\n```\n\n\
        ```create a.txt\nthree\n```\n\n```bash\ncat a.txt\n```\n\nDone.\n";
    let backend = Backend::with_script(script).await;
    let mut body = with_code("work");
    body["stream"] = json!(false);
    let message = backend.message(&body).await;
    let content = message["content"].as_array().unwrap();
    let kinds: Vec<&str> = content
        .iter()
        .map(|b| b["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "server_tool_use",
            "server_tool_use",
            "server_tool_use",
            "bash_code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "server_tool_use",
            "bash_code_execution_tool_result",
            "text",
        ]
    );
    for (call, result) in [(0, 3), (1, 4), (2, 5), (6, 7)] {
        assert_eq!(content[call]["id"], content[result]["tool_use_id"]);
    }
    assert_eq!(content[3]["content"]["stdout"], "one\n");
    assert_eq!(content[4]["content"]["stdout"], "two\n");
    assert_eq!(content[7]["content"]["stdout"], "three\n");
    // Other than three steps there are not.
    let script = "# work\n\n<!-- together: 3 -->\n\n```bash\necho one\n```\n\nDone.\n";
    let backend = Backend::with_script(script).await;
    assert_eq!(
        backend.message(&body).await["content"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn sources_come_before_the_words_and_plain_text_names_none() {
    let script = "# work\n\nPlain.\n\n```search knots\nhttps://e.x/a | A | Knots hold.\n```\n\nKnots hold. [^1]\n";
    let backend = Backend::with_script(script).await;
    let body = ask(json!({
        "stream": true,
        "messages": [{"role": "user", "content": "work"}],
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
    }));
    let body = stream(&backend, &body).await;
    let all = events(&body);
    let texts = all
        .iter()
        .filter(|event| event["content_block"]["type"] == "text");
    let texts: Vec<&Value> = texts.map(|event| &event["content_block"]).collect();
    assert_eq!(texts[0], &json!({"type": "text", "text": ""}));
    assert_eq!(
        texts[1],
        &json!({"type": "text", "text": "", "citations": []})
    );
    let kinds = names(&body);
    let cited = kinds
        .iter()
        .position(|kind| kind == "citations_delta")
        .unwrap();
    assert_eq!(kinds[cited + 1], "text_delta");
    let end = all
        .iter()
        .rfind(|event| event["type"] == "message_delta")
        .unwrap();
    assert_eq!(
        end["usage"]["server_tool_use"],
        json!({"web_search_requests": 1})
    );
    assert_eq!(all[0]["message"]["usage"]["inference_geo"], "not_available");
    assert!(
        !all[0]["message"]
            .as_object()
            .unwrap()
            .contains_key("container")
    );
    assert!(!end["delta"].as_object().unwrap().contains_key("container"));
}

#[tokio::test]
async fn a_sandbox_is_promised_for_an_hour_or_for_more_with_a_session_in_it() {
    let backend = Backend::with_script("# work\n\n```bash\ntrue\n```\n").await;
    for (tool, minutes) in [
        ("code_execution_20250825", 60),
        ("code_execution_20260521", 270),
    ] {
        let body = ask(json!({
            "messages": [{"role": "user", "content": "work"}],
            "tools": [{"type": tool, "name": "code_execution"}],
        }));
        let expires = backend.message(&body).await["container"]["expires_at"].clone();
        let expires = chrono::DateTime::parse_from_rfc3339(expires.as_str().unwrap()).unwrap();
        let left = expires
            .signed_duration_since(chrono::Utc::now())
            .num_seconds();
        assert!(
            (minutes * 60 - 60..=minutes * 60).contains(&left),
            "{tool}: {left}"
        );
    }
}

#[tokio::test]
async fn a_summary_opens_empty_and_is_filled_by_one_delta() {
    let backend = Backend::start().await;
    let body = ask(json!({
        "stream": true,
        "messages": [
            {"role": "user", "content": "What is a knot?"},
            {"role": "assistant", "content": "A bend in a rope."},
        ],
        "compaction": {"type": "summarize"},
    }));
    let request = backend.request("POST", "/v1/messages");
    let request = request.header("anthropic-beta", "compact-2026-09-04");
    let answer = backend.send(request.body(body.to_string())).await;
    assert_eq!(
        names(&answer.body),
        [
            "message_start",
            "compaction",
            "ping",
            "compaction_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    let all = events(&answer.body);
    assert_eq!(all[1]["content_block"]["content"], Value::Null);
    assert!(all[1]["content_block"]["signature"].is_string());
    assert!(
        all[3]["delta"]["content"]
            .as_str()
            .unwrap()
            .contains("What is a knot?")
    );
    assert!(all[0]["message"]["usage"]["input_tokens"].as_u64().unwrap() > 0);
    assert_eq!(all[5]["usage"]["input_tokens"], 0);
    assert_eq!(all[5]["context_management"], json!({"applied_edits": []}));
}

#[tokio::test]
async fn a_script_can_say_what_no_request_may_hold() {
    let script = "# empty\n\n<!-- stop: end_turn -->\n\n# blank\n\n> Hm.\n\n```json block\n\
        {\"type\": \"text\", \"text\": \" \"}\n```\n\n# odd\n\n```json block\n\
        {\"type\": \"bash_code_execution_tool_result\", \"tool_use_id\": \"s\", \"content\": \
        {\"type\": \"bash_code_execution_tool_result_error\", \"error_code\": \"unavailable\"}}\n```\n\n```json block\n\
        {\"type\": \"server_tool_use\", \"id\": \"s\", \"name\": \"bash_code_execution\", \"input\": \"hello\"}\n```\n\n```json block\n\
        {\"type\": \"text\", \"text\": \"\"}\n```\n\n```json block\n\
        {\"type\": \"server_tool_use\", \"id\": \"s\", \"name\": \"bash_code_execution\", \"input\": [1]}\n```\n";
    let backend = Backend::with_script(script).await;
    let said = |prompt: &str| ask(json!({"messages": [{"role": "user", "content": prompt}]}));
    let message = backend.message(&said("empty")).await;
    assert_eq!(message["content"], json!([]));
    let message = backend.message(&said("blank")).await;
    assert_eq!(message["content"][1], json!({"type": "text", "text": " "}));
    let message = backend.message(&said("odd")).await;
    let content = message["content"].as_array().unwrap();
    assert_eq!(content[0]["tool_use_id"], content[1]["id"]);
    assert_eq!(content[1]["input"], "hello");
    assert_eq!(content[2], json!({"type": "text", "text": ""}));
    assert_eq!(
        (&content[3]["id"], &content[3]["input"]),
        (&json!("s"), &json!([1]))
    );
}

#[tokio::test]
async fn characters_are_halved_where_they_are_told_to_be() {
    let script = "# work\n\nA \u{1f600} and \u{fffd}.\n\n```bash\nprintf '\u{1f600}'\n```\n";
    let backend = Backend::with_script(script).await;
    let fault = Fault::from_json(&json!({"kind": "surrogates"})).unwrap();
    backend.emulator.faults().add(fault).await.unwrap();
    let halved = stream(&backend, &with_code("work")).await;
    assert!(halved.contains(r#""text":"A \ud83d"}"#), "{halved}");
    assert!(halved.contains(r#""text":"\ude00 and \ud83d."#), "{halved}");
    assert!(halved.contains(r#""stdout":"\ud83d\ude00""#), "{halved}");
    let whole = stream(&backend, &with_code("work")).await;
    assert!(whole.contains("A \u{1f600} and \u{fffd}."), "{whole}");
}

#[tokio::test]
async fn an_input_file_stays_where_it_was_put() {
    let script = "# look\n\n```bash\nls \"$INPUT_DIR\"\n```\n";
    let backend = Backend::with_script(script).await;
    let part = reqwest::multipart::Part::bytes(b"1\n".to_vec()).file_name("a.csv");
    let form = reqwest::multipart::Form::new().part("file", part);
    let stored = backend
        .send(backend.request("POST", "/v1/files").multipart(form))
        .await;
    let file = stored.json()["id"].clone();
    let with = |blocks: Value, container: Value| {
        let mut body = with_code("look");
        body["stream"] = json!(false);
        body["messages"][0]["content"] = blocks;
        body["container"] = container;
        body
    };
    let text = json!({"type": "text", "text": "look"});
    let upload = json!({"type": "container_upload", "file_id": file});
    let listed = |message: &Value| message["content"][1]["content"]["stdout"].clone();
    let first = backend
        .message(&with(json!([upload, text]), json!(null)))
        .await;
    assert_eq!(listed(&first), "a.csv\n");
    let container = first["container"]["id"].clone();
    let second = backend.message(&with(json!([text]), container)).await;
    assert_eq!(listed(&second), "a.csv\n", "it stays in its sandbox");
    // An upload of an earlier turn works in no other one.
    let mut third = with(json!([upload, text]), json!(null));
    third["messages"].as_array_mut().unwrap().extend([
        json!({"role": "assistant", "content": "I looked."}),
        json!({"role": "user", "content": "look"}),
    ]);
    assert_eq!(listed(&backend.message(&third).await), "");
}
