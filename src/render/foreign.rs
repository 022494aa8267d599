//! Text that Claude, a sandbox or a file wrote, made fit for one place: a fence, a line of
//! Markdown, an HTML tag, a link.
//!
//! Not for whole answers, which stay Markdown (`markdown`). Invariant: what these functions
//! return cannot leave the place it was made for.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The longest line shown in a fence, in characters: longer ones hold data, not text to read.
const MAX_LINE_CHARS: usize = 400;
/// The most output kept in `text/plain`, in bytes: a notebook that holds more opens slowly.
pub(crate) const MAX_PLAIN_BYTES: usize = 100_000;

/// What stands before a fence: nbconvert shows fences in outputs in the proportional font.
pub(crate) const CODE_FONT: &str = "<div style=\"font-family: monospace; margin-bottom: 1em\">\n\n";
/// What stands behind it.
pub(crate) const CODE_FONT_END: &str = "\n\n</div>";

/// Strips terminal escapes and control characters, applies `\r` and `\b`, and makes
/// direction overrides visible. Keeps line breaks and tabs.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_odd) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    // Where the current line begins in `out`.
    let mut line = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => {
                out.push('\n');
                line = out.len();
            }
            '\r' => match chars.peek() {
                Some('\n') | None => {}
                // A progress bar draws its line again.
                Some(_) => out.truncate(line),
            },
            '\u{8}' => {
                if out.len() > line {
                    out.pop();
                }
            }
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
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

/// Returns `text` as one printable line.
pub(crate) fn line(text: &str) -> String {
    printable(text).replace(['\n', '\t'], " ")
}

/// Removes control characters from prose, keeping line breaks and tabs; `\r\n` becomes `\n`.
pub(crate) fn prose(text: &str) -> Cow<'_, str> {
    let odd = |c: char| is_odd(c) && !is_direction(c);
    if !text.chars().any(odd) {
        return Cow::Borrowed(text);
    }
    let joined = text.replace("\r\n", "\n");
    Cow::Owned(
        joined
            .chars()
            .filter_map(|c| match c {
                '\r' => Some('\n'),
                c if odd(c) => None,
                c => Some(c),
            })
            .collect(),
    )
}

fn is_odd(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t') || is_direction(c)
}

/// Characters that turn the reading direction of what follows (embeddings, overrides, isolates).
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        // Operating-system command and friends: up to BEL or ESC \.
        Some(']' | 'P' | '_' | '^' | 'X') => {
            chars.next();
            while let Some(&c) = chars.peek() {
                if c == '\n' {
                    return;
                }
                chars.next();
                match c {
                    '\u{7}' => return,
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
        Some('(' | ')' | '#' | '%') => {
            chars.next();
            if chars.peek().is_some_and(|&c| c != '\n') {
                chars.next();
            }
        }
        Some(&c) if c != '\n' => {
            chars.next();
        }
        _ => {}
    }
}

fn skip_control_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while let Some(&c) = chars.peek() {
        match c {
            '\u{20}'..='\u{3f}' => {
                chars.next();
            }
            '\u{40}'..='\u{7e}' => {
                chars.next();
                return;
            }
            _ => return,
        }
    }
}

/// Returns `text` as one line of text without any structure of its own, for the middle of a line of
/// Markdown or the content of an HTML element.
pub(crate) fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let text = printable(text);
    let mut chars = text.chars().peekable();
    let mut last = ' ';
    while let Some(c) = chars.next() {
        let inside_word =
            last.is_alphanumeric() && chars.peek().is_some_and(|c| c.is_alphanumeric());
        match c {
            '\n' | '\t' => out.push(' '),
            '_' if inside_word => out.push(c),
            // An entity alone would still begin mathematics.
            '$' => out.push_str("<span>&#36;</span>"),
            // Harmless where no bracket, tag, entity or emphasis can be.
            '.' | ',' | ':' | '/' | '-' | '=' | '%' | '?' | ';' | '(' | ')' | '\'' | '"' | '+'
            | '@' => out.push(c),
            c if c.is_ascii_punctuation() => {
                let _ = write!(out, "&#{};", c as u32);
            }
            c => out.push(c),
        }
        last = c;
    }
    out
}

