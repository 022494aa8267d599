//! The registry of magics. Help, `%lsmagic`, completion, inspection and the README's table come
//! from [`MAGICS`].

use crate::chat::settings::Settings;

use super::parse::MagicCall;

/// What a magic may read of the kernel's state.
#[derive(Debug)]
pub struct Context<'a> {
    /// Settings in force before this magic (with those of earlier magics of the cell applied).
    pub settings: &'a Settings,
    /// Variables of `%set` and papermill, in order.
    pub variables: &'a [(String, String)],
    /// Turns in the conversation.
    pub turns: &'a [TurnSummary],
    /// Lines for `%status`: (label, value), made by the actor.
    pub status: &'a [(String, String)],
    /// The model ids the API listed, if `%models` was asked before; else the table's.
    pub models: &'a [String],
}

/// One line of `%history`.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnSummary {
    /// 1-based.
    pub number: u32,
    /// The prompt.
    pub prompt: String,
    /// The answer's text.
    pub answer: String,
    /// US dollars, if known.
    pub cost_usd: Option<f64>,
}

/// What a magic asks the actor to do. Magics never do anything themselves.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Replace the settings; the scope of the call says for how long.
    Settings(Box<Settings>),
    /// Show a value: `execute_result` with both forms.
    Show {
        /// `text/markdown`.
        markdown: String,
        /// `text/plain`.
        plain: String,
    },
    /// A quiet line on stderr: the setting was taken, but …
    Warn(String),
    /// Help to page: `payload` of the reply.
    Page(String),
    /// Set a variable.
    SetVariable { name: String, value: String },
    /// `%models`: ask the API, then show.
    ListModels,
    /// `%%dry`: show the request instead of sending it.
    Dry,
    /// `%reset`.
    Reset(Reset),
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

/// Applies one call.
///
/// # Errors
/// When the name is unknown (the hint names the nearest) or the arguments do not fit.
pub fn apply(_call: &MagicCall, _context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    Ok(Vec::new())
}
