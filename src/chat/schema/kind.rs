//! What a value is, for a person.

use serde_json::Value;

/// Returns what a value is, in the words of `%%json`: `str`, `int`, `list of 3`, …
#[must_use]
pub fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(number) if number.is_f64() => "float".to_owned(),
        Value::Number(_) => "int".to_owned(),
        Value::String(_) => "str".to_owned(),
        Value::Array(items) => format!("list of {}", items.len()),
        Value::Object(fields) => format!("object of {}", fields.len()),
    }
}
