//! A JSON value for reading: a list of objects is a table, everything else a tree.
//!
//! Whoever wrote the value, none of it acts: every text is inline text. Markdown is cut to what can
//! be looked at; plain text is complete.

use serde_json::{Map, Value};

use super::foreign;
use crate::chat::structured::{self, Rows};

/// Rows of a table and lines of a tree, in Markdown: a file holds the rest.
const ROWS: usize = 100;
/// Columns of a table in Markdown: more cannot be read beside each other.
const COLUMNS: usize = 20;
/// Characters of one text in Markdown.
const LONGEST: usize = 500;
/// Characters that a column of plain text is padded to, at most.
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
    match rows(value) {
        Some((columns, rows)) => aligned(&columns, &rows),
        None => match value {
            Value::String(text) => foreign::printable(text).into_owned(),
            other => foreign::printable(&format!("{other:#}")).into_owned(),
        },
    }
}

/// The cells of a list of objects whose fields are plain values or lists of them.
fn rows(value: &Value) -> Option<(Vec<&str>, Vec<Vec<String>>)> {
    let Rows { columns, objects } = structured::rows(value)?;
    let rows: Option<Vec<Vec<String>>> = objects
        .iter()
        .map(|row| {
            let cells = columns.iter();
            cells
                .map(|column| row.get(*column).map_or(Some(String::new()), cell))
                .collect()
        })
        .collect();
    Some((columns, rows?))
}

/// What fits in a cell: a plain value, or a list of plain values.
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
    let (columns, rows) = rows(value)?;
    let objects = value.as_array()?;
    let numeric = |column: &str| {
        objects
            .iter()
            .filter_map(|row| row.get(column))
            .all(|cell| cell.is_number() || cell.is_null())
    };
    let shown = columns.get(..COLUMNS).unwrap_or(&columns);
    let mut lines = vec![
        line(shown.iter().map(|name| inline(name))),
        line(shown.iter().map(|name| {
            let rule = if numeric(name) { "---:" } else { "---" };
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
            foreign::count(rows.len() as u64)
        ));
    }
    if columns.len() > COLUMNS {
        cut.push(format!("{COLUMNS} of {} columns", columns.len()));
    }
    if !cut.is_empty() {
        text.push_str(&format!(
            "\n\n<sub>Shown: {}; the file holds all.</sub>",
            cut.join(", ")
        ));
    }
    Some(text)
}

/// An object: its plain fields as a table of two columns, then each list or object under its name.
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

/// A nested list.
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
        text.push_str(&format!(
            "\n\n<sub>{} more lines; the file holds all.</sub>",
            foreign::count(left_out as u64)
        ));
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

/// Columns with two blanks between them.
fn aligned(columns: &[&str], rows: &[Vec<String>]) -> String {
    let one_line = |text: &str| foreign::printable(text).replace(['\n', '\t'], " ");
    let head: Vec<String> = columns.iter().map(|name| one_line(name)).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(
            rows.iter()
                .map(|row| row.iter().map(|cell| one_line(cell)).collect()),
        )
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
            .min(WIDEST)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
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
