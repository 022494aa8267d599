//! What the kernel sends, judged by types that are not ours: those of the `jupyter-protocol` crate,
//! which front ends in Rust read messages with. They are strict: what is missing or null is an error.

use std::sync::Arc;

use claude_kernel::host::SystemHost;
use claude_kernel::jupyter::connection::{Channel, Connection, Route};
use claude_kernel::jupyter::messages::Empty;
use claude_kernel::jupyter::messages::stdin::InputRequest;
use claude_kernel::jupyter::wire::Message;
use expect_test::expect;
use jupyter_protocol::JupyterMessageContent;
use serde_json::json;

use crate::support::frontend::{self, Client};
use crate::support::rig::{Asks, Rig};

const SCRIPT: &str = r#"
# Show all that can be shown

Some *text*.

```bash
echo out
echo err >&2
false
```

```python
print(1)
```
"#;

/// Fails if the message is one that such a front end cannot read, or takes for another.
fn judge(message: &Message) -> String {
    let header: jupyter_protocol::Header = serde_json::from_str(message.parent.as_str()).unwrap();
    let content = message.content.clone();
    let read = JupyterMessageContent::from_type_and_content(&header.msg_type, content.clone())
        .unwrap_or_else(|error| panic!("{}: {error}: {content}", header.msg_type));
    assert!(
        !matches!(read, JupyterMessageContent::UnknownMessage(_)),
        "{} is unknown",
        header.msg_type
    );
    assert_eq!(read.message_type(), header.msg_type);
    // What it read is what was said: a member that it does not have would be gone.
    let written = serde_json::to_value(&read).unwrap();
    let missing: Vec<&String> = content
        .as_object()
        .unwrap()
        .keys()
        .filter(|key| written.get(key).is_none())
        .collect();
    match missing.as_slice() {
        [] => header.msg_type,
        missing => format!("{} (its {missing:?} is not read)", header.msg_type),
    }
}

#[tokio::test]
async fn every_message_is_read_by_an_outside_crate() {
    let mut rig = Rig::start(SCRIPT).await;
    let mut messages = Vec::new();
    for (msg_type, content) in [
        ("kernel_info", json!({})),
        ("comm_info", json!({})),
        ("complete", json!({"code": "%mod", "cursor_pos": 4})),
        ("inspect", json!({"code": "%model", "cursor_pos": 3})),
        ("inspect", json!({"code": "nothing", "cursor_pos": 3})),
        ("is_complete", json!({"code": "%model"})),
        ("is_complete", json!({"code": "more \\"})),
        ("is_complete", json!({"code": "%nosuch"})),
        (
            "execute",
            json!({"code": "%model?", "user_expressions": {"m": "model", "x": "?"}}),
        ),
        ("execute", json!({"code": "%version"})),
        ("execute", json!({"code": "%nosuch"})),
        (
            "history",
            json!({"hist_access_type": "tail", "n": 2, "output": true}),
        ),
        ("history", json!({"hist_access_type": "tail", "n": 2})),
    ] {
        let msg_type = format!("{msg_type}_request");
        messages.extend(rig.ask(Channel::Shell, &msg_type, content).await.messages);
    }
    let open = json!({"comm_id": "c", "target_name": "t", "data": {}});
    messages.extend(rig.ask(Channel::Shell, "comm_open", open).await.messages);
    for msg_type in ["kernel_info_request", "interrupt_request"] {
        messages.extend(
            rig.ask(Channel::Control, msg_type, json!({}))
                .await
                .messages,
        );
    }
    for asks in [Asks::Lab, Asks::Console, Asks::Batch] {
        messages.extend(
            rig.cell_as(asks, "Show all that can be shown")
                .await
                .messages,
        );
    }
    let leave = json!({"restart": true});
    let last = rig.ask(Channel::Control, "shutdown_request", leave);
    messages.extend(last.await.messages);

    let mut kinds: Vec<String> = messages
        .iter()
        .map(|sent| {
            let route = match sent.route {
                Route::Iopub => "iopub",
                Route::To(_) => "reply",
            };
            format!("{route} {}", judge(&sent.message))
        })
        .collect();
    kinds.sort();
    kinds.dedup();
    expect![[r#"
        iopub comm_close
        iopub display_data
        iopub error
        iopub execute_input
        iopub execute_result
        iopub shutdown_reply
        iopub status
        iopub stream
        iopub update_display_data
        reply comm_info_reply
        reply complete_reply
        reply execute_reply
        reply history_reply
        reply inspect_reply
        reply interrupt_reply
        reply is_complete_reply
        reply kernel_info_reply (its ["supported_features"] is not read)
        reply shutdown_reply"#]]
    .assert_eq(&kinds.join("\n"));
}

/// Two that the kernel of the other test has no reason to send.
#[tokio::test]
async fn a_welcome_and_a_question_are_read_by_an_outside_crate() {
    let file = frontend::tcp_file();
    let connection = Connection::bind(&file, Arc::new(SystemHost::new()))
        .await
        .unwrap();
    let mut client = Client::connect(&file).await;
    assert_eq!(judge(&client.recv_iopub().await), "iopub_welcome");

    client.send(Channel::Shell, "echo_request", json!({})).await;
    let mut shell = connection.shell;
    let request = shell.recv().await.unwrap();
    let question = InputRequest {
        prompt: "sure?",
        password: false,
    };
    connection
        .outgoing
        .reply(Channel::Stdin, &request, &question, &Empty::new())
        .await;
    assert_eq!(judge(&client.recv(Channel::Stdin).await), "input_request");
}
