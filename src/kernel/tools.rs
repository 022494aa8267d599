//! Tools that run on this machine when Claude calls them.
//!
//! A registry by name: Python functions (`worker`), commands, MCP servers. Whatever goes wrong in a
//! tool is an answer to Claude, never the end of the turn.

mod admit;
pub mod ask;
pub mod command;
pub mod environment;
mod group;
pub mod limits;
pub mod mcp;
pub mod names;
pub(in crate::kernel) mod schema;
pub mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::anthropic::block::{Block, UNPARSED_INPUT};
use crate::cell::magics::own_tools::{CommandLine, ToolOptions};
use crate::chat::turn::{ToolCall, ToolResult};
use crate::config::Environment;
use crate::host::Host;

use command::Surroundings;
use environment::{Interpreter, NoInterpreter};
use mcp::Server;
use worker::{Answer, Call, Program, Worker};

/// What a sandbox with programmatic tool calling is called in `allowed_callers`
/// (`docs/protocol.md#programmatic-calls`).
const SANDBOX_CALLER: &str = "code_execution_20260120";

/// Where tools run, and what may be defined without a person.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Clock.
    pub host: Arc<dyn Host>,
    /// The interpreter, where one was named.
    pub python: Option<PathBuf>,
    /// Interpreters to prefer to the active environment's, the best first; those that are not there
    /// are passed over.
    pub nearby: Vec<Interpreter>,
    /// The kernel's own environment; tools get it without the kernel's keys.
    pub environment: Environment,
    /// The working directory.
    pub directory: PathBuf,
    /// `CLAUDE_KERNEL_ALLOW` names `tools`.
    pub allow_tools: bool,
    /// `CLAUDE_KERNEL_ALLOW` names `mcp`.
    pub allow_mcp: bool,
}

/// One tool.
#[derive(Debug)]
pub(in crate::kernel) struct Tool {
    /// The entry of `tools`.
    pub(in crate::kernel) entry: Map<String, Value>,
    pub(in crate::kernel) options: ToolOptions,
    pub(in crate::kernel) kind: Kind,
}

#[derive(Debug, Clone)]
pub(in crate::kernel) enum Kind {
    Python,
    Command(CommandLine),
    Server {
        server: Arc<Named>,
        /// The server's own name for it.
        tool: String,
    },
}

/// A server that was added.
#[derive(Debug)]
pub(in crate::kernel) struct Named {
    pub(in crate::kernel) name: String,
    pub(in crate::kernel) address: String,
    pub(in crate::kernel) server: Server,
    pub(in crate::kernel) only: Vec<String>,
    pub(in crate::kernel) options: ToolOptions,
}

impl Tool {
    pub(in crate::kernel) fn new(
        name: &str,
        description: &str,
        schema: Map<String, Value>,
        options: ToolOptions,
        kind: Kind,
    ) -> Self {
        let mut entry = Map::new();
        entry.insert("name".to_owned(), json!(name));
        if !description.is_empty() {
            entry.insert("description".to_owned(), json!(description));
        }
        // Code in the sandbox cannot call what refers to itself
        // (`docs/protocol.md#programmatic-calls`).
        let callable = !options.direct
            && !Value::Object(schema.clone())
                .to_string()
                .contains("\"$ref\"");
        entry.insert("input_schema".to_owned(), Value::Object(schema));
        if callable {
            entry.insert(
                "allowed_callers".to_owned(),
                json!(["direct", SANDBOX_CALLER]),
            );
        }
        Self {
            entry,
            options,
            kind,
        }
    }

    pub(in crate::kernel) fn name(&self) -> &str {
        self.text("name")
    }

