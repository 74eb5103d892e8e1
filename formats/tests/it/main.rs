//! Integration tests of the formats: samples of our own, hostile input, and the real input's control
//! totals.

mod blocks;
mod cert_services;
mod cnvd;
mod csv;
mod exchange;
mod fuzz;
mod harness;
mod hostile;
mod intelmq;
mod intelmq_events;
mod intelmq_table;
mod jpcert;
mod json;
mod kev;
mod list;
mod mail;
mod registry;
mod shadowserver;
mod shadowserver_peer;
mod shadowserver_values;
mod stalkerware;
mod text;
mod tweetfeed;
mod vulnerability;
