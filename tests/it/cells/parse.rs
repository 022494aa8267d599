//! `cell::parse`: the rules of a cell, the hard ones first; and properties over any text.

use claude_kernel::cell::invisible::is_blank;
use claude_kernel::cell::parameters::{Parameters, Role};
use claude_kernel::cell::parse::{Cell, MagicCall, Scope, parse, parse_as};
use proptest::prelude::*;

/// Writes a cell in one line per part, so that expectations read at a glance.
fn written(cell: &Cell) -> String {
    match cell {
        Cell::Empty => "empty".to_owned(),
        Cell::Help { topic } => format!("help {topic}"),
        Cell::Parameters(Parameters { values, faults }) => {
            let values = values
                .iter()
                .map(|(name, value)| format!("{name} = {value}"));
            let faults = faults
                .iter()
                .map(|fault| format!("fault {} [{}]", fault.line, fault.begins));
            values.chain(faults).collect::<Vec<_>>().join("\n")
        }
        Cell::Turn { magics, prompt } => {
            let mut lines: Vec<String> = magics.iter().map(written_call).collect();
            if !prompt.is_empty() {
                lines.push(format!("prompt {prompt:?}"));
            }
            lines.join("\n")
        }
    }
}

fn written_call(call: &MagicCall) -> String {
    let MagicCall {
        name,
        scope,
        args,
        body,
        line,
    } = call;
    let scope = match scope {
        Scope::FromHere => "from here",
        Scope::ThisCell => "this cell",
    };
    let body = body
        .as_ref()
        .map_or(String::new(), |body| format!(" body {body:?}"));
    format!("{line}: {name} [{args}] {scope}{body}")
}

fn check(source: &str, expected: &str) {
    assert_eq!(written(&parse(source)), expected, "of {source:?}");
}

#[test]
fn magics_stand_only_above_the_prompt() {
    check(
        "%effort high\n\n  %%model opus\n\nCount.\n%effort low\n",
        "1: effort [high] from here\n3: model [opus] this cell\nprompt \"Count.\\n%effort low\"",
    );
    check("Is 5 %of 10 a half?", "prompt \"Is 5 %of 10 a half?\"");
    check("%5 of 10", "prompt \"%5 of 10\"");
    check("% effort", "prompt \"% effort\"");
    check("%%%effort", "prompt \"%%%effort\"");
    check("%", "prompt \"%\"");
    check("%effort", "1: effort [] from here");
    check("%_x=1", "1: _x [=1] from here");
    check("%max-tokens 5", "1: max-tokens [5] from here");
    check("%naïve x", "1: naïve [x] from here");
}

#[test]
fn a_backslash_escapes_the_first_prompt_line() {
    check("\\%effort high", "prompt \"%effort high\"");
    check(
        "%bash\n\\%effort high\n\\%x",
        "1: bash [] from here\nprompt \"%effort high\\n\\\\%x\"",
    );
    check("\\\\%effort", "prompt \"\\\\%effort\"");
    check("\\%5", "prompt \"\\\\%5\"");
    check("\\!ls", "prompt \"!ls\"");
    check("\\?effort", "prompt \"?effort\"");
    check("\\alpha", "prompt \"\\\\alpha\"");
}

#[test]
fn body_magics_take_the_rest_of_the_cell() {
    check(
        "%effort low\n%%system\n\nYou are terse.\n%effort high\n",
        "1: effort [low] from here\n2: system [] from here body \"You are terse.\\n%effort high\"",
    );
    check(
        "%%set rubric\n  indented\nlast  ",
        "1: set [rubric] from here body \"  indented\\nlast\"",
    );
    check("%%system", "1: system [] from here body \"\"");
    check(
        "%system Be terse.\nHello",
        "1: system [Be terse.] from here\nprompt \"Hello\"",
    );
    // Escaped bodies stay as written for the magic to read.
    check(
        "%%set x\n\\%effort",
        "1: set [x] from here body \"\\\\%effort\"",
    );
    // A name that is no body magic takes nothing.
    check(
        "%%nothing\nHello",
        "1: nothing [] this cell\nprompt \"Hello\"",
    );
}

