//! The budget: has a prompt counted before it is sent, and makes the ledger's entries.

use crate::anthropic::model::FAST;
use crate::anthropic::request::MessagesRequest;
use crate::cell::shown::clip;
use crate::chat::budget::{Allowance, OverBudget};
use crate::chat::ledger::Entry;
use crate::chat::own_prompt::typed;
use crate::chat::params;
use crate::chat::receipt::Receipt;
use crate::chat::settings::Settings;
use crate::kernel::context::CellContext;
use crate::kernel::error::CellError;
use crate::kernel::interrupts::{Stopped, unless_stopped};
use crate::kernel::state::State;

/// The least bytes of a request in a token. Used if the API does not count the tokens.
const BYTES_PER_TOKEN: usize = 3;
/// How much of a prompt a line of the ledger keeps, in characters.
const CLIP: usize = 80;

/// Returns what a turn may spend and how many tokens its first answer may have for that; `None` if
/// there is no budget.
///
/// # Errors
/// When the rest of the budget does not pay for an answer, or the cell was stopped.
pub(super) async fn admit(
    settings: &Settings,
    request: &MessagesRequest,
    context: &mut CellContext<'_>,
) -> Result<Option<(Allowance, u32)>, Stopped> {
    // Offline nothing is billed, so there is nothing to limit.
    if settings.budget.is_off() || context.services.offline {
        return Ok(None);
    }
    let counting = context.services.client.count_tokens(request);
    let counted = unless_stopped(counting, context.interrupts, context.output.replies).await?;
    let input_tokens = counted.unwrap_or_else(|error| {
        tracing::info!(%error, "the API does not count the prompt; its bytes are counted");
        estimate(request)
    });
    limit(settings, input_tokens, context.state).map_err(|over| CellError::no_budget(&over).into())
}

/// Returns what a turn may spend if its prompt has `input_tokens`, and how many tokens its first
/// answer may have for that; `None` if there is no budget.
///
/// # Errors
/// When the rest of the budget does not pay for an answer.
pub fn limit(
    settings: &Settings,
    input_tokens: u64,
    state: &State,
) -> Result<Option<(Allowance, u32)>, OverBudget> {
    let spent_usd = state.ledger.totals().cost_usd;
    let Some(allowance) = settings.budget.allowance(spent_usd) else {
        return Ok(None);
    };
    let speed = params::speed(settings, &state.models);
    let allowance = allowance.at_times(speed.map_or(1.0, |_| FAST));
    let max_tokens = allowance.max_tokens(
        &state.prices,
        &settings.model,
        0.0,
        input_tokens,
        settings.max_tokens,
    )?;
    Ok(Some((allowance, max_tokens)))
}

/// Makes the ledger's entry of a turn; `None` when nothing was used.
#[must_use]
pub(super) fn ledger_entry(
    count: u32,
    prompt: &str,
    receipt: &Receipt,
    is_recorded: bool,
) -> Option<Entry> {
    if is_recorded {
        return Some(Entry {
            count,
            prompt: clip(&typed(prompt), CLIP),
            model: receipt.model.clone(),
            cost_usd: Some(0.0),
            offline: receipt.offline,
            recorded: true,
            ..Entry::default()
        });
    }
    let used = receipt.usage != Default::default();
    used.then(|| Entry {
        count,
        prompt: clip(&typed(prompt), CLIP),
        model: receipt.model.clone(),
        usage: receipt.usage,
        cost_usd: receipt.cost_usd,
        at_least: receipt.at_least,
        sandbox_ms: receipt.sandbox_ms,
        cache_miss: receipt.cache_miss.clone(),
        offline: receipt.offline,
        recorded: false,
    })
}

fn estimate(request: &MessagesRequest) -> u64 {
    let bytes = serde_json::to_vec(request).map_or(0, |body| body.len());
    (bytes / BYTES_PER_TOKEN) as u64
}
