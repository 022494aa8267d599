//! How large pictures may be, and who may say how much effort is made, and when.

use base64::Engine as _;
use serde_json::json;

use super::{Backend, ask, check_accepted, check_refused, say};

/// A picture of this size, as far as its first bytes say.
fn picture(width: u16, height: u16) -> serde_json::Value {
    let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
    let bytes = [b"GIF89a".as_slice(), &size, &[0; 20]].concat();
    let data = base64::engine::general_purpose::STANDARD.encode(bytes);
    json!({"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": data}})
}

#[tokio::test]
async fn pictures_have_their_limits_wherever_they_are() {
    let backend = Backend::start().await;
    let show = |blocks: serde_json::Value| say(json!([{"role": "user", "content": blocks}]));
    let strict = |mut picture: serde_json::Value| {
        picture["transformations"] = json!({"oversized_image": "error"});
        picture
    };
    let answered = |result: serde_json::Value| {
        say(json!([
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "t", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [result]}]},
        ]))
    };
    check_accepted(
        &backend,
        "",
        vec![
            show(json!([picture(8000, 1)])),
            show(json!([strict(picture(2576, 1))])),
            show(json!(vec![picture(1, 1); 600])),
            answered(picture(8000, 8000)),
        ],
    )
    .await;
    let mut old = show(json!(vec![picture(1, 1); 101]));
    old["model"] = json!("claude-haiku-4-5");
    let mut wrong = picture(1, 1);
    wrong["source"]["media_type"] = json!("image/png");
    check_refused(
        &backend,
        "",
        vec![
            (
                show(json!(vec![picture(1, 1); 601])),
                "messages: 601 images",
            ),
            (old, "messages: 101 images"),
            (
                answered(wrong),
                "messages.2.content.0.content.0.image.source.base64.media_type:",
            ),
        ],
    )
    .await;
    let far = show(json!([picture(1, 1), picture(1, 8001), picture(8001, 1)]));
    let both = json!(["messages.0.content.1", "messages.0.content.2"]);
    let inside = json!(["messages.2.content.0.content.0"]);
    for (body, most, paths) in [
        (far, 8000, both),
        (
            show(json!([strict(picture(2577, 1))])),
            2576,
            json!(["messages.0.content.0"]),
        ),
        (answered(picture(1, 8001)), 8000, inside),
    ] {
        let answer = backend.post("/v1/messages", &body).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert_eq!(
            answer.json()["error"]["details"],
            json!({"error_code": "image_dimensions_too_large", "max_side_length_pixels": most, "paths": paths})
        );
    }
}

#[tokio::test]
async fn a_message_may_change_the_effort_of_what_follows() {
    let backend = Backend::start().await;
    let betas =
        "mid-conversation-output-config-2026-07-01,mid-conversation-system-clear-at-2026-08-21";
    let low = json!({"effort": "low"});
    let with = |role: &str, field: &str, value: &serde_json::Value, content: Option<&str>| {
        let mut message = json!({"role": role, field: value});
        if let Some(content) = content {
            message["content"] = json!(content);
        }
        say(json!([{"role": "user", "content": "hello"}, message]))
    };
    let by = |model: &str, fields: serde_json::Value| {
        let mut body = with("system", "output_config", &low, None);
        body["model"] = json!(model);
        let map = body.as_object_mut().unwrap();
        map.extend(fields.as_object().unwrap().clone());
        body
    };
    check_accepted(
        &backend,
        betas,
        vec![
            with("system", "output_config", &low, None),
            with("system", "output_config", &low, Some("Be brief.")),
            with("system", "output_config", &json!({}), Some("Be brief.")),
            with("system", "clear_at", &json!("never"), Some("Be brief.")),
            say(json!([
                {"role": "user", "content": "hello"}, {"role": "system", "output_config": low},
                {"role": "user", "content": "more"},
            ])),
        ],
    )
    .await;
    let mut old = with("system", "output_config", &low, None);
    old["model"] = json!("claude-opus-4-7");
    let between = json!({"thinking": {"type": "between_tools"}});
    check_refused(
        &backend,
        betas,
        vec![
            (
                with("system", "output_config", &json!({}), None),
                "messages.1: all messages must have non-empty content",
            ),
            (
                with("user", "output_config", &low, None),
                "messages.1.content: Field required",
            ),
            (
                with("user", "output_config", &low, Some("x")),
                "messages.1.output_config: only `system` messages",
            ),
            (
                with("user", "clear_at", &json!("never"), Some("x")),
                "messages.1.clear_at: only `system` messages",
            ),
            (
                by("claude-sonnet-5-5", between),
                "messages.1.output_config.effort: cannot change",
            ),
            (
                by("claude-haiku-4-5", json!({})),
                "messages.1.output_config.effort: claude-haiku-4-5 does not support effort",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn only_so_many_models_are_fallen_back_to() {
    let backend = Backend::start().await;
    let body = |fallbacks: serde_json::Value| ask(json!({"fallbacks": fallbacks}));
    let some = |count: usize| json!(vec![json!({"model": "claude-opus-5"}); count]);
    let mut haiku = body(json!("default"));
    haiku["model"] = json!("claude-haiku-5-5");
    let mut thread = body(json!("default"));
    thread["thread"] = json!({"type": "create"});
    let betas = "server-side-fallback-2026-07-01,message-threads-2026-08-12";
    check_accepted(&backend, betas, vec![body(json!("default")), body(some(3))]).await;
    check_refused(
        &backend,
        betas,
        vec![
            (body(some(4)), "fallbacks: List should have at most 3"),
            (body(json!("any")), "fallbacks: Input should be 'default'"),
            (
                body(json!([{"max_tokens": 1}])),
                "fallbacks.0.model: Field required",
            ),
            (haiku, "fallbacks: not supported by claude-haiku-5-5"),
            (thread, "fallbacks: cannot be combined with `thread`"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_task_budget_is_for_those_who_heed_it() {
    let backend = Backend::start().await;
    let body = |model: &str| {
        let budget = json!({"task_budget": {"type": "tokens", "total": 20000}});
        ask(json!({"model": model, "output_config": budget}))
    };
    let beta = "task-budgets-2026-03-13";
    check_accepted(
        &backend,
        beta,
        vec![body("claude-fable-5-1"), body("claude-opus-4-7")],
    )
    .await;
    check_refused(
        &backend,
        beta,
        vec![
            (
                body("claude-sonnet-5-5"),
                "output_config.task_budget: claude-sonnet-5-5",
            ),
            (
                body("claude-opus-4-6"),
                "output_config.task_budget: claude-opus-4-6",
            ),
        ],
    )
    .await;
}
