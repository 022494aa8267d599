//! The conversation and the turn. Pure: no I/O, no clock.

pub mod conversation;
pub mod ledger;
pub mod presets;
pub mod settings;
pub mod tool_types;
pub mod turn;
pub mod turn_loop;
