//! `watchfire executor`: read for other nodes' queries.

use std::net::SocketAddr;

use crate::failure::Result;
use crate::serve::executor::execute;
use crate::workspace::Session;

/// Read for other nodes' queries: an executor of the engine (docs/engine.md).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Needs the lake's folder or store and engine.token, and no ledger. Who asks names it in engine.url. With engine.tls_cert
and engine.tls_key it is reached over TLS only; without them keep it in a network of your own.

Examples:
  watchfire executor                               this machine, port 8091
  watchfire executor --listen 192.0.2.7:8091       for other machines")]
pub struct Args {
    /// Address and port.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

pub fn run(args: &Args, session: &Session) -> Result {
    execute(session, args.listen)
}
