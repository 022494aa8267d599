//! When a growing text is shown again.
//!
//! Why these numbers: an iopub message costs about F = 860 bytes besides its text (frames,
//! signature, two headers, display id, metadata). A text is cut into displays (`segment`). While a
//! display has S bytes, it is sent again whenever u bytes are new, and once more in its final form
//! (Markdown and plain text). For each byte of the answer that makes
//!
//! ```text
//! paced    S/u + F/u + 2        unpaced (all at once)    2 + F/S
//! ```
//!
//! JSON escapes add up to 5 %. Most displays end after 1,300 bytes (1,200 and the rest of a
//! paragraph), so on average S is 650, and unpaced text costs 2.7. If a delta of 15 bytes comes
//! every 10 ms and an update is sent after 110 ms, u = 180 and the cost is 11. With deltas of 8 bytes
//! the longer wait gives u = 112 and 16. A display that cannot be cut, such as a long table, grows.
//! Above [`SMALL_BYTES`] its updates wait for a twelfth of it: then S/u is 12 however long it
//! becomes. They wait [`PATIENCE`] at most, because a person watches. The targets are 3 and 20.
//!
//! A delta in a small display waits at most [`LONGEST`] and the delay of the timer, so it is on the
//! screen in less than 150 ms.

use std::time::Duration;

/// How long the oldest delta that is not shown waits if enough is new.
pub(crate) const SHORTEST: Duration = Duration::from_millis(110);
/// How long it waits if less is new.
pub(crate) const LONGEST: Duration = Duration::from_millis(138);
/// How many bytes are enough.
const ENOUGH_BYTES: usize = 128;

/// Above this many bytes a display is shown less often.
const SMALL_BYTES: usize = 2_600;
/// Such a display is shown again when this part of it is new.
const NEW_PART: usize = 12;
/// How long it waits for that.
pub(crate) const PATIENCE: Duration = Duration::from_millis(2_500);

/// The end of a growing text that is not yet shown.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    oldest: Option<Duration>,
    bytes: usize,
    /// The size of the display when it was last shown.
    display_bytes: usize,
}

impl Pace {
    /// Notes that `bytes` came at `now`.
    pub(crate) fn grew(&mut self, bytes: usize, now: Duration) {
        self.oldest.get_or_insert(now);
        self.bytes += bytes;
    }

    /// Notes that everything has been shown, in a display of this size.
    pub(crate) fn shown(&mut self, display_bytes: usize) {
        *self = Self {
            display_bytes,
            ..Self::default()
        };
    }

    /// Returns whether it is time to show what is new.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Returns when the new part is to be shown.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let is_much = self.bytes.saturating_mul(NEW_PART) >= self.display_bytes;
        let wait = if self.display_bytes > SMALL_BYTES && !is_much {
            PATIENCE
        } else if self.bytes >= ENOUGH_BYTES {
            SHORTEST
        } else {
            LONGEST
        };
        self.oldest.map(|oldest| oldest + wait)
    }
}
