//! A front end over real ZeroMQ sockets, with access to raw frames for hostile cases.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use claude_kernel::host::SystemHost;
use claude_kernel::jupyter::connection::Channel;
use claude_kernel::jupyter::connection_file::{ConnectionFile, Endpoint, Key, Ports, Transport};
use claude_kernel::jupyter::session::Session;
use claude_kernel::jupyter::signature::{ReplayWindow, SIGNATURE_SCHEME, Signer};
use claude_kernel::jupyter::wire::{self, Draft, Message, Parent};
use serde_json::{Map, Value, json};
use zeromq::{
    DealerSocket, ReqSocket, Socket, SocketOptions, SocketRecv, SocketSend, SubSocket, ZmqMessage,
};

/// Far more than any answer takes; a test that reaches it has failed.
const LIMIT: Duration = Duration::from_secs(20);

/// Makes a connection file with five free ports of 127.0.0.1.
pub(crate) fn tcp_file() -> ConnectionFile {
    let listeners: Vec<_> = (0..5)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let port = |at: usize| listeners[at].local_addr().unwrap().port();
    file(
        Transport::Tcp,
        "127.0.0.1",
        [port(0), port(1), port(2), port(3), port(4)],
    )
}

/// Makes a connection file for sockets in `dir`.
pub(crate) fn ipc_file(dir: &Path) -> ConnectionFile {
    let prefix = dir.join("kernel");
    file(Transport::Ipc, prefix.to_str().unwrap(), [1, 2, 3, 4, 5])
}

fn file(transport: Transport, ip: &str, ports: [u16; 5]) -> ConnectionFile {
    let [shell, control, stdin, iopub, heartbeat] = ports;
    ConnectionFile {
        transport,
        ip: ip.to_owned(),
        ports: Ports {
            shell,
            control,
            stdin,
            iopub,
            heartbeat,
        },
        key: Key::new("a key for tests"),
        signature_scheme: SIGNATURE_SCHEME.to_owned(),
        kernel_name: None,
        jupyter_session: None,
    }
}

/// A client with its five sockets connected.
pub(crate) struct Client {
    pub(crate) session: Session,
    shell: DealerSocket,
    control: DealerSocket,
    stdin: DealerSocket,
    iopub: SubSocket,
    heartbeat: ReqSocket,
    seen: ReplayWindow,
}

impl Client {
    pub(crate) async fn connect(file: &ConnectionFile) -> Self {
        let signer = Signer::new(&file.signature_scheme, file.key.as_bytes()).unwrap();
        let session = Session::new(std::sync::Arc::new(SystemHost::new()), signer);
        let identity = session.id().to_owned();
        let mut client = Self {
            shell: dealer(&identity, &file.endpoint(file.ports.shell)).await,
            control: dealer(&identity, &file.endpoint(file.ports.control)).await,
            stdin: dealer(&identity, &file.endpoint(file.ports.stdin)).await,
            iopub: SubSocket::new(),
            heartbeat: ReqSocket::new(),
            seen: ReplayWindow::default(),
            session,
        };
        let endpoint = file.endpoint(file.ports.iopub).to_string();
        client.iopub.connect(&endpoint).await.unwrap();
        client.iopub.subscribe("").await.unwrap();
        let endpoint = file.endpoint(file.ports.heartbeat).to_string();
        client.heartbeat.connect(&endpoint).await.unwrap();
        client
    }

    /// Asks until the subscription is known to be in place, then reads what it brought.
    pub(crate) async fn ready(&mut self) {
        loop {
            self.send(Channel::Shell, "kernel_info_request", json!({}))
                .await;
            self.recv(Channel::Shell).await;
            let first = tokio::time::timeout(Duration::from_millis(200), self.iopub.recv()).await;
            if first.is_ok() {
                break;
            }
        }
        // The last request's idle ends what came of all of them.
        let last = self
            .send(Channel::Shell, "kernel_info_request", json!({}))
            .await;
        self.recv(Channel::Shell).await;
        loop {
            let message = self.recv_iopub().await;
            let state = message.content["execution_state"].as_str();
            if parent_id(&message) == last && state == Some("idle") {
                return;
            }
        }
    }

    /// Encodes a request of this client's.
    pub(crate) fn request(&self, msg_type: &str, content: &Value) -> Vec<Bytes> {
        wire::encode(
            &Draft {
                identities: &[],
                header: &self.session.header(msg_type),
                parent: None,
                metadata: &Map::new(),
                content,
                buffers: &[],
            },
            self.session.signer(),
        )
    }

    /// Sends a request; returns its `msg_id`.
    pub(crate) async fn send(
        &mut self,
        channel: Channel,
        msg_type: &str,
        content: Value,
    ) -> String {
        let frames = self.request(msg_type, &content);
        let header = serde_json::from_slice::<Value>(&frames[2]).unwrap();
        self.send_frames(channel, frames).await;
        header["msg_id"].as_str().unwrap().to_owned()
    }

    /// Sends any frames at all.
    pub(crate) async fn send_frames(&mut self, channel: Channel, frames: Vec<Bytes>) {
        let message = ZmqMessage::try_from(frames).unwrap();
        self.dealer(channel).send(message).await.unwrap();
    }

    /// Receives and verifies the next reply on a channel.
    pub(crate) async fn recv(&mut self, channel: Channel) -> Message {
        let frames = self.recv_frames(channel).await;
        wire::decode(frames, self.session.signer(), &mut self.seen).unwrap()
    }

    /// Receives the next reply's frames.
    pub(crate) async fn recv_frames(&mut self, channel: Channel) -> Vec<Bytes> {
        let received = tokio::time::timeout(LIMIT, self.dealer(channel).recv()).await;
        received.expect("no reply").unwrap().into_vec()
    }

    /// Receives and verifies the next message on iopub.
    pub(crate) async fn recv_iopub(&mut self) -> Message {
        let received = tokio::time::timeout(LIMIT, self.iopub.recv()).await;
        let frames = received.expect("nothing on iopub").unwrap().into_vec();
        wire::decode(frames, self.session.signer(), &mut self.seen).unwrap()
    }

    /// Sends a heartbeat and returns its echo.
    pub(crate) async fn ping(&mut self, beat: &'static str) -> String {
        self.heartbeat.send(beat.into()).await.unwrap();
        let echo = tokio::time::timeout(LIMIT, self.heartbeat.recv()).await;
        echo.expect("no heartbeat").unwrap().try_into().unwrap()
    }

    fn dealer(&mut self, channel: Channel) -> &mut DealerSocket {
        match channel {
            Channel::Shell => &mut self.shell,
            Channel::Control => &mut self.control,
            Channel::Stdin => &mut self.stdin,
        }
    }
}

/// Connects a DEALER with an identity.
pub(crate) async fn dealer(identity: &str, endpoint: &Endpoint) -> DealerSocket {
    let mut options = SocketOptions::default();
    options.peer_identity(identity.parse().unwrap());
    let mut socket = DealerSocket::with_options(options);
    socket.connect(&endpoint.to_string()).await.unwrap();
    socket
}

/// Returns the `msg_id` of what `message` answers, or an empty string.
pub(crate) fn parent_id(message: &Message) -> String {
    message
        .in_reply_to
        .as_ref()
        .map(Parent::header)
        .map(|header| header.unwrap().msg_id)
        .unwrap_or_default()
}