#[test]
fn shell_commands_are_seen_and_images_are_not() {
    check("!ls -la\nmore", "1: ! [ls -la] this cell\nprompt \"more\"");
    check(
        "%bash\n! rm -rf /",
        "1: bash [] from here\n2: ! [rm -rf /] this cell",
    );
    check("!!date", "1: ! [!date] this cell");
    check("![chart](a.png)", "prompt \"![chart](a.png)\"");
    check("!= or ==?", "prompt \"!= or ==?\"");
    check("!", "prompt \"!\"");
    check("Hello\n!ls", "prompt \"Hello\\n!ls\"");
}

#[test]
fn help_is_asked_with_a_sign() {
    for source in [
        "%effort?",
        "?effort",
        "%%effort?",
        "??effort",
        "? effort",
        "?%effort",
        "%effort??",
        " %effort? \n",
    ] {
        check(source, "help effort");
    }
    check("?", "help help");
    check("??", "help help");
    check("%help effort", "1: help [effort] from here");
    check(
        "%effort?\nGo on.",
        "1: effort [?] from here\nprompt \"Go on.\"",
    );
    check(
        "%%system?\nGo on.",
        "1: system [?] this cell\nprompt \"Go on.\"",
    );
}

#[test]
fn a_question_mark_in_prose_is_prose() {
    for source in [
        "Why?",
        "effort?",
        "What is %effort?",
        "?what is this",
        "?Why not?!",
        "¿Qué?",
        "???",
    ] {
        check(source, &format!("prompt {source:?}"));
    }
}

#[test]
fn parameters_of_papermill() {
    check(
        "# Parameters\nalpha = 0.6\nname = \"a \\\"b\\\" \\xe9 \\u20ac \\U0001f600\\n\"\nflags = [1, \"two\"]\nnone = None\n",
        "alpha = 0.6\nname = \"a \\\"b\\\" é € 😀\\n\"\nflags = [1,\"two\"]\nnone = null",
    );
    check(
        "# Parameters\nx=1\ncity='New York'\nquote='it'\"'\"'s'\nempty=''\nnone=\nlist=(1 2 'a b')\nraw='a\\n\nb'\n",
        "x = 1\ncity = \"New York\"\nquote = \"it's\"\nempty = \"\"\nnone = \"\"\nlist = [1,2,\"a b\"]\nraw = \"a\\\\n\\nb\"",
    );
    check("# Parameters\nx <- 1\ns <- \"v\"", "x = 1\ns = \"v\"");
    check(
        "\n# Parameters\n\n# a note\nn = 5  # how many\nd = {\n    'a': 1,\n    'b': [2, 3],\n}\nr = float('inf')",
        "n = 5\nd = {\"a\":1,\"b\":[2,3]}\nr = \"inf\"",
    );
    check("# Parameters\r\nx = 1\r\n", "x = 1");
}

#[test]
fn j3_nested_literals_of_python_are_values() {
    check(
        "# Parameters\njob = {\"city\": \"Oslo\", \"draft\": True, 'x': None, 1: ('a', -2), 'e': ()}",
        "job = {\"city\":\"Oslo\",\"draft\":true,\"x\":null,\"1\":[\"a\",-2],\"e\":[]}",
    );
    check(
        "# Parameters\na = ['\\xe9', \"\\U0001f600\", '\\ud83d\\ude00', r'\\n', '\\ud83d']",
        "a = [\"é\",\"😀\",\"😀\",\"\\\\n\",\"\u{fffd}\"]",
    );
    check(
        "# Parameters\nn = 123456789012345678901234567890\nm = [-7, 1_000, 0xff, .5, 98765432109876543210]\nf = 1.50\nt = 1, 2",
        "n = 123456789012345678901234567890\nm = [-7,1000,255,0.5,98765432109876543210]\nf = 1.50\nfault 5 [t]",
    );
    check(
        "# Parameters\ncity: str = \"Oslo\"  # where\nlong = (\n  'one '\n  'two'\n)\nm = '''a\nb'''\nd=dict(a=1)\ne = {}\ns = {1, 2}",
        "city = \"Oslo\"\nlong = \"one two\"\nm = \"a\\nb\"\nd = \"dict(a=1)\"\ne = {}\ns = [1,2]",
    );
}

