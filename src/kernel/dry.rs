//! `%%dry`: the exact request, shown instead of sent. Pure.

use std::fmt::Write as _;

use serde_json::Map;

use crate::anthropic::client::API_VERSION;
use crate::anthropic::request::MessagesRequest;
use crate::jupyter::mime::{Display, MimeBundle, Output};

/// Renders a request as it would go on the wire; the key is not part of it.
#[must_use]
pub fn plan(request: &MessagesRequest) -> Output {
    let body = serde_json::to_value(request).unwrap_or_default();
    let pretty = serde_json::to_string_pretty(&body).unwrap_or_default();
    let mut head = format!(
        "POST /v1/messages HTTP/1.1\nanthropic-version: {API_VERSION}\nauthorization: Bearer (your key)\ncontent-type: application/json\n"
    );
    if !request.betas.is_empty() {
        let _ = writeln!(head, "anthropic-beta: {}", request.betas.join(","));
    }
    let fence = "`".repeat(longest_run(&pretty).max(2) + 1);
    let markdown = format!(
        "The request of this cell; nothing was sent.\n\n<div style=\"font-family: monospace\">\n\n{fence}http\n{head}{fence}\n\n{fence}json\n{pretty}\n{fence}\n\n</div>"
    );
    let plain = format!("The request of this cell; nothing was sent.\n\n{head}\n{pretty}");
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

/// Returns the length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0)
}
