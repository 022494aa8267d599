//! Shapes as data, and the function that compares a value with a shape.
//!
//! No field of the API is named here. The first difference is the error, in the words of the API:
//! `messages.0.content.1.text: Field required`.

use std::fmt;

use serde_json::{Map, Value};

use crate::emulator::error::ApiError;

/// What a value may be.
#[derive(Debug)]
pub(super) enum Shape {
    /// Anything.
    Any,
    Bool,
    Text,
    /// Letters, digits, `_` and `-`: at least one, at most so many.
    Name(usize),
    /// A whole number, with its least and its greatest value.
    Int(i64, i64),
    /// A number, with its least and its greatest value.
    Number(f64, f64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    List(&'static Self),
    /// An object with these fields and no others.
    Object(&'static [Field]),
    /// Any object.
    Map,
    /// An object whose `type` says which fields it has.
    Tagged(&'static [Tag]),
    /// The shape, or null.
    Nullable(&'static Self),
    /// A list of the first shape, or the second shape.
    ListOr(&'static Self, &'static Self),
    /// A string, or the shape.
    TextOr(&'static Self),
    /// A constant of the API, such as a date: exactly this word.
    Word(&'static str),
}

/// A field of an object.
#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    shape: &'static Shape,
    required: bool,
    /// The headers of which at least one must be sent for the field to exist; if empty, none is
    /// needed.
    betas: &'static [&'static str],
}

/// One kind of an object whose `type` says which fields it has.
#[derive(Debug)]
pub(super) struct Tag {
    name: &'static str,
    fields: &'static [Field],
    betas: &'static [&'static str],
}

/// A field that must be there.
pub(super) const fn must(name: &'static str, shape: &'static Shape) -> Field {
    Field {
        name,
        shape,
        required: true,
        betas: &[],
    }
}

/// A field that may be there.
pub(super) const fn may(name: &'static str, shape: &'static Shape) -> Field {
    Field {
        name,
        shape,
        required: false,
        betas: &[],
    }
}

/// A field that may be there if one of the headers is sent.
pub(super) const fn beta(
    name: &'static str,
    shape: &'static Shape,
    betas: &'static [&'static str],
) -> Field {
    Field {
        name,
        shape,
        required: false,
        betas,
    }
}

/// A kind of an object with a `type`.
pub(super) const fn tag(name: &'static str, fields: &'static [Field]) -> Tag {
    Tag {
        name,
        fields,
        betas: &[],
    }
}

/// A kind that exists if one of the headers is sent.
pub(super) const fn beta_tag(
    name: &'static str,
    fields: &'static [Field],
    betas: &'static [&'static str],
) -> Tag {
    Tag {
        name,
        fields,
        betas,
    }
}

/// Where in the body a value stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    Root,
    Key(&'a Self, &'a str),
    Index(&'a Self, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parent, step): (_, &dyn fmt::Display) = match self {
            Path::Root => return Ok(()),
            Path::Key(parent, key) => (parent, key),
            Path::Index(parent, index) => (parent, index),
        };
        match parent {
            Path::Root => write!(f, "{step}"),
            _ => write!(f, "{parent}.{step}"),
        }
    }
}

/// The headers that were sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Betas<'a>(pub(super) &'a [String]);

impl Betas<'_> {
    fn allow(&self, needed: &[&str]) -> bool {
        needed.is_empty() || self.0.iter().any(|sent| needed.contains(&sent.as_str()))
    }
}

