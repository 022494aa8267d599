//! What Claude answers in a random history: whole blocks, odd ones among them, and their events.

use claude_kernel::emulator::judge::Taken;
use serde_json::{Value, json};

/// What an answer holds, call by call.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) calls: Vec<(Vec<Piece>, Then)>,
    pub(super) end: End,
}

impl Answer {
    /// An answer without a block.
    pub(super) fn nothing() -> Self {
        Self {
            calls: Vec::new(),
            end: End::Whole,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Think,
    Text,
    Bash,
    /// A text block without words.
    Blank(&'static str),
    /// A step whose input is JSON but no object.
    OddInput,
    /// A result that no call asked for.
    Orphan,
    /// A result before its call.
    Reversed,
    /// Two steps of one id.
    Twice,
    /// A step with the id of one of another turn.
    Again,
}

/// Why a call that is not the last ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Pause,
    Tool,
    /// A tool is called with an input that is no object.
    OddTool,
    /// Two tools are called under one id.
    TwinTools,
    /// Code in the sandbox calls a tool, and waits for it.
    Code,
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

/// Ids and numbers, each once.
#[derive(Debug, Default)]
pub(super) struct Ids(u32);

impl Ids {
    pub(super) fn next(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }

    pub(super) fn fresh(&mut self, kind: &str) -> String {
        format!("{kind}_{}", self.next())
    }
}

/// An id that turns share.
const SHARED: &str = "srvtoolu_shared";

/// One call's answer while it is made.
pub(super) struct Stage<'a> {
    pub(super) ids: &'a mut Ids,
    pub(super) taken: &'a mut Taken,
    /// The sandbox is gone, and its steps say so.
    pub(super) is_dead: bool,
    pub(super) blocks: Vec<Value>,
    pub(super) uses_sandbox: bool,
    /// All of it comes with the start: further calls of code that went on.
    pub(super) is_prefilled: bool,
}

impl Stage<'_> {
    /// Makes call `number` of an answer, first the result of what a pause left open. Returns why it
    /// stops, and what it leaves open.
    pub(super) fn call(
        &mut self,
        answer: &Answer,
        number: usize,
        pending: Option<Value>,
    ) -> (&'static str, Option<Value>) {
        let (pieces, then) = answer
            .calls
            .get(number)
            .map_or((&[][..], Then::Pause), |(pieces, then)| {
                (&pieces[..], *then)
            });
        let is_last = number + 1 >= answer.calls.len();
        if let Some(call) = pending {
            self.uses_sandbox = true;
            let is_code = call["name"] == "code_execution";
            if is_code && then == Then::Code && !is_last {
                self.is_prefilled = true;
                self.call_by_code(&call);
                return ("tool_use", Some(call));
            }
            let mut ran = self.ran(call["id"].as_str().unwrap());
            if is_code {
                ran = by_repl(&ran);
            }
            self.say(ran);
        }
        for piece in pieces {
            self.piece(*piece);
        }
        match then {
            _ if is_last && answer.end == End::MaxTokens => ("max_tokens", None),
            _ if is_last && answer.end == End::Refusal => ("refusal", None),
            _ if is_last => ("end_turn", None),
            Then::Pause if self.taken.offers("code_execution") => {
                self.uses_sandbox = true;
                let id = self.ids.fresh("srvtoolu");
                let call = self.run(&id);
                self.say(call.clone());
                ("pause_turn", Some(call))
            }
            Then::Pause => ("end_turn", None),
            Then::Code if self.taken.offers_to_code("mine") => {
                self.uses_sandbox = true;
                let id = self.ids.fresh("srvtoolu");
                let code = format!("await mine({{}})  # {}", self.ids.next());
                let call = json!({"type": "server_tool_use", "id": id, "name": "code_execution",
                    "input": {"code": code}, "caller": {"type": "direct"}});
                self.say(call.clone());
                self.call_by_code(&call);
                ("tool_use", Some(call))
            }
            _ if !self.taken.offers("mine") => ("end_turn", None),
            Then::Tool | Then::Code => {
                let id = self.ids.fresh("toolu");
                let input = json!({"n": self.ids.next()});
                self.call_tool(&id, &input);
                ("tool_use", None)
            }
            Then::OddTool => {
                let id = self.ids.fresh("toolu");
                let input = json!(format!("odd {}", self.ids.next()));
                self.call_tool(&id, &input);
                ("tool_use", None)
            }
            Then::TwinTools => {
                let id = self.ids.fresh("toolu");
                for _ in 0..2 {
                    let input = json!({"n": self.ids.next()});
                    self.call_tool(&id, &input);
                }
                ("tool_use", None)
            }
        }
    }

    fn piece(&mut self, piece: Piece) {
        let runs = self.taken.offers("code_execution");
        match piece {
            Piece::Think => {
                let text = ["", "Hm."][usize::try_from(self.ids.next() % 2).unwrap()];
                self.blocks.push(self.taken.think(text));
            }
            Piece::Text => {
                let text = format!("\n\nAnswer {}.", self.ids.next());
                self.say(json!({"type": "text", "text": text}));
            }
            Piece::Blank(text) => self.say(json!({"type": "text", "text": text})),
            _ if !runs => {}
            Piece::Bash => {
                let id = self.ids.fresh("srvtoolu");
                self.step(&id);
            }
            Piece::OddInput => {
                let id = self.ids.fresh("srvtoolu");
                let mut call = self.run(&id);
                call["input"] = json!(format!("odd {}", self.ids.next()));
                self.say(call);
                let ran = self.ran(&id);
                self.say(ran);
            }
            Piece::Orphan => {
                let id = self.ids.fresh("srvtoolu");
                let ran = self.ran(&id);
                self.say(ran);
            }
            Piece::Reversed => {
                let id = self.ids.fresh("srvtoolu");
                let (call, ran) = (self.run(&id), self.ran(&id));
                self.say(ran);
                self.say(call);
            }
            Piece::Twice => {
                let id = self.ids.fresh("srvtoolu");
                self.step(&id);
                self.step(&id);
            }
            Piece::Again => self.step(SHARED),
        }
        self.uses_sandbox |= runs && !matches!(piece, Piece::Think | Piece::Text | Piece::Blank(_));
    }

    fn step(&mut self, id: &str) {
        let (call, ran) = (self.run(id), self.ran(id));
        self.say(call);
        self.say(ran);
    }

    fn say(&mut self, block: Value) {
        self.taken.say(&block);
        self.blocks.push(block);
    }

    fn call_tool(&mut self, id: &str, input: &Value) {
        self.say(json!({"type": "tool_use", "id": id, "name": "mine", "input": input}));
    }

    fn call_by_code(&mut self, code: &Value) {
        let id = self.ids.fresh("toolu");
        let caller = json!({"type": "code_execution_20260120", "tool_id": code["id"]});
        let input = json!({"n": self.ids.next()});
        self.say(
            json!({"type": "tool_use", "id": id, "name": "mine", "input": input, "caller": caller}),
        );
    }

    fn run(&mut self, id: &str) -> Value {
        let command = format!("echo {}", self.ids.next());
        json!({"type": "server_tool_use", "id": id, "name": "bash_code_execution",
            "input": {"command": command}})
    }

    fn ran(&mut self, id: &str) -> Value {
        let stdout = format!("{}\n", self.ids.next());
        let content = match self.is_dead {
            false => json!({"type": "bash_code_execution_result", "stdout": stdout, "stderr": "",
                "return_code": 0, "content": []}),
            true => json!({"type": "bash_code_execution_tool_result_error",
                "error_code": "container_expired"}),
        };
        json!({"type": "bash_code_execution_tool_result", "tool_use_id": id, "content": content})
    }
}

/// A result of bash as one of a cell.
fn by_repl(ran: &Value) -> Value {
    let text = ran.to_string().replace("bash_code", "code");
    serde_json::from_str(&text).unwrap()
}

/// A message that is whole with its start: nothing but its end follows
/// (`docs/protocol.md#prefilled-start`).
pub(super) fn prefilled(
    id: &str,
    body: &Value,
    blocks: &[Value],
    container: Option<&str>,
) -> Vec<Value> {
    let mut message = json!({
        "id": id, "type": "message", "role": "assistant", "model": body["model"],
        "content": blocks, "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 0, "output_tokens": 0}});
    if let Some(id) = container {
        message["container"] = json!({"id": id, "expires_at": "2026-11-22T12:40:00Z"});
    }
    vec![
        json!({"type": "message_start", "message": message}),
        json!({"type": "message_stop"}),
    ]
}

/// The events of a message: text in two pieces, thinking with its signature last, inputs as JSON.
pub(super) fn events(
    id: &str,
    body: &Value,
    blocks: &[Value],
    stop_reason: &str,
    container: Option<&str>,
) -> Vec<Value> {
    let mut events = vec![json!({"type": "message_start", "message": {
        "id": id, "type": "message", "role": "assistant", "model": body["model"],
        "content": [], "stop_reason": null, "usage": {"input_tokens": 10, "output_tokens": 1}}})];
    for (index, block) in blocks.iter().enumerate() {
        let (opened, deltas) = opened(block);
        events
            .push(json!({"type": "content_block_start", "index": index, "content_block": opened}));
        events.extend(
            deltas.into_iter().map(
                |delta| json!({"type": "content_block_delta", "index": index, "delta": delta}),
            ),
        );
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    let mut delta = json!({"stop_reason": stop_reason, "stop_sequence": null,
        "stop_details": {"type": "refusal", "category": "cyber", "explanation": "no"}});
    // Absent where none was used.
    if let Some(id) = container {
        delta["container"] = json!({"id": id, "expires_at": "2026-11-22T12:40:00Z"});
    }
    events.push(json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 20}}));
    events.push(json!({"type": "message_stop"}));
    events
}

/// A block as it opens, and what then comes of it.
fn opened(block: &Value) -> (Value, Vec<Value>) {
    let mut opened = block.clone();
    let deltas = match block["type"].as_str() {
        Some("text") => {
            let text = block["text"].as_str().unwrap();
            opened["text"] = json!("");
            let (first, rest) = text.split_at(text.len().min(2));
            let pieces = [first, rest].map(|it| json!({"type": "text_delta", "text": it}));
            pieces.to_vec()
        }
        Some("thinking") => {
            opened["thinking"] = json!("");
            opened["signature"] = json!("");
            let thinking = json!({"type": "thinking_delta", "thinking": block["thinking"]});
            let signature = json!({"type": "signature_delta", "signature": block["signature"]});
            vec![thinking, signature]
        }
        // What code calls comes whole.
        Some("tool_use") if block["caller"]["tool_id"].is_string() => Vec::new(),
        Some("tool_use" | "server_tool_use") => {
            opened["input"] = json!({});
            let written = block["input"].to_string();
            let pieces =
                ["", &written].map(|it| json!({"type": "input_json_delta", "partial_json": it}));
            pieces.to_vec()
        }
        _ => Vec::new(),
    };
    (opened, deltas)
}
