//! Tools that are added, edited and taken away in mid-conversation: told in a message where the
//! API takes that, sent anew where it does not.

use claude_kernel::emulator::faults::Fault;
use serde_json::{Value, json};

use crate::support::rig::{Asks, Ran, Rig};

const SCRIPT: &str = r#"
# Hello

> Let me think about it.

Hello.

# Ask {{text}}

> A tool knows.

```json block
{"type": "tool_use", "name": "ask", "input": {"text": "{{text}}"}}
```

It says: {{tool_result_1}}
"#;

const ASK: &str = "%%tool\ndef ask(text: str) -> str:\n    \"Asks.\"\n    return text.upper()";
const EDITED: &str = "%%tool\ndef ask(text: str, loud: bool = False) -> str:\n    \"Asks anew.\"\n    return text * 2";
const COST: &str = "Claude's tools have changed: about ";
const BETAS: &str = "mid-conversation-tool-changes-2026-07-01,inline-tools-2026-09-15";

/// A request for a message: its betas and its body.
struct Asked {
    betas: String,
    body: Value,
}

impl Asked {
    fn thoughts(&self) -> usize {
        let messages = self.body["messages"].as_array().unwrap();
        let blocks = messages
            .iter()
            .flat_map(|said| said["content"].as_array().unwrap());
        blocks.filter(|block| block["type"] == "thinking").count()
    }

    /// What is told of tools, in order.
    fn changes(&self) -> Vec<Value> {
        let messages = self.body["messages"].as_array().unwrap();
        let told = messages.iter().filter(|said| said["role"] == "system");
        let blocks = told.flat_map(|said| said["content"].as_array().unwrap().clone());
        blocks.filter(|block| block["type"] != "text").collect()
    }
}

async fn asked(rig: &Rig) -> Vec<Asked> {
    let sent = rig.emulator.faults().requests().await.unwrap();
    let sent = sent
        .into_iter()
        .filter(|request| request.target == "/v1/messages");
    sent.map(|request| Asked {
        betas: request
            .headers
            .iter()
            .filter(|(name, _)| name == "anthropic-beta")
            .map(|(_, value)| value.clone())
            .collect::<Vec<_>>()
            .join(","),
        body: request.body,
    })
    .collect()
}

async fn run(rig: &mut Rig, code: &str) -> Ran {
    let ran = rig.cell_as(Asks::Lab, code).await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    ran
}

fn definition(block: &Value) -> &Value {
    assert_eq!(block["type"], "tool_addition");
    assert_eq!(block["tool"]["type"], "tool_definition");
    &block["tool"]["definition"]
}

#[tokio::test]
async fn tools_that_change_are_told_and_cost_neither_the_cache_nor_the_thinking() {
    let mut rig = Rig::start(SCRIPT).await;
    run(&mut rig, "Hello").await;
    run(&mut rig, ASK).await;
    let called = run(&mut rig, "Ask one").await;
    assert!(called.text().contains("It says: ONE"), "{}", called.text());
    run(&mut rig, EDITED).await;
    let edited = run(&mut rig, "Ask two").await;
    assert!(
        edited.text().contains("It says: twotwo"),
        "{}",
        edited.text()
    );
    run(&mut rig, "%tool rm ask").await;
    let removed = run(&mut rig, "Hello").await;
    for ran in [called, edited, removed] {
        assert!(!ran.text().contains(COST), "{}", ran.text());
    }

    let asked = asked(&rig).await;
    assert_eq!(asked.len(), 6, "each was taken at once");
    for later in &asked[1..] {
        assert_eq!(later.body["tools"], asked[0].body["tools"]);
        assert_eq!(later.body["system"], asked[0].body["system"]);
        assert!(later.betas.contains(BETAS), "{}", later.betas);
    }
    assert!(!asked[0].betas.contains("tool"), "{}", asked[0].betas);
    let thoughts: Vec<usize> = asked.iter().map(Asked::thoughts).collect();
    assert_eq!(thoughts, [0, 1, 2, 2, 3, 3]);

    let told = asked[5].changes();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert_eq!(definition(&told[0])["name"], "ask");
    assert_eq!(
        definition(&told[0])["allowed_callers"],
        json!(["direct", "code_execution_20260120"])
    );
    let about = definition(&told[1])["description"].as_str().unwrap();
    assert!(about.starts_with("Asks anew."), "{about}");
    let gone = json!({"type": "tool_removal", "tool": {"type": "tool_reference", "name": "ask"}});
    assert_eq!(told[2], gone);
}

