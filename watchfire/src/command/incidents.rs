//! `watchfire incidents`: what is opened, worked and closed.

mod campaigns;
mod form;
mod grading;
mod marking;
mod moving;
mod same;

use clap::Subcommand;
use ledger::{Incident, IncidentFilter, IncidentSort, NewStep, Page, Reach};
use model::incident::{CaseKind, IncidentState, Resolution, Step};
use model::time::Timestamp;
use model::worded::Word;
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::responding::{Right, incident, rules, triage};
use crate::table::{Out, Table};
use crate::weeks;
use crate::workspace::{Access, Session, Workspace, now};

/// Open, work and close incidents.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
States: open, validated, notified, acknowledged, acted, gone, closed, merged.
Kinds: phishing, malicious-app, malware-hosting, control-server, mobile-control-server,
  infected-host, defacement, backdoor, vulnerability, spam, attack, other.
Resolutions: taken-down, suspended, cleaned, patched, restored, refused, invalid, duplicate,
  no-response, stale, moved.

Examples:
  watchfire incidents triage                     look at what came in
  watchfire incidents list --state open          what waits for a person
  watchfire incidents show 704                   one, with everything that belongs to it
  watchfire incidents validate 704 705 --reason \"page looked at\"
  watchfire incidents close 704 --as invalid --reason \"a bank's own page\"
  watchfire incidents merge 706 704 --reason \"same kit\"
  watchfire incidents same 704 698 --counts 698 --reason \"the branch has it, too\"
  watchfire incidents same 704 --elsewhere \"CERT Beta\" B-118 --counts 704 --reason \"their mail\"
  watchfire incidents mark 704 --embargo 2026-12-01 --reason \"coordinated disclosure\"
  watchfire incidents preview 704                what would leave to whom, and what is held and why
  watchfire incidents grade 704 --importance important --loss severe --reason \"portal down\"
  watchfire incidents clocks                     how long there is to report
  watchfire incidents form 704 --out 704.html    what the duty due first asks to be told, for print
  watchfire incidents clock stop 3 --reason \"reported by telephone, Li\"
  watchfire incidents split 704 --events 0f3a... --what \"another page\" --reason \"not the same kit\"
  watchfire incidents campaign new \"kit 7\" 704 705 --reason \"same kit\"
  watchfire incidents campaign propose           same address or brand within a week
  watchfire incidents import old.csv --name rt   what would move in; --apply does it
  watchfire incidents rollback rt                out again, but for what was worked on
  watchfire incidents rules                      how far each rule is trusted
  watchfire incidents promote phishing-host      the second person's vote makes it automatic")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Look at the events of new reports: they open or join incidents.
    Triage,
    /// List incidents, the newest first.
    List(List),
    /// Show one with its events, directives, notices, looks and notes.
    Show {
        /// Its number or id.
        incident: String,
    },
    /// Say that incidents are true; nothing goes out before.
    Validate {
        /// Their numbers or ids.
        #[arg(required = true)]
        incidents: Vec<String>,
        /// What was looked at.
        #[arg(long)]
        reason: String,
    },
    /// Close one.
    Close {
        /// Its number or id.
        incident: String,
        /// How it ended.
        #[arg(long = "as", value_name = "RESOLUTION")]
        resolution: String,
        /// On what that rests.
        #[arg(long)]
        reason: String,
    },
    /// Open a closed one again.
    Reopen {
        /// Its number or id.
        incident: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Make one part of another.
    Merge {
        /// The part.
        part: String,
        /// The whole.
        whole: String,
        /// Why they are the same matter.
        #[arg(long)]
        reason: String,
    },
    /// Say that incidents, or another house's number, are one matter that both go on with, and who counts it.
    Same(same::Link),
    /// Say that a linked one is another matter after all.
    Apart(same::Apart),
    /// Change how far one may go, from when, whose information it is, and who may get it.
    Mark(marking::Mark),
    /// Tell what would leave to whom, and what is held back and why; nothing is stored, nothing leaves.
    Preview {
        /// Its number or id.
        incident: String,
    },
    /// Write a note on one.
    Note {
        /// Its number or id.
        incident: String,
        /// The note.
        text: String,
    },
    /// Say what is known of its harm: its grade by the schemes in force, and the clocks that begin.
    Grade(grading::Args),
    /// List the countdowns of duties to report, and what passed 50, 80 or 100 percent.
    Clocks {
        /// Only of this incident.
        incident: Option<String>,
        /// Also those that ended.
        #[arg(long, requires = "incident")]
        all: bool,
    },
    /// End a clock in your name.
    Clock {
        #[command(subcommand)]
        what: grading::ClockWhat,
    },
    /// Print the report that a duty asks for, filled from the incident.
    Form(form::Args),
    /// Keep campaigns: incidents of one hand.
    Campaign {
        #[command(subcommand)]
        what: campaigns::What,
    },
    /// Take events that are another matter out of one into a new one.
    Split {
        /// Its number or id.
        incident: String,
        /// The events, as `show` lists them.
        #[arg(long, required = true, num_args = 1.., value_delimiter = ',')]
        events: Vec<String>,
        /// What the new one is about, in one line.
        #[arg(long)]
        what: String,
        /// Why they are another matter.
        #[arg(long)]
        reason: String,
    },
    /// Bring incidents of another system in, with their numbers, dates and owners; a preview first.
    #[command(after_help = "\
Heads of a table (CSV, XLSX); number, kind, what and opened are needed, local times are of the
workspace's zone:
  number,kind,what,opened,noticed,closed,resolution,severity,owner,url,host,ip,name,brand,
  country,province,tlp

With --kind rtir the file is what RTIR's search saves as a spreadsheet, or JSON of RT's REST 2.0.
What RT's words leave open is said by --word:
  watchfire incidents import rt.tsv --name rt --kind rtir --word \"successfully resolved=cleaned\"")]
    Import(moving::Args),
    /// Take out what an import brought, but for what was worked on since.
    Rollback {
        /// Name of the import.
        name: String,
    },
    /// Show how far the rules of triage are trusted.
    Rules,
    /// Vote that what a rule opens counts as validated; two people's votes are needed.
    Promote {
        /// The rule.
        rule: String,
    },
    /// Hold what a rule opens for a person.
    Demote {
        /// The rule.
        rule: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only in this state; may be repeated.
    #[arg(long)]
    state: Vec<String>,
    /// Only of this kind; may be repeated.
    #[arg(long)]
    kind: Vec<String>,
    /// Only in this province (GB/T 2260).
    #[arg(long)]
    province: Option<String>,
    /// Only on this host.
    #[arg(long)]
    host: Option<String>,
    /// Only those of this campaign, by name or id.
    #[arg(long)]
    campaign: Option<String>,
    /// Only those whose line holds this text.
    #[arg(long)]
    text: Option<String>,
    /// Only those opened in this week: issue, date or `last`.
    #[arg(long, value_name = "WEEK")]
    opened: Option<String>,
    /// Only those counted as handled in this week.
    #[arg(long, value_name = "WEEK")]
    handled: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: u64,
    /// How many to pass over.
    #[arg(long, default_value_t = 0)]
    offset: u64,
}