#[test]
fn j3_every_translator_of_papermill_is_read() {
    let expected = "a = true\nb = [1,\"x\"]\nc = {\"k\":\"v\",\"n\":[1]}";
    for source in [
        "# Parameters\na = TRUE\nb = list(1, \"x\")\nc = list(\"k\" = \"v\", \"n\" = list(1))",
        "# Parameters\na = true\nb = [1, \"x\"]\nc = Dict(\"k\" => \"v\", \"n\" => [1])",
        "// Parameters\nval a = true\nval b = Seq(1, \"x\")\nval c = Map(\"k\" -> \"v\", \"n\" -> Seq(1))",
        "// Parameters\nconst a = true;\nlet b = [1, 'x'];\nvar c = {k: \"v\", 'n': [1]};",
        "// Parameters\nvar a = true;\nvar b = new [] { 1, \"x\" };\nvar c = new Dictionary<string,Object>{ { \"k\" , \"v\" }, { \"n\" , new [] { 1 } } };",
        "(* Parameters *)\nlet a = true\nlet b = [ 1; \"x\" ]\nlet c = [ (\"k\", \"v\" :> IComparable); (\"n\", [ 1 ] :> IComparable) ] |> Map.ofList :> IComparable",
        "# Parameters\n$a = $True\n$b = @(1, \"x\")\n$c = @{\"k\" = \"v\"\n \"n\" = @(1)}",
        "% Parameters\na = true;\nb = {1, \"x\"};\nc = containers.Map({'k', 'n'}, {\"v\", {1}});",
    ] {
        check(source, expected);
    }
    check(
        "// Parameters\nval n = 3000000000L\nval s = \"a \\\"b\\\"\"",
        "n = 3000000000\ns = \"a \\\"b\\\"\"",
    );
    check(
        "# Parameters\n$s = \"a `\"b`\" \\xe9\"\n$n = $Null\n$i = [double]::NegativeInfinity",
        "s = \"a \\\"b\\\" é\"\nn = null\ni = \"-inf\"",
    );
    check(
        "% Parameters\ns = \"a \"\"b\"\"\";\nn = NaN;\ne = {};",
        "s = \"a \\\"b\\\"\"\nn = \"nan\"\ne = []",
    );
    check(
        "# Parameters\nx = nothing\ny = NULL\nz = NaN",
        "x = null\ny = null\nz = \"nan\"",
    );
}

#[test]
fn j3_a_cell_headed_as_parameters_is_never_a_prompt() {
    for (source, expected) in [
        ("# Parameters", ""),
        ("#parameters\nx = 1", "x = 1"),
        (
            "# Parameters\nstart-date = \"2026-01-01\"\nn = 3",
            "start-date = \"2026-01-01\"\nn = 3",
        ),
        (
            "# Parameters\nstart date = \"2026\"\nn = 3",
            "n = 3\nfault 2 [start date]",
        ),
        ("\n\n# Parameters\n2x = 1\nn = 3\n", "n = 3\nfault 4 [2x]"),
        (
            "# Parameters\nPlease explain them.",
            "fault 2 [Please explain them.]",
        ),
        (
            "# Parameters\nx = 1\nWhat follows?",
            "x = 1\nfault 3 [What follows?]",
        ),
        ("# Parameters\nx = the number of rows", "fault 2 [x]"),
        (
            "# Parameters\nx == 1\nx += 1\nx = y = 2",
            "fault 2 [x]\nfault 3 [x +]\nfault 4 [x]",
        ),
        ("# Parameters\nx = \"open\ny = 2", "y = 2\nfault 2 [x]"),
        ("# Parameters\nx = [1, 2\ny = 2", "y = 2\nfault 2 [x]"),
        ("# Parameters\nx = 1)", "fault 2 [x]"),
        ("# Parameters\nx = [[1, 2], open('f')]", "fault 2 [x]"),
        ("# Parameters\na = 1; b = 2", "a = 1\nb = 2"),
    ] {
        check(source, expected);
    }
    let deep = format!("# Parameters\nx = {}", "[".repeat(100_000));
    check(&deep, "fault 2 [x]");
    check(
        "# Parameters of the model\nx = 1",
        "prompt \"# Parameters of the model\\nx = 1\"",
    );
    check("## Parameters\nx = 1", "prompt \"## Parameters\\nx = 1\"");
}

