//! What the model in force takes: `%model`, `%effort`, `%thinking`, `%max_tokens`.

use claude_kernel::anthropic::model::{Effort, MODELS, ModelInfo, Models};
use claude_kernel::cell::magic::Context;
use claude_kernel::cell::magics::find;
use claude_kernel::chat::params;
use claude_kernel::chat::settings::{Settings, ThinkingShow};
use serde_json::json;

use super::{refused, run, run_in, settings_after, warned};

#[test]
fn effort_is_checked_against_the_model() {
    assert_eq!(settings_after("%effort high").effort, Some(Effort::High));
    assert_eq!(settings_after("%effort XHIGH").effort, Some(Effort::XHigh));
    assert_eq!(settings_after("%effort high\n%effort default").effort, None);
    refused(
        "%effort turbo",
        "`turbo` is not an effort level",
        "`claude-opus-5-5` takes low, medium, high, xhigh and max; `default` leaves it to the model.",
    );
    refused(
        "%model claude-opus-4-5\n%effort max",
        "`claude-opus-4-5` does not take effort `max`",
        "`claude-opus-4-5` takes low, medium and high; `default` leaves it to the model.",
    );
    refused(
        "%model claude-haiku-4-5\n%effort low",
        "`claude-haiku-4-5` has no effort setting",
        "Leave the line out, or choose another model with `%model`.",
    );
    refused(
        "%effort high please compute",
        "`%effort` takes one value, not `high please compute`",
        "Write `%effort LEVEL`; the prompt begins on the next line.",
    );
}

#[test]
fn help_names_the_models_without_effort() {
    let details = find("effort").unwrap().details;
    for spec in MODELS {
        assert_eq!(
            details.contains(spec.id),
            spec.efforts.is_empty(),
            "{}",
            spec.id
        );
    }
}

#[test]
fn thinking_is_shown_folded_or_off() {
    assert_eq!(
        settings_after("%thinking show").thinking,
        ThinkingShow::Show
    );
    assert_eq!(
        settings_after("%model haiku\n%thinking off\n%thinking on").thinking,
        ThinkingShow::Fold
    );
}

#[test]
fn thinking_off_only_where_the_model_can() {
    refused(
        "%thinking off",
        "`claude-opus-5-5` cannot switch thinking off",
        "`%thinking fold` keeps it out of sight, and a lower `%effort` makes it shorter.",
    );
    assert_eq!(
        settings_after("%model haiku\n%thinking off").thinking,
        ThinkingShow::Off
    );
    refused(
        "%model haiku\n%effort max\n%thinking off",
        "`claude-haiku-5-5` cannot switch thinking off at effort `max`",
        "Lower it first: `%effort high` or less.",
    );
    refused(
        "%model haiku\n%thinking off\n%effort max",
        "`claude-haiku-5-5` does not take effort `max` while thinking is off",
        "Turn thinking on first with `%thinking fold`, or choose high or less.",
    );
    let sonnet = warned(
        "%model sonnet\n%thinking off",
        &[
            "`claude-sonnet-5-5` cannot switch thinking off entirely: it still thinks between tool calls",
        ],
    );
    assert_eq!(sonnet.thinking, ThinkingShow::Off);
    let magic = find("thinking").unwrap();
    assert_eq!(
        (magic.now)(&Context::new(&sonnet)).as_deref(),
        Some("off but between tool calls")
    );
    refused(
        "%thinking loud",
        "`%thinking` does not take `loud`",
        "It takes show, fold, notes or off, and `--interleaved`.",
    );
    refused(
        "%thinking show fold",
        "`%thinking` takes one of show, fold, notes and off, not `show fold`",
        "Choose one of them.",
    );
}

#[test]
fn interleaving_is_sent_only_where_it_is_needed() {
    let old = run("%model claude-opus-4-5\n%thinking show --interleaved")
        .unwrap()
        .0;
    assert!(old.interleaved && old.thinking == ThinkingShow::Show);
    assert_eq!(
        old.derived_betas(&Models::default()),
        ["interleaved-thinking-2025-05-14"]
    );
    // Those models think when asked to, and the header is for thinking between steps.
    for source in [
        "%model haiku-4-5\n%thinking show",
        "%model claude-sonnet-4-5",
    ] {
        let settings = run(source).unwrap().0;
        let thinking = params::thinking(&settings, &Models::default());
        assert_eq!(
            thinking,
            Some(json!({"type": "enabled", "budget_tokens": 16_000})),
            "{source}"
        );
        assert!(
            settings.derived_betas(&Models::default()).is_empty(),
            "{source}"
        );
    }
    let short = settings_after("%model haiku-4-5\n%max_tokens 1024");
    assert_eq!(params::thinking(&short, &Models::default()), None);
    let off = settings_after("%model haiku-4-5\n%thinking off");
    assert_eq!(
        params::thinking(&off, &Models::default()),
        Some(json!({"type": "disabled"}))
    );
    let new = warned(
        "%thinking --interleaved",
        &["`claude-opus-5-5` thinks between steps by itself: `--interleaved` sends nothing"],
    );
    assert!(!new.interleaved);
}

