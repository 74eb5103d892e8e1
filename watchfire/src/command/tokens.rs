//! `watchfire tokens`: who may push reports.

use clap::Subcommand;
use ledger::{Hash, NewToken};
use model::time::Timestamp;
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, now, secret};

/// Make, list and revoke the tokens by which other systems push reports.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire tokens add mail-gateway --feed phishing-mails
  watchfire tokens add partner                  for every feed
  watchfire tokens list
  watchfire tokens revoke partner

A token is printed once; only its hash is stored. A serving process knows it at once.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a token and print it.
    Add {
        /// Who has it.
        name: String,
        /// The one feed that it is for; without it, every feed.
        #[arg(long, value_name = "FEED")]
        feed: Option<String>,
    },
    /// List the tokens, revoked ones too.
    List,
    /// Make a token void.
    Revoke {
        /// Its name.
        name: String,
    },
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Add { name, feed } => add(name, feed, session),
        What::List => list(session),
        What::Revoke { name } => revoke(&name, session),
    }
}

fn add(name: String, feed: Option<String>, session: &Session) -> Result {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    if name.is_empty() || name.len() > 64 || !name.chars().all(valid) {
        return Err(Failure::usage(
            format_args!("token {name}"),
            "a name takes a to z, 0 to 9 and - _ . @, 64 at most",
        ));
    }
    let workspace = session.open(Access::Write("tokens"))?;
    if let Some(feed) = &feed {
        workspace.settings.catalogue.get(feed)?;
    }
    let token = secret()?;
    let new = NewToken {
        name: name.clone(),
        hash: Hash::of(token.as_bytes()),
        feed: feed.clone(),
    };
    let who = session.actor();
    workspace.block_on(workspace.ledger.add_token(new, &who, now().0))?;
    let mut out = Out::new();
    match session.json {
        true => out.json(&json!({ "name": name, "feed": feed, "token": token }))?,
        false => out.line(&token)?,
    }
    out.end()?;
    session
        .talk
        .say("keep it: it is not stored and not shown again");
    Ok(())
}

fn list(session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let tokens = workspace.block_on(workspace.ledger.tokens())?;
    let mut out = Out::new();
    if session.json {
        out.json(&tokens)?;
        return out.end();
    }
    let mut table = Table::new(["name", "feed", "made", "revoked"]);
    let date = |at: i64| Timestamp(at).date_in(&workspace.settings.zone);
    let shown = |at: Option<i64>| {
        at.and_then(date)
            .map_or(String::new(), |date| date.to_string())
    };
    for token in tokens {
        table.row([
            token.name,
            token.feed.unwrap_or_else(|| "every feed".to_owned()),
            shown(Some(token.created_at)),
            shown(token.revoked_at),
        ]);
    }
    if table.is_empty() {
        session
            .talk
            .say("there is no token: make one with `watchfire tokens add NAME`");
    } else {
        table.print(&mut out)?;
    }
    out.end()
}

fn revoke(name: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Write("tokens"))?;
    let who = session.actor();
    workspace.block_on(workspace.ledger.revoke_token(name, &who, now().0))?;
    session
        .talk
        .say(format_args!("token {name} is void from now on"));
    Ok(())
}
