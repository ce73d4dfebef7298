//! What several behaviour tests need.

pub mod binary;
pub mod capture;
pub mod collector;
pub mod hotline;
pub mod keying;
pub mod media;
pub mod namespaces;
pub mod node;
pub mod ports;
pub mod postgres;
pub mod prompts;
pub mod records;
pub mod service;
pub mod sound;
pub mod tls;
pub mod together;
pub mod tones;
pub mod trunk;
pub mod workshop;
