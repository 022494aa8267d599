//! What goes wrong on the wire, and what the client makes of it: one attempt, one clear error.

use std::time::Duration;

use claude_kernel::anthropic::client::Client;
use claude_kernel::anthropic::error::ApiError;
use claude_kernel::anthropic::retry::{reason, retry_delay};
use expect_test::{Expect, expect};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::recordings::recorded;
use super::server::{
    KEY, LIMIT, Server, Step, answer, api_error, chunk, hello, json_answer, last_chunk, stream_head,
};

/// The error of a call that is answered like this.
async fn refused(steps: Vec<Step>) -> ApiError {
    let mut server = Server::start(vec![steps]).await;
    refused_by(&mut server).await
}

async fn refused_by(server: &mut Server) -> ApiError {
    let error = timeout(LIMIT, server.client().stream(&hello()))
        .await
        .expect("an answer in time")
        .expect_err("an error");
    server.seen().await;
    assert_eq!(server.pending(), 0, "one attempt");
    error
}

/// The text of an error, without the number of the port that it may name.
fn without_port(error: &ApiError) -> String {
    let text = error.to_string();
    match text.split_once("127.0.0.1:") {
        None => text,
        Some((before, after)) => {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}127.0.0.1:PORT{rest}")
        }
    }
}

/// What the person reads, and what the turn does: `wait MS` and why, or `stands`.
async fn check(steps: Vec<Step>, expected: Expect) {
    let error = refused(steps).await;
    let then = match retry_delay(&error, 0, 0.0) {
        Some(delay) => format!("wait {} ms: {}", delay.as_millis(), reason(&error)),
        None => "stands".to_owned(),
    };
    expected.assert_eq(&format!(
        "{}\n{then}\n{:?} {:?} {:?}",
        without_port(&error),
        error.kind(),
        error.code(),
        error.request_id()
    ));
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    let seconds = api_error(
        "429 Too Many Requests",
        &["retry-after: 7", "request-id: req_1"],
        "rate_limit_error",
    );
    check(
        seconds,
        expect![[r#"
        the API refused the request (429 rate_limit_error): in words
        wait 7000 ms: rate limited
        Some("rate_limit_error") None Some("req_1")"#]],
    )
    .await;
    let both = api_error(
        "429 Too Many Requests",
        &["retry-after: 7", "retry-after-ms: 1500.5"],
        "rate_limit_error",
    );
    check(
        both,
        expect![[r#"
        the API refused the request (429 rate_limit_error): in words
        wait 1500 ms: rate limited
        Some("rate_limit_error") None Some("req_body")"#]],
    )
    .await;
    let nonsense = api_error(
        "429 Too Many Requests",
        &["retry-after: soon", "retry-after-ms: -3"],
        "rate_limit_error",
    );
    check(
        nonsense,
        expect![[r#"
        the API refused the request (429 rate_limit_error): in words
        wait 500 ms: rate limited
        Some("rate_limit_error") None Some("req_body")"#]],
    )
    .await;
    let long = api_error(
        "429 Too Many Requests",
        &["retry-after: 3600"],
        "rate_limit_error",
    );
    check(
        long,
        expect![[r#"
        the API refused the request (429 rate_limit_error): in words
        stands
        Some("rate_limit_error") None Some("req_body")"#]],
    )
    .await;
    let past = api_error(
        "429 Too Many Requests",
        &["retry-after: Sun, 06 Nov 1994 08:49:37 GMT"],
        "rate_limit_error",
    );
    check(
        past,
        expect![[r#"
        the API refused the request (429 rate_limit_error): in words
        wait 500 ms: rate limited
        Some("rate_limit_error") None Some("req_body")"#]],
    )
    .await;
}

#[tokio::test]
async fn a_spent_budget_is_not_waited_for() {
    let body = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "spent",
        "details": {"error_code": "enforced_spend_limit_reached"}}});
    check(
        json_answer("429 Too Many Requests", &[], &body),
        expect![[r#"
        the API refused the request (429 rate_limit_error): spent
        stands
        Some("rate_limit_error") Some("enforced_spend_limit_reached") None"#]],
    )
    .await;
}

#[tokio::test]
async fn errors_of_the_api_keep_their_type() {
    check(
        api_error("529 ", &["request-id: req_2"], "overloaded_error"),
        expect![[r#"
        the API refused the request (529 overloaded_error): in words
        wait 500 ms: overloaded
        Some("overloaded_error") None Some("req_2")"#]],
    )
    .await;
    check(
        api_error("401 Unauthorized", &[], "authentication_error"),
        expect![[r#"
        the API refused the request (401 authentication_error): in words
        stands
        Some("authentication_error") None Some("req_body")"#]],
    )
    .await;
    check(
        api_error("500 Oops", &["x-should-retry: false"], "api_error"),
        expect![[r#"
        the API refused the request (500 api_error): in words
        stands
        Some("api_error") None Some("req_body")"#]],
    )
    .await;
    check(
        api_error("400 Bad Request", &[], "invalid_request_error"),
        expect![[r#"
        the API refused the request (400 invalid_request_error): in words
        stands
        Some("invalid_request_error") None Some("req_body")"#]],
    )
    .await;
}

#[tokio::test]
async fn bodies_that_are_no_json_are_told_in_short() {
    let html = format!(
        "<html><head><title>502\r\nBad\tGateway</title></head>{}</html>",
        "<p>long</p>".repeat(100)
    );
    let page = vec![Step::Send(answer(
        "502 Bad Gateway",
        &["content-type: text/html"],
        html,
    ))];
    check(page, expect![[r#"
        the API refused the request (502 http_502): a page came where JSON was asked for, so something between here and the API has answered, such as a proxy or a login page
        wait 500 ms: server error
        Some("http_502") None None"#]]).await;
    check(
        vec![Step::Send(answer("413 Payload Too Large", &[], ""))],
        expect![[r#"
        the API refused the request (413 http_413): no explanation was sent
        stands
        Some("http_413") None None"#]],
    )
    .await;
    check(
        vec![Step::Send(answer("503 ", &[], b"\xff\xfe\0binary"))],
        expect![[r#"
        the API refused the request (503 http_503): �� binary
        wait 500 ms: server error
        Some("http_503") None None"#]],
    )
    .await;
    check(
        json_answer("404 Not Found", &[], &json!({"error": "no such route"})),
        expect![[r#"
        the API refused the request (404 http_404): nothing of the API is at `http://127.0.0.1:PORT/v1/messages` (no such route); the base URL is what stands before `/v1`
        stands
        Some("http_404") None None"#]],
    )
    .await;
    check(
        json_answer("404 Not Found", &[], &json!([1, 2])),
        expect![[r#"
        the API refused the request (404 http_404): nothing of the API is at `http://127.0.0.1:PORT/v1/messages` ([1,2]); the base URL is what stands before `/v1`
        stands
        Some("http_404") None None"#]],
    )
    .await;
}

#[tokio::test]
async fn an_error_body_without_end_is_cut_off() {
    let (gone, is_gone) = oneshot::channel();
    let mut steps = vec![Step::Send(
        b"HTTP/1.1 500 Oops\r\ncontent-length: 999999999\r\n\r\n".to_vec(),
    )];
    steps.extend((0..20).map(|_| Step::Send(vec![b'x'; 8192])));
    steps.push(Step::UntilGone(gone));
    let mut server = Server::start(vec![steps]).await;
    let error = refused_by(&mut server).await;
    assert!(
        matches!(error, ApiError::Status { status: 500, .. }),
        "{error:?}"
    );
    assert!(error.to_string().len() < 400, "{error}");
    timeout(LIMIT, is_gone).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_key_that_the_server_repeats_is_not_shown() {
    let body = json!({"type": "error", "error": {"type": "authentication_error",
        "message": format!("no such key: {KEY}")}});
    let error = refused(json_answer("401 Unauthorized", &[], &body)).await;
    assert!(!format!("{error} {error:?}").contains(KEY), "{error:?}");
    let page = vec![Step::Send(answer(
        "502 ",
        &[],
        format!("upstream said Bearer {KEY}"),
    ))];
    let error = refused(page).await;
    assert!(!format!("{error} {error:?}").contains(KEY), "{error:?}");
}

#[tokio::test]
async fn a_success_that_is_no_stream_is_told() {
    let page = vec![Step::Send(answer(
        "200 OK",
        &["content-type: text/html"],
        "<p>Please log in</p>",
    ))];
    check(page, expect![[r#"
        the API sent something this version cannot read: a page came where a stream of events was asked for, so something between here and the API has answered, such as a proxy or a login page
        stands
        None None None"#]]).await;
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!(
        "location: http://{}/v1/messages",
        other.local_addr().unwrap()
    );
    let error = refused(vec![Step::Send(answer(
        "307 Temporary Redirect",
        &[&location],
        "",
    ))])
    .await;
    assert!(
        matches!(error, ApiError::Status { status: 307, .. }),
        "{error:?}"
    );
    let asked = futures::FutureExt::now_or_never(other.accept());
    assert!(asked.is_none(), "the key went to another host");
}

#[tokio::test]
async fn a_redirect_within_the_host_is_followed() {
    let redirect = vec![Step::Send(answer(
        "308 Permanent Redirect",
        &["location: /new/v1/messages"],
        "",
    ))];
    let mut server = Server::start(vec![
        redirect,
        api_error("400 Bad Request", &[], "invalid_request_error"),
    ])
    .await;
    server.client().stream(&hello()).await.unwrap_err();
    let first = server.seen().await;
    let second = server.seen().await;
    assert!(
        second.head.starts_with("POST /new/v1/messages "),
        "{}",
        second.head
    );
    assert_eq!(second.body, first.body);
    assert_eq!(
        second.header("authorization"),
        first.header("authorization")
    );
}

#[tokio::test]
async fn nobody_there_is_a_connection_that_failed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut options = Server::start(vec![]).await.options();
    options.base_url = Some(format!("http://{address}"));
    let error = Client::new(options).stream(&hello()).await.unwrap_err();
    let shown = error.to_string().replace(&address.to_string(), "HOST");
    expect!["cannot reach `HOST`: Connection refused (os error 111)"].assert_eq(&shown);
    assert!(retry_delay(&error, 0, 0.0).is_some());
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_tried_again() {
    for step in [Step::Reset, Step::Close] {
        let error = refused(vec![step]).await;
        assert!(matches!(error, ApiError::Connect { .. }), "{error:?}");
        assert!(retry_delay(&error, 0, 0.0).is_some());
    }
}

#[tokio::test]
async fn silence_before_the_answer_is_a_timeout() {
    let (gone, is_gone) = oneshot::channel();
    let server = Server::start(vec![vec![Step::UntilGone(gone)]]).await;
    let mut options = server.options();
    options.read_timeout = Duration::from_millis(50);
    let error = Client::new(options).stream(&hello()).await.unwrap_err();
    assert!(matches!(error, ApiError::Timeout { .. }), "{error:?}");
    assert!(retry_delay(&error, 0, 0.0).is_some());
    timeout(LIMIT, is_gone).await.unwrap().unwrap();
}

/// The error that ends a stream of these bytes, after some events.
async fn broken_off(steps: Vec<Step>) -> ApiError {
    let server = Server::start(vec![steps]).await;
    broken_off_by(&server).await
}

async fn broken_off_by(server: &Server) -> ApiError {
    let mut options = server.options();
    options.read_timeout = Duration::from_millis(500);
    let mut stream = Client::new(options).stream(&hello()).await.unwrap();
    let mut events = 0;
    loop {
        match timeout(LIMIT, stream.next()).await.unwrap() {
            Some(Ok(_)) => events += 1,
            Some(Err(error)) => {
                assert!(events >= 2, "what came before was given out");
                assert!(stream.next().await.is_none(), "nothing follows an error");
                assert_eq!(retry_delay(&error, 0, 0.0), None, "a turn is not run twice");
                return error;
            }
            None => panic!("an error"),
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_truncated_however_it_breaks() {
    let part = recorded("cut");
    let (gone, is_gone) = oneshot::channel();
    let mut servers = Vec::new();
    for last in [
        last_chunk(),
        Step::Close,
        Step::Reset,
        Step::UntilGone(gone),
    ] {
        let shown = format!("{last:?}");
        let server = Server::start(vec![vec![stream_head(&[]), chunk(&part), last]]).await;
        let error = broken_off_by(&server).await;
        servers.push(server);
        assert!(
            matches!(error, ApiError::Truncated { .. }),
            "{shown}: {error:?}"
        );
    }
    // A stall is given up by the client.
    timeout(LIMIT, is_gone).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_error_event_ends_the_stream() {
    let mut bytes = recorded("error_midway");
    bytes.extend(recorded("turn"));
    let error = broken_off(vec![stream_head(&[]), chunk(&bytes)]).await;
    assert_eq!(error.kind(), Some("overloaded_error"));
    assert_eq!(error.request_id(), Some("req_011CERR"));
    let anonymous = b"event: ping\ndata: {}\n\nevent: ping\ndata: {}\n\nevent: error\ndata: {\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}\n\n";
    let error = broken_off(vec![stream_head(&[]), chunk(anonymous)]).await;
    assert_eq!(error.request_id(), Some("req_head"));
}

#[tokio::test]
async fn bytes_that_are_not_the_protocol_end_the_stream() {
    let mut bytes = recorded("cut");
    bytes.extend(b"event: content_block_delta\ndata: {\"index\":\n\n");
    let error = broken_off(vec![stream_head(&[]), chunk(&bytes)]).await;
    assert!(matches!(error, ApiError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_set_up_wrongly_is_told_and_not_tried() {
    let check = |base_url: &str, ca_file: Option<&str>, expected: Expect| {
        let base_url = base_url.to_owned();
        let ca_file = ca_file.map(Into::into);
        async move {
            let mut options = Server::start(vec![]).await.options();
            options.base_url = Some(base_url);
            options.ca_file = ca_file;
            let error = Client::new(options).stream(&hello()).await.unwrap_err();
            assert_eq!(retry_delay(&error, 0, 0.0), None);
            let shown = error
                .to_string()
                .replace(env!("CARGO_MANIFEST_DIR"), "HOME");
            expected.assert_eq(&shown);
        }
    };
    check(
        "api.example.org",
        None,
        expect!["the Claude API cannot be called: the base URL must look like `https://host/path`"],
    )
    .await;
    check("ftp://example.org", None, expect!["the Claude API cannot be called: the base URL must begin with `https://` or `http://` and a host"]).await;
    check(
        "https://user:secret@example.org",
        None,
        expect!["the Claude API cannot be called: the base URL must not hold a name or a password"],
    )
    .await;
    check("https://example.invalid", Some("/nowhere.pem"), expect!["the Claude API cannot be called: `/nowhere.pem` cannot be read (no such file or directory)"]).await;
    let rust = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs");
    let error =
        expect!["the Claude API cannot be called: `HOME/src/lib.rs` holds no PEM certificate"];
    check("https://example.invalid", Some(rust), error).await;
}

#[tokio::test]
async fn a_stream_without_end_is_given_up() {
    let text = "x".repeat(1 << 20);
    let delta = format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
         \"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
    );
    let mut script = vec![stream_head(&[])];
    script.extend((0..200).map(|_| chunk(delta.as_bytes())));
    let server = Server::start(vec![script]).await;
    let mut stream = server.client().stream(&hello()).await.unwrap();
    let (mut deltas, mut error) = (0, None);
    while let Some(next) = stream.next().await {
        match next {
            Ok(_) => deltas += 1,
            Err(broken) => error = Some(broken),
        }
    }
    // Large deltas are handed on in pieces, of which a megabyte makes 64.
    assert!((60 * 64..64 * 64).contains(&deltas), "{deltas}");
    assert_eq!(
        error.unwrap().to_string(),
        "the API sent something this version cannot read: an answer larger than 67108864 bytes"
    );
}
