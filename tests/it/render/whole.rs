//! Text that is shown piece by piece while it grows is, in the end, the document that is shown when
//! it comes at once. A parser that the kernel does not use is the judge.

use std::fmt::Write as _;
use std::time::Duration;

use claude_kernel::render::renderer::DisplayMode;
use comrak::Options;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::growth::{finals, play};
use crate::support::pieces::{pieces, pieces_of};

/// Returns what a front end makes of Markdown, without the elements that only carry our styles.
///
/// This parser resolves references only until they have the size of the text, which front ends do
/// not, so a long paragraph stands before the text.
pub(super) fn document(markdown: &str) -> String {
    let before = "x".repeat(8 * markdown.len());
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.autolink = true;
    options.render.r#unsafe = true;
    let html = comrak::markdown_to_html(&format!("{before}\n\n{markdown}"), &options);
    let mut html = html.replacen(&format!("<p>{before}</p>\n"), "", 1);
    for wrapper in [
        "<div style=\"font-family: monospace; margin-bottom: 1em\">\n",
        "</div>\n",
        "</div>",
        "<span>",
        "</span>",
    ] {
        html = html.replace(wrapper, "");
    }
    html
}

/// Returns what the displays of a front end hold, one after the other.
fn shown(client: DisplayMode, deltas: &[&str], interval: Duration) -> Vec<String> {
    finals(&play(client, deltas, interval))
        .iter()
        .map(|display| display.data.text("text/markdown").unwrap().to_owned())
        .collect()
}

fn joined(displays: &[String]) -> String {
    displays.iter().map(|display| document(display)).collect()
}

/// Fails unless the text is the same document in pieces and at once; returns the pieces.
#[track_caller]
fn check_whole(text: &str) -> Vec<String> {
    let live = shown(
        DisplayMode::Live,
        &pieces(text, 15),
        Duration::from_millis(10),
    );
    let batch = shown(DisplayMode::Batch, &[text], Duration::ZERO);
    assert!(batch.len() <= 1);
    similar(&joined(&live), &joined(&batch));
    live
}

/// Fails where two texts differ first, and shows that place only.
#[track_caller]
fn similar(left: &str, right: &str) {
    if let Some(line) = left.lines().zip(right.lines()).position(|(a, b)| a != b) {
        let near = |text: &str| {
            let lines = text.lines().skip(line.saturating_sub(2)).take(6);
            lines.collect::<Vec<_>>().join("\n")
        };
        panic!("in pieces:\n{}\n\nat once:\n{}", near(left), near(right));
    }
    assert_eq!(left, right);
}

fn filler(bytes: usize) -> String {
    "Words of a paragraph that is here before all else.\n\n".repeat(bytes / 50)
}

#[test]
fn a_long_table_is_one_table_however_long_its_head_is() {
    for columns in [2, 60, 200] {
        let row = |word: &str| {
            let cells = (0..columns).map(|n| format!(" {word} {n} |"));
            format!("|{}\n", cells.collect::<String>())
        };
        let rule = format!("|{}\n", "---|".repeat(columns));
        let rows = row("value").repeat(6_000 / columns);
        let table = format!("{}{rule}{rows}", row("a column of the name"));
        let live = check_whole(&format!("{}{table}\nEnd.\n", filler(800)));
        let html = joined(&live);
        assert_eq!(html.matches("<table>").count(), 1, "{columns}");
        assert!(!html.contains("| value"), "{columns}");
    }
}

#[test]
fn a_nested_list_stays_a_list_to_its_end() {
    let mut list = String::new();
    for n in 0..80 {
        let _ = writeln!(list, "{}. Step {n} of the plan\n", n + 1);
        let _ = writeln!(list, "    Why it has to be done:\n");
        let _ = writeln!(list, "    - because of this\n      - and of that\n");
        let _ = writeln!(list, "    ```python\n    x = {n}\n\n    y = 2\n    ```\n");
    }
    let live = check_whole(&format!("{list}End.\n"));
    let html = joined(&live);
    assert_eq!(html.matches("<ol").count(), 1);
    assert_eq!(html.matches("<code class=\"language-python\">").count(), 80);
    assert_eq!(html.matches("<pre>").count(), 80);
}

