//! A kernel's connection to its front ends: bound sockets, or channels in memory for tests.
//!
//! What the actor sees of the Jupyter side is [`Connection`]: three queues of requests and one
//! [`Outgoing`] to answer through.

use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::mime::Output;
use super::wire::{Message, Parent};

/// The queues between the actor and the sockets. All bounded.
#[derive(Debug)]
pub struct Connection {
    /// Requests on shell, in order.
    pub shell: mpsc::Receiver<Message>,
    /// Requests on control, served while shell is busy.
    pub control: mpsc::Receiver<Message>,
    /// Replies on stdin.
    pub stdin: mpsc::Receiver<Message>,
    /// The way back.
    pub outgoing: Outgoing,
}

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

/// Sends replies and iopub messages; cheap to clone. Sending to a peer that left is not an error.
#[derive(Debug, Clone)]
pub struct Outgoing {}

impl Outgoing {
    /// Answers `request` on the channel it came by.
    pub async fn reply(
        &self,
        _channel: Channel,
        _request: &Message,
        _msg_type: &str,
        _content: Value,
        _metadata: Map<String, Value>,
    ) {
        unimplemented!()
    }

    /// Publishes a message of any type; `parent` is `None` only for `status: starting`.
    pub async fn publish(&self, _parent: Option<&Parent>, _msg_type: &str, _content: Value) {
        unimplemented!()
    }

    /// Publishes one output of a cell.
    pub async fn output(&self, _parent: &Parent, _output: Output, _execution_count: u32) {
        unimplemented!()
    }

    /// Completes when everything sent before has been handed to the sockets and had time to leave.
    pub async fn flush(&self) {
        unimplemented!()
    }
}