#[test]
fn models_by_alias_id_and_unknown() {
    for (typed, id) in [
        ("opus", "claude-opus-5-5"),
        ("Sonnet", "claude-sonnet-5-5"),
        ("haiku", "claude-haiku-5-5"),
        ("fable", "claude-fable-5-2"),
        ("claude-opus-5", "claude-opus-5"),
        ("opus-5-5", "claude-opus-5-5"),
        ("Haiku-4.5", "claude-haiku-4-5"),
        ("claude-sonnet-4.6", "claude-sonnet-4-6"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001"),
    ] {
        assert_eq!(settings_after(&format!("%model {typed}")).model, id);
    }
    warned(
        "%model claude-mythos-5-2",
        &["`claude-mythos-5-2` answers only accounts that Anthropic approved for it"],
    );
    let unknown = warned(
        "%model claude-opos-5-5",
        &[
            "`claude-opos-5-5` is not in the kernel's table of 2026-11-30: it is sent as it is (did you mean `claude-opus-5-5`, `claude-opus-5` or `claude-opus-4-5`?)",
        ],
    );
    assert_eq!(unknown.model, "claude-opos-5-5");
    let listed = ModelInfo::from_raw(&json!({"id": "claude-next-9"}));
    let listed = Models::listed(listed.into_iter().collect());
    let settings = Settings::default();
    let context = Context {
        models: &listed,
        ..Context::new(&settings)
    };
    let (after, effects) = run_in(
        "%model claude-next-9\n%effort max\n%max_tokens 500k",
        &context,
    )
    .unwrap();
    assert_eq!(
        (
            after.model.as_str(),
            after.effort,
            after.max_tokens,
            effects.len()
        ),
        ("claude-next-9", Some(Effort::Max), 500_000, 0)
    );
    refused(
        "%model opsu",
        "`opsu` is not the name of a model",
        "Did you mean `opus`? `%models` lists them.",
    );
    refused(
        "%model opus please",
        "`opus please` is not the name of a model",
        "`%models` lists them; opus, sonnet, haiku and fable stand for the newest of each line.",
    );
}

#[test]
fn a_new_model_changes_what_it_does_not_take_and_says_so() {
    let after = warned(
        "%effort max\n%model claude-opus-4-5",
        &[
            "`claude-opus-4-5` does not take effort `max`: its default, high, holds now (it takes low, medium and high)",
        ],
    );
    assert_eq!(after.effort, None);
    let after = warned(
        "%effort max\n%model claude-haiku-4-5",
        &["`claude-haiku-4-5` has no effort setting: `max` is no longer sent"],
    );
    assert_eq!(after.effort, None);
    let after = warned(
        "%model haiku\n%thinking off\n%model opus",
        &["`claude-opus-5-5` cannot switch thinking off: it is on again, folded"],
    );
    assert_eq!(after.thinking, ThinkingShow::Fold);
    let after = warned(
        "%max_tokens 128k\n%model claude-haiku-4-5",
        &["`claude-haiku-4-5` answers with at most 64000 tokens: `max_tokens` was lowered to that"],
    );
    assert_eq!(after.max_tokens, 64_000);
    let after = warned(
        "%model claude-opus-4-5\n%thinking --interleaved\n%model opus",
        &[
            "`claude-opus-5-5` thinks between steps by itself: the interleaved header is no longer sent",
        ],
    );
    assert!(!after.interleaved);
    warned("%model claude-sonnet-4-5", &[]);
    // What it does take stays.
    let after = settings_after("%effort low\n%model claude-opus-5");
    assert_eq!(
        (after.effort, after.max_tokens),
        (Some(Effort::Low), 32_000)
    );
}

#[test]
fn max_tokens_has_the_models_cap() {
    for (typed, tokens) in [
        ("8000", 8_000),
        ("32_000", 32_000),
        ("16,000", 16_000),
        ("64k", 64_000),
        ("64K", 64_000),
        ("1", 1),
        ("default", 32_000),
    ] {
        assert_eq!(
            settings_after(&format!("%max_tokens {typed}")).max_tokens,
            tokens,
            "{typed}"
        );
    }
    refused(
        "%max_tokens 200k",
        "`claude-opus-5-5` answers with at most 128000 tokens, not 200000",
        "Write `%max_tokens 128000` or less.",
    );
    for typed in [
        "0",
        "-5",
        "1.5",
        "many",
        "k",
        "99999999999999999999",
        "99999999999999999k",
    ] {
        refused(
            &format!("%max_tokens {typed}"),
            &format!("`{typed}` is not a number of tokens"),
            "Write a whole number from 1, such as `%max_tokens 16000`.",
        );
    }
}

/// What the API says of a model wins over the table, and what a magic takes is what `%models` shows.
#[test]
fn w9_what_the_api_says_of_a_model_is_what_a_magic_takes() {
    let info = |raw: serde_json::Value| ModelInfo::from_raw(&raw).unwrap();
    let models = Models::listed(vec![
        info(
            json!({"id": "claude-opus-5-5", "max_tokens": 9_000, "capabilities": {
            "effort": {"supported": true, "low": {"supported": true}, "xhigh": null},
            "thinking": {"supported": true, "types": {"disabled": {"supported": true}, "adaptive": {"supported": true}}},
            "compaction": {"supported": true, "summarize": {"supported": false}}}}),
        ),
        info(
            json!({"id": "claude-next-9", "capabilities": {"effort": {"supported": false}, "code_execution": {"supported": true}}}),
        ),
        info(json!({"id": "claude-mute-9", "capabilities": null})),
    ]);
    let settings = Settings::default();
    let context = Context {
        models: &models,
        ..Context::new(&settings)
    };
    let refused = |source: &str| run_in(source, &context).unwrap_err().message;
    assert!(refused("%effort high").contains("does not take effort `high`"));
    assert!(refused("%max_tokens 9001").contains("at most 9000 tokens"));
    assert!(refused("%model claude-next-9\n%effort low").contains("no effort setting"));
    run_in("%effort low\n%thinking off\n%max_tokens 9000", &context).unwrap();
    run_in("%model claude-mute-9\n%effort max", &context).unwrap();
    let shown = claude_kernel::cell::magics::models::list(&models, "claude-opus-5-5").plain;
    assert!(shown.contains("9k          low"), "{shown}");
    assert_eq!(models.abilities("claude-opus-5-5").compacts, Some(false));
    assert!(models.abilities("claude-next-9").calls_by_code);
    // Without a word from the API the table counts.
    for effort in ["low", "medium", "high", "xhigh", "max"] {
        assert!(run(&format!("%model haiku\n%effort {effort}")).is_ok());
    }
    let haiku = Models::default().abilities("claude-haiku-5-5");
    assert!(haiku.system_messages && haiku.compacts == Some(true));
}

#[test]
fn w12_fast_is_sent_to_models_that_take_it() {
    let speed = |source: &str| {
        let settings = run(source).unwrap().0;
        let models = Models::default();
        let betas = settings.derived_betas(&models);
        (
            params::speed(&settings, &models),
            betas.contains(&"fast-mode-2026-02-01"),
        )
    };
    assert_eq!(speed("%fast on"), (Some("fast"), false));
    assert_eq!(speed("%fast on\n%fast off"), (None, false));
    assert_eq!(speed("%model fable\n%fast on"), (Some("fast"), false));
    assert_eq!(
        speed("%model claude-opus-5\n%fast on"),
        (Some("fast"), true)
    );
    refused(
        "%model claude-opus-4-8\n%fast on",
        "`claude-opus-4-8` has no fast mode",
        "These have: `claude-opus-5-5`, `claude-fable-5-2` and `claude-opus-5`. Choose one with `%model`.",
    );
    refused(
        "%fast 2",
        "`%fast` does not take `2`",
        "Write `%fast on` or `%fast off`.",
    );
    warned(
        "%beta add fast-mode-2026-02-01",
        &["the header alone makes no answer faster: `%fast on` does"],
    );
    let (settings, _) = run("%fast on\n%model sonnet").unwrap();
    assert!(!settings.fast);
}

#[test]
fn w13_a_model_that_retires_is_told_with_its_successor() {
    let models = Models::default();
    for (id, day) in [
        ("claude-opus-4-5-20251101", "2027-01-22"),
        ("claude-sonnet-4-5-20250929", "2026-11-30"),
        ("claude-opus-4-20250514", "2026-06-15"),
        ("claude-3-7-sonnet-20250219", "2026-02-19"),
    ] {
        let retirement = models.abilities(id).retirement.unwrap();
        assert_eq!(retirement.day, day, "{id}");
        assert!(retirement.successor.is_some(), "{id}");
    }
    let sonnet = models.abilities("claude-sonnet-4-5").retirement.unwrap();
    assert!(sonnet.is_past("2026-11-30") && !sonnet.is_past("2026-11-29"));
    assert_eq!(
        sonnet.sentence("claude-sonnet-4-5", "2026-12-01"),
        "`claude-sonnet-4-5` was retired on 2026-11-30: `%model claude-sonnet-5-5` chooses its successor."
    );
    for spec in MODELS {
        let successor = spec.successor.map(|id| models.abilities(id));
        assert!(
            successor.is_none_or(|next| next.retirement.is_none()),
            "{}",
            spec.id
        );
    }
}
