//! Signs of an answer that front ends read in another way than they were meant.

use claude_kernel::render::markdown::neutralise;

use super::whole::document;

#[track_caller]
fn check(source: &str, expected: &str) {
    assert_eq!(neutralise(source), expected);
}

#[track_caller]
fn check_unchanged(source: &str) {
    check(source, source);
}

#[test]
fn a_lone_tilde_strikes_nothing_through() {
    for text in [
        "mean (~3.2) and median (~2.9)",
        "~5 km, then ~7 km",
        "- ~1\n- ~2 and ~3\n",
        "| a | b |\n|---|---|\n| ~1 | ~2~ |\n",
        "### About ~10 of ~20\n",
        "*~1 and ~2*, [~3 and ~4](https://e.x/)",
        "~5 see https://e.x/~user and ~6",
        "\\~5 and ~6, `~` and ~7",
    ] {
        let html = document(&neutralise(text));
        assert!(!html.contains("<del>"), "{text}: {html}");
    }
    check(
        "mean (~3.2) and median (~2.9)",
        "mean (&#126;3.2) and median (&#126;2.9)",
    );
    // What was meant stays, and so do tildes that mean themselves.
    check_unchanged("~~gone~~ and `~a~`, https://e.x/~u and <https://e.x/~v>\n");
    check_unchanged("[home](https://e.x/~u \"T\") and [r]\n\n[r]: https://e.x/~v\n");
    check_unchanged("$a~b$ and $c~d$\n");
    assert!(document(&neutralise("~~gone~~")).contains("<del>gone</del>"));
}

#[test]
fn mathematics_in_tex_brackets_is_mathematics() {
    check("Then \\(x_1 + y_1\\) holds.", "Then $x_1 + y_1$ holds.");
    check(
        "Let \\( n \\) be, and \\(\\alpha\\).",
        "Let $n$ be, and $\\alpha$.",
    );
    check(
        "\\[\n\\sum_{i=1}^n x_i\n\\]\n",
        "$$\n\\sum_{i=1}^n x_i\n$$\n",
    );
    check("So \\[ E = mc^2 \\] at last.", "So $$E = mc^2$$ at last.");
    check(
        "- a\n\n  \\[\n  a_1 = b\n  \\]\n",
        "- a\n\n  $$\n  a_1 = b\n  $$\n",
    );
    check(
        "| \\(a^2\\) | b |\n|---|---|\n| \\(c_1\\) | d |\n",
        "| $a^2$ | b |\n|---|---|\n| $c_1$ | d |\n",
    );
    check("\\(5\\) and \\(x^2\\)3", "$5$ and \\(x^2\\)3");
    // Brackets that were only kept from being a link, code, and what is no mathematics.
    check_unchanged("A note \\(see the next page\\) here.\n");
    check_unchanged("A path \\\\ (x_1\\\\ )");
    for text in [
        "\\[see below\\]",
        "\\[1\\] and \\[2\\]",
        "\\(a\n\nb_1\\)",
        "\\[x_1",
        "\\(`a_1`\\)",
    ] {
        let shown = neutralise(text);
        assert!(!shown.contains('$'), "{text}: {shown}");
    }
    // Nothing acts in it.
    for text in [
        "\\(\\href{javascript:1}{x}\\)",
        "\\[\\class{a}{b}\\]",
        "\\(a<b_1 $\\)",
    ] {
        let shown = neutralise(text);
        assert!(
            !shown.contains("$\\href") && !shown.contains("$\\class") && !shown.contains("a<b"),
            "{shown}"
        );
    }
}
