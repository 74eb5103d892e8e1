//! Every format on arbitrary bytes; the first byte chooses the format.
#![no_main]

#[path = "../body.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::formats(data));
