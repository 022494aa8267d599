//! The integration tests: one binary, one module per seam.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::needless_pass_by_value,
    reason = "tests: a failed step is a failed test, and the files are the test's own"
)]

mod support;

mod anthropic_client;
mod artifacts;
mod budget;
mod cells;
mod cli;
mod compaction;
mod conversation;
mod emulator;
mod exec;
mod execute;
mod failures;
mod fuzz;
mod histories;
mod hostile;
mod inputs;
mod interrupts;
mod journal;
mod load;
mod magics;
mod notebooks;
mod offline;
mod parameters;
mod protocol;
mod recordings;
mod render;
mod results;
mod sandbox;
mod spoiled;
mod tidy;
mod tools;
mod turn_loop;
mod web;
mod wire;
mod zmtp;
