//! The clock, ids and chance, as a trait: everything below `kernel` is told the time, never asks.
//!
//! Two implementations exist: [`SystemHost`], and a fixed one in the tests.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: the one place that reads clock and ids"
)]

use std::fmt;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use uuid::Uuid;

/// Where the program gets time, ids and random numbers from.
pub trait Host: fmt::Debug + Send + Sync + 'static {
    /// Returns the wall-clock time, for headers and records.
    fn now(&self) -> DateTime<Utc>;
    /// Returns the monotonic time since the host was made, for pacing and durations.
    fn elapsed(&self) -> Duration;
    /// Returns a fresh id.
    fn uuid(&self) -> Uuid;
    /// Returns a number in `0.0..1.0`, for jitter.
    fn random(&self) -> f64;
    /// Completes after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// Returns what an error of the system says to people: without its number, not as the beginning of a
/// sentence, such as `no such file or directory`.
#[must_use]
pub fn unnumbered(error: &dyn fmt::Display) -> String {
    let text = error.to_string();
    // A caption of the system's own, with its number behind it: `No such file… (os error 2)`.
    let Some((said, rest)) = text.split_once(" (os error ") else {
        return text;
    };
    let rest = rest.split_once(')').map_or("", |(_, rest)| rest);
    let begin = said.rfind(": ").map_or(0, |at| at + 2);
    let (before, caption) = said.split_at_checked(begin).unwrap_or(("", said));
    let mut letters = caption.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let caption: String = first.into_iter().chain(letters).collect();
    format!("{before}{caption}{rest}")
}

/// The real clock, operating-system randomness, tokio's timer.
#[derive(Debug)]
pub struct SystemHost {
    start: Instant,
}

impl SystemHost {
    /// Starts the monotonic clock now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemHost {
    fn default() -> Self {
        Self::new()
    }
}

impl Host for SystemHost {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }

    fn random(&self) -> f64 {
        let (high, _) = Uuid::new_v4().as_u64_pair();
        // 53 bits fill a double's mantissa exactly.
        (high >> 11) as f64 / (1u64 << 53) as f64
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn errors_of_the_system_are_said_without_their_numbers() {
        let missing = io::Error::from_raw_os_error(2);
        assert_eq!(unnumbered(&missing), "no such file or directory");
        assert_eq!(
            unnumbered(&format!("`a`: {missing} at path \"b\"")),
            "`a`: no such file or directory at path \"b\""
        );
        assert_eq!(unnumbered(&"it has no end"), "it has no end");
    }
}
