//! What was done, from a ledger that was filled as the program fills it: opened, validated, asked, gone,
//! closed; to the figures, their explanation, the frozen week and the printed bulletin.

use std::collections::BTreeMap;

use bulletin::compose::{Cover, compose};
use bulletin::editorial::Around;
use bulletin::frozen::FrozenWeek;
use bulletin::rating::{DEFAULT_RATING, DEFAULT_VULNERABILITY, Profile};
use bulletin::render::{self, Fonts};
use bulletin::sections::figures::Names;
use bulletin::statistics;
use bulletin::statistics::explain::Line;
use bulletin::week::{Freeze, Week};
use jiff::tz::TimeZone;
use lake::Lake;
use ledger::incident::{Period, Triage};
use ledger::{
    Hash, Ledger, Move, NewDirective, NewIncident, NewNotice, NewOrganization, NewStep,
    NewVerification, Reach,
};
use model::bulletin::{Bulletin, Direction, Lang, Publisher, SeriesTitle, State, Text, Tlp};
use model::ids::{DirectiveId, IncidentId, NoticeId, OrganizationId, VerificationId};
use model::incident::{Border, CaseKind, Resolution, Severity, Step};
use model::issue::NumberingScheme;
use model::notice::{NoticeKind, NoticeState};
use model::organization::{Channel, Role};
use model::statistic::{Measured, Missing, Quantity, Statistic};
use model::territory::Territory;
use model::time::{ReportingWeek, Timestamp};
use model::verification::{Client, Finding, ProbeKind};

use crate::render::golden::compare;

mod definitions;

/// 2023-01-09T00:00:00Z, a Monday.
const MONDAY: i64 = 1_673_222_400_000_000;
const HOUR: i64 = 3_600_000_000;
const WEEK: i64 = 7 * 24 * HOUR;
const WHO: &str = "person:test";

/// A centre at work.
struct Desk {
    _folder: tempfile::TempDir,
    ledger: Ledger,
    lake: Lake,
    drawn: u16,
}

