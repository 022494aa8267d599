//! Cuts a growing Markdown text into displays, where no construct is open.
//!
//! A display ends only where a new block begins at the top level and everything before it is closed
//! for good. Then each piece, read alone, is the same part of the document as it is in the whole; only
//! reference links need more (`markdown::Whole`). If a table, list or fence is long, its display grows
//! with it, and `pace` makes its updates rarer.
//!
//! The cuts depend on the text alone, never on how it arrived, so a replay cuts at the same places.
//! A piece is parsed only after it has grown by an eighth, so the work is linear in the text.

use pulldown_cmark::{Event, Parser, Tag};

use super::foreign;
use super::markdown::{mask, options};

/// After this many bytes a display ends at the next boundary.
pub(crate) const BLOCK_BYTES: usize = 1_200;

/// Takes text and returns the pieces that are complete.
#[derive(Debug, Default)]
pub(crate) struct Segmenter {
    /// The piece that grows.
    text: String,
    /// Whether a `\r` has come whose `\n` may follow.
    ends_with_return: bool,
    /// Where the first line begins that has not been looked at.
    line: usize,
    /// Up to where the end of that line was searched for.
    searched: usize,
    is_after_blank: bool,
    /// The text is not parsed for a boundary before this place.
    next_look: usize,
}

impl Segmenter {
    /// Takes more text; returns the pieces that it completes.
    pub(crate) fn push(&mut self, text: &str) -> Vec<String> {
        let mut text = match std::mem::take(&mut self.ends_with_return) {
            true => format!("\r{text}"),
            false => text.to_owned(),
        };
        if text.ends_with('\r') {
            text.pop();
            self.ends_with_return = true;
        }
        self.text.push_str(&foreign::prose(&text));
        let mut sealed = Vec::new();
        while let Some(at) = self.next_cut() {
            sealed.push(self.seal(at));
        }
        sealed
    }

    /// Returns the piece that still grows.
    pub(crate) fn draft(&self) -> &str {
        &self.text
    }

    /// Ends the text; returns its last piece.
    pub(crate) fn finish(mut self) -> Option<String> {
        if self.ends_with_return {
            self.text.push('\n');
        }
        (!self.text.is_empty()).then_some(self.text)
    }

    /// Looks at the lines that are complete, up to the first boundary.
    fn next_cut(&mut self) -> Option<usize> {
        loop {
            let rest = self.text.get(self.searched..).unwrap_or_default();
            let Some(end) = rest.find('\n').map(|at| self.searched + at + 1) else {
                self.searched = self.text.len();
                return None;
            };
            let line = self.text.get(self.line..end).unwrap_or_default();
            let is_blank = line.trim_end_matches(['\n', ' ', '\t']).is_empty();
            if self.is_after_blank
                && self.line >= BLOCK_BYTES.max(self.next_look)
                && !line.starts_with([' ', '\t', '\n'])
            {
                let read = self.text.get(..end).unwrap_or_default();
                if is_boundary(read, self.line) {
                    return Some(self.line);
                }
                self.next_look = self.line + self.line / 8;
            }
            self.is_after_blank = is_blank;
            self.line = end;
            self.searched = end;
        }
    }

    fn seal(&mut self, at: usize) -> String {
        let rest = self.text.split_off(at);
        self.line = 0;
        self.searched = 0;
        self.is_after_blank = false;
        self.next_look = 0;
        std::mem::replace(&mut self.text, rest)
    }
}

/// Whether a block begins at `at`, the beginning of the last line, that has nothing in common with
/// the block before. Two lists or two quotes are left together, because parsers differ on where one
/// ends.
fn is_boundary(text: &str, at: usize) -> bool {
    let masked = mask(text);
    let mut depth = 0_usize;
    let mut before = Kind::Other;
    for (event, range) in Parser::new_ext(&masked, options()).into_offset_iter() {
        let kind = match &event {
            Event::Start(Tag::List(_)) => Kind::List,
            Event::Start(Tag::BlockQuote(_)) => Kind::Quote,
            _ => Kind::Other,
        };
        if depth == 0 && !matches!(event, Event::End(_)) {
            if range.start == at {
                return kind == Kind::Other || kind != before;
            }
            before = kind;
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Quote,
    Other,
}
