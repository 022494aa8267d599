//! The rules that hold between the values of a request
//! (`docs/protocol.md#request-body, #sending-answers-back`).
//!
//! The shape has been checked before. The signatures of thinking are checked in `sign`; files and
//! containers where they are looked up.

mod caching;
mod code_results;
mod compaction;
mod container;
mod history;
mod images;
mod output;
mod texts;
mod tool_changes;
mod tools;

use serde_json::Value;

use super::error::ApiError;
use super::headers::Version;
use super::message::text;
use super::models::Fast;
use super::request::Request;

/// The most messages in one request.
const MESSAGES: usize = 100_000;

/// The most models to fall back to.
const FALLBACKS: usize = 3;

/// Checks a request whose shape is right. `paused` says that its last message is a response that
/// ended with `pause_turn`.
///
/// # Errors
/// 400 for the first rule that is broken.
pub(super) fn check(request: &Request, version: Version, paused: bool) -> Result<(), ApiError> {
    if request.messages.len() > MESSAGES {
        return Err(ApiError::invalid(format!(
            "messages: at most {MESSAGES} messages are allowed"
        )));
    }
    model(request)?;
    fallbacks(request)?;
    thinking(request)?;
    effort(request)?;
    tools::check(request)?;
    diagnostics(request)?;
    tool_choice(request)?;
    output::check(request)?;
    compaction::check(request, paused)?;
    history::check(request, version, paused)?;
    texts::check(request)?;
    container::check(request)?;
    tool_changes::check(request)?;
    images::check(request)?;
    code_results::check(request)?;
    caching::check(request)
}

fn model(request: &Request) -> Result<(), ApiError> {
    let model = request.model;
    if let Some(asked) = request.max_tokens
        && asked > model.max_tokens
    {
        return Err(ApiError::invalid(format!(
            "max_tokens: {asked} > {}, which is the maximum allowed number of output tokens for {}",
            model.max_tokens, model.id
        )));
    }
    let is_fast = match model.fast {
        Fast::No => false,
        Fast::Yes => true,
        Fast::WithHeader => request.beta("fast-mode-2026-02-01"),
    };
    if request.speed == "fast" && !is_fast {
        return Err(ApiError::invalid(format!(
            "speed: 'fast' is not supported by {}",
            model.id
        )));
    }
    if !matches!(
        request.inference_geo.as_str(),
        "us" | "global" | "not_available"
    ) {
        return Err(ApiError::invalid(
            "inference_geo: Input should be 'us' or 'global'",
        ));
    }
    Ok(())
}

/// Which models answer in place of one that refuses (`docs/protocol.md#fallbacks`).
fn fallbacks(request: &Request) -> Result<(), ApiError> {
    let wrong = |what: String| Err(ApiError::invalid(format!("fallbacks: {what}")));
    match &request.fallbacks {
        None => return Ok(()),
        Some(Value::String(word)) if word != "default" => {
            return wrong("Input should be 'default' or a list".to_owned());
        }
        Some(Value::Array(models)) if models.len() > FALLBACKS => {
            return wrong(format!(
                "List should have at most {FALLBACKS} items after validation"
            ));
        }
        Some(_) => {}
    }
    if request.threads {
        return wrong("cannot be combined with `thread`".to_owned());
    }
    if request.model.id == "claude-haiku-5-5" {
        return wrong("not supported by claude-haiku-5-5".to_owned());
    }
    Ok(())
}

