//! `watchfire doctor`: is everything that a week needs there and whole; each finding names the remedy.
//!
//! Reads only. What takes long (hashing every blob, reading every part's rows) comes with `--deep`.

use std::collections::BTreeSet;
use std::path::Path;

use bulletin::render::Fonts;
use bulletin::rollup::series_id;
use console::seal::Seal;
use intake::collect::{self, Wanted};
use lake::engine::Absence;
use ledger::{DirectiveState, Edition, Hash, Page, ReportFilter, ReportState};
use model::notice::NoticeState;
use model::time::{MICROS_PER_DAY, Timestamp};
use reference::Tables;
use response::notify::arming::Leave;

use super::{rollup, watch};
use crate::failure::{Failure, Result};
use crate::findings::{Findings, Flaw, some};
use crate::inspection::Inspection;
use crate::reference_files::{files_of, schema};
use crate::responding::{self, looking};
use crate::sealing;
use crate::shared_reference;
use crate::talk::human_bytes;
use crate::workspace::{Access, LEDGER, Session, Workspace, now};

mod public;

/// Free space under which a warning is due, and under which nothing goes any more.
const LITTLE_SPACE: u64 = 2 << 30;
const NO_SPACE: u64 = 200 << 20;

/// Check everything that a week needs: configuration, feeds, tables, fonts, disk, lake, ledger, blobs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits with 4 if something is wrong or wanting. A public node is looked at as one.

Examples:
  watchfire doctor
  watchfire doctor --deep       hash every archived report, read every part
  watchfire doctor --json")]
pub struct Args {
    /// Hash every blob and read every part; takes as long as reading the workspace once.
    #[arg(long)]
    deep: bool,
}

pub fn run(args: Args, session: &Session) -> Result {
    let mut findings = Findings::default();
    let (root, settings) = session.settings()?;
    if settings.role.public {
        return public::examine(&root, &settings, session);
    }
    let workspace = match session.open(Access::Read) {
        Ok(workspace) => workspace,
        // Without the file nothing can be looked at; a server is one more thing to look at.
        Err(failure) if settings.ledger.is_some() => {
            findings.failure("ledger", &failure, "mend [ledger] url in watchfire.toml");
            return findings.print(session);
        }
        Err(failure) => return Err(failure),
    };
    configuration(&workspace, &mut findings);
    feeds(&workspace, &mut findings);
    drift(&workspace, &mut findings)?;
    tables(&workspace, &mut findings);
    fonts(&workspace, &mut findings);
    let reachable = store(&workspace, &mut findings);
    engine(&workspace, &mut findings);
    disk(&workspace.root, &mut findings);
    ledger_rows(&workspace, &mut findings)?;
    response(&workspace, &mut findings)?;
    vantages(&workspace, &mut findings);
    second_factors(&workspace, &mut findings)?;
    heartbeat(&workspace, &mut findings);
    if !reachable {
        // Everything below would say the same of each file.
        reports_read(&workspace, &mut findings)?;
        site(&workspace, args.deep, &mut findings)?;
        return findings.print(session);
    }
    let inspection = Inspection::of(&workspace)?;
    let files = inspection.files()?;
    let live = &inspection.live;
    let size: i64 = live.iter().map(|file| file.bytes).sum();
    let whole = format!(
        "{} files, {}, as the manifest says",
        live.len(),
        human_bytes(size as u64)
    );
    findings.summarize("lake", files, whole);
    let days = format!("{} days can be read", inspection.days());
    findings.summarize("identities", inspection.runs(), days);
    if args.deep {
        let read = format!("{} events read, every part whole", inspection.events());
        findings.summarize("parts", inspection.parts(&session.talk), read);
    }
    let (flaws, reports) = inspection.blobs(args.deep, &session.talk)?;
    let how = if args.deep { "hashed" } else { "present" };
    findings.summarize("blobs", flaws, format!("{reports} archived reports {how}"));
    reports_read(&workspace, &mut findings)?;
    site(&workspace, args.deep, &mut findings)?;
    findings.print(session)
}

/// The store behind the folder, by writing to it; whether the files there can be asked for.
fn store(workspace: &Workspace, findings: &mut Findings) -> bool {
    let Some(probed) = workspace.files.probe(now().0) else {
        return true;
    };
    let place = workspace.files.place();
    for finding in &probed.findings {
        let message = format!("{place}: {}", finding.what);
        match finding.fatal {
            true => findings.error("store", message, &finding.remedy),
            false => findings.warning("store", message, &finding.remedy),
        }
    }
    if !probed.usable() {
        return false;
    }
    let compared = match probed.metadata {
        true => "what is fetched is compared with its hash",
        false => {
            "it keeps no metadata: what is fetched is compared by its size, blobs by their names"
        }
    };
    findings.ok(
        "store",
        format!("{place} writes, reads, writes over and deletes; {compared}"),
    );
    true
}

