#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| hotline_fuzz::service_answer(octets));
