//! `watchfire orgs`: who can act, how each is reached, what each answers for.

mod scorecard;

use std::path::PathBuf;

use clap::Subcommand;
use ledger::Organization;

use model::ids::OrganizationId;
use model::organization::Trust;
use model::territory::OwnerClass;
use response::calendar::{Calendars, Status};
use response::party::{self, SourceKind, contactdb};
use response::takedown::By;
use serde_json::json;

use super::incidents::word;
use crate::cli::Acting;
use crate::failure::{Failure, Result};
use crate::responding::desk;
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, Workspace, now};

/// Keep the register of organizations that can act.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A party file is CSV or XLSX with these heads; only name_en is needed, lines of one name are one party:
  name_en,name_zh,roles,country,province,zone,language,interval_hours,
  channel,address,format,rung,hours,scope,value
Roles: cloud-provider, registrar, registry, app-platform, provincial-branch, overseas-cert,
  network-operator, site-owner, education-cert, sector-cert, reporter.
Scopes: prefix, asn, domain, tld, registrar-id, platform, province, country.
Channels: mail, webhook, files, manual. Formats: csv, arf, xarf, iodef, stix.

Examples:
  watchfire orgs import parties.csv --source partners     what it would change
  watchfire orgs import parties.csv --source partners --apply
  watchfire orgs import registrar-ids-1.csv --kind iana-registrars --source iana --apply
  watchfire orgs import contacts.sql --kind intelmq-contactdb --source certbund
  watchfire orgs rollback iana                            undo the last import of a source
  watchfire orgs list
  watchfire orgs show \"Example Registrar\"
  watchfire orgs takedown --by-country                    median and 90th percentile, from the notice
  watchfire orgs calendar CN                              days off and days worked instead
  watchfire orgs scorecard --csv                          notices, answers in time, takedowns
  watchfire orgs mark \"Example Cloud\" --no-contact --reason \"court order 12\"
  watchfire orgs mark \"Example Net\" --trust compromised --reason \"mailbox taken over\"")]
