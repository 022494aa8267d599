//! The queues between the actor and the sockets: what travels in them, and how long each may get.
//!
//! Knows neither side, so that both can name it.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

/// Requests of one channel that may wait for the actor. All cells of the largest notebook fit, so
/// that `stop_on_error` finds them queued. If the queue is full, the rest stays in the socket.
pub(super) const REQUEST_QUEUE: usize = 4096;

/// Messages that may wait for one socket's writer. If the queue is full, the actor waits.
pub(super) const SEND_QUEUE: usize = 1024;

/// Messages that may wait for the publisher of iopub. They wait here while a subscriber is behind.
/// Some have megabytes, so they are few.
pub(super) const IOPUB_QUEUE: usize = 16;

/// Which ROUTER a reply leaves by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Requests in order.
    Shell,
    /// Urgent requests.
    Control,
    /// The kernel's own questions.
    Stdin,
}

/// The socket that a message from the kernel leaves by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// A reply or a question, to one client.
    To(Channel),
    /// Published, to all.
    Iopub,
}

/// What travels to a socket's writer.
#[derive(Debug)]
pub(super) enum Parcel {
    /// Encoded frames.
    Frames(Route, Vec<Bytes>),
    /// Answered when everything that was queued before it has been written, or has had its time.
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
