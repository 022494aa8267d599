//! A tool call described for a person: its language, its purpose, the code, the rest of its input.
//!
//! Results are read in `step`. Inputs are open objects: a field that is missing or odd counts as
//! empty.

use serde_json::Value;

use super::foreign;
use crate::chat::wrapped_python::{self, Scripts, Wrapped};

/// The longest title, in characters.
const MAX_TITLE_CHARS: usize = 70;

/// A call and its description.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tool {
    /// `Python`, `Bash`, `Editor`, `Web search`, …
    pub(crate) label: String,
    /// What the call does, from its first comment or words; may be empty.
    pub(crate) title: String,
    /// Pieces of code to show, each with its language.
    pub(crate) code: Vec<(String, String)>,
    /// The exact input, for `text/plain`.
    pub(crate) exact: String,
}

impl Tool {
    /// Describes a call by its name and input. If it writes files, they are noted in `scripts`.
    pub(crate) fn describe(name: &str, input: &Value, scripts: &mut Scripts) -> Self {
        let text = |key: &str| input.get(key).and_then(Value::as_str).unwrap_or_default();
        match name {
            "bash_code_execution" | "bash" => Self::bash(text("command"), input, scripts),
            "code_execution" => Self::python(text("code"), None, text("code")),
            "text_editor_code_execution" | "str_replace_based_edit_tool" => {
                Self::editor(input, scripts)
            }
            "web_search" => Self::plain("Web search", text("query")),
            "web_fetch" => Self::plain("Web fetch", text("url")),
            "tool_search_tool_regex" | "tool_search_tool_bm25" => {
                let query = match text("query") {
                    "" => text("pattern"),
                    query => query,
                };
                Self::plain("Tool search", query)
            }
            _ => Self::other(name, input),
        }
    }

    /// Returns the code as it is shown, or the whole input if there is no code.
    pub(crate) fn shown_code(&self) -> &str {
        self.code.first().map_or(&self.exact, |(_, code)| code)
    }

    fn bash(command: &str, input: &Value, scripts: &mut Scripts) -> Self {
        if command.is_empty() {
            let restart = input.get("restart").and_then(Value::as_bool) == Some(true);
            return Self::plain("Bash", if restart { "restart" } else { "" });
        }
        if let Some(Wrapped { python, shell }) = wrapped_python::unwrap(command, scripts) {
            return Self::python(&python, shell, command);
        }
        Self {
            label: "Bash".to_owned(),
            title: title_of(command, "bash"),
            code: vec![("bash".to_owned(), command.to_owned())],
            exact: command.to_owned(),
        }
    }

    fn python(code: &str, shell: Option<String>, exact: &str) -> Self {
        // The comment of the command says what this run is for, and the file may be run many times.
        let of_shell = shell.as_deref().and_then(comment_of);
        let mut pieces = vec![("python".to_owned(), code.to_owned())];
        pieces.extend(shell.map(|shell| ("bash".to_owned(), shell)));
        Self {
            label: "Python".to_owned(),
            title: of_shell.unwrap_or_else(|| title_of(code, "python")),
            code: pieces,
            exact: exact.to_owned(),
        }
    }

    fn editor(input: &Value, scripts: &mut Scripts) -> Self {
        let text = |key: &str| input.get(key).and_then(Value::as_str).unwrap_or_default();
        let (command, path) = (text("command"), text("path"));
        let (verb, code) = match command {
            "create" => {
                scripts.wrote(path, text("file_text"));
                let language = language_of(path).to_owned();
                ("create", vec![(language, text("file_text").to_owned())])
            }
            "str_replace" => {
                scripts.changed(path);
                let diff = diff(text("old_str"), text("new_str"));
                ("edit", vec![("diff".to_owned(), diff)])
            }
            "view" => ("view", Vec::new()),
            other => {
                scripts.changed(path);
                (other, Vec::new())
            }
        };
        let title = shorten(&format!("{verb} {path}"));
        let exact = match code.first() {
            Some((_, code)) => format!("{command} {path}\n{code}"),
            None => format!("{command} {path}"),
        };
        Self {
            label: "Editor".to_owned(),
            title,
            code,
            exact,
        }
    }

