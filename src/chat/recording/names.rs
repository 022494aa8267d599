//! The names that a recording gives to calls and files in place of the API's ids: `srvtoolu_r1`,
//! `file_r1`. They are the same in two identical runs. When a recording is played, they become ids
//! that no other turn has.

use std::collections::HashMap;

use serde_json::Value;

use crate::anthropic::block::Block;

/// The keys that hold ids in blocks (`docs/protocol.md#code-results, #client-tools`).
const KEYS: &[&str] = &["id", "tool_use_id", "file_id", "tool_id"];
/// How ids begin.
const PREFIXES: &[&str] = &["srvtoolu_", "toolu_", "mcptoolu_", "file_"];
/// What is written as the model wrote it, and never renamed.
const OPAQUE: &[&str] = &["input", "text", "thinking", "citations"];

/// The names that were given so far.
#[derive(Debug, Clone, Default)]
pub struct Names {
    given: HashMap<String, String>,
    counts: HashMap<&'static str, usize>,
}

impl Names {
    /// Returns a block with names in place of ids, and thinking without its signature.
    pub fn of_block(&mut self, block: &Block) -> Value {
        let mut map = block.raw().clone();
        if block.is_thinking() {
            // What binds thinking to one run; a recording's thinking never goes back to the API.
            map.remove("signature");
            map.remove("data");
        }
        let mut value = Value::Object(map);
        rename(&mut value, &mut |id| self.of(id));
        value
    }

    /// Returns the name of an id; an id of a kind that is not known stays.
    pub fn of(&mut self, id: &str) -> String {
        let Some(prefix) = PREFIXES.iter().find(|prefix| id.starts_with(**prefix)) else {
            return id.to_owned();
        };
        if let Some(name) = self.given.get(id) {
            return name.clone();
        }
        let count = self.counts.entry(prefix).or_default();
        *count += 1;
        let name = format!("{prefix}r{count}");
        self.given.insert(id.to_owned(), name.clone());
        name
    }
}

/// Returns the id that a name stands for in the turn `turn`; what is no name stays.
#[must_use]
pub fn id_in(turn: &str, name: &str) -> String {
    let mut prefixes = PREFIXES.iter();
    let rest = prefixes.find_map(|prefix| Some((prefix, name.strip_prefix(*prefix)?)));
    match rest {
        Some((prefix, rest)) => {
            let rest: String = rest.chars().filter(char::is_ascii_alphanumeric).collect();
            format!("{prefix}{turn}_{rest}")
        }
        None => name.to_owned(),
    }
}

/// Returns a block with the ids of the turn `turn` in place of names.
#[must_use]
pub fn with_ids(turn: &str, block: &Value) -> Block {
    let mut block = block.clone();
    rename(&mut block, &mut |name| id_in(turn, name));
    Block::from_raw(block)
}

fn rename(value: &mut Value, name: &mut impl FnMut(&str) -> String) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if KEYS.contains(&key.as_str()) => *text = name(text),
                    Value::Object(_) | Value::Array(_) if !OPAQUE.contains(&key.as_str()) => {
                        rename(value, name);
                    }
                    _ => {}
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_become_names_and_names_become_ids_of_the_turn() {
        let mut names = Names::default();
        let call = Block::from_raw(
            json!({"type": "server_tool_use", "id": "srvtoolu_01X", "name": "b",
            "input": {"id": "srvtoolu_01X"}}),
        );
        let result = Block::from_raw(
            json!({"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_01X",
            "content": {"content": [{"file_id": "file_9"}, {"file_id": "file_8"}], "stdout": "file_9"}}),
        );
        let call = names.of_block(&call);
        let result = names.of_block(&result);
        assert_eq!(call["id"], "srvtoolu_r1");
        assert_eq!(
            call["input"]["id"], "srvtoolu_01X",
            "what the model wrote stays"
        );
        assert_eq!(result["tool_use_id"], "srvtoolu_r1");
        assert_eq!(
            result["content"]["content"],
            json!([{"file_id": "file_r1"}, {"file_id": "file_r2"}])
        );
        let played = with_ids("ab12", &result);
        assert_eq!(played.raw()["tool_use_id"], "srvtoolu_ab12_r1");
        assert_eq!(id_in("ab12", "file_../../r1"), "file_ab12_r1");
        assert_eq!(id_in("ab12", "other"), "other");
    }
}
