//! Things that go wrong when they are told to, as often as they are told to.

use claude_kernel::emulator::faults::{At, Chunking, Disturbance, Fault, FaultKind};
use serde_json::{Value, json};

use super::{Backend, ask};

fn streamed() -> Value {
    ask(json!({"stream": true}))
}

async fn arm(backend: &Backend, fault: Value) {
    let fault = Fault::from_json(&fault).unwrap();
    backend.emulator.faults().add(fault).await.unwrap();
}

#[tokio::test]
async fn a_gate_holds_the_stream_exactly_after_the_second_delta() {
    let backend = Backend::start().await;
    let faults = backend.emulator.faults();
    let gate = Disturbance::Gate { name: "g".into() };
    let fault = Fault::once(FaultKind::Stream(At::Deltas(2), gate));
    faults.add(fault).await.unwrap();
    let request = backend.request("POST", "/v1/messages");
    let mut response = request.body(streamed().to_string()).send().await.unwrap();
    faults.gate_reached("g").await.unwrap();
    let deltas = |text: &str| text.matches("event: content_block_delta").count();
    let mut seen = String::new();
    while deltas(&seen) < 2 {
        let chunk = response.chunk().await.unwrap().unwrap();
        seen.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert_eq!(deltas(&seen), 2);
    faults.open_gate("g").await.unwrap();
    while let Some(chunk) = response.chunk().await.unwrap() {
        seen.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(deltas(&seen) > 2 && seen.contains("message_stop"), "{seen}");
}

#[tokio::test]
async fn an_opened_gate_lets_one_pass_and_clearing_opens_all() {
    let backend = Backend::start().await;
    let faults = backend.emulator.faults();
    faults.open_gate("g").await.unwrap();
    arm(&backend, json!({"kind": "gate", "name": "g", "times": 2})).await;
    let passed = backend.post("/v1/messages", &streamed()).await;
    assert!(passed.body.contains("message_stop"));
    let body = streamed();
    let held = backend.post("/v1/messages", &body);
    let cleared = async {
        faults.gate_reached("g").await.unwrap();
        faults.clear().await.unwrap();
    };
    let (held, ()) = futures::join!(held, cleared);
    assert!(held.body.contains("message_stop"));
}

#[tokio::test]
async fn errors_in_place_of_an_answer_carry_their_headers() {
    let backend = Backend::start().await;
    arm(
        &backend,
        json!({"kind": "status", "status": 429, "retry_after": "2", "times": 2}),
    )
    .await;
    arm(
        &backend,
        json!({"kind": "status", "status": 529, "retry_after_ms": 150}),
    )
    .await;
    arm(&backend, json!({"kind": "status", "status": 500, "should_retry": false, "error_code": "x", "message": "m"})).await;
    arm(
        &backend,
        json!({"kind": "status", "status": 502, "body": "<h1>Bad gateway</h1>"}),
    )
    .await;
    for _ in 0..2 {
        let answer = backend.post("/v1/messages", &ask(json!({}))).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, "2"));
        assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
    }
    // Another endpoint is not struck.
    assert_eq!(backend.get("/v1/models").await.status, 200);
    let answer = backend.post("/v1/messages", &ask(json!({}))).await;
    assert_eq!(
        (answer.status, answer.header("retry-after-ms")),
        (529, "150")
    );
    assert_eq!(answer.json()["error"]["type"], "overloaded_error");
    let answer = backend.post("/v1/messages", &ask(json!({}))).await;
    assert_eq!(
        (answer.status, answer.header("x-should-retry")),
        (500, "false")
    );
    assert_eq!(
        answer.json()["error"],
        json!({"type": "api_error", "message": "m", "details": {"error_code": "x"}})
    );
    let answer = backend.post("/v1/messages", &ask(json!({}))).await;
    assert_eq!(
        (answer.status, &*answer.body),
        (502, "<h1>Bad gateway</h1>")
    );
    assert!(answer.header("content-type").starts_with("text/html"));
    assert_eq!(
        backend.post("/v1/messages", &ask(json!({}))).await.status,
        200
    );
}

