//! Structured output (`docs/protocol.md#structured-output`): values that fit the schema of a
//! request.
//!
//! The value of a script is checked before it is sent. If no script has one, an example is made
//! from the schema, so every request for structured output gets what it asked for.

use serde_json::{Map, Value, json};

/// How many references within each other are followed. Recursive schemas were refused before.
const DEEPEST: usize = 64;

/// What is wrong with a value or its schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Mismatch {
    #[error("at `{place}`: {reason}")]
    Value { place: String, reason: String },
    #[error("invalid schema: {0}")]
    Schema(String),
}

/// Checks a value against a schema.
///
/// # Errors
/// The place, and what is wrong there.
pub(super) fn check(schema: &Value, value: &Value) -> Result<(), Mismatch> {
    let validator = validator(schema)?;
    validator.validate(value).map_err(|error| Mismatch::Value {
        place: error.instance_path().to_string(),
        reason: error.to_string(),
    })
}

/// Checks that a value is a JSON Schema.
///
/// # Errors
/// What is wrong with it.
pub(super) fn validator(schema: &Value) -> Result<jsonschema::Validator, Mismatch> {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| Mismatch::Schema(error.to_string()))
}

/// Makes an example for a schema: every field, two items in each list, the first of all choices.
pub(super) fn example(schema: &Value) -> Value {
    make(schema, schema, 0)
}

fn make(root: &Value, schema: &Value, depth: usize) -> Value {
    let Some(map) = schema.as_object().filter(|_| depth < DEEPEST) else {
        return Value::Null;
    };
    if let Some(value) = map.get("const") {
        return value.clone();
    }
    if let Some(first) = list(map, "enum").first() {
        return first.clone();
    }
    if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|at| root.pointer(at));
        return target.map_or(Value::Null, |target| make(root, target, depth + 1));
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(first) = list(map, key).first() {
            return make(root, first, depth + 1);
        }
    }
    if !list(map, "allOf").is_empty() {
        let mut whole = Map::new();
        for part in list(map, "allOf") {
            match make(root, part, depth + 1) {
                Value::Object(fields) => whole.extend(fields),
                other => return other,
            }
        }
        return Value::Object(whole);
    }
    let kind = match map.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        kind => kind.and_then(Value::as_str),
    };
    match kind {
        Some("object") => {
            let properties = map.get("properties").and_then(Value::as_object);
            let fields = properties.into_iter().flatten();
            fields
                .map(|(name, schema)| (name.clone(), make(root, schema, depth + 1)))
                .collect::<Map<_, _>>()
                .into()
        }
        Some("array") => {
            let item = map.get("items").map(|items| make(root, items, depth + 1));
            item.map_or_else(|| json!([]), |item| json!([item, item]))
        }
        Some("string") => Value::from(text(map.get("format").and_then(Value::as_str))),
        Some("integer") => json!(1),
        Some("number") => json!(1.5),
        Some("boolean") => json!(true),
        _ => Value::Null,
    }
}

fn list<'a>(map: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    map.get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text(format: Option<&str>) -> &'static str {
    match format {
        Some("date") => "2026-01-31",
        Some("date-time") => "2026-01-31T12:00:00Z",
        Some("time") => "12:00:00Z",
        Some("duration") => "P1D",
        Some("email") => "someone@example.com",
        Some("hostname") => "example.com",
        Some("uri") => "https://example.com/",
        Some("ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        _ => "example",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_fits_its_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": {"$ref": "#/$defs/name"},
                "kind": {"enum": ["a", "b"]},
                "rows": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": ["integer", "null"]}, "on": {"type": "string", "format": "date"}}, "required": ["n"], "additionalProperties": false}},
                "either": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                "id": {"type": "string", "format": "uuid"},
                "wait": {"type": "string", "format": "duration"},
                "at": {"type": "string", "format": "time"},
                "yes": {"const": true},
            },
            "required": ["name", "kind", "rows", "either", "id", "yes"],
            "additionalProperties": false,
            "$defs": {"name": {"type": "string"}},
        });
        let made = example(&schema);
        assert_eq!(check(&schema, &made), Ok(()), "{made}");
        assert_eq!(
            made["rows"],
            json!([{"n": 1, "on": "2026-01-31"}, {"n": 1, "on": "2026-01-31"}])
        );
        let error = check(&schema, &json!({"name": 5})).unwrap_err();
        assert!(error.to_string().starts_with("at `"), "{error}");
    }
}
