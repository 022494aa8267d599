//! The five ZeroMQ sockets: bound once, served until closed, deaf to every error.
//!
//! Edge. One task reads the three ROUTERs (so one owner knows all seen signatures), one task writes
//! each, one publishes, one echoes heartbeats. No loop ends because of what a peer does: a malformed
//! frame is logged and dropped, a vanished peer is normal.
//!
//! Known limit of the zeromq crate: a frame header that announces 2^40 bytes aborts the process.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use zeromq::{
    Listener, MultiPeerBackend, PubSocket, RepSocket, RouterRecvHalf, RouterSendHalf, RouterSocket,
    Socket, SocketRecv, SocketSend, ZmqError, ZmqMessage,
};

use super::connection::{Channel, Connection, Outgoing, Queues, REQUEST_QUEUE, SEND_QUEUE};
use super::connection_file::{ConnectionFile, ConnectionFileError, Endpoint};
use super::iopub;
use super::outbox::Outbox;
use super::session::{ReplayWindow, Session, UnsupportedScheme};
use super::wire::{self, Message};
use crate::host::Host;

/// An address in use is tried again this often: about two seconds in all, the time a leaving kernel
/// may take to let go of it.
const BIND_ATTEMPTS: u32 = 100;

/// The pause between two attempts.
const BIND_PAUSE: Duration = Duration::from_millis(20);

/// How long one client's full queue (100,000 replies) may hold up the others before its reply is
/// dropped.
const REPLY_LIMIT: Duration = Duration::from_secs(5);

/// How long a client that pings and does not read may hold up the heartbeat.
const HEARTBEAT_LIMIT: Duration = Duration::from_secs(1);

/// After an error that may come again at once.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// How often [`Sockets::close`] looks whether the last writer is done.
const CLOSE_PAUSE: Duration = Duration::from_millis(1);

/// Why the sockets could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The key of the connection file is for another scheme.
    #[error(transparent)]
    Scheme(#[from] UnsupportedScheme),
    /// The operating system refused the address.
    #[error("cannot listen on {endpoint} for `{name}`: {source}")]
    Listen {
        /// The field of the connection file, such as `shell_port`.
        name: &'static str,
        /// The address.
        endpoint: Endpoint,
        /// Its reason.
        source: io::Error,
    },
    /// ZeroMQ refused the listener.
    #[error("cannot serve {endpoint} for `{name}`: {source}")]
    Serve {
        /// The field of the connection file, such as `shell_port`.
        name: &'static str,
        /// The address.
        endpoint: Endpoint,
        /// Its reason.
        source: ZmqError,
    },
}

/// Why there is no connection file to bind.
#[derive(Debug, thiserror::Error)]
pub enum ReadConnectionFileError {
    /// It cannot be read.
    #[error("cannot read the connection file `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It says nothing usable.
    #[error("cannot use the connection file `{}`: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ConnectionFileError,
    },
}

/// Reads a connection file.
///
/// # Errors
/// Names the file, and the field that is missing or wrong.
pub fn read_connection_file(path: &Path) -> Result<ConnectionFile, ReadConnectionFileError> {
    let bytes = fs::read(path).map_err(|source| ReadConnectionFileError::Io {
        path: path.to_owned(),
        source,
    })?;
    ConnectionFile::parse(&String::from_utf8_lossy(&bytes)).map_err(|source| {
        ReadConnectionFileError::Content {
            path: path.to_owned(),
            source,
        }
    })
}

/// The tasks that serve the sockets. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Sockets {
    _tasks: JoinSet<()>,
    closing: CancellationToken,
    /// Alive as long as a connection still has something to write.
    writing: Vec<Weak<dyn MultiPeerBackend>>,
    files: Vec<SocketFile>,
}