#[tokio::test]
async fn a_reset_is_no_answer_at_all() {
    let backend = Backend::start().await;
    arm(&backend, json!({"kind": "reset"})).await;
    let request = backend.request("POST", "/v1/messages");
    let error = request
        .body(streamed().to_string())
        .send()
        .await
        .unwrap_err();
    assert!(!error.is_status() && !error.is_timeout(), "{error:?}");
    assert_eq!(backend.post("/v1/messages", &streamed()).await.status, 200);
}

#[tokio::test]
async fn streams_end_early_in_three_ways() {
    let backend = Backend::start().await;
    arm(&backend, json!({"kind": "cut", "after_events": 3})).await;
    let request = backend.request("POST", "/v1/messages");
    let mut response = request.body(streamed().to_string()).send().await.unwrap();
    let mut seen = String::new();
    let broke = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => seen.push_str(std::str::from_utf8(&chunk).unwrap()),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broke, "the connection breaks: {seen}");
    let events = seen.matches("event: ").count() - seen.matches("event: ping").count();
    assert_eq!(events, 3, "{seen}");

    arm(
        &backend,
        json!({"kind": "cut", "after_events": 3, "clean": true}),
    )
    .await;
    let cut = backend.post("/v1/messages", &streamed()).await;
    assert!(!cut.body.contains("message_stop"), "{}", cut.body);

    arm(
        &backend,
        json!({"kind": "error", "after_deltas": 1, "error_type": "api_error", "message": "m"}),
    )
    .await;
    let failed = backend.post("/v1/messages", &streamed()).await;
    let last = failed.body.trim_end().rsplit("\n\n").next().unwrap();
    let (event, data) = last.split_once('\n').unwrap();
    assert_eq!(event, "event: error");
    let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(data["error"], json!({"type": "api_error", "message": "m"}));
    assert_eq!(data["request_id"], failed.header("request-id"));
}

