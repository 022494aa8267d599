//! One Markdown text, laid out at a width: blocks with a blank line between them. Pure.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::Look;
use super::line::{self, Span, Style};
use super::table::Table;
use crate::render::markdown::options;

/// How far code is indented.
const CODE_INDENT: &str = "    ";
/// How long a rule is, in characters.
const RULE: usize = 24;

/// Lays out a text, without a line end after its last line.
pub(super) fn lay_out(source: &str, look: Look) -> String {
    let mut layout = Layout::new(look);
    for event in Parser::new_ext(source, options()) {
        layout.event(event);
    }
    layout.end_words();
    layout.lines.join("\n")
}

/// What stands before the lines of a list's item or a quote.
#[derive(Debug)]
struct Prefix {
    /// Before the first line; empty once that is written.
    first: String,
    /// Before the others.
    rest: String,
    /// Whether nothing stands in it yet.
    is_fresh: bool,
}

#[derive(Debug)]
struct Layout {
    look: Look,
    lines: Vec<String>,
    prefixes: Vec<Prefix>,
    /// The number of the next item of each open list; `None` for bullets.
    lists: Vec<Option<u64>>,
    spans: Vec<Span>,
    styles: Vec<Style>,
    /// The target of the open link, and where its text begins.
    link: Option<(String, usize)>,
    code: Option<String>,
    table: Option<Table>,
}

