//! The calls of the code execution tool: their form on the wire, and how they are run in a
//! container.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::containers::Lease;
use super::error::ApiError;
use super::files;
use super::request::Request;
use super::sandbox::{self, CallError, Cell, ClientCall, Outcome, Protections};
use super::script::{Edit, Variables};
use super::state::Shared;

/// What a script wants to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Call {
    Bash(String),
    Python(String),
    Repl(String),
    /// A cell that waited goes on with these results. If there are none, they came too late.
    Resume(Option<Vec<String>>),
    /// Python under the oldest tool: a new interpreter each time, but `code_execution` on the wire.
    Script(String),
    Edit(Edit),
}

/// Which calls the request's code execution tool has (`docs/protocol.md#code-execution-tool`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// `code_execution_20250522`.
    PythonOnly,
    /// `code_execution_20250825`, and newer ones on a model without the REPL.
    Shell,
    /// `code_execution_20260120` and newer.
    Repl,
}

impl Tool {
    pub(super) fn of(request: &Request) -> Option<Self> {
        Some(match request.code_execution()? {
            "code_execution_20250522" => Self::PythonOnly,
            "code_execution_20250825" => Self::Shell,
            _ if request.model.has_repl() => Self::Repl,
            _ => Self::Shell,
        })
    }

    /// Returns the call in the form that this tool has; `None` if it has no such call.
    pub(super) fn adapt(self, call: Call) -> Option<Call> {
        match (self, call) {
            (Self::PythonOnly, Call::Python(code) | Call::Repl(code)) => Some(Call::Script(code)),
            (Self::PythonOnly, _) => None,
            (Self::Shell, Call::Repl(code)) => Some(Call::Python(code)),
            (_, call) => Some(call),
        }
    }
}

impl Call {
    /// Returns the `name` of the `server_tool_use` block.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Bash(_) | Self::Python(_) => "bash_code_execution",
            Self::Repl(_) | Self::Resume(_) | Self::Script(_) => "code_execution",
            Self::Edit(_) => "text_editor_code_execution",
        }
    }

    /// Returns its `input`.
    pub(super) fn input(&self) -> Value {
        match self {
            Self::Bash(command) => json!({"command": command}),
            Self::Python(code) => json!({"command": sandbox::heredoc(code)}),
            Self::Repl(code) | Self::Script(code) => json!({"code": code}),
            // The code was in the call with which the cell began.
            Self::Resume(_) => json!({}),
            Self::Edit(Edit::View { path }) => json!({"command": "view", "path": path}),
            Self::Edit(Edit::Create { path, text }) => {
                json!({"command": "create", "path": path, "file_text": text})
            }
            Self::Edit(Edit::Replace { path, old, new }) => {
                json!({"command": "str_replace", "path": path, "old_str": old, "new_str": new})
            }
        }
    }

    fn source(&self) -> &str {
        match self {
            Self::Bash(code) | Self::Python(code) | Self::Repl(code) | Self::Script(code) => code,
            Self::Resume(_) => "",
            Self::Edit(
                Edit::View { path } | Edit::Create { path, .. } | Edit::Replace { path, .. },
            ) => path,
        }
    }
}

/// The text that takes the place of a step which the tools of the request do not allow.
pub(super) fn not_run(call: &Call, tool: Option<Tool>) -> String {
    let why = match tool {
        None => "the request has no code execution tool",
        Some(_) => "the request's code execution tool runs Python only",
    };
    let fence = "````";
    let source = call.source();
    format!("Not run, because {why}:\n\n{fence}\n{source}\n{fence}\n\n")
}

/// What a call led to.
#[derive(Debug)]
pub(super) enum Came {
    /// Its result block.
    Result(Value),
    /// Its code waits for client tools.
    Calls(Vec<ClientCall>),
}

/// Runs a call; `tools` are functions in the REPL. Returns what the call led to, and the variables
/// that it set.
pub(super) async fn run(
    shared: &Shared,
    lease: &Lease,
    call: &Call,
    id: &str,
    tools: Vec<String>,
) -> (Came, Variables) {
    match attempt(shared, lease, call, id, tools).await {
        Ok(done) => done,
        Err(error) => {
            tracing::warn!(error = %error.message, "a step could not be carried out");
            let failed = failed(call, id, "unavailable", &error.message);
            (Came::Result(failed), Variables::new())
        }
    }
}

