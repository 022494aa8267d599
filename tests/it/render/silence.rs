//! Nothing is silent for more than three seconds: what a person sees while nothing comes.

use std::time::Duration;

use claude_kernel::anthropic::block::Block;
use claude_kernel::anthropic::event::Delta;
use claude_kernel::chat::settings::ThinkingShow;
use claude_kernel::chat::turn::{Activity, Update};
use claude_kernel::jupyter::mime::Output;
use claude_kernel::render::renderer::{DisplayMode, Renderer};
use serde_json::json;

/// Plays updates at their times in milliseconds; returns what was shown: when, and its text.
fn play(client: DisplayMode, updates: Vec<(u64, Update)>, end_ms: u64) -> Vec<(u64, String)> {
    let mut renderer = Renderer::new(client, ThinkingShow::Fold, "d".to_owned());
    let mut shown = Vec::new();
    let text = |output: Output| match output {
        Output::Display(display) | Output::Update(display) => {
            let id = display.display_id.unwrap_or_default();
            let text = display.data.text("text/markdown").unwrap_or_default();
            format!("{id} {text}")
        }
        Output::Stream { text, .. } => text,
        other => panic!("{other:?}"),
    };
    let mut now = Duration::ZERO;
    for (at, update) in updates
        .into_iter()
        .map(Some)
        .chain([None])
        .scan(0, |last, update| {
            Some(match update {
                Some((at, update)) => {
                    *last = at;
                    (at, Some(update))
                }
                None => (end_ms, None),
            })
        })
    {
        let until = Duration::from_millis(at);
        while let Some(deadline) = renderer.deadline().filter(|&deadline| deadline <= until) {
            now = now.max(deadline);
            let outputs = renderer.tick(deadline).into_iter();
            shown.extend(outputs.map(|output| (deadline.as_millis() as u64, text(output))));
        }
        if let Some(update) = update {
            let outputs = renderer.apply(update, until).into_iter();
            shown.extend(outputs.map(|output| (at, text(output))));
        }
    }
    shown
}

fn block() -> Block {
    Block::from_raw(json!({"type": "text", "text": "", "citations": null}))
}

fn said(text: &str) -> Update {
    Update::BlockDelta {
        ordinal: 0,
        delta: Delta::Text(text.to_owned()),
    }
}

fn answer_that_pauses() -> Vec<(u64, Update)> {
    let started = Update::BlockStarted {
        ordinal: 0,
        block: block(),
    };
    vec![
        (0, Update::Activity(Activity::Writing)),
        (0, started),
        (10, said("It begins")),
        (6_500, said(" and goes on.")),
    ]
}

#[test]
fn u8_silence_in_the_middle_of_an_answer_is_told_below_the_text() {
    let shown = play(DisplayMode::Live, answer_that_pauses(), 7_000);
    let line = |seconds: u64| {
        format!("d-1 <sub style=\"opacity: 0.6\">Waiting for Claude … {seconds} s</sub>")
    };
    assert_eq!(
        shown,
        [
            (10, "d-0 It begins".to_owned()),
            (3_010, line(3)),
            (4_010, line(4)),
            (5_010, line(5)),
            (6_010, line(6)),
            (6_500, "d-1 ".to_owned()),
            (6_638, "d-0 It begins and goes on.".to_owned()),
        ]
    );
}

#[test]
fn u9_a_terminal_shows_one_line_that_goes_away_while_a_command_runs() {
    let running = Update::Activity(Activity::Running {
        what: "bash".to_owned(),
    });
    let shown = play(
        DisplayMode::Terminal,
        vec![(0, running), (4_500, said("Done."))],
        5_000,
    );
    let line = "[Running bash … 3 s]";
    let back = |line: &str| "\u{8}".repeat(line.chars().count());
    let erased = |line: &str| {
        let blank = " ".repeat(line.chars().count());
        format!("{}{blank}{}", back(line), back(line))
    };
    assert_eq!(
        shown,
        [
            (3_000, line.to_owned()),
            (4_000, erased(line)),
            (4_000, "[Running bash … 4 s]".to_owned()),
            (4_500, erased(line)),
            (4_500, "Done.".to_owned()),
        ]
    );
    // In the middle of an answer the line stands behind the text.
    let shown = play(DisplayMode::Terminal, answer_that_pauses(), 3_500);
    assert_eq!(shown.first().unwrap(), &(10, "It begins".to_owned()));
    assert_eq!(shown[1], (3_010, " [Waiting for Claude … 3 s]".to_owned()));
}
