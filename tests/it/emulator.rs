//! The offline backend's own rules, through real HTTP. What its answers mean to a client is
//! judged by `tests/conformance/test_sdk.py`.

mod circumstances;
mod compaction;
mod execution;
mod faults;
mod files;
mod guard;
mod history;
mod leftovers;
mod limits;
mod plays;
mod requests;
mod tool_changes;
mod turns;

use std::sync::Arc;

use claude_kernel::emulator::server::{Emulator, EmulatorConfig, start};
use claude_kernel::host::{Host, SystemHost};
use serde_json::{Value, json};

/// A backend with a script and a client.
struct Backend {
    emulator: Emulator,
    client: reqwest::Client,
    directory: tempfile::TempDir,
}

/// A status and a body.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: String,
}

impl Backend {
    async fn start() -> Self {
        Self::with_script("").await
    }

    async fn with_script(script: &str) -> Self {
        Self::with_host(script, Arc::new(SystemHost::new())).await
    }

    async fn with_host(script: &str, host: Arc<dyn Host>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.claude.md");
        std::fs::write(&path, script).unwrap();
        let emulator = start(EmulatorConfig {
            scripts: vec![path],
            host: Some(host),
            sandbox_command: Some(env!("CARGO_BIN_EXE_claude-kernel").into()),
            ..EmulatorConfig::default()
        })
        .await
        .unwrap();
        // A second call finds the provider installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            emulator,
            client,
            directory,
        }
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.emulator.base_url());
        self.client
            .request(method.parse().unwrap(), url)
            .bearer_auth(self.emulator.key())
            .header("anthropic-version", "2026-10-21")
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request("POST", path).body(body.to_string()))
            .await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    /// Asks and returns the message; anything else than a 200 fails the test.
    async fn message(&self, body: &Value) -> Value {
        let answer = self.post("/v1/messages", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Asks and returns the error's message; anything else than a 400 fails the test.
    async fn refusal(&self, body: &Value, betas: &str) -> String {
        let request = self.request("POST", "/v1/messages");
        let request = request.header("anthropic-beta", betas);
        let answer = self.send(request.body(body.to_string())).await;
        assert_eq!(answer.status, 400, "{body}\n{}", answer.body);
        let error = answer.json();
        assert_eq!(error["error"]["type"], "invalid_request_error");
        error["error"]["message"].as_str().unwrap().to_owned()
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }
}

/// A request with these fields instead of the usual ones.
fn ask(fields: Value) -> Value {
    let mut body = json!({
        "model": "claude-opus-5-5",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": "hello"}],
    });
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    body
}

/// A request with these messages.
fn say(messages: Value) -> Value {
    ask(json!({"messages": messages}))
}

/// Runs cases of a body and the start of its refusal.
async fn check_refused(backend: &Backend, betas: &str, cases: Vec<(Value, &str)>) {
    for (body, expected) in cases {
        let message = backend.refusal(&body, betas).await;
        assert!(
            message.starts_with(expected),
            "{body}\n was refused with\n{message}\n not\n{expected}"
        );
    }
}

/// Runs cases that must be answered.
async fn check_accepted(backend: &Backend, betas: &str, cases: Vec<Value>) {
    for body in cases {
        let request = backend.request("POST", "/v1/messages");
        let request = request.header("anthropic-beta", betas);
        let answer = backend.send(request.body(body.to_string())).await;
        assert_eq!(answer.status, 200, "{body}\n{}", answer.body);
    }
}
