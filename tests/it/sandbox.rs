//! The offline backend's scripts, and what a command in its sandbox can and cannot do.
//!
//! Everything here really runs: the real binary confines real processes of this machine. What a
//! machine may lack is left out in turn, to see that the rest holds.

mod commands;
mod ends;
mod escapes;
mod place;
mod scripts;
mod walls;
