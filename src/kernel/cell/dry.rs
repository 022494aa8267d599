//! `%%dry`: composes the request of a cell, has its tokens counted, shows it, and sends nothing.

use crate::chat::turn::ask::Ask;
use crate::chat::turn::compose::compose;
use crate::kernel::context::CellContext;
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::interrupts::{Stopped, unless_stopped};
use crate::kernel::lines::notes;
use crate::kernel::turn::budget;

use super::request_page::{self, Counted};

/// Shows the request of a question. Counting its tokens is free and leaves no trace.
///
/// # Errors
/// When there is no prompt, or the person stopped the cell.
pub(super) async fn show_request(ask: &Ask, context: &mut CellContext<'_>) -> Result<(), Stopped> {
    if ask.prompt.is_empty() {
        return Err(CellError::new(
            ErrorKind::Magic,
            "`%%dry` shows the request of a prompt, and this cell has none",
            "Write the prompt below `%%dry`.",
        )
        .into());
    }
    let mut facts = context.state.facts();
    let mut composed = compose(&context.state.conversations, ask, &facts, &[]);
    // The API does not know files that are not uploaded yet, so it cannot count their tokens.
    let counted = if ask.attachments.iter().any(|file| file.is_planned()) {
        Counted::No("files of this cell are not uploaded yet".to_owned())
    } else {
        let counting = context.services.client.count_tokens(&composed.request);
        match unless_stopped(counting, context.interrupts, context.output.replies).await? {
            Ok(tokens) => Counted::Yes(tokens),
            Err(error) => Counted::No(error.to_string()),
        }
    };
    let mut told = Vec::new();
    if let (Counted::Yes(tokens), false) = (&counted, context.services.offline) {
        match budget::limit(&ask.settings, *tokens, context.state) {
            Ok(None) => {}
            Ok(Some((_, max_tokens))) => {
                facts.max_tokens = Some(max_tokens);
                composed = compose(&context.state.conversations, ask, &facts, &[]);
            }
            Err(over) => told.push(format!(
                "It would not be sent: {}",
                CellError::no_budget(&over).evalue
            )),
        }
    }
    let inputs = &context.state.inputs;
    told.extend(inputs.sentence_of_files_again(&composed.files_again));
    context.output.show(notes(told.iter())).await;
    let prices = (!context.services.offline).then_some(&*context.state.prices);
    let page = request_page::page(&composed, &ask.attachments, &counted, prices);
    context.output.show(vec![page]).await;
    Ok(())
}