#[test]
fn a_reference_link_keeps_its_address_wherever_that_is_written() {
    let text = filler(1_500);
    for (name, text) in [
        (
            "below",
            format!("See [this][r] and ![it][r].\n\n{text}[r]: https://e.x/r \"T\"\n"),
        ),
        (
            "above",
            format!("[r]: https://e.x/r\n\n{text}See [this][r], [r][] and [R].\n"),
        ),
        (
            "twice",
            format!(
                "[r]: https://e.x/r\n\n{text}See [this][r].\n\n[r]: https://e.x/2\n\n{text}[r]\n"
            ),
        ),
        (
            "in a quote",
            format!("See [this][r].\n\n{text}> [r]: https://e.x/r\n"),
        ),
    ] {
        let live = check_whole(&text);
        assert!(live.len() > 1, "{name}");
        let html = joined(&live);
        assert!(html.contains("<a href=\"https://e.x/r\""), "{name}: {html}");
    }
    // What leads nowhere good stays text, also when a harmless definition follows.
    let live = check_whole(&format!(
        "[a][bad]\n\n{text}[bad]: javascript:alert(1)\n\n{text}[bad]: https://e.x/late\n"
    ));
    assert!(!joined(&live).contains("<a href=\"javascript"), "{live:?}");
}

#[test]
fn a_long_fence_quote_or_paragraph_is_shown_as_one() {
    let lines = "value = compute(1)\n\n# - no list\n".repeat(200);
    check_whole(&format!("{}```python\n{lines}```\n\nEnd.\n", filler(700)));
    check_whole(&format!("~~~~\n{lines}```\n\n~~~\n{lines}"));
    check_whole(&format!("> {}\n\nEnd.\n", lines.replace('\n', "\n> ")));
    check_whole(&format!("    {}\n\nEnd.\n", lines.replace('\n', "\n    ")));
    check_whole(&"Words that go on. ".repeat(500));
    check_whole(&"Word\n".repeat(2_000));
    check_whole(&format!(
        "{}\n---\n\nEnd.\n",
        "A title in lines\n".repeat(200)
    ));
}

fn words(most: usize) -> impl Strategy<Value = String> {
    let word = prop::sample::select(
        &[
            "word",
            "and",
            "the",
            "*very*",
            "**much**",
            "`code`",
            "~5",
            "(~2)",
            "~~gone~~",
            "2.",
            "-",
            "+",
            "[link](https://e.x/a)",
            "[see][r1]",
            "[r2][]",
            "[R3]",
            "![f][r1]",
            "[^1]",
            "https://e.x/~u",
            "<b>",
            "a|b",
            "$x^2$",
            "$5",
            "\\(y\\)",
            "\\[",
            "_it_",
            "&amp;",
            "äöü",
            "#",
            "1)",
        ][..],
    );
    prop::collection::vec(word, 1..most).prop_map(|words| words.join(" "))
}

fn leaf() -> impl Strategy<Value = String> {
    let line = prop::sample::select(
        &[
            "x = 1",
            "",
            "    deep",
            "- a",
            "1. b",
            "# c",
            "| a | b |",
            "|---|---|",
            "```",
            "> q",
            "</div>",
            "===",
            "---",
            "\t",
            "[r1]: https://e.x/in-code",
        ][..],
    );
    let code = prop::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n"));
    prop_oneof![
        4 => prop::collection::vec(words(20), 1..8).prop_map(|lines| lines.join("\n")),
        1 => (1_usize..7, words(20)).prop_map(|(level, words)| format!("{} {words}", "#".repeat(level))),
        1 => (words(20), any::<bool>()).prop_map(|(words, deep)| format!("{words}\n{}", if deep { "---" } else { "===" })),
        2 => (code.clone(), prop::sample::select(&["````", "~~~~~", "```"][..]), prop::sample::select(&["", "python", "js x"][..]))
            .prop_map(|(code, mark, info)| format!("{mark}{info}\n{code}\n{mark}")),
        1 => code.clone().prop_map(|code| format!("    {}", code.replace('\n', "\n    "))),
        2 => (1_usize..15, 0_usize..25, words(4)).prop_map(|(columns, rows, cell)| {
            let cell = cell.replace('|', "\\|");
            let row = format!("|{}", format!(" {cell} |").repeat(columns));
            let rule = format!("|{}", ":--|".repeat(columns));
            format!("{row}\n{rule}{}", format!("\n{row}").repeat(rows))
        }),
        1 => Just("---".to_owned()),
        1 => Just("* * *".to_owned()),
        2 => (1_usize..5, prop::sample::select(&["https://e.x/1", "a.csv \"T\"", "javascript:x", "two words"][..]))
            .prop_map(|(n, target)| format!("[r{n}]: {target}")),
        1 => words(20).prop_map(|words| format!("[^1]: {words}")),
        1 => code.prop_map(|code| format!("<div>\n{code}\n</div>")),
        1 => Just("$$\n\\sum_i x_i\n$$".to_owned()),
        1 => Just("\\[\n\\sum_i x_i\n\\]".to_owned()),
    ]
}

