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
fn help_reads_as_it_should() {
    let settings = settings_after("%effort high");
    let set_in = [("effort".to_owned(), 2), ("effort".to_owned(), 1)];
    let context = Context {
        set_in: &set_in,
        ..Context::new(&settings)
    };
    check(
        "%help effort",
        &context,
        &expect![[r#"
        %effort LEVEL - how hard Claude works: low | medium | high | xhigh | max | default
          %effort high   from here on        %%effort max   this cell only        %effort   show
          Now: high (set in In [2]).
          More effort means more thinking, more steps and more tokens. default leaves the level to the
          model. claude-haiku-4-5 and claude-sonnet-4-5 have no effort setting. Changing it between cells
          makes the next cell pay for the conversation without the cache."#]],
    );
    check(
        "%help bash",
        &context,
        &expect![[r#"
        %bash [on|off|only] - whether Claude may run shell commands in its sandbox: on | off | only
          %bash         on, from here on
          %%bash only   no Python, this cell only
          %bash off     from here on
          Now: bash and Python.
          Both languages are on to begin with. One tool of the API runs both, so off and only are
          instructions to Claude, not a lock. With both off no code is run at all."#]],
    );
    check(
        "%help set",
        &context,
        &expect![[r#"
            %set NAME VALUE - set a variable; {{NAME}} in a prompt inserts it
              %set city Bergen             one line
              %%set rubric                 several lines
              Two points for the method,
              one for the result.
              %set city                    show one
              Now: no variables.
              %set NAME VALUE takes the rest of the line, %%set NAME the rest of the cell; %set NAME shows one.
              A value is inserted as it is. A name that nobody set stays as typed with a notice; where nobody
              watches, the cell fails and is not sent. \{{NAME}} keeps the braces. A cell headed # Parameters,
              as papermill writes it, a cell of assignments that is tagged parameters, and one that comes first
              where nobody watches set variables too."#]],
    );
    let (_, effects) = run_in("%effort?\nHello", &context).unwrap();
    assert_eq!(effects, [Effect::Page(shown_in("%help effort", &context))]);
}

#[test]
fn the_overview() {
    expect![[r#"
        Type what you want in plain words and run the cell: it is sent to Claude, which can run code in its
        own sandbox. Magics in a cell's first lines set things up.

        %x value holds from here on, %%x value for this cell only, %x alone shows. %x? is help on %x.

        magic                                                       meaning
        %bash [on|off|only]                                         whether Claude may run shell commands in its sandbox: on | off | only
        %python [on|off|only]                                       whether Claude may run Python in its sandbox: on | off | only
        %tools [NAME…|TYPE…|none|default]                           which tools Claude may use; alone: what is on, with types and betas
        %tool [NAME…] [OPTION…] | rm NAME                           tools of your own, run on this machine; %tool lists them
        %mcp add NAME COMMAND…|URL | rm NAME                        servers whose tools become Claude's; alone: list them
        %effort LEVEL                                               how hard Claude works: low | medium | high | xhigh | max | default
        %thinking [show|fold|notes|off] [--interleaved]             show Claude's thinking, fold it away, or switch it off
        %web [on|off] [max_uses=N] [allow=A,B | block=A,B] [fetch]  let Claude search the web, and with fetch read pages
        %skills [add|rm NAME… | clear]                              give Claude document skills: xlsx, pptx, docx, pdf, or one of your own
        %model [NAME]                                               which model answers: a name or opus | sonnet | haiku | fable
        %models [refresh]                                           list the models, what they take and what they cost
        %fast [on|off]                                              answer faster, for twice the price, where the model can
        %max_tokens [N|default]                                     the most tokens one answer may have, thinking included
        %system TEXT|--preset NAME|--clear                          tell Claude who it is and how to work, for all later cells
        %beta [add|rm] NAME… | clear                                send a beta header by hand; alone: what is sent
        %%json NAME [FIELDS|--file PATH]                            have this cell answered with data of a schema, kept as a variable
        %%exec bash|python                                          run this cell's text as it stands in Claude's sandbox, and show the output alone
        %attach PATH… [--image|--document|--sandbox]                attach files of this machine to the next prompt
        %files                                                      show the files that went in and those that came out
        %get [NAME] [-o PATH] [--force]                             copy a file that Claude made, or fetch again what could not be fetched
        %rm NAME [--local]                                          remove an attached file from Anthropic
        %set NAME VALUE                                             set a variable; {{NAME}} in a prompt inserts it
        %vars                                                       show the variables
        %history [-n N|all] [--json]                                show the turns of this conversation
        %last                                                       show the last answer again, such as after the page was reloaded
        %undo                                                       take back the last turn, or a %reset
        %stale                                                      show the turns that no longer saw what stands above them
        %rerun stale                                                print the prompts to run again, in order
        %thread [NAME]                                              talk in another conversation from here on; alone: list them
        %fork NAME                                                  go on in a new conversation that begins with the turns above this cell
        %resume [list|ID]                                           go on with an earlier conversation of this notebook, or with any other
        %replay [catchup|always|only|off]                           answer a cell from its recording, with nothing sent and nothing billed
        %%fresh                                                     ask this cell anew, also if its answer is recorded
        %export [notebook|py|markdown] [-o PATH] [--all] [--force]  write the code of this notebook to run without a model
        %continue                                                   go on where the answer above was cut off
        %compact [auto|off|INSTRUCTIONS]                            put a summary in the place of the conversation above
        %reset [chat|sandbox [--replay]|files|all]                  forget the conversation, the sandbox, or everything
        %cost                                                       show what each cell used and cost, and the sums
        %budget [$TOTAL] [cell=$EACH] | off                         how many US dollars the notebook and each cell may cost
        %%dry                                                       show the exact request of this cell and send nothing
        %packages [NAME|refresh]                                    show which Python packages Claude's sandbox has; with a name: whether it has that one
        %status                                                     show the settings in force, the conversation and the sandbox
        %help [NAME|TOPIC]                                          show help; alone: the overview
        %lsmagic                                                    list the magics
        %version                                                    show the kernel's version and the age of its model table

        topic               about
        %help cells         what a cell is: magics, prompt, variables, help
        %help limits        what Claude's sandbox has and has not, what stays, what never to send
        %help keys          where the API key belongs
        %help conversation  what Claude sees, and what running a cell again does
        %help share         recorded answers: open, run again, check and go on with a notebook
        %help schemas       how to write what %%json shall answer with
        %help own-tools     your own tools: which Python runs them, what they may return, what they may do
        %help offline       the kernel that needs no key"#]].assert_eq(&shown("%help"));
}

#[test]
fn limits_can_be_read_in_a_terminal() {
    let limits = shown("%help limits");
    for fact in [
        "No internet",
        "1 CPU",
        "5 GiB of memory",
        "5 GiB of disk",
        "Python 3.11",
        "90 seconds",
        "30 days",
        "never to send",
        "pip install",
    ] {
        assert!(limits.contains(fact), "{fact} in\n{limits}");
    }
    assert!(
        limits
            .lines()
            .all(|line| line.chars().count() <= 100 && !line.contains('`')),
        "{limits}"
    );
}

#[test]
fn topics_are_found_and_others_are_not() {
    for topic in ["cells", "limits", "keys", "own-tools", "offline", "LIMITS"] {
        assert!(
            shown(&format!("%help {topic}")).lines().count() > 5,
            "{topic}"
        );
    }
    for (word, line) in [
        ("presets", "%system TEXT"),
        ("%search", "%web ["),
        ("key", "Keys"),
    ] {
        let text = shown(&format!("%help {word}"));
        assert!(text.starts_with(line), "{word}: {text}");
    }
    super::refused(
        "%help limit",
        "there is no help on `limit`",
        "Did you mean `%help limits`? `%help` lists what there is.",
    );
    super::refused(
        "%help quantum physics",
        "there is no help on `quantum physics`",
        "`%help` lists what there is.",
    );
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
fn status_is_one_table() {
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
                        now
            model       claude-opus-5-5
            effort      high (set in In [2])
            thinking    folded
            max_tokens  32000
            languages   Python only (set in In [4])
            tools       code_execution_20260521 (set in In [4])
            own tools   none
            web         off
            skills      none
            system      preset fast
            beta        none
            budget      off
            variables   no variables
            turns       3
            cost        $0.12"#]],
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
