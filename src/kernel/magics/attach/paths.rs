//! From what a person typed to the files that are meant: paths and patterns for `%attach`, and the
//! narrow rules of `@path`.
//!
//! Edge: looks at the file system, writes nothing. Nothing is opened here.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::cell::mention::Mention;
use crate::host::unnumbered;

/// Files that one pattern, or one cell, may bring.
pub(super) const MAX_FILES: usize = 100;
/// Entries of a folder that are looked at when names are suggested or completed.
const MAX_ENTRIES: usize = 2_000;

/// A file that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it is, links resolved.
    pub(super) path: PathBuf,
    /// As the person wrote it, or as the pattern found it.
    pub(super) shown: String,
}

/// Why a path is not to be attached: one sentence, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) why: String,
    pub(super) hint: String,
}

impl Refused {
    pub(super) fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            hint: hint.into(),
        }
    }
}

/// Finds what `%attach` was given: paths, or patterns, relative to `directory` or absolute.
pub(super) fn named(directory: &Path, typed: &[String]) -> Result<Vec<Found>, Refused> {
    let mut all: Vec<Found> = Vec::new();
    for typed in typed {
        let path = directory.join(home(typed));
        let found = match path.canonicalize() {
            Ok(path) => vec![Found {
                path,
                shown: typed.clone(),
            }],
            Err(_) if typed.contains(['*', '?', '[']) => matching(directory, typed)?,
            Err(error) => return Err(missing(directory, typed, &error)),
        };
        for file in found {
            if !all.iter().any(|known| known.path == file.path) {
                all.push(file);
            }
        }
        if all.len() > MAX_FILES {
            return Err(Refused::new(
                format!("these are more than {MAX_FILES} files"),
                "Name fewer, or pack them into one archive: Claude's sandbox has `unzip`.",
            ));
        }
    }
    Ok(all)
}

/// Replaces a leading `~/` by the person's home.
fn home(typed: &str) -> PathBuf {
    let below = typed.strip_prefix("~/");
    match (below, directories::BaseDirs::new()) {
        (Some(below), Some(base)) => base.home_dir().join(below),
        _ => PathBuf::from(typed),
    }
}

fn matching(directory: &Path, typed: &str) -> Result<Vec<Found>, Refused> {
    let base = glob::Pattern::escape(&directory.to_string_lossy());
    let expanded = home(typed);
    let pattern = if expanded.is_absolute() {
        expanded.to_string_lossy().into_owned()
    } else {
        format!("{base}/{typed}")
    };
    let options = glob::MatchOptions {
        require_literal_leading_dot: true,
        require_literal_separator: true,
        ..glob::MatchOptions::default()
    };
    let paths = glob::glob_with(&pattern, options).map_err(|error| {
        Refused::new(
            format!("`{typed}` is not a pattern: {}", error.msg),
            "Patterns know `*`, `?`, `[a-z]` and `**`.",
        )
    })?;
    let files = paths.filter_map(Result::ok).filter(|path| path.is_file());
    let found: Vec<Found> = files
        .take(MAX_FILES + 1)
        .filter_map(|path| {
            let shown = path.strip_prefix(directory).unwrap_or(&path);
            Some(Found {
                shown: shown.to_string_lossy().into_owned(),
                path: path.canonicalize().ok()?,
            })
        })
        .collect();
    if found.is_empty() {
        return Err(Refused::new(
            format!("no file matches `{typed}`"),
            "Patterns are relative to the notebook's folder; hidden files are only found by name.",
        ));
    }
    Ok(found)
}

fn missing(directory: &Path, typed: &str, error: &io::Error) -> Refused {
    match error.kind() {
        io::ErrorKind::NotFound => {
            let near = nearest(directory, typed);
            let near = near.map_or(String::new(), |near| format!("Did you mean `{near}`? "));
            Refused::new(
                format!("there is no file `{typed}`"),
                format!("{near}Paths are relative to the notebook's folder."),
            )
        }
        io::ErrorKind::PermissionDenied => Refused::new(
            format!("`{typed}` may not be read"),
            "Check its permissions and those of its folder.",
        ),
        _ => Refused::new(
            format!("`{typed}` cannot be found: {}", unnumbered(error)),
            "Check the path; it is relative to the notebook's folder.",
        ),
    }
}

