//! The publisher (XPUB) of iopub, and the only writer of that channel. One task owns all of it.
//!
//! Every subscriber gets every message that it wants, in the order of the queue, or it is
//! disconnected: no subscriber misses a message and then gets later ones. If a subscriber stops
//! reading, it costs [`BACKLOG_BYTES`](subscriber::BACKLOG_BYTES) and makes the others wait for
//! [`PATIENCE`](subscriber::PATIENCE) once. A client that subscribes gets an `iopub_welcome`.
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

/// How many messages are published at most before the connections are served again.
const BATCH: usize = 32;

/// Publishes the messages of the queue until `closing` is cancelled.
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
    /// Answered when everything that was offered to the subscribers has been written.
    barrier: Option<oneshot::Sender<()>>,
    /// Set while a subscriber is behind, so that nothing is published.
    standing: Option<Standing>,
}

/// A period in which nothing is published.
struct Standing {
    /// The time up to which the waiting has been counted.
    counted: Duration,
    /// Completes when the patience with a subscriber may be over.
    alarm: Option<BoxFuture<'static, ()>>,
}

impl Publisher {
    /// Runs until every sender of the queue is dropped.
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

    /// Publishes a message, and then some more that are queued after it.
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
            // The caller may have stopped waiting for the answer.
            done.send(()).ok();
        }
    }

    /// Counts how long the subscribers that are behind have kept the others waiting, and drops
    /// those that did so for too long.
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

    /// Completes when the patience with a subscriber may be over.
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

/// Completes when the caller that waits for the barrier has given up.
async fn given_up(barrier: &mut Option<oneshot::Sender<()>>) {
    match barrier {
        Some(done) => done.closed().await,
        None => std::future::pending().await,
    }
    *barrier = None;
}
