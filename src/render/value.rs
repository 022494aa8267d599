//! A JSON value made readable: a list of objects as a table, everything else as a tree.
//!
//! Whoever wrote the value, nothing in it acts: every text is made inline text. The Markdown form
//! has limits; the plain text is complete.

use serde_json::{Map, Value};

use super::foreign;
use super::number;
use super::screen::quiet;
use crate::chat::structured;

/// The most rows of a table and lines of a tree in Markdown; a file holds the rest.
const ROWS: usize = 100;
/// The most columns of a table in Markdown: a page has no room for more.
const COLUMNS: usize = 20;
/// The most characters of one text in Markdown.
const LONGEST: usize = 500;
/// The most characters that a column of plain text is padded to.
const WIDEST: usize = 40;

/// Returns a value as Markdown.
#[must_use]
pub fn markdown(value: &Value) -> String {
    if let Some(table) = table(value) {
        return table;
    }
    match value {
        Value::Object(fields) if !fields.is_empty() => sections(fields),
        _ => tree(value),
    }
}

/// Returns a value as plain text, complete.
#[must_use]
pub fn plain(value: &Value) -> String {
    match Table::of(value) {
        Some(table) => aligned(table.columns, table.rows),
        None => match value {
            Value::String(text) => foreign::printable(text).into_owned(),
            other => foreign::printable(&format!("{other:#}")).into_owned(),
        },
    }
}

/// A list of objects as cells, with one column for each field. If a field is itself an object, each
/// of its fields has a column, such as `range.min`. `None` if something is nested deeper.
struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Whether each column holds numbers only.
    numeric: Vec<bool>,
}

impl Table {
    fn of(value: &Value) -> Option<Self> {
        let objects = structured::rows(value)?.objects;
        let mut table = Self {
            columns: Vec::new(),
            rows: Vec::with_capacity(objects.len()),
            numeric: Vec::new(),
        };
        for object in objects {
            table.rows.push(vec![String::new(); table.columns.len()]);
            for (name, value) in object {
                match (value, cell(value)) {
                    (_, Some(text)) => table.put(name, value, text),
                    (Value::Object(fields), None) => {
                        for (inner, value) in fields {
                            table.put(&format!("{name}.{inner}"), value, cell(value)?);
                        }
                    }
                    (_, None) => return None,
                }
            }
        }
        let width = table.columns.len();
        table
            .rows
            .iter_mut()
            .for_each(|row| row.resize(width, String::new()));
        Some(table)
    }

    /// Sets a cell of the last row.
    fn put(&mut self, column: &str, value: &Value, text: String) {
        let at = self.columns.iter().position(|known| known == column);
        let at = at.unwrap_or_else(|| {
            self.columns.push(column.to_owned());
            self.numeric.push(true);
            self.columns.len() - 1
        });
        if let Some(numeric) = self.numeric.get_mut(at) {
            *numeric &= value.is_number() || value.is_null();
        }
        if let Some(row) = self.rows.last_mut() {
            row.resize(row.len().max(at + 1), String::new());
            if let Some(cell) = row.get_mut(at) {
                *cell = text;
            }
        }
    }
}

/// What fits into a cell: a simple value, or a list of simple values.
fn cell(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let items: Option<Vec<String>> = items
                .iter()
                .map(|item| match item {
                    Value::Array(_) | Value::Object(_) => None,
                    plain => cell(plain),
                })
                .collect();
            Some(items?.join(", "))
        }
        Value::Object(_) => None,
    }
}

fn table(value: &Value) -> Option<String> {
    let Table {
        columns,
        rows,
        numeric,
    } = Table::of(value)?;
    let mut lines = vec![
        line(columns.iter().take(COLUMNS).map(|name| inline(name))),
        line(numeric.iter().take(COLUMNS).map(|numeric| {
            let rule = if *numeric { "---:" } else { "---" };
            rule.to_owned()
        })),
    ];
    for row in rows.iter().take(ROWS) {
        lines.push(line(row.iter().take(COLUMNS).map(|cell| inline(cell))));
    }
    let mut text = lines.join("\n");
    let mut cut = Vec::new();
    if rows.len() > ROWS {
        cut.push(format!(
            "the first {ROWS} of {} rows",
            number::count(rows.len() as u64)
        ));
    }
    if columns.len() > COLUMNS {
        cut.push(format!("{COLUMNS} of {} columns", columns.len()));
    }
    if !cut.is_empty() {
        let line = format!("Shown: {}; the file holds all.", cut.join(", "));
        text.push_str(&format!("\n\n{}", quiet(&line)));
    }
    Some(text)
}

/// Writes an object: its simple fields as a table of two columns, then each list or object under
/// its name.
fn sections(fields: &Map<String, Value>) -> String {
    let mut parts = Vec::new();
    let plain: Vec<(&String, String)> = fields
        .iter()
        .filter_map(|(name, value)| Some((name, cell(value)?)))
        .collect();
    if !plain.is_empty() {
        let mut lines = vec![
            line(["field", "value"].map(str::to_owned).into_iter()),
            line(["---", "---"].map(str::to_owned).into_iter()),
        ];
        lines.extend(
            plain
                .iter()
                .take(ROWS)
                .map(|(name, value)| line([inline(name), inline(value)].into_iter())),
        );
        parts.push(lines.join("\n"));
    }
    for (name, value) in fields {
        if cell(value).is_none() {
            parts.push(format!("**{}**", inline(name)));
            parts.push(table(value).unwrap_or_else(|| tree(value)));
        }
    }
    parts.join("\n\n")
}

/// Writes a nested list.
fn tree(value: &Value) -> String {
    let mut lines = Vec::new();
    match value {
        Value::Array(items) if items.is_empty() => lines.push("- an empty list".to_owned()),
        Value::Object(fields) if fields.is_empty() => {
            lines.push("- an object without fields".to_owned());
        }
        Value::Array(_) | Value::Object(_) => branches(value, 0, &mut lines),
        plain => lines.push(inline(&cell(plain).unwrap_or_default())),
    }
    let left_out = lines.len().saturating_sub(ROWS);
    lines.truncate(ROWS);
    let mut text = lines.join("\n");
    if left_out > 0 {
        let left_out = number::count(left_out as u64);
        let line = format!("{left_out} more lines; the file holds all.");
        text.push_str(&format!("\n\n{}", quiet(&line)));
    }
    text
}

fn branches(value: &Value, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let mut branch = |label: String, value: &Value| match cell(value) {
        Some(text) => lines.push(
            format!("{indent}- {label} {}", inline(&text))
                .trim_end()
                .to_owned(),
        ),
        None => {
            lines.push(format!("{indent}- {label}"));
            branches(value, depth + 1, lines);
        }
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                branch(format!("**{}:**", inline(name)), value);
            }
        }
        Value::Array(items) => {
            for (number, value) in items.iter().enumerate() {
                branch(foreign::code(&format!("[{number}]")), value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn inline(text: &str) -> String {
    foreign::inline(&foreign::shorten(text.trim(), LONGEST))
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
}

/// Returns rows as columns with two spaces between them.
fn aligned(columns: Vec<String>, rows: Vec<Vec<String>>) -> String {
    let count = columns.len();
    let one_line = |text: String| foreign::printable(&text).replace(['\n', '\t'], " ");
    let rows: Vec<Vec<String>> = std::iter::once(columns)
        .chain(rows)
        .map(|row| row.into_iter().map(one_line).collect())
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
            .min(WIDEST)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}
