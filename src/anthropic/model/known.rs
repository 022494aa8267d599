//! The models as they are known: what the Models API listed last, over the table. What `%models`
//! shows, what a magic takes and what is sent come from here.

use std::sync::Arc;

use super::{Abilities, ModelInfo};

/// The models that the API listed; empty if it was never asked. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Models(Arc<[ModelInfo]>);

impl Models {
    /// Takes what the API listed.
    #[must_use]
    pub fn listed(listed: Vec<ModelInfo>) -> Self {
        Self(listed.into())
    }

    /// Returns what the API listed.
    #[must_use]
    pub fn all(&self) -> &[ModelInfo] {
        &self.0
    }

    /// Returns the ids that the API listed.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|info| info.id.as_str())
    }

    /// Returns whether the API has listed nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what a model takes, as far as the API and the table say.
    #[must_use]
    pub fn abilities(&self, id: &str) -> Abilities {
        Abilities::of(id, self.0.iter().find(|info| info.id == id))
    }
}
