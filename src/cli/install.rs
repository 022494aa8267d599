//! `claude-kernel install`: writes a kernelspec to where Jupyter finds it.
//!
//! With it come the [`super::extras`]. The flags are those of ipykernel's installer. A spec that is not ours is replaced only if a flag
//! says so. A secret is never written into a spec, because everybody can read kernelspecs.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Failure;
use super::extras::{EXTRAS, Standing};
use super::installs;
use super::kernelspec::{Backend, Installation, Installed, Owner, owner};
use super::places::{Location, LocationArgs, Places, python_of};
use crate::host::unnumbered;
use crate::jupyter::spec::kernel_name;

/// Arguments of `install`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  claude-kernel install                          for this user
  claude-kernel install --offline                the kernel that needs no key
  claude-kernel install --sys-prefix             into the active environment
  claude-kernel install --name claude-eu --display-name 'Claude (EU proxy)' \\
      --env ANTHROPIC_BASE_URL=https://proxy.example")]
pub struct Args {
    #[command(flatten)]
    location: LocationArgs,
    /// Install the kernel that answers from scripts on this machine, without key or network
    #[arg(long)]
    offline: bool,
    /// The kernelspec's name, by which notebooks refer to it [default: claude, or claude-offline]
    #[arg(long)]
    name: Option<String>,
    /// The name shown in Jupyter [default: Claude, or Claude (offline)]
    #[arg(long)]
    display_name: Option<String>,
    /// Set a variable for the kernel (repeatable); secrets are refused, `${NAME}` refers to one
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<Assignment>,
    /// The interpreter for Python in the offline sandbox [default: the environment's own]
    #[arg(long, value_name = "PATH", requires = "offline")]
    python: Option<PathBuf>,
    /// Replace a kernelspec of this name even if it is not ours
    #[arg(long)]
    force: bool,
    /// Print one line only
    #[arg(long)]
    quiet: bool,
}

/// `NAME=VALUE`. Neither `Debug` nor an error of parsing shows the value.
#[derive(Clone)]
struct Assignment {
    name: String,
    value: String,
}

impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.name)
    }
}

impl std::str::FromStr for Assignment {
    type Err = std::convert::Infallible;

    // This never fails, because clap would print the whole argument with the error, and so the
    // value.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').unwrap_or((text, "\0"));
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// Writes the kernelspec and says what to do next.
///
/// # Errors
/// If an argument is refused, the place is not known, or it cannot be written to.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let places = Places::of_process();
    let backend = if args.offline {
        Backend::Offline
    } else {
        Backend::Api
    };
    let name = spec_name(args.name.as_deref(), backend)?;
    let given = checked_env(&args.env)?;
    let location = places.location(&args.location)?;
    let kernels = places.kernels_dir(&location)?;
    let dir = kernels.join(&name);
    let (replaced, before) = match owner(&dir) {
        Owner::Nobody => (false, None),
        Owner::Us(installed) => (true, Some(installed)),
        Owner::Other if args.force => (true, None),
        Owner::Other => {
            return Err(Failure::new(format!(
                "`{}` holds a kernelspec that is not ours",
                dir.display()
            ))
            .with_hint("choose another name with `--name NAME`, or replace it with `--force`")
            .into());
        }
    };
    if dir.is_symlink() && !args.force {
        return Err(
            Failure::new(format!("`{}` is a symbolic link", dir.display()))
                .with_hint(
                    "write through it with `--force`, or choose another name with `--name NAME`",
                )
                .into(),
        );
    }
    let binary = places.stable_binary()?;
    let python = python_for(args, &location)?;
    let kept = Kept::of(before, args, backend, &given);
    let mut env = kept.env.clone();
    env.extend(given);
    let display_name = args
        .display_name
        .clone()
        .or_else(|| kept.display_name.clone());
    Installation {
        backend,
        binary: utf8(&binary)?,
        display_name: display_name.unwrap_or_else(|| backend.display_name().to_owned()),
        env,
        python: python.as_deref().map(utf8).transpose()?,
    }
    .write(&dir)?;

