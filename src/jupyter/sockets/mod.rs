//! The five ZeroMQ sockets: bound once, served until closed, deaf to every error.
//!
//! Edge. Shell, control and stdin are ROUTERs of the `zeromq` crate, each behind a relay that judges
//! what peers send (`relay`); iopub and the heartbeat are sockets of our own (`iopub`, `heartbeat`).
//! No loop ends because of what a peer does: a malformed message is logged and dropped, a peer that
//! breaks the protocol below it is disconnected, a vanished peer is normal.

mod heartbeat;
mod in_flight;
pub(super) mod listener;
mod outbox;
mod private;
mod relay;
mod router;
mod serve;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zeromq::{MultiPeerBackend, RouterSocket, Socket, ZmqError};

use super::connection::{Channel, Connection, IOPUB_QUEUE, Outgoing, Parcel, Queues};
use super::connection::{REQUEST_QUEUE, SEND_QUEUE};
use super::connection_file::{ConnectionFile, ConnectionFileError, Endpoint};
use super::iopub::{self, Audience};
use super::session::{Session, UnsupportedScheme};
use super::wire::Message;
use crate::host::Host;
use listener::{HANDSHAKE_LIMIT, Listener, SocketFile};
use outbox::Outbox;
use router::Intake;
use serve::serve;

/// An address in use is tried again this often: about two seconds in all, the time a leaving kernel
/// may take to let go of it.
const BIND_ATTEMPTS: u32 = 100;

/// The pause between two attempts.
const BIND_PAUSE: Duration = Duration::from_millis(20);

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
    #[error("cannot serve `{name}`: {source}")]
    Serve {
        /// The field of the connection file, such as `shell_port`.
        name: &'static str,
        /// Its reason.
        source: ZmqError,
    },
    /// There is no folder for the socket that the ROUTER listens on.
    #[error("cannot make a private socket for `{name}`: {source}")]
    Private {
        /// The field of the connection file, such as `shell_port`.
        name: &'static str,
        /// The reason.
        source: io::Error,
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
    tasks: JoinSet<()>,
    closing: CancellationToken,
    /// Alive as long as a connection still has something to write.
    writing: Vec<Weak<dyn MultiPeerBackend>>,
    /// The relays, which pass on what those write.
    relays: TaskTracker,
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
        self.relays.wait().await;
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
        files: Vec::new(),
    };
    let ports = file.ports;
    // The heartbeat is what a waiting launcher looks at first; shell comes last, so that a client
    // whose request gets through finds the others open.
    let heartbeat = binder.bind("hb_port", ports.heartbeat).await?;
    let iopub = binder.bind("iopub_port", ports.iopub).await?;
    let stdin = binder.bind("stdin_port", ports.stdin).await?;
    let control = binder.bind("control_port", ports.control).await?;
    let shell = binder.bind("shell_port", ports.shell).await?;

    let mut starter = Starter {
        host: binder.host,
        sockets: Sockets {
            tasks: JoinSet::new(),
            closing: CancellationToken::new(),
            writing: Vec::new(),
            relays: TaskTracker::new(),
            files: binder.files,
        },
    };
    starter.start_heartbeat(heartbeat);
    let iopub_queue = starter.start_iopub(iopub, Arc::clone(&session));
    let shell = starter
        .start_router(shell, "shell_port", Channel::Shell)
        .await?;
    let control = starter
        .start_router(control, "control_port", Channel::Control)
        .await?;
    let stdin = starter
        .start_router(stdin, "stdin_port", Channel::Stdin)
        .await?;
    let sockets = starter.receive([control.intake, shell.intake, stdin.intake], &session);
    let queues = Queues {
        shell: shell.replies,
        control: control.replies,
        stdin: stdin.replies,
        iopub: iopub_queue,
    };
    Ok(Connection {
        shell: shell.requests,
        control: control.requests,
        stdin: stdin.requests,
        outgoing: Outgoing::new(session, queues, Some(Arc::new(sockets))),
    })
}

/// Binds one address after the other.
struct Binder<'a> {
    file: &'a ConnectionFile,
    host: Arc<dyn Host>,
    attempts_left: u32,
    files: Vec<SocketFile>,
}

impl Binder<'_> {
    async fn bind(&mut self, name: &'static str, port: u16) -> Result<Listener, BindError> {
        let endpoint = self.file.endpoint(port);
        loop {
            match Listener::bind(&endpoint) {
                Ok((listener, file)) => {
                    self.files.extend(file);
                    return Ok(listener);
                }
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
        }
    }
}

/// Starts the tasks.
struct Starter {
    host: Arc<dyn Host>,
    sockets: Sockets,
}

/// One ROUTER as the kernel sees it.
struct Router {
    intake: Intake,
    requests: mpsc::Receiver<Message>,
    replies: mpsc::Sender<Parcel>,
}

impl Starter {
    fn start_heartbeat(&mut self, listener: Listener) {
        let (closing, host) = (self.sockets.closing.clone(), Arc::clone(&self.host));
        let of_connection = closing.clone();
        self.sockets
            .tasks
            .spawn(serve(listener, closing, move |stream| {
                let deadline = host.sleep(HANDSHAKE_LIMIT);
                heartbeat::echo(stream, of_connection.clone(), deadline)
            }));
    }

    fn start_iopub(&mut self, listener: Listener, session: Arc<Session>) -> mpsc::Sender<Parcel> {
        let (queue, parcels) = mpsc::channel(IOPUB_QUEUE);
        let closing = self.sockets.closing.clone();
        let audience = Audience::new(session);
        self.sockets
            .tasks
            .spawn(iopub::publish(listener, parcels, audience, closing));
        queue
    }

    /// Puts a ROUTER behind its relay.
    async fn start_router(
        &mut self,
        listener: Listener,
        name: &'static str,
        channel: Channel,
    ) -> Result<Router, BindError> {
        let (inner, address) =
            private::listen().map_err(|source| BindError::Private { name, source })?;
        let mut socket = RouterSocket::new();
        socket
            .bind_listener(inner)
            .await
            .map_err(|source| BindError::Serve { name, source })?;
        self.sockets.writing.push(Arc::downgrade(&socket.backend()));

        let (closing, host) = (self.sockets.closing.clone(), Arc::clone(&self.host));
        let (of_connection, address) = (closing.clone(), Arc::new(address));
        let relay = serve(listener, closing.clone(), move |stream| {
            let deadline = host.sleep(HANDSHAKE_LIMIT);
            relay::relay(
                stream,
                Arc::clone(&address),
                of_connection.clone(),
                deadline,
            )
        });
        let relay = self.sockets.relays.track_future(relay);
        self.sockets.tasks.spawn(relay);

        let (sender, receiver) = socket.split();
        let (replies, parcels) = mpsc::channel(SEND_QUEUE);
        let outbox = Outbox::new(parcels, closing);
        self.sockets
            .tasks
            .spawn(router::write_replies(channel, sender, outbox));
        let (sink, requests) = mpsc::channel(REQUEST_QUEUE);
        Ok(Router {
            intake: Intake::new(channel, receiver, sink),
            requests,
            replies,
        })
    }

    /// Starts to read the three ROUTERs; the sockets are complete.
    fn receive(mut self, intakes: [Intake; 3], session: &Arc<Session>) -> Sockets {
        let closing = self.sockets.closing.clone();
        self.sockets
            .tasks
            .spawn(router::receive(intakes, Arc::clone(session), closing));
        self.sockets.relays.close();
        self.sockets
    }
}
