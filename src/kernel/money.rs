//! The budget at the edge: counts a prompt before it is sent, and keeps the ledger.

use crate::anthropic::request::MessagesRequest;
use crate::cell::shown::clip;
use crate::chat::budget::Allowance;
use crate::chat::ledger::Entry;
use crate::chat::params;
use crate::chat::settings::Settings;
use crate::chat::turn::Receipt;

use super::desk::Desk;
use super::error::CellError;
use super::execute::{Edges, Interruptions};
use super::jobs::{Stopped, unless_stopped};
use super::state::State;

/// Bytes of a request in a token, at the least: for when the API does not count.
const BYTES_PER_TOKEN: usize = 3;
/// How much of a prompt a line of the ledger keeps, in characters.
const CLIP: usize = 80;

/// Lowers `max_tokens` of `request`, and of the settings it was made of, to what the budget pays
/// for; returns what the turn may spend. The request must be what will be sent: it is counted.
///
/// # Errors
/// When the rest of the budget is no room for an answer, or the cell was stopped.
pub async fn admit(
    state: &State,
    request: &mut MessagesRequest,
    settings: &mut Settings,
    edges: &Edges,
    interruptions: &mut Interruptions,
    desk: &Desk,
) -> Result<Option<Allowance>, Stopped> {
    let spent_usd = state.ledger.totals().priced_usd;
    let Some(allowance) = settings.budget.allowance(spent_usd) else {
        return Ok(None);
    };
    let counted = unless_stopped(edges.client.count_tokens(request), interruptions, desk).await?;
    let input_tokens = counted.unwrap_or_else(|error| {
        tracing::info!(%error, "the API does not count the prompt; its bytes are counted");
        estimate(request)
    });
    settings.max_tokens = allowance
        .max_tokens(
            &state.prices,
            &settings.model,
            0.0,
            input_tokens,
            settings.max_tokens,
        )
        .map_err(|over| CellError::no_budget(&over))?;
    request.max_tokens = settings.max_tokens;
    if request.thinking.is_some() {
        // How long thinking may be depends on how long the answer may be.
        request.thinking = params::thinking(settings);
    }
    Ok(Some(allowance))
}

/// Makes the ledger's line of a turn; `None` when nothing was used.
#[must_use]
pub fn line(count: u32, prompt: &str, receipt: &Receipt) -> Option<Entry> {
    let used = receipt.usage != Default::default();
    used.then(|| Entry {
        count,
        prompt: clip(prompt, CLIP),
        model: receipt.model.clone(),
        usage: receipt.usage,
        cost_usd: receipt.cost_usd,
        at_least: receipt.at_least,
        sandbox_ms: receipt.sandbox_ms,
        cache_miss: receipt.cache_miss.clone(),
        offline: receipt.offline,
    })
}

fn estimate(request: &MessagesRequest) -> u64 {
    let bytes = serde_json::to_vec(request).map_or(0, |body| body.len());
    (bytes / BYTES_PER_TOKEN) as u64
}