impl Sockets {
    /// Closes the sockets. Completes when every connection has written what it had.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        while self
            .writing
            .iter()
            .any(|backend| backend.strong_count() > 0)
        {
            tokio::time::sleep(CLOSE_PAUSE).await;
        }
    }

    /// Closes the sockets, whatever is still queued, and removes the files of the ipc transport.
    pub(super) fn abandon(&self) {
        self.closing.cancel();
        for file in &self.files {
            file.remove();
        }
    }
}

/// Binds the sockets of `file` and starts to serve them.
pub(super) async fn bind(
    file: &ConnectionFile,
    session: Arc<Session>,
) -> Result<Connection, BindError> {
    let mut binder = Binder {
        file,
        host: Arc::clone(session.host()),
        attempts_left: BIND_ATTEMPTS,
        writing: Vec::new(),
        files: Vec::new(),
    };
    let ports = file.ports;
    // The heartbeat is what a waiting launcher looks at first; shell comes last, so that a client
    // whose request gets through finds the others open.
    let heartbeat: RepSocket = binder.bind("hb_port", ports.heartbeat).await?;
    let iopub: PubSocket = binder.bind("iopub_port", ports.iopub).await?;
    let stdin: RouterSocket = binder.bind("stdin_port", ports.stdin).await?;
    let control: RouterSocket = binder.bind("control_port", ports.control).await?;
    let shell: RouterSocket = binder.bind("shell_port", ports.shell).await?;
    let Binder { writing, files, .. } = binder;

    let closing = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let (iopub_queue, parcels) = mpsc::channel(SEND_QUEUE);
    let outbox = Outbox::new(parcels, closing.clone());
    tasks.spawn(iopub::publish(iopub, outbox));
    tasks.spawn(echo_heartbeats(heartbeat, closing.clone()));

    let mut serve = |socket: RouterSocket, channel| {
        let (sender, receiver) = socket.split();
        let (queue, parcels) = mpsc::channel(SEND_QUEUE);
        let outbox = Outbox::new(parcels, closing.clone());
        tasks.spawn(write_replies(channel, sender, outbox));
        let (requests, received) = mpsc::channel(REQUEST_QUEUE);
        let intake = Intake {
            channel,
            socket: receiver,
            requests,
            held: None,
        };
        (queue, intake, received)
    };
    let (shell_queue, shell_intake, shell) = serve(shell, Channel::Shell);
    let (control_queue, control_intake, control) = serve(control, Channel::Control);
    let (stdin_queue, stdin_intake, stdin) = serve(stdin, Channel::Stdin);
    tasks.spawn(receive(
        [control_intake, shell_intake, stdin_intake],
        Arc::clone(&session),
        closing.clone(),
    ));

    let queues = Queues {
        shell: shell_queue,
        control: control_queue,
        stdin: stdin_queue,
        iopub: iopub_queue,
    };
    let sockets = Sockets {
        _tasks: tasks,
        closing,
        writing,
        files,
    };
    Ok(Connection {
        shell,
        control,
        stdin,
        outgoing: Outgoing::new(session, queues, Some(Arc::new(sockets))),
    })
}

/// Binds one socket after the other.
struct Binder<'a> {
    file: &'a ConnectionFile,
    host: Arc<dyn Host>,
    attempts_left: u32,
    writing: Vec<Weak<dyn MultiPeerBackend>>,
    files: Vec<SocketFile>,
}

impl Binder<'_> {
    async fn bind<S: Socket>(&mut self, name: &'static str, port: u16) -> Result<S, BindError> {
        let endpoint = self.file.endpoint(port);
        let listener = loop {
            match self.listen(&endpoint) {
                Ok(listener) => break listener,
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse && self.attempts_left > 0 =>
                {
                    self.attempts_left -= 1;
                    self.host.sleep(BIND_PAUSE).await;
                }
                Err(source) => {
                    return Err(BindError::Listen {
                        name,
                        endpoint,
                        source,
                    });
                }
            }
        };
        let mut socket = S::new();
        match socket.bind_listener(listener).await {
            Ok(_) => {
                self.writing.push(Arc::downgrade(&socket.backend()));
                Ok(socket)
            }
            Err(source) => Err(BindError::Serve {
                name,
                endpoint,
                source,
            }),
        }
    }

    fn listen(&mut self, endpoint: &Endpoint) -> io::Result<Listener> {
        match endpoint {
            Endpoint::Tcp(ip, port) => TcpListener::bind((ip.as_str(), *port)).map(Listener::Tcp),
            Endpoint::Ipc(path) => {
                remove_stale(path)?;
                let listener = UnixListener::bind(path)?;
                self.files.extend(SocketFile::of(path));
                Ok(Listener::Ipc(listener))
            }
        }
    }
}

