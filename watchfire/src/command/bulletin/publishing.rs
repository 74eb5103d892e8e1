//! Publication, correction proposals, withdrawal, archive.

use bulletin::render::{self, Fonts, Form};
use bulletin::suppress::suppressed;
use clap::Args;
use ledger::{EditionKey, Issue, IssueState, NewCorrection, NewRendition};
use model::bulletin::{Bulletin, Lang, Tlp};
use model::newsroom::{CorrectionState, Right};
use model::statistic::Observed;
use serde_json::json;
use watchfire::site;

use super::drafting::{actor, key_of, moment};
use super::signing::open;
use crate::failure::{Failure, Result};
use crate::publishing::{build, digest};
use crate::table::{Out, Table};
use crate::talk::Talk;
use crate::weekly::{Desk, number};
use crate::weeks::{self, Named};
use crate::workspace::{Access, Session, Workspace, now};

#[derive(Debug, Args)]
pub struct Publish {
    /// Issue.
    issue: String,
    /// Only these forms; without it all.
    #[arg(long = "format", value_parser = super::form(), value_delimiter = ',')]
    formats: Vec<Form>,
}

#[derive(Debug, Args)]
pub struct Late {
    /// Issue.
    issue: String,
}

#[derive(Debug, Args)]
pub struct Corrections {
    /// Issue.
    issue: String,
    /// The issue is to be corrected, for this reason.
    #[arg(long, value_name = "REASON", conflicts_with = "decline")]
    accept: Option<String>,
    /// The printed figures stand, for this reason.
    #[arg(long, value_name = "REASON")]
    decline: Option<String>,
}

#[derive(Debug, Args)]
pub struct Withdraw {
    /// Issue.
    issue: String,
    /// Why, in Chinese; printed in its place.
    #[arg(long = "zh", value_name = "REASON")]
    zh: String,
    /// Why, in English.
    #[arg(long = "en", value_name = "REASON")]
    en: String,
}

#[derive(Debug, Args)]
pub struct Archive {
    /// Issue.
    issue: String,
}

pub fn publish(args: Publish, session: &Session) -> Result {
    let workspace = session.open(Access::Write("bulletin publish"))?;
    let (key, row) = open(&args.issue, &workspace)?;
    let (by, forms) = (session.actor(), args.formats.as_slice());
    put_out(&workspace, (&key, &row), &by, forms, &session.talk)?;
    let written = build(&workspace)?;
    let mut out = Out::new();
    match session.json {
        true => out.json(&json!({
            "issue": format!("{}-{}", row.year, row.number),
            "revision": row.revision,
            "hash": row.hash,
            "site": workspace.site_dir(),
            "files": written.kept + written.written,
        }))?,
        false => out.line(workspace.site_dir().join("index.html").display())?,
    }
    out.end()?;
    session.talk.say(format_args!(
        "issue {}-{} revision {} is public: {} files in the site, {} of them new",
        row.year,
        row.number,
        row.revision,
        written.kept + written.written,
        written.written
    ));
    Ok(())
}

