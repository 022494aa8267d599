//! The API's limits on the size of a schema (`docs/protocol.md#structured-output`).

use serde_json::{Map, Value};

use super::error::SchemaError;

/// The most optional fields in one request.
const MOST_OPTIONAL: usize = 24;
/// The most fields whose type is a choice of types.
const MOST_UNIONS: usize = 16;

#[derive(Default)]
struct Count {
    optional: usize,
    unions: usize,
}

/// Checks a schema that is about to be sent.
///
/// # Errors
/// When it has more optional or union-typed fields than the API takes.
pub(super) fn check(schema: &Value) -> Result<(), SchemaError> {
    let mut count = Count::default();
    walk(schema, &mut count);
    if count.optional > MOST_OPTIONAL {
        return Err(SchemaError::new(
            format!(
                "the schema has {} optional fields, and the API takes at most {MOST_OPTIONAL}",
                count.optional
            ),
            "List fields under `required` (in the short form: without `?`), or ask for fewer in one cell.",
        ));
    }
    if count.unions > MOST_UNIONS {
        return Err(SchemaError::new(
            format!(
                "the schema has {} fields with a choice of types (`anyOf`, lists of types), and the API takes at most {MOST_UNIONS}",
                count.unions
            ),
            "Give fields one type each; instead of `null`, let a field be missing.",
        ));
    }
    Ok(())
}

fn walk(schema: &Value, count: &mut Count) {
    let Value::Object(map) = schema else { return };
    let choices = |key: &str| map.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    if choices("type") > 1 || choices("anyOf") > 1 || choices("oneOf") > 1 {
        count.unions += 1;
    }
    if let Some(Value::Object(properties)) = map.get("properties") {
        count.optional += optional(properties, map.get("required"));
    }
    for key in ["properties", "$defs", "definitions"] {
        if let Some(Value::Object(inner)) = map.get(key) {
            for schema in inner.values() {
                walk(schema, count);
            }
        }
    }
    for key in ["anyOf", "allOf", "oneOf"] {
        if let Some(Value::Array(inner)) = map.get(key) {
            for schema in inner {
                walk(schema, count);
            }
        }
    }
    if let Some(items) = map.get("items") {
        walk(items, count);
    }
}

fn optional(properties: &Map<String, Value>, required: Option<&Value>) -> usize {
    let required: Vec<&str> = required
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    properties
        .keys()
        .filter(|name| !required.contains(&name.as_str()))
        .count()
}
