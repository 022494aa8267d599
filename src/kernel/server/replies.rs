//! Sends everything that the kernel says to front ends, answers the requests that need no state,
//! and publishes busy before and idle after every request.
//!
//! Requests on control are answered here while a turn runs, so nothing here waits for anything but
//! the sockets.

use std::sync::Arc;
use std::time::Duration;

use crate::host::Host;
use crate::jupyter::connection::{Channel, Outgoing};
use crate::jupyter::messages::control::{InterruptReply, ShutdownError, ShutdownReply};
use crate::jupyter::messages::iopub::{CommClose, ExecutionState, Status};
use crate::jupyter::messages::shell::{
    CommInfoReply, EXECUTE_REPLY, ExecuteError, ExecuteMetadata, ExecuteReply,
};
use crate::jupyter::messages::{Content, Empty, ErrorReply};
use crate::jupyter::mime::Output;
use crate::jupyter::request::{flag, text};
use crate::jupyter::wire::{Message, Parent};

use crate::kernel::error::{CellError, ErrorKind};

use super::introspect;

/// How long after the start a request for the process before may come.
const STALE_WITHIN: Duration = Duration::from_secs(30);

/// What a request asks of the kernel as a whole.
#[derive(Debug)]
pub enum Urgent {
    /// Stop the running cell.
    Interrupt,
    /// Leave. The request is answered when the running cell has ended.
    Shutdown(Channel, Box<Message>),
}

/// Sends what the kernel says. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Replies {
    outgoing: Outgoing,
    host: Arc<dyn Host>,
    offline: bool,
}

impl Replies {
    /// Sends by `outgoing`.
    #[must_use]
    pub fn new(outgoing: Outgoing, host: Arc<dyn Host>, offline: bool) -> Self {
        Self {
            outgoing,
            host,
            offline,
        }
    }

    /// Publishes a status of the whole process.
    pub async fn starting(&self) {
        self.status(None, ExecutionState::Starting).await;
    }

    /// Publishes `busy` for a request.
    pub async fn busy(&self, parent: &Parent) {
        self.status(Some(parent), ExecutionState::Busy).await;
    }

    /// Publishes `idle` for a request: nothing of it comes after.
    pub async fn idle(&self, parent: &Parent) {
        self.status(Some(parent), ExecutionState::Idle).await;
    }

    async fn status(&self, parent: Option<&Parent>, execution_state: ExecutionState) {
        self.outgoing
            .publish(parent, &Status { execution_state })
            .await;
    }

    /// Publishes any message that belongs to a request.
    pub async fn publish(&self, parent: &Parent, content: &impl Content) {
        self.outgoing.publish(Some(parent), content).await;
    }

    /// Publishes one output of a cell.
    pub async fn output(&self, parent: &Parent, output: Output, execution_count: u32) {
        self.outgoing.output(parent, output, execution_count).await;
    }

    /// Answers a request, or asks its sender; returns the header that was sent.
    pub async fn reply(
        &self,
        channel: Channel,
        request: &Message,
        content: &impl Content,
    ) -> String {
        self.outgoing
            .reply(channel, request, content, &Empty::new())
            .await
    }

    /// Answers the request of a cell that ran; `started` says when it began.
    pub async fn execute_reply(&self, request: &Message, content: &ExecuteReply, started: String) {
        let status = "ok";
        let metadata = ExecuteMetadata { started, status };
        self.outgoing
            .reply(Channel::Shell, request, content, &metadata)
            .await;
    }

    /// Answers the request of a cell that failed; `started` says when it began.
    pub async fn execute_error(&self, request: &Message, content: &ExecuteError, started: String) {
        let status = "error";
        let metadata = ExecuteMetadata { started, status };
        self.outgoing
            .reply(Channel::Shell, request, content, &metadata)
            .await;
    }

    /// Answers an execute request that will not run. If the reply had an execution count, a
    /// notebook would show it beside the cell as if the cell had run. So notebooks get none; the
    /// console needs one.
    pub async fn abort(&self, request: &Message, execution_count: u32) {
        self.busy(&request.parent).await;
        let started = self.host.now().to_rfc3339();
        let is_notebook = request.metadata.contains_key("cellId");
        let count = (!is_notebook).then_some(execution_count);
        let content = ExecuteError::new(CellError::aborted().output(), count);
        self.execute_error(request, &content, started).await;
        self.idle(&request.parent).await;
    }

