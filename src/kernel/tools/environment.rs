//! What a tool's process inherits: the person's environment without what belongs to the kernel.
//!
//! A tool runs with the person's rights and may need their variables (a database password, a
//! proxy); it never needs the credentials with which the kernel asks the API.

use std::path::{Path, PathBuf};

use crate::config::Environment;

/// Variables with these beginnings are the kernel's own, secret or not.
const OURS: [&str; 2] = ["ANTHROPIC_", "CLAUDE_KERNEL_"];
/// What every key of the API begins with, whatever variable holds it.
const KEY_PREFIX: &str = "sk-ant-";
/// The folder of an environment, `bin`, and the program.
const NAMED_PARTS: usize = 3;
/// Where a Python is when nothing names one.
const STANDARD: [&str; 4] = [
    "/usr/local/bin/python3",
    "/usr/bin/python3",
    "/opt/homebrew/bin/python3",
    "/run/current-system/sw/bin/python3",
];

/// Returns what a tool's process may see.
#[must_use]
pub fn scrubbed(environment: &Environment) -> Vec<(String, String)> {
    let ours = |name: &str| OURS.iter().any(|start| name.starts_with(start));
    let secrets: Vec<&str> = environment
        .iter()
        .filter(|(name, value)| ours(name) && value.len() >= 8 && is_secret_name(name))
        .map(|(_, value)| value)
        .collect();
    environment
        .iter()
        .filter(|(name, value)| {
            !ours(name)
                && !value.contains(KEY_PREFIX)
                && !secrets.iter().any(|secret| value.contains(secret))
        })
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Returns whether a variable holds what the kernel asks the API with.
#[must_use]
pub fn holds_credentials(name: &str, value: &str) -> bool {
    let is_ours = OURS.iter().any(|start| name.starts_with(start));
    is_ours && (is_secret_name(name) || name == "ANTHROPIC_CUSTOM_HEADERS")
        || value.contains(KEY_PREFIX)
}

fn is_secret_name(name: &str) -> bool {
    ["KEY", "TOKEN", "SECRET"]
        .iter()
        .any(|word| name.contains(word))
}

/// A Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// Where it is.
    pub path: PathBuf,
    /// Which of those there are: words after its path.
    pub which: &'static str,
}

impl Interpreter {
    /// Names it in a notebook that others will read: from the folder of its environment on, such as
    /// `.venv/bin/python`. Where that folder is, is this machine's affair.
    #[must_use]
    pub fn name(&self) -> String {
        let is_standard = STANDARD.iter().any(|path| Path::new(path) == self.path);
        let parts: Vec<_> = self.path.iter().collect();
        let skipped = match is_standard {
            true => 0,
            false => parts.len().saturating_sub(NAMED_PARTS),
        };
        let named: PathBuf = parts.into_iter().skip(skipped).collect();
        named.display().to_string()
    }
}

/// Why there is no interpreter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoInterpreter {
    /// The configured one is no file.
    #[error(
        "the configuration names `{}` as `python`, and there is no such file",
        path.display()
    )]
    NotThere {
        /// What is configured, as a whole path.
        path: PathBuf,
    },
    /// None is found anywhere.
    #[error("there is no `python3` on this machine")]
    None,
}

/// Finds the interpreter of Python tools: the configured one, else one `nearby`, else that of the
/// environment that is active, else the first `python3`.
///
/// # Errors
/// When the configured one is no file, or when there is none at all.
pub fn interpreter(
    configured: Option<&Path>,
    nearby: &[Interpreter],
    environment: &Environment,
) -> Result<Interpreter, NoInterpreter> {
    if let Some(path) = configured {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        return match path.is_file() {
            true => Ok(Interpreter {
                path,
                which: "named by the setting `python`",
            }),
            false => Err(NoInterpreter::NotThere { path }),
        };
    }
    let of = |which: &'static str| move |path: PathBuf| Interpreter { path, which };
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"]
        .iter()
        .filter_map(|name| environment.get(name))
        .map(|prefix| Path::new(prefix).join("bin").join("python"))
        .map(of("of the active environment"));
    let on_path = environment.get("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(on_path)
        .map(|directory| directory.join("python3"))
        .map(of("the first on the `PATH`"));
    let standard = STANDARD.map(PathBuf::from).map(of("of the system"));
    nearby
        .iter()
        .cloned()
        .chain(active)
        .chain(on_path)
        .chain(standard)
        .find(|one| one.path.is_absolute() && one.path.is_file())
        .ok_or(NoInterpreter::None)
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests make the interpreters that they look for"
)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_never_sees_the_kernels_credentials() {
        let environment: Environment = [
            ("ANTHROPIC_API_KEY", "sk-ant-api03-abcdef"),
            ("ANTHROPIC_AUTH_TOKEN", "opaque-token-1"),
            ("MY_COPY", "Bearer opaque-token-1"),
            ("OTHER", "x=sk-ant-oat01-zzz"),
            ("CLAUDE_KERNEL_PYTHON", "/x"),
            ("PGPASSWORD", "theirs"),
            ("PATH", "/bin"),
        ]
        .into_iter()
        .collect();
        let names: Vec<String> = scrubbed(&environment).into_iter().map(|(n, _)| n).collect();
        assert_eq!(names, ["PATH", "PGPASSWORD"]);
    }

    #[test]
    fn u17_a_notebook_names_no_place_of_this_machine() {
        let named = |path: &str| {
            let path = PathBuf::from(path);
            Interpreter { path, which: "" }.name()
        };
        assert_eq!(named("/home/ann/work/.venv/bin/python"), ".venv/bin/python");
        assert_eq!(
            named("/home/ann/miniconda3/envs/ml/bin/python"),
            "ml/bin/python"
        );
        assert_eq!(named("/usr/bin/python3"), "/usr/bin/python3");
        assert_eq!(named("/usr/local/bin/python3"), "/usr/local/bin/python3");
        assert_eq!(named("python3"), "python3");
    }

    #[test]
    fn the_configured_interpreter_must_exist() {
        let environment = Environment::default();
        let missing = interpreter(Some(Path::new("/no/such/python")), &[], &environment);
        let path = PathBuf::from("/no/such/python");
        assert_eq!(missing, Err(NoInterpreter::NotThere { path }));
    }

    #[test]
    fn jupyters_environment_comes_before_the_active_one() {
        let place = tempfile::tempdir().unwrap();
        let python = |name: &str| {
            let bin = place.path().join(name).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            std::fs::File::create(bin.join("python")).unwrap();
            bin.join("python")
        };
        let (jupyters, active) = (python("jupyter"), python("active"));
        let prefix = place.path().join("active");
        let environment: Environment = [("VIRTUAL_ENV", prefix.to_str().unwrap())]
            .into_iter()
            .collect();
        let which = "of the environment that Jupyter runs in";
        let near = |path: PathBuf| [Interpreter { path, which }];
        let found = interpreter(None, &near(jupyters.clone()), &environment).unwrap();
        assert_eq!((found.path, found.which), (jupyters, which));
        // A launcher that does not know the placeholder leaves it as it is.
        let literal = near(PathBuf::from("{prefix}/bin/python"));
        let found = interpreter(None, &literal, &environment).unwrap();
        assert_eq!(found.path, active);
    }
}
