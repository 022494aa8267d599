//! The front end at the other end of [`Connection::memory`]; tests use it to drive a kernel.
//!
//! It has no sockets and no timing: everything that the kernel sends arrives in one queue, in the
//! order in which it was sent. In both directions a message passes the real encoder and decoder.
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::connection::{Connection, Outgoing};
use super::queues::{Channel, Parcel, Queues, REQUEST_QUEUE, Route, SEND_QUEUE};
use super::session::Session;
use super::signature::{ReplayWindow, SIGNATURE_SCHEME, Signer};
use super::wire::{self, Draft, Message, WireError};
use crate::host::Host;

/// The key that both sides sign with.
const KEY: &[u8] = b"in-memory";

/// A front end that is connected to one kernel.
#[derive(Debug)]
pub struct FrontEnd {
    session: Session,
    shell: mpsc::Sender<Message>,
    control: mpsc::Sender<Message>,
    stdin: mpsc::Sender<Message>,
    requests_seen: ReplayWindow,
    sent: mpsc::Receiver<Parcel>,
    sent_seen: ReplayWindow,
}

/// One message from the kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The socket that the message came through.
    pub route: Route,
    /// The message; on iopub `identities` holds the topic.
    pub message: Message,
}

impl Connection {
    /// Makes a connection without sockets, and the front end at the other end.
    ///
    /// What either side sends is encoded, signed, verified and decoded as on the wire.
    #[must_use]
    pub fn memory(host: Arc<dyn Host>) -> (Self, FrontEnd) {
        FrontEnd::connect(host)
    }
}

impl FrontEnd {
    fn connect(host: Arc<dyn Host>) -> (Connection, Self) {
        // The scheme is the one there is, so the fallback is never taken.
        let signer = Signer::new(SIGNATURE_SCHEME, KEY).unwrap_or_else(|_| Signer::unsigned());
        let (shell, shell_requests) = mpsc::channel(REQUEST_QUEUE);
        let (control, control_requests) = mpsc::channel(REQUEST_QUEUE);
        let (stdin, stdin_replies) = mpsc::channel(REQUEST_QUEUE);
        let (outgoing, sent) = mpsc::channel(SEND_QUEUE);
        let queues = Queues {
            shell: outgoing.clone(),
            control: outgoing.clone(),
            stdin: outgoing.clone(),
            iopub: outgoing,
        };
        let session = Arc::new(Session::new(Arc::clone(&host), signer.clone()));
        let connection = Connection {
            shell: shell_requests,
            control: control_requests,
            stdin: stdin_replies,
            outgoing: Outgoing::new(session, queues, None),
        };
        let front_end = Self {
            session: Session::new(host, signer),
            shell,
            control,
            stdin,
            requests_seen: ReplayWindow::default(),
            sent,
            sent_seen: ReplayWindow::default(),
        };
        (connection, front_end)
    }

    /// Sends a request with empty metadata; returns its `msg_id`.
    ///
    /// # Errors
    /// See [`send_with`](Self::send_with).
    pub async fn send(
        &mut self,
        channel: Channel,
        msg_type: &str,
        content: Value,
    ) -> Result<String, FrontEndError> {
        self.send_with(channel, msg_type, content, Map::new()).await
    }

    /// Sends a request; returns its `msg_id`.
    ///
    /// # Errors
    /// If `content` is not an object, or the kernel has dropped its end of the channel.
    pub async fn send_with(
        &mut self,
        channel: Channel,
        msg_type: &str,
        content: Value,
        metadata: Map<String, Value>,
    ) -> Result<String, FrontEndError> {
        let frames = wire::encode(
            &Draft {
                identities: &[Bytes::from_static(b"front-end")],
                header: &self.session.header(msg_type),
                parent: None,
                metadata: &metadata,
                content: &content,
                buffers: &[],
            },
            self.session.signer(),
        );
        let message = wire::decode(frames, self.session.signer(), &mut self.requests_seen)?;
        let msg_id = message.header.msg_id.clone();
        let queue = match channel {
            Channel::Shell => &self.shell,
            Channel::Control => &self.control,
            Channel::Stdin => &self.stdin,
        };
        queue
            .send(message)
            .await
            .map_err(|_| FrontEndError::KernelGone)?;
        Ok(msg_id)
    }

    /// Receives the kernel's next message.
    ///
    /// # Errors
    /// If the kernel has dropped its last [`Outgoing`], or a message of the kernel cannot be
    /// decoded.
    pub async fn recv(&mut self) -> Result<Sent, FrontEndError> {
        loop {
            match self.sent.recv().await {
                None => return Err(FrontEndError::KernelGone),
                // Everything that was sent before the barrier has been received.
                Some(Parcel::Barrier(done)) => {
                    done.send(()).ok();
                }
                Some(Parcel::Frames(route, frames)) => {
                    let message = wire::decode(frames, self.session.signer(), &mut self.sent_seen)?;
                    return Ok(Sent { route, message });
                }
            }
        }
    }

    /// Receives a message that the kernel has already sent; `None` if there is none.
    ///
    /// # Errors
    /// If the message cannot be decoded.
    pub fn try_recv(&mut self) -> Result<Option<Sent>, FrontEndError> {
        loop {
            match self.sent.try_recv() {
                Err(_) => return Ok(None),
                Ok(Parcel::Barrier(done)) => {
                    done.send(()).ok();
                }
                Ok(Parcel::Frames(route, frames)) => {
                    let message = wire::decode(frames, self.session.signer(), &mut self.sent_seen)?;
                    return Ok(Some(Sent { route, message }));
                }
            }
        }
    }
}

/// Why the front end did not send or receive a message.
#[derive(Debug, thiserror::Error)]
pub enum FrontEndError {
    /// The kernel's end of the connection is closed.
    #[error("the kernel has closed the connection")]
    KernelGone,
    /// A message cannot be decoded. It could not be decoded on a real connection either.
    #[error("not a message: {0}")]
    Wire(#[from] WireError),
}
