//! One turn as a state machine: inputs from the API and the clock in, actions out. Pure.
//!
//! The driver (`kernel::execute`) calls [`TurnLoop::poll`] until it is empty, does what the actions
//! say, and hands back what happened. Every path ends in exactly one [`Action::Finish`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::anthropic::accumulate::Accumulator;
use crate::anthropic::block::{Block, View};
use crate::anthropic::error::ApiError;
use crate::anthropic::event::{Delta, StreamEvent};
use crate::anthropic::message::StopReason;
use crate::anthropic::request::Role;
use crate::anthropic::retry::Attempts;

use super::action::{Action, Input, Plan};
use super::conversation::{mark_newest, message};
use super::hints;
use super::history::Said;
use super::spending::Spending;
use super::structured::Structured;
use super::turn::{Activity, Cut, FetchedFile, ToolCall, ToolChanges, TurnEnd, Update};

mod end;
mod money;
mod repair;
mod results;
mod tools;

/// The most often a paused turn is continued (`claude-api.md` 8).
pub const MAX_CONTINUATIONS: u32 = 10;
/// The most rounds of tool calls in a turn: far more than work needs, few enough to end a loop.
pub const MAX_TOOL_ROUNDS: u32 = 100;
/// Unknown events kept with a turn; a flood of them is not worth memory.
const MAX_UNKNOWN_EVENTS: usize = 100;

/// Where the turn stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A call was sent; nothing has come.
    Opening,
    /// Between two attempts.
    Waiting,
    /// Events arrive.
    Streaming,
    /// Tools of this machine run.
    Tools,
    /// The answer is complete; files are still coming.
    Settling,
    /// [`Action::Finish`] was given.
    Over,
}

/// The state of one turn.
#[derive(Debug)]
pub struct TurnLoop {
    plan: Plan,
    phase: Phase,
    actions: VecDeque<Action>,
    accumulator: Accumulator,
    /// Messages of this turn after the question.
    finished: Vec<Said>,
    /// Tool calls of the last answer, in order, with what came back.
    tools: Vec<(ToolCall, Option<Block>)>,
    tool_rounds: u32,
    /// Ordinal of the running call's first block.
    base: usize,
    attempts: Attempts,
    continuations: u32,
    /// The first refusal, while repairs are tried.
    first_error: Option<ApiError>,
    sandbox_lost: bool,
    /// The sandbox that was left out of the request to see whether it is why the API refused.
    doubted: Option<String>,
    /// Whether the new sandbox gets the files of earlier turns.
    files_again: bool,
    thinking_refused: bool,
    tool_changes: ToolChanges,
    pending_fetches: usize,
    spending: Spending,
    /// Tokens in the context at the end of the last call.
    context_tokens: u64,
    /// What the first pass of the running call read, in tokens.
    first_input: u64,
    /// Size of the results of server tools in the running call.
    result_bytes: u64,
    cache_miss: Option<String>,
    sandbox_ms: u64,
    runs: u32,
    served_by: Option<String>,
    container: Option<String>,
    message_id: Option<String>,
    unknown_events: Vec<Value>,
    activity: Option<Activity>,
    /// Files that could not be fetched: their ids.
    unfetched: Vec<String>,
    /// When the sandbox is promised until, RFC 3339.
    sandbox_expires: Option<String>,
    /// What was said of failed steps, each once.
    hinted: Vec<String>,
    /// Why the answer is not whole.
    cut: Option<Cut>,
    result: Option<Structured>,
    pending_saves: usize,
}

impl TurnLoop {
    /// Starts a turn: the first action is the call.
    #[must_use]
    pub fn start(plan: Plan) -> Self {
        let mut turn = Self {
            phase: Phase::Opening,
            actions: VecDeque::new(),
            accumulator: Accumulator::new(),
            finished: Vec::new(),
            tools: Vec::new(),
            tool_rounds: 0,
            base: 0,
            attempts: Attempts::default(),
            continuations: 0,
            first_error: None,
            sandbox_lost: false,
            doubted: None,
            files_again: false,
            thinking_refused: false,
            tool_changes: ToolChanges::Taken,
            pending_fetches: 0,
            spending: Spending::new(Arc::clone(&plan.prices), plan.allowance),
            context_tokens: 0,
            first_input: 0,
            result_bytes: 0,
            cache_miss: None,
            sandbox_ms: 0,
            runs: 0,
            served_by: None,
            container: plan.request.container.id.clone(),
            message_id: None,
            unknown_events: Vec::new(),
            activity: None,
            hinted: Vec::new(),
            unfetched: Vec::new(),
            sandbox_expires: None,
            cut: None,
            result: None,
            pending_saves: 0,
            plan,
        };
        turn.call();
        turn
    }

