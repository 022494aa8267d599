//! Everything the kernel remembers between cells. Owned by the actor, changed only there.

use std::sync::Arc;

use serde_json::Value;

use crate::anthropic::model::{self, Effort, Models, Prices};
use crate::anthropic::request::ApiVersion;
use crate::cell::magic::{Context, ThreadSummary, TurnSummary};
use crate::cell::magics::MAGICS;
use crate::cell::packages::{self, Installed};
use crate::cell::variables::{self, Variables};
use crate::chat::budget::Budget;
use crate::chat::conversation::Conversations;
use crate::chat::conversation::order::CellKey;
use crate::chat::input::Gone;
use crate::chat::ledger::{Entry, Ledger};
use crate::chat::record::Record;
use crate::chat::settings::{Replay, Settings};
use crate::chat::turn::Origin;
use crate::chat::turn::facts::{Diagnostics, Facts, Keys, Sandbox};
use crate::config::Config;

use super::history_entry::HistoryEntry;
use super::inputs::Inputs;
use super::known_models::Asking;
use super::marks::Marks;
use super::named_file;
use super::recordings::{Library, Restored};
use super::sandbox::Sandboxes;

/// The kernel's memory.
#[derive(Debug)]
pub struct State {
    /// The settings that hold from here on.
    pub settings: Settings,
    /// The settings a fresh kernel starts with, for `%reset all`.
    pub initial: Settings,
    /// Variables of `%set` and papermill, and structured results; changed by
    /// [`State::set_variable`] alone.
    pub variables: Variables,
    /// What was said; changed by [`State::record`] alone.
    pub conversations: Conversations,
    /// The cell that runs, or ran last.
    pub cell: CellKey,
    /// Records since the journal was written last.
    pub unwritten: Vec<Record>,
    /// Files that were attached.
    pub inputs: Inputs,
    /// How long sandboxes were in use.
    pub sandboxes: Sandboxes,
    /// Files that could not be fetched: id, and what made them.
    pub unfetched: Vec<(String, Origin)>,
    /// The cell of the last turn, if nothing of its answer is in the conversation.
    pub left_nothing: Option<CellKey>,
    /// Whether the API takes `diagnostics`.
    pub diagnostics: Diagnostics,
    /// Which version of the API the endpoint takes.
    pub version: ApiVersion,
    /// Which keys of the sandbox's results the API takes back.
    pub keys: Keys,
    /// What a sandbox has installed, once it was asked.
    pub packages: Vec<Installed>,
    /// Which sandbox that was.
    pub packages_of: String,
    /// The execution count.
    pub count: u32,
    /// What tokens cost.
    pub prices: Arc<Prices>,
    /// What cells cost.
    pub ledger: Ledger,
    /// Executed cells.
    pub history: Vec<HistoryEntry>,
    /// What is known of models.
    pub models: Models,
    /// Asking the API for its models, beside the cells.
    pub asking: Asking,
    /// The models whose retirement the person was told of.
    pub told_retirements: Vec<String>,
    /// The receipts on the screen.
    pub marks: Marks,
    /// Where settings were last set: (magic, execution count of its cell).
    pub set_in: Vec<(String, u32)>,
    /// Recordings of answers.
    pub library: Library,
    /// The recorded turns whose files the sandbox has.
    pub restored: Restored,
}

impl State {
    /// Starts with nothing said.
    #[must_use]
    pub fn new(settings: Settings, prices: Prices) -> Self {
        Self {
            initial: settings.clone(),
            settings,
            variables: Variables::default(),
            conversations: Conversations::default(),
            cell: CellKey::Run(0),
            unwritten: Vec::new(),
            inputs: Inputs::default(),
            packages: Vec::new(),
            packages_of: String::new(),
            sandboxes: Sandboxes::default(),
            unfetched: Vec::new(),
            left_nothing: None,
            diagnostics: Diagnostics::default(),
            version: ApiVersion::default(),
            keys: Keys::default(),
            count: 0,
            prices: Arc::new(prices),
            ledger: Ledger::default(),
            history: Vec::new(),
            models: Models::default(),
            asking: Asking::default(),
            told_retirements: Vec::new(),
            marks: Marks::default(),
            set_in: Vec::new(),
            library: Library::default(),
            restored: Restored::default(),
        }
    }

    /// Applies a record and keeps it for the journal.
    pub fn record(&mut self, record: Record) {
        self.unwritten.push(record.clone());
        self.apply(record);
    }

    /// Applies a record that is in the journal already.
    pub fn apply(&mut self, record: Record) {
        match &record {
            Record::Spent(entry) => self.ledger.add(Entry::clone(entry)),
            Record::Variable { name, value } if variables::is_name(name) => {
                // Anybody can edit a journal: a record without a valid value is left out.
                if let Ok(value) = serde_json::from_str(value.get()) {
                    self.variables.set(name, value);
                }
            }
            Record::Reset { .. } => self.library.adopts = false,
            Record::ResetAll => {
                self.variables.clear();
                self.library.adopts = false;
            }
            Record::Input { input, waits } => self.inputs.known(input, *waits),
            Record::InputGone { file_id, again } => self.inputs.known_gone(&Gone {
                file_id: file_id.clone(),
                again: again.clone(),
            }),
            Record::Packages { container, listing } => {
                self.packages = packages::read(listing);
                self.packages_of.clone_from(container);
            }
            Record::Turn(turn) => self.inputs.sent(turn),
            Record::Container { id: Some(id), .. } => self.inputs.watch(id),
            _ => {}
        }
        self.conversations.apply(record);
    }

