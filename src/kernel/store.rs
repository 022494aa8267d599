//! Files on this machine: what the sandbox made goes below `claude_files/`, and nowhere else.
//!
//! Edge. Invariants: a name from outside never leaves the folder, nothing is overwritten, nothing
//! is executable, a half-fetched file is never seen under its name.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::anthropic::client::Client;
use crate::anthropic::error::ApiError;
use crate::anthropic::files::retrying;
use crate::chat::turn::FetchedFile;
use crate::host::Host;

/// The folder's name, in the notebook's directory.
pub const FOLDER: &str = "claude_files";
/// The largest file that is fetched, in bytes: the Files API takes no larger one.
pub const MAX_FILE_BYTES: u64 = 500 * 1024 * 1024;
/// The largest text `%system --file` reads.
const MAX_TEXT_BYTES: u64 = 1024 * 1024;
/// The longest file name kept, in bytes; most file systems take 255.
const MAX_NAME_BYTES: usize = 120;
/// Names are tried up to `name-999.ext`.
const MAX_VERSIONS: u32 = 999;

/// Where files go. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
    /// The largest file whose bytes are handed on to be shown.
    max_shown_bytes: u64,
    /// The largest file that is fetched.
    max_bytes: u64,
}

impl Store {
    /// Keeps files of at most `max_bytes` below `working_directory`; hands on the content of those
    /// of at most `max_shown_bytes`.
    #[must_use]
    pub fn new(working_directory: &Path, max_shown_bytes: u64, max_bytes: u64) -> Self {
        Self {
            directory: working_directory.join(FOLDER),
            max_shown_bytes,
            max_bytes: max_bytes.min(MAX_FILE_BYTES),
        }
    }

    /// Fetches a file of the Files API and saves it; a broken download is tried again.
    ///
    /// # Errors
    /// A clause that says what went wrong: the fetch, its size, or the disk.
    pub async fn fetch(
        &self,
        client: &Client,
        host: &dyn Host,
        file_id: &str,
    ) -> Result<FetchedFile, String> {
        let metadata = retrying(host, || client.file(file_id))
            .await
            .map_err(|error| error.to_string())?;
        let name = safe_name(&metadata.filename);
        if metadata.size_bytes > self.max_bytes {
            return Err(format!(
                "`{name}` has {} bytes, more than the {} that are fetched",
                metadata.size_bytes, self.max_bytes
            ));
        }
        let part = retrying(host, || self.download(client, file_id))
            .await
            .map_err(|error| format!("`{name}`: {error}"))?;
        let part = part.map_err(|error| unwritable(&error))?;
        let (size_bytes, shown) = (part.size_bytes, part.shown.clone());
        let name = self.keep(part, &name).map_err(|error| unwritable(&error))?;
        let start = shown.as_deref().unwrap_or_default();
        let mime_type = infer::get(start).map_or_else(
            || declared_type(&metadata.mime_type, &name),
            |kind| kind.mime_type().to_owned(),
        );
        Ok(FetchedFile {
            file_id: file_id.to_owned(),
            relative_path: format!("{FOLDER}/{name}"),
            name,
            mime_type,
            size_bytes,
            bytes: shown,
        })
    }

    /// Downloads once. The outer error is the API's and may be tried again, the inner the disk's.
    async fn download(
        &self,
        client: &Client,
        file_id: &str,
    ) -> Result<std::io::Result<Part>, ApiError> {
        let mut content = client.file_content(file_id, self.max_bytes).await?;
        let mut file = match self.open_part() {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        let (mut hasher, mut size_bytes, mut kept) = (Sha256::new(), 0u64, Vec::new());
        while let Some(chunk) = content.next().await? {
            size_bytes += chunk.len() as u64;
            hasher.update(&chunk);
            if let Err(error) = file.write_all(&chunk) {
                return Ok(Err(error));
            }
            if size_bytes <= self.max_shown_bytes {
                kept.extend_from_slice(&chunk);
            } else {
                kept = Vec::new();
            }
        }
        let shown = (size_bytes <= self.max_shown_bytes).then(|| Bytes::from(kept));
        Ok(Ok(Part {
            file,
            digest: hasher.finalize().to_vec(),
            size_bytes,
            shown,
        }))
    }

    /// Opens a hidden file in the folder, made if need be; gone again when dropped.
    fn open_part(&self) -> std::io::Result<tempfile::NamedTempFile> {
        match std::fs::symlink_metadata(&self.directory) {
            Ok(found) if !found.is_dir() => {
                return Err(std::io::Error::other(format!(
                    "`{FOLDER}` is not a folder; move it away"
                )));
            }
            Ok(_) => {}
            Err(_) => std::fs::create_dir_all(&self.directory)?,
        }
        tempfile::Builder::new()
            .prefix(".part-")
            .tempfile_in(&self.directory)
    }

    /// Gives a complete file its name. The same bytes under the same name are kept once; other
    /// bytes get `name-2.ext`, `name-3.ext`, ….
    fn keep(&self, part: Part, name: &str) -> std::io::Result<String> {
        let Part {
            mut file, digest, ..
        } = part;
        make_readable(file.as_file())?;
        for version in 1..=MAX_VERSIONS {
            let candidate = versioned(name, version);
            let path = self.directory.join(&candidate);
            match file.persist_noclobber(&path) {
                Ok(_) => return Ok(candidate),
                Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                    if has_digest(&path, &digest) {
                        return Ok(candidate);
                    }
                    file = error.file;
                }
                Err(error) => return Err(error.error),
            }
        }
        Err(std::io::Error::other(format!(
            "{MAX_VERSIONS} versions of `{name}` exist already"
        )))
    }
}

