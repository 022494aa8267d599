//! The kernel: one task that owns all state and serves requests one after the other.
//!
//! Invariant: busy is published before and idle after every request, every request that wants a
//! reply gets one, and all output of a cell is published before its reply.

use serde_json::Value;
use tokio::sync::mpsc;

use crate::cell::magic::Context;
use crate::jupyter::connection::Channel;
use crate::jupyter::messages::shell::LookReply;
use crate::jupyter::wire::Message;
use crate::kernel::context::Services;
use crate::kernel::interrupts::{Interrupts, Leave, Signal, Wake};
use crate::kernel::journal::Journal;
use crate::kernel::magics::files;
use crate::kernel::notebook::Notebook;
use crate::kernel::state::State;
use crate::kernel::status::{self, About};

use super::followers::FailedRow;
use super::introspect;
use super::replies::{Replies, Urgent};

/// The kernel.
#[derive(Debug)]
pub struct Kernel {
    pub(super) replies: Replies,
    pub(super) services: Services,
    pub(super) shell: mpsc::Receiver<Message>,
    pub(super) interrupts: Interrupts,
    pub(super) state: State,
    pub(super) journal: Journal,
    pub(super) about: About,
    pub(super) notebook: Option<Notebook>,
    pub(super) complaint: Option<String>,
    /// The last row of requests that failed.
    pub(super) failed: Option<FailedRow>,
}

impl Kernel {
    /// Serves requests until told to leave.
    pub async fn run(mut self) {
        self.replies.starting().await;
        let leave = loop {
            let urgent = tokio::select! {
                biased;
                wake = self.interrupts.next() => match wake {
                    Wake::Signal(Signal::Interrupt) => None,
                    Wake::Signal(Signal::Terminate) => break Leave::Signal,
                    Wake::Control(message) => self.replies.answer(Channel::Control, *message).await,
                    Wake::Reply(_) => None,
                },
                message = self.shell.recv() => match message {
                    Some(message) => match self.serve(message).await {
                        Some(leave) => break leave,
                        None => None,
                    },
                    None => break Leave::Signal,
                },
            };
            if let Some(Urgent::Shutdown(channel, message)) = urgent {
                break Leave::Request(channel, message);
            }
        };
        // Nobody is left without an answer.
        while let Ok(message) = self.shell.try_recv() {
            if message.header.msg_type == "execute_request" {
                self.replies.abort(&message, self.state.count).await;
            }
        }
        if let Leave::Request(channel, message) = leave {
            self.replies.farewell(channel, &message).await;
        }
        self.journal.close().await;
        self.replies.close().await;
    }

    /// Serves one request on shell.
    pub(super) async fn serve(&mut self, request: Message) -> Option<Leave> {
        if self.replies.refuses(&request, self.state.count).await {
            return None;
        }
        let reply = match request.header.msg_type.as_str() {
            "execute_request" => return self.execute(request).await,
            "complete_request" => introspect::complete_path(&request.content, |fits, typed| {
                files::completions(fits, typed, &self.services.store, &self.state.inputs)
            })
            .unwrap_or_else(|| self.look(&request.content, introspect::complete)),
            "inspect_request" => self.look(&request.content, introspect::inspect),
            "is_complete_request" => introspect::is_complete(&request.content),
            "history_request" => {
                let past = self.journal.past().await;
                introspect::history(&request.content, &past, &self.state.history)
            }
            _ => {
                return match self.replies.answer(Channel::Shell, request).await {
                    Some(Urgent::Shutdown(channel, message)) => {
                        Some(Leave::Request(channel, message))
                    }
                    Some(Urgent::Interrupt) | None => None,
                };
            }
        };
        self.replies.busy(&request.parent).await;
        self.replies.reply(Channel::Shell, &request, &reply).await;
        self.replies.idle(&request.parent).await;
        None
    }

    fn look(&self, content: &Value, look: fn(&Value, &Context<'_>) -> LookReply) -> LookReply {
        let (turns, status) = (self.state.turn_summaries(), self.status());
        let threads = self.state.thread_summaries();
        look(content, &self.state.context(&turns, &threads, &status))
    }

    fn status(&self) -> Vec<(String, String)> {
        let (now, python) = (self.services.host.now(), self.services.tools.python());
        status::lines(&self.state, &self.about, &self.journal, &python, now)
    }
}
