//! The five ZeroMQ sockets: bound once, served until closed, deaf to every error.
//!
//! Edge. Shell, control and stdin are ROUTERs of the `zeromq` crate, each behind a relay that judges
//! what peers send (`relay`); iopub and the heartbeat are sockets of our own (`iopub`, `heartbeat`).
//! No loop ends because of what a peer does: a malformed message is logged and dropped, a peer that
//! breaks the protocol below it is disconnected, a vanished peer is normal.

pub mod file;
mod heartbeat;
mod in_flight;
pub(super) mod listener;
mod outbox;
mod private;
mod relay;
mod router;
mod serve;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zeromq::{MultiPeerBackend, RouterSocket, Socket, ZmqError};

use super::connection::{Channel, Connection, IOPUB_QUEUE, Outgoing, Parcel, Queues};
use super::connection::{REQUEST_QUEUE, SEND_QUEUE};
use super::connection_file::{ConnectionFile, Endpoint, Ports};
use super::iopub::{self, Audience};
use super::session::{Session, Signer, UnsupportedScheme};
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

/// What the systems allow for the path of a socket, without its final zero.
const MAX_PATH_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

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
    /// The path of an ipc socket has more bytes than one may have.
    #[error(
        "the path of the socket `{}` for `{name}` has {} bytes, at most {MAX_PATH_BYTES} are possible",
        path.display(),
        path.as_os_str().len()
    )]
    PathTooLong {
        /// The field of the connection file, such as `shell_port`.
        name: &'static str,
        /// The path.
        path: PathBuf,
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

/// The tasks that serve the sockets. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Sockets {
    host: Arc<dyn Host>,
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
            self.host.sleep(CLOSE_PAUSE).await;
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

/// Five addresses that are bound: clients can connect, and wait to be served.
#[derive(Debug)]
pub struct Bound {
    session: Arc<Session>,
    ports: Ports,
    heartbeat: Listener,
    iopub: Listener,
    stdin: Listener,
    control: Listener,
    shell: Listener,
    files: Vec<SocketFile>,
}

impl Bound {
    /// Binds the addresses of `file`; a port that is 0 is any that is free.
    ///
    /// # Errors
    /// When the file's key cannot be used or an address cannot be bound; one in use is tried again for
    /// two seconds, as a kernel that is just leaving may still hold it.
    pub async fn bind(file: &ConnectionFile, host: Arc<dyn Host>) -> Result<Self, BindError> {
        let signer = Signer::new(&file.signature_scheme, file.key.as_bytes())?;
        let mut binder = Binder {
            file,
            host: Arc::clone(&host),
            attempts_left: BIND_ATTEMPTS,
            files: Vec::new(),
        };
        let mut ports = file.ports;
        // The heartbeat is what a waiting launcher looks at first; shell comes last, so that a client
        // whose request gets through finds the others open.
        let heartbeat = binder.bind("hb_port", &mut ports.heartbeat).await?;
        let iopub = binder.bind("iopub_port", &mut ports.iopub).await?;
        let stdin = binder.bind("stdin_port", &mut ports.stdin).await?;
        let control = binder.bind("control_port", &mut ports.control).await?;
        let shell = binder.bind("shell_port", &mut ports.shell).await?;
        Ok(Self {
            session: Arc::new(Session::new(host, signer)),
            ports,
            heartbeat,
            iopub,
            stdin,
            control,
            shell,
            files: binder.files,
        })
    }

    /// Returns the ports, of which none is 0.
    #[must_use]
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Starts to serve.
    ///
    /// # Errors
    /// When a ROUTER cannot be put behind its relay.
    pub async fn serve(self) -> Result<Connection, BindError> {
        let session = Arc::clone(&self.session);
        let mut starter = Starter {
            host: Arc::clone(session.host()),
            sockets: Sockets {
                host: Arc::clone(session.host()),
                tasks: JoinSet::new(),
                closing: CancellationToken::new(),
                writing: Vec::new(),
                relays: TaskTracker::new(),
                files: self.files,
            },
        };
        starter.start_heartbeat(self.heartbeat);
        let iopub = starter.start_iopub(self.iopub, Arc::clone(&session));
        let shell = starter
            .start_router(self.shell, "shell_port", Channel::Shell)
            .await?;
        let control = starter
            .start_router(self.control, "control_port", Channel::Control)
            .await?;
        let stdin = starter
            .start_router(self.stdin, "stdin_port", Channel::Stdin)
            .await?;
        let intakes = [control.intake, shell.intake, stdin.intake];
        let sockets = starter.receive(intakes, &session);
        let queues = Queues {
            shell: shell.replies,
            control: control.replies,
            stdin: stdin.replies,
            iopub,
        };
        Ok(Connection {
            shell: shell.requests,
            control: control.requests,
            stdin: stdin.requests,
            outgoing: Outgoing::new(session, queues, Some(Arc::new(sockets))),
        })
    }
}

/// Binds one address after the other.
struct Binder<'a> {
    file: &'a ConnectionFile,
    host: Arc<dyn Host>,
    attempts_left: u32,
    files: Vec<SocketFile>,
}

impl Binder<'_> {
    async fn bind(&mut self, name: &'static str, port: &mut u16) -> Result<Listener, BindError> {
        loop {
            let number = self.number(*port);
            let endpoint = self.file.endpoint(number);
            match Listener::bind(&endpoint) {
                Ok((listener, file)) => {
                    self.files.extend(file);
                    *port = listener.port().unwrap_or(number);
                    return Ok(listener);
                }
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse && self.attempts_left > 0 =>
                {
                    self.attempts_left -= 1;
                    self.host.sleep(BIND_PAUSE).await;
                }
                Err(source) => {
                    return Err(match endpoint {
                        Endpoint::Ipc(path) if path.as_os_str().len() > MAX_PATH_BYTES => {
                            BindError::PathTooLong { name, path }
                        }
                        endpoint => BindError::Listen {
                            name,
                            endpoint,
                            source,
                        },
                    });
                }
            }
        }
    }

    /// Returns the port to bind: for an ipc port that is to be found, the first without a file.
    fn number(&self, port: u16) -> u16 {
        let is_free = |number: &u16| match self.file.endpoint(*number) {
            Endpoint::Ipc(path) => {
                let given = self.file.ports.each();
                path.symlink_metadata().is_err() && given.iter().all(|(_, port)| port != number)
            }
            Endpoint::Tcp(..) => false,
        };
        match port {
            0 => (1..=u16::MAX).find(is_free).unwrap_or(0),
            port => port,
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
            .spawn(serve(listener, closing, Arc::clone(&host), move |stream| {
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
        let relay = serve(
            listener,
            closing.clone(),
            Arc::clone(&host),
            move |stream| {
                let deadline = host.sleep(HANDSHAKE_LIMIT);
                relay::relay(
                    stream,
                    Arc::clone(&address),
                    of_connection.clone(),
                    deadline,
                )
            },
        );
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