pub struct Args {
    #[command(flatten)]
    pub acting: Acting,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show how long takedowns take from the notice, what goes on counted as not over: by party, or by country.
    Takedown {
        /// By the country of the party.
        #[arg(long)]
        by_country: bool,
        /// Of the cases asked about in so many days.
        #[arg(long, default_value_t = 365)]
        days: u32,
    },
    /// Show the calendars that working days are counted by: days off, days worked instead, source and status.
    Calendar {
        /// Only of this country, two letters.
        country: Option<String>,
    },
    /// Compare a party file with the register; with --apply, take it over.
    Import {
        /// The file.
        file: PathBuf,
        /// Name of the import: what an earlier one of this name brought and this does not, ends.
        #[arg(long)]
        source: String,
        /// What the file is: parties, iana-registrars (CSV of IANA), csirts (JSON), intelmq-contactdb (a dump by
        /// `pg_dump --data-only`, or a folder with TABLE.csv for each table).
        #[arg(long, default_value = "parties")]
        kind: String,
        /// Change the register.
        #[arg(long)]
        apply: bool,
        /// Also what needs an approval, and why that is right.
        #[arg(long, value_name = "REASON", requires = "apply")]
        approve: Option<String>,
    },
    /// Undo the last import of a source; what a person changed since stays.
    Rollback {
        /// Name of the import.
        source: String,
    },
    /// List organizations.
    List {
        /// Only those whose name holds this.
        text: Option<String>,
    },
    /// Show one with its contacts and what it answers for.
    Show {
        /// Its id or English name.
        organization: String,
    },
    /// Tell how parties answer, how fast, and whether it helps.
    Scorecard {
        /// Its id or English name; without it, all that were asked.
        organization: Option<String>,
        /// As CSV.
        #[arg(long)]
        csv: bool,
    },
    /// Say how an organization is to be treated.
    Mark {
        /// Its id or English name.
        organization: String,
        /// Nothing is sent to it.
        #[arg(long, conflicts_with = "contact")]
        no_contact: bool,
        /// It may be written to again.
        #[arg(long)]
        contact: bool,
        /// Nothing of it is probed.
        #[arg(long, conflicts_with = "probe")]
        no_probe: bool,
        /// It may be probed again.
        #[arg(long)]
        probe: bool,
        /// normal, untrusted or compromised.
        #[arg(long)]
        trust: Option<String>,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// The calendars, a row a country and year.
fn calendar(country: Option<&str>, session: &Session) -> Result {
    let all = Calendars::built_in();
    let wanted = |code: &str| country.is_none_or(|own| own.eq_ignore_ascii_case(code));
    let shown: Vec<_> = all.countries().filter(|(code, _)| wanted(code)).collect();
    let mut out = Out::new();
    if session.json {
        let rows: Vec<_> = shown
            .iter()
            .map(|(code, country)| json!({ "country": code, "years": country.years() }))
            .collect();
        out.json(&rows)?;
        return out.end();
    }
    let mut table = Table::new([
        "country",
        "year",
        "status",
        "off",
        "worked instead",
        "source",
    ]);
    for (code, country) in &shown {
        for year in country.years() {
            let runs = year.off.iter().map(|[first, last]| match first == last {
                true => first.to_string(),
                false => format!("{first}..{last}"),
            });
            let status = match year.status {
                Status::Confirmed => "confirmed",
                Status::Unconfirmed => "unconfirmed: inactive",
            };
            table.row([
                (*code).to_owned(),
                year.year.to_string(),
                status.to_owned(),
                runs.collect::<Vec<_>>().join(" "),
                year.work
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" "),
                year.source.clone(),
            ]);
        }
    }
    match table.is_empty() {
        true => session
            .talk
            .say("no calendar is kept of it: Saturday and Sunday are its weekend"),
        false => table.print(&mut out)?,
    }
    out.end()
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::Takedown { by_country, days } => {
            let by = match by_country {
                true => By::Country,
                false => By::Party,
            };
            scorecard::takedowns(by, days, session)
        }
        What::Calendar { country } => calendar(country.as_deref(), session),
        What::Import {
            file,
            source,
            kind,
            apply,
            approve,
        } => {
            let kind = SourceKind::named(&kind).ok_or_else(|| {
                let known = SourceKind::WORDS.map(|(word, _)| word).join(", ");
                Failure::usage(&kind, "is no kind of file").remedy(known)
            })?;
            import(&file, &source, kind, apply.then_some(approve), session)
        }
        What::Rollback { source } => rollback(&source, session),
        What::List { text } => list(text.as_deref(), session),
        What::Show { organization } => show(&organization, session),
        What::Scorecard { organization, csv } => {
            scorecard::scorecard(organization.as_deref(), csv, session)
        }
        What::Mark {
            organization,
            no_contact,
            contact,
            no_probe,
            probe,
            trust,
            reason,
        } => {
            let trust = trust.as_deref().map(word::<Trust>).transpose()?;
            let workspace = session.open(Access::Write("orgs mark"))?;
            let found = find(&organization, &workspace)?;
            let what = json!({ "no_contact": no_contact, "contact": contact, "no_probe": no_probe,
                "probe": probe, "trust": trust, "reason": reason });
            let change = move |row: &mut Organization| {
                row.may_contact = (row.may_contact || contact) && !no_contact;
                row.may_probe = (row.may_probe || probe) && !no_probe;
                row.mark_reason = Some(reason);
                if let Some(trust) = trust {
                    row.trust = ledger::Text(trust);
                }
            };
            let ledger = &workspace.ledger;
            let id = found.organization_id();
            workspace.block_on(ledger.edit_organization(
                id,
                what,
                change,
                &session.actor(),
                now().0,
            ))?;
            session
                .talk
                .say(format_args!("{} is marked", found.name_en));
            Ok(())
        }
    }
}

