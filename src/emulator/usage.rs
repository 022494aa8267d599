//! Tokens: an estimate that is always the same for the same text, and the sums of `usage`.
//!
//! This is not a tokenizer. It takes about 3.3 bytes as one token, which is close to what the
//! current models count for English and code.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::message::{is_by_code, kind, text};
use super::request::Request;
use super::toolset::{definition_in, is_deferred, key_of, named_by};

/// The tokens of every conversation besides its content.
const FRAME: u64 = 8;
/// The tokens of a server tool's description.
const SERVER_TOOL: u64 = 640;
/// The tokens of a notice that a tool is added or taken away.
const REFERENCE: u64 = 12;
/// The longest edge and the most tokens of an image on current models (`docs/protocol.md#images`).
const IMAGE_CAP: u64 = 4784;

/// How the input of one pass is billed, in tokens. Together these are the whole input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Charge {
    pub(super) input: u64,
    pub(super) read: u64,
    pub(super) write_5m: u64,
    pub(super) write_1h: u64,
}

/// Estimates the tokens of a text.
pub(super) fn of_text(text: &str) -> u64 {
    (text.len() as u64 * 3).div_ceil(10)
}

/// Estimates the tokens of a content block, system block or tool.
pub(super) fn of_block(block: &Value) -> u64 {
    match kind(block) {
        "text" => of_text(text(block, "text").unwrap_or_default()) + 1,
        "thinking" => of_text(text(block, "thinking").unwrap_or_default()) + 16,
        "image" => of_image(block),
        "container_upload" => 24,
        "tool_addition" => match definition_in(block) {
            Some(definition) => of_block(definition),
            None => REFERENCE,
        },
        "tool_removal" => REFERENCE,
        "" | "custom" => of_text(&block.to_string()) + 16,
        tool if is_server_tool(tool) => SERVER_TOOL,
        _ => of_text(&block.to_string()),
    }
}

fn is_server_tool(kind: &str) -> bool {
    kind.rsplit_once('_')
        .is_some_and(|(_, date)| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
}

fn of_image(block: &Value) -> u64 {
    use base64::Engine as _;
    let data = block
        .get("source")
        .and_then(|source| text(source, "data"))
        .and_then(|data| base64::engine::general_purpose::STANDARD.decode(data).ok());
    let size = data.and_then(|data| imagesize::blob_size(&data).ok());
    size.map_or(1600, |size| {
        let patches = size.width.div_ceil(28) * size.height.div_ceil(28);
        (patches as u64).min(IMAGE_CAP)
    })
}

/// Counts the tokens of the blocks of one request. The calls that code in the sandbox made, and
/// their results, do not pass through the model (`docs/protocol.md#programmatic-calls`). A deferred
/// tool is counted at the block that first makes it available.
pub(super) struct Scales<'a> {
    by_code: HashSet<&'a str>,
    deferred: HashMap<String, u64>,
}

impl<'a> Scales<'a> {
    pub(super) fn of(request: &'a Request) -> Self {
        let messages = request.messages.iter();
        let blocks = messages.flat_map(|message| &message.blocks);
        let by_code = blocks.filter(|block| is_by_code(block));
        let deferred = request.tools.iter().filter(|tool| is_deferred(tool));
        Self {
            by_code: by_code.filter_map(|block| text(block, "id")).collect(),
            deferred: deferred
                .map(|tool| (key_of(tool), of_block(tool)))
                .collect(),
        }
    }

    pub(super) fn weigh(&mut self, block: &Value) -> u64 {
        let id = text(block, "tool_use_id").or_else(|| text(block, "id"));
        if id.is_some_and(|id| self.by_code.contains(id)) {
            return 0;
        }
        let named = named_by(block).into_iter();
        let brought: u64 = named.filter_map(|name| self.deferred.remove(&name)).sum();
        of_block(block) + brought
    }
}

/// Estimates the input tokens of a whole request.
pub(super) fn of_request(request: &Request) -> u64 {
    let mut scales = Scales::of(request);
    let messages = request.messages.iter();
    let blocks = messages.flat_map(|message| &message.blocks);
    let tools = request.tools.iter().filter(|tool| !is_deferred(tool));
    let all = tools.chain(&request.system).chain(blocks);
    let weighed = all.map(|block| scales.weigh(block));
    FRAME + weighed.sum::<u64>() + 3 * request.messages.len() as u64
}

/// The sums of one response.
#[derive(Debug, Clone)]
pub(super) struct Usage {
    /// What the first pass was charged for its input.
    first: Charge,
    passes: Vec<Pass>,
    /// Tokens the response has added to the context so far.
    grown: u64,
    thinking: u64,
    server_tools: bool,
    /// Whether pages can be read. Only then are they counted (`docs/protocol.md#usage`).
    fetches_pages: bool,
    searches: u64,
    fetches: u64,
    iterations: bool,
    tier: Value,
}

/// One sampling of the model. The result of a server tool starts the next one.
#[derive(Debug, Clone, Copy, Default)]
struct Pass {
    charge: Charge,
    output: u64,
}

