//! What several behaviour tests need.

pub mod hotline;
pub mod media;
pub mod node;
