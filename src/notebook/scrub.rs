//! Makes a notebook fit to be passed on or to be kept in version control: without thinking, usage
//! and ids, and refused if something in it looks like a key. Pure; unknown keys survive.

use serde_json::{Map, Value};

use crate::chat::recording::coding::Coded;

/// What of our metadata is others in each run, or is nobody else's business.
const DROPPED: &[&str] = &[
    "usage",
    "cost_usd",
    "cache_miss",
    "sandbox_ms",
    "tool_use_id",
    "file_id",
    "file_ids",
    "elapsed_s",
    "saw",
];

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Outputs that showed thinking.
    pub thinking: usize,
    /// Recordings that held thinking.
    pub recordings: usize,
    /// Pieces of metadata.
    pub metadata: usize,
    /// Texts with a path of this machine.
    pub paths: usize,
}

/// A cell with something that looks like a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The cell, from 1.
    pub cell: usize,
    /// What it looks like, without the key itself.
    pub looks_like: String,
}

/// Removes what is nobody else's. `home` is shown as `~`, where it is known. Returns what was
/// removed; `None` if the value is no notebook.
///
/// # Errors
/// If something looks like a key: where. Nothing is to be written then.
pub fn scrub(
    notebook: &mut Value,
    home: Option<&str>,
    looks_like_key: impl Fn(&str) -> Option<String>,
) -> Option<Result<Scrubbed, Vec<Secret>>> {
    let cells = notebook.get_mut("cells")?.as_array_mut()?;
    let mut secrets = Vec::new();
    let mut scrubbed = Scrubbed::default();
    for (cell, number) in cells.iter_mut().zip(1..) {
        if let Some(outputs) = cell.get_mut("outputs").and_then(Value::as_array_mut) {
            outputs.retain(|output| {
                let is_thinking = output.pointer("/metadata/claude_kernel/block")
                    == Some(&Value::from("thinking"));
                scrubbed.thinking += usize::from(is_thinking);
                !is_thinking
            });
            for output in outputs {
                scrubbed.output(output);
            }
        }
        if let Some(home) = home.filter(|home| home.len() > 1) {
            cover(cell, home, &mut scrubbed.paths);
        }
        find(cell, &looks_like_key, &mut |looks_like| {
            secrets.push(Secret {
                cell: number,
                looks_like,
            });
        });
    }
    secrets.dedup();
    Some(match secrets.is_empty() {
        true => Ok(scrubbed),
        false => Err(secrets),
    })
}

impl Scrubbed {
    fn output(&mut self, output: &mut Value) {
        let ours = output.pointer_mut("/metadata/claude_kernel");
        let Some(ours) = ours.and_then(Value::as_object_mut) else {
            return;
        };
        let before = ours.len();
        ours.retain(|key, _| !DROPPED.contains(&key.as_str()));
        self.metadata += before - ours.len();
        self.slim(ours);
    }

    fn slim(&mut self, ours: &mut Map<String, Value>) {
        let Some(record) = ours.get("record") else {
            return;
        };
        let read = Coded::read(record).and_then(|coded| Ok((coded.is_summary, coded.recording()?)));
        let Ok((is_summary, recording)) = read else {
            // What cannot be read cannot be scrubbed either.
            ours.remove("record");
            self.metadata += 1;
            return;
        };
        let mut slim = recording.clone().slim();
        let usage = std::mem::take(&mut slim.receipt.usage);
        slim.receipt.cost_usd = None;
        if slim != recording || usage != Default::default() {
            self.recordings += 1;
        }
        if let Some(coded) = Coded::of(&slim) {
            let coded = coded.of_summary(is_summary);
            ours.insert("record".to_owned(), coded.value());
        }
    }
}

/// Shows the home directory as `~` in every text of a cell.
fn cover(value: &mut Value, home: &str, count: &mut usize) {
    match value {
        Value::String(text) if text.contains(home) => {
            *text = text.replace(home, "~");
            *count += 1;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| cover(item, home, count)),
        Value::Object(map) => map.values_mut().for_each(|item| cover(item, home, count)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn find(
    value: &Value,
    looks_like_key: &impl Fn(&str) -> Option<String>,
    found: &mut impl FnMut(String),
) {
    match value {
        Value::String(text) => {
            if let Some(what) = looks_like_key(text) {
                found(what);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| find(item, looks_like_key, found)),
        Value::Object(map) => {
            for (key, item) in map {
                // A recording is base64; images too.
                let is_coded = key == "record" || key.starts_with("image/");
                if !is_coded {
                    find(item, looks_like_key, found);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_nobody_elses_goes_and_unknown_keys_stay() {
        let mut notebook = json!({"cells": [{"cell_type": "code", "source": "x", "own": 1, "outputs": [
            {"metadata": {"claude_kernel": {"block": "thinking"}}},
            {"metadata": {"claude_kernel": {"block": "receipt", "usage": {}, "model": "m"}, "other": 2},
             "data": {"text/plain": "in /home/ada/x.csv"}}]}], "nbformat": 4});
        let scrubbed = scrub(&mut notebook, Some("/home/ada"), |_| None).unwrap();
        let expected = Scrubbed {
            thinking: 1,
            recordings: 0,
            metadata: 1,
            paths: 1,
        };
        assert_eq!(scrubbed.unwrap(), expected);
        assert_eq!(
            notebook,
            json!({"cells": [{"cell_type": "code", "source": "x", "own": 1, "outputs": [
                {"metadata": {"claude_kernel": {"block": "receipt", "model": "m"}, "other": 2},
                 "data": {"text/plain": "in ~/x.csv"}}]}], "nbformat": 4})
        );
    }

    #[test]
    fn a_key_is_named_by_its_cell_and_what_is_no_notebook_is_none() {
        let mut notebook = json!({"cells": [{"source": "a"}, {"source": ["x", "key"]}]});
        let looks = |text: &str| (text == "key").then(|| "a key".to_owned());
        let secrets = scrub(&mut notebook, None, looks).unwrap().unwrap_err();
        assert_eq!(secrets.len(), 1);
        assert_eq!(secrets[0].cell, 2);
        for mut none in [json!(null), json!([]), json!({"cells": 3})] {
            assert!(scrub(&mut none, None, |_| None).is_none());
        }
    }
}
