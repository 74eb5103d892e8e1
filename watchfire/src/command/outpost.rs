//! `watchfire outpost`: public nodes, from both sides.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use response::deliver::openpgp::Seed;
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::serve::outpost::Exchange;
use crate::table::Out;
use crate::workspace::{Access, Session, now, secret};

/// Public nodes: what stands in a DMZ, and what the inside has to do with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire outpost keys /etc/watchfire/public    the key pair and the secret, in a new folder
  watchfire outpost exchange                      inside: fetch and leave things once; `serve` does it by itself

A public node itself is `watchfire serve` with the role public. docs/public.md says which file belongs where: a public node gets seal.asc and secret, never open.asc.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make the key pair and the secret of public nodes.
    Keys {
        /// A folder that is not there yet.
        folder: PathBuf,
    },
    /// Fetch what was sent to the nodes and leave what changed, once.
    Exchange,
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Keys { folder } => keys(&folder, session),
        What::Exchange => exchange(session),
    }
}

/// Writes a file for its owner alone.
fn written(path: &Path, text: &str) -> Result {
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let done = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    done.map_err(|error| Failure::new(path.display(), error))
}

fn keys(folder: &Path, session: &Session) -> Result {
    std::fs::create_dir(folder).map_err(|error| {
        Failure::new(folder.display(), error).remedy("name a folder that is not there yet")
    })?;
    let mut bytes = [0; 32];
    let source = ring::rand::SystemRandom::new();
    ring::rand::SecureRandom::fill(&source, &mut bytes)
        .map_err(|_| Failure::new("random source", "the system gives no random bytes"))?;
    let pair = response::deliver::sealed::pair("watchfire inside", now(), &Seed(bytes));
    let (open, seal) = pair.map_err(|error| Failure::new("keys", error))?;
    written(&folder.join("open.asc"), &open)?;
    written(&folder.join("seal.asc"), &seal)?;
    written(&folder.join("secret"), &secret()?)?;
    let mut out = Out::new();
    match session.json {
        true => out.json(&json!({ "folder": folder }))?,
        false => {
            out.line("open.asc  inside only: opens what was sealed")?;
            out.line("seal.asc  on every public node: seals, and opens nothing")?;
            out.line("secret    on both sides")?;
        }
    }
    out.end()
}

fn exchange(session: &Session) -> Result {
    let workspace = session.open(Access::Write("outpost"))?;
    let Some(exchange) = Exchange::of(&workspace, &session.environment)? else {
        return Err(Failure::new("public.nodes", "names none")
            .remedy("write the address of a node's inner door under [public]"));
    };
    let mut out = Out::new();
    for node in &exchange.nodes {
        let done = workspace.block_on(exchange.with(node, true))?;
        match session.json {
            true => out.json(&json!({ "node": node.as_str(), "done": done }))?,
            false => out.line(format_args!(
                "{node}: {} taken in, {} refused, {} wait{}{}{}",
                done.filed,
                done.refused,
                done.later,
                if done.site { ", site put in force" } else { "" },
                if done.answers { ", answers left" } else { "" },
                if done.leaves {
                    ", pages of notices left"
                } else {
                    ""
                },
            ))?,
        }
    }
    out.end()
}
