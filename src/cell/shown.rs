//! Values shown by magics, in both forms: Markdown for notebooks, plain text for terminals.
//!
//! Prompts, answers and variables are other people's text: in Markdown they are code or escaped.

use super::effect::Effect;
use super::magic::Context;

/// The widest line of prose in plain text, in characters: a terminal has 80 columns at least.
pub(super) const WIDTH: usize = 79;
/// The widest first column of entries, in characters. What is longer stands on a line of its own.
const MAX_TERM: usize = 24;

/// One piece of text in both forms, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    markdown: String,
    plain: String,
}

impl Part {
    /// Makes a value: code in Markdown.
    #[must_use]
    pub fn code(text: &str) -> Self {
        let plain = one_line(text);
        let markdown = if plain.is_empty() {
            String::new()
        } else {
            let fence = "`".repeat(longest_run(&plain, '`') + 1);
            let pad = if plain.starts_with('`') || plain.ends_with('`') {
                " "
            } else {
                ""
            };
            format!("{fence}{pad}{plain}{pad}{fence}")
        };
        Self { markdown, plain }
    }

    /// Makes a link to a file; `target` is a relative path that is safe in Markdown.
    #[must_use]
    pub fn link(text: &str, target: &str) -> Self {
        let name = Self::text(text);
        Self {
            markdown: format!("[{}]({target})", name.markdown),
            plain: name.plain,
        }
    }

    /// Makes prose: whatever Markdown would read into it is escaped.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let plain = one_line(text);
        Self {
            markdown: escape(&plain),
            plain,
        }
    }

    /// Returns the Markdown form.
    #[must_use]
    pub fn as_markdown(&self) -> &str {
        &self.markdown
    }

    /// Returns the plain form.
    #[must_use]
    pub fn as_plain(&self) -> &str {
        &self.plain
    }

    /// Makes prose of ours, with code between backticks.
    #[must_use]
    pub fn ours(text: &str) -> Self {
        Self {
            markdown: text.to_owned(),
            plain: text.replace('`', ""),
        }
    }
}

impl Part {
    /// Adds another piece on the same line.
    #[must_use]
    pub fn then(mut self, more: &Self) -> Self {
        self.markdown.push_str(&more.markdown);
        self.plain.push_str(&more.plain);
        self
    }
}

/// A text in both forms, growing downwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// `text/markdown`.
    pub markdown: String,
    /// `text/plain`.
    pub plain: String,
}

impl Shown {
    /// Adds `label: value`, a line of its own.
    #[must_use]
    pub fn line(mut self, label: &str, value: &Part) -> Self {
        self.open_paragraph("\n");
        self.markdown
            .push_str(&format!("**{}:** {}", escape(label), value.markdown));
        let plain = format!("{label}: {}", value.plain);
        self.plain.push_str(plain.trim_end());
        self
    }

    /// Adds a paragraph of ours, with code between backticks.
    #[must_use]
    pub fn paragraph(mut self, text: &str) -> Self {
        self.open_paragraph("\n\n");
        self.markdown.push_str(text);
        self.plain.push_str(&wrap(&text.replace('`', ""), ""));
        self
    }

    /// Adds a text with its line ends, as a fence in Markdown.
    #[must_use]
    pub fn block(mut self, text: &str) -> Self {
        self.open_paragraph("\n");
        let fence = "`".repeat(longest_run(text, '`').max(2) + 1);
        self.markdown
            .push_str(&format!("{fence}text\n{}\n{fence}", text.trim_end()));
        for (number, line) in text.trim_end().split('\n').enumerate() {
            if number > 0 {
                self.plain.push('\n');
            }
            self.plain.push_str(format!("  {line}").trim_end());
        }
        self
    }

    /// Adds a table; rows may be shorter than `head`.
    #[must_use]
    pub fn table(mut self, head: &[&str], rows: &[Vec<Part>]) -> Self {
        self.open_paragraph("\n\n");
        let mut markdown = vec![
            table_line(head.iter().map(|title| escape(title))),
            table_line(head.iter().map(|_| "---".to_owned())),
        ];
        let mut plain_rows: Vec<Vec<&str>> = vec![head.to_vec()];
        for row in rows {
            let cells = (0..head.len()).map(|at| row.get(at).map_or("", |part| &part.markdown));
            markdown.push(table_line(cells.map(|cell| cell.replace('|', "\\|"))));
            plain_rows.push(row.iter().map(|part| part.plain.as_str()).collect());
        }
        self.markdown.push_str(&markdown.join("\n"));
        self.plain.push_str(&columns(&plain_rows));
        self
    }

    /// Adds a heading.
    #[must_use]
    pub fn heading(mut self, text: &str) -> Self {
        self.open_paragraph("\n\n");
        self.markdown.push_str(&format!("**{}**", escape(text)));
        self.plain.push_str(text);
        self
    }

