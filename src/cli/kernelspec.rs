//! A kernelspec on disk: what `kernel.json` says, whether it is ours, writing and removing it.
//!
//! Only files that we made are ever replaced or removed: [`Owner`] tells them from others.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: writes and removes kernelspecs"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, json};

use super::Failure;
use crate::host::unnumbered;
use crate::jupyter::spec::{
    CONNECTION_FILE, InterruptMode, JUPYTER_PREFIX, KERNEL_JSON, KernelSpec, RESOURCE_DIR,
};

/// The protocol version that a launcher may count on before the kernel runs. A running kernel
/// speaks 5.5. If that number stood here, it would also promise that the kernel takes a
/// registration file (JEP 66).
const PROTOCOL_VERSION: &str = "5.4";

/// The key in `metadata` that marks a spec as ours.
const OWNER_KEY: &str = "claude_kernel";

/// The name of the binary. A spec of the wheel has no absolute path and is recognised by this name.
/// It names the binary from its own directory, because the environment of a Jupyter that a service
/// starts need not be on `PATH`.
const BINARY: &str = "claude-kernel";

/// The logos' names and bytes; the launcher shows the two kernels side by side.
type Logos = [(&'static str, &'static [u8]); 3];

macro_rules! logos {
    ($kernel:literal) => {
        [
            logos!($kernel, "logo-svg.svg"),
            logos!($kernel, "logo-64x64.png"),
            logos!($kernel, "logo-32x32.png"),
        ]
    };
    ($kernel:literal, $file:literal) => {
        (
            $file,
            include_bytes!(concat!(
                "../../kernelspec/data/share/jupyter/kernels/",
                $kernel,
                "/",
                $file
            )),
        )
    };
}

/// Which of the two kernels a spec starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backend {
    /// The Claude API.
    Api,
    /// The stand-in on this machine.
    Offline,
}

impl Backend {
    /// Returns the spec's usual name, which is also its `language`. Some front ends look for
    /// another kernel of the same language: they must never change from the offline kernel to the
    /// paid one.
    pub(super) fn language(self) -> &'static str {
        match self {
            Self::Api => "claude",
            Self::Offline => "claude-offline",
        }
    }

    /// Returns the name that people read.
    pub(super) fn display_name(self) -> &'static str {
        match self {
            Self::Api => "Claude",
            Self::Offline => "Claude (offline)",
        }
    }

    fn logos(self) -> Logos {
        match self {
            Self::Api => logos!("claude"),
            Self::Offline => logos!("claude-offline"),
        }
    }
}

/// What is different from one installation to another.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    /// Which kernel.
    pub backend: Backend,
    /// The program to start: an absolute path, or a name that is looked up on `PATH`.
    pub binary: String,
    /// The name that people read.
    pub display_name: String,
    /// Variables for the kernel's process.
    pub env: BTreeMap<String, String>,
    /// The interpreter that the offline sandbox gives to `python`.
    pub python: Option<String>,
}

impl Installation {
    /// Returns the content of `kernel.json`.
    pub(super) fn spec(&self) -> KernelSpec {
        let mut argv = vec![self.binary.as_str(), "run", "-f", CONNECTION_FILE];
        if self.backend == Backend::Offline {
            argv.push("--offline");
        }
        if let Some(python) = &self.python {
            argv.extend(["--python", python]);
        }
        argv.extend(["--jupyter-prefix", JUPYTER_PREFIX]);
        let mut metadata = Map::new();
        metadata.insert(
            OWNER_KEY.to_owned(),
            json!({ "version": env!("CARGO_PKG_VERSION") }),
        );
        KernelSpec {
            argv: argv.into_iter().map(str::to_owned).collect(),
            display_name: self.display_name.clone(),
            language: self.backend.language().to_owned(),
            interrupt_mode: InterruptMode::Message,
            env: self.env.clone(),
            metadata,
            kernel_protocol_version: Some(PROTOCOL_VERSION.to_owned()),
        }
    }

