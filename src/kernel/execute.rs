//! Drives one turn: does what the [`TurnLoop`] says and hands back what happened.
//!
//! One task, one `select!`: the API's stream, file fetches, the pacing of output, and the requests
//! that may stop it. Every branch is cancel-safe.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, OptionFuture};
use futures::stream::{FuturesOrdered, FuturesUnordered, StreamExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::anthropic::block::View;
use crate::anthropic::client::{Client, EventStream};
use crate::anthropic::error::ApiError;
use crate::anthropic::event::StreamEvent;
use crate::chat::action::{Action, Input};
use crate::chat::structured::NewFile;
use crate::chat::turn::{Activity, Origin, ToolCall, ToolResult, TurnEnd, Update};
use crate::chat::turn_loop::TurnLoop;
use crate::host::Host;
use crate::jupyter::connection::Channel;
use crate::jupyter::mime::Output;
use crate::jupyter::request::text;
use crate::jupyter::wire::{Message, Parent};
use crate::render::renderer::Renderer;

use super::actor::Signal;
use super::desk::{Desk, Urgent};
use super::fetch::Fetches;
use super::journal::Journal;
use super::store::Store;
use super::tools::Tools;
use super::tools::ask::{Asking, Decision, declined};

/// What may come while a cell runs: control requests, signals of the process, replies on stdin.
#[derive(Debug)]
pub struct Interruptions {
    /// Requests on control.
    pub control: mpsc::Receiver<Message>,
    /// Replies to what the person was asked.
    pub stdin: mpsc::Receiver<Message>,
    /// SIGINT, SIGTERM, the parent's death.
    pub signals: mpsc::Receiver<Signal>,
}

/// What wakes the driver besides its own work.
#[derive(Debug)]
pub enum Wake {
    /// A control request.
    Control(Box<Message>),
    /// A reply on stdin.
    Reply(Box<Message>),
    /// A signal; `None` when nobody can send one any more.
    Signal(Signal),
}

impl Interruptions {
    /// Waits for the next one. Never completes when all senders are gone. Cancel-safe.
    pub async fn next(&mut self) -> Wake {
        tokio::select! {
            biased;
            Some(signal) = self.signals.recv() => Wake::Signal(signal),
            Some(message) = self.control.recv() => Wake::Control(Box::new(message)),
            Some(message) = self.stdin.recv() => Wake::Reply(Box::new(message)),
            else => std::future::pending().await,
        }
    }

    /// Drops the replies to questions of earlier cells.
    fn forget_replies(&mut self) {
        while self.stdin.try_recv().is_ok() {}
    }
}

/// Why the kernel leaves.
#[derive(Debug)]
pub enum Leave {
    /// A shutdown request, to be answered last.
    Request(Channel, Box<Message>),
    /// SIGTERM, or the parent is gone.
    Signal,
}

/// Where a cell's output goes.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The desk.
    pub desk: &'a Desk,
    /// The request's header.
    pub parent: &'a Parent,
    /// The execution count.
    pub count: u32,
    /// The request whose sender can be asked; `None` where nobody sits in front.
    pub asks: Option<&'a Message>,
}

impl Scene<'_> {
    /// Asks the person; returns the id of the question. The reply comes by stdin.
    async fn ask(&self, prompt: String) -> Option<String> {
        let content = json!({"prompt": prompt, "password": false});
        let header = self
            .desk
            .reply(Channel::Stdin, self.asks?, "input_request", content)
            .await;
        let header: Value = serde_json::from_str(&header).unwrap_or_default();
        Some(text(&header, "msg_id"))
    }

    /// Publishes outputs in order.
    pub async fn show(&self, outputs: Vec<Output>) {
        for output in outputs {
            self.desk.output(self.parent, output, self.count).await;
        }
    }
}

/// The edges a turn works with.
#[derive(Debug, Clone)]
pub struct Edges {
    /// Clock and chance.
    pub host: Arc<dyn Host>,
    /// The API.
    pub client: Client,
    /// Where files go.
    pub store: Store,
    /// Tools of this machine.
    pub tools: Tools,
}

