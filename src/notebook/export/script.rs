//! An export as a Python script, or as Markdown.

use super::{Cell, Export, literal};

/// Returns the export as a script: cells in the percent format, text as comments.
#[must_use]
pub fn script(export: &Export) -> String {
    let mut out = String::from("#!/usr/bin/env python3\n");
    if export
        .cells
        .iter()
        .any(|cell| matches!(cell, Cell::Bash(_)))
    {
        out.push_str("import subprocess\n");
    }
    for cell in &export.cells {
        out.push('\n');
        match cell {
            Cell::Markdown(text) => {
                out.push_str("# %% [markdown]\n");
                for line in text.lines() {
                    out.push_str(format!("# {line}").trim_end());
                    out.push('\n');
                }
            }
            Cell::Python(code) => out.push_str(&format!("# %%\n{code}\n")),
            Cell::Bash(command) => out.push_str(&format!(
                "# %%\nsubprocess.run([\"bash\", \"-c\", {}], check=True)\n",
                literal(command)
            )),
            Cell::Write { path, text } => out.push_str(&format!(
                "# %%\nopen({}, \"w\").write({})\n",
                literal(path),
                literal(text)
            )),
        }
    }
    out
}

/// Returns the export as Markdown, code in fences.
#[must_use]
pub fn markdown(export: &Export) -> String {
    let mut parts = Vec::new();
    for cell in &export.cells {
        parts.push(match cell {
            Cell::Markdown(text) => text.clone(),
            Cell::Python(code) => fenced("python", code),
            Cell::Bash(command) => fenced("bash", command),
            Cell::Write { path, text } => format!("`{path}`:\n\n{}", fenced("", text)),
        });
    }
    parts.join("\n\n") + "\n"
}

/// A fence that no line of the text ends.
fn fenced(language: &str, text: &str) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}{language}\n{}\n{fence}", text.trim_end())
}
