//! frames to messages and back
