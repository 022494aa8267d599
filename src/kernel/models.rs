//! `%models`: asks the API which models there are, and shows what they take.

use crate::cell::magics::models;
use crate::cell::shown::Part;

use super::jobs::{Desktop, Outcome, Stopped, unless_stopped};

/// Lists the models, the one in force marked, and remembers their ids. Without an answer from the
/// API the built-in table is shown, and said to be it.
///
/// # Errors
/// When the cell was stopped.
pub async fn list(desktop: &mut Desktop<'_>) -> Result<Outcome, Stopped> {
    let current = &desktop.settings.model;
    let answer = unless_stopped(
        desktop.edges.client.models(),
        desktop.interruptions,
        desktop.scene.desk,
    )
    .await?;
    let (table, ids) = match &answer {
        Ok(listed) => (
            models::list(Some(listed), current),
            listed.iter().map(|model| model.id.clone()).collect(),
        ),
        Err(error) => {
            let why = Part::text(&error.to_string());
            let table = models::list(None, current).line("The API did not list its models", &why);
            (table, Vec::new())
        }
    };
    desktop.state.models = ids;
    Ok(desktop.tell(table).await)
}
