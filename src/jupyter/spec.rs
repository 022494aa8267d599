//! Kernel specs: `kernel.json` as a type, and the directories in which Jupyter looks for it.
//!
//! Pure: the environment is an argument, and nothing is read or written.
//!
//! Sources: jupyter_client, "Kernel specs"; jupyter_core, "Data files" (`jupyter_path`).

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The file in a kernel's directory.
pub const KERNEL_JSON: &str = "kernel.json";

/// In `argv`, it is replaced by the path of the connection file.
pub const CONNECTION_FILE: &str = "{connection_file}";

/// In `argv`, it is replaced by the kernel's own directory, where its `kernel.json` is.
pub const RESOURCE_DIR: &str = "{resource_dir}";

/// In `argv`, it is replaced by the `sys.prefix` of the Python that Jupyter runs in. Front ends
/// that have their own launcher do not replace it.
pub const JUPYTER_PREFIX: &str = "{prefix}";

/// The content of `kernel.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KernelSpec {
    /// The command line. `argv[0]` is an absolute path; one element is `{connection_file}`.
    pub argv: Vec<String>,
    /// The name that people see.
    pub display_name: String,
    /// The name of the language. If a front end does not find the kernel of a notebook, it may use
    /// any other kernel of the same language.
    pub language: String,
    /// How the kernel is interrupted.
    #[serde(default)]
    pub interrupt_mode: InterruptMode,
    /// Environment variables for the process; values may contain `${NAME}`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Any other data, under its own names.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// The version of the protocol that the kernel speaks, so that it is known before the start
    /// (JEP 105).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_protocol_version: Option<String>,
}

/// How the kernel is interrupted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InterruptMode {
    /// By SIGINT to its process group; this is the default of the format.
    #[default]
    Signal,
    /// By `interrupt_request` on control.
    Message,
}

impl KernelSpec {
    /// Reads a `kernel.json`; unknown keys are ignored, as in Jupyter.
    ///
    /// # Errors
    /// If the text is not JSON, or lacks `argv`, `display_name` or `language`.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Returns the text of the `kernel.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, maps of strings and a `Value` can always be serialised.
        let mut json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.push('\n');
        json
    }
}

/// Returns the directory name for a kernel called `name`: in lower case, as Jupyter installs it.
///
/// `None` if Jupyter would not find a kernel of that name (only ASCII letters, digits, `-`, `.` and
/// `_` are allowed).
#[must_use]
pub fn kernel_name(name: &str) -> Option<String> {
    let valid = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        // A name of dots alone matches the pattern of Jupyter too, but `.` and `..` are the
        // directory itself and its parent.
        && name.bytes().any(|byte| byte != b'.');
    valid.then(|| name.to_ascii_lowercase())
}

/// The system whose rules say where data is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Linux and other Unixes.
    Unix,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

impl Platform {
    /// Returns the platform this program was built for.
    #[must_use]
    pub fn current() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::MacOs
        } else {
            Self::Unix
        }
    }
}

/// The values of the environment that decide where kernel specs are. An empty value counts as
/// unset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecEnv {
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// `JUPYTER_PATH`: a list of directories.
    pub jupyter_path: Option<OsString>,
    /// `JUPYTER_DATA_DIR`.
    pub jupyter_data_dir: Option<PathBuf>,
    /// `JUPYTER_PREFER_ENV_PATH`.
    pub jupyter_prefer_env_path: Option<String>,
    /// `XDG_DATA_HOME`.
    pub xdg_data_home: Option<PathBuf>,
    /// `APPDATA`.
    pub appdata: Option<PathBuf>,
    /// `PROGRAMDATA`.
    pub programdata: Option<PathBuf>,
    /// `VIRTUAL_ENV`.
    pub virtual_env: Option<PathBuf>,
    /// `CONDA_PREFIX`.
    pub conda_prefix: Option<PathBuf>,
    /// `CONDA_DEFAULT_ENV`.
    pub conda_default_env: Option<String>,
}

