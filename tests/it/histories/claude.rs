//! The API's side of a random history: judges requests, and answers as it is told.
//!
//! It knows bodies and events as JSON, and no type of the kernel's.

use std::collections::{BTreeMap, BTreeSet};

use claude_kernel::emulator::judge::{self, Taken};
use serde_json::{Value, json};

use super::answer::{self, Answer, End};
use super::body::{
    brief, changes_in, changes_tools, files_in, holds_thinking, is_question, named_container,
};
use super::thinking::Thinking;

/// A request as it goes over the wire.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) body: Value,
    pub(super) betas: Vec<String>,
}

/// What the API does about a request.
#[derive(Debug)]
pub(super) enum Answered {
    /// HTTP 200 and these events.
    Events(Vec<Value>),
    /// An error in place of an answer.
    Refused {
        status: u16,
        kind: &'static str,
        message: String,
    },
}

/// How a client learns that its sandbox has expired (`docs/protocol.md#expired-sandbox`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    FirstEvent,
    NotFound,
    Internal,
    Result,
}

/// Something that goes wrong on the side of the API, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The thinking of the next request that has some is refused, now and whenever it comes again.
    Thinking,
    /// The first event of a stream is this error.
    FirstEvent(&'static str),
}

/// How often the history met what it is about.
#[derive(Debug, Default, Clone)]
pub(super) struct Met {
    pub(super) requests: u32,
    pub(super) rounds: u32,
    pub(super) thinking_sent: u32,
    pub(super) notices: u32,
    pub(super) tool_changes: u32,
    pub(super) tool_changes_refused: u32,
    pub(super) expired: u32,
    pub(super) thinking_refused: u32,
    pub(super) troubles: u32,
    pub(super) files: u32,
    pub(super) without_sandbox: u32,
    pub(super) prefilled: u32,
}

/// The API.
#[derive(Debug)]
pub(super) struct Claude {
    pub(super) ids: answer::Ids,
    /// The sandboxes that were ever made, and how one that expired is told.
    containers: BTreeMap<String, Option<Told>>,
    /// The files it has.
    files: BTreeSet<String>,
    /// Whose account it is: thinking of others cannot be read.
    organization: u64,
    trouble: Option<Trouble>,
    changes_tools: bool,
    pub(super) thinking: Thinking,
    pub(super) met: Met,
    turn: TurnSoFar,
    /// Sandboxes that a client was told are gone, when a request without them was taken.
    known_gone: BTreeSet<String>,
}

/// The turn that is asked at the moment.
#[derive(Debug, Default)]
struct TurnSoFar {
    answer: Option<Answer>,
    /// Its first request.
    first: Option<Value>,
    /// Which call of the answer comes next.
    call: usize,
    /// A call that a pause left open.
    pending: Option<Value>,
    /// The sandbox of the conversation when the turn began.
    container: Option<String>,
    /// An earlier turn was told that it is gone, and nothing was taken without it.
    in_doubt: bool,
    /// Blocks of the answer that is on its way.
    playing: Vec<Value>,
    /// What the request on its way named.
    named: Option<String>,
    /// Sandboxes that were refused in this turn.
    refused: BTreeSet<String>,
    /// What the last events said of the sandbox.
    delivered: Option<String>,
    /// A step said that its sandbox has expired.
    died: bool,
}

/// What is known of a conversation's sandbox after a turn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Sandbox {
    /// There is none, or it is known to be gone.
    #[default]
    None,
    /// This one.
    Is(String),
    /// The API said that it is gone, and took no request without it.
    InDoubt(String),
}

/// How a turn found its sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Alive,
    /// A request with it was refused, and one without it taken.
    Gone,
    /// A step in it said that it has expired.
    Dying,
}

impl Claude {
    pub(super) fn new(changes_tools: bool) -> Self {
        Self {
            ids: answer::Ids::default(),
            containers: BTreeMap::new(),
            files: BTreeSet::new(),
            organization: 0,
            trouble: None,
            changes_tools,
            thinking: Thinking::default(),
            met: Met::default(),
            turn: TurnSoFar::default(),
            known_gone: BTreeSet::new(),
        }
    }