/// Compares a value with a shape.
///
/// # Errors
/// 400 for the first difference.
pub(super) fn check(
    shape: &'static Shape,
    value: &Value,
    path: &Path<'_>,
    betas: Betas<'_>,
) -> Result<(), ApiError> {
    let wrong = |what: String| Err(ApiError::invalid(format!("{path}: {what}")));
    let should_be = |what: &str| wrong(format!("Input should be {what}"));
    match (shape, value) {
        (Shape::Nullable(_), Value::Null) | (Shape::Any, _) => Ok(()),
        (Shape::Nullable(inner), _) => check(inner, value, path, betas),
        (Shape::Bool, Value::Bool(_)) | (Shape::Map, Value::Object(_)) => Ok(()),
        (Shape::Bool, _) => should_be("a valid boolean"),
        (Shape::Text, Value::String(_)) | (Shape::TextOr(_), Value::String(_)) => Ok(()),
        (Shape::TextOr(inner), Value::Array(_) | Value::Object(_)) => {
            check(inner, value, path, betas)
        }
        (Shape::Text | Shape::TextOr(_), _) => should_be("a valid string"),
        (Shape::Name(most), Value::String(text)) => {
            let fits = text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            if fits && (1..=*most).contains(&text.len()) {
                Ok(())
            } else {
                wrong(format!(
                    "String should match pattern '^[a-zA-Z0-9_-]{{1,{most}}}$'"
                ))
            }
        }
        (Shape::Name(_), _) => should_be("a valid string"),
        (Shape::Int(least, most), Value::Number(number)) => match number.as_i64() {
            Some(number) if number < *least => {
                should_be(&format!("greater than or equal to {least}"))
            }
            Some(number) if number > *most => should_be(&format!("less than or equal to {most}")),
            Some(_) => Ok(()),
            None => should_be("a valid integer"),
        },
        (Shape::Int(..), _) => should_be("a valid integer"),
        (Shape::Number(least, most), Value::Number(number)) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            if number < *least {
                should_be(&format!("greater than or equal to {least}"))
            } else if number > *most {
                should_be(&format!("less than or equal to {most}"))
            } else {
                Ok(())
            }
        }
        (Shape::Number(..), _) => should_be("a valid number"),
        (Shape::OneOf(words), Value::String(text)) if words.contains(&text.as_str()) => Ok(()),
        (Shape::OneOf(words), _) => should_be(&listed(words.iter().copied())),
        (Shape::Word(word), Value::String(text)) if text == word => Ok(()),
        (Shape::Word(word), _) => should_be(&format!("'{word}'")),
        (Shape::List(inner) | Shape::ListOr(inner, _), Value::Array(items)) => items
            .iter()
            .enumerate()
            .try_for_each(|(i, item)| check(inner, item, &Path::Index(path, i), betas)),
        (Shape::List(_), _) => should_be("a valid list"),
        (Shape::ListOr(_, other), _) => check(other, value, path, betas),
        (Shape::Object(fields), Value::Object(map)) => object(fields, map, path, betas, None),
        (Shape::Tagged(tags), Value::Object(map)) => tagged(tags, map, path, betas),
        (Shape::Object(_) | Shape::Map | Shape::Tagged(_), _) => should_be("a valid dictionary"),
    }
}

fn tagged(
    tags: &'static [Tag],
    map: &Map<String, Value>,
    path: &Path<'_>,
    betas: Betas<'_>,
) -> Result<(), ApiError> {
    let Some(kind) = map.get("type") else {
        let path = Path::Key(path, "type");
        return Err(ApiError::invalid(format!("{path}: Field required")));
    };
    let known = || tags.iter().filter(|tag| betas.allow(tag.betas));
    match known().find(|tag| kind.as_str() == Some(tag.name)) {
        Some(tag) => object(tag.fields, map, path, betas, Some("type")),
        None => {
            let names: Vec<String> = known().map(|tag| format!("'{}'", tag.name)).collect();
            let kind = kind
                .as_str()
                .map_or_else(|| kind.to_string(), str::to_owned);
            Err(ApiError::invalid(format!(
                "{path}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {}",
                names.join(", ")
            )))
        }
    }
}

/// Compares the fields of an object. `besides` is a field that was read already.
pub(super) fn object(
    fields: &'static [Field],
    map: &Map<String, Value>,
    path: &Path<'_>,
    betas: Betas<'_>,
    besides: Option<&str>,
) -> Result<(), ApiError> {
    for field in fields {
        match map.get(field.name) {
            Some(value) if betas.allow(field.betas) => {
                check(field.shape, value, &Path::Key(path, field.name), betas)?;
            }
            None if field.required => {
                let path = Path::Key(path, field.name);
                return Err(ApiError::invalid(format!("{path}: Field required")));
            }
            _ => {}
        }
    }
    let known = |key: &str| {
        besides == Some(key)
            || fields
                .iter()
                .any(|field| field.name == key && betas.allow(field.betas))
    };
    match map.keys().find(|key| !known(key)) {
        Some(key) => {
            let path = Path::Key(path, key);
            Err(ApiError::invalid(format!(
                "{path}: Extra inputs are not permitted"
            )))
        }
        None => Ok(()),
    }
}

fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<String> = words.map(|word| format!("'{word}'")).collect();
    match words.pop() {
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
        None => String::new(),
    }
}
