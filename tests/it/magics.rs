//! the registry and its meta-tests
