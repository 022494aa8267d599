//! A turn as a terminal shows it: laid out at its width, with a line while nothing else comes. Other
//! front ends get what they always got.

use std::time::Duration;

use claude_kernel::anthropic::block::Block;
use claude_kernel::anthropic::event::Delta;
use claude_kernel::chat::receipt::Receipt;
use claude_kernel::chat::settings::ThinkingShow;
use claude_kernel::chat::turn::{Activity, Update};
use claude_kernel::jupyter::mime::Output;
use claude_kernel::render::renderer::{DisplayMode, Look, Renderer};
use expect_test::expect;
use serde_json::{Value, json};

const LOOK: Look = Look {
    columns: 40,
    is_styled: true,
};

/// A turn with a step that takes a while, and an answer that stops in the middle for a while.
fn turn() -> Vec<(u64, Update)> {
    let block = |raw: Value| Block::from_raw(raw);
    let call = block(json!({
        "type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution",
        "input": {"command": "# Count the lines\nwc -l a.csv"},
    }));
    let result = block(json!({
        "type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": {
            "type": "bash_code_execution_result", "stdout": "12 a.csv\n", "stderr": "", "return_code": 0, "content": [],
        },
    }));
    let text = |text: &str| block(json!({"type": "text", "text": text, "citations": null}));
    let said = |said: &str| Update::BlockDelta {
        ordinal: 2,
        delta: Delta::Text(said.to_owned()),
    };
    let (begins, ends) = (
        "There are **twelve lines** in it, and ",
        "*each* has\n\n| a | b |\n|--|--:|\n| 1 | 20 |\n| 3 | 4 |\n",
    );
    let running = Activity::Running {
        what: "a command".to_owned(),
    };
    vec![
        (0, Update::Activity(Activity::Waiting)),
        (
            100,
            Update::BlockStarted {
                ordinal: 0,
                block: call.clone(),
            },
        ),
        (
            110,
            Update::BlockFinished {
                ordinal: 0,
                block: call,
            },
        ),
        (110, Update::Activity(running)),
        (
            5_200,
            Update::BlockStarted {
                ordinal: 1,
                block: result.clone(),
            },
        ),
        (
            5_200,
            Update::BlockFinished {
                ordinal: 1,
                block: result,
            },
        ),
        (
            5_300,
            Update::BlockStarted {
                ordinal: 2,
                block: text(""),
            },
        ),
        (5_400, said(begins)),
        (9_000, said(ends)),
        (
            9_300,
            Update::BlockFinished {
                ordinal: 2,
                block: text(&format!("{begins}{ends}")),
            },
        ),
        (
            9_400,
            Update::Finished(Receipt {
                model: "claude-opus-5-5".to_owned(),
                runs: 1,
                offline: true,
                ..Receipt::default()
            }),
        ),
    ]
}

fn play(mut renderer: Renderer) -> Vec<Output> {
    let mut outputs = Vec::new();
    for (at, update) in turn() {
        let until = Duration::from_millis(at);
        while let Some(deadline) = renderer.deadline().filter(|&deadline| deadline <= until) {
            outputs.extend(renderer.tick(deadline));
        }
        outputs.extend(renderer.apply(update, until));
    }
    outputs
}

fn renderer(client: DisplayMode) -> Renderer {
    Renderer::new(client, ThinkingShow::Fold, "d".to_owned())
}

/// What was written to the terminal, piece by piece.
fn written(outputs: Vec<Output>) -> Vec<String> {
    let text = |output| match output {
        Output::Stream { text, .. } => text,
        other => panic!("{other:?}"),
    };
    outputs.into_iter().map(text).collect()
}

/// What a terminal shows of it in the end; `^` stands for the escape.
fn screen(pieces: &[String]) -> String {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let mut column = 0;
    for c in pieces.concat().chars() {
        let line = lines.last_mut().unwrap();
        match c {
            '\n' => {
                lines.push(Vec::new());
                column = 0;
            }
            '\u{8}' => column -= 1,
            c => {
                line.truncate(column.max(line.len().min(column)));
                line.push(if c == '\u{1b}' { '^' } else { c });
                column += 1;
            }
        }
    }
    let lines = lines.iter().map(|line| line.iter().collect::<String>());
    let lines: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

#[test]
fn u9_a_turn_in_a_terminal() {
    let plain = Look {
        is_styled: false,
        ..LOOK
    };
    let pieces = written(play(renderer(DisplayMode::Terminal).on_terminal(plain)));
    expect![[r#"
        [Bash - Count the lines]
            # Count the lines
            wc -l a.csv
        12 a.csv

        There are twelve lines in it, and each
        has

        a   b
        ─  ──
        1  20
        3   4

        offline · 1 run
    "#]]
    .assert_eq(&screen(&pieces));
    let styled = written(play(renderer(DisplayMode::Terminal).on_terminal(LOOK)));
    let all = styled.concat();
    for piece in [
        "\u{1b}[1m[Bash - Count the lines]\u{1b}[0m\n",
        "\u{1b}[1mtwelve lines\u{1b}[0m",
        "\u{1b}[2moffline",
    ] {
        assert!(all.contains(piece), "{piece:?} in {all:?}");
    }
    assert!(!all.contains("**"), "{all:?}");
}

/// The line that says what is waited for stays on its line: what is wrapped cannot be taken back.
#[test]
fn u9_the_live_line_never_wraps() {
    let pieces = written(play(renderer(DisplayMode::Terminal).on_terminal(LOOK)));
    let running = pieces
        .iter()
        .filter(|piece| piece.contains("Running a command … 4 s"));
    assert_eq!(running.count(), 1, "{pieces:?}");
    // There is room for the clock alone.
    let waiting = pieces.iter().filter(|piece| piece.contains("m [3 s]"));
    assert_eq!(waiting.count(), 1, "{pieces:?}");
    let mut column = 0;
    for piece in &pieces {
        let mut in_style = false;
        for c in piece.chars() {
            match c {
                '\u{1b}' => in_style = true,
                'm' if in_style => in_style = false,
                _ if in_style => {}
                '\n' => column = 0,
                '\u{8}' => column -= 1,
                _ => column += 1,
            }
            assert!(column <= LOOK.columns, "{pieces:?}");
        }
    }
}

/// A program that runs notebooks, and a page, get no layout and no styles.
#[test]
fn u9_other_front_ends_get_what_they_always_got() {
    for client in [DisplayMode::Live, DisplayMode::Batch] {
        let outputs = play(renderer(client).on_terminal(LOOK));
        assert_eq!(outputs, play(renderer(client)));
        assert!(!format!("{outputs:?}").contains("u{1b}"));
    }
}