async fn attempt(
    shared: &Shared,
    lease: &Lease,
    call: &Call,
    id: &str,
    tools: Vec<String>,
) -> Result<(Came, Variables), ApiError> {
    let what = call.clone();
    let (done, variables) = lease
        .run(move |container| {
            Box::pin(async move {
                let first = container.protections().is_none();
                let done = match &what {
                    Call::Bash(command) => container.bash(command).await.map(Done::Ran),
                    Call::Python(code) | Call::Script(code) => {
                        container.bash(&sandbox::heredoc(code)).await.map(Done::Ran)
                    }
                    Call::Repl(code) => container.repl(code, &tools).await.map(Done::of),
                    Call::Resume(results) => {
                        container.resume(results.as_deref()).await.map(Done::of)
                    }
                    Call::Edit(edit) => container.edit(edit).await.map(|outcome| {
                        // A plain data type can always be serialised.
                        Done::Edited(serde_json::to_value(outcome).unwrap_or_default())
                    }),
                };
                let warning = container.protections().and_then(Protections::warning);
                let done = done.map(|done| done.with_warning(warning.filter(|_| first)));
                (done, container.variables())
            })
        })
        .await?;
    let content = match done {
        Ok(Done::Ran(outcome)) => outcome_json(shared, call, outcome).await?,
        Ok(Done::Edited(outcome)) => outcome,
        Ok(Done::Waits(calls)) => return Ok((Came::Calls(calls), variables)),
        Err(CallError { code, message }) => {
            tracing::warn!(code, message, "a step has no outcome");
            let failed = failed(call, id, code, &message);
            return Ok((Came::Result(failed), variables));
        }
    };
    let result = json!({
        "type": format!("{}_tool_result", call.name()),
        "tool_use_id": id,
        "content": content,
    });
    Ok((Came::Result(result), variables))
}

enum Done {
    Ran(Outcome),
    Edited(Value),
    Waits(Vec<ClientCall>),
}

impl Done {
    fn of(cell: Cell) -> Self {
        match cell {
            Cell::Done(outcome) => Self::Ran(outcome),
            Cell::Calls(calls) => Self::Waits(calls),
        }
    }

    /// Says on standard error which protections of this machine do not hold.
    fn with_warning(self, warning: Option<String>) -> Self {
        match (self, warning) {
            (Self::Ran(outcome), Some(warning)) => Self::Ran(Outcome {
                stderr: format!("{warning}\n{}", outcome.stderr),
                ..outcome
            }),
            (done, _) => done,
        }
    }
}

async fn outcome_json(shared: &Shared, call: &Call, outcome: Outcome) -> Result<Value, ApiError> {
    let paths: Vec<PathBuf> = outcome.files;
    let mut outputs = Vec::new();
    for path in &paths {
        let file_id = files::adopt(shared, path).await?;
        outputs.push(json!({"type": format!("{}_output", call.name()), "file_id": file_id}));
    }
    let mut result = json!({
        "type": format!("{}_result", call.name()),
        "stdout": outcome.stdout,
        "stderr": outcome.stderr,
        "return_code": outcome.return_code,
        "content": outputs,
    });
    if let (Call::Repl(_) | Call::Resume(_), Some(map)) = (call, result.as_object_mut()) {
        map.insert("abort_reason".into(), Value::Null);
    }
    Ok(result)
}

/// The result block of a call that could not be run.
pub(super) fn failed(call: &Call, id: &str, code: &str, message: &str) -> Value {
    let name = call.name();
    let mut content = json!({"type": format!("{name}_tool_result_error"), "error_code": code});
    if let (Call::Edit(_), Some(map)) = (call, content.as_object_mut()) {
        map.insert("error_message".into(), message.into());
    }
    json!({"type": format!("{name}_tool_result"), "tool_use_id": id, "content": content})
}
