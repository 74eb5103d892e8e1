//! `watchfire tokens`: who may push reports, and which programs call the API in somebody's name.

use clap::Subcommand;
use ledger::{Hash, NewApiToken, NewToken};
use model::newsroom::Right;
use model::time::Timestamp;
use serde_json::json;

use crate::command::bulletin::drafting::actor;
use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, Workspace, now, secret};

/// Make, list and revoke the tokens by which other systems push reports and call the API.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire tokens add mail-gateway --feed phishing-mails
  watchfire tokens add partner                  for every feed
  watchfire tokens list
  watchfire tokens revoke partner
  watchfire tokens api add liu.yang siem --may view,work --days 90
  watchfire tokens api list liu.yang
  watchfire tokens api revoke 7

A token of a feed hands reports over and opens nothing else. A token of the API acts in the name of an account,
within what that may do and it was given, until its day. A token is printed once; only its hash is stored. A serving process knows it at once.")]
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
    /// Tokens of the API.
    Api {
        #[command(subcommand)]
        what: Api,
    },
}

#[derive(Debug, Subcommand)]
enum Api {
    /// Make a token and print it.
    Add {
        /// The account in whose name it acts.
        login: String,
        /// What it is called.
        name: String,
        /// What it may do, with commas between: view, work, lead, answer, edit, review, approve, publish,
        /// administer.
        #[arg(long, value_delimiter = ',', required = true, value_name = "RIGHT")]
        may: Vec<Right>,
        /// Days until it ends, a year at most.
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=365))]
        days: u32,
    },
    /// List the tokens of an account, or of all; void ones too.
    List {
        /// The account.
        login: Option<String>,
    },
    /// Make a token void.
    Revoke {
        /// Its number, as `list` shows it.
        number: i64,
    },
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Add { name, feed } => add(name, feed, session),
        What::List => list(session),
        What::Revoke { name } => revoke(&name, session),
        What::Api { what } => api(what, session),
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

fn api(what: Api, session: &Session) -> Result {
    match what {
        Api::List { login } => list_api(login.as_deref(), session),
        Api::Add {
            login,
            name,
            may,
            days,
        } => {
            let workspace = session.open(Access::Write("tokens api"))?;
            owner(&workspace, session, Some(&login))?;
            let token = secret()?;
            let at = now().0;
            let ends = at + i64::from(days) * 86_400_000_000;
            let new = NewApiToken {
                login: login.clone(),
                name: name.clone(),
                hash: Hash::of(token.as_bytes()),
                scopes: may,
                expires_at: ends,
            };
            let who = session.actor();
            let added = workspace.ledger.add_api_token(&who, new, at);
            let number = workspace.block_on(added)?;
            let mut out = Out::new();
            match session.json {
                true => {
                    out.json(
                        &json!({ "number": number, "login": login, "name": name, "token": token }),
                    )?;
                }
                false => out.line(&token)?,
            }
            out.end()?;
            session
                .talk
                .say("keep it: it is not stored and not shown again");
            Ok(())
        }
        Api::Revoke { number } => {
            let workspace = session.open(Access::Write("tokens api"))?;
            let who = session.actor();
            let owner = owner(&workspace, session, None)?;
            let revoked =
                workspace
                    .ledger
                    .revoke_api_token(&who, number, owner.as_deref(), now().0);
            workspace.block_on(revoked)?;
            session
                .talk
                .say(format_args!("token {number} is void from now on"));
            Ok(())
        }
    }
}

/// Whose tokens may be touched: whoever is named keeps their own, and with the right to keep accounts anybody's
/// (`None`), as does whoever is not named at all.
///
/// # Errors
/// The tokens of `login`, who is somebody else, without that right.
fn owner(workspace: &Workspace, session: &Session, login: Option<&str>) -> Result<Option<String>> {
    let Some(named) = &session.login else {
        return Ok(None);
    };
    let refused = match actor(workspace, named, Right::Administer, now()) {
        Ok(_) => return Ok(None),
        Err(refused) => refused,
    };
    match login {
        Some(login) if login != named => Err(refused),
        _ => Ok(Some(named.clone())),
    }
}

fn list_api(login: Option<&str>, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let tokens = workspace.block_on(workspace.ledger.api_tokens(login))?;
    let mut out = Out::new();
    if session.json {
        out.json(&tokens)?;
        return out.end();
    }
    let mut table = Table::new([
        "number",
        "account",
        "name",
        "may",
        "ends",
        "last used",
        "state",
    ]);
    let date = |at: i64| {
        let date = Timestamp(at).date_in(&workspace.settings.zone);
        date.map_or(String::new(), |date| date.to_string())
    };
    let at = now().0;
    for token in tokens {
        let state = match (token.revoked_at, token.is_live(at)) {
            (Some(_), _) => "void",
            (None, true) => "in force",
            (None, false) => "over",
        };
        table.row([
            token.id.to_string(),
            token.login,
            token.name,
            token.scopes.replace(',', ", "),
            date(token.expires_at),
            token.used_at.map_or_else(|| "never".to_owned(), date),
            state.to_owned(),
        ]);
    }
    if table.is_empty() {
        session.talk.say(
            "there is no token: make one with `watchfire tokens api add LOGIN NAME --may view`",
        );
    } else {
        table.print(&mut out)?;
    }
    out.end()
}
