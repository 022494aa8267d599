//! An ordinary notebook or script of a saved one: its prompts as text, and the code that its steps
//! ran, so that it can be run again on new data, without a model. Pure.
//!
//! Attempts that failed and were done again are left out and counted. Seeds are not invented, and
//! nothing that was not run is added but a cell of parameters.

mod notebook;
mod packages;
mod script;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::chat::recording::steps::{Code, Step};

use super::recordings::{is_unrecorded, record_of};
use crate::chat::recording::coding::Coded;

use packages::{packages, versions};

pub use notebook::{notebook, text_of};
pub use script::{markdown, script};

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A notebook for ipykernel.
    Notebook,
    /// A Python script.
    Python,
    /// Markdown.
    Markdown,
}

impl Form {
    /// Returns how the name of such a file ends.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Notebook => "code.ipynb",
            Self::Python => "py",
            Self::Markdown => "md",
        }
    }

    /// Returns the text of such a file.
    #[must_use]
    pub fn text(self, export: &Export) -> String {
        match self {
            Self::Notebook => text_of(&notebook(export)),
            Self::Python => script(export),
            Self::Markdown => markdown(export),
        }
    }
}

/// What goes where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Text.
    Markdown(String),
    /// Python.
    Python(String),
    /// A shell command.
    Bash(String),
    /// A file that is written.
    Write {
        /// Where.
        path: String,
        /// Its text.
        text: String,
    },
}

/// An export, and what the person should know of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Export {
    /// In order.
    pub cells: Vec<Cell>,
    /// Steps that failed and were left out: the cell, and how many.
    pub left_out: Vec<(String, usize)>,
    /// Cells with an answer that holds no recording.
    pub unrecorded: Vec<String>,
    /// Cells whose code calls tools of the person's machine, and the names of these.
    pub own_tools: Vec<(String, String)>,
    /// Packages that the Python imports, beside the standard library, with their versions where a
    /// step told them.
    pub packages: BTreeMap<String, Option<String>>,
    /// How many code steps there are.
    pub steps: usize,
    /// The versions that steps told of anything, by lower-case names.
    versions: BTreeMap<String, String>,
}

/// Exports a notebook; `None` if the value is none. With `keeps_failed`, failed attempts are kept.
#[must_use]
pub fn export(notebook: &Value, keeps_failed: bool) -> Option<Export> {
    let cells = notebook.get("cells")?.as_array()?;
    let mut export = Export::default();
    let mut body = Vec::new();
    let mut inputs: Vec<String> = Vec::new();
    let mut variables: Vec<String> = Vec::new();
    for cell in cells {
        let source = source_of(cell);
        match cell.get("cell_type").and_then(Value::as_str) {
            Some("markdown") => body.push(Cell::Markdown(source)),
            Some("code") if is_tagged(cell) => body.push(Cell::Python(source)),
            Some("code") => {
                variables.extend(set_lines(&source));
                export.code_cell(cell, &source, keeps_failed, &mut body, &mut inputs);
            }
            _ => {}
        }
    }
    for (package, version) in &mut export.packages {
        *version = export.versions.get(&package.to_lowercase()).cloned();
    }
    let needs = export.needs();
    let parameters = parameters(&needs, &inputs, &variables);
    export.cells.push(Cell::Python(parameters));
    export.cells.push(Cell::Python(setup(&body)));
    export.cells.extend(body);
    Some(export)
}

impl Export {
    /// Returns the packages as `pip install` takes them: `numpy==2.4.6`.
    #[must_use]
    pub fn needs(&self) -> Vec<String> {
        let packages = self.packages.iter();
        packages
            .map(|(package, version)| match version {
                Some(version) => format!("{package}=={version}"),
                None => package.clone(),
            })
            .collect()
    }

    fn needs_of(&mut self, code: &str) {
        let packages = packages(code).into_iter();
        self.packages
            .extend(packages.map(|package| (package, None)));
    }

    fn code_cell(
        &mut self,
        cell: &Value,
        source: &str,
        keeps_failed: bool,
        body: &mut Vec<Cell>,
        inputs: &mut Vec<String>,
    ) {
        let name = name_of(cell);
        let outputs = cell.get("outputs").and_then(Value::as_array);
        let record = outputs.into_iter().flatten().find_map(record_of);
        let Some(record) = record else {
            if outputs.into_iter().flatten().any(is_unrecorded) {
                self.unrecorded.push(name);
                body.push(Cell::Markdown(quoted(source)));
            }
            return;
        };
        let recording = Coded::read(record).and_then(|coded| coded.recording());
        let Ok(recording) = recording else {
            self.unrecorded.push(name);
            body.push(Cell::Markdown(quoted(source)));
            return;
        };
        for file in &recording.asked.files {
            if !inputs.contains(&file.name) {
                inputs.push(file.name.clone());
            }
        }
        body.push(Cell::Markdown(quoted(&recording.prompt)));
        let steps = recording.steps();
        self.versions
            .extend(steps.iter().flat_map(|step| versions(&step.stdout)));
        let tools = recording.tools_in_code();
        if !tools.is_empty() {
            let names: Vec<String> = tools.iter().map(|name| format!("`{name}`")).collect();
            let names = names.join(", ");
            body.push(Cell::Markdown(format!(
                "The code below calls {names}, which ran on the machine of whoever wrote this. It is no part of what is exported: define it first."
            )));
            self.own_tools.push((name.clone(), names));
        }
        let mut failed = 0;
        for (at, step) in steps.iter().enumerate() {
            let later = steps.get(at + 1..).unwrap_or_default();
            if !step.succeeded && !keeps_failed && later.iter().any(|later| later.succeeded) {
                failed += 1;
                continue;
            }
            self.steps += 1;
            body.push(self.step(step));
        }
        if failed > 0 {
            self.left_out.push((name, failed));
        }
        let text = recording.text();
        if !text.is_empty() {
            body.push(Cell::Markdown(text));
        }
    }