/// Returns the file beside a missing one whose name is most alike.
fn nearest(directory: &Path, typed: &str) -> Option<String> {
    let typed = Path::new(typed);
    let name = typed.file_name()?.to_str()?;
    let parent = typed.parent().unwrap_or(Path::new(""));
    let entries = std::fs::read_dir(directory.join(parent)).ok()?;
    let names = entries
        .take(MAX_ENTRIES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .map(|other| (strsim::jaro_winkler(&other, name), other))
        .filter(|(alike, other)| *alike > 0.85 && !other.starts_with('.'))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| parent.join(name).to_string_lossy().into_owned())
}

/// What a mention turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mentioned {
    /// A file that may be attached.
    File(Found),
    /// Text that no one would take for a file.
    Text,
    /// Something that stays as typed, and why, as a clause.
    Stays(String),
}

/// Judges a mention: only plain files below `directory`, by a path that neither is hidden nor leads
/// out.
pub(super) fn mentioned(directory: &Path, mention: &Mention) -> Mentioned {
    for reading in mention.readings() {
        match below(directory, reading) {
            Below::Missing => {}
            Below::File(path) => {
                return Mentioned::File(Found {
                    path,
                    shown: reading.to_owned(),
                });
            }
            Below::Refused(why) => return Mentioned::Stays(why.to_owned()),
        }
    }
    if mention.looks_like_path() {
        return Mentioned::Stays("there is no such file below the notebook's folder".to_owned());
    }
    Mentioned::Text
}

#[derive(Debug)]
enum Below {
    Missing,
    File(PathBuf),
    Refused(&'static str),
}

const OUTSIDE: &str =
    "only files below the notebook's folder are attached this way; `%attach` takes any";
const HIDDEN: &str = "hidden files are not attached this way; `%attach` takes any";

fn below(directory: &Path, typed: &str) -> Below {
    let plain = |component: &Component<'_>| matches!(component, Component::Normal(_));
    let relative = Path::new(typed);
    let mut components = relative.components().filter(|c| *c != Component::CurDir);
    if !components.all(|component| plain(&component)) {
        // The message must not tell whether such a file exists outside the folder.
        return Below::Refused(OUTSIDE);
    }
    let (Ok(root), Ok(path)) = (
        directory.canonicalize(),
        directory.join(relative).canonicalize(),
    ) else {
        return Below::Missing;
    };
    let Ok(inside) = path.strip_prefix(&root) else {
        return Below::Refused(OUTSIDE);
    };
    let hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
    if inside
        .iter()
        .chain(relative.iter().filter(|part| *part != "."))
        .any(hidden)
    {
        return Below::Refused(HIDDEN);
    }
    if path.is_dir() {
        return Below::Refused("it is a folder; `%attach FOLDER/*` attaches what is in it");
    }
    Below::File(path)
}

/// Returns what may complete a path below `directory`: files, and folders with `/` at the end.
/// Hidden ones are left out, and so is everything outside.
pub fn completions(directory: &Path, typed: &str) -> Vec<String> {
    let (folder, prefix) = match typed.rfind('/') {
        Some(at) => typed.split_at(at + 1),
        None => ("", typed),
    };
    let plain = Path::new(folder)
        .components()
        .all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    let (Ok(root), Ok(inside)) = (
        directory.canonicalize(),
        directory.join(folder).canonicalize(),
    ) else {
        return Vec::new();
    };
    if !plain || !inside.starts_with(&root) {
        return Vec::new();
    }
    let Ok(entries) = std::fs::read_dir(inside) else {
        return Vec::new();
    };
    let mut found: Vec<String> = entries
        .take(MAX_ENTRIES)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let fits = name.starts_with(prefix)
                && !name.starts_with('.')
                && !name.contains(char::is_control);
            let slash = if entry.path().is_dir() { "/" } else { "" };
            fits.then(|| format!("{folder}{name}{slash}"))
        })
        .collect();
    found.sort();
    found
}
