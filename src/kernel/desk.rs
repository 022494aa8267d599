//! Sends everything that the kernel says to front ends, answers the requests that need no state,
//! and publishes busy before and idle after every request.
//!
//! Requests on control are answered here while a turn runs, so nothing here waits for anything but
//! the sockets.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::host::Host;
use crate::jupyter::connection::{Channel, Outgoing};
use crate::jupyter::mime::Output;
use crate::jupyter::request::{flag, text};
use crate::jupyter::wire::{Message, Parent};

use super::error::{CellError, ErrorKind};
use super::server::introspect;

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

/// Sends what the kernel says.
#[derive(Debug, Clone)]
pub struct Desk {
    outgoing: Outgoing,
    host: Arc<dyn Host>,
    offline: bool,
}

impl Desk {
    /// Makes the sender.
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
        self.outgoing
            .publish(None, "status", json!({"execution_state": "starting"}))
            .await;
    }

    /// Publishes `busy` for a request.
    pub async fn busy(&self, parent: &Parent) {
        self.outgoing
            .publish(Some(parent), "status", json!({"execution_state": "busy"}))
            .await;
    }

    /// Publishes `idle` for a request: nothing of it comes after.
    pub async fn idle(&self, parent: &Parent) {
        self.outgoing
            .publish(Some(parent), "status", json!({"execution_state": "idle"}))
            .await;
    }

    /// Publishes any message that belongs to a request.
    pub async fn publish(&self, parent: &Parent, msg_type: &str, content: Value) {
        self.outgoing.publish(Some(parent), msg_type, content).await;
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
        msg_type: &str,
        content: Value,
    ) -> String {
        self.outgoing
            .reply(channel, request, msg_type, content, Map::new())
            .await
    }

    /// Answers an execute request; the metadata says when it began.
    pub async fn execute_reply(&self, request: &Message, content: Value, started: String) {
        let mut metadata = Map::new();
        metadata.insert("started".to_owned(), Value::String(started));
        metadata.insert(
            "status".to_owned(),
            content.get("status").cloned().unwrap_or_default(),
        );
        self.outgoing
            .reply(Channel::Shell, request, "execute_reply", content, metadata)
            .await;
    }

    /// Answers an execute request that will not run. If the reply had an execution count, a
    /// notebook would show it beside the cell as if the cell had run. So notebooks get none; the
    /// console needs one.
    pub async fn abort(&self, request: &Message, execution_count: u32) {
        self.busy(&request.parent).await;
        let started = self.host.now().to_rfc3339();
        let mut content = error_reply(&CellError::aborted(), execution_count);
        if request.metadata.contains_key("cellId")
            && let Some(content) = content.as_object_mut()
        {
            content.remove("execution_count");
        }
        self.execute_reply(request, content, started).await;
        self.idle(&request.parent).await;
    }

    /// Answers a request that cannot be read, and wants something of its content; false for others.
    pub async fn refuses(&self, request: &Message, execution_count: u32) -> bool {
        let (Some(why), Some(reply)) = (&request.unreadable, reply_to(request)) else {
            return false;
        };
        let error = CellError::unreadable(why);
        self.busy(&request.parent).await;
        if reply == "execute_reply" {
            let output = Output::Error(error.output());
            self.output(&request.parent, output, execution_count).await;
        }
        let content = error_reply(&error, execution_count);
        self.reply(Channel::Shell, request, reply, content).await;
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
                self.reply(
                    channel,
                    &request,
                    "kernel_info_reply",
                    introspect::kernel_info(self.offline),
                )
                .await;
            }
            "interrupt_request" => {
                self.reply(
                    channel,
                    &request,
                    "interrupt_reply",
                    json!({"status": "ok"}),
                )
                .await;
                urgent = Some(Urgent::Interrupt);
            }
            "comm_info_request" => {
                self.reply(
                    channel,
                    &request,
                    "comm_info_reply",
                    json!({"status": "ok", "comms": {}}),
                )
                .await;
            }
            "comm_open" => {
                let content = json!({"comm_id": text(&request.content, "comm_id"), "data": {}});
                self.publish(&request.parent, "comm_close", content).await;
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
        let content = json!({"status": "ok", "restart": wants_restart(request)});
        self.busy(&request.parent).await;
        self.publish(&request.parent, "shutdown_reply", content.clone())
            .await;
        self.reply(channel, request, "shutdown_reply", content)
            .await;
        self.idle(&request.parent).await;
    }

    /// Answers a shutdown request that was meant for the process before this one.
    async fn decline_shutdown(&self, channel: Channel, request: &Message) {
        let error = CellError::new(
            ErrorKind::StaleRequest,
            "the request is older than this kernel: it was meant for the one before",
            "Send it again to end this one.",
        );
        let output = error.output();
        let content = json!({
            "status": "error",
            "ename": output.ename,
            "evalue": output.evalue,
            "traceback": output.traceback,
            "restart": wants_restart(request),
        });
        self.busy(&request.parent).await;
        self.reply(channel, request, "shutdown_reply", content)
            .await;
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
        "execute_request" => Some("execute_reply"),
        "complete_request" => Some("complete_reply"),
        "inspect_request" => Some("inspect_reply"),
        "is_complete_request" => Some("is_complete_reply"),
        "history_request" => Some("history_reply"),
        _ => None,
    }
}

/// Returns the content of an `execute_reply` with status `error`.
#[must_use]
pub fn error_reply(error: &CellError, execution_count: u32) -> Value {
    let output = error.output();
    json!({
        "status": "error",
        "execution_count": execution_count,
        "ename": output.ename,
        "evalue": output.evalue,
        "traceback": output.traceback,
        "user_expressions": {},
        "payload": [],
    })
}
