//! `watchfire users`: who works here, what they may do, who stands in for whom.

use clap::Subcommand;
use jiff::civil::Date;
use model::newsroom::{AccountRole, Right};
use model::time::Day;

use crate::cli::Acting;
use crate::command::bulletin::drafting::actor;
use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, Workspace, now};

/// Keep accounts and their roles, and who may sign in an approver's place.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Roles: viewer, analyst, lead, editor (writes the bulletin), approver (signs it), administrator (keeps
accounts), party. While there is no account, every login may do everything; the first account must be an
administrator. Whoever wrote a revision can neither review nor approve it, whatever the roles.

Examples:
  watchfire users add li.na --name 李娜 --role administrator
  watchfire users add wang.wei --name 王伟 --role editor --as li.na
  watchfire users add chen.jie --role approver,lead --as li.na
  watchfire users deputy chen.jie zhao.min --from 2026-12-01 --to 2026-12-07 --as li.na
  watchfire users password wang.wei --as li.na
  watchfire users organization zhang.san ORG-018f... --as li.na
  watchfire users list")]
pub struct Args {
    #[command(flatten)]
    pub acting: Acting,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make an account, or change its name and roles.
    Add {
        /// Login.
        login: String,
        /// The person's name; without it, the one that is kept.
        #[arg(long)]
        name: Option<String>,
        /// Roles, with commas between.
        #[arg(
            long = "role",
            value_delimiter = ',',
            required = true,
            value_name = "ROLE"
        )]
        roles: Vec<AccountRole>,
        /// Open a closed account again.
        #[arg(long)]
        reopen: bool,
    },
    /// Close an account; what it did stays.
    Close {
        /// Login.
        login: String,
    },
    /// Give an account a password: read from the terminal's input, or made and printed once.
    Password {
        /// Login.
        login: String,
        /// Read it from standard input, one line, instead of making one.
        #[arg(long)]
        stdin: bool,
    },
    /// Take the second factor off an account whose phone and recovery codes are lost; ends its sessions.
    NoSecondFactor {
        /// Login.
        login: String,
    },
    /// Let sign-in go on at once, where too many attempts made it wait.
    Release {
        /// Login.
        login: String,
    },
    /// Say which organization an account works for: a party's person sees that one's portal only, a
    /// branch's its own incidents.
    Organization {
        /// Login.
        login: String,
        /// Id of the organization, as `orgs list` shows it; without it, the centre.
        organization: Option<String>,
    },
    /// List accounts and deputies.
    List,
    /// Let somebody sign in an approver's place for some days.
    Deputy {
        /// The approver.
        approver: String,
        /// Who stands in.
        deputy: String,
        /// First day.
        #[arg(long, value_name = "DATE")]
        from: Date,
        /// Last day.
        #[arg(long, value_name = "DATE")]
        to: Date,
    },
    /// End a deputy's time now.
    Revoke {
        /// Number of the deputy, as `users list` shows it.
        number: i64,
    },
}

pub fn run(args: Args, session: &Session) -> Result {
    if matches!(args.what, What::List) {
        return list(session);
    }
    let workspace = session.open(Access::Write("users"))?;
    let at = now();
    let by = actor(&workspace, &session.actor(), Right::Administer, at)?;
    let ledger = &workspace.ledger;
    match args.what {
        What::Add {
            login,
            name,
            roles,
            reopen,
        } => {
            let accounts = workspace.block_on(ledger.accounts())?;
            let before = accounts.into_iter().find(|account| account.login == login);
            if before.as_ref().is_some_and(|account| !account.active) && !reopen {
                return Err(Failure::new(format_args!("account {login}"), "is closed")
                    .remedy("--reopen opens it again"));
            }
            let kept = before.map_or(String::new(), |account| account.name);
            let name = name.unwrap_or(kept);
            let new = (login.as_str(), name.as_str(), roles.as_slice(), true);
            let row = workspace.block_on(ledger.set_account(&by, new, at.0))?;
            session
                .talk
                .say(format_args!("{}: {}", row.login, row.roles));
        }
        What::NoSecondFactor { login } => {
            let dropped = ledger.drop_second_factor(by.login(), &login, at.0);
            workspace.block_on(dropped)?;
            workspace.block_on(ledger.end_sessions(&by, &login, at.0))?;
            session
                .talk
                .say(format_args!("{login}: the password alone is enough now"));
        }
        What::Release { login } => {
            workspace.block_on(ledger.release_sign_in(&by, &login, at.0))?;
            session
                .talk
                .say(format_args!("{login}: sign-in waits no longer"));
        }
        What::Password { login, stdin } => password(&workspace, &by, &login, stdin, session)?,
        What::Organization {
            login,
            organization,
        } => {
            let organization = organization.map(|text| {
                let id = text.parse::<model::ids::OrganizationId>();
                id.map_err(|_| {
                    Failure::usage(&text, "is no id of an organization")
                        .remedy("take it from `watchfire orgs list`")
                })
            });
            let id = organization.transpose()?;
            if let Some(id) = id {
                workspace.block_on(ledger.organization(id))?;
            }
            let text = id.map(|id| id.to_string());
            let set = ledger.set_account_organization(&by, &login, text.as_deref(), at.0);
            workspace.block_on(set)?;
            session.talk.say(format_args!(
                "{login}: {}",
                text.as_deref().unwrap_or("the centre")
            ));
        }
        What::Close { login } => {
            let accounts = workspace.block_on(ledger.accounts())?;
            let Some(account) = accounts.into_iter().find(|account| account.login == login) else {
                return Err(
                    Failure::new(format_args!("account {login}"), "is not known")
                        .remedy("watchfire users list"),
                );
            };
            let roles = account.roles();
            let new = (
                login.as_str(),
                account.name.as_str(),
                roles.as_slice(),
                false,
            );
            workspace.block_on(ledger.set_account(&by, new, at.0))?;
            session.talk.say(format_args!("{login} is closed"));
        }
        What::Deputy {
            approver,
            deputy,
            from,
            to,
        } => {
            let days = (Day::of(from).0, Day::of(to).0);
            let names = (approver.as_str(), deputy.as_str());
            let number = workspace.block_on(ledger.grant_deputy(&by, names, days, at.0))?;
            session.talk.say(format_args!(
                "deputy {number}: {deputy} signs for {approver} from {from} to {to}"
            ));
        }
        What::Revoke { number } => {
            workspace.block_on(ledger.revoke_deputy(&by, number, at.0))?;
            session.talk.say(format_args!("deputy {number} has ended"));
        }
        What::List => {}
    }
    Ok(())
}

