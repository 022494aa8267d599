//! The schema of a tool's arguments: whether the API takes it, and whether arguments fit it.
//!
//! Pure. If one schema is bad, the API refuses the whole request. So no bad schema gets into a
//! conversation: in a person's tool it is an error of the cell; in a server's tool it is corrected,
//! or the tool is left out.

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// The longest name of an argument.
const MAX_NAME: usize = 64;
/// The most characters of a clause: it may quote what was passed.
const LONGEST: usize = 200;
/// The most choices written out where an argument is shown.
const CHOICES: usize = 4;
/// The most problems told of one call.
const TOLD: usize = 3;

/// Why the API does not take a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::kernel) enum BadSchema {
    /// It is not of an object.
    #[error("it is no object; arguments have names")]
    NoObject,
    /// It has a choice where the API wants the arguments.
    #[error("the API takes no `{key}` at the top of it; list the arguments in `properties`")]
    Choice { key: &'static str },
    /// An argument has a name that the API does not take.
    #[error(
        "`{name}` cannot be an argument's name: the API takes letters a-z, digits, `_`, `-` and `.`, at most {}",
        MAX_NAME
    )]
    Argument { name: String },
    /// It is no schema.
    #[error("it is not valid at `{place}/`: {said}")]
    Invalid { place: String, said: String },
}

/// Checks a schema that a person declared.
///
/// # Errors
/// What is wrong with it.
pub(in crate::kernel) fn check(schema: &Map<String, Value>) -> Result<(), BadSchema> {
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err(BadSchema::NoObject);
    }
    if let Some(key) = ["anyOf", "oneOf", "allOf"]
        .iter()
        .find(|key| schema.contains_key(**key))
    {
        return Err(BadSchema::Choice { key });
    }
    if let Some(name) = names(schema).find(|name| !is_fine(name)) {
        return Err(BadSchema::Argument { name: name.clone() });
    }
    compile(schema).map(|_| ())
}

/// Corrects the schema of a server's tool.
///
/// # Errors
/// Why the tool cannot be offered.
pub(in crate::kernel) fn corrected(
    mut schema: Map<String, Value>,
) -> Result<Map<String, Value>, BadSchema> {
    // Without a type it can only be meant as an object, as MCP has it.
    schema.entry("type").or_insert_with(|| json!("object"));
    // Another dialect than the one the API reads.
    schema.shift_remove("$schema");
    for key in ["anyOf", "oneOf", "allOf"] {
        let Some(Value::Array(branches)) = schema.shift_remove(key) else {
            continue;
        };
        // The server judges the arguments anyway; what Claude needs is their names.
        let mut all = match schema.shift_remove("properties") {
            Some(Value::Object(all)) => all,
            _ => Map::new(),
        };
        for branch in branches {
            if let Some(Value::Object(more)) = branch.get("properties") {
                for (name, of) in more {
                    all.entry(name.clone()).or_insert_with(|| of.clone());
                }
            }
        }
        schema.insert("properties".to_owned(), Value::Object(all));
    }
    check(&schema).map(|()| schema)
}

/// Says what is wrong with the arguments of a call; `None` when they fit.
pub(in crate::kernel) fn misfit(schema: &Value, arguments: &Value) -> Option<String> {
    let validator = compile(schema.as_object()?).ok()?;
    let problems: Vec<String> = validator
        .iter_errors(arguments)
        .take(TOLD)
        .map(|error| {
            let place = error.instance_path().to_string();
            let said: String = error.to_string().chars().take(LONGEST).collect();
            match place.is_empty() {
                true => said,
                false => format!("at `{place}`, {said}"),
            }
        })
        .collect();
    (!problems.is_empty()).then(|| format!("the arguments do not fit: {}", problems.join("; ")))
}

