//! `claude-kernel cost`: what saved notebooks cost, from the receipts in them. It starts no kernel
//! and calls no API.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::chat::ledger::{Ledger, Totals};
use crate::notebook::receipts;

use super::failure::Failure;
use super::notebook_file;

/// Arguments of `cost`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every answer in a notebook carries a receipt: tokens, searches and the price of its day. Runs whose \
output was cleared or overwritten are not in the file; `%cost` in the notebook knows those too.")]
pub struct Args {
    /// Notebooks (.ipynb), as saved
    #[arg(required = true, value_name = "NOTEBOOK")]
    notebooks: Vec<PathBuf>,
    /// Print JSON: one object for each notebook and the sums
    #[arg(long)]
    json: bool,
}

/// Prints one line for each notebook, and the sum of several.
///
/// # Errors
/// If a notebook cannot be read, or stdout cannot be written to.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let mut sums: Vec<(String, usize, Totals)> = Vec::new();
    let mut all = Ledger::default();
    for path in &args.notebooks {
        let ledger = read(path)?;
        for entry in ledger.entries() {
            all.add(entry.clone());
        }
        let turns = ledger.entries().len();
        sums.push((path.display().to_string(), turns, ledger.totals()));
    }
    if args.json {
        let notebooks: Vec<Value> = sums
            .iter()
            .map(|(name, turns, totals)| object(Some(name), *turns, totals))
            .collect();
        let sum = object(None, all.entries().len(), &all.totals());
        let text = serde_json::to_string_pretty(&json!({"notebooks": notebooks, "sum": sum}))?;
        writeln!(out, "{text}")?;
        return Ok(ExitCode::SUCCESS);
    }
    if sums.len() > 1 {
        sums.push(("sum".to_owned(), all.entries().len(), all.totals()));
    }
    let widest = sums.iter().map(|(name, ..)| name.chars().count()).max();
    let width = widest.unwrap_or(0).max("notebook".len());
    writeln!(
        out,
        "{:width$}  {:>6}  {:>10}  {:>10}  {:>9}  {:>8}  cost",
        "notebook", "turns", "input", "cached", "output", "searches"
    )?;
    for (name, turns, totals) in &sums {
        let usage = &totals.usage;
        writeln!(
            out,
            "{name:width$}  {turns:>6}  {:>10}  {:>10}  {:>9}  {:>8}  {}",
            usage
                .input_tokens
                .saturating_add(usage.cache_creation_tokens)
                .saturating_add(usage.cache_read_tokens),
            usage.cache_read_tokens,
            usage.output_tokens,
            usage.web_searches,
            cost(totals),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Ledger, Failure> {
    let notebook = notebook_file::read_any(path)?;
    receipts::ledger(&notebook).ok_or_else(|| notebook_file::unreadable(path, "it has no cells"))
}

fn cost(totals: &Totals) -> String {
    let least = if totals.at_least { "at least " } else { "" };
    let unknown = match totals.unknown {
        0 => String::new(),
        count => format!(" (+ {count} of unknown price)"),
    };
    format!("{least}${:.4}{unknown}", totals.cost_usd)
}

fn object(name: Option<&String>, turns: usize, totals: &Totals) -> Value {
    json!({
        "notebook": name,
        "turns": turns,
        "usage": totals.usage,
        "cost_usd": totals.cost_usd,
        "at_least": totals.at_least,
        "turns_of_unknown_price": totals.unknown,
    })
}
