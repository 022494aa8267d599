//! `%%dry`: the request, shown instead of sent. Pure.
//!
//! Two runs of the same notebook show the same page: names stand for ids there (`ids`), and the
//! exact request is in the output's metadata.

mod ids;

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::anthropic::model::{FAST, Prices, SEARCH_USD};
use crate::anthropic::request::MessagesRequest;
use crate::cell::shown::{Part, Shown};
use crate::chat::input::{Attachment, VisibleAs};
use crate::chat::tool_types::{is_code_execution, is_web_by_code};
use crate::chat::turn::compose::Composed;
use crate::jupyter::mime::{Display, MimeBundle, Output};
use crate::render::foreign;

/// The tokens of a prompt.
#[derive(Debug)]
pub enum Counted {
    /// As the API counts them.
    Yes(u64),
    /// Not counted, and why, as a clause.
    No(String),
}

/// Renders a request as it would go on the wire; the key is not part of it. `files` go with
/// the prompt; without `prices` nothing is billed.
#[must_use]
pub fn page(
    composed: &Composed,
    files: &[Attachment],
    counted: &Counted,
    prices: Option<&Prices>,
) -> Output {
    let request = &composed.request;
    let version = request.version.as_str();
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
        "POST /v1/messages HTTP/1.1\nanthropic-version: {version}\nauthorization: Bearer (your key)\ncontent-type: application/json\n"
    );
    if !request.betas.is_empty() {
        let _ = writeln!(head, "anthropic-beta: {}", request.betas.join(","));
    }
    let facts = facts(request, &composed.tools, files, counted, prices);
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
    tools: &[Value],
    files: &[Attachment],
    counted: &Counted,
    prices: Option<&Prices>,
) -> Vec<(&'static str, String)> {
    let listed = |items: Vec<String>| match items.is_empty() {
        true => "none".to_owned(),
        false => items.join(", "),
    };
    let tool_names = tools.iter().map(|tool| {
        let text = |key: &str| tool.get(key).and_then(Value::as_str);
        text("type").or(text("name")).unwrap_or_default().to_owned()
    });
    let files = files.iter().flat_map(|file| {
        let seen = match file.delivery.visible_as {
            Some(VisibleAs::Image) => Some("seen as an image"),
            Some(VisibleAs::Document) => Some("seen as a document"),
            None => None,
        };
        let given = file.delivery.sandbox.then_some("to the sandbox");
        let to = seen.into_iter().chain(given);
        to.map(|to| format!("{} ({to})", file.name))
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
        ("tools", listed(tool_names.collect())),
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
    facts.push(("price", price(request, tools, counted, prices)));
    facts
}

/// The most that one call may cost.
fn price(
    request: &MessagesRequest,
    tools: &[Value],
    counted: &Counted,
    prices: Option<&Prices>,
) -> String {
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
    let times = request.speed.map_or(1.0, |_| FAST);
    let (input, output) = (
        input * times,
        output * times * f64::from(request.max_tokens),
    );
    let searches = searches(tools);
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
    if bills_sandbox(tools) {
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

/// Whether sandbox time is billed: not beside the newer types of the web
/// (`docs/protocol.md#sandbox-price`).
fn bills_sandbox(tools: &[Value]) -> bool {
    let mut types = tools.iter().filter_map(|tool| tool.get("type")?.as_str());
    tools.iter().any(is_code_execution) && !types.any(is_web_by_code)
}

fn name_of(tool: &Value) -> &str {
    tool.get("name").and_then(Value::as_str).unwrap_or_default()
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
    use crate::chat::input::Delivery;

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
            speed: None,
            container: crate::anthropic::request::Container::default(),
            diagnostics: None,
            compaction: None,
            messages: Vec::new(),
            betas: vec!["one-2026".to_owned()],
            version: crate::anthropic::request::ApiVersion::Newest,
        }
    }

    #[test]
    fn the_worst_price_is_the_whole_prompt_written_and_the_longest_answer() {
        let prices = Prices::default();
        // $4 and $20 for a million: 1,000 written for an hour cost twice the input price.
        let priced = |model: &str, tokens: u64, prices: Option<&Prices>| {
            let request = request(model);
            price(&request, &request.tools, &Counted::Yes(tokens), prices)
        };
        let text = priced("claude-opus-5-5", 1_000, Some(&prices));
        assert!(
            text.starts_with("at most $0.2080 for one call: $0.0080 for the prompt, $0.2000"),
            "{text}"
        );
        assert!(text.ends_with("then $0.05 an hour"), "{text}");
        let unknown = priced("claude-new", 1, Some(&prices));
        assert_eq!(unknown, "not known for claude-new");
        assert_eq!(priced("x", 1, None), "nothing: no model is called");
    }

    #[test]
    fn long_prompts_and_searches_have_their_prices() {
        let prices = Prices::default();
        let at = |model: &str, tokens: u64, tools: Value| {
            let mut request = request(model);
            request
                .tools
                .extend(tools.as_array().cloned().unwrap_or_default());
            price(
                &request,
                &request.tools,
                &Counted::Yes(tokens),
                Some(&prices),
            )
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
        let to = |visible_as, sandbox| Delivery {
            visible_as,
            sandbox,
        };
        let image = Attachment {
            file_id: "file_1".to_owned(),
            name: "b.png".to_owned(),
            delivery: to(Some(VisibleAs::Image), false),
        };
        let files = [Attachment::planned("a.csv", to(None, true)), image];
        assert!(files[0].is_planned() && !files[1].is_planned());
        let request = request("m");
        let counted = Counted::No("why".to_owned());
        let facts = facts(&request, &request.tools, &files, &counted, None);
        let value = |label: &str| {
            let found = facts.iter().find(|(known, _)| *known == label);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        assert_eq!(value("tools"), "code_execution_20260521, own");
        assert_eq!(
            value("files"),
            "a.csv (to the sandbox), b.png (seen as an image)"
        );
        assert_eq!(value("betas"), "one-2026");
        assert_eq!(value("prompt"), "not counted: why");
    }
}
