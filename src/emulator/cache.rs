//! The prompt cache (`docs/protocol.md#prompt-cache`) and why it was missed.
//!
//! The order of a prefix: tools, system, messages. A breakpoint writes the prefix that ends with
//! it. It reads the longest prefix that is still cached among those that end at one of the last 20
//! positions before it.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::canon::{Canon, Fingerprint, fingerprint_of};
use super::message::{is_thinking, kind, text};
use super::request::Request;
use super::toolset::{self, definition_in, is_deferred};
use super::usage::{self, Charge};

const LOOK_BACK: usize = 20;
/// The most cache entries and answers that are kept; the oldest are removed first.
const KEPT: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    Minutes5,
    Hour,
}

/// One position of the prefix.
#[derive(Debug, Clone)]
struct Position {
    /// The digest of everything up to here.
    fingerprint: Fingerprint,
    /// Tokens of everything up to here.
    tokens: u64,
    breakpoint: Option<Lifetime>,
}

/// A request as the cache sees it.
#[derive(Debug, Clone)]
pub(super) struct Prefix {
    positions: Vec<Position>,
    total: u64,
    min_cacheable: u64,
    seen: Seen,
}

/// What is remembered of the request that an answer belongs to, for the `diagnostics` of the next
/// request.
#[derive(Debug, Clone)]
struct Seen {
    model: &'static str,
    tools: Fingerprint,
    system: Fingerprint,
    /// One number for each block of the messages: the tokens up to its end.
    messages: Vec<Fingerprint>,
}

/// What is cached, and what was answered before.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: HashMap<Fingerprint, (DateTime<Utc>, Lifetime)>,
    order: VecDeque<Fingerprint>,
    answers: HashMap<String, Seen>,
    answer_order: VecDeque<String>,
}

impl Prefix {
    /// Computes the positions of a request's prefix.
    pub(super) fn of(request: &Request) -> Self {
        let mut positions = Vec::new();
        let mut canon = Canon::default();
        canon.word(request.model.id);
        let mut tokens = 0;
        let mut scales = usage::Scales::of(request);
        let mut push = |canon: &Canon, block: &Value, tokens: &mut u64| {
            *tokens += scales.weigh(block);
            positions.push(Position {
                fingerprint: canon.fingerprint(),
                tokens: *tokens,
                breakpoint: marker_of(block).and_then(lifetime),
            });
        };
        let shown: Vec<Value> = request
            .tools
            .iter()
            .filter(|tool| !is_deferred(tool))
            .cloned()
            .collect();
        // If there are any tools, the prompt begins in another way, wherever the first one is
        // defined.
        let messages = request.messages.iter();
        let mut defined = messages
            .flat_map(|message| &message.blocks)
            .flat_map(toolset::definitions_in);
        let begins_with_tools = !shown.is_empty() || defined.next().is_some();
        if shown.is_empty() && begins_with_tools {
            canon.word("tools in messages");
        }
        for tool in &shown {
            canon.value(tool);
            push(&canon, tool, &mut tokens);
        }
        canon.word("system");
        for block in &request.system {
            canon.value(block);
            push(&canon, block, &mut tokens);
        }
        // If one of these changes, the cache of the messages starts anew, but what stands before
        // them stays cached.
        canon.word(&format!(
            "messages {} {}",
            request.thinking.kind, request.effort
        ));
        let mut seen = Canon::default();
        let mut seen_messages = Vec::new();
        let mut last = None;
        for message in &request.messages {
            for block in &message.blocks {
                canon.word(message.role.word());
                canon.value(block);
                push(&canon, block, &mut tokens);
                if !is_thinking(block) {
                    seen.word(message.role.word());
                    seen.value(block);
                    seen_messages.push(seen.fingerprint());
                    last = Some(());
                }
            }
        }
        let mut prefix = Self {
            seen: Seen {
                model: request.model.id,
                tools: fingerprint_of(&json!([shown, begins_with_tools])),
                system: fingerprint_of(&Value::from(request.system.clone())),
                messages: seen_messages,
            },
            total: usage::of_request(request),
            min_cacheable: request.model.min_cacheable,
            positions,
        };
        if let (Some(marker), Some(())) = (&request.cache_control, last) {
            prefix.mark_last(request, lifetime(marker));
        }
        prefix
    }

    /// Puts the marker at the top of the request on the last block that can carry one.
    fn mark_last(&mut self, request: &Request, marker: Option<Lifetime>) {
        let messages = request.messages.iter();
        let blocks: Vec<&Value> = messages.flat_map(|message| &message.blocks).collect();
        let after = blocks
            .iter()
            .rev()
            .take_while(|block| !can_carry(block))
            .count();
        let place = self.positions.len().checked_sub(after + 1);
        if let Some(position) = place.and_then(|place| self.positions.get_mut(place)) {
            position.breakpoint = position.breakpoint.or(marker);
        }
    }
}

