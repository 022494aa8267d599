//! Programmatic tool calling (`docs/protocol.md#programmatic-calls`). Code in the sandbox calls
//! client tools and the turn stops; with the results in the next request the code goes on.

use serde_json::{Value, json};

use super::Player;
use super::stop::{Next, Stop};
use crate::emulator::id;
use crate::emulator::message::{Role, is_by_code, kind, text};
use crate::emulator::request::Request;
use crate::emulator::sandbox::ClientCall;
use crate::emulator::steps::{Call, Came};
use crate::emulator::stream::Over;

/// How responses name the caller, for all versions of the tool.
const CALLER: &str = "code_execution_20260120";

impl Player {
    /// Sends the calls of the code that runs as `id`, and stops the turn.
    pub(super) async fn code_calls(
        &mut self,
        calls: &[ClientCall],
        id: &str,
    ) -> Result<Next, Over> {
        for block in self.blocks_of(calls, id) {
            self.call_by_code(&block).await?;
        }
        Ok(Next::Stop(Stop::plain("tool_use")))
    }

    /// If code waits for the results at the end of the request, lets it go on. Returns what it led
    /// to, and the id of the call that runs it.
    pub(super) async fn resume(&mut self) -> Result<Option<(Came, String)>, Over> {
        let Some(waiting) = waiting(&self.opening.request) else {
            return Ok(None);
        };
        let (calls, now) = (waiting.calls, self.app.shared.host.now());
        let shared = &self.app.shared;
        let late = shared
            .with(move |state| state.turns.too_late(&calls, now))
            .await
            .map_err(|_| Over)?;
        let results = (!late).then_some(waiting.results);
        let came = self.carry_out(&Call::Resume(results), &waiting.id).await?;
        Ok(Some((came, waiting.id)))
    }

    /// Answers with more calls of code that went on. `message_start` holds all of them, and only
    /// the end of the message follows (`docs/protocol.md#prefilled-start`).
    pub(super) async fn prefilled(mut self, calls: &[ClientCall], id: &str) -> Result<Value, Over> {
        for block in self.blocks_of(calls, id) {
            self.push(block);
        }
        let stop = Stop::plain("tool_use");
        let usage = json!({"input_tokens": 0, "output_tokens": 0});
        let message = self.message(&usage, Some(&stop), &self.container_json());
        self.remember(&stop).await?;
        self.sink
            .event(&json!({"type": "message_start", "message": message}))
            .await?;
        self.sink.event(&json!({"type": "message_stop"})).await?;
        self.sink.finish().await?;
        Ok(message)
    }

    fn blocks_of(&self, calls: &[ClientCall], id: &str) -> Vec<Value> {
        let caller = json!({"type": CALLER, "tool_id": id});
        let block = |call: &ClientCall| {
            let own = id::fresh(self.app.shared.host.as_ref(), "toolu");
            json!({"type": "tool_use", "id": own, "name": call.name, "input": call.input,
                "caller": caller})
        };
        calls.iter().map(block).collect()
    }
}

/// Code that waits for results.
struct Waiting {
    /// The id of the call that runs it.
    id: String,
    /// The ids of the calls that the code made, and the result for each.
    calls: Vec<String>,
    results: Vec<String>,
}

fn waiting(request: &Request) -> Option<Waiting> {
    let messages = request.messages.iter().rev();
    let mut messages = messages.skip_while(|message| message.role == Role::System);
    let (answers, calls) = (messages.next()?, messages.next()?);
    if answers.role != Role::User || calls.role != Role::Assistant {
        return None;
    }
    let by_code = |block: &&Value| is_by_code(block);
    let id = calls.blocks.iter().find(by_code)?.get("caller")?;
    let id = text(id, "tool_id")?.to_owned();
    let mine = || calls.blocks.iter().filter(by_code);
    let results = mine().map(|call| {
        let answer = answers.blocks.iter().find(|answer| {
            kind(answer) == "tool_result" && answer.get("tool_use_id") == call.get("id")
        });
        answer.map(said).unwrap_or_default()
    });
    Some(Waiting {
        id,
        results: results.collect(),
        calls: mine()
            .filter_map(|call| text(call, "id").map(str::to_owned))
            .collect(),
    })
}

/// The text of a result.
fn said(result: &Value) -> String {
    match result.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(blocks)) => {
            let texts: Vec<&str> = blocks.iter().filter_map(|b| text(b, "text")).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}
