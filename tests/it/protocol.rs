//! The Jupyter protocol over real sockets, with a kernel that only echoes.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use claude_kernel::host::{Host, SystemHost};
use claude_kernel::jupyter::connection::{Channel, Connection, Outgoing};
use claude_kernel::jupyter::connection_file::{ConnectionFile, Key};
use claude_kernel::jupyter::memory::FrontEndError;
use claude_kernel::jupyter::mime::{Display, ErrorOutput, MimeBundle, Output, StreamName};
use claude_kernel::jupyter::session::{ReplayWindow, Signer};
use claude_kernel::jupyter::wire::{self, Draft, Message};
use expect_test::expect;
use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use zeromq::{SocketRecv, SocketSend, ZmqMessage};

use crate::support::frontend::{self, Client, parent_id};
use crate::support::host::FixedHost;

/// Answers every request of shell and control with its own content, between busy and idle.
///
/// Ends, and closes the connection, after a `shutdown_request`.
async fn echo(connection: Connection) {
    let Connection {
        mut shell,
        mut control,
        mut stdin,
        outgoing,
    } = connection;
    loop {
        let (channel, request) = tokio::select! {
            Some(request) = control.recv() => (Channel::Control, request),
            Some(request) = shell.recv() => (Channel::Shell, request),
            Some(request) = stdin.recv() => (Channel::Stdin, request),
            else => return,
        };
        answer(&outgoing, channel, &request).await;
        if request.header.msg_type == "shutdown_request" {
            outgoing.close().await;
            return;
        }
    }
}

async fn answer(outgoing: &Outgoing, channel: Channel, request: &Message) {
    let status = |state: &str| json!({"execution_state": state});
    let parent = Some(&request.parent);
    outgoing.publish(parent, "status", status("busy")).await;
    let count = request.content["publish"].as_u64().unwrap_or(0);
    for number in 0..count {
        let output = Output::Stream {
            name: StreamName::Stdout,
            text: number.to_string(),
        };
        outgoing.output(&request.parent, output, 0).await;
    }
    let msg_type = request.header.msg_type.replace("_request", "_reply");
    let content = request.content.clone();
    outgoing
        .reply(channel, request, &msg_type, content, Map::new())
        .await;
    outgoing.publish(parent, "status", status("idle")).await;
}

/// Starts an echo kernel; it lives as long as what is returned.
async fn start(file: &ConnectionFile) -> JoinSet<()> {
    let connection = Connection::bind(file, Arc::new(SystemHost::new()))
        .await
        .unwrap();
    let mut kernel = JoinSet::new();
    kernel.spawn(echo(connection));
    kernel
}

async fn check_round_trip(client: &mut Client) {
    for channel in [Channel::Shell, Channel::Control, Channel::Stdin] {
        let id = client.send(channel, "echo_request", json!({"x": 1})).await;
        let reply = client.recv(channel).await;
        assert_eq!(reply.header.msg_type, "echo_reply");
        assert_eq!(reply.content, json!({"x": 1}));
        assert_eq!(parent_id(&reply), id);
        for state in ["busy", "idle"] {
            let status = client.recv_iopub().await;
            assert_eq!(parent_id(&status), id);
            assert_eq!(status.content["execution_state"], state);
            let topic = format!("kernel.{}.status", status.header.session);
            assert_eq!(status.identities, [Bytes::from(topic)]);
        }
    }
    assert_eq!(client.ping("ping").await, "ping");
}

#[tokio::test]
async fn all_five_sockets_over_tcp() {
    let file = frontend::tcp_file();
    let _kernel = start(&file).await;
    let mut client = Client::connect(&file).await;
    client.ready().await;
    check_round_trip(&mut client).await;
}

