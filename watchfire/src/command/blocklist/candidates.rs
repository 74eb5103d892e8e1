//! What is proposed: incidents that a look found up, and the indicators of feeds whose terms let them be
//! published.

use bulletin::blocklist::gate::{Candidate, Gate, Refusal};
use ledger::{Incident, IncidentFilter, IncidentSort, NewListed, Page, Reach};
use model::feed::Publishable;
use model::ids::EventId;
use model::incident::{CaseKind, IncidentState};
use model::marking::{Marking, To};
use model::time::{MICROS_PER_DAY, Timestamp};
use model::tlp::Tlp;
use model::worded::Word;
use response::verify::strip::strip;
use serde_json::json;
use url::Url;

use super::proposer;
use crate::blocklisting::{self, list_of, list_of_class};
use crate::command::query::rows;
use crate::failure::{Failure, Result};
use crate::reference_files;
use crate::responding::incident;
use crate::table::Out;
use crate::workspace::{Access, Session, Workspace, now};

/// Events of an incident that are asked for their source and marking.
const EVENTS: u64 = 200;

#[derive(Debug, clap::Args)]
pub struct Propose {
    /// Only these incidents, by number or id; may be repeated.
    #[arg(long, conflicts_with = "feed")]
    incident: Vec<String>,
    /// What the centre found itself goes to everybody, although its cases are marked higher: why.
    #[arg(long, value_name = "REASON", requires = "incident")]
    release: Option<String>,
    /// The site is somebody else's and was hacked: name the one URL.
    #[arg(long, requires = "incident")]
    hacked: bool,
    /// Also what a person took off before.
    #[arg(long, requires = "incident")]
    again: bool,
    /// From the events of this feed.
    #[arg(long)]
    feed: Option<String>,
}

/// A proposal, or why there is none.
type Judged = (String, Result<NewListed, String>);

pub fn propose(args: Propose, session: &Session) -> Result {
    let workspace = session.open(Access::Write("blocklist propose"))?;
    blocklisting::need_on(&workspace)?;
    if args
        .release
        .as_ref()
        .is_some_and(|reason| reason.trim().is_empty())
    {
        return Err(Failure::usage("--release", "needs a reason: say why"));
    }
    let tables = reference_files::tables(&workspace, &session.talk)?;
    let gate = blocklisting::gate(&workspace, &tables)?;
    let by_hand = !args.incident.is_empty();
    let judged = match &args.feed {
        Some(feed) => of_feed(&workspace, &gate, feed)?,
        None => of_incidents(&workspace, &gate, &args, session)?,
    };
    let (mut new, mut refused) = (Vec::new(), Vec::new());
    for (what, one) in judged {
        match one {
            Ok(one) => new.push(one),
            Err(why) => refused.push((what, why)),
        }
    }
    let actor = proposer(by_hand, session);
    let ledger = &workspace.ledger;
    let done = workspace.block_on(ledger.propose_listings(new, args.again, &actor, now().0))?;
    for (what, why) in &refused {
        let line = format!("{what}: {why}");
        match by_hand {
            true => session.talk.warn(line),
            false => session.talk.detail(line),
        }
    }
    let mut out = Out::new();
    match session.json {
        true => out.json(&json!({ "proposals": done, "refused": refused }))?,
        false => out.line(format_args!(
            "{} proposed, {} extended, {} known, {} taken off before, {} refused by the gate",
            done.proposed,
            done.extended,
            done.known,
            done.barred,
            refused.len()
        ))?,
    }
    out.end()
}

fn of_incidents(
    workspace: &Workspace,
    gate: &Gate<'_>,
    args: &Propose,
    session: &Session,
) -> Result<Vec<Judged>> {
    use IncidentState::*;
    let all = match args.incident.is_empty() {
        false => {
            let named = args.incident.iter().map(|one| incident(workspace, one));
            named.collect::<Result<Vec<_>>>()?
        }
        true => {
            let kinds = CaseKind::ALL.iter().copied();
            let filter = IncidentFilter {
                states: vec![Validated, Notified, Acknowledged, Acted],
                kinds: kinds.filter(|kind| list_of(*kind).is_some()).collect(),
                ..IncidentFilter::default()
            };
            let ledger = &workspace.ledger;
            let found = ledger.incidents(&filter, &Reach::All, IncidentSort::Oldest, Page::ALL);
            workspace.block_on(found)?
        }
    };
    let mut judged = Vec::with_capacity(all.len());
    for one in &all {
        let new = of_incident(workspace, gate, one, args, session)?;
        judged.push((format!("incident {}", one.number), new));
    }
    Ok(judged)
}

