//! The offline backend's own rules, through real HTTP.

use claude_kernel::emulator::faults::{At, Disturbance, Fault, FaultKind};
use claude_kernel::emulator::server::{Emulator, EmulatorConfig, start};
use serde_json::{Value, json};

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

async fn backend() -> Emulator {
    start(EmulatorConfig {
        key: Some("sk-test".into()),
        sandbox_command: Some(env!("CARGO_BIN_EXE_claude-kernel").into()),
        ..EmulatorConfig::default()
    })
    .await
    .unwrap()
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

async fn post(emulator: &Emulator, path: &str, body: &Value) -> (u16, String) {
    let response = client()
        .post(format!("{}{path}", emulator.base_url()))
        .bearer_auth(emulator.key())
        .header("anthropic-version", "2026-10-21")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn hello() -> Value {
    json!({
        "model": "claude-opus-5-5", "max_tokens": 1000, "stream": true,
        "messages": [{"role": "user", "content": "hello"}],
    })
}

#[test]
fn a_prompt_no_script_knows_gets_an_honest_answer() {
    block_on(async {
        let emulator = backend().await;
        let (status, text) = post(&emulator, "/v1/messages", &hello()).await;
        assert_eq!(status, 200, "{text}");
        assert!(text.contains("event: message_stop"), "{text}");
        assert!(text.contains("offline"), "{text}");
    });
}

#[test]
fn a_gate_holds_the_stream_exactly_after_the_second_delta() {
    block_on(async {
        let emulator = backend().await;
        let faults = emulator.faults();
        let gate = Disturbance::Gate { name: "g".into() };
        faults
            .add(Fault::once(FaultKind::Stream(At::Deltas(2), gate)))
            .await
            .unwrap();
        let mut response = client()
            .post(format!("{}/v1/messages", emulator.base_url()))
            .bearer_auth("sk-test")
            .header("anthropic-version", "2026-10-21")
            .body(hello().to_string())
            .send()
            .await
            .unwrap();
        faults.gate_reached("g").await.unwrap();
        let mut seen = String::new();
        while seen.matches("event: content_block_delta").count() < 2 {
            let chunk = response.chunk().await.unwrap().unwrap();
            seen.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        assert_eq!(seen.matches("content_block_delta\n").count(), 2);
        faults.open_gate("g").await.unwrap();
        while let Some(chunk) = response.chunk().await.unwrap() {
            seen.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        assert!(seen.contains("message_stop"), "{seen}");
    });
}
