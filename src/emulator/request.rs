//! A Messages request whose shape has been checked, read into the values that the rest of the
//! server needs.

use serde_json::Value;

use super::error::ApiError;
use super::message::{Message, blocks, kind, list, present, text};
use super::models::{self, Model};
use super::toolset::{Toolset, definition_in};

/// A checked `POST /v1/messages` or `count_tokens` body.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) model: &'static Model,
    /// `None` for `count_tokens`.
    pub(super) max_tokens: Option<u64>,
    pub(super) stream: bool,
    pub(super) system: Vec<Value>,
    /// `tools` as it was sent.
    pub(super) tools: Vec<Value>,
    /// The tools that Claude may call: those in effect after the last message.
    pub(super) offered: Vec<Value>,
    pub(super) toolset: Toolset,
    pub(super) tool_choice: Option<Value>,
    pub(super) messages: Vec<Message>,
    pub(super) thinking: Thinking,
    /// `output_config.effort`, or the model's default.
    pub(super) effort: String,
    pub(super) effort_given: bool,
    /// Whether `output_config.task_budget` was given.
    pub(super) has_budget: bool,
    pub(super) format: Option<Value>,
    pub(super) container: Option<String>,
    /// Whether `container` was given as an object.
    pub(super) container_is_object: bool,
    pub(super) skills: Vec<Value>,
    /// `None` when `diagnostics` is absent; inside, `previous_message_id`.
    pub(super) diagnostics: Option<Option<String>>,
    pub(super) stop_sequences: Vec<String>,
    /// The `cache_control` marker at the top of the body.
    pub(super) cache_control: Option<Value>,
    pub(super) inference_geo: String,
    pub(super) speed: String,
    /// If a summary is asked for, its `instructions`.
    pub(super) compaction: Option<Option<String>>,
    pub(super) fallbacks: Option<Value>,
    /// Whether a `thread` was asked for.
    pub(super) threads: bool,
    /// Whether `context_management` was asked for.
    pub(super) edits_context: bool,
    pub(super) betas: Vec<String>,
}

/// `thinking`, with the model's defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thinking {
    /// `adaptive`, `enabled`, `between_tools` or `disabled`.
    pub(super) kind: String,
    pub(super) given: bool,
    pub(super) display: Display,
    pub(super) display_given: bool,
    pub(super) budget_tokens: Option<u64>,
    /// `block_binding.prefix_mismatch_behavior`.
    pub(super) on_mismatch: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Display {
    Summarized,
    Omitted,
    Updates,
}

impl Request {
    /// Reads a checked body.
    ///
    /// # Errors
    /// If the model does not exist, or a change of tools cannot be made.
    pub(super) fn read(body: &Value, betas: &[String]) -> Result<Self, ApiError> {
        let id = text(body, "model").unwrap_or_default();
        let model = models::find(id).ok_or_else(|| models::unknown(id))?;
        let config = body.get("output_config");
        let effort = config.and_then(|config| text(config, "effort"));
        let container = match body.get("container") {
            Some(Value::String(id)) => (Some(id.clone()), Vec::new()),
            Some(object) => (
                text(object, "id").map(str::to_owned),
                list(object, "skills"),
            ),
            None => (None, Vec::new()),
        };
        let (tools, messages) = (list(body, "tools"), list(body, "messages"));
        let messages: Vec<Message> = messages.iter().map(Message::read).collect();
        let toolset = Toolset::of(&tools, &messages)?;
        Ok(Self {
            model,
            max_tokens: body.get("max_tokens").and_then(Value::as_u64),
            stream: body.get("stream").and_then(Value::as_bool) == Some(true),
            system: blocks(body.get("system")),
            tools,
            offered: toolset.offered(),
            toolset,
            tool_choice: present(body, "tool_choice"),
            messages,
            thinking: Thinking::read(body.get("thinking"), model),
            effort: effort.unwrap_or(model.default_effort).to_owned(),
            effort_given: effort.is_some(),
            has_budget: config.is_some_and(|config| present(config, "task_budget").is_some()),
            format: config.and_then(|config| present(config, "format")),
            container: container.0,
            container_is_object: body.get("container").is_some_and(Value::is_object),
            skills: container.1,
            diagnostics: present(body, "diagnostics")
                .map(|given| text(&given, "previous_message_id").map(str::to_owned)),
            stop_sequences: list(body, "stop_sequences")
                .iter()
                .filter_map(|stop| stop.as_str().map(str::to_owned))
                .collect(),
            cache_control: present(body, "cache_control"),
            inference_geo: text(body, "inference_geo")
                .unwrap_or("not_available")
                .to_owned(),
            speed: text(body, "speed").unwrap_or("standard").to_owned(),
            compaction: present(body, "compaction")
                .map(|given| text(&given, "instructions").map(str::to_owned)),
            fallbacks: present(body, "fallbacks"),
            threads: present(body, "thread").is_some(),
            edits_context: present(body, "context_management").is_some(),
            betas: betas.to_vec(),
        })
    }