    /// Answers a request that cannot be read, and wants something of its content; false for others.
    pub async fn refuses(&self, request: &Message, execution_count: u32) -> bool {
        let (Some(why), Some(msg_type)) = (&request.unreadable, reply_to(request)) else {
            return false;
        };
        let error = CellError::unreadable(why).output();
        self.busy(&request.parent).await;
        if msg_type == EXECUTE_REPLY {
            self.publish(&request.parent, &error).await;
            let reply = ExecuteError::new(error, Some(execution_count));
            self.reply(Channel::Shell, request, &reply).await;
        } else {
            let reply = ErrorReply { msg_type, error };
            self.reply(Channel::Shell, request, &reply).await;
        }
        self.idle(&request.parent).await;
        true
    }

    /// Answers a request that needs no state; hands back one that is about the whole kernel.
    pub async fn answer(&self, channel: Channel, request: Message) -> Option<Urgent> {
        if request.header.msg_type == "shutdown_request" {
            if self.is_stale(&request) {
                tracing::warn!(
                    msg_id = request.header.msg_id,
                    "a shutdown request from before this process started is not followed"
                );
                self.decline_shutdown(channel, &request).await;
                return None;
            }
            return Some(Urgent::Shutdown(channel, Box::new(request)));
        }
        self.busy(&request.parent).await;
        let mut urgent = None;
        match request.header.msg_type.as_str() {
            "kernel_info_request" => {
                let content = introspect::kernel_info(self.offline);
                self.reply(channel, &request, &content).await;
            }
            "interrupt_request" => {
                self.reply(channel, &request, &InterruptReply {}).await;
                urgent = Some(Urgent::Interrupt);
            }
            "comm_info_request" => {
                let content = CommInfoReply::default();
                self.reply(channel, &request, &content).await;
            }
            "comm_open" => {
                let content = CommClose {
                    comm_id: &text(&request.content, "comm_id"),
                    data: Empty::new(),
                };
                self.publish(&request.parent, &content).await;
            }
            "comm_msg" | "comm_close" => {}
            other => tracing::debug!(
                msg_type = other,
                "a request of a type this kernel does not know is ignored"
            ),
        }
        self.idle(&request.parent).await;
        urgent
    }

    /// Answers a shutdown request, the last thing a kernel does.
    pub async fn farewell(&self, channel: Channel, request: &Message) {
        let content = ShutdownReply {
            restart: wants_restart(request),
        };
        self.busy(&request.parent).await;
        self.publish(&request.parent, &content).await;
        self.reply(channel, request, &content).await;
        self.idle(&request.parent).await;
    }

    /// Answers a shutdown request that was meant for the process before this one.
    async fn decline_shutdown(&self, channel: Channel, request: &Message) {
        let error = CellError::new(
            ErrorKind::StaleRequest,
            "the request is older than this kernel: it was meant for the one before",
            "Send it again to end this one.",
        );
        let content = ShutdownError {
            restart: wants_restart(request),
            error: error.output(),
        };
        self.busy(&request.parent).await;
        self.reply(channel, request, &content).await;
        self.idle(&request.parent).await;
    }

    /// Lets everything sent leave the process, and closes the sockets.
    pub async fn close(&self) {
        self.outgoing.close().await;
    }

    /// A manager's socket outlives the kernel it spoke to: after a restart on the same ports it may
    /// deliver the old process's shutdown request to the new one. It does so at once: what is dated so
    /// later comes from a machine whose clock is behind.
    fn is_stale(&self, request: &Message) -> bool {
        let running = self.host.elapsed();
        let since = chrono::Duration::from_std(running).unwrap_or_default();
        let start = self.host.now() - since;
        running < STALE_WITHIN && request.header.date.is_some_and(|date| date < start)
    }
}

fn wants_restart(request: &Message) -> bool {
    flag(&request.content, "restart", false)
}

/// Returns the type of the reply to a request that wants something of its content.
fn reply_to(request: &Message) -> Option<&'static str> {
    match request.header.msg_type.as_str() {
        "execute_request" => Some(EXECUTE_REPLY),
        "complete_request" => Some("complete_reply"),
        "inspect_request" => Some("inspect_reply"),
        "is_complete_request" => Some("is_complete_reply"),
        "history_request" => Some("history_reply"),
        _ => None,
    }
}
