//! From a parsed cell to what will be done: applies its magics to a copy of the state. If one magic
//! fails, none of them changes anything.

use serde_json::{Value, json};

use crate::cell::magic::{Context, Effect, Job, Reset, TurnSummary};
use crate::cell::magics::threads::ConversationOp;
use crate::cell::magics::{self, MAGICS, system};
use crate::cell::parse::{MagicCall, Scope};
use crate::cell::variables::Variables;
use crate::chat::record::Record;
use crate::chat::settings::Settings;
use crate::chat::structured::Wanted;
use crate::chat::verbatim::Verbatim;

use crate::chat::conversation::Conversations;
use crate::chat::input::Attachment;
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::magics::exec;
use crate::kernel::named_file::Readable;
use crate::kernel::results;
use crate::kernel::state::State;

use super::confirm;

/// What a cell asks for once its magics have been applied.
#[derive(Debug, Default)]
pub struct Prepared {
    /// The settings that hold for this cell's turn.
    pub settings: Settings,
    /// Values to show, as (Markdown, plain text).
    pub shows: Vec<(String, String)>,
    /// Quiet lines to show.
    pub notes: Vec<String>,
    /// Help to page, as (Markdown, plain text).
    pub page: Option<(String, String)>,
    /// What to do before the prompt is sent, in order.
    pub jobs: Vec<Job>,
    /// Whether the request is shown and not sent.
    pub is_dry: bool,
    /// The structured result that the turn ends with, and the prompt that asks for it.
    pub result: Option<(Wanted, String)>,
    /// The code that the turn runs as it stands.
    pub verbatim: Option<Verbatim>,
}

/// The state before a cell. If the cell fails before its turn, the state becomes this again.
#[derive(Debug)]
pub struct Before {
    settings: Settings,
    set_in: Vec<(String, u32)>,
    variables: Variables,
    /// `None` if the cell has no magic, so that none can change them.
    conversations: Option<Conversations>,
    waiting: Vec<Attachment>,
    /// How many records were not written yet.
    records: usize,
}

/// The state before a cell, and which records the magics of the cell made.
#[derive(Debug)]
pub struct Prior {
    before: Before,
    /// How many records were not written when the magics had been applied.
    records: usize,
}

impl Before {
    /// Copies the state, as far as the magics of a cell can change it.
    #[must_use]
    pub fn of(state: &State, has_magics: bool) -> Self {
        Self {
            settings: state.settings.clone(),
            set_in: state.set_in.clone(),
            variables: state.variables.clone(),
            conversations: has_magics.then(|| state.conversations.clone()),
            waiting: state.inputs.waiting(),
            records: state.unwritten.len(),
        }
    }

    /// Takes note of what the magics of the cell recorded.
    #[must_use]
    pub fn prepared(self, state: &State) -> Prior {
        Prior {
            before: self,
            records: state.unwritten.len(),
        }
    }
}

impl Prior {
    /// Takes back what the magics changed. What happened since stays: the costs that were paid, and
    /// the sandbox that there is now.
    pub fn restore(self, state: &mut State) {
        let before = self.before;
        state.inputs.set_waiting(&before.waiting);
        if state.unwritten.len() < self.records {
            // A magic that took up another conversation has written the records already.
            return;
        }
        state.unwritten.drain(before.records..self.records);
        state.settings = before.settings;
        state.set_in = before.set_in;
        state.variables = before.variables;
        if let Some(conversations) = before.conversations {
            state.conversations = conversations;
            for record in state.unwritten.iter().skip(before.records) {
                state.conversations.apply(record.clone());
            }
        }
    }
}

/// Applies the magics of one cell. If one of them fails, the state stays as it was.
///
/// # Errors
/// The first magic that cannot be applied.
pub fn prepare(
    state: &mut State,
    calls: &[MagicCall],
    status: &[(String, String)],
    readable: &Readable,
) -> Result<Prepared, CellError> {
    // Only magics read the list of turns, which may be long.
    let turns = match calls {
        [] => Vec::new(),
        _ => state.turn_summaries(),
    };
    let mut draft = Draft {
        readable,
        lasting: state.settings.clone(),
        variables: state.variables.clone(),
        set_in: state.set_in.clone(),
        format: None,
        later: Vec::new(),
        prepared: Prepared::default(),
    };
    let mut set = Vec::new();
    // Magics that last are applied first: `%%x` changes for this cell what they set, wherever it
    // stands in the cell.
    for call in calls.iter().filter(|call| call.scope == Scope::FromHere) {
        let (settings, changed) =
            draft.apply(call, draft.lasting.clone(), state, &turns, status)?;
        draft.lasting = settings;
        if changed {
            set.push(call);
        }
        if let Some(origin) = magics::origin(call).filter(|_| changed) {
            draft.set_in.retain(|(name, _)| name != origin);
            draft.set_in.push((origin.to_owned(), state.count));
        }
    }
    let mut settings = draft.lasting.clone();
    for call in calls.iter().filter(|call| call.scope == Scope::ThisCell) {
        (settings, _) = draft.apply(call, settings, state, &turns, status)?;
    }
    let Draft {
        readable: _,
        lasting,
        variables,
        set_in,
        format,
        later,
        mut prepared,
    } = draft;
    settings.format.clone_from(&format);
    results::check(&settings, &state.models)?;
    prepared.settings = settings;
    let confirmed = confirm::settings(&set, &state.settings.model);
    prepared.notes.extend(confirmed);
    state.settings = lasting;
    for (name, value) in variables.iter() {
        state.set_variable(name, value);
    }
    state.set_in = set_in;
    for change in later {
        if let Later::Reset(which) = &change
            && !prepared.jobs.contains(&Job::Replay)
        {
            prepared.notes.push(confirm::reset(*which, turns.len()));
        }
        if let Some(initial) = change.make(state) {
            prepared.settings = Settings {
                format: format.clone(),
                ..initial
            };
        }
    }
    Ok(prepared)
}