#[tokio::test]
async fn all_five_sockets_over_ipc_and_no_file_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let file = frontend::ipc_file(dir.path());
    // A kernel that was killed leaves its file behind.
    drop(UnixListener::bind(dir.path().join("kernel-1")).unwrap());
    let mut kernel = start(&file).await;
    let mut client = Client::connect(&file).await;
    client.ready().await;
    check_round_trip(&mut client).await;
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5);

    client
        .send(Channel::Control, "shutdown_request", json!({}))
        .await;
    kernel.join_next().await.unwrap().unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    let file = frontend::ipc_file(dir.path());
    fs::create_dir(dir.path().join("kernel-3")).unwrap();
    let error = Connection::bind(&file, FixedHost::new()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("for `stdin_port`: Address already in use (os error 98)"),
        "{error}"
    );
    assert!(dir.path().join("kernel-3").is_dir());
    // What was bound before is let go.
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// A host that says when somebody sleeps.
#[derive(Debug)]
struct WatchedHost {
    host: Arc<FixedHost>,
    sleeps: mpsc::Sender<()>,
}

impl Host for WatchedHost {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.host.now()
    }
    fn elapsed(&self) -> Duration {
        self.host.elapsed()
    }
    fn uuid(&self) -> uuid::Uuid {
        self.host.uuid()
    }
    fn random(&self) -> f64 {
        self.host.random()
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let sleeps = self.sleeps.clone();
        let slept = self.host.sleep(duration);
        Box::pin(async move {
            sleeps.send(()).await.ok();
            slept.await;
        })
    }
}

