//! What several behaviour tests need.

pub mod hotline;