    /// A turn begins: what an earlier one left open is nobody's business.
    pub(super) fn begin(&mut self, answer: &Answer, thread: &str, sandbox: &Sandbox) {
        self.thinking.begin(thread);
        let container = match sandbox {
            Sandbox::None => None,
            Sandbox::Is(id) | Sandbox::InDoubt(id) => Some(id.clone()),
        };
        self.turn = TurnSoFar {
            answer: Some(answer.clone()),
            container,
            in_doubt: matches!(sandbox, Sandbox::InDoubt(_)),
            ..TurnSoFar::default()
        };
    }

    /// Returns the first request of the turn.
    pub(super) fn first_request(&self) -> Option<&Value> {
        self.turn.first.as_ref()
    }

    /// Returns what is known of the sandbox now, and how the turn found it.
    pub(super) fn end(&mut self) -> (Sandbox, Found) {
        let turn = std::mem::take(&mut self.turn);
        let found = match turn.refused.iter().any(|id| self.known_gone.contains(id)) {
            true => Found::Gone,
            false if turn.died => Found::Dying,
            false => Found::Alive,
        };
        if turn.died
            && let Some(id) = &turn.container
        {
            self.known_gone.insert(id.clone());
        }
        let last = turn.delivered.or(turn.container);
        let sandbox = match last {
            Some(id) if self.known_gone.contains(&id) => Sandbox::None,
            Some(id) if turn.refused.contains(&id) => Sandbox::InDoubt(id),
            Some(id) => Sandbox::Is(id),
            None => Sandbox::None,
        };
        (sandbox, found)
    }

    pub(super) fn upload(&mut self) -> String {
        let id = self.ids.fresh("file");
        self.files.insert(id.clone());
        id
    }

    pub(super) fn forget_file(&mut self, id: &str) {
        self.files.remove(id);
    }

    /// Ends a sandbox's life.
    pub(super) fn expire(&mut self, id: &str, told: Told) {
        if let Some(known @ None) = self.containers.get_mut(id) {
            *known = Some(told);
        }
    }

    pub(super) fn plan_trouble(&mut self, trouble: Trouble) {
        self.trouble = Some(trouble);
    }

    /// The account moves to another organization.
    pub(super) fn move_account(&mut self) {
        self.organization += 1;
    }

    /// Takes a request, or does what its circumstances lead to; an error is what must not be.
    pub(super) fn called(&mut self, sent: &Sent) -> Result<Answered, String> {
        self.turn.named = named_container(&sent.body);
        self.turn.playing.clear();
        self.turn.first.get_or_insert_with(|| sent.body.clone());
        if changes_tools(&sent.body) && !self.changes_tools {
            self.met.tool_changes_refused += 1;
            return Ok(refused("messages: changes of tools are not supported"));
        }
        let resumes = self.turn.pending.is_some();
        let judged = judge::strictest_of(self.organization, &sent.body, &sent.betas, resumes);
        let taken = match judged {
            Ok(taken) => taken,
            // Nobody could know that the account moved.
            Err(why) if why.to_string().contains("another organization") => {
                self.met.thinking_refused += 1;
                self.thinking.refused(&sent.body);
                return Ok(refused(&why.to_string()));
            }
            Err(why) => return Err(format!("{why}\n{:#}", brief(&sent.body))),
        };
        if let Some(trouble) = self.trouble_with(&sent.body) {
            return Ok(trouble);
        }
        for id in files_in(&sent.body) {
            if !self.files.contains(&id) {
                return Err(format!(
                    "the file {id} was removed\n{:#}",
                    brief(&sent.body)
                ));
            }
            self.met.files += 1;
        }
        if let Some(gone) = self.gone_container()? {
            return Ok(gone);
        }
        if taken.offers("code_execution") {
            self.goes_on_in_sandbox(&sent.body)?;
        }
        self.said_of_sandbox(&sent.body)?;
        self.count(&sent.body, &taken);
        self.thinking
            .accepted(sent, &taken, self.organization, resumes)?;
        if self.turn.answer.as_ref().map(|answer| answer.end) == Some(End::Forbidden) {
            return Ok(Answered::Refused {
                status: 403,
                kind: "permission_error",
                message: "no".to_owned(),
            });
        }
        Ok(Answered::Events(self.play(&sent.body, taken)))
    }

