//! The command line: parses arguments, calls the layers below, prints. Nothing imports this.

pub mod completions;
pub mod doctor;
pub mod emulate;
pub mod install;
pub mod run;
pub mod sandbox_exec;