impl Layout {
    fn new(look: Look) -> Self {
        Self {
            look,
            lines: Vec::new(),
            prefixes: Vec::new(),
            lists: Vec::new(),
            spans: Vec::new(),
            styles: vec![Style::default()],
            link: None,
            code: None,
            table: None,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(code) => self.code(&code),
            Event::InlineMath(tex) => self.text(&format!("${tex}$")),
            Event::DisplayMath(tex) => self.text(&format!("$${tex}$$")),
            Event::FootnoteReference(name) => self.text(&format!("[^{name}]")),
            Event::SoftBreak => self.text(" "),
            Event::HardBreak => self.text("\n"),
            Event::TaskListMarker(done) => self.text(if done { "[x] " } else { "[ ] " }),
            Event::Rule => {
                self.begin_block();
                let rule = line::dim(&"─".repeat(RULE), self.look.is_styled);
                self.line(&rule);
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.begin_block(),
            Tag::Heading { .. } => {
                self.begin_block();
                self.push_style(|style| style.is_bold = true);
            }
            Tag::BlockQuote(_) => {
                self.begin_block();
                let bar = line::dim("│ ", self.look.is_styled);
                self.prefixes.push(Prefix {
                    first: bar.clone(),
                    rest: bar,
                    is_fresh: true,
                });
            }
            Tag::List(first) => {
                self.end_words();
                if self.lists.is_empty() {
                    self.begin_block();
                }
                self.lists.push(first);
            }
            Tag::Item => {
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "• ".to_owned(),
                };
                self.prefixes.push(Prefix {
                    rest: " ".repeat(mark.chars().count()),
                    first: mark,
                    is_fresh: true,
                });
            }
            Tag::CodeBlock(_) => {
                self.end_words();
                self.begin_block();
                self.code = Some(String::new());
            }
            Tag::Table(alignments) => {
                self.begin_block();
                self.table = Some(Table {
                    alignments,
                    rows: Vec::new(),
                });
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.rows.push(Vec::new());
                }
            }
            Tag::Emphasis => self.push_style(|style| style.is_italic = true),
            Tag::Strong => self.push_style(|style| style.is_bold = true),
            Tag::Strikethrough => self.push_style(|style| style.is_struck = true),
            Tag::Link { dest_url, .. } => {
                self.link = Some((dest_url.into_string(), self.spans.len()));
                self.push_style(|style| style.is_link = true);
            }
            Tag::Image { .. } => self.text("[image: "),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.end_words(),
            TagEnd::Heading(_) => {
                self.styles.pop();
                self.end_words();
            }
            TagEnd::BlockQuote(_) | TagEnd::Item => {
                self.end_words();
                // An item without a word still has its mark.
                if self.prefixes.last().is_some_and(|prefix| prefix.is_fresh) {
                    self.line("");
                }
                self.prefixes.pop();
            }
            TagEnd::List(_) => drop(self.lists.pop()),
            TagEnd::CodeBlock => {
                for code in self.code.take().unwrap_or_default().lines() {
                    let line = match code.is_empty() {
                        true => String::new(),
                        false => format!("{CODE_INDENT}{code}"),
                    };
                    self.line(&line);
                }
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    for line in table.lines(self.room(), self.look.is_styled) {
                        self.line(&line);
                    }
                }
            }
            TagEnd::TableCell => {
                let spans = std::mem::take(&mut self.spans);
                if let Some(row) = self.table.as_mut().and_then(|table| table.rows.last_mut()) {
                    row.push(spans);
                }
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => drop(self.styles.pop()),
            TagEnd::Link => self.end_link(),
            TagEnd::Image => self.text("]"),
            _ => {}
        }
    }

    /// Writes the target of a link behind its text, if that says something else. The number of a
    /// source stands in brackets: the list of sources has the address.
    fn end_link(&mut self) {
        self.styles.pop();
        let Some((target, from)) = self.link.take() else {
            return;
        };
        let shown = self.spans.get(from..).unwrap_or_default();
        let shown: String = shown.iter().map(|span| span.text.as_str()).collect();
        if !shown.is_empty() && shown.chars().all(|c| c.is_ascii_digit()) {
            self.spans.truncate(from);
            return self.text(&format!("[{shown}]"));
        }
        if !target.is_empty() && !target.ends_with(&shown) {
            self.push_style(|style| style.is_dim = true);
            self.text(&format!(" ({target})"));
            self.styles.pop();
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(code) = &mut self.code {
            code.push_str(text);
            return;
        }
        let style = self.styles.last().copied().unwrap_or_default();
        let text = text.to_owned();
        self.spans.push(Span { text, style });
    }

    fn code(&mut self, code: &str) {
        if self.look.is_styled {
            self.push_style(|style| style.is_code = true);
            self.text(code);
            self.styles.pop();
        } else {
            self.text(&format!("`{code}`"));
        }
    }

    fn push_style(&mut self, change: impl FnOnce(&mut Style)) {
        let mut style = self.styles.last().copied().unwrap_or_default();
        change(&mut style);
        self.styles.push(style);
    }

    /// Leaves a blank line before a block, unless it is the first of its container.
    fn begin_block(&mut self) {
        let is_first = match self.prefixes.last() {
            Some(prefix) => prefix.is_fresh,
            None => self.lines.is_empty(),
        };
        if !is_first {
            let prefix = self.prefix();
            self.lines.push(prefix.trim_end().to_owned());
        }
    }

    fn end_words(&mut self) {
        if self.table.is_some() || self.spans.is_empty() {
            return;
        }
        let items = line::items(&std::mem::take(&mut self.spans));
        for words in line::lines(items, self.room()) {
            let line = line::write(&words, self.look.is_styled);
            self.line(&line);
        }
    }

    /// How many characters a line has behind what stands before it.
    fn room(&self) -> usize {
        let marks = self
            .prefixes
            .iter()
            .map(|prefix| match prefix.rest.contains('│') {
                true => 2,
                false => prefix.rest.chars().count(),
            });
        self.look.columns.saturating_sub(marks.sum())
    }

    fn line(&mut self, text: &str) {
        let line = format!("{}{text}", self.prefix());
        self.lines.push(line.trim_end_matches(' ').to_owned());
    }

    /// What stands before the next line.
    fn prefix(&mut self) -> String {
        let mut out = String::new();
        for prefix in &mut self.prefixes {
            out.push_str(match prefix.is_fresh {
                true => &prefix.first,
                false => &prefix.rest,
            });
            prefix.is_fresh = false;
        }
        out
    }
}
