//! What several behaviour tests need.

pub mod hotline;
pub mod node;
