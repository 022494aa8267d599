//! What models take and cost.

use claude_kernel::anthropic::model::{
    Abilities, Effort, MODELS, ModelInfo, Prices, ThinkingKind, lookup, nearest, resolve_alias,
};
use claude_kernel::anthropic::usage::Usage;
use expect_test::expect;
use serde_json::{Value, json};

const EFFORTS: [Effort; 5] = [
    Effort::Low,
    Effort::Medium,
    Effort::High,
    Effort::XHigh,
    Effort::Max,
];
const KINDS: [ThinkingKind; 4] = [
    ThinkingKind::Adaptive,
    ThinkingKind::Enabled,
    ThinkingKind::BetweenTools,
    ThinkingKind::Disabled,
];

/// For each model and kind of thinking, the highest effort that goes with it: the matrix of 2.1
/// and 2.2, to be read against the reference.
#[test]
fn thinking_and_effort_are_checked_as_the_reference_says() {
    let mut table = String::new();
    for spec in MODELS.iter().filter(|spec| !spec.gated) {
        let abilities = Abilities::of(spec.id, None);
        table.push_str(&format!("{:18}", spec.id));
        for kind in KINDS {
            let highest = EFFORTS
                .into_iter()
                .filter(|effort| abilities.check(Some(*effort), Some(kind)).is_ok())
                .map(Effort::as_str)
                .next_back();
            let alone = abilities.check(None, Some(kind)).is_ok();
            let shown = match (highest, alone) {
                (Some(effort), _) => effort,
                (None, true) => "taken",
                (None, false) => "-",
            };
            table.push_str(&format!(" {}={shown}", kind.as_str()));
        }
        let default = spec.default_effort.map_or("none", Effort::as_str);
        let xhigh = spec.efforts.contains(&Effort::XHigh);
        table.push_str(&format!(
            " default={default} xhigh={xhigh} on={}\n",
            spec.thinks_by_default
        ));
    }
    expect![[r#"
        claude-opus-5-5    adaptive=max enabled=- between_tools=- disabled=- default=medium xhigh=true on=true
        claude-sonnet-5-5  adaptive=max enabled=- between_tools=high disabled=- default=high xhigh=true on=true
        claude-haiku-5-5   adaptive=max enabled=- between_tools=- disabled=high default=medium xhigh=true on=true
        claude-fable-5-2   adaptive=max enabled=- between_tools=- disabled=- default=high xhigh=true on=true
        claude-fable-5-1   adaptive=max enabled=- between_tools=- disabled=- default=high xhigh=true on=true
        claude-fable-5     adaptive=max enabled=- between_tools=- disabled=- default=high xhigh=true on=true
        claude-opus-5      adaptive=max enabled=- between_tools=- disabled=high default=high xhigh=true on=true
        claude-sonnet-5    adaptive=max enabled=- between_tools=- disabled=max default=high xhigh=true on=true
        claude-opus-4-8    adaptive=max enabled=- between_tools=- disabled=max default=high xhigh=true on=false
        claude-opus-4-7    adaptive=max enabled=- between_tools=- disabled=max default=high xhigh=true on=false
        claude-opus-4-6    adaptive=max enabled=max between_tools=- disabled=max default=high xhigh=false on=false
        claude-sonnet-4-6  adaptive=max enabled=max between_tools=- disabled=max default=high xhigh=false on=false
        claude-opus-4-5    adaptive=- enabled=high between_tools=- disabled=high default=high xhigh=false on=false
        claude-sonnet-4-5  adaptive=- enabled=taken between_tools=- disabled=taken default=none xhigh=false on=false
        claude-haiku-4-5   adaptive=- enabled=taken between_tools=- disabled=taken default=none xhigh=false on=false
    "#]]
    .assert_eq(&table);
}

#[test]
fn a_refusal_names_what_is_taken() {
    let said = |id: &str, effort, kind| {
        Abilities::of(id, None)
            .check(effort, kind)
            .unwrap_err()
            .to_string()
    };
    let shown = [
        said("claude-haiku-4-5", Some(Effort::Low), None),
        said("claude-opus-4-5", Some(Effort::Max), None),
        said("claude-opus-5-5", None, Some(ThinkingKind::Disabled)),
        said(
            "claude-sonnet-5-5",
            Some(Effort::Max),
            Some(ThinkingKind::BetweenTools),
        ),
    ];
    expect![[r#"
        `claude-haiku-4-5` has no effort setting
        `claude-opus-4-5` does not take effort `max`; it takes low, medium, high
        `claude-opus-5-5` does not take thinking `disabled`; it takes adaptive
        `claude-sonnet-5-5` takes thinking `between_tools` only up to effort `high`, not with `max`"#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn names_are_found() {
    for spec in MODELS {
        assert_eq!(lookup(spec.id), Some(spec));
        if let Some(alias) = spec.alias {
            assert_eq!(resolve_alias(alias), Some(spec));
        }
    }
    assert_eq!(
        lookup("claude-haiku-4-5-20251001").unwrap().id,
        "claude-haiku-4-5"
    );
    assert_eq!(lookup("claude-haiku-4-5-latest!"), None);
    assert_eq!(lookup("claude-opus-9"), None);
    assert_eq!(resolve_alias("gpt"), None);
    assert_eq!(nearest("claude-opus-55")[0], "claude-opus-5-5");
    assert_eq!(nearest("sonet")[0], "sonnet");
    assert!(
        nearest("Claude-Mythos-5")
            .iter()
            .all(|id| !id.contains("mythos"))
    );
    assert_eq!(nearest("zzz"), Vec::<&str>::new());
    for effort in EFFORTS {
        assert_eq!(Effort::parse(effort.as_str()), Some(effort));
    }
    assert_eq!(Effort::parse("High"), None);
    assert!(Effort::Max > Effort::XHigh);
}

fn cost(model: &str, usage: Value) -> Option<String> {
    let Value::Object(usage) = usage else {
        unreachable!()
    };
    Prices::default()
        .cost_usd(model, &Usage::from_raw(&usage))
        .map(|cost| format!("{cost:.6}"))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "usage is written where it is checked"
)]
fn check_cost(model: &str, usage: Value, expected: &str) {
    assert_eq!(
        cost(model, usage.clone()).as_deref(),
        Some(expected),
        "{model} {usage}"
    );
}

#[test]
fn a_call_costs_what_the_table_says() {
    let million = 1_000_000;
    check_cost(
        "claude-opus-5-5",
        json!({"input_tokens": million, "output_tokens": million}),
        "24.000000",
    );
    check_cost(
        "claude-opus-5-5",
        json!({"cache_creation_input_tokens": million}),
        "5.000000",
    );
    check_cost(
        "claude-opus-5-5",
        json!({"cache_read_input_tokens": million}),
        "0.200000",
    );
    let written = json!({"cache_creation_input_tokens": 3 * million,
        "cache_creation": {"ephemeral_5m_input_tokens": million, "ephemeral_1h_input_tokens": 2 * million}});
    check_cost("claude-opus-5-5", written, "21.000000");
    check_cost(
        "claude-opus-5-5",
        json!({"server_tool_use": {"web_search_requests": 3}}),
        "0.030000",
    );
    check_cost(
        "claude-haiku-4-5-20251001",
        json!({"output_tokens": million, "speed": null}),
        "5.000000",
    );
    // The receipt of the recorded turn.
    let turn = json!({"input_tokens": 4377, "cache_read_input_tokens": 3072, "output_tokens": 311});
    check_cost("claude-opus-5-5", turn, "0.024342");
    assert_eq!(cost("claude-next-9", json!({"input_tokens": 1})), None);
}

#[test]
fn haiku_costs_more_beyond_a_hundred_thousand_prompt_tokens() {
    let prompt = |input: u64, read: u64| json!({"input_tokens": input, "cache_read_input_tokens": read, "output_tokens": 1000});
    check_cost("claude-haiku-5-5", prompt(60_000, 40_000), "0.006900");
    check_cost("claude-haiku-5-5", prompt(60_001, 40_000), "0.034501");
}

#[test]
fn factors_and_passes_are_counted() {
    let million = 1_000_000;
    check_cost(
        "claude-opus-5-5",
        json!({"input_tokens": million, "inference_geo": "us"}),
        "4.400000",
    );
    check_cost(
        "claude-opus-5-5",
        json!({"input_tokens": million, "speed": "fast"}),
        "8.000000",
    );
    check_cost(
        "claude-opus-5-5",
        json!({"input_tokens": million, "service_tier": "batch"}),
        "2.000000",
    );
    let passes = json!({"input_tokens": 900, "output_tokens": 12, "iterations": [
        {"type": "compaction", "input_tokens": million, "output_tokens": 0},
        {"type": "fallback_message", "model": "claude-sonnet-5-5", "input_tokens": million, "output_tokens": 0}]});
    check_cost("claude-opus-5-5", passes, "6.000000");
    let unknown =
        json!({"iterations": [{"type": "advisor_message", "model": "new", "input_tokens": 1}]});
    assert_eq!(cost("claude-opus-5-5", unknown), None);
}

#[test]
fn counts_that_no_computer_can_add_do_not_overflow() {
    let huge = json!({"input_tokens": u64::MAX, "cache_read_input_tokens": u64::MAX,
        "cache_creation_input_tokens": u64::MAX, "output_tokens": u64::MAX});
    assert!(cost("claude-haiku-5-5", huge.clone()).is_some());
    let Value::Object(huge) = huge else {
        unreachable!()
    };
    assert_eq!(Usage::from_raw(&huge).context_tokens(), u64::MAX);
}

#[test]
fn what_the_models_api_says_goes_before_the_table() {
    let raw = json!({"type": "model", "id": "claude-opus-5-5", "display_name": "Claude Opus 5.5",
        "created_at": "2026-09-22T00:00:00Z", "lifecycle": "active", "line": "opus", "deprecated_at": null,
        "retires_at": null, "max_input_tokens": 1000000, "max_tokens": 64000,
        "capabilities": {"code_execution": {"supported": true},
            "server_tools": {"supported": true, "code_execution": {"supported": true}},
            "effort": {"supported": true, "low": {"supported": true}, "medium": {"supported": false}, "xhigh": null},
            "thinking": {"supported": true, "types": {"adaptive": {"supported": true}, "disabled": {"supported": true},
                "enabled": {"supported": false}}}}});
    let info = ModelInfo::from_raw(&raw).unwrap();
    assert_eq!(info.code_execution, Some(true));
    assert_eq!(info.context_tokens, Some(1_000_000));
    let abilities = Abilities::of(&info.id, Some(&info));
    assert_eq!(abilities.max_output_tokens, Some(64_000));
    assert_eq!(abilities.efforts.as_deref(), Some([Effort::Low].as_slice()));
    assert_eq!(abilities.thinking_off(), Some(ThinkingKind::Disabled));
    abilities.check(Some(Effort::Medium), None).unwrap_err();
    abilities
        .check(Some(Effort::Low), Some(ThinkingKind::Disabled))
        .unwrap();
}

#[test]
fn a_model_nobody_describes_takes_anything() {
    let bare = ModelInfo::from_raw(
        &json!({"id": "claude-next", "capabilities": null, "max_tokens": null}),
    )
    .unwrap();
    assert_eq!(bare.display_name, "claude-next");
    for info in [None, Some(&bare)] {
        let abilities = Abilities::of("claude-next", info);
        for effort in EFFORTS {
            for kind in KINDS {
                abilities.check(Some(effort), Some(kind)).unwrap();
            }
        }
    }
    assert_eq!(ModelInfo::from_raw(&json!({"display_name": "no id"})), None);
    assert_eq!(ModelInfo::from_raw(&json!([])), None);
    assert_eq!(Abilities::of("claude-opus-5-5", None).thinking_off(), None);
    assert_eq!(
        Abilities::of("claude-sonnet-5-5", None).thinking_off(),
        Some(ThinkingKind::BetweenTools)
    );
}
