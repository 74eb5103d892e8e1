//! Two weeks of work in the demo's country: complaints come in, incidents are opened, parties get mail
//! through a real SMTP conversation on this machine, answer, act or do not, and what they did is looked
//! at. The path is that of `watchfire respond`; invented are only the people.
//!
//! The country has no network that could be probed, so what looks find is told by its world
//! ([`watchfire::demo::response::act`]), as a remote vantage would tell it.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ledger::{IncidentFilter, IncidentSort, NewStep, Page, Reach};
use model::bulletin::Text;
use model::incident::{IncidentState, Step};
use model::notice::NoticeState;
use model::time::{ReportingWeek, Timestamp};
use model::verification::{Client, Finding, ProbeKind};
use response::Desk;
use response::deliver::smtp;
use response::notice::{Sender, Token};
use response::notify::House;
use response::party;
use response::route::Parties;
use response::verify::{Look, Rules};
use watchfire::demo::country::{Country, NAME_EN, NAME_ZH};
use watchfire::demo::response::{ADDRESS, Act, DEAD, WORKED_WEEKS, act, address_of, complaints};

use crate::failure::{Failure, Result};
use crate::reference_files;
use crate::responding::{enrich, identity, known, own, rules, table};
use crate::talk::Talk;
use crate::workspace::Workspace;

/// Who works in the demo.
const DUTY: &str = "liu.yang";
const LEAD: &str = "chen.jie";
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
/// Hours of the day at which the desk works a round.
const ROUNDS: [i64; 3] = [8, 13, 18];

/// What the world knows of an incident.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    fixed_at: Option<i64>,
    back_at: Option<i64>,
}

/// A mail that the loopback server took: recipient and bytes.
pub type Taken = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Works the last weeks of the demo, unless it was done before. `weeks` are all of them.
pub fn work(seed: u64, weeks: &[ReportingWeek], workspace: &Workspace, talk: &Talk) -> Result {
    let any = IncidentFilter::default();
    if workspace.block_on(workspace.ledger.incident_count(&any, &Reach::All))? > 0 {
        return Ok(());
    }
    let country = Country::new();
    let first = weeks.len().saturating_sub(WORKED_WEEKS);
    let zone = &workspace.settings.zone;
    let (begin, _) = weeks[first].span(zone);
    let clock = Arc::new(AtomicI64::new(begin.0));
    let drawn = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&clock);
    let desk = Desk {
        lake: workspace.lake.clone(),
        ledger: workspace.ledger.clone(),
        blobs: workspace.blobs.clone(),
        clock: Arc::new(move || Timestamp(told.load(Ordering::Relaxed))),
        random: Arc::new(move || {
            let at = drawn.fetch_add(1, Ordering::Relaxed);
            let hash = blake3::hash(format!("{seed}/{at}").as_bytes());
            let mut bytes = [0; 10];
            bytes.copy_from_slice(&hash.as_bytes()[..10]);
            bytes
        }),
    };
    let (parties, bad) = party::read(watchfire::demo::response::parties(&country).as_bytes());
    debug_assert!(bad.is_empty());
    let register = workspace.block_on(desk.ledger.register())?;
    let new = party::difference(parties, &register, "demo", begin, &*desk.random);
    workspace.block_on(desk.apply_parties(
        new,
        "demo",
        Some("the demo makes its register"),
        LEAD,
    ))?;
    let (port, taken) = serve()?;
    let play = Play {
        seed,
        country: &country,
        house: house(seed, port)?,
        identity: identity(workspace)?,
        workspace,
        clock,
        taken,
        tables: reference_files::tables(workspace, talk)?,
        rules: rules(workspace)?,
        table: table(workspace)?,
        desk,
    };
    workspace.block_on(
        play.desk
            .arm(&play.identity, "the demo's own country", LEAD),
    )?;
    let mut progress = talk.progress("work", (WORKED_WEEKS * 7) as u64, false);
    let mut world = World::default();
    for (place, week) in weeks.iter().enumerate().skip(first) {
        let (start, _) = week.span(zone);
        for mail in complaints(seed, place, week.monday(), &country) {
            let at = start.0 + mail.minute as i64 * MINUTE;
            world.coming.entry(at).or_default().push(mail.bytes);
        }
        for day in 0..7 {
            progress.at(((place - first) * 7 + day) as u64, || week.to_string());
            for hour in ROUNDS {
                let now = start.0 + (day as i64 * 24 + hour) * HOUR;
                play.round(now, &mut world)?;
            }
        }
    }
    progress.end();
    workspace.block_on(play.desk.disarm("the demo is over", LEAD))?;
    Ok(())
}

/// What is under way in the world.
#[derive(Default)]
struct World {
    /// Mail that arrives at an instant.
    coming: BTreeMap<i64, Vec<Vec<u8>>>,
    /// What becomes of incidents, by number.
    fates: HashMap<i64, Fate>,
}

