//! How a request gets its container: a new one or the one that it names, with its input files in
//! it.

use std::path::Path;

use super::containers::Lease;
use super::error::ApiError;
use super::faults::Told;
use super::id;
use super::state::Shared;

impl Lease {
    /// Makes a new container.
    pub(super) async fn make(shared: &Shared) -> Result<Self, ApiError> {
        let id = id::fresh(shared.host.as_ref(), "container");
        let now = shared.host.now();
        shared
            .with(move |state| state.containers.make(id, now))
            .await?
    }

    /// Finds the container that a request names. If it is gone, returns how the request is told.
    pub(super) async fn find(shared: &Shared, id: &str) -> Result<Self, (ApiError, Told)> {
        let owned = id.to_owned();
        let now = shared.host.now();
        let found = shared.with(move |state| state.containers.find(&owned, now));
        let found = found.await.map_err(|error| (error, Told::NotFound))?;
        found.map_err(|told| match told {
            Told::Internal => (ApiError::internal("Internal server error"), told),
            Told::Event | Told::NotFound | Told::Result => {
                let text = format!("Container not found: {id}");
                (ApiError::not_found(text), told)
            }
        })
    }

    /// Copies a file into the input directory, once.
    pub(super) async fn add_input(
        &self,
        shared: &Shared,
        file_id: &str,
        name: &str,
        blob: &Path,
    ) -> Result<(), ApiError> {
        let (id, file) = (self.id.clone(), file_id.to_owned());
        let new = shared.with(move |state| state.containers.note_input(&id, &file));
        if !new.await? {
            return Ok(());
        }
        let unreadable =
            |error: std::io::Error| ApiError::internal(format!("a file cannot be copied: {error}"));
        let (name, blob) = (name.to_owned(), blob.to_owned());
        let added = self
            .run(move |container| {
                Box::pin(async move { container.add_input(&name, &blob).map(|_| ()) })
            })
            .await?;
        added.map_err(unreadable)
    }
}
