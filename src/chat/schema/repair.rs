//! Makes a JSON Schema one that the API takes, and says what was changed
//! (`docs/protocol.md#structured-output`).
//!
//! What the API cannot hold Claude to (`minimum`, `maxLength`, `pattern`, …) goes into the
//! description, as the official SDK does; the answer is still judged by the schema as it was
//! written. What cannot be said without changing the meaning is an error.

use serde_json::{Map, Value};

use super::error::SchemaError;
use super::limits;
use super::references;

/// A schema as written and as sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// As written: the answer is judged by it.
    pub written: Value,
    /// What goes into `output_config.format.schema`.
    pub sent: Value,
    /// What was changed, one sentence each.
    pub notes: Vec<String>,
}

/// String formats the API knows.
const FORMATS: &[&str] = &[
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];
/// Keywords that say nothing about the value: left out without a word.
const ANNOTATIONS: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "$anchor",
    "deprecated",
    "readOnly",
    "writeOnly",
    "discriminator",
];
/// Keywords that help Claude but bind nothing: into the description without a word.
const HINTS: &[&str] = &["default", "examples", "example"];
/// A keyword of OpenAPI that people take for one of JSON Schema: it allows no null.
const NULLABLE: &str = "nullable";
/// The most places named in one note.
const NAMED: usize = 4;
/// The most characters of a constraint that go into a description.
const LONGEST: usize = 200;

/// Makes a schema fit for the API.
///
/// # Errors
/// When it is no valid schema, refers to itself or elsewhere, leaves open what the API wants
/// closed, or is beyond the API's limits.
pub fn fit(schema: Value) -> Result<Fit, SchemaError> {
    let Value::Object(mut written) = schema else {
        return Err(SchemaError::new(
            "a schema is a JSON object",
            "Write `{\"type\": \"object\", \"properties\": {…}}`, or the short form: `%%json NAME city str, people int`.",
        ));
    };
    // They choose a dialect or a base address; one is enough here.
    written.shift_remove("$schema");
    written.shift_remove("$id");
    let written = Value::Object(written);
    references::check(&written)?;
    validator(&written)?;
    let mut repair = Repair::default();
    let sent = repair.schema(&written, "")?;
    limits::check(&sent)?;
    // `oneOf` moved; a reference may have pointed into it.
    references::check(&sent)?;
    Ok(Fit {
        written,
        sent,
        notes: repair.notes(),
    })
}

/// Compiles a schema; also checks that it is one.
pub(super) fn validator(schema: &Value) -> Result<jsonschema::Validator, SchemaError> {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| {
            let place = error.instance_path().to_string();
            let what: String = error.to_string().chars().take(LONGEST).collect();
            SchemaError::new(
                format!("the schema is not valid at `{}`: {what}", shown(&place)),
                "Types are string, integer, number, boolean, object, array and null; `properties` and `items` hold schemas.",
            )
        })
}

/// The root's pointer is empty, which reads badly.
fn shown(pointer: &str) -> &str {
    if pointer.is_empty() { "/" } else { pointer }
}

#[derive(Default)]
struct Repair {
    closed: Vec<String>,
    /// (keyword, where it stood).
    moved: Vec<(String, String)>,
    /// Objects that were open.
    opened: Vec<String>,
    /// (keyword, where it stood), beside a reference.
    dropped: Vec<(String, String)>,
    typed: Vec<String>,
    nullable: Vec<String>,
    any_of: Vec<String>,
}

impl Repair {
    fn notes(self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.closed.is_empty() {
            notes.push(format!(
                "`additionalProperties: false` was added to the schema at {}: the API takes no open objects.",
                places(&self.closed)
            ));
        }
        if !self.typed.is_empty() {
            notes.push(format!(
                "A missing `type` was added to the schema at {}.",
                places(&self.typed)
            ));
        }
        if !self.any_of.is_empty() {
            notes.push(format!(
                "`oneOf` was sent as `anyOf` at {}: the API takes no `oneOf`. The answer is still checked against it.",
                places(&self.any_of)
            ));
        }
        if !self.opened.is_empty() {
            notes.push(format!(
                "`additionalProperties` was sent as `false` at {}: the API takes no open objects, so only the fields named there will come.",
                places(&self.opened)
            ));
        }
        if !self.nullable.is_empty() {
            notes.push(format!(
                "`nullable` at {} allows no null, it is no word of JSON Schema: write `\"type\": [\"string\", \"null\"]`.",
                places(&self.nullable)
            ));
        }
        if !self.moved.is_empty() {
            notes.push(format!(
                "The API takes no {}: sent as a description, and checked in the answer.",
                keywords(&self.moved)
            ));
        }
        if !self.dropped.is_empty() {
            notes.push(format!(
                "The API takes nothing beside a `$ref`: {} was left out, and is checked in the answer.",
                keywords(&self.dropped)
            ));
        }
        notes
    }

