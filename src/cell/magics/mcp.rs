//! `%mcp`: servers whose tools become Claude's.

use super::arguments::no_value;
use super::own_tools::{Options, ToolJob, ToolOptions, job};
use crate::cell::magic::{Candidate, Effect, Form, Group, Magic, MagicCall, MagicError};

pub(super) const MCP: Magic = Magic {
    name: "mcp",
    aliases: &[],
    usage: "add NAME COMMAND…|URL | rm NAME",
    form: Form::Line,
    group: Group::Abilities,
    summary: "servers whose tools become Claude's; alone: list them",
    details: "A command is started on this machine, with your rights and without the API key, and lives as long as the \
kernel; a URL is spoken to over streamable HTTP. `%mcp list` lists the servers. Each tool is called `NAME_TOOL`. Options stand before \
the command: `--only TOOL,…` takes some of its tools, `--token-env VARIABLE` sends the token that the variable \
holds, `--ask`, `--timeout SECONDS` and `--direct` are those of `%%tool`. Where nobody can \
be asked (nbconvert, papermill) a server is added only with `CLAUDE_KERNEL_ALLOW=mcp`.",
    examples: &[
        ("%mcp add time uvx mcp-server-time", "start a program"),
        (
            "%mcp add docs --only search --token-env DOCS_TOKEN https://mcp.example.org",
            "one tool of a URL",
        ),
        ("%mcp list", "show"),
        ("%mcp rm time", "end it"),
    ],
    values: |_, before| match before {
        [] => Candidate::list("value", ["add", "list", "rm"]),
        ["add", _, ..] => Candidate::list(
            "value",
            ["--ask", "--timeout", "--direct", "--only", "--token-env"],
        ),
        _ => Vec::new(),
    },
    now: no_value,
    apply,
};

/// The longest name of a server: its tools' names begin with it.
const MAX_NAME: usize = 32;

fn apply(call: &MagicCall, _: &crate::cell::magic::Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let words = shlex::split(&call.args).ok_or_else(|| {
        MagicError::new(
            "`%mcp` has a quote that does not end",
            "Close it, on the same line.",
        )
    })?;
    let mut words = Options::new("%mcp", words);
    match words.next().as_deref() {
        None | Some("list") => Ok(job(ToolJob::ListServers)),
        Some("rm") => match words.rest() {
            names if names.is_empty() => Err(MagicError::new(
                "`%mcp rm` needs a name",
                "`%mcp list` shows the servers.",
            )),
            names => Ok(job(ToolJob::RemoveServers(names))),
        },
        Some("add") => add(words),
        Some(other) => Err(MagicError::new(
            format!("`%mcp` does not take `{other}`"),
            "Write `%mcp add NAME COMMAND…`, `%mcp add NAME URL`, `%mcp list` or `%mcp rm NAME`.",
        )),
    }
}

fn add(mut words: Options) -> Result<Vec<Effect>, MagicError> {
    let usage = "Write `%mcp add NAME COMMAND…` or `%mcp add NAME URL`; a name has letters, digits, `_` and `-`.";
    let name = words
        .next()
        .ok_or_else(|| MagicError::new("`%mcp add` needs a name", usage))?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || name.starts_with('-') || name.len() > MAX_NAME || !name.chars().all(fits)
    {
        return Err(MagicError::new(
            format!("`{name}` cannot be a server's name"),
            usage,
        ));
    }
    let (mut options, mut only, mut token_variable) = (ToolOptions::default(), Vec::new(), None);
    let mut command = Vec::new();
    while let Some(word) = words.next() {
        match word.split('=').next().unwrap_or_default() {
            "--only" => {
                let value = words.value(&word)?;
                only.extend(
                    value
                        .split(',')
                        .map(|tool| tool.trim().to_owned())
                        .filter(|tool| !tool.is_empty()),
                );
            }
            "--token-env" => token_variable = Some(words.value(&word)?),
            "--" => break,
            option if option.starts_with("--") => words.common(&word, &mut options)?,
            _ => {
                command.push(word);
                break;
            }
        }
    }
    command.extend(words.rest());
    if command.is_empty() {
        return Err(MagicError::new(
            format!("`%mcp add {name}` needs a command or a URL"),
            usage,
        ));
    }
    let is_url = is_url(command.first());
    if is_url && command.len() > 1 {
        return Err(MagicError::new(
            format!("`%mcp add {name}` takes nothing behind the URL"),
            "Options such as `--only` stand before it.",
        ));
    }
    if let Some(address) = command
        .first()
        .filter(|word| !is_url && word.contains("://"))
    {
        return Err(MagicError::new(
            format!("`{address}` is no address of an MCP server"),
            "It begins with `https://`, or `http://`.",
        ));
    }
    if token_variable.is_some() && !is_url {
        return Err(MagicError::new(
            "`--token-env` is for servers with a URL",
            "A program finds its variables in its environment, which is yours without the API key.",
        ));
    }
    Ok(job(ToolJob::AddServer {
        name,
        words: command,
        token_variable,
        only,
        options,
    }))
}

/// Returns whether a word is an address rather than a program.
#[must_use]
pub fn is_url(word: Option<&String>) -> bool {
    word.is_some_and(|word| word.starts_with("http://") || word.starts_with("https://"))
}
