//! `watchfire vantage`: look from elsewhere for another machine.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::failure::Result;
use crate::serve::vantage::{Stand, run as serve};
use crate::workspace::Session;

/// Look from elsewhere whether something is gone, for a workspace on another machine (docs/verification.md).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Needs no workspace and no ledger. Whoever asks holds the same secret, of 32 characters or more: in a file here, or in
WATCHFIRE_VANTAGE_SECRET. It says what it saw; what that means, and what is kept of it, is the asking side's. The asking
side names it in an entry [[vantage]] of watchfire.toml. SIGHUP reads the certificate anew.

Examples:
  openssl rand -hex 32 > secret && chmod 600 secret
  watchfire vantage --secret secret
        this machine, port 8092: for a try, or behind a proxy that has a certificate
  watchfire vantage --listen 192.0.2.9:8092 --secret secret --tls-cert chain.pem --tls-key key.pem
        for other machines
  watchfire vantage --secret secret --resolver 192.0.2.53
        with the name server that victims there have")]
pub struct Args {
    /// Address and port.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// File that holds the secret of both sides; without it, WATCHFIRE_VANTAGE_SECRET holds it.
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// File with the certificate and its chain, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// File with its private key, PEM, without a passphrase.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Name, address or prefix that may be looked at although it is private; may be given several times.
    #[arg(long, value_name = "WHAT")]
    allow: Vec<String>,
    /// Name server that looks ask, as 192.0.2.53 or 127.0.0.1:5353; may be given several times. Without any, the
    /// system's.
    #[arg(long, value_name = "ADDRESS")]
    resolver: Vec<String>,
}

pub fn run(args: Args, session: &Session) -> Result {
    let stand = Stand {
        listen: args.listen,
        secret: args.secret,
        tls: args.tls_cert.zip(args.tls_key),
        allow: args.allow,
        resolvers: args.resolver,
    };
    serve(session, &stand)
}