    /// A summary is asked for: judged as any request.
    pub(super) fn summarize(&mut self, sent: &Sent, thread: &str) -> Result<Answered, String> {
        self.begin(&Answer::nothing(), thread, &Sandbox::None);
        let answered = self.called(sent)?;
        if let Answered::Refused { .. } = answered {
            return Ok(answered);
        }
        let mut block = json!({"type": "compaction", "content": "So far.", "signature": "s"});
        let changes = changes_in(&sent.body);
        if !self.ids.next().is_multiple_of(3) {
            block["tool_changes"] = changes.into();
        }
        Ok(Answered::Events(answer::events(
            &self.ids.fresh("msg"),
            &sent.body,
            &[block],
            "compaction",
            None,
        )))
    }

    /// The client read this event.
    pub(super) fn delivered(&mut self, event: &Value) {
        match event["type"].as_str().unwrap() {
            "message_start" => {
                for id in &self.turn.refused {
                    if self.turn.named.as_ref() != Some(id) {
                        self.known_gone.insert(id.clone());
                    }
                }
                self.thinking.message_begins();
                for block in event["message"]["content"].as_array().unwrap() {
                    self.thinking.heard(block);
                }
                self.read_container(&event["message"]["container"]);
            }
            "content_block_stop" => {
                let index = event["index"].as_u64().unwrap();
                let block = &self.turn.playing[usize::try_from(index).unwrap()];
                self.turn.died |= block["content"]["error_code"] == "container_expired";
                self.thinking.heard(block);
            }
            "message_delta" => self.read_container(&event["delta"]["container"]),
            _ => {}
        }
    }

    fn read_container(&mut self, container: &Value) {
        if let Some(id) = container["id"].as_str() {
            self.turn.delivered = Some(id.to_owned());
        }
    }

    fn trouble_with(&mut self, body: &Value) -> Option<Answered> {
        if self.thinking.holds_refused(body) {
            // Whoever is refused cannot know which it was.
            self.thinking.refused(body);
            return Some(refused(UNUSABLE));
        }
        match self.trouble? {
            // What was thought in this turn was made by whoever reads it now.
            Trouble::Thinking if !holds_thinking(body) || self.turn.call > 0 => None,
            Trouble::Thinking => {
                self.trouble = None;
                self.met.thinking_refused += 1;
                self.thinking.refused(body);
                Some(refused(UNUSABLE))
            }
            Trouble::FirstEvent(kind) => {
                self.trouble = None;
                self.met.troubles += 1;
                Some(Answered::Events(vec![error_event(kind, "not now")]))
            }
        }
    }

    /// What becomes of a request whose sandbox is gone.
    fn gone_container(&mut self) -> Result<Option<Answered>, String> {
        let Some(id) = self.turn.named.clone() else {
            return Ok(None);
        };
        let Some(told) = self.containers.get_mut(&id) else {
            return Err(format!("there never was a container {id}"));
        };
        if self.known_gone.contains(&id) {
            return Err(format!("{id} is known to be gone, and is named again"));
        }
        let text = format!("Container not found: {id}");
        let answered = match told {
            None | Some(Told::Result) => return Ok(None),
            Some(Told::FirstEvent) => Answered::Events(vec![error_event("not_found_error", &text)]),
            Some(Told::NotFound) => Answered::Refused {
                status: 404,
                kind: "not_found_error",
                message: text,
            },
            Some(Told::Internal) => Answered::Refused {
                status: 500,
                kind: "api_error",
                message: "Internal server error".to_owned(),
            },
        };
        self.met.expired += 1;
        self.turn.refused.insert(id);
        Ok(Some(answered))
    }

