//! Turns the updates of a turn into notebook outputs. Pure: the time is an argument.
//!
//! [`renderer`] takes the updates and decides what is on the screen. `screen` keeps the places of
//! the outputs and knows how each kind of client takes them. `segment` cuts growing text and `pace`
//! times it. Everything that others wrote passes through [`markdown`] or `foreign` first.

pub(crate) mod answer;
pub mod artifact;
mod console;
mod display_mode;
mod encoding;
pub(crate) mod foreign;
mod group;
mod image_size;
pub(crate) mod kind;
pub mod markdown;
mod number;
pub(crate) mod pace;
pub mod receipt;
pub mod renderer;
pub(crate) mod screen;
pub(crate) mod segment;
pub(crate) mod sources;
pub(crate) mod status;
pub(crate) mod step;
pub(crate) mod structured;
pub(crate) mod table;
pub(crate) mod target;
pub mod terminal;
pub(crate) mod thinking;
pub(crate) mod tool;
pub(crate) mod tool_image;
pub mod value;