fn thinking(request: &Request) -> Result<(), ApiError> {
    let thinking = &request.thinking;
    if !thinking.given {
        return Ok(());
    }
    let rules = request.model.thinking;
    let supported = match thinking.kind.as_str() {
        "adaptive" => rules.adaptive,
        "enabled" => rules.enabled,
        "between_tools" => rules.between_tools,
        _ => rules.disabled,
    };
    let kind = &thinking.kind;
    if !supported {
        let hint = if rules.adaptive {
            " Use \"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior."
        } else {
            ""
        };
        return Err(ApiError::invalid(format!(
            "\"thinking.type.{kind}\" is not supported for this model.{hint}"
        )));
    }
    let high = matches!(request.effort.as_str(), "xhigh" | "max");
    if high && (kind == "between_tools" || (kind == "disabled" && rules.disabled_to_high)) {
        return Err(ApiError::invalid(format!(
            "\"thinking.type.{kind}\" is not supported with output_config.effort '{}'",
            request.effort
        )));
    }
    if kind == "disabled" && thinking.display_given {
        return Err(ApiError::invalid(
            "thinking.disabled.display: Extra inputs are not permitted",
        ));
    }
    if let (Some(budget), Some(most)) = (thinking.budget_tokens, request.max_tokens)
        && budget >= most
    {
        return Err(ApiError::invalid(
            "`max_tokens` must be greater than `thinking.budget_tokens`",
        ));
    }
    if thinking.display == super::request::Display::Updates
        && !request.beta("thinking-display-updates-2026-08-18")
    {
        return Err(ApiError::invalid(format!(
            "thinking.{kind}.display: Input should be 'summarized' or 'omitted'"
        )));
    }
    Ok(())
}

/// The effort of the request, and of the `system` messages that change it.
fn effort(request: &Request) -> Result<(), ApiError> {
    let model = request.model;
    if request.has_budget && !model.takes_budgets() {
        return Err(ApiError::invalid(format!(
            "output_config.task_budget: {} does not support task budgets",
            model.id
        )));
    }
    let given = request.effort_given.then_some(request.effort.as_str());
    let messages = request.messages.iter().enumerate();
    let changes =
        messages.filter_map(|(i, message)| Some((format!("messages.{i}."), message.effort()?)));
    let all = given.into_iter().map(|effort| (String::new(), effort));
    for (path, effort) in all.chain(changes) {
        if !path.is_empty() && request.thinking.kind == "between_tools" {
            return Err(ApiError::invalid(format!(
                "{path}output_config.effort: cannot change with \"thinking.type.between_tools\""
            )));
        }
        if model.efforts.is_empty() {
            return Err(ApiError::invalid(format!(
                "{path}output_config.effort: {} does not support effort",
                model.id
            )));
        }
        if !model.efforts.contains(&effort) {
            let mut levels = model.efforts.to_vec();
            levels.sort_unstable();
            return Err(ApiError::invalid(format!(
                "This model does not support effort level '{effort}'. Supported levels: {}.",
                levels.join(", ")
            )));
        }
    }
    Ok(())
}

/// A request can only be compared with a message of this API, so the id must be of that form
/// (`docs/protocol.md#cache-diagnostics`).
fn diagnostics(request: &Request) -> Result<(), ApiError> {
    match &request.diagnostics {
        Some(Some(id)) if !id.starts_with("msg_") => Err(ApiError::invalid(
            "diagnostics.previous_message_id: String should match pattern '^msg_'",
        )),
        _ => Ok(()),
    }
}

fn tool_choice(request: &Request) -> Result<(), ApiError> {
    let Some(choice) = &request.tool_choice else {
        return Ok(());
    };
    if request.offered.is_empty() {
        return Err(ApiError::invalid(
            "tool_choice: may only be specified while providing tools",
        ));
    }
    let kind = text(choice, "type").unwrap_or_default();
    let by_code = !request.tools_for_code().is_empty();
    if by_code && choice.get("disable_parallel_tool_use") == Some(&Value::Bool(true)) {
        return Err(ApiError::invalid(
            "tool_choice.disable_parallel_tool_use: not supported with programmatic `allowed_callers`",
        ));
    }
    if !matches!(kind, "any" | "tool") {
        return Ok(());
    }
    if request.model.refuses_forced_tools {
        return Err(ApiError::invalid(
            "tool_choice: type \"tool\" and \"any\" are not supported for this model.",
        ));
    }
    if by_code {
        return Err(ApiError::invalid(
            "tool_choice: type \"tool\" and \"any\" are not supported with programmatic `allowed_callers`",
        ));
    }
    if request.thinking.kind == "enabled" {
        return Err(ApiError::invalid(
            "Thinking may not be enabled when tool_choice forces tool use.",
        ));
    }
    if let Some(name) = text(choice, "name")
        && !request.has_tool(name)
    {
        return Err(ApiError::invalid(format!(
            "tool_choice.name: Tool '{name}' not found in provided tools"
        )));
    }
    Ok(())
}
