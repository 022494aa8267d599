//! `%%tool` and `%mcp`: tools are defined, listed, removed before the prompt of their cell is sent.

mod servers;

use std::time::Duration;

use serde_json::Value;

use crate::cell::magics::own_tools::{CommandLine, ToolJob, ToolOptions};
use crate::cell::shown::{Part, Shown, clip};
use crate::jupyter::mime::{Output, StreamName};
use crate::kernel::context::{CellContext, Outcome};
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::interrupts::{Stopped, unless_stopped};
use crate::kernel::lines::notes;
use crate::kernel::tools::worker::Definition;
use crate::kernel::tools::{Kind, Tool, Tools, command, names, schema};

use servers::{add_server, address, list_servers, remove_servers, say_left, take};

/// How long a cell of definitions may run: it may open connections and read files.
const DEFINE_LIMIT: Duration = Duration::from_secs(600);
/// Characters of a description that are shown.
const DESCRIPTION: usize = 200;
/// Characters of an address in a list.
const SHORT: usize = 80;

/// Does one job.
///
/// # Errors
/// When the tool cannot be defined, or the person stopped it.
pub async fn run(job: ToolJob, context: &mut CellContext<'_>) -> Result<Outcome, Stopped> {
    let shown = match job {
        ToolJob::Python {
            source,
            names,
            options,
        } => {
            allow(context, What::Tools)?;
            define_python(context, source, names, options).await?
        }
        ToolJob::Command {
            name,
            description,
            schema,
            line,
            options,
        } => {
            allow(context, What::Tools)?;
            define_command(context, &name, &description, schema, line, options).await?
        }
        ToolJob::List => list(&context.services.tools),
        ToolJob::Where => place(&context.services.tools)?,
        ToolJob::Remove(names) => {
            let tools = &context.services.tools;
            if let Some(missing) = names.iter().find(|name| tools.find(name).is_none()) {
                let there: Vec<&str> = tools.own.iter().map(|tool| tool.name()).collect();
                let hint = match there.is_empty() {
                    true => "There are none.".to_owned(),
                    false => format!("There are: {}.", there.join(", ")),
                };
                return Err(refused(format!("there is no tool `{missing}`"), hint));
            }
            context.services.tools.remove(&names).await;
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            Shown::default().paragraph(&format!("Removed {}.", names.join(", ")))
        }
        ToolJob::Clear => clear(&mut context.services.tools),
        ToolJob::AddServer {
            name,
            words,
            token_variable,
            only,
            options,
        } => {
            allow(context, What::Mcp)?;
            let address = address(&context.services.tools.setup, words, token_variable)?;
            add_server(context, name, address, only, options).await?
        }
        ToolJob::ListServers => list_servers(&context.services.tools),
        ToolJob::RemoveServers(names) => remove_servers(context, &names).await?,
    };
    put_in_force(context);
    Ok(context.tell(shown).await)
}

/// Takes over what servers changed in their lists since the last turn.
///
/// # Errors
/// When the person stopped it.
pub async fn refresh(context: &mut CellContext<'_>) -> Result<(), Stopped> {
    for server in context.services.tools.servers.clone() {
        if !server.server.has_changed().await {
            continue;
        }
        let listed = unless_stopped(
            server.server.tools(),
            context.interrupts,
            context.output.replies,
        )
        .await?;
        match listed {
            Ok(listing) => {
                let mut tools = context.services.tools.clone();
                let taken = take(&mut tools, &server, listing.tools);
                context.services.tools = tools;
                say_left(context, &taken.left).await;
                quiet(
                    context,
                    &format!("The tools of the MCP server {} have changed.", server.name),
                )
                .await;
            }
            Err(why) => {
                quiet(
                    context,
                    &format!(
                        "The MCP server {} does not list its tools any more: {why}",
                        server.name
                    ),
                )
                .await;
            }
        }
    }
    put_in_force(context);
    Ok(())
}

fn put_in_force(context: &mut CellContext<'_>) {
    let entries = context.services.tools.entries();
    context.state.settings.client_tools.clone_from(&entries);
    context.settings.client_tools = entries;
}

#[derive(Clone, Copy)]
enum What {
    Tools,
    Mcp,
}