    fn plain(label: &str, title: &str) -> Self {
        Self {
            label: label.to_owned(),
            title: shorten(title),
            code: Vec::new(),
            exact: title.to_owned(),
        }
    }

    fn other(name: &str, input: &Value) -> Self {
        let arguments = serde_json::to_string_pretty(input).unwrap_or_default();
        let empty = input.as_object().is_none_or(serde_json::Map::is_empty);
        let pairs: Vec<String> = input
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Self {
            label: format!("Tool {name}"),
            title: shorten(&pairs.join(", ")),
            code: if empty {
                Vec::new()
            } else {
                vec![("json".to_owned(), arguments.clone())]
            },
            exact: arguments,
        }
    }
}

/// Tells from its name the language of a file, as a fence names it.
pub(crate) fn language_of(path: &str) -> &'static str {
    let extension = path
        .rsplit('/')
        .next()
        .and_then(|name| name.rsplit_once('.'));
    match extension.map(|(_, extension)| extension) {
        Some("py") => "python",
        Some("sh" | "bash") => "bash",
        Some("js" | "mjs") => "javascript",
        Some("ts") => "typescript",
        Some("rs") => "rust",
        Some("r" | "R") => "r",
        Some("sql") => "sql",
        Some("json" | "ipynb") => "json",
        Some("yaml" | "yml") => "yaml",
        Some("toml") => "toml",
        Some("html" | "htm") => "html",
        Some("css") => "css",
        Some("xml" | "svg") => "xml",
        Some("c" | "h") => "c",
        Some("cpp" | "hpp" | "cc") => "cpp",
        Some("go") => "go",
        Some("java") => "java",
        Some("tex") => "latex",
        Some("md") => "markdown",
        Some("diff" | "patch") => "diff",
        _ => "text",
    }
}

/// The lines that are not blank, trimmed.
fn lines_of(code: &str) -> impl Iterator<Item = &str> {
    let lines = code.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("#!"))
}

/// The comment that the code begins with.
fn comment_of(code: &str) -> Option<String> {
    let first = lines_of(code).next()?;
    let comment = first.strip_prefix('#')?.trim_start_matches('#').trim();
    (!comment.is_empty()).then(|| shorten(comment))
}

/// The first line of the docstring that the code begins with.
fn docstring_of(code: &str) -> Option<String> {
    let first = lines_of(code).next()?.trim_start_matches(['r', 'R']);
    let quotes = ["\"\"\"", "'''"];
    let quote = quotes.into_iter().find(|quote| first.starts_with(quote))?;
    let (_, text) = code.split_once(quote)?;
    let (text, _) = text.split_once(quote).unwrap_or((text, ""));
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(shorten(line))
}

/// The first comment, else the first line that does something.
fn title_of(code: &str, language: &str) -> String {
    let lines = || lines_of(code);
    let first = lines().next().unwrap_or_default();
    let said = comment_of(code).or_else(|| match language {
        "python" => docstring_of(code),
        _ => None,
    });
    if let Some(said) = said {
        return said;
    }
    let dull = |line: &&str| match language {
        "python" => {
            line.starts_with("import ") || line.starts_with("from ") || line.starts_with('#')
        }
        _ => line.starts_with("set -") || line.starts_with("cd ") && !line.contains("&&"),
    };
    let line = lines().find(|line| !dull(line)).unwrap_or(first);
    let line = line
        .strip_prefix("cd ")
        .and_then(|rest| rest.split_once("&&"))
        .map_or(line, |(_, rest)| rest.trim());
    shorten(line)
}

fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim();
    foreign::shorten(line, MAX_TITLE_CHARS)
}

