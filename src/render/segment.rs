//! Cuts a growing Markdown text into displays of bounded size.
//!
//! The cuts depend on the text alone, never on how it arrived, so a replay cuts at the same
//! places. Each character is looked at once. Not a Markdown parser: it knows the lines that begin
//! a top-level block, which is enough to cut between blocks; where it errs, the look of one place
//! suffers and nothing else, because each piece is neutralised on its own (`markdown`).

/// After this many bytes a display ends at the next top-level block.
pub(crate) const BLOCK_BYTES: usize = 1_200;
/// After this many also between two items of a list.
const ITEM_BYTES: usize = 1_600;
/// Here it ends in any case: the price of an update grows with the display (`pace`).
pub(crate) const HARD_BYTES: usize = 2_600;
/// A table head longer than this is not repeated.
const MAX_TABLE_HEAD_BYTES: usize = 500;

/// A finished piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The piece as Markdown that stands alone: a fence or table cut in two is closed and
    /// opened again.
    pub(crate) markdown: String,
    /// The piece of the text as it came; all pieces together are the text.
    pub(crate) plain: String,
}

/// The cutter and the piece that still grows.
#[derive(Debug, Default)]
pub(crate) struct Segmenter {
    /// What opens the current piece again after a hard cut.
    reopen: String,
    text: String,
    /// Where the first line not yet looked at begins.
    line: usize,
    /// Up to where that line was searched for its end.
    searched: usize,
    state: Lines,
}

impl Segmenter {
    /// Takes more text; returns the pieces it completes.
    pub(crate) fn push(&mut self, text: &str) -> Vec<Segment> {
        self.text.push_str(text);
        let mut sealed = Vec::new();
        while let Some(cut) = self.next_cut() {
            sealed.push(self.seal(&cut));
        }
        sealed
    }

    /// Returns the piece that still grows, as Markdown that stands alone but for an open fence.
    pub(crate) fn draft(&self) -> String {
        format!("{}{}", self.reopen, self.text)
    }

    /// Ends the text; returns its last piece.
    pub(crate) fn finish(self) -> Option<Segment> {
        (!self.text.is_empty()).then(|| Segment {
            markdown: format!("{}{}", self.reopen, self.text),
            plain: self.text,
        })
    }

    fn next_cut(&mut self) -> Option<Cut> {
        loop {
            let rest = self.text.get(self.searched..).unwrap_or_default();
            let end = rest.find('\n').map(|at| self.searched + at + 1);
            match end.filter(|&end| end <= HARD_BYTES) {
                Some(end) => {
                    let line = self.text.get(self.line..end).unwrap_or_default();
                    let at = self.state.clone().look(line);
                    if at.before && self.line >= BLOCK_BYTES
                        || at.before_item && self.line >= ITEM_BYTES
                    {
                        return Some(Cut::clean(self.line));
                    }
                    self.state = at.next;
                    self.line = end;
                    self.searched = end;
                    if at.after && end >= BLOCK_BYTES {
                        return Some(Cut::clean(end));
                    }
                }
                None if self.text.len() >= HARD_BYTES => return Some(self.hard_cut()),
                None => {
                    self.searched = self.text.len();
                    return None;
                }
            }
        }
    }

    fn hard_cut(&self) -> Cut {
        let limit = self.text.floor_char_boundary(HARD_BYTES);
        let at = if self.line >= HARD_BYTES / 2 {
            self.line
        } else {
            let long = self.text.get(self.line..limit).unwrap_or_default();
            let sentence = long.rfind(". ").map(|at| at + 2);
            let word = long.rfind(' ').map(|at| at + 1);
            [sentence, word]
                .into_iter()
                .flatten()
                .map(|at| self.line + at)
                .find(|&at| at >= HARD_BYTES / 2)
                .unwrap_or(limit)
        };
        let (close, reopen) = match (&self.state.fence, &self.state.table_head) {
            (Some(fence), _) => (fence.closer(), fence.opener.clone()),
            (None, Some(head)) if at == self.line => (String::new(), head.clone()),
            _ => (String::new(), String::new()),
        };
        Cut { at, close, reopen }
    }

    fn seal(&mut self, cut: &Cut) -> Segment {
        let rest = self.text.split_off(cut.at);
        let plain = std::mem::replace(&mut self.text, rest);
        let mut markdown = std::mem::replace(&mut self.reopen, cut.reopen.clone());
        markdown.push_str(&plain);
        if !cut.close.is_empty() {
            if !markdown.ends_with('\n') {
                markdown.push('\n');
            }
            markdown.push_str(&cut.close);
        }
        self.line = self.line.saturating_sub(cut.at);
        self.searched = self.searched.saturating_sub(cut.at);
        Segment { markdown, plain }
    }
}

