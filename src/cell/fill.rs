//! `{{name}}` in a prompt: replaced by the variable's value, in which nothing is replaced again.

use std::borrow::Cow;

use serde_json::Value;

use super::variables::{Found, Variables, text};

/// How far after `{{` its `}}` is looked for, in bytes. Nobody types longer names, and the limit
/// keeps the work small for a prompt full of braces.
const LONGEST: usize = 256;

/// Replaces each `{{name}}` by the variable's value; unknown names stay as typed.
///
/// Values are not searched for further names, so a value cannot pull in another.
#[must_use]
pub fn fill(prompt: &str, variables: &Variables) -> String {
    match prompt.contains("{{") {
        true => walk(prompt, variables).0,
        false => prompt.to_owned(),
    }
}

/// Returns a line for each `{{name.place}}` that stays as typed although the variable is there.
#[must_use]
pub fn misses(prompt: &str, variables: &Variables) -> Vec<String> {
    walk(prompt, variables).1
}

/// Returns the value a path leads to.
#[must_use]
pub fn lookup<'a>(path: &str, variables: &'a Variables) -> Option<Cow<'a, Value>> {
    match variables.find(path) {
        Found::Value(value) => Some(value),
        Found::NoName | Found::NoPlace { .. } => None,
    }
}

fn walk(prompt: &str, variables: &Variables) -> (String, Vec<String>) {
    let mut out = String::with_capacity(prompt.len());
    let mut misses = Vec::new();
    let mut rest = prompt;
    let mut ends = Ends::of(prompt);
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let inner_at = prompt.len() - after.len();
        let end = ends.next(inner_at).filter(|end| end - inner_at <= LONGEST);
        let inner = end.and_then(|end| prompt.get(inner_at..end));
        let value = inner.and_then(|inner| match variables.find(inner.trim()) {
            Found::Value(value) => Some((value, after.get(inner.len() + 2..)?)),
            Found::NoName => None,
            Found::NoPlace { name, why } => {
                misses.push(format!(
                    "`{{{{{}}}}}` stays as typed: in `{name}`, {why}.",
                    inner.trim()
                ));
                None
            }
        });
        rest = if let Some((value, tail)) = value {
            out.push_str(&text(&value));
            tail
        } else {
            // One brace only: in `{{{name}}}` the name may begin at the next.
            out.push('{');
            rest.get(before.len() + 1..).unwrap_or_default()
        };
    }
    out.push_str(rest);
    (out, misses)
}

/// Where each `}}` stands: the next one is looked for once, not from each `{{`.
struct Ends<'a> {
    text: &'a str,
    next: Option<usize>,
}

impl<'a> Ends<'a> {
    fn of(text: &'a str) -> Self {
        let next = text.find("}}");
        Self { text, next }
    }

    /// The next at or behind `from`. What is asked for later begins later.
    fn next(&mut self, from: usize) -> Option<usize> {
        if self.next? < from {
            let found = self.text.get(from..).and_then(|rest| rest.find("}}"));
            self.next = found.map(|at| from + at);
        }
        self.next
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        [
            ("city", json!("Oslo")),
            ("nested", json!("{{city}}")),
            ("city", json!("Bergen")),
            ("leer", json!("")),
            ("sales", json!({"months": [{"net": 1.50}], "ok": true})),
        ]
        .into_iter()
        .collect()
    }

    fn check(prompt: &str, expected: &str) {
        assert_eq!(fill(prompt, &variables()), expected);
    }

    #[test]
    fn replaces_known_names_only() {
        check("in {{city}}, {{ city }}!", "in Bergen, Bergen!");
        check("{{unknown}} {{}} {{ }}", "{{unknown}} {{}} {{ }}");
        check("{{city", "{{city");
        check("}}{{city}}{{", "}}Bergen{{");
        check("{{{city}}}", "{Bergen}");
        check("{{a {{city}} b}}", "{{a Bergen b}}");
        check("[{{leer}}]", "[]");
        check("😀{{city}}é{{", "😀Bergené{{");
    }

    #[test]
    fn a_value_is_not_filled_again() {
        check("{{nested}}", "{{city}}");
    }

    #[test]
    fn places_in_values_are_inserted_as_json() {
        check("{{sales.months[0].net}} {{ sales.ok }}", "1.5 true");
        check("{{sales}}", "{\"months\":[{\"net\":1.5}],\"ok\":true}");
    }

    #[test]
    fn a_place_that_is_not_there_stays_as_typed_and_is_told() {
        let prompt = "{{sales.month}} {{nobody.x}}";
        check(prompt, prompt);
        assert_eq!(
            misses(prompt, &variables()),
            [
                "`{{sales.month}}` stays as typed: in `sales`, there is no field `month` (there are: months, ok)."
            ]
        );
    }
}