/// An organization by its id or English name.
pub fn find(text: &str, workspace: &Workspace) -> Result<Organization> {
    if let Ok(id) = text.parse::<OrganizationId>() {
        return Ok(workspace.block_on(workspace.ledger.organization(id))?);
    }
    let mut all = workspace.block_on(workspace.ledger.organizations(None))?;
    // Of several of one name the one in use.
    all.sort_by_key(|org| !org.active);
    let near = all.iter().map(|org| org.name_en.as_str());
    let near = crate::config::nearest(text, near).map(str::to_owned);
    let found = all
        .into_iter()
        .find(|org| org.name_en == text || org.name_zh == text);
    found.ok_or_else(|| {
        let failure = Failure::usage(
            format_args!("organization {text}"),
            "is not in the register",
        );
        match near {
            Some(near) => failure.remedy(format_args!("did you mean `{near}`?")),
            None => failure.remedy("watchfire orgs list"),
        }
    })
}

/// Compares a file with the register and, where `apply` is given, takes it over: with `Some(reason)` also
/// what needs an approval.
fn import(
    file: &std::path::Path,
    source: &str,
    kind: SourceKind,
    apply: Option<Option<String>>,
    session: &Session,
) -> Result {
    let tables = reference::Tables::empty();
    let (parties, bad) = match kind == SourceKind::ContactDb && file.is_dir() {
        true => contactdb::read(&folder(file)?),
        false => {
            let bytes = std::fs::read(file).map_err(|error| Failure::new(file.display(), error))?;
            party::read_as(kind, &bytes, &|name| tables.country_named(name))
        }
    };
    let access = match apply {
        Some(_) => Access::Write("orgs import"),
        None => Access::Read,
    };
    let workspace = session.open(access)?;
    let desk = desk(&workspace);
    let register = workspace.block_on(workspace.ledger.register())?;
    let mut difference = party::difference(parties, &register, source, now(), &*desk.random);
    let owner = |name: &str| {
        let mut scratch = reference::Scratch::default();
        let facts = tables.site(name, &mut scratch);
        facts.map_or_else(OwnerClass::default, |facts| facts.owner)
    };
    let percent = workspace.settings.response.import_percent.into();
    let reasons = party::approval(&difference, &register, source, percent, &owner);
    let approved = apply.as_ref().and_then(|approve| approve.clone());
    let waits = !reasons.is_empty() && approved.is_none();
    if let Some(reason) = &approved {
        if reason.trim().is_empty() {
            return Err(Failure::usage("--approve", "is empty").remedy("say why it is right"));
        }
        difference.approve();
    }
    // Only proposals are left out of an import that needs no other approval.
    let only_proposed = reasons.len() == 1 && !difference.proposed.is_empty();
    let refused = waits && !only_proposed && apply.is_some();
    let applied = apply.is_some() && !refused;
    let mut out = Out::new();
    if session.json {
        out.json(
            &json!({ "changes": difference.lines, "proposed": difference.proposed, "unusable": bad,
            "needs_approval": reasons, "applied": applied }),
        )?;
    } else {
        for line in &difference.lines {
            out.line(crate::table::clean(line))?;
        }
    }
    for line in &difference.proposed {
        session.talk.warn(format_args!(
            "not done, a person made the entry: {}",
            crate::table::clean(line)
        ));
    }
    for bad in &bad {
        session.talk.warn(format_args!(
            "{} record {}: {}",
            file.display(),
            bad.line,
            crate::table::clean(&bad.reason)
        ));
    }
    out.end()?;
    let changes = difference.lines.len();
    if refused {
        return Err(Failure::new(
            format_args!("import {source}"),
            format_args!("waits for an approval: {}", reasons.join("; ")),
        )
        .remedy("look at the changes, then add --approve \"why it is right\""));
    }
    if applied {
        let actor = session.actor();
        let done = desk.apply_parties(difference, source, approved.as_deref(), &actor);
        workspace.block_on(done)?;
    }
    for reason in reasons.iter().filter(|_| apply.is_none()) {
        session
            .talk
            .say(format_args!("--approve is needed: {reason}"));
    }
    session.talk.say(match (changes, applied) {
        (0, _) => "the register holds all of it".to_owned(),
        (_, true) => format!("{changes} changes made"),
        (_, false) => format!("{changes} changes; --apply makes them"),
    });
    match bad.is_empty() {
        true => Ok(()),
        false => Err(Failure::findings()),
    }
}