    /// Adds words with their meanings: a table in Markdown, and in plain text two columns that fit
    /// a terminal.
    #[must_use]
    pub fn entries(mut self, head: [&str; 2], rows: &[(Part, Part)]) -> Self {
        let cells = |(term, meaning): &(Part, Part)| vec![term.clone(), meaning.clone()];
        let table: Vec<Vec<Part>> = rows.iter().map(cells).collect();
        let table = Self::default().table(&head, &table);
        self.open_paragraph("\n");
        self.markdown.push_str(&table.markdown);
        self.plain.push_str(&in_two_columns(rows));
        self
    }

    /// Adds entries under headings: one table in Markdown, so that its columns stand below each other.
    /// A section without a title comes first.
    #[must_use]
    pub fn sections(mut self, head: [&str; 2], sections: &[(&str, Vec<(Part, Part)>)]) -> Self {
        let mut rows = Vec::new();
        let mut plain = Vec::new();
        for (title, entries) in sections {
            let columns = in_two_columns(entries);
            plain.push(match *title {
                "" => columns,
                title => format!("{title}\n{columns}"),
            });
            if !title.is_empty() {
                rows.push(vec![Part::ours(&format!("**{title}**"))]);
            }
            let cells = |(term, meaning): &(Part, Part)| vec![term.clone(), meaning.clone()];
            rows.extend(entries.iter().map(cells));
        }
        let table = Self::default().table(&head, &rows);
        self.open_paragraph("\n\n");
        self.markdown.push_str(&table.markdown);
        self.plain.push_str(&plain.join("\n\n"));
        self
    }

    /// Turns it into the effect that pages it.
    #[must_use]
    pub fn page(self) -> Effect {
        Effect::Page {
            markdown: self.markdown,
            plain: self.plain,
        }
    }

    /// Turns it into the effect that shows it.
    #[must_use]
    pub fn effect(self) -> Effect {
        Effect::Show {
            markdown: self.markdown,
            plain: self.plain,
        }
    }

    fn open_paragraph(&mut self, plain: &str) {
        if !self.markdown.is_empty() {
            self.markdown.push_str("\n\n");
            self.plain.push_str(plain);
        }
    }
}

/// Adds to a value in force the cell in which one of `setters` last set it, if that is known.
#[must_use]
pub fn with_origin(setters: &[&str], value: &str, context: &Context<'_>) -> String {
    match origin(setters, context) {
        Some(cell) => format!("{value} (set in In [{cell}])"),
        None => value.to_owned(),
    }
}

/// Shows a setting's value, and where it was set.
pub(super) fn setting(name: &str, value: &str, context: &Context<'_>) -> Effect {
    let value = with_origin(&[name], value, context);
    Shown::default().line(name, &Part::text(&value)).effect()
}

/// Cuts a text to its first `limit` characters, on one line, with an ellipsis.
#[must_use]
pub fn clip(text: &str, limit: usize) -> String {
    let line = one_line(text);
    if line.chars().count() <= limit {
        return line;
    }
    let head: String = line.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", head.trim_end())
}

/// Breaks a line at blanks so that none is wider than [`WIDTH`]; later lines are indented.
pub(super) fn wrap(text: &str, indent: &str) -> String {
    wrap_at(text, indent, WIDTH)
}

fn wrap_at(text: &str, indent: &str, width_of_line: usize) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > width_of_line - indent.len() {
            out.push('\n');
            out.push_str(indent);
            width = 0;
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += length;
    }
    out
}

fn origin(setters: &[&str], context: &Context<'_>) -> Option<u32> {
    context
        .set_in
        .iter()
        .filter(|(setter, _)| setters.contains(&setter.as_str()))
        .map(|(_, cell)| *cell)
        .max()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn longest_run(text: &str, wanted: char) -> usize {
    text.split(|c| c != wanted).map(str::len).max().unwrap_or(0)
}

/// Escapes what Markdown, or mathematics in a notebook, would read into `text`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A backslash does not stop mathematics in every front end
            // (`docs/protocol.md#markdown-of-front-ends`).
            '$' => out.push_str("<span>&#36;</span>"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Words on the left, their meanings on the right, wrapped.
fn in_two_columns(rows: &[(Part, Part)]) -> String {
    let width = |(term, _): &(Part, Part)| term.plain.chars().count();
    let column = rows.iter().map(width).filter(|width| *width <= MAX_TERM);
    let column = column.max().unwrap_or(MAX_TERM) + 4;
    let indent = " ".repeat(column);
    let lines = rows.iter().map(|row| {
        let first = format!("  {}", row.0.plain);
        let meaning =
            wrap_at(&row.1.plain, "", WIDTH - column).replace('\n', &format!("\n{indent}"));
        match width(row) > MAX_TERM {
            true => format!("  {}\n{indent}{meaning}", wrap(&row.0.plain, "      ")),
            false => format!("{first:<column$}{meaning}"),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn table_line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

/// Aligns columns with two blanks between them.
fn columns(rows: &[Vec<&str>]) -> String {
    let width = |text: &str| text.chars().count();
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            match widths.get_mut(at) {
                Some(widest) => *widest = width(cell).max(*widest),
                None => widths.push(width(cell)),
            }
        }
    }
    let lines = rows.iter().map(|row| {
        let mut line = String::new();
        for (cell, widest) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(widest.saturating_sub(width(cell)) + 2));
        }
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}
