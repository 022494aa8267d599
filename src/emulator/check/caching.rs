//! Where `cache_control` may stand, how often, and in which order of lifetimes
//! (`docs/protocol.md#prompt-cache`).

use serde_json::Value;

use super::super::cache::{can_carry, marker_of};
use super::super::error::ApiError;
use super::super::message::text;
use super::super::request::Request;

const MOST: usize = 4;

pub(super) fn check(request: &Request) -> Result<(), ApiError> {
    let mut markers = Vec::new();
    let blocks = request.messages.iter().flat_map(|message| &message.blocks);
    for value in request.tools.iter().chain(&request.system).chain(blocks) {
        collect(value, &mut markers);
    }
    if let Some(top) = &request.cache_control {
        let last = request
            .messages
            .iter()
            .flat_map(|message| &message.blocks)
            .rfind(|block| can_carry(block));
        match last.and_then(marker_of) {
            Some(own) => {
                if ttl(own) != ttl(top) {
                    return Err(ApiError::invalid(
                        "cache_control: the last block already has a cache_control with a different ttl",
                    ));
                }
            }
            None => markers.push(ttl(top)),
        }
    }
    if markers.len() > MOST {
        return Err(ApiError::invalid(format!(
            "A maximum of 4 blocks with cache_control may be provided. Found {}.",
            markers.len()
        )));
    }
    let first_short = markers.iter().position(|ttl| *ttl == "5m");
    let last_long = markers.iter().rposition(|ttl| *ttl == "1h");
    if let (Some(short), Some(long)) = (first_short, last_long)
        && long > short
    {
        return Err(ApiError::invalid(
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.",
        ));
    }
    Ok(())
}

/// Adds the lifetimes that a block and its content are marked with. Not those in the input of a
/// tool call.
fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    if let Some(Value::Array(inner)) = value.get("content") {
        inner.iter().for_each(|block| collect(block, found));
    }
    found.extend(marker_of(value).map(ttl));
}

fn ttl(marker: &Value) -> &str {
    text(marker, "ttl").unwrap_or("5m")
}
