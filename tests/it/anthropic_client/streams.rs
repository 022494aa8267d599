//! Recorded streams through `event` and `accumulate`, whole and cut off.
//!
//! `tests/data/streams/NAME.json` is the message the official Python SDK's accumulator builds from
//! `NAME.sse`, where that SDK knows everything in it.

use claude_kernel::anthropic::accumulate::Accumulator;
use claude_kernel::anthropic::block::UNPARSED_INPUT;
use claude_kernel::anthropic::block::{Block, unanswered_server_calls};
use claude_kernel::anthropic::error::ApiError;
use claude_kernel::anthropic::event::{Delta, StreamEvent};
use claude_kernel::anthropic::message::{Message, StopReason};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::recordings::{ALL, data, decode, recorded};

fn events(name: &str) -> Vec<StreamEvent> {
    decode([recorded(name).as_slice()])
        .iter()
        .map(|(name, data)| StreamEvent::parse(name, data).unwrap())
        .collect()
}

fn accumulate(events: &[StreamEvent]) -> Accumulator {
    let mut accumulator = Accumulator::new();
    for event in events {
        accumulator.apply(event);
    }
    accumulator
}

fn as_json(message: Message) -> Value {
    let mut fields = message.fields;
    let content = message.content.iter().map(|block| json!(block)).collect();
    fields.insert("content".to_owned(), Value::Array(content));
    Value::Object(fields)
}

/// The final message of a whole stream is the stored one.
fn check_message(name: &str) -> Message {
    let accumulator = accumulate(&events(name));
    assert!(accumulator.is_complete(), "{name}");
    assert_eq!(accumulator.open_block(), None, "{name}");
    let message = accumulator.into_message();
    let stored = std::fs::read_to_string(data(&format!("{name}.json"))).unwrap();
    let expected: Value = serde_json::from_str(&stored).unwrap();
    assert_eq!(as_json(message.clone()), expected, "{name}");
    message
}

const WHOLE: &[&str] = &[
    "turn",
    "unknown",
    "pause_turn",
    "pause_turn_continued",
    "compaction",
    "hidden_thinking",
    "web_search",
    "fallback",
    "refusal",
];

#[test]
fn streams_fold_into_the_message_they_stand_for() {
    for name in WHOLE {
        check_message(name);
    }
}

#[test]
fn the_recorded_turn_is_read_whole() {
    let message = check_message("turn");
    assert_eq!(message.id(), Some("msg_01K1"));
    assert_eq!(message.model(), Some("claude-opus-5-5"));
    assert_eq!(message.stop_reason(), Some(StopReason::EndTurn));
    let container = message.container().unwrap();
    assert_eq!(container.id, "container_01K4");
    assert_eq!(container.expires_at, Some("2026-11-22T12:40:00Z"));
    let usage = message.usage();
    assert_eq!(usage.input_tokens, 4377);
    assert_eq!(usage.cache_read_input_tokens, 3072);
    assert_eq!(usage.output_tokens, 311);
    assert_eq!(usage.thinking_tokens, 74);
    assert_eq!(usage.total_input_tokens(), 7449);
    assert_eq!(usage.service_tier.as_deref(), Some("standard"));
    assert_eq!(
        unanswered_server_calls(&message.content),
        Vec::<&str>::new()
    );
}

#[test]
fn what_is_unknown_survives() {
    let events = events("unknown");
    assert!(events.contains(&StreamEvent::Unknown {
        name: "weather_report".to_owned(),
        raw: json!({"type": "weather_report", "wind": 4}),
    }));
    assert!(events.contains(&StreamEvent::Unknown {
        name: "not_json".to_owned(),
        raw: json!("{{{"),
    }));
    assert!(events.contains(&StreamEvent::BlockDelta {
        index: 2,
        delta: Delta::Other {
            kind: "sparkle_delta".to_owned(),
            raw: json!({"type": "sparkle_delta", "sparkle": "*"}),
        },
    }));
    let message = check_message("unknown");
    assert_eq!(
        message.stop_reason(),
        Some(StopReason::Other("brand_new_reason".to_owned()))
    );
    assert_eq!(message.fields["mood"], "fine");
    assert_eq!(message.usage_raw().unwrap()["dreams"], 7);
    // A delta nobody knows changes no block: what is echoed stays what was sent.
    let hologram = json!({"type": "hologram", "angle": 30, "parts": [{"a": 1}]});
    assert_eq!(json!(message.content[0]), hologram);
}

