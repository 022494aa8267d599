//! The kernel's side of a random history: the conversations and the turn loop, and a journal that
//! is read again.

use std::collections::VecDeque;

use claude_kernel::anthropic::error::ApiError;
use claude_kernel::anthropic::model::{self, Effort};
use claude_kernel::anthropic::request::{MessagesRequest, Role};
use claude_kernel::chat::action::{Action, Input, Plan, UpFront};
use claude_kernel::chat::conversation::order::CellKey;
use claude_kernel::chat::conversation::{Conversations, Planned};
use claude_kernel::chat::question::Question;
use claude_kernel::chat::record::Record;
use claude_kernel::chat::settings::{Languages, Settings, ThinkingShow};
use claude_kernel::chat::tool_changes;
use claude_kernel::chat::turn::{ToolResult, TurnEnd, Update};
use claude_kernel::chat::turn_loop::TurnLoop;
use claude_kernel::chat::web::Web;
use serde_json::{Value, json};

use super::Op;
use super::claude::{Answer, Claude, End};
use super::page::{Page, Saves};

const MODELS: &[&str] = &[
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-fable-5-2",
    "claude-haiku-5-5",
    "claude-opus-5",
    "claude-opus-4-7",
    "claude-haiku-4-5",
];

/// How often the history met what it is about.
#[derive(Debug, Default)]
pub(super) struct Seen {
    requests: u32,
    thinking_sent: u32,
    thinking_lost: u32,
    notices: u32,
    kept: u32,
    cut: u32,
    restarts: u32,
    rounds: u32,
    summaries: u32,
    tool_changes: u32,
    tool_changes_refused: u32,
}

impl Seen {
    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.thinking_sent += other.thinking_sent;
        self.thinking_lost += other.thinking_lost;
        self.notices += other.notices;
        self.kept += other.kept;
        self.cut += other.cut;
        self.restarts += other.restarts;
        self.rounds += other.rounds;
        self.summaries += other.summaries;
        self.tool_changes += other.tool_changes;
        self.tool_changes_refused += other.tool_changes_refused;
    }

    pub(super) fn check(&self, histories: u32) {
        let all = [
            self.requests / 5,
            self.thinking_sent,
            self.thinking_lost * 10,
            self.notices * 4,
            self.kept,
            self.cut * 4,
            self.restarts * 4,
            self.rounds,
            self.summaries * 10,
        ];
        assert!(all.iter().all(|count| *count > histories / 2), "{self:?}");
    }

    pub(super) fn check_tools(&self, histories: u32) {
        let all = [
            self.tool_changes,
            self.tool_changes_refused * 4,
            self.summaries * 4,
            self.thinking_sent,
        ];
        assert!(all.iter().all(|count| *count > histories / 2), "{self:?}");
    }
}

/// One notebook's kernel.
#[derive(Debug)]
pub(super) struct Kernel {
    conversations: Conversations,
    journal: Vec<String>,
    settings: Settings,
    page: Page,
    saves: Saves,
    saved: Vec<String>,
    claude: Claude,
    prompts: u32,
    forks: u32,
    /// Whether the API takes tools that change in mid-conversation.
    changes_tools: bool,
    pub(super) seen: Seen,
}

impl Kernel {
    pub(super) fn new(saves: Saves, changes_tools: bool) -> Self {
        Self {
            conversations: Conversations::default(),
            journal: Vec::new(),
            settings: Settings::default(),
            page: Page::new(saves),
            saves,
            saved: Vec::new(),
            claude: Claude::default(),
            prompts: 0,
            forks: 0,
            changes_tools,
            seen: Seen::default(),
        }
    }

