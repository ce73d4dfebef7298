//! x
pub struct Coverage; pub struct Thing;
