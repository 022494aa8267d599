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
