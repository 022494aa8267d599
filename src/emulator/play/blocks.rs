//! Plays everything that is not prose: tool calls, and blocks that a script gives as JSON.

use serde_json::{Value, json};

use super::stop::{Next, Stop};
use super::{INPUT_PIECE, PING, Player, pieces};
use crate::emulator::containers::Lease;
use crate::emulator::faults::{At, Disturbance};
use crate::emulator::id;
use crate::emulator::matched_script::MatchedScript;
use crate::emulator::message::{kind, text};
use crate::emulator::script;
use crate::emulator::steps::{self, Call, Came, Tool};
use crate::emulator::stream::Over;
use crate::emulator::structured;
use crate::emulator::toolset::named_by;
use crate::emulator::usage;

impl Player {
    /// The schema of the structured result that is asked for.
    pub(super) fn schema(&self) -> Option<&Value> {
        self.opening.request.format.as_ref()?.get("schema")
    }

    /// Sends the structured result of a script, once it is known to fit the schema.
    pub(super) async fn result(
        &mut self,
        text: &str,
        script: &MatchedScript,
    ) -> Result<Next, Over> {
        let Some(schema) = self.schema() else {
            return self.text(text).await;
        };
        let value = serde_json::from_str::<Value>(text)
            .map_err(|error| format!("not JSON: {error}"))
            .and_then(|value| match structured::check(schema, &value) {
                Ok(()) => Ok(value),
                Err(why) => Err(why.to_string()),
            });
        match value {
            Ok(value) => self.text(&value.to_string()).await,
            Err(why) => {
                let place = script.named();
                self.unplayable(format!(
                    "the result of the script ({place}) does not fit the schema: {why}"
                ))
                .await
            }
        }
    }

    /// Ends the turn at a name in the script that no step has written.
    pub(super) async fn unfilled(
        &mut self,
        name: &str,
        script: &MatchedScript,
    ) -> Result<Next, Over> {
        let place = script.named();
        let why = match self.content.iter().rev().find_map(return_code) {
            Some(0) | None => "no step above wrote that name to `$SCRIPT_VARS`",
            Some(_) => "the step above failed before it wrote that name",
        };
        self.unplayable(format!(
            "the script ({place}) says `{{{{{name}}}}}`, and {why}"
        ))
        .await
    }

    /// Ends the turn with an error, because the script cannot be played on.
    async fn unplayable(&mut self, message: String) -> Result<Next, Over> {
        tracing::warn!(message, "a script cannot be played on");
        let error = Disturbance::Error {
            // A kind that the API does not have, so that no client tries again.
            kind: "script_error".to_owned(),
            message,
        };
        self.sink.disturb(At::Here, error).await?;
        Err(Over)
    }

    /// Plays a call of the code execution tool, which is really run.
    pub(super) async fn step(&mut self, call: Call) -> Result<Next, Over> {
        let tool = Tool::of(&self.opening.request);
        let Some(call) = tool.and_then(|tool| tool.adapt(call.clone())) else {
            return self.text(&steps::not_run(&call, tool)).await;
        };
        let id = id::fresh(self.app.shared.host.as_ref(), "srvtoolu");
        let input = call.input();
        if !self
            .call_block("server_tool_use", &id, call.name(), &input)
            .await?
        {
            return Ok(Next::Stop(Stop::plain("max_tokens")));
        }
        self.carried(&call, &id).await
    }

    /// Runs a call and sends what it led to: a result, or calls that its code makes.
    async fn carried(&mut self, call: &Call, id: &str) -> Result<Next, Over> {
        let result = match self.carry_out(call, id).await? {
            Came::Result(result) => result,
            Came::Calls(calls) => return self.code_calls(&calls, id).await,
        };
        self.say_result(&result).await?;
        Ok(Next::Part)
    }

    /// Sends what a call led to.
    pub(super) async fn say_result(&mut self, result: &Value) -> Result<(), Over> {
        self.opening.usage.read_result(usage::of_block(result));
        self.whole(result).await?;
        self.acted = true;
        self.resample = true;
        Ok(())
    }

    /// Runs a call and sends pings meanwhile.
    pub(super) async fn carry_out(&mut self, call: &Call, id: &str) -> Result<Came, Over> {
        let container = match self.opening.container.clone() {
            Some(container) => Ok(container),
            None => Lease::make(&self.app.shared).await,
        };
        let lease = match container {
            Ok(lease) => lease,
            Err(error) => {
                tracing::warn!(error = error.message, "a container cannot be made");
                let failed = steps::failed(call, id, "unavailable", &error.message);
                return Ok(Came::Result(failed));
            }
        };
        if lease.is_dead {
            let failed = steps::failed(call, id, "container_expired", "The container expired.");
            return Ok(Came::Result(failed));
        }
        self.opening.container = Some(lease.clone());
        if !self.content.is_empty() {
            self.sink.ping().await?;
        }
        let tools = self.opening.request.tools_for_code();
        let running = steps::run(&self.app.shared, &lease, call, id, tools);
        tokio::pin!(running);
        let mut pings = tokio::time::interval(PING);
        pings.tick().await;
        let (result, variables) = loop {
            tokio::select! {
                done = &mut running => break done,
                _ = pings.tick() => self.sink.ping().await?,
            }
        };
        self.variables.extend(variables);
        Ok(result)
    }

