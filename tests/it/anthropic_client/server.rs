//! A server on a real socket that answers each request as the test scripted it, byte by byte.
//!
//! No HTTP library: what the client sent is kept as it came, and what it gets may be anything.

use std::time::Duration;

use claude_kernel::anthropic::client::{Client, ClientOptions};
use claude_kernel::anthropic::content::Content;
use claude_kernel::anthropic::request::{
    ApiVersion, Container, MessageParam, MessagesRequest, Role,
};
use claude_kernel::config::Secret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Every wait of a test ends after this, as a failure.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

pub(super) const KEY: &str = "sk-ant-test-0123456789";

/// One thing the server does while it answers.
#[derive(Debug)]
pub(super) enum Step {
    Send(Vec<u8>),
    /// Goes on when the test says so.
    Gate(oneshot::Receiver<()>),
    /// Ends the connection with a reset.
    Reset,
    /// Ends the connection.
    Close,
    /// Says nothing until the client goes, then tells the test.
    UntilGone(oneshot::Sender<()>),
}

/// A request as it came.
#[derive(Debug)]
pub(super) struct Seen {
    /// Request line and headers, sorted after the first line, names in lower case.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    /// Which connection it came on, from 0.
    pub(super) connection: usize,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) url: String,
    seen: mpsc::Receiver<Seen>,
    _task: JoinSet<()>,
}

impl Server {
    /// Answers the first request with the first script, and so on, whatever connection it comes on.
    pub(super) async fn start(scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, seen) = mpsc::channel(64);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut scripts = scripts.into_iter();
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                serve(stream, connection, &mut scripts, &tell).await;
            }
        });
        Self {
            url,
            seen,
            _task: task,
        }
    }

    /// The next request that came.
    pub(super) async fn seen(&mut self) -> Seen {
        tokio::time::timeout(LIMIT, self.seen.recv())
            .await
            .expect("a request in time")
            .expect("a server")
    }

    /// How many requests came that were not asked for yet.
    pub(super) fn pending(&mut self) -> usize {
        std::iter::from_fn(|| self.seen.try_recv().ok()).count()
    }

    pub(super) fn options(&self) -> ClientOptions {
        ClientOptions::for_key(&self.url, Secret::new(KEY))
    }

    pub(super) fn client(&self) -> Client {
        Client::new(self.options())
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    scripts: &mut impl Iterator<Item = Vec<Step>>,
    tell: &mpsc::Sender<Seen>,
) {
    while let Some(seen) = read_request(&mut stream, connection).await {
        tell.send(seen).await.unwrap();
        for step in scripts.next().expect("a script for each request") {
            match step {
                Step::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                    stream.flush().await.unwrap();
                }
                Step::Gate(gate) => gate.await.unwrap(),
                Step::Reset => {
                    // Unread input or this option: both make the close a reset.
                    stream.set_zero_linger().unwrap();
                    return;
                }
                Step::Close => return,
                Step::UntilGone(gone) => {
                    let mut rest = [0; 64];
                    while matches!(stream.read(&mut rest).await, Ok(n) if n > 0) {}
                    gone.send(()).unwrap();
                    return;
                }
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream, connection: usize) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&chunk[..n]),
            _ => return None,
        }
    };
    let mut body = bytes.split_off(head_end + 4);
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap().to_owned();
    let mut headers: Vec<String> = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            format!("{}: {}", name.to_lowercase(), value.trim())
        })
        .collect();
    headers.sort();
    let length: usize = headers
        .iter()
        .find_map(|header| header.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    while body.len() < length {
        let mut chunk = [0; 4096];
        let n = stream.read(&mut chunk).await.ok()?;
        body.extend_from_slice(&chunk[..n]);
    }
    headers.insert(0, first);
    Some(Seen {
        head: headers.join("\n"),
        body,
        connection,
    })
}

/// A whole answer with a length.
pub(super) fn answer(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

pub(super) fn json_answer(status: &str, headers: &[&str], body: &Value) -> Vec<Step> {
    let headers = [&["content-type: application/json"], headers].concat();
    vec![Step::Send(answer(status, &headers, body.to_string()))]
}

pub(super) fn api_error(status: &str, headers: &[&str], kind: &str) -> Vec<Step> {
    json_answer(
        status,
        headers,
        &json!({"type": "error", "error": {"type": kind, "message": "in words"},
            "request_id": "req_body"}),
    )
}

/// The head of a stream that is sent in chunks.
pub(super) fn stream_head(headers: &[&str]) -> Step {
    let mut head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
                    transfer-encoding: chunked\r\nrequest-id: req_head\r\n"
        .to_owned();
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    Step::Send(head.into_bytes())
}

pub(super) fn chunk(bytes: &[u8]) -> Step {
    let size = format!("{:x}\r\n", bytes.len());
    Step::Send([size.as_bytes(), bytes, b"\r\n"].concat())
}

pub(super) fn last_chunk() -> Step {
    Step::Send(b"0\r\n\r\n".to_vec())
}

/// A whole stream in one chunk.
pub(super) fn stream_answer(bytes: &[u8]) -> Vec<Step> {
    vec![stream_head(&[]), chunk(bytes), last_chunk()]
}

/// The smallest request.
pub(super) fn hello() -> MessagesRequest {
    MessagesRequest {
        model: "claude-opus-5-5".to_owned(),
        max_tokens: 100,
        stream: true,
        system: Vec::new(),
        tools: Vec::new(),
        thinking: None,
        output_config: None,
        speed: None,
        container: Container::default(),
        diagnostics: None,
        compaction: None,
        messages: vec![MessageParam {
            role: Role::User,
            content: Content::of(&[json!({"type": "text", "text": "hi"})]),
        }],
        betas: Vec::new(),
        version: ApiVersion::default(),
    }
}
