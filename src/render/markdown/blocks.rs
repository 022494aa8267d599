//! Blocks of code and headings: the edits they need.

use std::fmt::Write as _;
use std::ops::Range;

use pulldown_cmark::CodeBlockKind;

use super::free::push_inert;
use super::{Edit, Plan};
use crate::render::foreign;

impl Plan<'_> {
    /// Keeps a code block. A fence at the top level gets the font of code, and a blank line before
    /// and after it: front ends end mathematics at a blank line, so no mathematics can reach into
    /// the code.
    pub(super) fn code_block(
        &mut self,
        range: Range<usize>,
        kind: &CodeBlockKind<'_>,
        top_level: bool,
    ) {
        if !top_level || matches!(kind, CodeBlockKind::Indented) {
            let code = self.slice(range.clone());
            let signs = ["$", "\\begin", "\\end", "\\\\"];
            self.loose_math |= signs.iter().any(|sign| code.contains(sign));
            // Parsers differ on what is indented far enough, above all where there are tabs.
            let line = self
                .slice(0..range.start)
                .rfind('\n')
                .map_or(0, |at| at + 1);
            let doubtful = matches!(kind, CodeBlockKind::Indented)
                || self.slice(line..range.start).contains('\t');
            if doubtful {
                let mut shown = String::new();
                push_inert(&mut shown, code);
                self.edits.push((range, Edit::Replace(shown)));
                return;
            }
            self.keep_code(range, kind);
            return;
        }
        let line = self
            .slice(0..range.start)
            .rfind('\n')
            .map_or(0, |at| at + 1);
        let gap = |has: usize| "\n".repeat(2_usize.saturating_sub(has));
        let before = match self.slice(0..line) {
            "" => String::new(),
            text => gap(text.bytes().rev().take_while(|&b| b == b'\n').count()),
        };
        let before = format!("{before}{}", foreign::CODE_FONT);
        self.edits.push((line..line, Edit::Replace(before)));
        let block = self.slice(range.clone());
        let after = self.slice(range.end..self.text.len());
        let end = range.end;
        self.keep_code(range, kind);
        let breaks = usize::from(block.ends_with('\n'));
        let mut close = foreign::CODE_FONT_END
            .get(breaks..)
            .unwrap_or_default()
            .to_owned();
        if after.trim().is_empty() {
            if let Some(mark) = closer(block) {
                let gap = if breaks == 1 { "" } else { "\n" };
                close = format!("{gap}{mark}{}", foreign::CODE_FONT_END);
            }
        } else {
            close.push_str(&gap(after.bytes().take_while(|&b| b == b'\n').count()));
        }
        self.edits.push((end..end, Edit::Replace(close)));
    }

    /// Keeps a code block, but removes odd characters after its opening fence: they name no
    /// language, and front ends put them into an attribute.
    fn keep_code(&mut self, range: Range<usize>, kind: &CodeBlockKind<'_>) {
        let is_plain = |c: char| {
            c.is_alphanumeric() || matches!(c, ' ' | '+' | '-' | '#' | '_' | '.' | '/' | ':')
        };
        let line = self
            .slice(range.clone())
            .split('\n')
            .next()
            .unwrap_or_default();
        let marks = line.len() - line.trim_start_matches(['`', '~']).len();
        let info = range.start + marks..range.start + line.len();
        if matches!(kind, CodeBlockKind::Fenced(_))
            && !self.slice(info.clone()).chars().all(is_plain)
        {
            let plain = self.slice(info.clone()).chars().filter(|&c| is_plain(c));
            let plain = plain.collect::<String>();
            self.edits.push((range.start..info.start, Edit::Keep));
            self.edits.push((info.clone(), Edit::Replace(plain)));
            self.edits.push((info.end..range.end, Edit::Keep));
        } else {
            self.edits.push((range, Edit::Keep));
        }
    }

    /// Gives a heading its new level.
    pub(super) fn heading(&mut self, range: Range<usize>, old: usize, new: usize) {
        let source = self.slice(range.clone());
        let start = range.start + (source.len() - source.trim_start_matches(' ').len());
        if source.trim_start_matches(' ').starts_with('#') {
            let more = "#".repeat(new.saturating_sub(old));
            self.edits.push((start..start, Edit::Replace(more)));
            return;
        }
        // The heading is underlined. If it is one line, it becomes `### …`; if there are several,
        // the underline becomes text.
        let body = source.trim_end_matches('\n');
        let Some(at) = body.rfind('\n') else { return };
        let underline = range.start + at + 1..range.start + body.len();
        let mark = self.slice(underline.clone()).find(['=', '-']);
        if body.get(..at).is_some_and(|title| !title.contains('\n')) {
            let marks = format!("{} ", "#".repeat(new));
            self.edits.push((start..start, Edit::Replace(marks)));
            self.edits.push((underline, Edit::Replace(String::new())));
        } else if let Some(mark) = mark {
            let at = underline.start + mark;
            self.edits.push((at..at, Edit::Replace("\\".to_owned())));
        }
    }
}

/// Returns the fence that closes a block, unless its last line does.
fn closer(block: &str) -> Option<String> {
    let block = block.trim_end_matches('\n');
    let mark = block.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = block.chars().take_while(|&c| c == mark).count();
    let closed = block.lines().skip(1).last().is_some_and(|line| {
        let line = line.trim();
        line.chars().count() >= length && line.chars().all(|c| c == mark)
    });
    let mut close = String::new();
    let _ = write!(close, "{}", mark.to_string().repeat(length));
    (!closed).then_some(close)
}
