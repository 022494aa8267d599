//! What goes over the wire when all is well: heads, bodies, streams, pages, files.

use std::io::Write as _;
use std::process::{Command, Stdio};

use claude_kernel::anthropic::client::{Client, EventStream};
use claude_kernel::anthropic::error::ApiError;
use claude_kernel::anthropic::event::{Delta, StreamEvent};
use claude_kernel::anthropic::request::{MessageParam, Role};
use expect_test::expect;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::recordings::recorded;
use super::server::{
    LIMIT, Server, Step, answer, chunk, hello, json_answer, last_chunk, stream_answer, stream_head,
};
use crate::support::host::FixedHost;

/// All events of a stream that must end well.
async fn read(stream: &mut EventStream) -> Vec<StreamEvent> {
    let mut events = Vec::new();
    while let Some(event) = timeout(LIMIT, stream.next())
        .await
        .expect("an event in time")
    {
        events.push(event.unwrap());
    }
    events
}

/// The events with the pieces of each text in one.
fn joined(events: Vec<StreamEvent>) -> Vec<StreamEvent> {
    let mut whole: Vec<StreamEvent> = Vec::new();
    for event in events {
        let rest = match whole.last_mut() {
            Some(last) => last.append(event),
            None => Some(event),
        };
        whole.extend(rest);
    }
    whole
}

/// Head and body of a request, the parts that differ between runs taken out.
fn wire(server: &Server, seen: &super::server::Seen) -> String {
    let host = server.url.trim_start_matches("http://");
    format!(
        "{}\n\n{}",
        seen.head.replace(host, "HOST"),
        String::from_utf8_lossy(&seen.body)
    )
}

#[tokio::test]
async fn a_small_request_is_sent_as_the_reference_says() {
    let mut server = Server::start(vec![stream_answer(&recorded("turn"))]).await;
    let mut stream = server.client().stream(&hello()).await.unwrap();
    assert_eq!(stream.request_id(), Some("req_head"));
    read(&mut stream).await;
    let seen = server.seen().await;
    expect![[r#"
        POST /v1/messages HTTP/1.1
        accept-encoding: gzip
        accept: application/json
        anthropic-version: 2026-10-21
        authorization: Bearer sk-ant-test-0123456789
        content-length: 127
        content-type: application/json
        host: HOST
        user-agent: claude-kernel/0.1.0

        {"model":"claude-opus-5-5","max_tokens":100,"stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}"#]]
    .assert_eq(&wire(&server, &seen));
}

#[tokio::test]
async fn a_full_request_keeps_the_order_of_its_fields_and_the_bytes_of_its_history() {
    let mut server = Server::start(vec![stream_answer(&recorded("turn"))]).await;
    let mut request = hello();
    // Odd spacing, a number no float holds, an escape: history is sent as it was stored.
    let history = r#"[ {"type":"thinking","thinking":"","signature":"a\u00e9"} , {"n":12345678901234567890.10} ]"#;
    request.messages.push(MessageParam {
        role: Role::Assistant,
        content: serde_json::from_str(history).unwrap(),
    });
    request.system = vec![
        json!({"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}),
    ];
    request.tools = vec![json!({"type": "code_execution_20260521", "name": "code_execution"})];
    request.thinking = Some(json!({"type": "adaptive", "display": "summarized"}));
    request.output_config = Some(json!({"effort": "low"}));
    request.container.id = Some("container_01".to_owned());
    request.diagnostics = Some(json!({"previous_message_id": null}));
    request.betas = ["a-2026-01-01", "b-2026-02-02", "a-2026-01-01"]
        .map(str::to_owned)
        .to_vec();
    read(&mut server.client().stream(&request).await.unwrap()).await;
    let seen = server.seen().await;
    expect![[r#"
        POST /v1/messages HTTP/1.1
        accept-encoding: gzip
        accept: application/json
        anthropic-beta: a-2026-01-01,b-2026-02-02
        anthropic-version: 2026-10-21
        authorization: Bearer sk-ant-test-0123456789
        content-length: 566
        content-type: application/json
        host: HOST
        user-agent: claude-kernel/0.1.0

        {"model":"claude-opus-5-5","max_tokens":100,"stream":true,"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral","ttl":"1h"}}],"tools":[{"type":"code_execution_20260521","name":"code_execution"}],"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"low"},"container":"container_01","diagnostics":{"previous_message_id":null},"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]},{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"a\u00e9"},{"n":12345678901234567890.10}]}]}"#]]
    .assert_eq(&wire(&server, &seen));
}

