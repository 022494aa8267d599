//! The tools in effect. They begin with `tools`. The `tool_changes` of a summary and the
//! `tool_addition` and `tool_removal` blocks of `system` messages then change them
//! (`docs/protocol.md#compaction, #tool-changes`).
//!
//! This is one fold over the messages, from the first to the last. `check` checks where the blocks
//! may stand and how they are marked. A thinking block is bound to `tools` and the messages as they
//! were sent, not to this.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::canon::{Fingerprint, fingerprint_of};
use super::error::ApiError;
use super::message::{Message, Role, kind, text};

/// How many tools that must be searched for, and how many tools that are defined in messages, may
/// be available at once.
const MOST_TOOLS: usize = 10_000;
/// The most bytes of the definitions in messages, and of the text of all tools.
const MOST_BYTES: usize = 4_194_304;

/// What every message has changed so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Toolset {
    /// The tools of `tools` come first, then the others in the order in which they were first
    /// named.
    tools: Vec<Tool>,
    by_key: HashMap<String, usize>,
    /// The deferred tools that a search or a result has named.
    loaded: HashSet<String>,
}

/// A tool that the conversation knows.
#[derive(Debug, Clone)]
struct Tool {
    /// How a change refers to it.
    reference: Value,
    /// The definition; null for a single tool of an MCP server.
    definition: Value,
    bytes: usize,
    standing: Standing,
    fingerprint: Fingerprint,
    /// Whether and how the tool is in `tools`.
    declared: Option<(Fingerprint, Standing)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Offered,
    /// The tool search knows the tool, the model does not.
    Deferred,
    Removed,
}

impl Toolset {
    /// Applies all changes of a request.
    ///
    /// # Errors
    /// 400 with the error code of a change that cannot be made (`docs/protocol.md#tool-changes`).
    pub(super) fn of(tools: &[Value], messages: &[Message]) -> Result<Self, ApiError> {
        let mut set = Self::default();
        for definition in tools {
            let key = key_of(definition);
            set.put(key.clone(), definition);
            if let Some(tool) = set.get(&key) {
                tool.declared = Some((tool.fingerprint, tool.standing));
            }
        }
        for (i, message) in messages.iter().enumerate() {
            let mut changed = false;
            for (j, block) in message.blocks.iter().enumerate() {
                let path = format!("messages.{i}.content.{j}");
                match (message.role, kind(block)) {
                    (Role::System, "tool_addition" | "tool_removal") => {
                        set.change(block, &path)?;
                        changed = true;
                    }
                    (Role::User | Role::Assistant, "compaction") => {
                        let changes = block.get("tool_changes").and_then(Value::as_array);
                        for change in changes.into_iter().flatten() {
                            set.change(change, &format!("{path}.tool_changes"))?;
                            changed = true;
                        }
                    }
                    _ => set.loaded.extend(named_by(block)),
                }
            }
            if changed {
                set.limits(i)?;
            }
        }
        Ok(set)
    }

    /// Returns the tools that Claude may call.
    pub(super) fn offered(&self) -> Vec<Value> {
        let offered = self.tools.iter().filter(|tool| match tool.standing {
            Standing::Offered => !tool.definition.is_null(),
            Standing::Deferred => {
                text(&tool.definition, "name").is_some_and(|name| self.loaded.contains(name))
            }
            Standing::Removed => false,
        });
        offered.map(|tool| tool.definition.clone()).collect()
    }

    /// Whether a tool is withheld until a message adds it or a search finds it.
    pub(super) fn withholds(&self, name: &str) -> bool {
        let tool = self.by_key.get(name).and_then(|at| self.tools.get(*at));
        tool.is_some_and(|tool| tool.standing == Standing::Deferred)
    }

    /// Returns the changes that lead from `tools` to the tools in effect after the last message.
    pub(super) fn changes(&self) -> Vec<Value> {
        self.tools.iter().flat_map(Tool::changes).collect()
    }

    fn get(&mut self, key: &str) -> Option<&mut Tool> {
        self.tools.get_mut(*self.by_key.get(key)?)
    }