#[tokio::test]
async fn an_address_in_use_is_tried_again_for_two_seconds() {
    let file = frontend::tcp_file();
    let taken = TcpListener::bind(("127.0.0.1", file.ports.control)).unwrap();
    let host = FixedHost::new();
    let error = Connection::bind(&file, host.clone()).await.unwrap_err();
    let expected = format!(
        "cannot listen on tcp://127.0.0.1:{} for `control_port`: Address already in use (os error 98)",
        file.ports.control
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(host.elapsed(), Duration::from_secs(2));

    let (sleeps, mut slept) = mpsc::channel(1);
    let mut release = JoinSet::new();
    release.spawn(async move {
        slept.recv().await;
        drop(taken);
        while slept.recv().await.is_some() {}
    });
    let host = WatchedHost { host, sleeps };
    Connection::bind(&file, Arc::new(host)).await.unwrap();
}

#[tokio::test]
async fn a_scheme_that_is_not_offered_is_named() {
    let mut file = frontend::tcp_file();
    file.signature_scheme = "hmac-sha512".to_owned();
    let error = Connection::bind(&file, FixedHost::new()).await.unwrap_err();
    expect!["signature scheme `hmac-sha512` is not supported: use `hmac-sha256`"]
        .assert_eq(&error.to_string());
}

#[tokio::test]
async fn hostile_frames_are_dropped_and_the_next_request_is_served() {
    let file = frontend::tcp_file();
    let _kernel = start(&file).await;
    let mut client = Client::connect(&file).await;
    client.ready().await;

    let good = client.request("echo_request", &json!({"x": "once"}));
    let mut forged = client.request("echo_request", &json!({}));
    forged[5] = Bytes::from_static(br#"{"x":"forged"}"#);
    let mut unsigned = client.request("echo_request", &json!({}));
    unsigned[1] = Bytes::new();
    let mut truncated = client.request("echo_request", &json!({}));
    truncated.truncate(4);
    let hostile = [
        vec![Bytes::new()],
        vec![Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n")],
        vec![Bytes::from_static(wire::DELIMITER)],
        vec![Bytes::from_static(wire::DELIMITER); 7],
        vec![Bytes::from_static(&[0xff; 1000]); 100],
        forged,
        unsigned,
        truncated,
    ];
    for channel in [Channel::Shell, Channel::Control, Channel::Stdin] {
        for frames in &hostile {
            client.send_frames(channel, frames.clone()).await;
        }
    }
    client.send_frames(Channel::Shell, good.clone()).await;
    assert_eq!(client.recv(Channel::Shell).await.content["x"], "once");
    // Replayed by every channel, and none answers.
    for channel in [Channel::Shell, Channel::Control, Channel::Stdin] {
        client.send_frames(channel, good.clone()).await;
    }
    // Nothing else came of all that: the next messages are these.
    for _ in 0..2 {
        client.recv_iopub().await;
    }
    check_round_trip(&mut client).await;
}

#[tokio::test]
async fn stacked_identities_all_come_back() {
    let file = frontend::tcp_file();
    let _kernel = start(&file).await;
    let mut client = Client::connect(&file).await;
    let mut frames = client.request("echo_request", &json!({}));
    frames.insert(0, Bytes::from_static(b"inner"));
    frames.insert(0, Bytes::from_static(b"\x00outer"));
    client.send_frames(Channel::Shell, frames).await;
    let reply = client.recv_frames(Channel::Shell).await;
    assert_eq!(reply[..2], ["\0outer", "inner"]);
    assert_eq!(reply[2], wire::DELIMITER);
}

#[tokio::test]
async fn a_vanished_client_harms_nobody() {
    let file = frontend::tcp_file();
    let connection = Connection::bind(&file, Arc::new(SystemHost::new()))
        .await
        .unwrap();
    let Connection {
        mut shell,
        outgoing,
        ..
    } = connection;
    let mut gone = Client::connect(&file).await;
    gone.send(Channel::Shell, "echo_request", json!({})).await;
    let orphan = shell.recv().await.unwrap();
    drop(gone);

    let mut client = Client::connect(&file).await;
    client
        .send(Channel::Shell, "echo_request", json!({"x": 2}))
        .await;
    let request = shell.recv().await.unwrap();
    for _ in 0..100 {
        answer(&outgoing, Channel::Shell, &orphan).await;
    }
    answer(&outgoing, Channel::Shell, &request).await;
    assert_eq!(client.recv(Channel::Shell).await.content["x"], 2);
}

#[tokio::test]
async fn heartbeats_outlive_malformed_ones() {
    let file = frontend::tcp_file();
    let _kernel = start(&file).await;
    let endpoint = file.endpoint(file.ports.heartbeat);
    let mut rude = frontend::dealer("rude", &endpoint).await;
    let mut other = Client::connect(&file).await;
    for frames in [
        vec![Bytes::from_static(b"no envelope")],
        vec![Bytes::new()],
        vec![Bytes::from_static(b"x"); 50],
        vec![Bytes::new(), Bytes::from_static(b"fine")],
    ] {
        rude.send(ZmqMessage::try_from(frames).unwrap())
            .await
            .unwrap();
    }
    // The one that was well-formed is echoed, and the others harmed nobody.
    loop {
        let echo = rude.recv().await.unwrap().into_vec();
        if echo == ["", "fine"] {
            break;
        }
    }
    drop(rude);
    assert_eq!(other.ping("ping").await, "ping");
    assert_eq!(other.ping("again").await, "again");
}

#[tokio::test]
async fn control_is_heard_while_shell_is_full() {
    let file = frontend::tcp_file();
    let connection = Connection::bind(&file, Arc::new(SystemHost::new()))
        .await
        .unwrap();
    let Connection {
        mut shell,
        mut control,
        outgoing,
        ..
    } = connection;
    let mut client = Client::connect(&file).await;
    const SENT: u64 = 6000;
    for number in 0..SENT {
        client
            .send(Channel::Shell, "echo_request", json!({"x": number}))
            .await;
    }
    client
        .send(Channel::Control, "echo_request", json!({"x": "urgent"}))
        .await;
    let urgent = control.recv().await.unwrap();
    assert_eq!(urgent.content["x"], "urgent");
    // What did not fit waits in the socket; none is lost, none overtakes.
    for number in 0..SENT {
        assert_eq!(shell.recv().await.unwrap().content["x"], number);
    }
    assert!(shell.try_recv().is_err());
    drop(outgoing);
}

#[tokio::test]
async fn two_clients_each_get_their_replies_and_all_outputs_in_order() {
    const COUNT: u64 = 2000;
    let file = frontend::tcp_file();
    let _kernel = start(&file).await;
    let mut first = Client::connect(&file).await;
    let mut second = Client::connect(&file).await;
    first.ready().await;
    second.ready().await;
    let own = second
        .send(Channel::Shell, "echo_request", json!({"publish": COUNT}))
        .await;
    assert_eq!(parent_id(&second.recv(Channel::Shell).await), own);
    for client in [&mut second, &mut first] {
        let mut texts = Vec::new();
        loop {
            let message = client.recv_iopub().await;
            if parent_id(&message) != own {
                // What made the other one ready.
                continue;
            }
            if let Some(text) = message.content["text"].as_str() {
                texts.push(text.parse::<u64>().unwrap());
            }
            if message.content["execution_state"] == "idle" {
                break;
            }
        }
        assert_eq!(texts, (0..COUNT).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn twenty_megabytes_arrive_and_return() {
    let mut file = frontend::tcp_file();
    // Unsigned: HMAC without optimisation would be most of this test's time.
    file.key = Key::new("");
    let _kernel = start(&file).await;
    let mut client = Client::connect(&file).await;
    let code = "x".repeat(20 * 1024 * 1024);
    client
        .send(Channel::Shell, "echo_request", json!({"code": code}))
        .await;
    let reply = client.recv(Channel::Shell).await;
    assert_eq!(reply.content["code"].as_str().unwrap().len(), code.len());
}

/// The process does not live on after `close`: here its whole runtime ends instead.
#[test]
fn the_last_words_are_heard_when_the_kernel_is_gone_at_once() {
    let clients = tokio::runtime::Runtime::new().unwrap();
    for round in 0..20 {
        let file = frontend::tcp_file();
        // One thread: what is only queued when the kernel returns is lost for certain.
        let kernel = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let connection = kernel
            .block_on(Connection::bind(&file, Arc::new(SystemHost::new())))
            .unwrap();
        let client = clients.spawn(async move {
            let mut client = Client::connect(&file).await;
            client.ready().await;
            let id = client
                .send(
                    Channel::Control,
                    "shutdown_request",
                    json!({"restart": true, "publish": 50, "padding": "x".repeat(300_000)}),
                )
                .await;
            let reply = client.recv(Channel::Control).await;
            assert_eq!(reply.header.msg_type, "shutdown_reply");
            loop {
                let message = client.recv_iopub().await;
                if parent_id(&message) == id && message.content["execution_state"] == "idle" {
                    break;
                }
            }
        });
        kernel.block_on(echo(connection));
        drop(kernel);
        clients
            .block_on(client)
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
}

#[tokio::test]
async fn closing_does_not_wait_for_a_client_that_does_not_read() {
    let mut file = frontend::tcp_file();
    // Unsigned: HMAC without optimisation would be most of this test's time.
    file.key = Key::new("");
    let connection = Connection::bind(&file, Arc::new(SystemHost::new()))
        .await
        .unwrap();
    let Connection {
        mut shell,
        outgoing,
        ..
    } = connection;
    let mut client = Client::connect(&file).await;
    client.send(Channel::Shell, "echo_request", json!({})).await;
    let request = shell.recv().await.unwrap();
    // Far more than all buffers between the two hold; the client never receives.
    for _ in 0..40 {
        let content = json!({"text": "x".repeat(1024 * 1024)});
        outgoing
            .reply(Channel::Shell, &request, "echo_reply", content, Map::new())
            .await;
    }
    let host = SystemHost::new();
    outgoing.close().await;
    assert!(host.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn in_memory_the_same_frames_travel_in_one_order() {
    let (connection, mut front_end) = Connection::memory(FixedHost::new());
    let Connection {
        mut shell,
        outgoing,
        ..
    } = connection;
    let id = front_end
        .send(Channel::Shell, "execute_request", json!({"code": "1"}))
        .await
        .unwrap();
    let request = shell.recv().await.unwrap();
    let parent = &request.parent;
    outgoing
        .publish(None, "status", json!({"execution_state": "starting"}))
        .await;
    let display = |display_id: Option<&str>| Display {
        data: MimeBundle::markdown("*x*", "x"),
        metadata: Map::new(),
        display_id: display_id.map(str::to_owned),
    };
    for output in [
        Output::Stream {
            name: StreamName::Stderr,
            text: "oh\n".to_owned(),
        },
        Output::Display(display(Some("d"))),
        Output::Update(display(Some("d"))),
        Output::Result(display(None)),
        Output::Error(ErrorOutput {
            ename: "E".to_owned(),
            evalue: "v".to_owned(),
            traceback: vec!["E: v".to_owned()],
        }),
    ] {
        outgoing.output(parent, output, 3).await;
    }
    let content = json!({"status": "ok"});
    outgoing
        .reply(
            Channel::Shell,
            &request,
            "execute_reply",
            content,
            Map::new(),
        )
        .await;
    drop(outgoing);

    let mut transcript = String::new();
    loop {
        match front_end.recv().await {
            Ok(sent) => {
                let answers = parent_id(&sent.message) == id;
                let header = &sent.message.header;
                transcript += &format!(
                    "{:?} {} {} {}\n",
                    sent.route,
                    header.msg_type,
                    if answers { "to it" } else { "to none" },
                    sent.message.content
                );
            }
            Err(FrontEndError::KernelGone) => break,
            Err(error) => panic!("{error}"),
        }
    }
    expect![[r#"
        Iopub status to none {"execution_state":"starting"}
        Iopub stream to it {"name":"stderr","text":"oh\n"}
        Iopub display_data to it {"data":{"text/markdown":"*x*","text/plain":"x"},"metadata":{},"transient":{"display_id":"d"}}
        Iopub update_display_data to it {"data":{"text/markdown":"*x*","text/plain":"x"},"metadata":{},"transient":{"display_id":"d"}}
        Iopub execute_result to it {"data":{"text/markdown":"*x*","text/plain":"x"},"metadata":{},"transient":{},"execution_count":3}
        Iopub error to it {"ename":"E","evalue":"v","traceback":["E: v"]}
        To(Shell) execute_reply to it {"status":"ok"}
    "#]].assert_eq(&transcript);
}

/// What we send is judged by types that are not ours.
#[tokio::test]
async fn an_outside_crate_reads_what_is_sent() {
    let (connection, mut front_end) = Connection::memory(FixedHost::new());
    front_end
        .send(Channel::Shell, "execute_request", json!({"code": "1"}))
        .await
        .unwrap();
    let mut shell = connection.shell;
    let request = shell.recv().await.unwrap();
    let header: jupyter_protocol::Header = serde_json::from_str(request.parent.as_str()).unwrap();
    assert_eq!(header.msg_type, "execute_request");
    assert_eq!(header.date.to_rfc3339(), "2026-01-01T00:00:00+00:00");
}

#[test]
fn a_message_between_two_processes_verifies_with_the_same_key_only() {
    let ours = Signer::new("hmac-sha256", b"key").unwrap();
    let theirs = Signer::new("hmac-sha256", b"another key").unwrap();
    let frames = wire::encode(
        Draft {
            identities: &[],
            header: r#"{"msg_id":"1","msg_type":"t"}"#,
            parent: None,
            metadata: &Map::new(),
            content: &Value::Null,
            buffers: &[],
        },
        &ours,
    );
    wire::decode(frames.clone(), &ours, &mut ReplayWindow::default()).unwrap();
    wire::decode(frames, &theirs, &mut ReplayWindow::default()).unwrap_err();
}
