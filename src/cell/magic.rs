//! What a magic is, what it may read and what it may ask for; and how a call is applied.
//!
//! Pure: a magic never does anything itself, it returns [`Effect`]s for the actor. The magics are
//! listed in [`super::magics::MAGICS`]; help, `%lsmagic`, completion, inspection and the README's
//! table come from there.

use std::sync::Arc;

use serde_json::Value;

use crate::anthropic::model::TABLE_DATE;
use crate::chat::ledger::{self, Ledger};
use crate::chat::settings::Settings;
use crate::chat::verbatim::Language;

use super::magics::MAGICS;
use super::magics::files::FilesJob;
use super::magics::json::Asked;
use crate::chat::record::TurnId;

use super::magics::packages::PackagesJob;
use super::magics::resume::ResumeJob;
use super::magics::threads::Talk;
use super::parse::{MagicCall, SHELL, Scope};
use super::variables::{self, Variables};
use super::{help, secret, unknown};

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
    /// The model ids the API listed, if `%models` was asked before; else the table's.
    pub models: &'a [String],
    /// Where settings were last set: (name of the magic, execution count of its cell), as
    /// [`origin`] names them.
    pub set_in: &'a [(String, u32)],
}

impl<'a> Context<'a> {
    /// Makes a context of settings and nothing else.
    #[must_use]
    pub fn new(settings: &'a Settings) -> Self {
        Self {
            settings,
            variables: &variables::EMPTY,
            turns: &[],
            threads: &[],
            status: &[],
            ledger: &ledger::EMPTY,
            prices_date: TABLE_DATE,
            models: &[],
            set_in: &[],
        }
    }
}

/// A turn, as magics read it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TurnSummary {
    /// 1-based, from the top of the notebook.
    pub number: u32,
    /// The greater, the later it was made.
    pub id: TurnId,
    /// The cell's id, where it has one.
    pub cell: Option<Arc<str>>,
    /// The prompt.
    pub prompt: Arc<str>,
    /// The answer's text.
    pub answer: Arc<str>,
    /// The model that answered.
    pub model: String,
    /// US dollars, if they are known and were spent.
    pub cost_usd: Option<f64>,
    /// Whether what stands above its cell is no longer what it saw.
    pub is_stale: bool,
    /// Whether the answer stops in the middle.
    pub is_cut: bool,
}

/// A conversation, as magics read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadSummary {
    /// Its name.
    pub name: String,
    /// How many turns it has.
    pub turns: usize,
}

/// What a magic asks the actor to do. Magics never do anything themselves.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Replace the settings; the scope of the call says for how long.
    Settings(Box<Settings>),
    /// `%system --file PATH`: read the file, then replace the settings by
    /// [`super::magics::system::with_text`], for as long as the scope of the call says.
    SystemFile {
        /// As typed.
        path: String,
        /// Whether the text is added to the one in force.
        append: bool,
    },
    /// Show a value: `execute_result` with both forms.
    Show {
        /// `text/markdown`.
        markdown: String,
        /// `text/plain`.
        plain: String,
    },
    /// A quiet line: the setting was taken, but …
    Warn(String),
    /// Help to page: `payload` of the reply.
    Page(String),
    /// Set a variable.
    SetVariable { name: String, value: Value },
    /// Something the kernel does, in the order of the cell, before the prompt is sent.
    Job(Job),
    /// `%%json`: this cell's turn ends with a structured result.
    Result(Box<Asked>),
    /// `%%exec`: this cell's turn runs code as it stands.
    Exec {
        /// What it is written in.
        language: Language,
        /// The code, without white space at its end.
        code: String,
    },
    /// `%%dry`: show the request instead of sending it.
    Dry,
    /// `%reset`.
    Reset(Reset),
    /// `%undo`, `%thread`, `%fork`.
    Talk(Talk),
}

/// What the kernel does for a magic. Each subject adds one variant, with its own enum in the file
/// of its magics; `kernel::jobs` performs them.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// `%models`: ask the API, then show.
    ListModels,
    /// Files in and out.
    Files(FilesJob),
    /// `%last`: show the last answer again.
    ShowLast,
    /// `%resume`.
    Resume(ResumeJob),
    /// `%%tool`, `%mcp`.
    Tools(super::magics::own_tools::ToolJob),
    /// `%reset sandbox --replay`: run again what ran.
    Replay,
    /// What the sandbox has installed.
    Packages(PackagesJob),
    /// `%continue`: ask Claude to go on.
    Continue,
    /// `%compact`: put a summary in the place of the turns above.
    Compact {
        /// What to keep, in the person's words.
        instructions: Option<String>,
    },
}

