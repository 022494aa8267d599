//! Errors that said something else than what was wrong (W14): each names what is.

use std::time::Duration;

use claude_kernel::anthropic::client::Client;
use claude_kernel::anthropic::error::ApiError;
use claude_kernel::anthropic::event::StreamEvent;
use serde_json::json;
use tokio::time::timeout;

use super::recordings::recorded;
use super::server::{
    LIMIT, Server, Step, answer, chunk, hello, json_answer, last_chunk, stream_answer, stream_head,
};

/// What the call fails with, without the number of the port.
async fn told(base_path: &str, steps: Vec<Step>) -> (ApiError, String) {
    let server = Server::start(vec![steps]).await;
    let mut options = server.options();
    options.base_url = Some(format!("{}{base_path}", server.url));
    let error = Client::new(options).stream(&hello()).await.unwrap_err();
    let text = error.to_string().replace(&server.url, "http://host");
    (error, text)
}

/// Every event of a stream, and the error it ends with.
async fn events(steps: Vec<Step>) -> (Vec<StreamEvent>, Option<ApiError>) {
    let server = Server::start(vec![steps]).await;
    let mut options = server.options();
    options.read_timeout = Duration::from_millis(500);
    let mut stream = Client::new(options).stream(&hello()).await.unwrap();
    let mut events = Vec::new();
    loop {
        match timeout(LIMIT, stream.next()).await.unwrap() {
            Some(Ok(event)) => events.push(event),
            Some(Err(error)) => return (events, Some(error)),
            None => return (events, None),
        }
    }
}

fn page(status: &str, headers: &[&str]) -> Vec<Step> {
    let headers = [&["content-type: text/html"], headers].concat();
    vec![Step::Send(answer(
        status,
        &headers,
        "<html><h1>Employees only</h1></html>",
    ))]
}

#[tokio::test]
async fn w14_a_base_url_with_too_long_a_path_is_told_with_the_address_that_was_asked() {
    for (path, asked) in [
        ("/v1", "http://host/v1/v1/messages"),
        ("/v1/messages", "http://host/v1/messages/v1/messages"),
        ("/api/", "http://host/api/v1/messages"),
    ] {
        for steps in [
            page("404 Not Found", &[]),
            json_answer("404 Not Found", &[], &json!({"detail": "Not Found"})),
            json_answer(
                "404 Not Found",
                &[],
                &json!({"type": "error", "error": {"type": "not_found_error", "message": "Not found"}}),
            ),
            vec![Step::Send(answer("405 Method Not Allowed", &[], ""))],
        ] {
            let (_, text) = told(path, steps).await;
            assert!(text.contains(&format!("`{asked}`")), "{text}");
            assert!(text.contains("before `/v1`"), "{text}");
            assert!(!text.contains("Employees"), "{text}");
        }
    }
    // A model that is not there is something else.
    let missing =
        json!({"type": "error", "error": {"type": "not_found_error", "message": "model: x"}});
    let (_, text) = told("", json_answer("404 Not Found", &[], &missing)).await;
    assert!(!text.contains("http://"), "{text}");
}

#[tokio::test]
async fn w14_a_login_page_is_no_answer_of_the_api() {
    for (steps, also) in [
        (
            page(
                "302 Found",
                &["location: https://login.example.org/in?back=secret"],
            ),
            "`login.example.org`",
        ),
        (page("303 See Other", &["location: //"]), "another place"),
        (page("200 OK", &[]), "a page came"),
        (page("403 Forbidden", &[]), "a page came"),
        (page("502 Bad Gateway", &[]), "a page came"),
    ] {
        let (_, text) = told("", steps).await;
        assert!(
            text.contains("something between here and the API"),
            "{text}"
        );
        assert!(text.contains(also), "{text}");
        assert!(
            !text.contains("Employees") && !text.contains("secret"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn w14_an_error_with_a_good_status_is_the_apis_own() {
    let body = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "Too fast."}, "request_id": "req_1"});
    let (error, text) = told("", json_answer("200 OK", &[], &body)).await;
    assert!(
        matches!(error, ApiError::Status { status: 429, .. }),
        "{error:?}"
    );
    assert!(text.contains("Too fast."), "{text}");
    assert_eq!(error.request_id(), Some("req_1"));
    let (error, _) = told("", json_answer("200 OK", &[], &json!({"answer": 1}))).await;
    assert!(matches!(error, ApiError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn w14_events_without_names_are_named_by_their_data() {
    let whole = events(stream_answer(&recorded("turn"))).await;
    assert_eq!(whole.1, None);
    let text = String::from_utf8(recorded("turn")).unwrap();
    let unnamed: String = text
        .lines()
        .filter(|line| !line.starts_with("event:"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(events(stream_answer(unnamed.as_bytes())).await, whole);
    let alike = unnamed.replace("data:", "event: message\ndata:");
    assert_eq!(events(stream_answer(alike.as_bytes())).await, whole);
}

#[tokio::test]
async fn w14_an_answer_that_said_why_it_stops_is_whole() {
    let text = String::from_utf8(recorded("turn")).unwrap();
    let at = text.find("event: message_stop").unwrap();
    let whole = events(stream_answer(text.as_bytes())).await.0;
    let end = text[..at].trim_end();
    for cut in [
        text[..at].to_owned(),
        format!("{}event: message_st", &text[..at]),
        format!("{}event: message_stop\ndata: {{\"ty", &text[..at]),
        // The blank line behind the last event is missing.
        end.to_owned(),
        text.trim_end().to_owned(),
    ] {
        for last in [last_chunk(), Step::Close] {
            let name = format!("{last:?} {:?}", &cut[cut.len() - 30..]);
            let (events, error) = events(vec![stream_head(&[]), chunk(cut.as_bytes()), last]).await;
            if name.contains("Close") && !cut.ends_with("\n\n") && cut == end {
                // Nothing says that the frame came to its end.
                continue;
            }
            assert_eq!(error, None, "{name}");
            assert_eq!(events, whole, "{name}");
        }
    }
    // Without a reason to stop it is not.
    let at = text.find("event: message_delta").unwrap();
    let (_, error) = events(vec![
        stream_head(&[]),
        chunk(&text.as_bytes()[..at + 60]),
        last_chunk(),
    ])
    .await;
    assert!(
        matches!(error, Some(ApiError::Truncated { .. })),
        "{error:?}"
    );
}
