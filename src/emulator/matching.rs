//! Which parts of which script answer a request.
//!
//! The request itself shows how far a turn has come: what the assistant said since the prompt is
//! compared with the script. So a turn that was paused or waits for a tool result goes on although
//! nothing was remembered.

use serde_json::Value;

use super::app::App;
use super::error::ApiError;
use super::matched_script::MatchedScript;
use super::message::is_by_code;
use super::message::{Role, is_thinking, kind, text};
use super::request::Request;
use super::script::{Part, Variables};
use super::unscripted;

/// Finds the parts that answer a request.
///
/// # Errors
/// 400 if a script cannot be used.
pub(super) async fn script_for(app: &App, request: &Request) -> Result<MatchedScript, ApiError> {
    let (at, prompts) = prompts(request);
    let found = app.scripts.find(&app.shared, &prompts).await?;
    let echoed: Vec<&Value> = request
        .messages
        .iter()
        .skip(at + 1)
        .filter(|message| message.role == Role::Assistant)
        .flat_map(|message| &message.blocks)
        .filter(|block| !is_thinking(block) && !is_by_code(block))
        .collect();
    let mut matched_script = found.unwrap_or_else(|| MatchedScript {
        place: String::new(),
        parts: unscripted::answer(request, &prompts, app.scripts.beside()),
        variables: Variables::new(),
        from: 0,
    });
    matched_script.from = progress(&matched_script.parts, &echoed);
    matched_script
        .parts
        .drain(..matched_script.from.min(matched_script.parts.len()));
    matched_script.variables.extend(results(request, at));
    Ok(matched_script)
}

/// Returns the place of the last prompt and the texts that may name it in a script: all its text,
/// or its last block.
fn prompts(request: &Request) -> (usize, Vec<String>) {
    let place = request.messages.iter().rposition(|message| {
        message.role == Role::User && message.blocks.iter().any(|b| kind(b) != "tool_result")
    });
    let Some((place, message)) = place.and_then(|i| Some((i, request.messages.get(i)?))) else {
        return (0, Vec::new());
    };
    let texts: Vec<&str> = message
        .blocks
        .iter()
        .filter(|block| kind(block) == "text")
        .filter_map(|block| text(block, "text"))
        .collect();
    let mut prompts = vec![texts.join("\n\n")];
    if texts.len() > 1 {
        prompts.extend(texts.last().map(|last| (*last).to_owned()));
    }
    (place, prompts)
}

/// Returns how many parts of the script the echoed blocks show as played.
fn progress(parts: &[Part], echoed: &[&Value]) -> usize {
    let mut next = 0;
    for block in echoed {
        let rest = parts.get(next..).unwrap_or_default();
        if let Some(skipped) = rest.iter().position(|part| stands_for(part, block)) {
            next += skipped + 1;
        }
    }
    let ids: Vec<&str> = echoed
        .iter()
        .filter_map(|block| text(block, "id"))
        .collect();
    while next > 0 && parts.get(next).is_some_and(|part| is_behind(part, &ids)) {
        next += 1;
    }
    next
}

/// Whether a part was certainly played together with the part before it, although no echoed block
/// shows it: a stop never shows, and a client may leave out a text without words or a second call
/// with an id that was used.
fn is_behind(part: &Part, ids: &[&str]) -> bool {
    match part {
        Part::Stop(_) => true,
        Part::Block(block) => match kind(block) {
            "text" => text(block, "text").is_some_and(|words| words.trim().is_empty()),
            _ => text(block, "id").is_some_and(|id| ids.contains(&id)),
        },
        _ => false,
    }
}

fn stands_for(part: &Part, block: &Value) -> bool {
    match part {
        Part::Prose(_) | Part::Result(_) | Part::Deltas { .. } => kind(block) == "text",
        Part::Bash(_) => text(block, "name") == Some("bash_code_execution"),
        Part::Python(_) | Part::Repl(_) => matches!(
            text(block, "name"),
            Some("bash_code_execution" | "code_execution")
        ),
        Part::Edit(_) => text(block, "name") == Some("text_editor_code_execution"),
        Part::Search { .. } => text(block, "name") == Some("web_search"),
        Part::Fetch(_) => text(block, "name") == Some("web_fetch"),
        Part::Block(own) => kind(own) == kind(block) && text(own, "name") == text(block, "name"),
        Part::Thinking(_) | Part::Stop(_) | Part::Fault(_) | Part::Together(_) => false,
    }
}

/// Returns the results of client tools since the prompt: `{{tool_result}}` is the last,
/// `{{tool_result_1}}` the first.
fn results(request: &Request, prompt: usize) -> Variables {
    let mut variables = Variables::new();
    let blocks = request.messages.iter().skip(prompt + 1);
    let results = blocks
        .flat_map(|message| &message.blocks)
        .filter(|block| kind(block) == "tool_result");
    for (i, result) in results.enumerate() {
        let value = match result.get("content") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(blocks)) => {
                let texts: Vec<&str> = blocks.iter().filter_map(|b| text(b, "text")).collect();
                texts.join("\n")
            }
            _ => String::new(),
        };
        variables.insert(format!("tool_result_{}", i + 1), value.clone());
        variables.insert("tool_result".into(), value);
    }
    variables
}
