//! `claude-kernel conversations list|show|rm`: the conversations that are kept on this machine.
//!
//! Reads the journals of both backends without a kernel. Only `rm` removes anything, and it never
//! removes a conversation that a kernel is using.

use std::io::{BufRead as _, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Failure;
use crate::config::{Config, Environment};
use crate::host::{Host as _, SystemHost, unnumbered, zoned};
use crate::kernel::journal::folder::{self, Folder};
use crate::kernel::journal::read::Contents;
use crate::kernel::journal::summary::{self, Overview, Summary};

/// Arguments of `conversations`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List them, the last used first
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print prompts and answers
    Show {
        /// An id, a notebook, or a file of a conversation
        #[arg(value_name = "ID|PATH")]
        which: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove them for good
    #[command(arg_required_else_help = true)]
    Rm {
        /// Ids, or notebooks, of which all conversations are removed
        #[arg(value_name = "ID|PATH", required_unless_present = "older_than")]
        which: Vec<String>,
        /// Only those that were not used for so many days
        #[arg(long, value_name = "DAYS")]
        older_than: Option<u32>,
        /// Do not ask
        #[arg(long, short = 'y')]
        yes: bool,
    },
}

/// Runs the chosen subcommand.
///
/// # Errors
/// If there is no such conversation, or a file cannot be read or removed.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let config = Config::load(&Environment::from_process(), &[]);
    let state_dir = config.state_dir.ok_or_else(|| {
        Failure::new("the state directory is not known").with_hint("set HOME, or `state_dir`")
    })?;
    let folders = [false, true].map(|offline| Folder::new(&state_dir, offline));
    let found = find(&folders)?;
    match &args.command {
        Command::List { json } => list(&found, &folders, *json, out)?,
        Command::Show { which, json } => {
            let matching = select(&found, which)?;
            // If a notebook has several conversations, the last used comes first.
            if let Some(one) = matching.first() {
                show(one, *json, out)?;
            }
        }
        Command::Rm {
            which,
            older_than,
            yes,
        } => return remove(&found, which, *older_than, *yes, out),
    }
    Ok(ExitCode::SUCCESS)
}

fn find(folders: &[Folder]) -> Result<Vec<Overview>, Failure> {
    let mut found = Vec::new();
    for folder in folders {
        let read = summary::overviews(folder).map_err(|error| {
            Failure::new(format!(
                "cannot read `{}`: {}",
                folder.path().display(),
                unnumbered(&error)
            ))
        })?;
        found.extend(read);
    }
    found.sort_by_key(|one| std::cmp::Reverse(one.file.modified));
    Ok(found)
}

fn select<'a>(found: &'a [Overview], which: &str) -> Result<Vec<&'a Overview>, Failure> {
    let path = Path::new(which).canonicalize().ok();
    let is_meant = |one: &Overview| {
        let notebook = one
            .read
            .as_ref()
            .ok()
            .and_then(|(header, _)| header.notebook.as_deref());
        notebook.is_some_and(|notebook| {
            notebook == which || path.as_deref() == Some(Path::new(notebook))
        }) || path
            .as_deref()
            .is_some_and(|path| Some(path) == one.file.path.canonicalize().ok().as_deref())
    };
    let of_path: Vec<&Overview> = found.iter().filter(|one| is_meant(one)).collect();
    if !of_path.is_empty() {
        return Ok(of_path);
    }
    let by_id: Vec<&Overview> = found
        .iter()
        .filter(|one| !which.is_empty() && one.id.starts_with(which))
        .collect();
    match by_id.len() {
        1 => Ok(by_id),
        0 => Err(
            Failure::new(format!("there is no conversation `{}`", printable(which)))
                .with_hint("`claude-kernel conversations list` shows what is there"),
        ),
        _ => Err(
            Failure::new(format!("several conversations begin with `{which}`"))
                .with_hint("write more of the id"),
        ),
    }
}

