//! The API's side of a random history: judges requests, and answers as it is told.

use claude_kernel::anthropic::event::StreamEvent;
use claude_kernel::anthropic::request::MessagesRequest;
use claude_kernel::chat::tool_changes;
use claude_kernel::emulator::judge::{self, Taken};
use serde_json::{Value, json};

/// What an answer holds, call by call.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) calls: Vec<(Vec<Piece>, Then)>,
    pub(super) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Think,
    Text,
    Bash,
}

/// Why a call that is not the last ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Pause,
    Tool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    MaxTokens,
    Refusal,
    /// The person stops it after so many events.
    Interrupt(u8),
    /// The connection breaks after so many events.
    Break(u8),
    /// The API takes no request of this turn.
    Forbidden,
}

/// The API.
#[derive(Debug, Default)]
pub(super) struct Claude {
    ids: u32,
    /// The sandboxes that exist.
    containers: Vec<String>,
    /// A call that a pause left open.
    pending: Option<String>,
}

impl Claude {
    fn id(&mut self, kind: &str) -> String {
        self.ids += 1;
        format!("{kind}_{}", self.ids)
    }

    /// Takes a request or says why not.
    pub(super) fn judge(&mut self, request: &MessagesRequest) -> Result<Taken, String> {
        let body = serde_json::to_value(request).map_err(|error| error.to_string())?;
        if let Some(container) = &request.container.id
            && !self.containers.contains(container)
        {
            return Err(format!("there is no container {container}"));
        }
        let resumes = self.pending.is_some();
        judge::strictest(&body, &request.betas, resumes).map_err(|why| format!("{why}\n{body:#}"))
    }

    /// A turn begins: what an earlier one left open is nobody's business.
    pub(super) fn begin(&mut self) {
        self.pending = None;
    }

    /// Returns the events of call `number` of an answer.
    pub(super) fn answer(
        &mut self,
        request: &MessagesRequest,
        mut taken: Taken,
        answer: &Answer,
        number: usize,
    ) -> Vec<StreamEvent> {
        let tools = tool_changes::in_force(request);
        let has = |name: &str| tools.iter().any(|tool| tool["name"] == name);
        let (runs, calls_back) = (has("code_execution"), has("mine"));
        let (pieces, then) = answer
            .calls
            .get(number)
            .map_or((&[][..], Then::Pause), |(pieces, then)| {
                (&pieces[..], *then)
            });
        let mut blocks = Vec::new();
        let mut uses_sandbox = false;
        if let Some(id) = self.pending.take() {
            uses_sandbox = true;
            say(&mut taken, &mut blocks, ran(&id));
        }
        for piece in pieces {
            match piece {
                Piece::Think => {
                    blocks.push(taken.think(if self.ids.is_multiple_of(2) {
                        ""
                    } else {
                        "Hm."
                    }));
                }
                Piece::Text => {
                    let text = format!("\n\nAnswer {}.", self.ids);
                    say(
                        &mut taken,
                        &mut blocks,
                        json!({"type": "text", "text": text, "citations": null}),
                    );
                    self.ids += 1;
                }
                Piece::Bash if runs => {
                    uses_sandbox = true;
                    let id = self.id("srvtoolu");
                    say(&mut taken, &mut blocks, run(&id));
                    say(&mut taken, &mut blocks, ran(&id));
                }
                Piece::Bash => {}
            }
        }
        let is_last = number + 1 >= answer.calls.len();
        let stop = match then {
            _ if is_last && answer.end == End::MaxTokens => "max_tokens",
            _ if is_last && answer.end == End::Refusal => "refusal",
            _ if is_last => "end_turn",
            Then::Pause if runs => {
                uses_sandbox = true;
                let id = self.id("srvtoolu");
                say(&mut taken, &mut blocks, run(&id));
                self.pending = Some(id);
                "pause_turn"
            }
            Then::Tool if calls_back => {
                let id = self.id("toolu");
                say(
                    &mut taken,
                    &mut blocks,
                    json!({"type": "tool_use", "id": id, "name": "mine", "input": {}}),
                );
                "tool_use"
            }
            Then::Pause | Then::Tool => "end_turn",
        };
        let container = request.container.id.clone();
        let container = container.or_else(|| {
            uses_sandbox.then(|| {
                let id = self.id("container");
                self.containers.push(id.clone());
                id
            })
        });
        let id = self.id("msg");
        events(&id, &request.model, &blocks, stop, container.as_deref())
    }
}

fn say(taken: &mut Taken, blocks: &mut Vec<Value>, block: Value) {
    taken.say(&block);
    blocks.push(block);
}

fn run(id: &str) -> Value {
    json!({"type": "server_tool_use", "id": id, "name": "bash_code_execution",
        "input": {"command": "ls"}})
}

fn ran(id: &str) -> Value {
    json!({"type": "bash_code_execution_tool_result", "tool_use_id": id,
        "content": {"type": "bash_code_execution_result", "stdout": "", "stderr": "",
            "return_code": 0, "content": []}})
}

/// The events of a message: text in two pieces, thinking with its signature last.
fn events(
    id: &str,
    model: &str,
    blocks: &[Value],
    stop_reason: &str,
    container: Option<&str>,
) -> Vec<StreamEvent> {
    let mut events = vec![json!({"type": "message_start", "message": {
        "id": id, "type": "message", "role": "assistant", "model": model,
        "content": [], "stop_reason": null, "usage": {"input_tokens": 10, "output_tokens": 1}}})];
    for (index, block) in blocks.iter().enumerate() {
        let mut opened = block.clone();
        let mut deltas = Vec::new();
        match block["type"].as_str() {
            Some("text") => {
                let text = block["text"].as_str().unwrap();
                opened["text"] = json!("");
                let (first, rest) = text.split_at(2);
                deltas.extend([first, rest].map(|it| json!({"type": "text_delta", "text": it})));
            }
            Some("thinking") => {
                opened["thinking"] = json!("");
                opened["signature"] = json!("");
                let thinking = json!({"type": "thinking_delta", "thinking": block["thinking"]});
                let signature = json!({"type": "signature_delta", "signature": block["signature"]});
                deltas.extend([thinking, signature]);
            }
            _ => {}
        }
        events
            .push(json!({"type": "content_block_start", "index": index, "content_block": opened}));
        events.extend(
            deltas.into_iter().map(
                |delta| json!({"type": "content_block_delta", "index": index, "delta": delta}),
            ),
        );
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(
        json!({"type": "message_delta", "delta": {"stop_reason": stop_reason,
        "stop_sequence": null,
        "stop_details": {"type": "refusal", "category": "cyber", "explanation": "no"},
        "container": container.map(|id| json!({"id": id, "expires_at": "2026-11-22T12:40:00Z"}))},
        "usage": {"output_tokens": 20}}),
    );
    events.push(json!({"type": "message_stop"}));
    events
        .iter()
        .map(|event| {
            StreamEvent::parse(event["type"].as_str().unwrap(), &event.to_string()).unwrap()
        })
        .collect()
}