#[test]
fn j3_the_role_of_a_cell_makes_assignments_parameters() {
    let (tagged, first) = (
        Role {
            is_tagged: true,
            ..Role::default()
        },
        Role {
            is_first_unwatched: true,
            ..Role::default()
        },
    );
    let check_as = |source: &str, role: Role, expected: &str| {
        assert_eq!(
            written(&parse_as(source, role)),
            expected,
            "of {source:?} as {role:?}"
        );
    };
    for role in [tagged, first] {
        check_as(
            "city = \"Oslo\"\nn: int = 3",
            role,
            "city = \"Oslo\"\nn = 3",
        );
        check_as("Solve: x = 5", role, "prompt \"Solve: x = 5\"");
        check_as("What is x = 5?", role, "prompt \"What is x = 5?\"");
        check_as("%set x 1", role, "1: set [x 1] from here");
        check_as("Say hello", role, "prompt \"Say hello\"");
    }
    check_as(
        "city = \"Oslo\"",
        Role::default(),
        "prompt \"city = \\\"Oslo\\\"\"",
    );
    check_as(
        "x = 1\nstart date = 2",
        tagged,
        "x = 1\nfault 2 [start date]",
    );
    check_as("x = 1\nSolve it", first, "prompt \"x = 1\\nSolve it\"");
}

#[test]
fn j11_what_nobody_sees_decides_nothing() {
    for source in [
        "\u{200b}",
        "\u{2060}\n\u{feff} \u{ad}",
        "\u{200e}\n\n\u{202a}",
    ] {
        check(source, "empty");
    }
    for invisible in [
        "\u{200b}",
        "\u{feff}",
        "\u{2060}",
        "\u{200e}",
        "\u{ad}",
        "\u{a0}",
        " \u{200d} ",
    ] {
        check(
            &format!("{invisible}%effort high{invisible}\n{invisible}\nHello"),
            "1: effort [high] from here\nprompt \"Hello\"",
        );
        check(&format!("{invisible}%effort?{invisible}"), "help effort");
        check(
            &format!("%effort high\n{invisible}"),
            "1: effort [high] from here",
        );
        check(
            &format!("{invisible}# Parameters{invisible}\nx = 1"),
            "x = 1",
        );
        check(&format!("{invisible}!ls"), "1: ! [ls] this cell");
    }
    // In the prompt itself nothing is taken away.
    check(
        "a\u{200b}b 👩\u{200d}👧",
        "prompt \"a\\u{200b}b 👩\\u{200d}👧\"",
    );
}

#[test]
fn line_ends_marks_and_blanks() {
    for source in ["", " \n\t\r\n", "\u{feff}", "\u{feff}\n"] {
        check(source, "empty");
    }
    check(
        "\u{feff}%effort high\r\n\r\nHello\r\nyou\r\n",
        "1: effort [high] from here\nprompt \"Hello\\nyou\"",
    );
    check(
        "%effort high\rHello",
        "1: effort [high] from here\nprompt \"Hello\"",
    );
    check("\n\n  Hello  \n\n", "prompt \"  Hello\"");
    let prompt = "e\u{301} 👩\u{200d}👩\u{200d}👧\u{200d}".to_owned();
    assert_eq!(
        parse(&prompt),
        Cell::Turn {
            magics: Vec::new(),
            prompt
        }
    );
}

