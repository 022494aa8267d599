//! What stands in the body of a request, read as JSON.

use serde_json::{Value, json};

pub(super) fn named_container(body: &Value) -> Option<String> {
    let container = &body["container"];
    let id = container.as_str().or(container["id"].as_str());
    id.map(str::to_owned)
}

/// Whether this message is what a person asked: not the results of tools.
pub(super) fn is_question(said: &Value) -> bool {
    let blocks = said["content"].as_array();
    said["role"] == "user"
        && blocks.is_some_and(|blocks| blocks.iter().any(|block| block["type"] != "tool_result"))
}

pub(super) fn blocks_of(body: &Value) -> impl Iterator<Item = &Value> {
    let messages = body["messages"].as_array().into_iter().flatten();
    messages.flat_map(|said| said["content"].as_array().into_iter().flatten())
}

pub(super) fn holds_thinking(body: &Value) -> bool {
    blocks_of(body).any(|block| block["type"] == "thinking")
}

/// The changes of tools in a request, a summary's among them.
pub(super) fn changes_in(body: &Value) -> Vec<Value> {
    let is_change = |block: &&Value| {
        let kind = block["type"].as_str();
        matches!(kind, Some("tool_addition" | "tool_removal"))
    };
    let summed = blocks_of(body).flat_map(|block| block["tool_changes"].as_array());
    let told = blocks_of(body).filter(is_change);
    summed.flatten().chain(told).cloned().collect()
}

pub(super) fn changes_tools(body: &Value) -> bool {
    !changes_in(body).is_empty()
}

/// The files that a request refers to.
pub(super) fn files_in(body: &Value) -> Vec<String> {
    let ids = blocks_of(body).filter_map(|block| match block["type"].as_str() {
        Some("container_upload") => block["file_id"].as_str(),
        Some("image" | "document") => block["source"]["file_id"].as_str(),
        _ => None,
    });
    ids.map(str::to_owned).collect()
}

/// What of a request is worth reading when it should not have been sent.
pub(super) fn brief(body: &Value) -> Value {
    json!({"container": body["container"], "model": body["model"], "messages": body["messages"]})
}
