//! The kernel: one task that owns all state and serves requests one after the other.
//!
//! Invariant: busy is published before and idle after every request, every request that wants a
//! reply gets one, and all output of a cell is published before its reply.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;

use crate::anthropic::client::{Client, DEFAULT_BASE_URL};
use crate::anthropic::model::Prices;
use crate::cell::magic::Context;
use crate::chat::settings::Settings;
use crate::host::Host;
use crate::jupyter::connection::{Channel, Connection};
use crate::jupyter::wire::Message;
use crate::kernel::context::Services;
use crate::kernel::desk::{Desk, Urgent};
use crate::kernel::interrupts::{Interrupts, Leave, Signal, Wake};
use crate::kernel::journal::{self, Journal};
use crate::kernel::known_models::Asking;
use crate::kernel::magics::files;
use crate::kernel::notebook::Notebook;
use crate::kernel::state::State;
use crate::kernel::status::{self, About};
use crate::kernel::store::Store;
use crate::kernel::tools::{Setup, Tools};

use super::introspect;

/// What a kernel is made of.
#[derive(Debug)]
pub struct Parts {
    /// Clock, ids, chance.
    pub host: Arc<dyn Host>,
    /// The Jupyter side.
    pub connection: Connection,
    /// The Claude side.
    pub client: Client,
    /// Where files of the sandbox go.
    pub store: Store,
    /// The notebook file, where it is known.
    pub notebook: Option<Notebook>,
    /// What turns are asked with at first.
    pub settings: Settings,
    /// What tokens cost.
    pub prices: Prices,
    /// SIGINT, SIGTERM, the parent's death.
    pub signals: mpsc::Receiver<Signal>,
    /// Where what is said is kept.
    pub journal: journal::Options,
    /// Whether the offline backend answers.
    pub offline: bool,
    /// What was wrong with the configuration, shown with the first cell.
    pub complaint: Option<String>,
    /// Where tools of this machine run.
    pub tools: Setup,
}

/// The kernel.
#[derive(Debug)]
pub struct Kernel {
    pub(super) desk: Desk,
    pub(super) services: Services,
    pub(super) shell: mpsc::Receiver<Message>,
    pub(super) interrupts: Interrupts,
    pub(super) state: State,
    pub(super) journal: Journal,
    pub(super) about: About,
    pub(super) notebook: Option<Notebook>,
    pub(super) complaint: Option<String>,
}

impl Kernel {
    /// Puts a kernel together; nothing runs until [`run`](Self::run).
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts {
            host,
            connection,
            client,
            store,
            notebook,
            settings,
            prices,
            signals,
            journal,
            offline,
            complaint,
            tools,
        } = parts;
        let Connection {
            shell,
            control,
            stdin,
            outgoing,
        } = connection;
        let mut state = State::new(settings, prices);
        let base_url = client.options().base_url.as_deref();
        let state_dir = journal.state_dir.as_deref().filter(|_| !offline);
        (state.asking, state.models) =
            Asking::begin(state_dir, base_url.unwrap_or(DEFAULT_BASE_URL));
        Self {
            desk: Desk::new(outgoing, Arc::clone(&host), offline),
            about: About {
                base_url: client
                    .options()
                    .base_url
                    .clone()
                    .unwrap_or_else(|| DEFAULT_BASE_URL.to_owned()),
                offline,
            },
            journal: Journal::new(journal, Arc::clone(&host)),
            services: Services {
                host,
                client,
                store,
                tools: Tools::new(tools),
                offline,
            },
            shell,
            interrupts: Interrupts {
                control,
                stdin,
                signals,
            },
            state,
            notebook,
            complaint,
        }
    }

    /// Serves requests until told to leave.
    pub async fn run(mut self) {
        self.desk.starting().await;
        let leave = loop {
            let urgent = tokio::select! {
                biased;
                wake = self.interrupts.next() => match wake {
                    Wake::Signal(Signal::Interrupt) => None,
                    Wake::Signal(Signal::Terminate) => break Leave::Signal,
                    Wake::Control(message) => self.desk.answer(Channel::Control, *message).await,
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
        if let Leave::Request(channel, message) = leave {
            self.desk.farewell(channel, &message).await;
        }
        self.journal.close().await;
        self.desk.close().await;
    }

    /// Serves one request on shell.
    pub(super) async fn serve(&mut self, request: Message) -> Option<Leave> {
        if self.desk.refuses(&request, self.state.count).await {
            return None;
        }
        let reply = match request.header.msg_type.as_str() {
            "execute_request" => return self.execute(request).await,
            "complete_request" => (
                "complete_reply",
                introspect::complete_path(&request.content, |fits, typed| {
                    files::completions(fits, typed, &self.services.store, &self.state.inputs)
                })
                .unwrap_or_else(|| self.look(&request.content, introspect::complete)),
            ),
            "inspect_request" => (
                "inspect_reply",
                self.look(&request.content, introspect::inspect),
            ),
            "is_complete_request" => (
                "is_complete_reply",
                introspect::is_complete(&request.content),
            ),
            "history_request" => {
                let past = self.journal.past().await;
                let entries = &self.state.history;
                (
                    "history_reply",
                    introspect::history(&request.content, &past, entries),
                )
            }
            _ => {
                return match self.desk.answer(Channel::Shell, request).await {
                    Some(Urgent::Shutdown(channel, message)) => {
                        Some(Leave::Request(channel, message))
                    }
                    Some(Urgent::Interrupt) | None => None,
                };
            }
        };
        self.desk.busy(&request.parent).await;
        self.desk
            .reply(Channel::Shell, &request, reply.0, reply.1)
            .await;
        self.desk.idle(&request.parent).await;
        None
    }

    fn look(&self, content: &Value, look: fn(&Value, &Context<'_>) -> Value) -> Value {
        let (turns, status) = (self.state.turn_summaries(), self.status());
        let threads = self.state.thread_summaries();
        look(content, &self.state.context(&turns, &threads, &status))
    }

    fn status(&self) -> Vec<(String, String)> {
        let (now, python) = (self.services.host.now(), self.services.tools.python());
        status::lines(&self.state, &self.about, &self.journal, &python, now)
    }
}
