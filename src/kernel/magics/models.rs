//! `%models`: asks the API which models there are, and shows what each of them takes.

use crate::cell::magics::models;
use crate::cell::shown::Part;

use crate::kernel::context::{CellContext, Outcome};
use crate::kernel::interrupts::{Stopped, unless_stopped};

/// Lists the models and remembers their ids; the present model has a sign. If the API does not
/// answer, the built-in table is shown, with a word that it is the built-in one.
///
/// # Errors
/// When the cell was stopped.
pub(super) async fn list(context: &mut CellContext<'_>) -> Result<Outcome, Stopped> {
    let current = &context.settings.model;
    let answer = unless_stopped(
        context.services.client.models(),
        context.interrupts,
        context.output.replies,
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
    context.state.models = ids;
    Ok(context.tell(table).await)
}
