//! The list of magics, and how a call is applied. No magic imports this list.
//!
//! Help, `%lsmagic`, completion, inspection and the README's table are made from [`MAGICS`].

use serde_json::Value;

use super::{
    beta, budget, compact, continue_, cost, dry, effort, exec, export, fast, files, help, history,
    json, languages, lsmagic, max_tokens, mcp, model, models, own_tools, packages, replay, reset,
    resume, skills, stale, status, system, thinking, threads, tools, variables, version, web,
};
use crate::cell::call::{MagicCall, MagicError, SHELL, Scope};
use crate::cell::effect::Effect;
use crate::cell::line::magic_line;
use crate::cell::magic::{self, Context, Form, Magic};
use crate::cell::variables::text;
use crate::cell::{help as help_text, secret, unknown};

/// Every magic, in the order help lists them.
pub const MAGICS: &[&Magic] = &[
    &model::MODEL,
    &models::MODELS,
    &effort::EFFORT,
    &thinking::THINKING,
    &fast::FAST,
    &max_tokens::MAX_TOKENS,
    &system::SYSTEM,
    &beta::BETA,
    &languages::BASH,
    &languages::PYTHON,
    &tools::TOOLS,
    &own_tools::TOOL,
    &mcp::MCP,
    &web::WEB,
    &skills::SKILLS,
    &packages::PACKAGES,
    &files::ATTACH,
    &files::FILES,
    &files::GET,
    &files::RM,
    &variables::SET,
    &variables::VARS,
    &json::JSON,
    &exec::EXEC,
    &history::HISTORY,
    &history::LAST,
    &history::UNDO,
    &continue_::CONTINUE,
    &stale::STALE,
    &stale::RERUN,
    &threads::THREAD,
    &threads::FORK,
    &compact::COMPACT,
    &reset::RESET,
    &resume::RESUME,
    &replay::REPLAY,
    &replay::FRESH,
    &export::EXPORT,
    &cost::COST,
    &budget::BUDGET,
    &dry::DRY,
    &status::STATUS,
    &help::HELP,
    &lsmagic::LSMAGIC,
    &version::VERSION,
];

/// Finds a magic by its name or an alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static Magic> {
    magic::find(MAGICS, name)
}

/// Lends the list to a context.
#[must_use]
pub(in crate::cell) fn lend<'a>(context: &Context<'a>) -> Context<'a> {
    Context {
        magics: MAGICS,
        ..*context
    }
}

/// Returns whether `%%name` takes the rest of its cell.
#[must_use]
pub fn takes_body(name: &str) -> bool {
    find(name).is_some_and(|magic| matches!(magic.form, Form::Body | Form::CellBody))
}

/// Returns whether `%%name` makes its cell's turn of the rest of the cell.
#[must_use]
pub fn makes_turn(name: &str) -> bool {
    find(name).is_some_and(|magic| magic.form == Form::CellBody)
}

/// Returns the name under which [`Context::set_in`] records a call that changed settings for good.
#[must_use]
pub fn origin(call: &MagicCall) -> Option<&'static str> {
    let magic = find(&call.name)?;
    (call.scope == Scope::FromHere).then_some(magic.name)
}

/// Applies one call.
///
/// # Errors
/// When the name is unknown (the hint names the nearest) or the arguments do not fit.
pub fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let context = &lend(context);
    secret::refuse(call)?;
    if call.name == SHELL {
        return Err(unknown::shell(&call.args));
    }
    let magic = find(&call.name).ok_or_else(|| unknown::magic(&call.name, context))?;
    if call.args == "?" {
        return Ok(vec![help_text::of_magic(magic, context).page()]);
    }
    check_form(magic, call)?;
    (magic.apply)(call, context).map_err(|error| unknown::with_meant(error, magic, call, context))
}

/// Applies a cell of parameters.
///
/// # Errors
/// When a value looks like a key or a password.
pub fn apply_parameters(values: &[(String, Value)]) -> Result<Vec<Effect>, MagicError> {
    values
        .iter()
        .map(|(name, value)| {
            secret::refuse_variable(name, &text(value))?;
            Ok(Effect::SetVariable {
                name: name.clone(),
                value: value.clone(),
            })
        })
        .collect()
}

fn check_form(magic: &Magic, call: &MagicCall) -> Result<(), MagicError> {
    let name = magic.name;
    match (magic.form, call.scope) {
        (Form::Line, Scope::ThisCell) => Err(MagicError::new(
            format!("`%%{name}` does not exist: there is nothing in it to hold for one cell"),
            format!("Write `%{name}`."),
        )),
        (Form::Cell, Scope::FromHere) => Err(MagicError::new(
            format!("`%{name}` does not exist: it is always about one cell"),
            format!("Write `%%{name}`, with the prompt below it."),
        )),
        (Form::CellBody, _) if call.body.is_none() => Err(MagicError::new(
            format!("`%{name}` does not exist: it is always about one cell"),
            format!("Write `%%{name} {}`, with its text below it.", call.args),
        )),
        (Form::Setting | Form::Line | Form::Cell | Form::Body | Form::CellBody, _) => {
            match &call.body {
                Some(body) => check_body(name, body),
                None => Ok(()),
            }
        }
    }
}

/// One body magic per cell, last: a body that opens with a magic is a slip.
fn check_body(name: &str, body: &str) -> Result<(), MagicError> {
    let first = body.split('\n').next().unwrap_or_default();
    match magic_line(first) {
        Some((2, inner, _)) if takes_body(inner) => Err(MagicError::new(
            match inner == name {
                true => format!("a cell has one `%%{name}`, and this one has two"),
                false => format!("a cell has either `%%{name}` or `%%{inner}`, not both"),
            },
            "Give each a cell of its own.",
        )),
        Some((_, inner, _)) if find(inner).is_some() => Err(MagicError::new(
            format!(
                "`%%{name}` takes the rest of the cell as its text, so `%{inner}` below it would become text"
            ),
            format!("Put `%{inner}` above `%%{name}`, or in a cell of its own."),
        )),
        _ => Ok(()),
    }
}
