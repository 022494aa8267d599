//! One turn as a state machine: inputs from the API and the clock in, actions out. Pure.
//!
//! The driver calls [`TurnLoop::poll`] until it is empty, does what the actions say, and hands back
//! what happened. Every path ends in exactly one [`Action::Finish`]. Each request is composed from
//! the conversations, the ask and the facts at the moment it is sent; a repair changes a fact.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::anthropic::accumulate::Accumulator;
use crate::anthropic::block::Block;
use crate::anthropic::error::ApiError;
use crate::anthropic::message::StopReason;
use crate::anthropic::retry::Attempts;

use super::action::{Action, Input, NotSaved, Terms};
use super::conversation::Conversations;

use super::history::{self, Said};
use super::receipt::Cut;
use super::recording::Recorder;
use super::spending::Spending;
use super::structured::Structured;
use super::turn::ask::Ask;
use super::turn::compose::{Composed, Sent, compose};
use super::turn::facts::{Facts, Keys};
use super::turn::{Activity, FetchedFile, ToolCall, TurnEnd, Update};
use repair::Repairs;

mod end;
mod money;
mod recording;
mod repair;
mod results;
mod stream;
mod tools;

/// The most often a paused turn is continued (`docs/protocol.md#paused-turns`).
pub const MAX_CONTINUATIONS: u32 = 10;
/// The most rounds of tool calls in a turn: far more than any work needs, but few enough to end an
/// endless loop.
pub const MAX_TOOL_ROUNDS: u32 = 100;

/// Where the turn stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A request was sent; nothing of its answer has come.
    Opening,
    /// A call failed; the next attempt has not begun.
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

/// What comes next.
#[derive(Debug)]
enum Step {
    /// A request is to be composed and sent.
    Call,
    Do(Box<Action>),
}

/// The state of one turn.
#[derive(Debug)]
pub struct TurnLoop {
    ask: Ask,
    facts: Facts,
    terms: Terms,
    /// The first request, until it is sent.
    first: Option<Composed>,
    /// What was sent last.
    sent: Sent,
    /// `max_tokens` of what was sent last.
    max_tokens: u32,
    /// The parts of the request sent last that repairs may leave out.
    suspects: repair::Suspects,
    phase: Phase,
    steps: VecDeque<Step>,
    accumulator: Accumulator,
    /// Messages of this turn after the question.
    finished: Vec<Said>,
    /// Tool calls of the last answer, in order, with their results.
    tools: Vec<(ToolCall, Option<Block>)>,
    tool_rounds: u32,
    /// Ordinal of the running call's first block.
    base: usize,
    attempts: Attempts,
    continuations: u32,
    repairs: Repairs,
    /// The sandbox whose step failed because it had expired.
    expired: Option<String>,
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
    message_id: Option<String>,
    unknown_events: Vec<Value>,
    activity: Option<Activity>,
    /// Files that could not be fetched: their ids.
    unfetched: Vec<String>,
    /// How long the API promises to keep the sandbox: a time in RFC 3339.
    sandbox_expires: Option<String>,
    /// The hints about failed steps that were shown, each once.
    hinted: Vec<String>,
    /// Why the answer is not whole.
    cut: Option<Cut>,
    result: Option<Structured>,
    pending_saves: usize,
    recorder: Recorder,
}

impl TurnLoop {
    /// Starts a turn. `first` is the request that was composed of `ask` and `facts`; the first
    /// action sends it.
    #[must_use]
    pub fn start(ask: Ask, facts: Facts, terms: Terms, first: Composed) -> Self {
        let mut turn = Self {
            phase: Phase::Opening,
            steps: VecDeque::new(),
            accumulator: Accumulator::new(),
            finished: Vec::new(),
            tools: Vec::new(),
            tool_rounds: 0,
            base: 0,
            attempts: Attempts::default(),
            continuations: 0,
            repairs: Repairs::default(),
            expired: None,
            pending_fetches: 0,
            spending: Spending::new(Arc::clone(&terms.prices), terms.allowance),
            context_tokens: 0,
            first_input: 0,
            result_bytes: 0,
            cache_miss: None,
            sandbox_ms: 0,
            runs: 0,
            served_by: None,
            message_id: None,
            unknown_events: Vec::new(),
            activity: None,
            hinted: Vec::new(),
            unfetched: Vec::new(),
            sandbox_expires: None,
            cut: None,
            result: None,
            pending_saves: 0,
            recorder: Recorder::default(),
            sent: first.sent.clone(),
            max_tokens: first.request.max_tokens,
            suspects: repair::Suspects::of(&first),
            first: Some(first),
            ask,
            facts,
            terms,
        };
        turn.call();
        turn
    }