impl SpecEnv {
    /// Returns the prefix of the active Python environment; `--sys-prefix` means this one.
    #[must_use]
    pub fn sys_prefix(&self) -> Option<&Path> {
        set(self.virtual_env.as_ref()).or(set(self.conda_prefix.as_ref()))
    }

    /// Returns the user's data directory, which contains `kernels`; `--user` means this one.
    #[must_use]
    pub fn user_data_dir(&self, platform: Platform) -> Option<PathBuf> {
        if let Some(dir) = set(self.jupyter_data_dir.as_ref()) {
            return Some(dir.to_owned());
        }
        let home = set(self.home.as_ref());
        match platform {
            Platform::Unix => set(self.xdg_data_home.as_ref())
                .map(|data| data.join("jupyter"))
                .or_else(|| home.map(|home| home.join(".local/share/jupyter"))),
            Platform::MacOs => home.map(|home| home.join("Library/Jupyter")),
            Platform::Windows => set(self.appdata.as_ref())
                .map(|data| data.join("jupyter"))
                .or_else(|| home.map(|home| home.join(".jupyter/data"))),
        }
    }

    /// Returns the directories that contain the directories of kernels, in the order in which
    /// Jupyter searches them.
    ///
    /// They need not exist. A server may run in another Python environment and search that one too.
    #[must_use]
    pub fn kernel_dirs(&self, platform: Platform) -> Vec<PathBuf> {
        let mut data_dirs: Vec<PathBuf> = Vec::new();
        if let Some(list) = &self.jupyter_path {
            data_dirs.extend(env::split_paths(list).filter(|dir| !dir.as_os_str().is_empty()));
        }
        let user = self.user_data_dir(platform);
        let env = self.sys_prefix().map(prefix_data_dir);
        if self.prefers_env() {
            data_dirs.extend(env);
            data_dirs.extend(user);
        } else {
            data_dirs.extend(user);
            data_dirs.extend(env);
        }
        data_dirs.extend(self.system_data_dirs(platform));

        let mut kernel_dirs: Vec<PathBuf> = Vec::with_capacity(data_dirs.len());
        for dir in data_dirs {
            let dir = dir.join("kernels");
            if !kernel_dirs.contains(&dir) {
                kernel_dirs.push(dir);
            }
        }
        kernel_dirs
    }

    /// Returns whether Jupyter looks in the Python environment before the user's directory.
    fn prefers_env(&self) -> bool {
        if let Some(choice) = self
            .jupyter_prefer_env_path
            .as_deref()
            .filter(|choice| !choice.is_empty())
        {
            return !matches!(
                choice.to_ascii_lowercase().as_str(),
                "no" | "n" | "false" | "off" | "0" | "0.0"
            );
        }
        set(self.virtual_env.as_ref()).is_some()
            || (set(self.conda_prefix.as_ref()).is_some()
                && self.conda_default_env.as_deref() != Some("base"))
    }

    fn system_data_dirs(&self, platform: Platform) -> Vec<PathBuf> {
        match platform {
            Platform::Unix | Platform::MacOs => vec![
                PathBuf::from("/usr/local/share/jupyter"),
                PathBuf::from("/usr/share/jupyter"),
            ],
            Platform::Windows => set(self.programdata.as_ref())
                .map(|data| data.join("jupyter"))
                .into_iter()
                .collect(),
        }
    }
}

/// Returns the data directory below `prefix`, which contains `kernels`; `--prefix` means this one.
#[must_use]
pub fn prefix_data_dir(prefix: &Path) -> PathBuf {
    prefix.join("share").join("jupyter")
}

