//! The clock, ids and chance, as a trait: everything below `kernel` is told the time, never asks.
//!
//! Two implementations exist: [`SystemHost`], and a fixed one in the tests.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: the one place that reads clock and ids"
)]

use std::fmt;
use std::time::{Duration, Instant};

use chrono::{DateTime, FixedOffset, Local, Utc};
use futures::future::BoxFuture;
use uuid::Uuid;

/// Where the program gets time, ids and random numbers from.
pub trait Host: fmt::Debug + Send + Sync + 'static {
    /// Returns the wall-clock time, for headers and records.
    fn now(&self) -> DateTime<Utc>;
    /// Returns a time as the person's clock has it; a host without a place has UTC.
    fn local(&self, time: DateTime<Utc>) -> DateTime<FixedOffset> {
        time.fixed_offset()
    }
    /// Returns the monotonic time since the host was made, for pacing and durations.
    fn elapsed(&self) -> Duration;
    /// Returns a fresh id.
    fn uuid(&self) -> Uuid;
    /// Returns a number in `0.0..1.0`, for jitter.
    fn random(&self) -> f64;
    /// Completes after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// Writes a time with its zone: `14:05 UTC`, `15:05 UTC+01:00`. `format` is that of the time alone.
#[must_use]
pub fn zoned(time: &DateTime<FixedOffset>, format: &str) -> String {
    let zone = match time.offset().local_minus_utc() {
        0 => String::new(),
        _ => time.format("%:z").to_string(),
    };
    format!("{} UTC{zone}", time.format(format))
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

    fn local(&self, time: DateTime<Utc>) -> DateTime<FixedOffset> {
        time.with_timezone(&Local).fixed_offset()
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
    fn u15_times_have_their_zone() {
        let utc = DateTime::UNIX_EPOCH.fixed_offset();
        assert_eq!(zoned(&utc, "%H:%M"), "00:00 UTC");
        let east = utc.with_timezone(&FixedOffset::east_opt(5 * 3600 + 1800).unwrap());
        assert_eq!(zoned(&east, "%Y-%m-%d %H:%M"), "1970-01-01 05:30 UTC+05:30");
    }

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
