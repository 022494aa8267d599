//! What others wrote stays harmless, and everything else stays as it was.

use claude_kernel::render::markdown::neutralise;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};

/// The only HTML that may be in an answer.
const OURS: [&str; 6] = [
    "<span>",
    "</span>",
    "<code>",
    "</code>",
    "<div style=\"font-family: monospace; margin-bottom: 1em\">",
    "</div>",
];

/// Wraps a fence as it is shown.
fn shown(fence: &str) -> String {
    format!("<div style=\"font-family: monospace; margin-bottom: 1em\">\n\n{fence}\n\n</div>")
}

/// Parses as a front end would, with and without mathematics, and fails on anything alive.
#[track_caller]
fn assert_harmless(source: &str) {
    let output = neutralise(source);
    for options in [
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH,
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_MATH,
        Options::empty(),
    ] {
        for event in Parser::new_ext(&output, options) {
            let context = || format!("source: {source:?}\noutput: {output:?}\nevent: {event:?}");
            match &event {
                Event::Html(html) | Event::InlineHtml(html) => {
                    assert!(OURS.contains(&html.trim()), "{}", context());
                }
                Event::Start(Tag::Link { dest_url, .. }) => {
                    let allowed = ["http://", "https://", "mailto:"]
                        .iter()
                        .any(|scheme| dest_url.to_lowercase().starts_with(scheme));
                    let relative = !dest_url.contains(':') && !dest_url.starts_with('/');
                    // An address in angle brackets has its scheme added by the parser.
                    assert!(
                        allowed || relative || dest_url.contains('@'),
                        "{}",
                        context()
                    );
                }
                Event::Start(Tag::Image { dest_url, .. }) => assert!(
                    dest_url.starts_with("claude_files/") && !dest_url.contains(".."),
                    "{}",
                    context()
                ),
                Event::Start(Tag::Heading { level, .. }) => {
                    assert!(*level as usize >= 3, "{}", context());
                }
                _ => {}
            }
        }
    }
}

#[track_caller]
fn check(source: &str, expected: &str) {
    assert_eq!(neutralise(source), expected);
    assert_harmless(source);
}

#[track_caller]
fn check_unchanged(source: &str) {
    check(source, source);
}

#[test]
fn ordinary_markdown_stays_byte_for_byte() {
    check_unchanged(
        "Plain *emphasis*, **strong**, ~~gone~~, `code`, a [link](https://e.x/a_(b)).\n",
    );
    check_unchanged("- one\n- two\n  1. deep\n  2. deeper\n\n> quoted\n> twice\n");
    check_unchanged("| a | b |\n|---|--:|\n| 1 | `x` |\n");
    check_unchanged(
        "See [the data](claude_files/a.csv \"A title\"), [below](#results) and [1][ref].\n\n[ref]: https://e.x\n",
    );
    check_unchanged("![chart](claude_files/a.png)\n");
    check_unchanged("<https://e.x/a?b=c&d> and https://e.x and <mailto:a@e.x>\n");
    check_unchanged("Inline $x^2 + y_1$ and\n\n$$\n\\sum_{i=1}^n i\n$$\n\nand $5$.\n");
    check_unchanged("### Third\n\n- [ ] task\n- [x] done\n");
    let fence = "```html\n<script>alert(1)</script>\n$5 and $6 [x](javascript:1)\n```";
    check(fence, &shown(fence));
    check_unchanged("1. Item\n\n   ```python\n   print(\"<b>\")\n   ```\n2. Next\n");
    check_unchanged("a & b &amp; c \\* d \\_ e 5 > 3\n");
}

#[test]
fn html_is_shown_as_written() {
    check("Use <word> here.", "Use &lt;word> here.");
    check(
        "<script>alert(1)</script>",
        "&lt;script>alert(1)&lt;/script>",
    );
    check(
        "<img src=x onerror=alert(1)>",
        "&lt;img src=x onerror=alert(1)>",
    );
    check("<div\nonclick=x>", "&lt;div\nonclick=x>");
    check("a\n\n    if x <y:\n", "a\n\n    if x < y:\n");
    check(">1. \t@https://e.x<script>", ">1. \t@https://e.x< script>");
    check("a <!-- hidden --> b", "a &lt;!-- hidden --> b");
    check("</details></div>", "&lt;/details>&lt;/div>");
    check("1 < 2 and \\<b>", "1 &lt; 2 and &lt;b>");
    check(
        "`<b>` and `a < b`",
        "<code>&#60;b&#62;</code> and <code>a &#60; b</code>",
    );
    check(
        "<div>\n[x](javascript:alert(1))\n</div>\n",
        "&lt;div>\n&#91;x]&#40;javascript:alert(1)&#41;\n&lt;/div>\n",
    );
    check(
        "<a href=\"`\">x</a>`<b>",
        "&lt;a href=\"<code>&#34;&#62;x&#60;&#47;a&#62;</code>&lt;b>",
    );
}

