//! The requests that were sent in a row with a cell that failed. They are answered as aborted; one
//! that comes after a pause was sent by somebody who saw the error, and runs.
//!
//! On a busy machine a request of the row may come late. Its date tells: it was made before its
//! sender could know of the error.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::host::Host;
use crate::jupyter::wire::Message;

/// The longest pause between two requests of one row. Front ends send the cells of "Run All" without
/// waiting for anything, and on a busy machine a few milliseconds lie between two.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a row may go on and how many requests it may have, so that a client that never pauses
/// gets an answer.
const LONGEST: Duration = Duration::from_secs(5);
const MOST: usize = 10_000;

/// A row that failed, as far as it tells which requests belong to it.
#[derive(Debug)]
pub(super) struct FailedRow {
    session: String,
    date: DateTime<Utc>,
    answered_after: Duration,
    answered_at: Duration,
}

impl FailedRow {
    /// Takes note of the request that failed: when its cell began and when the error is answered, both
    /// monotonic.
    pub(super) fn of(request: &Message, began: Duration, answered_at: Duration) -> Option<Self> {
        let session = request.header.session.clone();
        let date = request.header.date.filter(|_| !session.is_empty())?;
        Some(Self {
            session,
            date,
            answered_after: answered_at.saturating_sub(began),
            answered_at,
        })
    }

    /// Whether a request that comes `now` was made before the error was answered. Both dates are of the
    /// sender's clock, so it does not matter how far that is from ours.
    pub(super) fn has(&self, request: &Message, now: Duration) -> bool {
        let header = &request.header;
        let later = header.date.map(|date| (date - self.date).to_std());
        header.session == self.session
            && now.saturating_sub(self.answered_at) < LONGEST
            && matches!(later, Some(Ok(later)) if later < self.answered_after)
    }
}

/// Takes the requests that follow in a row into `row`. If the person stopped the cell
/// (`was_interrupted`), the row was sent long before: its first request is not waited for.
/// Cancel-safe: what was taken is in `row`.
pub(super) async fn take(
    row: &mut Vec<Message>,
    shell: &mut mpsc::Receiver<Message>,
    was_interrupted: bool,
    host: &Arc<dyn Host>,
) {
    if was_interrupted {
        match shell.try_recv() {
            Ok(message) => row.push(message),
            Err(_) => return,
        }
    }
    let begin = host.elapsed();
    while row.len() < MOST && host.elapsed().saturating_sub(begin) < LONGEST {
        tokio::select! {
            biased;
            message = shell.recv() => match message {
                Some(message) => row.push(message),
                None => return,
            },
            () = host.sleep(PAUSE) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use chrono::{DateTime, Utc};
    use futures::future::BoxFuture;
    use uuid::Uuid;

    use super::*;
    use crate::jupyter::connection::Connection;

    /// A clock under which a client sends its next request 40 ms after the one before, `left` times.
    #[derive(Debug)]
    struct Sending {
        left: AtomicU64,
        elapsed_ms: AtomicU64,
        client: mpsc::Sender<Message>,
        request: Message,
    }

    impl Host for Sending {
        fn now(&self) -> DateTime<Utc> {
            DateTime::UNIX_EPOCH
        }

        fn elapsed(&self) -> Duration {
            Duration::from_millis(self.elapsed_ms.load(Ordering::Relaxed))
        }

        fn uuid(&self) -> Uuid {
            Uuid::nil()
        }

        fn random(&self) -> f64 {
            0.5
        }

        fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
            let (client, request) = (self.client.clone(), self.request.clone());
            let comes =
                self.left.load(Ordering::Relaxed) > 0 && duration > Duration::from_millis(40);
            if !comes {
                return Box::pin(std::future::ready(()));
            }
            self.left.fetch_sub(1, Ordering::Relaxed);
            self.elapsed_ms.fetch_add(40, Ordering::Relaxed);
            Box::pin(async move {
                client.send(request).await.unwrap();
                std::future::pending::<()>().await;
            })
        }
    }

    async fn row_of(sent: u64) -> usize {
        let system: Arc<dyn Host> = Arc::new(crate::host::SystemHost::new());
        let (mut connection, mut front_end) = Connection::memory(system);
        front_end
            .send(
                crate::jupyter::connection::Channel::Shell,
                "execute_request",
                serde_json::json!({"code": "x"}),
            )
            .await
            .unwrap();
        let request = connection.shell.recv().await.unwrap();
        let (client, mut shell) = mpsc::channel(4);
        let host: Arc<dyn Host> = Arc::new(Sending {
            left: AtomicU64::new(sent),
            elapsed_ms: AtomicU64::new(0),
            client,
            request,
        });
        let mut row = Vec::new();
        take(&mut row, &mut shell, false, &host).await;
        row.len()
    }

    #[tokio::test]
    async fn j5_a_row_goes_on_as_long_as_each_request_follows_the_last() {
        assert_eq!(row_of(0).await, 0);
        assert_eq!(row_of(100).await, 100);
        // Whoever never pauses is answered all the same.
        assert_eq!(row_of(1_000).await, 125);
    }
}
