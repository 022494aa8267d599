//! What large and hostile input costs.

mod linear;