pub fn run(args: Args, session: &Session) -> Result {
    let who = session.actor();
    match args.what {
        What::Triage => look(session),
        What::List(list) => print_list(&list, session),
        What::Show { incident } => show(&incident, session),
        What::Validate { incidents, reason } => {
            steps(&incidents, Step::Validate, &reason, &who, session)
        }
        What::Close {
            incident,
            resolution,
            reason,
        } => {
            let resolution: Resolution = word(&resolution)?;
            steps(&[incident], Step::Close(resolution), &reason, &who, session)
        }
        What::Reopen { incident, reason } => {
            steps(&[incident], Step::Reopen, &reason, &who, session)
        }
        What::Merge {
            part,
            whole,
            reason,
        } => {
            let workspace = session.open(Access::Write("incidents merge"))?;
            let part = incident(&workspace, &part)?;
            let whole = incident(&workspace, &whole)?;
            let ledger = &workspace.ledger;
            let merged = workspace.block_on(ledger.merge_incidents(
                part.incident_id(),
                whole.incident_id(),
                &Reach::All,
                &reason,
                &who,
                now().0,
            ))?;
            session.talk.say(format_args!(
                "#{} is part of #{} now, which has {} events",
                part.number, merged.number, merged.events
            ));
            Ok(())
        }
        What::Same(args) => same::link(&args, session),
        What::Apart(args) => same::apart(&args, session),
        What::Mark(args) => marking::mark(&args, session),
        What::Preview { incident } => marking::preview(&incident, session),
        What::Note {
            incident: which,
            text,
        } => {
            let workspace = session.open(Access::Write("incidents note"))?;
            let id = incident(&workspace, &which)?.incident_id();
            let ledger = &workspace.ledger;
            Ok(workspace.block_on(ledger.note_incident(id, &Reach::All, &text, &who, now().0))?)
        }
        What::Grade(args) => grading::run(&args, session),
        What::Clocks { incident, all } => grading::clocks(all, incident.as_deref(), session),
        What::Clock { what } => grading::end(what, session),
        What::Form(args) => form::run(&args, session),
        What::Campaign { what } => campaigns::run(what, session),
        What::Split {
            incident,
            events,
            what,
            reason,
        } => campaigns::split(&incident, &events, &what, &reason, session),
        What::Import(args) => moving::import(&args, session),
        What::Rollback { name } => moving::rollback(&name, session),
        What::Rules => print_rules(session),
        What::Promote { rule } => {
            let workspace = session.open(Access::Write("incidents promote"))?;
            known_rule(&workspace, &rule)?;
            let trust = workspace.block_on(workspace.ledger.promote_rule(&rule, &who, now().0))?;
            session.talk.say(match trust.mode {
                ledger::RuleMode::Automatic => {
                    format!("{rule}: what it opens counts as validated now")
                }
                ledger::RuleMode::Hold => format!("{rule}: the vote of a second person is needed"),
            });
            Ok(())
        }
        What::Demote { rule, reason } => {
            let workspace = session.open(Access::Write("incidents demote"))?;
            known_rule(&workspace, &rule)?;
            workspace.block_on(workspace.ledger.demote_rule(&rule, &reason, &who, now().0))?;
            session
                .talk
                .say(format_args!("{rule}: a person looks at each again"));
            Ok(())
        }
    }
}