/// Code runs on this machine only if a person can be asked or has allowed it beforehand.
fn allow(context: &CellContext<'_>, what: What) -> Result<(), Stopped> {
    let setup = &context.services.tools.setup;
    let (allowed, word, magic) = match what {
        What::Tools => (setup.allow_tools, "tools", "%%tool"),
        What::Mcp => (setup.allow_mcp, "mcp", "%mcp add"),
    };
    if allowed || context.output.asks.is_some() {
        return Ok(());
    }
    Err(CellError::new(
        ErrorKind::NotAllowed,
        format!("`{magic}` would run on this machine, and nobody sits in front of this notebook"),
        format!(
            "If you trust it, set `CLAUDE_KERNEL_ALLOW={word}` in the environment and run it again."
        ),
    )
    .into())
}

fn refused(evalue: impl Into<String>, hint: impl Into<String>) -> Stopped {
    CellError::new(ErrorKind::Tool, evalue, hint).into()
}

/// How many tools are announced one by one; a server may have a hundred.
const ANNOUNCED: usize = 24;

async fn define_python(
    context: &mut CellContext<'_>,
    source: String,
    names: Vec<String>,
    options: ToolOptions,
) -> Result<Shown, Stopped> {
    for name in &names {
        vacant(&context.services.tools, name, |kind| {
            matches!(kind, Kind::Python)
        })?;
    }
    let worker = context.services.tools.worker().map_err(|error| {
        refused(
            error.to_string(),
            "Name an interpreter: `CLAUDE_KERNEL_PYTHON=/path/to/python3`, or `python` in the configuration file.",
        )
    })?;
    let definition = Definition {
        file: format!("<tool cell {}>", context.output.count),
        source,
        names,
    };
    let defined = unless_stopped(
        worker.define(definition, DEFINE_LIMIT),
        context.interrupts,
        context.output.replies,
    )
    .await?
    .map_err(|error| {
        refused(
            error.to_string(),
            "Nothing was defined; the tools there were are unchanged.",
        )
    })?;
    for tool in &defined.tools {
        if let Err(stopped) = vacant(&context.services.tools, &tool.name, |kind| {
            matches!(kind, Kind::Python)
        }) {
            let all = defined.tools.iter().map(|tool| tool.name.clone());
            worker.forget(all.collect()).await;
            return Err(stopped);
        }
    }
    if !defined.printed.is_empty() {
        let output = Output::Stream {
            name: StreamName::Stdout,
            text: defined.printed,
        };
        context.output.show(vec![output]).await;
    }
    let mut shown = Shown::default();
    for described in defined.tools {
        for warning in &described.warnings {
            quiet(context, &format!("{warning}.")).await;
        }
        let tool = Tool::new(
            &described.name,
            &described.description,
            described.input_schema,
            options,
            Kind::Python,
        );
        shown = announce(shown, &tool, &context.services.tools);
        context.services.tools.put(tool);
    }
    Ok(shown)
}

async fn define_command(
    context: &mut CellContext<'_>,
    name: &str,
    description: &str,
    schema: Value,
    line: CommandLine,
    options: ToolOptions,
) -> Result<Shown, Stopped> {
    let tools = &context.services.tools;
    vacant(tools, name, |kind| matches!(kind, Kind::Command(_)))?;
    let around = tools.surroundings();
    command::check(&line, &schema, &around)
        .map_err(|error| refused(error.to_string(), "Change the schema of the tool."))?;
    let Value::Object(schema) = schema else {
        return Err(refused(
            format!("the schema of `{name}` is no object"),
            "Change it.",
        ));
    };
    schema::check(&schema).map_err(|why| {
        refused(
            format!("the schema of `{name}` cannot be sent: {why}"),
            "Mend it, or write the short form: `takes: city str, unit (c|f)?`.",
        )
    })?;
    if let CommandLine::Words(words) = &line
        && let Some(program) = words.first()
        && !command::is_there(program, &around)
    {
        quiet(
            context,
            &format!(
                "There is no program {program} on this machine now; calls of {name} will fail."
            ),
        )
        .await;
    }
    let tool = Tool::new(name, description, schema, options, Kind::Command(line));
    let shown = announce(Shown::default(), &tool, &context.services.tools);
    context.services.tools.put(tool);
    Ok(shown)
}

