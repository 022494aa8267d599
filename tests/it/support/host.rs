//! A [`Host`] whose clock moves only when someone sleeps, and whose ids count up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use claude_kernel::host::Host;
use futures::future::BoxFuture;
use uuid::Uuid;

/// The same in every run: 2026-01-01T00:00:00Z, ids 1, 2, 3…, chance 0.5.
#[derive(Debug, Default)]
pub(crate) struct FixedHost {
    elapsed_us: AtomicU64,
    ids: AtomicU64,
}

impl FixedHost {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Moves the clock.
    pub(crate) fn advance(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap();
        self.elapsed_us.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Host for FixedHost {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_600, 0).unwrap() + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.elapsed_us.load(Ordering::Relaxed))
    }

    fn uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.ids.fetch_add(1, Ordering::Relaxed) + 1))
    }

    fn random(&self) -> f64 {
        0.5
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.advance(duration);
        Box::pin(tokio::task::yield_now())
    }
}
