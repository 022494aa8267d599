//! what the example notebooks hold
