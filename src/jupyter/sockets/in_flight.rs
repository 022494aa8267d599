//! Counts the messages that zeromq has taken but not yet written.
//!
//! `send` of the zeromq crate returns when a message is queued, and offers no way to ask whether it
//! left. But it holds a message's frames exactly until they are copied into a connection's write
//! buffer, or the connection is gone. So the last frame of each message carries a guard; when no
//! guard is left, nothing waits in any queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::Notify;
use zeromq::ZmqMessage;

/// The messages of one socket that are still queued. One task may wait at a time.
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

    /// Completes when no message is queued.
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
