//! Integration tests of response.

mod verify;
