//! What to say after a step that failed for a reason of the sandbox: one line, with what is
//! available instead. Pure.
//!
//! What a step printed is only looked at, never repeated, but for the name of a module.

use super::packages;
use crate::anthropic::block::{Executed, ToolError};

/// How much of the end of an output is looked at, in bytes: a traceback ends with what went wrong.
const LOOKED_AT: usize = 16 * 1024;
/// What a shell reports of a command that was killed, as when memory runs out.
const KILLED: i64 = 137;

const MEMORY: &str = "The sandbox has 5 GiB of memory: ask Claude to read the data in chunks, or only the columns it needs.";
const TIME: &str = "A step in the sandbox has a time limit: ask Claude to try a part of the data first, or to split the work into steps that save what they have.";
const PROCESSES: &str = "The sandbox takes only so many processes and threads at once: ask Claude to work in fewer of them.";
const NETWORK: &str = "The sandbox has no internet: save the data as a file and give it to Claude with `%attach PATH`.";
const INSTALL: &str = "Nothing can be installed in the sandbox: `%packages` lists what it has, `%packages NAME` says what serves instead.";
const DISK: &str = "The sandbox has 5 GiB of disk: ask Claude to remove what is no longer needed, or begin a new one with `%reset sandbox`.";
const OUTPUT: &str = "A file the step made is too large to be delivered: ask Claude to compress it or to write a part of it.";

/// Returns the hint for a step, if it failed for a reason that has one. `offline` says that the step
/// ran on this machine, in the person's own Python.
#[must_use]
pub fn hint(outcome: &Result<Executed<'_>, ToolError<'_>>, offline: bool) -> Option<String> {
    let executed = match outcome {
        Ok(executed) => executed,
        Err(error) => {
            return match error.code {
                "execution_time_exceeded" => Some(TIME.to_owned()),
                "output_file_too_large" => Some(OUTPUT.to_owned()),
                _ => None,
            };
        }
    };
    if executed.return_code == 0 {
        return None;
    }
    let printed = [
        end(executed.stderr),
        end(executed.stdout.unwrap_or_default()),
    ];
    let has = |word: &str| printed.iter().any(|text| text.contains(word));
    if has("Could not find a version that satisfies") || has("No matching distribution found") {
        return Some(INSTALL.to_owned());
    }
    if let Some(module) = printed.iter().find_map(|text| missing_module(text)) {
        let known = packages::instead(module);
        if offline {
            return Some(missing_offline(module, known));
        }
        let instead =
            known.map_or_else(|| "`%packages` lists what it has".to_owned(), str::to_owned);
        return Some(format!(
            "`{module}` is not in the sandbox, and nothing can be installed there: {instead}."
        ));
    }
    let hint = if has("processes and threads") || has("Resource temporarily unavailable") {
        PROCESSES
    } else if has("MemoryError") || has("Cannot allocate memory") {
        MEMORY
    } else if has("detection_timeout") {
        TIME
    } else if has("No space left on device") || has("its files took more than") {
        DISK
    } else if NO_NETWORK.iter().any(|word| has(word)) {
        NETWORK
    } else if executed.return_code == KILLED {
        MEMORY
    } else {
        return None;
    };
    Some(hint.to_owned())
}

/// Says how to get a module that the offline kernel's Python lacks.
fn missing_offline(module: &str, instead: Option<&str>) -> String {
    let mut text = format!(
        "`{module}` is not in the Python that the offline kernel runs. `claude-kernel doctor` names \
         that Python and says how to install there; `claude-kernel install --offline --python PATH` \
         chooses another one."
    );
    if let Some(instead) = instead {
        text.push_str(&format!(
            " Claude's own sandbox does not have it either: {instead}."
        ));
    }
    text
}

/// How programs say that there is no network.
const NO_NETWORK: &[&str] = &[
    "Temporary failure in name resolution",
    "Could not resolve host",
    "Name or service not known",
    "Network is unreachable",
    "Failed to establish a new connection",
    "getaddrinfo failed",
];

fn end(text: &str) -> &str {
    let from = text.ceil_char_boundary(text.len().saturating_sub(LOOKED_AT));
    text.get(from..).unwrap_or_default()
}

/// The module that an import did not find: the last one named.
fn missing_module(text: &str) -> Option<&str> {
    let (_, after) = text.rsplit_once("No module named ")?;
    let name = after.trim_start_matches(['\'', '"']);
    let end = name
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
        .unwrap_or(name.len());
    let top = name.get(..end)?.split('.').next()?;
    (!top.is_empty() && top.len() <= MAX_MODULE).then_some(top)
}

/// The longest module name that is repeated, in bytes.
const MAX_MODULE: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(return_code: i64, stdout: &str, stderr: &str, expected: Option<&str>) {
        let outcome = Ok(Executed {
            stdout: Some(stdout),
            stderr,
            return_code,
            file_ids: Vec::new(),
        });
        let hint = hint(&outcome, false);
        match expected {
            Some(expected) => assert!(
                hint.as_deref().is_some_and(|hint| hint.contains(expected)),
                "{stderr}: {hint:?}"
            ),
            None => assert_eq!(hint, None, "{stderr}"),
        }
    }

    #[test]
    fn each_reason_has_its_hint() {
        check(
            1,
            "",
            "ModuleNotFoundError: No module named 'plotly.express'",
            Some("`matplotlib` and `seaborn`"),
        );
        check(
            1,
            "",
            "No module named frob",
            Some("`frob` is not in the sandbox"),
        );
        check(
            1,
            "",
            "ERROR: No matching distribution found for torch",
            Some("installed"),
        );
        check(
            1,
            "",
            "numpy.core._exceptions._ArrayMemoryError: Unable\nMemoryError",
            Some("5 GiB of memory"),
        );
        check(137, "", "Killed", Some("5 GiB of memory"));
        let ended = "[the command was ended: it had more than 256 processes and threads]";
        check(137, "", ended, Some("processes and threads at once"));
        let ended = "[the command was ended: its files took more than 5120 MiB]";
        check(137, "", ended, Some("5 GiB of disk"));
        check(
            1,
            "detection_timeout: the cell ran for 90 s",
            "",
            Some("time limit"),
        );
        check(
            6,
            "",
            "curl: (6) Could not resolve host: example.org",
            Some("%attach"),
        );
        check(
            1,
            "",
            "OSError: [Errno 28] No space left on device",
            Some("5 GiB of disk"),
        );
        check(1, "", "ValueError: bad", None);
        check(0, "No module named 'plotly', going on without", "", None);
        check(1, "", "No module named '<script>'", None);
        let time = ToolError {
            code: "execution_time_exceeded",
            message: None,
        };
        assert!(hint(&Err(time), false).unwrap().contains("time limit"));
    }

    /// Offline a module can be installed, and nobody may be told otherwise (U10).
    #[test]
    fn u10_offline_a_missing_module_can_be_installed() {
        let check = |module: &str, expected: &str| {
            let stderr = format!("ModuleNotFoundError: No module named '{module}'");
            let outcome = Ok(Executed {
                stdout: Some(""),
                stderr: &stderr,
                return_code: 1,
                file_ids: Vec::new(),
            });
            let hint = hint(&outcome, true).unwrap();
            assert!(hint.contains(expected), "{hint}");
            assert!(
                hint.contains("how to install there") && !hint.contains("nothing can"),
                "{hint}"
            );
        };
        check("numpy", "`numpy` is not in the Python");
        check("plotly", "does not have it either: `matplotlib`");
    }
}
