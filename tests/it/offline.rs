//! What a person meets on the offline backend: what it answers, and what it cannot answer.

use claude_kernel::kernel::interrupts::Signal;
use serde_json::Value;

use crate::support::rig::{Asks, Ran, Rig, arm};

/// The error of a cell that failed, in one text.
#[track_caller]
fn failed(ran: &Ran) -> String {
    let reply = ran.execute_reply();
    assert_eq!(reply["status"], "error", "{}", ran.transcript());
    let lines = reply["traceback"].as_array().unwrap();
    let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
    lines.join("\n")
}

/// The content of the fence in an answer that begins with a line.
fn fence<'a>(text: &'a str, first: &str) -> &'a str {
    let from = text
        .find(first)
        .unwrap_or_else(|| panic!("{first} in {text}"));
    let (inside, _) = text[from..]
        .split_once("\n````")
        .or_else(|| text[from..].split_once("\n```\n\n**"))
        .unwrap();
    inside
}

#[tokio::test]
async fn u10_an_own_prompt_is_answered_with_what_answers_it() {
    let mut rig = Rig::start("# Say hello\n\nHello.\n").await;
    let ran = rig.cell("Which river is the longest?").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    let text = ran.text();
    for part in [
        "no model was called",
        "script.claude.md",
        "ANTHROPIC_API_KEY",
        "Kernel → Change Kernel → Claude",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(
        text.trim_end().ends_with("offline · effort medium"),
        "{text}"
    );
    // What it says to copy works.
    let block = fence(&text, "Run this:");
    assert!(rig.cell(block).await.text().contains("42"), "{block}");
    let script = fence(&text, "# Which river");
    std::fs::write(rig.directory.path().join("script.claude.md"), script).unwrap();
    let ran = rig.cell("Which river is the longest?").await;
    assert!(
        ran.text().contains("The answer is 42."),
        "{}",
        ran.transcript()
    );
}

const HOLES: &str = "# Mean\n\n```python\nimport no_such_module\nprint('mean=3')\n```\n\nThe mean is {{mean}}.\n\n\
     # Typo\n\n```bash\necho mean=3\n```\n\nThe mean is {{maen}}.\n\n\
     # Braces\n\nWrite `\\{{name}}` in a prompt.\n\n\
     # Town\n\n```python\nimport no_such_module\n```\n\n```json result\n{\"name\": {{town}}}\n```\n";

#[tokio::test]
async fn u16_a_name_that_no_step_wrote_fails_the_cell() {
    let mut rig = Rig::start(HOLES).await;
    let ran = rig.cell("Mean").await;
    let error = failed(&ran);
    assert!(
        error.contains(
            "ApiError: the script (script.claude.md:1) says `{{mean}}`, and the step above failed"
        ),
        "{error}"
    );
    // The step says what is missing, and how to install it.
    let text = ran.text();
    assert!(
        text.contains("`no_such_module` is not in the Python"),
        "{text}"
    );
    assert!(text.contains("claude-kernel doctor"), "{text}");
    let error = failed(&rig.cell("Typo").await);
    assert!(
        error.contains("says `{{maen}}`, and no step above wrote that name to `$SCRIPT_VARS`"),
        "{error}"
    );
    let ran = rig.cell("Braces").await;
    assert!(
        ran.text().contains("Write `{{name}}` in a prompt."),
        "{}",
        ran.transcript()
    );
    let error = failed(&rig.cell("%%json town name str\nTown").await);
    assert!(
        error.contains("says `{{town}}`, and the step above failed"),
        "{error}"
    );
    // It was asked once: to try again would not help.
    let asked = rig.emulator.faults().requests().await.unwrap();
    let asked = asked.iter().filter(|sent| sent.target == "/v1/messages");
    assert_eq!(asked.count(), 4);
}

/// Interrupts a cell at the moment when it shows something.
async fn stopped(rig: &mut Rig, prompt: &str, gate: &str) -> Ran {
    let id = rig.send_as(Asks::Lab, prompt).await;
    let mut messages = Vec::new();
    loop {
        let sent = rig.next().await;
        let found = sent.message.content.to_string().contains(gate);
        messages.push(sent);
        if found {
            break;
        }
    }
    rig.signals.send(Signal::Interrupt).await.unwrap();
    messages.extend(rig.until_idle(&id).await.messages);
    Ran { messages }
}

const STEPS: &str = "# Hello\n\nHello.\n\n# Work\n\n```bash\nsleep 30\n```\n\nSlept.\n\n\
     # First\n\n```bash\necho 1\n```\n\nDone.\n\n# Talk\n\nOne two three four five six seven eight nine ten.\n";

/// One thing is said, and it is true: `%continue` says the same.
#[tokio::test]
async fn u7_an_interrupt_says_one_thing_and_continue_agrees() {
    // A first step: nothing can be kept, because nobody knows the sandbox.
    let mut rig = Rig::start(STEPS).await;
    let ran = stopped(&mut rig, "Work", "sleep 30").await;
    let error = failed(&ran);
    assert!(
        error.contains("Nothing of it is in the conversation"),
        "{error}"
    );
    assert!(error.contains("Run the cell again."), "{error}");
    for untrue in ["billed", "%continue", "still be running"] {
        assert!(!ran.text().contains(untrue), "{untrue}: {}", ran.text());
    }
    let error = failed(&rig.cell_as(Asks::Lab, "%continue").await);
    assert!(
        error.contains("nothing of the last answer is in the conversation"),
        "{error}"
    );
    assert!(error.contains("Run its cell again."), "{error}");

    // The same below an answer that is whole.
    rig.cell_as(Asks::Lab, "First").await;
    rig.cell_as(Asks::Lab, "%reset sandbox").await;
    stopped(&mut rig, "Work", "sleep 30").await;
    let error = failed(&rig.cell_as(Asks::Lab, "%continue").await);
    assert!(!error.contains("whole"), "{error}");

    // A step in a sandbox that is known: it is left out, and may go on.
    rig.cell_as(Asks::Lab, "First").await;
    arm(&rig, "gate after_deltas=2 name=second").await;
    let error = failed(&stopped(&mut rig, "Talk", "One").await);
    assert!(
        error.contains("What is shown is in the conversation: `%continue`"),
        "{error}"
    );
    assert!(!error.contains("still be running"), "{error}");
    rig.emulator.faults().clear().await.unwrap();
    let ran = rig.cell_as(Asks::Lab, "%continue").await;
    assert_eq!(ran.execute_reply()["status"], "ok", "{}", ran.transcript());
}

#[tokio::test]
async fn u7_with_a_key_what_came_is_billed_and_what_did_not_is_not_said_to_be() {
    let mut rig = Rig::paid(STEPS).await;
    rig.cell_as(Asks::Lab, "First").await;
    let error = failed(&stopped(&mut rig, "Work", "sleep 30").await);
    assert!(error.contains("What had come is billed."), "{error}");
    arm(&rig, "status status=529 retry_after_ms=50000 times=9").await;
    let error = failed(&stopped(&mut rig, "Hello", "trying again").await);
    assert!(
        error.contains("Nothing of the answer had come: run the cell again."),
        "{error}"
    );
    assert!(!error.contains("billed"), "{error}");
}
