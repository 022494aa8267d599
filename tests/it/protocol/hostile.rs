//! What clients send that they should not, and clients that leave.

use std::sync::Arc;

use bytes::Bytes;
use claude_kernel::host::SystemHost;
use claude_kernel::jupyter::connection::{Channel, Connection};
use claude_kernel::jupyter::signature::{ReplayWindow, Signer};
use claude_kernel::jupyter::wire::{self, Draft};
use serde_json::{Map, Value, json};
use zeromq::{SocketRecv, SocketSend, ZmqMessage};

use crate::support::frontend::{self, Client};

use super::{answer, check_round_trip, start};

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

#[test]
fn a_message_between_two_processes_verifies_with_the_same_key_only() {
    let ours = Signer::new("hmac-sha256", b"key").unwrap();
    let theirs = Signer::new("hmac-sha256", b"another key").unwrap();
    let frames = wire::encode(
        &Draft {
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
