//! The command line as a process: real files in a temporary home, exit codes, what is printed.

mod doctor;
mod help;
mod install;
mod list;
mod run;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use expect_test::Expect;
use tempfile::TempDir;

/// No command takes a tenth of this; a machine may be busy.
const LIMIT: Duration = Duration::from_secs(60);

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_claude-kernel");

/// Where Jupyter keeps a user's kernelspecs on this system.
const USER_KERNELS: &str = if cfg!(target_os = "macos") {
    "home/Library/Jupyter/kernels"
} else {
    "home/.local/share/jupyter/kernels"
};

/// A machine of its own: a home, nothing of this process's environment.
struct Machine {
    dir: TempDir,
    env: Vec<(String, String)>,
}

/// What a command did. Paths of the machine are written `$T`, the user's
/// kernelspecs `$USER`, the binary `$BIN`.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("home")).unwrap();
        let mut machine = Self {
            dir,
            env: Vec::new(),
        };
        machine.set("HOME", machine.path("home"));
        machine
    }

    fn path(&self, inner: &str) -> PathBuf {
        // Canonical, as the program may print it (macOS has its temporary files behind a link).
        self.dir.path().canonicalize().unwrap().join(inner)
    }

    fn set(&mut self, name: &str, value: impl AsRef<Path>) {
        let value = value.as_ref().to_str().unwrap().to_owned();
        self.env.push((name.to_owned(), value));
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(args)
            .env_clear()
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        let Output {
            status,
            stdout,
            stderr,
        } = output_within(LIMIT, &mut self.command(args));
        let here = self.path("");
        let clean = |bytes: Vec<u8>| {
            String::from_utf8(bytes)
                .unwrap()
                .replace(here.to_str().unwrap().trim_end_matches('/'), "$T")
                .replace(&format!("$T/{USER_KERNELS}"), "$USER")
                .replace(
                    Path::new(BINARY).canonicalize().unwrap().to_str().unwrap(),
                    "$BIN",
                )
        };
        Ran {
            code: status.code(),
            stdout: clean(stdout),
            stderr: clean(stderr),
        }
    }

    /// Runs and compares everything that can be seen.
    #[track_caller]
    fn check(&self, args: &[&str], expected: &Expect) {
        let Ran {
            code,
            stdout,
            stderr,
        } = self.run(args);
        let mut seen = String::new();
        if code != Some(0) {
            seen.push_str(&format!("exit {code:?}\n"));
        }
        seen.push_str(&stdout);
        for line in stderr.lines() {
            seen.push_str(&format!("! {line}\n"));
        }
        expected.assert_eq(&seen);
    }

    fn spec(&self, kernels: &str, name: &str) -> serde_json::Value {
        let path = self.path(kernels).join(name).join("kernel.json");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_json::from_str(&text).unwrap()
    }

    /// The names in a directory of the machine, sorted.
    fn names(&self, dir: &str) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.path(dir))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Runs to the end; what never ends (a kernel that should have refused) is killed and fails.
#[track_caller]
fn output_within(limit: Duration, command: &mut Command) -> Output {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (sender, done) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    done.recv_timeout(limit).map_or_else(
        |_| {
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
            panic!("{command:?} still runs after {limit:?}");
        },
        Result::unwrap,
    )
}

#[test]
fn help_names_every_command_and_what_to_do_first() {
    let machine = Machine::new();
    let long = machine.run(&["--help"]);
    assert_eq!((long.code, long.stderr.as_str()), (Some(0), ""));
    for needle in [
        "install",
        "uninstall",
        "list",
        "completions",
        "--offline",
        "ANTHROPIC_API_KEY",
    ] {
        assert!(long.stdout.contains(needle), "{needle}: {}", long.stdout);
    }
    assert!(!long.stdout.contains("sandbox-exec"), "hidden");
    // No command at all is a question, too; it is answered on stderr with the code of bad usage.
    let none = machine.run(&[]);
    assert_eq!(none.code, Some(2));
    assert!(none.stderr.contains("Usage: claude-kernel <COMMAND>"));
    assert!(none.stdout.is_empty());
}

