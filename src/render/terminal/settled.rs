//! How much of words that still grow is settled: no further text changes how it is laid out. Pure.

/// An open mark that waits for its end longer than this is taken for a plain character, in bytes.
const PATIENCE: usize = 400;

/// A mark that was opened and not closed.
#[derive(Debug, Clone, Copy)]
struct Open {
    mark: char,
    length: usize,
    at: usize,
}

/// Returns how many bytes of a paragraph, a list or a quote are settled: up to the last blank outside
/// open marks that is before what may become a table.
pub(super) fn flow(text: &str) -> usize {
    let mut reader = Reader::default();
    let mut fence: Option<char> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_start().trim_start_matches(['>', ' ']);
        let is_item = content.starts_with(['-', '*', '+', '#'])
            || content.starts_with(|c: char| c.is_ascii_digit());
        let inner = content.trim_start_matches(['-', '*', '+', ' ']);
        let ticks = ['`', '~'].into_iter().find(|tick| {
            let run = if fence.is_some() { content } else { inner };
            run.chars().take_while(|c| c == tick).count() >= 3
        });
        match (fence, ticks) {
            (Some(opened), Some(tick)) if opened == tick => fence = None,
            (Some(_), _) => {
                if line.ends_with('\n') {
                    reader.settled = start + line.len();
                }
            }
            (None, Some(tick)) => {
                reader.open.clear();
                fence = Some(tick);
            }
            (None, None) => {
                if content.trim_end().is_empty() || is_item {
                    reader.open.clear();
                }
                if content.starts_with('|') || content.matches('|').count() > 1 {
                    break;
                }
                reader.read(line, start);
            }
        }
        start += line.len();
    }
    reader.settled
}

/// Reads the marks of words.
#[derive(Debug, Default)]
struct Reader {
    open: Vec<Open>,
    /// Behind the last blank outside marks.
    settled: usize,
}

impl Reader {
    /// Reads a line that begins at `from`.
    fn read(&mut self, line: &str, from: usize) {
        let mut chars = line.char_indices().peekable();
        let mut before = ' ';
        while let Some((at, c)) = chars.next() {
            let mut length = 1;
            if matches!(c, '`' | '*' | '_' | '~') {
                while chars.next_if(|(_, next)| *next == c).is_some() {
                    length += 1;
                }
            }
            let after = chars.peek().map(|(_, next)| *next);
            let at = from + at;
            let mark = Open {
                mark: c,
                length,
                at,
            };
            let in_code = self.open.last().is_some_and(|open| open.mark == '`');
            match c {
                _ if c.is_whitespace() => {
                    self.open.retain(|open| at - open.at < PATIENCE);
                    if self.open.is_empty() {
                        self.settled = at + c.len_utf8();
                    }
                }
                '`' => match self.open.last() {
                    Some(last) if last.mark == '`' => {
                        if last.length == length {
                            self.open.pop();
                        }
                    }
                    _ => self.open.push(mark),
                },
                _ if in_code => {}
                '\\' => drop(chars.next()),
                '*' | '_' | '~' => emphasis(mark, before, after, &mut self.open),
                '[' => self.open.push(mark),
                ']' => self.bracket(after),
                ')' => {
                    if let Some(at) = self.open.iter().rposition(|open| open.mark == '(') {
                        self.open.truncate(at);
                    }
                }
                _ => {}
            }
            before = c;
        }
    }

    /// Ends a bracket, unless what follows makes it a link.
    fn bracket(&mut self, after: Option<char>) {
        let Some(at) = self.open.iter().rposition(|open| open.mark == '[') else {
            return;
        };
        match (after, self.open.get_mut(at)) {
            (Some('('), Some(open)) => open.mark = '(',
            _ => self.open.truncate(at),
        }
    }
}

fn emphasis(mark: Open, before: char, after: Option<char>, open: &mut Vec<Open>) {
    let inside = |c: char| c.is_alphanumeric();
    if mark.mark == '~' && mark.length != 2 {
        return;
    }
    if mark.mark == '_' && inside(before) && after.is_some_and(inside) {
        return;
    }
    let can_end = !before.is_whitespace();
    let can_begin = after.is_none_or(|c| !c.is_whitespace());
    let own = open
        .iter()
        .rposition(|open| open.mark == mark.mark && open.length <= mark.length);
    match own {
        Some(at) if can_end => open.truncate(at),
        _ if can_begin => open.push(mark),
        _ => {}
    }
}