    pub(in crate::kernel) fn text(&self, key: &str) -> &str {
        self.entry
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(in crate::kernel) fn what(&self) -> String {
        match &self.kind {
            Kind::Python => "Python".to_owned(),
            Kind::Command(_) => "command".to_owned(),
            Kind::Server { server, .. } => format!("MCP server {}", server.name),
        }
    }

    /// Its arguments, as a person writes them: `city: string, unit?: string`.
    pub(in crate::kernel) fn takes(&self) -> String {
        let schema = self.entry.get("input_schema").unwrap_or(&Value::Null);
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = |name: &str| {
            required.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)))
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        let takes: Vec<String> = properties
            .into_iter()
            .flatten()
            .map(|(name, of)| {
                let kind = schema::brief(of);
                let mark = if is_required(name) { "" } else { "?" };
                format!("{name}{mark}: {kind}")
            })
            .collect();
        takes.join(", ")
    }
}

/// The tools in force. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tools {
    pub(in crate::kernel) setup: Arc<Setup>,
    worker: Option<Worker>,
    pub(in crate::kernel) own: Vec<Arc<Tool>>,
    pub(in crate::kernel) servers: Vec<Arc<Named>>,
}

impl Tools {
    /// Starts with none.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self {
            setup: Arc::new(setup),
            worker: None,
            own: Vec::new(),
            servers: Vec::new(),
        }
    }

    /// Returns whether calls may run where nobody can be asked.
    #[must_use]
    pub fn may_run_unasked(&self, name: &str) -> bool {
        match self.find(name).map(|tool| &tool.kind) {
            Some(Kind::Server { .. }) => self.setup.allow_mcp,
            _ => self.setup.allow_tools,
        }
    }

    /// Returns the entries of `tools`, in the order in which the tools were defined.
    #[must_use]
    pub fn entries(&self) -> Vec<Value> {
        let own = self.own.iter();
        own.map(|tool| Value::Object(tool.entry.clone())).collect()
    }

    /// Returns whether the person is asked before each call of a tool.
    #[must_use]
    pub fn asks(&self, name: &str) -> bool {
        self.find(name).is_some_and(|tool| tool.options.ask)
    }

    /// Stops asking before each call of a tool.
    pub fn stop_asking(&mut self, name: &str) {
        for tool in &mut self.own {
            if tool.name() == name {
                *tool = Arc::new(Tool {
                    entry: tool.entry.clone(),
                    options: ToolOptions {
                        ask: false,
                        ..tool.options
                    },
                    kind: tool.kind.clone(),
                });
            }
        }
    }

    /// Runs one call. Dropping the future stops it.
    #[must_use]
    pub fn run(&self, call: ToolCall) -> BoxFuture<'static, ToolResult> {
        let work = self.answer(call);
        Box::pin(async move {
            let Answer {
                content,
                is_error,
                printed,
            } = work.await;
            ToolResult {
                content: plain(admit::admit(content)),
                is_error,
                printed,
            }
        })
    }

    fn answer(&self, call: ToolCall) -> BoxFuture<'static, Answer> {
        let Some(tool) = self.find(&call.name).cloned() else {
            let there: Vec<&str> = self.own.iter().map(|tool| tool.name()).collect();
            let why = format!(
                "there is no tool `{}` on this machine; there are: {}",
                call.name,
                if there.is_empty() {
                    "none".to_owned()
                } else {
                    there.join(", ")
                }
            );
            return Box::pin(async move { Answer::failed(why) });
        };
        let limit = Duration::from_secs(tool.options.timeout_s);
        let direct = !call.from_code;
        if let Some(why) = unreadable(&call.input, &tool.entry) {
            return Box::pin(async move { Answer::failed(why) });
        }
        match &tool.kind {
            Kind::Python => {
                let Some(worker) = self.worker.clone() else {
                    return Box::pin(async { Answer::failed("its process was never started") });
                };
                let call = Call {
                    name: call.name,
                    arguments: call.input,
                    direct,
                    limit,
                };
                Box::pin(async move { worker.call(call).await })
            }
            Kind::Command(line) => {
                let schema = tool.entry.get("input_schema").unwrap_or(&Value::Null);
                if let Some(why) = schema::misfit(schema, &call.input) {
                    return Box::pin(async move { Answer::failed(why) });
                }
                let (line, around) = (line.clone(), self.surroundings());
                let host = Arc::clone(&self.setup.host);
                Box::pin(async move {
                    command::run(&line, &call.input, &around, direct, limit, host).await
                })
            }
            Kind::Server { server, tool } => {
                let (server, tool) = (server.server.clone(), tool.clone());
                let Value::Object(arguments) = call.input else {
                    return Box::pin(async { Answer::failed("the arguments must be an object") });
                };
                Box::pin(async move { server.call(tool, arguments, direct, limit).await })
            }
        }
    }

    pub(in crate::kernel) fn find(&self, name: &str) -> Option<&Arc<Tool>> {
        self.own.iter().find(|tool| tool.name() == name)
    }

    pub(in crate::kernel) fn surroundings(&self) -> Surroundings {
        Surroundings {
            environment: environment::scrubbed(&self.setup.environment),
            directory: self.setup.directory.clone(),
        }
    }

    /// Returns the interpreter that Python tools run in.
    ///
    /// # Errors
    /// When there is none.
    pub fn python(&self) -> Result<Interpreter, NoInterpreter> {
        let setup = &self.setup;
        environment::interpreter(setup.python.as_deref(), &setup.nearby, &setup.environment)
    }

    /// Returns the worker, which is made with the first Python tool.
    pub(in crate::kernel) fn worker(&mut self) -> Result<Worker, NoInterpreter> {
        if let Some(worker) = &self.worker {
            return Ok(worker.clone());
        }
        let interpreter = self.python()?.path;
        let setup = &self.setup;
        let Surroundings {
            environment,
            directory,
        } = self.surroundings();
        let program = Program {
            interpreter,
            environment,
            directory,
        };
        let worker = Worker::new(program, Arc::clone(&setup.host));
        self.worker = Some(worker.clone());
        Ok(worker)
    }

    /// Puts a tool in force; one of the same name is replaced where it stands.
    pub(in crate::kernel) fn put(&mut self, tool: Tool) {
        let tool = Arc::new(tool);
        match self.own.iter_mut().find(|old| old.name() == tool.name()) {
            Some(old) => *old = tool,
            None => self.own.push(tool),
        }
    }

    /// Takes everything out of force; what runs for it ends.
    pub(in crate::kernel) fn clear(&mut self) {
        *self = Self {
            setup: Arc::clone(&self.setup),
            worker: None,
            own: Vec::new(),
            servers: Vec::new(),
        };
    }

    /// Takes tools out of force.
    pub(in crate::kernel) async fn remove(&mut self, names: &[String]) {
        let gone = |tool: &Arc<Tool>| names.iter().any(|name| name == tool.name());
        let python: Vec<String> = self
            .own
            .iter()
            .filter(|tool| gone(tool) && matches!(tool.kind, Kind::Python))
            .map(|tool| tool.name().to_owned())
            .collect();
        if let (false, Some(worker)) = (python.is_empty(), &self.worker) {
            worker.forget(python).await;
        }
        self.own.retain(|tool| !gone(tool));
    }
}

/// One text goes as a string: the form that code in the sandbox gets in any case.
fn plain(mut content: Vec<Value>) -> Value {
    let only = match content.as_mut_slice() {
        [block] if block.get("type").and_then(Value::as_str) == Some("text") => {
            block.get_mut("text").map(Value::take)
        }
        _ => None,
    };
    only.unwrap_or(Value::Array(content))
}

/// Says why a call's arguments are none, in words for Claude; `None` if they are.
fn unreadable(input: &Value, tool: &Map<String, Value>) -> Option<String> {
    let text = Block::unparsed_input(input)?;
    // A tool may have a parameter of that name.
    let schema = tool.get("input_schema");
    let own = schema.and_then(|schema| schema.get("properties"));
    if own.is_some_and(|own| own.get(UNPARSED_INPUT).is_some()) {
        return None;
    }
    let why = match serde_json::from_str::<Value>(text) {
        Ok(_) => "they are JSON, but no object".to_owned(),
        Err(error) => format!("they are no valid JSON: {error}"),
    };
    Some(format!(
        "the tool was not called, because its arguments could not be read ({why}); call it again with one JSON object"
    ))
}
