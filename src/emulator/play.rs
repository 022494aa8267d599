//! Plays a turn: its events, the commands in between, the message at the end.

use std::time::Duration;

mod blocks;
pub(super) mod code_calls;
mod compaction;
mod uploads;
mod web;

use serde_json::{Map, Value, json};

use super::app::App;
use super::containers::Lease;
use super::faults::{Deltas, Fault, FaultKind, Taken, strikes};
use super::file_store::File;
use super::matched_script::MatchedScript;
use super::message::{Role, kind, text};
use super::request::{Display, Request};
use super::script::{self, Edit, Part, Variables};
use super::sign::{self, Binding};
use super::steps::Call;
use super::stream::{Over, Sink, generated};
use super::structured;
use super::usage::{self, Usage};

/// A `ping` at least this often while nothing else is sent.
const PING: Duration = Duration::from_secs(3);
/// Bytes in a text delta, about.
const PIECE: usize = 24;
/// Bytes in a piece of a tool's input.
const INPUT_PIECE: usize = 48;

/// What a response starts with.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) request: Request,
    /// What thinking is bound to.
    pub(super) binding: Binding,
    pub(super) container: Option<Lease>,
    pub(super) usage: Usage,
    pub(super) id: String,
    pub(super) diagnostics: Value,
    /// What betas add beside the content: `input_transformations`, `context_management`.
    pub(super) extras: Map<String, Value>,
    /// Every file the request refers to.
    pub(super) files: Vec<File>,
}

/// Plays one response.
#[derive(Debug)]
pub(super) struct Player {
    app: App,
    sink: Sink,
    opening: Opening,
    content: Vec<Value>,
    variables: Variables,
    /// Pages shown in this turn, which prose may cite.
    shown: Vec<web::Shown>,
    /// A server tool's result is the last thing sent: the model is sampled again.
    resample: bool,
    acted: bool,
}

/// Why a turn stops.
#[derive(Debug, Clone, PartialEq)]
struct Stop {
    reason: String,
    sequence: Value,
    details: Value,
}

/// What comes after a part.
enum Next {
    Part,
    Stop(Stop),
}

impl Stop {
    fn plain(reason: &str) -> Self {
        Self {
            reason: reason.into(),
            sequence: Value::Null,
            details: Value::Null,
        }
    }

    fn sequence(found: &str) -> Self {
        Self {
            sequence: found.into(),
            ..Self::plain("stop_sequence")
        }
    }

    /// Reads the words of a script's `stop` directive.
    fn from_words(words: &[String]) -> Self {
        let mut words = words.iter().map(String::as_str);
        match words.next() {
            Some("refusal") => {
                let category = words.next();
                let explanation = "The offline backend's script refuses here.";
                Self {
                    details: json!({
                        "type": "refusal", "category": category, "explanation": explanation,
                    }),
                    ..Self::plain("refusal")
                }
            }
            Some("stop_sequence") => Self::sequence(words.next().unwrap_or_default()),
            reason => Self::plain(reason.unwrap_or("end_turn")),
        }
    }
}

impl Player {
    pub(super) fn new(app: &App, sink: Sink, opening: Opening) -> Self {
        Self {
            app: app.clone(),
            sink,
            opening,
            content: Vec::new(),
            variables: Variables::new(),
            shown: Vec::new(),
            resample: false,
            acted: false,
        }
    }