    fn schema(&mut self, schema: &Value, at: &str) -> Result<Value, SchemaError> {
        let Value::Object(schema) = schema else {
            return Err(SchemaError::new(
                format!("the schema at `{}` allows anything or nothing", shown(at)),
                "The API needs a type there: string, integer, number, boolean, object or array.",
            ));
        };
        let mut sent = Map::new();
        let mut rest = schema.clone();
        for key in ["$defs", "definitions"] {
            if let Some(Value::Object(inner)) = rest.shift_remove(key) {
                let inner = self.each(&inner, &format!("{at}/{key}"))?;
                sent.insert(key.to_owned(), inner);
            }
        }
        rest.retain(|key, _| !ANNOTATIONS.contains(&key.as_str()));
        if let Some(reference) = rest.shift_remove("$ref") {
            sent.insert("$ref".to_owned(), reference);
            for keyword in rest.keys() {
                if !matches!(keyword.as_str(), "title" | "description")
                    && !HINTS.contains(&keyword.as_str())
                {
                    self.dropped.push((keyword.clone(), at.to_owned()));
                }
            }
            return Ok(Value::Object(sent));
        }
        self.kind(&mut rest, &mut sent, at)?;
        for key in ["anyOf", "allOf", "oneOf"] {
            if let Some(Value::Array(inner)) = rest.shift_remove(key) {
                let mut fitting = Vec::with_capacity(inner.len());
                for (number, schema) in inner.iter().enumerate() {
                    fitting.push(self.schema(schema, &format!("{at}/{key}/{number}"))?);
                }
                let key = if key == "oneOf" && !sent.contains_key("anyOf") {
                    self.any_of.push(at.to_owned());
                    "anyOf"
                } else {
                    key
                };
                sent.insert(key.to_owned(), Value::Array(fitting));
            }
        }
        for key in ["title", "enum", "const"] {
            if let Some(value) = rest.shift_remove(key) {
                sent.insert(key.to_owned(), value);
            }
        }
        self.object(&mut rest, &mut sent, at)?;
        self.list(&mut rest, &mut sent, at)?;
        if let Some(Value::String(format)) = rest.get("format")
            && FORMATS.contains(&format.as_str())
        {
            sent.extend(rest.shift_remove_entry("format"));
        }
        self.describe(rest, &mut sent, at);
        Ok(Value::Object(sent))
    }

    fn each(&mut self, schemas: &Map<String, Value>, at: &str) -> Result<Value, SchemaError> {
        let mut fitting = Map::new();
        for (name, schema) in schemas {
            let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            fitting.insert(name.clone(), self.schema(schema, &place)?);
        }
        Ok(Value::Object(fitting))
    }

    /// `type`, or what stands for it.
    fn kind(
        &mut self,
        rest: &mut Map<String, Value>,
        sent: &mut Map<String, Value>,
        at: &str,
    ) -> Result<(), SchemaError> {
        if let Some(kind) = rest.shift_remove("type") {
            sent.insert("type".to_owned(), kind);
            return Ok(());
        }
        let guessed = if rest.contains_key("properties") {
            "object"
        } else if rest.contains_key("items") {
            "array"
        } else if ["anyOf", "allOf", "oneOf", "enum", "const"]
            .iter()
            .any(|key| rest.contains_key(*key))
        {
            return Ok(());
        } else {
            return Err(SchemaError::new(
                format!("the schema has no `type` at `{}`", shown(at)),
                "The API needs one there: string, integer, number, boolean, object or array.",
            ));
        };
        self.typed.push(at.to_owned());
        sent.insert("type".to_owned(), Value::from(guessed));
        Ok(())
    }

