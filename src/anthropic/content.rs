//! The content of a message: a list of blocks, each kept as the JSON text it is sent as.
//!
//! Whole blocks are put in, left out or replaced; the text of a block is never searched or edited.
//! The content serialises as an array, which is also how older journals hold it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::block::Block;

/// The blocks of one message. Cheap to clone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Content(Arc<[Box<RawValue>]>);

impl Content {
    /// Serialises blocks.
    #[must_use]
    pub fn of(blocks: &[Value]) -> Self {
        Self(blocks.iter().filter_map(raw).collect())
    }

    /// Serialises blocks that came from the API, unchanged.
    #[must_use]
    pub fn of_blocks(blocks: &[Block]) -> Self {
        Self(blocks.iter().filter_map(|block| raw(block.raw())).collect())
    }

    /// Returns whether there is no block.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many blocks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether both are the same bytes in memory, so that one is no copy of the other.
    #[must_use]
    pub fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the JSON text of each block.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|block| block.get())
    }

    /// Returns the length of the serialised array, in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        let separators = self.0.len().saturating_sub(1);
        self.texts().map(str::len).sum::<usize>() + separators + "[]".len()
    }

    /// Reads the blocks. One that is no JSON object becomes an unknown block.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block> {
        let values = self.texts().map(serde_json::from_str::<Value>);
        values.flatten().map(Block::from_raw).collect()
    }

    /// Reads the blocks as JSON values.
    #[must_use]
    pub fn values(&self) -> Vec<Value> {
        self.texts().flat_map(serde_json::from_str).collect()
    }

    /// Returns the blocks that `keeps` keeps, by their positions; the others are left out.
    #[must_use]
    pub fn filtered(&self, keeps: impl Fn(usize) -> bool) -> Self {
        let kept = self.0.iter().enumerate().filter(|(at, _)| keeps(*at));
        Self(kept.map(|(_, block)| block.clone()).collect())
    }

    /// Returns the content with a cache marker on its last block, which must not be thinking
    /// (`docs/protocol.md#prompt-cache`).
    #[must_use]
    pub fn marked_for_cache(&self) -> Self {
        let mut blocks = self.0.to_vec();
        let last = blocks.last_mut();
        if let Some(last) = last
            && let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(last.get())
        {
            fields.insert("cache_control".to_owned(), json!({"type": "ephemeral"}));
            if let Some(marked) = raw(&fields) {
                *last = marked;
            }
        }
        Self(blocks.into())
    }
}

/// Serialises one block. Cannot fail for a value that came from JSON.
fn raw(block: &impl Serialize) -> Option<Box<RawValue>> {
    serde_json::value::to_raw_value(block).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_go_back_as_the_text_that_came() {
        let text = r#"[{"type":"a","n":1.50},{"type":"b","s":"\u00e9"}]"#;
        let content: Content = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&content).unwrap(), text);
        assert_eq!(content.len_bytes(), text.len());
        let first = content.filtered(|at| at == 0);
        assert_eq!(
            serde_json::to_string(&first).unwrap(),
            r#"[{"type":"a","n":1.50}]"#
        );
        assert_eq!(Content::of(&[]).len_bytes(), 2);
    }

    #[test]
    fn only_the_last_block_is_marked() {
        let content = Content::of(&[
            json!({"type": "text", "text": "a"}),
            json!({"type": "text", "text": "b"}),
        ]);
        assert_eq!(
            serde_json::to_string(&content.marked_for_cache()).unwrap(),
            r#"[{"type":"text","text":"a"},{"type":"text","text":"b","cache_control":{"type":"ephemeral"}}]"#
        );
    }
}