struct Play<'a> {
    seed: u64,
    country: &'a Country,
    house: House,
    identity: String,
    workspace: &'a Workspace,
    clock: Arc<AtomicI64>,
    taken: Taken,
    tables: reference::Tables,
    rules: response::triage::Rules,
    table: response::route::Table,
    desk: Desk,
}

impl Play<'_> {
    fn round(&self, now: i64, world: &mut World) -> Result {
        let (desk, run) = (&self.desk, self.workspace);
        let later = world.coming.split_off(&(now + 1));
        for (at, mails) in std::mem::replace(&mut world.coming, later) {
            self.clock.store(at, Ordering::Relaxed);
            for mail in mails {
                run.block_on(desk.receive(&mail, "demo", Timestamp(at)))?;
            }
        }
        self.clock.store(now, Ordering::Relaxed);
        let own = own(self.workspace);
        let told = |incident: &mut ledger::NewIncident| {
            // What the world's name servers answer.
            if let Some(host) = incident.host.as_deref().filter(|_| incident.ip.is_none()) {
                let address = address_of(self.seed, host, self.country);
                incident.ip = Some(address.to_string());
            }
            enrich(&self.tables, incident);
        };
        run.block_on(desk.read_messages(&own, &self.rules, &told, Timestamp(i64::MAX)))?;
        run.block_on(desk.write_receipts(&self.house))?;
        self.validate(now)?;
        let parties = Parties::of(run.block_on(desk.ledger.register())?);
        run.block_on(desk.route(&self.table, &parties, known))?;
        let (_, reminders) = run.block_on(desk.follow_up(&parties))?;
        run.block_on(desk.write_notices(&self.house, &parties))?;
        run.block_on(desk.write_reminders(&self.house, &parties, reminders))?;
        let page = Page::ALL;
        for held in run.block_on(desk.ledger.notices(&[NoticeState::Held], page))? {
            let id = held.notice_id();
            run.block_on(desk.ledger.judge_notice(id, true, "read", LEAD, now))?;
        }
        self.looks(now, world)?;
        run.block_on(desk.write_outcomes(&self.house))?;
        run.block_on(desk.send_notices(&self.house, &self.identity, Timestamp(i64::MAX)))?;
        self.answers(now, world)
    }

    fn validate(&self, now: i64) -> Result {
        let (desk, run) = (&self.desk, self.workspace);
        let open = IncidentFilter {
            states: vec![IncidentState::Open],
            ..IncidentFilter::default()
        };
        let reach = &Reach::All;
        let sort = IncidentSort::Oldest;
        for one in run.block_on(desk.ledger.incidents(&open, reach, sort, Page::ALL))? {
            let step = NewStep::new(Step::Validate, "page looked at", now);
            run.block_on(desk.ledger.step(one.incident_id(), reach, step, DUTY, now))?;
        }
        Ok(())
    }

    /// Looks at what is due, and finds what the world says.
    fn looks(&self, now: i64, world: &World) -> Result {
        let (desk, run) = (&self.desk, self.workspace);
        let rules = Rules::default();
        let filter = IncidentFilter {
            states: vec![
                IncidentState::Notified,
                IncidentState::Acknowledged,
                IncidentState::Acted,
                IncidentState::Gone,
                IncidentState::Closed,
            ],
            ..IncidentFilter::default()
        };
        let sort = IncidentSort::Oldest;
        let found = run.block_on(desk.ledger.incidents(&filter, &Reach::All, sort, Page::ALL))?;
        for one in found {
            let fate = world.fates.get(&one.number).copied().unwrap_or_default();
            let gone =
                fate.fixed_at.is_some_and(|at| at <= now) && fate.back_at.is_none_or(|at| now < at);
            let look = Look {
                at: Timestamp(now),
                probe: ProbeKind::Http,
                client: Client::Victim,
                vantage: "demo".to_owned(),
                finding: match gone {
                    true => Finding::Gone,
                    false => Finding::Present,
                },
            };
            let reason = if gone { "not-found" } else { "same-page" };
            run.block_on(desk.told_of_look(&rules, &one, look, reason, DUTY))?;
        }
        Ok(())
    }

    /// What parties that got mail do and write.
    fn answers(&self, now: i64, world: &mut World) -> Result {
        let taken = std::mem::take(&mut *self.taken.lock().unwrap_or_else(|p| p.into_inner()));
        for (recipient, bytes) in taken {
            let text = String::from_utf8_lossy(&bytes);
            let to_us = text
                .lines()
                .find_map(|line| line.strip_prefix("Reply-To: "));
            let Some(token) =
                to_us.and_then(|to| Token::of_address(to.trim().trim_matches(['<', '>'])))
            else {
                continue;
            };
            let ledger = &self.desk.ledger;
            let run = self.workspace;
            let Some(notice) = run.block_on(ledger.notice_of(Some(token.as_str()), &[]))? else {
                continue;
            };
            if !notice.kind.0.asks() {
                continue;
            }
            let mut answered = None;
            let mut last = 0;
            for covered in run.block_on(ledger.notice_directives(notice.notice_id()))? {
                let incident = covered.incident_id.0;
                let number = run.block_on(ledger.incident(incident, &Reach::All))?.number;
                let act = act(self.seed, &recipient, number);
                let fate = world.fates.entry(number).or_default();
                let mut fix = |hours: u64| {
                    let at = now + hours as i64 * HOUR;
                    last = last.max(at);
                    fate.fixed_at = Some(fate.fixed_at.map_or(at, |known| known.min(at)));
                };
                match act {
                    Act::Fixes(hours) => {
                        fix(hours);
                        answered.get_or_insert("已处置");
                    }
                    Act::FixesSilently(hours) => fix(hours),
                    Act::Relapses(hours, back) => {
                        fix(hours);
                        fate.back_at = fate.fixed_at.map(|at| at + back as i64 * HOUR);
                        answered.get_or_insert("已处置");
                    }
                    Act::NotOurs => {
                        last = last.max(now + 3 * HOUR);
                        answered.get_or_insert("非我单位");
                    }
                    Act::Nothing => {}
                }
            }
            let Some(word) = answered else { continue };
            let word = match (word, notice.language.as_str()) {
                (word, "zh") => word,
                ("已处置", _) => "Fixed",
                _ => "Not ours",
            };
            let at = last.max(now + HOUR);
            let mail = format!(
                "From: <{recipient}>\r\nTo: <{}>\r\nSubject: Re: {}\r\nMessage-ID: <re.{}@party.example>\r\n\
                 In-Reply-To: <{}>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Transfer-Encoding: 8bit\r\n\r\n{word}\r\n",
                to_us.unwrap_or_default().trim(),
                token.tag(),
                token.as_str(),
                notice.message_id
            );
            world.coming.entry(at).or_default().push(mail.into_bytes());
        }
        Ok(())
    }
}

