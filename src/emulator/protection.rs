//! What keeps this machine safe from what runs in a container, and whether it holds here.

/// One protection and whether this machine gives it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Protection {
    /// Such as `network` or `file access`.
    pub name: String,
    /// Whether it holds.
    pub active: bool,
    /// Why it does not, in a few words.
    pub why_not: Option<String>,
}

/// What protects this machine from what runs in a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Protections {
    /// One entry each, always the same names in the same order.
    pub entries: Vec<Protection>,
}

impl Protections {
    /// Returns one sentence naming what is missing; `None` when all hold.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let missing: Vec<&str> = self
            .entries
            .iter()
            .filter(|entry| !entry.active)
            .map(|entry| entry.name.as_str())
            .collect();
        (!missing.is_empty()).then(|| {
            format!(
                "This machine does not confine commands fully: {}.",
                missing.join(", ")
            )
        })
    }
}