fn diff(old: &str, new: &str) -> String {
    // To compare takes more than linear time. Above this size the two texts are shown as they are.
    const MAX_DIFF_BYTES: usize = 100_000;
    let mut out = String::new();
    if old.len() + new.len() > MAX_DIFF_BYTES {
        let lines = old.lines().map(|line| ('-', line));
        for (sign, line) in lines.chain(new.lines().map(|line| ('+', line))) {
            out.push(sign);
            out.push_str(line);
            out.push('\n');
        }
        return out;
    }
    let changes = similar::TextDiff::from_lines(old, new);
    for change in changes.iter_all_changes() {
        out.push(match change.tag() {
            similar::ChangeTag::Delete => '-',
            similar::ChangeTag::Insert => '+',
            similar::ChangeTag::Equal => ' ',
        });
        out.push_str(change.value().trim_end_matches('\n'));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(name: &str, input: &Value, label: &str, title: &str) {
        let tool = Tool::describe(name, input, &mut Scripts::default());
        assert_eq!((tool.label.as_str(), tool.title.as_str()), (label, title));
    }

    #[test]
    fn a_run_of_a_file_is_named_by_its_command_or_else_by_the_file() {
        let mut scripts = Scripts::default();
        scripts.wrote(
            "test.py",
            "#!/usr/bin/python3\n\"\"\"\nEdge cases.\n\nMore.\n\"\"\"\nimport sys\n",
        );
        for (command, title) in [
            (
                "# The first run\npython3 test.py | tee out.txt",
                "The first run",
            ),
            ("python3 test.py | tee out.txt", "Edge cases."),
            ("python3 test.py", "Edge cases."),
        ] {
            let input = json!({ "command": command });
            let tool = Tool::describe("bash_code_execution", &input, &mut scripts);
            assert_eq!(
                (tool.label.as_str(), tool.title.as_str()),
                ("Python", title)
            );
        }
        let python = |code: &str| json!({ "code": code });
        check(
            "code_execution",
            &python("r'''One line.'''\nx = 1"),
            "Python",
            "One line.",
        );
        check(
            "code_execution",
            &python("\"\"\" \"\"\"\nimport os\nrun()"),
            "Python",
            "\"\"\" \"\"\"",
        );
        check(
            "code_execution",
            &python("'''never closed"),
            "Python",
            "never closed",
        );
    }

    #[test]
    fn titles_say_what_a_call_does() {
        let bash = |command: &str| json!({ "command": command });
        check(
            "bash_code_execution",
            &bash("# Count the errors\ngrep x"),
            "Bash",
            "Count the errors",
        );
        check(
            "bash_code_execution",
            &bash("#!/bin/sh\nset -e\ncd /x\nls -l"),
            "Bash",
            "ls -l",
        );
        check(
            "bash_code_execution",
            &bash("cd /x && wc -l a"),
            "Bash",
            "wc -l a",
        );
        check("bash_code_execution", &bash(""), "Bash", "");
        check(
            "bash_code_execution",
            &json!({"restart": true}),
            "Bash",
            "restart",
        );
        check("bash_code_execution", &json!([1]), "Bash", "");
        let code = json!({"code": "import os\n\nprint(os.getcwd())"});
        check("code_execution", &code, "Python", "print(os.getcwd())");
        let view = json!({"command": "view", "path": "/a.txt"});
        check("text_editor_code_execution", &view, "Editor", "view /a.txt");
        check("fetch_data", &json!({"a": 1}), "Tool fetch_data", "a=1");
    }

    #[test]
    fn an_edit_is_a_diff() {
        let input = json!({"command": "str_replace", "path": "a.py", "old_str": "a\nb\n", "new_str": "a\nc\n"});
        let tool = Tool::describe(
            "text_editor_code_execution",
            &input,
            &mut Scripts::default(),
        );
        assert_eq!(tool.code, [("diff".to_owned(), " a\n-b\n+c\n".to_owned())]);
    }
}