/// The tables of a folder, a CSV each.
fn folder(path: &std::path::Path) -> Result<contactdb::Tables> {
    let failed = |error: std::io::Error| Failure::new(path.display(), error);
    let mut tables = contactdb::Tables::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let name = file
            .file_stem()
            .map(|stem| stem.to_string_lossy().to_lowercase());
        let is_csv = file.extension().is_some_and(|ending| ending == "csv");
        let Some(name) = name.filter(|_| is_csv) else {
            continue;
        };
        let bytes = std::fs::read(&file).map_err(|error| Failure::new(file.display(), error))?;
        let table = contactdb::table_of_csv(&bytes);
        tables.insert(
            name,
            table.map_err(|why| Failure::new(file.display(), why))?,
        );
    }
    Ok(tables)
}

fn rollback(source: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Write("orgs rollback"))?;
    let desk = desk(&workspace);
    let (import, undone) = workspace.block_on(desk.undo_import(source, &session.actor()))?;
    let mut out = Out::new();
    match session.json {
        true => out.json(&json!({ "import": import, "undone": undone }))?,
        false => out.line(format_args!(
            "{} organizations, {} contacts and {} responsibilities of {source} ended, {} responsibilities hold again",
            undone.organizations, undone.contacts, undone.responsible, undone.restored
        ))?,
    }
    for name in &undone.kept {
        session.talk.warn(format_args!(
            "{} stays: it was changed since",
            crate::table::clean(name)
        ));
    }
    out.end()
}

fn list(text: Option<&str>, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let all = workspace.block_on(workspace.ledger.organizations(text))?;
    let mut out = Out::new();
    if session.json {
        out.json(&all)?;
        return out.end();
    }
    let mut table = Table::new(["name", "名称", "roles", "country", "province", "source", ""]);
    for one in &all {
        let mut marks = Vec::new();
        if !one.active {
            marks.push("ended".to_owned());
        }
        if !one.may_contact {
            marks.push("do not contact".to_owned());
        }
        if !one.may_probe {
            marks.push("do not probe".to_owned());
        }
        if one.trust.0 != Trust::Normal {
            marks.push(one.trust.to_string());
        }
        table.row([
            one.name_en.clone(),
            one.name_zh.clone(),
            one.roles.clone(),
            one.country.clone().unwrap_or_default(),
            one.province.clone().unwrap_or_default(),
            one.source.clone(),
            marks.join(", "),
        ]);
    }
    match table.is_empty() {
        true => session.talk.say(
            "no organizations: `watchfire orgs import FILE --source NAME --apply` brings them in",
        ),
        false => table.print(&mut out)?,
    }
    out.end()
}

fn show(text: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let one = find(text, &workspace)?;
    let id = one.organization_id();
    let contacts = workspace.block_on(workspace.ledger.contacts(id))?;
    let duties = workspace.block_on(workspace.ledger.responsibilities(id))?;
    let mut out = Out::new();
    if session.json {
        out.json(
            &json!({ "organization": one, "contacts": contacts, "responsibilities": duties }),
        )?;
        return out.end();
    }
    out.line(format_args!(
        "{} {} ({})",
        one.name_en, one.name_zh, one.roles
    ))?;
    let mut table = Table::new(["channel", "address", "rung", "format", "quality", ""]);
    for contact in &contacts {
        let marks = [(!contact.active, "ended"), (contact.opted_out, "opted out")];
        let marks: Vec<_> = marks
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, word)| *word)
            .collect();
        table.row([
            contact.channel.to_string(),
            contact.address.clone(),
            contact.rung.to_string(),
            contact
                .format
                .map_or_else(String::new, |format| format.to_string()),
            contact.quality.to_string(),
            marks.join(", "),
        ]);
    }
    if !table.is_empty() {
        table.print(&mut out)?;
    }
    for duty in duties.iter().filter(|duty| duty.active) {
        out.line(format_args!(
            "answers for {} {} ({})",
            duty.scope, duty.value, duty.source
        ))?;
    }
    out.end()
}
