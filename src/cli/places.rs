//! Where Jupyter looks for kernelspecs on this machine, and where this binary is.
//!
//! The environment is read once into [`Environment`]; everything after that is computed from it,
//! in the order that Jupyter itself uses. Nothing here writes.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: reads the variables that decide where Jupyter looks"
)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Failure;

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

/// What of the process's environment decides where Jupyter looks. Empty variables count as unset.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment {
    home: Option<PathBuf>,
    jupyter_path: Vec<PathBuf>,
    jupyter_data_dir: Option<PathBuf>,
    xdg_data_home: Option<PathBuf>,
    appdata: Option<PathBuf>,
    programdata: Option<PathBuf>,
    env_prefix: Option<PathBuf>,
    path: Vec<PathBuf>,
}

impl Environment {
    /// Reads it from the process.
    pub(super) fn of_process() -> Self {
        let path_of = |name: &str| non_empty(name).map(PathBuf::from);
        let list_of = |name: &str| {
            non_empty(name)
                .map(|v| {
                    std::env::split_paths(&v)
                        .filter(|p| !p.as_os_str().is_empty())
                        .collect()
                })
                .unwrap_or_default()
        };
        Self {
            home: path_of(if cfg!(windows) { "USERPROFILE" } else { "HOME" }),
            jupyter_path: list_of("JUPYTER_PATH"),
            jupyter_data_dir: path_of("JUPYTER_DATA_DIR"),
            xdg_data_home: path_of("XDG_DATA_HOME"),
            appdata: path_of("APPDATA"),
            programdata: path_of("PROGRAMDATA"),
            env_prefix: path_of("VIRTUAL_ENV").or_else(|| path_of("CONDA_PREFIX")),
            path: list_of("PATH"),
        }
    }

    /// Returns the active environment's prefix, if one is active.
    pub(super) fn env_prefix(&self) -> Option<&Path> {
        self.env_prefix.as_deref()
    }

    /// Returns the first file called `name` on `PATH` that may be executed.
    pub(super) fn on_path(&self, name: &str) -> Option<PathBuf> {
        self.path
            .iter()
            .map(|dir| dir.join(name))
            .find(|file| is_executable(file))
    }

    /// Returns Jupyter's data directory of this user.
    fn user_data_dir(&self) -> Result<PathBuf, Failure> {
        if let Some(dir) = &self.jupyter_data_dir {
            return Ok(dir.clone());
        }
        let home = || {
            self.home.clone().ok_or_else(|| {
                Failure::new("the home directory is not known")
                    .with_hint("set HOME, or JUPYTER_DATA_DIR, or install with `--prefix PREFIX`")
            })
        };
        if cfg!(target_os = "macos") {
            Ok(home()?.join("Library").join("Jupyter"))
        } else if cfg!(windows) {
            match &self.appdata {
                Some(dir) => Ok(dir.join("jupyter")),
                None => Ok(home()?.join(".jupyter").join("data")),
            }
        } else {
            match &self.xdg_data_home {
                Some(dir) => Ok(dir.join("jupyter")),
                None => Ok(home()?.join(".local").join("share").join("jupyter")),
            }
        }
    }

    /// Returns the `kernels` directories that Jupyter searches, the first match wins.
    ///
    /// An active environment comes before the user's directory, as `jupyter_core` has it when it
    /// runs from that environment.
    pub(super) fn search_path(&self) -> Vec<PathBuf> {
        let mut roots: Vec<PathBuf> = self.jupyter_path.clone();
        roots.extend(
            self.env_prefix
                .iter()
                .map(|p| p.join("share").join("jupyter")),
        );
        roots.extend(self.user_data_dir().ok());
        if cfg!(windows) {
            roots.extend(self.programdata.iter().map(|p| p.join("jupyter")));
        } else {
            // A user-site installation of Jupyter looks here, whatever the data directory is.
            roots.extend(
                self.home
                    .iter()
                    .map(|h| h.join(".local").join("share").join("jupyter")),
            );
            roots.push(PathBuf::from("/usr/local/share/jupyter"));
            roots.push(PathBuf::from("/usr/share/jupyter"));
        }
        let mut seen = Vec::new();
        for root in roots {
            let dir = root.join("kernels");
            if !seen.contains(&dir) {
                seen.push(dir);
            }
        }
        seen
    }

    /// Returns the `kernels` directory of a location.
    pub(super) fn kernels_dir(&self, location: &Location) -> Result<PathBuf, Failure> {
        let root = match location {
            Location::User => self.user_data_dir()?,
            Location::Prefix(prefix) => prefix.join("share").join("jupyter"),
        };
        let dir = root.join("kernels");
        std::path::absolute(&dir)
            .map_err(|e| Failure::new(format!("no absolute path for `{}`: {e}", dir.display())))
    }

    /// Returns what the flags ask for.
    pub(super) fn location(&self, args: &LocationArgs) -> Result<Location, Failure> {
        if let Some(prefix) = &args.prefix {
            return Ok(Location::Prefix(prefix.clone()));
        }
        if !args.sys_prefix {
            return Ok(Location::User);
        }
        if let Some(prefix) = &self.env_prefix {
            return Ok(Location::Prefix(prefix.clone()));
        }
        self.python_prefix().map(Location::Prefix).ok_or_else(|| {
            Failure::new("`--sys-prefix` found no environment: neither VIRTUAL_ENV nor CONDA_PREFIX is set, and no `python3` answers")
                .with_hint("activate the environment first, or name it: `--prefix PREFIX`")
        })
    }

    /// Asks the `python3` of `PATH` where it lives.
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

    /// Returns an absolute path of the running binary that outlives an upgrade: the entry of
    /// `PATH` that leads to it, else its own place.
    pub(super) fn stable_binary(&self) -> Result<PathBuf, Failure> {
        let cannot = |e| Failure::new(format!("cannot tell where this binary is: {e}"));
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

/// Tells whether `file` is a plain file that somebody may execute.
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

fn non_empty(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|v| !v.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_search_path_is_jupyters_order_without_doubles() {
        let environment = Environment {
            home: Some("/h".into()),
            jupyter_path: vec!["/a".into(), "/b".into()],
            env_prefix: Some("/venv".into()),
            ..Environment::default()
        };
        let found: Vec<String> = environment
            .search_path()
            .iter()
            .map(|p| p.display().to_string())
            .collect();
        assert_eq!(
            found,
            [
                "/a/kernels",
                "/b/kernels",
                "/venv/share/jupyter/kernels",
                "/h/.local/share/jupyter/kernels",
                "/usr/local/share/jupyter/kernels",
                "/usr/share/jupyter/kernels",
            ]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_users_directory_follows_the_variables_in_jupyters_order() {
        let mut environment = Environment {
            home: Some("/h".into()),
            ..Environment::default()
        };
        let user = |e: &Environment| e.kernels_dir(&Location::User).unwrap();
        assert_eq!(
            user(&environment),
            Path::new("/h/.local/share/jupyter/kernels")
        );
        environment.xdg_data_home = Some("/x".into());
        assert_eq!(user(&environment), Path::new("/x/jupyter/kernels"));
        environment.jupyter_data_dir = Some("/j".into());
        assert_eq!(user(&environment), Path::new("/j/kernels"));
        let nowhere = Environment::default()
            .kernels_dir(&Location::User)
            .unwrap_err();
        assert!(nowhere.hint().unwrap().contains("HOME"));
    }
}
