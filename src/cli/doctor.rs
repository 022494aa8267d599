//! `claude-kernel doctor`: checks everything that the kernel depends on; says what is wrong and
//! what to do about it.
//!
//! It only reads, and its one call to the API is free. Each check is a function that returns
//! [`Finding`]s and cannot fail. Works without Jupyter, without a key and without a network.

mod api;
mod jupyter;
mod sandbox;
mod secrets;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::places::Places;
use crate::config::{Config, Environment};
use crate::kernel::state::Initial;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each line begins with `ok`, `warn` or `fail`; `do:` says what to do. The exit code is 1 if a line \
begins with `fail`. Keys are never shown. The call to the API is free and sends no prompt.")]
pub struct Args {
    /// Do not call the API
    #[arg(long)]
    no_network: bool,
    /// Print JSON, when all is checked
    #[arg(long)]
    json: bool,
}

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Ok,
    /// Something does not work as well as it could, or only for some uses.
    Warn,
    /// The kernel cannot do what it was set up for.
    Fail,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    level: Level,
    /// What was checked, in one word.
    topic: &'static str,
    text: String,
    /// What to do.
    advice: Option<String>,
}

impl Finding {
    fn ok(topic: &'static str, text: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            topic,
            text: text.into(),
            advice: None,
        }
    }

    fn warn(topic: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            level: Level::Warn,
            topic,
            text: text.into(),
            advice: Some(advice.into()),
        }
    }

    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let Self { topic, text, .. } = self;
        writeln!(out, "{:<4}  {topic:<11}  {text}", self.level.word())?;
        match &self.advice {
            Some(advice) => writeln!(out, "{:19}do: {advice}", ""),
            None => Ok(()),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "level": self.level.word(),
            "topic": self.topic,
            "text": self.text,
            "advice": self.advice,
        })
    }

    fn fail(topic: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            level: Level::Fail,
            ..Self::warn(topic, text, advice)
        }
    }
}

/// Prints each finding as soon as it is made, or all as JSON; succeeds unless one of them is a failure.
///
/// # Errors
/// If stdout cannot be written to.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let environment = Environment::from_process();
    let places = Places::of(&environment);
    let config = Config::load(&environment, &[]);
    let mut made: Vec<Finding> = Vec::new();
    let mut report = |findings: Vec<Finding>| -> std::io::Result<()> {
        for finding in findings {
            if !args.json {
                finding.write(out)?;
            }
            made.push(finding);
        }
        out.flush()
    };
    let installed = runtime.block_on(jupyter::check(&places));
    report(installed.findings)?;
    report(configuration(&config))?;
    report(runtime.block_on(api::check(&config, &environment, args.no_network)))?;
    report(secrets::check())?;
    report(runtime.block_on(sandbox::check(installed.pythons)))?;
    let count = |level| made.iter().filter(|finding| finding.level == level).count();
    let (warnings, failures) = (count(Level::Warn), count(Level::Fail));
    if args.json {
        let findings: Vec<Value> = made.iter().map(Finding::to_json).collect();
        let whole = json!({"findings": findings, "warnings": warnings, "failures": failures});
        writeln!(out, "{whole:#}")?;
    } else {
        writeln!(out, "\n{}", summary(warnings, failures))?;
    }
    runtime.shutdown_background();
    Ok(if failures > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn summary(warnings: usize, failures: usize) -> String {
    let warned = plural(warnings, "warning");
    match (failures, warnings) {
        (0, 0) => "All is well.".to_owned(),
        (0, _) => format!("No failures, {warned}."),
        _ => format!("{}, {warned}.", plural(failures, "failure")),
    }
}

/// Checks the configuration file, the variables and the log.
fn configuration(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &config.file {
        Some(file) if file.exists() => {
            findings.push(Finding::ok("config", format!("{} is read", file.display())));
        }
        Some(file) => findings.push(Finding::ok(
            "config",
            format!("defaults; {} would be read", file.display()),
        )),
        None => findings.push(Finding::warn(
            "config",
            "there is no home directory to keep a configuration in",
            "set HOME, or CLAUDE_KERNEL_CONFIG to a file",
        )),
    }
    for problem in &config.problems {
        findings.push(Finding::warn(
            "config",
            problem.to_string(),
            "correct it; until then the default holds",
        ));
    }
    for problem in Initial::read(config).problems {
        findings.push(Finding::warn("config", problem, "correct it"));
    }
    match config.log_path() {
        Some(path) => findings.push(Finding::ok("log", path.display().to_string())),
        None => findings.push(Finding::warn(
            "log",
            "there is nowhere to write a log",
            "set HOME, or CLAUDE_KERNEL_LOG_FILE to a file",
        )),
    }
    findings
}

fn plural(count: usize, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}
