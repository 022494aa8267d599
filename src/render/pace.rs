//! When a growing text is shown again.
//!
//! Why these numbers: an iopub message costs about F = 860 bytes besides its text (frames,
//! signature, two headers, display id, metadata). A text is cut into displays of about S bytes
//! (`segment`). A display is sent again whenever u bytes are new (S/2 bytes on average), and once
//! more in its final form (Markdown and plain text). For each byte of the answer that makes
//! ```text
//! paced    S/(2u) + F/u + 2 + F/S        unpaced (all at once)    2 + F/S
//! ```
//!
//! JSON escapes add up to 5 %. With S = 1,300 (1,200 and the rest of a paragraph), unpaced text
//! costs 2.7. If a delta of 15 bytes comes every 10 ms and an update is sent after 110 ms, u = 180
//! and the cost is 11.0. With deltas of 8 bytes the longer wait gives u = 112 and 16.1. Text
//! without any boundary is cut at 2,600 bytes: 14.3 with deltas of 15 bytes. The targets are 3 and
//! 20; with fewer than 8 bytes every 10 ms no S meets both.
//!
//! A delta waits at most [`LONGEST`] and the delay of the timer, so it is on the screen in less
//! than 150 ms.

use std::time::Duration;

/// How long the oldest delta that is not shown waits if enough is new.
pub(crate) const SHORTEST: Duration = Duration::from_millis(110);
/// How long it waits if less is new.
pub(crate) const LONGEST: Duration = Duration::from_millis(138);
/// How many bytes are enough.
const ENOUGH_BYTES: usize = 128;

/// The end of a growing text that is not yet shown.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    oldest: Option<Duration>,
    bytes: usize,
}

impl Pace {
    /// Notes that `bytes` came at `now`.
    pub(crate) fn grew(&mut self, bytes: usize, now: Duration) {
        self.oldest.get_or_insert(now);
        self.bytes += bytes;
    }

    /// Notes that everything has been shown.
    pub(crate) fn shown(&mut self) {
        *self = Self::default();
    }

    /// Returns whether it is time to show what is new.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Returns when the new part is to be shown.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let wait = if self.bytes >= ENOUGH_BYTES {
            SHORTEST
        } else {
            LONGEST
        };
        self.oldest.map(|oldest| oldest + wait)
    }
}
