//! Files fetched over connections that break, and files that are too large.

use std::time::Duration;

use claude_kernel::anthropic::error::ApiError;
use claude_kernel::anthropic::files::retrying;
use claude_kernel::host::Host;

use super::server::{Server, Step, answer, api_error, chunk, last_chunk};
use crate::support::host::FixedHost;

#[tokio::test]
async fn a_download_is_tried_again_even_when_it_broke_off() {
    let half = vec![
        Step::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc".to_vec()),
        Step::Reset,
    ];
    let busy = api_error("529 ", &["retry-after-ms: 200"], "overloaded_error");
    let whole = vec![Step::Send(answer("200 OK", &[], "abcdef"))];
    let server = Server::start(vec![half, busy, whole]).await;
    let host = FixedHost::new();
    let bytes = server
        .client()
        .read_file(host.as_ref(), "file_1", 100)
        .await
        .unwrap();
    assert_eq!(bytes.as_ref(), b"abcdef");
    // Half a second less an eighth, then what the API asked for.
    assert_eq!(host.elapsed(), Duration::from_micros(437_500 + 200_000));
}

#[tokio::test]
async fn a_file_beyond_the_cap_is_not_fetched() {
    let announced = vec![Step::Send(answer("200 OK", &[], "abcdef"))];
    let unannounced = vec![
        Step::Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()),
        chunk(b"abc"),
        chunk(b"def"),
        last_chunk(),
    ];
    for steps in [announced, unannounced] {
        let server = Server::start(vec![steps]).await;
        let host = FixedHost::new();
        let error = server
            .client()
            .read_file(host.as_ref(), "file_1", 5)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the API sent something this version cannot read: a file larger than the 5 bytes that are fetched"
        );
    }
}

#[tokio::test]
async fn retrying_ends_with_the_last_error() {
    let host = FixedHost::new();
    let calls = std::cell::Cell::new(0);
    let result: Result<(), ApiError> = retrying(host.as_ref(), || async {
        calls.set(calls.get() + 1);
        Err(ApiError::Timeout {
            seconds: calls.get(),
        })
    })
    .await;
    assert_eq!(result, Err(ApiError::Timeout { seconds: 3 }));
    assert_eq!(host.elapsed(), Duration::from_micros(437_500 + 875_000));
}
