//! What the commands of response share: the desk they work at, and the register, rules and table.

mod fetching;
pub mod looking;
mod round;

use std::path::Path;
use std::sync::Arc;

use formats::mail::own::Own;
use ledger::incident::Triaged;
use ledger::{Incident, NewIncident, Notice, Reach};
use model::bulletin::Text;
use model::ids::{IncidentId, NoticeId};
use model::incident::Border;
use model::territory::{OwnerClass, Territory};
use model::time::Timestamp;
use reference::Tables;
use response::Desk;
use response::checking::Checker;
use response::deliver::{Secret, dkim, openpgp, smtp, webhook};
use response::notice::Sender;
use response::notify::House;
use response::route::Known;
use response::route::{DEFAULT_TABLE, Parties, Table};
use response::triage::{self, DEFAULT_RULES, Rules};
use response::verify::{self, Markers, Policy, probe};

use crate::config::Environment;
use crate::failure::{Exit, Failure, Result};
use crate::workspace::{Workspace, now, random, secret};

pub use fetching::{Fetched, fetch};
pub use round::{Right, Round, look, notify, read_mail, respond, round, triage};

/// The desk of a workspace, by the machine's clock.
pub fn desk(workspace: &Workspace) -> Desk {
    Desk {
        lake: workspace.lake.clone(),
        ledger: workspace.ledger.clone(),
        blobs: workspace.blobs.clone(),
        clock: Arc::new(now),
        random: Arc::new(random),
    }
}

fn text(workspace: &Workspace, path: &str, default: &str) -> Result<String> {
    if path.is_empty() {
        return Ok(default.to_owned());
    }
    let path = workspace.root.join(Path::new(path));
    std::fs::read_to_string(&path).map_err(|error| Failure::new(path.display(), error))
}

/// The triage rules of a workspace.
pub fn rules(workspace: &Workspace) -> Result<Rules> {
    let text = text(workspace, &workspace.settings.response.rules, DEFAULT_RULES)?;
    Rules::read(&text).map_err(|error| Failure::new("response.rules", error))
}

/// The routing table of a workspace.
pub fn table(workspace: &Workspace) -> Result<Table> {
    let text = text(workspace, &workspace.settings.response.table, DEFAULT_TABLE)?;
    Table::read(&text).map_err(|error| Failure::new("response.table", error))
}

/// The register, compiled; what cannot be used is warned of.
pub fn parties(workspace: &Workspace) -> Result<Parties> {
    let register = workspace.block_on(workspace.ledger.register())?;
    Ok(Parties::of(register))
}

/// An incident by its number, with or without `#`, or by its id.
///
/// # Errors
/// There is none, or the text names none.
pub fn incident(workspace: &Workspace, text: &str) -> Result<Incident> {
    let ledger = &workspace.ledger;
    let mut missing = None;
    if let Ok(number) = text.trim_start_matches('#').parse::<i64>() {
        match workspace.block_on(ledger.incident_numbered(number, &Reach::All)) {
            Err(error @ ledger::Error::NotFound { .. }) => missing = Some(error),
            found => return Ok(found?),
        }
    }
    if let Ok(id) = text.parse::<IncidentId>() {
        return Ok(workspace.block_on(ledger.incident(id, &Reach::All))?);
    }
    // A number of another system, as of one that moved in; the newest, if several bear it.
    let elsewhere = ledger.incidents_numbered_elsewhere(text, &Reach::All);
    let found = workspace.block_on(elsewhere)?.into_iter().next();
    found.ok_or_else(|| match missing {
        Some(error) => error.into(),
        None => Failure::usage(text, "names no incident")
            .remedy("write its number, as 704, its id, INC-..., or the number it has elsewhere"),
    })
}