/// Whether a block can be a breakpoint.
pub(super) fn can_carry(block: &Value) -> bool {
    let is_empty_text = kind(block) == "text" && text(block, "text") == Some("");
    !is_thinking(block) && !is_empty_text
}

/// Returns the marker of a block, or of the definition it adds.
pub(super) fn marker_of(block: &Value) -> Option<&Value> {
    let marker = |value: &'_ Value| value.get("cache_control").is_some_and(Value::is_object);
    let marked = [Some(block), definition_in(block)].into_iter().flatten();
    let mut marked = marked.filter(|value| marker(value));
    marked.next()?.get("cache_control")
}

fn lifetime(marker: &Value) -> Option<Lifetime> {
    if marker.is_null() {
        return None;
    }
    Some(match text(marker, "ttl") {
        Some("1h") => Lifetime::Hour,
        _ => Lifetime::Minutes5,
    })
}

impl Lifetime {
    fn delta(self) -> TimeDelta {
        match self {
            Self::Minutes5 => TimeDelta::minutes(5),
            Self::Hour => TimeDelta::hours(1),
        }
    }
}

impl Cache {
    /// Reads and writes the cache for one request and returns what its first pass costs.
    pub(super) fn charge(&mut self, prefix: &Prefix, now: DateTime<Utc>) -> Charge {
        let breakpoints: Vec<usize> = prefix
            .positions
            .iter()
            .enumerate()
            .filter(|(_, position)| {
                position.breakpoint.is_some() && position.tokens >= prefix.min_cacheable
            })
            .map(|(place, _)| place)
            .collect();
        let mut charge = Charge::default();
        let mut covered = 0;
        'search: for end in breakpoints.iter().rev() {
            for place in (0..=*end).rev().take(LOOK_BACK) {
                let Some(position) = prefix.positions.get(place) else {
                    continue;
                };
                if let Some((expires, lifetime)) = self.entries.get_mut(&position.fingerprint)
                    && *expires > now
                {
                    *expires = now + lifetime.delta();
                    charge.read = position.tokens;
                    covered = position.tokens;
                    break 'search;
                }
            }
        }
        for end in breakpoints {
            let Some((position, lifetime)) = prefix
                .positions
                .get(end)
                .and_then(|position| Some((position, position.breakpoint?)))
            else {
                continue;
            };
            if position.tokens > covered {
                let written = position.tokens - covered;
                match lifetime {
                    Lifetime::Minutes5 => charge.write_5m += written,
                    Lifetime::Hour => charge.write_1h += written,
                }
                covered = position.tokens;
            }
            self.write(position.fingerprint, now, lifetime);
        }
        charge.input = prefix.total.saturating_sub(covered);
        charge
    }

    fn write(&mut self, fingerprint: Fingerprint, now: DateTime<Utc>, lifetime: Lifetime) {
        let entry = (now + lifetime.delta(), lifetime);
        if self.entries.insert(fingerprint, entry).is_none() {
            self.order.push_back(fingerprint);
            if self.order.len() > KEPT
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
        }
    }

    /// Remembers an answer for the next request's `diagnostics`.
    pub(super) fn answered(&mut self, message_id: &str, prefix: &Prefix) {
        self.answers
            .insert(message_id.to_owned(), prefix.seen.clone());
        self.answer_order.push_back(message_id.to_owned());
        if self.answer_order.len() > KEPT
            && let Some(oldest) = self.answer_order.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }

    /// Returns the response's `diagnostics`.
    pub(super) fn diagnose(
        &self,
        asked: Option<&Option<String>>,
        prefix: &Prefix,
        charge: Charge,
    ) -> Value {
        let Some(Some(previous)) = asked else {
            return Value::Null;
        };
        let Some(then) = self.answers.get(previous) else {
            return json!({"cache_miss_reason": {"type": "previous_message_not_found"}});
        };
        let now = &prefix.seen;
        let reason = if then.model != now.model {
            "model_changed"
        } else if then.tools != now.tools {
            "tools_changed"
        } else if then.system != now.system {
            "system_changed"
        } else if then
            .messages
            .last()
            .is_some_and(|last| now.messages.get(then.messages.len() - 1) != Some(last))
        {
            "messages_changed"
        } else {
            return Value::Null;
        };
        let missed = prefix.total.saturating_sub(charge.read);
        json!({"cache_miss_reason": {"type": reason, "cache_missed_input_tokens": missed}})
    }
}
