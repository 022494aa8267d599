//! From settings to the fields of a request that depend on nothing else.

use serde_json::{Map, Value, json};

use crate::anthropic::model::{Fast, Models, ThinkingKind};

use super::settings::{Settings, ThinkingShow};
use super::tool_types::{is_web_by_code, tool_entry, tool_type};
use super::web::Web;

/// The beta of [`ThinkingShow::Notes`].
const NOTES_BETA: &str = "thinking-display-updates-2026-08-18";
/// The beta of [`Fast::WithHeader`].
const FAST_BETA: &str = "fast-mode-2026-02-01";

/// Returns `tools`.
#[must_use]
pub fn tools(settings: &Settings, models: &Models) -> Vec<Value> {
    let types = settings.tool_types();
    let by_code = calls_by_code(settings, models, &types);
    let own = settings
        .client_tools
        .iter()
        .map(|tool| own_entry(tool, by_code));
    types
        .iter()
        .copied()
        .map(dated_entry)
        .chain(settings.web.iter().flat_map(Web::tools))
        .chain(own)
        .collect()
}

/// A dated type as it is sent: exactly it, but that the newer ones of the web are called by the model
/// itself. Left alone they bring a sandbox of their own, beside one that may be there already, and
/// what they find can be read by Claude only (`docs/protocol.md#web-tools`).
fn dated_entry(id: &str) -> Value {
    let mut entry = tool_entry(id);
    if let (true, Some(fields)) = (is_web_by_code(id), entry.as_object_mut()) {
        fields.insert("allowed_callers".to_owned(), json!(["direct"]));
    }
    entry
}

/// Returns whether code in the sandbox may call tools of this machine
/// (`docs/protocol.md#programmatic-calls`).
fn calls_by_code(settings: &Settings, models: &Models, types: &[&str]) -> bool {
    const WITH_REPL: [&str; 2] = ["code_execution_20260521", "code_execution_20260120"];
    models.abilities(&settings.model).calls_by_code && types.iter().any(|id| WITH_REPL.contains(id))
}

/// A tool of this machine as it is sent: `allowed_callers` only where code can call.
fn own_entry(tool: &Value, by_code: bool) -> Value {
    let mut tool = tool.clone();
    if let (false, Some(entry)) = (by_code, tool.as_object_mut()) {
        entry.remove("allowed_callers");
    }
    tool
}

/// Returns `thinking`, or `None` where the field is best left out.
#[must_use]
pub fn thinking(settings: &Settings, models: &Models) -> Option<Value> {
    let abilities = models.abilities(&settings.model);
    let takes = |kind| abilities.takes_thinking(kind);
    match settings.thinking {
        ThinkingShow::Off if takes(ThinkingKind::Disabled) => Some(json!({"type": "disabled"})),
        ThinkingShow::Off if takes(ThinkingKind::BetweenTools) => {
            Some(json!({"type": "between_tools"}))
        }
        ThinkingShow::Notes if takes(ThinkingKind::Adaptive) => {
            Some(json!({"type": "adaptive", "display": "updates"}))
        }
        ThinkingShow::Off | ThinkingShow::Show | ThinkingShow::Fold
            if takes(ThinkingKind::Adaptive) =>
        {
            Some(json!({"type": "adaptive", "display": "summarized"}))
        }
        // Manual thinking: a budget of half the answer, as long as that is one.
        ThinkingShow::Show | ThinkingShow::Fold
            if takes(ThinkingKind::Enabled) && settings.max_tokens > 1024 =>
        {
            Some(json!({"type": "enabled", "budget_tokens": (settings.max_tokens / 2).max(1024)}))
        }
        ThinkingShow::Off | ThinkingShow::Show | ThinkingShow::Fold | ThinkingShow::Notes => None,
    }
}

/// Returns `speed`, or `None` for the usual one.
#[must_use]
pub fn speed(settings: &Settings, models: &Models) -> Option<&'static str> {
    let takes = settings.fast && models.abilities(&settings.model).fast != Fast::No;
    takes.then_some("fast")
}

/// Returns `output_config`, or `None` when nothing is set.
#[must_use]
pub fn output_config(settings: &Settings) -> Option<Value> {
    let mut config = Map::new();
    if let Some(effort) = settings.effort {
        config.insert("effort".to_owned(), json!(effort.as_str()));
    }
    if let Some(format) = &settings.format {
        config.insert("format".to_owned(), format.clone());
    }
    (!config.is_empty()).then_some(Value::Object(config))
}

impl Settings {
    /// Returns the betas that the features in use need, without those of `%beta`.
    #[must_use]
    pub fn derived_betas(&self, models: &Models) -> Vec<&'static str> {
        let mut betas: Vec<&'static str> = Vec::new();
        // Only with what is really sent: a model may not take what was asked for.
        let thinking = thinking(self, models).unwrap_or_default();
        let said = |field: &str| thinking.get(field).and_then(Value::as_str);
        if said("type") == Some("enabled") && self.interleaved {
            betas.push("interleaved-thinking-2025-05-14");
        }
        if said("display") == Some("updates") {
            betas.push(NOTES_BETA);
        }
        if self.fast && models.abilities(&self.model).fast == Fast::WithHeader {
            betas.push(FAST_BETA);
        }
        for beta in self
            .tool_types()
            .into_iter()
            .filter_map(|id| tool_type(id)?.beta)
        {
            if !betas.contains(&beta) {
                betas.push(beta);
            }
        }
        betas
    }

    /// Returns every beta to send: derived ones first, then those of `%beta`, each once.
    #[must_use]
    pub fn all_betas(&self, models: &Models) -> Vec<String> {
        let mut betas: Vec<String> = self
            .derived_betas(models)
            .into_iter()
            .map(str::to_owned)
            .collect();
        for beta in &self.betas {
            if !betas.contains(beta) {
                betas.push(beta.clone());
            }
        }
        betas
    }
}
