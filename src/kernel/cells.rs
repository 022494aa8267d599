//! From a parsed cell to what will be done: applies magics to a copy of the state, all or nothing.

use serde_json::{Value, json};

use crate::cell::magic::{Context, Effect, Job, Reset, TurnSummary};
use crate::cell::magics::threads::Talk;
use crate::cell::magics::{self, MAGICS, system};
use crate::cell::parse::{MagicCall, Scope};
use crate::cell::variables::Variables;
use crate::chat::record::Record;
use crate::chat::settings::Settings;
use crate::chat::structured::Wanted;
use crate::chat::verbatim::Verbatim;

use super::error::CellError;
use super::exec;
use super::results;
use super::state::State;
use super::store;

/// What a cell asks for once its magics have been applied.
#[derive(Debug, Default)]
pub struct Prepared {
    /// What this cell's turn is asked with.
    pub settings: Settings,
    /// Values to show, as (Markdown, plain text).
    pub shows: Vec<(String, String)>,
    /// Quiet lines to show.
    pub notes: Vec<String>,
    /// Help to page.
    pub page: Option<String>,
    /// What to do before the prompt is sent, in order.
    pub jobs: Vec<Job>,
    /// Show the request instead of sending it.
    pub is_dry: bool,
    /// The structured result that the turn ends with, and the prompt that asks for it.
    pub result: Option<(Wanted, String)>,
    /// The code that the turn runs as it stands.
    pub verbatim: Option<Verbatim>,
}

/// Applies the magics of one cell. An error in one of them leaves the state as it was.
///
/// # Errors
/// The first magic that cannot be applied.
pub fn prepare(
    state: &mut State,
    calls: &[MagicCall],
    status: &[(String, String)],
) -> Result<Prepared, CellError> {
    // A prompt alone reads none of them, and there may be a thousand.
    let turns = match calls {
        [] => Vec::new(),
        _ => state.turn_summaries(),
    };
    let mut draft = Draft {
        lasting: state.settings.clone(),
        variables: state.variables.clone(),
        set_in: state.set_in.clone(),
        format: None,
        later: Vec::new(),
        prepared: Prepared::default(),
    };
    // Lasting magics first: `%%x` narrows what holds from here on, wherever it stands in the cell.
    for call in calls.iter().filter(|call| call.scope == Scope::FromHere) {
        let (settings, changed) =
            draft.apply(call, draft.lasting.clone(), state, &turns, status)?;
        draft.lasting = settings;
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
        lasting,
        variables,
        set_in,
        format,
        later,
        mut prepared,
    } = draft;
    settings.format.clone_from(&format);
    results::check(&settings)?;
    prepared.settings = settings;
    state.settings = lasting;
    for (name, value) in variables.iter() {
        state.set_variable(name, value);
    }
    state.set_in = set_in;
    for change in later {
        match change {
            Later::Talk(talk) => {
                if let Some(record) = record_of(&talk, state) {
                    state.record(record);
                }
            }
            Later::Reset(Reset::Chat) => {
                let thread = state.conversations.current().name.clone();
                state.record(Record::Reset { thread });
            }
            Later::Reset(Reset::Sandbox) => {
                let changed = state.conversations.container_changed(None);
                changed.into_iter().for_each(|record| state.record(record));
            }
            Later::Reset(Reset::All) => {
                state.record(Record::ResetAll);
                state.settings = state.initial.clone();
                state.set_in.clear();
                prepared.settings = Settings {
                    format: format.clone(),
                    ..state.initial.clone()
                };
            }
        }
    }
    Ok(prepared)
}

/// What happens to the conversations, once every magic of the cell is known to apply.
#[derive(Debug)]
enum Later {
    Reset(Reset),
    Talk(Talk),
}

fn record_of(talk: &Talk, state: &State) -> Option<Record> {
    match talk {
        Talk::Undo => state.conversations.undo(),
        Talk::Thread(name) => Some(Record::Thread { name: name.clone() }),
        Talk::Fork(name) => Some(state.conversations.fork(name, &state.cell)),
    }
}

/// The state a cell's magics work on until all of them have been applied.
#[derive(Debug)]
struct Draft {
    lasting: Settings,
    variables: Variables,
    set_in: Vec<(String, u32)>,
    /// `output_config.format` of this cell.
    format: Option<Value>,
    later: Vec<Later>,
    prepared: Prepared,
}

impl Draft {
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
                    let text = store::read_text(&path).map_err(|why| {
                        CellError::new(
                            "MagicError",
                            format!("cannot read `{path}` for `%system`: {why}"),
                            "Check the path; it is relative to the notebook.",
                        )
                    })?;
                    (settings, changed) = (system::with_text(&settings, &text, append), true);
                }
                Effect::Show { markdown, plain } => self.prepared.shows.push((markdown, plain)),
                Effect::Warn(text) => self.prepared.notes.push(text),
                Effect::Page(text) => self.prepared.page = Some(text),
                Effect::SetVariable { name, value } => {
                    self.variables.set(&name, value);
                }
                Effect::Job(job) => self.prepared.jobs.push(job),
                Effect::Result(asked) => {
                    let (wanted, fit) = results::resolve(&asked)?;
                    self.prepared.notes.extend(fit.notes);
                    self.prepared.result = Some((wanted, asked.prompt));
                    self.format = Some(json!({"type": "json_schema", "schema": fit.sent}));
                }
                Effect::Exec { language, code } => {
                    self.prepared.verbatim = Some(exec::verbatim(language, code));
                }
                Effect::Dry => self.prepared.is_dry = true,
                Effect::Reset(reset) => self.later.push(Later::Reset(reset)),
                Effect::Talk(talk) => self.later.push(Later::Talk(talk)),
            }
        }
        Ok((settings, changed))
    }
}
