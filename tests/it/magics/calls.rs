//! Calls as such: variables, what is left to the kernel, unknown names, how long a call holds.

use claude_kernel::cell::fill::fill;
use claude_kernel::cell::magic::{Effect, Job, MagicError, Reset};
use claude_kernel::cell::magics::files::FilesJob;
use claude_kernel::cell::magics::own_tools::ToolJob;
use claude_kernel::cell::magics::{apply_parameters, origin};
use claude_kernel::cell::parse::{Cell, parse};
use claude_kernel::cell::variables::Variables;
use serde_json::json;

use super::{refused, run};

fn variable(name: &str, value: &str) -> Effect {
    Effect::SetVariable {
        name: name.to_owned(),
        value: json!(value),
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
    assert_eq!(
        run("%set city=New York").unwrap().1,
        [variable("city", "New York")]
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
    refused(
        "%%json a b str\n%%json c d str\nGo",
        "a cell has one `%%json`, and this one has two",
        "Give each a cell of its own.",
    );
    refused(
        "%%json a\n```json\n{}\nGo",
        "`%%json a` has no schema: its fenced block is not closed",
        "Write its fields after the name (`city str, people int`), or a JSON Schema in a block that begins with ` ```json ` and ends with ` ``` `.",
    );
}

#[test]
fn parameters_become_variables_that_prompts_insert() {
    let Cell::Parameters(parameters) = parse("# Parameters\ncity = \"Bergen\"\nn = 3") else {
        panic!()
    };
    let effects = apply_parameters(&parameters.values).unwrap();
    let n = Effect::SetVariable {
        name: "n".to_owned(),
        value: json!(3),
    };
    assert_eq!(effects, [variable("city", "Bergen"), n]);
    let variables: Variables = parameters.values.into_iter().collect();
    assert_eq!(
        fill("{{n}} facts about {{city}}, {{country}}", &variables),
        "3 facts about Bergen, {{country}}"
    );
}

#[test]
fn resets_dry_and_models_are_left_to_the_kernel() {
    for (source, effect) in [
        ("%reset", Effect::Reset(Reset::Chat)),
        ("%reset chat", Effect::Reset(Reset::Chat)),
        ("%reset sandbox", Effect::Reset(Reset::Sandbox)),
        ("%%dry\nHello", Effect::Dry),
        ("%models", Effect::Job(Job::ListModels)),
        ("%models refresh", Effect::Job(Job::ListModels)),
    ] {
        assert_eq!(run(source).unwrap().1, [effect], "{source}");
    }
    let clear = Effect::Job(Job::Files(FilesJob::Clear));
    assert_eq!(run("%reset files").unwrap().1, std::slice::from_ref(&clear));
    assert_eq!(
        run("%reset all").unwrap().1,
        [
            clear,
            Effect::Reset(Reset::All),
            Effect::Job(Job::Tools(ToolJob::Clear))
        ]
    );
    assert_eq!(
        run("%reset sandbox --replay").unwrap().1,
        [Effect::Reset(Reset::Sandbox), Effect::Job(Job::Replay)]
    );
    refused(
        "%reset everything",
        "`%reset` does not take `everything`",
        "It takes chat, sandbox, sandbox --replay, files or all; alone it means chat.",
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
        "Put it below `%%exec bash` to have it run in Claude's sandbox. To send the line as text, begin it with `\\!`.",
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

#[test]
fn a_long_cell_of_anything_is_answered_quickly_and_shortly() {
    // Long enough that anything quadratic would take minutes.
    let long = |piece: &str| piece.repeat(100_000 / piece.len());
    let check = |source: &str| {
        if let Err(MagicError { message, hint }) = run(source) {
            assert!(message.chars().count() < 310 && hint.chars().count() < 310);
        }
    };
    for piece in [
        "a", "\\", "%", "%%", "!", "?", "{{", "sk-ant-", "x = '", "# ", "`", "é",
    ] {
        for start in [
            "",
            "%",
            "%%",
            "%set x ",
            "%%set x\n",
            "%effort ",
            "%tools ",
            "%system ",
            "\\%",
            "!",
            "# Parameters\n",
            "# Parameters\nx = ",
        ] {
            let source = format!("{start}{}", long(piece));
            if let Cell::Turn { .. } = parse(&source) {
                check(&source);
            }
        }
        let text = long(piece);
        assert_eq!(fill(&text, &Variables::default()), text);
    }
}
