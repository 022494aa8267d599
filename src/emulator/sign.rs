//! Thinking blocks: each is signed for what came before it, and checked when it comes back
//! (`docs/protocol.md#thinking-binding`).
//!
//! A signature holds the model, the organization, and a digest of the block's text, the system
//! prompt, the tools, every earlier block, and the thinking block before it. The key is fixed, so
//! that a history can be used longer than the backend that made it. So this finds edits; it does
//! not stop forgery.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::canon::{Canon, Fingerprint, fingerprint_of};
use super::error::ApiError;
use super::message::{Role, is_thinking, kind, text};
use super::request::Request;
use super::toolset::{self, is_deferred, key_of};

const KEY: [u8; 64] = *b"claude-kernel offline backend: thinking is bound to what it saw.";
/// The beta header with which a request says what is done with blocks that do not match.
pub(super) const BINDING_BETA: &str = "thinking-binding-controls-2026-08-01";

/// The conversation so far, in the form that a thinking block is bound to.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    canon: Canon,
    /// The deferred tools of `tools`, by name.
    deferred: HashMap<String, Fingerprint>,
    /// The signature of the last thinking block.
    previous: Option<String>,
    model: &'static str,
    organization: Organization,
}

/// The account that a request is sent from, by number. It is 0 unless the account was moved.
pub(super) type Organization = u64;

/// What is in a signature.
#[derive(Debug, PartialEq)]
struct Signed {
    model: String,
    organization: Organization,
    prefix: String,
    previous: Option<String>,
    thinking: String,
}

/// A history whose thinking has been checked.
#[derive(Debug)]
pub(super) struct Checked {
    /// What the blocks of the response are bound to.
    pub(super) binding: Binding,
    /// What was done to the history: `input_transformations`.
    pub(super) transformations: Vec<Value>,
    /// How many thinking blocks the model gets to read.
    pub(super) thinking_read: usize,
}

impl Binding {
    fn new(request: &Request, organization: Organization) -> Self {
        let mut canon = Canon::default();
        canon.word("system");
        for block in &request.system {
            canon.value(block);
        }
        // Tools are a set, without order. A deferred tool belongs to it only after something has
        // referred to it.
        let (deferred, tools): (Vec<&Value>, _) =
            request.tools.iter().partition(|tool| is_deferred(tool));
        let mut tools: Vec<Fingerprint> = tools.into_iter().map(fingerprint_of).collect();
        tools.sort_unstable();
        canon.word("tools");
        for tool in tools {
            canon.word(&STANDARD.encode(tool));
        }
        let deferred = deferred.into_iter();
        Self {
            canon,
            deferred: deferred
                .map(|tool| (key_of(tool), fingerprint_of(tool)))
                .collect(),
            previous: None,
            model: request.model.id,
            organization,
        }
    }

    /// Adds a block that comes before what is signed next.
    pub(super) fn push(&mut self, role: Role, block: &Value) {
        if is_thinking(block) {
            self.previous = text(block, "signature")
                .or_else(|| text(block, "data"))
                .map(str::to_owned);
        } else if !is_blank(block) {
            self.canon.word(role.word());
            self.canon.value(block);
            for name in toolset::named_by(block) {
                if let Some(tool) = self.deferred.get(&name) {
                    self.canon.word(&STANDARD.encode(tool));
                }
            }
        }
    }

    /// Signs a thinking block for this place.
    pub(super) fn sign(&self, thinking: &str) -> String {
        let signed = Signed {
            model: self.model.to_owned(),
            organization: self.organization,
            prefix: self.prefix(),
            previous: self.previous.as_deref().map(digest),
            thinking: digest(thinking),
        };
        signed.encode()
    }

    fn prefix(&self) -> String {
        self.canon.digest()
    }
}

impl Signed {
    fn encode(&self) -> String {
        let body = json!([
            self.model,
            self.prefix,
            self.previous,
            self.thinking,
            self.organization
        ]);
        let body = body.to_string();
        let mac = mac(body.as_bytes()).finalize().into_bytes();
        let mut bytes = mac.to_vec();
        bytes.extend_from_slice(body.as_bytes());
        STANDARD.encode(bytes)
    }

    fn decode(signature: &str) -> Option<Self> {
        let bytes = STANDARD.decode(signature).ok()?;
        let (tag, body) = bytes.split_at_checked(32)?;
        mac(body).verify_slice(tag).ok()?;
        // Older backends knew only one organization and did not name it.
        let (model, prefix, previous, thinking, organization) = serde_json::from_slice(body)
            .or_else(|_| {
                let signed: (_, _, _, _) = serde_json::from_slice(body)?;
                Ok::<_, serde_json::Error>((signed.0, signed.1, signed.2, signed.3, 0))
            })
            .ok()?;
        Some(Self {
            model,
            organization,
            prefix,
            previous,
            thinking,
        })
    }
}

fn mac(bytes: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&KEY.into());
    mac.update(bytes);
    mac
}

