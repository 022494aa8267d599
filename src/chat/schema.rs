//! The schema of a structured result: written short or as JSON Schema, made fit for the API, and
//! what an answer is judged by.
//!
//! Two schemas stand side by side: the one the person wrote, by which the answer is judged, and the
//! one that is sent, which says less where the API cannot take more
//! (`docs/protocol.md#structured-output`).

mod answer;
mod error;
mod kind;
mod limits;
mod references;
mod repair;
mod short;

pub use answer::{Invalid, Problem, Valid, read};
pub use error::SchemaError;
pub use kind::kind;
pub use repair::{Fit, fit};
pub use short::{SpecError, parse_short};