fn of_incident(
    workspace: &Workspace,
    gate: &Gate<'_>,
    one: &Incident,
    args: &Propose,
    session: &Session,
) -> Result<Result<NewListed, String>> {
    let refuse = |why: &str| Ok(Err(why.to_owned()));
    let Some((list, class)) = list_of(one.kind.0) else {
        return refuse("nothing is blocked for incidents of its kind");
    };
    if !one.state.0.is_live() || matches!(one.state.0, IncidentState::Open | IncidentState::Gone) {
        return refuse("is not validated, or is gone");
    }
    // Its TLP is asked below: what the centre found itself, a person releases.
    let marking = Marking {
        tlp: Tlp::Clear,
        ..workspace.block_on(workspace.ledger.marking(one))?
    };
    if let Err(why) = marking.may_leave(To::Everybody, now()) {
        return Ok(Err(why.to_string()));
    }
    // The last look that says anything says that it is there.
    let looks = workspace.block_on(workspace.ledger.verifications(one.id.0))?;
    let last = looks
        .iter()
        .rev()
        .find(|look| look.finding.0.is_up() || look.finding.0.is_down());
    let Some(last) = last.filter(|look| look.finding.0.is_up()) else {
        return refuse("no verification found it up: `watchfire verify`");
    };
    let expires_at = last.at + i64::from(workspace.settings.lists.days) * MICROS_PER_DAY;
    if expires_at <= now().0 {
        return refuse("was last found up too long ago: verify it again");
    }
    let (feeds, marked) = sources(workspace, one)?;
    let own = matches!(one.origin.as_str(), "triage" | "complaint");
    let tlp = match &args.release {
        // Only what the centre found itself is the centre's to release.
        Some(_) if own => marked,
        _ => marked.max(one.tlp.0),
    };
    let feed = |name: &String| {
        let source = workspace.settings.catalogue.get(name).ok();
        source.is_some_and(|source| source.feed.publishable == Publishable::Indicators)
    };
    let allows = one.complaints > 0 || feeds.is_empty() || feeds.iter().any(feed);
    if let Err(why) = Gate::may_publish(tlp, &feeds.join(", "), allows) {
        let remedy = match (&why, own) {
            (Refusal::NotClear(_), true) if marked.is_public() => "; --release REASON releases it",
            _ => "",
        };
        return Ok(Err(format!("{why}{remedy}")));
    }
    let url = one.url.as_deref().map(without_persons);
    let control = matches!(
        one.kind.0,
        CaseKind::ControlServer | CaseKind::MobileControlServer
    );
    let named = gate.name(&Candidate {
        url: url.as_deref(),
        host: one.host.as_deref(),
        network: one.ip.as_deref(),
        control,
        hacked: args.hacked,
    });
    let named = match named {
        Ok(named) => named,
        Err(why) => return Ok(Err(why.to_string())),
    };
    let released = args.release.as_ref().map_or_else(String::new, |reason| {
        format!("; released by {}: {reason}", session.actor())
    });
    Ok(Ok(NewListed {
        list: list.to_owned(),
        kind: named.kind,
        value: named.value,
        classification: class.to_owned(),
        incident: Some(format!("incident {}", one.number)),
        feed: None,
        licence: workspace.settings.lists.licence.clone(),
        grounds: format!("{}{released}", named.grounds),
        verified_at: last.at,
        expires_at,
    }))
}

