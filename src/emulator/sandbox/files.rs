//! The directory of a container, from outside: nothing that a command made is followed or trusted.
//!
//! Every directory named here is directly below the container's root, where commands cannot write.
//! So its name is certain, and only its content comes from commands. That content is moved and
//! removed by name, and never opened through a link.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: makes and empties the directories of a container"
)]

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};

use super::super::confine::Interpreter;
use super::super::script::{Variables, is_name};
use super::{CallError, Limits};

/// The most bytes of `$SCRIPT_VARS` that are read.
const MAX_VARIABLES_BYTES: u64 = 1 << 20;

/// The most bytes that the arguments of all calls of one waiting cell may have.
const MAX_CALLS_BYTES: u64 = 16 * 1024 * 1024;

/// The directories of `confine`, those that only this side uses, and `mnt`, in which a private root
/// is built.
const DIRECTORIES: [&str; 10] = [
    "home", "output", "state", "input", "cells", "bin", "tmp", "jobs", "files", "mnt",
];

/// Makes a container's directory.
pub(super) fn make(id: &str, parent: &Path) -> io::Result<PathBuf> {
    let mut components = Path::new(id).components();
    let plain = matches!(components.next(), Some(Component::Normal(_)));
    if !plain || components.next().is_some() {
        let problem = format!("`{id}` cannot be the name of a container");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    let root = parent.canonicalize()?.join(id);
    let mut private = DirBuilder::new();
    private.mode(0o700).create(&root)?;
    for name in DIRECTORIES {
        private.create(root.join(name))?;
    }
    Ok(root)
}

/// Puts `python3` and `python` into the container, as programs that start the interpreter.
pub(super) fn shims(root: &Path, python: Option<&Path>) -> io::Result<()> {
    let Some(python) = Interpreter::find(python) else {
        return Ok(());
    };
    let path = python.path.to_string_lossy().replace('\'', "'\\''");
    let text = format!("#!/bin/sh\nexec '{path}' \"$@\"\n");
    for name in ["python3", "python"] {
        let shim = root.join("bin").join(name);
        fs::write(&shim, &text)?;
        fs::set_permissions(&shim, Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Writes a file that commands can only read, below `input` or `cells`.
pub(super) fn give(root: &Path, directory: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::write(root.join(directory).join(name), bytes)
}

/// Copies a file into `input`. If there is one of that name, it is replaced.
pub(super) fn copy_in(root: &Path, name: &str, from: &Path) -> io::Result<()> {
    fs::copy(from, root.join("input").join(name)).map(|_| ())
}

/// Reduces a name to its last component; `None` when nothing is left.
pub(super) fn file_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next()?;
    let plain: String = last.chars().filter(|c| !c.is_control()).collect();
    (!plain.is_empty() && plain != "." && plain != "..").then_some(plain)
}

/// Empties `output`. The directory itself stays, because the interpreter has it open.
pub(super) fn clear_output(root: &Path) -> io::Result<()> {
    let output = root.join("output");
    open_up(&output);
    for entry in fs::read_dir(&output)? {
        remove(&entry?.path())?;
    }
    Ok(())
}

/// Moves the plain files of `output` to where commands cannot reach them; returns them by name, and
/// how many were left out.
pub(super) fn collect(
    root: &Path,
    call: u32,
    limits: &Limits,
) -> Result<(Vec<PathBuf>, usize), CallError> {
    let broken = |error: io::Error| CallError::unavailable(format!("`$OUTPUT_DIR`: {error}"));
    let output = root.join("output");
    open_up(&output);
    let mut names = Vec::new();
    for entry in fs::read_dir(&output).map_err(broken)? {
        let entry = entry.map_err(broken)?;
        // `file_type` does not follow links.
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            names.push(entry.file_name());
        }
    }
    names.sort();
    let left = names.len().saturating_sub(limits.files);
    names.truncate(limits.files);
    if names.is_empty() {
        return Ok((Vec::new(), left));
    }
    let kept = root.join("files").join(call.to_string());
    fs::create_dir(&kept).map_err(broken)?;
    let mut files = Vec::new();
    for name in names {
        let to = kept.join(name.to_string_lossy().as_ref());
        match fs::rename(output.join(&name), &to) {
            // A thread of the interpreter has removed it in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            moved => moved.map_err(broken)?,
        }
        // From here on nobody can put something else in its place.
        let meta = fs::symlink_metadata(&to).map_err(broken)?;
        if !meta.is_file() {
            remove(&to).map_err(broken)?;
            continue;
        }
        if meta.len() > limits.file_bytes {
            remove(&kept).map_err(broken)?;
            let name = name.to_string_lossy();
            return Err(CallError {
                code: "output_file_too_large",
                message: format!("`{name}` has {} bytes", meta.len()),
            });
        }
        let readable = Permissions::from_mode(0o600);
        fs::set_permissions(&to, readable).map_err(broken)?;
        files.push(to);
    }
    Ok((files, left))
}

/// Reads `name=value` lines. If a name is there twice, the last value counts.
pub(super) fn variables(root: &Path) -> Variables {
    let text = state(root, "variables", MAX_VARIABLES_BYTES);
    let pairs = text.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        let name = name.trim();
        is_name(name).then(|| (name.to_owned(), value.trim_end().to_owned()))
    });
    pairs.collect()
}

/// Reads, as JSON, the calls that a cell waits for.
pub(super) fn calls(root: &Path) -> String {
    state(root, "calls", MAX_CALLS_BYTES)
}

/// Reads a file that commands can write.
fn state(root: &Path, name: &str, most: u64) -> String {
    let path = root.join("state").join(name);
    let mut bytes = Vec::new();
    let opened = OpenOptions::new()
        .read(true)
        // Does not follow a link and does not wait for a pipe.
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(path);
    if let Ok(file) = opened
        && file.metadata().is_ok_and(|meta| meta.is_file())
    {
        let _cut_short = file.take(most).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Removes a file or a directory, also one that was made unreadable.
pub(in crate::emulator) fn remove(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_dir() {
        return fs::remove_file(path);
    }
    if fs::remove_dir_all(path).is_ok() {
        return Ok(());
    }
    let mut directories = vec![path.to_owned()];
    while let Some(directory) = directories.pop() {
        open_up(&directory);
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        directories.extend(inner.map(|entry| entry.path()));
    }
    fs::remove_dir_all(path)
}

/// Gives us access to a directory, unless it has become a link.
fn open_up(directory: &Path) {
    let itself = FchmodatFlags::NoFollowSymlink;
    let _not_ours = fchmodat(AT_FDCWD, directory, Mode::S_IRWXU, itself);
}