#[test]
fn every_command_explains_itself() {
    let machine = Machine::new();
    let help = machine.run(&["--help"]).stdout;
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|l| *l != "Commands:")
        .skip(1)
        .take_while(|l| !l.is_empty())
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    assert!(commands.len() >= 4, "{help}");
    for command in commands {
        let ran = machine.run(&[command, "--help"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{command}");
        assert!(
            ran.stdout
                .contains(&format!("Usage: claude-kernel {command}")),
            "{command}"
        );
    }
}

#[test]
fn the_version_is_the_packages() {
    let expected = format!("claude-kernel {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(Machine::new().run(&["--version"]).stdout, expected);
}

#[test]
fn a_mistyped_command_is_answered_with_the_near_ones() {
    let ran = Machine::new().run(&["instal"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("'install'"), "{}", ran.stderr);
}

#[test]
fn completions_are_scripts_for_their_shells() {
    let machine = Machine::new();
    for (shell, needle) in [
        ("bash", "complete -F _claude__kernel"),
        ("zsh", "#compdef claude-kernel"),
        ("fish", "complete -c claude-kernel"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion:arg-completer[claude-kernel]"),
    ] {
        let ran = machine.run(&["completions", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(ran.stdout.contains(needle), "{shell}");
        assert!(ran.stdout.contains("sys-prefix"), "{shell}");
    }
    assert_eq!(machine.run(&["completions", "tcsh"]).code, Some(2));
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let machine = Machine::new();
    let mut child = machine
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn with_nothing_installed_list_says_where_it_looked() {
    let machine = Machine::new();
    let ran = machine.run(&["list"]);
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.stdout.starts_with("No kernelspec of ours is installed"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("Next: `claude-kernel install`"));
}

#[test]
fn cost_sums_up_saved_notebooks() {
    let machine = Machine::new();
    let receipt = |usd: &str, at_least: bool| {
        format!(
            r#"{{"output_type": "display_data", "data": {{}}, "metadata": {{"claude_kernel": {{"block": "receipt", "model": "claude-opus-5-5",
            "usage": {{"input_tokens": 100, "cache_read_input_tokens": 900, "output_tokens": 50, "web_search_requests": 1}},
            "cost_usd": {usd}, "at_least": {at_least}, "offline": false}}}}}}"#
        )
    };
    let notebook = |outputs: &[String]| {
        let outputs = outputs.join(",");
        format!(
            r#"{{"nbformat": 4, "nbformat_minor": 5, "metadata": {{}}, "cells": [{{"cell_type": "code", "source": "hi", "execution_count": 1, "metadata": {{}}, "outputs": [{outputs}]}}]}}"#
        )
    };
    let write = |name: &str, text: String| {
        std::fs::write(machine.path(name), text).unwrap();
    };
    write(
        "a.ipynb",
        notebook(&[receipt("0.25", false), receipt("null", false)]),
    );
    write("b.ipynb", notebook(&[receipt("0.5", true)]));
    let sums = machine.run(&["cost", "a.ipynb", "b.ipynb"]);
    expect_test::expect![[r#"
        notebook   turns       input      cached     output  searches  cost
        a.ipynb        2        2000        1800        100         2  $0.2500 (+ 1 of unknown price)
        b.ipynb        1        1000         900         50         1  at least $0.5000
        sum            3        3000        2700        150         3  at least $0.7500 (+ 1 of unknown price)
    "#]].assert_eq(&sums.stdout);
    let json = machine.run(&["cost", "--json", "a.ipynb"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["sum"]["cost_usd"], 0.25);
    write("c.ipynb", "no notebook".to_owned());
    let ran = machine.run(&["cost", "c.ipynb"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr
            .contains("hint: give the path of a saved notebook"),
        "{}",
        ran.stderr
    );
}