impl Desk {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Desk {
            ledger: Ledger::open(&folder.path().join("ledger.db"))
                .await
                .expect("opens"),
            lake: Lake::open(&folder.path().join("lake"), 64 << 20, 1).expect("opens"),
            _folder: folder,
            drawn: 0,
        }
    }

    fn random(&mut self) -> [u8; 10] {
        self.drawn += 1;
        let mut bytes = [0; 10];
        bytes[8..].copy_from_slice(&self.drawn.to_be_bytes());
        bytes
    }

    async fn organization(&mut self, role: Role, name: &str) -> OrganizationId {
        let id = OrganizationId::draw(Timestamp(MONDAY), self.random());
        let new = NewOrganization {
            id,
            name_zh: name.to_owned(),
            name_en: name.to_owned(),
            roles: vec![role],
            country: None,
            province: None,
            zone: "UTC".to_owned(),
            language: "en".to_owned(),
            interval_secs: 0,
            source: "manual".to_owned(),
            protected: true,
            contacts: vec![],
            responsible: vec![],
        };
        let stored = self.ledger.add_organizations(vec![new], WHO, MONDAY).await;
        stored.expect("stored");
        id
    }

    /// Opens an incident that a person finds true at once.
    async fn open(&mut self, kind: CaseKind, url: &str, border: &[Border], at: i64) -> IncidentId {
        let id = IncidentId::draw(Timestamp(at), self.random());
        let government = kind == CaseKind::Defacement;
        let new = NewIncident {
            id,
            kind,
            severity: Severity::Medium,
            rule: "test".to_owned(),
            key: id.to_string(),
            what: url.to_owned(),
            url: Some(url.to_owned()),
            host: None,
            ip: None,
            asn: None,
            name: None,
            brand: None,
            country: None,
            province: None,
            territory: Territory::Inside,
            border: border.to_vec(),
            flags: if government {
                vec!["government"]
            } else {
                vec![]
            },
            owner: None,
            tlp: model::tlp::Tlp::Green,
            origin: "triage".to_owned(),
            external_number: None,
            first_seen_at: at,
            last_seen_at: at,
            validated_by: None,
        };
        let triage = Triage {
            opened: vec![new],
            ..Triage::default()
        };
        let done = self.ledger.commit_triage(triage, "test", WHO, at).await;
        done.expect("opened");
        self.step(id, Step::Validate, at).await;
        id
    }

    async fn step(&self, id: IncidentId, step: Step, at: i64) {
        let new = NewStep::new(step, "looked at", at);
        let done = self.ledger.step(id, &Reach::All, new, WHO, at).await;
        done.unwrap_or_else(|error| panic!("{step:?}: {error}"));
    }

    /// Asks a party: decided, written, sent.
    async fn ask(
        &mut self,
        incident: IncidentId,
        role: Role,
        organization: OrganizationId,
        at: i64,
    ) -> DirectiveId {
        let id = DirectiveId::draw(Timestamp(at), self.random());
        let directive = NewDirective {
            id,
            incident,
            place: 1,
            role,
            organization: Some(organization),
            ask: "remove".to_owned(),
            reason: "test".to_owned(),
            target_secs: 24 * 3600,
            working_days: None,
        };
        let decided = self.ledger.decide(vec![directive], WHO, at).await;
        decided.expect("decided");
        let notice = NoticeId::draw(Timestamp(at), self.random());
        let new = NewNotice {
            id: notice,
            kind: NoticeKind::First,
            organization,
            contact: None,
            channel: Channel::Files,
            address: "out".to_owned(),
            format: None,
            language: "en".to_owned(),
            subject: "notice".to_owned(),
            token: notice.to_string(),
            message_id: format!("{notice}@cert.example"),
            thread: vec![],
            body: Hash::of(b"notice"),
            hold_reason: None,
            approved_by: None,
            exercise: false,
            covers: vec![(id, incident)],
        };
        let written = self.ledger.write_notices(vec![new], WHO, at).await;
        written.expect("written");
        let taken = self.ledger.take_notice(at).await.expect("taken");
        assert_eq!(taken.map(|taken| taken.notice_id()), Some(notice));
        let sent = Move {
            to: NoticeState::Sent,
            reply: "250".to_owned(),
            next_at: None,
        };
        let moved = self.ledger.move_notice(notice, sent, WHO, at).await;
        moved.expect("sent");
        id
    }

    /// Found gone and closed.
    async fn down(&self, incident: IncidentId, at: i64) {
        self.step(incident, Step::FindGone, at).await;
        self.step(incident, Step::Close(Resolution::TakenDown), at + HOUR)
            .await;
    }

    async fn number(&self, id: IncidentId) -> i64 {
        let rows = self.ledger.incidents_handled((0, i64::MAX)).await;
        let rows = rows.expect("read");
        rows.iter()
            .find(|row| row.id.0 == id)
            .expect("handled")
            .number
    }

    async fn freeze(&self, monday: i64, past: &[FrozenWeek]) -> FrozenWeek {
        self.freeze_by(&statistics::all(), monday, past).await
    }

    async fn freeze_by(
        &self,
        declared: &[&'static Statistic],
        monday: i64,
        past: &[FrozenWeek],
    ) -> FrozenWeek {
        let week = ReportingWeek::containing(Timestamp(monday).day().date());
        let rating = Profile::named(DEFAULT_RATING, &[]).expect("built in");
        let vulnerability = Profile::named(DEFAULT_VULNERABILITY, &[]).expect("built in");
        let with = Freeze {
            series: "weekly",
            issue: NumberingScheme::SundayOrdinal
                .issue(week)
                .expect("numbered"),
            zone_name: "UTC",
            coverage: &[],
            reference: "none",
            source_schemas: vec![],
            program: "test",
            statistics: declared,
            past,
            rating: &rating,
            vulnerability: &vulnerability,
        };
        self.week(week).freeze(with).await.expect("frozen")
    }

    fn week(&self, week: ReportingWeek) -> Week<'_> {
        Week {
            lake: &self.lake,
            ledger: &self.ledger,
            feeds: &[],
            week,
            zone: const { &TimeZone::UTC },
            snapshot: 0,
        }
    }

    /// The lines behind a figure, counted by cell.
    async fn explain(&self, monday: i64, id: &str) -> BTreeMap<String, Vec<String>> {
        let week = ReportingWeek::containing(Timestamp(monday).day().date());
        let mut cells: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut each = |line: Line| {
            assert!(line.feeds.is_empty() && line.events.is_empty());
            cells.entry(line.input).or_default().push(line.key);
        };
        let statistic = statistics::named(id).expect("declared");
        let told = self.week(week).explain(statistic, &mut each).await;
        told.expect("explained");
        cells
    }
}