/// A change of the conversations, made after every magic of the cell was applied without an error.
#[derive(Debug)]
enum Later {
    Reset(Reset),
    Conversation(ConversationOp),
}

impl Later {
    /// Makes the change; returns the settings if it sets them all.
    fn make(self, state: &mut State) -> Option<Settings> {
        match self {
            Self::Conversation(op) => {
                if let Some(record) = record_of(&op, state) {
                    state.record(record);
                }
            }
            Self::Reset(Reset::Chat) => {
                let thread = state.conversations.current().name.clone();
                state.record(Record::Reset { thread });
            }
            Self::Reset(Reset::Sandbox) => {
                let changed = state.conversations.container_changed(None);
                changed.into_iter().for_each(|record| state.record(record));
            }
            Self::Reset(Reset::All) => {
                state.record(Record::ResetAll);
                state.settings = state.initial.clone();
                state.set_in.clear();
                return Some(state.initial.clone());
            }
        }
        None
    }
}

fn record_of(op: &ConversationOp, state: &State) -> Option<Record> {
    match op {
        ConversationOp::Undo => state.conversations.undo(),
        ConversationOp::Thread(name) => Some(Record::Thread { name: name.clone() }),
        ConversationOp::Fork(name) => Some(state.conversations.fork(name, &state.cell)),
    }
}

/// The state a cell's magics work on until all of them have been applied.
#[derive(Debug)]
struct Draft<'a> {
    readable: &'a Readable,
    lasting: Settings,
    variables: Variables,
    set_in: Vec<(String, u32)>,
    /// `output_config.format` of this cell.
    format: Option<Value>,
    later: Vec<Later>,
    prepared: Prepared,
}

impl Draft<'_> {
    /// Applies one call to `settings`; returns what they became and whether the call set them.
    fn apply(
        &mut self,
        call: &MagicCall,
        settings: Settings,
        state: &State,
        turns: &[TurnSummary],
        status: &[(String, String)],
    ) -> Result<(Settings, bool), CellError> {
        let threads = state.thread_summaries();
        let context = Context {
            magics: MAGICS,
            settings: &settings,
            variables: &self.variables,
            turns,
            threads: &threads,
            status,
            ledger: &state.ledger,
            prices_date: state.prices.date(),
            models: &state.models,
            set_in: &self.set_in,
        };
        let effects = magics::apply(call, &context).map_err(|error| CellError::from(&error))?;
        let (mut settings, mut changed) = (settings, false);
        for effect in effects {
            match effect {
                Effect::Settings(new) => (settings, changed) = (*new, true),
                Effect::SystemFile { path, append } => {
                    let read = self.readable.text(&path, "%system").map_err(|why| {
                        CellError::new(
                            ErrorKind::Magic,
                            format!("cannot read `{path}` for `%system`: {why}"),
                            why.hint(),
                        )
                    })?;
                    self.prepared.notes.push(read.note);
                    settings = system::with_text(&settings, &read.text, append);
                    changed = true;
                }
                Effect::Show { markdown, plain } => self.prepared.shows.push((markdown, plain)),
                Effect::Warn(text) => self.prepared.notes.push(text),
                Effect::Page { markdown, plain } => self.prepared.page = Some((markdown, plain)),
                Effect::SetVariable { name, value } => {
                    self.variables.set(&name, value);
                }
                Effect::Job(job) => self.prepared.jobs.push(job),
                Effect::Result(asked) => {
                    let (wanted, fit) = results::resolve(&asked, self.readable)?;
                    self.prepared.notes.extend(fit.notes);
                    self.prepared.result = Some((wanted, asked.prompt));
                    self.format = Some(json!({"type": "json_schema", "schema": fit.sent}));
                }
                Effect::Exec { language, code } => {
                    self.prepared.verbatim = Some(exec::verbatim(language, code));
                }
                Effect::Dry => self.prepared.is_dry = true,
                Effect::Reset(reset) => self.later.push(Later::Reset(reset)),
                Effect::Conversation(op) => self.later.push(Later::Conversation(op)),
            }
        }
        Ok((settings, changed))
    }
}
