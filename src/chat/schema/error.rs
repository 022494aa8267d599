//! Why a schema cannot be used.

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    /// What is wrong and where, as a clause.
    pub message: String,
    /// What to do about it: whole sentences.
    pub hint: String,
}

impl SchemaError {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }
}
