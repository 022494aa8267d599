//! `%files`, `%get` and `%rm`: the files that went in and those that came out.
//!
//! An edge, as far as it copies files. Invariants: a copy replaces nothing unless that was asked
//! for, and what a person put in is never removed from this machine.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, json};

use crate::anthropic::error::ApiError;
use crate::anthropic::files::retrying;
use crate::cell::path_at::Fits;
use crate::cell::shown::{Part, Shown};
use crate::host::unnumbered;
use crate::jupyter::mime::{Display, Output};
use crate::render::foreign;
use crate::render::kind::kind;

use super::attach;
use crate::kernel::context::{CellContext, Outcome};
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::inputs::{Input, Inputs, VisibleAs};
use crate::kernel::interrupts::{Stopped, unless_stopped};
use crate::kernel::lines;
use crate::kernel::store::{Artifact, FOLDER, Store};

/// Returns the names that may complete `typed`.
#[must_use]
pub fn completions(fits: Fits, typed: &str, store: &Store, inputs: &Inputs) -> Vec<String> {
    if fits == Fits::Path {
        return attach::completions(store.working_directory(), typed);
    }
    let made = store.artifacts().into_iter().map(|artifact| artifact.name);
    let attached = inputs.uploaded().iter().map(|input| input.name.clone());
    let attached = attached.filter(|_| fits == Fits::Known);
    let mut names: Vec<String> = attached.chain(made).collect();
    names.retain(|name| name.starts_with(typed));
    names.sort();
    names.dedup();
    names
}

/// Shows what went in and what came out, of this notebook or with `all` also of others in the same
/// folder.
///
/// # Errors
/// None.
pub async fn list(all: bool, context: &mut CellContext<'_>) -> Result<Outcome, Stopped> {
    let inputs = &context.state.inputs;
    let store = &context.services.store;
    let found = store.artifacts().into_iter();
    let (artifacts, others): (Vec<Artifact>, Vec<Artifact>) =
        found.partition(|artifact| store.is_own(artifact));
    let mut shown = Shown::default();
    if inputs.uploaded().is_empty() && artifacts.is_empty() {
        shown = shown.paragraph(
            "No files yet: `%attach PATH` gives Claude one, and what Claude makes comes to `claude_files/`.",
        );
    }
    if !inputs.uploaded().is_empty() {
        let rows: Vec<Vec<Part>> = inputs
            .uploaded()
            .iter()
            .map(|input| {
                vec![
                    Part::code(&input.name),
                    Part::text(&foreign::size(input.size_bytes)),
                    Part::text(&kind(&input.name, &input.mime_type)),
                    Part::text(&cells(input, inputs.waits(&input.file_id))),
                    Part::text(where_it_is(input)),
                ]
            })
            .collect();
        shown = shown
            .paragraph("Attached")
            .table(&["file", "size", "type", "cell", "where"], &rows);
    }
    if !artifacts.is_empty() {
        let rows: Vec<Vec<Part>> = artifacts
            .iter()
            .map(|artifact| {
                let mut row = made(artifact);
                row.push(Part::text(&label(artifact.origin.count)));
                row.push(Part::text(&artifact.origin.title));
                row
            })
            .collect();
        shown = shown
            .paragraph(&format!("Made by Claude, in `{FOLDER}/`"))
            .table(&["file", "size", "type", "cell", "step"], &rows);
    }
    if all && !others.is_empty() {
        let rows: Vec<Vec<Part>> = others
            .iter()
            .map(|artifact| {
                let mut row = made(artifact);
                row.push(Part::text(&artifact.notebook));
                row
            })
            .collect();
        shown = shown
            .paragraph(&format!("Of other notebooks, in `{FOLDER}/`"))
            .table(&["file", "size", "type", "notebook"], &rows);
    } else if !others.is_empty() {
        let count = others.len();
        let files = if count == 1 { "file" } else { "files" };
        shown = shown.paragraph(&format!(
            "`{FOLDER}/` also has {count} {files} of other notebooks: `%files all` lists them."
        ));
    }
    show(shown, context).await
}

/// What a row says of every file that Claude made; the name leads to it.
fn made(artifact: &Artifact) -> Vec<Part> {
    let target = foreign::relative_link(&format!("{FOLDER}/{}", artifact.name));
    vec![
        match target {
            Some(target) => Part::link(&artifact.name, &target),
            None => Part::code(&artifact.name),
        },
        Part::text(&foreign::size(artifact.size_bytes)),
        Part::text(&kind(&artifact.name, &artifact.mime_type)),
    ]
}

/// The cells that a file went with.
fn cells(input: &Input, waits: bool) -> String {
    let mut cells: Vec<String> = input.cells.iter().map(|count| label(*count)).collect();
    if waits {
        cells.push("next".to_owned());
    }
    cells.join(", ")
}

/// How a person finds a cell.
fn label(count: u32) -> String {
    match count {
        0 => "-".to_owned(),
        count => format!("In [{count}]"),
    }
}

