//! Where temporary files go. If the folder that `TMPDIR` names cannot be used, they go to the state
//! directory, and the first cell says so.
//!
//! Makes and removes a folder to find out.

use std::path::Path;

/// The folder below the state directory.
const FOLDER: &str = "tmp";

/// Makes sure that temporary files can be made. Returns what the person is told if they do not go
/// where `TMPDIR` says.
pub(super) fn ensure(state_dir: Option<&Path>) -> Option<String> {
    let folder = std::env::temp_dir();
    let why = unusable(&folder)?;
    let own = state_dir.and_then(|dir| std::path::absolute(dir.join(FOLDER)).ok());
    if !own.is_some_and(|own| is_taken(&own)) {
        return Some(format!(
            "Temporary files cannot be made in `{}` ({why}): set `TMPDIR` to a folder that can be written to.",
            folder.display()
        ));
    }
    Some(format!(
        "`TMPDIR` is `{}`, which cannot be used ({why}), so temporary files go to the state directory.",
        folder.display()
    ))
}

/// Has temporary files made in a folder; false if it cannot be used either.
fn is_taken(folder: &Path) -> bool {
    // If the folder cannot be made, it cannot be used, which is found out next.
    let _ = std::fs::create_dir_all(folder);
    unusable(folder).is_none() && tempfile::env::override_temp_dir(folder).is_ok()
}

/// Why no folder can be made in a folder; `None` if one can.
fn unusable(folder: &Path) -> Option<String> {
    if !folder.is_absolute() {
        return Some("it is not absolute".to_owned());
    }
    let made = tempfile::Builder::new().prefix("ck-").tempdir_in(folder);
    // The text of the error holds the name that was tried, which is another one each time.
    made.err().map(|error| error.kind().to_string())
}