/// Returns `text` as an inline `<code>` element.
pub(crate) fn code(text: &str) -> String {
    let mut out = String::from("<code>");
    for c in text.chars() {
        match c {
            '\n' => out.push(' '),
            c if c.is_ascii_punctuation() => {
                let _ = write!(out, "&#{};", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push_str("</code>");
    out
}

/// Wraps `body` in a code fence no content can end, in the font that code needs (`ux.md`).
pub(crate) fn fence(language: &str, body: &str) -> String {
    let body = printable(body);
    let ticks = "`".repeat(longest_run(&body, '`').max(2) + 1);
    let language: String = language
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '#'))
        .collect();
    let body = body.strip_suffix('\n').unwrap_or(&body);
    format!("{CODE_FONT}{ticks}{language}\n{body}\n{ticks}{CODE_FONT_END}")
}

fn longest_run(text: &str, wanted: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Returns the first `head` and last `tail` lines, long lines cut, saying what was left out.
pub(crate) fn excerpt(text: &str, head: usize, tail: usize) -> String {
    let text = printable(text);
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    let mut push = |line: &str| {
        out.push_str(&cut_line(line, MAX_LINE_CHARS));
        out.push('\n');
    };
    // One line left out would take a line to say.
    if lines.len() <= head + tail + 1 {
        lines.iter().for_each(|line| push(line));
        return out;
    }
    let left_out = lines.len() - head - tail;
    lines.iter().take(head).for_each(|line| push(line));
    push(&format!("[… {} lines left out …]", count(left_out as u64)));
    lines
        .iter()
        .skip(head + left_out)
        .for_each(|line| push(line));
    out
}

fn cut_line(line: &str, max_chars: usize) -> Cow<'_, str> {
    match line.char_indices().nth(max_chars) {
        None => Cow::Borrowed(line),
        Some((end, _)) => {
            let (kept, rest) = line.split_at(end);
            let more = count(rest.chars().count() as u64);
            Cow::Owned(format!("{kept} [… {more} more characters]"))
        }
    }
}

/// Cuts one line of text to `max_chars`, an ellipsis standing for the rest.
pub(crate) fn shorten(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => text.to_owned(),
        Some((end, _)) => {
            let kept = text.get(..end).unwrap_or_default();
            format!("{}…", kept.trim_end())
        }
    }
}

/// Keeps the first and the last half of what is allowed in `text/plain`.
pub(crate) fn capped(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_PLAIN_BYTES {
        return Cow::Borrowed(text);
    }
    let head = text.floor_char_boundary(MAX_PLAIN_BYTES / 2);
    let tail = text.ceil_char_boundary(text.len() - MAX_PLAIN_BYTES / 2);
    let (start, end) = (
        text.get(..head).unwrap_or_default(),
        text.get(tail..).unwrap_or_default(),
    );
    let left_out = count((tail - head) as u64);
    Cow::Owned(format!("{start}\n[… {left_out} bytes left out …]\n{end}"))
}

/// Formats a size: `12 B`, `3.4 kB`, `12 MB`.
pub(crate) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    for unit in ["kB", "MB", "GB", "TB"] {
        value /= 1000.0;
        if value < 9.95 {
            return format!("{value:.1} {unit}");
        }
        if value < 999.5 {
            return format!("{value:.0} {unit}");
        }
    }
    format!("{value:.0} PB")
}

/// Formats a number with commas between thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Returns a relative path as a link target, or `None` if it could lead elsewhere.
pub(crate) fn relative_link(path: &str) -> Option<String> {
    let mut segments = path.split('/');
    if segments.next() != Some("claude_files")
        || path
            .split('/')
            .any(|segment| segment.is_empty() || segment == "." || segment == "..")
        || path.contains('\\')
    {
        return None;
    }
    Some(percent_encoded(path, "/"))
}

/// Returns a web address as a link target, or `None` if it is not http or https.
pub(crate) fn web_link(url: &str) -> Option<String> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))?;
    if rest.is_empty() || rest.len() > 2_000 {
        return None;
    }
    Some(percent_encoded(url, "/:?#&=%+,;@!"))
}

fn percent_encoded(text: &str, kept: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric()
            || b"-._~".contains(&byte)
            || kept.as_bytes().contains(&byte)
        {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    // `&` would begin an entity in Markdown.
    out.replace('&', "&amp;")
}

#[cfg(test)]
mod tests {
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
    }

    #[test]
    fn a_fence_outgrows_its_content() {
        let shown = fence("python", "a\n````\n</details>\n");
        assert_eq!(
            shown,
            "<div style=\"font-family: monospace; margin-bottom: 1em\">\n\n`````python\na\n````\n</details>\n`````\n\n</div>"
        );
        assert!(fence("x\n<b>`", "").contains("```xb\n"));
    }

    #[test]
    fn long_output_says_what_is_left_out() {
        let text: String = (1..=40).map(|n| format!("{n}\n")).collect();
        let shown = excerpt(&text, 2, 1);
        assert_eq!(shown, "1\n2\n[… 37 lines left out …]\n40\n");
        assert_eq!(excerpt("1\n2\n3\n4\n", 2, 1), "1\n2\n3\n4\n");
        let wide = excerpt(&"x".repeat(5_000), 2, 1);
        assert!(wide.ends_with("[… 4,600 more characters]\n"), "{wide}");
    }

    #[test]
    fn sizes_and_links() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_000), "1.0 kB");
        assert_eq!(size(12_345), "12 kB");
        assert_eq!(size(999_999_999), "1.0 GB");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(
            relative_link("claude_files/a b(1)é.csv").unwrap(),
            "claude_files/a%20b%281%29%C3%A9.csv"
        );
        for bad in [
            "/etc/passwd",
            "claude_files/../x",
            "javascript:1",
            "claude_files//x",
            "",
        ] {
            assert_eq!(relative_link(bad), None, "{bad}");
        }
        assert_eq!(
            web_link("https://e.x/a?b=(1)&c").unwrap(),
            "https://e.x/a?b=%281%29&amp;c"
        );
        assert_eq!(web_link("javascript:alert(1)"), None);
    }
}