    /// Plays the scene and returns the whole message.
    pub(super) async fn play(mut self, scene: MatchedScript, taken: &Taken) -> Result<Value, Over> {
        if scene.from > 0
            && let Some(lease) = self.opening.container.clone()
        {
            // A turn that goes on after a tool of the client's: what its steps wrote still counts.
            let written = lease.run(|container| Box::pin(async move { container.variables() }));
            self.variables = written.await.unwrap_or_default();
        }
        self.variables.extend(scene.variables.clone());
        self.shown = web::shown_before(&self.opening.request);
        self.start().await?;
        let mut stop = None;
        let load = taken.0.iter().find_map(|kind| match kind {
            FaultKind::Deltas(deltas) => Some(*deltas),
            _ => None,
        });
        if self.opening.request.max_tokens == Some(0) {
            stop = Some(Stop::plain("max_tokens"));
        } else if let Some(deltas) = load {
            self.generate(deltas).await?;
        } else if let Next::Stop(why) = self.go_on().await? {
            stop = Some(why);
        } else {
            for (i, part) in scene.parts.iter().enumerate() {
                let calls_on = self.opening.request.calls_together()
                    && matches!(scene.parts.get(i + 1), Some(Part::Block(next)) if kind(next) == "tool_use");
                match self.part(part, &scene, i).await? {
                    Next::Stop(why) => stop = Some(why),
                    Next::Part if self.last_is("tool_use") && !calls_on => {
                        stop = Some(Stop::plain("tool_use"));
                    }
                    Next::Part => continue,
                }
                break;
            }
            if stop.is_none()
                && let Some(schema) = self.schema()
                && !self.last_is("text")
            {
                let example = structured::example(schema).to_string();
                if let Next::Stop(why) = self.text(&example).await? {
                    stop = Some(why);
                }
            }
        }
        self.finish(stop.unwrap_or_else(|| Stop::plain("end_turn")))
            .await
    }

    async fn start(&mut self) -> Result<(), Over> {
        let message = self.message(&self.opening.usage.at_start(), None, &Value::Null);
        self.sink
            .event(&json!({"type": "message_start", "message": message}))
            .await?;
        self.sink.ping().await?;
        if self.needs_container() {
            // Without one, the steps say that it is unavailable.
            if self.opening.container.is_none() {
                self.opening.container = Lease::make(&self.app.shared).await.ok();
            }
            let uploads = self.uploads();
            if let Some(lease) = &self.opening.container {
                for file in uploads {
                    let added = lease.add_input(&self.app.shared, &file.id, &file.name, &file.blob);
                    if let Err(error) = added.await {
                        tracing::warn!(error = %error.message, "an input file is missing");
                    }
                }
            }
        }
        Ok(())
    }

    async fn part(
        &mut self,
        part: &Part,
        scene: &MatchedScript,
        index: usize,
    ) -> Result<Next, Over> {
        if self.resample && !matches!(part, Part::Stop(_) | Part::Fault(_)) {
            self.opening.usage.next_pass();
            self.resample = false;
        }
        match part {
            Part::Thinking(text) => self.thinking(text).await,
            // With a schema, the text of the answer is JSON and nothing else.
            Part::Prose(_) if self.schema().is_some() => Ok(Next::Part),
            Part::Prose(text) => {
                let text = self.filled(text).await;
                self.prose(&text).await
            }
            Part::Deltas { count, pace_ms } => {
                self.generate(Deltas {
                    count: u64::from(*count),
                    size: 20,
                    every_ms: u64::from(*pace_ms),
                })
                .await?;
                Ok(Next::Part)
            }
            Part::Bash(code) | Part::Python(code) | Part::Repl(code) => {
                let code = script::substitute(code, &self.variables);
                let call = match part {
                    Part::Bash(_) => Call::Bash(code),
                    Part::Python(_) => Call::Python(code),
                    _ => Call::Repl(code),
                };
                self.step(call).await
            }
            Part::Edit(edit) => {
                let edit = self.filled_edit(edit);
                self.step(Call::Edit(edit)).await
            }
            Part::Search { query, pages } => {
                let query = self.filled(query).await;
                self.search(&query, pages).await
            }
            Part::Fetch(page) => self.fetch(page).await,
            Part::Block(block) => self.block(block).await,
            Part::Result(text) => self.result(text, &scene.place_of(index)).await,
            Part::Stop(words) => Ok(Next::Stop(Stop::from_words(words))),
            Part::Fault(text) => self.fault(text, scene.place_of(index)).await,
        }
    }

