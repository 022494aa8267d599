//! An export as a notebook for ipykernel.

use serde_json::{Value, json};

use super::{Cell, Export};

/// Returns the export as a notebook (nbformat 4.5).
#[must_use]
pub fn notebook(export: &Export) -> Value {
    let cells = export.cells.iter().zip(1..);
    let cells: Vec<Value> = cells
        .map(|(cell, number)| {
            let id = format!("export-{number}");
            match cell {
                Cell::Markdown(text) => {
                    json!({"cell_type": "markdown", "id": id, "metadata": {}, "source": lines(text)})
                }
                Cell::Python(code) => code_cell(&id, code, number == 1),
                Cell::Bash(command) => code_cell(&id, &format!("%%bash\n{command}"), false),
                Cell::Write { path, text } => {
                    code_cell(&id, &format!("%%writefile {path}\n{text}"), false)
                }
            }
        })
        .collect();
    json!({
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    })
}

fn code_cell(id: &str, code: &str, is_first: bool) -> Value {
    let metadata = match is_first {
        true => json!({"tags": ["parameters"]}),
        false => json!({}),
    };
    json!({"cell_type": "code", "id": id, "metadata": metadata, "execution_count": null,
        "outputs": [], "source": lines(code)})
}

/// A text as notebooks hold it: lines with their ends.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// A notebook as Jupyter writes it: one space, keys in their order, a line end at the end.
#[must_use]
pub fn text_of(notebook: &Value) -> String {
    let mut out = Vec::new();
    let form = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, form);
    // A value that was read from JSON, or made here, always serialises.
    let written = serde::Serialize::serialize(notebook, &mut serializer);
    debug_assert!(written.is_ok(), "a JSON value is JSON");
    let mut text = String::from_utf8(out).unwrap_or_default();
    text.push('\n');
    text
}
