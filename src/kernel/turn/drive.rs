//! Drives one turn: does the actions of the [`TurnLoop`] and tells it what happened.
//!
//! One task, one `select!`: the API's stream, file fetches, the pacing of output, and the requests
//! that may stop it. Every branch is cancel-safe.

use std::borrow::Cow;
use std::time::Duration;

use futures::future::{BoxFuture, OptionFuture};
use futures::stream::{FuturesOrdered, FuturesUnordered, StreamExt};

use crate::anthropic::block::View;
use crate::anthropic::client::EventStream;
use crate::anthropic::error::ApiError;
use crate::anthropic::event::StreamEvent;
use crate::anthropic::request::MessagesRequest;
use crate::chat::action::{Action, Input, NotSaved};
use crate::chat::recording::play::Player;
use crate::chat::structured::NewFile;
use crate::chat::turn::{Activity, Origin, ToolCall, ToolResult, TurnEnd, Update};
use crate::chat::turn_loop::TurnLoop;
use crate::host::Host;
use crate::jupyter::connection::Channel;
use crate::jupyter::request::text;
use crate::jupyter::wire::Message;
use crate::kernel::context::{CellContext, Services};
use crate::kernel::interrupts::{Leave, Signal, Wake};
use crate::kernel::journal::redact::REDACTED;
use crate::kernel::save;
use crate::kernel::server::replies::Urgent;
use crate::kernel::tools::Tools;
use crate::kernel::tools::ask::{Asking, Decision, declined};
use crate::render::renderer::Renderer;

use super::fetch::Fetches;
use super::record::with_recording;
use super::veil::Veil;

mod draw;

use draw::{LONG_BYTES, draw, is_long};

/// So many events whose bytes are here are taken before everything else gets its turn. A long text comes in
/// pieces, which are taken one by one.
const BURST: usize = 16;

/// The work in flight for one turn.
struct InFlight {
    opening: Option<BoxFuture<'static, Result<EventStream, ApiError>>>,
    stream: Option<EventStream>,
    /// How many of its events were taken in a row.
    burst: usize,
    wait: Option<BoxFuture<'static, ()>>,
    fetches: Fetches,
    veil: Veil,
    tools: FuturesUnordered<BoxFuture<'static, (String, ToolResult)>>,
    saves: FuturesOrdered<BoxFuture<'static, Input>>,
    /// When the command that runs now was started.
    running_since: Option<Duration>,
    asking: Asking,
    /// The id of the open question.
    question: Option<String>,
    /// The recording that answers in place of the API, if one does.
    player: Option<Player>,
}

impl InFlight {
    fn new(context: &CellContext<'_>) -> Self {
        Self {
            opening: None,
            stream: None,
            burst: 0,
            wait: None,
            fetches: Fetches::new(context.services, context.output.count),
            veil: Veil::new(context.journal.secrets().clone()),
            tools: FuturesUnordered::new(),
            saves: FuturesOrdered::new(),
            running_since: None,
            asking: Asking::default(),
            question: None,
            player: context.playing.as_ref().map(|own| own.player.clone()),
        }
    }

    fn call(&mut self, request: MessagesRequest, services: &Services) {
        self.stream = None;
        if let Some(player) = &mut self.player {
            return player.call();
        }
        let client = services.client.clone();
        self.opening = Some(Box::pin(async move { client.stream(&request).await }));
    }

    /// Takes the stream that was opened; returns what the turn is told when there is none.
    fn opened(
        &mut self,
        opened: Result<EventStream, ApiError>,
        services: &Services,
    ) -> Option<Input> {
        self.opening = None;
        match opened {
            Ok(stream) => {
                self.stream = Some(stream);
                None
            }
            Err(error) => {
                let random = services.host.random();
                Some(Input::Failed { error, random })
            }
        }
    }

    /// Returns an event whose bytes are here, unless everything else is to get its turn first.
    fn ready(&mut self, turn: &mut TurnLoop, services: &Services) -> Option<Input> {
        let stream = self.stream.as_mut().filter(|_| self.burst < BURST);
        let event = stream.and_then(EventStream::next_ready);
        self.burst = event.as_ref().map_or(0, |_| self.burst + 1);
        event.map(|event| self.streamed(Some(event), turn, services))
    }

