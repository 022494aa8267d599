//! The five ZeroMQ sockets: they are bound once and served until they are closed, whatever errors
//! occur.
//!
//! Edge. Shell, control and stdin are ROUTERs of the `zeromq` crate. Each is behind a relay that
//! checks what peers send (`relay`). Iopub and the heartbeat are sockets of this project (`iopub`,
//! `heartbeat`). No loop ends because of what a peer does: a malformed message is logged and
//! dropped, a peer that breaks ZMTP, the protocol below, is disconnected, and it is normal that a
//! peer goes away.

mod bind;
pub mod file;
mod heartbeat;
mod in_flight;
pub(super) mod listener;
mod outbox;
mod private;
mod relay;
mod router;
pub(super) mod running;
mod serve;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zeromq::{RouterSocket, Socket};

use super::connection::{Connection, Outgoing};
use super::connection_file::{ConnectionFile, Ports};
use super::iopub::{self, Audience};
use super::queues::{Channel, IOPUB_QUEUE, Parcel, Queues, REQUEST_QUEUE, SEND_QUEUE};
use super::session::Session;
use super::signature::Signer;
use super::wire::Message;
use crate::host::Host;
use bind::Binder;
use listener::{HANDSHAKE_LIMIT, Listener, SocketFile};
use outbox::Outbox;
use router::Intake;
use running::Running;
use serve::serve;

pub use bind::BindError;

impl Connection {
    /// Binds the five sockets of `file`. Clients are already trying to connect, so call this before
    /// any slow work.
    ///
    /// # Errors
    /// See [`Bound::bind`] and [`Bound::serve`].
    pub async fn bind(file: &ConnectionFile, host: Arc<dyn Host>) -> Result<Self, BindError> {
        Bound::bind(file, host).await?.serve().await
    }
}

/// Five addresses that are bound. Clients can connect now, but they are served only after
/// [`Bound::serve`].
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
    /// Binds the addresses of `file`. If a port is 0, a free one is taken.
    ///
    /// # Errors
    /// If the file's key cannot be used, or an address cannot be bound. If an address is in use, it
    /// is tried again for two seconds, because a kernel that is shutting down may still hold it.
    pub async fn bind(file: &ConnectionFile, host: Arc<dyn Host>) -> Result<Self, BindError> {
        let signer = Signer::new(&file.signature_scheme, file.key.as_bytes())?;
        let mut binder = Binder::new(file, Arc::clone(&host));
        let mut ports = file.ports;
        // A launcher that waits for the kernel checks the heartbeat first. Shell is bound last: if
        // a client can send a request, the other sockets are open.
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

    /// Returns the ports; none of them is 0.
    #[must_use]
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Starts to serve the clients.
    ///
    /// # Errors
    /// If a ROUTER cannot be put behind its relay.
    pub async fn serve(self) -> Result<Connection, BindError> {
        let session = Arc::clone(&self.session);
        let mut starter = Starter {
            host: Arc::clone(session.host()),
            sockets: Running {
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

/// Starts the tasks that serve the sockets.
struct Starter {
    host: Arc<dyn Host>,
    sockets: Running,
}

/// One ROUTER, as the kernel uses it.
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

    /// Starts to read the three ROUTERs. All sockets have been started before.
    fn receive(mut self, intakes: [Intake; 3], session: &Arc<Session>) -> Running {
        let closing = self.sockets.closing.clone();
        self.sockets
            .tasks
            .spawn(router::receive(intakes, Arc::clone(session), closing));
        self.sockets.relays.close();
        self.sockets
    }
}
