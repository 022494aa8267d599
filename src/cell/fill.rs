//! `{{name}}` in a prompt: replaced by the variable's value, in which nothing is replaced again.

use std::borrow::Cow;

use serde_json::Value;

use super::nearest::nearest;
use super::variables::{Found, Variables, is_name, text};

/// How far after `{{` its `}}` is looked for, in bytes. Nobody types longer names, and the limit
/// keeps the work small for a prompt full of braces.
const LONGEST: usize = 256;

/// The most places that are told: what else is missing shows when these are filled.
const MOST_TOLD: usize = 10;

/// A `{{name}}` that nothing fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// What stands between the braces.
    pub path: String,
    /// Why nothing fills it, as a clause.
    pub why: String,
}

impl Miss {
    /// Returns what a person is told.
    #[must_use]
    pub fn notice(&self) -> String {
        let end = if self.why.ends_with('?') { "" } else { "." };
        format!("`{{{{{}}}}}` stays as typed: {}{end}", self.path, self.why)
    }
}

/// Replaces each `{{name}}` by the variable's value; unknown names stay as typed, and so does what
/// follows a backslash (`\{{name}}`), without the backslash.
///
/// Values are not searched for further names, so a value cannot pull in another.
#[must_use]
pub fn fill(prompt: &str, variables: &Variables) -> String {
    match prompt.contains("{{") {
        true => walk(prompt, variables).0,
        false => prompt.to_owned(),
    }
}

/// Returns each `{{name}}` and `{{name.place}}` that nothing fills.
#[must_use]
pub fn misses(prompt: &str, variables: &Variables) -> Vec<Miss> {
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

fn walk(prompt: &str, variables: &Variables) -> (String, Vec<Miss>) {
    let mut out = String::with_capacity(prompt.len());
    let mut misses = Vec::new();
    let mut rest = prompt;
    let mut ends = Ends::of(prompt);
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let inner_at = prompt.len() - after.len();
        let end = ends.next(inner_at).filter(|end| end - inner_at <= LONGEST);
        let inner = end.and_then(|end| prompt.get(inner_at..end));
        if let Some(inner) = inner.filter(|inner| before.ends_with('\\') && is_path(inner.trim())) {
            out.pop();
            out.push_str("{{");
            out.push_str(inner);
            out.push_str("}}");
            rest = after.get(inner.len() + 2..).unwrap_or_default();
            continue;
        }
        let mut missed = |path: &str, why: &dyn Fn() -> String| {
            if misses.len() < MOST_TOLD && misses.iter().all(|miss: &Miss| miss.path != path) {
                misses.push(Miss {
                    path: path.to_owned(),
                    why: why(),
                });
            }
        };
        let value = inner.and_then(|inner| match variables.find(inner.trim()) {
            Found::Value(value) => Some((value, after.get(inner.len() + 2..)?)),
            Found::NoName => {
                if is_path(inner.trim()) {
                    missed(inner.trim(), &|| unknown(inner.trim(), variables));
                }
                None
            }
            Found::NoPlace { name, why } => {
                missed(inner.trim(), &|| format!("in `{name}`, {why}"));
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

/// Whether what stands between braces can be a variable or a place in one. Other languages of
/// templates use the same braces for more.
fn is_path(inner: &str) -> bool {
    let (name, places) = match inner.find('[') {
        Some(at) => inner.split_at(at),
        None => (inner, ""),
    };
    is_name(name) && (places.is_empty() || places.contains(']'))
}

/// Says that no variable has a name, and which one has nearly that name.
fn unknown(path: &str, variables: &Variables) -> String {
    let name = path.split(['.', '[']).next().unwrap_or(path);
    let known = variables.iter().map(|(known, _)| known);
    match nearest(name, known).first() {
        Some(near) => format!("there is no variable `{name}`. Did you mean `{{{{{near}}}}}`?"),
        None if variables.is_empty() => format!("no variable is set, so none is called `{name}`"),
        None => format!("there is no variable `{name}`"),
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
    fn j3_what_nothing_fills_is_told_with_the_nearest_name() {
        let told = |prompt: &str| -> Vec<String> {
            misses(prompt, &variables())
                .iter()
                .map(Miss::notice)
                .collect()
        };
        assert_eq!(
            told("{{citty}} {{ citty }} {{x-y}}"),
            [
                "`{{citty}}` stays as typed: there is no variable `citty`. Did you mean `{{city}}`?",
                "`{{x-y}}` stays as typed: there is no variable `x-y`."
            ]
        );
        // What no variable can be called is somebody else's: Jinja, Handlebars, Go, set theory.
        for other in [
            "{{}}",
            "{{ }}",
            "{{#if x}}",
            "{{/if}}",
            "{{> a}}",
            "{{ a | upper }}",
            "{{.Name}}",
            "{{1, 2}}",
        ] {
            assert_eq!(told(other), [""; 0], "{other}");
        }
        check(
            "\\{{city}} {{city}} \\{{nobody}}",
            "{{city}} Bergen {{nobody}}",
        );
        assert_eq!(told("\\{{nobody}} \\{{city}}"), [""; 0]);
        assert_eq!(told(&"{{a}} ".repeat(1000)).len(), 1);
        let many: String = (0..1000).map(|n| format!("{{{{n{n}}}}}")).collect();
        assert_eq!(told(&many).len(), MOST_TOLD);
    }

    #[test]
    fn a_place_that_is_not_there_stays_as_typed_and_is_told() {
        let prompt = "{{sales.month}} {{nobody.x}}";
        check(prompt, prompt);
        let told: Vec<String> = misses(prompt, &variables())
            .iter()
            .map(Miss::notice)
            .collect();
        assert_eq!(
            told,
            [
                "`{{sales.month}}` stays as typed: in `sales`, there is no field `month` (there are: months, ok).",
                "`{{nobody.x}}` stays as typed: there is no variable `nobody`."
            ]
        );
    }
}
