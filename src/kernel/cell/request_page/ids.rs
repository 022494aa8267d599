//! What a shown request has in the place of ids and sealed bytes: they mean nothing to a person and
//! differ between runs that are otherwise the same. Pure.
//!
//! Nothing is lost: the request as it would be sent stands in the output's metadata.

use serde_json::Value;

/// Fields whose text is an id of the API's.
const IDS: [&str; 6] = [
    "id",
    "tool_use_id",
    "tool_id",
    "file_id",
    "container",
    "previous_message_id",
];
/// Fields whose text only the API can read.
const SEALED: [&str; 5] = [
    "signature",
    "encrypted_content",
    "encrypted_index",
    "encrypted_stdout",
    "encrypted_stderr",
];
/// How ids of the API begin. Other names, such as a skill's or a planned file's, are the same in
/// every run.
const PREFIXES: [&str; 5] = ["srvtoolu", "toolu", "file", "container", "msg"];
/// Characters that an id has at least behind its prefix.
const LEAST: usize = 8;

/// Returns a request body as it is shown: each id by its kind and a number, the same id the same.
pub(super) fn told(body: &Value) -> Value {
    let mut told = body.clone();
    Names::default().visit(None, &mut told);
    told
}

/// The ids met so far.
#[derive(Debug, Default)]
struct Names(Vec<(String, String)>);

impl Names {
    fn visit(&mut self, key: Option<&str>, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                // Arguments of a call are Claude's own words, whatever they are called.
                let is_call = fields.contains_key("input") && fields.contains_key("name");
                let is_redacted = fields
                    .get("type")
                    .is_some_and(|kind| kind == "redacted_thinking");
                for (key, value) in fields.iter_mut() {
                    match key.as_str() {
                        "input" if is_call => {}
                        "data" if is_redacted => seal(value),
                        key => self.visit(Some(key), value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.visit(key, item)),
            Value::String(text) => match key {
                Some(key) if IDS.contains(&key) => *text = self.name(text),
                Some(key) if SEALED.contains(&key) => seal(value),
                _ => {}
            },
            _ => {}
        }
    }

    fn name(&mut self, id: &str) -> String {
        if let Some((_, name)) = self.0.iter().find(|(known, _)| known == id) {
            return name.clone();
        }
        let Some(prefix) = prefix(id) else {
            return id.to_owned();
        };
        let start = format!("{prefix}_");
        let before = self.0.iter().filter(|(id, _)| id.starts_with(&start));
        let name = format!("{start}{}", before.count() + 1);
        self.0.push((id.to_owned(), name.clone()));
        name
    }
}

fn prefix(id: &str) -> Option<&'static str> {
    PREFIXES.into_iter().find(|prefix| {
        let rest = id
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('_'));
        rest.is_some_and(|rest| {
            rest.len() >= LEAST && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    })
}

fn seal(value: &mut Value) {
    if value.as_str().is_some_and(|text| !text.is_empty()) {
        *value = Value::String("(sealed)".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_become_names_and_pairs_stay_pairs() {
        let body = json!({
            "container": "container_011CabcdEFGH",
            "diagnostics": {"previous_message_id": "msg_01abcdefgh"},
            "tools": [{"type": "custom", "name": "f", "input_schema": {"properties": {"id": {"type": "string"}}}}],
            "messages": [
                {"role": "user", "content": [
                    {"type": "container_upload", "file_id": "file_011abcdefg"},
                    {"type": "container_upload", "file_id": "file_of_a.csv"},
                    {"type": "text", "text": "msg_01abcdefgh stays"},
                ]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "EpQC+s0/abc"},
                    {"type": "thinking", "thinking": "", "signature": ""},
                    {"type": "redacted_thinking", "data": "xyz"},
                    {"type": "server_tool_use", "id": "srvtoolu_01AAAAAAA", "name": "c", "input": {"id": "toolu_01BBBBBBB", "data": "d"}},
                    {"type": "x_result", "tool_use_id": "srvtoolu_01AAAAAAA", "content": {"stdout": "file_011abcdefg", "content": [{"file_id": "file_011hijklmn"}]}},
                    {"type": "tool_use", "id": "toolu_01CCCCCCC", "name": "f", "input": {}, "caller": {"type": "code_execution", "tool_id": "srvtoolu_01AAAAAAA"}},
                ]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01CCCCCCC", "content": "ok"},
                    {"type": "image", "source": {"type": "file", "file_id": "file_011abcdefg"}}]},
            ],
        });
        let told = told(&body);
        assert_eq!(told["container"], "container_1");
        assert_eq!(told["diagnostics"]["previous_message_id"], "msg_1");
        assert_eq!(told["tools"], body["tools"]);
        assert_eq!(
            told["messages"],
            json!([
                {"role": "user", "content": [
                    {"type": "container_upload", "file_id": "file_1"},
                    {"type": "container_upload", "file_id": "file_of_a.csv"},
                    {"type": "text", "text": "msg_01abcdefgh stays"},
                ]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "(sealed)"},
                    {"type": "thinking", "thinking": "", "signature": ""},
                    {"type": "redacted_thinking", "data": "(sealed)"},
                    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "c", "input": {"id": "toolu_01BBBBBBB", "data": "d"}},
                    {"type": "x_result", "tool_use_id": "srvtoolu_1", "content": {"stdout": "file_011abcdefg", "content": [{"file_id": "file_2"}]}},
                    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}, "caller": {"type": "code_execution", "tool_id": "srvtoolu_1"}},
                ]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"},
                    {"type": "image", "source": {"type": "file", "file_id": "file_1"}}]},
            ])
        );
    }
}
