//! Saved notebooks: what claude-kernel left in an `.ipynb` file, read as JSON values.
//!
//! Pure, and nothing in a file is trusted: whatever is missing or odd is skipped.

pub mod check;
pub mod export;
pub mod page;
pub mod picture;
pub mod receipts;
pub mod recordings;
pub mod scrub;
pub mod verify;