/// A notice by its number, with or without `#`, or by its id.
///
/// # Errors
/// There is none, or the text names none.
pub fn notice(workspace: &Workspace, text: &str) -> Result<Notice> {
    let ledger = &workspace.ledger;
    if let Ok(number) = text.trim_start_matches('#').parse::<i64>() {
        return Ok(workspace.block_on(ledger.notice_numbered(number))?);
    }
    let id: NoticeId = text.parse().map_err(|_| {
        Failure::usage(text, "names no notice")
            .remedy("write its number, as 12, or its id, NOT-...")
    })?;
    Ok(workspace.block_on(ledger.notice(id))?)
}

/// Secret under which the tokens of notices are derived.
const TOKEN_KEY: &str = "response.token_key";

/// What this instance is, for arming: machine, folder, and the folder's own place on its disk. A copy
/// or a restored backup is another one.
///
/// All nodes of a cluster are one instance: what their ledger's server says that it and its database are. A database
/// that was dumped and loaded, restored to another moment, promoted or moved to another address is another one.
pub fn identity(workspace: &Workspace) -> Result<String> {
    use std::os::unix::fs::MetadataExt;
    let instance = workspace.block_on(workspace.ledger.instance_id())?;
    if workspace.settings.role.clustered {
        let server = workspace.block_on(workspace.ledger.server_identity())?;
        let whole = format!("{instance:?}\n{}", server.unwrap_or_default());
        return Ok(ledger::Hash::of(whole.as_bytes()).to_string());
    }
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let folder = workspace.blobs.dir();
    // Its place is part of what is armed: it has to be there before its first blob is.
    std::fs::create_dir_all(folder).map_err(|error| Failure::new(folder.display(), error))?;
    let place = std::fs::metadata(folder)
        .map(|found| format!("{}:{}", found.dev(), found.ino()))
        .unwrap_or_default();
    let whole = format!(
        "{instance:?}\n{machine}\n{}\n{place}",
        workspace.root.display()
    );
    Ok(ledger::Hash::of(whole.as_bytes()).to_string())
}

/// The secret of tokens, drawn when it is first needed.
///
/// # Errors
/// The ledger, or the system's random source.
pub fn token_key(workspace: &Workspace) -> Result<[u8; 32]> {
    let ledger = &workspace.ledger;
    if let Some(key) = workspace.block_on(ledger.setting::<ledger::Hash>(TOKEN_KEY))? {
        return Ok(*key.as_bytes());
    }
    let key = ledger::Hash::of(secret()?.as_bytes());
    workspace.block_on(ledger.set_setting(TOKEN_KEY, &key))?;
    Ok(*key.as_bytes())
}

/// Port of the mail server of an exercise, where this process plays its world.
pub static SINK: std::sync::OnceLock<u16> = std::sync::OnceLock::new();

/// In whose name and by which means notices go out.
///
/// # Errors
/// The configuration lacks what is needed, by name.
pub fn house(workspace: &Workspace, environment: &Environment, exercise: bool) -> Result<House> {
    house_with(workspace, environment, exercise, || token_key(workspace))
}

/// The same from what is stored: nothing is written, so that what is composed is for looking at.
///
/// # Errors
/// As [`house`].
pub fn house_as_kept(workspace: &Workspace, environment: &Environment) -> Result<House> {
    house_with(workspace, environment, false, || {
        let key = workspace.ledger.setting::<ledger::Hash>(TOKEN_KEY);
        let key = workspace.block_on(key)?;
        Ok(key.map_or([0; 32], |key| *key.as_bytes()))
    })
}

