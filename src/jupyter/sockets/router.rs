//! The ROUTER sockets: requests come in, replies go out. No error of a peer ends them.
//!
//! One task reads all three, so that one owner knows all signatures that were seen. Each socket has
//! its own task that writes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zeromq::{RouterRecvHalf, RouterSendHalf, SocketRecv, SocketSend, ZmqError, ZmqMessage};

use super::outbox::Outbox;
use crate::jupyter::queues::Channel;
use crate::jupyter::session::Session;
use crate::jupyter::signature::ReplayWindow;
use crate::jupyter::wire::{self, Message};

/// If the queue of one client is full (100,000 replies), how long it may make the others wait
/// before its reply is dropped.
const REPLY_LIMIT: Duration = Duration::from_secs(5);

/// The pause after an error that may occur again at once.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// The receiving half of one ROUTER, and the queue that it fills.
pub(super) struct Intake {
    channel: Channel,
    socket: RouterRecvHalf,
    requests: mpsc::Sender<Message>,
    /// A message for which the queue had no room. Until it fits, nothing more is read.
    held: Option<Message>,
}

impl Intake {
    pub(super) fn new(
        channel: Channel,
        socket: RouterRecvHalf,
        requests: mpsc::Sender<Message>,
    ) -> Self {
        Self {
            channel,
            socket,
            requests,
            held: None,
        }
    }

    /// Receives the next frames. If it is cancelled, nothing is lost.
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

/// Reads the three ROUTERs until `closing` is cancelled.
pub(super) async fn receive(
    intakes: [Intake; 3],
    session: Arc<Session>,
    closing: CancellationToken,
) {
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
                session.host().sleep(ERROR_PAUSE).await;
            }
            Ok(frames) => match wire::decode(frames, session.signer(), &mut seen) {
                Ok(message) => intake.hand_over(message),
                Err(error) => tracing::warn!(%error, ?channel, "dropped a malformed message"),
            },
        }
    }
}

/// Sends the replies of one ROUTER.
pub(super) async fn write_replies(
    channel: Channel,
    mut socket: RouterSendHalf,
    mut outbox: Outbox,
) {
    while let Some(message) = outbox.next().await {
        match tokio::time::timeout(REPLY_LIMIT, socket.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, ?channel, "a reply found no peer"),
            Err(_) => tracing::warn!(?channel, "dropped a reply: its peer does not read"),
        }
    }
}
