//! (sip)