/// Incidents that a test comes back to.
struct Worked {
    /// Taken down in the week.
    taken_down: IncidentId,
    /// Its platform says that it acted; goes on.
    acted: IncidentId,
    /// Asked about in the week, without an outcome.
    waiting: IncidentId,
}

/// A week of work from a Monday on. Ten incidents come to an outcome: seven of phishing (one refused)
/// and three of malicious apps (one refused); two wait, one was none.
async fn week_of_work(desk: &mut Desk, monday: i64) -> Worked {
    let registrar = desk.organization(Role::Registrar, "Registrar A").await;
    let cert = desk.organization(Role::OverseasCert, "CERT B").await;
    let platform = desk.organization(Role::AppPlatform, "Platform C").await;
    let other = desk.organization(Role::AppPlatform, "Platform D").await;
    let branch = desk.organization(Role::ProvincialBranch, "Branch E").await;
    let abroad = [Border::Hosting, Border::Registrar];

    let taken_down = desk
        .open(CaseKind::Phishing, "http://a.example/1", &abroad, monday)
        .await;
    desk.ask(taken_down, Role::Registrar, registrar, monday + HOUR)
        .await;
    desk.down(taken_down, monday + 6 * HOUR).await;
    for (n, hours) in [2, 8, 20, 30, 40].into_iter().enumerate() {
        let url = format!("http://b{n}.example/");
        let id = desk.open(CaseKind::Phishing, &url, &[], monday).await;
        desk.ask(id, Role::Registrar, registrar, monday).await;
        if n == 0 {
            desk.step(id, Step::Acknowledge, monday + HOUR).await;
        }
        desk.down(id, monday + hours * HOUR).await;
    }
    let refused = desk
        .open(
            CaseKind::Phishing,
            "http://c.example/",
            &[Border::Party],
            monday,
        )
        .await;
    desk.ask(refused, Role::Registrar, registrar, monday).await;
    desk.ask(refused, Role::OverseasCert, cert, monday + 24 * HOUR)
        .await;
    let at = monday + 50 * HOUR;
    desk.step(refused, Step::Close(Resolution::Refused), at)
        .await;
    let waiting = desk
        .open(CaseKind::Phishing, "http://d.example/", &[], monday)
        .await;
    desk.ask(waiting, Role::Registrar, registrar, monday).await;
    let look = NewVerification {
        id: VerificationId::draw(Timestamp(monday), desk.random()),
        incident: waiting,
        at: monday + 3 * HOUR,
        probe: ProbeKind::Http,
        client: Client::Plain,
        vantage: "local".to_owned(),
        finding: Finding::Inconclusive,
        reason: "403".to_owned(),
        detail: serde_json::json!({}),
        evidence: None,
    };
    let looked = desk
        .ledger
        .add_verification(look, None, WHO, monday + 3 * HOUR);
    looked.await.expect("stored");

    // Two incidents of one address at one platform: one URL, one platform.
    let mut acted = Vec::new();
    for _ in 0..2 {
        let url = "http://apps.example/bad.apk";
        let id = desk.open(CaseKind::MaliciousApp, url, &[], monday).await;
        let directive = desk.ask(id, Role::AppPlatform, platform, monday).await;
        let at = monday + 30 * HOUR;
        let what = serde_json::json!({ "acted": true });
        let edit = |row: &mut ledger::Directive| row.acted_at = Some(at);
        let edited = desk.ledger.edit_directive(directive, what, edit, WHO, at);
        edited.await.expect("edited");
        desk.step(id, Step::Act, at).await;
        acted.push(id);
    }
    // A platform that refuses acted on nothing.
    let stays = desk
        .open(
            CaseKind::MaliciousApp,
            "http://apps.test/x.apk",
            &[],
            monday,
        )
        .await;
    desk.ask(stays, Role::AppPlatform, other, monday).await;
    desk.step(stays, Step::Close(Resolution::Refused), at).await;

    let defaced = desk
        .open(CaseKind::Defacement, "http://gov.example/", &[], monday)
        .await;
    desk.ask(defaced, Role::ProvincialBranch, branch, monday)
        .await;
    let none = desk
        .open(CaseKind::Phishing, "http://bank.example/", &[], monday)
        .await;
    desk.ask(none, Role::Registrar, registrar, monday).await;
    desk.step(none, Step::Close(Resolution::Invalid), at).await;
    Worked {
        taken_down,
        acted: acted[0],
        waiting,
    }
}