    async fn thinking(&mut self, thought: &str) -> Result<Next, Over> {
        if !self.opening.request.thinks() {
            return Ok(Next::Part);
        }
        let shown = match self.opening.request.thinking.display {
            Display::Summarized => thought,
            // Progress notes are what is thought between tool calls.
            Display::Updates if self.acted => thought,
            Display::Updates | Display::Omitted => "",
        };
        let cost = usage::of_text(thought) + 1;
        if self.opening.usage.output() + cost > self.limit() {
            return Ok(Next::Stop(Stop::plain("max_tokens")));
        }
        self.opening.usage.thought(cost);
        let signature = self.opening.binding.sign(shown);
        self.sink
            .open(&json!({"type": "thinking", "thinking": "", "signature": ""}))
            .await?;
        for piece in pieces(shown, PIECE) {
            self.sink
                .delta(&json!({"type": "thinking_delta", "thinking": piece}))
                .await?;
        }
        self.sink
            .delta(&json!({"type": "signature_delta", "signature": signature}))
            .await?;
        self.sink.close().await?;
        self.push(json!({"type": "thinking", "thinking": shown, "signature": signature}));
        Ok(Next::Part)
    }

    /// Streams text, until a stop sequence or the limit.
    async fn text(&mut self, text: &str) -> Result<Next, Over> {
        let sequences = self.opening.request.stop_sequences.iter();
        let found = sequences
            .filter_map(|sequence| Some((text.find(sequence.as_str())?, sequence.clone())))
            .min();
        let (text, mut stop) = match found {
            Some((at, sequence)) => (
                text.get(..at).unwrap_or_default(),
                Some(Stop::sequence(&sequence)),
            ),
            None => (text, None),
        };
        if text.trim().is_empty() {
            return Ok(stop.map_or(Next::Part, Next::Stop));
        }
        self.sink
            .open(&json!({"type": "text", "text": "", "citations": null}))
            .await?;
        let mut sent = String::new();
        for piece in pieces(text, PIECE) {
            let cost = usage::of_text(piece);
            if self.opening.usage.output() + cost > self.limit() {
                stop = Some(Stop::plain("max_tokens"));
                break;
            }
            self.opening.usage.wrote(cost);
            self.sink
                .delta(&json!({"type": "text_delta", "text": piece}))
                .await?;
            sent.push_str(piece);
        }
        self.sink.close().await?;
        self.push(json!({"type": "text", "text": sent, "citations": null}));
        Ok(stop.map_or(Next::Part, Next::Stop))
    }

    async fn generate(&mut self, deltas: Deltas) -> Result<(), Over> {
        self.sink
            .open(&json!({"type": "text", "text": "", "citations": null}))
            .await?;
        self.sink.generate(&deltas).await?;
        self.sink.close().await?;
        let cost = usage::of_text(&generated(deltas.size, 1));
        self.opening.usage.wrote(cost * deltas.count);
        if !self.sink.is_streaming() {
            let text: String = (1..=deltas.count.min(100_000))
                .map(|number| generated(deltas.size, number))
                .collect();
            self.push(json!({"type": "text", "text": text, "citations": null}));
        }
        Ok(())
    }

    async fn fault(&mut self, text: &str, place: String) -> Result<Next, Over> {
        // It was read without a mistake before the turn began.
        if let Ok(Fault { kind, times, .. }) = Fault::from_script(text)
            && let FaultKind::Stream(at, disturbance) = kind
            && strikes(&self.app.shared, place, times)
                .await
                .map_err(|_| Over)?
        {
            self.sink.disturb(at, disturbance).await?;
        }
        Ok(Next::Part)
    }

    async fn finish(mut self, stop: Stop) -> Result<Value, Over> {
        let container = self.container_json();
        let mut delta = json!({
            "type": "message_delta",
            "delta": {
                "stop_reason": stop.reason,
                "stop_sequence": stop.sequence,
                "stop_details": stop.details,
                "container": container,
            },
            "usage": self.opening.usage.at_end(),
        });
        if let Some(map) = delta.as_object_mut() {
            map.extend(self.opening.extras.clone());
        }
        self.remember(&stop).await?;
        self.sink.event(&delta).await?;
        self.sink.event(&json!({"type": "message_stop"})).await?;
        self.sink.finish().await?;
        Ok(self.message(&self.opening.usage.whole(), Some(&stop), &container))
    }

