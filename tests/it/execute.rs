//! Cells to transcripts: the kernel in memory, the backend over HTTP.

use claude_kernel::jupyter::connection::Channel;
use claude_kernel::kernel::interrupts::Signal;
use serde_json::json;

use crate::support::rig::{Asks, Rig, parent_id};

const SCRIPT: &str = r#"
# Say hello

> A greeting.

Hello, world.

# How many lines?

```bash
# Count the lines
printf 'a\nb\n' > lines.txt; wc -l < lines.txt
echo "n=$(wc -l < lines.txt)" >> "$SCRIPT_VARS"
```

There are {{n}} lines.

# Is the file still there?

```bash
cat lines.txt
```

Yes.

# Make a file

```bash
# Write a table
printf 'name,n\nx,1\n' > "$OUTPUT_DIR/table.csv"
```

Here it is.

# Fail, then mend it

```bash
echo broken >&2; exit 3
```

```bash
echo mended
```

Done.

# Decline

<!-- stop: refusal cyber -->

# Pause

First half.

<!-- stop: pause_turn -->

Second half.
"#;

#[tokio::test]
async fn a_prompt_is_answered_between_busy_and_idle_and_the_reply_comes_after_the_output() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell("Say hello").await;
    let kinds: Vec<&str> = ran
        .messages
        .iter()
        .map(|sent| sent.message.header.msg_type.as_str())
        .collect();
    assert_eq!(kinds.first(), Some(&"status"));
    assert_eq!(kinds.get(1), Some(&"execute_input"));
    assert_eq!(kinds.get(kinds.len() - 2), Some(&"execute_reply"));
    assert_eq!(ran.reply()["status"], "ok");
    assert_eq!(ran.reply()["execution_count"], 1);
    assert!(ran.text().contains("Hello, world."), "{}", ran.text());
    assert!(
        ran.text().contains("offline"),
        "the receipt says who answered: {}",
        ran.text()
    );
}

#[tokio::test]
async fn commands_run_for_real_and_the_sandbox_lasts_over_cells() {
    let mut rig = Rig::start(SCRIPT).await;
    let first = rig.cell("How many lines?").await;
    assert!(
        first.text().contains("There are 2 lines."),
        "{}",
        first.text()
    );
    let second = rig.cell("Is the file still there?").await;
    assert!(second.text().contains("a\nb"), "{}", second.text());
}

#[tokio::test]
async fn a_file_is_fetched_saved_and_shown() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell("Make a file").await;
    assert_eq!(
        std::fs::read_to_string(rig.files().join("table.csv")).unwrap(),
        "name,n\nx,1\n"
    );
    assert!(
        ran.text().contains("claude_files/table.csv"),
        "{}",
        ran.text()
    );
}

#[tokio::test]
async fn a_failed_step_is_not_a_failed_cell() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell("Fail, then mend it").await;
    assert_eq!(ran.reply()["status"], "ok");
    let text = ran.text();
    assert!(
        text.contains("broken") && text.contains("exit 3") && text.contains("mended"),
        "{text}"
    );
}

#[tokio::test]
async fn a_refusal_fails_the_cell_and_leaves_the_conversation_as_it_was() {
    let mut rig = Rig::start(SCRIPT).await;
    rig.cell("Say hello").await;
    let refused = rig.cell("Decline").await;
    assert_eq!(refused.reply()["ename"], "Refusal");
    assert!(
        refused.reply()["evalue"]
            .as_str()
            .unwrap()
            .contains("cyber")
    );
    assert_eq!(refused.iopub("error").len(), 1);
    let history = rig.cell("%history").await;
    assert!(!history.text().contains("Decline"), "{}", history.text());
}

#[tokio::test]
async fn a_paused_turn_is_continued() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell("Pause").await;
    let text = ran.text();
    assert!(
        text.contains("First half.") && text.contains("Second half."),
        "{text}"
    );
}

#[tokio::test]
async fn an_error_answers_the_queue_with_full_errors() {
    let mut rig = Rig::start(SCRIPT).await;
    rig.send("%modle opus").await;
    let second = rig.send("Say hello").await;
    let third = rig.send_as(Asks::Lab, "Say hello").await;
    let ran = rig.until_idle(&third).await;
    let replies: Vec<_> = ran
        .messages
        .iter()
        .filter(|sent| sent.message.header.msg_type == "execute_reply")
        .collect();
    assert_eq!(replies.len(), 3);
    assert_eq!(replies[0].message.content["ename"], "MagicError");
    assert!(
        replies[0].message.content["traceback"]
            .to_string()
            .contains("%model")
    );
    for reply in &replies[1..] {
        assert_eq!(reply.message.content["status"], "error");
        assert_eq!(reply.message.content["ename"], "Aborted");
    }
    assert_eq!(replies[1].message.content["execution_count"], 1);
    let in_lab = replies[2].message.content["execution_count"].clone();
    assert_eq!(in_lab, json!(null), "a number says that the cell ran");
    assert_eq!(parent_id(replies[1]), second);
    let next = rig.cell("Say hello").await;
    assert_eq!(next.reply()["status"], "ok");
    assert_eq!(next.reply()["execution_count"], 2);
}

