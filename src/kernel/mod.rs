//! The imperative shell: the only place where both protocols meet. One actor owns all state.

pub mod actor;
pub mod error;
pub mod execute;
pub mod introspect;
pub mod store;
