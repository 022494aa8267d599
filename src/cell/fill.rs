//! `{{name}}` in a prompt: the variable's value, once, never filled again.

/// How far after `{{` its `}}` is looked for, in bytes: longer names cannot be typed by anyone, and a
/// bound keeps a prompt full of braces cheap.
const LONGEST: usize = 256;

/// Replaces each `{{name}}` by the variable's value; unknown names stay as typed.
///
/// Values are not searched for further names, so a value cannot pull in another.
#[must_use]
pub fn fill(prompt: &str, variables: &[(String, String)]) -> String {
    let mut out = String::with_capacity(prompt.len());
    let mut rest = prompt;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let near = after
            .split_at_checked(after.floor_char_boundary(LONGEST))
            .map_or(after, |(near, _)| near);
        let value = near.split_once("}}").and_then(|(name, _)| {
            let value = lookup(name.trim(), variables)?;
            Some((value, after.get(name.len() + 2..)?))
        });
        rest = if let Some((value, tail)) = value {
            out.push_str(value);
            tail
        } else {
            // One brace only: in `{{{name}}}` the name may begin at the next.
            out.push('{');
            rest.get(before.len() + 1..).unwrap_or_default()
        };
    }
    out.push_str(rest);
    out
}

/// Returns the value of a variable; the last definition counts.
#[must_use]
pub fn lookup<'a>(name: &str, variables: &'a [(String, String)]) -> Option<&'a str> {
    variables
        .iter()
        .rev()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prompt: &str, expected: &str) {
        let variables = [
            ("city", "Oslo"),
            ("nested", "{{city}}"),
            ("city", "Bergen"),
            ("leer", ""),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(fill(prompt, &variables), expected);
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
}
