//! The keys of the configuration as one table: documentation, `doctor` and every source of values
//! are made from it.

use std::time::Duration;

use super::{Config, PREFIX, Resume};

/// Why a value cannot be taken; the text goes on from the name of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Nothing is there.
    #[error("is empty")]
    Empty,
    /// It is something else.
    #[error("must be {must_be}, not `{value}`")]
    Other {
        /// What it must be.
        must_be: &'static str,
        /// As given.
        value: String,
    },
    /// It is none of the words that are taken.
    #[error("must be {0}")]
    NoneOf(&'static str),
    /// A word of a list that is not taken.
    #[error("takes `tools` and `mcp`, not `{0}`")]
    Word(String),
}

/// One key of the configuration, as documented.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The name in `config.toml`; as `CLAUDE_KERNEL_NAME` in the environment.
    pub name: &'static str,
    /// The default, in words.
    pub default: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    pub(super) set: fn(&mut Config, &str) -> Result<(), ValueError>,
}

impl Key {
    /// Returns the environment variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_uppercase())
    }
}

/// Every key, in the order of the documentation.
pub const KEYS: &[Key] = &[
    Key {
        name: "model",
        default: "claude-opus-5-5",
        help: "the model a notebook starts with",
        set: |config, value| {
            config.model = Some(word(value)?);
            Ok(())
        },
    },
    Key {
        name: "max_tokens",
        default: "32000",
        help: "the most tokens one answer may have, thinking included",
        set: |config, value| {
            let tokens: u32 = number(value)?;
            if tokens == 0 {
                return Err(ValueError::NoneOf("at least 1"));
            }
            config.max_tokens = Some(tokens);
            Ok(())
        },
    },
    Key {
        name: "effort",
        default: "the model's own",
        help: "how hard Claude works: low, medium, high, xhigh or max",
        set: |config, value| {
            let value = word(value)?;
            if !["low", "medium", "high", "xhigh", "max"].contains(&value.as_str()) {
                return Err(ValueError::NoneOf("one of low, medium, high, xhigh, max"));
            }
            config.effort = Some(value);
            Ok(())
        },
    },
    Key {
        name: "budget",
        default: "none",
        help: "the most US dollars a notebook and each cell may cost, such as `$2 cell=$0.25`",
        set: |config, value| {
            config.budget = Some(word(value)?);
            Ok(())
        },
    },
    Key {
        name: "prices",
        default: "the built-in table",
        help: "a TOML file with prices that differ: `[MODEL]`, then `input`, `output`, `cache_read` in US dollars for a million tokens",
        set: |config, value| {
            config.prices = Some(config.path(value)?);
            Ok(())
        },
    },
    Key {
        name: "compact",
        default: "off",
        help: "auto: sum up the conversation by itself when the context window is nearly full; off: only when asked",
        set: |config, value| {
            config.auto_compact = match word(value)?.as_str() {
                "auto" => true,
                "off" => false,
                _ => return Err(ValueError::NoneOf("auto or off")),
            };
            Ok(())
        },
    },
    Key {
        name: "base_url",
        default: "https://api.anthropic.com",
        help: "where the API is; `ANTHROPIC_BASE_URL` does the same",
        set: |config, value| {
            config.base_url = Some(word(value)?);
            Ok(())
        },
    },
    Key {
        name: "ca_file",
        default: "none",
        help: "a PEM file with certificates to trust beside the system's",
        set: |config, value| {
            config.ca_file = Some(config.path(value)?);
            Ok(())
        },
    },
    Key {
        name: "read_timeout_s",
        default: "600",
        help: "how many seconds the API may be silent before a call fails",
        set: |config, value| {
            config.read_timeout = positive_seconds(value)?;
            Ok(())
        },
    },
    Key {
        name: "show_file_bytes",
        default: "10000000",
        help: "the largest file from the sandbox that is shown in the notebook, in bytes",
        set: |config, value| {
            config.show_file_bytes = number(value)?;
            Ok(())
        },
    },
    Key {
        name: "save_file_bytes",
        default: "500000000",
        help: "the largest file from the sandbox that is fetched and saved, in bytes",
        set: |config, value| {
            config.save_file_bytes = number(value)?;
            Ok(())
        },
    },
    Key {
        name: "resume",
        default: "ask",
        help: "whether a restarted kernel continues the notebook's conversation: ask (say that it is there, and continue it after a crash), auto or off",
        set: |config, value| {
            config.resume = match word(value)?.as_str() {
                "ask" => Resume::Ask,
                "auto" => Resume::Auto,
                "off" => Resume::Off,
                _ => return Err(ValueError::NoneOf("one of ask, auto, off")),
            };
            Ok(())
        },
    },
    Key {
        name: "replay",
        default: "catchup",
        help: "when a cell is answered from its recording: catchup (the first time after a start), always, only (a cell without one fails) or off",
        set: |config, value| {
            let value = word(value)?;
            if !["catchup", "always", "only", "off"].contains(&value.as_str()) {
                return Err(ValueError::NoneOf("one of catchup, always, only, off"));
            }
            config.replay = Some(value);
            Ok(())
        },
    },
    Key {
        name: "record",
        default: "the notebook alone",
        help: "a file with recorded answers beside those of the notebook: another notebook, or one that `claude-kernel record` wrote",
        set: |config, value| {
            config.record = Some(config.path(value)?);
            Ok(())
        },
    },
    Key {
        name: "keep_record",
        default: "full",
        help: "how much of an answer is recorded in the notebook: full, slim (without thinking) or off",
        set: |config, value| {
            let value = word(value)?;
            if !["full", "slim", "off"].contains(&value.as_str()) {
                return Err(ValueError::NoneOf("one of full, slim, off"));
            }
            config.keep_record = Some(value);
            Ok(())
        },
    },
    Key {
        name: "python",
        default: "that of the environment Jupyter runs in, else the active one, else the first `python3`",
        help: "the interpreter that runs Python tools (`%%tool`)",
        set: |config, value| {
            config.python = Some(config.path(value)?);
            Ok(())
        },
    },
    Key {
        name: "journal_max_bytes",
        default: "200000000",
        help: "the size that the file of one conversation may reach, in bytes",
        set: |config, value| {
            config.journal_max_bytes = number(value)?;
            Ok(())
        },
    },
    Key {
        name: "journal_keep_days",
        default: "180",
        help: "how many days a conversation is kept that nobody goes on with; 0 keeps all",
        set: |config, value| {
            config.journal_keep_days = number(value)?;
            Ok(())
        },
    },
    Key {
        name: "allow",
        default: "nothing",
        help: "what a notebook may define where nobody can be asked: `tools`, `mcp` or both, with a comma",
        set: |config, value| {
            let (mut tools, mut mcp) = (false, false);
            for word in value
                .split(',')
                .map(str::trim)
                .filter(|word| !word.is_empty())
            {
                match word {
                    "tools" => tools = true,
                    "mcp" => mcp = true,
                    "none" | "nothing" => {}
                    other => return Err(ValueError::Word(other.to_owned())),
                }
            }
            (config.allow_tools, config.allow_mcp) = (tools, mcp);
            Ok(())
        },
    },
    Key {
        name: "state_dir",
        default: "the user's state directory",
        help: "where logs and records go",
        set: |config, value| {
            config.state_dir = Some(config.path(value)?);
            Ok(())
        },
    },
    Key {
        name: "log",
        default: "warn",
        help: "what is logged: off, error, warn, info, debug, trace, or a filter such as `claude_kernel::jupyter=trace`",
        set: |config, value| {
            config.log = word(value)?;
            Ok(())
        },
    },
    Key {
        name: "log_file",
        default: "kernel.log in the state directory",
        help: "where the log goes; `-` is standard error",
        set: |config, value| {
            config.log_file = Some(config.path(value)?);
            Ok(())
        },
    },
];

/// Reads a value that may not be empty.
pub(super) fn word(value: &str) -> Result<String, ValueError> {
    let value = value.trim();
    if value.is_empty() {
        return Err(ValueError::Empty);
    }
    Ok(value.to_owned())
}

fn number<T: std::str::FromStr>(value: &str) -> Result<T, ValueError> {
    value
        .trim()
        .replace('_', "")
        .parse()
        .map_err(|_| ValueError::Other {
            must_be: "a whole number",
            value: value.to_owned(),
        })
}

fn positive_seconds(value: &str) -> Result<Duration, ValueError> {
    value
        .trim()
        .parse::<f64>()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| ValueError::Other {
            must_be: "a number of seconds above 0",
            value: value.to_owned(),
        })
}
