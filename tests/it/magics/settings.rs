//! What each magic sets, refuses and warns of.

use claude_kernel::anthropic::model::{Effort, MODELS};
use claude_kernel::cell::fill::fill;
use claude_kernel::cell::magic::{Context, Effect, Reset, apply_parameters, find, origin};
use claude_kernel::cell::magics::system::with_text;
use claude_kernel::cell::parse::{Cell, parse};
use claude_kernel::chat::presets::PRESETS;
use claude_kernel::chat::settings::{Languages, Settings, ThinkingShow};
use claude_kernel::chat::tool_types::{TOOL_TYPES, is_dated, tool_entry, tool_name};
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
    refused(
        "%thinking loud",
        "`%thinking` does not take `loud`",
        "It takes show, fold or off, and `--interleaved`.",
    );
    refused(
        "%thinking show fold",
        "`%thinking` takes one of show, fold and off, not `show fold`",
        "Choose one of them.",
    );
}

#[test]
fn interleaving_is_sent_only_where_it_is_needed() {
    let old = settings_after("%model claude-opus-4-5\n%thinking show --interleaved");
    assert!(old.interleaved && old.thinking == ThinkingShow::Show);
    assert_eq!(old.derived_betas(), ["interleaved-thinking-2025-05-14"]);
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
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5-20251001"),
    ] {
        assert_eq!(settings_after(&format!("%model {typed}")).model, id);
    }
    let unknown = warned(
        "%model claude-opos-5-5",
        &[
            "`claude-opos-5-5` is not in the kernel's table of 2026-11-22: it is sent as it is (did you mean `claude-opus-5-5`, `claude-opus-5` or `claude-opus-4-5`?)",
        ],
    );
    assert_eq!(unknown.model, "claude-opos-5-5");
    let listed = ["claude-next-9".to_owned()];
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
    warned(
        "%model claude-sonnet-4-5",
        &["`claude-sonnet-4-5` retires on 2026-11-30"],
    );
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

fn languages(bash: bool, python: bool) -> Languages {
    Languages { bash, python }
}

#[test]
fn languages_are_instructions_until_both_are_off() {
    assert_eq!(
        settings_after("%bash\n%python").languages,
        languages(true, true)
    );
    assert_eq!(
        settings_after("%bash off").languages,
        languages(false, true)
    );
    assert_eq!(
        settings_after("%bash only").languages,
        languages(true, false)
    );
    assert_eq!(
        settings_after("%bash only\n%python").languages,
        languages(true, true)
    );
    assert_eq!(settings_after("%python only").instructions().len(), 1);
    assert!(settings_after("%python only").instructions()[0].contains("Python only"));
    let off = warned(
        "%bash off\n%python off",
        &["both languages are off: Claude can run no code"],
    );
    assert_eq!((off.tool_types().len(), off.instructions().len()), (0, 0));
    refused(
        "%bash maybe",
        "`%bash` does not take `maybe`",
        "It takes on, off or only; alone it means on.",
    );
}

