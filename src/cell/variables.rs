//! Variables: what `{{name}}` can insert. Texts of `%set` and papermill, and structured results.
//!
//! A path goes into a value: `report.rows[0].name`, `report.rows[-1]`, `report["odd key"]`. A text
//! that holds a JSON object or list can be gone into as well. Nothing here evaluates anything.

use std::borrow::Cow;

use serde_json::Value;

use crate::chat::schema::kind;

/// Named values in the order in which they were first set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variables {
    entries: Vec<(String, Value)>,
}

/// No variables.
pub static EMPTY: Variables = Variables {
    entries: Vec::new(),
};

/// What a path leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Found<'a> {
    /// This value.
    Value(Cow<'a, Value>),
    /// No variable has that name.
    NoName,
    /// The variable is there, the place in it is not: one clause, such as ``it has no field `x` ``.
    NoPlace {
        /// The variable.
        name: &'a str,
        /// What is wrong.
        why: String,
    },
}

/// The most fields or indexes listed where a place is looked for.
const LISTED: usize = 12;

impl Variables {
    /// Sets a variable; an old one keeps its place.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.entries.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.entries.push((name.to_owned(), value)),
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries
            .iter()
            .map(|(name, value)| (name.as_str(), value))
    }

    /// Returns the value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// Finds the value at a path. If a variable has the whole path as its name, that variable is
    /// meant.
    #[must_use]
    pub fn find(&self, path: &str) -> Found<'_> {
        let name = self
            .iter()
            .map(|(name, _)| name)
            .filter(|name| {
                path.strip_prefix(name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            })
            .max_by_key(|name| name.len());
        let Some((name, value)) = name.and_then(|name| Some((name, self.get(name)?))) else {
            return Found::NoName;
        };
        let rest = path.get(name.len()..).unwrap_or_default();
        if rest.is_empty() {
            return Found::Value(Cow::Borrowed(value));
        }
        let outcome = match value {
            Value::String(text) => match serde_json::from_str::<Value>(text) {
                Ok(parsed) if parsed.is_object() || parsed.is_array() => {
                    follow(&parsed, rest).map(|value| Cow::Owned(value.clone()))
                }
                _ => Err("it is a text without fields".to_owned()),
            },
            _ => follow(value, rest).map(Cow::Borrowed),
        };
        match outcome {
            Ok(value) => Found::Value(value),
            Err(why) => Found::NoPlace { name, why },
        }
    }

    /// Returns what a path may go on with: names, and the places one step inside the value at the
    /// last complete step of `typed`.
    #[must_use]
    pub fn paths(&self, typed: &str) -> Vec<String> {
        let mut paths: Vec<String> = self.iter().map(|(name, _)| name.to_owned()).collect();
        let bases = [
            Some(typed),
            typed.rfind(['.', '[']).and_then(|at| typed.get(..at)),
        ];
        for base in bases.into_iter().flatten() {
            if let Found::Value(value) = self.find(base) {
                paths.extend(
                    steps(&value)
                        .into_iter()
                        .map(|step| format!("{base}{step}")),
                );
            }
        }
        paths
    }
}

impl<N: AsRef<str>> FromIterator<(N, Value)> for Variables {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(entries: I) -> Self {
        let mut variables = Self::default();
        for (name, value) in entries {
            variables.set(name.as_ref(), value);
        }
        variables
    }
}

/// Returns whether a variable may be called so.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Returns a value as a prompt takes it: texts as they are, everything else as JSON on one line.
#[must_use]
pub fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// One step into a value.
enum Step {
    Field(String),
    Index(i64),
}

fn follow<'a>(value: &'a Value, path: &str) -> Result<&'a Value, String> {
    let mut value = value;
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = step(rest).ok_or_else(|| {
            format!("`{rest}` is not a place: write `.field`, `[0]` or `[\"field\"]`")
        })?;
        value = inside(value, &step)?;
        rest = after;
    }
    Ok(value)
}

fn step(path: &str) -> Option<(Step, &str)> {
    if let Some(rest) = path.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end)?;
        return (!name.is_empty()).then(|| (Step::Field(name.to_owned()), after));
    }
    let inner = path.strip_prefix('[')?;
    if inner.starts_with('"') {
        let mut strings = serde_json::Deserializer::from_str(inner).into_iter::<String>();
        let name = strings.next()?.ok()?;
        let after = inner.get(strings.byte_offset()..)?.strip_prefix(']')?;
        return Some((Step::Field(name), after));
    }
    let (index, after) = inner.split_once(']')?;
    Some((Step::Index(index.trim().parse().ok()?), after))
}

