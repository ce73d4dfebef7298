//! (rtp)