    /// Whether a beta header was sent.
    pub(super) fn beta(&self, name: &str) -> bool {
        self.betas.iter().any(|beta| beta == name)
    }

    /// Returns every tool whose definition is in the request, and where it stands.
    pub(super) fn definitions(&self) -> impl Iterator<Item = (String, &Value)> {
        let tools = self.tools.iter().enumerate();
        let messages = self.messages.iter().enumerate();
        let blocks = messages.flat_map(|(i, message)| {
            let blocks = message.blocks.iter().enumerate();
            blocks.map(move |(j, block)| (format!("messages.{i}.content.{j}"), block))
        });
        let inline = blocks.filter_map(|(path, block)| {
            Some((format!("{path}.tool.definition"), definition_in(block)?))
        });
        tools
            .map(|(i, tool)| (format!("tools.{i}"), tool))
            .chain(inline)
    }

    /// Returns the `type` of the code execution tool, if there is one.
    pub(super) fn code_execution(&self) -> Option<&str> {
        self.offered
            .iter()
            .filter_map(|tool| text(tool, "type"))
            .find(|kind| kind.starts_with("code_execution_"))
    }

    /// Whether code can run that keeps its variables.
    pub(super) fn has_repl(&self) -> bool {
        let tool = self.code_execution();
        self.model.has_repl() && tool.is_some_and(|kind| kind >= "code_execution_20260120")
    }

    /// Whether `tool_choice` is of this type.
    pub(super) fn chooses(&self, word: &str) -> bool {
        self.tool_choice
            .as_ref()
            .is_some_and(|choice| kind(choice) == word)
    }

    /// Whether the model may call several tools at once.
    pub(super) fn calls_together(&self) -> bool {
        let choice = self.tool_choice.as_ref();
        choice.and_then(|choice| choice.get("disable_parallel_tool_use"))
            != Some(&Value::Bool(true))
    }

    /// Whether a tool of this name is in effect.
    pub(super) fn has_tool(&self, name: &str) -> bool {
        self.offered
            .iter()
            .any(|tool| text(tool, "name") == Some(name))
    }

    /// Returns the names of the tools that code in the sandbox may call
    /// (`docs/protocol.md#programmatic-calls`).
    pub(super) fn tools_for_code(&self) -> Vec<String> {
        let called = |tool: &&Value| {
            let callers = tool.get("allowed_callers").and_then(Value::as_array);
            let by_code = |caller: &Value| caller.as_str().is_some_and(|c| c.starts_with("code_"));
            tool.get("input_schema").is_some() && callers.into_iter().flatten().any(by_code)
        };
        let tools = self.offered.iter().filter(called);
        tools
            .filter_map(|tool| text(tool, "name").map(str::to_owned))
            .collect()
    }

    /// Whether the model may think in this request.
    pub(super) fn thinks(&self) -> bool {
        self.thinking.kind != "disabled"
    }
}

impl Thinking {
    fn read(given: Option<&Value>, model: &Model) -> Self {
        let given = given.filter(|value| !value.is_null());
        let field = |name: &str| given.and_then(|given| text(given, name));
        let default = if model.thinking.on_by_default {
            "adaptive"
        } else {
            "disabled"
        };
        Self {
            kind: field("type").unwrap_or(default).to_owned(),
            given: given.is_some(),
            display_given: field("display").is_some(),
            display: match field("display") {
                Some("summarized") => Display::Summarized,
                Some("updates") => Display::Updates,
                Some(_) => Display::Omitted,
                None if model.hides_thinking => Display::Omitted,
                None => Display::Summarized,
            },
            budget_tokens: given
                .and_then(|given| given.get("budget_tokens"))
                .and_then(Value::as_u64),
            on_mismatch: given
                .and_then(|given| given.get("block_binding"))
                .and_then(|binding| text(binding, "prefix_mismatch_behavior"))
                .map(str::to_owned),
        }
    }
}
