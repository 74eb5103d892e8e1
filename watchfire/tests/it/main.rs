//! Tests of the built binary, from outside: what a person or a program sees.

mod cli;
mod config;
mod crash;
mod demo;
mod faults;
mod fetch;
mod founding_week;
mod query;
mod run;
mod series;
mod tidy;