/// The feeds that an incident's events came from, and the highest marking of these.
fn sources(workspace: &Workspace, one: &Incident) -> Result<(Vec<String>, Tlp)> {
    let page = Page {
        offset: 0,
        limit: EVENTS,
    };
    let ledger = &workspace.ledger;
    let joined = workspace.block_on(ledger.incident_events(one.id.0, &Reach::All, page))?;
    let ids: Vec<String> = joined
        .iter()
        .filter_map(|event| <[u8; 16]>::try_from(event.event_id.as_slice()).ok())
        .map(|id| format!("'{}'", EventId(id)))
        .collect();
    if ids.is_empty() {
        return Ok((Vec::new(), Tlp::Clear));
    }
    let (_, parts) = workspace.parts(None)?;
    let sql = format!(
        "SELECT DISTINCT feed, coalesce(tlp, '') FROM events WHERE event_id IN ({}) ORDER BY 1, 2",
        ids.join(", ")
    );
    let (mut feeds, mut marked) = (Vec::new(), Tlp::Clear);
    for row in rows(workspace, &parts, &sql)? {
        if let [feed, tlp] = row.as_slice() {
            marked = marked.max(marking(tlp));
            feeds.push(feed.clone());
        }
    }
    feeds.dedup();
    Ok((feeds, marked))
}

/// A marking as an event bears it; one that cannot be read is none that may be published.
fn marking(text: &str) -> Tlp {
    match text {
        "" => Tlp::Clear,
        text => Tlp::read(text).unwrap_or(Tlp::Red),
    }
}

/// A URL without what tells of persons: it is to be published.
fn without_persons(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => strip(&url).0.to_string(),
        Err(_) => text.to_owned(),
    }
}

fn of_feed(workspace: &Workspace, gate: &Gate<'_>, name: &str) -> Result<Vec<Judged>> {
    let source = workspace.settings.catalogue.get(name)?;
    let feed = &source.feed;
    if feed.publishable != Publishable::Indicators {
        return Err(Failure::new(
            format_args!("feed {name}"),
            "its terms do not let indicators be published",
        )
        .remedy(
            "where its licence does, set publishable = \"indicators\" and say so in its terms",
        ));
    }
    let days = i64::from(workspace.settings.lists.days) * MICROS_PER_DAY;
    let since = Timestamp(now().0 - days).to_string();
    let since = since.replace('T', " ").trim_end_matches('Z').to_owned();
    let (_, parts) = workspace.parts(None)?;
    let sql = format!(
        "SELECT class_type, coalesce(source_url, ''), coalesce(source_host, ''), \
         coalesce(source_ip, ''), coalesce(tlp, ''), \
         CAST(max(CAST(observed_at AS BIGINT)) AS VARCHAR) \
         FROM events WHERE feed = '{}' AND observed_at >= TIMESTAMP '{since}' \
         AND class_type IN ('phishing', 'malware-distribution', 'c2-server') \
         GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5",
        feed.name
    );
    let mut judged = Vec::new();
    for row in rows(workspace, &parts, &sql)? {
        let [class, url, host, ip, tlp, seen] = row.as_slice() else {
            continue;
        };
        let Some(list) = list_of_class(class) else {
            continue;
        };
        let verified_at = seen.parse().unwrap_or(0);
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        let url = some(url).map(|url| without_persons(&url));
        let (host, ip) = (some(host), some(ip));
        let candidate = Candidate {
            url: url.as_deref(),
            host: host.as_deref(),
            network: ip.as_deref(),
            control: class == "c2-server",
            hacked: false,
        };
        let named =
            Gate::may_publish(marking(tlp), name, true).and_then(|()| gate.name(&candidate));
        let what = url.clone().or(host.clone()).or(ip.clone());
        let new = named.map_err(|why| why.to_string()).map(|named| NewListed {
            list: list.to_owned(),
            kind: named.kind,
            value: named.value,
            classification: class.clone(),
            incident: None,
            feed: Some(feed.name.clone()),
            licence: feed.licence.clone(),
            grounds: named.grounds.to_owned(),
            verified_at,
            expires_at: verified_at + days,
        });
        judged.push((what.unwrap_or_default(), new));
    }
    Ok(judged)
}
