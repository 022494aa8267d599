//! The only writer of iopub: one task, one queue, and the order of the queue is the order on the wire.
//!
//! The socket is a PUB: it never waits for a client. The price, until there is a publisher of our
//! own: a client that stops reading makes the kernel's memory grow, and no `iopub_welcome` is sent.
//! (An XPUB of the same crate would instead stop the kernel behind such a client.)

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zeromq::{PubSocket, SocketSend};

use super::connection::Parcel;
use super::in_flight::InFlight;

/// Publishes what is queued until `closing`; then drops the socket, which closes it.
pub(super) async fn publish(
    mut socket: PubSocket,
    mut queue: mpsc::Receiver<Parcel>,
    closing: CancellationToken,
) {
    let in_flight = InFlight::default();
    loop {
        let parcel = tokio::select! {
            () = closing.cancelled() => return,
            parcel = queue.recv() => parcel,
        };
        match parcel {
            None => return,
            Some(Parcel::Barrier(done)) => {
                tokio::select! {
                    () = closing.cancelled() => return,
                    () = in_flight.landed() => {}
                }
                // Whoever asked may have stopped waiting.
                done.send(()).ok();
            }
            Some(Parcel::Frames(_, frames)) => {
                let Some(message) = in_flight.track(frames) else {
                    continue;
                };
                if let Err(error) = socket.send(message).await {
                    tracing::debug!(%error, "iopub: a message was not sent");
                }
            }
        }
    }
}
