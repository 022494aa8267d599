//! Structured results: the schema of a cell before its turn, and what the cell ends with after it.

use serde_json::Value;

use crate::anthropic::model::Models;
use crate::cell::magics::json::{self, Asked, Source};
use crate::chat::params;
use crate::chat::schema::{Fit, Invalid};
use crate::chat::settings::Settings;
use crate::chat::structured::{Structured, Wanted};

use super::error::{CellError, ErrorKind};
use super::named_file::Readable;

/// Reads the schema a cell asks for.
pub(super) fn resolve(asked: &Asked, readable: &Readable) -> Result<(Wanted, Fit), CellError> {
    let fit = match &asked.schema {
        Source::Cell(fit) => (**fit).clone(),
        Source::File(path) => {
            let read = readable.text(path, "%%json").map_err(|why| {
                CellError::new(
                    ErrorKind::Magic,
                    format!("cannot read `{path}` for `%%json`: {why}"),
                    why.hint(),
                )
            })?;
            let fit = json::of_text(&read.text, &format!("`{path}`"));
            let mut fit = fit.map_err(|error| CellError::from(&error))?;
            fit.notes.push(read.note);
            fit
        }
    };
    let wanted = Wanted {
        name: asked.name.clone(),
        schema: fit.written.clone(),
    };
    Ok((wanted, fit))
}

/// Refuses what the API does not take together with a structured result
/// (`docs/protocol.md#structured-output`).
pub(super) fn check(settings: &Settings, models: &Models) -> Result<(), CellError> {
    if settings.format.is_none() {
        return Ok(());
    }
    let cites = |tool: &Value| {
        let kind = tool.get("type").and_then(Value::as_str).unwrap_or_default();
        let asked = tool.pointer("/citations/enabled") == Some(&Value::Bool(true));
        kind.starts_with("web_search") || kind.starts_with("web_fetch") && asked
    };
    if params::tools(settings, models).iter().any(cites) {
        return Err(CellError::new(
            ErrorKind::Magic,
            "`%%json` does not go with web search: cited answers cannot be data of a schema",
            "Research in one cell, and ask for the data in the next with `%%web off` above `%%json`.",
        ));
    }
    Ok(())
}

/// Returns what a cell fails with whose result is not valid.
pub(super) fn error(result: &Structured) -> Option<CellError> {
    let Err(Invalid {
        problems,
        more,
        value,
    }) = &result.outcome
    else {
        return None;
    };
    let name = &result.name;
    let what = problems.first().map_or_else(String::new, |problem| {
        let pointer = if problem.pointer.is_empty() {
            "/"
        } else {
            &problem.pointer
        };
        format!("at `{pointer}`, {}", problem.message)
    });
    let others = match problems.len() - problems.len().min(1) + more {
        0 => String::new(),
        1 => ", and 1 more problem".to_owned(),
        many => format!(", and {many} more problems"),
    };
    let hint = if value.is_some() {
        "What arrived is shown above and was not kept. Ask for it again in words that name the place, or make the schema more lenient there."
    } else {
        "What arrived is shown above. If it was cut off, raise `%max_tokens` or ask for less; then run the cell again."
    };
    Some(CellError::new(
        ErrorKind::InvalidResult,
        format!("`{name}` does not fit its schema: {what}{others}"),
        hint,
    ))
}
