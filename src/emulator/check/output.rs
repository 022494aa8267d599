//! Structured output and strict tools (`docs/protocol.md#structured-output`): what their schemas
//! may hold. Also citations, because a request with citations cannot have structured output.

use serde_json::{Map, Value};

use super::super::error::ApiError;
use super::super::message::kind;
use super::super::request::Request;
use super::super::structured;
use super::tools::{by_code, is_strict};

/// Keywords that constrain numbers, lengths or counts.
const CONSTRAINTS: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];
/// The deepest nesting that is followed: no sensible schema is deeper, but one that refers to
/// itself has no end.
const DEEPEST: usize = 64;
/// The most optional parameters in one request.
const MOST_OPTIONAL: usize = 24;
/// The most parameters with more than one type in one request.
const MOST_UNIONS: usize = 16;

pub(super) fn check(request: &Request) -> Result<(), ApiError> {
    let cited = citations(request)?;
    let mut count = Count::default();
    for (path, tool) in request.definitions() {
        let Some(schema) = tool.get("input_schema") else {
            continue;
        };
        let path = format!("{path}.input_schema");
        if is_strict(tool) {
            walk(schema, schema, &path, 0, &mut count)?;
        } else if by_code(tool) && refers_to_itself(schema) {
            return Err(ApiError::invalid(format!(
                "{path}: recursive schemas are not supported with programmatic `allowed_callers`"
            )));
        }
    }
    let format = request.format.as_ref();
    if let Some(schema) = format.and_then(|format| format.get("schema")) {
        if cited {
            return Err(ApiError::invalid(
                "output_config.format: structured output cannot be combined with citations",
            ));
        }
        walk(schema, schema, "output_config.format.schema", 0, &mut count)?;
        structured::validator(schema)
            .map_err(|why| ApiError::invalid(format!("output_config.format.schema: {why}")))?;
    }
    count.check()
}

/// Whether following a reference in a schema never ends.
fn refers_to_itself(schema: &Value) -> bool {
    let mut found = Vec::new();
    references(schema, &mut found);
    found
        .into_iter()
        .any(|reference| recursive(schema, reference))
}

/// What a request may hold only a limited number of.
#[derive(Default)]
struct Count {
    optional: usize,
    unions: usize,
}

impl Count {
    fn add(&mut self, map: &Map<String, Value>) {
        let choices = |key: &str| map.get(key).and_then(Value::as_array).map_or(0, Vec::len);
        self.unions += usize::from(
            ["type", "anyOf", "oneOf"]
                .iter()
                .any(|key| choices(key) > 1),
        );
        let required = map.get("required").and_then(Value::as_array);
        let is_required =
            |name: &str| required.is_some_and(|names| names.iter().any(|n| n == name));
        if let Some(properties) = map.get("properties").and_then(Value::as_object) {
            self.optional += properties.keys().filter(|name| !is_required(name)).count();
        }
    }

    fn check(&self) -> Result<(), ApiError> {
        for (found, most, what) in [
            (self.optional, MOST_OPTIONAL, "optional parameters"),
            (self.unions, MOST_UNIONS, "parameters with union types"),
        ] {
            if found > most {
                return Err(ApiError::invalid(format!(
                    "schemas: {found} {what}, more than the {most} that are supported"
                )));
            }
        }
        Ok(())
    }
}

/// Whether documents are cited. Either all of them are or none.
fn citations(request: &Request) -> Result<bool, ApiError> {
    let documents = request
        .messages
        .iter()
        .flat_map(|message| &message.blocks)
        .filter(|block| matches!(kind(block), "document" | "search_result"));
    let mut enabled = documents.map(|block| {
        let citations = block.get("citations");
        citations.and_then(|given| given.get("enabled")) == Some(&Value::Bool(true))
    });
    let Some(first) = enabled.next() else {
        return Ok(false);
    };
    if enabled.any(|other| other != first) {
        return Err(ApiError::invalid(
            "citations: must be enabled on all or none of the documents in a request",
        ));
    }
    Ok(first)
}

fn walk(
    root: &Value,
    schema: &Value,
    path: &str,
    depth: usize,
    count: &mut Count,
) -> Result<(), ApiError> {
    let wrong = |what: &str| Err(ApiError::invalid(format!("{path}: {what}")));
    let Some(map) = schema.as_object() else {
        return Ok(());
    };
    if depth > DEEPEST {
        return wrong("the schema is nested too deeply");
    }
    if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
        if !reference.starts_with('#') {
            return wrong("external `$ref` is not supported");
        }
        if recursive(root, reference) {
            return wrong("recursive schemas are not supported");
        }
    }
    if let Some(keyword) = CONSTRAINTS.iter().find(|word| map.contains_key(**word)) {
        return wrong(&format!("property `{keyword}` is not supported"));
    }
    count.add(map);
    let is_object = map.get("type").and_then(Value::as_str) == Some("object");
    if (is_object || map.contains_key("properties"))
        && map.get("additionalProperties") != Some(&Value::Bool(false))
    {
        return wrong("For 'object' type, 'additionalProperties' must be explicitly set to false");
    }
    for key in ["properties", "$defs", "definitions"] {
        if let Some(Value::Object(inner)) = map.get(key) {
            for (name, schema) in inner {
                walk(
                    root,
                    schema,
                    &format!("{path}.{key}.{name}"),
                    depth + 1,
                    count,
                )?;
            }
        }
    }
    for key in ["anyOf", "allOf", "oneOf"] {
        if let Some(Value::Array(inner)) = map.get(key) {
            for (i, schema) in inner.iter().enumerate() {
                walk(root, schema, &format!("{path}.{key}.{i}"), depth + 1, count)?;
            }
        }
    }
    if let Some(items) = map.get("items") {
        walk(root, items, &format!("{path}.items"), depth + 1, count)?;
    }
    Ok(())
}

/// Whether following the references from this one leads back to it, or too deep.
fn recursive(root: &Value, reference: &str) -> bool {
    let mut seen: Vec<&str> = Vec::new();
    let mut open = vec![reference];
    while let Some(next) = open.pop() {
        let Some(target) = next.strip_prefix('#').and_then(|at| root.pointer(at)) else {
            continue;
        };
        let mut found = Vec::new();
        references(target, &mut found);
        // If the target holds a reference to something that holds the target, following it never
        // ends.
        let holds = |place: &str| {
            next.strip_prefix(place)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if found
            .iter()
            .any(|place| *place == reference || holds(place))
        {
            return true;
        }
        for place in found {
            if !seen.contains(&place) {
                seen.push(place);
                open.push(place);
            }
        }
    }
    false
}

/// Every `$ref` in a schema.
fn references<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    match schema {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|inner| references(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}
