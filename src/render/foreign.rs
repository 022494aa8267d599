//! Text that Claude, a sandbox or a file wrote, made fit for one kind of place: a fence, a line of
//! Markdown, an HTML tag, a link.
//!
//! Not for whole answers, which stay Markdown (`markdown`). Invariant: what these functions return
//! cannot break out of the place that it was made for.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::console::{is_direction, is_odd};

pub(crate) use super::console::{coloured_excerpt, coloured_whole, excerpt, plain, printable};

/// What is written before a fence: nbconvert shows fences in outputs in the proportional font.
pub(crate) const CODE_FONT: &str = "<div style=\"font-family: monospace; margin-bottom: 1em\">\n\n";
/// What is written after a fence.
pub(crate) const CODE_FONT_END: &str = "\n\n</div>";

/// Returns `text` as one printable line.
pub(crate) fn line(text: &str) -> String {
    printable(text).replace(['\n', '\t'], " ")
}

/// Returns foreign words that stand among our own: as [`printable`], but a return or a backspace
/// takes none of ours away.
pub(crate) fn among_ours(text: &str) -> Cow<'_, str> {
    if !text.contains(['\r', '\u{8}']) {
        return printable(text);
    }
    let still = text.replace("\r\n", "\n").replace(['\r', '\u{8}'], " ");
    Cow::Owned(printable(&still).into_owned())
}

/// Removes control characters from prose, keeping line breaks and tabs; `\r\n` becomes `\n`.
pub(crate) fn prose(text: &str) -> Cow<'_, str> {
    let odd = |c: char| is_odd(c) && !is_direction(c);
    // Most text is skipped many bytes at a time. In UTF-8 the control characters beyond ASCII begin
    // with the byte C2.
    let may_be_odd = |b: u8| (b < b' ' && b != b'\n' && b != b'\t') || b == 0x7f || b == 0xc2;
    let suspicious = text.bytes().fold(false, |found, b| found | may_be_odd(b));
    if !suspicious || !text.chars().any(odd) {
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

/// Returns `text` as one line of text that has no structure of its own, for the middle of a line of
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
            // These are harmless if no bracket, tag, entity or emphasis can be near them.
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

/// Returns a line of ours that has foreign words in it: what is between backticks becomes code, and
/// the rest has no structure of its own.
pub(crate) fn spoken(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // A backtick without a second one is an ordinary character.
    let pairs = (parts.len() - 1) / 2;
    let mut out = String::with_capacity(text.len());
    for (at, part) in parts.iter().enumerate() {
        match at {
            at if at % 2 == 1 && at <= 2 * pairs => out.push_str(&code(&printable(part))),
            at if at > 2 * pairs && at > 0 => out.push_str(&inline(&format!("`{part}"))),
            _ => out.push_str(&inline(part)),
        }
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

/// Puts `body` into a code fence that no content can end, in the font that code needs
/// (`docs/protocol.md#markdown-of-front-ends`).
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

/// Cuts one line of text to `max_chars`; an ellipsis stands for the rest.
pub(crate) fn shorten(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => text.to_owned(),
        Some((end, _)) => {
            let kept = text.get(..end).unwrap_or_default();
            format!("{}…", kept.trim_end())
        }
    }
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
    fn a_fence_outgrows_its_content() {
        let shown = fence("python", "a\n````\n</details>\n");
        assert_eq!(
            shown,
            "<div style=\"font-family: monospace; margin-bottom: 1em\">\n\n`````python\na\n````\n</details>\n`````\n\n</div>"
        );
        assert!(fence("x\n<b>`", "").contains("```xb\n"));
    }

    #[test]
    fn code_in_a_spoken_line_is_code_and_nothing_else_is_anything() {
        assert_eq!(
            spoken("`a_b` is <b>no</b> `1*2*` $5"),
            "<code>a&#95;b</code> is &#60;b&#62;no&#60;/b&#62; <code>1&#42;2&#42;</code> <span>&#36;</span>5"
        );
        assert_eq!(spoken("one ` two"), "one &#96; two");
        assert_eq!(spoken("`x` and ` y"), "<code>x</code> and &#96; y");
        assert_eq!(spoken("``"), "<code></code>");
        assert_eq!(spoken(""), "");
        assert!(!spoken("`</code><script>`").contains("<script>"));
    }

    #[test]
    fn prose_loses_control_characters_and_nothing_else() {
        for c in (0..0x3000).filter_map(char::from_u32) {
            let text = format!("a{c}é\t\nb");
            let expected = match c {
                '\r' => "a\né\t\nb".to_owned(),
                '\n' | '\t' => text.clone(),
                c if c.is_control() => "aé\t\nb".to_owned(),
                _ => text.clone(),
            };
            assert_eq!(prose(&text), expected, "{c:?}");
        }
        assert_eq!(prose("a\r\nb"), "a\nb");
    }

    #[test]
    fn sizes_and_links() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_000), "1.0 kB");
        assert_eq!(size(12_345), "12 kB");
        assert_eq!(size(999_999_999), "1.0 GB");
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
