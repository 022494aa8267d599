//! One turn, with its I/O: composed, admitted, driven to its end, committed.

pub mod budget;
pub mod commit;
mod drive;
mod fetch;
pub mod hidden;
pub mod record;
mod restore;
mod reupload;
pub mod run;
pub mod veil;
