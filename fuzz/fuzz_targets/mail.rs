//! Mail on arbitrary bytes: everything that is asked of a mail.
#![no_main]

#[path = "../body.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::mail(data));
