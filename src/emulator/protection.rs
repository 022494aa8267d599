//! What protects this machine from the code in a container, and whether it works here.

/// One protection and whether this machine has it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Protection {
    /// A name such as `network` or `file access`.
    pub name: String,
    /// Whether it holds.
    pub active: bool,
    /// If it does not hold, the reason in a few words.
    pub why_not: Option<String>,
}

/// All that protects this machine from the code in a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Protections {
    /// One entry each, always the same names in the same order.
    pub entries: Vec<Protection>,
}

impl Protections {
    /// Returns one sentence that names what is missing; `None` if nothing is missing.
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