    /// Writes `kernel.json` and the logos into `dir`. Each file is written completely or not at
    /// all, and `kernel.json` is the last, so Jupyter never sees an incomplete kernel.
    pub(super) fn write(&self, dir: &Path) -> Result<(), Failure> {
        let failed = |e: io::Error| {
            let failure = Failure::new(format!(
                "cannot write `{}`: {}",
                dir.display(),
                unnumbered(&e)
            ));
            if e.kind() == io::ErrorKind::PermissionDenied {
                failure.with_hint("install for this user (`--user`) or into an environment of your own (`--prefix PREFIX`)")
            } else {
                failure
            }
        };
        fs::create_dir_all(dir).map_err(failed)?;
        for (name, bytes) in self.backend.logos() {
            write_whole(&dir.join(name), bytes).map_err(failed)?;
        }
        let json = self.spec().to_json();
        write_whole(&dir.join(KERNEL_JSON), json.as_bytes()).map_err(failed)
    }
}

/// Whom the spec in a directory belongs to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Owner {
    /// There is no `kernel.json`.
    Nobody,
    /// We wrote the spec, or our wheel did.
    Us(Installed),
    /// The spec belongs to somebody else, or cannot be read as a kernelspec.
    Other,
}

/// A spec of ours that was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Installed {
    /// `display_name`.
    pub display_name: String,
    /// `argv[0]`.
    pub binary: PathBuf,
    /// Which kernel it starts.
    pub backend: Backend,
    /// The interpreter that it names.
    pub python: Option<PathBuf>,
    /// Variables for the kernel's process.
    pub env: BTreeMap<String, String>,
}

/// Reads the spec in `dir`.
pub(super) fn owner(dir: &Path) -> Owner {
    let file = dir.join(KERNEL_JSON);
    match fs::read(&file) {
        Ok(bytes) => parse(&bytes).map_or(Owner::Other, |mut installed| {
            installed.binary = resolved(&installed.binary, dir);
            Owner::Us(installed)
        }),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => Owner::Nobody,
        Err(e) if e.kind() == io::ErrorKind::NotFound && !file.is_symlink() => Owner::Nobody,
        Err(_) => Owner::Other,
    }
}

/// Returns the program that Jupyter starts for a spec in `dir`.
fn resolved(binary: &Path, dir: &Path) -> PathBuf {
    let Ok(inner) = binary.strip_prefix(RESOURCE_DIR) else {
        return binary.to_owned();
    };
    let (mut path, mut ups) = (dir.to_owned(), inner.components().peekable());
    while ups.next_if_eq(&std::path::Component::ParentDir).is_some() {
        path.pop();
    }
    path.extend(ups);
    path
}

fn parse(bytes: &[u8]) -> Option<Installed> {
    let spec = KernelSpec::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    let binary = Path::new(spec.argv.first()?);
    if !spec.metadata.contains_key(OWNER_KEY) && binary.file_stem()? != BINARY {
        return None;
    }
    let flag = |flag: &str| spec.argv.iter().position(|a| a == flag);
    Some(Installed {
        binary: binary.to_owned(),
        backend: match flag("--offline") {
            Some(_) => Backend::Offline,
            None => Backend::Api,
        },
        python: flag("--python")
            .and_then(|at| spec.argv.get(at + 1))
            .map(PathBuf::from),
        display_name: spec.display_name,
        env: spec.env,
    })
}

