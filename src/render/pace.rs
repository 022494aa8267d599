//! When a growing text is shown again.
//!
//! The arithmetic. An iopub message costs about F = 860 bytes beside its text (frames, signature,
//! two headers, display id, metadata). A text is cut into displays of about S bytes (`segment`),
//! each of which is sent again whenever u bytes are new (S/2 bytes on average) and once more in
//! its final form (Markdown and plain text). Per byte of the answer that is
//!
//! ```text
//! paced    S/(2u) + F/u + 2 + F/S        unpaced (all at once)    2 + F/S
//! ```
//!
//! and JSON escapes add up to 5 %. With S = 1,300 (1,200 and the rest of a paragraph): unpaced 2.7.
//! One delta of 15 bytes each 10 ms, an update after 110 ms: u = 180, so 11.0. At 8 bytes a delta
//! the longer wait gives u = 112 and 16.1. Text without any boundary is cut at 2,600: 14.3 at 15
//! bytes a delta. The targets are 3 and 20 (issue 2); below 8 bytes each 10 ms no S meets both.
//!
//! A delta waits at most [`LONGEST`] (and the timer's delay), so the lag stays below 150 ms.

use std::time::Duration;

/// How long the oldest unseen delta waits when enough is new.
pub(crate) const SHORTEST: Duration = Duration::from_millis(110);
/// How long it waits at most.
pub(crate) const LONGEST: Duration = Duration::from_millis(138);
/// What "enough" is, in bytes.
const ENOUGH_BYTES: usize = 128;

/// The unseen end of a growing text.
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
