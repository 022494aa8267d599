//! What programs wrote for a terminal, made fit to be shown: without escapes and control
//! characters, and of limited length.
//!
//! Colours stay where a front end draws them, which is in the streams of a terminal. Everything
//! else that a terminal would obey is removed everywhere: cursor moves, titles, links, the
//! clipboard, and questions that the terminal answers as if the person had typed. Invariant: what
//! is shown of an output has a limit, and so has the work.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::number::count;

/// The longest line that is shown, in characters: a longer one holds data, not text to read.
const MAX_LINE_CHARS: usize = 400;
/// The most of a line that is looked at, in bytes: a progress bar writes its line many times.
const MAX_RAW_LINE_BYTES: usize = 100_000;
/// The most output kept in `text/plain`, in bytes: a notebook that holds more opens slowly.
const MAX_PLAIN_BYTES: usize = 100_000;
/// The longest colour sequence that is kept: room for `38;2;255;255;255` for text and for
/// background, and some attributes.
const MAX_COLOUR_BYTES: usize = 64;
/// Ends all colours.
const RESET: &str = "\u{1b}[0m";

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Strips terminal escapes and control characters, applies `\r` and `\b`, and makes
/// direction overrides visible. Keeps line breaks and tabs.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    rewrite(text, Colours::Gone)
}

/// Does the same as [`printable`], but keeps colours.
fn coloured(text: &str) -> Cow<'_, str> {
    rewrite(text, Colours::Kept)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    Kept,
    Gone,
}

fn rewrite(text: &str, colours: Colours) -> Cow<'_, str> {
    if !text.chars().any(is_odd) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    // Where the current line begins in `out`, and where its last colour sequence ends.
    let (mut line, mut kept) = (0, 0);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => {
                out.push('\n');
                line = out.len();
            }
            '\r' => match chars.peek() {
                Some('\n') | None => {}
                // A progress bar writes its line again.
                Some(_) => out.truncate(line),
            },
            '\u{8}' => {
                if out.len() > line.max(kept) {
                    out.pop();
                }
            }
            '\u{1b}' | '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}' => {
                let colour = escape(c, &mut chars).filter(|_| colours == Colours::Kept);
                if let Some(codes) = colour {
                    let _ = write!(out, "\u{1b}[{codes}m");
                    kept = out.len();
                }
            }
            '\0' => out.push('\u{2400}'),
            _ if is_direction(c) => {
                let _ = write!(out, "[U+{:04X}]", c as u32);
            }
            _ if is_odd(c) => {}
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether a character must not be in text that is shown: control characters except line breaks and
/// tabs, and characters that change the reading direction.
pub(crate) fn is_odd(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t') || is_direction(c)
}

/// Characters that change the reading direction of what follows (embeddings, overrides, isolates).
pub(crate) fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Skips the escape sequence that `first` begins, in its form of one or of two characters. If the
/// sequence sets colours and nothing else, returns its codes.
fn escape(first: char, chars: &mut Chars<'_>) -> Option<String> {
    let kind = match first {
        '\u{1b}' => match chars.peek() {
            Some(&c) if c != '\n' => {
                chars.next();
                c
            }
            _ => return None,
        },
        '\u{9b}' => '[',
        _ => ']',
    };
    match kind {
        '[' => return control_sequence(chars),
        // An operating-system command or a string of its kind: ends at BEL or `ESC \`.
        ']' | 'P' | '_' | '^' | 'X' => skip_string(chars),
        '(' | ')' | '*' | '+' | '-' | '.' | '/' | '#' | '%' | ' '
            if chars.peek().is_some_and(|&c| c != '\n') =>
        {
            chars.next();
        }
        _ => {}
    }
    None
}

fn skip_string(chars: &mut Chars<'_>) {
    while let Some(&c) = chars.peek() {
        if c == '\n' {
            return;
        }
        chars.next();
        match c {
            '\u{7}' | '\u{9c}' => return,
            '\u{1b}' => {
                if chars.peek() == Some(&'\\') {
                    chars.next();
                }
                return;
            }
            _ => {}
        }
    }
}

