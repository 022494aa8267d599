//! Reads notebooks as JSON values and writes files whole or not at all.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::host::unnumbered;
use crate::kernel::store::FOLDER;
use crate::notebook::page::Place;

use super::failure::Failure;

/// The largest notebook that is read, in bytes: one with many figures has some tens of megabytes.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// The most entries of a folder that are looked at for folders with attached files.
const MAX_ENTRIES: usize = 1_000;
/// The largest file beside a notebook that is looked at, in bytes.
const MAX_BESIDE_BYTES: u64 = 64 * 1024 * 1024;

/// Reads a file that lies beside a notebook, if it is there; names that lead elsewhere are none.
pub(super) fn beside(notebook: &Path, place: Place, name: &str) -> Option<Vec<u8>> {
    let path = match place {
        Place::Made => folder_of(notebook).join(FOLDER).join(plain(name)?),
        Place::Attached => attached(notebook, name)?,
    };
    let metadata = path.metadata().ok()?;
    let is_read = metadata.is_file() && metadata.len() <= MAX_BESIDE_BYTES;
    is_read.then(|| std::fs::read(path).ok())?
}

/// Returns where a file lies that was attached: in the notebook's folder, or in a folder there, such as
/// `data`.
pub(super) fn attached(notebook: &Path, name: &str) -> Option<PathBuf> {
    let (folder, name) = (folder_of(notebook), plain(name)?);
    let here = folder.join(name);
    if here.is_file() {
        return Some(here);
    }
    let entries = std::fs::read_dir(folder).ok()?.take(MAX_ENTRIES);
    let folders = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // No link is followed.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        (is_folder && !is_hidden && entry.file_name() != FOLDER).then(|| entry.path())
    });
    let mut found: Vec<PathBuf> = folders.map(|folder| folder.join(name)).collect();
    found.retain(|path| path.is_file());
    found.sort();
    found.into_iter().next()
}

fn folder_of(notebook: &Path) -> &Path {
    let folder = notebook.parent();
    folder
        .filter(|folder| *folder != Path::new(""))
        .unwrap_or(Path::new("."))
}

/// The name, if it is one and no path.
fn plain(name: &str) -> Option<&str> {
    let is_plain = Path::new(name).file_name().is_some_and(|own| own == name);
    is_plain.then_some(name)
}

/// Says why a file is no notebook that can be read.
pub(super) fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::new(format!("cannot read `{}`: {why}", path.display()))
        .with_hint("give the path of a saved notebook, such as `analysis.ipynb`")
}

/// Reads the JSON of a notebook of any format; `-` is standard input.
pub(super) fn read_any(path: &Path) -> Result<Value, Failure> {
    let mut text = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(MAX_BYTES).read_to_end(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text))
    };
    read.map_err(|error| unreadable(path, &unnumbered(&error)))?;
    serde_json::from_slice(&text)
        .map_err(|error| unreadable(path, &format!("it is no notebook ({error})")))
}

/// Reads a notebook of today's format; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Value, Failure> {
    let notebook = read_any(path)?;
    match notebook.get("cells").and_then(Value::as_array) {
        Some(_) => Ok(notebook),
        None if notebook.get("worksheets").is_some() => Err(Failure::new(format!(
            "`{}` is a notebook of the old format 3",
            path.display()
        ))
        .with_hint("`jupyter nbconvert --to notebook --nbformat 4` brings it up to date")),
        None => Err(unreadable(path, "it has no cells")),
    }
}

/// Writes a file beside its place and moves it there, so that a half-written one is never seen.
/// Without `replaces`, a file that is there stays.
pub(super) fn write(path: &Path, text: &str, replaces: bool) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!(
            "cannot write `{}`: {}",
            path.display(),
            unnumbered(&error)
        ))
    };
    if !replaces && path.symlink_metadata().is_ok() {
        return Err(
            Failure::new(format!("`{}` is there already", path.display()))
                .with_hint("name another file with `-o`, or add `--force`"),
        );
    }
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let mut file = tempfile::Builder::new()
        .prefix(".claude-kernel-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    let permissions = match path.metadata() {
        Ok(there) => there.permissions(),
        Err(_) => std::os::unix::fs::PermissionsExt::from_mode(0o644),
    };
    file.as_file()
        .set_permissions(permissions)
        .map_err(failed)?;
    let moved = match replaces {
        true => file.persist(path),
        false => file.persist_noclobber(path),
    };
    moved.map_err(|error| failed(error.error))?;
    Ok(())
}