/// The work in flight for one turn.
struct InFlight {
    opening: Option<BoxFuture<'static, Result<EventStream, ApiError>>>,
    stream: Option<EventStream>,
    wait: Option<BoxFuture<'static, ()>>,
    fetches: Fetches,
    tools: FuturesUnordered<BoxFuture<'static, (String, ToolResult)>>,
    saves: FuturesOrdered<BoxFuture<'static, Input>>,
    /// When the command that runs now was started.
    running_since: Option<Duration>,
    asking: Asking,
    /// The id of the open question.
    question: Option<String>,
}

impl InFlight {
    fn run(&mut self, tools: &Tools, call: ToolCall) {
        let (id, run) = (call.id.clone(), tools.run(call));
        self.tools.push(Box::pin(async move { (id, run.await) }));
    }

    /// Does what the reply to the open question says. A reply to a question of an earlier cell,
    /// where the front end names it, is dropped.
    fn replied(&mut self, reply: &Message, tools: &mut Tools, turn: &mut TurnLoop) {
        let parent = reply
            .in_reply_to
            .as_ref()
            .and_then(|parent| parent.header().ok());
        if parent.is_some_and(|parent| Some(&parent.msg_id) != self.question.as_ref()) {
            return tracing::debug!("a reply to an older question is dropped");
        }
        match self.asking.reply(&text(&reply.content, "value")) {
            Some(Decision::Run(call)) => self.run(tools, call),
            Some(Decision::Always(call)) => {
                tools.stop_asking(&call.name);
                self.run(tools, call);
            }
            Some(Decision::Declined(call, result)) => {
                turn.handle(Input::ToolDone {
                    id: call.id,
                    result,
                });
            }
            None => tracing::debug!("a reply on stdin that nobody asked for is dropped"),
        }
    }
}

