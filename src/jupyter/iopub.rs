//! The only writer of iopub: one task, one queue, and the order of the queue is the order on the wire.
//!
//! The socket is a PUB: it never waits for a client. The price, until there is a publisher of our
//! own: a client that stops reading makes the kernel's memory grow, and no `iopub_welcome` is sent.
//! (An XPUB of the same crate would instead stop the kernel behind such a client.)

use zeromq::{PubSocket, SocketSend};

use super::outbox::Outbox;

/// Publishes what is queued until it closes; then drops the socket, which closes it.
pub(super) async fn publish(mut socket: PubSocket, mut outbox: Outbox) {
    while let Some(message) = outbox.next().await {
        if let Err(error) = socket.send(message).await {
            tracing::debug!(%error, "iopub: a message was not sent");
        }
    }
}
