//! One cell, from its text to its end.

pub mod address;
mod confirm;
mod dry;
mod journal;
pub mod outcome;
pub mod prepare;
pub(in crate::kernel) mod recorded;
pub mod request_page;
pub mod run;
pub mod show;
