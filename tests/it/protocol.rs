//! The Jupyter protocol over real sockets, with a kernel that only echoes.

use std::sync::Arc;

use bytes::Bytes;
use claude_kernel::host::SystemHost;
use claude_kernel::jupyter::connection::{Channel, Connection, Outgoing};
use claude_kernel::jupyter::connection_file::ConnectionFile;
use claude_kernel::jupyter::messages::iopub::{ExecutionState, Status};
use claude_kernel::jupyter::messages::{Content, Empty};
use claude_kernel::jupyter::mime::{Output, StreamName};
use claude_kernel::jupyter::wire::Message;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::frontend::{Client, parent_id};

mod binding;
mod delivery;
mod hostile;
mod judged;

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
    let status = |execution_state| Status { execution_state };
    let parent = Some(&request.parent);
    outgoing
        .publish(parent, &status(ExecutionState::Busy))
        .await;
    let count = request.content["publish"].as_u64().unwrap_or(0);
    for number in 0..count {
        let output = Output::Stream {
            name: StreamName::Stdout,
            text: number.to_string(),
        };
        outgoing.output(&request.parent, output, 0).await;
    }
    let reply = Raw {
        msg_type: &request.header.msg_type.replace("_request", "_reply"),
        content: &request.content,
    };
    outgoing
        .reply(channel, request, &reply, &Empty::new())
        .await;
    outgoing
        .publish(parent, &status(ExecutionState::Idle))
        .await;
}

/// A message that no kernel sends.
#[derive(Serialize)]
#[serde(transparent)]
struct Raw<'a> {
    #[serde(skip)]
    msg_type: &'a str,
    content: &'a Value,
}

impl Content for Raw<'_> {
    fn msg_type(&self) -> &str {
        self.msg_type
    }
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
