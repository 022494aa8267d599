//! The receipts under the answers of a saved notebook, as lines of a ledger.

use serde_json::{Map, Value};

use crate::chat::ledger::{Entry, Ledger, MOST_USD};
use crate::chat::receipt::TurnUsage;

/// Returns what a notebook (nbformat 3 or 4) says its cells cost, in the order of the cells; `None`
/// when the value is no notebook.
#[must_use]
pub fn ledger(notebook: &Value) -> Option<Ledger> {
    let cells = match notebook.get("cells") {
        Some(cells) => cells.as_array()?.iter().collect(),
        None => notebook
            .get("worksheets")?
            .as_array()?
            .iter()
            .filter_map(|sheet| sheet.get("cells")?.as_array())
            .flatten()
            .collect::<Vec<_>>(),
    };
    let mut ledger = Ledger::default();
    for cell in cells {
        let outputs = cell.get("outputs").and_then(Value::as_array);
        for output in outputs.into_iter().flatten() {
            if let Some(receipt) = receipt(output) {
                ledger.add(entry(cell, receipt));
            }
        }
    }
    Some(ledger)
}

fn receipt(output: &Value) -> Option<&Map<String, Value>> {
    let ours = output.get("metadata")?.get("claude_kernel")?.as_object()?;
    (ours.get("block")?.as_str()? == "receipt").then_some(ours)
}

fn entry(cell: &Value, receipt: &Map<String, Value>) -> Entry {
    let text = |name: &str| receipt.get(name).and_then(Value::as_str);
    let flag = |name: &str| receipt.get(name).and_then(Value::as_bool).unwrap_or(false);
    let tokens = |name: &str| {
        let usage = receipt.get("usage").and_then(|usage| usage.get(name));
        usage.and_then(Value::as_u64).unwrap_or_default()
    };
    let count = cell
        .get("execution_count")
        .or_else(|| cell.get("prompt_number"))
        .and_then(Value::as_u64);
    let cost_usd = receipt.get("cost_usd").and_then(Value::as_f64);
    Entry {
        count: count
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(0),
        prompt: source(cell),
        model: text("model").unwrap_or_default().to_owned(),
        usage: TurnUsage {
            input_tokens: tokens("input_tokens"),
            cache_creation_tokens: tokens("cache_creation_input_tokens"),
            cache_read_tokens: tokens("cache_read_input_tokens"),
            output_tokens: tokens("output_tokens"),
            thinking_tokens: tokens("thinking_tokens"),
            web_searches: tokens("web_search_requests"),
        },
        cost_usd: cost_usd.filter(|usd| (0.0..MOST_USD).contains(usd)),
        at_least: flag("at_least"),
        // Times are not in a notebook: two runs of it would differ.
        sandbox_ms: 0,
        cache_miss: text("cache_miss").map(str::to_owned),
        offline: flag("offline"),
        recorded: false,
    }
}

/// The cell's text: a string, or lines.
fn source(cell: &Value) -> String {
    match cell.get("source").or_else(|| cell.get("input")) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn output(receipt: &Value) -> Value {
        json!({"output_type": "display_data", "data": {}, "metadata": {"claude_kernel": receipt}})
    }

    #[test]
    fn receipts_are_found_and_everything_odd_is_skipped() {
        let receipt = json!({"block": "receipt", "model": "claude-opus-5-5", "cost_usd": 0.25, "offline": false,
            "usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 5, "web_search_requests": 1}});
        let notebook = json!({"cells": [
            {"cell_type": "markdown", "source": "text"},
            {"cell_type": "code", "execution_count": 3, "source": ["a\n", "b"], "outputs": [
                output(&receipt), output(&json!({"block": "text"})), output(&json!(7)), json!(null), json!({"metadata": []})]},
            {"cell_type": "code", "source": 4, "outputs": [output(&json!({"block": "receipt", "cost_usd": -1, "usage": "x"}))]},
            {"cell_type": "code", "outputs": "none"},
            7,
        ]});
        let ledger = ledger(&notebook).unwrap();
        let [first, second] = ledger.entries() else {
            panic!("two receipts: {ledger:?}");
        };
        assert_eq!(
            (first.count, first.prompt.as_str(), first.cost_usd),
            (3, "a\nb", Some(0.25))
        );
        assert_eq!(first.usage.cache_read_tokens, 90);
        assert_eq!(
            (second.cost_usd, second.usage),
            (None, TurnUsage::default())
        );
        assert_eq!(ledger.totals().unknown, 1);
    }

    #[test]
    fn the_sum_of_impossible_costs_is_a_number() {
        let cells: Vec<Value> = [1e308, 1e308, 1e8]
            .iter()
            .map(|usd| {
                let usage = json!({"input_tokens": u64::MAX, "output_tokens": u64::MAX});
                let receipt = json!({"block": "receipt", "cost_usd": usd, "usage": usage});
                json!({"outputs": [output(&receipt)]})
            })
            .collect();
        let totals = ledger(&json!({"cells": cells})).unwrap().totals();
        assert_eq!((totals.cost_usd, totals.unknown), (1e8, 2));
    }

    #[test]
    fn what_is_no_notebook_is_none() {
        for value in [json!(null), json!([]), json!({}), json!({"cells": 3})] {
            assert_eq!(ledger(&value), None, "{value}");
        }
        assert_eq!(
            ledger(&json!({"worksheets": [{"cells": []}]})),
            Some(Ledger::default())
        );
    }
}
