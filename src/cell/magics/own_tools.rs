//! `%%tool`: tools of the person's own, a Python function or a command.
//!
//! Only read here; `kernel::tools` defines, calls and removes them.

use serde_json::{Value, json};

use crate::cell::line::unescape;
use crate::cell::magic::{
    Candidate, Context, Effect, Form, Group, Job, Magic, MagicCall, MagicError,
};
use crate::chat::schema::parse_short;

pub use crate::cell::job::{CommandLine, DEFAULT_TIMEOUT_S, ToolJob, ToolOptions};

pub(super) const TOOL: Magic = Magic {
    name: "tool",
    aliases: &[],
    usage: "[NAME…] [OPTION…] | rm NAME | --where",
    form: Form::Body,
    group: Group::Abilities,
    summary: "tools of your own, run on this machine; `%tool` lists them",
    details: "Below `%%tool` stands Python: every public function, or those named, becomes a tool; its docstring and \
type hints tell Claude what it does and takes. It runs with your rights, in Jupyter's Python unless the setting \
`python` says otherwise, in one process that lives as long as the kernel, so imports, variables and connections stay; `async def` functions overlap. What it returns goes to Claude: \
text, JSON, a data frame (as CSV), a figure, a `Path`. With `--command` a description stands there, then \
`takes: city str, unit (c|f)?` or a fenced JSON schema, then `$ program --city {city}` (no shell) or a fenced `bash` \
script that gets the arguments as variables; both get them as JSON on standard input. `--ask` asks you before each \
call; `--timeout` is 120 s unless set; `--direct` keeps code in the sandbox from calling it. Where nobody can be asked \
(nbconvert, papermill) a tool is defined only with `CLAUDE_KERNEL_ALLOW=tools`. `%tool --where` names the Python with its \
whole path, which other outputs leave out. `%help own-tools` says more.",
    examples: &[
        (
            "%%tool\ndef fetch_data(name: str) -> str:\n    \"\"\"Return a data set as CSV.\"\"\"\n    return open(f\"{name}.csv\").read()",
            "a Python function",
        ),
        (
            "%%tool disk --command\nFree space of a directory.\ntakes: path str\n$ df -h {path}",
            "a command",
        ),
        ("%tool", "list"),
        ("%tool rm disk", "remove"),
        ("%tool --where", "which Python"),
    ],
    values,
    now: |context| {
        let names = names(context);
        Some(match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        })
    },
    apply,
};

/// The longest time a call may be given: an hour.
const MAX_TIMEOUT_S: u64 = 3_600;

fn values(context: &Context<'_>, before: &[&str]) -> Vec<Candidate> {
    match before {
        ["rm", ..] => Candidate::list("tool", names(context)),
        [] => Candidate::list(
            "value",
            [
                "rm",
                "--where",
                "--command",
                "--ask",
                "--timeout",
                "--direct",
            ],
        ),
        _ => Candidate::list("value", ["--command", "--ask", "--timeout", "--direct"]),
    }
}

/// The names of the tools in force that are not the API's.
pub(super) fn names(context: &Context<'_>) -> Vec<String> {
    let names = context.settings.client_tools.iter();
    names
        .filter_map(|tool| tool.get("name")?.as_str().map(str::to_owned))
        .collect()
}

fn apply(call: &MagicCall, _: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let words: Vec<&str> = call.args.split_whitespace().collect();
    let Some(body) = &call.body else {
        return match words.as_slice() {
            [] | ["list"] => Ok(job(ToolJob::List)),
            ["--where"] => Ok(job(ToolJob::Where)),
            ["rm"] => Err(MagicError::new(
                "`%tool rm` needs a name",
                "`%tool` lists the tools.",
            )),
            ["rm", names @ ..] => Ok(job(ToolJob::Remove(
                names.iter().map(|name| (*name).to_owned()).collect(),
            ))),
            _ => Err(MagicError::new(
                format!("`%tool` does not take `{}`", call.args),
                "`%tool` lists, `%tool rm NAME` removes, `%tool --where` names the Python, `%%tool` with a function below it defines.",
            )),
        };
    };
    let mut reader = Options::new("%%tool", words.into_iter().map(str::to_owned).collect());
    let (mut options, mut names, mut command) = (ToolOptions::default(), Vec::new(), false);
    while let Some(word) = reader.next() {
        match word.as_str() {
            "--command" => command = true,
            word if word.starts_with('-') => reader.common(word, &mut options)?,
            listed => {
                let each = listed.split(',').filter(|name| !name.is_empty());
                names.extend(each.map(|name| name.trim_end_matches("()").to_owned()));
            }
        }
    }
    let body = unescape(body);
    if body.trim().is_empty() {
        return Err(MagicError::new(
            "`%%tool` has nothing below it",
            "Write a Python function with a docstring and type hints in the lines after it. `%tool` with one percent sign lists the tools.",
        ));
    }
    if !command {
        return Ok(job(ToolJob::Python {
            source: body.to_owned(),
            names,
            options,
        }));
    }
    let [name] = names.as_slice() else {
        return Err(MagicError::new(
            "`%%tool --command` needs one name",
            "Write `%%tool NAME --command`.",
        ));
    };
    let (description, schema, line) = command_body(name, body)?;
    Ok(job(ToolJob::Command {
        name: name.clone(),
        description,
        schema,
        line,
        options,
    }))
}

