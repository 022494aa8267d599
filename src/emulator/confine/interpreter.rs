//! Which Python a container has, and which directories that Python needs.
//!
//! Both are found by looking at files, never by running anything: the links from the given path to
//! the real binary, and `pyvenv.cfg`.

use std::fs;
use std::path::{Path, PathBuf};

/// Where Python is looked for if none is given.
const STANDARD: [&str; 4] = [
    "/usr/local/bin/python3",
    "/usr/bin/python3",
    "/opt/homebrew/bin/python3",
    "/run/current-system/sw/bin/python3",
];

/// If there are more links than this, they form a loop.
const MAX_LINKS: usize = 16;

/// The parts of a Python's prefix that are made visible. Never the whole prefix, because that of
/// `~/bin/python3` is the home directory.
const PARTS: [&str; 8] = [
    "bin",
    "etc",
    "include",
    "lib",
    "lib64",
    "share",
    "ssl",
    "pyvenv.cfg",
];

/// A Python interpreter.
#[derive(Debug, Clone)]
pub(crate) struct Interpreter {
    /// The path as given. Python recognises a virtual environment by this path, not by the file
    /// that it links to.
    pub(crate) path: PathBuf,
    /// What the interpreter reads, and the path under which it expects it.
    pub(super) directories: Vec<(PathBuf, PathBuf)>,
}

impl Interpreter {
    /// Looks at the given path, or in the standard places.
    pub(crate) fn find(python: Option<&Path>) -> Option<Self> {
        let standard = STANDARD.iter().map(Path::new);
        let path = match python {
            Some(path) => std::path::absolute(path).ok()?,
            None => standard.into_iter().find(|path| path.is_file())?.to_owned(),
        };
        path.is_file().then(|| Self {
            directories: directories(&path),
            path,
        })
    }
}

fn directories(python: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut found: Vec<(PathBuf, PathBuf)> = Vec::new();
    for prefix in prefixes(python) {
        for part in PARTS {
            let path = prefix.join(part);
            let Ok(real) = path.canonicalize() else {
                continue;
            };
            // `/usr` is always visible, and a link within a prefix belongs to the prefix.
            let known = |path: &Path| {
                path.starts_with("/usr") || found.iter().any(|(_, to)| path.starts_with(to))
            };
            let new = [!known(&real), !known(&path)];
            if new == [true, true] || (new[0] && path == real) {
                found.push((real.clone(), real.clone()));
            }
            if new[1] && path != real {
                found.push((real, path));
            }
        }
    }
    found
}

/// Returns the prefix of every binary on the way from the given path to the real one, and the
/// prefixes that a `pyvenv.cfg` names.
fn prefixes(python: &Path) -> Vec<PathBuf> {
    let mut prefixes: Vec<PathBuf> = Vec::new();
    let mut binaries = vec![python.to_owned()];
    let mut links = 0;
    while let Some(binary) = binaries.pop() {
        links += 1;
        if links > MAX_LINKS {
            break;
        }
        let Some(directory) = binary.parent() else {
            continue;
        };
        if let Ok(target) = fs::read_link(&binary) {
            binaries.push(directory.join(target));
        }
        let Some(prefix) = directory.parent() else {
            continue;
        };
        if prefixes.iter().any(|known| known == prefix) {
            continue;
        }
        prefixes.push(prefix.to_owned());
        if let Ok(config) = fs::read_to_string(prefix.join("pyvenv.cfg")) {
            let home = config.lines().find_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == "home").then(|| value.trim().to_owned())
            });
            binaries.extend(home.map(|home| Path::new(&home).join("python3")));
        }
    }
    prefixes
}
