//! The conversation and the turn. Pure: no I/O, no clock.

pub mod action;
pub mod budget;
pub mod conversation;
pub mod hints;
pub mod history;
pub mod input;
pub mod ledger;
pub mod packages;
pub mod params;
pub mod presets;
pub mod prompt;
pub mod receipt;
pub mod record;
pub mod replay;
pub mod schema;
pub mod settings;
pub mod skills;
pub mod spending;
pub mod structured;
pub mod tool_changes;
pub mod tool_types;
pub mod turn;
pub mod turn_loop;
pub mod verbatim;
pub mod web;
pub(crate) mod wrapped_python;