fn count(week: &FrozenWeek, key: &str) -> u64 {
    let (id, part) = key.split_once('/').unwrap_or((key, ""));
    let value = week.value(id).expect("declared");
    let measured = match part {
        "" => &value.measured,
        part => value
            .part(part)
            .unwrap_or_else(|| panic!("{key} is not there")),
    };
    match measured.quantity() {
        Some(Quantity::Count(counted)) => counted.count,
        Some(Quantity::Ratio { numerator, .. }) => numerator.count,
        other => panic!("{key} is {other:?}"),
    }
}

fn printed(this: &FrozenWeek, past: &[FrozenWeek]) -> Bulletin {
    let cover = Cover {
        series: SeriesTitle {
            id: "weekly".into(),
            title: Text::new("周报", "Weekly"),
        },
        publisher: Publisher {
            name: Text::same("Example CERT"),
            about: None,
        },
        tlp: Tlp::Clear,
        state: State::Draft,
        revision: 1,
        corrections: vec![],
        banner: None,
        published: None,
        around: &Around::default(),
        names: Names {
            province: &|_| None,
            sector: &|_| None,
        },
    };
    compose(this, past, cover).expect("a sound bulletin")
}

/// Strip and section in one language, as text.
fn told(bulletin: &Bulletin, lang: Lang) -> String {
    let mut out = Vec::new();
    for cell in bulletin.handling.iter().flat_map(|strip| &strip.cells) {
        let late = if cell.overdue { " !" } else { "" };
        out.push(format!(
            "{} | {} {} | {}{late}",
            cell.name.get(lang),
            cell.amount.get(lang),
            cell.unit.get(lang),
            cell.note.get(lang)
        ));
    }
    let section = bulletin.sections.iter().find(|one| one.id == "handling");
    if let Some(section) = section {
        out.push(format!("# {}", section.title.get(lang)));
        out.extend(section.paragraphs.iter().map(|part| part.plain(lang)));
        for table in section
            .tables
            .iter()
            .chain(section.charts.iter().map(|chart| &chart.table))
        {
            for row in &table.rows {
                let cells: Vec<&str> = row.cells.iter().map(|cell| cell.text.get(lang)).collect();
                out.push(format!("{}: {}", row.name.get(lang), cells.join(" | ")));
            }
        }
        for chart in &section.charts {
            out.push(format!(
                "[{}] {} / {} / {}",
                chart.number,
                chart.title.get(lang),
                chart.subtitle.get(lang),
                chart.alt.get(lang)
            ));
        }
        out.extend(section.note.iter().map(|note| note.get(lang).to_owned()));
    }
    out.push(String::new());
    out.join("\n")
}

