//! Keeps the secrets of the environment out of the sight of other processes, own tools above all: they
//! run as the same user.
//!
//! Edge. Linux shows a process's first environment for as long as it lives, and its memory, to whoever
//! may trace it. So the program starts itself again, in the same process, with an environment that
//! holds no secret: they come through a pipe. And it asks not to be traced.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{IntoRawFd as _, RawFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{close, dup};

use crate::anthropic::credentials::Credentials;
use crate::config::{Environment, KnownSecrets, Secret};
use crate::kernel::tools::environment::holds_credentials;

/// Names the pipe that the secrets come through.
const PIPE: &str = "CLAUDE_KERNEL_SECRETS_PIPE";
/// What a pipe takes without a reader, with room to spare. What is longer stays where it is.
const MAX_BYTES: usize = 32 * 1024;

/// Returns the environment, secrets included. The first time, it starts the program again and does
/// not return, if that is possible.
pub(super) fn environment() -> Environment {
    hide_memory();
    let environment = Environment::from_process();
    match environment.get(PIPE).map(str::parse) {
        Some(Ok(pipe)) => with_handed_over(&environment, pipe),
        Some(Err(_)) => environment,
        None => {
            let failed = start_again(&environment);
            tracing::debug!(?failed, "secrets stay in the environment");
            environment
        }
    }
}

/// Keeps the processes that own tools start from reading this one's memory, where the API key is:
/// they have the same user, and `/proc` would show it.
fn hide_memory() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::warn!(%error, "own tools could read the kernel's memory");
    }
}

/// Returns why the program was not started again; `None` if there was no reason to.
fn start_again(environment: &Environment) -> Option<std::io::Error> {
    let secrets: serde_json::Map<String, serde_json::Value> = environment
        .iter()
        .filter(|(name, value)| holds_credentials(name, value))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    if secrets.is_empty() {
        return None;
    }
    let names: Vec<String> = secrets.keys().cloned().collect();
    let text = serde_json::Value::Object(secrets).to_string();
    let descriptors = Path::new("/dev/fd");
    if text.len() > MAX_BYTES || !descriptors.is_dir() {
        return Some(std::io::Error::other("they cannot be handed over"));
    }
    let pipe = match hand_over(text.as_bytes()) {
        Ok(pipe) => pipe,
        Err(error) => return Some(error),
    };
    let mut arguments = std::env::args_os();
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    again.args(arguments).env(PIPE, pipe.to_string());
    for name in names {
        again.env_remove(name);
    }
    let error = again.exec();
    let _is_ours = close(pipe);
    Some(error)
}

/// Makes a pipe that holds `bytes`; returns the end to read, which programs inherit.
fn hand_over(bytes: &[u8]) -> std::io::Result<RawFd> {
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(bytes)?;
    // A copy is inherited, the pipe itself is not.
    Ok(dup(reader)?.into_raw_fd())
}

fn with_handed_over(environment: &Environment, pipe: RawFd) -> Environment {
    let mut text = String::new();
    let read = File::open(format!("/dev/fd/{pipe}"))
        .and_then(|file| file.take(MAX_BYTES as u64).read_to_string(&mut text));
    let _was_open = close(pipe);
    if let Err(error) = read {
        tracing::warn!(%error, "the secrets of the environment were not handed over");
    }
    let secrets: std::collections::BTreeMap<String, String> =
        serde_json::from_str(&text).unwrap_or_default();
    let rest = environment.iter().filter(|(name, _)| *name != PIPE);
    let rest = rest.map(|(name, value)| (name.to_owned(), value.to_owned()));
    rest.chain(secrets).collect()
}

/// Returns what must not be seen in logs, journals and messages.
pub(super) fn known(environment: &Environment) -> KnownSecrets {
    let held = environment
        .iter()
        .filter(|(name, value)| {
            // These are lines of headers, of which some are no secrets.
            holds_credentials(name, value) && *name != "ANTHROPIC_CUSTOM_HEADERS"
        })
        .map(|(_, value)| Secret::new(value.trim()));
    let proxies = ["https_proxy", "http_proxy", "all_proxy"].iter();
    let proxies = proxies
        .flat_map(|name| [environment.get(name), environment.get(&name.to_uppercase())])
        .flatten()
        .filter_map(password);
    let known = KnownSecrets::new(held.chain(proxies));
    // Of a login that has expired, the token is a secret as well: no time is too late here.
    match Credentials::find(None, environment, 0) {
        Ok(found) => known.and(&found.secrets()),
        Err(_) => known,
    }
}

/// Returns the password of an address that holds one.
fn password(address: &str) -> Option<Secret> {
    let (_, rest) = address.split_once("://")?;
    let (login, _) = rest.split_once('@')?;
    let (_, password) = login.split_once(':')?;
    Some(Secret::new(password))
}