    /// A request with the tool for it names the sandbox that there is, unless it is being left out
    /// because the API said that it is gone.
    fn goes_on_in_sandbox(&self, body: &Value) -> Result<(), String> {
        let turn = &self.turn;
        let last = turn.delivered.as_ref().or(turn.container.as_ref());
        let known = last.filter(|id| !self.known_gone.contains(*id));
        let left_out = turn.named.is_none() && known.is_some_and(|id| turn.refused.contains(id));
        let may_begin_anew = turn.named.is_none() && turn.in_doubt;
        if turn.named.as_ref() == known || left_out || may_begin_anew {
            return Ok(());
        }
        let named = &turn.named;
        Err(format!(
            "the sandbox is {known:?}, named is {named:?}\n{:#}",
            brief(body)
        ))
    }

    /// A request that names the sandbox of the conversation must not tell Claude that it is new.
    fn said_of_sandbox(&self, body: &Value) -> Result<(), String> {
        let is_old = self.turn.named.is_some() && self.turn.named == self.turn.container;
        let messages = body["messages"].as_array().unwrap();
        let asked = messages.iter().rfind(|said| is_question(said));
        let claims = asked.is_some_and(|said| said.to_string().contains("the sandbox is new"));
        match is_old && claims {
            true => Err(format!(
                "Claude is told that its sandbox is new\n{:#}",
                brief(body)
            )),
            false => Ok(()),
        }
    }

    fn count(&mut self, body: &Value, taken: &Taken) {
        let met = &mut self.met;
        met.requests += 1;
        met.rounds += u32::from(self.turn.call > 0);
        met.thinking_sent += u32::from(taken.thinking_read() > 0);
        met.tool_changes += u32::from(changes_tools(body));
        let messages = body["messages"].as_array().unwrap();
        met.notices += u32::from(messages.iter().any(|said| said["role"] == "system"));
        let rests = self.turn.container.is_some() && self.turn.named.is_none();
        met.without_sandbox += u32::from(rests);
    }

    fn play(&mut self, body: &Value, mut taken: Taken) -> Vec<Value> {
        let answer = self.turn.answer.clone().unwrap_or_else(Answer::nothing);
        let is_dead = self.turn.named.as_ref().is_some_and(|id| {
            let told = self.containers.get(id);
            told.copied().flatten() == Some(Told::Result)
        });
        let mut stage = answer::Stage {
            ids: &mut self.ids,
            taken: &mut taken,
            is_dead,
            blocks: Vec::new(),
            uses_sandbox: false,
            is_prefilled: false,
        };
        let pending = self.turn.pending.take();
        let (stop, pending) = stage.call(&answer, self.turn.call, pending);
        let is_prefilled = stage.is_prefilled;
        let (blocks, uses_sandbox) = (stage.blocks, stage.uses_sandbox);
        self.turn.call += 1;
        self.turn.pending = pending;
        let container = self.turn.named.clone().or_else(|| {
            uses_sandbox.then(|| {
                let id = self.ids.fresh("container");
                self.containers.insert(id.clone(), None);
                id
            })
        });
        self.turn.playing.clone_from(&blocks);
        let id = self.ids.fresh("msg");
        if is_prefilled {
            self.met.prefilled += 1;
            return answer::prefilled(&id, body, &blocks, container.as_deref());
        }
        answer::events(&id, body, &blocks, stop, container.as_deref())
    }
}

const UNUSABLE: &str = "messages: this thinking cannot be used";

fn refused(message: &str) -> Answered {
    Answered::Refused {
        status: 400,
        kind: "invalid_request_error",
        message: message.to_owned(),
    }
}

fn error_event(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}})
}
