//! Configuration: defaults, then the file, then the environment, then flags. And [`Secret`].
//!
//! The only module that reads the environment, once, into an [`Environment`] that is passed on.
//! Bad configuration never stops a start: the value before it stays, and what was wrong is kept in
//! [`Config::problems`] to be shown by the first cell and by `doctor`. Keys are no configuration:
//! `base_url` says where to ask, the credentials come from where `anthropic::credentials` looks.

mod keys;
mod known;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::host::unnumbered;

pub use keys::{KEYS, Key, ValueError};
pub use known::KnownSecrets;

/// A value that never shows itself: `Debug` and `Display` print dots.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Returns the value, for the one header it belongs in.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The environment as it was at start. A variable set to nothing counts as not set.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Reads the process's environment; names and values that are no Unicode are left out.
    #[must_use]
    pub fn from_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Returns a variable's value, `None` when it is not set or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns every variable, empty ones included, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the home directory.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        self.get(name)
            .map(PathBuf::from)
            .filter(|home| home.is_absolute())
    }

    /// Returns the directory of the kernel's own configuration.
    #[must_use]
    pub fn config_dir(&self) -> Option<PathBuf> {
        self.own_dir("XDG_CONFIG_HOME", ".config", |dirs| dirs.config_dir())
    }

    /// Returns the directory for logs and records.
    #[must_use]
    pub fn state_dir(&self) -> Option<PathBuf> {
        self.own_dir("XDG_STATE_HOME", ".local/state", |dirs| {
            dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir())
        })
    }

    fn own_dir(
        &self,
        variable: &str,
        below_home: &str,
        elsewhere: impl Fn(&directories::ProjectDirs) -> &Path,
    ) -> Option<PathBuf> {
        if !cfg!(target_os = "linux") {
            return directories::ProjectDirs::from("", "", "claude-kernel")
                .map(|dirs| elsewhere(&dirs).to_owned());
        }
        self.get(variable)
            .map(PathBuf::from)
            .filter(|dir| dir.is_absolute())
            .or_else(|| Some(self.home()?.join(below_home)))
            .map(|dir| dir.join("claude-kernel"))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// Names only: values may be secret.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

const PREFIX: &str = "CLAUDE_KERNEL_";

/// Where the file is, in place of the usual path.
pub const CONFIG_VARIABLE: &str = "CLAUDE_KERNEL_CONFIG";

/// A configuration file has a few lines; more than this is some other file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Something in the configuration that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigProblem {
    /// The file, the variable or the flag.
    pub place: String,
    /// What is wrong with it, in one clause.
    pub message: String,
}

/// Whether a notebook's earlier conversation is continued when its kernel starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// When the kernel had died; else the first cell says that it is there.
    Ask,
    /// Always.
    Auto,
    /// Never.
    Off,
}

/// The configuration in force. `None` leaves a default to the module that owns it.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The model a notebook starts with.
    pub model: Option<String>,
    /// `max_tokens` a notebook starts with.
    pub max_tokens: Option<u32>,
    /// Whether conversations are summed up by themselves.
    pub auto_compact: bool,
    /// Effort a notebook starts with; one of the five names.
    pub effort: Option<String>,
    /// Where the API is, when it was said explicitly.
    pub base_url: Option<String>,
    /// PEM certificates to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// How long the API may be silent.
    pub read_timeout: Duration,
    /// The largest file shown in the notebook, in bytes.
    pub show_file_bytes: u64,
    /// The largest file fetched and saved, in bytes.
    pub save_file_bytes: u64,
    /// Whether an earlier conversation is continued by itself.
    pub resume: Resume,
    /// When cells are answered from recordings; one of the four names.
    pub replay: Option<String>,
    /// A file with recordings to answer from.
    pub record: Option<PathBuf>,
    /// How much of an answer is recorded in the notebook; one of the three names.
    pub keep_record: Option<String>,
    /// The size the journal of a conversation may reach, in bytes.
    pub journal_max_bytes: u64,
    /// How many days a conversation is kept that nobody goes on with; 0 for ever.
    pub journal_keep_days: u32,
    /// The interpreter of Python tools, when it was named.
    pub python: Option<PathBuf>,
    /// Whether tools may be defined where nobody can be asked.
    pub allow_tools: bool,
    /// Whether MCP servers may be added there.
    pub allow_mcp: bool,
    /// Where logs and records go; `None` when there is no home directory either.
    pub state_dir: Option<PathBuf>,
    /// What a notebook and each cell may cost, as `%budget` takes it.
    pub budget: Option<String>,
    /// A file with prices of tokens.
    pub prices: Option<PathBuf>,
    /// What is logged.
    pub log: String,
    /// Where the log goes, when it was said; `-` is standard error. See [`Config::log_path`].
    pub log_file: Option<PathBuf>,
    /// The file that was read, or would have been.
    pub file: Option<PathBuf>,
    /// What could not be used.
    pub problems: Vec<ConfigProblem>,
    home: Option<PathBuf>,
}

