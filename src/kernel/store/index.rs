//! The index of `claude_files/`: which turn and which code made which file.
//!
//! There is one line of JSON for each file that was saved or removed, in `.index.jsonl`; no saved
//! file can have this name, because none begins with a dot. Each line is appended with one write,
//! so that two kernels can share the folder; an incomplete line is skipped. The index can be read
//! without the conversation. The metadata of the notebook's outputs hold the same facts, but the
//! index also holds them for files whose cell is gone.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{FOLDER, Store};
use crate::chat::turn::Origin;

/// The name of the index in the folder.
pub(super) const INDEX: &str = ".index.jsonl";
/// The most bytes of the index that are read, from its end: about ten thousand files.
const MAX_INDEX_BYTES: u64 = 8 * 1024 * 1024;

/// A file that a sandbox made and that is saved here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its name in the folder.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The media type.
    pub mime_type: String,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
    /// The code or the step that made it.
    #[serde(flatten)]
    pub origin: Origin,
    /// The file name of the notebook; empty where nobody knows it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notebook: String,
    /// When it was saved.
    pub saved_at: DateTime<Utc>,
}

/// A line of the index.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
enum Line {
    Saved(Artifact),
    Removed { name: String, at: DateTime<Utc> },
}

impl Store {
    /// Returns the files of the folder that are in the index, the newest last.
    #[must_use]
    pub fn artifacts(&self) -> Vec<Artifact> {
        let mut found = read(&self.directory).unwrap_or_else(|error| {
            tracing::warn!(%error, "the index of `{FOLDER}` cannot be read");
            Vec::new()
        });
        found.retain(|artifact| self.path_of(&artifact.name).is_some());
        found
    }

    /// Returns whether a file was made for the same notebook.
    #[must_use]
    pub fn is_own(&self, artifact: &Artifact) -> bool {
        artifact.notebook == self.notebook
    }
}

/// Notes that a file was saved.
pub(super) fn saved(folder: &Path, artifact: &Artifact) -> io::Result<()> {
    append(folder, &Line::Saved(artifact.clone()))
}

/// Notes that a file was removed.
pub(super) fn removed(folder: &Path, name: &str, at: DateTime<Utc>) -> io::Result<()> {
    let name = name.to_owned();
    append(folder, &Line::Removed { name, at })
}

fn append(folder: &Path, line: &Line) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    let mut file = open(&mut options, folder)?;
    let mut text = Vec::new();
    // If a kernel died while it wrote a line, there is no line break at the end.
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            text.push(b'\n');
        }
    }
    serde_json::to_writer(&mut text, line)?;
    text.push(b'\n');
    file.write_all(&text)
}

/// Returns the files that were saved and not removed since: the newest line of each, oldest first.
/// Does not check whether they still exist.
pub(super) fn read(folder: &Path) -> io::Result<Vec<Artifact>> {
    let mut file = match open(OpenOptions::new().read(true), folder) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let skipped = file.metadata()?.len().saturating_sub(MAX_INDEX_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(MAX_INDEX_BYTES).read_to_end(&mut bytes)?;
    // From the end, because the last line about a name decides and the others are ignored.
    let (mut found, mut decided) = (Vec::new(), HashSet::new());
    for line in bytes.split(|byte| *byte == b'\n').rev() {
        match serde_json::from_slice(line) {
            Ok(Line::Saved(artifact)) => {
                if decided.insert(artifact.name.clone()) {
                    found.push(artifact);
                }
            }
            Ok(Line::Removed { name, .. }) => {
                decided.insert(name);
            }
            Err(error) => {
                if !line.is_empty() {
                    tracing::debug!(%error, "a line of the index cannot be read");
                }
            }
        }
    }
    found.reverse();
    Ok(found)
}

/// Opens the index. Refuses a link and everything that is not a plain file.
fn open(options: &mut OpenOptions, folder: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
            .mode(0o644);
    }
    let file = options.open(folder.join(INDEX))?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(format!("`{INDEX}` is not a plain file")));
    }
    Ok(file)
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "edge: tests write what is in the way"
)]
mod tests {
    use super::*;

    fn artifact(name: &str, count: u32) -> Artifact {
        Artifact {
            name: name.to_owned(),
            size_bytes: 3,
            mime_type: "text/csv".to_owned(),
            sha256: "ab".to_owned(),
            origin: Origin {
                count,
                step: 2,
                tool_use_id: "srvtoolu_1".to_owned(),
                title: "Write \"it\"\n".to_owned(),
                code_sha256: "cd".to_owned(),
            },
            notebook: String::new(),
            saved_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_was_saved_is_found_and_what_was_removed_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), []);
        for (name, count) in [("a.csv", 1), ("b.csv", 1), ("a.csv", 2), ("c.csv", 3)] {
            saved(folder.path(), &artifact(name, count)).unwrap();
        }
        removed(folder.path(), "b.csv", DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(
            read(folder.path()).unwrap(),
            [artifact("a.csv", 2), artifact("c.csv", 3)]
        );
        removed(folder.path(), "a.csv", DateTime::UNIX_EPOCH).unwrap();
        saved(folder.path(), &artifact("a.csv", 4)).unwrap();
        assert_eq!(
            read(folder.path()).unwrap(),
            [artifact("c.csv", 3), artifact("a.csv", 4)]
        );
        let text = std::fs::read_to_string(folder.path().join(INDEX)).unwrap();
        assert_eq!(
            text.lines().next().unwrap(),
            r#"{"event":"saved","name":"a.csv","size_bytes":3,"mime_type":"text/csv","sha256":"ab","count":1,"step":2,"tool_use_id":"srvtoolu_1","title":"Write \"it\"\n","code_sha256":"cd","saved_at":"1970-01-01T00:00:00Z"}"#
        );
    }

    #[test]
    fn torn_lines_cost_only_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let torn = b"\xff\n{\"event\":\"new\",\"name\":\"x\"}\n[1]\n{\"event\":\"saved\",\"na";
        std::fs::write(folder.path().join(INDEX), torn).unwrap();
        saved(folder.path(), &artifact("a.csv", 1)).unwrap();
        assert_eq!(read(folder.path()).unwrap(), [artifact("a.csv", 1)]);
    }

    #[cfg(unix)]
    #[test]
    fn an_index_that_is_a_link_is_neither_written_nor_read() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = elsewhere.path().join("profile");
        std::fs::write(&target, "mine\n").unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join(INDEX)).unwrap();
        saved(folder.path(), &artifact("a.csv", 1)).unwrap_err();
        read(folder.path()).unwrap_err();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "mine\n");
    }
}
