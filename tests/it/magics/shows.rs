//! What magics show, as terminals see it; and the Markdown where it must be escaped.

use claude_kernel::anthropic::model::{ModelInfo, Models};
use claude_kernel::cell::magic::{Context, Effect, TurnSummary};
use claude_kernel::cell::magics::models;
use claude_kernel::cell::variables::Variables;
use claude_kernel::chat::settings::Settings;
use expect_test::{Expect, expect};
use serde_json::json;

use super::{run_in, settings_after, shown, shown_in};

fn check(source: &str, context: &Context<'_>, expected: &Expect) {
    expected.assert_eq(&shown_in(source, context));
}

#[test]
fn settings_show_their_value_and_origin() {
    let settings = Settings::default();
    let context = Context::new(&settings);
    check(
        "%effort",
        &context,
        &expect!["effort: medium (the default of claude-opus-5-5)"],
    );
    check("%model", &context, &expect!["model: claude-opus-5-5"]);
    check("%thinking", &context, &expect!["thinking: folded"]);
    check("%%thinking", &context, &expect!["thinking: folded"]);
    check("%max_tokens", &context, &expect!["max_tokens: 32000"]);
    check(
        "%beta",
        &context,
        &expect![[r#"
        by hand: none
        derived from the features in use: none"#]],
    );
    let settings = settings_after("%model claude-haiku-4-5");
    let set_in = [("model".to_owned(), 7)];
    let context = Context {
        set_in: &set_in,
        ..Context::new(&settings)
    };
    check(
        "%model",
        &context,
        &expect!["model: claude-haiku-4-5 (set in In [7])"],
    );
    check(
        "%effort",
        &context,
        &expect!["effort: none (claude-haiku-4-5 has no effort setting)"],
    );
}

#[test]
fn tools_show_types_and_betas() {
    let settings = settings_after("%tools code_execution_20250522 web");
    check(
        "%tools",
        &Context::new(&settings),
        &expect![[r#"
            tools: code_execution_20250522, web_search_20260318
            languages: bash and Python
            own tools: none
            anthropic-beta: code-execution-2025-05-22

                type                     name            beta                       what
                code_execution_20260521  code_execution  -                          bash, file editing, Python; knows its 90 s limit (default)
                code_execution_20260120  code_execution  -                          bash, file editing, Python
                code_execution_20250825  code_execution  -                          bash and file editing; no persistent Python
            on  code_execution_20250522  code_execution  code-execution-2025-05-22  Python only; legacy, the API may refuse it
            on  web_search_20260318      web_search      -                          web search
                web_search_20260209      web_search      -                          web search
                web_search_20250305      web_search      -                          web search, first version
                web_fetch_20260318       web_fetch       -                          reads pages whose address is in the conversation
                web_fetch_20260309       web_fetch       -                          reads pages
                web_fetch_20260209       web_fetch       -                          reads pages
                web_fetch_20250910       web_fetch       -                          reads pages, first version"#]],
    );
}

#[test]
fn system_shows_texts_or_what_presets_there_are() {
    check(
        "%system",
        &Context::new(&Settings::default()),
        &expect![[r#"
        system: nothing beside the kernel's own

        preset        asks for
        analyst       look at the data first, say how sure you are, end with what it means
        clean-code    small named functions, docstrings, no repetition
        reproducible  fixed seeds, stated versions, one self-contained script
        recover       check inputs, catch specific errors, diagnose before retrying
        lowmem        stream and chunk; stay far below the sandbox's 5 GiB
        fast          vectorise, measure, mind the time limits on one CPU"#]],
    );
    let settings = settings_after("%system --preset fast\n%%system\nFirst.\n\n    ```\nSecond.");
    let shown = shown_in("%system", &Context::new(&settings));
    assert!(
        shown.starts_with(
            "system: preset fast, a text of 23 characters\npreset: fast\n  Be economical"
        ),
        "{shown}"
    );
    assert!(
        shown.ends_with("text:\n  First.\n\n      ```\n  Second."),
        "{shown}"
    );
    let (_, effects) = run_in("%system", &Context::new(&settings)).unwrap();
    assert!(
        matches!(&effects[0], Effect::Show { markdown, .. } if markdown.ends_with("````text\nFirst.\n\n    ```\nSecond.\n````"))
    );
}

fn turns() -> Vec<TurnSummary> {
    [
        (
            1,
            "Count | the\n`primes`",
            "There are **25** | <b>primes</b>.",
            Some(0.0412),
        ),
        (2, "Thanks $5 and $6", "", None),
        (
            3,
            "A long prompt that goes on and on until nobody wants to read it any more, really",
            "Done.",
            Some(1.5),
        ),
    ]
    .map(|(number, prompt, answer, cost_usd)| TurnSummary {
        number,
        prompt: prompt.into(),
        answer: answer.into(),
        cost_usd,
        ..TurnSummary::default()
    })
    .into()
}

#[test]
fn history_is_a_table() {
    let (settings, turns) = (Settings::default(), turns());
    let context = Context {
        turns: &turns,
        ..Context::new(&settings)
    };
    check(
        "%history",
        &context,
        &expect![[r#"
            cell  prompt                                                        answer                             cost
            -     Count | the `primes`                                          There are **25** | <b>primes</b>.  $0.041
            -     Thanks $5 and $6                                                                                 -
            -     A long prompt that goes on and on until nobody wants to rea…  Done.                              $1.500"#]],
    );
    check(
        "%hist 1",
        &context,
        &expect![[r#"
            cell  prompt                                                        answer  cost
            -     A long prompt that goes on and on until nobody wants to rea…  Done.   $1.500

            2 earlier: %history all shows them."#]],
    );
    check(
        "%history",
        &Context::new(&settings),
        &expect!["No turns yet: this conversation is empty."],
    );
    let (_, effects) = run_in("%history", &context).unwrap();
    let Effect::Show { markdown, .. } = &effects[0] else {
        panic!()
    };
    expect![[r#"
        | cell | prompt | answer | cost |
        | --- | --- | --- | --- |
        | - | `` Count \| the `primes` `` | `There are **25** \| <b>primes</b>.` | <span>&#36;</span>0.041 |
        | - | `Thanks $5 and $6` |  | - |
        | - | `A long prompt that goes on and on until nobody wants to rea…` | `Done.` | <span>&#36;</span>1.500 |"#]].assert_eq(markdown);
    for bad in ["0", "-1", "some"] {
        super::refused(
            &format!("%history {bad}"),
            &format!("`%history` does not take `{bad}`"),
            "It takes how many turns to show, or all; and --json.",
        );
    }
}

#[test]
fn variables_are_shown_as_code() {
    let variables = Variables::from_iter([
        ("a", json!("x | <script> `y`")),
        ("long", json!("one\ntwo")),
        ("empty", json!("")),
        ("rows", json!([{"n": 1}, {"n": 2}])),
    ]);
    let settings = Settings::default();
    let context = Context {
        variables: &variables,
        ..Context::new(&settings)
    };
    check(
        "%vars",
        &context,
        &expect![[r#"
            name   type       value
            a      str        x | <script> `y`
            long   str        one two
            empty  str
            rows   list of 2  [{"n":1},{"n":2}]"#]],
    );
    check(
        "%set",
        &context,
        &expect![[r#"
            name   type       value
            a      str        x | <script> `y`
            long   str        one two
            empty  str
            rows   list of 2  [{"n":1},{"n":2}]"#]],
    );
    check(
        "%set long",
        &context,
        &expect![[r#"
        long:
          one
          two"#]],
    );
    check(
        "%vars",
        &Context::new(&settings),
        &expect!["No variables yet: %set NAME VALUE sets one."],
    );
    let (_, effects) = run_in("%vars", &context).unwrap();
    let Effect::Show { markdown, .. } = &effects[0] else {
        panic!()
    };
    expect![[r#"
        | name | type | value |
        | --- | --- | --- |
        | `a` | str | `` x \| <script> `y` `` |
        | `long` | str | `one two` |
        | `empty` | str |  |
        | `rows` | list of 2 | `[{"n":1},{"n":2}]` |"#]]
    .assert_eq(markdown);
}

#[test]
fn status_begins_with_what_matters() {
    let settings = settings_after("%effort high\n%python only\n%system --preset fast");
    let status = [
        ("turns".to_owned(), "3".to_owned()),
        ("cost".to_owned(), "$0.12".to_owned()),
    ];
    let set_in = [("effort".to_owned(), 2), ("python".to_owned(), 4)];
    let context = Context {
        status: &status,
        set_in: &set_in,
        ..Context::new(&settings)
    };
    check(
        "%status",
        &context,
        &expect![[r#"
              model   claude-opus-5-5
              effort  high (set in In [2])
              cost    $0.12
              budget  off
              turns   3

            How Claude answers
              thinking    folded
              max_tokens  32000
              system      preset fast
              beta        none

            What Claude may do
              languages  Python only (set in In [4])
              tools      code_execution_20260521 (set in In [4])
              own tools  none
              web        off
              skills     none

            The notebook
              variables  no variables"#]],
    );
}

#[test]
fn models_are_a_table() {
    let listed: Vec<ModelInfo> = [
        json!({"id": "claude-opus-5-5"}),
        json!({"id": "claude-haiku-4-5", "max_input_tokens": 200_000, "max_tokens": 8_000}),
        json!({"id": "claude-next-9", "max_tokens": 256_000}),
    ]
    .iter()
    .filter_map(ModelInfo::from_raw)
    .collect();
    expect![[r#"
             model             alias  context  max_tokens  effort                      $ in / out
        now  claude-opus-5-5   opus   1M       128k        low medium* high xhigh max  4 / 20
             claude-haiku-4-5  -      200k     8k          none                        1 / 5
             claude-next-9     -      ?        256k        ?                           ?

        Prices are those of 2026-11-30. Effort with an asterisk is the default."#]]
    .assert_eq(&models::list(&Models::listed(listed.clone()), "claude-opus-5-5").plain);
    let table = models::list(&Models::default(), "claude-opus-5-5").plain;
    assert!(
        table.contains("claude-sonnet-5-5") && !table.contains("mythos"),
        "{table}"
    );
    assert!(
        table.contains("This is the kernel's own table of 2026-11-30."),
        "{table}"
    );
}

#[test]
fn version_names_both() {
    let version = shown("%version");
    assert_eq!(
        version,
        format!(
            "claude-kernel: {}\nmodel table of: 2026-11-30",
            env!("CARGO_PKG_VERSION")
        )
    );
}