/// Makes the newest revision of an issue the public one, in these forms (empty: all); the site is written after it
/// ([`build`]). Saying it again finishes what was interrupted.
///
/// # Errors
/// The publisher may not, the revision is not approved, withdrawn or not for everybody, or a form cannot be
/// rendered.
pub fn put_out(
    workspace: &Workspace,
    (key, row): (&EditionKey, &Issue),
    login: &str,
    forms: &[Form],
    talk: &Talk,
) -> Result {
    let by = actor(workspace, login, Right::Publish, now())?;
    let issue = format!("{}-{}", row.year, row.number);
    if row.state != IssueState::Approved {
        let what = format!("issue {issue} revision {}", row.revision);
        return Err(Failure::new(what, "is not approved").remedy(format_args!(
            "watchfire bulletin approve {issue} --as APPROVER"
        )));
    }
    let edition = workspace.block_on(workspace.ledger.edition(key))?;
    let what = format!("issue {issue}");
    if edition
        .as_ref()
        .is_some_and(|edition| edition.withdrawn_at.is_some())
    {
        return Err(
            Failure::new(what, "is withdrawn: it cannot be public again")
                .remedy("publish what is right in the next issue"),
        );
    }
    let tlp = super::parse(row)?.tlp;
    if tlp != Tlp::Clear {
        let why = format!("is {}: the site is for everybody", tlp.label());
        return Err(Failure::new(what, why)
            .remedy("render it for its readers: watchfire bulletin render ISSUE --out DIR"));
    }
    // The site leads to the page and its data.
    let mut forms = match forms {
        [] => Form::ALL.to_vec(),
        some => some.to_vec(),
    };
    for form in [Form::Html, Form::Json] {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    let fonts = match forms.iter().any(|form| form.needs_fonts()) {
        true => Some(super::fonts_for_print(workspace)?),
        false => None,
    };
    // Its files were made when it was first published, and are never made again.
    if edition.is_none_or(|edition| edition.published_revision != Some(row.revision)) {
        let how = (forms.as_slice(), fonts.as_ref());
        publish_row(workspace, (key, row), &by, how, now().0, talk)?;
    }
    Ok(())
}

/// Renders an approved revision into these forms, keeps the files by hash and makes it the public one. Doing
/// it again after a crash gives the same files.
///
/// # Errors
/// It is not approved, a form cannot be rendered, or a file cannot be kept.
pub fn publish_row(
    workspace: &Workspace,
    (key, row): (&EditionKey, &Issue),
    by: &ledger::Actor,
    (forms, fonts): (&[Form], Option<&Fonts>),
    now: i64,
    talk: &Talk,
) -> Result {
    let bulletin = super::signed(row, fonts, talk)?;
    let mut files = Vec::new();
    for file in render::files(&bulletin, forms, &Lang::ALL, fonts)? {
        let blob = workspace.blobs.put_bytes(&file.bytes)?;
        files.push(NewRendition {
            name: file.name,
            hash: blob.hash,
            size: i64::try_from(file.bytes.len()).unwrap_or(i64::MAX),
        });
    }
    let digest = digest(workspace, (key, row), &bulletin, &files, now)?;
    let publishing = workspace
        .ledger
        .publish_issue((key, row.revision), (files, &digest), by, now);
    workspace.block_on(publishing)?;
    Ok(())
}

pub fn late(args: Late, session: &Session) -> Result {
    let workspace = session.open(Access::Write("bulletin late"))?;
    let (key, row) = open(&args.issue, &workspace)?;
    let named = weeks::read(&args.issue, &workspace, now())?;
    let open = look_for_late(&workspace, named, (&key, &row), &session.actor())?;
    let mut out = Out::new();
    if session.json {
        out.json(&open)?;
        return out.end();
    }
    if open.is_empty() {
        session.talk.say(format_args!(
            "issue {}-{}: every figure would be the same today",
            row.year, row.number
        ));
        return out.end();
    }
    table(&open, &workspace).print(&mut out)?;
    out.end()?;
    session.talk.say(format_args!(
        "the issue stands as it is; decide: watchfire bulletin corrections {} --accept REASON or --decline REASON",
        args.issue
    ));
    Ok(())
}

/// Counts a week as it would be counted now, and proposes a correction for each printed figure that would be
/// another; the open proposals.
///
/// # Errors
/// The lake or the ledger fails.
pub fn look_for_late(
    workspace: &Workspace,
    named: Named,
    (key, row): (&EditionKey, &Issue),
    finder: &str,
) -> Result<Vec<ledger::Correction>> {
    let desk = Desk::new(workspace)?;
    let mut counted = desk.count(named, None)?;
    // What may not be printed is compared as it may not be printed.
    counted.frozen = suppressed(&counted.frozen);
    let bulletin = super::parse(row)?;
    let found = differences(&bulletin, &desk.figures(&counted));
    let snapshot = i64::try_from(counted.frozen.basis.lake_snapshot).unwrap_or(i64::MAX);
    let cause = match snapshot == row.lake_snapshot {
        true => "records of incidents changed after the freeze",
        false => "events arrived after the freeze",
    };
    let proposing = workspace.ledger.propose_corrections(
        (key, row.revision),
        (found, cause, snapshot),
        finder,
        now().0,
    );
    Ok(workspace.block_on(proposing)?)
}

/// Figures whose exact value would be another today. What is measured at an instant (stock, times of cases
/// that go on) is no late data: it is another thing later, and the issue says when it was read.
fn differences(bulletin: &Bulletin, now: &[model::bulletin::PublishedValue]) -> Vec<NewCorrection> {
    let of_an_instant = |id: &str| {
        let statistic = bulletin::statistics::all()
            .into_iter()
            .find(|statistic| statistic.id == id);
        statistic.is_some_and(|statistic| {
            statistic.observed == Observed::Handling && !statistic.id.starts_with('I')
        })
    };
    let exact = |value: &model::bulletin::PublishedValue| {
        let amount = value.value.as_ref();
        amount.map_or("not available".to_owned(), |amount| amount.exact.plain())
    };
    let mut found = Vec::new();
    for value in now.iter().filter(|value| !of_an_instant(&value.statistic)) {
        let printed = bulletin.value(&value.key).map(&exact);
        let printed = printed.unwrap_or_else(|| "not printed".to_owned());
        let counted = exact(value);
        if printed != counted {
            found.push(NewCorrection {
                value: value.key.clone(),
                printed,
                counted,
            });
        }
    }
    let gone = bulletin.values.iter().filter(|value| {
        !of_an_instant(&value.statistic) && !now.iter().any(|other| other.key == value.key)
    });
    found.extend(gone.map(|value| NewCorrection {
        value: value.key.clone(),
        printed: exact(value),
        counted: "none".to_owned(),
    }));
    found
}

fn table(rows: &[ledger::Correction], workspace: &Workspace) -> Table {
    let mut table = Table::new(["figure", "printed", "now", "delta", "state", "found", "why"]);
    for row in rows {
        let delta = match (row.printed.parse::<i64>(), row.counted.parse::<i64>()) {
            (Ok(before), Ok(after)) => format!("{:+}", after - before),
            _ => String::new(),
        };
        let why = match row.state.0 {
            CorrectionState::Open => row.cause.clone(),
            _ => format!(
                "{} ({})",
                row.note,
                row.decided_by.clone().unwrap_or_default()
            ),
        };
        table.row([
            row.value.clone(),
            row.printed.clone(),
            row.counted.clone(),
            delta,
            row.state.to_string(),
            moment(workspace, row.found_at),
            why,
        ]);
    }
    table
}

pub fn corrections(args: Corrections, session: &Session) -> Result {
    let decided = args.accept.as_deref().or(args.decline.as_deref());
    let access = match decided {
        Some(_) => Access::Write("bulletin corrections"),
        None => Access::Read,
    };
    let workspace = session.open(access)?;
    let key = key_of(
        &workspace,
        number(weeks::read(&args.issue, &workspace, now())?)?,
    );
    let ledger = &workspace.ledger;
    let rows = match decided {
        Some(reason) => {
            let by = actor(&workspace, &session.actor(), Right::Edit, now())?;
            let accept = args.accept.is_some();
            workspace.block_on(ledger.decide_corrections(&key, accept, &by, reason, now().0))?
        }
        None => workspace.block_on(ledger.corrections(&key))?,
    };
    let mut out = Out::new();
    if session.json {
        out.json(&rows)?;
        return out.end();
    }
    match rows.is_empty() {
        true => session.talk.say(format_args!(
            "no correction is proposed: watchfire bulletin late {} looks for late data",
            args.issue
        )),
        false => table(&rows, &workspace).print(&mut out)?,
    }
    out.end()?;
    if let Some(reason) = &args.accept {
        session.talk.say(format_args!(
            "next: watchfire bulletin draft {} --refreeze \"{reason}\" --note \"WHAT CHANGED\", then review, approve and publish it",
            args.issue
        ));
    }
    Ok(())
}

/// Takes a public issue back for these reasons (Chinese, English); the site is written after it ([`build`]). Said
/// again, it changes nothing.
///
/// # Errors
/// The person may not, or the issue is not public.
pub fn take_back(
    workspace: &Workspace,
    key: &EditionKey,
    login: &str,
    reasons: (&str, &str),
) -> Result {
    let by = actor(workspace, login, Right::Approve, now())?;
    let edition = workspace.block_on(workspace.ledger.edition(key))?;
    let again = edition.is_some_and(|edition| edition.withdrawn_at.is_some());
    if !again {
        let withdrawing = workspace.ledger.withdraw_issue(key, reasons, &by, now().0);
        workspace.block_on(withdrawing)?;
    }
    Ok(())
}

pub fn withdraw(args: Withdraw, session: &Session) -> Result {
    let workspace = session.open(Access::Write("bulletin withdraw"))?;
    let (key, row) = open(&args.issue, &workspace)?;
    take_back(&workspace, &key, &session.actor(), (&args.zh, &args.en))?;
    let written = build(&workspace)?;
    let label = format!("{}-{}", row.year, row.number);
    let mut out = Out::new();
    if session.json {
        out.json(&json!({ "issue": label, "changed": written.changed, "by_hand": CHECKLIST }))?;
        return out.end();
    }
    out.line(format_args!(
        "issue {label} is withdrawn: a tombstone stands at each of its addresses"
    ))?;
    out.line("what was sent cannot be called back by a program; by hand:")?;
    for (at, line) in CHECKLIST.iter().enumerate() {
        out.line(format_args!("  {}. {line}", at + 1))?;
    }
    out.end()
}

/// What a withdrawal needs besides the site: channels that cannot be edited from here.
const CHECKLIST: [&str; 5] = [
    "WeChat: delete the article in the account's console and post a notice with the reason",
    "mail edition: watchfire subscribers send ISSUE --recall reaches whoever got it",
    "printed copies and files handed on: tell each recipient on the distribution list",
    "ministries and branches that quote it: telephone, and note who was told when",
    "search engines and mirrors: ask for removal of the PDF's address",
];

pub fn rebuild(session: &Session) -> Result {
    let workspace = session.open(Access::Write("bulletin site"))?;
    let folder = workspace.site_dir();
    let fail = |error| Failure::new("site", error);
    if folder.join(site::SUMS).is_file() {
        let wrong = site::verify(&folder).map_err(fail)?;
        site::mistrust(&folder, &wrong).map_err(fail)?;
    }
    let written = build(&workspace)?;
    let mut out = Out::new();
    match session.json {
        true => out.json(&json!({
            "site": workspace.site_dir(),
            "kept": written.kept,
            "written": written.written,
            "bytes": written.bytes,
        }))?,
        false => out.line(workspace.site_dir().join("index.html").display())?,
    }
    out.end()?;
    session.talk.say(format_args!(
        "{} files kept, {} written",
        written.kept, written.written
    ));
    Ok(())
}

pub fn archive(args: Archive, session: &Session) -> Result {
    let workspace = session.open(Access::Write("bulletin archive"))?;
    let (key, row) = open(&args.issue, &workspace)?;
    let by = actor(&workspace, &session.actor(), Right::Publish, now())?;
    workspace.block_on(workspace.ledger.archive_issue(&key, &by, now().0))?;
    session.talk.say(format_args!(
        "issue {}-{} is put away",
        row.year, row.number
    ));
    Ok(())
}