    let verb = if replaced { "Replaced" } else { "Installed" };
    writeln!(out, "{verb} kernelspec `{name}` in {}", dir.display())?;
    kept.tell(&name, out)?;
    if !places.search_path().contains(&kernels) {
        installs::note(&kernels);
    }
    let beside = write_extras(&kernels);
    if args.quiet {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "It starts {}", binary.display())?;
    if let Some(python) = &python {
        writeln!(out, "Python in its sandbox: {}", python.display())?;
    }
    for line in beside {
        writeln!(out, "{line}")?;
    }
    shadow_note(&places, &kernels, &name, out)?;
    writeln!(out, "{}", next_step(backend))?;
    Ok(ExitCode::SUCCESS)
}

/// Says what to do after an installation.
fn next_step(backend: Backend) -> &'static str {
    match backend {
        Backend::Api => {
            "Next: set ANTHROPIC_API_KEY where you start Jupyter, open a notebook and pick `Claude`.\n\
             `claude-kernel doctor` checks the rest."
        }
        Backend::Offline => {
            "Next: open a notebook and pick `Claude (offline)`. It answers from scripts and runs the\n\
             code in your prompts; no model is called. `claude-kernel doctor` checks the sandbox."
        }
    }
}

/// Writes what makes other programs show notebooks of ours better, and says so, one line each.
/// A kernel runs without it: if it cannot be written, that is said and no failure.
fn write_extras(kernels: &Path) -> Vec<String> {
    let Some(data) = kernels.parent() else {
        return Vec::new();
    };
    let line = |extra: &super::extras::Extra| {
        let dir = extra.dir(data);
        let (name, dir) = (extra.name, dir.display());
        match extra.write(data) {
            Ok(Standing::Foreign) => format!("Note: {dir} is not ours, so there is no {name}"),
            Ok(_) => format!("With it: {name} in {dir}"),
            Err(e) => format!("Note: no {name}: cannot write `{dir}`: {}", unnumbered(&e)),
        }
    };
    EXTRAS.iter().map(line).collect()
}

/// What was set when a spec was installed before, and is not set anew.
#[derive(Debug, Default)]
struct Kept {
    display_name: Option<String>,
    env: BTreeMap<String, String>,
}

impl Kept {
    fn of(
        before: Option<Installed>,
        args: &Args,
        backend: Backend,
        given: &BTreeMap<String, String>,
    ) -> Self {
        let Some(mut before) = before else {
            return Self::default();
        };
        before.env.retain(|name, _| !given.contains_key(name));
        // If the other kernel was there, its usual name would be wrong for this one.
        let is_usual = before.display_name == before.backend.display_name();
        let is_kept = args.display_name.is_none() && !is_usual;
        Self {
            display_name: is_kept
                .then_some(before.display_name)
                .filter(|name| name != backend.display_name()),
            env: before.env,
        }
    }

    /// Says what was kept; of variables the names, because a value may be a secret.
    fn tell(&self, name: &str, out: &mut dyn Write) -> std::io::Result<()> {
        let display_name = self
            .display_name
            .iter()
            .map(|it| format!("--display-name '{it}'"));
        let env = self.env.keys().map(|name| format!("--env {name}=…"));
        let kept: Vec<String> = display_name.chain(env).collect();
        if kept.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "Kept from before: {}; `claude-kernel uninstall --name {name}` first to drop it",
            kept.join(" ")
        )
    }
}

/// Returns the name of a kernelspec's directory: a name that Jupyter accepts, in lower case.
pub(super) fn spec_name(given: Option<&str>, backend: Backend) -> Result<String, Failure> {
    let name = given.unwrap_or(backend.language());
    kernel_name(name).ok_or_else(|| {
        Failure::new(format!("`{name}` cannot be a kernelspec's name"))
            .with_hint("use letters, digits, `.`, `_` and `-`")
            .usage()
    })
}

/// Refuses a text that is not an assignment or looks like a secret. The value is never shown.
fn checked_env(given: &[Assignment]) -> Result<BTreeMap<String, String>, Failure> {
    for Assignment { name, value } in given {
        if value == "\0" {
            return Err(Failure::new("`--env` takes NAME=VALUE, and there is no `=`").usage());
        }
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if name.is_empty() || name.contains(odd) || value.contains('\0') {
            return Err(Failure::new(
                "`--env` takes NAME=VALUE, and this is no name of a variable",
            )
            .usage());
        }
        if looks_secret(name, value) {
            return Err(Failure::new(format!(
                "`--env {name}=…` looks like a secret, and everybody can read a kernelspec"
            ))
            .with_hint(format!(
                "set {name} where you start Jupyter; the kernel inherits it"
            ))
            .usage());
        }
    }
    Ok(given
        .iter()
        .map(|a| (a.name.clone(), a.value.clone()))
        .collect())
}

