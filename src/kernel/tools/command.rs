//! Command tools: a program or a script of the person's, run anew for each call.
//!
//! Arguments are JSON on standard input, and besides words of the command line (never through a
//! shell) or variables of a script (never part of its text): what Claude sends cannot become a
//! command.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};

use super::group::{Group, Mark};
use super::limits::{MAX_IMAGE_BASE64, cut, text_limit};
use super::worker::Answer;
use crate::cell::magics::own_tools::{CommandLine, places};
use crate::host::{Host, unnumbered};

/// What is kept of a program's output: an image, or text for the sandbox.
const MAX_OUTPUT_BYTES: usize = 8_000_000;
/// What is kept of its error output.
const MAX_STDERR_BYTES: usize = 20_000;
/// How long output may still come once the program has ended: what is in the pipes is there at once.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// What a command runs with.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The whole environment.
    pub environment: Vec<(String, String)>,
    /// Where it runs.
    pub directory: PathBuf,
}

/// Why an argument cannot be a variable of a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadVariable {
    /// Its name is none of a variable.
    #[error("the argument `{name}` cannot be a variable of a script")]
    Unfit {
        /// The argument's name.
        name: String,
    },
    /// The script would run in other surroundings.
    #[error(
        "the argument `{name}` would replace a variable of the environment; give it another name"
    )]
    Taken {
        /// The argument's name.
        name: String,
    },
}

/// Checks that a script's arguments can be its variables.
///
/// # Errors
/// The first that cannot.
pub fn check(line: &CommandLine, schema: &Value, around: &Surroundings) -> Result<(), BadVariable> {
    let properties = schema.get("properties").and_then(Value::as_object);
    if matches!(line, CommandLine::Words(_)) {
        return Ok(());
    }
    for name in properties.into_iter().flat_map(|all| all.keys()) {
        let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        if !fits {
            return Err(BadVariable::Unfit { name: name.clone() });
        }
        let taken = around.environment.iter().any(|(other, _)| other == name);
        if taken
            || matches!(name.as_str(), "PATH" | "IFS" | "BASH_ENV" | "ENV")
            || name.starts_with("LD_")
        {
            return Err(BadVariable::Taken { name: name.clone() });
        }
    }
    Ok(())
}

/// Runs a command for one call. Dropping the future ends it.
pub async fn run(
    line: &CommandLine,
    arguments: &Value,
    around: &Surroundings,
    direct: bool,
    limit: Duration,
    host: Arc<dyn Host>,
) -> Answer {
    let mut command = prepare(line, arguments);
    command
        .env_clear()
        .envs(around.environment.iter().cloned())
        .envs(variables(line, arguments))
        .current_dir(&around.directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mark = Mark::set(&mut command);
    let program = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Answer::failed(not_started(&program, &error)),
    };
    let _group = Group::of(&child, mark);
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
        return Answer::failed(format!("`{program}` has no pipes"));
    };
    let input = format!("{arguments}\n");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let reading = async {
        tokio::join!(
            feed(stdin, input),
            read(stdout, &mut out, MAX_OUTPUT_BYTES),
            read(stderr, &mut err, MAX_STDERR_BYTES)
        );
    };
    let status = tokio::select! {
        status = ended(&mut child, reading, host.as_ref()) => Some(status),
        () = host.sleep(limit) => None,
    };
    let err = String::from_utf8_lossy(&err).into_owned();
    match status {
        Some(Ok(status)) if status.success() => Answer {
            content: vec![block(&out, direct)],
            is_error: false,
            printed: err,
        },
        Some(Ok(status)) => {
            let how = format!("The command failed ({status}).");
            Answer::failed(failure(&how, &out, &err))
        }
        Some(Err(error)) => Answer::failed(format!("`{program}`: {}", unnumbered(&error))),
        None => {
            let how = format!(
                "`{program}` was ended after {} s, its time limit.",
                limit.as_secs()
            );
            Answer::failed(failure(&how, &out, &err))
        }
    }
}

/// Waits until a program has ended and its output is read.
async fn ended(
    child: &mut Child,
    reading: impl Future<Output = ()>,
    host: &dyn Host,
) -> io::Result<ExitStatus> {
    tokio::pin!(reading);
    let status = tokio::select! {
        status = child.wait() => status,
        () = &mut reading => return child.wait().await,
    };
    // What it left running in the background may hold the pipes for ever.
    tokio::select! {
        () = &mut reading => {}
        () = host.sleep(LAST_OUTPUT) => {}
    }
    status
}

/// Says why a program did not start.
pub(super) fn not_started(program: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound if program.contains('/') => {
            format!("there is no program `{program}`")
        }
        io::ErrorKind::NotFound => format!("there is no program `{program}` on the `PATH`"),
        io::ErrorKind::InvalidInput => {
            format!("`{program}` cannot be started: an argument holds a NUL character")
        }
        _ => format!("`{program}` cannot be started: {}", unnumbered(error)),
    }
}

