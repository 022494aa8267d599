//! References inside a schema: none leads out, into nothing, or round in a circle.

use std::collections::HashSet;

use serde_json::Value;

use super::error::SchemaError;

/// References that lead from one to the next: more is no schema a person wrote, and each costs stack.
const LONGEST_CHAIN: usize = 32;

/// Checks every `$ref` of a schema.
///
/// # Errors
/// When one is external, unresolvable, or part of a recursion.
pub(super) fn check(schema: &Value) -> Result<(), SchemaError> {
    let mut walk = Walk {
        root: schema,
        trail: Vec::new(),
        done: HashSet::new(),
    };
    walk.visit(schema, &mut String::new())
}

struct Walk<'a> {
    root: &'a Value,
    /// Where the references followed so far stood.
    trail: Vec<String>,
    /// Targets already followed to their end.
    done: HashSet<String>,
}

impl Walk<'_> {
    fn visit(&mut self, value: &Value, at: &mut String) -> Result<(), SchemaError> {
        match value {
            Value::Object(map) => {
                if let Some(found) = ["$dynamicRef", "$recursiveRef"]
                    .iter()
                    .find(|key| map.contains_key(**key))
                {
                    return Err(SchemaError::new(
                        format!("the schema uses `{found}` at `{at}`"),
                        "The API follows only `$ref` to a place in the same schema.",
                    ));
                }
                if let Some(Value::String(reference)) = map.get("$ref") {
                    self.follow(reference, at)?;
                }
                for (key, inner) in map {
                    let length = at.len();
                    push(at, key);
                    match (key.as_str(), inner) {
                        // Values, not schemas.
                        ("enum" | "const" | "default" | "examples", _) => {}
                        // The keys are names, whatever they are.
                        (
                            "properties" | "patternProperties" | "$defs" | "definitions",
                            Value::Object(named),
                        ) => {
                            for (name, inner) in named {
                                let length = at.len();
                                push(at, name);
                                self.visit(inner, at)?;
                                at.truncate(length);
                            }
                        }
                        _ => self.visit(inner, at)?,
                    }
                    at.truncate(length);
                }
            }
            Value::Array(items) => {
                for (number, inner) in items.iter().enumerate() {
                    let length = at.len();
                    at.push_str(&format!("/{number}"));
                    self.visit(inner, at)?;
                    at.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(())
    }

    fn follow(&mut self, reference: &str, at: &str) -> Result<(), SchemaError> {
        let Some(pointer) = reference
            .strip_prefix('#')
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        else {
            return Err(SchemaError::new(
                format!("`$ref` at `{at}` leads to `{reference}`, outside the schema"),
                "Copy what it refers to into `$defs`, and write `{\"$ref\": \"#/$defs/NAME\"}`.",
            ));
        };
        let Some(target) = self.root.pointer(pointer) else {
            return Err(SchemaError::new(
                format!("`$ref` at `{at}` leads to `{reference}`, which is not there"),
                "Define it under `$defs`, and write `{\"$ref\": \"#/$defs/NAME\"}`.",
            ));
        };
        let holds = |place: &str| {
            place
                .strip_prefix(pointer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if holds(at) || self.trail.iter().any(|place| holds(place)) {
            return Err(SchemaError::new(
                format!(
                    "the schema is recursive: `$ref` at `{at}` leads back to `{reference}`, which holds it"
                ),
                "The API takes no recursive schemas. Write out as many levels as you need, or ask for a flat list whose items name their parent.",
            ));
        }
        if !self.done.insert(pointer.to_owned()) {
            return Ok(());
        }
        if self.trail.len() >= LONGEST_CHAIN {
            return Err(SchemaError::new(
                format!(
                    "`$ref` at `{at}` is the end of a chain of more than {LONGEST_CHAIN} references"
                ),
                "Put some of what they lead to in place.",
            ));
        }
        self.trail.push(at.to_owned());
        self.visit(target, &mut pointer.to_owned())?;
        self.trail.pop();
        Ok(())
    }
}

/// Adds a step to a JSON pointer.
fn push(pointer: &mut String, step: &str) {
    pointer.push('/');
    pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
}