fn house_with(
    workspace: &Workspace,
    environment: &Environment,
    exercise: bool,
    token_key: impl FnOnce() -> Result<[u8; 32]>,
) -> Result<House> {
    let written = &workspace.settings.response;
    let series = &workspace.settings.series;
    let need = |key: &str, what: &str| {
        Failure::new(
            format_args!("response.{key}"),
            format_args!("is not set: {what}"),
        )
        .remedy(format_args!("set it in {}", crate::config::FILE))
        .with(Exit::Configuration)
    };
    let Some((_, domain)) = written.address.split_once('@') else {
        return Err(need(
            "address",
            "notices need a mail address that they come from",
        ));
    };
    let or = |own: &str, other: &str| match own.is_empty() {
        true => other.to_owned(),
        false => own.to_owned(),
    };
    let name = Text {
        zh: or(&written.name_zh, &series.organization.zh),
        en: or(&written.name_en, &series.organization.en),
    };
    if name.zh.is_empty() || name.en.is_empty() {
        return Err(need("name_zh and name_en", "notices say who writes them"));
    }
    // From a workspace for exercises mail goes to the world that this process plays, or nowhere.
    let in_exercise = workspace.settings.exercise;
    let server = match (in_exercise, SINK.get()) {
        (true, Some(port)) => format!("smtp://127.0.0.1:{port}"),
        (true, None) => String::new(),
        (false, _) => written.smtp.clone(),
    };
    let exercise = exercise || (in_exercise && server.is_empty());
    let relay = match server.is_empty() {
        true => None,
        false => Some(relay(&server, domain, environment)?),
    };
    Ok(House {
        sender: Sender {
            name,
            address: written.address.clone(),
            phone: written.phone.clone(),
            domain: domain.to_owned(),
            appeal: written.address.clone(),
        },
        token_key: token_key()?,
        daily_most: written.daily_most.into(),
        party_most: written.party_most.into(),
        hold_over: written.hold_over as usize,
        exercise,
        relay,
        dkim: dkim_key(workspace, domain)?,
        signer: signer(workspace, environment)?,
        hooks: match in_exercise {
            true => None,
            false => hooks(workspace)?,
        },
        files: workspace.root.join(&written.files),
        node: workspace.settings.node.clone(),
        seed: Box::new(|| {
            let mut seed = [0; 32];
            let drawn = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut seed);
            // Encryption with a seed that can be guessed is none.
            assert!(drawn.is_ok(), "the system gives no random bytes");
            seed
        }),
    })
}

/// A key file of the configuration; `None` where none is named.
fn key_file(workspace: &Workspace, key: &str, path: &str) -> Result<Option<String>> {
    if path.is_empty() {
        return Ok(None);
    }
    let path = workspace.root.join(path);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::new(
            format_args!("response.{key}"),
            format_args!("{}: {error}", path.display()),
        )
        .with(Exit::Configuration)
    })?;
    Ok(Some(text))
}

/// The key that signs mail for our domain.
fn dkim_key(workspace: &Workspace, own: &str) -> Result<Option<dkim::Key>> {
    let written = &workspace.settings.response;
    let Some(pem) = key_file(workspace, "dkim_key", &written.dkim_key)? else {
        return Ok(None);
    };
    let domain = match written.dkim_domain.is_empty() {
        true => own,
        false => &written.dkim_domain,
    };
    // A signature of another domain is none of ours to whoever checks (RFC 7489 section 3.1.1).
    let aligned = own == domain || own.ends_with(&format!(".{domain}"));
    let wrong = |why: String| Failure::new("response.dkim_key", why).with(Exit::Configuration);
    if !aligned {
        return Err(wrong(format!(
            "it would sign for {domain}, but notices come from {own}"
        ))
        .remedy("set response.dkim_domain to the domain of response.address, or one above it"));
    }
    let key = dkim::Key::from_pem(&written.dkim_selector, domain, &pem);
    key.map(Some).map_err(|error| wrong(error.to_string()))
}

/// What posts webhooks; `None` where no secret is shared with anybody.
fn hooks(workspace: &Workspace) -> Result<Option<webhook::Hooks>> {
    let written = &workspace.settings.response;
    let Some(text) = key_file(workspace, "webhook_keys", &written.webhook_keys)? else {
        return Ok(None);
    };
    let keys = webhook::keys(&text);
    let keys = keys.map_err(|why| wrong_way("webhook_keys", why))?;
    Ok(Some(webhook::Hooks::new(posts(workspace)?, keys)))
}