/// Removes the files that [`Installation::write`] makes. If the directory is then empty, removes it
/// too. If a spec is a symbolic link, the link is removed, not its target.
///
/// Returns `false` if the directory stays because it holds files of somebody else.
pub(super) fn remove(dir: &Path) -> io::Result<bool> {
    if dir.is_symlink() {
        fs::remove_file(dir)?;
        return Ok(true);
    }
    // `kernel.json` goes first: if a later step fails, what is left is no kernel any more.
    let logos = Backend::Api.logos();
    for name in std::iter::once(KERNEL_JSON).chain(logos.iter().map(|(name, _)| *name)) {
        match fs::remove_file(dir.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    match fs::remove_dir(dir) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
        Err(e) => Err(e),
    }
}

/// Replaces `path` by a new file. A reader sees either the old file or the new one. Links are not
/// followed.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".claude-kernel-")
        .tempfile_in(dir)?;
    file.write_all(bytes)?;
    // A temporary file is private at first, but other users have to read a system-wide spec.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_owner(kernel_json: &str, ours: bool) {
        let dir = tempfile::tempdir().unwrap();
        write_whole(&dir.path().join(KERNEL_JSON), kernel_json.as_bytes()).unwrap();
        let owner = owner(dir.path());
        assert_eq!(
            matches!(owner, Owner::Us(_)),
            ours,
            "{kernel_json}: {owner:?}"
        );
        assert!(ours || owner == Owner::Other, "{kernel_json}: {owner:?}");
    }

    #[test]
    fn only_our_own_specs_are_ours() {
        let of = |argv: &str, more: &str| {
            format!(r#"{{"argv": [{argv}], "display_name": "Claude", "language": "x"{more}}}"#)
        };
        check_owner(&of(r#""/x/claude-kernel", "run""#, ""), true);
        check_owner(&of(r#""claude-kernel""#, ""), true);
        check_owner(
            &of(r#""/x/new""#, r#", "metadata": {"claude_kernel": {}}"#),
            true,
        );
        check_owner(&of(r#""/x/other-kernel""#, ""), false);
        check_owner(&of("", ""), false);
        for odd in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"argv": []}"#,
            r#"{"argv": [7]}"#,
            r#"{"argv": "claude-kernel"}"#,
        ] {
            check_owner(odd, false);
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let spec = Installation {
            backend: Backend::Offline,
            binary: "/bin/claude-kernel".to_owned(),
            display_name: "Ours".to_owned(),
            env: BTreeMap::new(),
            python: Some("/venv/bin/python".to_owned()),
        };
        spec.write(dir.path()).unwrap();
        let expected = Installed {
            display_name: "Ours".to_owned(),
            binary: "/bin/claude-kernel".into(),
            backend: Backend::Offline,
            python: Some("/venv/bin/python".into()),
            env: BTreeMap::new(),
        };
        assert_eq!(owner(dir.path()), Owner::Us(expected));
        assert!(remove(dir.path()).unwrap());
        assert_eq!(owner(dir.path()), Owner::Nobody);
    }

    #[test]
    fn e1_the_wheels_binary_is_found_from_its_own_directory() {
        let prefix = tempfile::tempdir().unwrap();
        let dir = prefix.path().join("share/jupyter/kernels/claude");
        fs::create_dir_all(&dir).unwrap();
        let wheels = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("kernelspec/data/share/jupyter/kernels/claude")
            .join(KERNEL_JSON);
        fs::copy(wheels, dir.join(KERNEL_JSON)).unwrap();
        let Owner::Us(installed) = owner(&dir) else {
            panic!("the wheel's spec is ours");
        };
        assert_eq!(installed.binary, prefix.path().join("bin").join(BINARY));
    }

    /// The wheel contains the files themselves, not the code that writes them. They must be equal
    /// to what the code writes.
    #[test]
    fn the_wheels_specs_are_what_install_would_write() {
        for backend in [Backend::Api, Backend::Offline] {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("kernelspec/data/share/jupyter/kernels")
                .join(backend.language());
            let spec = Installation {
                backend,
                binary: format!("{RESOURCE_DIR}/../../../../bin/{BINARY}"),
                display_name: backend.display_name().to_owned(),
                env: BTreeMap::new(),
                python: None,
            };
            let text = fs::read_to_string(dir.join(KERNEL_JSON)).unwrap();
            assert_eq!(text, spec.spec().to_json());
            for (name, bytes) in backend.logos() {
                assert_eq!(fs::read(dir.join(name)).unwrap(), bytes, "{name}");
            }
        }
    }
}
