//! The conversation and the turn. Pure: no I/O, no clock.

pub mod conversation;
pub mod ledger;
pub mod settings;
pub mod turn;
pub mod turn_loop;