    /// Returns what the stream brought as an input of the turn.
    fn streamed(
        &mut self,
        event: Option<Result<StreamEvent, ApiError>>,
        turn: &mut TurnLoop,
        services: &Services,
    ) -> Input {
        match event {
            Some(Ok(event)) => {
                if let StreamEvent::Unknown { name, raw } = &event {
                    tracing::info!(name, %raw, "an event this version does not know");
                }
                if let StreamEvent::BlockStart { block, .. } = &event
                    && let View::Executed { .. } | View::Edited { .. } = block.view()
                    && let Some(since) = self.running_since.take()
                {
                    turn.add_sandbox_time(services.host.elapsed().saturating_sub(since));
                }
                Input::Event(event)
            }
            Some(Err(error)) => {
                self.stream = None;
                let random = services.host.random();
                Input::Failed { error, random }
            }
            None => {
                self.stream = None;
                Input::EndOfStream
            }
        }
    }

    fn run(&mut self, tools: &Tools, call: ToolCall) {
        let (id, run) = (call.id.clone(), tools.run(call));
        self.tools.push(Box::pin(async move { (id, run.await) }));
    }

    /// Does what the reply to the open question says. If the front end names the question and it is
    /// one of an earlier cell, the reply is dropped.
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

/// Runs a turn to its end. Without a renderer nothing is shown and no file is fetched. The second
/// value says why the kernel is to leave, if it was told so meanwhile.
pub(super) async fn drive(
    turn: &mut TurnLoop,
    mut renderer: Option<&mut Renderer>,
    context: &mut CellContext<'_>,
) -> (TurnEnd, Option<Leave>) {
    let mut work = InFlight::new(context);
    let mut leave = None;
    let mut tick: Option<(Duration, BoxFuture<'static, ()>)> = None;
    loop {
        while let Some(action) = turn.poll(&context.state.conversations) {
            match action {
                Action::Show(update) => {
                    let shown = show(update, turn, renderer.as_deref_mut(), &mut work, context);
                    let came = shown.await;
                    heed(came, turn, &mut leave);
                }
                Action::Finish(end) => {
                    if let (TurnEnd::Finished(_), Some(stream)) = (&*end, &mut work.stream) {
                        // Reads the end of the body, so that the next cell finds the connection open.
                        let _end_of_stream = stream.next().await;
                    }
                    return (*end, leave);
                }
                Action::Call(request) => {
                    save::sent_again(context.journal, turn);
                    work.call(*request, context.services);
                }
                action => begin(action, turn, renderer.is_some(), &mut work, context),
            }
        }
        if let Some(prompt) = work.asking.question() {
            context.interrupts.forget_replies();
            work.question = context.output.ask(prompt).await;
        }
        if let Some(input) = work.ready(turn, context.services) {
            turn.handle(input);
            continue;
        }
        let host = context.services.host.as_ref();
        let drawn = renderer.as_deref().and_then(Renderer::deadline);
        let deadlines = drawn.into_iter().chain(context.journal.deadline());
        set_tick(&mut tick, deadlines.min(), host);
        tokio::select! {
            biased;
            wake = context.interrupts.next() => {
                let came = woken(wake, turn, &mut work, context).await;
                heed(came, turn, &mut leave);
            }
            Some(()) = OptionFuture::from(tick.as_mut().map(|(_, sleep)| sleep)) => {
                tick = None;
                let came = ticked(renderer.as_deref_mut(), turn, &mut work, context).await;
                heed(came, turn, &mut leave);
            }
            Some(opened) = OptionFuture::from(work.opening.as_mut()) => {
                if let Some(failed) = work.opened(opened, context.services) {
                    turn.handle(failed);
                }
            }
            Some(event) = OptionFuture::from(work.player.as_mut().and_then(Player::next_event)) => {
                turn.handle(Input::Event(event));
            }
            Some(event) = OptionFuture::from(work.stream.as_mut().map(EventStream::next)) => {
                let input = work.streamed(event, turn, context.services);
                turn.handle(input);
            }
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

/// An interruption that ends the turn.
enum Woken {
    Interrupt,
    Leave(Leave),
}

/// Tells the turn what ended it, if anything did.
fn heed(came: Option<Woken>, turn: &mut TurnLoop, leave: &mut Option<Leave>) {
    match came {
        Some(Woken::Interrupt) => turn.handle(Input::Interrupted),
        Some(Woken::Leave(why)) => {
            *leave = Some(why);
            turn.handle(Input::Interrupted);
        }
        None => {}
    }
}

/// Handles what came on control, stdin or as a signal; returns it if it ends the turn.
async fn woken(
    wake: Wake,
    turn: &mut TurnLoop,
    work: &mut InFlight,
    context: &mut CellContext<'_>,
) -> Option<Woken> {
    match wake {
        Wake::Signal(Signal::Interrupt) => Some(Woken::Interrupt),
        Wake::Signal(Signal::Terminate) => Some(Woken::Leave(Leave::Signal)),
        Wake::Control(message) => {
            match context
                .output
                .replies
                .answer(Channel::Control, *message)
                .await?
            {
                Urgent::Interrupt => Some(Woken::Interrupt),
                Urgent::Shutdown(channel, message) => {
                    Some(Woken::Leave(Leave::Request(channel, message)))
                }
            }
        }
        Wake::Reply(message) => {
            work.replied(&message, &mut context.services.tools, turn);
            None
        }
    }
}

/// Writes and shows what has waited long enough. Returns what ended the turn in the meantime.
async fn ticked(
    renderer: Option<&mut Renderer>,
    turn: &mut TurnLoop,
    work: &mut InFlight,
    context: &mut CellContext<'_>,
) -> Option<Woken> {
    let now = context.services.host.elapsed();
    context.journal.tick(now);
    let renderer = renderer?;
    let is_long = renderer.redrawn_bytes() > LONG_BYTES;
    let drawn = move |renderer: &mut Renderer| renderer.tick(now);
    draw(renderer, is_long, drawn, turn, work, context).await
}

/// Shows an update, and lets the journal know. Returns what ended the turn in the meantime.
async fn show(
    update: Update,
    turn: &mut TurnLoop,
    renderer: Option<&mut Renderer>,
    work: &mut InFlight,
    context: &mut CellContext<'_>,
) -> Option<Woken> {
    let update = with_recording(update, turn, context).await;
    let now = context.services.host.elapsed();
    if let Update::Activity(Activity::Running { .. }) = &update {
        work.running_since = Some(now);
    }
    let renderer = renderer?;
    work.fetches.note(&update);
    let mut urgent = None;
    for update in work.veil.cover(update) {
        context.journal.shows(&update, turn.container(), now);
        let is_long = is_long(&update, renderer);
        let drawn = move |renderer: &mut Renderer| renderer.apply(update, now);
        let came = draw(renderer, is_long, drawn, turn, work, context).await;
        urgent = urgent.or(came);
    }
    urgent
}

/// Begins the work of an action, which then runs while everything else goes on.
fn begin(
    action: Action,
    turn: &mut TurnLoop,
    is_shown: bool,
    work: &mut InFlight,
    context: &CellContext<'_>,
) {
    let services = &*context.services;
    match action {
        Action::Wait(delay) => work.wait = Some(services.host.sleep(delay)),
        Action::Fetch { ordinal, file_id } if is_shown => {
            let player = work.player.as_ref();
            let recorded = player.map(|player| player.file(&file_id).cloned());
            work.fetches.push(ordinal, file_id, recorded);
        }
        Action::Fetch { ordinal, file_id } => turn.handle(Input::Fetched {
            ordinal,
            file_id,
            result: Err(NotSaved::because("nobody asked for it")),
        }),
        Action::Save(file) => work.saves.push_back(save_file(context, file)),
        Action::RunTool(call) if work.player.is_some() => {
            let player = work.player.as_ref();
            let answer = player.and_then(|player| player.tool(&call.id));
            let result = answer.map_or_else(
                || declined("The recording does not say what this tool answered."),
                |answer| ToolResult {
                    content: answer.content.clone(),
                    is_error: answer.is_error,
                    printed: answer.printed.clone(),
                },
            );
            turn.handle(Input::ToolDone {
                id: call.id,
                result,
            });
        }
        Action::RunTool(call) if !services.tools.asks(&call.name) => {
            work.run(&services.tools, call);
        }
        Action::RunTool(call) if context.output.asks.is_some() => work.asking.push(call),
        Action::RunTool(call) if services.tools.may_run_unasked(&call.name) => {
            work.run(&services.tools, call);
        }
        Action::RunTool(call) => turn.handle(Input::ToolDone {
            id: call.id,
            result: declined("The person must allow this call, and nobody can be asked here."),
        }),
        // `drive` does these itself.
        Action::Show(_) | Action::Call(_) | Action::Finish(_) => {}
    }
}

/// Saves a file of a structured result.
fn save_file(context: &CellContext<'_>, mut file: NewFile) -> BoxFuture<'static, Input> {
    let services = &*context.services;
    let (store, now) = (services.store.clone(), services.host.now());
    if let Ok(text) = std::str::from_utf8(&file.bytes)
        && let Cow::Owned(covered) = context.journal.secrets().cover(text, REDACTED)
    {
        file.bytes = covered.into();
    }
    let origin = Origin {
        count: context.output.count,
        ..Origin::default()
    };
    let saving = tokio::task::spawn_blocking(move || store.write(file, origin, now));
    Box::pin(async move {
        Input::Saved(match saving.await {
            Ok(saved) => saved.map_err(NotSaved::because),
            Err(error) => Err(NotSaved::because(error)),
        })
    })
}

/// Keeps one timer for the next deadline. A new timer is made only if the deadline moves.
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
