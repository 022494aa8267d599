//! `cell::parse`: the rules of a cell, the hard ones first; and properties over any text.

use claude_kernel::cell::parse::{Cell, MagicCall, Scope, parse};
use proptest::prelude::*;

/// Writes a cell in one line per part, so that expectations read at a glance.
fn written(cell: &Cell) -> String {
    match cell {
        Cell::Empty => "empty".to_owned(),
        Cell::Help { topic } => format!("help {topic}"),
        Cell::Parameters { values } => values
            .iter()
            .map(|(name, value)| format!("{name} = {value:?}"))
            .collect::<Vec<_>>()
            .join("\n"),
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
        "alpha = \"0.6\"\nname = \"a \\\"b\\\" é € 😀\\n\"\nflags = \"[1, \\\"two\\\"]\"\nnone = \"None\"",
    );
    check(
        "# Parameters\nx=1\ncity='New York'\nquote='it'\"'\"'s'\nempty=''\nnone=\nlist=(1 2)\nraw='a\\n\nb'\n",
        "x = \"1\"\ncity = \"New York\"\nquote = \"it's\"\nempty = \"\"\nnone = \"\"\nlist = \"(1 2)\"\nraw = \"a\\\\n\\nb\"",
    );
    check("# Parameters\nx <- 1\ns <- \"v\"", "x = \"1\"\ns = \"v\"");
    check(
        "\n# Parameters\n\n# a note\nn = 5  # how many\nd = {\n    'a': 1,\n    'b': [2, 3],\n}\nr = float('inf')",
        "n = \"5\"\nd = \"{\\n    'a': 1,\\n    'b': [2, 3],\\n}\"\nr = \"float('inf')\"",
    );
    check("# Parameters\r\nx = 1\r\n", "x = \"1\"");
}

#[test]
fn prose_under_that_heading_is_a_prompt() {
    for source in [
        "# Parameters",
        "# Parameters\nPlease explain them.",
        "# Parameters\nx = 1\nWhat follows?",
        "# Parameters\nx = the number of rows",
        "# Parameters\nx == 1",
        "# Parameters\nx = \"open",
        "# Parameters\nx = [1, 2",
        "# Parameters\nx = 1)",
        "# Parameters\nx = \"bad \\ud800\"",
        "# Parameters of the model\nx = 1",
    ] {
        check(source, &format!("prompt {source:?}"));
    }
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
    let stays = matches!(parse(prompt), Cell::Turn { magics, prompt: same } if magics.is_empty() && same == prompt);
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
        .filter(|c| !c.is_whitespace() && !matches!(c, '%' | '\\' | '!' | '\u{feff}'))
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
        }
    }

    #[test]
    fn a_turn_written_back_is_the_same_turn(source in cell_text()) {
        if let Cell::Turn { mut magics, prompt } = parse(&source) {
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