    /// Sets a variable. If it has that value already, as in most cells that run again, nothing is
    /// written.
    pub fn set_variable(&mut self, name: &str, value: &Value) {
        if self.variables.get(name) == Some(value) {
            return;
        }
        match serde_json::value::to_raw_value(value) {
            Ok(value) => self.record(Record::Variable {
                name: name.to_owned(),
                value: Arc::from(value),
            }),
            // What was read from JSON can be written as JSON.
            Err(error) => tracing::warn!(%error, name, "a variable cannot be written"),
        }
    }

    /// Takes the records that were not written to the journal yet.
    pub fn take_changes(&mut self) -> Vec<Record> {
        let mut records = std::mem::take(&mut self.unwritten);
        records.extend(self.inputs.news());
        records
    }

    /// Returns the facts for a request in the current conversation.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let container = self.conversations.current().container();
        Facts {
            files: self.inputs.files(container),
            sandbox: Sandbox::of(container),
            diagnostics: self.diagnostics,
            version: self.version,
            keys: self.keys,
            models: self.models.clone(),
            ..Facts::default()
        }
    }

    /// Records the present settings if they differ from the last recorded ones, which a kernel that
    /// goes on would use.
    pub fn record_settings(&mut self) {
        let known = self.conversations.settings().unwrap_or(&self.initial);
        if *known != self.settings {
            self.record(Record::Settings(Box::new(self.settings.clone())));
        }
    }

    /// Returns the turns as `%history` lists them.
    #[must_use]
    pub fn turn_summaries(&self) -> Vec<TurnSummary> {
        let turns = self.conversations.turns_and_stale();
        turns
            .into_iter()
            .zip(1..)
            .map(|((turn, is_stale), number)| TurnSummary {
                number,
                id: turn.id,
                cell: turn.cell.id().cloned(),
                prompt: Arc::clone(&turn.prompt),
                answer: Arc::clone(&turn.answer),
                model: turn.receipt.model.clone(),
                cost_usd: turn.receipt.cost_usd.filter(|_| !turn.receipt.offline),
                count: turn.receipt.count,
                is_stale,
                is_cut: turn.cut.is_some(),
            })
            .collect()
    }

    /// Returns the conversations as `%thread` lists them.
    #[must_use]
    pub fn thread_summaries(&self) -> Vec<ThreadSummary> {
        let all = self.conversations.all();
        all.map(|thread| ThreadSummary {
            name: thread.name.clone(),
            turns: thread.len(),
            forgotten: thread.forgotten_turns(),
        })
        .collect()
    }

    /// Lends what magics may read.
    #[must_use]
    pub fn context<'a>(
        &'a self,
        turns: &'a [TurnSummary],
        threads: &'a [ThreadSummary],
        status: &'a [(String, String)],
    ) -> Context<'a> {
        Context {
            magics: MAGICS,
            settings: &self.settings,
            variables: &self.variables,
            turns,
            threads,
            status,
            ledger: &self.ledger,
            prices_date: self.prices.date(),
            models: &self.models,
            set_in: &self.set_in,
        }
    }
}

/// What a notebook starts with.
#[derive(Debug, Clone, Default)]
pub struct Initial {
    /// What turns are asked with.
    pub settings: Settings,
    /// What tokens cost.
    pub prices: Prices,
    /// What of the configuration could not be used, a sentence each.
    pub problems: Vec<String>,
}

impl Initial {
    /// Reads the configuration. If the budget cannot be read, nothing may be spent: whoever set it
    /// wanted a limit.
    #[must_use]
    pub fn read(config: &Config) -> Self {
        let mut initial = Self {
            settings: settings(config),
            ..Self::default()
        };
        if let Some(text) = &config.budget {
            initial.settings.budget = match text.to_ascii_lowercase().as_str() {
                "off" | "none" => Budget::default(),
                text => Budget::parse(text).unwrap_or_else(|why| {
                    initial.problems.push(format!(
                        "the setting `budget` {why}; nothing is sent until it is corrected or `%budget` sets one"
                    ));
                    Budget {
                        total_usd: Some(0.0),
                        cell_usd: None,
                    }
                }),
            };
        }
        if let Some(path) = &config.prices {
            let read = named_file::read_text(path).map_err(|error| error.to_string());
            match read.and_then(|text| Prices::parse(&text).map_err(|why| why.to_string())) {
                Ok(prices) => initial.prices = prices,
                Err(why) => initial.problems.push(format!(
                    "the setting `prices` names `{}`, which cannot be used ({why})",
                    path.display()
                )),
            }
        }
        initial
    }
}

/// Returns the settings a notebook starts with: the defaults, and what the configuration says.
fn settings(config: &Config) -> Settings {
    let mut settings = Settings::default();
    if let Some(model) = &config.model {
        settings.model =
            model::resolve_alias(model).map_or_else(|| model.clone(), |spec| spec.id.to_owned());
    }
    settings.max_tokens = config.max_tokens.unwrap_or(settings.max_tokens);
    settings.auto_compact = config.auto_compact;
    settings.replay = config
        .replay
        .as_deref()
        .and_then(Replay::parse)
        .unwrap_or_default();
    settings.effort = config.effort.as_deref().and_then(Effort::parse);
    settings
}
