//! `%%dry`: the request, shown instead of sent. Pure.
//!
//! What is shown is the same in every run that is the same: ids have names there (`ids`), and the
//! exact request is in the output's metadata.

mod ids;

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::anthropic::client::API_VERSION;
use crate::anthropic::model::{Prices, SEARCH_USD};
use crate::anthropic::request::MessagesRequest;
use crate::cell::shown::{Part, Shown};
use crate::chat::tool_changes;
use crate::chat::tool_types::{is_code_execution, is_web_by_code};
use crate::jupyter::mime::{Display, MimeBundle, Output};
use crate::kernel::inputs::Input;
use crate::render::foreign;

/// The tokens of a prompt.
#[derive(Debug)]
pub enum Counted {
    /// As the API counts them.
    Yes(u64),
    /// Not counted, and why, as a clause.
    No(String),
}

/// How ids of files begin that would be uploaded.
const PLANNED: &str = "file_of_";

/// Returns whether blocks name files that would still have to be uploaded.
#[must_use]
pub fn has_planned_files(blocks: &[Value]) -> bool {
    blocks
        .iter()
        .filter_map(file_of)
        .any(|id| id.starts_with(PLANNED))
}

/// Renders a request as it would go on the wire; the key is not part of it. `files` are the blocks
/// before the prompt, and `known` says what the uploaded ones are called; without `prices` nothing
/// is billed.
#[must_use]
pub fn plan(
    request: &MessagesRequest,
    files: &[Value],
    known: &[Input],
    counted: &Counted,
    prices: Option<&Prices>,
) -> Output {
    let body = serde_json::to_value(request).unwrap_or_default();
    let told = ids::told(&body);
    let pretty = serde_json::to_string_pretty(&told).unwrap_or_default();
    let numbered = match told == body {
        true => "",
        false => {
            " Ids have short names here; the metadata of this output has the request as it is."
        }
    };
    let mut head = format!(
        "POST /v1/messages HTTP/1.1\nanthropic-version: {API_VERSION}\nauthorization: Bearer (your key)\ncontent-type: application/json\n"
    );
    if !request.betas.is_empty() {
        let _ = writeln!(head, "anthropic-beta: {}", request.betas.join(","));
    }
    let facts = facts(request, files, known, counted, prices);
    let rows: Vec<Vec<Part>> = facts
        .iter()
        .map(|(label, value)| vec![Part::text(label), Part::text(value)])
        .collect();
    let table = Shown::default()
        .paragraph(&format!(
            "The request of this cell; nothing was sent.{numbered}"
        ))
        .table(&["what", "as it would be sent"], &rows);
    let fence = "`".repeat(longest_run(&pretty).max(2) + 1);
    let markdown = format!(
        "{}\n\n<div style=\"font-family: monospace\">\n\n{fence}http\n{head}{fence}\n\n</div>\n\n\
<details><summary>The body, {} of JSON</summary>\n\n<div style=\"font-family: monospace\">\n\n{fence}json\n{pretty}\n{fence}\n\n</div>\n\n</details>",
        table.markdown,
        foreign::size(pretty.len() as u64)
    );
    let plain = format!("{}\n\n{head}\n{pretty}", table.plain);
    let mut metadata = Map::new();
    metadata.insert(
        "claude_kernel".to_owned(),
        serde_json::json!({"kind": "dry", "betas": request.betas, "request": body}),
    );
    Output::Display(Display {
        data: MimeBundle::markdown(markdown, plain),
        metadata,
        display_id: None,
    })
}

