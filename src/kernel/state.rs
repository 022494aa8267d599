//! Everything the kernel remembers between cells. Owned by the actor, changed only there.

use crate::anthropic::model::{self, Effort};
use crate::cell::magic::{Context, TurnSummary};
use crate::cell::variables::Variables;
use crate::chat::conversation::Conversations;
use crate::chat::record::Record;
use crate::chat::settings::Settings;
use crate::config::Config;

use super::introspect::HistoryEntry;

/// The kernel's memory.
#[derive(Debug)]
pub struct State {
    /// What turns are asked with, from here on.
    pub settings: Settings,
    /// The settings a fresh kernel starts with, for `%reset all`.
    pub initial: Settings,
    /// Variables of `%set` and papermill, and structured results.
    pub variables: Variables,
    /// What was said; changed by [`State::record`] alone.
    pub conversations: Conversations,
    /// Records since the journal was written last.
    pub unwritten: Vec<Record>,
    /// The execution count.
    pub count: u32,
    /// Executed cells.
    pub history: Vec<HistoryEntry>,
    /// Model ids the API listed, once asked.
    pub models: Vec<String>,
    /// Where settings were last set: (magic, execution count of its cell).
    pub set_in: Vec<(String, u32)>,
}

impl State {
    /// Starts with nothing said.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            initial: settings.clone(),
            settings,
            variables: Variables::default(),
            conversations: Conversations::default(),
            unwritten: Vec::new(),
            count: 0,
            history: Vec::new(),
            models: Vec::new(),
            set_in: Vec::new(),
        }
    }

    /// Takes a change of the conversations, for the journal and for itself.
    pub fn record(&mut self, record: Record) {
        self.unwritten.push(record.clone());
        self.conversations.apply(record);
    }

    /// Returns the turns as `%history` lists them.
    #[must_use]
    pub fn turn_summaries(&self) -> Vec<TurnSummary> {
        let turns = self.conversations.turns();
        turns
            .into_iter()
            .zip(1..)
            .map(|(turn, number)| TurnSummary {
                number,
                prompt: turn.prompt.to_string(),
                answer: turn.answer.to_string(),
                cost_usd: turn.receipt.cost_usd,
            })
            .collect()
    }

    /// Returns what the turns cost so far, in US dollars, as far as prices are known.
    #[must_use]
    pub fn cost_usd(&self) -> f64 {
        let turns = self.conversations.turns();
        // An empty sum of floats is -0.0, which would be shown.
        turns
            .iter()
            .filter_map(|turn| turn.receipt.cost_usd)
            .fold(0.0, |sum, cost| sum + cost)
    }

    /// Lends what magics may read.
    #[must_use]
    pub fn context<'a>(
        &'a self,
        turns: &'a [TurnSummary],
        status: &'a [(String, String)],
    ) -> Context<'a> {
        Context {
            settings: &self.settings,
            variables: &self.variables,
            turns,
            status,
            models: &self.models,
            set_in: &self.set_in,
        }
    }
}

/// Returns the settings a notebook starts with: the defaults, and what the configuration says.
#[must_use]
pub fn initial_settings(config: &Config) -> Settings {
    let mut settings = Settings::default();
    if let Some(model) = &config.model {
        settings.model =
            model::resolve_alias(model).map_or_else(|| model.clone(), |spec| spec.id.to_owned());
    }
    settings.max_tokens = config.max_tokens.unwrap_or(settings.max_tokens);
    settings.effort = config.effort.as_deref().and_then(Effort::parse);
    settings
}