    fn object(
        &mut self,
        rest: &mut Map<String, Value>,
        sent: &mut Map<String, Value>,
        at: &str,
    ) -> Result<(), SchemaError> {
        if !allows(sent, "object") {
            return Ok(());
        }
        let properties = match rest.shift_remove("properties") {
            Some(Value::Object(properties)) => properties,
            _ => Map::new(),
        };
        let open = rest.shift_remove("additionalProperties");
        let required = rest.shift_remove("required");
        if properties.is_empty() && open != Some(Value::Bool(false)) {
            return Err(SchemaError::new(
                format!("the object at `{}` may have any fields", shown(at)),
                "The API needs every field by name in `properties`. For keys nobody knows beforehand, ask for a list of objects with `key` and `value`.",
            ));
        }
        if let Some(name) = required
            .as_ref()
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .find(|name| !properties.contains_key(*name))
        {
            return Err(SchemaError::new(
                format!(
                    "`{name}` is required at `{}` and not among its `properties`",
                    shown(at)
                ),
                "Add it to `properties`, or take it out of `required`.",
            ));
        }
        match open {
            Some(Value::Bool(false)) => {}
            None => self.closed.push(at.to_owned()),
            Some(_) => self.opened.push(at.to_owned()),
        }
        let properties = self.each(&properties, &format!("{at}/properties"))?;
        sent.insert("properties".to_owned(), properties);
        sent.extend(required.map(|required| ("required".to_owned(), required)));
        sent.insert("additionalProperties".to_owned(), Value::Bool(false));
        Ok(())
    }

    fn list(
        &mut self,
        rest: &mut Map<String, Value>,
        sent: &mut Map<String, Value>,
        at: &str,
    ) -> Result<(), SchemaError> {
        if !allows(sent, "array") {
            return Ok(());
        }
        match rest.shift_remove("items") {
            Some(items) => {
                let items = self.schema(&items, &format!("{at}/items"))?;
                sent.insert("items".to_owned(), items);
            }
            None => {
                return Err(SchemaError::new(
                    format!("the list at `{}` has no `items`", shown(at)),
                    "Say what it holds: `\"items\": {\"type\": \"string\"}`.",
                ));
            }
        }
        if rest
            .get("minItems")
            .and_then(Value::as_u64)
            .is_some_and(|least| least <= 1)
        {
            sent.extend(rest.shift_remove_entry("minItems"));
        }
        Ok(())
    }

    /// What is left goes into the description.
    fn describe(&mut self, mut rest: Map<String, Value>, sent: &mut Map<String, Value>, at: &str) {
        let own = rest.shift_remove("description");
        let mut words: Vec<String> = own
            .as_ref()
            .and_then(Value::as_str)
            .map(str::to_owned)
            .into_iter()
            .collect();
        let left: Vec<String> = rest
            .iter()
            .map(|(keyword, value)| {
                let value: String = value.to_string().chars().take(LONGEST).collect();
                format!("{keyword}: {value}")
            })
            .collect();
        if !left.is_empty() {
            words.push(format!("({})", left.join(", ")));
        }
        for keyword in rest.keys() {
            if keyword == NULLABLE {
                self.nullable.push(at.to_owned());
            } else if !HINTS.contains(&keyword.as_str()) {
                self.moved.push((keyword.clone(), at.to_owned()));
            }
        }
        if !words.is_empty() {
            sent.insert("description".to_owned(), Value::from(words.join(" ")));
        }
    }
}

/// Whether `type` is, or lists, this one.
fn allows(schema: &Map<String, Value>, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == wanted,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == wanted),
        _ => false,
    }
}

fn keywords(found: &[(String, String)]) -> String {
    let named: Vec<String> = found
        .iter()
        .map(|(keyword, place)| format!("`{keyword}` at `{}`", shown(place)))
        .collect();
    listed(&named)
}

fn places(places: &[String]) -> String {
    let named: Vec<String> = places
        .iter()
        .map(|place| format!("`{}`", shown(place)))
        .collect();
    listed(&named)
}

fn listed(names: &[String]) -> String {
    let (named, more) = names.split_at(names.len().min(NAMED));
    let mut text = named.join(", ");
    if !more.is_empty() {
        text.push_str(&format!(" and {} more", more.len()));
    }
    text
}
