//! Words and lines: styles, widths, wrapping. Pure.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

/// The narrowest column that words are wrapped in, in characters.
const MIN_COLUMNS: usize = 12;
const RESET: &str = "\u{1b}[0m";

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) is_bold: bool,
    pub(super) is_italic: bool,
    pub(super) is_code: bool,
    pub(super) is_dim: bool,
    pub(super) is_link: bool,
    pub(super) is_struck: bool,
}

impl Style {
    /// The sequence that begins it; empty for text without a style.
    fn begin(self) -> String {
        let codes = [
            (self.is_bold, "1"),
            (self.is_dim, "2"),
            (self.is_italic, "3"),
            (self.is_link, "4"),
            (self.is_struck, "9"),
            (self.is_code, "36"),
        ];
        let codes: Vec<&str> = codes
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, code)| *code)
            .collect();
        match codes.is_empty() {
            true => String::new(),
            false => format!("\u{1b}[{}m", codes.join(";")),
        }
    }
}

/// A piece of text in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) style: Style,
}

/// What a line can be broken into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// Pieces without a blank between them.
    Word(Vec<Span>),
    /// The line ends here.
    Break,
}

/// Cuts spans into words; a line end in a span is a break.
pub(super) fn items(spans: &[Span]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut word: Vec<Span> = Vec::new();
    let end = |word: &mut Vec<Span>, items: &mut Vec<Item>| {
        if !word.is_empty() {
            items.push(Item::Word(std::mem::take(word)));
        }
    };
    for Span { text, style } in spans {
        for (number, part) in text.split([' ', '\t', '\n']).enumerate() {
            if number > 0 {
                end(&mut word, &mut items);
            }
            if !part.is_empty() {
                let text = part.to_owned();
                word.push(Span {
                    text,
                    style: *style,
                });
            }
        }
        if text == "\n" {
            items.push(Item::Break);
        }
    }
    end(&mut word, &mut items);
    items
}

/// How wide a word is, in columns.
pub(super) fn width_of(word: &[Span]) -> usize {
    word.iter().map(|span| span.text.width()).sum()
}

/// Breaks words into lines of at most `columns`, if no word alone is wider.
pub(super) fn lines(items: Vec<Item>, columns: usize) -> Vec<Vec<Vec<Span>>> {
    let columns = columns.max(MIN_COLUMNS);
    let mut lines = vec![Vec::new()];
    let mut used = 0;
    for item in items {
        let Item::Word(word) = item else {
            lines.push(Vec::new());
            used = 0;
            continue;
        };
        let width = width_of(&word);
        if used > 0 && used + 1 + width > columns {
            lines.push(Vec::new());
            used = 0;
        }
        used += width + usize::from(used > 0);
        if let Some(line) = lines.last_mut() {
            line.push(word);
        }
    }
    lines
}

/// Writes words with a blank between them. A style ends with the line.
pub(super) fn write(words: &[Vec<Span>], is_styled: bool) -> String {
    let mut out = String::new();
    let mut now = Style::default();
    let mut turn = |out: &mut String, style: Style| {
        if is_styled && style != now {
            if now != Style::default() {
                out.push_str(RESET);
            }
            out.push_str(&style.begin());
            now = style;
        }
    };
    for (number, word) in words.iter().enumerate() {
        for (at, span) in word.iter().enumerate() {
            if at == 0 && number > 0 {
                // A blank between two words of a style has that style.
                let before = words.get(number - 1).and_then(|word| word.last());
                let is_same = before.is_some_and(|before| before.style == span.style);
                if !is_same {
                    turn(&mut out, Style::default());
                }
                out.push(' ');
            }
            turn(&mut out, span.style);
            out.push_str(&span.text);
        }
    }
    turn(&mut out, Style::default());
    out
}

/// Makes a text dim.
pub(crate) fn dim(text: &str, is_styled: bool) -> String {
    let style = Style {
        is_dim: true,
        ..Style::default()
    };
    match is_styled && !text.is_empty() {
        true => format!("{}{text}{RESET}", style.begin()),
        false => text.to_owned(),
    }
}

/// Makes a text bold.
pub(crate) fn bold(text: &str, is_styled: bool) -> String {
    let style = Style {
        is_bold: true,
        ..Style::default()
    };
    match is_styled && !text.is_empty() {
        true => format!("{}{text}{RESET}", style.begin()),
        false => text.to_owned(),
    }
}

/// Wraps prose of the kernel's own at `columns`. A line that is indented or has columns stays.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Cow<'_, str> {
    if text.lines().all(|line| line.width() <= columns) {
        return Cow::Borrowed(text);
    }
    let wrapped = text.split('\n').map(|line| {
        if line.width() <= columns || line.starts_with(' ') || line.contains("  ") {
            return line.to_owned();
        }
        let span = Span {
            text: line.to_owned(),
            style: Style::default(),
        };
        let lines = lines(items(&[span]), columns);
        let lines: Vec<String> = lines.iter().map(|line| write(line, false)).collect();
        lines.join("\n")
    });
    Cow::Owned(wrapped.collect::<Vec<_>>().join("\n"))
}

/// Returns what of `text` comes after as many visible characters as `before` has.
pub(super) fn behind<'a>(text: &'a str, before: &str) -> &'a str {
    let seen = visible(before).count();
    let end = match seen {
        0 => 0,
        _ => visible(text)
            .nth(seen - 1)
            .map_or(text.len(), |(at, c)| at + c.len_utf8()),
    };
    text.get(end..).unwrap_or_default()
}

/// How many columns a line takes, without our styles.
pub(crate) fn width(line: &str) -> usize {
    let blanks = line.chars().filter(|c| *c == ' ').count();
    let seen: String = visible(line).map(|(_, c)| c).collect();
    blanks + seen.width()
}

/// The characters of a text that are seen, without our styles and white space.
fn visible(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut in_style = false;
    text.char_indices().filter(move |(_, c)| {
        if *c == '\u{1b}' {
            in_style = true;
        }
        let is_seen = !in_style && !c.is_whitespace();
        if in_style && *c == 'm' {
            in_style = false;
        }
        is_seen
    })
}
