//! From a cell's text to magics and a prompt. Pure: parsing never fails, magics return effects.

mod code;
pub mod complete;
pub mod fill;
pub mod help;
pub mod magic;
pub mod magics;
pub mod mention;
pub mod packages;
mod parameters;
pub mod parse;
pub mod path_at;
pub mod secret;
pub mod shown;
pub mod slips;
mod topics;
mod unknown;
pub mod variables;
