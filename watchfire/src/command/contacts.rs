//! `watchfire contacts`: how organizations are reached.

use std::path::PathBuf;

use clap::Subcommand;
use ledger::Contact;
use model::ids::ContactId;
use model::organization::{Channel, NoticeFormat};
use model::time::Timestamp;
use response::party::entry::{ContactChange, ContactWords, KEY_WARNED, Wrong};
use serde_json::json;

use super::incidents::{minute, word};
use super::orgs::find;
use crate::cli::Acting;
use crate::failure::{Failure, Result};
use crate::responding::desk;
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, now};

/// List, add and change the contacts of organizations.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What a person enters here wins over every import: the organization is protected from then on.

Examples:
  watchfire contacts list
  watchfire contacts list \"Example Registrar\"
  watchfire contacts add \"Example Registrar\" abuse@example.com --pgp-key abuse.asc
  watchfire contacts edit CON-... --opt-out --reason \"asked by telephone\"
  watchfire contacts edit CON-... --pgp-key new.asc --reason \"old key expires\"")]
pub struct Args {
    #[command(flatten)]
    pub acting: Acting,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List contacts, and keys that expire soon.
    List {
        /// Only those of this organization, by id or English name.
        organization: Option<String>,
    },
    /// Add a contact.
    Add {
        /// The organization's id or English name.
        organization: String,
        /// Mail address, URL, folder, or what a person does.
        address: String,
        /// mail, webhook, files, manual.
        #[arg(long, default_value = "mail")]
        channel: String,
        #[command(flatten)]
        more: More,
    },
    /// Change a contact.
    Edit {
        /// Its id.
        contact: String,
        /// It asked not to be written to.
        #[arg(long, conflicts_with = "opt_in")]
        opt_out: bool,
        /// It may be written to again.
        #[arg(long)]
        opt_in: bool,
        /// Take its key away.
        #[arg(long, conflicts_with = "pgp_key")]
        no_pgp_key: bool,
        /// It is not used any more.
        #[arg(long = "end", conflicts_with = "again")]
        end: bool,
        /// It is used again, with full quality.
        #[arg(long = "use")]
        again: bool,
        /// Why.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        more: More,
    },
}

/// What a contact may have.
#[derive(Debug, clap::Args)]
struct More {
    /// zh or en, where it is not the organization's.
    #[arg(long)]
    language: Option<String>,
    /// csv, arf, xarf, iodef, stix.
    #[arg(long)]
    format: Option<String>,
    /// Working hours, as `Mon-Fri 09:00-18:00`.
    #[arg(long)]
    hours: Option<String>,
    /// File with its OpenPGP certificate, armored.
    #[arg(long, value_name = "FILE")]
    pgp_key: Option<PathBuf>,
}

impl More {
    /// As the register's entry takes it, with the key's file read.
    fn words(self) -> Result<ContactWords> {
        let pgp_key = self.pgp_key.map(|path| {
            let read = std::fs::read_to_string(&path);
            read.map_err(|error| Failure::new(path.display(), error))
        });
        Ok(ContactWords {
            language: self.language,
            format: self
                .format
                .as_deref()
                .map(word::<NoticeFormat>)
                .transpose()?,
            hours: self.hours,
            pgp_key: pgp_key.transpose()?,
        })
    }
}