fn set(path: Option<&PathBuf>) -> Option<&Path> {
    path.map(PathBuf::as_path)
        .filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_json_reads_back_and_tolerates_unknown_keys() {
        let spec = KernelSpec {
            argv: vec!["/opt/k".into(), "run".into(), CONNECTION_FILE.into()],
            display_name: "A kernel".into(),
            language: "a".into(),
            interrupt_mode: InterruptMode::Message,
            env: BTreeMap::from([("A".into(), "${B}".into())]),
            metadata: Map::new(),
            kernel_protocol_version: Some("5.4".into()),
        };
        expect_test::expect![[r#"
            {
              "argv": [
                "/opt/k",
                "run",
                "{connection_file}"
              ],
              "display_name": "A kernel",
              "language": "a",
              "interrupt_mode": "message",
              "env": {
                "A": "${B}"
              },
              "metadata": {},
              "kernel_protocol_version": "5.4"
            }
        "#]]
        .assert_eq(&spec.to_json());
        assert_eq!(KernelSpec::parse(&spec.to_json()).unwrap(), spec);

        let minimal = r#"{"argv":["k"],"display_name":"K","language":"k","codemirror_mode":"x"}"#;
        let minimal = KernelSpec::parse(minimal).unwrap();
        assert_eq!(minimal.interrupt_mode, InterruptMode::Signal);
        assert!(KernelSpec::parse(r#"{"argv":["k"],"language":"k"}"#).is_err());
    }

    #[test]
    fn names_that_jupyter_would_not_find_are_refused() {
        assert_eq!(kernel_name("Claude-2.x_y").as_deref(), Some("claude-2.x_y"));
        for name in ["", "a b", "../x", "a/b", "é", ".."] {
            assert_eq!(kernel_name(name), None, "{name}");
        }
    }

    fn check_dirs(env: &SpecEnv, platform: Platform, expected: &[&str]) {
        let dirs = env.kernel_dirs(platform);
        let dirs: Vec<_> = dirs.iter().map(|dir| dir.to_str().unwrap()).collect();
        assert_eq!(dirs, expected);
    }

    #[test]
    fn directories_in_jupyters_order() {
        let home = SpecEnv {
            home: Some("/home/u".into()),
            ..SpecEnv::default()
        };
        check_dirs(
            &home,
            Platform::Unix,
            &[
                "/home/u/.local/share/jupyter/kernels",
                "/usr/local/share/jupyter/kernels",
                "/usr/share/jupyter/kernels",
            ],
        );
        check_dirs(
            &home,
            Platform::MacOs,
            &[
                "/home/u/Library/Jupyter/kernels",
                "/usr/local/share/jupyter/kernels",
                "/usr/share/jupyter/kernels",
            ],
        );
        let venv = SpecEnv {
            virtual_env: Some("/venv".into()),
            jupyter_path: Some("/a::/b".into()),
            xdg_data_home: Some("/xdg".into()),
            ..home.clone()
        };
        let system = [
            "/usr/local/share/jupyter/kernels",
            "/usr/share/jupyter/kernels",
        ];
        let env_first = [
            "/a/kernels",
            "/b/kernels",
            "/venv/share/jupyter/kernels",
            "/xdg/jupyter/kernels",
        ];
        check_dirs(&venv, Platform::Unix, &[&env_first[..], &system].concat());
        let user_first = SpecEnv {
            jupyter_prefer_env_path: Some("0".into()),
            jupyter_path: None,
            jupyter_data_dir: Some("/data".into()),
            ..venv
        };
        check_dirs(
            &user_first,
            Platform::Unix,
            &[
                &["/data/kernels", "/venv/share/jupyter/kernels"],
                &system[..],
            ]
            .concat(),
        );
    }

    #[test]
    fn conda_base_does_not_beat_the_user() {
        let env = SpecEnv {
            home: Some("/home/u".into()),
            conda_prefix: Some("/conda".into()),
            conda_default_env: Some("base".into()),
            ..SpecEnv::default()
        };
        assert_eq!(
            env.kernel_dirs(Platform::Unix)[0],
            Path::new("/home/u/.local/share/jupyter/kernels")
        );
        let named = SpecEnv {
            conda_default_env: Some("ml".into()),
            ..env
        };
        assert_eq!(
            named.kernel_dirs(Platform::Unix)[0],
            Path::new("/conda/share/jupyter/kernels")
        );
    }
}
