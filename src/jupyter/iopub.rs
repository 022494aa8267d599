//! The only writer of iopub: a publisher (XPUB) of our own. One task owns all of it.
//!
//! Every subscriber gets every message that it wants, in the order of the queue, or is disconnected:
//! nobody misses a message in the middle. A subscriber that stops reading costs
//! [`BACKLOG_BYTES`](subscriber::BACKLOG_BYTES) and makes the others wait for
//! [`PATIENCE`](subscriber::PATIENCE) once. Whoever subscribes is greeted by `iopub_welcome`.
//!
//! Source: Jupyter messaging spec 5.5, "Welcome message" (JEP 65).

mod audience;
mod queue;
mod subscriber;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::queues::Parcel;
use super::sockets::listener::Listener;
use super::zmtp;
pub(super) use audience::Audience;

/// Messages that are taken before the sockets are looked after again.
const BATCH: usize = 32;

/// Publishes what is queued, until `closing`.
pub(super) async fn publish(
    listener: Listener,
    queue: mpsc::Receiver<Parcel>,
    audience: Audience,
    closing: CancellationToken,
) {
    let mut publisher = Publisher {
        queue,
        audience,
        barrier: None,
        standing: None,
    };
    tokio::select! {
        () = closing.cancelled() => {}
        () = publisher.run(listener) => {}
    }
}

struct Publisher {
    queue: mpsc::Receiver<Parcel>,
    audience: Audience,
    /// Answered when every subscriber has been written what it was to get.
    barrier: Option<oneshot::Sender<()>>,
    /// While nothing is published because somebody is behind.
    standing: Option<Standing>,
}

/// A time in which nothing is published.
struct Standing {
    /// Up to when it has been accounted for.
    counted: Duration,
    /// When somebody's patience may be over.
    alarm: Option<BoxFuture<'static, ()>>,
}

impl Publisher {
    /// Runs until nobody is left who could publish anything.
    async fn run(&mut self, mut listener: Listener) {
        let host = Arc::clone(self.audience.host());
        loop {
            self.mind_the_time();
            self.answer_barrier();
            let may_publish = self.may_publish();
            tokio::select! {
                parcel = self.queue.recv(), if may_publish => match parcel {
                    Some(parcel) => self.take(parcel),
                    None => return,
                },
                () = self.audience.progress() => {}
                () = given_up(&mut self.barrier) => {}
                () = Self::alarm(&mut self.standing) => {}
                stream = listener.accept(&*host) => self.audience.admit(stream),
            }
        }
    }

    fn may_publish(&self) -> bool {
        self.barrier.is_none() && !self.audience.is_behind()
    }

    /// Publishes a message, and some of those behind it.
    fn take(&mut self, first: Parcel) {
        self.publish(first);
        for _ in 1..BATCH {
            if !self.may_publish() {
                return;
            }
            let Ok(parcel) = self.queue.try_recv() else {
                return;
            };
            self.publish(parcel);
        }
    }

    fn publish(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Frames(_, frames) => {
                let topic = frames.first().cloned().unwrap_or_default();
                self.audience.offer(&topic, &zmtp::encode(&frames));
            }
            Parcel::Barrier(done) => self.barrier = Some(done),
        }
    }

    fn answer_barrier(&mut self) {
        if self.audience.is_drained()
            && let Some(done) = self.barrier.take()
        {
            // Whoever asked may have stopped waiting.
            done.send(()).ok();
        }
    }

    /// Counts how long somebody who is behind has kept the others waiting, and ends it.
    fn mind_the_time(&mut self) {
        let now = self.audience.host().elapsed();
        if let Some(standing) = &mut self.standing {
            let waited = now.saturating_sub(standing.counted);
            standing.counted = now;
            self.audience.kept_waiting(waited);
        }
        let Some(left) = self.audience.patience_left() else {
            self.standing = None;
            return;
        };
        let standing = self.standing.get_or_insert(Standing {
            counted: now,
            alarm: None,
        });
        standing
            .alarm
            .get_or_insert_with(|| self.audience.host().sleep(left));
    }

    /// Completes when somebody's patience may be over.
    async fn alarm(standing: &mut Option<Standing>) {
        match standing
            .as_mut()
            .and_then(|standing| standing.alarm.as_mut())
        {
            Some(alarm) => alarm.await,
            None => std::future::pending().await,
        }
        if let Some(standing) = standing {
            standing.alarm = None;
        }
    }
}

/// Completes when whoever waits for the barrier has given it up.
async fn given_up(barrier: &mut Option<oneshot::Sender<()>>) {
    match barrier {
        Some(done) => done.closed().await,
        None => std::future::pending().await,
    }
    *barrier = None;
}
