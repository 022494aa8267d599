//! Structured results: what a cell wants, what came of it, and the files it is kept in.

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::chat::schema::{self, Invalid, Valid};

/// The result a cell wants (`%%json`).
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The variable it becomes.
    pub name: String,
    /// The schema as written; what is sent stands in the settings.
    pub schema: Value,
}

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub struct Structured {
    /// The variable it becomes.
    pub name: String,
    /// The answer as it came.
    pub answer: String,
    /// The value, or where it is wrong.
    pub outcome: Result<Valid, Invalid>,
}

/// A file to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Its name, not yet made safe.
    pub name: String,
    /// Its type.
    pub mime_type: &'static str,
    /// Its content.
    pub bytes: Bytes,
}

impl Wanted {
    /// Checks an answer against the schema.
    #[must_use]
    pub fn judge(self, answer: &str) -> Structured {
        Structured {
            outcome: schema::read(&self.schema, answer),
            name: self.name,
            answer: answer.to_owned(),
        }
    }
}

impl Structured {
    /// Returns the files that keep the value: `NAME.json`, and `NAME.csv` for a list of flat
    /// objects. None for a result that is not valid.
    #[must_use]
    pub fn files(&self) -> Vec<NewFile> {
        let Ok(Valid { value, .. }) = &self.outcome else {
            return Vec::new();
        };
        let mut files = vec![NewFile {
            name: format!("{}.json", self.name),
            mime_type: "application/json",
            bytes: Bytes::from(format!("{value:#}\n")),
        }];
        files.extend(csv(value).map(|bytes| NewFile {
            name: format!("{}.csv", self.name),
            mime_type: "text/csv",
            bytes: Bytes::from(bytes),
        }));
        files
    }
}

/// A list of objects.
#[derive(Debug)]
pub struct Rows<'a> {
    /// All their fields, in the order in which they first come.
    pub columns: Vec<&'a str>,
    /// The objects.
    pub objects: Vec<&'a Map<String, Value>>,
}

/// Returns a list of objects as rows; `None` for anything else, an empty list, or one whose objects have no fields.
#[must_use]
pub fn rows(value: &Value) -> Option<Rows<'_>> {
    let objects: Option<Vec<&Map<String, Value>>> =
        value.as_array()?.iter().map(Value::as_object).collect();
    let objects = objects?;
    let mut columns: Vec<&str> = Vec::new();
    for name in objects.iter().flat_map(|object| object.keys()) {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    (!columns.is_empty()).then_some(Rows { columns, objects })
}

/// A list of flat objects as CSV; what is missing or null is an empty cell.
fn csv(value: &Value) -> Option<Vec<u8>> {
    let Rows { columns, objects } = rows(value)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&columns).ok()?;
    for row in objects {
        let cells: Option<Vec<String>> = columns
            .iter()
            .map(|column| match row.get(*column) {
                None | Some(Value::Null) => Some(String::new()),
                Some(Value::String(text)) => Some(text.clone()),
                Some(Value::Array(_) | Value::Object(_)) => None,
                Some(other) => Some(other.to_string()),
            })
            .collect();
        writer.write_record(cells?).ok()?;
    }
    writer.into_inner().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn files(value: Value) -> Vec<(String, String)> {
        let structured = Structured {
            name: "r".to_owned(),
            answer: String::new(),
            outcome: Ok(Valid {
                value,
                notes: Vec::new(),
            }),
        };
        let files = structured.files().into_iter();
        files
            .map(|file| (file.name, String::from_utf8(file.bytes.into()).unwrap()))
            .collect()
    }

    #[test]
    fn a_list_of_flat_objects_is_also_a_table() {
        let saved = files(json!([{"a": "x, \"y\"", "b": 1.0}, {"b": null, "c": true}]));
        assert_eq!(
            saved[1],
            (
                "r.csv".to_owned(),
                "a,b,c\n\"x, \"\"y\"\"\",1.0,\n,,true\n".to_owned()
            )
        );
        assert_eq!(saved[0].0, "r.json");
        assert!(saved[0].1.starts_with("[\n  {\n    \"a\": "));
        for other in [
            json!([]),
            json!([{}]),
            json!([{"a": [1]}]),
            json!([1]),
            json!({"a": 1}),
        ] {
            assert_eq!(files(other).len(), 1);
        }
    }
}
