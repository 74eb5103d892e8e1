//! Integration tests of the bulletin crate.

mod blocklist;
mod composing;
mod counting;
mod events;
mod handling;
mod history;
mod outage;
mod rating;
mod registry;
mod render;
