//! From a cell's text to magics and a prompt. Pure: parsing never fails, magics return effects.

pub mod complete;
pub mod help;
pub mod magic;
pub mod magics;
pub mod parse;
