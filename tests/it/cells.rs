//! A cell's text taken apart, and what front ends ask of unfinished text.

mod complete;
mod parse;
mod schema;
