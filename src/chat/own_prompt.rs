//! Prompts that the kernel words for a magic, and what the person typed instead of them. Pure.
//!
//! Lists of prompts show what was typed: nobody knows the kernel's words.

use std::borrow::Cow;

use super::receipt::Cut;
use super::{replay, verbatim};

/// How the prompts of `%continue` begin.
const CONTINUES: &str = "Your last answer was ";

/// Returns what asks Claude to go on with an answer that was cut off. It is a new user message: an
/// answer cannot be begun for Claude (`docs/protocol.md#no-prefill`).
#[must_use]
pub fn go_on(cut: Cut) -> String {
    let words = match cut {
        Cut::MaxTokens | Cut::ContextWindow => {
            "cut off by its length limit. Go on exactly where it ended, without repeating what is there."
        }
        Cut::Rounds | Cut::OverBudget => {
            "stopped before its end. Go on where it ended, without repeating what is there."
        }
        Cut::Interrupted | Cut::Failed => {
            "cut off. Go on exactly where it ended, without repeating what is there. A command that was running may have had its effect or not: check before you run it again."
        }
    };
    format!("{CONTINUES}{words}")
}

/// Returns the text of the cell whose prompt this is.
#[must_use]
pub fn typed(prompt: &str) -> Cow<'_, str> {
    let cuts = [
        Cut::MaxTokens,
        Cut::ContextWindow,
        Cut::Rounds,
        Cut::OverBudget,
        Cut::Interrupted,
        Cut::Failed,
    ];
    if prompt.starts_with(CONTINUES) && cuts.iter().any(|cut| go_on(*cut) == prompt) {
        return Cow::Borrowed("%continue");
    }
    if prompt.starts_with(replay::ASKS) {
        return Cow::Borrowed("%reset sandbox --replay");
    }
    verbatim::typed(prompt).map_or(Cow::Borrowed(prompt), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::verbatim::{Language, Verbatim};

    #[test]
    fn what_the_kernel_worded_is_told_as_it_was_typed() {
        for cut in [Cut::MaxTokens, Cut::Rounds, Cut::Failed] {
            assert_eq!(typed(&go_on(cut)), "%continue");
        }
        for (language, code) in [
            (Language::Bash, "ls -l\necho '```'"),
            (Language::Python, "print(1)\nprint('CELL')"),
            (Language::Python, "CELL\nprint(1)"),
        ] {
            let asked = Verbatim {
                language,
                code: code.to_owned(),
                sha256: "ab".repeat(32),
            };
            let expected = format!("%%exec {}\n{code}", language.name());
            assert_eq!(typed(&asked.prompt()), expected);
        }
        let long = Verbatim {
            language: Language::Python,
            code: "x = 1\n".repeat(1_000),
            sha256: "ab".repeat(32),
        };
        assert_eq!(typed(&long.prompt()), "%%exec python");
        for own in [
            "Your last answer was wrong.",
            "Run this command exactly as it is, please",
            "",
        ] {
            assert_eq!(typed(own), own);
        }
    }
}
