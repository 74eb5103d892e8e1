//! Integration tests of the bulletin crate.

mod blocklist;
mod change;
mod composing;
mod counting;
mod events;
mod handling;
mod history;
mod lint;
mod outage;
mod publishing;
mod rating;
mod registry;
mod render;
mod suppress;
