//! Containers and encodings on arbitrary bytes; the first byte chooses the encoding.
#![no_main]

#[path = "../body.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::source(data));