#[tokio::test]
async fn a_base_url_with_a_path_keeps_it() {
    let mut server = Server::start(vec![stream_answer(&recorded("turn"))]).await;
    let mut options = server.options();
    options.base_url = Some(format!(" {}/gateway/claude/?x=1 ", server.url));
    read(&mut Client::new(options).stream(&hello()).await.unwrap()).await;
    let seen = server.seen().await;
    assert!(
        seen.head
            .starts_with("POST /gateway/claude/v1/messages HTTP/1.1\n"),
        "{}",
        seen.head
    );
}

#[tokio::test]
async fn events_come_as_they_are_sent_and_the_connection_is_used_again() {
    let bytes = recorded("turn");
    let (open, gate) = oneshot::channel();
    let first = vec![
        stream_head(&[]),
        chunk(&bytes[..700]),
        Step::Gate(gate),
        chunk(&bytes[700..]),
        last_chunk(),
    ];
    let mut server = Server::start(vec![first, stream_answer(&recorded("web_search"))]).await;
    let client = server.client();
    let mut stream = client.stream(&hello()).await.unwrap();
    // The first events are here although the server holds the rest back.
    let early = timeout(LIMIT, stream.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(matches!(early, StreamEvent::MessageStart { .. }));
    open.send(()).unwrap();
    let rest = read(&mut stream).await;
    assert_eq!(rest.last(), Some(&StreamEvent::MessageStop));
    assert!(stream.next().await.is_none());
    drop(stream);
    read(&mut client.stream(&hello()).await.unwrap()).await;
    assert_eq!(server.seen().await.connection, 0);
    assert_eq!(server.seen().await.connection, 0);
}

#[tokio::test]
async fn a_character_split_between_packets_stays_whole() {
    let bytes = recorded("web_search");
    let mut steps = vec![stream_head(&[])];
    steps.extend(bytes.chunks(3).map(chunk));
    steps.push(last_chunk());
    let server = Server::start(vec![steps]).await;
    let events = read(&mut server.client().stream(&hello()).await.unwrap()).await;
    let text = format!("{events:?}");
    assert!(
        text.contains("Grüße 👋 aus Köln") && text.contains("größe ✓"),
        "{text}"
    );
}

#[tokio::test]
async fn a_compressed_stream_is_read() {
    let mut gzip = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    gzip.stdin
        .take()
        .unwrap()
        .write_all(&recorded("turn"))
        .unwrap();
    let packed = gzip.wait_with_output().unwrap().stdout;
    let mut steps = vec![stream_head(&["content-encoding: gzip"])];
    steps.extend(packed.chunks(50).map(chunk));
    steps.push(last_chunk());
    let server = Server::start(vec![steps]).await;
    let events = read(&mut server.client().stream(&hello()).await.unwrap()).await;
    assert_eq!(events.last(), Some(&StreamEvent::MessageStop));
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection() {
    let (gone, is_gone) = oneshot::channel();
    let steps = vec![
        stream_head(&[]),
        chunk(&recorded("turn")[..700]),
        Step::UntilGone(gone),
    ];
    let server = Server::start(vec![steps]).await;
    let mut stream = server.client().stream(&hello()).await.unwrap();
    timeout(LIMIT, stream.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    drop(stream);
    timeout(LIMIT, is_gone)
        .await
        .expect("closed in time")
        .unwrap();
}

#[tokio::test]
async fn waiting_for_an_event_can_be_given_up_and_taken_up_again() {
    let bytes = recorded("turn");
    let mut gates = Vec::new();
    let mut steps = vec![stream_head(&[])];
    for piece in bytes.chunks(97) {
        let (open, gate) = oneshot::channel();
        gates.push(open);
        steps.extend([Step::Gate(gate), chunk(piece)]);
    }
    steps.push(last_chunk());
    let server = Server::start(vec![steps]).await;
    let mut stream = server.client().stream(&hello()).await.unwrap();
    let mut gates = gates.into_iter();
    let mut events = Vec::new();
    loop {
        // Each poll that finds nothing is dropped in the middle of its wait.
        let polled = futures::FutureExt::now_or_never(stream.next());
        match polled {
            Some(Some(event)) => events.push(event.unwrap()),
            Some(None) => break,
            None => match gates.next() {
                Some(open) => open.send(()).unwrap(),
                None => match timeout(LIMIT, stream.next()).await.unwrap() {
                    Some(event) => events.push(event.unwrap()),
                    None => break,
                },
            },
        }
    }
    let server = Server::start(vec![stream_answer(&bytes)]).await;
    let whole = read(&mut server.client().stream(&hello()).await.unwrap()).await;
    assert!(whole.len() < events.len());
    assert_eq!(joined(events), joined(whole));
}

#[tokio::test]
async fn pieces_that_are_here_come_as_one_and_no_other_event_is_passed() {
    let delta = |index: usize, kind: &str, field: &str, text: &str| {
        let delta = json!({"type": kind, field: text});
        let data = json!({"type": "content_block_delta", "index": index, "delta": delta});
        format!("event: content_block_delta\ndata: {data}\n\n")
    };
    let text = |index, text: &str| delta(index, "text_delta", "text", text);
    let long = "x".repeat(5000);
    let body = [
        text(0, "a"),
        text(0, "b"),
        text(0, ""),
        text(0, "c"),
        text(1, "d"),
        delta(1, "thinking_delta", "thinking", "e"),
        delta(1, "signature_delta", "signature", "f"),
        delta(1, "signature_delta", "signature", "g"),
        text(1, "h"),
        "event: ping\ndata: {\"type\": \"ping\"}\n\n".to_owned(),
        text(1, "i"),
        text(1, &long),
        text(1, "j"),
        "event: error\ndata: {\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\", \"message\": \"no\"}}\n\n"
            .to_owned(),
    ]
    .concat();
    let server = Server::start(vec![stream_answer(body.as_bytes())]).await;
    let mut stream = server.client().stream(&hello()).await.unwrap();
    let mut seen = Vec::new();
    let error = loop {
        match timeout(LIMIT, stream.next()).await.unwrap().unwrap() {
            Ok(event) => seen.push(match event {
                StreamEvent::BlockDelta { index, delta } => match delta {
                    Delta::Text(text) => format!("{index} text {}", text.replace(&long, "LONG")),
                    Delta::Thinking(text) => format!("{index} thinking {text}"),
                    Delta::Signature(text) => format!("{index} signature {text}"),
                    other => format!("{other:?}"),
                },
                other => format!("{other:?}"),
            }),
            Err(error) => break error,
        }
    };
    let expected = [
        "0 text abc",
        "1 text d",
        "1 thinking e",
        "1 signature f",
        "1 signature g",
        "1 text h",
        "Ping",
        "1 text iLONG",
        "1 text j",
    ];
    assert_eq!(seen, expected);
    assert!(matches!(error, ApiError::Stream { .. }), "{error:?}");
    assert!(timeout(LIMIT, stream.next()).await.unwrap().is_none());
}

#[tokio::test]
async fn tokens_are_counted_without_the_fields_counting_does_not_take() {
    let mut server = Server::start(vec![json_answer(
        "200 OK",
        &[],
        &json!({"input_tokens": 2095}),
    )])
    .await;
    let mut request = hello();
    request.container.id = Some("container_01".to_owned());
    request.diagnostics = Some(json!({"previous_message_id": null}));
    request.thinking = Some(json!({"type": "adaptive"}));
    assert_eq!(server.client().count_tokens(&request).await, Ok(2095));
    let seen = server.seen().await;
    assert!(
        seen.head.starts_with("POST /v1/messages/count_tokens "),
        "{}",
        seen.head
    );
    let expected = json!({"model": "claude-opus-5-5", "thinking": {"type": "adaptive"},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]});
    assert_eq!(seen.json(), expected);
}

#[tokio::test]
async fn models_are_listed_over_all_pages() {
    let page = |ids: &[&str], more: bool| {
        let data: Vec<_> = ids
            .iter()
            .map(|id| json!({"type": "model", "id": id}))
            .collect();
        let body =
            json!({"data": data, "has_more": more, "first_id": ids.first(), "last_id": ids.last()});
        json_answer("200 OK", &[], &body)
    };
    let mut server = Server::start(vec![page(&["a", "b/c d"], true), page(&["e"], false)]).await;
    let models = server.client().models().await.unwrap();
    let ids: Vec<String> = models.into_iter().map(|model| model.id).collect();
    assert_eq!(ids, ["a", "b/c d", "e"]);
    let first = server.seen().await;
    assert!(
        first.head.starts_with("GET /v1/models?limit=1000 "),
        "{}",
        first.head
    );
    assert_eq!(first.header("content-type"), None);
    let second = server.seen().await;
    let path = "GET /v1/models?limit=1000&after_id=b%2Fc%20d ";
    assert!(second.head.starts_with(path), "{}", second.head);
}

#[tokio::test]
async fn a_file_is_described_and_fetched() {
    let metadata = json!({"type": "file", "id": "file_01K3", "filename": "../p.png",
        "mime_type": "image/png", "size_bytes": 9, "created_at": "2026-11-22T10:00:00Z",
        "downloadable": true, "expires_at": null, "scope": {"type": "session", "id": "s"}});
    let bytes = b"\x89PNG\0\xff\r\n\n";
    let content = vec![Step::Send(answer(
        "200 OK",
        &["content-type: image/png"],
        bytes,
    ))];
    let mut server = Server::start(vec![json_answer("200 OK", &[], &metadata), content]).await;
    let client = server.client();
    let file = client.file("file_01K3").await.unwrap();
    assert_eq!(file.filename, "../p.png");
    assert_eq!(file.size_bytes, 9);
    assert_eq!(file.downloadable, Some(true));
    let host = FixedHost::new();
    let read = client
        .read_file(host.as_ref(), "file_01K3", 9)
        .await
        .unwrap();
    assert_eq!(read.as_ref(), bytes);
    assert!(
        server
            .seen()
            .await
            .head
            .starts_with("GET /v1/files/file_01K3 ")
    );
    let seen = server.seen().await;
    assert!(
        seen.head.starts_with("GET /v1/files/file_01K3/content "),
        "{}",
        seen.head
    );
    assert_eq!(seen.header("accept"), Some("application/binary"));
}

#[tokio::test]
async fn a_hostile_file_id_stays_in_its_place() {
    let mut server = Server::start(vec![
        json_answer("404 Not Found", &[], &json!({})),
        json_answer("404 Not Found", &[], &json!({})),
    ])
    .await;
    let client = server.client();
    for (id, path) in [
        (
            "../models?x#y",
            "GET /v1/files/..%2Fmodels%3Fx%23y HTTP/1.1\n",
        ),
        ("é\r\nx: y", "GET /v1/files/%C3%A9%0D%0Ax%3A%20y HTTP/1.1\n"),
    ] {
        client.file(id).await.unwrap_err();
        let seen = server.seen().await;
        assert!(seen.head.starts_with(path), "{}", seen.head);
    }
    let long = "x".repeat(300);
    for id in ["", ".", "..", &long] {
        client.file(id).await.unwrap_err();
    }
    assert_eq!(server.pending(), 0);
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_used_but_not_for_this_machine() {
    let turn = || stream_answer(&recorded("turn"));
    let mut proxy = Server::start(vec![turn()]).await;
    let mut near = Server::start(vec![turn()]).await;
    let mut options = near.options();
    options.environment = [("HTTP_PROXY", proxy.url.as_str())].into_iter().collect();
    let nearby = Client::new(options.clone());
    options.base_url = Some("http://api.example.test".to_owned());
    let far = Client::new(options);
    far.stream(&hello()).await.unwrap();
    let seen = proxy.seen().await;
    let line = "POST http://api.example.test/v1/messages HTTP/1.1\n";
    assert!(seen.head.starts_with(line), "{}", seen.head);
    nearby.stream(&hello()).await.unwrap();
    near.seen().await;
    assert_eq!(proxy.pending(), 0);
}