impl Usage {
    /// Starts the sums of a response whose first pass costs `first`.
    pub(super) fn new(request: &Request, first: Charge) -> Self {
        let server_tools = request
            .offered
            .iter()
            .any(|tool| is_server_tool(kind(tool)));
        let with_iterations = [
            "compact-",
            "context-management-",
            "advisor-tool-",
            "server-side-fallback-",
        ];
        Self {
            first,
            passes: vec![Pass {
                charge: first,
                output: 0,
            }],
            grown: 0,
            thinking: 0,
            server_tools,
            fetches_pages: request.has_tool("web_fetch"),
            searches: 0,
            fetches: 0,
            iterations: request
                .betas
                .iter()
                .any(|beta| with_iterations.iter().any(|name| beta.starts_with(name))),
            tier: json!({
                "service_tier": "standard",
                "inference_geo": request.inference_geo,
                "speed": request.speed,
            }),
        }
    }

    /// Adds what the model wrote.
    pub(super) fn wrote(&mut self, tokens: u64) {
        self.grown += tokens;
        if let Some(pass) = self.passes.last_mut() {
            pass.output += tokens;
        }
    }

    /// Adds what the model thought; it is also output.
    pub(super) fn thought(&mut self, tokens: u64) {
        self.thinking += tokens;
        self.wrote(tokens);
    }

    /// Counts a web search.
    pub(super) fn searched(&mut self) {
        self.searches += 1;
    }

    /// Counts a page that was read.
    pub(super) fn fetched(&mut self) {
        self.fetches += 1;
    }

    /// Adds the result of a server tool, which the next pass reads.
    pub(super) fn read_result(&mut self, tokens: u64) {
        self.grown += tokens;
    }

    /// Starts another pass over everything so far.
    pub(super) fn next_pass(&mut self) {
        let charge = Charge {
            input: self.first.input + self.grown,
            read: self.first.read + self.first.write_5m + self.first.write_1h,
            write_5m: 0,
            write_1h: 0,
        };
        self.passes.push(Pass { charge, output: 0 });
    }

    /// Returns the output tokens so far.
    pub(super) fn output(&self) -> u64 {
        self.passes.iter().map(|pass| pass.output).sum()
    }

    /// Returns `usage` of `message_start`.
    pub(super) fn at_start(&self) -> Value {
        let mut usage = charge_json(self.first);
        self.add(&mut usage, json!({"output_tokens": 1}));
        self.add(&mut usage, self.tier.clone());
        usage
    }

    /// Returns the `usage` of `message_delta`, which is cumulative.
    pub(super) fn at_end(&self) -> Value {
        let total = self.total();
        let mut usage = json!({
            "input_tokens": total.input,
            "cache_creation_input_tokens": total.write_5m + total.write_1h,
            "cache_read_input_tokens": total.read,
            "output_tokens": self.output(),
            "output_tokens_details": {"thinking_tokens": self.thinking},
        });
        if self.server_tools {
            let mut requests = json!({"web_search_requests": self.searches});
            if self.fetches_pages {
                self.add(&mut requests, json!({"web_fetch_requests": self.fetches}));
            }
            self.add(&mut usage, json!({"server_tool_use": requests}));
        }
        if self.iterations {
            let passes: Vec<Value> = self
                .passes
                .iter()
                .map(|pass| {
                    let mut entry = charge_json(pass.charge);
                    self.add(
                        &mut entry,
                        json!({"type": "message", "output_tokens": pass.output}),
                    );
                    entry
                })
                .collect();
            self.add(&mut usage, json!({"iterations": passes}));
        }
        usage
    }

    /// Returns `usage` of a message that is not streamed.
    pub(super) fn whole(&self) -> Value {
        let mut usage = charge_json(self.total());
        self.add(&mut usage, self.at_end());
        self.add(&mut usage, self.tier.clone());
        usage
    }

    /// Returns the `usage` of a summary. At its start it says what is read. At its end the top
    /// level says nothing, and one pass of its own says what the summary took
    /// (`docs/protocol.md#compaction`).
    pub(super) fn of_compaction(&self, output: Option<u64>) -> Value {
        let at_top = output.map_or(self.first, |_| Charge::default());
        let mut usage = charge_json(at_top);
        self.add(&mut usage, json!({"output_tokens": 0}));
        self.add(&mut usage, self.tier.clone());
        if let Some(output) = output {
            let mut pass = charge_json(self.first);
            self.add(
                &mut pass,
                json!({"type": "compaction", "output_tokens": output}),
            );
            self.add(&mut usage, json!({"iterations": [pass]}));
        }
        usage
    }

    fn total(&self) -> Charge {
        self.passes
            .iter()
            .fold(Charge::default(), |sum, pass| Charge {
                input: sum.input + pass.charge.input,
                read: sum.read + pass.charge.read,
                write_5m: sum.write_5m + pass.charge.write_5m,
                write_1h: sum.write_1h + pass.charge.write_1h,
            })
    }

    fn add(&self, to: &mut Value, fields: Value) {
        if let (Value::Object(to), Value::Object(fields)) = (to, fields) {
            to.extend(fields);
        }
    }
}

fn charge_json(charge: Charge) -> Value {
    json!({
        "input_tokens": charge.input,
        "cache_creation_input_tokens": charge.write_5m + charge.write_1h,
        "cache_read_input_tokens": charge.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": charge.write_5m,
            "ephemeral_1h_input_tokens": charge.write_1h,
        },
    })
}
