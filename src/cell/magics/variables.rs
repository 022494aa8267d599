//! `%set` and `%vars`: values that `{{name}}` inserts in prompts; structured results are among them.

use serde_json::Value;

use super::arguments::{no_value, no_values, none};
use crate::cell::line::unescape;
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::cell::secret;
use crate::cell::shown::{Part, Shown, clip};
use crate::cell::variables::{Found, is_name, text};
use crate::chat::schema::kind;

pub(super) const SET: Magic = Magic {
    name: "set",
    aliases: &[],
    usage: "NAME VALUE",
    form: Form::Body,
    group: Group::Data,
    summary: "set a variable; `{{NAME}}` in a prompt inserts it",
    details: "`%set NAME VALUE` takes the rest of the line, `%%set NAME` the rest of the cell; `%set NAME` shows one. A \
value is inserted as it is. A name that nobody set stays as typed with a notice; where nobody watches, the cell fails \
and is not sent. `\\{{NAME}}` keeps the braces. A cell headed `# Parameters`, as papermill writes it, a cell of \
assignments that is tagged `parameters`, and one that comes first where nobody watches set variables too.",
    examples: &[
        ("%set city Bergen", "one line"),
        (
            "%%set rubric\nTwo points for the method,\none for the result.",
            "several lines",
        ),
        ("%set city", "show one"),
    ],
    values: |context, before| {
        match before {
            [] => Candidate::list("variable", context.variables.iter().map(|(name, _)| name)),
            // The value there is, to be changed.
            [name] => Candidate::list("value", value_of(name, context)),
            _ => Vec::new(),
        }
    },
    now: |context| Some(count(context)),
    apply: set,
};

pub(super) const VARS: Magic = Magic {
    name: "vars",
    aliases: &[],
    usage: "",
    form: Form::Line,
    group: Group::Data,
    summary: "show the variables",
    details: "`%set NAME VALUE` sets one, `{{NAME}}` in a prompt inserts it, `%reset all` removes all.",
    examples: &[("%vars", "show"), ("%vars?", "this help")],
    values: no_values,
    now: no_value,
    apply: |call, context| {
        none(call)?;
        Ok(vec![list(context)])
    },
};

/// How much of a value fits in a row, in characters.
const CLIP: usize = 80;
/// Longest name taken, in characters.
const LONGEST: usize = 64;

/// The value of a text variable of one line, for completion.
fn value_of(name: &str, context: &Context<'_>) -> Option<String> {
    let value = context.variables.get(name)?.as_str()?;
    let fits = !value.is_empty() && !value.contains('\n') && value.chars().count() <= CLIP;
    fits.then(|| value.to_owned())
}

fn count(context: &Context<'_>) -> String {
    match context.variables.len() {
        0 => "no variables".to_owned(),
        1 => "1 variable".to_owned(),
        many => format!("{many} variables"),
    }
}

fn set(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let (name, inline) = call
        .args
        .split_once(char::is_whitespace)
        .unwrap_or((&call.args, ""));
    let inline = inline.trim();
    let inline = inline.strip_prefix("= ").map_or(inline, str::trim_start);
    // `name=value`, as in a shell; no name has the sign in it.
    let (name, inline) = match name.split_once('=') {
        Some((name, begin)) if !name.is_empty() && !begin.is_empty() && call.body.is_none() => (
            name,
            call.args.get(name.len() + 1..).unwrap_or(begin).trim(),
        ),
        _ => (name, inline),
    };
    if name.is_empty() && call.body.is_none() {
        return Ok(vec![list(context)]);
    }
    if call.body.is_none() && inline.is_empty() {
        return show(name, context);
    }
    if name.is_empty() {
        return Err(MagicError::new(
            "`%%set` needs the name of the variable that the text below it becomes",
            "Write `%%set NAME`, with the text in the lines after it.",
        ));
    }
    check_name(name)?;
    let value = match call.body.as_deref() {
        None => inline,
        Some(body) if inline.is_empty() && !body.is_empty() => unescape(body),
        Some("") if inline.is_empty() => {
            return Err(MagicError::new(
                format!("`%%set {name}` has no text below it"),
                format!("Write the value in the lines after it, or `%set {name} VALUE`."),
            ));
        }
        Some("") => inline,
        Some(_) => {
            return Err(MagicError::new(
                format!(
                    "`%%set {name}` takes the rest of the cell as its value, so nothing may follow the name"
                ),
                format!(
                    "Write `%set {name} {}` with one percent sign for a value of one line.",
                    clip(inline, CLIP)
                ),
            ));
        }
    };
    secret::refuse_variable(name, value)?;
    Ok(vec![Effect::SetVariable {
        name: name.to_owned(),
        value: Value::from(value),
    }])
}

pub(super) fn check_name(name: &str) -> Result<(), MagicError> {
    if is_name(name) && name.chars().count() <= LONGEST {
        return Ok(());
    }
    Err(MagicError::new(
        format!("`{}` is not a name for a variable", clip(name, CLIP)),
        "Names begin with a letter and go on with letters, digits, `_`, `-` and `.`: `%set city Bergen`.",
    ))
}

fn show(name: &str, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    match context.variables.find(name) {
        Found::Value(value) => Ok(vec![shown(name, &value).effect()]),
        Found::NoPlace { name: known, why } => Err(MagicError::new(
            format!("`{name}` leads nowhere: in `{known}`, {why}"),
            format!("`%set {known}` shows all of it."),
        )),
        Found::NoName => {
            check_name(name)?;
            Err(MagicError::new(
                format!("there is no variable `{name}`"),
                format!("`%set {name} VALUE` sets it; `%vars` lists what is set."),
            ))
        }
    }
}

/// Shows a value under its name: a text as it is, everything else as JSON.
pub(in crate::cell) fn shown(name: &str, value: &Value) -> Shown {
    if value.is_array() || value.is_object() {
        return Shown::default()
            .line(name, &Part::text(&kind(value)))
            .block(&format!("{value:#}"));
    }
    let (shown, text) = (Shown::default(), text(value));
    if text.contains('\n') {
        shown.line(name, &Part::ours("")).block(&text)
    } else {
        shown.line(name, &Part::code(&text))
    }
}

fn list(context: &Context<'_>) -> Effect {
    if context.variables.is_empty() {
        return Shown::default()
            .paragraph("No variables yet: `%set NAME VALUE` sets one.")
            .effect();
    }
    let rows: Vec<Vec<Part>> = context
        .variables
        .iter()
        .map(|(name, value)| {
            let text = text(value);
            vec![
                Part::code(name),
                Part::text(&kind(value)),
                Part::code(&clip(&text, CLIP)),
            ]
        })
        .collect();
    Shown::default()
        .table(&["name", "type", "value"], &rows)
        .effect()
}
