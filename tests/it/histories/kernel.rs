//! The kernel's side of a random history, and all that the rest of it knows of the kernel: how a
//! conversation is kept, how a turn is asked and driven, and a journal that is read again.

use std::collections::VecDeque;

use claude_kernel::anthropic::block::Block;
use claude_kernel::anthropic::error::ApiError;
use claude_kernel::anthropic::event::StreamEvent;
use claude_kernel::anthropic::model::{self, Effort};
use claude_kernel::anthropic::request::MessagesRequest;
use claude_kernel::chat::action::{Action, Input, Terms};
use claude_kernel::chat::conversation::Conversations;
use claude_kernel::chat::conversation::order::CellKey;
use claude_kernel::chat::input::{Gone, Input as File, VisibleAs};
use claude_kernel::chat::record::Record;
use claude_kernel::chat::settings::{Languages, Settings, ThinkingShow};
use claude_kernel::chat::turn::ask::Ask;
use claude_kernel::chat::turn::compose::{compose, nothing_to_sum_up, summary_record};
use claude_kernel::chat::turn::facts::{Diagnostics, Facts, Sandbox};
use claude_kernel::chat::turn::{FinishedTurn, ToolResult, TurnEnd, Update};
use claude_kernel::chat::turn_loop::TurnLoop;
use claude_kernel::chat::web::Web;
use claude_kernel::kernel::inputs::Inputs;
use serde_json::{Value, json};

use super::claude::{Answered, Claude, Sent};

const MODELS: &[&str] = &[
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-fable-5-2",
    "claude-haiku-5-5",
    "claude-opus-5",
    "claude-sonnet-5",
    "claude-opus-4-7",
    "claude-haiku-4-5",
];

/// When a turn does not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Never,
    /// The person stops it after so many events.
    Interrupt(u8),
    /// The connection breaks after so many events.
    Break(u8),
}

/// How a turn ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) how: How,
    /// What the person was told.
    pub(super) notices: Vec<String>,
    pub(super) is_kept: bool,
    pub(super) is_cut: bool,
    /// Whether turns above it lost their thinking for good.
    pub(super) lost_thinking: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum How {
    Finished,
    Refused,
    Interrupted,
    Failed(String),
}

/// One notebook's kernel.
#[derive(Debug, Default)]
pub(super) struct Kernel {
    conversations: Conversations,
    inputs: Inputs,
    journal: Vec<String>,
    settings: Settings,
    saved: Vec<String>,
    diagnostics: Diagnostics,
}

impl Kernel {
    /// The name of the conversation that cells talk in.
    pub(super) fn thread(&self) -> &str {
        &self.conversations.current().name
    }

    pub(super) fn next_run(&self) -> CellKey {
        self.conversations.order().next_run()
    }

    pub(super) fn save(&mut self, cells: &[String]) {
        self.saved = cells.to_vec();
        self.conversations.set_file_order(self.saved.clone());
    }

    pub(super) fn deleted(&mut self, cells: impl Iterator<Item = CellKey>) {
        self.record_all(self.conversations.detached(cells));
    }

    pub(super) fn undo(&mut self) {
        self.record_all(self.conversations.undo());
    }

    pub(super) fn fork(&mut self, name: &str, cell: &CellKey) {
        self.record(self.conversations.fork(name, cell));
    }

    pub(super) fn switch(&mut self, name: &str) {
        self.record(Record::Thread {
            name: name.to_owned(),
        });
    }

    pub(super) fn reset_chat(&mut self) {
        let thread = self.thread().to_owned();
        self.record(Record::Reset { thread });
    }

    pub(super) fn reset_sandbox(&mut self) {
        self.record_all(self.conversations.container_changed(None));
    }

    pub(super) fn model(&mut self, number: u8) {
        self.settings.model = MODELS[usize::from(number) % MODELS.len()].to_owned();
        self.settings.effort = None;
    }

    pub(super) fn set(&mut self, number: u8) {
        let settings = &mut self.settings;
        let languages = |bash, python| Languages { bash, python };
        let toggle = |is_on: bool| (!is_on).then(|| format!("Be brief, {number}."));
        match number % 14 {
            0 => settings.system = toggle(settings.system.is_some()),
            1 if settings.presets.is_empty() => settings.presets.push("analyst".to_owned()),
            1 => settings.presets.clear(),
            2 => settings.languages = languages(true, true),
            3 => settings.languages = languages(true, false),
            // `%tools none`: nothing that needs a sandbox.
            4 => {
                settings.languages = languages(false, false);
                settings.dated_tools.clear();
            }
            12 | 13 => settings.languages = languages(number % 28 > 13, false),
            5 | 6 => settings.web = settings.web.is_none().then(Web::default),
            7 if settings.dated_tools.is_empty() => settings
                .dated_tools
                .push("code_execution_20250825".to_owned()),
            7 => settings.dated_tools.clear(),
            8 if !settings.model.contains("4-5") => settings.effort = Some(Effort::Low),
            9 => settings.thinking = ThinkingShow::Off,
            10 => settings.thinking = ThinkingShow::Show,
            _ => settings.max_tokens = 8_000,
        }
    }