fn control_sequence(chars: &mut Chars<'_>) -> Option<String> {
    let mut codes = String::new();
    while let Some(&c) = chars.peek() {
        match c {
            '\u{20}'..='\u{3f}' => {
                chars.next();
                if codes.len() <= MAX_COLOUR_BYTES {
                    codes.push(c);
                }
            }
            '\u{40}'..='\u{7e}' => {
                chars.next();
                return (c == 'm' && is_colour(&codes)).then_some(codes);
            }
            _ => return None,
        }
    }
    None
}

/// Whether all codes of an SGR sequence are colours, weight and the like. Codes that hide text or
/// make it blink are not.
fn is_colour(codes: &str) -> bool {
    let mut numbers = codes.split([';', ':']).map(|code| match code {
        "" => Some(0),
        code => code.parse::<u8>().ok(),
    });
    if codes.len() > MAX_COLOUR_BYTES {
        return false;
    }
    while let Some(number) = numbers.next() {
        let fine = match number {
            Some(38 | 48) => match numbers.next() {
                Some(Some(5)) => numbers.next().flatten().is_some(),
                Some(Some(2)) => (0..3).all(|_| numbers.next().flatten().is_some()),
                _ => false,
            },
            Some(0..=4 | 7 | 9 | 21..=24 | 27 | 29..=37 | 39..=47 | 49 | 90..=97 | 100..=107) => {
                true
            }
            _ => false,
        };
        if !fine {
            return false;
        }
    }
    true
}

/// Returns the first `head` and last `tail` lines. Long lines are cut, and a line says how many
/// lines were left out.
pub(crate) fn excerpt(text: &str, head: usize, tail: usize) -> String {
    lines_of(text, head, tail, printable)
}

/// Does the same as [`excerpt`] and keeps colours, for a terminal's streams; the colours end with
/// the text.
pub(crate) fn coloured_excerpt(text: &str, head: usize, tail: usize) -> String {
    let mut out = lines_of(text, head, tail, coloured);
    end_colours(&mut out);
    out
}

fn end_colours(out: &mut String) {
    if let Some(at) = out.rfind("\u{1b}[")
        && out.get(at..).is_some_and(|rest| !rest.starts_with(RESET))
    {
        let end = out.trim_end_matches('\n').len();
        out.insert_str(end, RESET);
    }
}

fn lines_of(text: &str, head: usize, tail: usize, show: fn(&str) -> Cow<'_, str>) -> String {
    let mut out = String::new();
    let mut push = |line: &str| {
        push_line(&mut out, line, show);
        out.push('\n');
    };
    let breaks = text.bytes().filter(|byte| *byte == b'\n').count();
    let lines = breaks + usize::from(!text.is_empty() && !text.ends_with('\n'));
    // To say that one line was left out would also take one line.
    if lines <= head + tail + 1 {
        text.lines().for_each(&mut push);
        return out;
    }
    text.lines().take(head).for_each(&mut push);
    let left_out = count((lines - head - tail) as u64);
    push(&format!("[… {left_out} lines left out …]"));
    let mut last: Vec<&str> = text.lines().rev().take(tail).collect();
    last.reverse();
    last.into_iter().for_each(&mut push);
    out
}

fn push_line(out: &mut String, line: &str, show: fn(&str) -> Cow<'_, str>) {
    // If a line was written many times, only the last time counts.
    let line = match line.len() > MAX_RAW_LINE_BYTES {
        true => line.trim_end_matches('\r').rsplit('\r').next(),
        false => None,
    }
    .unwrap_or(line);
    let (start, rest) = line.split_at(line.floor_char_boundary(MAX_RAW_LINE_BYTES));
    let shown = show(start);
    let visible = visible_end(&shown, MAX_LINE_CHARS);
    let (kept, cut) = shown.split_at(visible);
    out.push_str(kept);
    if !cut.is_empty() || !rest.is_empty() {
        let more = count((cut.chars().count() + rest.chars().count()) as u64);
        let _ = write!(out, " [… {more} more characters]");
    }
}

