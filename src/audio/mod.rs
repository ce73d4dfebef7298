//! (audio)
