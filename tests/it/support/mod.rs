//! What the tests share.

pub(crate) mod frontend;
pub(crate) mod host;
