//! Tests of the built binary, from outside: what a person or a program sees.

mod cli;
mod config;
mod crash;
mod demo;
mod fetch;
mod founding_week;
mod intelmq;
mod query;
mod run;
mod tidy;