/// Runs a turn to its end. The second value says that the kernel was told to leave meanwhile.
pub async fn drive(
    turn: &mut TurnLoop,
    renderer: &mut Renderer,
    edges: &mut Edges,
    scene: Scene<'_>,
    interruptions: &mut Interruptions,
    journal: &mut Journal,
) -> (TurnEnd, Option<Leave>) {
    let mut work = InFlight {
        opening: None,
        stream: None,
        wait: None,
        fetches: Fetches::new(edges, turn.number()),
        tools: FuturesUnordered::new(),
        saves: FuturesOrdered::new(),
        running_since: None,
        asking: Asking::default(),
        question: None,
    };
    let mut leave = None;
    let mut tick: Option<(Duration, BoxFuture<'static, ()>)> = None;
    loop {
        while let Some(action) = turn.poll() {
            match action {
                Action::Show(update) => {
                    if let Update::Activity(Activity::Running { .. }) = &update {
                        work.running_since = Some(edges.host.elapsed());
                    }
                    work.fetches.note(&update);
                    let now = edges.host.elapsed();
                    journal.shows(&update, turn.container(), now);
                    scene.show(renderer.apply(update, now)).await;
                }
                Action::Call(request) => {
                    work.stream = None;
                    let client = edges.client.clone();
                    work.opening = Some(Box::pin(async move { client.stream(&request).await }));
                }
                Action::Wait(delay) => work.wait = Some(edges.host.sleep(delay)),
                Action::Fetch { ordinal, file_id } => work.fetches.push(ordinal, file_id),
                Action::Save(file) => work.saves.push_back(save(edges, file, turn.number())),
                Action::RunTool(call) if !edges.tools.asks(&call.name) => {
                    work.run(&edges.tools, call);
                }
                Action::RunTool(call) if scene.asks.is_some() => work.asking.push(call),
                Action::RunTool(call) if edges.tools.may_run_unasked(&call.name) => {
                    work.run(&edges.tools, call);
                }
                Action::RunTool(call) => turn.handle(Input::ToolDone {
                    id: call.id,
                    result: declined(
                        "The person must allow this call, and nobody can be asked here.",
                    ),
                }),
                Action::Finish(end) => {
                    if let (TurnEnd::Finished(_), Some(stream)) = (&*end, &mut work.stream) {
                        // Reads the end of the body, so that the next cell finds the connection open.
                        let _end_of_stream = stream.next().await;
                    }
                    return (*end, leave);
                }
            }
        }
        if let Some(prompt) = work.asking.question() {
            interruptions.forget_replies();
            work.question = scene.ask(prompt).await;
        }
        let deadlines = renderer.deadline().into_iter().chain(journal.deadline());
        set_tick(&mut tick, deadlines.min(), edges.host.as_ref());
        tokio::select! {
            biased;
            wake = interruptions.next() => {
                let urgent = match wake {
                    Wake::Signal(Signal::Interrupt) => Some(Urgent::Interrupt),
                    Wake::Signal(Signal::Terminate) => {
                        leave = Some(Leave::Signal);
                        Some(Urgent::Interrupt)
                    }
                    Wake::Control(message) => scene.desk.answer(Channel::Control, *message).await,
                    Wake::Reply(message) => {
                        work.replied(&message, &mut edges.tools, turn);
                        None
                    }
                };
                match urgent {
                    Some(Urgent::Interrupt) => turn.handle(Input::Interrupted),
                    Some(Urgent::Shutdown(channel, message)) => {
                        leave = Some(Leave::Request(channel, message));
                        turn.handle(Input::Interrupted);
                    }
                    None => {}
                }
            }
            Some(()) = OptionFuture::from(tick.as_mut().map(|(_, sleep)| sleep)) => {
                tick = None;
                let now = edges.host.elapsed();
                journal.tick(now);
                scene.show(renderer.tick(now)).await;
            }
            Some(opened) = OptionFuture::from(work.opening.as_mut()) => {
                work.opening = None;
                match opened {
                    Ok(stream) => work.stream = Some(stream),
                    Err(error) => turn.handle(Input::Failed { error, random: edges.host.random() }),
                }
            }
            Some(event) = OptionFuture::from(work.stream.as_mut().map(EventStream::next)) => match event {
                Some(Ok(event)) => {
                    if let StreamEvent::Unknown { name, raw } = &event {
                        tracing::info!(name, %raw, "an event this version does not know");
                    }
                    if let StreamEvent::BlockStart { block, .. } = &event
                        && let View::Executed { .. } | View::Edited { .. } = block.view()
                        && let Some(since) = work.running_since.take()
                    {
                        turn.add_sandbox_time(edges.host.elapsed().saturating_sub(since));
                    }
                    turn.handle(Input::Event(event));
                }
                Some(Err(error)) => {
                    work.stream = None;
                    turn.handle(Input::Failed { error, random: edges.host.random() });
                }
                None => {
                    work.stream = None;
                    turn.handle(Input::EndOfStream);
                }
            },
            Some(fetched) = work.fetches.next() => turn.handle(fetched),
            Some(saved) = work.saves.next() => turn.handle(saved),
            Some((id, result)) = work.tools.next() => {
                turn.handle(Input::ToolDone { id, result });
            }
            Some(()) = OptionFuture::from(work.wait.as_mut()) => {
                work.wait = None;
                turn.handle(Input::Waited);
            }
        }
    }
}

/// Saves a file of a structured result.
fn save(edges: &Edges, file: NewFile, turn: u32) -> BoxFuture<'static, Input> {
    let (store, now) = (edges.store.clone(), edges.host.now());
    let origin = Origin {
        turn,
        ..Origin::default()
    };
    let saving = tokio::task::spawn_blocking(move || store.write(file, origin, now));
    Box::pin(async move {
        let saved = saving.await.unwrap_or_else(|error| Err(error.to_string()));
        Input::Saved(saved)
    })
}

/// Keeps one timer for the renderer's deadline; made anew only when the deadline moves.
fn set_tick(
    tick: &mut Option<(Duration, BoxFuture<'static, ()>)>,
    deadline: Option<Duration>,
    host: &dyn Host,
) {
    match (deadline, &*tick) {
        (None, _) => *tick = None,
        (Some(deadline), Some((set, _))) if *set == deadline => {}
        (Some(deadline), _) => {
            *tick = Some((
                deadline,
                host.sleep(deadline.saturating_sub(host.elapsed())),
            ));
        }
    }
}