/// Checks that a name may be used: no tool has it, or a tool of the same kind, which is replaced.
fn vacant(tools: &Tools, name: &str, same: impl Fn(&Kind) -> bool) -> Result<(), Stopped> {
    names::check(name).map_err(|bad| refused(bad.to_string(), "Choose another name."))?;
    match tools.find(name) {
        Some(tool) if !same(&tool.kind) => Err(refused(
            format!("there is a tool `{name}` already: {}", tool.what()),
            format!("Choose another name, or remove it with `%tool rm {name}`."),
        )),
        _ => Ok(()),
    }
}

/// Says what a tool is, and that it takes the place of another one of `before`.
fn announce(shown: Shown, tool: &Tool, before: &Tools) -> Shown {
    let call = format!("{}({})", tool.name(), tool.takes());
    let description = clip(
        tool.text("description").lines().next().unwrap_or_default(),
        DESCRIPTION,
    );
    let mut said = Part::code(&call);
    if !description.is_empty() {
        said = said
            .then(&Part::ours(" - "))
            .then(&Part::text(&description));
    }
    let is_other = |old: &std::sync::Arc<Tool>| old.entry != tool.entry;
    if before.find(tool.name()).is_some_and(is_other) {
        said = said.then(&Part::ours(" (in place of the one before)"));
    }
    shown.line("Tool", &said)
}

/// Removes all tools and ends their processes.
fn clear(tools: &mut Tools) -> Shown {
    let own = tools.own.iter();
    let own = own.filter(|tool| !matches!(tool.kind, Kind::Server { .. }));
    let own: Vec<&str> = own.map(|tool| tool.name()).collect();
    let servers = tools.servers.iter().map(|server| server.name.as_str());
    let all: Vec<String> = own
        .into_iter()
        .chain(servers)
        .map(|name| format!("`{name}`"))
        .collect();
    let said = "Everything begins again: conversations, sandbox, settings and variables are as at the start.";
    let shown = Shown::default().paragraph(said);
    tools.clear();
    match all.as_slice() {
        [] => shown,
        names => shown.paragraph(&format!(
            "Tools of this machine are removed: {}. Run their cells again to have them back.",
            names.join(", ")
        )),
    }
}

async fn quiet(context: &CellContext<'_>, text: &str) {
    context.output.show(notes([&text.to_owned()])).await;
}

/// Names the interpreter as this machine knows it: only who asks for it gets it into a notebook.
fn place(tools: &Tools) -> Result<Shown, Stopped> {
    let python = tools.python().map_err(|why| {
        refused(
            why.to_string(),
            "Name one with the setting `python` (`CLAUDE_KERNEL_PYTHON`).",
        )
    })?;
    let path = Part::code(&python.path.display().to_string());
    let which = Part::text(&format!(" ({})", python.which));
    Ok(Shown::default().line("Python of tools", &path.then(&which)))
}

fn list(tools: &Tools) -> Shown {
    if tools.own.is_empty() {
        return Shown::default().paragraph(
            "No tools of your own. `%%tool` with a Python function below it defines one, `%mcp add` takes those of a server.",
        );
    }
    let rows: Vec<Vec<Part>> = tools
        .own
        .iter()
        .map(|tool| {
            vec![
                Part::code(&format!("{}({})", tool.name(), tool.takes())),
                Part::text(&tool.what()),
                Part::ours(if tool.options.ask { "yes" } else { "" }),
                Part::ours(&format!("{}\u{a0}s", tool.options.timeout_s)),
                Part::text(&clip(tool.text("description"), DESCRIPTION)),
            ]
        })
        .collect();
    let shown =
        Shown::default().table(&["tool", "runs as", "asks", "limit", "what it does"], &rows);
    match tools.python() {
        Ok(python) => shown.line(
            "Python",
            &Part::code(&python.name())
                .then(&Part::ours(" ("))
                .then(&Part::ours(python.which))
                .then(&Part::ours(")")),
        ),
        Err(_) => shown,
    }
}
