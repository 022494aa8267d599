//! Files that a person names in a cell, and the one rule for all magics that read them: what is read is
//! said, with its size; where nobody watches, only what lies below the notebook's folder is read; and
//! nothing that is no plain file.
//!
//! Edge: looks at the file system. A cell may come from somebody else's notebook.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::host::unnumbered;
use crate::render::foreign;

/// The largest text that is read.
const MAX_TEXT_BYTES: u64 = 1024 * 1024;
/// Places whose files are the system's, or a process's, own: its memory, its environment.
const SYSTEM: [&str; 3] = ["/proc", "/dev", "/sys"];

/// What may be read in a cell.
#[derive(Debug, Clone)]
pub struct Readable {
    directory: PathBuf,
    /// Whether nobody watches.
    is_headless: bool,
}

/// A text that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedText {
    /// The text.
    pub text: String,
    /// What to tell the person.
    pub note: String,
}

/// Why a file is not read, as a clause, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    /// It cannot be read at all, or is no text.
    #[error("{}", unnumbered(.0))]
    Unreadable(#[from] io::Error),
    /// It is too large for a text.
    #[error("it has {}, more than the {} of a text", foreign::size(*size_bytes), foreign::size(MAX_TEXT_BYTES))]
    TooLarge {
        /// What it has.
        size_bytes: u64,
    },
    /// It is a folder, a pipe, a device.
    #[error("it is no plain file")]
    NotPlain,
    /// It is the system's own.
    #[error("it belongs to the system")]
    System,
    /// It lies elsewhere, and nobody watches.
    #[error("it is not below the notebook's folder, and nobody watches this run")]
    Outside,
}

impl NotRead {
    /// Returns what to do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Outside => "Copy it beside the notebook, or run the cell in a notebook.",
            Self::Unreadable(_) | Self::TooLarge { .. } | Self::NotPlain | Self::System => {
                "Check the path; it is relative to the notebook."
            }
        }
    }
}

impl Readable {
    /// Reads relative to `directory`, the notebook's folder.
    #[must_use]
    pub fn new(directory: &Path, is_headless: bool) -> Self {
        Self {
            directory: directory.to_owned(),
            is_headless,
        }
    }

    /// Judges a path whose links have been followed.
    ///
    /// # Errors
    /// Why it is not to be read.
    pub fn admit(&self, path: &Path) -> Result<(), NotRead> {
        // A device is no plain file, which is said of others too.
        if path.is_file() && SYSTEM.iter().any(|place| path.starts_with(place)) {
            return Err(NotRead::System);
        }
        let folder = self.directory.canonicalize();
        let is_below = folder.is_ok_and(|folder| path.starts_with(folder));
        match self.is_headless && !is_below {
            true => Err(NotRead::Outside),
            false => Ok(()),
        }
    }

    /// Reads a text for a magic, such as `%system`.
    ///
    /// # Errors
    /// Why it is not to be read, or cannot be.
    pub fn text(&self, typed: &str, magic: &str) -> Result<NamedText, NotRead> {
        let path = self.directory.join(typed).canonicalize()?;
        self.admit(&path)?;
        let text = read_text(&path)?;
        let size = foreign::size(text.len() as u64);
        // A link may lead elsewhere.
        let shown = match self.directory.canonicalize() {
            Ok(folder) => path.strip_prefix(&folder).unwrap_or(&path).display(),
            Err(_) => path.display(),
        };
        let note = format!(
            "`{magic}` read `{}` ({size}).",
            foreign::line(&shown.to_string())
        );
        Ok(NamedText { text, note })
    }
}

/// Reads a text file, whoever named it.
///
/// # Errors
/// When it cannot be read, is no plain file, or too large.
pub fn read_text(path: &Path) -> Result<String, NotRead> {
    let file = open_plain(path)?;
    let size_bytes = file.metadata()?.len();
    if size_bytes > MAX_TEXT_BYTES {
        return Err(NotRead::TooLarge { size_bytes });
    }
    let mut text = String::new();
    // It may grow meanwhile, and some files do not tell their size.
    file.take(MAX_TEXT_BYTES + 1).read_to_string(&mut text)?;
    match text.len() as u64 {
        size_bytes if size_bytes > MAX_TEXT_BYTES => Err(NotRead::TooLarge { size_bytes }),
        _ => Ok(text),
    }
}

/// Opens a plain file; a pipe is not waited for.
fn open_plain(path: &Path) -> Result<File, NotRead> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, nix::libc::O_NONBLOCK);
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(NotRead::NotPlain),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn where_nobody_watches_only_the_notebooks_folder_is_read() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("work");
        fs::create_dir(&folder).unwrap();
        File::create(folder.join("in.txt")).unwrap();
        File::create(place.path().join("out.txt")).unwrap();
        std::os::unix::fs::symlink("../out.txt", folder.join("link.txt")).unwrap();
        for (typed, is_inside) in [
            ("in.txt", true),
            ("../work/in.txt", true),
            ("../out.txt", false),
            ("link.txt", false),
        ] {
            let watched = Readable::new(&folder, false).text(typed, "%system");
            assert!(watched.is_ok(), "{typed}: {watched:?}");
            let alone = Readable::new(&folder, true).text(typed, "%system");
            assert_eq!(alone.is_ok(), is_inside, "{typed}: {alone:?}");
        }
        let read = Readable::new(&folder, false).text("../work/in.txt", "%system");
        assert_eq!(read.unwrap().note, "`%system` read `in.txt` (0 B).");
    }

    #[test]
    fn only_plain_files_are_read_and_none_of_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let read = Readable::new(folder.path(), false);
        assert!(matches!(
            read.text("pipe", "%system"),
            Err(NotRead::NotPlain)
        ));
        assert!(matches!(read.text(".", "%system"), Err(NotRead::NotPlain)));
        for path in [
            "/proc/self/environ",
            "/dev/zero",
            "/dev/fd/0",
            "/sys/kernel/notes",
        ] {
            let error = read.text(path, "%system").unwrap_err();
            let other = matches!(&error, NotRead::Unreadable(_) | NotRead::NotPlain);
            assert!(matches!(error, NotRead::System) || other, "{path}: {error}");
        }
    }
}
