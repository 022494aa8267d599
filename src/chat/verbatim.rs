//! Code that is to run as it stands (`%%exec`): how Claude is asked, and whether that is what ran.
//!
//! The API runs nothing without the model, so the model is asked for one exact command, and what it
//! ran is compared with it. Only white space at the end does not count.

use serde_json::Value;

use crate::anthropic::block::{Block, View};
use crate::anthropic::request::Role;

use super::history::Said;
use super::wrapped_python::{self, Scripts};

/// If the code has at least this many characters, it is uploaded and the command names the file:
/// text that the model does not write cannot be changed by it and costs no output.
const LONGEST_INLINE: usize = 2_000;
/// Digits of the hash in a file's name.
const SHORT_HASH: usize = 12;

/// How the prompt begins.
const ASKS: &str = "Run this command exactly as it is, in one call of bash in your sandbox: every character, nothing \
added, nothing left out, also if it looks wrong. Run nothing else, before or after, and do not \
mend it if it fails. Its output is shown as it is, so answer with the word \"Done\" alone.\n\n";

/// What code is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Shell commands.
    Bash,
    /// Python.
    Python,
}

/// Code that is to run as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verbatim {
    /// What it is written in.
    pub language: Language,
    /// The code, without white space at its end.
    pub code: String,
    /// SHA-256 of [`file_text`](Self::file_text), in hexadecimal; the code is uploaded when it is long.
    pub sha256: String,
}

/// How what ran differs from the cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// Nothing ran.
    Nothing,
    /// Something else ran.
    Other {
        /// What ran, each call as it was made.
        ran: Vec<String>,
    },
    /// It ran, and more beside it.
    More {
        /// What else ran.
        ran: Vec<String>,
    },
}

/// How a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It ended with another exit code than 0.
    Exit {
        /// The exit code.
        code: i64,
        /// Whether Python did not know a name, such as one of another cell.
        misses_name: bool,
    },
    /// The sandbox did not run it to its end.
    NotRun {
        /// The API's word for it.
        why: String,
    },
}

impl Language {
    /// Returns its name in a cell and in a fence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Python => "python",
        }
    }
}

impl Verbatim {
    /// Returns whether the code travels as a file.
    #[must_use]
    pub fn is_uploaded(&self) -> bool {
        self.code.chars().count() > LONGEST_INLINE
    }

    /// Returns the content of the file.
    #[must_use]
    pub fn file_text(&self) -> String {
        format!("{}\n", self.code)
    }

    /// Returns the name of the file.
    #[must_use]
    pub fn file_name(&self) -> String {
        let hash = self.sha256.get(..SHORT_HASH).unwrap_or(&self.sha256);
        match self.language {
            Language::Bash => format!("cell-{hash}.sh"),
            Language::Python => format!("cell-{hash}.py"),
        }
    }

    /// Returns the command that Claude is asked to run.
    #[must_use]
    pub fn command(&self) -> String {
        if self.is_uploaded() {
            let (name, sha256) = (self.file_name(), &self.sha256);
            let runs = match self.language {
                Language::Bash => "bash",
                Language::Python => "python3",
            };
            // Where uploads lie is not documented, and what runs is to be what was sent.
            return format!(
                "f=$(find \"${{INPUT_DIR:-/}}\" -name {name} -type f 2>/dev/null | head -n 1) && \
                 echo \"{sha256}  $f\" | sha256sum --check --quiet && {runs} \"$f\""
            );
        }
        match self.language {
            Language::Bash => self.code.clone(),
            Language::Python => {
                let mut end = "CELL".to_owned();
                while self.code.lines().any(|line| line == end) {
                    end.push('_');
                }
                format!("python3 - <<'{end}'\n{}\n{end}", self.code)
            }
        }
    }

    /// Returns the prompt.
    #[must_use]
    pub fn prompt(&self) -> String {
        let command = self.command();
        let longest = command.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        format!("{ASKS}{fence}bash\n{command}\n{fence}")
    }

    /// Returns whether a call is the one that was asked for.
    #[must_use]
    pub fn is(&self, name: &str, input: &Value) -> bool {
        let text = |key: &str| input.get(key).and_then(Value::as_str).unwrap_or_default();
        let command = text("command");
        if name == "bash_code_execution" && command.trim_end() == self.command().trim_end() {
            return true;
        }
        if self.language != Language::Python || self.is_uploaded() {
            return false;
        }
        // Python may as well run in the interpreter, or wrapped in another way.
        match name {
            "code_execution" => text("code").trim_end() == self.code,
            "bash_code_execution" => wrapped_python::unwrap(command, &mut Scripts::default())
                .is_some_and(|ran| ran.shell.is_none() && ran.python.trim_end() == self.code),
            _ => false,
        }
    }

    /// Compares what a turn ran with what it should have run.
    ///
    /// # Errors
    /// How they differ.
    pub fn check(&self, messages: &[Said]) -> Result<(), Mismatch> {
        let (mut hit, mut ran) = (0_usize, Vec::new());
        for (name, input) in calls(messages) {
            if self.is(&name, &input) {
                hit += 1;
                // The code must run once only.
                if hit == 1 {
                    continue;
                }
            }
            ran.push(written(&name, &input));
        }
        match (hit, ran.is_empty()) {
            (0, true) => Err(Mismatch::Nothing),
            (0, false) => Err(Mismatch::Other { ran }),
            (_, true) => Ok(()),
            (_, false) => Err(Mismatch::More { ran }),
        }
    }
}