/// The executors, by calling each.
fn engine(workspace: &Workspace, findings: &mut Findings) {
    let Some(engine) = workspace.lake.engine() else {
        return;
    };
    for (url, state) in workspace.block_on(engine.roll_call()) {
        match state {
            Ok(()) => findings.ok("engine", format!("{url} answers")),
            Err(Absence { why, remedy }) => {
                let remedy = remedy.unwrap_or_else(|| {
                    "start `watchfire executor` there, with the same engine.token and of this version; one with engine.tls_cert is asked as https"
                        .to_owned()
                });
                findings.warning(
                    "engine",
                    format!("{url}: {why}; queries do without it"),
                    remedy,
                );
            }
        }
    }
}

/// The public site against its own list, where something is public.
fn site(workspace: &Workspace, deep: bool, findings: &mut Findings) -> Result {
    let series = &workspace.settings.series.id;
    let public = workspace.block_on(workspace.ledger.published(series))?;
    if public.is_empty() {
        return Ok(());
    }
    let wrong = watchfire::site::verify(&workspace.site_dir())
        .map_err(|error| Failure::new("site", error))?;
    let remedy = "watchfire bulletin site";
    let mut flaws: Vec<Flaw> = wrong
        .into_iter()
        .map(|path| Flaw::new(path, "is not what was published", remedy))
        .collect();
    if flaws.is_empty() && !crate::publishing::is_current(workspace)? {
        let what = "is not what would be written now: a publication was interrupted, or the program is newer";
        flaws.push(Flaw::new("site", what, remedy));
    }
    findings.summarize(
        "site",
        flaws,
        format!("{} issues, every file whole", public.len()),
    );
    let mut public = public;
    for kind in rollup::life::KINDS {
        public.extend(workspace.block_on(workspace.ledger.published(&series_id(series, kind)))?);
    }
    renditions(workspace, &public, deep, findings)
}

/// The files of what is public, as they are kept: the site is made from them, and from nothing else.
fn renditions(
    workspace: &Workspace,
    public: &[Edition],
    deep: bool,
    findings: &mut Findings,
) -> Result {
    let mut flaws = Vec::new();
    let mut whole = 0;
    for edition in public {
        let Some(revision) = edition.published_revision else {
            continue;
        };
        let key = edition.key();
        let files = workspace.block_on(workspace.ledger.renditions(&key, revision))?;
        let hashes: Vec<Hash> = files.iter().map(|file| file.hash).collect();
        let sizes = workspace.blobs.sizes(&hashes)?;
        for (file, size) in files.iter().zip(sizes) {
            let expected = u64::try_from(file.size).unwrap_or_default();
            let what = match size {
                None => "is not kept any more".to_owned(),
                Some(size) if size != expected => {
                    format!("has {size} bytes, {expected} were published")
                }
                Some(_) if deep => match workspace.blobs.verify(&file.hash) {
                    Ok(_) => {
                        whole += 1;
                        continue;
                    }
                    Err(error) => error.to_string(),
                },
                Some(_) => {
                    whole += 1;
                    continue;
                }
            };
            flaws.push(Flaw::new(
                format!("{} {}", key.object(), file.name),
                what,
                "bring its blob back from a backup; the site keeps a copy while it stands",
            ));
        }
    }
    let how = if deep { "hashed" } else { "present" };
    let message = format!("{whole} files of public issues {how}");
    findings.summarize("publications", flaws, message);
    Ok(())
}

fn configuration(workspace: &Workspace, findings: &mut Findings) {
    let settings = &workspace.settings;
    for problem in &settings.unset {
        findings.warning(
            "configuration",
            problem.to_string(),
            problem.remedy.clone().unwrap_or_default(),
        );
    }
    if settings.unset.is_empty() {
        let feeds = settings.catalogue.sources().len();
        findings.ok(
            "configuration",
            format!(
                "{feeds} feeds, series {}, zone {}",
                settings.series.id, settings.zone_name
            ),
        );
    }
    if let Err(failure) = super::rating::profile(settings, &workspace.root) {
        findings.failure(
            "configuration",
            &failure,
            "name a built-in profile or the path of one",
        );
    }
}

