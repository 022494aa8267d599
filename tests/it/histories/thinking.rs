//! A second, simple account of the thinking in a conversation: what a request left out that it could
//! have sent along.
//!
//! The account is the judge itself: thinking that a request lacks is put back where it stood, and
//! the judge is asked. Left out for good, without blame, is what the API refused, what could not be
//! sent along with a turn that was kept, and all that was thought under another `system` or `tools`
//! (`docs/protocol.md#thinking-binding`: what was taken out is not put back).

use std::collections::{BTreeMap, BTreeSet};

use claude_kernel::emulator::judge::{self, Taken};
use serde_json::Value;

use super::body::brief;
use super::claude::Sent;

#[derive(Debug, Default)]
pub(super) struct Thinking {
    /// Every message that Claude began to say, as far as it was heard.
    said: Vec<Vec<Value>>,
    /// Signatures that the API refused.
    refused: BTreeSet<String>,
    threads: BTreeMap<String, Thread>,
    thread: String,
    asked: Asked,
}

/// A conversation.
#[derive(Debug, Default, Clone)]
struct Thread {
    /// Signatures that were lost with a turn of it.
    lost: BTreeSet<String>,
    /// `system` and `tools` of its last turn.
    prefix: Option<[Value; 2]>,
}

/// The turn that is asked at the moment.
#[derive(Debug, Default)]
struct Asked {
    /// Signatures that its last request could not send along.
    missing: BTreeSet<String>,
    prefix: Option<[Value; 2]>,
    /// How many messages had been said before it.
    said_before: usize,
}

impl Thinking {
    pub(super) fn begin(&mut self, thread: &str) {
        self.thread = thread.to_owned();
        self.asked = Asked {
            said_before: self.said.len(),
            ..Asked::default()
        };
    }

    pub(super) fn message_begins(&mut self) {
        self.said.push(Vec::new());
    }

    pub(super) fn heard(&mut self, block: &Value) {
        self.said.last_mut().unwrap().push(block.clone());
    }

    /// The API refused a request for its thinking.
    pub(super) fn refused(&mut self, body: &Value) {
        self.refused.extend(signatures(body));
    }

    pub(super) fn holds_refused(&self, body: &Value) -> bool {
        signatures(body).any(|signature| self.refused.contains(&signature))
    }

    /// The turn was kept.
    pub(super) fn kept(&mut self) {
        let asked = std::mem::take(&mut self.asked);
        let thread = self.threads.entry(self.thread.clone()).or_default();
        thread.lost.extend(asked.missing);
        if thread.prefix.is_some() && thread.prefix != asked.prefix {
            let before = self.said.iter().take(asked.said_before).flatten();
            thread.lost.extend(before.filter_map(signature));
        }
        thread.prefix = asked.prefix;
    }

    pub(super) fn fork(&mut self, from: &str, to: &str) {
        let thread = self.threads.get(from).cloned().unwrap_or_default();
        self.threads.insert(to.to_owned(), thread);
    }

    /// The API took a request. An error names thinking that it left out needlessly.
    pub(super) fn accepted(
        &mut self,
        sent: &Sent,
        taken: &Taken,
        organization: u64,
        resumes: bool,
    ) -> Result<(), String> {
        let body = &sent.body;
        self.asked.prefix = Some([body["system"].clone(), body["tools"].clone()]);
        self.asked.missing.clear();
        let there: BTreeSet<String> = signatures(body).collect();
        let places = places(body);
        let thread = self.threads.get(&self.thread);
        for message in &self.said {
            for (at, block) in message.iter().enumerate() {
                let Some(signature) = signature(block) else {
                    continue;
                };
                let is_lost = thread.is_some_and(|thread| thread.lost.contains(&signature));
                if is_lost || there.contains(&signature) || self.refused.contains(&signature) {
                    continue;
                }
                let Some(whole) = put_back(body, &places, message, at) else {
                    continue;
                };
                match judge::strictest_of(organization, &whole, &sent.betas, resumes) {
                    Ok(better) if better.thinking_read() > taken.thinking_read() => {
                        return Err(format!(
                            "thinking was left out that could have been sent along: before {}\n{:#}",
                            message[at + 1],
                            brief(body)
                        ));
                    }
                    // The model cannot read it; another may.
                    Ok(_) => {}
                    Err(_) => {
                        self.asked.missing.insert(signature);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Where the blocks of assistant messages stand, by what they hold.
fn places(body: &Value) -> BTreeMap<String, (usize, usize)> {
    let messages = body["messages"].as_array().unwrap().iter().enumerate();
    let mut places = BTreeMap::new();
    for (i, message) in messages.filter(|(_, said)| said["role"] == "assistant") {
        let blocks = message["content"].as_array().into_iter().flatten();
        places.extend(blocks.enumerate().map(|(j, block)| (plain(block), (i, j))));
    }
    places
}

/// Returns the body with one block of what Claude said put back before the next one that is there;
/// `None` when none is, or when only thinking follows.
fn put_back(
    body: &Value,
    places: &BTreeMap<String, (usize, usize)>,
    message: &[Value],
    at: usize,
) -> Option<Value> {
    let later = &message[at + 1..];
    let anchors = later.iter().filter(|block| !is_thinking(block));
    let mut anchors = anchors.filter(|block| !is_blank(block));
    let (i, mut j) = anchors.find_map(|block| places.get(&plain(block)).copied())?;
    let mut body = body.clone();
    let blocks = body["messages"][i]["content"].as_array_mut()?;
    // Thinking that followed it stays behind it.
    while j > 0 && later.contains(&blocks[j - 1]) {
        j -= 1;
    }
    blocks.insert(j, message[at].clone());
    Some(body)
}

/// A block without its cache marker, as a key.
fn plain(block: &Value) -> String {
    let mut block = block.clone();
    if let Some(map) = block.as_object_mut() {
        map.remove("cache_control");
    }
    block.to_string()
}

fn signatures(body: &Value) -> impl Iterator<Item = String> {
    let messages = body["messages"].as_array().unwrap().iter();
    let blocks = messages.flat_map(|said| said["content"].as_array().into_iter().flatten());
    blocks.filter_map(signature)
}

fn signature(block: &Value) -> Option<String> {
    let signature = block["signature"].as_str().filter(|_| is_thinking(block));
    signature.map(str::to_owned)
}

fn is_thinking(block: &Value) -> bool {
    block["type"] == "thinking"
}

fn is_blank(block: &Value) -> bool {
    block["text"]
        .as_str()
        .is_some_and(|text| text.trim().is_empty())
}