#[test]
fn tools_by_word_and_by_type() {
    let types = |source: &str| {
        settings_after(source)
            .tool_types()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(types("%tools bash python"), ["code_execution_20260521"]);
    assert_eq!(
        settings_after("%tools python").languages,
        languages(false, true)
    );
    assert_eq!(types("%tools none"), [""; 0]);
    assert_eq!(types("%tools none\n%bash"), ["code_execution_20260521"]);
    assert_eq!(types("%tools web"), ["web_search_20260318"]);
    assert_eq!(
        types("%tools web\n%python"),
        ["code_execution_20260521", "web_search_20260318"]
    );
    assert_eq!(
        types("%tools bash, fetch"),
        ["code_execution_20260521", "web_fetch_20260318"]
    );
    assert_eq!(
        types("%tools code_execution_20250825"),
        ["code_execution_20250825"]
    );
    assert_eq!(
        types("%tools code_execution_20250825\n%tools default"),
        ["code_execution_20260521"]
    );
    let legacy = settings_after("%tools code_execution_20250522\n%beta add fast-mode-2026-02-01");
    assert_eq!(
        legacy.all_betas(),
        ["code-execution-2025-05-22", "fast-mode-2026-02-01"]
    );
    assert_eq!(
        tool_entry(legacy.tool_types()[0]),
        json!({"type": "code_execution_20250522", "name": "code_execution"})
    );
    let new = warned(
        "%tools oracle_20270101",
        &["`oracle_20270101` is not a type this kernel knows: it is sent as it is, named `oracle`"],
    );
    assert_eq!(new.tool_types(), ["oracle_20270101"]);
    refused(
        "%tools code_execution_20250522 code_execution_20250825",
        "`code_execution_20250522` and `code_execution_20250825` are both named `code_execution` and cannot be sent together",
        "Choose one of them.",
    );
    refused(
        "%tools bash_20250124",
        "`bash_20250124` is not sent: it would run on this machine",
        "`%tools bash` gives Claude a shell in its own sandbox. `%tools` lists the types.",
    );
    refused(
        "%tools none bash",
        "`%tools` takes `none` alone, not beside other words",
        "Name the tools you want and leave the word out.",
    );
    refused(
        "%tools hammer",
        "`%tools` does not know `hammer`",
        "It takes bash, python, web, fetch, none, default, or a dated type such as `code_execution_20260521`.",
    );
}

#[test]
fn the_table_of_tool_types_is_sound() {
    for tool in TOOL_TYPES {
        assert!(is_dated(tool.id), "{}", tool.id);
        assert_eq!(tool_name(tool.id), tool.name);
    }
}

#[test]
fn betas_are_added_and_removed() {
    let set = settings_after(
        "%beta add fast-mode-2026-02-01 compact-2026-09-04\n%beta fast-mode-2026-02-01",
    );
    assert_eq!(set.betas, ["fast-mode-2026-02-01", "compact-2026-09-04"]);
    assert_eq!(
        settings_after("%beta add fast-mode-2026-02-01\n%beta rm fast-mode-2026-02-01").betas,
        [""; 0]
    );
    assert_eq!(
        settings_after("%beta add fast-mode-2026-02-01\n%beta clear").betas,
        [""; 0]
    );
    warned(
        "%beta fast-mode-2026-02-02",
        &[
            "`fast-mode-2026-02-02` is not a beta this kernel knows: it is sent as it is (did you mean `fast-mode-2026-02-01`?)",
        ],
    );
    warned(
        "%beta files-api-2025-04-14",
        &[
            "`files-api-2025-04-14` selects an older form of answers: files may no longer be shown; `%beta rm files-api-2025-04-14` takes it back",
        ],
    );
    refused(
        "%beta rm fast-mode-2026-02-01",
        "`fast-mode-2026-02-01` was not set by `%beta`",
        "None is set by hand.",
    );
    refused(
        "%beta add",
        "`%beta add` needs a name",
        "Write `%beta add NAME` or `%beta rm NAME`.",
    );
    refused(
        "%beta \"evil\r: header\"",
        "`\"evil` is not the name of a beta",
        "Names look like `fast-mode-2026-02-01`; completion lists those the kernel knows.",
    );
}

#[test]
fn system_takes_text_presets_and_files() {
    let system = |source: &str| settings_after(source).system;
    assert_eq!(system("%system Be terse.").as_deref(), Some("Be terse."));
    assert_eq!(
        system("%%system\nBe terse.\n\nAlways.\n").as_deref(),
        Some("Be terse.\n\nAlways.")
    );
    assert_eq!(
        system("%%system\n\\%effort is a magic.").as_deref(),
        Some("%effort is a magic.")
    );
    assert_eq!(
        system("%system One.\n%system --append Two.").as_deref(),
        Some("One.\n\nTwo.")
    );
    assert_eq!(
        system("%system One.\n%%system --append\nTwo.").as_deref(),
        Some("One.\n\nTwo.")
    );
    assert_eq!(
        system("%system One.\n%system Two.").as_deref(),
        Some("Two.")
    );
    assert_eq!(system("%system --append One.").as_deref(), Some("One."));
    let presets = settings_after(
        "%system --preset analyst\n%system --append --preset lowmem,fast\n%system Be terse.",
    );
    assert_eq!(presets.presets, ["analyst", "lowmem", "fast"]);
    assert_eq!(presets.instructions().len(), 4);
    assert_eq!(presets.instructions()[3], "Be terse.");
    let cleared = settings_after("%system Be terse.\n%system --preset fast\n%system --clear");
    assert_eq!(cleared, Settings::default());
    let (_, effects) = run("%system --append --file \"my prompt.txt\"").unwrap();
    assert_eq!(
        effects,
        [Effect::SystemFile {
            path: "my prompt.txt".to_owned(),
            append: true
        }]
    );
    assert_eq!(
        with_text(&settings_after("%system One."), "\n Two.\n", true)
            .system
            .as_deref(),
        Some("One.\n\nTwo.")
    );
}

#[test]
fn system_refuses_what_would_surprise() {
    refused(
        "%%system Be terse.\nWhat is 2+2?",
        "`%%system` takes the rest of the cell as its text, so the line itself can only hold `--append`",
        "Put `%system Be terse.` in a line of its own, with one percent sign.",
    );
    refused(
        "%%system --preset fast\nWhat is 2+2?",
        "`%%system` takes the rest of the cell as its text, so the line itself can only hold `--append`",
        "Put `%system --preset fast` in a line of its own, with one percent sign.",
    );
    refused(
        "%%system\n%effort high\nBe terse.",
        "`%%system` takes the rest of the cell as its text, so `%effort` below it would become text",
        "Put `%effort` above `%%system`, or in a cell of its own.",
    );
    refused(
        "%%system",
        "`%%system` has no text below it",
        "Write the text after it, or `%system --clear` to remove what is set.",
    );
    refused(
        "%system --append",
        "`%system --append` has no text",
        "Write the text after it, or `%system --clear` to remove what is set.",
    );
    refused(
        "%system --preset reproducable",
        "there is no preset `reproducable`",
        "Did you mean `reproducible`? Presets: analyst, clean-code, reproducible, recover, lowmem, fast.",
    );
    refused(
        "%system --preset",
        "`--preset` needs a name",
        "Presets: analyst, clean-code, reproducible, recover, lowmem, fast.",
    );
    refused(
        "%system --file",
        "`--file` needs a path",
        "Write `%system --file PATH`.",
    );
    refused(
        "%system --loud",
        "`%system` has no option `--loud`",
        "It has `--append`, `--clear`, `--file PATH` and `--preset NAME`.",
    );
    refused(
        "%system --clear Be terse.",
        "`%system --clear` stands alone",
        "A new text or preset replaces the old one without it.",
    );
}

#[test]
fn presets_are_texts_worth_sending() {
    for preset in PRESETS {
        assert!((200..1_000).contains(&preset.text.len()), "{}", preset.name);
        assert!(
            preset.text.ends_with('.')
                && !preset.text.contains('\n')
                && !preset.text.contains("  "),
            "{}",
            preset.name
        );
    }
}

fn variable(name: &str, value: &str) -> Effect {
    Effect::SetVariable {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

#[test]
fn variables_of_one_line_and_of_many() {
    assert_eq!(
        run("%set city New York").unwrap().1,
        [variable("city", "New York")]
    );
    assert_eq!(
        run("%set city = New York").unwrap().1,
        [variable("city", "New York")]
    );
    assert_eq!(
        run("%%set rubric\n  a\n\n%b\n").unwrap().1,
        [variable("rubric", "  a\n\n%b")]
    );
    assert_eq!(
        run("%%set city Bergen").unwrap().1,
        [variable("city", "Bergen")]
    );
    refused(
        "%set 1st x",
        "`1st` is not a name for a variable",
        "Names begin with a letter and go on with letters, digits, `_`, `-` and `.`: `%set city Bergen`.",
    );
    refused(
        "%%set x",
        "`%%set x` has no text below it",
        "Write the value in the lines after it, or `%set x VALUE`.",
    );
    refused(
        "%%set x y\nz",
        "`%%set x` takes the rest of the cell as its value, so nothing may follow the name",
        "Write `%set x y` with one percent sign for a value of one line.",
    );
    refused(
        "%set nowhere",
        "there is no variable `nowhere`",
        "`%set nowhere VALUE` sets it; `%vars` lists what is set.",
    );
}

#[test]
fn parameters_become_variables_that_prompts_insert() {
    let Cell::Parameters { values } = parse("# Parameters\ncity = \"Bergen\"\nn = 3") else {
        panic!()
    };
    let effects = apply_parameters(&values).unwrap();
    assert_eq!(effects, [variable("city", "Bergen"), variable("n", "3")]);
    assert_eq!(
        fill("{{n}} facts about {{city}}, {{country}}", &values),
        "3 facts about Bergen, {{country}}"
    );
}

#[test]
fn resets_dry_and_models_are_left_to_the_kernel() {
    for (source, effect) in [
        ("%reset", Effect::Reset(Reset::Chat)),
        ("%reset chat", Effect::Reset(Reset::Chat)),
        ("%reset sandbox", Effect::Reset(Reset::Sandbox)),
        ("%reset all", Effect::Reset(Reset::All)),
        ("%%dry\nHello", Effect::Dry),
        ("%models", Effect::ListModels),
        ("%models refresh", Effect::ListModels),
    ] {
        assert_eq!(run(source).unwrap().1, [effect], "{source}");
    }
    refused(
        "%reset everything",
        "`%reset` does not take `everything`",
        "It takes chat, sandbox or all; alone it means chat.",
    );
    refused(
        "%models cheap",
        "`%models` does not take `cheap`",
        "It takes nothing or refresh. `%model NAME` chooses a model.",
    );
}

#[test]
fn unknown_magics_name_the_nearest() {
    refused(
        "%efort high",
        "there is no magic `%efort`",
        "Did you mean `%effort`? To send the line as text, begin it with `\\%`.",
    );
    refused(
        "%mode x",
        "there is no magic `%mode`",
        "Did you mean `%model` or `%models`? To send the line as text, begin it with `\\%`.",
    );
    refused(
        "%BASH",
        "there is no magic `%BASH`",
        "Did you mean `%bash`? To send the line as text, begin it with `\\%`.",
    );
    refused(
        "%%frobnicate\nx",
        "there is no magic `%frobnicate`",
        "`%lsmagic` lists the magics. To send the line as text, begin it with `\\%`.",
    );
    refused(
        "%s is a format",
        "there is no magic `%s`",
        "`%lsmagic` lists the magics. To send the line as text, begin it with `\\%`.",
    );
    for name in ["temperature", "top_p", "top_k"] {
        refused(
            &format!("%{name} 0.2"),
            &format!("there is no magic `%{name}`: the API takes no sampling settings any more"),
            "Say in the prompt how varied or how strict the answer should be; `%effort` sets how hard Claude works.",
        );
    }
    refused(
        "%pip install plotly",
        "there is no magic `%pip`: Claude's sandbox has no internet, so nothing can be installed there",
        "`%help limits` lists what is installed.",
    );
    refused(
        "!ls -la",
        "`!ls -la` was not run: no cell runs commands on this machine",
        "Ask Claude to run it in its sandbox, in words. To send the line as text, begin it with `\\!`.",
    );
}

#[test]
fn what_lasts_is_recorded_under_the_magics_own_name() {
    let origins = |source: &str| match parse(source) {
        Cell::Turn { magics, .. } => magics.iter().map(origin).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    assert_eq!(
        origins("%effort high\n%%model opus\n%max-tokens 5\n%%system\nText."),
        [Some("effort"), None, Some("max_tokens"), Some("system")]
    );
}
