//! One file a command: its arguments, what it does, how it prints.

pub mod bulletin;
pub mod completions;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod export;
pub mod feeds;
pub mod fetch;
pub mod history;
pub mod hold;
pub mod import;
pub mod infrastructure;
pub mod ingest;
pub mod init;
pub mod lake;
pub mod man;
pub mod parse;
pub mod query;
pub mod rating;
pub mod reference;
pub mod rejects;
pub mod retention;
pub mod serve;
pub mod status;
pub mod tokens;
pub mod week;
