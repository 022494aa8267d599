//! Some random histories of a whole kernel over HTTP, before a backend that is as strict.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::support::rig::Rig;

/// How many histories: each is a kernel and a backend of its own.
const HISTORIES: u32 = 30;

const SCRIPT: &str = "\
# /^Work .*/

> Let me look.

```bash
date +%Y >> log.txt; wc -l < log.txt
```

> Now I know.

Done.

# /^Pause .*/

> First this.

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

# /.*/

> Hm.

Heard.
";

#[derive(Debug, Clone)]
enum Step {
    /// The cell at this position runs, or a new one below all.
    Run(u8, &'static str),
    Insert(u8, &'static str),
    Delete(u8),
    /// A cell of magics.
    Magic(&'static str),
}

fn steps() -> impl Strategy<Value = Step> {
    let prompt = prop_oneof![
        3 => Just("Say"),
        2 => Just("Work"),
        1 => Just("Pause"),
        1 => Just("Break"),
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
        Just("%model opus"),
        Just("%thread aside"),
        Just("%thread main"),
        Just("%fork idea"),
        Just("%reset sandbox"),
    ];
    prop_oneof![
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

async fn check(steps: &[Step]) -> Result<(), String> {
    let mut rig = Rig::start(SCRIPT).await;
    let mut cells: Vec<String> = Vec::new();
    let mut deleted: Vec<String> = Vec::new();
    let mut asked = 0;
    for (number, step) in steps.iter().enumerate() {
        let (cell, code) = match step {
            Step::Run(at, prompt) if !cells.is_empty() => {
                let cell = cells[usize::from(*at) % cells.len()].clone();
                (cell, format!("{prompt} {number}"))
            }
            Step::Run(at, prompt) | Step::Insert(at, prompt) => {
                let cell = format!("cell-{number}");
                let at = usize::from(*at) % (cells.len() + 1);
                cells.insert(at, cell.clone());
                (cell, format!("{prompt} {number}"))
            }
            Step::Delete(at) => {
                if !cells.is_empty() {
                    deleted.push(cells.remove(usize::from(*at) % cells.len()));
                }
                continue;
            }
            Step::Magic(magic) => ("magics".to_owned(), (*magic).to_owned()),
        };
        let page: Vec<Value> = cells.iter().map(|id| json!({"id": id})).collect();
        let path = rig.directory.path().join("notebook.ipynb");
        std::fs::write(path, json!({"cells": page}).to_string()).unwrap();
        let gone: Vec<&str> = deleted.iter().map(String::as_str).collect();
        let ran = rig.cell_in(&cell, &gone, &code).await;
        deleted.clear();
        let reply = ran.reply();
        let fine = match &code {
            // The fault strikes the first time only.
            code if code.starts_with("Break") => true,
            // Twice the same name is the person's slip.
            code if code.starts_with("%fork") => true,
            _ => reply["status"] == "ok",
        };
        if !fine {
            return Err(format!("`{code}` in {cell}: {}", ran.transcript()));
        }
        asked += match &code {
            code if code.starts_with('%') => 0,
            code if code.starts_with("Pause") && ran.text().contains("echo one") => 2,
            _ => 1,
        };
        let sent = rig.emulator.faults().requests().await.unwrap();
        let sent = sent.iter().filter(|it| it.target == "/v1/messages").count();
        if sent != asked {
            return Err(format!(
                "`{code}` in {cell}: {sent} requests, not {asked}: one was repaired"
            ));
        }
    }
    Ok(())
}
