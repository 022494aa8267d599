//! Plays a turn: its events, the commands between them, the message at the end.

use std::time::Duration;

mod blocks;
pub(super) mod code_calls;
mod compaction;
mod prose;
mod stop;
mod together;
mod uploads;
mod web;

use serde_json::{Map, Value, json};

use super::app::App;
use super::containers::Lease;
use super::faults::{Deltas, Fault, FaultKind, Taken, strikes};
use super::file_store::File;
use super::matched_script::MatchedScript;
use super::message::{Role, kind, text};
use super::request::Request;
use super::script::{self, Part, Variables};
use super::sign::{self, Binding};
use super::steps::Came;
use super::stream::{Over, Sink};
use super::structured;
use super::usage::Usage;
use stop::{Next, Stop};

/// If nothing else is sent for so long, a `ping` is sent.
const PING: Duration = Duration::from_secs(3);
/// About how many bytes a text delta has.
const PIECE: usize = 24;
/// About how many bytes a piece of a tool's input has.
const INPUT_PIECE: usize = 8;

/// What a response begins with.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) request: Request,
    /// What thinking is bound to.
    pub(super) binding: Binding,
    pub(super) container: Option<Lease>,
    pub(super) usage: Usage,
    pub(super) id: String,
    pub(super) diagnostics: Value,
    /// The fields that beta headers add beside the content: `input_transformations`,
    /// `context_management`.
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
    /// The pages that were shown in this turn; prose may cite them.
    shown: Vec<web::Shown>,
    /// Whether the result of a server tool was the last thing sent. Then the model is sampled
    /// again.
    resample: bool,
    acted: bool,
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

    /// Plays the script and returns the whole message.
    pub(super) async fn play(
        mut self,
        matched_script: MatchedScript,
        taken: &Taken,
    ) -> Result<Value, Over> {
        if matched_script.from > 0
            && let Some(lease) = self.opening.container.clone()
        {
            // If the turn goes on after a client tool, the variables that its steps wrote before
            // still count.
            let written = lease.run(|container| Box::pin(async move { container.variables() }));
            self.variables = written.await.unwrap_or_default();
        }
        self.variables.extend(matched_script.variables.clone());
        self.shown = web::shown_before(&self.opening.request);
        let resumed = self.resume().await?;
        if let Some((Came::Calls(calls), id)) = &resumed {
            return self.prefilled(calls, id).await;
        }
        self.start().await?;
        if let Some((Came::Result(result), _)) = &resumed {
            self.say_result(result).await?;
        }
        let mut stop = None;
        let load = taken.0.iter().find_map(|kind| match kind {
            FaultKind::Deltas(deltas) => Some(*deltas),
            _ => None,
        });
        if self.opening.request.max_tokens == Some(0) {
            stop = Some(Stop::plain("max_tokens"));
        } else if let Some(deltas) = load {
            self.generate(deltas).await?;
        } else {
            stop = self.parts(&matched_script).await?;
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

    /// Plays one part after the other until one stops the turn.
    async fn parts(&mut self, matched_script: &MatchedScript) -> Result<Option<Stop>, Over> {
        let mut at = 0;
        while let Some(part) = matched_script.parts.get(at) {
            if let Part::Together(count) = part {
                let steps = matched_script.parts.iter().skip(at + 1).take(*count);
                at += 1 + self.together(steps).await?;
                continue;
            }
            let calls_on = self.opening.request.calls_together()
                && matches!(matched_script.parts.get(at + 1), Some(Part::Block(next)) if kind(next) == "tool_use");
            match self.part(part, matched_script, at).await? {
                Next::Stop(why) => return Ok(Some(why)),
                Next::Part if self.last_is("tool_use") && !calls_on => {
                    return Ok(Some(Stop::plain("tool_use")));
                }
                Next::Part => at += 1,
            }
        }
        Ok(None)
    }

    async fn start(&mut self) -> Result<(), Over> {
        let message = self.message(&self.opening.usage.at_start(), None, &Value::Null);
        self.sink
            .event(&json!({"type": "message_start", "message": message}))
            .await?;
        if self.needs_container() {
            // Without a container, the steps say that it is unavailable.
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
        matched_script: &MatchedScript,
        index: usize,
    ) -> Result<Next, Over> {
        if self.resample && !matches!(part, Part::Stop(_) | Part::Fault(_)) {
            self.opening.usage.next_pass();
            self.resample = false;
        }
        match part {
            Part::Thinking(text) => self.thinking(text).await,
            // If there is a schema, the text of the answer is JSON and nothing else.
            Part::Prose(_) if self.schema().is_some() => Ok(Next::Part),
            Part::Prose(text) => match script::fill(text, &self.variables) {
                Ok(text) => self.prose(&text).await,
                Err(name) => self.unfilled(name, matched_script).await,
            },
            Part::Deltas { count, pace_ms } => {
                self.generate(Deltas {
                    count: u64::from(*count),
                    size: 20,
                    every_ms: u64::from(*pace_ms),
                })
                .await?;
                Ok(Next::Part)
            }
            Part::Bash(_) | Part::Python(_) | Part::Repl(_) | Part::Edit(_) => {
                match self.call_of(part) {
                    Some(call) => self.step(call).await,
                    None => Ok(Next::Part),
                }
            }
            Part::Search { query, pages } => {
                let query = self.filled(query).await;
                self.search(&query, pages).await
            }
            Part::Fetch(page) => self.fetch(page).await,
            Part::Block(block) => self.block(block).await,
            // `parts` plays the steps that it names.
            Part::Together(_) => Ok(Next::Part),
            Part::Result(text) => match script::fill(text, &self.variables) {
                Ok(text) => self.result(&text, matched_script).await,
                Err(name) => self.unfilled(name, matched_script).await,
            },
            Part::Stop(words) => Ok(Next::Stop(Stop::from_words(words))),
            Part::Fault(text) => self.fault(text, matched_script.place_of(index)).await,
        }
    }

    async fn fault(&mut self, text: &str, place: String) -> Result<Next, Over> {
        // The fault was read without an error before the turn began.
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
            },
            "usage": self.opening.usage.at_end(),
        });
        // If no container was used, this is absent (`docs/protocol.md#sandbox-life`).
        let inner = delta.get_mut("delta").and_then(Value::as_object_mut);
        if let Some(inner) = inner.filter(|_| !container.is_null()) {
            inner.insert("container".into(), container.clone());
        }
        if let Some(map) = delta.as_object_mut() {
            map.extend(self.opening.extras.clone());
        }
        self.remember(&stop).await?;
        self.sink.event(&delta).await?;
        self.sink.event(&json!({"type": "message_stop"})).await?;
        self.sink.finish().await?;
        Ok(self.message(&self.opening.usage.whole(), Some(&stop), &container))
    }

    /// Keeps what is needed to check the history of the next request.
    async fn remember(&self, stop: &Stop) -> Result<(), Over> {
        let done = match stop.reason.as_str() {
            "pause_turn" => {
                let messages = self.opening.request.messages.iter().rev();
                let before: Vec<_> = messages
                    .take_while(|message| message.role == Role::Assistant)
                    .collect();
                let before = before.into_iter().rev().flat_map(|message| &message.blocks);
                let tail = sign::tail_fingerprint(before.chain(&self.content));
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
            "diagnostics": self.opening.diagnostics,
            "usage": usage,
        });
        if let (false, Some(map)) = (container.is_null(), message.as_object_mut()) {
            map.insert("container".into(), container.clone());
        }
        if let (Some(_), Some(map)) = (stop, message.as_object_mut()) {
            map.extend(self.opening.extras.clone());
        }
        message
    }

    fn container_json(&self) -> Value {
        let now = self.app.shared.host.now();
        let container = self.opening.container.as_ref();
        container.map_or(Value::Null, |lease| {
            lease.json(
                now,
                &self.opening.request.skills,
                self.opening.request.has_repl(),
            )
        })
    }

    async fn filled(&self, text: &str) -> String {
        script::substitute(text, &self.variables)
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

/// Cuts text into pieces of about `size` bytes, after white space if there is any.
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