/// A downloaded file that has no name yet; gone again when dropped.
#[derive(Debug)]
struct Part {
    file: tempfile::NamedTempFile,
    /// SHA-256.
    digest: Vec<u8>,
    size_bytes: u64,
    /// The content, when small enough to show.
    shown: Option<Bytes>,
}

fn unwritable(error: &std::io::Error) -> String {
    format!("cannot write to `{FOLDER}`: {error}")
}

/// Reads a text file that a person named in a magic.
///
/// # Errors
/// A clause that says why not.
pub fn read_text(path: &str) -> Result<String, String> {
    let size_bytes = std::fs::metadata(path)
        .map_err(|error| error.to_string())?
        .len();
    if size_bytes > MAX_TEXT_BYTES {
        return Err(format!(
            "it has {size_bytes} bytes, more than {MAX_TEXT_BYTES}"
        ));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// Turns a name from outside into one that is safe in a folder, a Markdown link and a terminal.
fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut safe: String = last
        .chars()
        .map(|character| match character {
            '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
            character if character.is_control() || is_invisible(character) => '_',
            character => character,
        })
        .collect();
    safe = safe.trim_matches([' ', '.']).to_owned();
    let (stem, extension) = split(&safe);
    let (stem, extension) = (stem.to_owned(), clip(extension, 20).to_owned());
    let mut stem = clip(&stem, MAX_NAME_BYTES - extension.len()).to_owned();
    if is_reserved(&stem) {
        stem.insert(0, '_');
    }
    match (stem.is_empty(), extension.is_empty()) {
        (true, true) => "unnamed".to_owned(),
        (true, false) => format!("unnamed.{extension}"),
        (false, true) => stem,
        (false, false) => format!("{stem}.{extension}"),
    }
}

/// Marks that turn the direction of text or take no room, with which a name can lie about itself.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Names that Windows keeps for devices, with any extension.
fn is_reserved(stem: &str) -> bool {
    let base = stem
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_ascii_uppercase();
    let numbered = |prefix: &str| {
        base.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    matches!(base.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, extension),
        _ => (name, ""),
    }
}

/// Cuts a text to at most `bytes` bytes, between characters.
fn clip(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn versioned(name: &str, version: u32) -> String {
    let (stem, extension) = split(name);
    match (version, extension) {
        (1, _) => name.to_owned(),
        (_, "") => format!("{stem}-{version}"),
        _ => format!("{stem}-{version}.{extension}"),
    }
}

fn has_digest(path: &Path, digest: &[u8]) -> bool {
    let is_file = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    let mut hasher = Sha256::new();
    is_file
        && std::fs::File::open(path)
            .and_then(|mut file| std::io::copy(&mut file, &mut HashWriter(&mut hasher)))
            .is_ok()
        && hasher.finalize().as_slice() == digest
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.0.update(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
fn make_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_file: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

/// The type the API gave, or the one the name suggests when it gave none worth having.
fn declared_type(declared: &str, name: &str) -> String {
    let declared = declared.split(';').next().unwrap_or_default().trim();
    match declared {
        "" | "application/octet-stream" | "text/plain" => {
            mime_guess::from_path(name).first().map_or_else(
                || {
                    if declared.is_empty() {
                        "application/octet-stream".to_owned()
                    } else {
                        declared.to_owned()
                    }
                },
                |mime| mime.essence_str().to_owned(),
            )
        }
        _ => declared.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_stay_in_the_folder() {
        for (name, expected) in [
            ("revenue.png", "revenue.png"),
            ("../../x", "x"),
            ("/etc/passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("..", "unnamed"),
            ("", "unnamed"),
            (".hidden", "hidden"),
            ("a\u{0}b\n.csv", "a_b_.csv"),
            ("gpj.\u{202e}evil.exe", "gpj._evil.exe"),
            ("CON", "_CON"),
            ("com1.txt", "_com1.txt"),
            ("a<b>|c?.txt", "a_b__c_.txt"),
        ] {
            assert_eq!(safe_name(name), expected, "{name:?}");
        }
        assert!(safe_name(&"é".repeat(5000)).len() <= MAX_NAME_BYTES);
        assert!(safe_name(&format!("a.{}", "x".repeat(5000))).len() <= MAX_NAME_BYTES);
    }

    #[test]
    fn the_same_bytes_are_kept_once_and_others_beside_them() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path(), 100, MAX_FILE_BYTES);
        let keep = |text: &str| {
            let mut file = store.open_part().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let digest = Sha256::digest(text.as_bytes()).to_vec();
            store
                .keep(
                    Part {
                        file,
                        digest,
                        size_bytes: 1,
                        shown: None,
                    },
                    "a.csv",
                )
                .unwrap()
        };
        assert_eq!(
            [keep("1"), keep("2"), keep("1"), keep("2"), keep("3")],
            ["a.csv", "a-2.csv", "a.csv", "a-2.csv", "a-3.csv"]
        );
        let left: Vec<_> = std::fs::read_dir(directory.path().join(FOLDER))
            .unwrap()
            .collect();
        assert_eq!(left.len(), 3);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_a_link_is_refused() {
        let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(elsewhere.path(), directory.path().join(FOLDER)).unwrap();
        assert!(
            Store::new(directory.path(), 100, MAX_FILE_BYTES)
                .open_part()
                .is_err()
        );
    }
}
