//! The code that ran in earlier turns, as one script that runs it again in a fresh sandbox. Pure.
//!
//! Only calls with a result are taken, because only those ran. Each step runs in a process and an
//! `$OUTPUT_DIR` of its own, so that no file is delivered twice. If a step fails, the script goes
//! on, as the conversation went on.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::anthropic::block::{Block, Edited, View};

/// What the script is called in the sandbox.
pub const NAME: &str = "claude_replay.sh";
/// How the prompt begins that asks Claude to run it.
pub(super) const ASKS: &str =
    "Run this command once, exactly as it stands: it makes the new sandbox as the old one was,";
/// How its own lines begin.
const MARK: &str = "claude-replay:";

/// A script and how to tell that it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The script.
    pub script: String,
    /// How many steps it has.
    pub steps: usize,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

/// How a replay went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Went {
    /// The whole script ran. Some steps may have failed, as they may have done the first time.
    Through {
        /// Steps with an exit code other than 0.
        failed: usize,
    },
    /// The script did not run to its end, or another script ran.
    Not,
}

impl Replay {
    /// Makes the script of what ran in `turns`, each the execution count of a cell and the blocks of
    /// its answer; `None` when nothing did.
    #[must_use]
    pub fn of(turns: &[(u32, Vec<Value>)]) -> Option<Self> {
        let mut steps: Vec<(u32, String)> = Vec::new();
        for (count, blocks) in turns {
            let blocks: Vec<Block> = blocks.iter().cloned().map(Block::from_raw).collect();
            let done: Vec<&str> = blocks.iter().filter_map(result_of).collect();
            for block in &blocks {
                if let View::ServerToolUse { id, name, input } = block.view()
                    && done.contains(&id)
                    && let Some(code) = step(name, input)
                {
                    steps.push((*count, code));
                }
            }
        }
        if steps.is_empty() {
            return None;
        }
        let count = steps.len();
        let mut script = format!(
            "#!/bin/bash\n# Runs again what ran in earlier turns, in its order.\n\
             start=$PWD; failed=0; work=$(mktemp -d)\n\
             run() {{\n  export OUTPUT_DIR=$(mktemp -d)\n  \
             (cd \"$start\" && bash \"$work/step\" </dev/null >\"$work/out\" 2>&1); code=$?\n  \
             [ $code = 0 ] || {{ failed=$((failed + 1)); tail -n 5 \"$work/out\"; }}\n  \
             echo \"{MARK} step $1 of {count} (In [$2]): exit $code\"\n}}\n"
        );
        for (at, (cell, code)) in steps.iter().enumerate() {
            let end = delimiter(code, at + 1);
            script.push_str(&format!(
                "cat >\"$work/step\" <<'{end}'\n{code}\n{end}\nrun {} {cell}\n",
                at + 1
            ));
        }
        script.push_str(&format!(
            "echo \"{MARK} $(sha256sum \"$0\" | cut -d' ' -f1) ran {count} steps, $failed failed\"\n"
        ));
        let digest = Sha256::digest(&script);
        Some(Self {
            steps: count,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            script,
        })
    }

    /// Returns what Claude is asked, so that the script runs as it stands.
    #[must_use]
    pub fn prompt(&self) -> String {
        format!(
            "{ASKS} with {} \
steps of this conversation from the attached `{NAME}`. Then say in one sentence which of them failed, if any.\n\n\
```bash\n# Run the recorded steps again\n\
bash \"$(find \"${{INPUT_DIR:-/}}\" -name {NAME} -type f 2>/dev/null | head -n 1)\"\n```",
            self.steps
        )
    }

    /// Finds out from the blocks of the answer whether the script ran.
    #[must_use]
    pub fn went(&self, blocks: &[&Block]) -> Went {
        let line = format!("{MARK} {} ran {} steps, ", self.sha256, self.steps);
        let failed = blocks.iter().find_map(|block| {
            let View::Executed {
                outcome: Ok(executed),
                ..
            } = block.view()
            else {
                return None;
            };
            let (_, after) = executed.stdout?.split_once(&line)?;
            after.split_whitespace().next()?.parse().ok()
        });
        failed.map_or(Went::Not, |failed| Went::Through { failed })
    }
}

fn result_of(block: &Block) -> Option<&str> {
    match block.view() {
        View::Executed {
            tool_use_id,
            outcome: Ok(_),
        } => Some(tool_use_id),
        View::Edited {
            tool_use_id,
            outcome: Ok(Edited::Created { .. } | Edited::Replaced { .. }),
        } => Some(tool_use_id),
        _ => None,
    }
}

