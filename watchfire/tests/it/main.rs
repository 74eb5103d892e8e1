//! Tests of the built binary, from outside: what a person or a program sees.

mod alarms;
mod backup;
mod beside;
mod blocklist;
mod browser;
mod casework;
mod cli;
// Shared with the ledger's own tests, which use more of it.
#[allow(dead_code, clippy::unwrap_used)]
#[path = "../../../ledger/tests/it/cluster.rs"]
mod cluster;
mod config;
mod crash;
mod demo;
mod deploying;
mod doors;
mod drift;
mod engine;
mod engine_tls;
mod faults;
// Shared with the storage's own tests.
#[allow(dead_code, clippy::unwrap_used)]
#[path = "../../../storage/tests/it/proxy.rs"]
mod faulty_store;
mod fetch;
mod founding_week;
mod handled;
mod holds;
mod intelmq;
mod leaf;
mod ledger;
mod lists;
mod manual;
mod marking;
mod moving_in;
mod newsroom;
mod nodes;
mod packaging;
mod pages;
mod process;
mod public;
mod query;
mod recount;
mod rederive;
mod repeats;
mod respond;
mod rollup;
mod run;
mod scale;
mod sealing;
mod series;
mod serve;
mod site;
mod stored;
#[allow(dead_code, clippy::unwrap_used)]
#[path = "../../../storage/tests/it/stores.rs"]
mod stores;
mod tidy;
mod upkeep;
mod upkeep_crash;
mod vantage;
mod whole_series;
