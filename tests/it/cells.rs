//! cell texts and what they parse to