/// What a person wants to know before they send it, by label.
fn facts(
    request: &MessagesRequest,
    files: &[Value],
    known: &[Input],
    counted: &Counted,
    prices: Option<&Prices>,
) -> Vec<(&'static str, String)> {
    let listed = |items: Vec<String>| match items.is_empty() {
        true => "none".to_owned(),
        false => items.join(", "),
    };
    let in_force = tool_changes::in_force(request);
    let tools = in_force.iter().map(|tool| {
        let text = |key: &str| tool.get(key).and_then(Value::as_str);
        text("type").or(text("name")).unwrap_or_default().to_owned()
    });
    let files = files.iter().filter_map(|block| {
        let id = file_of(block)?;
        let name = match id.strip_prefix(PLANNED) {
            Some(name) => name.to_owned(),
            None => {
                let input = known.iter().find(|input| input.file_id == id);
                input.map_or_else(|| "a file".to_owned(), |input| input.name.clone())
            }
        };
        let to = match block.get("type").and_then(Value::as_str)? {
            "container_upload" => "to the sandbox",
            "image" => "seen as an image",
            _ => "seen as a document",
        };
        Some(format!("{name} ({to})"))
    });
    let skills = request.container.skills.iter().filter_map(|skill| {
        let id = skill.get("skill_id").and_then(Value::as_str)?;
        let version = skill.get("version").and_then(Value::as_str)?;
        Some(format!("{id} ({version})"))
    });
    let skills: Vec<String> = skills.collect();
    let asks = request.output_config.as_ref();
    let has_schema = asks.is_some_and(|asks| asks.get("format").is_some());
    let mut facts = vec![
        ("model", request.model.clone()),
        ("tools", listed(tools.collect())),
        ("betas", listed(request.betas.clone())),
        ("files", listed(files.collect())),
    ];
    if !skills.is_empty() {
        facts.push(("skills", skills.join(", ")));
    }
    if has_schema {
        facts.push((
            "result",
            "data of the schema in output_config.format".to_owned(),
        ));
    }
    facts.push(match counted {
        Counted::Yes(tokens) => ("prompt", format!("{tokens} tokens, as the API counts them")),
        Counted::No(why) => ("prompt", format!("not counted: {why}")),
    });
    facts.push(("answer", format!("at most {} tokens", request.max_tokens)));
    facts.push(("price", price(request, counted, prices)));
    facts
}

/// The most that one call may cost.
fn price(request: &MessagesRequest, counted: &Counted, prices: Option<&Prices>) -> String {
    let Some(prices) = prices else {
        return "nothing: no model is called".to_owned();
    };
    let tokens = match counted {
        Counted::Yes(tokens) => *tokens,
        Counted::No(_) => 0,
    };
    let model = &request.model;
    let (Some(input), Some(output)) = (
        prices.worst_input_usd(model, tokens),
        prices.output_usd(model, tokens),
    ) else {
        return format!("not known for {model}");
    };
    let output = output * f64::from(request.max_tokens);
    let tools = tool_changes::in_force(request);
    let searches = searches(&tools);
    let most = f64::from(searches.unwrap_or(0)) * SEARCH_USD;
    let mut parts = Vec::new();
    if matches!(counted, Counted::Yes(_)) {
        parts.push(format!("${input:.4} for the prompt"));
    }
    parts.push(format!("${output:.4} for the longest answer"));
    match searches {
        Some(0) => {}
        Some(1) => parts.push(format!("${most:.2} for one search")),
        Some(count) => parts.push(format!("${most:.2} for {count} searches")),
        None => parts.push(format!("${SEARCH_USD:.2} for each search")),
    }
    let parts = parts.join(", ");
    let mut text = match (counted, searches) {
        (Counted::Yes(_), Some(_)) => format!(
            "at most ${:.4} for one call: {parts}",
            input + output + most
        ),
        // What has no bound has no sum.
        (Counted::Yes(_), None) => format!("at most {parts}"),
        (Counted::No(_), _) => format!("at most {parts}, and the prompt"),
    };
    if !tools.is_empty() {
        text.push_str(". Each round of tools is a call");
    }
    if bills_sandbox(&tools) {
        text.push_str(
            ". Sandbox time is free for 1,550 hours a month in an organization, then $0.05 an hour",
        );
    }
    text
}

/// The most searches a call may make; `None` for any number.
fn searches(tools: &[Value]) -> Option<u32> {
    let mut searches = tools.iter().filter(|tool| name_of(tool) == "web_search");
    match searches.next() {
        None => Some(0),
        Some(tool) => u32::try_from(tool.get("max_uses")?.as_u64()?).ok(),
    }
}

/// Whether sandbox time is billed: not beside the newer types of the web (`claude-api.md` 3.8).
fn bills_sandbox(tools: &[Value]) -> bool {
    let mut types = tools.iter().filter_map(|tool| tool.get("type")?.as_str());
    tools.iter().any(is_code_execution) && !types.any(is_web_by_code)
}

