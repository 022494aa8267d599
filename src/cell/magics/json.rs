//! `%%json`: this cell's answer is a value that fits a schema.

use serde_json::Value;

use super::arguments::no_value;
use super::variables::check_name;
use crate::cell::line::unescape;
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::chat::schema::{self, Fit, SchemaError, parse_short};

pub use crate::cell::effect::{Asked, Source};

pub(super) const JSON: Magic = Magic {
    name: "json",
    aliases: &[],
    usage: "NAME [FIELDS|--file PATH]",
    form: Form::CellBody,
    group: Group::Data,
    summary: "have this cell answered with data of a schema, kept as a variable",
    details: "The schema is what follows the name, or a JSON Schema: in a file, or in a fenced `json` block that opens the \
text below. Fields are `name type` between commas. Types: `str`, `int`, `float`, `bool`, `date`, `[type]` for a list, \
`{name type, …}` for an object, `(a|b|c)` for one of several. `?` after a type: it may be missing. After a colon: a \
description for Claude, in double quotes if it has a comma. A lone `[{…}]` asks for a list. The answer is checked against \
the schema, shown as a table or tree, saved as `NAME.json` (and `NAME.csv` for a list of flat objects), and \
`{{NAME}}` or `{{NAME[0].field}}` inserts it in later cells.",
    examples: &[
        (
            "%%json cities [{city str, people int, coast bool}]\nThe three largest cities of Norway.",
            "a table",
        ),
        (
            "%%json review verdict (accept|reject), reasons [str], score float?: 0 to 1\nReview the last chart.",
            "an object",
        ),
        (
            "%%json plan --file plan.schema.json\nPlan the migration.",
            "a JSON Schema",
        ),
    ],
    values: |context, before| {
        if before.is_empty() {
            let names = context.variables.iter().map(|(name, _)| name);
            return Candidate::list("variable", names);
        }
        let mut values = Candidate::list("type", ["str", "int", "float", "bool", "date"]);
        if before.len() == 1 {
            values.extend(Candidate::list("value", ["--file"]));
        }
        values
    },
    now: no_value,
    apply,
};

fn apply(call: &MagicCall, _: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let (name, spec) = call
        .args
        .split_once(char::is_whitespace)
        .unwrap_or((&call.args, ""));
    let spec = spec.trim();
    if name.is_empty() {
        return Err(MagicError::new(
            "`%%json` needs a name for its result",
            "Write `%%json NAME FIELDS`, such as `%%json cities [{city str, people int}]`, and the prompt below it.",
        ));
    }
    check_name(name)?;
    let body = unescape(call.body.as_deref().unwrap_or_default());
    let (schema, prompt) = if let Some(path) = spec.strip_prefix("--file") {
        let path = path.trim().trim_matches(['"', '\'']);
        if path.is_empty() {
            return Err(MagicError::new(
                "`--file` needs a path",
                "Write `%%json NAME --file schema.json`.",
            ));
        }
        (Source::File(path.to_owned()), body)
    } else if spec.is_empty() {
        let (schema, prompt) = leading_fence(body).ok_or_else(|| no_schema(name, body))?;
        (
            Source::Cell(Box::new(of_text(schema, "the block below `%%json`")?)),
            prompt,
        )
    } else {
        let schema = parse_short(spec).map_err(|error| {
            let rest: String = spec.chars().skip(error.column - 1).take(24).collect();
            let at = if rest.is_empty() {
                "at its end".to_owned()
            } else {
                format!("in column {}, at `{rest}`", error.column)
            };
            MagicError::new(
                format!(
                    "the fields of `%%json {name}` cannot be read {at}: {}",
                    error.message
                ),
                error.hint,
            )
        })?;
        (
            Source::Cell(Box::new(schema::fit(schema).map_err(refused)?)),
            body,
        )
    };
    let prompt = prompt.trim();
    if prompt.is_empty() {
        return Err(MagicError::new(
            format!("`%%json {name}` has no prompt below it"),
            "Write what you want to know in the lines after it.",
        ));
    }
    Ok(vec![Effect::Result(Box::new(Asked {
        name: name.to_owned(),
        schema,
        prompt: prompt.to_owned(),
    }))])
}

/// Reads a JSON Schema; `place` says where it stands.
///
/// # Errors
/// When it is not JSON, or not a schema that can be sent.
pub fn of_text(text: &str, place: &str) -> Result<Fit, MagicError> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        MagicError::new(
            format!("{place} is not JSON: {error}"),
            "A JSON Schema is an object such as `{\"type\": \"object\", \"properties\": {\"city\": {\"type\": \"string\"}}}`.",
        )
    })?;
    schema::fit(value).map_err(refused)
}

fn refused(error: SchemaError) -> MagicError {
    MagicError::new(error.message, error.hint)
}

fn no_schema(name: &str, body: &str) -> MagicError {
    let first = body.trim_start().lines().next().unwrap_or_default();
    let fence = first.strip_prefix("```").or(first.strip_prefix("~~~"));
    let what = match fence.map(str::trim) {
        Some("json" | "jsonschema") => "its fenced block is not closed",
        Some(_) => "the fenced block below it is not marked `json`",
        None => "none stands after the name or below",
    };
    MagicError::new(
        format!("`%%json {name}` has no schema: {what}"),
        "Write its fields after the name (`city str, people int`), or a JSON Schema in a block that begins with ` ```json ` and ends with ` ``` `.",
    )
}

/// The content of a fenced `json` block at the start of a text, and what follows it.
fn leading_fence(body: &str) -> Option<(&str, &str)> {
    let body = body.trim_start();
    let sign = body.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let ticks = body.len() - body.trim_start_matches(sign).len();
    let (info, rest) = body.get(ticks..)?.split_once('\n')?;
    if ticks < 3
        || !matches!(
            info.trim().to_ascii_lowercase().as_str(),
            "json" | "jsonschema"
        )
    {
        return None;
    }
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        let closing = line.trim();
        if closing.len() >= ticks && closing.chars().all(|c| c == sign) {
            return Some((rest.get(..end)?, rest.get(end + line.len()..)?));
        }
        end += line.len();
    }
    None
}
