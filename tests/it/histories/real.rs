//! Some random histories of a whole kernel over HTTP, before a backend that is as strict.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::support::rig::{Ran, Rig, arm, asked};

/// How many histories: each is a kernel and a backend of its own.
const HISTORIES: u32 = 30;

const SCRIPT: &str = r#"
# /^Work .*/

> Let me look.

```bash
date +%Y >> log.txt; wc -l < log.txt
```

> Now I know.

Done.

# /^Pause .*/

> First this.

```json block
{"type": "text", "text": "\n\n"}
```

```bash
echo one
```

<!-- stop: pause_turn -->

> Then that.

Done.

# /^Break .*/

> Let me see.

```bash
echo half
```

Half an answer

<!-- fault: cut -->

# /^Blank .*/

```json block
{"type": "text", "text": ""}
```

> Hm.

```json block
{"type": "text", "text": " "}
```

<!-- stop: end_turn -->

# /^Odd .*/

> Hm.

```json block
{"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_odd", "content":
 {"type": "bash_code_execution_tool_result_error", "error_code": "unavailable"}}
```

```json block
{"type": "server_tool_use", "id": "srvtoolu_odd", "name": "bash_code_execution", "input": "odd"}
```

> So so.

Odd.

# /^Say .*/

> Hm.

Heard.
"#;

