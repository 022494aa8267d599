//! `%models`: asks the API which models there are, and shows what each of them takes.

use crate::cell::magics::models;
use crate::cell::shown::Part;

use crate::kernel::context::{CellContext, Outcome};
use crate::kernel::interrupts::{Stopped, unless_stopped};

/// Lists the models and remembers what the API says of them; the present model has a sign. If the
/// API does not answer, what is known of them is shown.
///
/// # Errors
/// When the cell was stopped.
pub(super) async fn list(context: &mut CellContext<'_>) -> Result<Outcome, Stopped> {
    let current = &context.settings.model.clone();
    let answer = unless_stopped(
        context.services.client.models(),
        context.interrupts,
        context.output.replies,
    )
    .await?;
    let now = context.services.host.now();
    let state = &mut *context.state;
    let shown = match answer {
        Ok(listed) => {
            state.models = state.asking.keep(listed, now);
            models::list(&state.models, current)
        }
        Err(error) => {
            let why = Part::text(&error.to_string());
            models::list(&state.models, current).line("The API did not list its models", &why)
        }
    };
    Ok(context.tell(shown).await)
}
