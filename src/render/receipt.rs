//! The one small line under an answer.

use serde_json::{Map, Value, json};

use super::foreign;
use super::screen::{Form, quiet};
use crate::anthropic::model::Effort;
use crate::chat::conversation::order::CellKey;
use crate::chat::receipt::Receipt;
use crate::jupyter::mime::{Display, Output};

/// A receipt on the screen that can still change.
#[derive(Debug, Clone)]
pub struct ShownReceipt {
    display_id: String,
    files: Files,
    receipt: Receipt,
}

/// The lines that name the files of an answer, in Markdown and in plain text; may be empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    pub(crate) markdown: String,
    pub(crate) plain: String,
}

impl ShownReceipt {
    pub(crate) fn new(display_id: String, files: Files, receipt: Receipt) -> Self {
        Self {
            display_id,
            files,
            receipt,
        }
    }

    /// Shows the receipt again, with what has become of its answer since.
    #[must_use]
    pub fn update(&self, mark: Option<&Mark>) -> Output {
        let form = form(&self.files, Some(&self.receipt), mark);
        Output::Update(Display {
            data: form.data,
            metadata: form.metadata,
            display_id: Some(self.display_id.clone()),
        })
    }
}

/// What has become of an answer since it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// One word for programs: `stale` or `undone`.
    pub kind: &'static str,
    /// One sentence without a full stop.
    pub text: String,
}

/// Makes the last output of an answer: its files and its receipt. `mark` comes before the receipt,
/// and is not pale: nobody may read a stale answer as if it still held.
pub(crate) fn form(files: &Files, receipt: Option<&Receipt>, mark: Option<&Mark>) -> Form {
    let (mut shown, mut plain) = (files.markdown.clone(), files.plain.clone());
    let mut kernel = json!({ "block": "files" });
    if let Some(receipt) = receipt {
        let mut data = metadata(receipt);
        if !shown.is_empty() {
            shown.push_str("\n\n");
        }
        if let Some(mark) = mark {
            let text = foreign::inline(&mark.text);
            shown.push_str(&format!("<sub><b>{text}</b></sub> "));
            plain.push_str(&format!("{}\n", foreign::printable(&mark.text)));
            data.insert("mark".to_owned(), json!(mark.kind));
        }
        shown.push_str(&markdown(receipt));
        plain.push_str(&format!("{}\n", self::plain(receipt)));
        kernel = Value::Object(data);
    }
    let quiet = plain.clone();
    Form::new(shown, plain, kernel).quietly(&quiet)
}

/// Returns the receipt as plain text:
/// `opus-5-5 · effort high · 3.2k in (2.9k cached), 1.1k out · 2 runs · $0.041`.
#[must_use]
pub fn plain(receipt: &Receipt) -> String {
    parts(receipt).join(" · ")
}

/// Returns the receipt as one small line of Markdown.
#[must_use]
pub fn markdown(receipt: &Receipt) -> String {
    let parts: Vec<String> = parts(receipt)
        .iter()
        .map(|part| foreign::inline(part))
        .collect();
    quiet(&parts.join(" · "))
}

/// Returns the numbers of the receipt, for output metadata under `claude_kernel`. They are the same in
/// each run that went the same way: no ids, no times.
#[must_use]
pub fn metadata(receipt: &Receipt) -> Map<String, Value> {
    let usage = &receipt.usage;
    let saw = receipt.standing.saw.iter().map(CellKey::to_string);
    let saw: Vec<String> = saw.collect();
    let value = json!({
        "block": "receipt",
        "model": receipt.model,
        "effort": receipt.effort.map(effort_name),
        "usage": {
            "input_tokens": usage.input_tokens,
            "cache_creation_input_tokens": usage.cache_creation_tokens,
            "cache_read_input_tokens": usage.cache_read_tokens,
            "output_tokens": usage.output_tokens,
            "thinking_tokens": usage.thinking_tokens,
            "web_search_requests": usage.web_searches,
        },
        "runs": receipt.runs,
        "cost_usd": receipt.cost_usd.map(|usd| if receipt.offline { 0.0 } else { in_file(usd) }),
        "at_least": receipt.at_least,
        "cache_miss": receipt.cache_miss,
        "turn": receipt.turn,
        "saw": saw,
        "stale": receipt.standing.stale,
        "sandbox_ahead": receipt.standing.sandbox_ahead,
        "offline": receipt.offline,
    });
    let mut map = match value {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    if let Some(recording) = &receipt.recording {
        map.insert("record".to_owned(), recording.value());
    }
    map
}

fn parts(receipt: &Receipt) -> Vec<String> {
    let mut parts = Vec::new();
    if receipt.at_least {
        parts.push("cut off".to_owned());
    }
    // Offline no model answers: there is no name, no price and no number of tokens to tell.
    parts.push(match receipt.offline {
        true => "offline".to_owned(),
        false => {
            let model = receipt.model.as_str();
            model.strip_prefix("claude-").unwrap_or(model).to_owned()
        }
    });
    if let Some(effort) = receipt.effort {
        parts.push(format!("effort {}", effort_name(effort)));
    }
    if !receipt.offline {
        parts.push(tokens_used(receipt));
    }
    match receipt.runs {
        0 => {}
        1 => parts.push("1 run".to_owned()),
        runs => parts.push(format!("{runs} runs")),
    }
    match receipt.usage.web_searches {
        0 => {}
        1 => parts.push("1 search".to_owned()),
        searches => parts.push(format!("{searches} searches")),
    }
    match receipt.cost_usd {
        _ if receipt.nothing_sent => parts.push("recorded · nothing sent".to_owned()),
        // The offline backend costs nothing.
        _ if receipt.offline => {}
        Some(cost) if receipt.at_least => parts.push(format!("at least {}", dollars(cost))),
        Some(cost) => parts.push(dollars(cost)),
        None => parts.push("price unknown".to_owned()),
    }
    match receipt.standing.stale {
        0 => {}
        1 => parts.push("1 cell stale".to_owned()),
        stale => parts.push(format!("{stale} cells stale")),
    }
    if receipt.standing.sandbox_ahead {
        parts.push("sandbox ahead".to_owned());
    }
    parts
}

/// Returns what the model read and wrote.
fn tokens_used(receipt: &Receipt) -> String {
    let usage = &receipt.usage;
    let input = usage.input_tokens + usage.cache_creation_tokens + usage.cache_read_tokens;
    let cached = match (usage.cache_read_tokens, &receipt.cache_miss) {
        (0, None) => String::new(),
        (0, Some(reason)) => format!(" (none cached: {})", miss(reason)),
        (cached, None) => format!(" ({} cached)", tokens(cached)),
        (cached, Some(reason)) => format!(" ({} cached: {})", tokens(cached), miss(reason)),
    };
    let least = if receipt.at_least { "at least " } else { "" };
    let (input, output) = (tokens(input), tokens(usage.output_tokens));
    format!("{input} in{cached}, {least}{output} out")
}

/// Returns the level's name as the API spells it.
fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh => "xhigh",
        Effort::Max => "max",
    }
}

