//! From updates of a turn to notebook outputs. Pure: the time is an argument.

pub mod artifact;
pub mod markdown;
pub mod receipt;
pub mod renderer;
pub mod step;
