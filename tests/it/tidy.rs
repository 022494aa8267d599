//! the house: import table, module headers