/// Says why the prompt cache was not read (`docs/protocol.md#cache-diagnostics`).
fn miss(reason: &str) -> String {
    match reason {
        "model_changed" => "the model changed".to_owned(),
        "system_changed" => "the system prompt changed".to_owned(),
        "tools_changed" => "the tools changed".to_owned(),
        "messages_changed" => "earlier messages changed".to_owned(),
        "previous_message_not_found" => "too long ago".to_owned(),
        other => other.replace('_', " "),
    }
}

/// Formats a number of tokens: `950`, `3.2k`, `45k`, `1.2M`.
fn tokens(count: u64) -> String {
    let value = count as f64;
    match count {
        0..1_000 => count.to_string(),
        1_000..9_950 => format!("{:.1}k", value / 1e3),
        9_950..999_500 => format!("{:.0}k", value / 1e3),
        _ => format!("{:.1}M", value / 1e6),
    }
}

/// Rounds to a hundredth of a cent, so that no digit is there that only arithmetic made.
fn in_file(cost_usd: f64) -> f64 {
    (cost_usd * 1e4).round() / 1e4
}

fn dollars(cost_usd: f64) -> String {
    if cost_usd > 0.0 && cost_usd < 0.001 {
        "<$0.001".to_owned()
    } else if cost_usd < 1.0 {
        format!("${cost_usd:.3}")
    } else {
        format!("${cost_usd:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::receipt::Standing;
    use crate::chat::receipt::TurnUsage;

    fn receipt() -> Receipt {
        Receipt {
            model: "claude-opus-5-5".to_owned(),
            effort: Some(Effort::High),
            usage: TurnUsage {
                input_tokens: 300,
                cache_creation_tokens: 0,
                cache_read_tokens: 2_900,
                output_tokens: 1_100,
                thinking_tokens: 74,
                web_searches: 0,
            },
            runs: 2,
            cost_usd: Some(0.0412),
            at_least: false,
            cache_miss: None,
            sandbox_ms: 0,
            context_tokens: 0,
            turn: 4,
            count: 0,
            standing: Standing::default(),
            offline: false,
            nothing_sent: false,
            recording: None,
        }
    }

    #[test]
    fn one_small_line() {
        assert_eq!(
            plain(&receipt()),
            "opus-5-5 · effort high · 3.2k in (2.9k cached), 1.1k out · 2 runs · $0.041"
        );
        assert_eq!(
            markdown(&receipt()),
            "<sub style=\"opacity: 0.6\">opus-5-5 · effort high · 3.2k in (2.9k cached), 1.1k out · 2 runs · \
             <span>&#36;</span>0.041</sub>"
        );
    }

    #[test]
    fn offline_and_unknown_prices() {
        let unknown = Receipt {
            cost_usd: None,
            runs: 1,
            effort: None,
            ..receipt()
        };
        assert_eq!(
            plain(&unknown),
            "opus-5-5 · 3.2k in (2.9k cached), 1.1k out · 1 run · price unknown"
        );
        let offline = Receipt {
            offline: true,
            ..unknown
        };
        assert_eq!(plain(&offline), "offline · 1 run");
    }

    #[test]
    fn what_was_cut_off_says_at_least_and_a_missed_cache_says_why() {
        let cut = Receipt {
            at_least: true,
            cache_miss: Some("system_changed".to_owned()),
            ..receipt()
        };
        assert_eq!(
            plain(&cut),
            "cut off · opus-5-5 · effort high · 3.2k in (2.9k cached: the system prompt changed), \
             at least 1.1k out · 2 runs · at least $0.041"
        );
    }

    #[test]
    fn money_and_tokens() {
        assert_eq!(dollars(0.0), "$0.000");
        assert_eq!(dollars(0.000_4), "<$0.001");
        assert_eq!(dollars(12.345), "$12.35");
        assert_eq!(tokens(999), "999");
        assert_eq!(tokens(9_960), "10k");
        assert_eq!(tokens(1_234_567), "1.2M");
    }
}
