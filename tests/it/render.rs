//! updates to outputs, hostile text included
