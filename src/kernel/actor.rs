//! The kernel: one task that owns all state and serves requests one after the other.
//!
//! Invariant: every request is bracketed by busy and idle, every request that wants a reply gets
//! one, and all output of a cell is published before its reply.

mod dry;
mod durable;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::anthropic::client::{Client, DEFAULT_BASE_URL};
use crate::anthropic::model::Prices;
use crate::cell::magic::{Context, Effect};
use crate::cell::magics;
use crate::cell::parse::{self, Cell};
use crate::cell::slips::slips;
use crate::cell::{fill, help};
use crate::chat::question::Question;
use crate::chat::settings::Settings;
use crate::host::Host;
use crate::jupyter::connection::{Channel, Connection};
use crate::jupyter::mime::Output;
use crate::jupyter::request::Execute;
use crate::jupyter::wire::Message;

use super::compact;
use super::desk::{Desk, Urgent, error_reply};
use super::error::CellError;
use super::execute::{Edges, Interruptions, Leave, Scene, Wake};
use super::introspect;
use super::jobs::{self, Desktop};
use super::journal::{self, Journal};
use super::notebook::Notebook;
use super::ran::Ran;
use super::show::{front_end, notes, page_payload, shows, warnings};
use super::state::State;
use super::status::{self, About};
use super::store::Store;
use super::tools::{self, Setup, Tools};
use super::{address, attach, cells, exec, files};
use turn::Asking;

/// How long requests that were sent together with a failing one may take to arrive, so that they
/// are answered as aborted. Only waited for after a cell that failed at once.
const ABORT_WINDOW: Duration = Duration::from_millis(20);
/// A cell that ran longer than this has its followers queued already.
const AT_ONCE: Duration = Duration::from_millis(50);

