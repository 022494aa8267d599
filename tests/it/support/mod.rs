//! What the tests share.

pub(crate) mod eaters;
pub(crate) mod frontend;
pub(crate) mod host;
pub(crate) mod pieces;
pub(crate) mod readme;
pub(crate) mod rig;
pub(crate) mod talk;
