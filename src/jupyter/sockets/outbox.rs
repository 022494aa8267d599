//! What is to leave by one socket, in the order it was queued. Answers barriers on the way.

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
    /// Hands out what comes by `queue` until `closing`.
    pub(super) fn new(queue: mpsc::Receiver<Parcel>, closing: CancellationToken) -> Self {
        Self {
            queue,
            closing,
            in_flight: InFlight::default(),
        }
    }

    /// Returns the next message to send; `None` when there will be none.
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
                    // Whoever asked may have stopped waiting.
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