/// Puts `first` before the first line of a block and spaces or `other` before the others.
fn indented(block: &str, first: &str, other: &str) -> String {
    let mut out = String::new();
    for (n, line) in block.split('\n').enumerate() {
        let mark = if n == 0 { first } else { other };
        let _ = match line.trim().is_empty() && n > 0 {
            true => writeln!(out, "{}", other.trim_end()),
            false => writeln!(out, "{mark}{line}"),
        };
    }
    out.trim_end_matches('\n').to_owned()
}

fn block() -> impl Strategy<Value = String> {
    leaf().prop_recursive(2, 24, 6, |inner| {
        let gap = prop::sample::select(&["\n", "\n\n", "\n\n\n"][..]);
        let items = prop::collection::vec(
            (prop::collection::vec(inner.clone(), 1..4), gap.clone()),
            1..6,
        );
        let mark = prop::sample::select(&["- ", "* ", "1. ", "7) ", "-   "][..]);
        prop_oneof![
            3 => (items, gap, mark).prop_map(|(items, between, mark)| {
                let items = items.into_iter().map(|(blocks, gap)| {
                    indented(&blocks.join(gap), mark, &" ".repeat(mark.len()))
                });
                items.collect::<Vec<_>>().join(between)
            }),
            1 => prop::collection::vec(inner, 1..4)
                .prop_map(|blocks| indented(&blocks.join("\n\n"), "> ", "> ")),
        ]
    })
}

fn texts() -> impl Strategy<Value = String> {
    let gap = prop::sample::select(&["\n\n", "\n\n", "\n\n", "\n", "\n\n\n"][..]);
    prop::collection::vec((block(), gap), 1..16).prop_map(|blocks| {
        let blocks = blocks.iter().map(|(block, gap)| format!("{block}{gap}"));
        blocks.collect()
    })
}

fn number<N: std::str::FromStr>(variable: &str) -> Option<N> {
    std::env::var(variable).ok()?.parse().ok()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: number("CLAUDE_KERNEL_DOCUMENTS").unwrap_or(100),
        max_shrink_iters: 300,
        // The same documents each time, unless others are asked for.
        rng_seed: RngSeed::Fixed(number("CLAUDE_KERNEL_DOCUMENTS_SEED").unwrap_or(1)),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_text_in_pieces_is_the_text_at_once(
        text in texts(),
        sizes in prop::collection::vec(1_usize..200, 1..20),
        interval_ms in 0_u64..60,
    ) {
        let deltas = pieces_of(&text, &sizes);
        let live = shown(DisplayMode::Live, &deltas, Duration::from_millis(interval_ms));
        let batch = shown(DisplayMode::Batch, &[&text], Duration::ZERO);
        let (live, batch) = (joined(&live), joined(&batch));
        let near = |text: &str| -> String {
            let line = live.lines().zip(batch.lines()).position(|(a, b)| a != b).unwrap_or(0);
            text.lines().skip(line.saturating_sub(2)).take(5).collect::<Vec<_>>().join("\n")
        };
        prop_assert!(live == batch, "in pieces:\n{}\nat once:\n{}", near(&live), near(&batch));
    }
}