fn list(session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let accounts = workspace.block_on(workspace.ledger.accounts())?;
    let deputies = workspace.block_on(workspace.ledger.deputies())?;
    let mut out = Out::new();
    if session.json {
        out.json(&serde_json::json!({ "accounts": accounts, "deputies": deputies }))?;
        return out.end();
    }
    if accounts.is_empty() {
        session
            .talk
            .say("there is no account: every login may do everything. Make the first: watchfire users add LOGIN --role administrator");
        return Ok(());
    }
    let mut table = Table::new(["login", "name", "roles", "state", "made by"]);
    for account in &accounts {
        let state = if account.active { "active" } else { "closed" };
        table.row([
            account.login.clone(),
            account.name.clone(),
            account.roles.replace(',', ", "),
            state.to_owned(),
            account.created_by.clone(),
        ]);
    }
    table.print(&mut out)?;
    if !deputies.is_empty() {
        out.line("")?;
        deputies_table(&deputies, &workspace).print(&mut out)?;
    }
    out.end()
}

fn deputies_table(deputies: &[ledger::Deputy], workspace: &Workspace) -> Table {
    let today = now()
        .date_in(&workspace.settings.zone)
        .map_or(0, |date| Day::of(date).0);
    let mut table = Table::new(["deputy", "signs for", "stands in", "from", "to", "state"]);
    for row in deputies {
        let state = match row.revoked_at {
            Some(_) => "ended",
            None if today < row.first_day => "to come",
            None if today > row.last_day => "over",
            None => "in force",
        };
        table.row([
            row.id.to_string(),
            row.approver.clone(),
            row.deputy.clone(),
            Day(row.first_day).to_string(),
            Day(row.last_day).to_string(),
            state.to_owned(),
        ]);
    }
    table
}

/// A password that is typed or made. One that is made is printed once, and must be changed at the first
/// sign-in.
fn password(
    workspace: &Workspace,
    by: &ledger::Actor,
    login: &str,
    stdin: bool,
    session: &Session,
) -> Result {
    let text = match stdin {
        true => {
            let mut line = String::new();
            std::io::stdin()
                .read_line(&mut line)
                .map_err(|error| Failure::new("standard input", error))?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        }
        false => crate::workspace::secret()?[3..27].to_owned(),
    };
    console::password::check(login, &text).map_err(|why| {
        Failure::usage("the password", why).remedy("take a longer one, of several words")
    })?;
    if let Some(breached) = crate::serve::access::breached(&workspace.root, &workspace.settings)? {
        let known = breached.holds(&text);
        if known.map_err(|error| Failure::new("the file of known passwords", error))? {
            return Err(
                Failure::usage("the password", console::password::Weak::Known)
                    .remedy("take another one"),
            );
        }
    }
    let mut salt = [0; 16];
    let drawn = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut salt);
    drawn.map_err(|_| Failure::new("random source", "the system gives no random bytes"))?;
    let hash = console::password::hash(&text, salt)
        .map_err(|error| Failure::new("the password", error))?;
    let set = workspace
        .ledger
        .set_password(by.login(), login, (&hash, !stdin), now().0);
    workspace.block_on(set)?;
    if !stdin {
        let mut out = Out::new();
        out.line(format_args!("{text}"))?;
        out.end()?;
    }
    session.talk.say(format_args!(
        "{login}: has a password now; its sessions are ended"
    ));
    Ok(())
}
