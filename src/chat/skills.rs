//! Agent Skills: how a person names them and how a request carries them
//! (`docs/protocol.md#skills`).

use serde_json::{Value, json};

/// The skills Anthropic offers.
pub const OFFERED: &[&str] = &["xlsx", "pptx", "docx", "pdf"];
/// The most a request takes.
pub const MAX_SKILLS: usize = 20;
/// The longest id worth sending.
const MAX_ID_CHARS: usize = 128;

/// Why a name is that of no skill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkillError {
    /// Nobody offers it.
    #[error("there is no skill `{0}`")]
    Unknown(String),
    /// Nothing that is a version stands behind the `@`.
    #[error("`{0}` has no version behind its `@`")]
    Version(String),
}

/// Checks a name: one of [`OFFERED`] or `skill_…`, either with `@VERSION` behind it.
///
/// # Errors
/// What is wrong.
pub fn check(name: &str) -> Result<(), SkillError> {
    let (id, version) = split(name);
    let plain = |text: &str| {
        !text.is_empty()
            && text.len() <= MAX_ID_CHARS
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
    };
    let own = id.strip_prefix("skill_").is_some_and(plain);
    if !own && !OFFERED.contains(&id) {
        return Err(SkillError::Unknown(id.to_owned()));
    }
    if version.is_some_and(|version| !plain(version)) {
        return Err(SkillError::Version(name.to_owned()));
    }
    Ok(())
}

/// Returns the entry of `container.skills`.
#[must_use]
pub fn entry(name: &str) -> Value {
    let (id, version) = split(name);
    let kind = if OFFERED.contains(&id) {
        "anthropic"
    } else {
        "custom"
    };
    json!({"type": kind, "skill_id": id, "version": version.unwrap_or("latest")})
}

fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('@') {
        Some((id, version)) => (id, Some(version)),
        None => (name, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_entries() {
        assert_eq!(
            entry("docx"),
            json!({"type": "anthropic", "skill_id": "docx", "version": "latest"})
        );
        assert_eq!(
            entry("skill_01A@skver_2"),
            json!({"type": "custom", "skill_id": "skill_01A", "version": "skver_2"})
        );
        for name in ["docs", "", "skill_", "docx@", "skill_a b", "skill_a@b c"] {
            assert!(check(name).is_err(), "{name:?}");
        }
    }
}