/// Writes a turn back as a cell that means the same.
fn unparse(magics: &[MagicCall], prompt: &str) -> String {
    let mut source = String::new();
    for call in magics {
        let sign = match (call.name.as_str(), call.scope, &call.body) {
            ("!", _, _) => "",
            (_, Scope::FromHere, None) => "%",
            (_, Scope::ThisCell, _) | (_, _, Some(_)) => "%%",
        };
        let blank = if call.name == "!" { "" } else { " " };
        source.push_str(&format!("{sign}{}{blank}{}\n", call.name, call.args));
        if let Some(body) = &call.body {
            source.push_str(body);
        }
    }
    let escaped = format!("\\{prompt}");
    let written = parse(&format!("{source}{prompt}"));
    let stays = matches!(written, Cell::Turn { magics: same, prompt: also } if same.len() == magics.len() && also == prompt);
    source.push_str(if stays || prompt.is_empty() {
        prompt
    } else {
        &escaped
    });
    source
}

/// Text made of the pieces that matter to the parser.
fn cell_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("%".to_owned()),
        Just("%%".to_owned()),
        Just("\\".to_owned()),
        Just("!".to_owned()),
        Just("?".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just(" ".to_owned()),
        Just("system".to_owned()),
        Just("set x".to_owned()),
        Just("effort high".to_owned()),
        Just("# Parameters\n".to_owned()),
        Just("x = 1\n".to_owned()),
        Just("'".to_owned()),
        Just("{{x}}".to_owned()),
        Just("```".to_owned()),
        "\\PC{0,3}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// What must survive: every character that is no white space, no escaping backslash, no sign.
fn essence(text: &str) -> String {
    text.chars()
        .filter(|&c| !is_blank(c) && !matches!(c, '%' | '\\' | '!'))
        .collect()
}

proptest! {
    #[test]
    fn nothing_of_a_turn_is_lost(source in cell_text()) {
        if let Cell::Turn { magics, prompt } = parse(&source) {
            let mut kept = String::new();
            for call in &magics {
                kept.push_str(&call.name);
                kept.push_str(&call.args);
                kept.push_str(call.body.as_deref().unwrap_or_default());
            }
            kept.push_str(&prompt);
            prop_assert_eq!(essence(&kept), essence(&source));
            // Of the prompt and of a body not one character is lost, seen or unseen.
            let body = magics.last().and_then(|call| call.body.as_deref());
            let ends = source.replace("\r\n", "\n").replace('\r', "\n");
            for text in [prompt.as_str(), body.unwrap_or_default()] {
                prop_assert!(ends.trim_end().ends_with(text), "{:?} of {:?}", text, source);
            }
        }
    }

    #[test]
    fn a_turn_written_back_is_the_same_turn(source in cell_text()) {
        // A byte order mark that is written back to the beginning of a cell is none of its text.
        if let Cell::Turn { mut magics, prompt } = parse(&source)
            && !prompt.starts_with('\u{feff}')
        {
            let again = parse(&unparse(&magics, &prompt));
            // Blank lines between magics are not written back.
            for (at, call) in magics.iter_mut().enumerate() {
                call.line = at + 1;
            }
            match again {
                Cell::Turn { magics: same, prompt: also } => {
                    prop_assert_eq!(same, magics);
                    prop_assert_eq!(also, prompt);
                }
                // One magic asking for help is a cell of its own kind.
                Cell::Help { topic } => prop_assert_eq!(topic, magics[0].name.clone()),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn any_text_is_some_cell(source in any::<String>()) {
        let _ = parse(&source);
        let _ = parse(&format!("# Parameters\n{source}"));
    }
}
