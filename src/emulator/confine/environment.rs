//! The surroundings of a command: directories, variables, shell. Nothing is taken from the parent.

use std::path::Path;
use std::process::Command;

use super::Interpreter;

/// The directories of a container, and for each whether a command may only read it. Beside them are
/// `tmp`, which is `/tmp` if the command has its own root, and the directories of the asking side.
pub(super) const DIRECTORIES: [(&str, bool); 6] = [
    ("home", false),
    ("output", false),
    ("state", false),
    ("input", true),
    ("cells", true),
    ("bin", true),
];

/// The driver of the persistent interpreter.
const REPL: &str = include_str!("repl.py");

pub(super) fn bash(arguments: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command.args(arguments);
    command
}

pub(super) fn repl(python: &Interpreter) -> Command {
    let mut command = Command::new(&python.path);
    command.args(["-c", REPL]);
    command
}

/// Gives the command this environment and nothing else.
pub(super) fn clothe(
    mut command: Command,
    base: &Path,
    private_root: bool,
    python: Option<&Interpreter>,
) -> Command {
    let mut path = vec![base.join("bin")];
    path.extend(python.and_then(|python| Some(python.path.parent()?.to_owned())));
    path.extend(
        [
            "/usr/local/bin",
            "/usr/bin",
            "/bin",
            "/usr/sbin",
            "/sbin",
            "/run/current-system/sw/bin",
            "/opt/homebrew/bin",
        ]
        .map(Into::into),
    );
    // PATH cannot hold a path that has a colon in it. The interpreter is still found, through the
    // shims.
    path.retain(|path| !path.to_string_lossy().contains(':'));
    let path = std::env::join_paths(path).unwrap_or_else(|_| "/usr/bin:/bin".into());
    let tmp = if private_root {
        "/tmp".into()
    } else {
        base.join("tmp")
    };
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", base.join("home"))
        .env("TMPDIR", tmp)
        .env("INPUT_DIR", base.join("input"))
        .env("OUTPUT_DIR", base.join("output"))
        .env("SCRIPT_VARS", base.join("state").join("variables"))
        .env("MPLCONFIGDIR", base.join("state").join("matplotlib"))
        .env("MPLBACKEND", "Agg")
        .env("USER", "claude")
        .env("LOGNAME", "claude")
        .env("SHELL", "/bin/bash")
        .env("TERM", "dumb")
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        // One processor, as in the real sandbox, and few threads, because they count against the
        // limit.
        .env("OMP_NUM_THREADS", "1")
        .env("OPENBLAS_NUM_THREADS", "1")
        .env("MKL_NUM_THREADS", "1")
        .env("LOKY_MAX_CPU_COUNT", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONNOUSERSITE", "1")
        // There is no network: fail at once, not after five attempts.
        .env("PIP_RETRIES", "0")
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    command
}