#[test]
fn an_error_in_mid_stream_is_an_error_of_the_api() {
    let last = events("error_midway").pop().unwrap();
    let StreamEvent::Error { error } = last else {
        panic!("{last:?}");
    };
    assert_eq!(
        error,
        ApiError::Stream {
            kind: "overloaded_error".to_owned(),
            message: "Overloaded".to_owned(),
            code: None,
            request_id: Some("req_011CERR".to_owned()),
        }
    );
    let odd = StreamEvent::parse("error", "<html>bad gateway</html>").unwrap();
    assert_eq!(
        odd,
        StreamEvent::Error {
            error: ApiError::Stream {
                kind: "error".to_owned(),
                message: "bad gateway".to_owned(),
                code: None,
                request_id: None,
            }
        }
    );
}

#[test]
fn known_events_that_are_broken_are_told() {
    for (name, data) in [
        ("message_start", "{}"),
        ("message_start", r#"{"message":[]}"#),
        ("content_block_start", r#"{"index":0}"#),
        ("content_block_start", r#"{"content_block":{}}"#),
        ("content_block_start", r#"{"index":-1,"content_block":{}}"#),
        ("content_block_delta", r#"{"index":"0","delta":{}}"#),
        ("content_block_delta", r#"{"index":0}"#),
        (
            "content_block_delta",
            r#"{"index":0,"delta":{"type":"text_delta","te"#,
        ),
        ("content_block_stop", "[]"),
        ("message_delta", "null"),
    ] {
        let parsed = StreamEvent::parse(name, data);
        assert!(
            matches!(parsed, Err(ApiError::Protocol { .. })),
            "{name} {data}: {parsed:?}"
        );
    }
    // Nothing is needed of these.
    assert_eq!(StreamEvent::parse("ping", "?"), Ok(StreamEvent::Ping));
    assert_eq!(
        StreamEvent::parse("message_stop", "{}"),
        Ok(StreamEvent::MessageStop)
    );
}

#[test]
fn a_cut_stream_keeps_what_was_complete() {
    let accumulator = accumulate(&events("cut"));
    assert!(!accumulator.is_complete());
    let kinds: Vec<&str> = accumulator.complete_blocks().map(Block::kind).collect();
    assert_eq!(kinds, ["thinking", "server_tool_use"]);
    assert_eq!(
        unanswered_server_calls(&accumulator.salvage()),
        ["srvtoolu_01K2"]
    );
}

#[test]
fn an_interrupt_between_any_two_events_leaves_whole_blocks_and_growing_text() {
    for name in ALL {
        let events = events(name);
        for received in 0..=events.len() {
            let accumulator = accumulate(&events[..received]);
            let opened = accumulator
                .complete_blocks()
                .chain(accumulator.open_block())
                .count();
            let kept = accumulator.salvage();
            assert!(kept.len() <= opened, "{name} after {received}");
            let complete = accumulator.complete_blocks().count();
            for (position, block) in kept.iter().enumerate() {
                let whole = position < complete || block.kind() == "text";
                assert!(whole, "{name} after {received}: {block:?}");
            }
            // Ending the fold is always possible.
            assert_eq!(accumulator.into_message().content.len(), opened);
        }
    }
    let growing = accumulate(&events("error_midway")).salvage();
    assert_eq!(json!(growing), json!([{"type": "text", "text": "Half a "}]));
}

#[test]
fn a_pause_is_continued_by_a_message_of_its_own() {
    let paused = check_message("pause_turn");
    assert_eq!(paused.stop_reason(), Some(StopReason::PauseTurn));
    assert_eq!(unanswered_server_calls(&paused.content), ["srvtoolu_01P"]);
    let continued = check_message("pause_turn_continued");
    let both: Vec<Block> = [paused.content, continued.content].concat();
    assert_eq!(unanswered_server_calls(&both), Vec::<&str>::new());
}

#[test]
fn input_that_was_cut_off_is_kept_as_text() {
    let message = accumulate(&events("truncated_input")).into_message();
    assert_eq!(
        message.content[0].raw()["input"],
        json!({UNPARSED_INPUT: "{\"source\":\"# ha"})
    );
}

#[test]
fn the_container_is_known_as_soon_as_it_is_told() {
    let events = events("pause_turn_continued");
    assert_eq!(
        accumulate(&events[..1]).container_id(),
        Some("container_01P")
    );
    // A null at the end does not take it away.
    assert_eq!(accumulate(&events).container_id(), Some("container_01P"));
}

#[test]
fn counts_replace_and_what_only_the_start_knows_stays() {
    let start = json!({"id": "m", "usage": {"input_tokens": 5, "output_tokens": 1,
        "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3},
        "service_tier": "priority", "speed": null}});
    let Value::Object(message) = start else {
        unreachable!()
    };
    let mut accumulator = accumulate(&[StreamEvent::MessageStart { message }]);
    for usage in [
        json!({"input_tokens": 9, "output_tokens": 7, "cache_read_input_tokens": null,
            "cache_creation": {"ephemeral_1h_input_tokens": 99}, "service_tier": "standard",
            "speed": "fast"}),
        json!({"input_tokens": null, "output_tokens": 8}),
    ] {
        let Value::Object(raw) = json!({"type": "message_delta", "delta": {}, "usage": usage})
        else {
            unreachable!()
        };
        accumulator.apply(&StreamEvent::MessageDelta { raw });
    }
    let usage = accumulator.into_message().usage();
    assert_eq!(usage.input_tokens, 9);
    assert_eq!(usage.output_tokens, 8);
    assert_eq!(usage.cache_creation_1h_tokens, 3);
    assert_eq!(usage.service_tier.as_deref(), Some("priority"));
    assert_eq!(usage.speed.as_deref(), Some("fast"));
}

#[test]
fn blocks_are_put_in_the_order_of_their_indexes() {
    let start = |index, text: &str| StreamEvent::BlockStart {
        index,
        block: Block::from_raw(json!({"type": "text", "text": text})),
    };
    let grow = |index, text: &str| StreamEvent::BlockDelta {
        index,
        delta: Delta::Text(text.to_owned()),
    };
    let events = [
        grow(7, "lost: never opened"),
        start(5, "c"),
        start(0, "a"),
        start(2, "b"),
        start(2, "b again"),
        grow(0, "1"),
        grow(5, "1"),
        grow(2, "1"),
        start(usize::MAX, "last"),
    ];
    let message = accumulate(&events).into_message();
    let texts: Vec<&Value> = message.content.iter().map(|b| &b.raw()["text"]).collect();
    assert_eq!(texts, ["a1", "b", "b again1", "c1", "last"]);
}

/// Any event, broken ones included.
fn any_event() -> impl Strategy<Value = StreamEvent> {
    let index = prop_oneof![0usize..4, Just(usize::MAX)];
    let text = prop_oneof![
        Just(String::new()),
        Just("{\"a\":".to_owned()),
        Just("1}".to_owned()),
        "\\PC{0,4}"
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        Just(json!([1])),
        Just(json!(-3)),
        Just(json!("text")),
    ];
    let kind = proptest::sample::select(vec![
        "text",
        "thinking",
        "tool_use",
        "server_tool_use",
        "compaction",
        "fallback",
        "web_search_tool_result",
        "new",
        "",
    ]);
    let field = proptest::sample::select(vec![
        "type",
        "text",
        "thinking",
        "input",
        "citations",
        "signature",
        "content",
        "usage",
        "delta",
        "container",
        "to",
        "stop_reason",
        "model",
    ]);
    let object = proptest::collection::vec((field, scalar.clone()), 0..4).prop_map(|fields| {
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<Map<String, Value>>()
    });
    let block = (kind, object.clone()).prop_map(|(kind, mut fields)| {
        fields.insert("type".to_owned(), json!(kind));
        Block::from_raw(Value::Object(fields))
    });
    let delta = prop_oneof![
        text.clone().prop_map(Delta::Text),
        text.clone().prop_map(Delta::Thinking),
        text.clone().prop_map(Delta::InputJson),
        text.prop_map(Delta::Signature),
        scalar.clone().prop_map(Delta::Citation),
        scalar.prop_map(|raw| Delta::Other {
            kind: "compaction_delta".to_owned(),
            raw,
        }),
    ];
    prop_oneof![
        object
            .clone()
            .prop_map(|message| StreamEvent::MessageStart { message }),
        (index.clone(), block).prop_map(|(index, block)| StreamEvent::BlockStart { index, block }),
        (index.clone(), delta).prop_map(|(index, delta)| StreamEvent::BlockDelta { index, delta }),
        index.prop_map(|index| StreamEvent::BlockStop { index }),
        object.prop_map(|raw| StreamEvent::MessageDelta { raw }),
        Just(StreamEvent::MessageStop),
        Just(StreamEvent::Ping),
    ]
}

proptest! {
    #[test]
    fn any_data_is_parsed_or_told(
        name in proptest::sample::select(vec![
            "message_start", "content_block_start", "content_block_delta", "content_block_stop",
            "message_delta", "message_stop", "ping", "error", "other",
        ]),
        data in "\\PC{0,60}",
    ) {
        let _ = StreamEvent::parse(name, &data);
    }

    #[test]
    fn any_sequence_of_events_folds_into_a_message(
        events in proptest::collection::vec(any_event(), 0..40),
    ) {
        let mut accumulator = Accumulator::new();
        for event in &events {
            accumulator.apply(event);
            let _ = (accumulator.open_block(), accumulator.salvage(), accumulator.container_id());
        }
        let message = accumulator.into_message();
        let _ = (message.usage(), message.stop_reason(), message.container(), message.refusal());
        for block in &message.content {
            let _ = block.view();
        }
    }
}