fn name_of(tool: &Value) -> &str {
    tool.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// The file that a block is about.
fn file_of(block: &Value) -> Option<&str> {
    block
        .get("file_id")
        .or_else(|| block.pointer("/source/file_id"))
        .and_then(Value::as_str)
}

/// Returns the length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(model: &str) -> MessagesRequest {
        MessagesRequest {
            model: model.to_owned(),
            max_tokens: 10_000,
            stream: true,
            system: Vec::new(),
            tools: vec![
                serde_json::json!({"type": "code_execution_20260521", "name": "code_execution"}),
                serde_json::json!({"name": "own"}),
            ],
            thinking: None,
            output_config: None,
            container: crate::anthropic::request::Container::default(),
            diagnostics: None,
            compaction: None,
            messages: Vec::new(),
            betas: vec!["one-2026".to_owned()],
        }
    }

    #[test]
    fn the_worst_price_is_the_whole_prompt_written_and_the_longest_answer() {
        let prices = Prices::default();
        // $4 and $20 for a million: 1,000 written for an hour cost twice the input price.
        let text = price(
            &request("claude-opus-5-5"),
            &Counted::Yes(1_000),
            Some(&prices),
        );
        assert!(
            text.starts_with("at most $0.2080 for one call: $0.0080 for the prompt, $0.2000"),
            "{text}"
        );
        assert!(text.ends_with("then $0.05 an hour"), "{text}");
        let unknown = price(&request("claude-new"), &Counted::Yes(1), Some(&prices));
        assert_eq!(unknown, "not known for claude-new");
        assert_eq!(
            price(&request("x"), &Counted::Yes(1), None),
            "nothing: no model is called"
        );
    }

    #[test]
    fn long_prompts_and_searches_have_their_prices() {
        let prices = Prices::default();
        let at = |model: &str, tokens: u64, tools: Value| {
            let mut request = request(model);
            request
                .tools
                .extend(tools.as_array().cloned().unwrap_or_default());
            price(&request, &Counted::Yes(tokens), Some(&prices))
        };
        let none = || serde_json::json!([]);
        for (model, tokens, expected) in [
            // $0.10 and $0.50 up to 100,000 tokens of prompt, $0.50 and $2.50 above.
            (
                "claude-haiku-5-5",
                100_000,
                "at most $0.0250 for one call: $0.0200 for the prompt, $0.0050 for",
            ),
            (
                "claude-haiku-5-5",
                100_001,
                "at most $0.1250 for one call: $0.1000 for the prompt, $0.0250 for",
            ),
            (
                "claude-sonnet-5-5",
                1_000_000,
                "at most $4.1000 for one call: $4.0000 for the prompt, $0.1000 for",
            ),
            (
                "claude-fable-5-2",
                0,
                "at most $0.4000 for one call: $0.0000 for the prompt, $0.4000 for",
            ),
            (
                "claude-haiku-4-5",
                50_000,
                "at most $0.1500 for one call: $0.1000 for the prompt, $0.0500 for",
            ),
        ] {
            let text = at(model, tokens, none());
            assert!(text.starts_with(expected), "{text}");
        }
        let web = serde_json::json!([{"type": "web_search_20260318", "name": "web_search", "max_uses": 3}]);
        assert_eq!(
            at("claude-opus-5-5", 1_000, web),
            "at most $0.2380 for one call: $0.0080 for the prompt, $0.2000 for the longest answer, \
             $0.03 for 3 searches. Each round of tools is a call"
        );
        let web = serde_json::json!([{"type": "web_search_20250305", "name": "web_search"}]);
        let text = at("claude-opus-5-5", 1_000, web);
        assert!(text.contains("at most $0.0080 for the prompt, $0.2000 for the longest answer, $0.01 for each search."), "{text}");
        assert!(text.contains("Sandbox time"), "{text}");
    }

    #[test]
    fn types_files_and_betas_are_named() {
        let files = [
            serde_json::json!({"type": "container_upload", "file_id": "file_of_a.csv"}),
            serde_json::json!({"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
            serde_json::json!({"type": "text", "text": "a note"}),
        ];
        assert!(has_planned_files(&files) && !has_planned_files(&files[1..]));
        let facts = facts(
            &request("m"),
            &files,
            &[],
            &Counted::No("why".to_owned()),
            None,
        );
        let value = |label: &str| {
            let found = facts.iter().find(|(known, _)| *known == label);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        assert_eq!(value("tools"), "code_execution_20260521, own");
        assert_eq!(
            value("files"),
            "a.csv (to the sandbox), a file (seen as an image)"
        );
        assert_eq!(value("betas"), "one-2026");
        assert_eq!(value("prompt"), "not counted: why");
    }
}