    pub(super) fn change_tool(&mut self, number: u8) {
        let tools = &mut self.settings.client_tools;
        let name = if number.is_multiple_of(2) {
            "mine"
        } else {
            "yours"
        };
        let about = format!("version {}", number / 8);
        let mut tool =
            json!({"name": name, "description": about, "input_schema": {"type": "object"}});
        if !number.is_multiple_of(3) {
            tool["allowed_callers"] = json!(["direct", "code_execution_20260120"]);
        }
        let known = tools.iter().position(|tool| tool["name"] == name);
        match known {
            Some(at) if number % 8 < 4 => drop(tools.remove(at)),
            Some(at) => tools[at] = tool,
            None => tools.push(tool),
        }
    }

    /// A file was uploaded, and goes with the next prompt.
    pub(super) fn attach(&mut self, file_id: &str, number: u8) {
        self.inputs.add(File {
            file_id: file_id.to_owned(),
            name: format!("{file_id}.txt"),
            path: format!("/n/{file_id}.txt").into(),
            size_bytes: 1,
            sha256: "0a".repeat(32),
            mime_type: "text/plain".to_owned(),
            expires_at: None,
            visible_as: None,
            sandbox: false,
            cells: Vec::new(),
        });
        let (visible_as, sandbox) = match number % 4 {
            0 => (Some(VisibleAs::Image), false),
            1 => (Some(VisibleAs::Document), false),
            2 => (None, true),
            _ => (Some(VisibleAs::Document), true),
        };
        self.inputs.wait(file_id, visible_as, sandbox);
        self.tell_journal();
    }

    /// `%rm`: the API has the file no longer.
    pub(super) fn remove(&mut self, file_id: &str) {
        self.inputs.remove(file_id);
        self.tell_journal();
    }

    /// Has the turns above a cell summed up, where the model can.
    pub(super) fn compact(
        &mut self,
        cell: &CellKey,
        mut api: impl FnMut(&Sent) -> Result<Answered, String>,
    ) -> Result<bool, String> {
        let compacts = model::lookup(&self.settings.model).is_some_and(|it| it.compacts);
        if !compacts
            || nothing_to_sum_up(&self.conversations, cell, &self.settings, &Facts::default())
        {
            return Ok(false);
        }
        let ask = Ask::compaction(cell.clone(), self.settings.clone(), None);
        let composed = compose(&self.conversations, &ask, &self.facts(), &[]);
        let Answered::Events(events) = api(&sent(&composed.request))? else {
            return Ok(false);
        };
        let opened = events.iter().map(|event| &event["content_block"]);
        let blocks = opened.filter(|block| block.is_object()).cloned();
        let blocks: Vec<Block> = blocks.map(Block::from_raw).collect();
        let record = summary_record(&composed.sent, &blocks);
        let is_made = record.is_some();
        self.record_all(record);
        Ok(is_made)
    }

    /// Asks a question in a cell and drives the turn to its end.
    pub(super) fn ask(
        &mut self,
        cell: &CellKey,
        prompt: &str,
        claude: &mut Claude,
        stop: Stop,
    ) -> Result<Ended, String> {
        self.record_all(self.conversations.first_run_of(cell));
        let (mut turn, told) = self.start(cell, prompt);
        let (end, mut notices) = drive(&mut turn, &self.conversations, claude, stop)?;
        notices.extend(told);
        self.diagnostics = turn.facts().diagnostics;
        let (kept, how) = match end {
            TurnEnd::Finished(kept) => (Some(kept), How::Finished),
            TurnEnd::Interrupted { left } => (left.kept, How::Interrupted),
            TurnEnd::Failed { left, error } => (left.kept, How::Failed(error.to_string())),
            TurnEnd::Refused { .. } => (None, How::Refused),
            other @ TurnEnd::OverBudget { .. } => return Err(format!("{other:?}")),
        };
        let is_cut = kept.as_ref().is_some_and(|kept| kept.cut.is_some());
        let container = turn.container().map(str::to_owned);
        let record = kept.as_deref().and_then(FinishedTurn::record);
        let lost_thinking =
            matches!(&record, Some(Record::Turn(turn)) if !turn.stripped.is_empty());
        let is_kept = record.is_some();
        let changed = || self.conversations.container_changed(container.as_deref());
        let record = record.or_else(changed);
        self.record_all(record);
        self.tell_journal();
        Ok(Ended {
            how,
            notices,
            is_kept,
            is_cut,
            lost_thinking,
        })
    }

    fn facts(&self) -> Facts {
        let container = self.conversations.current().container();
        Facts {
            files: self.inputs.files(container),
            sandbox: Sandbox::of(container),
            diagnostics: self.diagnostics,
            ..Facts::default()
        }
    }

    fn start(&self, cell: &CellKey, prompt: &str) -> (TurnLoop, Option<String>) {
        let ask = Ask {
            attachments: self.inputs.waiting(),
            ..Ask::of(cell.clone(), self.settings.clone(), prompt)
        };
        let facts = self.facts();
        let first = compose(&self.conversations, &ask, &facts, &[]);
        let told = self.inputs.sentence_of_files_again(&first.files_again);
        let turn = TurnLoop::start(ask, facts, Terms::default(), first);
        (turn, told)
    }