/// Reports that are no longer like those before.
fn drift(workspace: &Workspace, findings: &mut Findings) -> Result {
    match super::feeds::drift::summary(&super::feeds::drift::open(workspace)?) {
        Some(message) => findings.warning("drift", message, "watchfire feeds drift"),
        None => findings.ok("drift", "reports are like those before"),
    }
    Ok(())
}

fn feeds(workspace: &Workspace, findings: &mut Findings) {
    let catalogue = &workspace.settings.catalogue;
    let mut good = 0;
    for source in catalogue
        .sources()
        .iter()
        .filter(|source| source.feed.enabled && !source.feed.paths.is_empty())
    {
        let name = &source.feed.name;
        match collect::files(catalogue, &workspace.root, &[Wanted::Feed(name.clone())]) {
            Ok(found) if found.is_empty() => {
                let message = format!(
                    "feed {name}: no file matches {}",
                    source.feed.paths.join(", ")
                );
                findings.warning(
                    "feeds",
                    message,
                    "mend `paths`, or set enabled = false while the feed pauses",
                );
            }
            Ok(_) => good += 1,
            Err(error) => findings.error(
                "feeds",
                error.to_string(),
                "look at the folder's owner and rights",
            ),
        }
    }
    match good {
        0 if catalogue.sources().is_empty() => findings.warning(
            "feeds",
            "no feed is configured",
            "add [[feed]] entries to watchfire.toml",
        ),
        0 => {}
        good => findings.ok("feeds", format!("{good} feeds have files")),
    }
}

/// What of response waits for a person.
fn response(workspace: &Workspace, findings: &mut Findings) -> Result {
    let ledger = &workspace.ledger;
    if workspace.settings.response.address.is_empty() {
        findings.ok("response", "not configured: response.address is not set");
        return Ok(());
    }
    let identity = responding::identity(workspace)?;
    let desk = responding::desk(workspace);
    match workspace.block_on(desk.may_leave(&identity))? {
        Leave::Yes(armed) => findings.ok("response", format!("armed by {}", armed.by)),
        Leave::No(why) => {
            let (what, remedy) = why.split_once("; ").unwrap_or((&why, ""));
            findings.warning("response", format!("nothing leaves: {what}"), remedy);
        }
    }
    let held = workspace.block_on(ledger.notices(&[NoticeState::Held], Page::ALL))?;
    let day_ago = now().0 - MICROS_PER_DAY;
    let old: Vec<_> = held
        .iter()
        .filter(|notice| notice.created_at < day_ago)
        .map(|notice| format!("#{}", notice.number))
        .collect();
    if !old.is_empty() {
        let message = format!(
            "{} notices are held for more than a day: {}",
            old.len(),
            some(&old)
        );
        findings.warning("response", message, "watchfire notices list --state held");
    }
    let nobody = workspace.block_on(ledger.directives_in(DirectiveState::NoContact, Page::ALL))?;
    let about: BTreeSet<_> = nobody.iter().map(|one| one.incident_id.0).collect();
    if !about.is_empty() {
        let message = format!(
            "{} directives about {} incidents have nobody to go to",
            nobody.len(),
            about.len()
        );
        findings.warning(
            "response",
            message,
            "watchfire incidents show names what is missing; watchfire orgs import adds contacts",
        );
    }
    Ok(())
}

/// The vantages elsewhere, by asking each how it is. None is asked from a workspace for exercises, which nothing leaves.
fn vantages(workspace: &Workspace, findings: &mut Findings) {
    if workspace.settings.exercise {
        return;
    }
    let elsewhere = match looking::elsewhere(workspace) {
        Ok(elsewhere) => elsewhere,
        Err(failure) => {
            return findings.failure("vantages", &failure, "mend its [[vantage]] entry");
        }
    };
    for vantage in &elsewhere.vantages {
        let name = vantage.name();
        match workspace.block_on(vantage.state()) {
            Ok(state) => findings.ok("vantages", format!("{name} answers: {}", state.software)),
            Err(why) => findings.warning(
                "vantages",
                format!("{name}: {why}; nothing is looked at from there"),
                "start `watchfire vantage` there with the same secret, or take its [[vantage]] entry out",
            ),
        }
    }
}

