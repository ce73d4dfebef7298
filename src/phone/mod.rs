//! (phone)
