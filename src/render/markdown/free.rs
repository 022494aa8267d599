//! Text between the edits, copied character by character, so that nothing in it acts.

use std::fmt::Write as _;

use crate::render::target;

/// A dollar sign that does not begin mathematics in any front end.
const DOLLAR: &str = "<span>&#36;</span>";
/// Writes the first one or two characters of `text` safely; returns how many bytes they are.
pub(super) fn push_special(out: &mut String, text: &str, not_math: bool) -> usize {
    let mut chars = text.chars();
    let (first, second) = (chars.next().unwrap_or_default(), chars.next());
    match (first, second) {
        ('<', _) => {
            let link = target::autolink(text);
            out.push_str(link.unwrap_or("&lt;"));
            link.map_or(1, str::len)
        }
        ('$', _) => {
            out.push_str(DOLLAR);
            1
        }
        ('\\', Some('$')) => {
            out.push_str(DOLLAR);
            2
        }
        ('\\', Some('<')) => {
            out.push_str("&lt;");
            2
        }
        // In JupyterLab `\\(` and `\begin{…}` begin mathematics, which may reach across code and
        // tags.
        ('\\', Some('\\')) => {
            let opens = text
                .get(2..)
                .is_some_and(|rest| rest.starts_with(['(', '[', ')', ']']));
            out.push_str(if opens { "&#92;" } else { "\\\\" });
            2
        }
        // JupyterLab puts its mathematics back wherever it finds a mark such as `@@0@@`.
        ('@', Some('@' | '\\')) => {
            out.push_str("&#64;");
            1
        }
        ('\\', Some('@')) => {
            out.push_str("&#64;");
            2
        }
        ('\\', _) if begins_environment(text) => {
            out.push_str("&#92;");
            1
        }
        // A parser that makes links of bare addresses may take the backslash as part of the
        // address.
        ('\\', Some(c @ ('[' | ']' | '!' | '`'))) => {
            let _ = write!(out, "&#{};", u32::from(c));
            2
        }
        ('\\', Some(c)) if c.is_ascii_punctuation() => {
            out.push('\\');
            out.push(c);
            2
        }
        (']', Some('(')) => {
            out.push_str("]&#40;");
            2
        }
        (']', Some(':')) => {
            out.push_str("]&#58;");
            2
        }
        ('!', Some('[')) => {
            out.push_str("&#33;");
            1
        }
        // One tilde on each side strikes through what is between them.
        ('~', next) if next != Some('~') => {
            out.push_str("&#126;");
            1
        }
        ('~', _) => push_run(out, text, "~", "~"),
        ('`', _) if not_math => {
            out.push_str("&#96;");
            1
        }
        ('`', _) => push_run(out, text, "`", "&#96;"),
        _ => {
            out.push(first);
            first.len_utf8()
        }
    }
}

/// Writes a run of a mark that begins no code; one as long as a fence is written in the second way. It
/// may be no fence only because of what follows in its line, and that may be written as something else.
fn push_run(out: &mut String, text: &str, mark: &str, long: &str) -> usize {
    let run = text.len() - text.trim_start_matches(mark).len();
    let written = if run < 3 { mark } else { long };
    out.push_str(&written.repeat(run));
    run
}

fn begins_environment(text: &str) -> bool {
    ["\\begin{", "\\end{"].iter().any(|command| {
        text.get(..command.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(command))
    })
}

/// Writes mathematics, or code that some parsers do not take for code, with a space after `<`, `]` and
/// `!`: then no parser finds a tag or a link in it, or an image that begins in it and ends behind it.
pub(super) fn push_inert(out: &mut String, source: &str) {
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        let tag = c == '<'
            && chars
                .peek()
                .is_some_and(|next| !next.is_whitespace() && !next.is_ascii_digit());
        let link = c == ']' && matches!(chars.peek(), Some('(' | ':'));
        let image = c == '!' && chars.peek() == Some(&'[');
        if tag || link || image {
            out.push(' ');
        }
    }
}
