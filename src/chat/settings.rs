//! What a turn is asked with. Set by magics, kept by the actor, recorded with each turn.

use crate::anthropic::model::Effort;

/// The default model.
pub const DEFAULT_MODEL: &str = "claude-opus-5-5";
/// The default `max_tokens`.
pub const DEFAULT_MAX_TOKENS: u32 = 32_000;
/// The tool that runs bash and Python.
pub const CODE_EXECUTION: &str = "code_execution_20260521";

/// Which languages Claude may use in its sandbox. One tool does both, so this is an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Languages {
    /// Shell commands.
    pub bash: bool,
    /// Python.
    pub python: bool,
}

/// `%thinking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingShow {
    /// Shown open.
    Show,
    /// Shown folded.
    Fold,
    /// Switched off at the model, where it can be.
    Off,
}

/// Everything a magic can set that a request depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `model`.
    pub model: String,
    /// `max_tokens`.
    pub max_tokens: u32,
    /// `output_config.effort`; `None` leaves it to the model.
    pub effort: Option<Effort>,
    /// Thinking, and how it is shown.
    pub thinking: ThinkingShow,
    /// `%thinking --interleaved`: the beta header old models need.
    pub interleaved: bool,
    /// Languages; both false means no code execution.
    pub languages: Languages,
    /// Dated tool types set by `%tools TYPE`; replace the default tool when not empty.
    pub dated_tools: Vec<String>,
    /// The person's system prompt, after the kernel's own.
    pub system: Option<String>,
    /// The preset's name and text, if one is set.
    pub preset: Option<String>,
    /// Extra betas, by `%beta`.
    pub betas: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: DEFAULT_MODEL.to_owned(),
            max_tokens: DEFAULT_MAX_TOKENS,
            effort: None,
            thinking: ThinkingShow::Fold,
            interleaved: false,
            languages: Languages {
                bash: true,
                python: true,
            },
            dated_tools: Vec::new(),
            system: None,
            preset: None,
            betas: Vec::new(),
        }
    }
}