#[derive(Debug, Clone)]
enum Step {
    /// The cell at this position runs, or a new one below all.
    Run(u8, &'static str),
    Insert(u8, &'static str),
    Delete(u8),
    /// A cell of magics.
    Magic(&'static str),
    /// Magics above a file that is not there: the cell fails, and nothing of it holds.
    Fails(&'static str),
    /// The steps run again, with a prompt below them or not.
    Replay(&'static str),
    /// A file goes with a prompt in a new cell.
    Attach(u8, &'static str),
    /// A file is removed, whether it is there or not.
    Remove(u8),
    /// Something goes wrong at the API, the next time that it can.
    Trouble(&'static str),
}

fn steps() -> impl Strategy<Value = Step> {
    let prompt = prop_oneof![
        3 => Just("Say"),
        2 => Just("Work"),
        1 => Just("Pause"),
        1 => Just("Break"),
        1 => Just("Blank"),
        1 => Just("Odd"),
    ];
    let magic = prop_oneof![
        Just("%undo"),
        Just("%system Be brief."),
        Just("%system --clear"),
        Just("%python off"),
        Just("%python on"),
        Just("%tools none"),
        Just("%tools default"),
        Just("%effort low"),
        Just("%model sonnet"),
        Just("%model claude-opus-4-7"),
        Just("%model haiku"),
        Just("%model opus"),
        Just("%thread aside"),
        Just("%thread main"),
        Just("%fork idea"),
        Just("%reset sandbox"),
    ];
    let fails = prop_oneof![
        Just("%max_tokens 1234"),
        Just("%max_tokens 1234\n%thread lost"),
        Just("%max_tokens 1234\n%undo"),
    ];
    let way = prop_oneof![Just("--document"), Just("--sandbox")];
    let trouble = prop_oneof![
        Just("expire_container told=event"),
        Just("expire_container told=not_found"),
        Just("expire_container told=internal"),
        Just("expire_container told=result"),
        Just("other_organization"),
        Just("first_event"),
    ];
    prop_oneof![
        1 => fails.prop_map(Step::Fails),
        1 => prop_oneof![Just(""), Just("\nSay it")].prop_map(Step::Replay),
        2 => (any::<u8>(), way).prop_map(|(at, way)| Step::Attach(at, way)),
        1 => any::<u8>().prop_map(Step::Remove),
        2 => trouble.prop_map(Step::Trouble),
        4 => (any::<u8>(), prompt.clone()).prop_map(|(at, prompt)| Step::Run(at, prompt)),
        4 => (any::<u8>(), prompt).prop_map(|(at, prompt)| Step::Insert(at, prompt)),
        1 => any::<u8>().prop_map(Step::Delete),
        4 => magic.prop_map(Step::Magic),
    ]
}

#[test]
fn no_history_of_a_whole_kernel_is_refused() {
    let config = Config {
        cases: HISTORIES,
        failure_persistence: None,
        max_shrink_iters: 50,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let histories = prop::collection::vec(steps(), 4..14);
    let outcome = runner.run(&histories, |steps| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let result = runtime.block_on(check(&steps));
        result.map_err(TestCaseError::fail)
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// What a notebook is known to be.
struct Notebook {
    rig: Rig,
    cells: Vec<String>,
    deleted: Vec<String>,
    /// Whether something was armed that may still have to be repaired.
    troubled: bool,
    /// Whether a sandbox may be found gone.
    expires: bool,
}

impl Notebook {
    /// Puts in a new cell.
    fn insert(&mut self, at: u8, number: usize) -> String {
        let cell = format!("cell-{number}");
        let at = usize::from(at) % (self.cells.len() + 1);
        self.cells.insert(at, cell.clone());
        cell
    }

    /// Returns the cell and the code that a step runs, if it runs one.
    async fn code(&mut self, number: usize, step: &Step) -> Option<(String, String)> {
        let magics = || "magics".to_owned();
        Some(match step {
            Step::Run(at, prompt) if !self.cells.is_empty() => {
                let cell = self.cells[usize::from(*at) % self.cells.len()].clone();
                (cell, format!("{prompt} {number}"))
            }
            Step::Run(at, prompt) | Step::Insert(at, prompt) => {
                (self.insert(*at, number), format!("{prompt} {number}"))
            }
            Step::Delete(at) => {
                if !self.cells.is_empty() {
                    let at = usize::from(*at) % self.cells.len();
                    self.deleted.push(self.cells.remove(at));
                }
                return None;
            }
            Step::Magic(magic) => (magics(), (*magic).to_owned()),
            Step::Fails(magic) => (magics(), format!("{magic}\n%attach nope.csv\nSay no")),
            Step::Replay(below) => (magics(), format!("%reset sandbox --replay{below}")),
            Step::Attach(at, way) => {
                let name = format!("{}.txt", at % 3);
                std::fs::write(self.rig.directory.path().join(&name), &name).unwrap();
                let code = format!("%attach {name} {way}\nSay {number}");
                (self.insert(*at, number), code)
            }
            Step::Remove(at) => (magics(), format!("%rm {}.txt", at % 3)),
            Step::Trouble(fault) => {
                arm(&self.rig, fault).await;
                self.troubled = true;
                self.expires |= fault.starts_with("expire_container");
                return None;
            }
        })
    }

    async fn run(&mut self, cell: &str, code: &str) -> Ran {
        let page: Vec<Value> = self.cells.iter().map(|id| json!({"id": id})).collect();
        let path = self.rig.directory.path().join("notebook.ipynb");
        std::fs::write(path, json!({"cells": page}).to_string()).unwrap();
        let deleted = std::mem::take(&mut self.deleted);
        let gone: Vec<&str> = deleted.iter().map(String::as_str).collect();
        self.rig.cell_in(cell, &gone, code).await
    }
}

/// How many requests a cell leads to when none has to be repaired; `None` when that depends.
fn requests(code: &str, ran: &Ran) -> Option<usize> {
    match code {
        code if code.contains("nope.csv") => Some(0),
        code if code.starts_with("%reset sandbox --replay") => None,
        code if code.starts_with("%attach") => {
            Some(usize::from(ran.reply()["ename"] != "FileError"))
        }
        code if code.starts_with('%') => Some(0),
        code if code.starts_with("Pause") && ran.text().contains("echo one") => Some(2),
        _ => Some(1),
    }
}

async fn check(steps: &[Step]) -> Result<(), String> {
    let mut notebook = Notebook {
        rig: Rig::start(SCRIPT).await,
        cells: Vec::new(),
        deleted: Vec::new(),
        troubled: false,
        expires: false,
    };
    for (number, step) in steps.iter().enumerate() {
        let Some((cell, code)) = notebook.code(number, step).await else {
            continue;
        };
        let before = asked(&notebook.rig).await.len();
        let ran = notebook.run(&cell, &code).await;
        let sent = asked(&notebook.rig).await.split_off(before);
        let failed = ran.reply()["status"] == "error";
        let fine = match step {
            Step::Fails(_) => failed,
            // Twice the same name is the person's slip, and so is what is not there.
            Step::Magic("%fork idea") | Step::Remove(_) | Step::Replay(_) => true,
            // There may be no sandbox to give it to.
            Step::Attach(..) if ran.reply()["ename"] == "FileError" => true,
            // The fault strikes the first time only; a sandbox that goes in mid-turn ends it.
            _ => {
                let breaks = code.starts_with("Break");
                !failed || breaks || (code.starts_with("Pause") && notebook.expires)
            }
        };
        if !fine {
            return Err(format!("`{code}` in {cell}: {}", ran.transcript()));
        }
        if let Some(expected) = requests(&code, &ran)
            && sent.len() != expected
            && !(notebook.troubled && sent.len() > expected)
        {
            let sent = sent.len();
            return Err(format!(
                "`{code}` in {cell}: {sent} requests, not {expected}: one was repaired"
            ));
        }
        said_so(&notebook, &ran, &sent).map_err(|why| format!("`{code}` in {cell}: {why}"))?;
    }
    Ok(())
}

/// No sentence says what is not so, and no failed cell left a trace.
fn said_so(notebook: &Notebook, ran: &Ran, sent: &[Value]) -> Result<(), String> {
    let text = ran.text();
    if text.contains("is gone (it expires)") && !notebook.expires {
        return Err(format!("no sandbox expired\n{text}"));
    }
    let replays = |body: &Value| body.to_string().contains("Run this command once");
    // What a reset says of the way back promises nothing.
    let promised = text.replace(
        "`%reset sandbox --replay` runs the steps above in it again",
        "",
    );
    let says = promised.contains("runs the") && promised.contains("in it again");
    if says && ran.reply()["status"] == "ok" && !sent.iter().any(replays) {
        return Err(format!("nothing runs again\n{text}"));
    }
    if text.contains("did not run the recorded steps") {
        return Err(format!("they were never asked for, or ran\n{text}"));
    }
    match sent.iter().find(|body| body["max_tokens"] == 1234) {
        Some(_) => Err("a cell that failed set `max_tokens`".to_owned()),
        None => Ok(()),
    }
}