#[tokio::test]
async fn a_week_of_work_is_counted_case_by_case_and_opens_to_its_incidents() {
    let mut desk = Desk::new().await;
    let worked = week_of_work(&mut desk, MONDAY).await;
    let week = desk.freeze(MONDAY, &[]).await;
    for (key, expected) in [
        ("I1", 10),
        ("I1/ended", 6),
        ("I1/acted", 2),
        ("I1/refused", 2),
        ("I1/no-response", 0),
        ("I1/moved", 0),
        ("I1/reopened", 0),
        ("I2", 2),
        ("I2/hosting", 1),
        ("I2/registrar", 1),
        ("I2/party", 1),
        ("I2/victim", 0),
        ("I3", 7),
        ("I3/partners", 7),
        ("I3/registrar", 7),
        ("I3/overseas-cert", 1),
        ("I4", 1),
        ("I5", 1),
        ("I6/phishing", 7),
        ("I6/malicious-app", 3),
        ("I7/registrar", 7),
        ("I7/app-platform", 3),
        ("I7/overseas-cert", 1),
        // Twelve were asked about; six are down, the sixth after 40 hours.
        ("T1/n", 12),
        ("T1/open", 6),
        ("T1/inconclusive", 1),
        ("T1", 40 * 60),
        ("T2", 4),
        ("T3/n", 12),
        ("T3/open", 9),
        ("S1", 4),
        ("S1/overdue", 2),
        ("S1/government", 1),
        ("S1/opened", 13),
        ("S1/closed", 9),
    ] {
        assert_eq!(count(&week, key), expected, "{key}");
    }
    let missing = |key: &str| week.value(key).and_then(|value| value.measured.missing());
    assert_eq!(missing("T3"), Some(&Missing::TooFew));
    let ranked = &week.value("I7").expect("there").measured;
    assert!(
        matches!(ranked, Measured::Available { quantity: Quantity::Rank { names } }
            if *names == ["registrar", "app-platform", "overseas-cert"]),
        "{ranked:?}"
    );

    // Every cell opens to as many lines as it counts, and the lines name the incidents.
    let lines = |cells: &BTreeMap<String, Vec<String>>, cell: &str| cells[cell].len() as u64;
    let cells = desk.explain(MONDAY, "I1").await;
    assert_eq!(lines(&cells, "handled.incident"), 10);
    assert_eq!(lines(&cells, "handled.outcome/refused"), 2);
    let own = format!("incident {}", desk.number(worked.taken_down).await);
    assert!(cells["handled.outcome/ended"].contains(&own));
    for (id, key, cell) in [
        ("I2", "I2", "handled.cross-border"),
        ("I3", "I3/overseas-cert", "handled.phishing.overseas-cert"),
        ("I4", "I4", "handled.platform"),
        ("I5", "I5", "handled.url"),
        ("I6", "I6/malicious-app", "handled.kind/malicious-app"),
        ("I7", "I7/registrar", "handled.role/registrar"),
        ("T1", "T1/open", "takedown.open"),
        ("T2", "T2", "takedown.within-day"),
        ("T3", "T3/open", "acknowledge.open"),
        ("S1", "S1", "stock.open"),
        ("S1", "S1/overdue", "stock.overdue"),
        ("S1", "S1/government", "stock.government"),
    ] {
        let cells = desk.explain(MONDAY, id).await;
        assert_eq!(lines(&cells, cell), count(&week, key), "{cell}");
    }
    let platforms = desk.explain(MONDAY, "I4").await;
    assert!(
        platforms["handled.platform"][0].starts_with("Platform C (incidents "),
        "{platforms:?}"
    );
    let parties = desk.explain(MONDAY, "I7").await;
    assert!(
        parties["handled.role/overseas-cert"][0].ends_with(": CERT B"),
        "{parties:?}"
    );
    // The same records freeze to the same bytes.
    assert_eq!(desk.freeze(MONDAY, &[]).await.to_json(), week.to_json());
}

#[tokio::test]
async fn before_the_first_handled_incident_nothing_is_said_and_nothing_is_zero() {
    let mut desk = Desk::new().await;
    let empty = desk.freeze(MONDAY, &[]).await;
    week_of_work(&mut desk, MONDAY + WEEK).await;
    let before = desk.freeze(MONDAY, &[]).await;
    // Incidents of a later week change nothing, not a byte.
    assert_eq!(before.to_json(), empty.to_json());
    for id in ["I1", "I4", "I7", "T1", "S1"] {
        let value = before.value(id).expect("declared");
        assert_eq!(value.measured.missing(), Some(&Missing::NotBegun), "{id}");
    }
    let made = printed(&before, &[]);
    assert!(made.handling.is_none());
    assert!(made.sections.iter().all(|section| section.id != "handling"));
    assert!(desk.explain(MONDAY, "I1").await.is_empty());

    // A week after the first without any work is a true 0.
    let first = desk.freeze(MONDAY + WEEK, &[before]).await;
    let idle = desk
        .freeze(MONDAY + 2 * WEEK, std::slice::from_ref(&first))
        .await;
    assert_eq!((count(&idle, "I1"), count(&idle, "S1")), (0, 4));
    let made = printed(&idle, &[first]);
    let (zh, en) = (told(&made, Lang::Zh), told(&made, Lang::En));
    assert!(
        zh.contains("本周没有办出结果的网络安全事件，上周为10起。"),
        "{zh}"
    );
    assert!(
        en.contains("No incident reached an outcome this week, against 10 last week."),
        "{en}"
    );
}