fn house(seed: u64, port: u16) -> Result<House> {
    let (_, domain) = ADDRESS.split_once('@').unwrap_or_default();
    let config = smtp::Config::new("127.0.0.1", port, smtp::Security::Plain, domain);
    let relay = smtp::Relay::new(config).map_err(|error| Failure::new("demo", error))?;
    let key = *blake3::hash(format!("demo tokens {seed}").as_bytes()).as_bytes();
    Ok(House {
        sender: Sender {
            name: Text {
                zh: format!("{NAME_ZH}国家网络应急中心"),
                en: format!("{NAME_EN} National Emergency Response Center"),
            },
            address: ADDRESS.to_owned(),
            phone: "000-0000".to_owned(),
            domain: domain.to_owned(),
            appeal: ADDRESS.to_owned(),
        },
        token_key: key,
        daily_most: 10_000,
        party_most: 1_000,
        hold_over: 100,
        exercise: false,
        relay: Some(relay),
        dkim: None,
        signer: None,
        hooks: None,
        files: "outbox".into(),
        node: None,
        seed: Box::new(move || key),
    })
}

/// The mail server of the demo's parties: takes what it is given, but for one mailbox that is gone.
///
/// # Errors
/// The machine gives no port.
pub fn serve() -> Result<(u16, Taken)> {
    let failed = |error: std::io::Error| Failure::new("demo mail server", error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let taken = Taken::default();
    let kept = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A conversation that breaks off is the sender's to repeat.
            let _ = converse(stream, &kept);
        }
    });
    Ok((port, taken))
}

fn converse(stream: TcpStream, taken: &Taken) -> std::io::Result<()> {
    let mut write = stream.try_clone()?;
    let mut lines = BufReader::new(stream).split(b'\n');
    let mut recipient = String::new();
    write.write_all(b"220 parties.example ESMTP\r\n")?;
    while let Some(line) = lines.next().transpose()? {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-parties.example\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                recipient = address.to_owned();
                match address == DEAD {
                    true => b"550 5.1.1 user unknown\r\n",
                    false => b"250 2.1.5 ok\r\n",
                }
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n")?;
                let mut bytes = Vec::new();
                for line in lines.by_ref() {
                    let line = line?;
                    if line == b".\r" {
                        break;
                    }
                    bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
                    bytes.push(b'\n');
                }
                let mut all = taken.lock().unwrap_or_else(|p| p.into_inner());
                all.push((recipient.clone(), bytes));
                b"250 2.0.0 taken\r\n"
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        write.write_all(answer)?;
    }
    Ok(())
}
