//! The queues between the actor and the sockets: what they carry, and how long each may be.
//!
//! This module knows neither side, so both sides can use its types.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

/// How many requests of one channel may wait for the actor. All cells of the largest notebook fit,
/// so that `stop_on_error` finds them in the queue. If the queue is full, the rest stays in the
/// socket.
pub(super) const REQUEST_QUEUE: usize = 4096;

/// How many messages may wait for one socket's writer. If the queue is full, the actor waits.
pub(super) const SEND_QUEUE: usize = 1024;

/// How many messages may wait for the publisher of iopub. They wait in this queue while a
/// subscriber is behind. Some have several megabytes, so only a few may wait.
pub(super) const IOPUB_QUEUE: usize = 16;

/// The ROUTER that a reply leaves through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Requests that are served in order.
    Shell,
    /// Requests that are urgent.
    Control,
    /// Questions that the kernel asks.
    Stdin,
}

/// The socket that a message from the kernel leaves through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// A reply or a question, which goes to one client.
    To(Channel),
    /// A message that is published to all clients.
    Iopub,
}

/// What is sent to a socket's writer.
#[derive(Debug)]
pub(super) enum Parcel {
    /// Encoded frames.
    Frames(Route, Vec<Bytes>),
    /// Answered when everything that was queued before it has been written, or its time limit is
    /// over.
    Barrier(oneshot::Sender<()>),
}

/// One queue for each socket's writer.
#[derive(Debug, Clone)]
pub(super) struct Queues {
    pub(super) shell: mpsc::Sender<Parcel>,
    pub(super) control: mpsc::Sender<Parcel>,
    pub(super) stdin: mpsc::Sender<Parcel>,
    pub(super) iopub: mpsc::Sender<Parcel>,
}
