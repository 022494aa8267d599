//! Where Jupyter searches for kernelspecs on this machine, and where this binary is.
//!
//! The environment is read once, into [`Places`]. The order in which Jupyter searches is in
//! `jupyter::spec`. Nothing here writes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Failure;
use crate::config::Environment;
use crate::host::unnumbered;
use crate::jupyter::spec::{Platform, SpecEnv, prefix_data_dir};

/// The location flags of ipykernel's installer, shared by `install` and `uninstall`.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(multiple = false)]
pub(super) struct LocationArgs {
    /// For the current user, whatever environment is active (the default)
    #[arg(long)]
    pub user: bool,
    /// Into the active virtual or conda environment
    #[arg(long)]
    pub sys_prefix: bool,
    /// Into the environment at PREFIX
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<PathBuf>,
}

/// A place that kernelspecs are installed into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Location {
    /// The user's data directory.
    User,
    /// An environment, by its prefix.
    Prefix(PathBuf),
}

/// The part of the process's environment that decides where Jupyter searches and what it starts.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    jupyter: SpecEnv,
    path: Vec<PathBuf>,
}

impl Places {
    /// Reads the places from the environment of this process.
    pub(super) fn of_process() -> Self {
        Self::of(&Environment::from_process())
    }

    /// Reads the places from `environment`.
    pub(super) fn of(environment: &Environment) -> Self {
        let text = |name: &str| environment.get(name).map(str::to_owned);
        let path = |name: &str| environment.get(name).map(PathBuf::from);
        Self {
            jupyter: SpecEnv {
                home: environment.home(),
                jupyter_path: environment.get("JUPYTER_PATH").map(Into::into),
                jupyter_data_dir: path("JUPYTER_DATA_DIR"),
                jupyter_prefer_env_path: text("JUPYTER_PREFER_ENV_PATH"),
                xdg_data_home: path("XDG_DATA_HOME"),
                appdata: path("APPDATA"),
                programdata: path("PROGRAMDATA"),
                virtual_env: path("VIRTUAL_ENV"),
                conda_prefix: path("CONDA_PREFIX"),
                conda_default_env: text("CONDA_DEFAULT_ENV"),
            },
            path: environment
                .get("PATH")
                .map(|list| std::env::split_paths(list).collect())
                .unwrap_or_default(),
        }
    }

    /// Returns the active environment's prefix, if one is active.
    pub(super) fn env_prefix(&self) -> Option<&Path> {
        self.jupyter.sys_prefix()
    }

    /// Returns the first executable file called `name` on `PATH`.
    pub(super) fn on_path(&self, name: &str) -> Option<PathBuf> {
        self.path
            .iter()
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join(name))
            .find(|file| is_executable(file))
    }

    /// Returns the executable file called `name` in the directory of this program, or of the active
    /// environment.
    pub(super) fn beside_binary(&self, name: &str) -> Option<PathBuf> {
        let own = std::env::current_exe().ok();
        let own = own.as_deref().and_then(Path::parent).map(Path::to_owned);
        let active = self.env_prefix().map(|prefix| prefix.join("bin"));
        let mut dirs = own.into_iter().chain(active);
        dirs.find_map(|dir| Some(dir.join(name)).filter(|file| is_executable(file)))
    }

    /// Returns the `kernels` directories that Jupyter searches; the first match wins.
    pub(super) fn search_path(&self) -> Vec<PathBuf> {
        self.jupyter.kernel_dirs(Platform::current())
    }

    /// Returns the `kernels` directory of a location.
    pub(super) fn kernels_dir(&self, location: &Location) -> Result<PathBuf, Failure> {
        let root = match location {
            Location::User => self
                .jupyter
                .user_data_dir(Platform::current())
                .ok_or_else(|| {
                    Failure::new("the home directory is not known").with_hint(
                        "set HOME, or JUPYTER_DATA_DIR, or install with `--prefix PREFIX`",
                    )
                })?,
            Location::Prefix(prefix) => prefix_data_dir(prefix),
        };
        let dir = root.join("kernels");
        std::path::absolute(&dir).map_err(|e| {
            Failure::new(format!(
                "no absolute path for `{}`: {}",
                dir.display(),
                unnumbered(&e)
            ))
        })
    }

    /// Returns the place that the flags ask for.
    pub(super) fn location(&self, args: &LocationArgs) -> Result<Location, Failure> {
        if let Some(prefix) = &args.prefix {
            return Ok(Location::Prefix(prefix.clone()));
        }
        if !args.sys_prefix {
            return Ok(Location::User);
        }
        if let Some(prefix) = self.env_prefix() {
            return Ok(Location::Prefix(prefix.to_owned()));
        }
        self.python_prefix().map(Location::Prefix).ok_or_else(|| {
            Failure::new("`--sys-prefix` found no environment: neither VIRTUAL_ENV nor CONDA_PREFIX is set, and no `python3` answers")
                .with_hint("activate the environment first, or name it: `--prefix PREFIX`")
        })
    }

    /// Asks the `python3` on `PATH` for its prefix.
    fn python_prefix(&self) -> Option<PathBuf> {
        let python = self.on_path("python3").or_else(|| self.on_path("python"))?;
        let output = Command::new(python)
            .args(["-I", "-c", "import sys; print(sys.prefix)"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let prefix = String::from_utf8(output.stdout).ok()?;
        let prefix = prefix.trim_end_matches(['\r', '\n']);
        (output.status.success() && !prefix.is_empty()).then(|| PathBuf::from(prefix))
    }

    /// Returns an absolute path of the running binary that is still right after an upgrade: the
    /// entry of `PATH` that leads to it, or, if there is none, its own path.
    pub(super) fn stable_binary(&self) -> Result<PathBuf, Failure> {
        let cannot = |e: std::io::Error| {
            Failure::new(format!(
                "cannot tell where this binary is: {}",
                unnumbered(&e)
            ))
        };
        let running = std::env::current_exe().map_err(cannot)?;
        let canonical = running.canonicalize().map_err(cannot)?;
        let Some(name) = running.file_name() else {
            return Ok(canonical);
        };
        let on_path = self
            .path
            .iter()
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join(name))
            .find(|file| file.canonicalize().is_ok_and(|c| c == canonical));
        Ok(on_path.unwrap_or(canonical))
    }
}

/// Returns the interpreter of the environment at `prefix`, if it has one.
pub(super) fn python_of(prefix: &Path) -> Option<PathBuf> {
    let candidates: &[&str] = if cfg!(windows) {
        &["Scripts/python.exe", "python.exe"]
    } else {
        &["bin/python", "bin/python3"]
    };
    candidates
        .iter()
        .map(|name| prefix.join(name))
        .find(|file| is_executable(file))
        .and_then(|file| std::path::absolute(file).ok())
}

/// Returns whether `file` is a plain file that somebody may execute.
pub(super) fn is_executable(file: &Path) -> bool {
    let Ok(metadata) = file.metadata() else {
        return false;
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
    }
    #[cfg(not(unix))]
    {
        metadata.is_file()
    }
}
