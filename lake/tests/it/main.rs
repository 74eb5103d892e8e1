//! The event store as its callers use it: rows in, files staged, parts read back.

mod compacting;
mod engine;
mod errands;
mod searching;
mod staging;
