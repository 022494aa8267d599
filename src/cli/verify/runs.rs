//! Runs the steps of a notebook in one process: confined in the sandbox of the offline backend, or
//! with the rights of whoever calls.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::emulator::sandbox::{CallError, Limits, Protections, Sandbox};
use crate::host::unnumbered;
use crate::notebook::verify::{Expected, PROGRAM, job};

use super::{Args, Failure, notebook_file};

/// What must hold, by the names of the sandbox, or nothing is run.
const NEEDED: [&str; 2] = ["no network", "no access to other files"];
/// What the program may say: its reports hold the contents of files.
const OUTPUT_BYTES: usize = 512 << 20;

/// Runs the steps in the sandbox; returns what was said of each cell.
pub(super) fn confined(
    python: &Path,
    args: &Args,
    expected: &[Expected],
) -> Result<Vec<Value>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed("the code could not be run", &error))?;
    runtime.block_on(in_sandbox(python, args, expected))
}

async fn in_sandbox(
    python: &Path,
    args: &Args,
    expected: &[Expected],
) -> Result<Vec<Value>, Failure> {
    let steps: usize = expected.iter().map(|cell| cell.steps.len() + 1).sum();
    let steps = u32::try_from(steps).unwrap_or(u32::MAX);
    let command = std::env::current_exe();
    let sandbox = Sandbox {
        command: command.map_err(|error| failed("cannot tell where this binary is", &error))?,
        python: Some(python.to_owned()),
        limits: Limits {
            command: Duration::from_secs(u64::from(args.timeout)).saturating_mul(steps),
            output_bytes: OUTPUT_BYTES,
            ..Limits::default()
        },
    };
    check(&sandbox.probe().await.map_err(|error| refused(&error))?)?;
    let folder = tempfile::tempdir().map_err(|error| failed("no folder to run in", &error))?;
    let made = sandbox.container("verify", folder.path());
    let mut container = made.map_err(|error| failed("no folder to run in", &error))?;
    for (name, path) in inputs(args, expected) {
        // A missing file is told by the step that reads it.
        let _missing = container.add_input(&name, &path);
    }
    let program =
        shlex::try_quote(PROGRAM).map_err(|_| Failure::new("the code could not be run"))?;
    // JSON has no line that could end the document.
    let job = job(expected, args.timeout);
    let command = format!("python3 -c {program} <<'JOB'\n{job}\nJOB\n");
    let outcome = container
        .bash(&command)
        .await
        .map_err(|error| refused(&error))?;
    let said = lines(&outcome.stdout);
    match said.is_empty() && outcome.return_code != 0 {
        true => Err(did_not_start(python, &outcome.stderr)),
        false => Ok(said),
    }
}

/// Nothing is run where it would not be confined.
fn check(protections: &Protections) -> Result<(), Failure> {
    let lacking = protections
        .entries
        .iter()
        .find(|entry| NEEDED.contains(&entry.name.as_str()) && !entry.active);
    let Some(lacking) = lacking else {
        return Ok(());
    };
    let why = lacking.why_not.as_deref().unwrap_or("not on this system");
    Err(Failure::new(format!(
        "this system cannot confine the code: {} ({why})",
        lacking.name
    ))
    .with_hint("read the code, then add `--unconfined` to run it with your rights"))
}

fn refused(error: &CallError) -> Failure {
    match error.code {
        "execution_time_exceeded" => Failure::new("the code ran too long")
            .with_hint("`--timeout` gives each step more seconds"),
        _ => Failure::new(format!("the code could not be run: {}", error.message)),
    }
}

/// Runs the steps with the rights of whoever calls; returns what was said of each cell.
pub(super) fn unconfined(
    python: &Path,
    args: &Args,
    expected: &[Expected],
) -> Result<Vec<Value>, Failure> {
    let folder = tempfile::tempdir().map_err(|error| failed("no folder to run in", &error))?;
    for name in ["inputs", "outputs", "home"] {
        let made = std::fs::create_dir(folder.path().join(name));
        made.map_err(|error| failed("no folder to run in", &error))?;
    }
    for (name, path) in inputs(args, expected) {
        let _missing = std::fs::copy(path, folder.path().join("inputs").join(name));
    }
    let job = job(expected, args.timeout).to_string();
    let child = Command::new(python)
        .args(["-c", PROGRAM])
        .current_dir(folder.path().join("home"))
        .env("INPUT_DIR", folder.path().join("inputs"))
        .env("OUTPUT_DIR", folder.path().join("outputs"))
        // The offline backend's own.
        .env("SCRIPT_VARS", "/dev/null")
        .env("MPLBACKEND", "Agg")
        .env_remove("ANTHROPIC_API_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| {
        failed(&format!("cannot start `{}`", python.display()), &error)
            .with_hint("name an interpreter with `--python`")
    })?;
    if let Some(mut stdin) = child.stdin.take() {
        // An interpreter that ended early is told by its missing lines.
        let _closed = stdin.write_all(job.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| failed("the code could not be run", &error))?;
    let said = lines(&String::from_utf8_lossy(&output.stdout));
    match said.is_empty() && !output.status.success() {
        true => Err(did_not_start(
            python,
            &String::from_utf8_lossy(&output.stderr),
        )),
        false => Ok(said),
    }
}

/// The attached files, where they lie.
fn inputs(args: &Args, expected: &[Expected]) -> Vec<(String, PathBuf)> {
    let names = expected.iter().flat_map(|cell| &cell.inputs);
    let found = names.filter_map(|name| {
        let path = notebook_file::attached(&args.notebook, name)?;
        Some((name.clone(), path))
    });
    found.collect()
}

fn lines(stdout: &str) -> Vec<Value> {
    let lines = stdout.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn did_not_start(python: &Path, stderr: &str) -> Failure {
    let why = stderr.trim().lines().last().unwrap_or("it said nothing");
    Failure::new(format!(
        "`{}` could not run the code: {why}",
        python.display()
    ))
    .with_hint("name an interpreter with `--python PATH`")
}

fn failed(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(format!("{what}: {}", unnumbered(error)))
}