/// Returns what a value may be, as a person reads it: `[string]`, `integer | null`, `"a" | "b"`.
pub(in crate::kernel) fn brief(schema: &Value) -> String {
    let list = |key: &str| schema.get(key).and_then(Value::as_array);
    let joined = |parts: Vec<String>| match parts.len() {
        0 => "any".to_owned(),
        1..=CHOICES => parts.join(" | "),
        more => {
            let shown: Vec<String> = parts.into_iter().take(CHOICES).collect();
            format!("{} | {} more", shown.join(" | "), more - CHOICES)
        }
    };
    if let Some(values) = list("enum") {
        return joined(values.iter().map(ToString::to_string).collect());
    }
    if let Some(options) = list("anyOf").or_else(|| list("oneOf")) {
        return joined(options.iter().map(brief).collect());
    }
    match schema.get("type") {
        Some(Value::String(kind)) if kind == "array" => match schema.get("items") {
            Some(items) if items.is_object() => format!("[{}]", brief(items)),
            _ => "array".to_owned(),
        },
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => {
            let kinds = kinds.iter().filter_map(Value::as_str);
            joined(kinds.map(str::to_owned).collect())
        }
        _ => "any".to_owned(),
    }
}

fn names(schema: &Map<String, Value>) -> impl Iterator<Item = &String> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(Map::keys)
}

fn is_fine(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(fits)
}

fn compile(schema: &Map<String, Value>) -> Result<Validator, BadSchema> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(false)
        .build(&Value::Object(schema.clone()))
        .map_err(|error| {
            let said = error.to_string().chars().take(LONGEST).collect();
            let place = error.instance_path().to_string();
            BadSchema::Invalid { place, said }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_the_api_would_refuse_is_refused_here() {
        for (schema, why) in [
            (json!({"type": "array"}), "no object"),
            (json!({}), "no object"),
            (json!({"type": "object", "anyOf": []}), "no `anyOf`"),
            (
                json!({"type": "object", "properties": {"größe": {}}}),
                "`größe` cannot be",
            ),
            (
                json!({"type": "object", "properties": {"a b": {}}}),
                "`a b` cannot be",
            ),
            (
                json!({"type": "object", "properties": {"a": {"type": "strnig"}}}),
                "not valid at `/properties/a",
            ),
            (json!({"type": "object", "properties": []}), "not valid"),
        ] {
            let error = check(&object(&schema)).unwrap_err().to_string();
            assert!(error.contains(why), "{schema}: {error}");
        }
        assert_eq!(check(&object(&json!({"type": "object"}))), Ok(()));
    }

    #[test]
    fn a_servers_schema_is_mended_where_the_meaning_stays() {
        let mended = corrected(object(&json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "properties": {"k": {"type": "string"}},
            "oneOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"k": {}, "b": {}}}],
        })));
        assert_eq!(
            Value::Object(mended.unwrap()),
            json!({"type": "object", "properties": {"k": {"type": "string"}, "a": {"type": "string"}, "b": {}}})
        );
        assert!(corrected(object(&json!({"properties": {"größe": {}}}))).is_err());
        assert!(corrected(object(&json!({"type": "string"}))).is_err());
    }

    #[test]
    fn types_are_written_for_people() {
        for (schema, expected) in [
            (json!({"type": "string"}), "string"),
            (json!({}), "any"),
            (
                json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}),
                "integer | null",
            ),
            (json!({"type": ["integer", "null"]}), "integer | null"),
            (
                json!({"type": "array", "items": {"type": "array"}}),
                "[array]",
            ),
            (
                json!({"type": "string", "enum": ["a", "b"]}),
                "\"a\" | \"b\"",
            ),
            (
                json!({"enum": [1, 2, 3, 4, 5, 6]}),
                "1 | 2 | 3 | 4 | 2 more",
            ),
        ] {
            assert_eq!(brief(&schema), expected);
        }
    }

    #[test]
    fn arguments_are_judged() {
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false});
        assert_eq!(misfit(&schema, &json!({"n": 1})), None);
        for (arguments, why) in [
            (json!({}), "\"n\" is a required property"),
            (json!({"n": "x"}), "at `/n`, \"x\" is not of type"),
            (json!({"n": 1, "z": 2}), "'z' was unexpected"),
            (json!([]), "is not of type \"object\""),
        ] {
            let said = misfit(&schema, &arguments).unwrap();
            assert!(said.contains(why), "{said}");
        }
    }
}
