//! What the kernel sends arrives: in order, whole, to whom it belongs, up to its last words.

use std::sync::Arc;
use std::time::Duration;

use claude_kernel::host::{Host, SystemHost};
use claude_kernel::jupyter::connection::{Channel, Connection};
use claude_kernel::jupyter::connection_file::Key;
use claude_kernel::jupyter::memory::FrontEndError;
use claude_kernel::jupyter::messages::Empty;
use claude_kernel::jupyter::messages::iopub::{ExecutionState, Status};
use claude_kernel::jupyter::messages::shell::{
    ExecuteMetadata, ExecuteReply, Payload, UserExpressions,
};
use claude_kernel::jupyter::mime::{Display, ErrorOutput, MimeBundle, Output, StreamName};
use expect_test::expect;
use serde_json::{Map, json};

use crate::support::frontend::{self, Client, parent_id};
use crate::support::host::FixedHost;

use super::{Raw, echo, start};

#[tokio::test]
async fn two_clients_each_get_their_replies_and_all_outputs_in_order() {
    const COUNT: u64 = 2000;
    let file = frontend::tcp_file();
    let _kernel = start(&file).await;
    let mut first = Client::connect(&file).await;
    let mut second = Client::connect(&file).await;
    first.ready().await;
    second.ready().await;
    let own = second
        .send(Channel::Shell, "echo_request", json!({"publish": COUNT}))
        .await;
    assert_eq!(parent_id(&second.recv(Channel::Shell).await), own);
    for client in [&mut second, &mut first] {
        let mut texts = Vec::new();
        loop {
            let message = client.recv_iopub().await;
            if parent_id(&message) != own {
                // What made the other one ready.
                continue;
            }
            if let Some(text) = message.content["text"].as_str() {
                texts.push(text.parse::<u64>().unwrap());
            }
            if message.content["execution_state"] == "idle" {
                break;
            }
        }
        assert_eq!(texts, (0..COUNT).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn twenty_megabytes_arrive_and_return() {
    let mut file = frontend::tcp_file();
    // Unsigned: HMAC without optimisation would be most of this test's time.
    file.key = Key::new("");
    let _kernel = start(&file).await;
    let mut client = Client::connect(&file).await;
    let code = "x".repeat(20 * 1024 * 1024);
    client
        .send(Channel::Shell, "echo_request", json!({"code": code}))
        .await;
    let reply = client.recv(Channel::Shell).await;
    assert_eq!(reply.content["code"].as_str().unwrap().len(), code.len());
}

/// The process does not live on after `close`: here its whole runtime ends instead.
#[test]
fn the_last_words_are_heard_when_the_kernel_is_gone_at_once() {
    let clients = tokio::runtime::Runtime::new().unwrap();
    for round in 0..20 {
        let file = frontend::tcp_file();
        // One thread: what is only queued when the kernel returns is lost for certain.
        let kernel = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let connection = kernel
            .block_on(Connection::bind(&file, Arc::new(SystemHost::new())))
            .unwrap();
        let client = clients.spawn(async move {
            let mut client = Client::connect(&file).await;
            client.ready().await;
            let id = client
                .send(
                    Channel::Control,
                    "shutdown_request",
                    json!({"restart": true, "publish": 50, "padding": "x".repeat(300_000)}),
                )
                .await;
            let reply = client.recv(Channel::Control).await;
            assert_eq!(reply.header.msg_type, "shutdown_reply");
            loop {
                let message = client.recv_iopub().await;
                if parent_id(&message) == id && message.content["execution_state"] == "idle" {
                    break;
                }
            }
        });
        kernel.block_on(echo(connection));
        drop(kernel);
        clients
            .block_on(client)
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
}

#[tokio::test]
async fn closing_does_not_wait_for_a_client_that_does_not_read() {
    let mut file = frontend::tcp_file();
    // Unsigned: HMAC without optimisation would be most of this test's time.
    file.key = Key::new("");
    let connection = Connection::bind(&file, Arc::new(SystemHost::new()))
        .await
        .unwrap();
    let Connection {
        mut shell,
        outgoing,
        ..
    } = connection;
    let mut client = Client::connect(&file).await;
    client.send(Channel::Shell, "echo_request", json!({})).await;
    let request = shell.recv().await.unwrap();
    // Far more than all buffers between the two hold; the client never receives.
    for _ in 0..40 {
        let reply = Raw {
            msg_type: "echo_reply",
            content: &json!({"text": "x".repeat(1024 * 1024)}),
        };
        outgoing
            .reply(Channel::Shell, &request, &reply, &Empty::new())
            .await;
    }
    let host = SystemHost::new();
    outgoing.close().await;
    assert!(host.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn in_memory_the_same_frames_travel_in_one_order() {
    let (connection, mut front_end) = Connection::memory(FixedHost::new());
    let Connection {
        mut shell,
        outgoing,
        ..
    } = connection;
    let id = front_end
        .send(Channel::Shell, "execute_request", json!({"code": "1"}))
        .await
        .unwrap();
    let request = shell.recv().await.unwrap();
    let parent = &request.parent;
    outgoing
        .publish(
            None,
            &Status {
                execution_state: ExecutionState::Starting,
            },
        )
        .await;
    let display = |display_id: Option<&str>| Display {
        data: MimeBundle::markdown("*x*", "x"),
        metadata: Map::new(),
        display_id: display_id.map(str::to_owned),
    };
    for output in [
        Output::Stream {
            name: StreamName::Stderr,
            text: "oh\n".to_owned(),
        },
        Output::Display(display(Some("d"))),
        Output::Update(display(Some("d"))),
        Output::Result(display(None)),
        Output::Error(ErrorOutput {
            ename: "E".to_owned(),
            evalue: "v".to_owned(),
            traceback: vec!["E: v".to_owned()],
        }),
    ] {
        outgoing.output(parent, output, 3).await;
    }
    let reply = ExecuteReply {
        execution_count: 3,
        payload: vec![Payload::page(MimeBundle::plain("x"))],
        user_expressions: UserExpressions::default(),
    };
    let metadata = ExecuteMetadata {
        started: "now".to_owned(),
        status: "ok",
    };
    outgoing
        .reply(Channel::Shell, &request, &reply, &metadata)
        .await;
    drop(outgoing);

    let mut transcript = String::new();
    loop {
        match front_end.recv().await {
            Ok(sent) => {
                let answers = parent_id(&sent.message) == id;
                let header = &sent.message.header;
                transcript += &format!(
                    "{:?} {} {} {}\n",
                    sent.route,
                    header.msg_type,
                    if answers { "to it" } else { "to none" },
                    sent.message.content
                );
            }
            Err(FrontEndError::KernelGone) => break,
            Err(error) => panic!("{error}"),
        }
    }
    expect![[r#"
        Iopub status to none {"execution_state":"starting"}
        Iopub stream to it {"name":"stderr","text":"oh\n"}
        Iopub display_data to it {"data":{"text/markdown":"*x*","text/plain":"x"},"metadata":{},"transient":{"display_id":"d"}}
        Iopub update_display_data to it {"data":{"text/markdown":"*x*","text/plain":"x"},"metadata":{},"transient":{"display_id":"d"}}
        Iopub execute_result to it {"data":{"text/markdown":"*x*","text/plain":"x"},"metadata":{},"transient":{},"execution_count":3}
        Iopub error to it {"ename":"E","evalue":"v","traceback":["E: v"]}
        To(Shell) execute_reply to it {"status":"ok","execution_count":3,"payload":[{"source":"page","data":{"text/plain":"x"},"start":0}],"user_expressions":{}}
    "#]].assert_eq(&transcript);
}