/// The shell code of one call; `None` for one that changes nothing, or is a replay itself.
fn step(name: &str, input: &Value) -> Option<String> {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    match name {
        "bash_code_execution" => {
            let command = text("command")?;
            (!command.contains(NAME)).then(|| command.trim_end().to_owned())
        }
        "code_execution" => Some(python(text("code")?)),
        "text_editor_code_execution" => match text("command")? {
            "create" => Some(python(&format!(
                "import os\npath = {}\nos.makedirs(os.path.dirname(path) or '.', exist_ok=True)\n\
                 open(path, 'w').write({})",
                literal(text("path")?),
                literal(text("file_text")?)
            ))),
            "str_replace" => Some(python(&format!(
                "path = {}\ntext = open(path).read()\n\
                 open(path, 'w').write(text.replace({}, {}, 1))",
                literal(text("path")?),
                literal(text("old_str")?),
                literal(text("new_str").unwrap_or_default())
            ))),
            _ => None,
        },
        _ => None,
    }
}

fn python(code: &str) -> String {
    let end = delimiter(code, 0);
    format!("python3 - <<'{end}'\n{}\n{end}", code.trim_end())
}

/// A string of Python: JSON's escapes are a part of Python's.
fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

/// A word that no line of the code is.
fn delimiter(code: &str, number: usize) -> String {
    let mut word = format!("CLAUDE_{number}");
    while code.lines().any(|line| line == word) {
        word.push('_');
    }
    word
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests write the script that they run"
)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(id: &str, name: &str, input: &Value) -> Value {
        json!({"type": "server_tool_use", "id": id, "name": name, "input": input})
    }

    fn ran(id: &str, stdout: &str) -> Value {
        json!({"type": "bash_code_execution_tool_result", "tool_use_id": id, "content": {
            "type": "bash_code_execution_result", "stdout": stdout, "stderr": "", "return_code": 0, "content": []}})
    }

    #[test]
    fn what_ran_becomes_a_script_that_really_runs() {
        let bash = "bash_code_execution";
        let turns = [
            (
                1,
                vec![
                    call(
                        "a",
                        bash,
                        &json!({"command": "printf 'x\\n' > n.txt; cat >&2"}),
                    ),
                    ran("a", ""),
                    call("lost", bash, &json!({"command": "echo never"})),
                ],
            ),
            (
                3,
                vec![
                    call(
                        "b",
                        "text_editor_code_execution",
                        &json!({"command": "create", "path": "d/t.txt", "file_text": "CLAUDE_0\n'\"é\\"}),
                    ),
                    json!({"type": "text_editor_code_execution_tool_result", "tool_use_id": "b", "content": {
                    "type": "text_editor_code_execution_create_result", "is_file_update": false}}),
                    call(
                        "c",
                        bash,
                        &json!({"command": "cat d/t.txt >> n.txt; exit 3\nCLAUDE_3"}),
                    ),
                    ran("c", ""),
                ],
            ),
            (
                4,
                vec![
                    call("d", bash, &json!({"command": format!("bash {NAME}")})),
                    ran("d", ""),
                ],
            ),
        ];
        let replay = Replay::of(&turns).unwrap();
        assert_eq!(replay.steps, 3);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        std::io::Write::write_all(
            &mut std::fs::File::create(&path).unwrap(),
            replay.script.as_bytes(),
        )
        .unwrap();
        let output = std::process::Command::new("bash")
            .arg(&path)
            .current_dir(directory.path())
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.contains("step 3 of 3 (In [3]): exit 3"), "{stdout}");
        let made = std::fs::read_to_string(directory.path().join("n.txt")).unwrap();
        assert_eq!(made, "x\nCLAUDE_0\n'\"é\\");
        assert_eq!(
            replay.went(&[&Block::from_raw(ran("e", &stdout))]),
            Went::Through { failed: 1 }
        );
        let other = Block::from_raw(ran("e", "I ran it, believe me"));
        assert_eq!(replay.went(&[&other]), Went::Not);
        assert!(replay.prompt().contains("3 steps"));
    }

    #[test]
    fn nothing_that_ran_is_no_script() {
        assert_eq!(
            Replay::of(&[(1, vec![json!({"type": "text", "text": "hi"})])]),
            None
        );
    }
}
