//! All connections of iopub. What is offered to a subscriber is written as fast as it reads.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::subscriber::Subscriber;
use crate::host::Host;
use crate::jupyter::messages::iopub::IopubWelcome;
use crate::jupyter::messages::{Content as _, Empty};
use crate::jupyter::session::Session;
use crate::jupyter::sockets::listener::{HANDSHAKE_LIMIT, MAX_CONNECTIONS, Stream};
use crate::jupyter::wire::{self, Draft};
use crate::jupyter::zmtp::{self, ZmtpError};

/// How many bytes are read at a time: subscribers send little.
const READ_BYTES: usize = 1024;

/// How many pieces one write may take together.
const GATHERED: usize = 32;

/// All connections. The publisher's task owns them.
pub(in crate::jupyter) struct Audience {
    connections: Vec<Connection>,
    session: Arc<Session>,
}

struct Connection {
    stream: Stream,
    subscriber: Subscriber,
    /// Set until the handshake is over; if it completes before that, the connection is closed.
    deadline: Option<BoxFuture<'static, ()>>,
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the peer closed the connection")]
    Closed,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Zmtp(#[from] ZmtpError),
    #[error("the peer does not say what it is")]
    Silent,
}

impl Audience {
    /// Makes an audience without connections.
    pub(in crate::jupyter) fn new(session: Arc<Session>) -> Self {
        Self {
            connections: Vec::new(),
            session,
        }
    }

    pub(super) fn host(&self) -> &Arc<dyn Host> {
        self.session.host()
    }

    /// Adds a new connection, if there is room for it.
    pub(super) fn admit(&mut self, stream: Stream) {
        if self.connections.len() >= MAX_CONNECTIONS {
            tracing::warn!("iopub: refused a connection, there are {MAX_CONNECTIONS}");
            return;
        }
        self.connections.push(Connection {
            stream,
            subscriber: Subscriber::new(),
            deadline: Some(self.host().sleep(HANDSHAKE_LIMIT)),
        });
    }

    /// Queues a message for every subscriber that wants it.
    pub(super) fn offer(&mut self, topic: &[u8], pieces: &[Bytes]) {
        for connection in &mut self.connections {
            connection.subscriber.offer(topic, pieces);
        }
    }

    /// Returns whether a subscriber has so much left to read that nothing more may be offered.
    pub(super) fn is_behind(&self) -> bool {
        self.behind().next().is_some()
    }

    /// Returns whether everything that was offered has been written.
    pub(super) fn is_drained(&self) -> bool {
        self.connections.iter().all(|connection| {
            connection.subscriber.is_drained() || !connection.subscriber.is_ready()
        })
    }

    /// Returns how long it takes until the patience with a subscriber that is behind is over; of
    /// several, the shortest time counts. `None` if none is behind.
    pub(super) fn patience_left(&self) -> Option<Duration> {
        self.behind().map(Subscriber::patience_left).min()
    }

    /// Notes that the subscribers that are behind kept the others waiting, and drops those that did
    /// so for too long.
    pub(super) fn kept_waiting(&mut self, time: Duration) {
        self.connections.retain_mut(|connection| {
            if !connection.subscriber.is_behind() {
                return true;
            }
            connection.subscriber.kept_waiting(time);
            let stays = !connection.subscriber.patience_left().is_zero();
            if !stays {
                tracing::warn!("iopub: disconnected a subscriber that does not read");
            }
            stays
        });
    }

    /// Completes when something has changed: bytes were read or written, or a connection ended.
    pub(super) async fn progress(&mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }

    fn behind(&self) -> impl Iterator<Item = &Subscriber> {
        self.connections
            .iter()
            .map(|connection| &connection.subscriber)
            .filter(|subscriber| subscriber.is_behind())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let session = &self.session;
        let mut progress = Poll::Pending;
        self.connections
            .retain_mut(|connection| match connection.poll(session, cx) {
                Poll::Pending => true,
                Poll::Ready(done) => {
                    progress = Poll::Ready(());
                    if let Err(error) = &done {
                        tracing::debug!(%error, "iopub: a connection ended");
                    }
                    done.is_ok()
                }
            });
        progress
    }
}

impl Connection {
    /// Reads and writes as much as is possible now; ready if any bytes were read or written.
    fn poll(&mut self, session: &Session, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if let Some(deadline) = &mut self.deadline {
            if self.subscriber.is_ready() {
                self.deadline = None;
            } else if deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(Ended::Silent));
            }
        }
        let read = match self.subscriber.is_behind() {
            // Nothing is read from it now, because the answers would make its queue longer.
            true => Poll::Pending,
            false => self.poll_read(session, cx),
        };
        let written = self.poll_write(cx);
        match (read, written) {
            (Poll::Pending, Poll::Pending) => Poll::Pending,
            (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_read(&mut self, session: &Session, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        let mut space = [0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Err(Ended::Closed));
        }
        for topic in self.subscriber.receive(buffer.filled())? {
            // A topic that is not valid UTF-8 cannot be written in JSON.
            if let Ok(subscription) = std::str::from_utf8(&topic) {
                let welcome = welcome(session, subscription);
                self.subscriber.offer(&topic, &zmtp::encode(&welcome));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        let mut slices = [IoSlice::new(&[]); GATHERED];
        let filled = self.subscriber.fill(&mut slices);
        let Some(slices) = slices.get(..filled).filter(|slices| !slices.is_empty()) else {
            return Poll::Pending;
        };
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        if written == 0 {
            return Poll::Ready(Err(Ended::Closed));
        }
        self.subscriber.wrote(written);
        Poll::Ready(Ok(()))
    }
}

/// Returns the message that tells a subscriber that it gets everything published from now on. The
/// topic of the message is the subscription, so the subscriber gets this message too.
fn welcome(session: &Session, subscription: &str) -> Vec<Bytes> {
    let content = IopubWelcome { subscription };
    wire::encode(
        &Draft {
            identities: &[Bytes::copy_from_slice(subscription.as_bytes())],
            header: &session.header(content.msg_type()),
            parent: None,
            metadata: &Empty::new(),
            content: &content,
            buffers: &[],
        },
        session.signer(),
    )
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audience")
            .field("connections", &self.connections.len())
            .finish_non_exhaustive()
    }
}