    /// Something happens; an error is what must not be.
    pub(super) fn take(&mut self, op: &Op) -> Result<(), String> {
        // The front end that always saves names its cells.
        let is_named = self.saves == Saves::Always;
        match op {
            Op::Run(at, answer) => match self.page.cell(*at) {
                Some(cell) => self.run(cell, answer)?,
                None => {
                    let cell = self.page.insert(*at);
                    self.run(cell, answer)?;
                }
            },
            Op::Insert(at, answer) => {
                let cell = self.page.insert(*at);
                self.run(cell, answer)?;
            }
            Op::Nameless(_) | Op::Document(..) if is_named => {}
            Op::Nameless(answer) => {
                let cell = self.conversations.order().next_run();
                self.run(cell, answer)?;
            }
            Op::Document(at, answer) => {
                let address = format!("vscode-notebook-cell:/n.ipynb#W{}", at % 4);
                self.run(CellKey::of_id(&address), answer)?;
            }
            Op::Delete(at) => self.page.delete(*at),
            Op::Restore(at) => self.page.restore(*at),
            Op::Move(from, to) => self.page.shift(*from, *to),
            Op::Save if self.saves == Saves::Sometimes => self.save(),
            Op::Save => {}
            Op::Undo => {
                self.page.undo();
                self.record_all(self.conversations.undo());
            }
            Op::Fork(at) => {
                let Some(cell) = self.page.cell(*at) else {
                    return Ok(());
                };
                self.before(&cell);
                self.forks += 1;
                let name = format!("fork-{}", self.forks);
                self.page.fork(&name, &cell);
                self.record(self.conversations.fork(&name, &cell));
            }
            Op::Thread(number) => {
                let name = match number % 3 {
                    0 => "main".to_owned(),
                    1 => "aside".to_owned(),
                    _ => format!("fork-{}", self.forks),
                };
                self.page.thread.clone_from(&name);
                self.record(Record::Thread { name });
            }
            Op::Setting(number) => self.set(*number),
            Op::Tool(number) => self.change_tool(*number),
            Op::Model(number) => {
                self.settings.model = MODELS[usize::from(*number) % MODELS.len()].to_owned();
                self.settings.effort = None;
            }
            Op::Restart => self.restart()?,
            Op::ResetChat => {
                self.page.forget();
                let thread = self.conversations.current().name.clone();
                self.record(Record::Reset { thread });
            }
            Op::Compact(at) => {
                let Some(cell) = self.page.cell(*at) else {
                    return Ok(());
                };
                let plan = self
                    .conversations
                    .plan_compaction(&cell, &self.settings, None);
                let compacts = model::lookup(&self.settings.model).is_some_and(|it| it.compacts);
                if let Some(plan) = plan.filter(|_| compacts) {
                    self.claude.begin();
                    self.claude.judge(&plan.request)?;
                    let mut block =
                        json!({"type": "compaction", "content": "So far.", "signature": "s"});
                    if at % 3 > 0 {
                        let in_force = tool_changes::in_force(&plan.request);
                        let changes = tool_changes::blocks(&plan.request.tools, &in_force);
                        block["tool_changes"] = json!(changes);
                    }
                    self.seen.summaries += 1;
                    self.record_all(plan.record(&[block]));
                }
            }
            Op::ResetSandbox => {
                self.page.current().container = None;
                self.record_all(self.conversations.container_changed(None));
            }
        }
        Ok(())
    }

    fn record(&mut self, record: Record) {
        self.journal.push(serde_json::to_string(&record).unwrap());
        self.conversations.apply(record);
    }

    fn record_all(&mut self, record: Option<Record>) {
        record.into_iter().for_each(|record| self.record(record));
    }

    fn save(&mut self) {
        self.saved.clone_from(&self.page.cells);
        self.conversations.set_file_order(self.saved.clone());
    }