fn list(
    found: &[Overview],
    folders: &[Folder],
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    if json {
        let all: Vec<Value> = found.iter().map(in_json).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        return Ok(());
    }
    if found.is_empty() {
        writeln!(out, "No conversations are kept. They would be in:")?;
        for folder in folders {
            writeln!(out, "  {}", folder.path().display())?;
        }
        return Ok(());
    }
    let head = ["ID", "TURNS", "COST", "LAST USED", "SIZE", "NOTEBOOK"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(found.iter().map(row)).collect();
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..5).map(width).collect();
    for row in &rows {
        let [cells @ .., notebook] = row;
        for (cell, width) in cells.iter().zip(&widths) {
            write!(out, "{cell:width$}  ")?;
        }
        writeln!(out, "{notebook}")?;
    }
    Ok(())
}

fn row(one: &Overview) -> [String; 6] {
    let (turns, cost, mut notebook) = match &one.read {
        Ok((header, summary)) => (
            summary.turns.len().to_string(),
            match header.offline {
                true => "none".to_owned(),
                false => format!("${:.2}", summary.cost_usd()),
            },
            printable(header.notebook.as_deref().unwrap_or("-")),
        ),
        Err(why) => (
            "-".to_owned(),
            "-".to_owned(),
            format!("cannot be read: {why}"),
        ),
    };
    let is_offline = matches!(&one.read, Ok((header, _)) if header.offline);
    let is_cut_off = matches!(&one.read, Ok((_, summary)) if summary.is_cut_off) && !one.is_in_use;
    for (applies, what) in [
        (is_offline, "offline"),
        (one.is_in_use, "in use"),
        (is_cut_off, "cut off"),
        (one.is_damaged, "damaged"),
    ] {
        if applies {
            notebook.push_str(&format!(" ({what})"));
        }
    }
    let used = SystemHost::new().local(DateTime::<Utc>::from(one.file.modified));
    let size = size(one.file.bytes);
    [
        one.id.clone(),
        turns,
        cost,
        zoned(&used, "%Y-%m-%d %H:%M"),
        size,
        notebook,
    ]
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn in_json(one: &Overview) -> Value {
    let mut value = json!({
        "id": one.id,
        "path": one.file.path,
        "bytes": one.file.bytes,
        "last_used": DateTime::<Utc>::from(one.file.modified).to_rfc3339(),
        "in_use": one.is_in_use,
        "damaged": one.is_damaged,
    });
    if let Value::Object(fields) = &mut value {
        let more = match &one.read {
            Ok((header, summary)) => json!({
                "notebook": header.notebook,
                "offline": header.offline,
                "created": header.created.to_rfc3339(),
                "turns": summary.turns.len(),
                "cost_usd": summary.cost_usd(),
                "cut_off": summary.is_cut_off,
            }),
            Err(error) => json!({ "problem": error.to_string() }),
        };
        if let Value::Object(more) = more {
            fields.extend(more);
        }
    }
    value
}

fn show(one: &Overview, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let path = &one.file.path;
    let contents = folder::read(path).map_err(|error| {
        Failure::new(format!(
            "cannot read `{}`: {}",
            path.display(),
            unnumbered(&error)
        ))
        .with_hint("the file stays as it is")
    })?;
    let summary = Summary::of(&contents);
    if json {
        let shown = shown_in_json(one, &contents, &summary);
        writeln!(out, "{}", serde_json::to_string_pretty(&shown)?)?;
        return Ok(());
    }
    let notebook = contents.header.notebook.as_deref().unwrap_or("no notebook");
    writeln!(out, "{}  {}", one.id, printable(notebook))?;
    for (turn, number) in summary.turns.iter().zip(1..) {
        writeln!(out, "\n--- turn {number}")?;
        prompt(&turn.prompt, out)?;
        said(&turn.said, out)?;
    }
    for partial in &contents.partial_turns {
        let state = if one.is_in_use { "running" } else { "cut off" };
        writeln!(out, "\n--- {state}")?;
        prompt(&partial.prompt, out)?;
        said(&partial.shown(), out)?;
    }
    for (name, turns) in &summary.others {
        writeln!(
            out,
            "\nThe conversation `{}` beside it has {turns} turns.",
            printable(name)
        )?;
    }
    if let Some(damage) = &contents.damage {
        writeln!(
            out,
            "\nThe file is damaged, and lacks what stood there ({}): {}",
            damage.place(),
            path.display()
        )?;
    }
    Ok(())
}

fn prompt(text: &str, out: &mut dyn Write) -> std::io::Result<()> {
    for line in printable(text).lines() {
        writeln!(out, "> {line}")?;
    }
    Ok(())
}

/// Prints the answer as it is, and everything else under its name.
fn said(pieces: &[(&'static str, String)], out: &mut dyn Write) -> std::io::Result<()> {
    for (what, text) in pieces {
        let text = printable(text.trim_end());
        match *what {
            "answer" => writeln!(out, "\n{text}")?,
            what => writeln!(out, "\n[{what}]\n{text}")?,
        }
    }
    Ok(())
}

fn pieces_in_json(pieces: &[(&'static str, String)]) -> Vec<Value> {
    let pieces = pieces.iter();
    pieces
        .map(|(kind, text)| json!({"kind": kind, "text": text}))
        .collect()
}

fn shown_in_json(one: &Overview, contents: &Contents, summary: &Summary) -> Value {
    let turns: Vec<Value> = summary
        .turns
        .iter()
        .map(|turn| {
            json!({
                "prompt": turn.prompt,
                "answer": turn.answer,
                "said": pieces_in_json(&turn.said),
                "cost_usd": turn.cost_usd,
            })
        })
        .collect();
    let cut_off: Vec<Value> = contents
        .partial_turns
        .iter()
        .map(|partial| json!({"prompt": partial.prompt, "said": pieces_in_json(&partial.shown())}))
        .collect();
    json!({
        "id": one.id,
        "notebook": contents.header.notebook,
        "turns": turns,
        "cut_off": cut_off,
    })
}

fn remove(
    found: &[Overview],
    which: &[String],
    older_than: Option<u32>,
    yes: bool,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let mut meant: Vec<&Overview> = Vec::new();
    if which.is_empty() {
        meant.extend(found);
    }
    for one in which {
        for one in select(found, one)? {
            if !meant.iter().any(|known| known.file.path == one.file.path) {
                meant.push(one);
            }
        }
    }
    if let Some(days) = older_than {
        let keep = Duration::from_secs(24 * 60 * 60).saturating_mul(days);
        let now = SystemTime::from(SystemHost::new().now());
        meant.retain(|one| {
            let age = now.duration_since(one.file.modified);
            age.is_ok_and(|age| age > keep)
        });
    }
    if meant.is_empty() {
        writeln!(out, "Nothing to remove.")?;
        return Ok(ExitCode::SUCCESS);
    }
    for one in &meant {
        writeln!(out, "{}", row(one).join("  "))?;
    }
    if !yes && !confirmed(meant.len(), out)? {
        writeln!(out, "Nothing was removed.")?;
        return Ok(ExitCode::FAILURE);
    }
    let mut failed = false;
    for one in meant {
        match folder::remove(&one.file.path) {
            Ok(()) => writeln!(out, "removed {}", one.id)?,
            Err(error) => {
                failed = true;
                writeln!(out, "kept {}: {error}", one.id)?;
            }
        }
    }
    Ok(match failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn confirmed(count: usize, out: &mut dyn Write) -> anyhow::Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new("nobody is there to be asked")
            .with_hint("add `--yes`")
            .into());
    }
    let what = match count {
        1 => "this conversation".to_owned(),
        count => format!("these {count} conversations"),
    };
    write!(out, "Remove {what} for good? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Returns text from elsewhere without anything that a terminal would obey.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}
