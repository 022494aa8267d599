//! What is installed beside a kernelspec: what makes JupyterLab and nbconvert show notebooks of ours
//! better. Neither is needed to run one.
//!
//! The files (`docs/protocol.md#labextensions, #page-templates`) are in the binary, so that a user
//! needs neither Node nor a network. Only directories that we wrote are ever replaced or removed.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: writes and removes what stands beside kernelspecs"
)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::kernelspec::write_whole;

/// The key that marks a directory as ours, in its [`Extra::marker`].
const OWNER_KEY: &str = "claude_kernel";

/// One directory of files that Jupyter looks for in its data directories.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extra {
    /// What it is, for people.
    pub name: &'static str,
    /// What is missing without it.
    pub without: &'static str,
    /// Its directory below a data directory of Jupyter's.
    dir: &'static str,
    /// The JSON file that says whose the directory is. It is written last.
    marker: &'static str,
    /// The files, by their paths below the directory.
    files: &'static [(&'static str, &'static [u8])],
}

/// Names files of `kernelspec/data/share/jupyter`, where the wheel has them from.
macro_rules! files {
    ($dir:literal: $($file:literal),+ $(,)?) => {
        &[$((
            $file,
            include_bytes!(concat!("../../kernelspec/data/share/jupyter/", $dir, "/", $file)),
        )),+]
    };
}

/// All that is installed with a kernelspec.
pub(super) const EXTRAS: [Extra; 2] = [LAB_EXTENSION, PAGE_TEMPLATE];

const LAB_EXTENSION: Extra = Extra {
    name: "JupyterLab extension",
    without: "prompts do not wrap",
    dir: "labextensions/claude-kernel",
    marker: "package.json",
    files: files!("labextensions/claude-kernel":
        "package.json",
        "schemas/claude-kernel/package.json.orig",
        "schemas/claude-kernel/plugin.json",
        "static/lib_index_js.js",
        "static/remoteEntry.js",
        "static/style.js",
        "static/style_index_css.js",
        "static/third-party-licenses.json",
    ),
};

const PAGE_TEMPLATE: Extra = Extra {
    name: "nbconvert template `claude`",
    without: "pages show prompts as code",
    dir: "nbconvert/templates/claude",
    marker: "conf.json",
    files: files!("nbconvert/templates/claude":
        "base.html.j2",
        "conf.json",
        "index.html.j2",
        "static/claude.css",
    ),
};

/// Writes the template of pages below a directory, where nbconvert finds it if it is told.
pub(super) fn write_page_template(data: &Path) -> io::Result<()> {
    PAGE_TEMPLATE.write(data).map(drop)
}

/// What is in the place of an extra.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Missing,
    /// What this binary would write.
    Current,
    /// What another version of ours wrote.
    OtherVersion,
    /// Something that is not ours.
    Foreign,
}

impl Extra {
    /// Returns its directory below `data`, a data directory of Jupyter's.
    pub(super) fn dir(&self, data: &Path) -> PathBuf {
        data.join(self.dir)
    }

    /// Looks at what is there.
    pub(super) fn standing(&self, data: &Path) -> Standing {
        let dir = self.dir(data);
        if !dir.exists() && !dir.is_symlink() {
            return Standing::Missing;
        }
        let marked = fs::read(dir.join(self.marker))
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            .is_some_and(|marker| marker.get(OWNER_KEY).is_some());
        let is_ours = |(file, bytes): &(&str, &[u8])| {
            fs::read(dir.join(file)).is_ok_and(|there| there == *bytes)
        };
        match marked {
            false => Standing::Foreign,
            true if self.files.iter().all(is_ours) => Standing::Current,
            true => Standing::OtherVersion,
        }
    }

    /// Writes the files, unless something is there that is not ours. Returns what was there.
    pub(super) fn write(&self, data: &Path) -> io::Result<Standing> {
        let before = self.standing(data);
        if matches!(before, Standing::Foreign | Standing::Current) {
            return Ok(before);
        }
        let dir = self.dir(data);
        let (marker, others): (Vec<_>, Vec<_>) =
            (self.files.iter()).partition(|(file, _)| *file == self.marker);
        for (file, bytes) in others.into_iter().chain(marker) {
            let path = dir.join(file);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            write_whole(&path, bytes)?;
        }
        Ok(before)
    }

    /// Removes the files that [`Extra::write`] makes, and the directories that are empty then.
    /// Returns whether there was something of ours.
    pub(super) fn remove(&self, data: &Path) -> io::Result<bool> {
        if !matches!(
            self.standing(data),
            Standing::Current | Standing::OtherVersion
        ) {
            return Ok(false);
        }
        let dir = self.dir(data);
        for (file, _) in self.files {
            match fs::remove_file(dir.join(file)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        for (file, _) in self.files {
            let inner = Path::new(file).ancestors().skip(1);
            for parent in inner {
                // A directory that holds something else stays.
                let _ = fs::remove_dir(dir.join(parent));
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wheel has the files from the same directory: nothing may be there that is not named here.
    #[test]
    fn what_the_wheel_ships_is_what_install_writes() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernelspec/data/share/jupyter");
        for extra in EXTRAS {
            let mut found = Vec::new();
            let mut left = vec![extra.dir(&root)];
            while let Some(dir) = left.pop() {
                for entry in fs::read_dir(&dir).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() {
                        left.push(path);
                    } else {
                        let inner = path.strip_prefix(extra.dir(&root)).unwrap();
                        found.push(inner.to_str().unwrap().to_owned());
                    }
                }
            }
            found.sort();
            let mut named: Vec<&str> = extra.files.iter().map(|(file, _)| *file).collect();
            named.sort_unstable();
            assert_eq!(found, named, "{}", extra.name);
            assert_eq!(extra.standing(&root), Standing::Current);
        }
    }

    #[test]
    fn what_is_not_ours_stays_and_what_is_ours_comes_and_goes() {
        for extra in EXTRAS {
            let data = tempfile::tempdir().unwrap();
            assert_eq!(extra.write(data.path()).unwrap(), Standing::Missing);
            assert_eq!(extra.standing(data.path()), Standing::Current);
            let dir = extra.dir(data.path());
            let (file, _) = extra.files[extra.files.len() - 1];
            fs::write(dir.join(file), "older").unwrap();
            assert_eq!(extra.write(data.path()).unwrap(), Standing::OtherVersion);
            assert_eq!(extra.standing(data.path()), Standing::Current);
            assert!(extra.remove(data.path()).unwrap());
            assert!(!dir.exists(), "nothing is left");
            assert!(!extra.remove(data.path()).unwrap());

            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join(extra.marker), r#"{"name": "theirs"}"#).unwrap();
            assert_eq!(extra.write(data.path()).unwrap(), Standing::Foreign);
            assert!(!extra.remove(data.path()).unwrap());
            assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        }
    }
}
