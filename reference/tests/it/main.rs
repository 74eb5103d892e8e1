//! Integration tests of the reference tables.