/// Reads a word of a closed list.
pub fn word<W: Word>(text: &str) -> Result<W> {
    text.parse().map_err(|error: model::worded::UnknownWord| {
        Failure::usage(text, "is none of the words there are").remedy(error.labels)
    })
}

fn known_rule(workspace: &Workspace, name: &str) -> Result {
    let rules = rules(workspace)?;
    if rules.all().iter().any(|rule| rule.name == name) {
        return Ok(());
    }
    let names: Vec<_> = rules.all().iter().map(|rule| rule.name.clone()).collect();
    Err(
        Failure::usage(format_args!("rule {name}"), "is none of the triage rules")
            .remedy(names.join(", ")),
    )
}

fn look(session: &Session) -> Result {
    let workspace = session.open(Access::Write("incidents triage"))?;
    let (reports, done) = triage(&workspace, &Right::Held)?;
    let mut out = Out::new();
    match session.json {
        true => out.json(&json!({ "reports": reports, "triage": done }))?,
        false => out.line(format_args!(
            "{reports} reports looked at: {} incidents opened, {} events joined, {} stood there already, {} are too old for their rule",
            done.opened, done.joined, done.known, done.old
        ))?,
    }
    out.end()
}

fn steps(which: &[String], step: Step, reason: &str, who: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Write("incidents"))?;
    // All are looked up before the first is changed: a wrong number changes nothing.
    let found = which.iter().map(|one| incident(&workspace, one));
    let found = found.collect::<Result<Vec<_>>>()?;
    for one in found {
        let at = now().0;
        let new = NewStep::new(step, reason, at);
        let ledger = &workspace.ledger;
        let after =
            workspace.block_on(ledger.step(one.incident_id(), &Reach::All, new, who, at))?;
        let judged = match step {
            Step::Validate if one.state.0 == IncidentState::Open => Some(true),
            Step::Close(Resolution::Invalid) => Some(false),
            _ => None,
        };
        if let Some(right) = judged {
            workspace.block_on(ledger.judged_rule(&one.rule, right, at))?;
        }
        session
            .talk
            .say(format_args!("#{} is {}", after.number, after.state));
    }
    Ok(())
}