#[tokio::test]
async fn what_is_closed_again_or_found_invalid_later_never_counts_twice_and_changes_no_frozen_figure()
 {
    let mut desk = Desk::new().await;
    let worked = week_of_work(&mut desk, MONDAY).await;
    let frozen = desk.freeze(MONDAY, &[]).await;
    let kept = frozen.to_json();

    let next = MONDAY + WEEK;
    // Found to be none after all.
    desk.step(worked.taken_down, Step::Reopen, next + HOUR)
        .await;
    let invalid = Step::Close(Resolution::Invalid);
    desk.step(worked.taken_down, invalid, next + 2 * HOUR).await;
    // Counted when its platform acted; gone and closed only now.
    desk.down(worked.acted, next + 3 * HOUR).await;
    // It came back and was taken down again.
    desk.step(worked.acted, Step::FindBack, next + 10 * HOUR)
        .await;
    desk.down(worked.acted, next + 12 * HOUR).await;
    // Asked about last week, without an outcome until now.
    desk.down(worked.waiting, next + 5 * HOUR).await;

    let stored = FrozenWeek::from_json("2023-3", &kept).expect("reads back");
    assert_eq!(count(&stored, "I1"), 10);
    let this = desk.freeze(next, std::slice::from_ref(&stored)).await;
    assert_eq!(count(&this, "I1"), 1);
    assert_eq!(count(&this, "S1/closed"), 3);
    let made = printed(&this, std::slice::from_ref(&stored));
    let value = made.value("I1").expect("listed");
    assert_eq!(value.change.direction, Direction::Down);
    assert_eq!(value.change.text.en, "90.0%", "against the frozen 10");

    // A wrong count would show: by the week of closing there would be three, two of them again.
    let closed = desk
        .ledger
        .count_incidents(Period::Closed, (next, next + WEEK))
        .await
        .expect("counted");
    assert_eq!(closed.iter().map(|group| group.count).sum::<i64>(), 3);
    // A recount of the old week leaves the invalid one out; only a new revision would say so.
    let again = desk.freeze(MONDAY, &[]).await;
    assert_eq!(count(&again, "I1"), 9);
    assert_eq!(stored.to_json(), kept);
}

#[tokio::test]
async fn a_party_s_word_ends_a_case_but_takes_nothing_down() {
    let mut desk = Desk::new().await;
    let branch = desk.organization(Role::ProvincialBranch, "Branch E").await;
    let operator = desk.organization(Role::NetworkOperator, "Operator H").await;
    let site = desk
        .open(CaseKind::Defacement, "http://gov.example/", &[], MONDAY)
        .await;
    desk.ask(site, Role::ProvincialBranch, branch, MONDAY).await;
    desk.step(site, Step::Act, MONDAY + HOUR).await;
    let restored = Step::Close(Resolution::Restored);
    desk.step(site, restored, MONDAY + 2 * HOUR).await;
    let host = desk
        .open(CaseKind::InfectedHost, "192.0.2.1", &[], MONDAY)
        .await;
    desk.ask(host, Role::NetworkOperator, operator, MONDAY)
        .await;
    desk.step(host, Step::Acknowledge, MONDAY + HOUR).await;
    desk.step(host, Step::Act, MONDAY + 3 * HOUR).await;
    let week = desk.freeze(MONDAY, &[]).await;
    for (key, expected) in [
        ("I1", 2),
        ("I1/ended", 1),
        ("I1/acted", 1),
        // An infected host cannot be looked at from outside: it is in no time to takedown.
        ("T1/n", 1),
        ("T1/open", 1),
        ("T2", 0),
        ("T3/n", 2),
        ("T3/open", 0),
        ("T3", 60),
    ] {
        assert_eq!(count(&week, key), expected, "{key}");
    }
    let made = printed(&week, &[]);
    let zh = told(&made, Lang::Zh);
    assert!(
        zh.contains("24小时内下线 | 0.0%  | 1起中1起尚未下线"),
        "{zh}"
    );
}