/// What `%reset` takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The conversation.
    Chat,
    /// The container id.
    Sandbox,
    /// Both, settings and variables.
    All,
}

/// A magic that cannot be applied. Nothing of its cell is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MagicError {
    /// What is wrong, with the magic's name in backticks.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl MagicError {
    /// The most characters of a sentence: what was typed is quoted in it, and may be a megabyte.
    const LONGEST: usize = 300;

    /// Makes an error of its two sentences.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let bounded = |text: String| {
            let end = text.char_indices().nth(Self::LONGEST).map(|(at, _)| at);
            match end.and_then(|end| text.get(..end)) {
                Some(head) => format!("{head}…"),
                None => text,
            }
        };
        Self {
            message: bounded(message.into()),
            hint: bounded(hint.into()),
        }
    }
}

/// Finds a magic by its name or an alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static Magic> {
    MAGICS
        .iter()
        .copied()
        .find(|magic| magic.name == name || magic.aliases.contains(&name))
}

/// Returns whether `%%name` takes the rest of its cell.
#[must_use]
pub fn takes_body(name: &str) -> bool {
    find(name).is_some_and(|magic| matches!(magic.form, Form::Body | Form::CellBody))
}

/// Returns whether `%%name` makes its cell's turn of the rest of the cell.
#[must_use]
pub fn makes_turn(name: &str) -> bool {
    find(name).is_some_and(|magic| magic.form == Form::CellBody)
}

/// Returns the name under which [`Context::set_in`] records a call that changed settings for good.
#[must_use]
pub fn origin(call: &MagicCall) -> Option<&'static str> {
    let magic = find(&call.name)?;
    (call.scope == Scope::FromHere).then_some(magic.name)
}

/// Applies one call.
///
/// # Errors
/// When the name is unknown (the hint names the nearest) or the arguments do not fit.
pub fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    secret::refuse(call)?;
    if call.name == SHELL {
        return Err(unknown::shell(&call.args));
    }
    let magic = find(&call.name).ok_or_else(|| unknown::magic(&call.name))?;
    if call.args == "?" {
        return Ok(vec![Effect::Page(help::of_magic(magic, context).plain)]);
    }
    check_form(magic, call)?;
    (magic.apply)(call, context).map_err(|error| unknown::with_meant(error, magic, call, context))
}

/// Applies papermill's injected cell.
///
/// # Errors
/// When a value looks like a key or a password.
pub fn apply_parameters(values: &[(String, String)]) -> Result<Vec<Effect>, MagicError> {
    values
        .iter()
        .map(|(name, value)| {
            secret::refuse_variable(name, value)?;
            Ok(Effect::SetVariable {
                name: name.clone(),
                value: Value::from(value.as_str()),
            })
        })
        .collect()
}

fn check_form(magic: &Magic, call: &MagicCall) -> Result<(), MagicError> {
    let name = magic.name;
    match (magic.form, call.scope) {
        (Form::Line, Scope::ThisCell) => Err(MagicError::new(
            format!("`%%{name}` does not exist: there is nothing in it to hold for one cell"),
            format!("Write `%{name}`."),
        )),
        (Form::Cell, Scope::FromHere) => Err(MagicError::new(
            format!("`%{name}` does not exist: it is always about one cell"),
            format!("Write `%%{name}`, with the prompt below it."),
        )),
        (Form::CellBody, _) if call.body.is_none() => Err(MagicError::new(
            format!("`%{name}` does not exist: it is always about one cell"),
            format!("Write `%%{name} {}`, with its text below it.", call.args),
        )),
        (Form::Setting | Form::Line | Form::Cell | Form::Body | Form::CellBody, _) => {
            match &call.body {
                Some(body) => check_body(name, body),
                None => Ok(()),
            }
        }
    }
}

/// One body magic per cell, last: a body that opens with a magic is a slip.
fn check_body(name: &str, body: &str) -> Result<(), MagicError> {
    let first = body.split('\n').next().unwrap_or_default();
    match super::parse::magic_line(first) {
        Some((2, inner, _)) if takes_body(inner) => Err(MagicError::new(
            match inner == name {
                true => format!("a cell has one `%%{name}`, and this one has two"),
                false => format!("a cell has either `%%{name}` or `%%{inner}`, not both"),
            },
            "Give each a cell of its own.",
        )),
        Some((_, inner, _)) if find(inner).is_some() => Err(MagicError::new(
            format!(
                "`%%{name}` takes the rest of the cell as its text, so `%{inner}` below it would become text"
            ),
            format!("Put `%{inner}` above `%%{name}`, or in a cell of its own."),
        )),
        _ => Ok(()),
    }
}
