//! Integration tests of response.

mod imap;