/// What a later cell told of a tool is a change to another list when the cell above it is gone.
#[tokio::test]
async fn a_change_is_told_anew_when_the_cell_that_brought_the_tool_is_gone() {
    let mut rig = Rig::start(SCRIPT).await;
    for (cell, code) in [("a", "Hello"), ("b", "Ask one"), ("c", "Hello")] {
        match cell {
            "b" => run(&mut rig, ASK).await,
            "c" => run(&mut rig, "%tool rm ask").await,
            _ => run(&mut rig, "%tool").await,
        };
        let ran = rig.cell_in(cell, &[], code).await;
        assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    }
    let ran = rig.cell_in("d", &["b"], "Hello").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    let asked = asked(&rig).await;
    assert_eq!(asked.len(), 5, "none was refused");
    let told = asked[4].changes();
    assert_eq!(told, Vec::<Value>::new(), "there is nothing to remove");
}

#[tokio::test]
async fn where_the_api_refuses_changes_tools_are_sent_anew_and_that_is_remembered() {
    let mut rig = Rig::start(SCRIPT).await;
    let fault = Fault::from_script("unknown_beta times=1000").unwrap();
    rig.emulator.faults().add(fault).await.unwrap();
    run(&mut rig, "Hello").await;
    run(&mut rig, ASK).await;
    let called = run(&mut rig, "Ask one").await;
    let text = called.text();
    assert!(
        text.contains("It says: ONE") && text.contains(COST),
        "{text}"
    );
    run(&mut rig, EDITED).await;
    let edited = run(&mut rig, "Ask two").await;
    let text = edited.text();
    assert!(
        text.contains("It says: twotwo") && text.contains(COST),
        "{text}"
    );
    let last = run(&mut rig, "Hello").await;
    assert!(!last.text().contains(COST), "{}", last.text());

    let asked = asked(&rig).await;
    let tried: Vec<bool> = asked.iter().map(|one| !one.changes().is_empty()).collect();
    let expected = [false, true, false, false, false, false, false];
    assert_eq!(tried, expected, "it is tried once");
    let tools = |at: usize| asked[at].body["tools"].as_array().unwrap().len();
    assert_eq!((tools(0), tools(1), tools(2)), (1, 1, 2));
    assert!(!asked[2].betas.contains("tool"), "{}", asked[2].betas);
    let sandbox = |at: usize| asked[at].body["container"].clone();
    assert_eq!(sandbox(2), sandbox(1), "it was not the sandbox");
    let thoughts: Vec<usize> = asked.iter().map(Asked::thoughts).collect();
    assert_eq!(thoughts, [0, 1, 0, 1, 0, 1, 1]);
}

/// A model that takes no messages of the system gets new tools, as before.
#[tokio::test]
async fn a_model_that_cannot_be_told_gets_new_tools() {
    let mut rig = Rig::start(SCRIPT).await;
    run(&mut rig, "%model claude-opus-4-7").await;
    run(&mut rig, "Hello").await;
    run(&mut rig, ASK).await;
    let called = run(&mut rig, "Ask one").await;
    assert!(called.text().contains(COST), "{}", called.text());
    assert!(asked(&rig).await.iter().all(|one| one.changes().is_empty()));
}

#[tokio::test]
async fn a_summary_brings_the_tools_that_were_told_before_it() {
    let mut rig = Rig::start(SCRIPT).await;
    run(&mut rig, "Hello").await;
    run(&mut rig, ASK).await;
    run(&mut rig, "Ask one").await;
    run(&mut rig, "%compact").await;
    let called = run(&mut rig, "Ask two").await;
    assert!(called.text().contains("It says: TWO"), "{}", called.text());
    assert!(!called.text().contains(COST), "{}", called.text());
    let asked = asked(&rig).await;
    let last = asked.last().unwrap();
    assert_eq!(last.body["tools"], asked[0].body["tools"]);
    assert_eq!(last.changes(), Vec::<Value>::new(), "the summary tells");
    let summary = &last.body["messages"][0]["content"][0];
    assert_eq!(summary["tool_changes"][0]["type"], "tool_addition");
    assert!(last.betas.contains(BETAS), "{}", last.betas);
}
