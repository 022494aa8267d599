//! From a cell's text to magics and a prompt. Pure: parsing never fails, magics return effects.

pub mod call;
mod code;
pub mod complete;
pub mod effect;
pub mod fill;
mod guide;
pub mod help;
pub mod invisible;
pub mod job;
mod line;
pub mod magic;
pub mod magics;
pub mod mention;
mod nearest;
pub mod packages;
pub mod parameters;
pub mod parse;
pub mod path_at;
pub mod secret;
pub mod shown;
pub mod slips;
mod topics;
mod unknown;
pub mod variables;
