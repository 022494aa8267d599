//! One turn as a state machine: inputs from the API and the clock in, actions out. Pure.
//!
//! The driver (`kernel::execute`) calls [`TurnLoop::poll`] until it is empty, does what the actions
//! say, and hands back what happened. Every path ends in exactly one [`Action::Finish`].

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::anthropic::accumulate::Accumulator;
use crate::anthropic::block::{Block, View};
use crate::anthropic::error::ApiError;
use crate::anthropic::event::{Delta, StreamEvent};
use crate::anthropic::message::StopReason;
use crate::anthropic::model;
use crate::anthropic::request::Role;
use crate::anthropic::retry;

use super::action::{Action, Input, Plan};
use super::conversation::{message, strip_request};
use super::history::{self, Said};
use super::ledger;
use super::turn::{
    Activity, FetchedFile, FinishedTurn, Receipt, ToolCall, ToolResult, TurnEnd, TurnUsage, Update,
};

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
    retries: u32,
    continuations: u32,
    /// The first refusal, while repairs are tried.
    first_error: Option<ApiError>,
    sandbox_lost: bool,
    thinking_refused: bool,
    pending_fetches: usize,
    usage: TurnUsage,
    /// `None` once a call's price was unknown.
    cost_usd: Option<f64>,
    runs: u32,
    served_by: Option<String>,
    container: Option<String>,
    message_id: Option<String>,
    unknown_events: Vec<Value>,
    activity: Option<Activity>,
    truncated: bool,
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
            retries: 0,
            continuations: 0,
            first_error: None,
            sandbox_lost: false,
            thinking_refused: false,
            pending_fetches: 0,
            usage: TurnUsage::default(),
            cost_usd: Some(0.0),
            runs: 0,
            served_by: None,
            container: plan.request.container.clone(),
            message_id: None,
            unknown_events: Vec::new(),
            activity: None,
            truncated: false,
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

    /// Takes what happened. After the end, everything is ignored.
    pub fn handle(&mut self, input: Input) {
        if self.phase == Phase::Over {
            return;
        }
        match input {
            Input::Interrupted => self.abort(TurnEnd::Interrupted { kept: None }),
            Input::ToolDone { id, result } => self.tool_done(&id, &result),
            Input::Waited if self.phase == Phase::Waiting => self.call(),
            Input::Waited => {}
            Input::Fetched {
                ordinal,
                file_id,
                result,
            } => self.fetched(ordinal, file_id, result),
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

    fn failed(&mut self, error: ApiError, random: f64) {
        if self.phase != Phase::Opening {
            return self.fail(error);
        }
        if self.repair(&error) {
            self.first_error.get_or_insert(error);
            return self.call();
        }
        if let Some(delay) = retry::retry_delay(&error, self.retries, random) {
            self.retries += 1;
            self.phase = Phase::Waiting;
            self.show_activity(Activity::Retrying {
                delay,
                why: retry::reason(&error).to_owned(),
            });
            self.actions.push_back(Action::Wait(delay));
            return;
        }
        let error = self.first_error.take().unwrap_or(error);
        self.fail(error);
    }

    /// Changes the request after a refusal that may be about the sandbox or the history; in the
    /// order of `claude-api.md` 14, without reading the message. False when nothing is left to try.
    fn repair(&mut self, error: &ApiError) -> bool {
        let ApiError::Status { status, .. } = error else {
            return false;
        };
        if self.continuations > 0 || self.tool_rounds > 0 {
            return false;
        }
        if matches!(status, 400 | 404) && self.plan.request.container.take().is_some() {
            self.container = None;
            self.sandbox_lost = true;
            return true;
        }
        if *status == 400 && !self.thinking_refused && strip_request(&mut self.plan.request) {
            self.thinking_refused = true;
            return true;
        }
        false
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
            if std::mem::take(&mut self.sandbox_lost) {
                self.notice("The sandbox of earlier cells is gone (it expires): Claude works in a new, empty one.");
            }
        }
        self.accumulator.apply(&event);
        match event {
            StreamEvent::BlockStart { index, block } => {
                if let Some(activity) = activity_of(&block) {
                    self.show_activity(activity);
                }
                self.show(Update::BlockStarted {
                    ordinal: self.base + index,
                    block,
                });
            }
            StreamEvent::BlockDelta { index, delta } => {
                if matches!(delta, Delta::Text(_)) && self.activity != Some(Activity::Writing) {
                    self.show_activity(Activity::Writing);
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
        let mut file_ids = Vec::new();
        match block.view() {
            View::Executed { outcome, .. } => {
                self.runs += 1;
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
        for file_id in file_ids {
            self.pending_fetches += 1;
            self.actions.push_back(Action::Fetch { ordinal, file_id });
        }
    }

    fn message_stopped(&mut self) {
        let message = std::mem::take(&mut self.accumulator).into_message();
        let usage = message.usage();
        let model = message
            .model()
            .unwrap_or(&self.plan.request.model)
            .to_owned();
        self.usage = ledger::sum(self.usage, &usage);
        self.cost_usd = ledger::sum_costs(self.cost_usd, model::cost_usd(&model, &usage));
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
                self.truncated = true;
                self.notice(&format!(
                    "The answer was cut off at `max_tokens` ({}). Ask Claude to continue, or raise it with `%max_tokens`.",
                    self.plan.request.max_tokens
                ));
            }
            Some(StopReason::ContextWindowExceeded) => {
                self.truncated = true;
                self.notice("The answer was cut off: the conversation fills the model's context window. Start afresh with `%reset chat`.");
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
            self.truncated = true;
            self.notice(&format!(
                "Claude paused {} times in this turn; it was stopped here. Ask it to continue.",
                self.continuations
            ));
            return self.settle();
        }
        self.send_back();
        self.call_again();
    }

    /// Starts the tools that the last answer calls, whose first block has ordinal `first`.
    fn run_tools(&mut self, first: usize) {
        let blocks = self.finished.last().map_or(&[][..], |(_, blocks)| blocks);
        let calls: Vec<ToolCall> = blocks
            .iter()
            .enumerate()
            .filter_map(|(at, block)| tool_call(block, first + at))
            .collect();
        self.tool_rounds += 1;
        if calls.is_empty() || self.tool_rounds > MAX_TOOL_ROUNDS {
            self.truncated = true;
            self.notice(&format!(
                "Claude stopped for a tool call in round {}; the turn was ended here.",
                self.tool_rounds
            ));
            return self.settle();
        }
        self.phase = Phase::Tools;
        for call in calls {
            self.show_activity(Activity::Running {
                what: call.name.clone(),
            });
            self.actions.push_back(Action::RunTool(call.clone()));
            self.tools.push((call, None));
        }
    }

    fn tool_done(&mut self, id: &str, result: &ToolResult) {
        let open = self.tools.iter_mut().find(|(call, _)| call.id == id);
        let Some((call, answer @ None)) = open else {
            return;
        };
        let block = result_block(call, result);
        *answer = Some(block.clone());
        let (ordinal, id) = (call.ordinal, call.id.clone());
        self.show(Update::ToolFinished {
            ordinal,
            id,
            result: block,
        });
        if self.tools.iter().any(|(_, answer)| answer.is_none()) {
            return;
        }
        let results: Vec<Block> = std::mem::take(&mut self.tools)
            .into_iter()
            .filter_map(|(_, result)| result)
            .collect();
        self.send_back();
        self.finished.push((Role::User, results));
        self.send_back();
        self.call_again();
    }

    /// Adds the last message of the turn to the request.
    fn send_back(&mut self) {
        let last = self.finished.last();
        let said = last.and_then(|(role, blocks)| message(*role, raw(blocks)));
        self.plan.request.messages.extend(said);
    }

    fn call_again(&mut self) {
        self.plan.request.container.clone_from(&self.container);
        self.retries = 0;
        self.call();
    }

    fn fetched(&mut self, ordinal: usize, file_id: String, result: Result<FetchedFile, String>) {
        self.pending_fetches = self.pending_fetches.saturating_sub(1);
        match result {
            Ok(file) => self.show(Update::FileFetched { ordinal, file }),
            Err(why) => self.show(Update::FileFailed {
                ordinal,
                file_id,
                why,
            }),
        }
        if self.phase == Phase::Settling {
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.phase = Phase::Settling;
        if self.pending_fetches > 0 {
            let name = if self.pending_fetches == 1 {
                "a file".to_owned()
            } else {
                format!("{} files", self.pending_fetches)
            };
            return self.show_activity(Activity::Fetching { name });
        }
        let receipt = self.receipt();
        let messages = history::keep(&self.finished, self.truncated);
        let answer = history::answer_text(&self.finished);
        self.show(Update::Finished(receipt.clone()));
        self.phase = Phase::Over;
        self.actions
            .push_back(Action::Finish(Box::new(TurnEnd::Finished(Box::new(
                FinishedTurn {
                    question: std::mem::take(&mut self.plan.question),
                    messages,
                    answer,
                    message_id: self.message_id.take(),
                    receipt,
                    thinking_refused: self.thinking_refused,
                },
            )))));
    }

    fn receipt(&self) -> Receipt {
        let model = self
            .served_by
            .clone()
            .unwrap_or_else(|| self.plan.request.model.clone());
        let spec = model::lookup(&model);
        Receipt {
            effort: self
                .plan
                .effort
                .or(spec.and_then(|spec| spec.default_effort)),
            usage: self.usage,
            runs: self.runs,
            cost_usd: self.cost_usd,
            turn: self.plan.turn,
            offline: self.plan.offline,
            model,
        }
    }

    fn fail(&mut self, error: ApiError) {
        self.abort(TurnEnd::Failed { error, kept: None });
    }

    fn abort(&mut self, end: TurnEnd) {
        self.actions.clear();
        self.show(Update::Aborted);
        self.phase = Phase::Over;
        self.actions.push_back(Action::Finish(Box::new(end)));
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

fn tool_call(block: &Block, ordinal: usize) -> Option<ToolCall> {
    let View::ToolUse { id, name, input } = block.view() else {
        return None;
    };
    let caller = block
        .raw()
        .get("caller")
        .and_then(|caller| caller.get("type"));
    let from_code = caller
        .and_then(Value::as_str)
        .is_some_and(|caller| caller.starts_with("code_execution"));
    Some(ToolCall {
        ordinal,
        id: id.to_owned(),
        name: name.to_owned(),
        input: input.clone(),
        from_code,
    })
}

fn result_block(call: &ToolCall, result: &ToolResult) -> Block {
    let mut block =
        json!({"type": "tool_result", "tool_use_id": call.id, "content": result.content});
    if let (true, Value::Object(block)) = (result.is_error, &mut block) {
        block.insert("is_error".to_owned(), Value::Bool(true));
    }
    Block::from_raw(block)
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
