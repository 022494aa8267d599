//! The integration tests: one binary, one module per seam.

mod support;
