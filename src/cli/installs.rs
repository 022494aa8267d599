//! Where kernelspecs were installed that Jupyter does not find from here, such as another
//! environment's prefix: `list` looks there too.
//!
//! An edge: one small file in the state directory, a `kernels` directory a line. It is a help and
//! nothing depends on it: if it cannot be read or written, nothing is said.

#![expect(
    clippy::disallowed_methods,
    reason = "edge: writes where kernelspecs are"
)]

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::{Config, Environment};

const FILE: &str = "installs.txt";
/// The most places that are kept: the newest.
const MOST: usize = 50;

/// Returns the places that still exist.
pub(super) fn elsewhere() -> Vec<PathBuf> {
    let mut dirs = read();
    dirs.retain(|dir| dir.is_absolute() && dir.is_dir());
    dirs
}

/// Notes a place.
pub(super) fn note(kernels_dir: &Path) {
    let Some(file) = file() else {
        return;
    };
    let mut dirs = read();
    dirs.retain(|dir| dir != kernels_dir);
    dirs.push(kernels_dir.to_owned());
    let surplus = dirs.len().saturating_sub(MOST);
    let lines = dirs.iter().skip(surplus).filter_map(|dir| dir.to_str());
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    let written = file
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&file, text));
    if let Err(error) = written {
        tracing::debug!(%error, "the place of a kernelspec is not noted");
    }
}

fn read() -> Vec<PathBuf> {
    let text = file().and_then(|file| fs::read_to_string(file).ok());
    text.unwrap_or_default()
        .lines()
        .map(PathBuf::from)
        .collect()
}

fn file() -> Option<PathBuf> {
    let config = Config::load(&Environment::from_process(), &[]);
    config.state_dir.map(|dir| dir.join(FILE))
}