fn where_it_is(input: &Input) -> &'static str {
    match (input.visible_as, input.sandbox) {
        (Some(VisibleAs::Image), true) => "seen by Claude, in its sandbox",
        (Some(VisibleAs::Image), false) => "seen by Claude",
        (Some(VisibleAs::Document), true) => "read by Claude, in its sandbox",
        (Some(VisibleAs::Document), false) => "read by Claude",
        (None, _) => "in Claude's sandbox",
    }
}

/// Copies an artifact.
///
/// # Errors
/// There is none of that name, the target is taken, or the disk refuses.
pub async fn get(
    name: Option<&str>,
    to: Option<&str>,
    force: bool,
    context: &mut CellContext<'_>,
) -> Result<Outcome, Stopped> {
    let Some(name) = name else {
        return fetch_again(context).await;
    };
    let store = &context.services.store;
    let plain = name.strip_prefix("claude_files/").unwrap_or(name);
    let from = store
        .path_of(plain)
        .ok_or_else(|| unknown(name, context, "Claude made no file"))?;
    let directory = store.working_directory();
    let mut target = directory.join(to.unwrap_or("."));
    if target.is_dir() {
        target = target.join(plain);
    }
    let shown = target
        .strip_prefix(directory)
        .unwrap_or(&target)
        .to_string_lossy()
        .into_owned();
    let (source, copied_to) = (from, target.clone());
    let copying = tokio::task::spawn_blocking(move || copy(&source, &copied_to, force));
    let copied = unless_stopped(copying, context.interrupts, context.output.replies).await?;
    let size_bytes = copied
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|error| not_copied(&shown, &error))?;
    let line = Shown::default().paragraph(&format!(
        "Copied {} to {} ({}).",
        Part::code(plain).as_markdown(),
        Part::code(&shown).as_markdown(),
        foreign::size(size_bytes)
    ));
    show(line, context).await
}

/// Fetches what could not be fetched in its turn.
async fn fetch_again(context: &mut CellContext<'_>) -> Result<Outcome, Stopped> {
    if context.state.unfetched.is_empty() {
        let line =
            "Every file that Claude made was fetched: `%files` lists them, `%get NAME` copies one.";
        return show(Shown::default().paragraph(line), context).await;
    }
    let mut rows = Vec::new();
    let mut left = Vec::new();
    for (id, origin) in std::mem::take(&mut context.state.unfetched) {
        let services = &*context.services;
        let fetching = async {
            let host = services.host.as_ref();
            let download = services.store.download(&services.client, host, &id).await?;
            services.store.save(download, origin.clone(), host.now())
        };
        let fetched = unless_stopped(fetching, context.interrupts, context.output.replies).await;
        let cell = Part::text(&label(origin.count));
        match fetched {
            Ok(Ok(file)) => rows.push(vec![
                Part::code(&file.name),
                cell,
                Part::text(&format!("fetched, {}", foreign::size(file.size_bytes))),
            ]),
            Ok(Err(error)) => {
                let why = error.to_string();
                rows.push(vec![Part::text("a file"), cell, Part::text(&why)]);
                left.push((id, origin));
            }
            Err(stopped) => {
                left.push((id, origin));
                context.state.unfetched.extend(left);
                return Err(stopped);
            }
        }
    }
    context.state.unfetched = left;
    show(
        Shown::default().table(&["file", "cell", "now"], &rows),
        context,
    )
    .await
}

fn not_copied(shown: &str, error: &io::Error) -> CellError {
    match error.kind() {
        io::ErrorKind::AlreadyExists => CellError::new(
            ErrorKind::File,
            format!("`{shown}` is there already"),
            "Give another place with `-o PATH`, or replace it with `--force`.",
        ),
        io::ErrorKind::NotFound => CellError::new(
            ErrorKind::File,
            format!("`{shown}` lies in a folder that does not exist"),
            "Make the folder first.",
        ),
        _ => CellError::new(
            ErrorKind::File,
            format!("`{shown}` cannot be written: {}", unnumbered(error)),
            "Choose another place with `-o PATH`.",
        ),
    }
}

/// Copies a file into a new one, which gets its name when it is complete; returns its size.
fn copy(from: &Path, to: &Path, force: bool) -> io::Result<u64> {
    let parent = to.parent().map_or_else(PathBuf::new, Path::to_owned);
    if !force && to.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut source = File::open(from)?;
    let mut target = tempfile::Builder::new()
        .prefix(".get-")
        .tempfile_in(parent)?;
    let size_bytes = io::copy(&mut source, &mut target)?;
    make_readable(target.as_file())?;
    if force {
        target.persist(to).map_err(|error| error.error)?;
    } else {
        target.persist_noclobber(to).map_err(|error| error.error)?;
    }
    Ok(size_bytes)
}

