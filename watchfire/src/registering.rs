//! Registration data for routing: where the workspace allows it, the names and addresses of incidents
//! that wait are looked up before they are decided about.

use std::time::Duration;

use ledger::{Incident, IncidentFilter, IncidentSort, Page, Reach};
use model::incident::IncidentState;
use response::Desk;
use response::rdap::{Additions, Bootstrap, Client, Findings, Limits, additions};
use response::route::Known;
use response::verify::probe;

use crate::failure::{Exit, Failure, Result};
use crate::responding;
use crate::workspace::{Workspace, now, random};

/// Incidents that are looked up in one go.
const MOST: u64 = 500;

/// The client of a workspace; `None` where `response.rdap` is off.
///
/// # Errors
/// The configuration names files that are not there or not what they should be.
pub fn client(workspace: &Workspace) -> Result<Option<Client>> {
    let written = &workspace.settings.response;
    if !written.rdap {
        return Ok(None);
    }
    let wrong = |key: &str, why: String| {
        Failure::new(format_args!("response.{key}"), why).with(Exit::Configuration)
    };
    let mut bootstrap = Bootstrap::default();
    if written.rdap_bootstrap.is_empty() {
        let why = "is empty: nobody can be asked".to_owned();
        return Err(wrong("rdap_bootstrap", why)
            .remedy("name the files dns.json, ipv4.json, ipv6.json and asn.json of IANA"));
    }
    for path in &written.rdap_bootstrap {
        let path = workspace.root.join(path);
        let bytes = std::fs::read(&path).map_err(|error| Failure::new(path.display(), error))?;
        bootstrap
            .add(&bytes)
            .map_err(|error| Failure::new(path.display(), error))?;
    }
    let allowed = outbound::Allowed::parse(written.rdap_allow.iter().map(String::as_str))
        .map_err(|why| wrong("rdap_allow", why))?;
    let pem = std::fs::read("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default();
    let limits = Limits {
        connect: Duration::from_secs(10),
        ..Limits::default()
    };
    let client = Client::new(
        bootstrap,
        outbound::system_lookup(),
        allowed,
        probe::tls::roots(&pem).0,
        limits,
    );
    client.map(Some).map_err(|why| wrong("rdap", why))
}

/// The name that was registered, of a host.
pub fn registrable(host: &str) -> Option<String> {
    static TABLES: std::sync::OnceLock<reference::Tables> = std::sync::OnceLock::new();
    let tables = TABLES.get_or_init(reference::Tables::empty);
    let mut scratch = reference::Scratch::default();
    let facts = tables.site(host, &mut scratch)?;
    facts.domain.map(str::to_owned)
}

/// The incidents that wait for a decision, the oldest first.
fn waiting(workspace: &Workspace) -> Result<Vec<Incident>> {
    let filter = IncidentFilter {
        states: vec![IncidentState::Validated],
        ..IncidentFilter::default()
    };
    let ledger = &workspace.ledger;
    let mut all = Vec::new();
    let mut offset = 0;
    while (all.len() as u64) < MOST {
        let page = Page {
            offset,
            limit: MOST,
        };
        let sort = IncidentSort::Oldest;
        let found = workspace.block_on(ledger.incidents(&filter, &Reach::All, sort, page))?;
        if found.is_empty() {
            break;
        }
        offset += found.len() as u64;
        let ids: Vec<_> = found.iter().map(Incident::incident_id).collect();
        let decided = workspace.block_on(ledger.incidents_with_directives(&ids))?;
        let open = found.into_iter();
        all.extend(open.filter(|one| !decided.contains(&one.incident_id())));
    }
    all.truncate(MOST as usize);
    Ok(all)
}

/// Looks up what waits and adds what is told to the register; nothing where `response.rdap` is off.
pub fn look_up(workspace: &Workspace, desk: &Desk) -> Result<(Findings, Additions)> {
    let Some(client) = client(workspace)? else {
        return Ok(Default::default());
    };
    let incidents = waiting(workspace)?;
    let findings = workspace.block_on(desk.look_up(Some(&client), &incidents, &registrable))?;
    let added = workspace.block_on(desk.take_registrations(&findings))?;
    Ok((findings, added))
}

/// What is kept about incidents, for a dry run: nobody is asked, nothing is stored.
pub fn kept(
    workspace: &Workspace,
    desk: &Desk,
    incidents: &[Incident],
) -> Result<(Findings, Additions)> {
    if !workspace.settings.response.rdap {
        return Ok(Default::default());
    }
    let findings = workspace.block_on(desk.look_up(None, incidents, &registrable))?;
    let register = workspace.block_on(workspace.ledger.register())?;
    let added = additions(&findings, &register, now(), &random);
    Ok((findings, added))
}

/// What routing is told of an incident beside its row.
pub fn known(findings: &Findings, incident: &Incident) -> Known {
    Known {
        registrar: findings.registrar(incident),
        ..responding::known(incident)
    }
}