/// Makes the effect of a job.
pub(super) fn job(job: ToolJob) -> Vec<Effect> {
    vec![Effect::Job(Job::Tools(job))]
}

/// Reads options among words.
pub(super) struct Options {
    magic: &'static str,
    words: std::vec::IntoIter<String>,
}

impl Options {
    pub(super) fn new(magic: &'static str, words: Vec<String>) -> Self {
        Self {
            magic,
            words: words.into_iter(),
        }
    }

    pub(super) fn next(&mut self) -> Option<String> {
        self.words.next()
    }

    /// Everything that is left.
    pub(super) fn rest(self) -> Vec<String> {
        self.words.collect()
    }

    /// Returns the value of `word`, written `--option VALUE` or `--option=VALUE`.
    pub(super) fn value(&mut self, word: &str) -> Result<String, MagicError> {
        let given = word.split_once('=').map(|(_, value)| value.to_owned());
        given.or_else(|| self.words.next()).ok_or_else(|| {
            MagicError::new(
                format!("`{word}` of `{}` needs a value", self.magic),
                format!("`{}?` shows how it is written.", self.magic),
            )
        })
    }

    /// Takes an option that all tools have.
    pub(super) fn common(
        &mut self,
        word: &str,
        options: &mut ToolOptions,
    ) -> Result<(), MagicError> {
        match word.split('=').next().unwrap_or_default() {
            "--ask" => options.ask = true,
            "--direct" => options.direct = true,
            "--timeout" => {
                let value = self.value(word)?;
                let seconds: Option<u64> = value.trim_end_matches('s').parse().ok();
                options.timeout_s = seconds
                    .filter(|seconds| (1..=MAX_TIMEOUT_S).contains(seconds))
                    .ok_or_else(|| {
                        MagicError::new(
                            format!("`--timeout {value}` is no time limit"),
                            format!("Write whole seconds, from 1 to {MAX_TIMEOUT_S}."),
                        )
                    })?;
            }
            _ => {
                return Err(MagicError::new(
                    format!("`{}` has no option `{word}`", self.magic),
                    format!("`{}?` lists them.", self.magic),
                ));
            }
        }
        Ok(())
    }
}

/// Reads the body of a command tool: description, schema, command.
fn command_body(name: &str, body: &str) -> Result<(String, Value, CommandLine), MagicError> {
    let (mut description, mut schema, mut line) = (Vec::new(), None, None);
    let mut lines = body.lines();
    let twice = |what: &str| {
        MagicError::new(
            format!("`{name}` has two {what}"),
            "Write one description, one schema, one command.",
        )
    };
    while let Some(text) = lines.next() {
        if let Some(language) = text.trim().strip_prefix("```") {
            let fenced: Vec<&str> = lines
                .by_ref()
                .take_while(|line| line.trim() != "```")
                .collect();
            let fenced = fenced.join("\n");
            match language.trim() {
                "json" if schema.is_none() => schema = Some(read_schema(name, &fenced)?),
                "json" => return Err(twice("schemas")),
                "bash" | "sh" if line.is_none() => line = Some(CommandLine::Script(fenced)),
                "bash" | "sh" => return Err(twice("commands")),
                other => {
                    let what = match other {
                        "" => "of no language".to_owned(),
                        other => format!("of `{other}`"),
                    };
                    return Err(MagicError::new(
                        format!("`{name}` has a fenced block {what}"),
                        "A `json` fence holds the schema, a `bash` fence the command.",
                    ));
                }
            }
        } else if let Some(command) = text.trim_start().strip_prefix("$ ") {
            if line.is_some() {
                return Err(twice("commands"));
            }
            line = Some(CommandLine::Words(words_of(name, command)?));
        } else if let Some(spec) = text.strip_prefix("takes:") {
            if schema.is_some() {
                return Err(twice("schemas"));
            }
            schema = Some(match spec.trim() {
                "" | "nothing" => json!({"type": "object", "properties": {}}),
                spec if spec.starts_with('[') => {
                    return Err(MagicError::new(
                        format!("`takes:` of `{name}` is a list, and arguments have names"),
                        format!("Give it one: `takes: items {spec}`."),
                    ));
                }
                spec => parse_short(spec).map_err(|error| {
                    MagicError::new(
                        format!(
                            "`takes:` of `{name}`, column {}: {}",
                            error.column, error.message
                        ),
                        error.hint,
                    )
                })?,
            });
        } else {
            description.push(text);
        }
    }
    let schema = schema.unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    let line = line.ok_or_else(|| {
        MagicError::new(
            format!("`{name}` has no command"),
            "Write `$ program arguments` on a line of its own, or a fenced `bash` block.",
        )
    })?;
    check_places(name, &line, &schema)?;
    let description = description.join("\n").trim().to_owned();
    if description.is_empty() {
        return Err(MagicError::new(
            format!("`{name}` has no description, so Claude would know only its name"),
            "Say in the first line below `%%tool` what it does and what it prints.",
        ));
    }
    Ok((description, schema, line))
}

