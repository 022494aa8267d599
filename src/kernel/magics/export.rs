//! `%export`: writes the code of the saved notebook below its folder, as `claude-kernel export` does.

use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use crate::cell::magics::export::{ExportForm, ExportJob};
use crate::cell::shown::{Part, Shown};
use crate::host::unnumbered;
use crate::kernel::context::{CellContext, Outcome};
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::interrupts::{Stopped, unless_stopped};
use crate::kernel::recordings::read::value;
use crate::notebook::export::{self, Form};

/// What was written.
struct Written {
    place: PathBuf,
    steps: usize,
}

/// Why nothing was written.
enum Failed {
    /// The notebook cannot be read, as a clause.
    Unreadable(String),
    /// It holds no code.
    NoCode,
    /// The file would lie elsewhere.
    Outside,
    /// It cannot be written.
    Io(io::Error),
}

/// Does what `%export` asks for.
///
/// # Errors
/// If the notebook cannot be read or holds no code, the file cannot be written, or the person stopped it.
pub(super) async fn export(
    job: ExportJob,
    context: &mut CellContext<'_>,
) -> Result<Outcome, Stopped> {
    let Some(notebook) = context.journal.notebook().map(Path::to_owned) else {
        return Err(CellError::new(
            ErrorKind::File,
            "`%export` needs the notebook's file, and this front end does not tell where it is",
            "`claude-kernel export NOTEBOOK` does the same.",
        )
        .into());
    };
    let folder = context.services.store.working_directory().to_owned();
    let form = match job.form {
        ExportForm::Notebook => Form::Notebook,
        ExportForm::Python => Form::Python,
        ExportForm::Markdown => Form::Markdown,
    };
    let name = notebook.with_extension(form.ending());
    let name = name
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let name = job.to.clone().unwrap_or(name);
    let shown = Part::code(&name).as_markdown().to_owned();
    let writing = tokio::task::spawn_blocking(move || write(&notebook, &folder, &name, form, &job));
    let written = unless_stopped(writing, context.interrupts, context.output.replies).await?;
    let written = written.unwrap_or_else(|error| Err(Failed::Io(io::Error::other(error))));
    let written = written.map_err(|failed| failed.told(&shown))?;
    let steps = match written.steps {
        1 => "1 step".to_owned(),
        steps => format!("{steps} steps"),
    };
    let told = format!(
        "Wrote {} ({steps}), as the notebook was last saved.",
        Part::code(&written.place.to_string_lossy()).as_markdown()
    );
    Ok(context.tell(Shown::default().paragraph(&told)).await)
}

fn write(
    notebook: &Path,
    folder: &Path,
    name: &str,
    form: Form,
    job: &ExportJob,
) -> Result<Written, Failed> {
    let value = value(notebook).map_err(|why| Failed::Unreadable(why.to_string()))?;
    let exported = export::export(&value, job.keeps_failed);
    let exported = exported
        .filter(|exported| exported.steps > 0)
        .ok_or(Failed::NoCode)?;
    let place = below(folder, name)?;
    if !job.force && place.symlink_metadata().is_ok() {
        return Err(Failed::Io(io::ErrorKind::AlreadyExists.into()));
    }
    let beside = place.parent().unwrap_or(folder);
    let mut file = tempfile::Builder::new()
        .prefix(".export-")
        .tempfile_in(beside)
        .map_err(Failed::Io)?;
    file.write_all(form.text(&exported).as_bytes())
        .map_err(Failed::Io)?;
    super::files::make_readable(file.as_file()).map_err(Failed::Io)?;
    let moved = match job.force {
        true => file.persist(&place),
        false => file.persist_noclobber(&place),
    };
    moved.map_err(|error| Failed::Io(error.error))?;
    Ok(Written {
        place: name.into(),
        steps: exported.steps,
    })
}

/// The place of a name below the folder; links do not lead out of it.
fn below(folder: &Path, name: &str) -> Result<PathBuf, Failed> {
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if !Path::new(name).components().all(is_plain) {
        return Err(Failed::Outside);
    }
    let place = folder.join(name);
    let (Some(parent), Some(file)) = (place.parent(), place.file_name()) else {
        return Err(Failed::Outside);
    };
    let parent = parent.canonicalize().map_err(Failed::Io)?;
    let folder = folder.canonicalize().map_err(Failed::Io)?;
    match parent.starts_with(&folder) && !place.is_dir() {
        true => Ok(parent.join(file)),
        false => Err(Failed::Outside),
    }
}

impl Failed {
    fn told(&self, name: &str) -> CellError {
        let (what, next) = match self {
            Self::Unreadable(why) => (
                format!("the notebook cannot be read: {why}"),
                "Save it, and run the cell again.",
            ),
            Self::NoCode => (
                "the notebook as it was last saved holds no recorded code".to_owned(),
                "Save it, and run the cell again.",
            ),
            Self::Outside => (
                format!("{name} does not lie below the notebook's folder"),
                "Name a file in it, such as `-o shared/code.py`.",
            ),
            Self::Io(error) if error.kind() == io::ErrorKind::AlreadyExists => (
                format!("{name} is there already"),
                "Name another file with `-o`, or add `--force`.",
            ),
            Self::Io(error) => (
                format!("{name} cannot be written: {}", unnumbered(error)),
                "Check the folder and the disk.",
            ),
        };
        CellError::new(ErrorKind::File, what, next)
    }
}
