//! Judges an answer by its schema: the value it holds, or where it is wrong.

use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::repair::validator;

/// A value that fits its schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Valid {
    /// The value.
    pub value: Value,
    /// What was set right, one sentence each.
    pub notes: Vec<String>,
}

/// Why an answer is no result.
#[derive(Debug, Clone, PartialEq)]
pub struct Invalid {
    /// The first problems, at most five; never empty.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
    /// What arrived, if it was JSON at all.
    pub value: Option<Value>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer into the answer; empty for its root.
    pub pointer: String,
    /// One clause.
    pub message: String,
}

/// The most problems told.
const TOLD: usize = 5;
/// The most characters of a clause: it may quote the value.
const LONGEST: usize = 160;

/// Reads an answer.
///
/// # Errors
/// When it is not JSON, or not what the schema asks for.
pub fn read(schema: &Value, answer: &str) -> Result<Valid, Invalid> {
    let mut value: Value = serde_json::from_str(answer.trim()).map_err(|error| {
        let text = answer.trim();
        let message = if text.is_empty() {
            "the answer is empty".to_owned()
        } else if error.is_eof() {
            format!(
                "the answer ends in the middle, after {} characters",
                text.chars().count()
            )
        } else {
            format!(
                "the answer is not JSON from line {}, column {} on",
                error.line(),
                error.column()
            )
        };
        let pointer = open_at(text, byte_of(text, error.line(), error.column()));
        Invalid {
            problems: vec![Problem { pointer, message }],
            more: 0,
            value: None,
        }
    })?;
    let validator = validator(schema).map_err(|error| Invalid {
        problems: vec![Problem {
            pointer: String::new(),
            message: error.message,
        }],
        more: 0,
        value: None,
    })?;
    let notes = respell(&validator, &mut value);
    let mut errors = validator.iter_errors(&value);
    let problems: Vec<Problem> = errors
        .by_ref()
        .take(TOLD)
        .map(|error| Problem {
            pointer: error.instance_path().to_string(),
            message: clause(&error),
        })
        .collect();
    let more = errors.count();
    if problems.is_empty() {
        return Ok(Valid { value, notes });
    }
    Err(Invalid {
        problems,
        more,
        value: Some(value),
    })
}

/// The API does not promise the case of enum values: where one fits but for its case, it is set
/// right.
fn respell(validator: &jsonschema::Validator, value: &mut Value) -> Vec<String> {
    let mut fixes: Vec<(String, String)> = Vec::new();
    for error in validator.iter_errors(value) {
        let options = match error.kind() {
            ValidationErrorKind::Enum { options } => {
                options.as_array().cloned().unwrap_or_default()
            }
            ValidationErrorKind::Constant { expected_value } => {
                vec![expected_value.as_ref().clone()]
            }
            _ => continue,
        };
        let Some(found) = error.instance().as_str().map(str::to_lowercase) else {
            continue;
        };
        let mut fitting = options
            .iter()
            .filter_map(Value::as_str)
            .filter(|option| option.to_lowercase() == found);
        if let (Some(option), None) = (fitting.next(), fitting.next()) {
            fixes.push((error.instance_path().to_string(), option.to_owned()));
        }
    }
    let mut notes = Vec::new();
    for (pointer, spelling) in fixes {
        if let Some(place) = value.pointer_mut(&pointer) {
            notes.push(format!(
                "`{pointer}` was spelt {place}; the schema has `{spelling}`."
            ));
            *place = Value::from(spelling);
        }
    }
    if notes.len() > TOLD {
        let more = notes.len() - TOLD;
        notes.truncate(TOLD);
        notes.push(format!("{more} more values differed in case only."));
    }
    notes
}

fn clause(error: &jsonschema::ValidationError<'_>) -> String {
    let text = error.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The byte a position of `serde_json` stands for: lines from 1, columns in bytes.
fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    (before + column).min(text.len())
}

/// One container that is open at some byte.
enum Open {
    /// An object and the field being read.
    Object(Option<String>),
    /// A list and the index being read.
    List(usize),
}

/// The JSON pointer of what was being read when a text broke off at a byte.
fn open_at(text: &str, end: usize) -> String {
    let mut open: Vec<Open> = Vec::new();
    let mut bytes = text.bytes().enumerate().take(end);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'{' => open.push(Open::Object(None)),
            b'[' => open.push(Open::List(0)),
            b'}' | b']' => drop(open.pop()),
            b',' => match open.last_mut() {
                Some(Open::Object(field)) => *field = None,
                Some(Open::List(index)) => *index += 1,
                None => {}
            },
            b'"' => {
                let mut escaped = false;
                let closed = bytes.by_ref().find(|(_, byte)| {
                    let ends = *byte == b'"' && !escaped;
                    escaped = *byte == b'\\' && !escaped;
                    ends
                });
                if let (Some(Open::Object(field @ None)), Some((close, _))) =
                    (open.last_mut(), closed)
                {
                    *field = text
                        .get(at..=close)
                        .and_then(|name| serde_json::from_str(name).ok());
                }
            }
            _ => {}
        }
    }
    open.iter()
        .filter_map(|open| match open {
            Open::Object(field) => field
                .as_ref()
                .map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))),
            Open::List(index) => Some(format!("/{index}")),
        })
        .collect()
}