/// Returns whether a variable's name or value looks like that of a key or password.
fn looks_secret(name: &str, value: &str) -> bool {
    const NAMES: [&str; 6] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"];
    const VALUES: [&str; 8] = [
        "sk-",
        "ghp_",
        "github_pat_",
        "xox",
        "AKIA",
        "eyJ",
        "Bearer ",
        "-----BEGIN",
    ];
    // Jupyter replaces `${NAME}` when it starts the kernel, so no secret is written down.
    let reference = value
        .strip_prefix("${")
        .and_then(|v| v.strip_suffix('}'))
        .is_some_and(|v| !v.is_empty() && v.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    if reference {
        return false;
    }
    let upper = name.to_ascii_uppercase();
    // In `CLAUDE_KERNEL_MAX_TOKENS=8000`, TOKENS does not mean a secret.
    let counts =
        upper.split('_').any(|word| word == "TOKENS") && value.chars().all(|c| c.is_ascii_digit());
    let by_name = !counts && NAMES.iter().any(|n| upper.contains(n));
    // `https://user:password@proxy`
    let login_in_url = value.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split('/').next().unwrap_or_default();
        authority
            .rsplit_once('@')
            .is_some_and(|(login, _)| login.contains(':'))
    });
    by_name
        || login_in_url
        || value.contains("sk-ant-")
        || VALUES.iter().any(|v| value.starts_with(v))
}

/// Returns the interpreter to record: the one that was asked for, or that of the prefix.
fn python_for(args: &Args, location: &Location) -> Result<Option<PathBuf>, Failure> {
    if !args.offline {
        return Ok(None);
    }
    if let Some(python) = &args.python {
        let absolute = std::path::absolute(python)
            .ok()
            .filter(|p| super::places::is_executable(p));
        return match absolute {
            Some(path) => Ok(Some(path)),
            None => Err(Failure::new(format!(
                "`--python {}` is no program that can be run",
                python.display()
            ))
            .with_hint("give the path of an interpreter, such as `.venv/bin/python`")),
        };
    }
    Ok(match location {
        Location::User => None,
        Location::Prefix(prefix) => python_of(prefix),
    })
}

/// If Jupyter would find another spec of this name first, says so.
fn shadow_note(
    places: &Places,
    kernels: &Path,
    name: &str,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let first = places
        .search_path()
        .into_iter()
        .take_while(|dir| dir != kernels)
        .map(|dir| dir.join(name))
        .find(|dir| owner(dir) != Owner::Nobody);
    // If the prefix is not active, Jupyter does not search it, so no other spec comes before it.
    let searched = places.search_path().iter().any(|dir| dir == kernels);
    if let (Some(first), true) = (first, searched) {
        writeln!(
            out,
            "Note: Jupyter finds {} first; remove it or use another `--name`",
            first.display()
        )?;
    }
    Ok(())
}

fn utf8(path: &Path) -> Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::new(format!(
            "the path `{}` is not UTF-8, and kernel.json must be",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_seen_and_settings_are_not() {
        for (name, value) in [
            ("ANTHROPIC_API_KEY", "x"),
            ("anthropic_auth_token", "x"),
            ("DB_PASSWORD", ""),
            ("MY_SECRET_THING", "1"),
            ("HARMLESS", "sk-ant-api03-abc"),
            ("HARMLESS", "prefix sk-ant-api03-abc"),
            ("HTTPS_PROXY", "http://me:pw@proxy.example:8080/"),
            ("ANTHROPIC_API_KEY", "${A} and more"),
            ("MAX_TOKENS", "abc"),
        ] {
            assert!(looks_secret(name, value), "{name}={value}");
        }
        for (name, value) in [
            ("CLAUDE_KERNEL_MODEL", "claude-opus-5-5"),
            ("CLAUDE_KERNEL_MAX_TOKENS", "8000"),
            ("ANTHROPIC_BASE_URL", "https://proxy.example/a@b:c"),
            ("ANTHROPIC_API_KEY", "${TEAM_KEY}"),
            ("ANTHROPIC_PROFILE", "work"),
            ("EMPTY", ""),
        ] {
            assert!(!looks_secret(name, value), "{name}={value}");
        }
    }
}
