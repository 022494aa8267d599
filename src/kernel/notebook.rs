//! The saved notebook, as far as the kernel reads it: which cells it holds, in which order.
//!
//! A notebook is anybody's file: nothing of it is trusted but the order of its ids, and a file that
//! is odd, huge or gone only means that the order is not known.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

/// The largest notebook that is read for its order, in bytes: figures make notebooks heavy, and a
/// cell should not wait for more than a fraction of a second.
const LARGEST: u64 = 64 << 20;
/// The most cells that are taken note of, and the longest id: nbformat allows 64 characters.
const MAX_CELLS: usize = 100_000;
const LONGEST_ID: usize = 256;

/// A notebook file, and what was read of it last.
#[derive(Debug, Clone)]
pub struct Notebook {
    path: PathBuf,
    read: Option<Stamp>,
}

/// What changes when a file is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    size_bytes: u64,
}

#[derive(Deserialize)]
struct File {
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    #[serde(default)]
    id: Option<String>,
}

impl Notebook {
    /// Takes a path; nothing need be there yet.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path, read: None }
    }

    /// Takes the name Jupyter gave the session (`JPY_SESSION_NAME`), if it is the path of a notebook.
    #[must_use]
    pub fn of_session(name: &str) -> Option<Self> {
        let path = Path::new(name);
        let is_notebook = path.extension().is_some_and(|it| it == "ipynb");
        (is_notebook && path.is_absolute()).then(|| Self::at(path.to_owned()))
    }

    /// Returns where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the ids of the cells from top to bottom, if the file was saved since the last time.
    /// A file that cannot be read leaves the order as it was.
    pub fn saved_order(&mut self) -> Option<Vec<String>> {
        let metadata = fs::metadata(&self.path).ok()?;
        let stamp = Stamp {
            modified: metadata.modified().ok(),
            size_bytes: metadata.len(),
        };
        if self.read == Some(stamp) {
            return None;
        }
        self.read = Some(stamp);
        if !metadata.is_file() || stamp.size_bytes > LARGEST {
            return None;
        }
        let bytes = fs::read(&self.path).ok()?;
        let order = order_of(&bytes);
        if order.is_none() {
            tracing::warn!(path = %self.path.display(), "the saved notebook cannot be read; cells keep their order");
        }
        order
    }
}

/// Reads the ids out of a notebook; `None` for anything that is none.
fn order_of(bytes: &[u8]) -> Option<Vec<String>> {
    let file: File = serde_json::from_slice(bytes).ok()?;
    let ids = file.cells.into_iter().take(MAX_CELLS);
    Some(
        ids.filter_map(|cell| cell.id)
            .filter(|id| id.len() <= LONGEST_ID)
            .collect(),
    )
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests make the notebooks that they look for"
)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_in_order_and_odd_files_say_nothing() {
        let text = br#"{"cells":[{"id":"b","source":["x"]},{"cell_type":"markdown"},{"id":"a","outputs":[{"x":[1]}]}],"nbformat":4}"#;
        assert_eq!(order_of(text).unwrap(), ["b", "a"]);
        for odd in [
            &b""[..],
            b"{",
            b"[]",
            br#"{"cells":3}"#,
            b"\xff\xfe",
            br#"{"cells":[{"id":7}]}"#,
        ] {
            assert_eq!(order_of(odd), None);
        }
    }

    #[test]
    fn a_file_is_read_again_only_when_it_was_saved() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.ipynb");
        let mut notebook = Notebook::of_session(path.to_str().unwrap()).unwrap();
        assert_eq!(notebook.saved_order(), None, "not there yet");
        fs::File::create(&path).unwrap();
        assert_eq!(notebook.saved_order(), None, "empty");
        let save = |ids: &str| {
            use std::io::Write as _;
            let mut file = fs::File::create(&path).unwrap();
            file.write_all(format!(r#"{{"cells":[{ids}]}}"#).as_bytes())
                .unwrap();
        };
        save(r#"{"id":"a"}"#);
        assert_eq!(notebook.saved_order().unwrap(), ["a"]);
        assert_eq!(notebook.saved_order(), None);
        save(r#"{"id":"b"},{"id":"a"}"#);
        assert_eq!(notebook.saved_order().unwrap(), ["b", "a"]);
        fs::remove_file(&path).unwrap();
        assert_eq!(notebook.saved_order(), None);
        for odd in ["a.ipynb", "/console-1", ""] {
            assert!(Notebook::of_session(odd).is_none(), "{odd}");
        }
    }
}