#[derive(Debug)]
struct Cut {
    at: usize,
    close: String,
    reopen: String,
}

impl Cut {
    fn clean(at: usize) -> Self {
        Self {
            at,
            close: String::new(),
            reopen: String::new(),
        }
    }
}

/// What is known at the beginning of a line.
#[derive(Debug, Clone, Default)]
struct Lines {
    fence: Option<Fence>,
    in_list: bool,
    after_blank: bool,
    /// The line before, while it could be a table's head.
    maybe_head: Option<String>,
    /// Head and delimiter row of the table we are in.
    table_head: Option<String>,
}

#[derive(Debug, Clone)]
struct Fence {
    mark: char,
    length: usize,
    indent: usize,
    /// The line that opens it, with its line break.
    opener: String,
}

impl Fence {
    fn closer(&self) -> String {
        let indent = " ".repeat(self.indent);
        format!("{indent}{}\n", self.mark.to_string().repeat(self.length))
    }
}

/// What a line says about cutting, and what is known after it.
struct Look {
    before: bool,
    before_item: bool,
    after: bool,
    next: Lines,
}

impl Lines {
    fn look(mut self, line: &str) -> Look {
        let (mut before, mut before_item, mut after) = (false, false, false);
        let body = line.trim_start_matches(' ');
        let indent = line.len() - body.len();
        if let Some(fence) = &self.fence {
            let run = body.chars().take_while(|&c| c == fence.mark).count();
            let closes = run >= fence.length
                && body.trim_end().len() == run
                && (indent < 4 || fence.indent > 0);
            if closes {
                after = fence.indent == 0 && !self.in_list;
                self.fence = None;
            }
        } else if body.trim().is_empty() {
            self.after_blank = true;
            self.maybe_head = None;
            self.table_head = None;
        } else {
            let opener = fence_opener(body).filter(|_| indent < 4 || self.in_list);
            let item = is_list_item(body);
            if indent == 0 {
                if is_heading(body) || opener.is_some() {
                    before = true;
                    self.in_list = false;
                } else if self.after_blank {
                    before_item = item && self.in_list;
                    before = !before_item;
                    self.in_list = item;
                } else if item {
                    before_item = self.in_list;
                    self.in_list = true;
                }
            }
            self.note_table(line, body);
            self.fence = opener.map(|(mark, length)| Fence {
                mark,
                length,
                // Deeper than three spaces it would not open again as a fence.
                indent: indent.min(3),
                opener: format!("{}{}", " ".repeat(indent.min(3)), body),
            });
            self.after_blank = false;
        }
        Look {
            before,
            before_item,
            after,
            next: self,
        }
    }

    fn note_table(&mut self, line: &str, body: &str) {
        if self.table_head.is_some() {
            return;
        }
        if let Some(head) = self.maybe_head.take()
            && is_delimiter_row(body)
            && head.len() + line.len() <= MAX_TABLE_HEAD_BYTES
        {
            self.table_head = Some(head + line);
        } else if body.contains('|') {
            self.maybe_head = Some(line.to_owned());
        }
    }
}

fn fence_opener(body: &str) -> Option<(char, usize)> {
    let mark = body.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = body.chars().take_while(|&c| c == mark).count();
    let info = body.get(length..).unwrap_or_default();
    (length >= 3 && !(mark == '`' && info.contains('`'))).then_some((mark, length))
}

fn is_heading(body: &str) -> bool {
    let marks = body.bytes().take_while(|&b| b == b'#').count();
    (1..=6).contains(&marks)
        && body
            .as_bytes()
            .get(marks)
            .is_none_or(u8::is_ascii_whitespace)
}

fn is_list_item(body: &str) -> bool {
    let rest = match body.as_bytes().first() {
        Some(b'-' | b'*' | b'+') => body.get(1..),
        Some(b'0'..=b'9') => {
            let rest = body.trim_start_matches(|c: char| c.is_ascii_digit());
            rest.strip_prefix(['.', ')'])
        }
        _ => None,
    };
    rest.is_some_and(|rest| rest.starts_with([' ', '\t', '\n']))
}

fn is_delimiter_row(body: &str) -> bool {
    let row = body.trim();
    row.contains('-')
        && row.contains('|')
        && row.bytes().all(|b| matches!(b, b'-' | b'|' | b':' | b' '))
}
