//! The offline backend's scripts, and what a command in its sandbox can and cannot do.

mod commands;
mod scripts;