fn span(week: Option<&str>, workspace: &Workspace) -> Result<Option<(i64, i64)>> {
    let Some(week) = week else { return Ok(None) };
    let named = weeks::read(week, workspace, now())?;
    let (from, to) = named.week.span(&workspace.settings.zone);
    Ok(Some((from.0, to.0)))
}

fn print_list(list: &List, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let states = list.state.iter().map(|text| word::<IncidentState>(text));
    let kinds = list.kind.iter().map(|text| word::<CaseKind>(text));
    let filter = IncidentFilter {
        states: states.collect::<Result<_>>()?,
        kinds: kinds.collect::<Result<_>>()?,
        province: list.province.clone(),
        host: list.host.clone(),
        campaign: match &list.campaign {
            Some(which) => Some(campaigns::campaign(which, &workspace)?.campaign_id()),
            None => None,
        },
        text: list.text.clone(),
        opened: span(list.opened.as_deref(), &workspace)?,
        counted: span(list.handled.as_deref(), &workspace)?,
        ..IncidentFilter::default()
    };
    let ledger = &workspace.ledger;
    let page = Page {
        offset: list.offset,
        limit: list.limit,
    };
    let sort = IncidentSort::Newest;
    let found = workspace.block_on(ledger.incidents(&filter, &Reach::All, sort, page))?;
    let mut out = Out::new();
    if session.json {
        out.json(&found)?;
        return out.end();
    }
    let all = workspace.block_on(ledger.incident_count(&filter, &Reach::All))?;
    let mut table = Table::new(["#", "kind", "state", "events", "last seen", "where", "what"]);
    for one in &found {
        table.row([
            one.number.to_string(),
            one.kind.to_string(),
            state_text(one),
            one.events.to_string(),
            minute(one.last_seen_at, &workspace),
            place(one),
            one.what.clone(),
        ]);
    }
    match table.is_empty() {
        true => session.talk.say("no incidents"),
        false => table.print(&mut out)?,
    }
    out.end()?;
    if filter.campaign.is_none() {
        let counts = workspace.block_on(ledger.incident_campaigns(&filter, &Reach::All))?;
        campaigns::tell_weighty(&counts, &workspace, session)?;
    }
    if all > found.len() as u64 {
        session.talk.say(format_args!(
            "{} of {all}; --limit and --offset show others",
            found.len()
        ));
    }
    Ok(())
}

fn state_text(one: &Incident) -> String {
    match &one.resolution {
        Some(resolution) => format!("{}: {resolution}", one.state),
        None => one.state.to_string(),
    }
}

fn place(one: &Incident) -> String {
    let place = one.province.clone().or_else(|| one.country.clone());
    place.unwrap_or_default()
}

/// An instant in the reporting zone, to the minute.
pub fn minute(at: i64, workspace: &Workspace) -> String {
    let zone = workspace.settings.zone.clone();
    let at = Timestamp(at).to_jiff().map(|at| at.to_zoned_datetime(zone));
    at.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M").to_string())
}

