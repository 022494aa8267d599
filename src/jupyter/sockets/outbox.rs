//! The messages that leave through one socket, in the order in which they were queued. Answers the
//! barriers between them.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zeromq::ZmqMessage;

use super::in_flight::InFlight;
use crate::jupyter::queues::Parcel;

/// The queue of one socket's writer.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: mpsc::Receiver<Parcel>,
    closing: CancellationToken,
    in_flight: InFlight,
}

impl Outbox {
    /// Hands out the messages of `queue` until `closing` is cancelled.
    pub(super) fn new(queue: mpsc::Receiver<Parcel>, closing: CancellationToken) -> Self {
        Self {
            queue,
            closing,
            in_flight: InFlight::default(),
        }
    }

    /// Returns the next message to send; `None` if there will be no more.
    pub(super) async fn next(&mut self) -> Option<ZmqMessage> {
        loop {
            let parcel = tokio::select! {
                () = self.closing.cancelled() => return None,
                parcel = self.queue.recv() => parcel?,
            };
            match parcel {
                Parcel::Barrier(done) => {
                    tokio::select! {
                        () = self.closing.cancelled() => return None,
                        () = self.in_flight.landed() => {}
                    }
                    // The caller may have stopped waiting for the answer.
                    done.send(()).ok();
                }
                Parcel::Frames(_, frames) => {
                    if let Some(message) = self.in_flight.track(frames) {
                        return Some(message);
                    }
                }
            }
        }
    }
}
