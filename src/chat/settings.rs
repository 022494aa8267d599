//! The settings of a turn. Magics set them, the actor keeps them, and changes are recorded.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::anthropic::model::Effort;

use super::budget::Budget;
use super::presets::preset;
use super::tool_types::tool_name;
use super::web::Web;

/// The default model.
pub const DEFAULT_MODEL: &str = "claude-opus-5-5";
/// The default `max_tokens`.
pub const DEFAULT_MAX_TOKENS: u32 = 32_000;
/// The tool that runs bash and Python.
pub const CODE_EXECUTION: &str = "code_execution_20260521";

/// Which languages Claude may use in its sandbox. One tool does both, so this is an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Languages {
    /// Shell commands.
    pub bash: bool,
    /// Python.
    pub python: bool,
}

impl Languages {
    /// Returns the sentence that tells Claude which language to keep to; `None` when both are free
    /// or there is no code execution at all.
    #[must_use]
    pub fn instruction(self) -> Option<&'static str> {
        match (self.bash, self.python) {
            (true, false) => Some(
                "In the sandbox use shell commands only. Do not run Python there in any form, also not \
                 from the shell; if the task cannot be done without it, say so instead.",
            ),
            (false, true) => Some(
                "In the sandbox run Python only. Use the shell for nothing but starting Python; do \
                 listing, searching and text processing in Python too.",
            ),
            (true, true) | (false, false) => None,
        }
    }

    /// Returns a few words for status lines.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match (self.bash, self.python) {
            (true, true) => "bash and Python",
            (true, false) => "bash only",
            (false, true) => "Python only",
            (false, false) => "none",
        }
    }
}

/// `%thinking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThinkingShow {
    /// Shown open.
    Show,
    /// Shown folded.
    Fold,
    /// The API sends no thinking; only Claude's progress notes between calls of tools are shown.
    Notes,
    /// Claude does not think, if the model allows that.
    Off,
}

/// `%replay`: when a cell is answered from its recording instead of by Claude.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Replay {
    /// The first time since the kernel started.
    #[default]
    Catchup,
    /// Whenever there is a recording.
    Always,
    /// Always, and a cell without a recording fails.
    Only,
    /// Only where nobody could answer, because there are no credentials.
    Off,
    /// Never (`%%fresh`).
    #[serde(skip)]
    Fresh,
}

impl Replay {
    /// The values that can be set, in order.
    pub const ALL: [Self; 4] = [Self::Catchup, Self::Always, Self::Only, Self::Off];

    /// Returns the value's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Catchup => "catchup",
            Self::Always => "always",
            Self::Only => "only",
            Self::Off => "off",
            Self::Fresh => "fresh",
        }
    }

    /// Reads a value that can be set.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value| value.name() == text)
    }
}

/// Everything a magic can set that a request depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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
    /// `%fast`: `speed: "fast"`, where the model takes it.
    pub fast: bool,
    /// Languages; both false means no code execution.
    pub languages: Languages,
    /// Dated tool types set by `%tools TYPE`; replace the default tool when not empty.
    pub dated_tools: Vec<String>,
    /// Web search and fetch; `None` for off.
    pub web: Option<Web>,
    /// Skills in the sandbox, as `%skills add` names them.
    pub skills: Vec<String>,
    /// The person's system prompt, after the kernel's own.
    pub system: Option<String>,
    /// Names of the presets in force, in order ([`super::presets`]).
    pub presets: Vec<String>,
    /// What the notebook and each cell may cost.
    pub budget: Budget,
    /// Whether the conversation is summed up when the context window is nearly full.
    pub auto_compact: bool,
    /// Extra betas, by `%beta`.
    pub betas: Vec<String>,
    /// `output_config.format`, for a cell that wants a structured result.
    pub format: Option<Value>,
    /// Entries of `tools` that run on this machine, in order.
    pub client_tools: Vec<Value>,
    /// When cells are answered from their recordings.
    pub replay: Replay,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: DEFAULT_MODEL.to_owned(),
            max_tokens: DEFAULT_MAX_TOKENS,
            effort: None,
            thinking: ThinkingShow::Fold,
            interleaved: false,
            fast: false,
            languages: Languages {
                bash: true,
                python: true,
            },
            dated_tools: Vec::new(),
            web: None,
            skills: Vec::new(),
            system: None,
            presets: Vec::new(),
            budget: Budget::default(),
            auto_compact: false,
            betas: Vec::new(),
            format: None,
            client_tools: Vec::new(),
            replay: Replay::default(),
        }
    }
}

impl Settings {
    /// Returns the `type` of each tool to send, in order ([`super::tool_types::tool_entry`] makes
    /// the entry).
    #[must_use]
    pub fn tool_types(&self) -> Vec<&str> {
        let code = self.languages.bash || self.languages.python;
        if self.dated_tools.is_empty() {
            return if code {
                vec![CODE_EXECUTION]
            } else {
                Vec::new()
            };
        }
        self.dated_tools
            .iter()
            .map(String::as_str)
            .filter(|id| code || tool_name(id) != "code_execution")
            .collect()
    }

    /// Returns what follows the kernel's own system prompt: the language instruction when code
    /// execution is on, the presets' texts, the person's text.
    #[must_use]
    pub fn instructions(&self) -> Vec<&str> {
        let code = self
            .tool_types()
            .iter()
            .any(|id| tool_name(id) == "code_execution");
        let language = self.languages.instruction().filter(|_| code);
        let presets = self
            .presets
            .iter()
            .filter_map(|name| preset(name))
            .map(|preset| preset.text);
        language
            .into_iter()
            .chain(presets)
            .chain(self.system.as_deref())
            .collect()
    }
}