    /// Returns the next action, if there is one.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Returns the 1-based number of the turn.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.plan.turn
    }

    /// Returns the sandbox's id as far as it is known: also after a failed turn worth keeping.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        self.container.as_deref()
    }

    /// Returns the events this version does not know, whole.
    #[must_use]
    pub fn unknown_events(&self) -> &[Value] {
        &self.unknown_events
    }

    /// Adds time that a command ran in the sandbox.
    pub fn add_sandbox_time(&mut self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.sandbox_ms = self.sandbox_ms.saturating_add(ms);
    }

    /// Returns when the API promised the sandbox until, RFC 3339.
    #[must_use]
    pub fn sandbox_expires(&self) -> Option<&str> {
        self.sandbox_expires.as_deref()
    }

    /// Returns the ids of the files that could not be fetched.
    #[must_use]
    pub fn unfetched(&self) -> &[String] {
        &self.unfetched
    }

    /// Takes what happened. After the end, everything is ignored.
    pub fn handle(&mut self, input: Input) {
        if self.phase == Phase::Over {
            return;
        }
        match input {
            Input::Interrupted => self.interrupted(),
            Input::ToolDone { id, result } => self.tool_done(&id, &result),
            Input::Waited if self.phase == Phase::Waiting => self.call(),
            Input::Waited => {}
            Input::Fetched {
                ordinal,
                file_id,
                result,
            } => self.fetched(ordinal, file_id, result),
            Input::Saved(result) => self.saved(result),
            Input::Failed { error, random } => self.failed(error, random),
            Input::EndOfStream if matches!(self.phase, Phase::Opening | Phase::Streaming) => {
                let reason = "the stream ended early".to_owned();
                self.fail(ApiError::Truncated { reason });
            }
            Input::EndOfStream => {}
            Input::Event(event) => self.event(event),
        }
    }

    fn call(&mut self) {
        self.phase = Phase::Opening;
        self.accumulator = Accumulator::new();
        self.show_activity(Activity::Waiting);
        self.actions
            .push_back(Action::Call(Box::new(self.plan.request.clone())));
    }

    fn event(&mut self, event: StreamEvent) {
        if !matches!(self.phase, Phase::Opening | Phase::Streaming) {
            return;
        }
        if let StreamEvent::Error { error } = event {
            return self.fail(error);
        }
        if self.phase == Phase::Opening && event != StreamEvent::Ping {
            self.phase = Phase::Streaming;
            self.doubted = None;
            if std::mem::take(&mut self.sandbox_lost) {
                self.notice(if self.files_again {
                    "The sandbox of earlier cells is gone (it expires): Claude works in a new one, which has your attached files and nothing else."
                } else {
                    "The sandbox of earlier cells is gone (it expires): Claude works in a new, empty one."
                });
            }
        }
        self.accumulator.apply(&event);
        self.count(&event);
        match event {
            StreamEvent::BlockStart { index, block } => {
                if let Some(activity) = activity_of(&block) {
                    let writes = activity == Activity::Writing;
                    self.show_activity(if writes { self.writing() } else { activity });
                }
                self.show(Update::BlockStarted {
                    ordinal: self.base + index,
                    block,
                });
            }
            StreamEvent::BlockDelta { index, delta } => {
                if matches!(delta, Delta::Text(_)) && self.activity != Some(self.writing()) {
                    self.show_activity(self.writing());
                }
                self.show(Update::BlockDelta {
                    ordinal: self.base + index,
                    delta,
                });
            }
            StreamEvent::BlockStop { index } => self.block_stopped(index),
            StreamEvent::MessageStop => self.message_stopped(),
            StreamEvent::Unknown { raw, .. } => {
                if self.unknown_events.len() < MAX_UNKNOWN_EVENTS {
                    self.unknown_events.push(raw);
                }
            }
            StreamEvent::MessageStart { .. }
            | StreamEvent::MessageDelta { .. }
            | StreamEvent::Ping
            | StreamEvent::Error { .. } => {}
        }
        if self.phase != Phase::Over {
            self.check_budget();
        }
        if let Some(id) = self.accumulator.container_id()
            && self.container.as_deref() != Some(id)
        {
            self.container = Some(id.to_owned());
        }
    }

    fn block_stopped(&mut self, index: usize) {
        let Some(block) = self.accumulator.block(index).cloned() else {
            return;
        };
        let ordinal = self.base + index;
        let (mut file_ids, mut hint) = (Vec::new(), None);
        match block.view() {
            View::Executed { outcome, .. } => {
                self.runs += 1;
                hint = hints::hint(&outcome);
                if let Ok(executed) = outcome {
                    file_ids.extend(executed.file_ids.iter().map(|id| (*id).to_owned()));
                }
            }
            View::ServerToolUse { name, .. } => self.show_activity(Activity::Running {
                what: tool_label(name).to_owned(),
            }),
            _ => {}
        }
        self.show(Update::BlockFinished { ordinal, block });
        if let Some(hint) = hint.filter(|hint| !self.hinted.contains(hint)) {
            self.notice(&hint);
            self.hinted.push(hint);
        }
        for file_id in file_ids {
            self.pending_fetches += 1;
            self.actions.push_back(Action::Fetch { ordinal, file_id });
        }
    }

    fn message_stopped(&mut self) {
        let message = std::mem::take(&mut self.accumulator).into_message();
        let expires = message.container().and_then(|known| known.expires_at);
        self.sandbox_expires = expires.map(str::to_owned).or(self.sandbox_expires.take());
        let usage = message.usage();
        let model = message
            .model()
            .unwrap_or(&self.plan.request.model)
            .to_owned();
        self.spending.ended(&model, &usage);
        self.context_tokens = self.context_at_end(&usage);
        let miss = message.cache_miss_reason().map(str::to_owned);
        self.cache_miss = self.cache_miss.take().or(miss);
        self.served_by = Some(model);
        self.message_id = message.id().map(str::to_owned).or(self.message_id.take());
        let end = match message.stop_reason() {
            Some(StopReason::Refusal) => {
                let (category, explanation) = message.refusal();
                Some(TurnEnd::Refused {
                    category: category.map(str::to_owned),
                    explanation: explanation.map(str::to_owned),
                })
            }
            _ => None,
        };
        let stop_reason = message.stop_reason();
        let first = self.base;
        self.base += message.content.len();
        self.finished.push((Role::Assistant, message.content));
        if let Some(end) = end {
            return self.abort(end);
        }
        match stop_reason {
            Some(StopReason::PauseTurn) => return self.go_on(),
            Some(StopReason::ToolUse) => return self.run_tools(first),
            Some(StopReason::MaxTokens) => {
                self.cut = Some(Cut::MaxTokens);
                self.notice(&format!(
                    "The answer was cut off at `max_tokens` ({}). `%continue` goes on; `%max_tokens` raises the limit.",
                    self.plan.request.max_tokens
                ));
            }
            Some(StopReason::ContextWindowExceeded) => {
                self.cut = Some(Cut::ContextWindow);
                self.notice("The answer was cut off: the conversation fills the model's context window. `%compact` makes room, then `%continue` goes on.");
            }
            Some(StopReason::Other(reason)) => {
                self.notice(&format!(
                    "Claude stopped for a reason this version does not know: `{reason}`."
                ));
            }
            _ => {}
        }
        self.settle();
    }

    /// Continues a paused turn: what came is sent back as it is, without a new user message.
    fn go_on(&mut self) {
        self.continuations += 1;
        if self.continuations > MAX_CONTINUATIONS {
            self.cut = Some(Cut::Rounds);
            self.notice(&format!(
                "Claude paused {} times in this turn; it was stopped here. `%continue` goes on.",
                self.continuations
            ));
            return self.settle();
        }
        self.send_back();
        self.call_again();
    }

    /// Adds the last message of the turn to the request.
    fn send_back(&mut self) {
        let last = self.finished.last();
        let said = last.and_then(|(role, blocks)| message(*role, &raw(blocks)));
        self.plan.request.messages.extend(said);
    }

    fn call_again(&mut self) {
        self.plan.request.container.id.clone_from(&self.container);
        mark_newest(&mut self.plan.request.messages);
        self.attempts = Attempts::default();
        if self.bound_by_budget() {
            self.call();
        }
    }

    fn fetched(&mut self, ordinal: usize, file_id: String, result: Result<FetchedFile, String>) {
        self.pending_fetches = self.pending_fetches.saturating_sub(1);
        match result {
            Ok(file) => self.show(Update::FileFetched { ordinal, file }),
            Err(why) => {
                self.unfetched.push(file_id.clone());
                self.show(Update::FileFailed {
                    ordinal,
                    file_id,
                    why,
                });
            }
        }
        if self.phase == Phase::Settling {
            self.settle();
        }
    }

    fn show(&mut self, update: Update) {
        self.actions.push_back(Action::Show(update));
    }

    fn notice(&mut self, text: &str) {
        self.show(Update::Notice(text.to_owned()));
    }

    fn show_activity(&mut self, activity: Activity) {
        self.activity = Some(activity.clone());
        self.show(Update::Activity(activity));
    }
}

fn raw(blocks: &[Block]) -> Vec<Value> {
    blocks
        .iter()
        .map(|block| Value::Object(block.raw().clone()))
        .collect()
}

fn activity_of(block: &Block) -> Option<Activity> {
    match block.view() {
        View::Thinking { .. } | View::RedactedThinking => Some(Activity::Thinking),
        View::ServerToolUse { .. } | View::ToolUse { .. } => Some(Activity::WritingCode),
        View::Text { .. } => Some(Activity::Writing),
        _ => None,
    }
}

fn tool_label(name: &str) -> &str {
    match name {
        "bash_code_execution" => "a command",
        "code_execution" => "Python",
        "text_editor_code_execution" => "the editor",
        "web_search" => "a web search",
        "web_fetch" => "a page fetch",
        other => other,
    }
}
