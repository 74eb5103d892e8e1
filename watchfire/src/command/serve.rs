//! `watchfire serve`: collect unattended.

use std::net::SocketAddr;

use crate::failure::Result;
use crate::serve;
use crate::workspace::Session;

/// Collect unattended: ask feeds when they are due, watch folders, take what is pushed and sent.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire serve                              until SIGTERM or SIGINT
  watchfire serve --listen 127.0.0.1:9090      another port of the HTTP interface
  watchfire serve --role worker                a node of a cluster (docs/cluster.md)
  kill -HUP PID                                read watchfire.toml anew; a wrong one is refused

Reports are pushed to POST /api/v1/feeds/FEED/reports with a token of `watchfire tokens add`; /healthz, /readyz
and /metrics tell how the process is. Other commands work beside it: they wait while it takes something in.
At the end it takes no new work and gives what is under way `drain_secs`; the next start goes on with the rest.")]
pub struct Args {
    /// Address and port of the HTTP interface; without it `listen` of [serve].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// What this node of a cluster does: worker, scheduler, console, several with commas; without it `role` of
    /// [serve].
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
}

pub fn run(args: Args, session: &Session) -> Result {
    serve::run(session, args.listen, args.role.as_deref())
}