#[test]
fn only_harmless_links_are_links() {
    check(
        "[x](javascript:alert(1))",
        "&#91;x]&#40;javascript:alert(1)&#41;",
    );
    check("[x](JaVaScRiPt:1)", "&#91;x]&#40;JaVaScRiPt:1&#41;");
    check(
        "[x](javascript&#58;1)",
        "&#91;x]&#40;javascript&#38;&#35;58;1&#41;",
    );
    check(
        "[x](java&Tab;script:1)",
        "&#91;x]&#40;java&#38;Tab;script:1&#41;",
    );
    check(
        "[x](data:text/html;base64,AAAA)",
        "&#91;x]&#40;data:text/html;base64,AAAA&#41;",
    );
    check("[x](//evil.example)", "&#91;x]&#40;//evil.example&#41;");
    check("[x](/lab/api)", "&#91;x]&#40;/lab/api&#41;");
    check(
        "[x](file:///etc/passwd)",
        "&#91;x]&#40;file:///etc/passwd&#41;",
    );
    check("[x](vbscript:1 \"t\")", "&#91;x]&#40;vbscript:1 \"t\"&#41;");
    check("<javascript:alert(1)>", "&lt;javascript:alert(1)>");
    check(
        "[x](<claude_files/my file.csv>)",
        "[x](claude_files/my%20file.csv)",
    );
    check("[x](<javascript:1>)", "&#91;x]&#40;javascript:1&#41;");
    let long = "a".repeat(500);
    check(&format!("[x](<{long}>)"), &format!("[x]({long})"));
    check(
        &format!("[x](<{long}a>)"),
        &format!("&#91;x]&#40;&#60;{}…&#41;", "a".repeat(59)),
    );
    check(
        "[a [b](https://e.x) c](javascript:1)",
        "[a [b](https://e.x) c]&#40;javascript:1)",
    );
    check(
        "[ https://e.x\\](javascript:1)",
        "[ https://e.x&#93;(javascript:1)",
    );
    check(
        "[ https://e.x` ](javascript:1) `",
        "[ https://e.x<code>&#93;&#40;javascript&#58;1&#41;</code>",
    );
    check("[r]: javascript:1\n\n[r]", "[r]&#58; javascript:1\n\n[r]");
    check(
        "[r]: https://ok.x\n[R]: javascript:1\n\n[r]",
        "[r]: https://ok.x\n[R]&#58; javascript:1\n\n[r]",
    );
    check("[r]:\njavascript:1", "[r]&#58;\njavascript:1");
}

#[test]
fn images_load_from_our_folder_only() {
    check(
        "![p](https://track.example/a.png)",
        "[image: p](https://track.example/a.png)",
    );
    check(
        "![p](data:image/svg+xml;base64,AAAA)",
        "&#33;&#91;p]&#40;data:image/svg&#43;xml;base64,AAAA&#41;"
            .replace("&#43;", "+")
            .as_str(),
    );
    check(
        "!![p](https://e.x)",
        "!<span></span>[image: p](https://e.x)",
    );
    check(
        "![p](claude_files/../../x.png)",
        "[image: p](claude_files/../../x.png)",
    );
    check(
        "[![p](https://a.x/p.png)](https://b.x)",
        "[&#33;&#91;p]&#40;https://a.x/p.png&#41;](https://b.x)",
    );
    check(
        "![p][r]\n\n[r]: https://e.x/p.png\n",
        "[image: p][r]\n\n[r]: https://e.x/p.png\n",
    );
}

/// Where ours sees a definition or mathematics, another parser may see a paragraph.
#[test]
fn no_image_hides_in_a_definition_or_in_mathematics() {
    for source in [
        "[a]: javascript:x\n[b]: ![i](https://e.x/p.png)\n",
        "[a]: javascript:x\n[b]: https://e.x \"![i](https://e.x/p.png)\"\n",
        "[a]: javascript:x\n[b]: ![i][c]\n\n[c]: https://e.x/p.png\n",
        "> [a]: javascript:x\n> [b]: ![i](https://e.x/p.png)\n",
        "[$![$](https://e.x/p.png)",
        "[$$![$$](https://e.x/p.png)",
        "[`![`](https://e.x/p.png) and $x$",
        "[$x![y$ z](https://e.x/p.png)",
    ] {
        crate::hostile::check_markdown(&neutralise(source));
    }
}

#[test]
fn money_is_no_mathematics() {
    check(
        "It costs $5 now and $6 later.",
        "It costs <span>&#36;</span>5 now and <span>&#36;</span>6 later.",
    );
    check("$5-$10", "<span>&#36;</span>5-<span>&#36;</span>10");
    check(
        "$HOME and \\$PATH",
        "<span>&#36;</span>HOME and <span>&#36;</span>PATH",
    );
    check(
        "from $3.50/kg to 4$",
        "from <span>&#36;</span>3.50/kg to 4<span>&#36;</span>",
    );
    check("`$5`", "<code>&#36;5</code>");
    check("$a<b$", "$a< b$");
}