/// Splits the words of a command; what only a shell would understand is refused.
fn words_of(name: &str, command: &str) -> Result<Vec<String>, MagicError> {
    let words = shlex::split(command).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| {
        MagicError::new(
            format!("the command of `{name}` has a quote that does not end"),
            "Close it, or put the command into a fenced `bash` block.",
        )
    })?;
    // A word in quotes is meant as it stands; only the text as typed shows the quotes.
    let unquoted = |word: &&String| command.split_whitespace().any(|typed| typed == *word);
    if let Some(word) = words
        .iter()
        .filter(unquoted)
        .find(|word| is_of_a_shell(word))
    {
        return Err(MagicError::new(
            format!("the command of `{name}` runs without a shell, which `{word}` would need"),
            "Put it into a fenced `bash` block, where arguments are variables: `\"$city\"`. To pass it on as it stands, write it in quotes.",
        ));
    }
    if let Some(place) = words.first().filter(|word| places(word).next().is_some()) {
        return Err(MagicError::new(
            format!("the program of `{name}` is `{place}`, so Claude would choose what runs"),
            "Name the program; arguments stand behind it.",
        ));
    }
    Ok(words)
}

/// Whether a word does something in a shell that it does not do here.
fn is_of_a_shell(word: &str) -> bool {
    let variable = |at: usize| {
        let next = word.get(at + 1..).and_then(|rest| rest.chars().next());
        next.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '(' | '{'))
    };
    matches!(
        word,
        "|" | "||" | "&" | "&&" | ";" | ">" | ">>" | "<" | "<<" | "<<<" | "2>" | "2>&1" | "&>"
    ) || word.ends_with(';')
        || word == "~"
        || word.starts_with("~/")
        || word.contains('*')
        || word.contains('`')
        || word.match_indices('$').any(|(at, _)| variable(at))
}

fn read_schema(name: &str, text: &str) -> Result<Value, MagicError> {
    let schema: Value = serde_json::from_str(text).map_err(|error| {
        MagicError::new(
            format!("the schema of `{name}` is not JSON: {error}"),
            "Mend it, or write the short form: `takes: city str, unit (c|f)?`.",
        )
    })?;
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err(MagicError::new(
            format!("the schema of `{name}` is no object"),
            "The arguments of a tool are an object: `{\"type\": \"object\", \"properties\": {…}}`.",
        ));
    }
    Ok(schema)
}

/// Every `{name}` in the command must be an argument.
fn check_places(name: &str, line: &CommandLine, schema: &Value) -> Result<(), MagicError> {
    let CommandLine::Words(words) = line else {
        return Ok(());
    };
    for place in words.iter().flat_map(|word| places(word)) {
        let known = schema
            .get("properties")
            .and_then(|properties| properties.get(place));
        if known.is_none() {
            return Err(MagicError::new(
                format!("the command of `{name}` uses `{{{place}}}`, which is no argument of it"),
                "Declare it: `takes: NAME str`.",
            ));
        }
    }
    Ok(())
}

/// Returns the names in `{…}` of a word.
pub fn places(word: &str) -> impl Iterator<Item = &str> {
    word.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let fits = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        fits.then_some(name)
    })
}