fn show(which: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let one = incident(&workspace, which)?;
    let id = one.incident_id();
    let ledger = &workspace.ledger;
    let reach = &Reach::All;
    let events = workspace.block_on(ledger.incident_events(
        id,
        reach,
        Page {
            offset: 0,
            limit: 20,
        },
    ))?;
    let directives = workspace.block_on(ledger.directives(id))?;
    let notices = workspace.block_on(ledger.notices_about(id))?;
    let looks = workspace.block_on(ledger.verifications(id))?;
    let complaints = workspace.block_on(ledger.complaints_about(id))?;
    let holds = workspace.block_on(ledger.holds_on(id))?;
    let notes = workspace.block_on(ledger.incident_notes(id, reach))?;
    let same = workspace.block_on(ledger.same_matter(id))?;
    let marking = workspace.block_on(ledger.marking(&one))?;
    let trail =
        workspace.block_on(ledger.audit(Some(&format!("incident {id}")), Page::default()))?;
    let mut out = Out::new();
    if session.json {
        let events: Vec<_> = events.iter().map(|event| json!({ "event": hex(&event.event_id), "rule": event.rule, "joined_at": event.joined_at })).collect();
        out.json(&json!({ "incident": one, "marking": marking::value(&marking), "events": events, "directives": directives, "notices": notices,
            "verifications": looks, "complaints": complaints, "same_matter": same, "holds": holds, "notes": notes, "trail": trail }))?;
        return out.end();
    }
    out.line(format_args!(
        "#{} {}",
        one.number,
        crate::table::clean(&one.what)
    ))?;
    let mut table = Table::new(Vec::<String>::new());
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            table.row([format!("  {name}"), value]);
        }
    };
    let at = |at: i64| minute(at, &workspace);
    fact(
        "kind",
        Some(format!("{} ({})", one.kind.0.en(), one.kind.0.zh())),
    );
    fact("state", Some(state_text(&one)));
    fact("severity", Some(one.severity.to_string()));
    fact("grade", grading::told(&one));
    fact(
        "opened",
        Some(format!("{} by rule {}", at(one.opened_at), one.rule)),
    );
    fact("closed", one.closed_at.map(at));
    fact(
        "seen",
        Some(format!(
            "{} to {}",
            at(one.first_seen_at),
            at(one.last_seen_at)
        )),
    );
    fact("url", one.url.clone());
    fact("host", one.host.clone());
    fact("address", one.ip.clone());
    fact("network", one.asn.map(|asn| format!("AS{asn}")));
    fact("name", one.name.clone());
    fact("brand", one.brand.clone());
    fact("place", Some(place(&one)));
    fact("crosses the border", Some(one.border.clone()));
    fact(
        "validated",
        one.validated_at.map(|when| {
            format!(
                "{} by {}",
                at(when),
                one.validated_by.clone().unwrap_or_default()
            )
        }),
    );
    fact("notified", one.noticed_at.map(at));
    fact(
        "gone",
        one.gone_at.map(|gone| match one.last_up_at {
            Some(up) => format!("between {} and {}", at(up), at(gone)),
            None => at(gone),
        }),
    );
    fact("basis", one.basis.clone());
    fact("counted as handled", one.counted_at.map(at));
    fact("number elsewhere", one.external_number.clone());
    fact(
        "same matter as",
        Some(same::lines(&one, &same, &workspace)?.join("; ")),
    );
    fact(
        "counted elsewhere",
        one.counts_elsewhere.then(|| "in no figure here".to_owned()),
    );
    for (name, text) in marking::facts(&marking, &workspace)? {
        fact(name, Some(text));
    }
    fact("owner", one.owner.clone());
    fact("legal hold", held(&holds));
    fact("campaign", one.campaign_id.map(|id| id.to_string()));
    fact("id", Some(id.to_string()));
    table.print(&mut out)?;
    let mut section = |title: &str, lines: Vec<String>| -> Result {
        if lines.is_empty() {
            return Ok(());
        }
        out.line(format_args!("\n{title}"))?;
        for line in lines {
            out.line(format_args!("  {}", crate::table::clean(&line)))?;
        }
        Ok(())
    };
    let more = one.events - events.len() as i64;
    let mut lines: Vec<_> = events
        .iter()
        .map(|event| {
            format!(
                "{}  joined {} by {}",
                hex(&event.event_id),
                at(event.joined_at),
                event.rule
            )
        })
        .collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    section("events", lines)?;
    section(
        "complaints",
        complaints
            .iter()
            .map(|one| format!("#{} {} by {}", one.number, at(one.received_at), one.via))
            .collect(),
    )?;
    let register = workspace.block_on(ledger.register())?;
    let name = |id: Option<model::ids::OrganizationId>| {
        let found = register
            .organizations
            .iter()
            .find(|org| Some(org.id.0) == id);
        found.map_or("nobody".to_owned(), |org| org.name_en.clone())
    };
    section(
        "parties",
        directives
            .iter()
            .map(|one| {
                let state = serde_json::to_value(one.state).ok();
                let state = state
                    .as_ref()
                    .and_then(|state| state.as_str())
                    .unwrap_or_default()
                    .to_owned();
                format!(
                    "{}. {} as {}: {} [{state}] because {}",
                    one.place,
                    name(one.organization_id.map(|id| id.0)),
                    one.role,
                    one.ask,
                    one.reason
                )
            })
            .collect(),
    )?;
    section(
        "notices",
        notices
            .iter()
            .map(|one| {
                format!(
                    "#{} {} to {} [{}] {}",
                    one.number, one.kind, one.address, one.state, one.subject
                )
            })
            .collect(),
    )?;
    section(
        "looks",
        looks
            .iter()
            .map(|look| {
                format!(
                    "{} {} as {}: {} ({})",
                    at(look.at),
                    look.probe,
                    look.client,
                    look.finding,
                    look.reason
                )
            })
            .collect(),
    )?;
    section(
        "notes",
        notes
            .iter()
            .map(|note| format!("{} {}: {}", at(note.at), note.actor, note.body))
            .collect(),
    )?;
    section(
        "trail",
        trail
            .iter()
            .rev()
            .map(|row| format!("{} {} {} {}", at(row.at), row.actor, row.action, row.detail))
            .collect(),
    )?;
    out.end()
}

