//! What the offline backend gives to code on this machine: how well the code is confined, and which
//! Python it gets. Both are tried in a real container.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Finding;
use crate::emulator::sandbox::{Limits, Sandbox, heredoc};

/// How long the imports may take: on a cold disk all of them need a few seconds.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// The packages that Anthropic's sandbox has and that the notebooks of this project use.
const PACKAGES: [&str; 5] = ["numpy", "pandas", "scipy", "sklearn", "matplotlib"];

/// Where the environment is made that is advised.
const VENV: &str = "~/.venvs/claude";

/// Tries the sandbox with each interpreter that a kernelspec names.
pub(super) async fn check(mut pythons: Vec<Option<PathBuf>>) -> Vec<Finding> {
    // If there is no offline kernelspec, the interpreter that `emulate` would use is tried.
    if pythons.is_empty() {
        pythons.push(None);
    }
    pythons.sort();
    pythons.dedup();
    let Ok(command) = std::env::current_exe() else {
        return vec![unusable("cannot tell where this binary is")];
    };
    let mut findings = Vec::new();
    for (number, python) in pythons.into_iter().enumerate() {
        let sandbox = Sandbox {
            command: command.clone(),
            python,
            limits: Limits {
                command: COMMAND_LIMIT,
                ..Limits::default()
            },
        };
        if number == 0 {
            findings.extend(protections(&sandbox).await);
        }
        findings.push(python_of(&sandbox).await);
    }
    findings
}

async fn protections(sandbox: &Sandbox) -> Vec<Finding> {
    let found = match sandbox.probe().await {
        Ok(found) => found,
        Err(error) => {
            return vec![unusable(&format!(
                "a command cannot be run: {}",
                error.code
            ))];
        }
    };
    let (active, missing): (Vec<_>, Vec<_>) = found.entries.iter().partition(|e| e.active);
    let mut findings = Vec::new();
    if !active.is_empty() {
        let names: Vec<&str> = active.iter().map(|e| e.name.as_str()).collect();
        findings.push(Finding::ok(
            "sandbox",
            format!("code on the offline backend has {}", names.join(", ")),
        ));
    }
    for entry in missing {
        let why = entry.why_not.as_deref().unwrap_or("not on this system");
        findings.push(Finding::warn(
            "sandbox",
            format!("not in force on this machine: {} ({why})", entry.name),
            "run only scripts and prompts that you trust on the offline backend",
        ));
    }
    findings
}

/// Runs the Python of the container and finds out what it can import.
async fn python_of(sandbox: &Sandbox) -> Finding {
    let code = format!(
        "import importlib.util as u, os, sys, sysconfig\n\
         print('%d.%d.%d' % sys.version_info[:3], sys.executable, sep='\\t')\n\
         print(*[p for p in {PACKAGES:?} if u.find_spec(p) is None], sep=', ')\n\
         print(os.path.exists(os.path.join(sysconfig.get_path('stdlib'), 'EXTERNALLY-MANAGED')))\n"
    );
    let named = sandbox.python.as_ref().map_or_else(
        || "no Python on the standard path".to_owned(),
        |python| format!("`{}` does not run", python.display()),
    );
    let broken = |why: String| {
        Finding::warn(
            "python",
            format!("in the sandbox: {why}"),
            "name an interpreter: `claude-kernel install --offline --python PATH`",
        )
    };
    let outcome = async {
        let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
        let mut container = sandbox
            .container("doctor", dir.path())
            .map_err(|e| e.to_string())?;
        let outcome = container.bash(&heredoc(&code)).await;
        outcome.map_err(|e| e.code.to_owned())
    };
    let outcome = match outcome.await {
        Ok(outcome) => outcome,
        Err(why) => return broken(why),
    };
    let mut lines = outcome.stdout.lines();
    let (Some((version, path)), 0) = (
        lines.next().and_then(|line| line.split_once('\t')),
        outcome.return_code,
    ) else {
        let why = outcome.stderr.lines().last().map_or(named, str::to_owned);
        return broken(why);
    };
    let missing = lines
        .next()
        .unwrap_or_default()
        .replace("sklearn", "scikit-learn");
    if missing.is_empty() {
        return Finding::ok(
            "python",
            format!("in the sandbox: {version} at {path}, with the usual packages"),
        );
    }
    let packages = missing.replace(',', "");
    // A system's own Python refuses `pip`, and an environment of one's own needs all packages.
    let advice = match lines.next() {
        Some("True") => format!(
            "make an environment: `python3 -m venv {VENV} && {VENV}/bin/pip install {}`, then \
             `claude-kernel install --offline --python {VENV}/bin/python`",
            PACKAGES.join(" ").replace("sklearn", "scikit-learn")
        ),
        _ => format!(
            "`{path} -m pip install {packages}`, or name another with `install --offline --python PATH`"
        ),
    };
    Finding::warn(
        "python",
        format!("in the sandbox: {version} at {path}, without {missing}"),
        advice,
    )
}

fn unusable(why: &str) -> Finding {
    // Without `/proc` a Linux process finds neither its own program nor those of its commands.
    let advice = match cfg!(target_os = "linux") && !Path::new("/proc/self").exists() {
        true => "mount `/proc`: `mount -t proc proc /proc`, or start the container with it",
        false => {
            "reinstall claude-kernel; if it stays, look into the log with CLAUDE_KERNEL_LOG=debug"
        }
    };
    let text = format!("the offline backend cannot run code: {why}");
    Finding::fail("sandbox", text, advice)
}