#[tokio::test]
async fn one_matter_in_two_incidents_counts_once() {
    let mut desk = Desk::new().await;
    let worked = week_of_work(&mut desk, MONDAY).await;
    let next = MONDAY + WEEK;
    let whole = desk
        .open(
            CaseKind::MaliciousApp,
            "http://apps.example/bad.apk",
            &[],
            next,
        )
        .await;
    let merged = desk
        .ledger
        .merge_incidents(worked.acted, whole, &Reach::All, "one matter", WHO, next)
        .await;
    merged.expect("merged");
    let platform = desk.organization(Role::AppPlatform, "Platform F").await;
    desk.ask(whole, Role::AppPlatform, platform, next + HOUR)
        .await;
    desk.down(whole, next + 2 * HOUR).await;
    let first = desk.freeze(MONDAY, &[]).await;
    let this = desk.freeze(next, &[]).await;
    assert_eq!((count(&first, "I1"), count(&this, "I1")), (10, 0));
}

#[tokio::test]
async fn the_bulletin_tells_it_in_both_languages_and_every_format() {
    let mut desk = Desk::new().await;
    week_of_work(&mut desk, MONDAY - WEEK).await;
    let last = desk.freeze(MONDAY - WEEK, &[]).await;
    let worked = week_of_work(&mut desk, MONDAY).await;
    let extra = desk.organization(Role::CloudProvider, "Cloud G").await;
    for n in 0..4 {
        let url = format!("http://e{n}.example/");
        let at = MONDAY + 48 * HOUR;
        let id = desk.open(CaseKind::MalwareHosting, &url, &[], at).await;
        desk.ask(id, Role::CloudProvider, extra, at).await;
        desk.down(id, at + 3 * HOUR).await;
    }
    desk.step(worked.acted, Step::FindBack, MONDAY + 100 * HOUR)
        .await;
    let this = desk.freeze(MONDAY, std::slice::from_ref(&last)).await;
    let made = printed(&this, std::slice::from_ref(&last));
    assert_eq!(
        made.handling.as_ref().map(|strip| strip.cells.len()),
        Some(6)
    );
    let numbers: Vec<u32> = made.charts().map(|chart| chart.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    for lang in Lang::ALL {
        let text = told(&made, lang);
        assert!(!text.contains(['{', '}']), "{text}");
        compare(&format!("handling.{}.txt", lang.code()), text.as_bytes());
        let page = render::html(&made, lang);
        for cell in made.handling.iter().flat_map(|strip| &strip.cells) {
            assert!(page.contains(cell.note.get(lang)), "{}", cell.value);
        }
        let table = String::from_utf8(render::csv(&made, lang)).expect("text");
        for key in [
            "I1",
            "I2/share",
            "I6/phishing",
            "I7/registrar",
            "T1",
            "S1/overdue",
        ] {
            let own = |line: &&str| {
                line.trim_start_matches('\u{feff}')
                    .starts_with(&format!("{key},"))
            };
            assert!(table.lines().any(|line| own(&line)), "{key}:\n{table}");
        }
    }
    assert!(render::json(&made).contains("\"handling\""));
    match Fonts::load(&[]) {
        Ok(fonts) => {
            let files = render::all(&made, &fonts).expect("rendered");
            assert!(files.iter().any(|file| file.name == "2023-3.zh.pdf"));
        }
        Err(error) => eprintln!("SKIPPED the PDF: {error}"),
    }
}

/// A week frozen by an earlier program knows none of these figures, and is read all the same.
#[tokio::test]
async fn weeks_frozen_before_are_still_read() {
    let mut desk = Desk::new().await;
    let mut old = desk.freeze(MONDAY - WEEK, &[]).await;
    old.values
        .retain(|value| !value.statistic.starts_with(['I', 'T', 'S']));
    let old = FrozenWeek::from_json("2023-2", &old.to_json()).expect("reads back");
    week_of_work(&mut desk, MONDAY).await;
    let this = desk.freeze(MONDAY, std::slice::from_ref(&old)).await;
    let made = printed(&this, &[old]);
    let value = made.value("I1").expect("listed");
    assert!(value.previous.is_none() && value.change.text.is_empty());
    let zh = told(&made, Lang::Zh);
    assert!(
        zh.contains("处置网络安全事件10起，其中跨境事件2起，占20.0%。"),
        "{zh}"
    );
}