/// The holds that cover an incident, in words.
fn held(holds: &[ledger::Hold]) -> Option<String> {
    let told = holds.iter().map(|hold| {
        let day = Timestamp(hold.placed_at).day();
        format!(
            "{}: {} (since {day}, by {})",
            hold.id, hold.reason, hold.placed_by
        )
    });
    Some(told.collect::<Vec<_>>().join("; "))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn print_rules(session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let rules = rules(&workspace)?;
    let trusted = workspace.block_on(workspace.ledger.rules_trusted())?;
    let mut out = Out::new();
    let mut table = Table::new(["rule", "kind", "severity", "mode", "approved", "wrong", ""]);
    let mut all = Vec::new();
    for rule in rules.all() {
        let trust = trusted.iter().find(|trust| trust.rule == rule.name);
        let mode = trust.map_or("hold", |trust| match trust.mode {
            ledger::RuleMode::Hold => "hold",
            ledger::RuleMode::Automatic => "automatic",
        });
        let (approved, wrong) = trust.map_or((0, 0), |trust| (trust.approved, trust.wrong));
        let why = match trust {
            Some(trust) if mode == "hold" => trust
                .not_yet()
                .unwrap_or_else(|| "may be promoted".to_owned()),
            Some(_) => String::new(),
            None => format!("{} more approvals are needed", ledger::rule_trust::NEEDED),
        };
        all.push(
            json!({ "rule": rule.name, "kind": rule.kind, "severity": rule.severity, "mode": mode,
            "approved": approved, "wrong": wrong, "why": why }),
        );
        table.row([
            rule.name.clone(),
            rule.kind.to_string(),
            rule.severity.to_string(),
            mode.to_owned(),
            approved.to_string(),
            wrong.to_string(),
            why,
        ]);
    }
    match session.json {
        true => out.json(&all)?,
        false => table.print(&mut out)?,
    }
    out.end()
}