    fn set(&mut self, number: u8) {
        let settings = &mut self.settings;
        let languages = |bash, python| Languages { bash, python };
        let toggle = |is_on: bool| (!is_on).then(|| format!("Be brief, {number}."));
        match number % 12 {
            0 => settings.system = toggle(settings.system.is_some()),
            1 if settings.presets.is_empty() => settings.presets.push("analyst".to_owned()),
            1 => settings.presets.clear(),
            2 => settings.languages = languages(true, true),
            3 => settings.languages = languages(true, false),
            4 => settings.languages = languages(false, false),
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

    fn change_tool(&mut self, number: u8) {
        let tools = &mut self.settings.client_tools;
        let name = if number.is_multiple_of(2) {
            "mine"
        } else {
            "yours"
        };
        let about = format!("version {}", number / 8);
        let tool = json!({"name": name, "description": about, "input_schema": {"type": "object"}});
        let known = tools.iter().position(|tool| tool["name"] == name);
        match known {
            Some(at) if number % 8 < 4 => drop(tools.remove(at)),
            Some(at) => tools[at] = tool,
            None => tools.push(tool),
        }
    }

    /// What a front end tells with the request of a cell.
    fn before(&mut self, cell: &CellKey) {
        if self.saves == Saves::Always {
            self.save();
        }
        let deleted = std::mem::take(&mut self.page.deleted);
        let deleted: Vec<CellKey> = deleted.iter().map(|id| CellKey::of_id(id)).collect();
        self.page.told(&deleted, cell);
        let others = deleted.into_iter().filter(|other| other != cell);
        self.record_all(self.conversations.detached(others));
    }

    fn run(&mut self, cell: CellKey, answer: &Answer) -> Result<(), String> {
        self.before(&cell);
        self.prompts += 1;
        let prompt = format!("question {}", self.prompts);
        self.page.runs(&cell);
        self.record_all(self.conversations.ran(&cell));
        let expected = self.page.above(&cell);
        let container = self.page.current().container.clone();
        let Planned {
            request,
            question,
            opening,
        } = self
            .conversations
            .plan(&cell, &self.settings, &Question::of(&prompt));
        if let Some(expected) = expected {
            let mut expected: Vec<String> = expected.into_iter().map(|(_, said, _)| said).collect();
            expected.push(prompt.clone());
            let sent = prompts(&request);
            // A summary may stand for the first of them.
            let is_summed = request.messages.first().map(|said| said.role) == Some(Role::Assistant);
            if sent != expected && !(is_summed && expected.ends_with(&sent)) {
                return Err(format!("Claude sees {sent:?}, above stands {expected:?}"));
            }
        }
        if request.container.id != container {
            let sent = &request.container.id;
            return Err(format!("the sandbox is {container:?}, sent is {sent:?}"));
        }
        self.look(&request);
        let mut turn = TurnLoop::start(Plan {
            request,
            question,
            turn: opening.number,
            standing: opening.standing.clone(),
            up_front: opening
                .up_front
                .clone()
                .map(|prefix| UpFront { prefix, tokens: 0 }),
            wanted: None,
            effort: self.settings.effort,
            offline: false,
            prices: std::sync::Arc::default(),
            allowance: None,
        });
        let end = self.drive(&mut turn, answer)?;
        let kept = match end {
            TurnEnd::Finished(kept) => Some(kept),
            TurnEnd::Interrupted { kept } | TurnEnd::Failed { kept, .. } => kept,
            TurnEnd::Refused { .. } => None,
            other @ TurnEnd::OverBudget { .. } => return Err(format!("{other:?}")),
        };
        self.seen.cut += u32::from(kept.as_ref().is_some_and(|kept| kept.cut.is_some()));
        let container = turn.container().map(str::to_owned);
        let record = kept.and_then(|kept| {
            self.conversations
                .turn_record(opening, *kept, container.as_deref())
        });
        self.page.current().container.clone_from(&container);
        match record {
            Some(record) => {
                if let Record::Turn(turn) = &record {
                    self.seen.kept += 1;
                    self.seen.thinking_lost += u32::from(!turn.stripped.is_empty());
                }
                self.page.said(&cell, &prompt);
                self.record(record);
            }
            None => self.record_all(self.conversations.container_changed(container.as_deref())),
        }
        Ok(())
    }

    /// Plays a turn to its end; every request of it is judged.
    fn drive(&mut self, turn: &mut TurnLoop, answer: &Answer) -> Result<TurnEnd, String> {
        let mut left = match answer.end {
            End::Interrupt(events) | End::Break(events) => Some(events % 40),
            End::Whole | End::MaxTokens | End::Refusal | End::Forbidden => None,
        };
        self.claude.begin();
        let mut inputs = VecDeque::new();
        let mut calls = 0;
        loop {
            while let Some(action) = turn.poll() {
                match action {
                    Action::Call(request) => {
                        if tool_changes::are_in(&request) && !self.changes_tools {
                            self.seen.tool_changes_refused += 1;
                            inputs.push_back(failed(400, "invalid_request_error"));
                            continue;
                        }
                        let taken = self.claude.judge(&request)?;
                        self.seen.requests += 1;
                        self.seen.tool_changes += u32::from(tool_changes::are_in(&request));
                        self.seen.rounds += u32::from(calls > 0);
                        inputs.clear();
                        if answer.end == End::Forbidden {
                            inputs.push_back(failed(403, "permission_error"));
                        } else {
                            let events = self.claude.answer(&request, taken, answer, calls);
                            inputs.extend(events.into_iter().map(Input::Event));
                        }
                        calls += 1;
                    }
                    Action::RunTool(call) => inputs.push_back(Input::ToolDone {
                        id: call.id,
                        result: ToolResult {
                            content: json!("done"),
                            is_error: false,
                            elapsed: std::time::Duration::ZERO,
                            printed: String::new(),
                        },
                    }),
                    Action::Show(Update::Notice(text)) if text.contains("is gone") => {
                        return Err(format!("a request was repaired: {text}"));
                    }
                    Action::Finish(end) => return Ok(*end),
                    Action::Show(_) | Action::Wait(_) | Action::Fetch { .. } | Action::Save(_) => {}
                }
            }
            let input = match (left, answer.end) {
                (Some(0), End::Interrupt(_)) => Input::Interrupted,
                (Some(0), _) => Input::EndOfStream,
                _ => inputs.pop_front().ok_or("the turn waits for ever")?,
            };
            // Once is enough, and means nothing while tools run.
            left = left.and_then(|left| left.checked_sub(1));
            turn.handle(input);
        }
    }

    fn look(&mut self, request: &MessagesRequest) {
        let thinks = |said: &&_| {
            let said: &&claude_kernel::anthropic::request::MessageParam = said;
            said.content.get().contains(r#""type":"thinking""#)
        };
        self.seen.thinking_sent += u32::from(request.messages.iter().any(|said| thinks(&said)));
        let notices = request.messages.iter();
        let notices = notices.filter(|said| said.role == Role::System);
        self.seen.notices += u32::from(notices.count() > 0);
    }

    /// Another process reads the journal and stands where this one stood.
    fn restart(&mut self) -> Result<(), String> {
        let mut again = Conversations::default();
        for line in &self.journal {
            again.apply(Record::parse(line).map_err(|error| format!("{line}: {error}"))?);
        }
        again.set_file_order(self.saved.clone());
        let cell = again.order().next_run();
        let question = Question::of("still there?");
        let plan = |conversations: &Conversations| {
            let planned = conversations.plan(&cell, &self.settings, &question);
            serde_json::to_string(&planned.request).unwrap()
        };
        let (before, after) = (plan(&self.conversations), plan(&again));
        if before != after {
            return Err(format!("after a restart:\n{after}\nbefore:\n{before}"));
        }
        self.seen.restarts += 1;
        self.conversations = again;
        self.record(Record::Restarted);
        self.page.restart();
        Ok(())
    }
}

fn failed(status: u16, kind: &str) -> Input {
    Input::Failed {
        error: ApiError::Status {
            status,
            kind: kind.to_owned(),
            message: "no".to_owned(),
            code: None,
            request_id: None,
            retry_after: None,
            should_retry: None,
        },
        random: 0.0,
    }
}

/// What the person asked, as a request has it.
fn prompts(request: &MessagesRequest) -> Vec<String> {
    let asked = request.messages.iter();
    let asked = asked.filter(|said| said.role == Role::User);
    asked
        .filter_map(|said| {
            let blocks: Vec<Value> = serde_json::from_str(said.content.get()).unwrap();
            Some(blocks.last()?["text"].as_str()?.to_owned())
        })
        .collect()
}