#[tokio::test]
async fn unknown_things_come_between_known_ones() {
    let backend = Backend::start().await;
    arm(
        &backend,
        json!({"kind": "unknown_event", "after_deltas": 1}),
    )
    .await;
    arm(&backend, json!({"kind": "unknown_block"})).await;
    let body = backend.post("/v1/messages", &streamed()).await.body;
    assert!(body.contains("event: future_event\n"), "{body}");
    assert!(
        body.contains(r#""index":0,"content_block":{"type":"future_block""#),
        "{body}"
    );
    assert!(
        body.contains(r#""index":1,"content_block":{"type":"text""#),
        "{body}"
    );
}

#[tokio::test]
async fn however_it_is_cut_the_stream_is_the_same() {
    let script = "# hello\n\nGrüße 日本 🎉 and more words than one delta takes.\n";
    let backend = Backend::with_script(script).await;
    let strip = |body: &str| -> String {
        let lines = body.lines().filter(|line| !line.contains("message_start"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let whole = strip(&backend.post("/v1/messages", &streamed()).await.body);
    for chunking in [
        Chunking::Size(1),
        Chunking::Size(7),
        Chunking::Size(1 << 20),
        Chunking::SplitUtf8,
    ] {
        let fault = Fault::once(FaultKind::Chunks(chunking));
        backend.emulator.faults().add(fault).await.unwrap();
        let request = backend.request("POST", "/v1/messages");
        let mut response = request.body(streamed().to_string()).send().await.unwrap();
        let (mut bytes, mut chunks, mut broken) = (Vec::new(), 0, 0);
        while let Some(chunk) = response.chunk().await.unwrap() {
            broken += usize::from(std::str::from_utf8(&chunk).is_err());
            chunks += 1;
            bytes.extend_from_slice(&chunk);
        }
        assert_eq!(strip(std::str::from_utf8(&bytes).unwrap()), whole);
        match chunking {
            Chunking::Size(1) => assert!(chunks > bytes.len() / 2, "{chunks} of {}", bytes.len()),
            Chunking::SplitUtf8 => assert!(broken > 4, "{broken} chunks end inside a character"),
            Chunking::Size(_) => {}
        }
    }
}

#[tokio::test]
async fn scripts_hold_faults_too_and_each_counts_down() {
    let script = "# hello\n\n<!-- fault: 429 retry-after-ms=5 times=2 -->\n\nFirst.\n\n<!-- fault: error error_type=api_error -->\n\nSecond.\n";
    let backend = Backend::with_script(script).await;
    for _ in 0..2 {
        let answer = backend.post("/v1/messages", &streamed()).await;
        assert_eq!((answer.status, answer.header("retry-after-ms")), (429, "5"));
    }
    let failed = backend.post("/v1/messages", &streamed()).await.body;
    assert!(
        failed.contains("First.") && failed.contains("event: error"),
        "{failed}"
    );
    assert!(!failed.contains("Second."), "{failed}");
    let whole = backend.post("/v1/messages", &streamed()).await.body;
    assert!(
        whole.contains("Second.") && whole.contains("message_stop"),
        "{whole}"
    );
}

#[tokio::test]
async fn the_control_endpoint_arms_opens_and_shows_what_was_received() {
    let backend = Backend::start().await;
    for (fault, problem) in [
        (
            json!({"kind": "earthquake"}),
            "there is no fault `earthquake`",
        ),
        (
            json!({"kind": "status"}),
            "a `status` fault needs a `status`",
        ),
        (
            json!({"kind": "status", "status": 200}),
            "`200` is not an HTTP error status",
        ),
        (
            json!({"kind": "reset", "ms": 3}),
            "this fault has no field `ms`",
        ),
        (
            json!({"kind": "cut", "after_events": 1, "after_deltas": 1}),
            "either `after_events` or",
        ),
        (
            json!({"kind": "chunks", "size": 0}),
            "`chunks` needs a `size`",
        ),
        (json!(7), "a fault is an object"),
    ] {
        let answer = backend.post("/_emulator/faults", &fault).await;
        assert_eq!(answer.status, 400);
        let said = answer.json()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(said.starts_with(problem), "{said}");
    }
    let armed = json!([{"kind": "gate", "name": "g"}, {"kind": "fail_download"}]);
    let answer = backend.post("/_emulator/faults", &armed).await;
    assert_eq!(answer.json(), json!({"armed": 2}));
    let body = streamed();
    let held = backend.post("/v1/messages", &body);
    let control = async {
        let wait = json!({"name": "g", "action": "wait"});
        assert_eq!(backend.post("/_emulator/gate", &wait).await.status, 200);
        let open = json!({"name": "g", "action": "open"});
        assert_eq!(backend.post("/_emulator/gate", &open).await.status, 200);
    };
    let (held, ()) = futures::join!(held, control);
    assert_eq!(held.status, 200);
    let failed = backend.get("/v1/files/file_x/content").await;
    assert_eq!(failed.status, 500);
    let received = backend.get("/_emulator/requests").await.json();
    let received = received["requests"].as_array().unwrap();
    assert_eq!(received.len(), 2, "control requests are not among them");
    assert_eq!(received[0]["body"], streamed());
    assert_eq!(received[1]["target"], "/v1/files/file_x/content");
    let unguarded = backend.client.get(format!(
        "{}/_emulator/requests",
        backend.emulator.base_url()
    ));
    assert_eq!(backend.send(unguarded).await.status, 401);
}

#[tokio::test]
async fn generated_text_has_the_deltas_it_was_asked_for() {
    let backend = Backend::with_script("# hello\n\n<!-- deltas: 500 -->\n").await;
    let body = backend.post("/v1/messages", &streamed()).await.body;
    assert_eq!(body.matches("event: content_block_delta").count(), 500);
    arm(&backend, json!({"kind": "deltas", "count": 30, "size": 9})).await;
    let body = backend.post("/v1/messages", &streamed()).await.body;
    assert_eq!(body.matches("event: content_block_delta").count(), 30);
    assert!(body.contains("message_stop"));
}