/// What the process is told from outside Jupyter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: stop the running cell; nothing when idle.
    Interrupt,
    /// SIGTERM, or the parent is gone: leave.
    Terminate,
}

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
    desk: Desk,
    edges: Edges,
    shell: mpsc::Receiver<Message>,
    interruptions: Interruptions,
    state: State,
    journal: Journal,
    about: About,
    notebook: Option<Notebook>,
    complaint: Option<String>,
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
            edges: Edges {
                host,
                client,
                store,
                tools: Tools::new(tools),
            },
            shell,
            interruptions: Interruptions {
                control,
                stdin,
                signals,
            },
            state: State::new(settings, prices),
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
                wake = self.interruptions.next() => match wake {
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
    async fn serve(&mut self, request: Message) -> Option<Leave> {
        let reply = match request.header.msg_type.as_str() {
            "execute_request" => return self.execute(request).await,
            "complete_request" => (
                "complete_reply",
                introspect::complete_path(&request.content, |fits, typed| {
                    files::completions(fits, typed, &self.edges.store, &self.state.inputs)
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
            "history_request" => ("history_reply", self.history(&request.content).await),
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
        let (now, python) = (self.edges.host.now(), self.edges.tools.python());
        status::lines(&self.state, &self.about, &self.journal, &python, now)
    }

    async fn execute(&mut self, request: Message) -> Option<Leave> {
        let execute = Execute::read(&request.content);
        let (started, began) = (
            self.edges.host.now().to_rfc3339(),
            self.edges.host.elapsed(),
        );
        self.desk.busy(&request.parent).await;
        if execute.store_history {
            self.state.count = self.state.count.saturating_add(1);
        }
        let count = self.state.count;
        if !execute.silent {
            let content = json!({"code": execute.code, "execution_count": count});
            self.desk
                .publish(&request.parent, "execute_input", content)
                .await;
        }
        self.begin_cell(&execute, &request).await;
        let ran = self.run_cell(&execute, &request).await;
        let left = self.end_cell(&execute, &request, ran.output).await;
        let failed = ran.result.is_err();
        let reply = match ran.result {
            Ok(payload) => json!({
                "status": "ok",
                "execution_count": count,
                "payload": payload,
                "user_expressions": status::expressions(&execute.user_expressions, &self.state),
            }),
            Err(error) => {
                if !execute.silent {
                    self.desk
                        .output(&request.parent, Output::Error(error.output()), count)
                        .await;
                }
                error_reply(&error, count)
            }
        };
        let queue = if failed && execute.stop_on_error && !execute.silent {
            let at_once = self.edges.host.elapsed().saturating_sub(began) < AT_ONCE;
            self.queued(at_once).await
        } else {
            Vec::new()
        };
        self.desk.execute_reply(&request, reply, started).await;
        self.desk.idle(&request.parent).await;
        let mut leave = ran.leave.or(left);
        for message in queue {
            if message.header.msg_type == "execute_request" {
                self.desk.abort(&message, count).await;
            } else if leave.is_none() {
                leave = Box::pin(self.serve(message)).await;
            }
        }
        leave
    }

    /// Takes the requests that are queued behind a failed cell.
    async fn queued(&mut self, at_once: bool) -> Vec<Message> {
        let mut queue = Vec::new();
        if at_once {
            let mut window = self.edges.host.sleep(ABORT_WINDOW);
            loop {
                tokio::select! {
                    biased;
                    Some(message) = self.shell.recv() => queue.push(message),
                    () = &mut window => break,
                }
            }
        }
        while let Ok(message) = self.shell.try_recv() {
            queue.push(message);
        }
        queue
    }

    async fn run_cell(&mut self, execute: &Execute, request: &Message) -> Ran {
        self.locate(request);
        let status = self.status();
        let (calls, prompt) = match parse::parse(&execute.code) {
            Cell::Empty => return Ran::ok(Vec::new(), String::new()),
            Cell::Help { topic } => {
                let turns = self.state.turn_summaries();
                let threads = self.state.thread_summaries();
                let context = self.state.context(&turns, &threads, &status);
                let page = help::about(&topic, &context);
                return match page {
                    Ok(help) => Ran::ok(vec![page_payload(&help.plain)], String::new()),
                    Err(error) => Ran::failed(CellError::from(&error)),
                };
            }
            Cell::Parameters { values } => return self.set_parameters(&values),
            Cell::Turn { magics, prompt } => (magics, prompt),
        };
        let mut prepared = match cells::prepare(&mut self.state, &calls, &status) {
            Ok(prepared) => prepared,
            Err(error) => return Ran::failed(error),
        };
        let mut payload: Vec<Value> = prepared
            .page
            .as_deref()
            .map(page_payload)
            .into_iter()
            .collect();
        if execute.silent {
            return Ran::ok(payload, String::new());
        }
        let (wanted, prompt) = match prepared.result.take() {
            Some((wanted, prompt)) => (Some(wanted), prompt),
            None => (None, prompt),
        };
        let verbatim = prepared.verbatim.take();
        let typed = prompt.trim().to_owned();
        let misses = fill::misses(&typed, &self.state.variables);
        // Code that runs as it stands is not filled.
        let mut prompt = match &verbatim {
            Some(verbatim) => verbatim.prompt(),
            None => fill::fill(&typed, &self.state.variables),
        };
        let scene = Scene {
            desk: &self.desk,
            parent: &request.parent,
            count: self.state.count,
            asks: execute.allow_stdin.then_some(request),
        };
        scene.show(warnings(self.complaint.take().iter())).await;
        let slips = slips(&calls, &prompt, &prepared.settings);
        let said = prepared.notes.iter().chain(&misses).chain(&slips);
        scene.show(notes(said)).await;
        scene.show(shows(&prepared, prompt.is_empty())).await;
        let mut shown: Vec<String> = prepared
            .shows
            .iter()
            .map(|(_, plain)| plain.clone())
            .collect();
        let mut planned = Vec::new();
        let mut desktop = Desktop {
            state: &mut self.state,
            journal: &mut self.journal,
            edges: &mut self.edges,
            interruptions: &mut self.interruptions,
            scene,
            settings: &mut prepared.settings,
            front_end: front_end(execute, request),
            offline: self.about.offline,
            is_dry: prepared.is_dry,
            planned: &mut planned,
        };
        for job in std::mem::take(&mut prepared.jobs) {
            match jobs::run(job, &mut desktop).await {
                Ok(outcome) => {
                    shown.push(outcome.shown);
                    payload.extend(outcome.payload);
                    if let (true, Some(own)) = (prompt.is_empty(), outcome.prompt) {
                        prompt = own;
                    }
                }
                Err(stopped) => return Ran::stopped(stopped),
            }
        }
        // What a variable holds names no files: only what was typed does.
        if let Err(stopped) = attach::mentioned(&typed, &mut desktop).await {
            return Ran::stopped(stopped);
        }
        if let Err(stopped) = exec::send(verbatim.as_ref(), &mut desktop).await {
            return Ran::stopped(stopped);
        }
        if let Err(stopped) = tools::job::refresh(&mut desktop).await {
            return Ran::stopped(stopped);
        }
        if !prompt.is_empty() && !desktop.is_dry && compact::is_due(&desktop) {
            match compact::before_prompt(&mut desktop).await {
                Ok(outcome) => shown.push(outcome.shown),
                Err(stopped) => return Ran::stopped(stopped),
            }
        }
        let shown = shown.join("\n");
        let mut question = Question::of(prompt);
        question.before = self.state.inputs.blocks();
        question.before.append(&mut planned);
        if prepared.is_dry {
            let count = self.state.count;
            return self
                .dry(
                    &prepared.settings,
                    &question,
                    (request, count),
                    payload,
                    shown,
                )
                .await;
        }
        if question.prompt.is_empty() {
            return Ran::ok(payload, shown);
        }
        self.turn(
            prepared.settings,
            Asking {
                question,
                wanted,
                verbatim,
            },
            execute,
            request,
            payload,
        )
        .await
    }

    /// Takes note of which cell asks, and of what became of the others.
    fn locate(&mut self, request: &Message) {
        let saved = self.notebook.as_mut().and_then(Notebook::saved_order);
        if let Some(ids) = saved {
            self.state.conversations.set_file_order(ids);
        }
        self.state.cell = address::of(request, &self.state.conversations);
        let deleted = address::deleted(request).filter(|cell| *cell != self.state.cell);
        if let Some(record) = self.state.conversations.detached(deleted) {
            self.state.record(record);
        }
    }

    fn set_parameters(&mut self, values: &[(String, String)]) -> Ran {
        match magics::apply_parameters(values) {
            Ok(effects) => {
                for effect in effects {
                    if let Effect::SetVariable { name, value } = effect {
                        self.state.set_variable(&name, &value);
                    }
                }
                Ran::ok(Vec::new(), String::new())
            }
            Err(error) => Ran::failed(CellError::from(&error)),
        }
    }
}