    /// Keeps what the next request's history is checked against.
    async fn remember(&self, stop: &Stop) -> Result<(), Over> {
        let done = match stop.reason.as_str() {
            "pause_turn" => {
                let messages = self.opening.request.messages.iter().rev();
                let before: Vec<_> = messages
                    .take_while(|message| message.role == Role::Assistant)
                    .collect();
                let before = before.into_iter().rev().flat_map(|message| &message.blocks);
                let tail = sign::tail_mark(before.chain(&self.content));
                self.app
                    .shared
                    .with(move |state| state.turns.pause(tail))
                    .await
            }
            "tool_use" => {
                let with = |word: &str, field: &str| -> Vec<String> {
                    let blocks = self.content.iter().filter(|block| kind(block) == word);
                    let found = blocks.filter_map(|block| text(block, field));
                    found.map(str::to_owned).collect()
                };
                let (calls, thoughts) = (with("tool_use", "id"), with("thinking", "signature"));
                let now = self.app.shared.host.now();
                self.app
                    .shared
                    .with(move |state| state.turns.call(calls, thoughts, now))
                    .await
            }
            _ => Ok(()),
        };
        done.map_err(|_| Over)
    }

    fn message(&self, usage: &Value, stop: Option<&Stop>, container: &Value) -> Value {
        let mut message = json!({
            "id": self.opening.id,
            "type": "message",
            "role": "assistant",
            "model": self.opening.request.model.id,
            "content": self.content,
            "stop_reason": stop.map(|stop| &stop.reason),
            "stop_sequence": stop.map_or(&Value::Null, |stop| &stop.sequence),
            "stop_details": stop.map_or(&Value::Null, |stop| &stop.details),
            "container": container,
            "diagnostics": self.opening.diagnostics,
            "usage": usage,
        });
        if let (Some(_), Some(map)) = (stop, message.as_object_mut()) {
            map.extend(self.opening.extras.clone());
        }
        message
    }

    fn container_json(&self) -> Value {
        let now = self.app.shared.host.now();
        self.opening
            .container
            .as_ref()
            .map_or(Value::Null, |lease| {
                lease.json(now, &self.opening.request.skills)
            })
    }

    async fn filled(&self, text: &str) -> String {
        script::substitute(text, &self.variables)
    }

    fn filled_edit(&self, edit: &Edit) -> Edit {
        let fill = |text: &String| script::substitute(text, &self.variables);
        match edit {
            Edit::Create { path, text } => Edit::Create {
                path: fill(path),
                text: fill(text),
            },
            Edit::View { path } => Edit::View { path: fill(path) },
            Edit::Replace { path, old, new } => Edit::Replace {
                path: fill(path),
                old: fill(old),
                new: fill(new),
            },
        }
    }

    fn limit(&self) -> u64 {
        self.opening.request.max_tokens.unwrap_or(u64::MAX)
    }

    fn push(&mut self, block: Value) {
        self.opening.binding.push(Role::Assistant, &block);
        self.content.push(block);
    }

    fn last_is(&self, word: &str) -> bool {
        self.content.last().is_some_and(|block| kind(block) == word)
    }

    fn last_call(&self) -> Option<String> {
        let last = self.content.last()?;
        text(last, "id").map(str::to_owned)
    }
}

/// Cuts text into pieces of about `size` bytes, after white space where there is some.
fn pieces(text: &str, size: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let ends = rest.char_indices().map(|(at, c)| (at + c.len_utf8(), c));
        let end = ends
            .filter(|(end, c)| (*end >= size && c.is_whitespace()) || *end >= 2 * size)
            .map(|(end, _)| end)
            .next();
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(piece)
    })
}