/// Returns the cell that made a prompt of [`Verbatim::prompt`], without its code if that was
/// uploaded; `None` for any other prompt.
pub(super) fn typed(prompt: &str) -> Option<String> {
    let fenced = prompt.strip_prefix(ASKS)?;
    let (fence, rest) = fenced.split_once("bash\n")?;
    let command = rest.strip_suffix(fence)?.trim_end_matches('\n');
    if command.starts_with("f=$(find ") {
        let language = match command.contains("&& python3 ") {
            true => Language::Python,
            false => Language::Bash,
        };
        return Some(format!("%%exec {}", language.name()));
    }
    let python = command.strip_prefix("python3 - <<'").and_then(|rest| {
        let (end, code) = rest.split_once("'\n")?;
        code.strip_suffix(end)?.strip_suffix('\n')
    });
    Some(match python {
        Some(code) => format!("%%exec python\n{code}"),
        None => format!("%%exec bash\n{command}"),
    })
}

/// Returns how the last command of a turn failed; `None` when it did not.
#[must_use]
pub fn failure(messages: &[Said]) -> Option<Failure> {
    let last = blocks(messages)
        .filter(|block| matches!(block.view(), View::Executed { .. }))
        .last()?;
    let View::Executed { outcome, .. } = last.view() else {
        return None;
    };
    match outcome {
        Ok(executed) if executed.return_code == 0 => None,
        Ok(executed) => Some(Failure::Exit {
            code: executed.return_code,
            misses_name: executed.stderr.contains("NameError: name"),
        }),
        Err(error) => Some(Failure::NotRun {
            why: error.code.to_owned(),
        }),
    }
}

fn blocks(messages: &[Said]) -> impl Iterator<Item = &Block> {
    let said = messages.iter().filter(|said| said.role == Role::Assistant);
    said.flat_map(|said| &said.blocks)
}

/// Every call that could run or change something.
fn calls(messages: &[Said]) -> Vec<(String, Value)> {
    blocks(messages)
        .filter_map(|block| match block.view() {
            View::ServerToolUse { name, input, .. } | View::ToolUse { name, input, .. } => {
                Some((name.to_owned(), input.clone()))
            }
            _ => None,
        })
        .collect()
}

/// A call as it was made.
fn written(name: &str, input: &Value) -> String {
    ["command", "code"]
        .iter()
        .find_map(|key| input.get(*key)?.as_str())
        .filter(|_| name != "text_editor_code_execution")
        .map_or_else(|| format!("{name} {input}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verbatim(language: Language, code: &str) -> Verbatim {
        Verbatim {
            language,
            code: code.to_owned(),
            sha256: "0123456789abcdef".to_owned(),
        }
    }

    fn turn(calls: &[(&str, Value)]) -> Vec<Said> {
        let blocks = calls.iter().enumerate();
        let blocks = blocks.map(|(n, (name, input))| {
            json!({"type": "server_tool_use", "id": format!("srvtoolu_{n}"), "name": name, "input": input})
        });
        vec![Said::assistant(blocks.map(Block::from_raw).collect())]
    }

    fn bash(command: &str) -> (&'static str, Value) {
        ("bash_code_execution", json!({"command": command}))
    }

    #[test]
    fn the_same_command_is_the_same_but_for_its_end() {
        let cell = verbatim(Language::Bash, "ls  -l");
        assert_eq!(cell.check(&turn(&[bash("ls  -l\n ")])), Ok(()));
        for other in ["ls -l", " ls  -l", "ls  -l; true"] {
            let ran = vec![other.to_owned()];
            assert_eq!(
                cell.check(&turn(&[bash(other)])),
                Err(Mismatch::Other { ran })
            );
        }
        assert_eq!(cell.check(&turn(&[])), Err(Mismatch::Nothing));
        assert_eq!(
            cell.check(&turn(&[bash("ls  -l"), bash("pwd")])),
            Err(Mismatch::More {
                ran: vec!["pwd".to_owned()]
            })
        );
        assert_eq!(
            cell.check(&turn(&[bash("ls  -l"), bash("ls  -l")])),
            Err(Mismatch::More {
                ran: vec!["ls  -l".to_owned()]
            })
        );
    }

    #[test]
    fn python_may_run_in_the_interpreter_but_not_changed() {
        let cell = verbatim(Language::Python, "print(1)\nCELL\nx = '''\nCELL_\n'''");
        assert!(cell.command().starts_with("python3 - <<'CELL__'\nprint(1)"));
        assert_eq!(cell.check(&turn(&[bash(&cell.command())])), Ok(()));
        let repl = (
            "code_execution",
            json!({"code": format!("{}\n", cell.code)}),
        );
        assert_eq!(cell.check(&turn(&[repl])), Ok(()));
        let changed = ("code_execution", json!({"code": "print(2)"}));
        assert!(cell.check(&turn(&[changed])).is_err());
        let other = verbatim(Language::Python, "print(1)");
        assert_eq!(other.check(&turn(&[bash("python3 -c 'print(1)'")])), Ok(()));
        assert!(
            other
                .check(&turn(&[bash("cd /tmp && python3 -c 'print(1)'")]))
                .is_err()
        );
        // To write it into a file is not to run it.
        let created = json!({"command": "create", "path": "a.py", "file_text": "print(1)"});
        let created = ("text_editor_code_execution", created);
        assert!(other.check(&turn(&[created])).is_err());
    }

    #[test]
    fn long_code_is_named_not_written() {
        let cell = verbatim(Language::Python, &"x = 1\n".repeat(1_000));
        assert!(cell.is_uploaded());
        assert!(cell.prompt().len() < 1_500);
        assert!(cell.command().contains("cell-0123456789ab.py"));
        assert_eq!(cell.check(&turn(&[bash(&cell.command())])), Ok(()));
    }

    #[test]
    fn a_fence_in_the_code_does_not_end_the_prompt() {
        let cell = verbatim(Language::Bash, "cat <<'E'\n````\nE");
        assert!(cell.prompt().ends_with("\n`````"));
    }
}
