//! Tools of this machine: the Python worker, commands, MCP servers, and what a turn makes of them.

mod changes;
mod commands;
mod mcp;
mod reset;
mod turns;
mod worker;