    fn step(&mut self, step: &Step) -> Cell {
        match &step.code {
            Code::Python(code) => {
                self.needs_of(code);
                Cell::Python(code.trim_end().to_owned())
            }
            Code::Bash(command) => Cell::Bash(command.trim_end().to_owned()),
            Code::Write { path, text } => {
                if path.ends_with(".py") {
                    self.needs_of(text);
                }
                Cell::Write {
                    path: path.clone(),
                    text: text.clone(),
                }
            }
            Code::Replace { path, old, new } => Cell::Python(format!(
                "path = {}\ntext = open(path).read()\nopen(path, \"w\").write(text.replace({}, {}, 1))",
                literal(path),
                literal(old),
                literal(new)
            )),
        }
    }
}

/// The first cell: where files are, and what the notebook was given. Other values come behind it
/// (papermill), so nothing is done with them here.
fn parameters(needs: &[String], inputs: &[String], variables: &[String]) -> String {
    let mut lines = Vec::new();
    if !needs.is_empty() {
        lines.push(format!("# pip install {}", needs.join(" ")));
    }
    lines.extend([
        "# Parameters: where the files are. Change them to run this on new data.".to_owned(),
        "INPUT_DIR = \".\"".to_owned(),
        "OUTPUT_DIR = \"outputs\"".to_owned(),
    ]);
    lines.extend(
        inputs
            .iter()
            .map(|name| format!("# Reads {name}, which was attached.")),
    );
    lines.extend(variables.iter().cloned());
    lines.join("\n")
}

/// The second cell: gives the code below its places, as the sandbox did.
fn setup(body: &[Cell]) -> String {
    let uses = |word: &str| {
        body.iter().any(|cell| match cell {
            Cell::Markdown(_) => false,
            Cell::Python(code) | Cell::Bash(code) => code.contains(word),
            Cell::Write { text, .. } => text.contains(word),
        })
    };
    let mut lines = vec![
        "import os",
        "",
        "os.makedirs(OUTPUT_DIR, exist_ok=True)",
        "os.environ[\"INPUT_DIR\"] = os.path.abspath(INPUT_DIR)",
        "os.environ[\"OUTPUT_DIR\"] = os.path.abspath(OUTPUT_DIR)",
    ];
    if uses("SCRIPT_VARS") {
        // The offline backend's own.
        lines.push("os.environ[\"SCRIPT_VARS\"] = os.devnull");
    }
    lines.join("\n")
}

/// The variables that a cell sets with `%set NAME VALUE`.
fn set_lines(source: &str) -> Vec<String> {
    let lines = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("%set "));
    lines
        .filter_map(|rest| {
            let (name, value) = rest.trim().split_once(char::is_whitespace)?;
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !name.starts_with(|c: char| c.is_ascii_digit());
            let value = value.trim();
            let number = value.parse::<f64>().is_ok_and(f64::is_finite);
            let value = match number {
                true => value.to_owned(),
                false => literal(value),
            };
            is_name.then(|| format!("{name} = {value}"))
        })
        .collect()
}

pub(super) fn name_of(cell: &Value) -> String {
    match cell.get("execution_count").and_then(Value::as_u64) {
        Some(count) => format!("In [{count}]"),
        None => "a cell".to_owned(),
    }
}

fn is_tagged(cell: &Value) -> bool {
    let tags = cell.pointer("/metadata/tags").and_then(Value::as_array);
    let is_tag = |tag: &Value| matches!(tag.as_str(), Some("parameters" | "injected-parameters"));
    tags.is_some_and(|tags| tags.iter().any(is_tag))
}

/// The text of a cell: a string, or lines.
pub(super) fn source_of(cell: &Value) -> String {
    match cell.get("source") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

fn quoted(prompt: &str) -> String {
    let lines: Vec<String> = prompt.lines().map(|line| format!("> {line}")).collect();
    lines.join("\n")
}

/// A string of Python: JSON's escapes are a part of Python's.
fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_that_a_step_told() {
        let told = "Python 3.12.3, numpy 2.4.6, seed 42\npandas==3.0.1\nsklearn: 1.8.0\nmean 3.5";
        let mut export = Export {
            versions: versions(told).into_iter().collect(),
            ..Export::default()
        };
        export.needs_of("import numpy, pandas, scipy\nfrom sklearn import svm");
        for (package, version) in &mut export.packages {
            *version = export.versions.get(package).cloned();
        }
        let needs = [
            "numpy==2.4.6",
            "pandas==3.0.1",
            "scikit-learn==1.8.0",
            "scipy",
        ];
        assert_eq!(export.needs(), needs);
    }

    #[test]
    fn packages_and_parameters_are_found() {
        let code = "import os, numpy as np\nfrom sklearn.linear_model import Ridge\n  import pandas as pd\nfrom . import x\nprint('import this')";
        assert_eq!(packages(code), ["numpy", "scikit-learn", "pandas"]);
        assert_eq!(
            set_lines("%set rate 0.25\n%set town Bergen \"x\"\n%set 1a 2\nprompt"),
            ["rate = 0.25", "town = \"Bergen \\\"x\\\"\""]
        );
    }
}
