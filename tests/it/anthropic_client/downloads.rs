//! Files fetched over connections that break, and files that are too large.

use std::path::Path;
use std::time::Duration;

use claude_kernel::anthropic::error::ApiError;
use claude_kernel::anthropic::files::retrying;
use claude_kernel::chat::turn::{FetchedFile, Origin};
use claude_kernel::host::Host;
use claude_kernel::kernel::store::{FOLDER, Store, StoreError};
use serde_json::json;

use super::server::{Server, Step, answer, api_error, chunk, json_answer, last_chunk};
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

/// What the API says of a file.
fn metadata(name: &str, size_bytes: u64) -> Vec<Step> {
    let body = json!({"type": "file", "id": "file_1", "filename": name, "mime_type": "text/csv",
        "size_bytes": size_bytes, "created_at": "2026-01-01T00:00:00Z", "downloadable": true});
    json_answer("200 OK", &[], &body)
}

fn content(bytes: &str) -> Vec<Step> {
    vec![Step::Send(answer("200 OK", &[], bytes))]
}

/// What is in a folder, hidden files too.
fn entries(directory: &Path) -> Vec<String> {
    let found = std::fs::read_dir(directory.join(FOLDER));
    let names = found.into_iter().flatten();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Downloads and saves one file of this name.
async fn saved(directory: &Path, name: &str, bytes: &str) -> Result<FetchedFile, StoreError> {
    let server = Server::start(vec![metadata(name, bytes.len() as u64), content(bytes)]).await;
    let (host, store) = (FixedHost::new(), Store::new(directory, 100, 1000));
    let download = store
        .download(&server.client(), host.as_ref(), "file_1")
        .await?;
    store.save(download, Origin::default(), host.now())
}

#[tokio::test]
async fn no_name_leads_out_of_the_folder() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hostile/names.json");
    let names = std::fs::read(path).unwrap();
    let mut names: Vec<(String, String)> = serde_json::from_slice(&names).unwrap();
    names.push(("x".repeat(5_000), "x".repeat(118)));
    names.push((
        format!("{}.csv", "é".repeat(2_500)),
        format!("{}.csv", "é".repeat(57)),
    ));
    names.push((
        format!("a.{}", "y".repeat(5_000)),
        format!("a.{}", "y".repeat(20)),
    ));
    names.push(("../".repeat(2_000), "unnamed".to_owned()));
    names.push(("\u{300}".repeat(5_000), "\u{300}".repeat(59)));
    for (name, expected) in names {
        let directory = tempfile::tempdir().unwrap();
        let file = saved(directory.path(), &name, "1").await.unwrap();
        assert_eq!(file.name, expected, "{name:?}");
        assert_eq!(file.relative_path, format!("claude_files/{expected}"));
        assert_eq!(entries(directory.path()), {
            let mut both = [".index.jsonl".to_owned(), expected.clone()];
            both.sort();
            both
        });
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

#[tokio::test]
async fn a_file_over_the_cap_is_not_asked_for_and_the_line_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(vec![metadata("big.bin", 600_000_000)]).await;
    let store = Store::new(directory.path(), 100, 500_000_000);
    let why = store
        .download(&server.client(), FixedHost::new().as_ref(), "file_1")
        .await
        .unwrap_err();
    assert_eq!(
        why.to_string(),
        "`big.bin` has 600 MB, more than the 500 MB that are fetched (`save_file_bytes` in the settings)"
    );
    server.seen().await;
    assert_eq!(server.pending(), 0);
    // One that is larger than it said.
    let why = {
        let server = Server::start(vec![metadata("lie.bin", 1), content(&"x".repeat(1_001))]).await;
        let store = Store::new(directory.path(), 100, 1_000);
        let host = FixedHost::new();
        store
            .download(&server.client(), host.as_ref(), "file_1")
            .await
            .unwrap_err()
            .to_string()
    };
    assert!(
        why.contains("`lie.bin`") && why.contains("larger than the 1000 bytes"),
        "{why}"
    );
    assert_eq!(entries(directory.path()), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_kept_in_memory_of_a_file_has_a_bound_whatever_it_said_of_itself() {
    let directory = tempfile::tempdir().unwrap();
    let file = saved(directory.path(), "a.csv", &"x".repeat(100))
        .await
        .unwrap();
    assert_eq!(file.bytes.unwrap().len(), 100);
    let server = Server::start(vec![metadata("lie.csv", 1), content(&"x".repeat(900_000))]).await;
    let (host, store) = (
        FixedHost::new(),
        Store::new(directory.path(), 100, 1_000_000),
    );
    let download = store
        .download(&server.client(), host.as_ref(), "file_1")
        .await
        .unwrap();
    let file = store.save(download, Origin::default(), host.now()).unwrap();
    assert_eq!((file.size_bytes, file.bytes), (900_000, None));
    assert_eq!(file.start.len(), 256 * 1024);
}

#[tokio::test]
async fn a_download_that_is_given_up_half_way_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (_open, gate) = tokio::sync::oneshot::channel();
    let half = vec![
        Step::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc".to_vec()),
        Step::Gate(gate),
    ];
    let server = Server::start(vec![metadata("a.csv", 6), half]).await;
    let (host, store) = (FixedHost::new(), Store::new(directory.path(), 100, 1_000));
    let client = server.client();
    let mut download = Box::pin(store.download(&client, host.as_ref(), "file_1"));
    let came = || {
        let mut parts = entries(directory.path()).into_iter();
        parts.any(|name| {
            let path = directory.path().join(FOLDER).join(&name);
            name.starts_with(".part-") && std::fs::metadata(path).is_ok_and(|part| part.len() == 3)
        })
    };
    while !came() {
        tokio::select! {
            biased;
            done = &mut download => panic!("half a file is no file: {done:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(
        entries(directory.path()).len(),
        1,
        "nothing has its name yet"
    );
    drop(download);
    assert_eq!(entries(directory.path()), Vec::<String>::new());
}