    /// Another process reads the journal and stands where this one stood.
    pub(super) fn restart(&mut self) -> Result<(), String> {
        let mut again = Self {
            settings: self.settings.clone(),
            saved: self.saved.clone(),
            diagnostics: self.diagnostics,
            ..Self::default()
        };
        for line in &self.journal {
            again.apply(Record::parse(line).map_err(|error| format!("{line}: {error}"))?);
        }
        again.conversations.set_file_order(self.saved.clone());
        let cell = again.next_run();
        let plan = |kernel: &Self| {
            let (mut turn, ..) = kernel.start(&cell, "still there?");
            let first = std::iter::from_fn(|| turn.poll(&kernel.conversations));
            let calls = first.filter_map(|action| match action {
                Action::Call(request) => Some(sent(&request).body.to_string()),
                _ => None,
            });
            calls.collect::<Vec<String>>()
        };
        let (before, after) = (plan(self), plan(&again));
        if before != after {
            return Err(format!("after a restart:\n{after:?}\nbefore:\n{before:?}"));
        }
        again.journal = std::mem::take(&mut self.journal);
        *self = again;
        self.record(Record::Restarted);
        Ok(())
    }

    fn record(&mut self, record: Record) {
        self.journal.push(serde_json::to_string(&record).unwrap());
        self.apply(record);
    }

    fn record_all(&mut self, record: Option<Record>) {
        record.into_iter().for_each(|record| self.record(record));
    }

    fn tell_journal(&mut self) {
        let news = self.inputs.news();
        let lines = news.iter().map(serde_json::to_string);
        self.journal.extend(lines.map(Result::unwrap));
    }

    /// As the kernel's memory takes records.
    fn apply(&mut self, record: Record) {
        match &record {
            Record::Input { input, waits } => self.inputs.known(input, *waits),
            Record::InputGone { file_id, again } => self.inputs.known_gone(&Gone {
                file_id: file_id.clone(),
                again: again.clone(),
            }),
            Record::Turn(turn) => self.inputs.sent(turn),
            Record::Container { id: Some(id), .. } => self.inputs.watch(id),
            _ => {}
        }
        self.conversations.apply(record);
    }
}

/// Plays a turn to its end; returns it, and what the person was told.
fn drive(
    turn: &mut TurnLoop,
    conversations: &Conversations,
    claude: &mut Claude,
    stop: Stop,
) -> Result<(TurnEnd, Vec<String>), String> {
    let mut left = match stop {
        Stop::Interrupt(events) | Stop::Break(events) => Some(events),
        Stop::Never => None,
    };
    let mut inputs = VecDeque::new();
    let mut notices = Vec::new();
    loop {
        while let Some(action) = turn.poll(conversations) {
            match action {
                Action::Call(request) => {
                    inputs.clear();
                    match claude.called(&sent(&request))? {
                        Answered::Events(events) => inputs.extend(events.into_iter().map(read)),
                        Answered::Refused {
                            status,
                            kind,
                            message,
                        } => inputs.push_back((failed(status, kind, message), None)),
                    }
                }
                Action::RunTool(call) => {
                    let result = ToolResult {
                        content: json!("done"),
                        is_error: false,
                        printed: String::new(),
                    };
                    let id = call.id;
                    inputs.push_back((Input::ToolDone { id, result }, None));
                }
                Action::Wait(_) => inputs.push_back((Input::Waited, None)),
                Action::Show(Update::Notice(text)) => notices.push(text),
                Action::Finish(end) => return Ok((*end, notices)),
                Action::Show(_) | Action::Fetch { .. } | Action::Save(_) => {}
            }
        }
        let input = match (left, stop) {
            (Some(0), Stop::Interrupt(_)) => Input::Interrupted,
            (Some(0), _) => Input::EndOfStream,
            _ => {
                let (input, event) = inputs.pop_front().ok_or("the turn waits for ever")?;
                event.iter().for_each(|event| claude.delivered(event));
                input
            }
        };
        // Once is enough, and means nothing while tools run.
        left = left.and_then(|left| left.checked_sub(1));
        turn.handle(input);
    }
}

fn sent(request: &MessagesRequest) -> Sent {
    Sent {
        body: serde_json::to_value(request).unwrap(),
        betas: request.betas.clone(),
    }
}

/// An event as the client hands it over: an error ends the stream.
fn read(event: Value) -> (Input, Option<Value>) {
    let kind = event["type"].as_str().unwrap();
    let input = match StreamEvent::parse(kind, &event.to_string()).unwrap() {
        StreamEvent::Error { error } => Input::Failed { error, random: 0.0 },
        read => Input::Event(read),
    };
    (input, Some(event))
}

fn failed(status: u16, kind: &str, message: String) -> Input {
    Input::Failed {
        error: ApiError::Status {
            status,
            kind: kind.to_owned(),
            message,
            code: None,
            request_id: None,
            retry_after: None,
            should_retry: None,
        },
        random: 0.0,
    }
}