/// What was entered wrongly.
fn wrong(wrong: Wrong) -> Failure {
    match wrong {
        Wrong::Word(what, why, remedy) => Failure::usage(what, why).remedy(remedy),
        Wrong::Key(why) => Failure::new("the OpenPGP certificate", why),
        Wrong::Desk(error) => Failure::from(error),
    }
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::List { organization } => list(organization.as_deref(), session),
        What::Add {
            organization,
            address,
            channel,
            more,
        } => {
            let channel: Channel = word(&channel)?;
            let workspace = session.open(Access::Write("contacts add"))?;
            let of = find(&organization, &workspace)?;
            let words = more.words()?;
            let desk = desk(&workspace);
            let actor = session.actor();
            let entered = desk.enter_contact(&of, channel, &address, words, &actor);
            let id = workspace.block_on(entered).map_err(wrong)?;
            session
                .talk
                .say(format_args!("{} has the contact {id}", of.name_en));
            Ok(())
        }
        What::Edit {
            contact,
            opt_out,
            opt_in,
            no_pgp_key,
            end,
            again,
            reason,
            more,
        } => {
            let id: ContactId = contact.parse().map_err(|_| {
                Failure::usage(&contact, "names no contact").remedy("watchfire contacts list")
            })?;
            if reason.trim().is_empty() {
                return Err(Failure::usage("--reason", "is empty").remedy("say why"));
            }
            let workspace = session.open(Access::Write("contacts edit"))?;
            let change = ContactChange {
                words: more.words()?,
                opted_out: (opt_out || opt_in).then_some(opt_out),
                used: (end || again).then_some(again),
                no_key: no_pgp_key,
            };
            let desk = desk(&workspace);
            let actor = session.actor();
            let changed = desk.change_contact(id, change, (&reason, &actor));
            let (row, of) = workspace.block_on(changed).map_err(wrong)?;
            session
                .talk
                .say(format_args!("{} of {} is changed", row.address, of.name_en));
            Ok(())
        }
    }
}

/// What is to be said of a contact's key at an instant, if anything.
fn key_warning(contact: &Contact, at: Timestamp) -> Option<&'static str> {
    let expires = contact.pgp_expires_at?;
    match expires - at.0 {
        left if left <= 0 => Some("its key has expired: notices to it wait"),
        left if left <= KEY_WARNED => Some("its key expires within 30 days: ask for a newer one"),
        _ => None,
    }
}

fn list(which: Option<&str>, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let ledger = &workspace.ledger;
    let organizations = match which {
        Some(which) => vec![find(which, &workspace)?],
        None => workspace.block_on(ledger.organizations(None))?,
    };
    let mut rows = Vec::new();
    for of in &organizations {
        let contacts = workspace.block_on(ledger.contacts(of.organization_id()))?;
        rows.extend(contacts.into_iter().map(|contact| (of, contact)));
    }
    let at = now();
    let mut out = Out::new();
    if session.json {
        let all: Vec<_> = rows
            .iter()
            .map(|(of, contact)| {
                json!({ "organization": of.name_en, "contact": contact, "warning": key_warning(contact, at) })
            })
            .collect();
        out.json(&all)?;
        return out.end();
    }
    let mut table = Table::new([
        "contact",
        "organization",
        "channel",
        "address",
        "rung",
        "quality",
        "hours",
        "key until",
        "",
    ]);
    for (of, contact) in &rows {
        let marks = [(!contact.active, "ended"), (contact.opted_out, "opted out")];
        let marks: Vec<_> = marks
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, word)| *word)
            .collect();
        let key = match (&contact.pgp_key, contact.pgp_expires_at) {
            (None, _) => String::new(),
            (Some(_), None) => "for ever".to_owned(),
            (Some(_), Some(expires)) => minute(expires, &workspace),
        };
        table.row([
            contact.id.to_string(),
            of.name_en.clone(),
            contact.channel.to_string(),
            contact.address.clone(),
            contact.rung.to_string(),
            contact.quality.to_string(),
            contact.hours.clone().unwrap_or_default(),
            key,
            marks.join(", "),
        ]);
    }
    match table.is_empty() {
        true => session.talk.say("no contacts"),
        false => table.print(&mut out)?,
    }
    for (of, contact) in rows.iter().filter(|(_, contact)| contact.active) {
        if let Some(warning) = key_warning(contact, at) {
            session.talk.warn(format_args!(
                "{} {}: {warning}",
                crate::table::clean(&of.name_en),
                crate::table::clean(&contact.address)
            ));
        }
    }
    out.end()
}