impl Config {
    /// Returns the defaults alone.
    #[must_use]
    pub fn defaults(environment: &Environment) -> Self {
        Self {
            model: None,
            max_tokens: None,
            auto_compact: false,
            effort: None,
            base_url: None,
            ca_file: None,
            read_timeout: Duration::from_secs(600),
            show_file_bytes: 10_000_000,
            save_file_bytes: 500_000_000,
            resume: Resume::Ask,
            replay: None,
            record: None,
            keep_record: None,
            journal_max_bytes: 200_000_000,
            journal_keep_days: 180,
            python: None,
            allow_tools: false,
            allow_mcp: false,
            state_dir: environment.state_dir(),
            budget: None,
            prices: None,
            log: "warn".to_owned(),
            log_file: None,
            file: None,
            problems: Vec::new(),
            home: environment.home(),
        }
    }

    /// Reads the file, the environment and `flags` (names of [`KEYS`] with values), in this order.
    #[must_use]
    pub fn load(environment: &Environment, flags: &[(&str, &str)]) -> Self {
        let mut config = Self::defaults(environment);
        config.read_file(environment);
        if let Some(url) = environment.get("ANTHROPIC_BASE_URL") {
            config.set("base_url", url, "ANTHROPIC_BASE_URL");
        }
        for key in KEYS {
            let variable = key.variable();
            if let Some(value) = environment.get(&variable) {
                config.set(key.name, value, &variable);
            }
        }
        for (name, value) in flags {
            let flag = format!("--{}", name.replace('_', "-"));
            config.set(name, value, &flag);
        }
        config
    }

    /// Returns where the log goes; `None` when nowhere was found.
    #[must_use]
    pub fn log_path(&self) -> Option<PathBuf> {
        self.log_file
            .clone()
            .or_else(|| Some(self.state_dir.as_ref()?.join("kernel.log")))
    }

    fn read_file(&mut self, environment: &Environment) {
        let named = environment.get(CONFIG_VARIABLE).map(PathBuf::from);
        let is_named = named.is_some();
        let Some(path) = named.or_else(|| Some(environment.config_dir()?.join("config.toml")))
        else {
            return;
        };
        self.file = Some(path.clone());
        let place = path.display().to_string();
        let text = match read_small(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => return,
            Err(error) => {
                return self.problem(&place, format!("cannot be read ({})", unnumbered(&error)));
            }
        };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start));
                let line = before.map_or(1, |before| before.matches('\n').count() + 1);
                return self.problem(&format!("{place}, line {line}"), one_line(error.message()));
            }
        };
        for (name, value) in table {
            match plain(&value) {
                Some(value) => self.set(&name, &value, &place),
                None => self.problem(&place, format!("`{name}` must be a plain value")),
            }
        }
    }

    fn set(&mut self, name: &str, value: &str, place: &str) {
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            let nearest = KEYS
                .iter()
                .map(|key| (strsim::jaro_winkler(key.name, name), key.name))
                .filter(|(likeness, _)| *likeness > 0.7)
                .max_by(|(a, _), (b, _)| a.total_cmp(b));
            let hint = nearest.map_or(String::new(), |(_, near)| format!("; is it `{near}`?"));
            return self.problem(place, format!("there is no key `{name}`{hint}"));
        };
        if let Err(error) = (key.set)(self, value) {
            self.problem(place, format!("`{name}` {error}"));
        }
    }

    fn problem(&mut self, place: &str, message: String) {
        self.problems.push(ConfigProblem {
            place: place.to_owned(),
            message,
        });
    }

    /// Reads a path; `~/` is the home directory.
    fn path(&self, value: &str) -> Result<PathBuf, ValueError> {
        let value = keys::word(value)?;
        match (value.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => Ok(home.join(rest)),
            _ => Ok(PathBuf::from(value)),
        }
    }
}

fn read_small(path: &Path) -> std::io::Result<String> {
    let size = std::fs::metadata(path)?.len();
    if size > MAX_FILE_BYTES {
        return Err(std::io::Error::other("larger than 1 MB"));
    }
    std::fs::read_to_string(path)
}

/// Returns a TOML value as the text the environment would give.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Array(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// Joins the lines of a message.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
