//! (telephony)
