//! What a magic is, what it may read and what it may ask for.
//!
//! Pure: a magic never does anything itself, it returns [`Effect`]s for the actor. The list of
//! magics is [`super::magics::MAGICS`]. A magic that tells of the others (`%help`, `%lsmagic`,
//! `%status`) gets that list from its [`Context`].

use std::sync::{Arc, LazyLock};

use crate::anthropic::model::{Abilities, Models, TABLE_DATE};
use crate::chat::ledger::{self, Ledger};
use crate::chat::record::TurnId;
use crate::chat::settings::Settings;

use super::variables::{self, Variables};

pub use super::call::{MagicCall, MagicError, Scope};
pub use super::effect::{Effect, Reset};
pub use super::job::Job;

/// One entry of the registry.
#[derive(Debug)]
pub struct Magic {
    /// The name without percent signs.
    pub name: &'static str,
    /// Other names it answers to.
    pub aliases: &'static [&'static str],
    /// What follows the name, such as `LEVEL` or `[N]`; empty for nothing.
    pub usage: &'static str,
    /// How it may be written.
    pub form: Form,
    /// Under which heading help lists it.
    pub group: Group,
    /// What it is for: one clause without a full stop.
    pub summary: &'static str,
    /// What else to know: whole sentences.
    pub details: &'static str,
    /// Calls that work, each with what it does in a few words; at least two.
    pub examples: &'static [(&'static str, &'static str)],
    /// What completes the word after `before`, the words already typed.
    pub values: fn(context: &Context<'_>, before: &[&str]) -> Vec<Candidate>,
    /// The value in force, without where it was set; `None` when there is none to tell.
    pub now: fn(context: &Context<'_>) -> Option<String>,
    /// The magic itself.
    pub apply: fn(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError>,
}

/// How a magic may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `%x` and `%%x`: a setting.
    Setting,
    /// `%x` only: it shows or does something once.
    Line,
    /// `%%x` only: it is about this cell's turn.
    Cell,
    /// `%x VALUE` in one line, or `%%x` with the rest of the cell as its text; both last.
    Body,
    /// `%%x` only, with the rest of the cell as its text; last: it makes this cell's turn.
    CellBody,
}

impl Form {
    /// Returns the signs that a call begins with, as help writes it.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Cell | Self::CellBody => "%%",
            Self::Setting | Self::Line | Self::Body => "%",
        }
    }
}

/// What a magic is about: the headings under which help lists the magics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// How Claude answers.
    Answers,
    /// What Claude may do.
    Abilities,
    /// What goes in and what comes out.
    Data,
    /// What was said.
    Conversation,
    /// What it costs, and what exactly is sent.
    Money,
    /// The kernel itself.
    Kernel,
}

impl Group {
    /// All groups, in the order help lists them.
    pub const ALL: [Self; 6] = [
        Self::Answers,
        Self::Abilities,
        Self::Data,
        Self::Conversation,
        Self::Money,
        Self::Kernel,
    ];

    /// Returns the heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Answers => "How Claude answers",
            Self::Abilities => "What Claude may do",
            Self::Data => "Files, variables, results",
            Self::Conversation => "The conversation",
            Self::Money => "Money and requests",
            Self::Kernel => "Help and state",
        }
    }
}

/// A completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What is inserted.
    pub text: String,
    /// What it is, for the front end's icon and second column.
    pub kind: &'static str,
}

impl Candidate {
    /// Makes candidates of one kind.
    pub fn list<T: Into<String>>(
        kind: &'static str,
        texts: impl IntoIterator<Item = T>,
    ) -> Vec<Self> {
        texts
            .into_iter()
            .map(|text| Self {
                text: text.into(),
                kind,
            })
            .collect()
    }
}

/// What a magic may read of the kernel's state.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Every magic, in the order help lists them.
    pub magics: &'a [&'static Magic],
    /// Settings in force before this magic (with those of earlier magics of the cell applied).
    pub settings: &'a Settings,
    /// Variables of `%set` and papermill, and structured results.
    pub variables: &'a Variables,
    /// Turns in the conversation, from top to bottom.
    pub turns: &'a [TurnSummary],
    /// All conversations, the current one first.
    pub threads: &'a [ThreadSummary],
    /// Lines for `%status`: (label, value), made by the actor.
    pub status: &'a [(String, String)],
    /// What cells cost.
    pub ledger: &'a Ledger,
    /// The day of the prices in force.
    pub prices_date: &'a str,
    /// What is known of models: what the API listed, over the table.
    pub models: &'a Models,
    /// Where settings were last set: (name of the magic, execution count of its cell), as
    /// [`origin`] names them.
    pub set_in: &'a [(String, u32)],
}

/// What is known of models if the API was never asked: the table.
static TABLE: LazyLock<Models> = LazyLock::new(Models::default);

impl<'a> Context<'a> {
    /// Returns what the model in force takes.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        self.models.abilities(&self.settings.model)
    }

    /// Makes a context of settings and nothing else.
    #[must_use]
    pub fn new(settings: &'a Settings) -> Self {
        Self {
            magics: &[],
            settings,
            variables: &variables::EMPTY,
            turns: &[],
            threads: &[],
            status: &[],
            ledger: &ledger::EMPTY,
            prices_date: TABLE_DATE,
            models: &TABLE,
            set_in: &[],
        }
    }

    /// Finds a magic by its name or an alias.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static Magic> {
        find(self.magics, name)
    }
}

/// Finds a magic of a list by its name or an alias.
pub(super) fn find(magics: &[&'static Magic], name: &str) -> Option<&'static Magic> {
    let mut magics = magics.iter().copied();
    magics.find(|magic| magic.name == name || magic.aliases.contains(&name))
}

/// A turn, as magics read it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TurnSummary {
    /// 1-based, from the top of the notebook.
    pub number: u32,
    /// Its number: a turn that was made later has a greater one.
    pub id: TurnId,
    /// The cell's id, where it has one.
    pub cell: Option<Arc<str>>,
    /// The prompt.
    pub prompt: Arc<str>,
    /// The answer's text.
    pub answer: Arc<str>,
    /// The model that answered.
    pub model: String,
    /// The execution count of the cell; 0 when not known.
    pub count: u32,
    /// US dollars, if they are known and were spent.
    pub cost_usd: Option<f64>,
    /// Whether the turn is stale: the turns above its cell are not those that it saw.
    pub is_stale: bool,
    /// Whether the answer stops in the middle.
    pub is_cut: bool,
}

impl TurnSummary {
    /// Returns how a person finds the turn: `In [3]`.
    #[must_use]
    pub fn label(&self) -> String {
        match self.count {
            0 => "-".to_owned(),
            count => format!("In [{count}]"),
        }
    }
}

/// A conversation, as magics read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadSummary {
    /// Its name.
    pub name: String,
    /// How many turns it has.
    pub turns: usize,
    /// How many turns it had before a reset that can be taken back.
    pub forgotten: Option<usize>,
}
