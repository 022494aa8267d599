//! the offline backend's own rules
