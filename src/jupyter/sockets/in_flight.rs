//! Counts the messages that the `zeromq` crate has taken and not written yet.
//!
//! `send` of the `zeromq` crate returns when a message is queued, and there is no way to ask
//! whether it was sent. But the crate keeps the frames of a message exactly until they are copied
//! into the write buffer of a connection, or the connection is gone. So the last frame of each
//! message has a guard. If no guard is left, no queue holds a message.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::Notify;
use zeromq::ZmqMessage;

/// Counts the messages of one socket that are still queued. Only one task at a time may wait.
#[derive(Debug, Clone, Default)]
pub(super) struct InFlight(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    messages: AtomicUsize,
    none_left: Notify,
}

/// A frame that counts as in flight until its last reference is dropped.
struct Tracked {
    frame: Bytes,
    in_flight: InFlight,
}

impl InFlight {
    /// Makes a message of `frames` and counts it; `None` if there are no frames.
    pub(super) fn track(&self, mut frames: Vec<Bytes>) -> Option<ZmqMessage> {
        let frame = frames.pop()?;
        self.0.messages.fetch_add(1, Ordering::Relaxed);
        frames.push(Bytes::from_owner(Tracked {
            frame,
            in_flight: self.clone(),
        }));
        ZmqMessage::try_from(frames).ok()
    }

    /// Completes when no message is queued any more.
    pub(super) async fn landed(&self) {
        while self.0.messages.load(Ordering::Acquire) > 0 {
            self.0.none_left.notified().await;
        }
    }
}

impl AsRef<[u8]> for Tracked {
    fn as_ref(&self) -> &[u8] {
        &self.frame
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if self.in_flight.0.messages.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.in_flight.0.none_left.notify_one();
        }
    }
}