/// Returns whether a program can be found, as far as can be told beforehand.
#[must_use]
pub fn is_there(program: &str, around: &Surroundings) -> bool {
    if program.contains('/') {
        return around.directory.join(program).is_file();
    }
    let path = around.environment.iter().find(|(name, _)| name == "PATH");
    let path = path.map_or("/usr/bin:/bin", |(_, path)| path.as_str());
    std::env::split_paths(path).any(|directory| directory.join(program).is_file())
}

fn prepare(line: &CommandLine, arguments: &Value) -> Command {
    match line {
        CommandLine::Script(script) => {
            let mut command = Command::new("bash");
            command.args(["-c", script]);
            command
        }
        CommandLine::Words(words) => {
            let words = fill(words, arguments);
            let mut words = words.iter();
            let mut command = Command::new(words.next().map_or("", String::as_str));
            command.args(words);
            command
        }
    }
}

/// Puts arguments into words. A word whose argument is missing is left out, together with an
/// option right before it.
fn fill(words: &[String], arguments: &Value) -> Vec<String> {
    let mut filled: Vec<String> = Vec::with_capacity(words.len());
    for word in words {
        let names: Vec<&str> = places(word).collect();
        let missing = names
            .iter()
            .any(|name| arguments.get(name).is_none_or(Value::is_null));
        if missing {
            if filled.len() > 1 && filled.last().is_some_and(|last| last.starts_with('-')) {
                filled.pop();
            }
            continue;
        }
        // Piece by piece: what is inserted is not looked at again.
        let mut rest = word.as_str();
        let mut whole = String::new();
        for name in names {
            if let Some((before, after)) = rest.split_once(&format!("{{{name}}}")) {
                whole.push_str(before);
                whole.push_str(&plain(arguments.get(name).unwrap_or(&Value::Null)));
                rest = after;
            }
        }
        whole.push_str(rest);
        filled.push(whole);
    }
    filled
}

fn variables(line: &CommandLine, arguments: &Value) -> Vec<(String, String)> {
    let CommandLine::Script(_) = line else {
        return Vec::new();
    };
    let arguments = arguments.as_object();
    arguments
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), plain(value).replace('\0', "")))
        .collect()
}

/// A string as it is, everything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

async fn feed(mut stdin: ChildStdin, input: String) {
    // A program that does not read its input is fine.
    let _unread = stdin.write_all(input.as_bytes()).await;
}

/// Reads to the end and keeps the beginning.
async fn read(mut from: impl AsyncRead + Unpin, kept: &mut Vec<u8>, most: usize) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => {
                let room = most.saturating_sub(kept.len()).min(length);
                kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
            }
        }
    }
}

fn block(out: &[u8], direct: bool) -> Value {
    let image = infer::get(out).map(|kind| kind.mime_type()).filter(|kind| {
        matches!(
            *kind,
            "image/png" | "image/jpeg" | "image/gif" | "image/webp"
        )
    });
    if let Some(media_type) = image
        && direct
    {
        let data = base64::engine::general_purpose::STANDARD.encode(out);
        if data.len() <= MAX_IMAGE_BASE64 {
            return json!({
                "type": "image",
                "source": {"type": "base64", "media_type": media_type, "data": data},
            });
        }
    }
    let text = match std::str::from_utf8(out) {
        Ok(text) if text.trim().is_empty() => {
            "The command printed nothing; it ran without an error.".to_owned()
        }
        Ok(text) => cut(text.trim_end_matches('\n'), text_limit(direct)),
        Err(_) if out.contains(&0) => format!("({} bytes that are not text)", out.len()),
        Err(_) => cut(&String::from_utf8_lossy(out), text_limit(direct)),
    };
    json!({"type": "text", "text": text})
}

fn failure(how: &str, out: &[u8], err: &str) -> String {
    let mut text = how.to_owned();
    for (word, said) in [
        ("Error output", err),
        ("Output", &String::from_utf8_lossy(out)),
    ] {
        if !said.trim().is_empty() {
            text.push_str(&format!(
                "\n{word}:\n{}",
                cut(said.trim_end(), MAX_STDERR_BYTES)
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_words_whatever_they_hold() {
        let words: Vec<String> = ["prog", "--city", "{city}", "--unit", "{unit}", "{city}={n}"]
            .map(str::to_owned)
            .to_vec();
        let arguments = json!({"city": "$(rm -rf /) {n}; '", "n": 3});
        assert_eq!(
            fill(&words, &arguments),
            [
                "prog",
                "--city",
                "$(rm -rf /) {n}; '",
                "$(rm -rf /) {n}; '=3"
            ]
        );
    }
}
