//! Integration tests of the bulletin crate.

mod composing;
mod counting;
mod events;
mod handling;
mod history;
mod outage;
mod publishing;
mod rating;
mod registry;
mod render;