#[cfg(unix)]
pub(super) fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
pub(super) fn make_readable(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Removes an input from the API, and with `local` an artifact from this machine.
///
/// # Errors
/// There is none of that name, or the API refuses.
pub async fn remove(
    name: &str,
    local: bool,
    context: &mut CellContext<'_>,
) -> Result<Outcome, Stopped> {
    let plain = name.strip_prefix("claude_files/").unwrap_or(name);
    let inputs: Vec<Input> = context
        .state
        .inputs
        .uploaded()
        .iter()
        .filter(|input| input.name == name)
        .cloned()
        .collect();
    let artifact = context.services.store.path_of(plain);
    if inputs.is_empty() {
        return match (artifact, local) {
            (Some(_), true) => remove_local(plain, context).await,
            (Some(_), false) => Err(CellError::new(
                ErrorKind::File,
                format!("`{name}` is a file that Claude made, saved on this machine"),
                format!("`%rm {name} --local` removes it from `{FOLDER}/`."),
            )
            .into()),
            (None, _) => Err(unknown(name, context, "there is no attached file").into()),
        };
    }
    if local {
        return Err(CellError::new(
            ErrorKind::File,
            format!("`{name}` was attached, and your own copy is never removed"),
            format!("`%rm {name}` removes it from Anthropic."),
        )
        .into());
    }
    for input in &inputs {
        let services = &*context.services;
        let deleting = retrying(services.host.as_ref(), || {
            services.client.delete_file(&input.file_id)
        });
        match unless_stopped(deleting, context.interrupts, context.output.replies).await? {
            // Gone already is as good.
            Ok(()) | Err(ApiError::Status { status: 404, .. }) => {
                context.state.inputs.remove(&input.file_id);
            }
            Err(error) => return Err(CellError::from(&error).into()),
        }
    }
    let line = Shown::default().paragraph(&format!(
        "Removed {} from Anthropic. Your own copy stays, and so does one that a sandbox already has.",
        Part::code(name).as_markdown()
    ));
    show(line, context).await
}

/// Removes every input from the API. One that cannot be removed stays on the list.
///
/// # Errors
/// The person stopped it.
pub async fn clear(context: &mut CellContext<'_>) -> Result<Outcome, Stopped> {
    let inputs: Vec<(String, String)> = context
        .state
        .inputs
        .uploaded()
        .iter()
        .map(|input| (input.file_id.clone(), input.name.clone()))
        .collect();
    let mut rows = Vec::new();
    for (file_id, name) in inputs {
        let services = &*context.services;
        let deleting = retrying(services.host.as_ref(), || {
            services.client.delete_file(&file_id)
        });
        let deleted = unless_stopped(deleting, context.interrupts, context.output.replies).await?;
        let now = match deleted {
            Ok(()) | Err(ApiError::Status { status: 404, .. }) => {
                context.state.inputs.remove(&file_id);
                "removed from Anthropic".to_owned()
            }
            Err(error) => format!("still there: {error}"),
        };
        rows.push(vec![Part::code(&name), Part::text(&now)]);
    }
    if rows.is_empty() {
        return Ok(Outcome::default());
    }
    show(Shown::default().table(&["file", "now"], &rows), context).await
}

async fn remove_local(name: &str, context: &mut CellContext<'_>) -> Result<Outcome, Stopped> {
    let services = &*context.services;
    services
        .store
        .remove(name, services.host.now())
        .map_err(|error| {
            CellError::new(
                ErrorKind::File,
                error.to_string(),
                "`%files` lists what there is.",
            )
        })?;
    let line = Shown::default().paragraph(&format!(
        "Removed {}.",
        Part::code(&format!("{FOLDER}/{name}")).as_markdown()
    ));
    show(line, context).await
}

fn unknown(name: &str, context: &CellContext<'_>, what: &str) -> CellError {
    let artifacts = context.services.store.artifacts();
    let made = artifacts.iter().map(|Artifact { name, .. }| name.as_str());
    let attached = context.state.inputs.uploaded();
    let names = made.chain(attached.iter().map(|input| input.name.as_str()));
    let near = names
        .map(|other| (strsim::jaro_winkler(other, name), other))
        .filter(|(alike, _)| *alike > 0.85)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    let near = near.map_or(String::new(), |(_, near)| {
        format!("Did you mean `{near}`? ")
    });
    CellError::new(
        ErrorKind::File,
        format!("{what} `{name}`"),
        format!("{near}`%files` lists what there is."),
    )
}

/// Shows a value of a magic.
async fn show(shown: Shown, context: &CellContext<'_>) -> Result<Outcome, Stopped> {
    let plain = shown.plain.clone();
    let display = Display {
        data: lines::shown(&shown.markdown, &shown.plain),
        metadata: Map::from_iter([("claude_kernel".to_owned(), json!({"kind": "files"}))]),
        display_id: None,
    };
    context.output.show(vec![Output::Display(display)]).await;
    Ok(Outcome {
        shown: plain,
        ..Outcome::default()
    })
}
