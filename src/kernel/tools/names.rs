//! Names that the API takes for tools: 1 to 64 of `a-z A-Z 0-9 _ -`, each once.

use crate::chat::tool_types::TOOL_TYPES;

/// The longest name.
pub const MAX_NAME: usize = 64;

/// Names of tools that the API runs itself, or that mean something to it.
const TAKEN: [&str; 4] = [
    "bash_code_execution",
    "text_editor_code_execution",
    "bash",
    "memory",
];

/// Why a name cannot be a tool's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// The API does not take it.
    #[error(
        "`{name}` cannot be a tool's name: letters a-z, digits, `_` and `-`, at most {}",
        MAX_NAME
    )]
    Unfit {
        /// As chosen.
        name: String,
    },
    /// It means another tool to the API.
    #[error("`{name}` is the name of a tool that the API brings itself")]
    Taken {
        /// As chosen.
        name: String,
    },
}

/// Checks a name that a person chose.
///
/// # Errors
/// What is wrong with it.
pub fn check(name: &str) -> Result<(), BadName> {
    let named = || name.to_owned();
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(is_fine) {
        return Err(BadName::Unfit { name: named() });
    }
    if TAKEN.contains(&name) || TOOL_TYPES.iter().any(|tool| tool.name == name) {
        return Err(BadName::Taken { name: named() });
    }
    Ok(())
}

/// Makes a name of a server's and its tool's, that is none of `taken`.
#[must_use]
pub fn compose(server: &str, tool: &str, taken: &[String]) -> String {
    let whole: String = format!("{server}_{tool}")
        .chars()
        .map(|c| if is_fine(c) { c } else { '_' })
        .collect();
    let mut name: String = whole.chars().take(MAX_NAME).collect();
    let mut number = 2;
    while taken.contains(&name) {
        let ending = format!("_{number}");
        name = whole.chars().take(MAX_NAME - ending.len()).collect();
        name.push_str(&ending);
        number += 1;
    }
    name
}

fn is_fine(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_names_fit_and_differ() {
        assert_eq!(compose("time", "get time/now", &[]), "time_get_time_now");
        let taken = vec!["time_now".to_owned(), "time_now_2".to_owned()];
        assert_eq!(compose("time", "now", &taken), "time_now_3");
        let long = "x".repeat(100);
        let first = compose("s", &long, &[]);
        let second = compose("s", &long, std::slice::from_ref(&first));
        assert_eq!((first.len(), second.len()), (64, 64));
        assert_ne!(first, second);
        assert!(check(&second).is_ok());
    }

    #[test]
    fn names_of_the_api_and_odd_ones_are_refused() {
        for name in [
            "",
            "a b",
            "größe",
            "code_execution",
            "web_search",
            &"x".repeat(65),
        ] {
            assert!(check(name).is_err(), "{name}");
        }
        assert!(check("fetch_data").is_ok());
    }
}