#[tokio::test]
async fn silent_cells_and_empty_ones_send_nothing() {
    let mut rig = Rig::start(SCRIPT).await;
    let silent = rig
        .ask(
            Channel::Shell,
            "execute_request",
            json!({"code": "Say hello", "silent": true}),
        )
        .await;
    assert_eq!(silent.reply()["status"], "ok");
    assert_eq!(silent.reply()["execution_count"], 0);
    assert_eq!(
        silent.messages.len(),
        3,
        "busy, reply, idle: {}",
        silent.transcript()
    );
    let empty = rig.cell(" \n").await;
    assert_eq!(empty.reply()["status"], "ok");
    assert_eq!(empty.messages.len(), 4, "{}", empty.transcript());
}

#[tokio::test]
async fn user_expressions_are_answered_each_by_itself() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig
        .ask(
            Channel::Shell,
            "execute_request",
            json!({"code": "", "user_expressions": {"m": "model", "x": "1+1"}}),
        )
        .await;
    let answers = &ran.reply()["user_expressions"];
    assert_eq!(answers["m"]["data"]["text/plain"], "claude-opus-5-5");
    assert_eq!(answers["x"]["status"], "error");
}

#[tokio::test]
async fn papermill_parameters_become_variables() {
    let mut rig = Rig::start("# Say Ada\n\nHello.\n").await;
    let set = rig.cell("# Parameters\nname=\"Ada\"\n").await;
    assert_eq!(set.reply()["status"], "ok", "{}", set.transcript());
    let ran = rig.cell("Say {{name}}").await;
    assert!(ran.text().contains("Hello."), "{}", ran.text());
}

#[tokio::test]
async fn an_interrupt_by_message_or_signal_stops_the_cell_and_the_next_one_works() {
    let mut rig = Rig::start("# Wait\n\n```bash\nsleep 1000\n```\n\n# Say hello\n\nHello.\n").await;
    for by_signal in [false, true] {
        let cell = rig.send_as(Asks::Lab, "Wait").await;
        loop {
            let sent = rig.next().await;
            if sent.message.content["data"]
                .to_string()
                .contains("sleep 1000")
            {
                break;
            }
        }
        if by_signal {
            rig.signals.send(Signal::Interrupt).await.unwrap();
        } else {
            rig.front_end
                .send(Channel::Control, "interrupt_request", json!({}))
                .await
                .unwrap();
        }
        let ran = rig.until_idle(&cell).await;
        let reply = ran.execute_reply();
        assert_eq!(reply["ename"], "KeyboardInterrupt");
        let next = rig.cell("Say hello").await;
        assert!(next.text().contains("Hello."), "{}", next.text());
    }
}

#[tokio::test]
async fn a_shutdown_in_mid_turn_ends_the_cell_then_answers_and_leaves() {
    let mut rig = Rig::start("# Wait\n\n```bash\nsleep 1000\n```\n").await;
    rig.send("Wait").await;
    rig.next().await;
    let shutdown = rig
        .front_end
        .send(
            Channel::Control,
            "shutdown_request",
            json!({"restart": true}),
        )
        .await
        .unwrap();
    let ran = rig.until_idle(&shutdown).await;
    let replies: Vec<&str> = ran
        .messages
        .iter()
        .map(|sent| sent.message.header.msg_type.as_str())
        .filter(|kind| kind.ends_with("_reply"))
        .collect();
    // The reply on its channel, and the copy on iopub.
    assert_eq!(
        replies,
        ["execute_reply", "shutdown_reply", "shutdown_reply"]
    );
    rig.kernel.await.unwrap();
}

#[tokio::test]
async fn requests_that_look_are_answered() {
    let mut rig = Rig::start(SCRIPT).await;
    let info = rig
        .ask(Channel::Shell, "kernel_info_request", json!({}))
        .await;
    assert_eq!(info.reply()["language_info"]["name"], "claude-offline");
    let complete = rig
        .ask(
            Channel::Shell,
            "complete_request",
            json!({"code": "%eff", "cursor_pos": 4}),
        )
        .await;
    assert_eq!(complete.reply()["matches"], json!(["%effort"]));
    let inspect = rig
        .ask(
            Channel::Shell,
            "inspect_request",
            json!({"code": "%effort", "cursor_pos": 3}),
        )
        .await;
    assert_eq!(inspect.reply()["found"], true);
    let whole = rig
        .ask(
            Channel::Shell,
            "is_complete_request",
            json!({"code": "a prompt"}),
        )
        .await;
    assert_eq!(whole.reply()["status"], "complete");
    let comms = rig
        .ask(
            Channel::Shell,
            "comm_info_request",
            json!({"target_name": null}),
        )
        .await;
    assert_eq!(comms.reply()["comms"], json!({}));
    let opened = rig
        .ask(
            Channel::Shell,
            "comm_open",
            json!({"comm_id": "c1", "target_name": "x", "data": {}}),
        )
        .await;
    assert_eq!(opened.iopub("comm_close")[0]["comm_id"], "c1");
    let unknown = rig.ask(Channel::Shell, "no_such_request", json!({})).await;
    assert_eq!(
        unknown.messages.len(),
        2,
        "busy and idle: {}",
        unknown.transcript()
    );
}