    /// Puts a definition in the place of the one with its name; if there is none, at the end.
    fn put(&mut self, key: String, definition: &Value) {
        let tool = Tool {
            reference: match text(definition, "mcp_server_name") {
                Some(server) => json!({"type": "mcp_toolset_reference", "server_name": server}),
                None => json!({"type": "tool_reference", "name": key}),
            },
            bytes: definition.to_string().len(),
            definition: definition.clone(),
            standing: standing_of(definition),
            fingerprint: fingerprint_of(definition),
            declared: None,
        };
        self.insert(key, tool);
    }

    fn insert(&mut self, key: String, tool: Tool) {
        match self.get(&key) {
            Some(known) => {
                let declared = known.declared.take();
                *known = Tool { declared, ..tool };
            }
            None => {
                self.by_key.insert(key, self.tools.len());
                self.tools.push(tool);
            }
        }
    }

    fn change(&mut self, block: &Value, path: &str) -> Result<(), ApiError> {
        let adds = kind(block) == "tool_addition";
        let tool = block.get("tool").unwrap_or(&Value::Null);
        if let Some(definition) = tool.get("definition") {
            return self.define(definition, path);
        }
        let key = self.key_of_reference(tool);
        let Some(known) = key.and_then(|key| self.get(&key)) else {
            let name = text(tool, "name").or_else(|| text(tool, "server_name"));
            return Err(ApiError::invalid(format!(
                "{path}.tool: `{}` is neither in `tools` nor defined before",
                name.unwrap_or_default()
            ))
            .code("tool_reference_unresolved"));
        };
        known.standing = match adds {
            true => Standing::Offered,
            false => Standing::Removed,
        };
        Ok(())
    }

    /// Returns the key of the tool that a reference names. If an MCP server is known, each of its
    /// tools is known.
    fn key_of_reference(&mut self, tool: &Value) -> Option<String> {
        let server = text(tool, "server_name");
        match (kind(tool), server, text(tool, "name")) {
            ("mcp_tool_reference", Some(server), Some(name)) => {
                let toolset = server_key(server);
                self.get(&toolset)?;
                let key = format!("{toolset}/{name}");
                if self.get(&key).is_none() {
                    let tool = Tool {
                        reference: tool.clone(),
                        definition: Value::Null,
                        bytes: 0,
                        standing: Standing::Offered,
                        fingerprint: fingerprint_of(tool),
                        declared: None,
                    };
                    self.insert(key.clone(), tool);
                }
                Some(key)
            }
            ("mcp_toolset_reference", Some(server), _) => Some(server_key(server)),
            (_, _, Some(name)) => Some(name.to_owned()),
            _ => None,
        }
    }

    fn define(&mut self, definition: &Value, path: &str) -> Result<(), ApiError> {
        let key = key_of(definition);
        if let Some(known) = self.get(&key) {
            let available = known.standing != Standing::Removed;
            if available && family(&known.definition) != family(definition) {
                return Err(ApiError::invalid(format!(
                    "{path}.tool.definition: a tool of another kind has the name `{key}`"
                ))
                .code("tool_name_conflict"));
            }
            if known.fingerprint == fingerprint_of(definition) {
                // If a tool was taken away, it can come back by being defined again. No other tool
                // can be defined twice.
                if !available {
                    known.standing = standing_of(definition);
                }
                return Ok(());
            }
        }
        self.put(key, definition);
        Ok(())
    }

    /// Checks what is available after a message against the limits.
    fn limits(&self, message: usize) -> Result<(), ApiError> {
        let available = || {
            let tools = self.tools.iter();
            tools.filter(|tool| tool.standing != Standing::Removed && !tool.definition.is_null())
        };
        let defined = || available().filter(|tool| tool.is_defined_in_messages());
        let deferred = available().filter(|tool| tool.standing == Standing::Deferred);
        let shown = available().filter(|tool| tool.standing == Standing::Offered);
        for (found, most, what) in [
            (deferred.count(), MOST_TOOLS, "deferred tools"),
            (defined().count(), MOST_TOOLS, "tools defined in messages"),
            (
                defined().map(|tool| tool.bytes).sum(),
                MOST_BYTES,
                "bytes of tools defined in messages",
            ),
            (
                shown.map(|tool| tool.bytes).sum(),
                MOST_BYTES,
                "bytes of tools",
            ),
        ] {
            if found > most {
                return Err(ApiError::invalid(format!(
                    "messages.{message}: {found} {what} are available after this message, more than {most}"
                ))
                .code("available_tools_limit_exceeded"));
            }
        }
        Ok(())
    }
}