/// Returns where the first `max_chars` visible characters end.
fn visible_end(text: &str, max_chars: usize) -> usize {
    let (mut seen, mut in_colour) = (0, false);
    for (at, c) in text.char_indices() {
        match (in_colour, c) {
            (true, _) => in_colour = c != 'm',
            (false, '\u{1b}') => in_colour = true,
            (false, _) if seen == max_chars => return at,
            (false, _) => seen += 1,
        }
    }
    text.len()
}

/// Returns an output for `text/plain`: the whole, or, if it is too long, the first and the last
/// part of it.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    whole(text, printable)
}

/// Does the same as [`plain`] and keeps colours, for a `stream` message. Both the last colour and
/// the last line end with the text.
pub(crate) fn coloured_whole(text: &str) -> String {
    let mut out = whole(text, coloured).into_owned();
    end_colours(&mut out);
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn whole(text: &str, show: fn(&str) -> Cow<'_, str>) -> Cow<'_, str> {
    // Escape sequences also take room in the notebook.
    if text.len() > 4 * MAX_PLAIN_BYTES {
        return Cow::Owned(both_ends(text));
    }
    let shown = show(text);
    if shown.len() <= MAX_PLAIN_BYTES {
        return shown;
    }
    Cow::Owned(both_ends(&shown))
}

fn both_ends(text: &str) -> String {
    let head = text.floor_char_boundary(MAX_PLAIN_BYTES / 2);
    let tail = text.ceil_char_boundary(text.len() - MAX_PLAIN_BYTES / 2);
    let (start, end) = (
        text.get(..head).unwrap_or_default(),
        text.get(tail..).unwrap_or_default(),
    );
    let left_out = count((tail - head) as u64);
    format!(
        "{}\n[… {left_out} bytes left out …]\n{}",
        printable(start),
        printable(end)
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terminal_output_becomes_text() {
        let check = |raw: &str, shown: &str| assert_eq!(printable(raw), shown, "{raw:?}");
        check("\u{1b}[31mred\u{1b}[0m\n", "red\n");
        check("\u{1b}]0;title\u{7}x", "x");
        check("\u{1b}]8;;http://a\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link");
        check("10%\r50%\r100%\n", "100%\n");
        check("a\r\nb\r\n", "a\nb\n");
        check("ab\u{8}c", "ac");
        check("\u{8}\u{8}x", "x");
        check("a\0b", "a␀b");
        check("evil\u{202e}gnp.exe", "evil[U+202E]gnp.exe");
        check("\u{1b}", "");
        check("\u{1b}[", "");
        check("tab\tstays", "tab\tstays");
        // The clipboard, a device's string, a privacy message; in both forms.
        check("a\u{1b}]52;c;aGk=\u{7}b", "ab");
        check("a\u{9d}52;c;aGk=\u{9c}b", "ab");
        check("a\u{1b}P$q\"p\u{1b}\\b", "ab");
        check("a\u{90}$q\"p\u{9c}b", "ab");
        check("a\u{9e}x\u{9c}b\u{1b}Xy\u{7}c", "abc");
        // Moves, a cleared screen, a question that is answered by typing, a full reset.
        check(
            "a\u{1b}[2J\u{1b}[Hb\u{9b}6nc\u{1b}cd\u{1b}[?1049he",
            "abcde",
        );
        // What never ends takes its line only.
        check("a\u{1b}]0;title\nb", "a\nb");
    }

    #[test]
    fn colours_stay_and_nothing_else() {
        let check = |raw: &str, shown: &str| assert_eq!(coloured(raw), shown, "{raw:?}");
        check("\u{1b}[1;31mred\u{1b}[0m", "\u{1b}[1;31mred\u{1b}[0m");
        check("\u{1b}[mx\u{1b}[38;5;208my", "\u{1b}[mx\u{1b}[38;5;208my");
        check("\u{9b}32mgreen", "\u{1b}[32mgreen");
        check("\u{1b}[48;2;1;2;3mx", "\u{1b}[48;2;1;2;3mx");
        // Hidden, blinking, fonts, private, too long, incomplete.
        check("\u{1b}[8mx\u{1b}[5my\u{1b}[11mz", "xyz");
        check(
            "\u{1b}[31;8mx\u{1b}[?25mx\u{1b}[>4;2mx\u{1b}[38;5mx",
            "xxxx",
        );
        check(&format!("\u{1b}[{}31mx", "0;".repeat(40)), "x");
        check("\u{1b}[2Kx\u{1b}[1Ay\u{1b}]8;;http://a\u{7}z", "xyz");
        // A step back takes a letter, never half a colour.
        check("a\u{1b}[31m\u{8}\u{8}b", "a\u{1b}[31mb");
    }

    #[test]
    fn colours_end_where_an_excerpt_ends() {
        let red = "\u{1b}[31m";
        assert_eq!(
            coloured_excerpt(&format!("{red}a\nb\n"), 2, 1),
            format!("{red}a\nb{RESET}\n")
        );
        let closed = format!("{red}a{RESET}\n");
        assert_eq!(coloured_excerpt(&closed, 2, 1), closed);
        assert_eq!(coloured_excerpt("a\n", 2, 1), "a\n");
        let wide = coloured_excerpt(&format!("{red}{}", "x".repeat(1_000)), 2, 1);
        assert!(
            wide.contains(&format!("{red}{} [", "x".repeat(400))),
            "{wide:?}"
        );
    }

    #[test]
    fn long_output_says_what_is_left_out() {
        let text: String = (1..=40).map(|n| format!("{n}\n")).collect();
        let shown = excerpt(&text, 2, 1);
        assert_eq!(shown, "1\n2\n[… 37 lines left out …]\n40\n");
        assert_eq!(excerpt("1\n2\n3\n4\n", 2, 1), "1\n2\n3\n4\n");
        assert_eq!(
            excerpt("1\n2\n3\n4\n5", 2, 1),
            "1\n2\n[… 2 lines left out …]\n5\n"
        );
        let wide = excerpt(&"x".repeat(5_000), 2, 1);
        assert!(wide.ends_with("[… 4,600 more characters]\n"), "{wide}");
        let bar: String = (0..100_000).map(|n| format!("\r{n:06} done")).collect();
        assert_eq!(excerpt(&bar, 2, 1), "099999 done\n");
    }

    #[test]
    fn an_output_as_large_as_an_event_is_shown_by_its_ends() {
        let mut text = "first\n".to_owned();
        text.push_str(&"\u{1b}[31mx\u{1b}[0m\r\n".repeat(2_700_000));
        text.push_str("last");
        assert!(text.len() > 32 * 1024 * 1024 - 2_000_000);
        let shown = excerpt(&text, 20, 5);
        assert!(shown.starts_with("first\nx\nx\n"), "{}", shown.len());
        assert!(shown.ends_with("x\nlast\n"), "{}", shown.len());
        assert!(shown.contains("[… 2,699,977 lines left out …]"), "{shown}");
        let plain = plain(&text);
        assert!(plain.len() <= MAX_PLAIN_BYTES + 100, "{}", plain.len());
        assert!(plain.starts_with("first\n") && plain.ends_with("last"));
        // One line of it.
        let shown = excerpt(&"x".repeat(32_000_000), 20, 5);
        assert!(
            shown.ends_with("[… 31,999,600 more characters]\n"),
            "{}",
            shown.len()
        );
    }

    proptest! {
        #[test]
        fn nothing_is_left_that_a_terminal_obeys(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "\u{1b}", "[", "]", "31", ";", "m", "8", "52;c;", "\u{7}", "\\", "\u{9b}", "\u{9d}",
                "\u{9c}", "P", "\r", "\n", "\u{8}", "a", "é", "?", "\0", "J", "38;5;1", "\u{202e}",
            ]), 0..30),
        ) {
            let text = pieces.concat();
            prop_assert!(!printable(&text).contains(is_odd));
            let shown = coloured(&text);
            prop_assert!(!shown.contains(|c| is_odd(c) && c != '\u{1b}'), "{shown:?}");
            for part in shown.split('\u{1b}').skip(1) {
                let codes = part.strip_prefix('[').and_then(|part| part.split_once('m'));
                prop_assert!(codes.is_some_and(|(codes, _)| is_colour(codes)), "{shown:?}");
            }
        }
    }
}
