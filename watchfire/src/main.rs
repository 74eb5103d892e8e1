//! `watchfire`, the binary: what a person or a scheduler types becomes calls into the crates.
//!
//! [`cli`] is the command line, a file a command stands in [`command`]. [`config`] reads
//! `watchfire.toml`, [`workspace`] opens the folder (lock, ledger, lake, blobs, clock),
//! [`reference_files`] brings in what others publish ([`schema_update`] shows what a newer schema
//! changes), [`behind`] what stands behind a figure, [`responding`] opens the desk of response, [`blocklisting`] keeps the block lists, [`asking`] asks a feed, [`serve`] collects unattended, [`health`] says how each feed is,
//! [`weekly`] counts and composes a week, [`inspection`] compares the stored files with the
//! ledger. Data go to standard output through [`table`],
//! talk to standard error through [`talk`], and what went wrong is a [`failure`] with its remedy.

mod alarms;
mod asking;
mod behind;
mod blocklisting;
mod cli;
mod command;
mod config;
mod failure;
mod findings;
mod health;
mod inspection;
mod json_log;
mod publishing;
mod reference_files;
mod registering;
mod responding;
mod rights;
mod schema_update;
mod sealing;
mod serve;
mod shared_reference;
mod table;
mod talk;
mod weekly;
mod weeks;
mod workspace;

fn main() -> std::process::ExitCode {
    cli::run()
}