/// The usage in the receipt's metadata.
fn usage(ran: &crate::support::rig::Ran) -> serde_json::Value {
    let displays = ran.iopub("display_data");
    let receipt = displays
        .iter()
        .find(|content| content["metadata"]["claude_kernel"]["block"] == "receipt")
        .unwrap();
    receipt["metadata"]["claude_kernel"]["usage"].clone()
}

#[tokio::test]
async fn after_a_turn_of_forty_blocks_the_next_turns_read_from_the_cache() {
    let step = "```bash\necho a line of output for this step\n```\n\n";
    let script = format!(
        "# /^Many steps/\n\n{}Done.\n\n# Say hello\n\nHello.\n",
        step.repeat(20)
    );
    let mut rig = Rig::start(&script).await;
    let first = rig
        .cell(&format!("Many steps. {}", "Some background. ".repeat(200)))
        .await;
    assert_eq!(first.reply()["status"], "ok", "{}", first.text());
    let written = usage(&first)["cache_creation_input_tokens"]
        .as_u64()
        .unwrap();
    assert!(written > 500, "{}", usage(&first));
    // The marker on the first prompt is 41 blocks back, out of the look-back of the newest one.
    let second = usage(&rig.cell("Say hello").await);
    let read = second["cache_read_input_tokens"].as_u64().unwrap();
    assert!(
        read > 800,
        "system, tools and the long first prompt come from the cache: {second}"
    );
    let third = usage(&rig.cell("Say hello").await);
    let read_all = third["cache_read_input_tokens"].as_u64().unwrap();
    assert!(
        read_all > read + 500,
        "now the forty blocks do too: {third}"
    );
}

#[tokio::test]
async fn every_message_satisfies_the_strict_types_of_another_implementation() {
    let mut rig = Rig::start(SCRIPT).await;
    let mut messages = Vec::new();
    for asks in [Asks::Batch, Asks::Lab, Asks::Console] {
        for code in [
            "Say hello",
            "How many lines?",
            "Make a file",
            "Fail, then mend it",
            "Decline",
            "%help",
            "%effort",
            "%nope",
            "!ls",
        ] {
            messages.extend(rig.cell_as(asks, code).await.messages);
        }
    }
    for (kind, content) in [
        ("kernel_info_request", json!({})),
        ("complete_request", json!({"code": "%e", "cursor_pos": 2})),
        (
            "inspect_request",
            json!({"code": "nothing", "cursor_pos": 0}),
        ),
        ("is_complete_request", json!({"code": "%%system"})),
        (
            "history_request",
            json!({"hist_access_type": "tail", "n": 5, "output": true, "raw": true}),
        ),
        ("comm_info_request", json!({})),
        (
            "comm_open",
            json!({"comm_id": "c", "target_name": "t", "data": {}}),
        ),
        ("interrupt_request", json!({})),
    ] {
        messages.extend(rig.ask(Channel::Shell, kind, content).await.messages);
    }
    for sent in messages {
        let kind = &sent.message.header.msg_type;
        let judged = jupyter_protocol::JupyterMessageContent::from_type_and_content(
            kind,
            sent.message.content.clone(),
        );
        match judged {
            Ok(jupyter_protocol::JupyterMessageContent::UnknownMessage(_)) => {
                panic!("an unknown type: {kind}")
            }
            Ok(_) => {}
            Err(error) => panic!("{kind}: {error}: {}", sent.message.content),
        }
    }
}

#[tokio::test]
async fn no_request_is_refused_for_its_history_when_settings_change_between_turns() {
    let mut rig = Rig::start(SCRIPT).await;
    let cells = [
        "Say hello",
        "How many lines?",
        "%system Be brief.\nSay hello",
        "Say hello",
        "%bash off\nSay hello",
        "%effort low\nSay hello",
        "%model sonnet\nSay hello",
        "%tools none\nSay hello",
        "%system --clear\n%tools default\nIs the file still there?",
    ];
    for code in cells {
        let ran = rig.cell(code).await;
        assert_eq!(ran.reply()["status"], "ok", "{code}: {}", ran.transcript());
    }
    let sent = rig.emulator.faults().requests().await.unwrap();
    let turns = sent
        .iter()
        .filter(|request| request.target == "/v1/messages")
        .count();
    assert_eq!(
        turns,
        cells.len(),
        "each was taken at once, none needed a repair"
    );
}

/// JupyterLab shows a page below the cell, a terminal pages its plain text.
#[tokio::test]
async fn u12_pages_of_help_come_in_both_forms() {
    let mut rig = Rig::start("# Hi\n\nHi.\n").await;
    for code in ["%effort?", "?limits"] {
        let ran = rig.cell(code).await;
        let page = &ran.reply()["payload"][0];
        assert_eq!(page["source"], "page");
        for mime in ["text/markdown", "text/plain"] {
            let text = page["data"][mime].as_str().unwrap_or_default();
            assert!(text.len() > 100, "{code} {mime}: {page}");
        }
    }
}