/// Signs a digest alone, bound to nothing else.
pub(super) fn stamp(digests: &[String]) -> String {
    let body = json!(digests).to_string();
    let mut bytes = mac(body.as_bytes()).finalize().into_bytes().to_vec();
    bytes.extend_from_slice(body.as_bytes());
    STANDARD.encode(bytes)
}

/// Returns the digest that a signature of [`stamp`] is for; `None` for any other signature.
pub(super) fn stamped(signature: &str) -> Option<Vec<String>> {
    let bytes = STANDARD.decode(signature).ok()?;
    let (tag, body) = bytes.split_at_checked(32)?;
    mac(body).verify_slice(tag).ok()?;
    serde_json::from_slice(body).ok()
}

/// Returns the digest of a text.
pub(super) fn digest(text: &str) -> String {
    let mut canon = Canon::default();
    canon.word(text);
    canon.digest()
}

/// Returns what a paused response is recognised by: all that the assistant said after the last
/// message of someone else.
pub(super) fn tail_of(request: &Request) -> Fingerprint {
    let tail = request.messages.iter().rev();
    let tail: Vec<_> = tail
        .skip_while(|message| message.role == Role::System)
        .take_while(|message| message.role == Role::Assistant)
        .collect();
    tail_fingerprint(tail.into_iter().rev().flat_map(|message| &message.blocks))
}

/// Returns the same for a list of blocks.
pub(super) fn tail_fingerprint<'a>(blocks: impl Iterator<Item = &'a Value>) -> Fingerprint {
    let mut canon = Canon::default();
    for block in blocks.filter(|block| !is_thinking(block) && !is_blank(block)) {
        canon.value(block);
    }
    canon.fingerprint()
}

/// Whether a block is text without words. A client may have to leave such a block out
/// (`docs/protocol.md#blank-text`), so nothing is bound to it.
fn is_blank(block: &Value) -> bool {
    kind(block) == "text" && text(block, "text").is_some_and(|text| text.trim().is_empty())
}

/// Which requests have to keep what their thinking is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enforced {
    /// Those to the models that check by default.
    ByModel,
    /// Those to every model, because later models will check.
    Everywhere,
}

/// Checks every thinking block of a request against what comes before it.
///
/// # Errors
/// 400, in the words of the API, for a block that was edited or is in an edited history.
pub(super) fn check(
    request: &Request,
    enforced: Enforced,
    organization: Organization,
) -> Result<Checked, ApiError> {
    let mut binding = Binding::new(request, organization);
    let mut thinking_read = 0;
    let mut transformations = Vec::new();
    let reports = request.beta(BINDING_BETA);
    for (i, message) in request.messages.iter().enumerate() {
        for (j, block) in message.blocks.iter().enumerate() {
            if kind(block) == "thinking" {
                let path = format!("messages.{i}.content.{j}");
                let found = verify(request, &binding, block, &path, enforced)?;
                thinking_read +=
                    usize::from(found.is_none_or(|(done, _)| done != "thinking_dropped"));
                if let Some((done, reason)) = found.filter(|_| reports) {
                    transformations.push(json!({"type": done, "path": path, "reason": reason}));
                }
            }
            binding.push(message.role, block);
        }
    }
    Ok(Checked {
        binding,
        transformations,
        thinking_read,
    })
}

type Transformation = (&'static str, &'static str);

fn verify(
    request: &Request,
    binding: &Binding,
    block: &Value,
    path: &str,
    enforced: Enforced,
) -> Result<Option<Transformation>, ApiError> {
    let invalid = |why: &str| {
        ApiError::invalid(format!(
            "{path}: Invalid `signature` in `thinking` block. {why}"
        ))
    };
    let signature = text(block, "signature").unwrap_or_default();
    let signed =
        Signed::decode(signature).ok_or_else(|| invalid("It was not made by this API."))?;
    if signed.thinking != digest(text(block, "thinking").unwrap_or_default()) {
        return Err(invalid("The block's text was changed."));
    }
    if !request.model.reads_thinking_of(&signed.model) {
        return Ok(Some(("thinking_dropped", "model_binding_mismatch")));
    }
    let drops = request.thinking.on_mismatch.as_deref() == Some("drop_block");
    if signed.organization != binding.organization {
        return match drops {
            true => Ok(Some(("thinking_dropped", "organization_binding_mismatch"))),
            false => Err(invalid("It was made by another organization.")),
        };
    }
    let follows = match &binding.previous {
        None => true,
        Some(previous) => signed.previous.as_deref() == Some(digest(previous).as_str()),
    };
    if follows && signed.prefix == binding.prefix() {
        return Ok(None);
    }
    match request.thinking.on_mismatch.as_deref() {
        _ if drops => Ok(Some(("thinking_dropped", "prefix_binding_mismatch"))),
        None if enforced == Enforced::ByModel && !request.model.checks_prefix => Ok(Some((
            "thinking_mismatch_allowed",
            "prefix_binding_mismatch",
        ))),
        _ => Err(invalid(
            "The block is bound to a different conversation. Send the history it was made in: the same system, tools and earlier messages, or remove the thinking blocks from here on.",
        )),
    }
}