fn wrong_way(key: &str, why: String) -> Failure {
    Failure::new(format_args!("response.{key}"), why).with(Exit::Configuration)
}

/// The way out for posts.
fn posts(workspace: &Workspace) -> Result<webhook::Way> {
    let written = &workspace.settings.response;
    let allowed = outbound::Allowed::parse(written.webhook_allow.iter().map(String::as_str))
        .map_err(|why| wrong_way("webhook_allow", why))?;
    let pem = std::fs::read("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default();
    let (lookup, roots) = (outbound::system_lookup(), probe::tls::roots(&pem).0);
    webhook::Way::new(lookup, allowed, roots).map_err(|why| wrong_way("webhook_allow", why))
}

/// The way out for posts; none from a workspace for exercises, which nothing leaves.
///
/// # Errors
/// The configuration names what cannot be used.
pub fn way(workspace: &Workspace) -> Result<Option<webhook::Way>> {
    match workspace.settings.exercise {
        true => Ok(None),
        false => posts(workspace).map(Some),
    }
}

/// The key that signs notices.
fn signer(workspace: &Workspace, environment: &Environment) -> Result<Option<openpgp::Signer>> {
    let written = &workspace.settings.response;
    let Some(armored) = key_file(workspace, "pgp_key", &written.pgp_key)? else {
        return Ok(None);
    };
    let phrase = environment.get("WATCHFIRE_PGP_PASSPHRASE").cloned();
    let phrase = phrase.map(Secret::new);
    let signer = openpgp::Signer::read(&written.address, &armored, phrase.as_ref());
    signer.map(Some).map_err(|error| {
        Failure::new("response.pgp_key", error)
            .remedy("give an armored private key, and its passphrase in WATCHFIRE_PGP_PASSPHRASE")
            .with(Exit::Configuration)
    })
}

fn relay(text: &str, domain: &str, environment: &Environment) -> Result<smtp::Relay> {
    let wrong = |why: &str| {
        Failure::new("response.smtp", format_args!("`{text}`: {why}"))
            .remedy(
                "write smtp://127.0.0.1:25, smtp+starttls://user@host:587 or smtps://user@host:465",
            )
            .with(Exit::Configuration)
    };
    let url = url::Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    let (security, port) = match url.scheme() {
        "smtp" => (smtp::Security::Plain, 25),
        "smtp+starttls" => (smtp::Security::StartTls, 587),
        "smtps" => (smtp::Security::Tls, 465),
        _ => return Err(wrong("is no address of an SMTP server")),
    };
    let host = url.host_str().ok_or_else(|| wrong("names no host"))?;
    let mut config = smtp::Config::new(host, url.port().unwrap_or(port), security, domain);
    if !url.username().is_empty() {
        let password = environment.get("WATCHFIRE_SMTP_PASSWORD").cloned();
        let password = password.ok_or_else(|| wrong("WATCHFIRE_SMTP_PASSWORD is not set"))?;
        config.login = Some((url.username().to_owned(), Secret::new(password)));
    }
    smtp::Relay::new(config).map_err(|error| wrong(&error.to_string()))
}

/// What is ours in mail that comes in.
pub fn own(workspace: &Workspace) -> Own {
    let address = workspace.settings.response.address.to_lowercase();
    let (local, domain) = address.split_once('@').unwrap_or((&address, ""));
    Own {
        verp: vec![format!("{local}+{{token}}@{domain}")],
        message_domain: domain.to_owned(),
        addresses: vec![address.clone()],
    }
}

/// What routing is told of an incident beside its row.
pub fn known(incident: &Incident) -> Known {
    let owner = OwnerClass::ALL.into_iter().rev();
    let owner = owner
        .into_iter()
        .find(|owner| incident.has_flag(owner.as_str()));
    Known {
        registrar: None,
        owner: owner.unwrap_or_default(),
    }
}

/// By which means and rules it is looked whether things are gone.
///
/// # Errors
/// The configuration names what cannot be used.
pub fn checker(workspace: &Workspace) -> Result<Checker> {
    let written = &workspace.settings.response;
    if workspace.settings.exercise {
        return Err(Failure::new(
            "an exercise",
            "looks at nothing outside: what is gone is told by its world",
        ));
    }
    let keys = ["response.probe_allow", "response.resolvers"];
    let prober = looking::prober(&written.probe_allow, &written.resolvers, keys)?;
    Ok(Checker {
        prober: Arc::new(prober),
        elsewhere: looking::elsewhere(workspace)?,
        policy: Policy::usual().map_err(|error| Failure::new("probe policy", error))?,
        markers: Markers::usual().map_err(|error| Failure::new("markers", error))?,
        rules: verify::Rules {
            interval_secs: written.verify_interval_secs,
            ..verify::Rules::default()
        },
        software: format!("Watchfire {}", env!("CARGO_PKG_VERSION")),
    })
}

/// Adds what the reference tables tell of the host and address of an incident that a complaint opens.
pub fn enrich(tables: &Tables, incident: &mut NewIncident) {
    let mut border = Vec::new();
    if let Some(ip) = incident.ip.as_deref().and_then(|ip| ip.parse().ok()) {
        let facts = tables.facts(tables.ip(ip));
        incident.country = facts.country.map(|country| country.to_string());
        incident.province = facts.province.map(|code| format!("{code:06}"));
        incident.asn = facts.asn.map(i64::from);
        incident.territory = facts.territory;
        if facts.territory == Territory::Outside {
            border.push(Border::Hosting);
        }
        if !facts.warnings.is_empty() {
            incident.flags.push("warned");
        }
    }
    if let Some(host) = &incident.host {
        let mut scratch = reference::Scratch::default();
        if let Some(facts) = tables.site(host, &mut scratch) {
            if facts.territory == Territory::Outside {
                border.push(Border::Registrar);
            }
            if facts.owner != OwnerClass::Other {
                incident.flags.push(facts.owner.as_str());
            }
            if !facts.warnings.is_empty() && !incident.flags.contains(&"warned") {
                incident.flags.push("warned");
            }
        }
    }
    border.sort();
    incident.border = border;
}

/// Reports that are looked at together.
const TOGETHER: usize = 200;

/// Looks at the events of all reports that triage was asked to look at, until `until`; how many there
/// were, and whether some are left.
///
/// # Errors
/// The rules, the lake or the ledger; what was not looked at is tried again in a minute.
pub fn triage_some(
    workspace: &Workspace,
    desk: &Desk,
    until: Timestamp,
) -> Result<(usize, Triaged, bool)> {
    let rules = rules(workspace)?;
    let ledger = &desk.ledger;
    // Whoever had these leases is dead: the right to change the workspace is ours.
    workspace.block_on(ledger.release_leases(&[triage::JOB], now().0))?;
    let mut total = Triaged::default();
    let mut reports = 0;
    loop {
        if now() >= until {
            return Ok((reports, total, true));
        }
        let mut leases = Vec::new();
        while leases.len() < TOGETHER {
            let lease = ledger.lease(now().0, "triage", &[triage::JOB], 3600);
            match workspace.block_on(lease)? {
                Some(lease) => leases.push(lease),
                None => break,
            }
        }
        if leases.is_empty() {
            return Ok((reports, total, false));
        }
        let keys: Vec<_> = leases.iter().map(|lease| lease.job.key.clone()).collect();
        match workspace.block_on(desk.triage(&rules, &keys)) {
            Ok(done) => {
                reports += keys.len();
                total.opened += done.opened;
                total.joined += done.joined;
                total.known += done.known;
                total.old += done.old;
                for lease in leases {
                    workspace.block_on(ledger.complete(lease, now().0))?;
                }
            }
            Err(error) => {
                let text = error.to_string();
                for lease in leases {
                    workspace.block_on(ledger.fail(lease, now().0, &text, 60, i32::MAX))?;
                }
                return Err(error.into());
            }
        }
    }
}