    /// Returns the next action, if there is one. A request is composed of `conversations` as they
    /// are now, so they must not change while a turn runs.
    pub fn poll(&mut self, conversations: &Conversations) -> Option<Action> {
        match self.steps.pop_front()? {
            Step::Do(action) => Some(*action),
            Step::Call => {
                let composed = self.first.take();
                let composed = composed.unwrap_or_else(|| {
                    compose(conversations, &self.ask, &self.facts, &self.finished)
                });
                self.suspects = repair::Suspects::of(&composed);
                self.max_tokens = composed.request.max_tokens;
                self.sent = composed.sent;
                Some(Action::Call(Box::new(composed.request)))
            }
        }
    }

    /// Returns what is asked.
    #[must_use]
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// Gives back what was asked.
    #[must_use]
    pub fn into_ask(self) -> Ask {
        self.ask
    }

    /// Returns whether the present request differs from the first one of its call, because that one
    /// was refused.
    #[must_use]
    pub fn is_on_trial(&self) -> bool {
        self.repairs.is_running()
    }

    /// Returns the facts as they are known by now, for later turns.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Returns what was sent last; before the first request is sent, what that request will send.
    #[must_use]
    pub fn sent(&self) -> &Sent {
        &self.sent
    }

    /// Returns the 1-based number of the turn.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.sent.number
    }

    /// Returns the sandbox's id if it is known: also after a turn that failed, and also if the
    /// request did not name the sandbox because no tool could use it.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        let id = self
            .repairs
            .container()
            .or(self.facts.sandbox.id.as_deref());
        id.filter(|id| self.expired.as_deref() != Some(id))
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

    /// Returns how long the API promises to keep the sandbox: a time in RFC 3339.
    #[must_use]
    pub fn sandbox_expires(&self) -> Option<&str> {
        self.sandbox_expires.as_deref()
    }

    /// Returns the ids of the files that could not be fetched.
    #[must_use]
    pub fn unfetched(&self) -> &[String] {
        &self.unfetched
    }

    /// Takes what happened. After the end of the turn, every input is ignored.
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
        self.steps.push_back(Step::Call);
    }

    fn message_stopped(&mut self) {
        let message = std::mem::take(&mut self.accumulator).into_message();
        self.recorder.answered(&message);
        let expires = message.container().and_then(|known| known.expires_at);
        self.sandbox_expires = expires.map(str::to_owned).or(self.sandbox_expires.take());
        let usage = message.usage();
        let model = message
            .model()
            .unwrap_or(&self.ask.settings.model)
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
        self.finished.push(self.sendable(message.content));
        if let Some(end) = end {
            return self.abort(end);
        }
        match stop_reason {
            Some(StopReason::PauseTurn) => return self.continue_paused(),
            Some(StopReason::ToolUse) => return self.run_tools(first),
            Some(StopReason::MaxTokens) => {
                self.cut = Some(Cut::MaxTokens);
                self.notice(&format!(
                    "The answer was cut off at `max_tokens` ({}). `%continue` goes on; `%max_tokens` raises the limit.",
                    self.max_tokens
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

    /// An answer as it goes back: if the API refuses some keys, without those.
    fn sendable(&self, blocks: Vec<Block>) -> Said {
        let said = Said::assistant(blocks);
        let known = match self.facts.keys {
            Keys::All => None,
            Keys::Known => history::with_known_keys(std::slice::from_ref(&said)),
        };
        known.and_then(|mut known| known.pop()).unwrap_or(said)
    }

    /// Continues a paused turn: what came is sent back as it is, without a new user message.
    fn continue_paused(&mut self) {
        self.continuations += 1;
        if self.continuations > MAX_CONTINUATIONS {
            self.cut = Some(Cut::Rounds);
            self.notice(&format!(
                "Claude paused {} times in this turn; it was stopped here. `%continue` goes on.",
                self.continuations
            ));
            return self.settle();
        }
        self.call_again();
    }

    fn call_again(&mut self) {
        self.attempts = Attempts::default();
        if self.bound_by_budget() {
            self.call();
        }
    }

    fn fetched(&mut self, ordinal: usize, file_id: String, result: Result<FetchedFile, NotSaved>) {
        self.pending_fetches = self.pending_fetches.saturating_sub(1);
        self.record_file(&file_id, &result);
        match result {
            Ok(file) => self.show(Update::FileFetched { ordinal, file }),
            Err(NotSaved { why }) => {
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

    fn push(&mut self, action: Action) {
        self.steps.push_back(Step::Do(Box::new(action)));
    }

    fn show(&mut self, update: Update) {
        self.push(Action::Show(update));
    }

    fn notice(&mut self, text: &str) {
        self.show(Update::Notice(text.to_owned()));
    }

    fn show_activity(&mut self, activity: Activity) {
        self.activity = Some(activity.clone());
        self.show(Update::Activity(activity));
    }
}
