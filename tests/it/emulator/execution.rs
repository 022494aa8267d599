//! Steps that really run: their wire form under each tool, files, and the end of a turn nobody
//! reads any more.

use std::time::Duration;

use claude_kernel::emulator::faults::Fault;
use serde_json::{Value, json};

use super::{Backend, ask};
use crate::support::host::FixedHost;

const NEWEST: &str = "code_execution_20260521";

fn with_tool(tool: &str, stream: bool) -> Value {
    ask(json!({"stream": stream, "tools": [{"type": tool, "name": "code_execution"}]}))
}

async fn content(backend: &Backend, body: &Value, beta: &str) -> Vec<Value> {
    let request = backend.request("POST", "/v1/messages");
    let request = request.header("anthropic-beta", beta);
    let answer = backend.send(request.body(body.to_string())).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["content"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_step_is_named_as_the_requests_tool_names_it() {
    let script = "# hello\n\n```python\nprint(6 * 7)\n```\n\n```bash\necho shell\n```\n";
    let backend = Backend::with_script(script).await;
    // The newest tool: both through bash.
    let blocks = content(&backend, &with_tool(NEWEST, false), "").await;
    let kinds: Vec<&str> = blocks.iter().map(|b| b["type"].as_str().unwrap()).collect();
    let bash = ["server_tool_use", "bash_code_execution_tool_result"];
    assert_eq!(kinds, [bash, bash].concat());
    assert!(
        blocks[0]["input"]["command"]
            .as_str()
            .unwrap()
            .starts_with("python3 - <<'")
    );
    assert_eq!(blocks[1]["content"]["stdout"], "42\n");
    assert_eq!(blocks[3]["content"]["stdout"], "shell\n");
    // The oldest tool: Python alone, in blocks of its own.
    let body = with_tool("code_execution_20250522", false);
    let blocks = content(&backend, &body, "code-execution-2025-05-22").await;
    assert_eq!(blocks[0]["name"], "code_execution");
    assert_eq!(blocks[0]["input"]["code"], "print(6 * 7)\n");
    assert_eq!(blocks[1]["type"], "code_execution_tool_result");
    assert_eq!(blocks[1]["content"]["type"], "code_execution_result");
    assert_eq!(blocks[1]["content"]["stdout"], "42\n");
    assert_eq!(blocks[2]["type"], "text");
    assert!(
        blocks[2]["text"]
            .as_str()
            .unwrap()
            .contains("runs Python only")
    );
    // No tool: nothing runs.
    let blocks = content(&backend, &ask(json!({})), "").await;
    assert!(blocks.iter().all(|block| block["type"] == "text"));
}

#[tokio::test]
async fn a_fenced_block_in_a_prompt_runs_without_a_script() {
    let backend = Backend::start().await;
    let mut body = with_tool(NEWEST, false);
    body["messages"][0]["content"] = json!("Please run\n\n```bash\necho $((40 + 2))\n```\n");
    let blocks = content(&backend, &body, "").await;
    assert_eq!(blocks[1]["content"]["stdout"], "42\n");
    assert!(
        blocks[2]["text"]
            .as_str()
            .unwrap()
            .contains("no model was called")
    );
}

#[tokio::test]
async fn a_result_comes_whole_and_the_container_with_the_end() {
    let script = "# hello\n\n```bash\necho out; echo x > \"$OUTPUT_DIR/x.txt\"\n```\n\nDone.\n";
    let backend = Backend::with_script(script).await;
    let answer = backend.post("/v1/messages", &with_tool(NEWEST, true)).await;
    let frames: Vec<Value> = answer
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let result = frames
        .iter()
        .position(|frame| frame["content_block"]["type"] == "bash_code_execution_tool_result")
        .unwrap();
    let block = &frames[result]["content_block"];
    assert_eq!(block["content"]["stdout"], "out\n");
    assert_eq!(frames[result + 1]["type"], "content_block_stop");
    let start = &frames[0]["message"];
    assert_eq!(start["container"], Value::Null);
    let end = frames
        .iter()
        .rfind(|frame| frame["type"] == "message_delta")
        .unwrap();
    let id = end["delta"]["container"]["id"].as_str().unwrap();
    assert!(id.starts_with("container_"));
    let input = |usage: &Value| usage["input_tokens"].as_u64().unwrap();
    assert!(
        input(&end["usage"]) > 2 * input(&start["usage"]),
        "the model is sampled again after the result"
    );

    let file = block["content"]["content"][0]["file_id"].as_str().unwrap();
    let content = backend.get(&format!("/v1/files/{file}/content")).await;
    assert_eq!((content.status, &*content.body), (200, "x\n"));
    assert_eq!(content.header("content-type"), "text/plain");
    let fault = Fault::from_json(&json!({"kind": "fail_download"})).unwrap();
    backend.emulator.faults().add(fault).await.unwrap();
    let failed = backend.get(&format!("/v1/files/{file}/content")).await;
    assert_eq!(failed.status, 500);

    // An expired container is refused once and for all.
    let mut body = with_tool(NEWEST, false);
    body["container"] = json!(id);
    let fault = Fault::from_json(&json!({"kind": "expire_container"})).unwrap();
    backend.message(&body).await;
    backend.emulator.faults().add(fault).await.unwrap();
    for _ in 0..2 {
        let answer = backend.post("/v1/messages", &body).await;
        assert_eq!(answer.status, 404, "{}", answer.body);
        assert!(answer.body.contains(&format!("Container not found: {id}")));
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_command() {
    let script = "# hello\n\n```bash\necho $$ > pid; touch \"$OUTPUT_DIR/started\"; sleep 987\n```\n\n# next\n\n```bash\ncat pid\n```\n";
    let backend = Backend::with_script(script).await;
    // A container that is known before the long command starts.
    let mut next = with_tool(NEWEST, false);
    next["messages"][0]["content"] = json!("next");
    let container = backend.message(&next).await["container"]["id"].clone();
    next["container"] = container.clone();
    let mut long = with_tool(NEWEST, true);
    long["container"] = container;
    let request = backend.request("POST", "/v1/messages");
    let mut response = request.body(long.to_string()).send().await.unwrap();
    let mut seen = String::new();
    while seen.matches("content_block_stop\n").count() < 1 {
        let chunk = response.chunk().await.unwrap().unwrap();
        seen.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    // The call is out; the container works on it until the client is gone.
    drop(response);
    let answered = tokio::time::timeout(Duration::from_secs(60), backend.message(&next));
    let message = answered.await.expect("the container is free again");
    let result = &message["content"][1]["content"];
    assert_eq!(result["type"], "bash_code_execution_result", "{message}");
}

#[tokio::test]
async fn a_shutdown_ends_a_command_and_its_connection() {
    let script = "# hello\n\n```bash\nsleep 986\n```\n";
    let backend = Backend::with_script(script).await;
    let request = backend.request("POST", "/v1/messages");
    let body = with_tool(NEWEST, true).to_string();
    let mut response = request.body(body).send().await.unwrap();
    let mut seen = String::new();
    while !seen.contains("content_block_stop") {
        let chunk = response.chunk().await.unwrap().unwrap();
        seen.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let Backend { emulator, .. } = backend;
    let ended = tokio::time::timeout(Duration::from_secs(30), emulator.shutdown());
    ended
        .await
        .expect("shutting down does not wait for commands");
    let rest = async { while let Ok(Some(_)) = response.chunk().await {} };
    tokio::time::timeout(Duration::from_secs(30), rest)
        .await
        .expect("the connection is closed");
}

#[tokio::test]
async fn small_limits_cut_a_tool_call_short() {
    let script =
        "# hello\n\n```bash\necho a very long command indeed that does not fit at all\n```\n";
    let backend = Backend::with_script(script).await;
    let mut body = with_tool(NEWEST, false);
    body["max_tokens"] = json!(10);
    let message = backend.message(&body).await;
    assert_eq!(message["stop_reason"], "max_tokens");
    assert_eq!(message["content"][0]["input"], json!({}));
    assert_eq!(message["content"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn code_waits_so_long_for_a_tool_and_no_longer() {
    let script = "# hello\n\n```python repl\nprint(await t({}), kept := 1)\n```\n\nOver.\n\n\
        # catch\n\n```python repl\ntry:\n    await t({})\nexcept TimeoutError as error:\n    \
        print(error)\nprint(await t({}))\n```\n\n# after\n\n```python repl\nprint(kept)\n```\n";
    let host = FixedHost::new();
    let backend = Backend::with_host(script, host.clone()).await;
    let tools = json!([
        {"type": NEWEST, "name": "code_execution"},
        {"name": "t", "input_schema": {"type": "object"}, "allowed_callers": ["code_execution_20260120"]},
    ]);
    let ask_for = |prompt: &str| {
        ask(json!({"tools": tools, "messages": [{"role": "user", "content": prompt}]}))
    };
    // Answers the calls at the end of a conversation after so many seconds.
    let answer = async |body: &mut Value, said: &Value, seconds: u64| {
        host.advance(Duration::from_secs(seconds));
        let content = said["content"].as_array().unwrap();
        let calls = content.iter().filter(|block| block["type"] == "tool_use");
        let results: Vec<Value> = calls
            .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "in time"}))
            .collect();
        assert!(!results.is_empty(), "{said:#}");
        body["container"] = said["container"]["id"].clone();
        body["messages"].as_array_mut().unwrap().extend([
            json!({"role": "assistant", "content": content}),
            json!({"role": "user", "content": results}),
        ]);
        backend.message(body).await
    };
    let outcome = |said: &Value| said["content"][0]["content"].clone();

    let mut body = ask_for("hello");
    let asked = backend.message(&body).await;
    let done = answer(&mut body, &asked, 270).await;
    assert_eq!(outcome(&done)["stdout"], "in time 1\n");

    let mut body = ask_for("hello");
    let asked = backend.message(&body).await;
    let done = answer(&mut body, &asked, 271).await;
    assert_eq!(outcome(&done)["return_code"], 1);
    let stderr = outcome(&done)["stderr"].as_str().unwrap().to_owned();
    assert!(
        stderr.ends_with("TimeoutError: calling the tool `t` timed out\n"),
        "{stderr}"
    );
    assert_eq!(done["content"][1]["text"], "Over.");

    // The code may go on, and what it calls then waits anew.
    let mut body = ask_for("catch");
    let asked = backend.message(&body).await;
    let again = answer(&mut body, &asked, 271).await;
    assert_eq!(again["stop_reason"], "tool_use");
    let done = answer(&mut body, &again, 100).await;
    let expected = "calling the tool `t` timed out\nin time\n";
    assert_eq!(outcome(&done)["stdout"], expected);

    // The interpreter lives on.
    let mut body = ask_for("hello");
    body["container"] = done["container"]["id"].clone();
    let asked = backend.message(&body).await;
    answer(&mut body, &asked, 1).await;
    let mut body = ask_for("after");
    body["container"] = done["container"]["id"].clone();
    let after = backend.message(&body).await;
    assert_eq!(after["content"][1]["content"]["stdout"], "1\n");
}