fn inside<'a>(value: &'a Value, step: &Step) -> Result<&'a Value, String> {
    match (step, value) {
        (Step::Field(name), Value::Object(fields)) => fields.get(name).ok_or_else(|| {
            let names: Vec<&str> = fields.keys().map(String::as_str).take(LISTED).collect();
            format!(
                "there is no field `{name}` (there are: {})",
                names.join(", ")
            )
        }),
        (Step::Index(index), Value::Array(items)) => {
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let at = if *index < 0 {
                index.saturating_add(length)
            } else {
                *index
            };
            usize::try_from(at)
                .ok()
                .and_then(|at| items.get(at))
                .ok_or_else(|| format!("`[{index}]` is beyond its {length} items"))
        }
        (Step::Field(name), other) => Err(format!("{} has no field `{name}`", kind(other))),
        (Step::Index(index), other) => Err(format!("{} has no item `[{index}]`", kind(other))),
    }
}

/// The places one step inside a value, as they are written.
fn steps(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .keys()
            .map(|name| {
                let plain = !name.is_empty()
                    && name
                        .chars()
                        .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
                if plain {
                    format!(".{name}")
                } else {
                    format!("[{}]", Value::from(name.as_str()))
                }
            })
            .collect(),
        Value::Array(items) => (0..items.len().min(LISTED))
            .map(|at| format!("[{at}]"))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        [
            ("city", json!("Bergen")),
            (
                "report",
                json!({"rows": [{"name": "Ada", "odd key": 1}, {"name": "Bob"}], "n": 2, "é": null}),
            ),
            ("a.b", json!("dotted")),
            ("a", json!({"b": "inside", "c": [[1, 2]]})),
            ("typed", json!("{\"x\": [true]}")),
        ]
        .into_iter()
        .collect()
    }

    fn check(path: &str, expected: &str) {
        let variables = variables();
        let found = match variables.find(path) {
            Found::Value(value) => text(&value).into_owned(),
            Found::NoName => "no name".to_owned(),
            Found::NoPlace { name, why } => format!("{name}: {why}"),
        };
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn paths_go_into_values() {
        check("city", "Bergen");
        check("report.rows[0].name", "Ada");
        check("report.rows[-1]", "{\"name\":\"Bob\"}");
        check("report.rows[0][\"odd key\"]", "1");
        check("report[\"rows\"][1].name", "Bob");
        check("report.é", "null");
        check("a.b", "dotted");
        check("a.c[0][1]", "2");
        check("typed.x[0]", "true");
        check("typed", "{\"x\": [true]}");
    }

    #[test]
    fn a_place_that_is_not_there_is_explained() {
        check("nobody", "no name");
        check("cityx", "no name");
        check("city.x", "city: it is a text without fields");
        check(
            "report.row",
            "report: there is no field `row` (there are: rows, n, é)",
        );
        check("report.rows[2]", "report: `[2]` is beyond its 2 items");
        check("report.rows[-3]", "report: `[-3]` is beyond its 2 items");
        check("report.rows.name", "report: list of 2 has no field `name`");
        check("report.n[0]", "report: int has no item `[0]`");
        for odd in [
            "report.",
            "report[",
            "report[]",
            "report[x]",
            "report[\"rows\"",
            "report..n",
        ] {
            let variables = variables();
            assert!(
                matches!(variables.find(odd), Found::NoPlace { .. }),
                "{odd}"
            );
        }
    }

    #[test]
    fn paths_are_offered_step_by_step() {
        let variables = variables();
        let with = |typed: &str| -> Vec<String> {
            let mut paths = variables.paths(typed);
            paths.retain(|path| path.starts_with(typed) && path != typed);
            paths
        };
        assert_eq!(with("rep"), ["report"]);
        assert_eq!(with("report"), ["report.rows", "report.n", "report.é"]);
        assert_eq!(with("report.r"), ["report.rows"]);
        assert_eq!(with("report.rows["), ["report.rows[0]", "report.rows[1]"]);
        assert_eq!(
            with("report.rows[0]"),
            ["report.rows[0].name", "report.rows[0][\"odd key\"]"]
        );
    }

    proptest! {
        #[test]
        fn any_path_is_answered(path in "(report|a|city|typed)?[.\\[\\]\"0-9a-z\\-é]{0,12}") {
            let variables = variables();
            let _ = variables.find(&path);
            for offered in variables.paths(&path) {
                prop_assert!(matches!(variables.find(&offered), Found::Value(_)), "{}", offered);
            }
        }
    }
}