    /// Streams a tool call; returns false if its input does not fit into `max_tokens`. Recordings
    /// show which calls name the model as their caller (`docs/protocol.md#code-calls`).
    pub(super) async fn call_block(
        &mut self,
        block: &str,
        id: &str,
        name: &str,
        input: &Value,
    ) -> Result<bool, Over> {
        let mut call = json!({"type": block, "id": id, "name": name, "input": {}});
        let says_who = block == "tool_use" || name == "code_execution";
        if let (true, Some(map)) = (says_who, call.as_object_mut()) {
            map.insert("caller".into(), json!({"type": "direct"}));
        }
        self.sink.open(&call).await?;
        let written = input.to_string();
        let mut complete = true;
        // The first piece is always empty (`docs/protocol.md#event-order`).
        for piece in std::iter::once("").chain(pieces(&written, INPUT_PIECE)) {
            let cost = usage::of_text(piece);
            if self.opening.usage.output() + cost > self.limit() {
                complete = false;
                break;
            }
            self.opening.usage.wrote(cost);
            self.sink
                .delta(&json!({"type": "input_json_delta", "partial_json": piece}))
                .await?;
        }
        self.sink.close().await?;
        if let (true, Some(map)) = (complete, call.as_object_mut()) {
            map.insert("input".into(), input.clone());
        }
        self.push(call);
        Ok(complete)
    }

    /// Sends a call that code made. Its start event holds the whole input
    /// (`docs/protocol.md#event-order`).
    pub(super) async fn call_by_code(&mut self, call: &Value) -> Result<(), Over> {
        self.opening.usage.wrote(usage::of_block(call));
        self.whole(call).await
    }

    /// Sends any block that a script holds. A call of a client tool needs that tool in the request.
    /// If the API would sign a block or give it an id, this is done here.
    pub(super) async fn block(&mut self, block: &Value) -> Result<Next, Over> {
        let mut block = block.clone();
        let name = text(&block, "name").unwrap_or_default().to_owned();
        match kind(&block) {
            "tool_use" if !self.offers(&name) => {
                let note = format!(
                    "The script calls the tool `{name}`, which this request does not offer."
                );
                // What the script says next is about a result that does not come.
                match self.text(&note).await? {
                    Next::Part => Ok(Next::Stop(Stop::plain("end_turn"))),
                    stop @ Next::Stop(_) => Ok(stop),
                }
            }
            "tool_use" | "server_tool_use" => {
                let word = kind(&block).to_owned();
                let prefix = if word == "tool_use" {
                    "toolu"
                } else {
                    "srvtoolu"
                };
                let id = text(&block, "id").map(str::to_owned);
                let id = id.unwrap_or_else(|| id::fresh(self.app.shared.host.as_ref(), prefix));
                let mut input = block.get("input").cloned().unwrap_or_else(|| json!({}));
                self.fill_input(&mut input);
                if self.call_block(&word, &id, &name, &input).await? {
                    Ok(Next::Part)
                } else {
                    Ok(Next::Stop(Stop::plain("max_tokens")))
                }
            }
            "thinking" => {
                let thought = text(&block, "thinking").unwrap_or_default().to_owned();
                self.thinking(&thought).await
            }
            "text" => {
                let words = text(&block, "text").unwrap_or_default();
                let citations = block.get("citations").and_then(Value::as_array);
                match citations {
                    Some(citations) => self.cited(words, citations).await?,
                    None if words.trim().is_empty() => self.blank(words).await?,
                    None => {
                        let words = words.to_owned();
                        return self.text(&words).await;
                    }
                }
                Ok(Next::Part)
            }
            _ => {
                if let (None, Some(id)) = (block.get("tool_use_id"), self.last_call())
                    && kind(&block).ends_with("_tool_result")
                    && let Some(map) = block.as_object_mut()
                {
                    map.insert("tool_use_id".into(), id.into());
                }
                if kind(&block).ends_with("_tool_result") {
                    self.opening.usage.read_result(usage::of_block(&block));
                    self.resample = true;
                    self.acted = true;
                }
                self.whole(&block).await?;
                Ok(Next::Part)
            }
        }
    }

    /// Whether a tool may be called: it is in effect, or it was withheld until a search in this
    /// response found it.
    fn offers(&self, name: &str) -> bool {
        if self.opening.request.chooses("none") {
            return false;
        }
        let found = || self.content.iter().flat_map(named_by);
        self.opening.request.has_tool(name)
            || (self.opening.request.toolset.withholds(name) && found().any(|found| found == name))
    }

    /// Inserts variables into the texts of a call's input.
    fn fill_input(&self, input: &mut Value) {
        match input {
            Value::String(text) => *text = script::substitute(text, &self.variables),
            Value::Array(values) => values.iter_mut().for_each(|value| self.fill_input(value)),
            Value::Object(map) => map.values_mut().for_each(|value| self.fill_input(value)),
            _ => {}
        }
    }

    /// Sends a whole block in its start event.
    pub(super) async fn whole(&mut self, block: &Value) -> Result<(), Over> {
        self.sink.open(block).await?;
        self.sink.close().await?;
        self.push(block.clone());
        Ok(())
    }
}

/// Returns the exit code of a step that has ended.
fn return_code(block: &Value) -> Option<i64> {
    block
        .pointer("/content/return_code")
        .and_then(Value::as_i64)
}
