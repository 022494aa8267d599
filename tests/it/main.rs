//! The integration tests: one binary, one module per seam.

mod support;

mod anthropic_client;
mod cells;
mod cli;
mod emulator;
mod execute;
mod magics;
mod notebooks;
mod protocol;
mod render;
mod sandbox;
mod tidy;
mod wire;