impl Tool {
    fn is_defined_in_messages(&self) -> bool {
        self.declared
            .is_none_or(|(fingerprint, _)| fingerprint != self.fingerprint)
    }

    /// Returns the changes that lead from `tools` to this; none if they are the same.
    fn changes(&self) -> Vec<Value> {
        let reference = &self.reference;
        let addition = json!({"type": "tool_addition", "tool": reference});
        if self.standing == Standing::Removed {
            // If a tool was defined only in messages, nothing has to be said about its removal.
            let known_then = self.declared.is_some() || self.definition.is_null();
            let removal = json!({"type": "tool_removal", "tool": reference});
            return known_then.then_some(removal).into_iter().collect();
        }
        if self.definition.is_null() {
            return vec![addition];
        }
        let mut changes = Vec::new();
        let mut then = self.declared.map(|(_, standing)| standing);
        if self.is_defined_in_messages() {
            let mut definition = self.definition.clone();
            if let Some(map) = definition.as_object_mut() {
                map.remove("cache_control");
            }
            changes.push(json!({"type": "tool_addition", "tool": {"type": "tool_definition", "definition": definition}}));
            then = Some(standing_of(&self.definition));
        }
        if then != Some(self.standing) {
            changes.push(addition);
        }
        changes
    }
}

/// Whether the model sees a tool only after a search for it.
pub(super) fn is_deferred(definition: &Value) -> bool {
    definition.get("defer_loading") == Some(&Value::Bool(true))
}

/// Returns the definition that a block of a message adds.
pub(super) fn definition_in(block: &Value) -> Option<&Value> {
    let adds = kind(block) == "tool_addition";
    let tool = block.get("tool").filter(|_| adds)?;
    tool.get("definition")
}

/// Returns the definitions that a block adds; a summary may add several.
pub(super) fn definitions_in(block: &Value) -> Vec<&Value> {
    let changes = block.get("tool_changes").and_then(Value::as_array);
    let changes = changes.into_iter().flatten().filter_map(definition_in);
    definition_in(block).into_iter().chain(changes).collect()
}

/// Returns the names of the tools that a block refers to: a change of tools does, and the result of
/// a search or of a tool may. Such a reference makes a deferred tool available.
pub(super) fn named_by(block: &Value) -> Vec<String> {
    let content = match (kind(block), block.get("content")) {
        ("tool_addition", _) => {
            let name = block.get("tool").and_then(|tool| text(tool, "name"));
            return name.map(str::to_owned).into_iter().collect();
        }
        ("tool_search_tool_result", Some(found)) => found.get("tool_references"),
        ("tool_result", content) => content,
        _ => None,
    };
    let items = content.and_then(Value::as_array).into_iter().flatten();
    let references = items.filter(|item| kind(item) == "tool_reference");
    references
        .filter_map(|item| text(item, "tool_name").map(str::to_owned))
        .collect()
}

fn standing_of(definition: &Value) -> Standing {
    match is_deferred(definition) {
        true => Standing::Deferred,
        false => Standing::Offered,
    }
}

/// Returns the key of a tool: its name, or, for a toolset, its kind.
pub(super) fn key_of(definition: &Value) -> String {
    match (
        text(definition, "mcp_server_name"),
        text(definition, "name"),
    ) {
        (Some(server), _) => server_key(server),
        (None, Some(name)) => name.to_owned(),
        (None, None) => family(definition).to_owned(),
    }
}

/// The name of a tool never contains a space.
fn server_key(server: &str) -> String {
    format!("mcp {server}")
}

/// Returns the kind of a tool for all its versions: its `type` without the date.
fn family(definition: &Value) -> &str {
    let kind = match kind(definition) {
        "" => "custom",
        kind => kind,
    };
    let dated = kind
        .rsplit_once('_')
        .filter(|(_, date)| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()));
    let kind = dated.map_or(kind, |(kind, _)| kind);
    kind.strip_suffix("_toolset").unwrap_or(kind)
}
