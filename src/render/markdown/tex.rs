//! Mathematics in the brackets of TeX, `\(…\)` and `\[…\]`, written with the dollar signs that front
//! ends know.
//!
//! In Markdown `\(` is a round bracket that is meant as such, so only what looks like mathematics is
//! changed, and only if it may be shown as mathematics.

use std::ops::Range;

use super::is_code;
use super::spans::is_safe_tex;

/// Whether there is anything to do.
pub(super) fn has_brackets(text: &str) -> bool {
    text.contains("\\(") || text.contains("\\[")
}

/// Returns the text with such mathematics between dollar signs, except within `code`.
pub(super) fn with_dollars(text: &str, code: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut ends = [End::default(), End::default()];
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        let begin = at + found;
        out.push_str(text.get(at..begin).unwrap_or_default());
        let rest = text.get(begin..).unwrap_or_default();
        let second = rest.chars().nth(1);
        let kind = match second {
            Some('(') => Some((0, ')', "$")),
            Some('[') => Some((1, ']', "$$")),
            _ => None,
        };
        let bracketed = kind.and_then(|(index, closing, mark)| {
            let end = ends.get_mut(index)?.find(text, begin + 2, closing)?;
            let content = text.get(begin + 2..end)?;
            let after = text.get(end + 2..)?;
            let is_shown = !is_code(code, begin) && is_mathematics(content, after, closing);
            is_shown.then_some((mark, without_edges(content), end + 2))
        });
        match bracketed {
            Some((mark, content, end)) => {
                out.push_str(mark);
                out.push_str(content);
                out.push_str(mark);
                at = end;
            }
            None => {
                let length = 1 + second.map_or(0, char::len_utf8);
                out.push_str(rest.get(..length).unwrap_or_default());
                at = begin + length;
            }
        }
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Up to where closing brackets of one kind were looked for: each place is looked at once.
#[derive(Debug, Default)]
struct End {
    looked: usize,
    found: Option<usize>,
}

impl End {
    /// Returns where the bracket is closed that was opened before `from`, if that is in the same
    /// paragraph and without code or a dollar sign in between.
    fn find(&mut self, text: &str, from: usize, closing: char) -> Option<usize> {
        if from < self.looked {
            return self.found.filter(|found| *found >= from);
        }
        let mut at = from;
        self.found = None;
        let mut chars = text.get(from..).unwrap_or_default().chars().peekable();
        let mut is_blank = false;
        while let Some(c) = chars.next() {
            match c {
                '\\' if chars.peek() == Some(&closing) => {
                    self.found = Some(at);
                    break;
                }
                '\\' => at += chars.next().map_or(0, char::len_utf8),
                '$' | '`' => break,
                '\n' if is_blank => break,
                _ => {}
            }
            is_blank = c == '\n' || (is_blank && matches!(c, ' ' | '\t'));
            at += c.len_utf8();
        }
        self.looked = at;
        self.found
    }
}

/// Leaves out spaces after the first bracket and before the last, unless the bracket stands alone in
/// its line.
fn without_edges(content: &str) -> &str {
    let begun = content.trim_start_matches(' ');
    let begun = match begun.starts_with('\n') {
        true => content,
        false => begun,
    };
    let ended = begun.trim_end_matches(' ');
    match ended.ends_with('\n') {
        true => begun,
        false => ended,
    }
}

fn is_mathematics(content: &str, after: &str, closing: char) -> bool {
    let signs = ['\\', '^', '_', '=', '{', '+', '<', '>'];
    let trimmed = content.trim();
    // A single word in round brackets is a name, such as `\(n\)`; in square ones, a note.
    let is_name = closing == ')' && !trimmed.contains(char::is_whitespace);
    let is_quoted = trimmed
        .lines()
        .any(|line| line.trim_start().starts_with('>'));
    let is_link = after.starts_with(['(', '[', ':']) && closing == ']';
    !trimmed.is_empty()
        && (trimmed.contains(signs) || is_name)
        && !is_quoted
        && !is_link
        && !after.starts_with(|c: char| c.is_ascii_digit())
        && is_safe_tex(trimmed)
}
