//! A kernel's connection to its front ends: through sockets or, in tests, in memory.
//!
//! The actor sees the Jupyter side as a [`Connection`]: three queues of requests, and one
//! [`Outgoing`] that it answers through. A message is encoded in this module, on the sender's task.
//! The messages leave in the order in which they were queued. Nothing in this module uses a socket.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::messages::iopub::{DisplayData, ExecuteResult, Stream, UpdateDisplayData};
use super::messages::{Content, Empty};
use super::mime::Output;
use super::queues::{Parcel, Queues};
use super::session::Session;
use super::sockets::running::Running;
use super::wire::{self, Draft, Message, Parent};
use crate::config::KnownSecrets;

pub use super::queues::{Channel, Route};

/// The text that replaces a secret.
const COVERED: &str = "[a key, not shown]";

/// The longest time that [`Outgoing::flush`] or [`Outgoing::close`] may take.
const FLUSH_LIMIT: Duration = Duration::from_millis(100);

/// The queues between the actor and the sockets. All of them are bounded.
#[derive(Debug)]
pub struct Connection {
    /// Requests on shell, in order.
    pub shell: mpsc::Receiver<Message>,
    /// Requests on control, which are served even while shell is busy.
    pub control: mpsc::Receiver<Message>,
    /// Replies on stdin.
    pub stdin: mpsc::Receiver<Message>,
    /// Sends the kernel's messages.
    pub outgoing: Outgoing,
}

/// Sends replies and iopub messages. Cheap to clone. If a peer has left, sending to it is no error.
///
/// The sockets live until the last clone is dropped or [`close`](Self::close) is called.
#[derive(Debug, Clone)]
pub struct Outgoing {
    session: Arc<Session>,
    queues: Queues,
    /// `None` if the connection is in memory.
    sockets: Option<Arc<Running>>,
    /// The secrets that are removed from every message.
    secrets: KnownSecrets,
}

impl Outgoing {
    pub(super) fn new(
        session: Arc<Session>,
        queues: Queues,
        sockets: Option<Arc<Running>>,
    ) -> Self {
        Self {
            session,
            queues,
            sockets,
            secrets: KnownSecrets::default(),
        }
    }

    /// Returns the same sender, which now covers these secrets in every message.
    #[must_use]
    pub fn without(self, secrets: KnownSecrets) -> Self {
        Self { secrets, ..self }
    }

    /// Returns the session that every message carries.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Returns the frames of a message. Secrets in its content are covered.
    fn encode<C: Serialize, M: Serialize>(&self, draft: &Draft<'_, C, M>) -> Vec<Bytes> {
        let frames = wire::encode(draft, self.session.signer());
        let has_secret = |content: &Bytes| self.secrets.are_in(content);
        // The content is the last frame, since messages sent from here have no buffers.
        if self.secrets.is_empty() || !frames.last().is_some_and(has_secret) {
            return frames;
        }
        // A secret is covered before the text is escaped, so the result is valid JSON.
        let mut content = serde_json::to_value(draft.content).unwrap_or_default();
        self.secrets.cover_value(&mut content, COVERED);
        let covered = Draft {
            identities: draft.identities,
            header: draft.header,
            parent: draft.parent,
            metadata: draft.metadata,
            content: &content,
            buffers: draft.buffers,
        };
        wire::encode(&covered, self.session.signer())
    }

    /// Answers `request` on the channel that it came through. If the channel is [`Channel::Stdin`],
    /// this is a question to the sender of `request`. Returns the header that was sent.
    pub async fn reply(
        &self,
        channel: Channel,
        request: &Message,
        content: &impl Content,
        metadata: &impl Serialize,
    ) -> String {
        let header = self.session.header(content.msg_type());
        let frames = self.encode(&Draft {
            identities: &request.identities,
            header: &header,
            parent: Some(&request.parent),
            metadata,
            content,
            buffers: &[],
        });
        let queue = match channel {
            Channel::Shell => &self.queues.shell,
            Channel::Control => &self.queues.control,
            Channel::Stdin => &self.queues.stdin,
        };
        send(queue, Parcel::Frames(Route::To(channel), frames)).await;
        header
    }

    /// Publishes a message; `parent` is `None` only for `status: starting`.
    pub async fn publish(&self, parent: Option<&Parent>, content: &impl Content) {
        let topic = format!("kernel.{}.{}", self.session.id(), content.msg_type());
        let frames = self.encode(&Draft {
            identities: &[topic.into()],
            header: &self.session.header(content.msg_type()),
            parent,
            metadata: &Empty::new(),
            content,
            buffers: &[],
        });
        send(&self.queues.iopub, Parcel::Frames(Route::Iopub, frames)).await;
    }

    /// Publishes one output of a cell.
    pub async fn output(&self, parent: &Parent, output: Output, execution_count: u32) {
        let parent = Some(parent);
        match &output {
            Output::Stream { name, text } => {
                self.publish(parent, &Stream { name: *name, text }).await;
            }
            Output::Display(display) => self.publish(parent, &DisplayData::from(display)).await,
            Output::Update(display) => {
                self.publish(parent, &UpdateDisplayData(display.into()))
                    .await;
            }
            Output::Result(display) => {
                let result = ExecuteResult {
                    display: display.into(),
                    execution_count,
                };
                self.publish(parent, &result).await;
            }
            Output::Error(error) => self.publish(parent, error).await,
        }
    }

    /// Completes when everything that was sent before has been given to the writers of the
    /// connections, or after 100 ms: if a client does not read, its messages wait longer than that.
    pub async fn flush(&self) {
        if tokio::time::timeout(FLUSH_LIMIT, self.barrier())
            .await
            .is_err()
        {
            tracing::debug!("flush: a client does not read; its messages stay queued");
        }
    }

    /// Flushes and closes the sockets. Completes when the operating system has every byte, or after
    /// 100 ms. Call it before the process exits: a message that is sent later is lost.
    pub async fn close(&self) {
        let sockets = self.sockets.as_deref();
        let closed = tokio::time::timeout(FLUSH_LIMIT, async {
            self.barrier().await;
            if let Some(sockets) = sockets {
                sockets.close().await;
            }
        });
        if closed.await.is_err() {
            tracing::debug!("close: a client does not read; its messages are lost");
        }
        if let Some(sockets) = sockets {
            sockets.abandon();
        }
    }

    async fn barrier(&self) {
        let queues = [
            &self.queues.shell,
            &self.queues.control,
            &self.queues.stdin,
            &self.queues.iopub,
        ];
        let barriers = queues.map(|queue| async {
            let (done, wait) = oneshot::channel();
            send(queue, Parcel::Barrier(done)).await;
            // A writer that has ended has nothing left to write.
            wait.await.unwrap_or_default();
        });
        futures::future::join_all(barriers).await;
    }
}

async fn send(queue: &mpsc::Sender<Parcel>, parcel: Parcel) {
    if queue.send(parcel).await.is_err() {
        tracing::debug!("dropped a message: the connection is closed");
    }
}
