//! What a person's message holds: the text of the cell, and what the kernel puts before it.

use serde_json::{Value, json};

/// The user message that opens a turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Question {
    /// What the person asked, with variables filled in.
    pub prompt: String,
    /// Content blocks before the text, as they go on the wire: attached files
    /// (`container_upload`, `image`, `document`) and notes of the kernel to Claude (`text`).
    pub before: Vec<Value>,
}

impl Question {
    /// Makes a question of text alone.
    pub fn of(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            before: Vec::new(),
        }
    }

    /// Returns the content of the user message.
    #[must_use]
    pub fn blocks(&self) -> Vec<Value> {
        let mut blocks = self.before.clone();
        if !self.prompt.is_empty() || blocks.is_empty() {
            blocks.push(json!({"type": "text", "text": self.prompt}));
        }
        blocks
    }
}