/// When the serving process last looked after alarms. Where none ever ran there is nothing to say: a workspace may be
/// worked by commands alone.
fn heartbeat(workspace: &Workspace, findings: &mut Findings) {
    /// Seconds after which it is worth a word; the rules are looked at twice a minute.
    const LATE: i64 = 300;
    let Some(old) = watch::age(&workspace.root, now()) else {
        return;
    };
    let at = Timestamp(now().0 - old * 1_000_000);
    let said = format!("last sign of life of `watchfire serve`: {at}, {old} seconds ago");
    match old > LATE {
        false => findings.ok("heartbeat", said),
        true => findings.warning(
            "heartbeat",
            said,
            "look at its log and start it again: until then nobody is alarmed",
        ),
    }
}

/// Whether the key of second factors is there and opens them.
fn second_factors(workspace: &Workspace, findings: &mut Findings) -> Result {
    const CHECK: &str = "second factors";
    let all = workspace.block_on(workspace.ledger.all_second_factors())?;
    let path = sealing::path(&workspace.root, &workspace.settings);
    let seal = sealing::read(&path)?;
    let Some(seal) = seal else {
        match all.iter().any(|one| Seal::is_sealed(&one.secret)) {
            true => findings.error(
                CHECK,
                format!("are sealed, and the key is not in {}", path.display()),
                "put the file back, or take them off by `watchfire users no-second-factor`",
            ),
            false => findings.ok(CHECK, "none is sealed yet"),
        }
        return Ok(());
    };
    let opens = |one: &&ledger::SecondFactor| seal.open(&one.login, &one.secret).is_err();
    let shut: Vec<String> = all
        .iter()
        .filter(opens)
        .map(|one| one.login.clone())
        .collect();
    match shut.is_empty() {
        true => findings.ok(CHECK, format!("{} sealed, the key opens them", all.len())),
        false => findings.error(
            CHECK,
            format!(
                "the key in {} does not open those of {}",
                path.display(),
                some(&shut)
            ),
            "put the right file back, or take them off by `watchfire users no-second-factor`",
        ),
    }
    Ok(())
}

fn tables(workspace: &Workspace, findings: &mut Findings) {
    let again =
        "watchfire reference import KIND FILE..., or `watchfire ingest` for [[reference]] entries";
    let sources = match shared_reference::sources(workspace) {
        Ok(sources) => sources,
        Err(failure) => return findings.failure("reference", &failure, again),
    };
    match Tables::build(&sources.files()) {
        Ok((_, report)) if report.files.is_empty() => {
            findings.warning(
                "reference",
                "no table is imported: no address has a country or province",
                again,
            );
        }
        Ok((_, report)) => {
            let ranges = report.ranges_v4 + report.ranges_v6;
            findings.ok(
                "reference",
                format!(
                    "{} files, {ranges} ranges, {} site names",
                    report.files.len(),
                    report.site_names
                ),
            );
        }
        Err(error) => findings.error("reference", error.to_string(), again),
    }
    for entry in &workspace.settings.references {
        if files_of(entry, &workspace.root).is_ok_and(|files| files.is_empty()) {
            let message = format!(
                "{}: reference {}: no file matches {}",
                entry.place,
                entry.kind.as_str(),
                entry.paths.join(", ")
            );
            findings.warning(
                "reference",
                message,
                "mend its `paths`; what was imported before stays in use",
            );
        }
    }
    let wanted = workspace
        .settings
        .catalogue
        .sources()
        .iter()
        .any(|source| source.feed.enabled && source.feed.format == "shadowserver");
    match schema(workspace) {
        Err(failure) => findings.failure("reference", &failure, again),
        Ok(None) if wanted => findings.error(
            "reference",
            "feeds of format shadowserver need Shadowserver's schema, and none is imported",
            "watchfire reference import shadowserver-schema intelmq.json",
        ),
        Ok(None) => {}
        Ok(Some(schema)) => {
            findings.ok(
                "reference",
                format!(
                    "Shadowserver schema of {}, {} report types",
                    schema.version(),
                    schema.types().len()
                ),
            );
        }
    }
}

fn fonts(workspace: &Workspace, findings: &mut Findings) {
    match Fonts::load(&workspace.settings.fonts) {
        Ok(fonts) => {
            let files: Vec<&str> = fonts
                .hashes()
                .iter()
                .map(|hash| hash.file.as_str())
                .collect();
            findings.ok("fonts", files.join(", "));
        }
        Err(error) => findings.error(
            "fonts",
            error.to_string(),
            "apt install fonts-noto-cjk, or list a folder in [fonts] dirs",
        ),
    }
}