#[test]
fn mathematics_cannot_swallow_code() {
    // Each of these lets a tag live in JupyterLab if left alone.
    check(
        "$x `a\n$ <img src=x>`",
        "<span>&#36;</span>x <code>a &#36; &#60;img src&#61;x&#62;</code>",
    );
    check(
        "\\begin{a}\n```\n\\end{a}<img src=x>\n```\n",
        &format!(
            "&#92;begin{{a}}\n\n{}\n",
            shown("```\n\\end{a}<img src=x>\n```")
        ),
    );
    check("\\\\(a `b`", "&#92;(a `b`");
    check(
        "$\\href{javascript:1}{x}$",
        "<span>&#36;</span>\\href{javascript:1}{x}<span>&#36;</span>",
    );
    check(
        "$a ` b$ ` [x](javascript:1) `",
        "<span>&#36;</span>a &#96; b<span>&#36;</span> <code>&#91;x&#93;&#40;javascript&#58;1&#41;</code>",
    );
}

#[test]
fn mathematics_cannot_break_out_of_an_attribute() {
    // JupyterLab puts mathematics back after it has made links, images and language classes.
    check(
        "https://e.x/$\" onmouseover=\"alert(1)\" x$",
        "https://e.x/<span>&#36;</span>\" onmouseover=\"alert(1)\" x<span>&#36;</span>",
    );
    check(
        "![a $\" onload=\"x\" b$](claude_files/a.png)",
        "![a <span>&#36;</span>\" onload=\"x\" b<span>&#36;</span>](claude_files/a.png)",
    );
    check(
        "![@\\@0@@](claude_files/a.png)",
        "![&#64;&#64;0&#64;@](claude_files/a.png)",
    );
    check(
        "```\\begin{a}\" onload=\"x\" \\end{a}\ncode\n```",
        &shown("```begina onloadx enda\ncode\n```"),
    );
    check(
        "- ```\n  $\n  ```\n  $x$ and $https://e.x/$",
        "- ```\n  $\n  ```\n  <span>&#36;</span>x<span>&#36;</span> and <span>&#36;</span>https://e.x/<span>&#36;</span>",
    );
}

#[test]
fn headings_stay_below_the_persons_own() {
    check(
        "# One\n\n## Two\n\n### Three #\n",
        "### One\n\n#### Two\n\n##### Three #\n",
    );
    check("Title\n=====\n\ntext", "### Title\n\n\ntext");
    check("Title\n---\ntext", "### Title\n\ntext");
    check("two\nlines\n===\n", "two\nlines\n\\===\n");
    check(
        "## Two\n\n### Three\n\n# One",
        "### Two\n\n#### Three\n\n### One",
    );
    check("> # Quoted\n", "> ### Quoted\n");
}

#[test]
fn open_fences_are_closed_and_control_characters_go() {
    check("```python\nx", &shown("```python\nx\n```"));
    check("````\n```\n", &shown("````\n```\n````"));
    check("~~~", &shown("~~~\n~~~"));
    check(
        "text\n```\nx\n```\nmore",
        &format!("text\n\n{}\n\nmore", shown("```\nx\n```")),
    );
    check("a\0b\u{1b}[31mc\r\nd", "ab[31mc\nd");
}

#[test]
fn huge_input_is_read_in_time() {
    for source in [
        "[".repeat(50_000),
        "![".repeat(50_000),
        "<".repeat(100_000),
        "`".repeat(100_000),
        "$".repeat(100_000),
        "> ".repeat(20_000),
        "*a ".repeat(50_000),
        "[a](".repeat(30_000),
        "](<".repeat(30_000),
    ] {
        assert_harmless(&source);
    }
}

/// Pieces that attack each other's context.
const PIECES: &[&str] = &[
    "<",
    ">",
    "<img src=x onerror=alert(1)>",
    "<script>",
    "</script>",
    "<!--",
    "-->",
    "<?",
    "]]>",
    "<![CDATA[",
    "`",
    "``",
    "```",
    "~~~",
    "````",
    "\n",
    "\n\n",
    "    ",
    "  ",
    "\t",
    "> ",
    "- ",
    "1. ",
    "# ",
    "===",
    "---",
    "|",
    "|---|",
    "[",
    "]",
    "(",
    ")",
    "![",
    "](",
    "](javascript:1)",
    "[a]: ",
    "[a]",
    "javascript:1",
    "https://e.x",
    "<https://e.x>",
    "<javascript:1>",
    "claude_files/a.png",
    "$",
    "$$",
    "\\",
    "\\$",
    "\\(",
    "\\\\(",
    "\\begin{a}",
    "\\end{a}",
    "{",
    "}",
    "&lt;",
    "&#60;",
    "&",
    ";",
    "!",
    "*",
    "_",
    "a",
    "1",
    " ",
    "\"",
    "'",
    "\r\n",
    "\0",
    "é",
    "]: ",
    "<a b=\"",
    "<div>",
    "</details>",
    "](<",
    "\u{202e}",
    "@@0@@",
    "@",
    " onmouseover=x ",
    "](claude_files/a.png)",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn nothing_lives(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24)) {
        assert_harmless(&pieces.concat());
    }

    #[test]
    fn words_survive(words in prop::collection::vec("[a-z]{1,8}", 1..30)) {
        let text = words.join(" ");
        prop_assert_eq!(neutralise(&text), text);
    }
}