/// Removes the socket file that a killed kernel left; one that answers is in use.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(_) => fs::remove_file(path),
    }
}

/// A socket file of ours; removed when dropped, unless it was replaced meanwhile.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> Option<Self> {
        let meta = fs::symlink_metadata(path).ok()?;
        Some(Self {
            path: path.to_owned(),
            device: meta.dev(),
            inode: meta.ino(),
        })
    }

    fn remove(&self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|meta| meta.dev() == self.device && meta.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "cannot remove a socket file");
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// One ROUTER's receiving half and the queue it fills.
struct Intake {
    channel: Channel,
    socket: RouterRecvHalf,
    requests: mpsc::Sender<Message>,
    /// What did not fit: nothing more is read until it does.
    held: Option<Message>,
}

impl Intake {
    /// Receives the next frames. Loses nothing when cancelled.
    async fn next(&mut self) -> Result<Vec<Bytes>, ZmqError> {
        if self.held.is_some() {
            let permit = self.requests.reserve().await;
            if let (Ok(permit), Some(message)) = (permit, self.held.take()) {
                permit.send(message);
            }
        }
        self.socket.recv().await.map(ZmqMessage::into_vec)
    }

    fn hand_over(&mut self, message: Message) {
        match self.requests.try_send(message) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(message)) => self.held = Some(message),
            Err(mpsc::error::TrySendError::Closed(message)) => tracing::debug!(
                msg_type = message.header.msg_type,
                "dropped a request: the kernel is leaving"
            ),
        }
    }
}

/// Reads the three ROUTERs until `closing`.
async fn receive(intakes: [Intake; 3], session: Arc<Session>, closing: CancellationToken) {
    let [mut first, mut second, mut third] = intakes;
    let mut seen = ReplayWindow::default();
    loop {
        let (intake, received) = tokio::select! {
            () = closing.cancelled() => return,
            received = first.next() => (&mut first, received),
            received = second.next() => (&mut second, received),
            received = third.next() => (&mut third, received),
        };
        let channel = intake.channel;
        match received {
            Err(error) => {
                tracing::debug!(%error, ?channel, "a peer's connection failed");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
            Ok(frames) => match wire::decode(frames, session.signer(), &mut seen) {
                Ok(message) => intake.hand_over(message),
                Err(error) => tracing::warn!(%error, ?channel, "dropped a malformed message"),
            },
        }
    }
}

/// Sends the replies of one ROUTER.
async fn write_replies(channel: Channel, mut socket: RouterSendHalf, mut outbox: Outbox) {
    while let Some(message) = outbox.next().await {
        match tokio::time::timeout(REPLY_LIMIT, socket.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, ?channel, "a reply found no peer"),
            Err(_) => tracing::warn!(?channel, "dropped a reply: its peer does not read"),
        }
    }
}

/// Echoes heartbeats until `closing`.
async fn echo_heartbeats(mut socket: RepSocket, closing: CancellationToken) {
    loop {
        let beat = tokio::select! {
            () = closing.cancelled() => return,
            beat = socket.recv() => beat,
        };
        let echoed = match beat {
            Ok(beat) => tokio::time::timeout(HEARTBEAT_LIMIT, socket.send(beat)).await,
            Err(error) => Ok(Err(error)),
        };
        match echoed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "a heartbeat failed");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
            Err(_) => tracing::debug!("a heartbeat found its peer not reading"),
        }
    }
}