fn disk(root: &Path, findings: &mut Findings) {
    match rustix::fs::statvfs(root) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let message = format!("{} free", human_bytes(free));
            let remedy = "make room, or move the workspace to a larger disk";
            match free {
                free if free < NO_SPACE => findings.error("disk", message, remedy),
                free if free < LITTLE_SPACE => findings.warning("disk", message, remedy),
                _ => findings.ok("disk", message),
            }
        }
        Err(error) => findings.warning(
            "disk",
            format!("free space cannot be read: {error}"),
            "look at the disk yourself",
        ),
    }
}

fn ledger_rows(workspace: &Workspace, findings: &mut Findings) -> Result {
    let ledger = &workspace.ledger;
    let version = ledger::Ledger::schema_version();
    if workspace.settings.ledger.is_some() {
        server(workspace, findings)?;
    } else {
        findings.ok("ledger", format!("schema version {version}"));
    }
    match workspace.block_on(ledger.verify_audit()) {
        Ok(rows) => findings.ok("audit", format!("{rows} rows, the chain holds")),
        Err(error) => findings.error(
            "audit",
            error.to_string(),
            "compare with a backup: someone or something changed the trail",
        ),
    }
    let jobs = workspace.block_on(ledger.job_counts())?;
    if jobs.failed > 0 {
        findings.warning(
            "jobs",
            format!("{} jobs were given up", jobs.failed),
            "look at them with `watchfire jobs list --state failed`, put them back to work with `watchfire jobs replay`",
        );
    }
    let mut changed = Vec::new();
    for head in workspace.block_on(ledger.issues(None, Page::ALL))? {
        let issue = workspace.block_on(ledger.issue(
            &head.series,
            head.year,
            head.number,
            head.revision,
        ))?;
        if issue.is_some_and(|issue| issue.digest() != issue.hash) {
            changed.push(head.label());
        }
    }
    if !changed.is_empty() {
        findings.error(
            "issues",
            format!("changed after they were frozen: {}", changed.join(", ")),
            "restore the ledger from a backup",
        );
    }
    Ok(())
}

/// The ledger's server: whether what it acknowledges is durable, and whether it is the only ledger.
fn server(workspace: &Workspace, findings: &mut Findings) -> Result {
    let found = workspace.block_on(workspace.ledger.durability())?;
    let place = workspace.ledger.place();
    for name in ["fsync", "full_page_writes"] {
        if found
            .iter()
            .any(|(own, value)| own == name && value == "off")
        {
            findings.error(
                "ledger",
                format!("{place}: {name} is off: a power cut loses what was acknowledged"),
                format!("ALTER SYSTEM SET {name} = on, and start the server anew"),
            );
        }
    }
    let unused = workspace.root.join(LEDGER);
    if unused.exists() {
        findings.warning(
            "ledger",
            format!("{} lies unused beside {place}", unused.display()),
            "empty ledger.url to go back to it, or move it away: nothing is copied from one to the other",
        );
    }
    let version = found.iter().find(|(name, _)| name == "server_version");
    findings.ok(
        "ledger",
        format!(
            "{place}: PostgreSQL {}, schema version {}",
            version.map_or("", |(_, value)| value),
            ledger::Ledger::schema_version()
        ),
    );
    Ok(())
}

fn reports_read(workspace: &Workspace, findings: &mut Findings) -> Result {
    let of_state = |state| ReportFilter {
        state: Some(state),
        ..ReportFilter::default()
    };
    let waiting = workspace.block_on(
        workspace
            .ledger
            .report_count(&of_state(ReportState::Archived)),
    )?;
    if waiting > 0 {
        findings.warning(
            "reports",
            format!("{waiting} are archived and not yet read"),
            "watchfire ingest",
        );
    }
    let unreadable = of_state(ReportState::Unreadable);
    let reports = workspace.ledger.reports(&unreadable, Page::ALL);
    let (empty, unreadable): (Vec<_>, Vec<_>) = workspace
        .block_on(reports)?
        .into_iter()
        .partition(|report| report.bytes == 0);
    if !empty.is_empty() {
        findings.ok(
            "reports",
            format!("{} came empty: their days count as missing", empty.len()),
        );
    }
    let unreadable: Vec<String> = unreadable
        .into_iter()
        .map(|report| {
            let reason = report.reason.as_deref().unwrap_or("no reason is stored");
            format!("{}: {reason}", report.origin)
        })
        .collect();
    if !unreadable.is_empty() {
        findings.warning(
            "reports",
            format!(
                "{} could not be read: {}",
                unreadable.len(),
                some(&unreadable)
            ),
            "mend the feed's entry or ask its provider, and run `watchfire ingest`: it tries again",
        );
    }
    Ok(())
}
