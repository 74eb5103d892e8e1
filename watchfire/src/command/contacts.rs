//! `watchfire contacts`: how organizations are reached.

use std::path::PathBuf;

use clap::Subcommand;
use ledger::organization::NewContact;
use ledger::{Contact, Organization};
use model::ids::ContactId;
use model::organization::{Channel, NoticeFormat, Rung};
use model::time::Timestamp;
use response::deliver::openpgp::Recipient;
use serde_json::json;

use super::incidents::{minute, word};
use super::orgs::find;
use crate::cli::Acting;
use crate::failure::{Failure, Result};
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, Workspace, now, random};

/// A key is warned of so long before it expires.
const WARNED: i64 = 30 * 86_400_000_000;

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

/// What of it is set, checked.
struct Checked {
    language: Option<String>,
    format: Option<NoticeFormat>,
    hours: Option<String>,
    key: Option<(String, Option<i64>)>,
}

fn check(more: More, owner: &str) -> Result<Checked> {
    if let Some(language) = more
        .language
        .as_deref()
        .filter(|word| !matches!(*word, "zh" | "en"))
    {
        return Err(Failure::usage(language, "is no language of notices").remedy("zh or en"));
    }
    if let Some(hours) = more.hours.as_deref().filter(|hours| !are_hours(hours)) {
        return Err(Failure::usage(hours, "are no hours").remedy("Mon-Fri 09:00-18:00"));
    }
    let key = match more.pgp_key {
        None => None,
        Some(path) => {
            let wrong = |error: &dyn std::fmt::Display| Failure::new(path.display(), error);
            let armored = std::fs::read_to_string(&path).map_err(|error| wrong(&error))?;
            let key = Recipient::read(owner, &armored).map_err(|error| wrong(&error))?;
            // One that cannot encrypt now would hold every notice.
            key.usable(now()).map_err(|error| wrong(&error))?;
            let expires = key.expires(now()).map(|at| at.0);
            Some((armored, expires))
        }
    };
    Ok(Checked {
        language: more.language,
        format: more
            .format
            .as_deref()
            .map(word::<NoticeFormat>)
            .transpose()?,
        hours: more.hours,
        key,
    })
}

/// Whether a text is days and times, as `Mon-Fri 09:00-18:00`.
fn are_hours(text: &str) -> bool {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let pair = |text: &str, fine: &dyn Fn(&str) -> bool| match text.split_once('-') {
        Some((from, to)) => fine(from) && fine(to),
        None => false,
    };
    let day = |text: &str| DAYS.contains(&text);
    let time = |text: &str| text.len() == 5 && text.parse::<jiff::civil::Time>().is_ok();
    match text.split_once(' ') {
        Some((days, times)) => (day(days) || pair(days, &day)) && pair(times, &time),
        None => false,
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
            if channel == Channel::Mail && !response::party::is_mailbox(&address) {
                return Err(Failure::usage(&address, "is no mail address")
                    .remedy("--channel says what else it is"));
            }
            let more = check(more, &of.name_en)?;
            let new = NewContact {
                id: ContactId::draw(now(), random()),
                channel,
                address,
                language: more.language,
                format: more.format,
                rung: Rung::Agreed,
                hours: more.hours,
                pgp: more.key,
            };
            let id = new.id;
            let actor = session.actor();
            let ledger = &workspace.ledger;
            let added = ledger.add_contact(of.organization_id(), new, "manual", &actor, now().0);
            workspace.block_on(added)?;
            protect(&of, &workspace, &actor)?;
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
            let more = check(more, &contact)?;
            let what = json!({ "opt_out": opt_out, "opt_in": opt_in, "end": end, "use": again,
                "no_pgp_key": no_pgp_key, "new_pgp_key": more.key.is_some(), "hours": more.hours,
                "language": more.language, "format": more.format, "reason": reason });
            let change = move |row: &mut Contact| {
                row.opted_out = (row.opted_out || opt_out) && !opt_in;
                row.active = (row.active || again) && !end;
                if again {
                    row.quality = 100;
                }
                if no_pgp_key {
                    (row.pgp_key, row.pgp_expires_at) = (None, None);
                }
                if let Some((key, expires)) = more.key {
                    (row.pgp_key, row.pgp_expires_at) = (Some(key), expires);
                }
                row.hours = more.hours.or(row.hours.take());
                row.language = more.language.or(row.language.take());
                row.format = more.format.map(ledger::Text).or(row.format);
            };
            let actor = session.actor();
            let ledger = &workspace.ledger;
            let row = workspace.block_on(ledger.edit_contact(id, what, change, &actor, now().0))?;
            let of = workspace.block_on(ledger.organization(row.organization_id.0))?;
            protect(&of, &workspace, &actor)?;
            session
                .talk
                .say(format_args!("{} of {} is changed", row.address, of.name_en));
            Ok(())
        }
    }
}

/// What a person entered is not changed by imports.
fn protect(of: &Organization, workspace: &Workspace, actor: &str) -> Result {
    if of.protected {
        return Ok(());
    }
    let what = json!({ "protected": true });
    let change = |row: &mut Organization| row.protected = true;
    let ledger = &workspace.ledger;
    let id = of.organization_id();
    workspace.block_on(ledger.edit_organization(id, what, change, actor, now().0))?;
    Ok(())
}

/// What is to be said of a contact's key at an instant, if anything.
fn key_warning(contact: &Contact, at: Timestamp) -> Option<&'static str> {
    let expires = contact.pgp_expires_at?;
    match expires - at.0 {
        left if left <= 0 => Some("its key has expired: notices to it wait"),
        left if left <= WARNED => Some("its key expires within 30 days: ask for a newer one"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_days_and_times() {
        for fine in [
            "Mon-Fri 09:00-18:00",
            "Sat 10:00-12:30",
            "Mon-Sun 00:00-23:59",
        ] {
            assert!(are_hours(fine), "{fine}");
        }
        for wrong in [
            "",
            "always",
            "Mon-Fri",
            "Mo-Fr 09:00-18:00",
            "Mon-Fri 9-18",
            "Mon-Fri 09:00",
        ] {
            assert!(!are_hours(wrong), "{wrong}");
        }
    }
}
