//! Every source fills, what is not known stays blank, and what is hostile stays text.

use ledger::{DirectiveState, Hash, Text as Stored};
use model::grade::{Extent, Grade, Importance, Loss, Mark, Measure, Operator};
use model::ids::{DirectiveId, IncidentId, NoticeId, OrganizationId, VerificationId};
use model::incident::{CaseKind, IncidentState, Resolution, Severity};
use model::notice::{NoticeKind, NoticeState};
use model::organization::{Channel, Role, Trust};
use model::time::Timestamp;
use model::tlp::Tlp;
use model::verification::{Client, Finding, ProbeKind};

use super::*;
use crate::grade::{Facts, Graded};

const T0: i64 = 1_795_029_120_000_000;
const HOUR: i64 = 3_600_000_000;
const AT: Timestamp = Timestamp(T0);

fn owner() -> OrganizationId {
    OrganizationId::draw(AT, [3; 10])
}

fn branch() -> OrganizationId {
    OrganizationId::draw(AT, [4; 10])
}

/// An incident of which everything is known.
fn incident() -> Incident {
    Incident {
        id: Stored(IncidentId::draw(AT, [1; 10])),
        number: 704,
        kind: Stored(CaseKind::Defacement),
        state: Stored(IncidentState::Gone),
        severity: Stored(Severity::High),
        rule: "person".to_owned(),
        key: "k".to_owned(),
        live_key: None,
        what: "Portal shows https://other.example/ instead".to_owned(),
        url: Some("https://www.example.gov/".to_owned()),
        host: Some("www.example.gov".to_owned()),
        ip: Some("192.0.2.7".to_owned()),
        asn: Some(64_500),
        name: Some("kit 7".to_owned()),
        brand: Some("示例银行".to_owned()),
        country: Some("CN".to_owned()),
        province: Some("320000".to_owned()),
        territory: "inside".to_owned(),
        border: "hosting registrar".to_owned(),
        flags: String::new(),
        owner: Some(branch().to_string()),
        tlp: Stored(Tlp::Amber),
        originator: None,
        embargo_until: Some(T0 + 9 * HOUR),
        origin: "person".to_owned(),
        external_number: Some("RT-9".to_owned()),
        campaign_id: None,
        merged_into: None,
        counts_elsewhere: false,
        resolution: Some(Stored(Resolution::Restored)),
        basis: None,
        validated_by: Some("li".to_owned()),
        grade: None,
        legal_hold: false,
        events: 1,
        complaints: 0,
        opened_at: T0,
        first_seen_at: T0 - HOUR,
        last_seen_at: T0,
        validated_at: Some(T0),
        noticed_at: Some(T0 + HOUR),
        acknowledged_at: Some(T0 + 2 * HOUR),
        acted_at: Some(T0 + 3 * HOUR),
        last_up_at: Some(T0 + 3 * HOUR),
        gone_at: Some(T0 + 4 * HOUR),
        closed_at: Some(T0 + 5 * HOUR),
        counted_at: None,
        changed_at: T0,
        version: 1,
    }
}

/// The same as it is when nothing but its line is known.
fn bare() -> Incident {
    Incident {
        state: Stored(IncidentState::Open),
        url: None,
        host: None,
        ip: None,
        asn: None,
        name: None,
        brand: None,
        country: None,
        province: None,
        border: String::new(),
        owner: None,
        embargo_until: None,
        external_number: None,
        resolution: None,
        validated_by: None,
        validated_at: None,
        noticed_at: None,
        acknowledged_at: None,
        acted_at: None,
        last_up_at: None,
        gone_at: None,
        closed_at: None,
        ..incident()
    }
}

fn clock(id: i64, duty: &str, state: ClockState, due_at: i64) -> Clock {
    let over = state != ClockState::Running;
    Clock {
        id,
        incident_id: Stored(IncidentId::draw(AT, [1; 10])),
        law: "cn-2025".to_owned(),
        duty: duty.to_owned(),
        state,
        started_at: T0,
        started_by: "li".to_owned(),
        reason: "portal is down".to_owned(),
        due_at,
        escalated: 0,
        ended_at: over.then_some(T0 + HOUR),
        ended_by: over.then(|| "wang".to_owned()),
        ended_reason: over.then(|| "told".to_owned()),
    }
}

fn graded() -> StoredGrade {
    let grade = Some(Grade::new(2).unwrap());
    let mut facts = Facts {
        importance: Some(Importance::Important),
        loss: Some(Loss::EspeciallySevere),
        extent: Some(Extent::Province),
        ..Facts::default()
    };
    facts.measured.insert(Measure::PersonsData, 2_000_000);
    facts.marks.insert(Mark::Outage);
    StoredGrade {
        grade,
        schemes: vec![Graded {
            scheme: "gbz-20986-2007".to_owned(),
            grade,
            row: Some("II-important".to_owned()),
            source: None,
            unconfirmed: Vec::new(),
        }],
        facts,
        operator: Operator::StateOrgan,
        by: "li".to_owned(),
        reason: "portal is down".to_owned(),
        known_at: T0,
    }
}

fn directive() -> Directive {
    Directive {
        id: Stored(DirectiveId::draw(AT, [5; 10])),
        incident_id: Stored(IncidentId::draw(AT, [1; 10])),
        place: 1,
        role: Stored(Role::SiteOwner),
        organization_id: Some(Stored(owner())),
        ask: "restore-site".to_owned(),
        reason: "row 1".to_owned(),
        state: DirectiveState::Acted,
        target_secs: 3_600,
        working_days: None,
        decided_at: T0,
        asked_at: Some(T0 + HOUR),
        due_at: Some(T0 + 2 * HOUR),
        reminded_at: None,
        escalated_at: None,
        answered_at: Some(T0 + 2 * HOUR),
        acted_at: Some(T0 + 3 * HOUR),
        ticket: None,
        held_at: None,
        held_for: None,
    }
}

fn notice(kind: NoticeKind, sent_at: Option<i64>) -> Notice {
    Notice {
        id: Stored(NoticeId::draw(AT, [6; 10])),
        number: 1,
        kind: Stored(kind),
        state: Stored(NoticeState::Sent),
        organization_id: Stored(owner()),
        contact_id: None,
        channel: Stored(Channel::Mail),
        address: "abuse@example.gov".to_owned(),
        format: None,
        language: "zh".to_owned(),
        subject: "s".to_owned(),
        token: "t".to_owned(),
        message_id: "m".to_owned(),
        thread: String::new(),
        body: Hash::of(b"x"),
        hold_reason: None,
        approved_by: None,
        approved_at: None,
        exercise: false,
        attempts: 1,
        created_at: T0,
        next_at: None,
        sent_at,
        outcome: None,
    }
}

fn look() -> Verification {
    Verification {
        id: Stored(VerificationId::draw(AT, [7; 10])),
        incident_id: Stored(IncidentId::draw(AT, [1; 10])),
        at: T0 + 4 * HOUR,
        probe: Stored(ProbeKind::Http),
        client: Stored(Client::Plain),
        vantage: "local".to_owned(),
        finding: Stored(Finding::Gone),
        reason: "404".to_owned(),
        detail: String::new(),
        evidence: None,
        actor: "system:verify".to_owned(),
    }
}

fn organization(id: OrganizationId, zh: &str, en: &str) -> (OrganizationId, Organization) {
    let organization = Organization {
        id: Stored(id),
        name_zh: zh.to_owned(),
        name_en: en.to_owned(),
        roles: String::new(),
        country: None,
        province: None,
        zone: "Asia/Shanghai".to_owned(),
        language: "zh".to_owned(),
        trust: Stored(Trust::Normal),
        may_contact: true,
        may_probe: true,
        mark_reason: None,
        interval_secs: 0,
        source: "manual".to_owned(),
        protected: false,
        active: true,
        changed_at: T0,
        version: 1,
    };
    (id, organization)
}

/// A law whose one form has every source once.
fn every_source() -> Law {
    let mut law = super::law("cn-2025").unwrap().clone();
    law.form = vec![Layout {
        duty: vec!["state-organ".to_owned()],
        zh: "全部".to_owned(),
        en: "All".to_owned(),
        source: "nowhere".to_owned(),
        remark_zh: String::new(),
        remark_en: String::new(),
        field: Source::ALL
            .iter()
            .map(|from| Field {
                zh: format!("{from:?} 项"),
                en: format!("{from:?}"),
                from: *from,
                standing: None,
                source: None,
            })
            .collect(),
    }];
    law
}

/// What a test fills a form from.
struct Bench {
    incident: Incident,
    clock: Option<Clock>,
    grade: Option<StoredGrade>,
    directives: Vec<Directive>,
    notices: Vec<Notice>,
    looks: Vec<Verification>,
    organizations: BTreeMap<OrganizationId, Organization>,
    place: &'static str,
    address: &'static str,
}

impl Bench {
    fn full() -> Self {
        Bench {
            incident: incident(),
            clock: Some(clock(1, "state-organ", ClockState::Done, T0 + 2 * HOUR)),
            grade: Some(graded()),
            directives: vec![directive()],
            notices: vec![
                notice(NoticeKind::First, Some(T0 + HOUR)),
                notice(NoticeKind::First, None),
                notice(NoticeKind::Receipt, Some(T0 + HOUR)),
            ],
            looks: vec![look()],
            organizations: BTreeMap::from([
                organization(owner(), "示例市政府", "Example City"),
                organization(branch(), "示例分中心", "Example Branch"),
            ]),
            place: "江苏",
            address: "duty@cert.example",
        }
    }

    fn bare() -> Self {
        Bench {
            incident: bare(),
            clock: None,
            grade: None,
            directives: Vec::new(),
            notices: Vec::new(),
            looks: Vec::new(),
            organizations: BTreeMap::new(),
            place: "",
            address: "",
        }
    }

    fn form(&self, law: &Law, duty: &str, language: Lang) -> Form {
        let matter = Matter {
            incident: &self.incident,
            clock: self.clock.as_ref(),
            grade: self.grade.as_ref(),
            directives: &self.directives,
            notices: &self.notices,
            looks: &self.looks,
            organizations: &self.organizations,
            place: self.place,
        };
        let house = House {
            name: &Text::new("示例中心", "Example Center"),
            address: self.address,
            phone: "",
            zone: &TimeZone::fixed(jiff::tz::offset(8)),
        };
        fill(law, duty, &matter, &house, language).unwrap()
    }
}

fn row(form: &Form, from: Source) -> &[String] {
    let found = form.rows.iter().find(|row| row.from == from);
    &found.unwrap_or_else(|| panic!("{from:?}")).lines
}

#[test]
fn every_source_fills_in_both_languages_but_what_is_left_to_a_person() {
    let (law, bench) = (every_source(), Bench::full());
    for language in Lang::ALL {
        let form = bench.form(&law, "state-organ", language);
        for row in &form.rows {
            assert_eq!(row.is_blank(), row.from == Source::ByHand, "{row:?}");
        }
    }
    let form = bench.form(&law, "state-organ", Lang::En);
    assert_eq!(row(&form, Source::Number), ["#704", "elsewhere: RT-9"]);
    assert_eq!(row(&form, Source::To), ["own cyberspace unit"]);
    assert_eq!(
        row(&form, Source::Unit),
        ["Example City", "brand imitated: 示例银行"]
    );
    assert_eq!(row(&form, Source::HandledBy), ["Example Branch"]);
    assert_eq!(row(&form, Source::Grade), ["II (重大)"]);
    assert_eq!(row(&form, Source::Reporter), ["wang"]);
    assert_eq!(row(&form, Source::Contact), ["duty@cert.example"]);
    assert_eq!(
        row(&form, Source::Border),
        ["hosted abroad", "registrar abroad"]
    );
    let basis = row(&form, Source::Basis);
    assert_eq!(basis[0], "gbz-20986-2007/II-important: II");
    assert_eq!(basis[1], "reason: portal is down");
    let impact = row(&form, Source::Impact).join("|");
    for told in [
        "loss: especially severe",
        "extent: one province",
        "persons whose data got out: 2000000",
        "outage of the internet",
    ] {
        assert!(impact.contains(told), "{impact}");
    }
    // A receipt asks nobody, and a notice that did not go out is no measure.
    let measures = row(&form, Source::Measures).join("|");
    for told in [
        "parties asked: 1",
        "notices sent: 1",
        "parties that say they acted: 1",
        "looks: 1",
    ] {
        assert!(measures.contains(told), "{measures}");
    }
    let zh = bench.form(&law, "state-organ", Lang::Zh);
    assert_eq!(row(&zh, Source::Grade), ["重大（II级）"]);
    assert_eq!(row(&zh, Source::Place), ["江苏"]);
    assert_eq!(
        row(&zh, Source::Unit),
        ["示例市政府", "被仿冒品牌：示例银行"]
    );
    assert!(row(&zh, Source::State)[0].contains("已核验消除"));
}

#[test]
fn what_nobody_stated_stays_blank_and_is_counted() {
    let law = every_source();
    let form = Bench::bare().form(&law, "state-organ", Lang::En);
    let blank: Vec<Source> = form
        .rows
        .iter()
        .filter(|row| row.is_blank())
        .map(|row| row.from)
        .collect();
    assert_eq!(
        blank,
        [
            Source::Due,
            Source::Reported,
            Source::Unit,
            Source::System,
            Source::Place,
            Source::Border,
            Source::Known,
            Source::Grade,
            Source::Basis,
            Source::Impact,
            Source::Measures,
            Source::Contact,
            Source::Reporter,
            Source::ByHand,
        ]
    );
    assert!(form.footer[0].starts_with("14 blank"), "{:?}", form.footer);
    assert!(form.text().contains("\nGrade: ________________\n"));
    assert_eq!(row(&form, Source::HandledBy), ["Example Center"]);
    // A waived duty was not reported by whoever waived it.
    let waived = Bench {
        clock: Some(clock(1, "state-organ", ClockState::Waived, T0)),
        ..Bench::bare()
    };
    let form = waived.form(&law, "state-organ", Lang::En);
    assert!(row(&form, Source::Reporter).is_empty() && row(&form, Source::Reported).is_empty());
    assert!(!row(&form, Source::Due).is_empty());
}

#[test]
fn what_is_not_confirmed_is_marked_and_the_footer_says_so() {
    let cn = law("cn-2025").unwrap();
    let form = Bench::full().form(cn, "state-organ", Lang::En);
    let text = form.text();
    assert!(text.starts_with("Report of a network security incident\n"));
    assert!(text.contains("\nLevel *: II (重大)\n"), "{text}");
    assert!(text.contains("\nIncident number: #704; elsewhere: RT-9\n"));
    assert!(text.contains("\n* unconfirmed: "), "{text}");
    assert!(
        !text.contains("unconfirmed: the duty"),
        "the duty was read: {text}"
    );
    let zh = Bench::full().form(cn, "state-organ", Lang::Zh).text();
    assert!(
        zh.contains("\n事件级别 *：重大（II级）\n") && zh.contains("未经核对"),
        "{zh}"
    );
    let nis2 = law("nis2").unwrap();
    for duty in ["early-warning", "notification", "final-report"] {
        let text = Bench::full().form(nis2, duty, Lang::En).text();
        assert!(text.contains("unconfirmed: the duty and its time are remembered"));
    }
}

#[test]
fn hostile_text_is_one_line_nobody_follows_and_escaped_for_print() {
    let mut bench = Bench::full();
    bench.incident.what =
        "<script>alert(1)</script>\u{202e}\n\"quoted\" & https://a.example/".to_owned();
    bench.incident.host = Some("a.example\u{1b}[31m".to_owned());
    if let Some(grade) = &mut bench.grade {
        grade.reason = "</td></table><img src=x onerror=alert(2)>".to_owned();
    }
    let form = bench.form(law("cn-2025").unwrap(), "state-organ", Lang::Zh);
    let html = form.html().unwrap();
    for never in [
        "<script",
        "<img",
        "\u{202e}",
        "\u{1b}",
        "https://",
        "onerror=alert(2)>",
        " style=",
    ] {
        assert!(!html.contains(never), "{never}: {html}");
    }
    assert!(html.contains("&#60;script&#62;") || html.contains("&lt;script&gt;"));
    assert!(html.starts_with("<!doctype html>\n<html lang=\"zh-CN\">") && html.contains("size:A4"));
    let text = form.text();
    assert!(
        !text.contains('\u{1b}') && text.contains("a[.]example"),
        "{text}"
    );
    let rows = text.lines().filter(|line| line.starts_with("事件概述"));
    assert_eq!(rows.count(), 1);
}

#[test]
fn each_duty_has_one_form_and_each_form_names_duties_there_are() {
    let read: Vec<Law> = super::super::BUILT_IN
        .iter()
        .map(|text| Law::read(text).unwrap())
        .collect();
    assert_eq!(read.len(), super::super::built_in().len());
    // What the house adds needs no law; only then may a field say nothing of how well it is known.
    for law in &read {
        for duty in &law.duty {
            let own = law.layout(&duty.id);
            assert!(own.is_some() && is_there(&law.id, &duty.id), "{}", duty.id);
        }
        for form in &law.form {
            assert!(!form.source.is_empty());
            assert_eq!(form.remark_zh.is_empty(), form.remark_en.is_empty());
            for duty in &form.duty {
                assert!(law.duty(duty).is_some(), "{} {duty}", law.id);
            }
            let asked = form.field.iter().any(|field| field.standing.is_some());
            assert!(asked, "{} asks for nothing", form.en);
            for field in form.field.iter().filter(|one| one.from == Source::ByHand) {
                assert!(
                    field.standing.is_some(),
                    "{}: the house adds no blank",
                    field.en
                );
            }
        }
    }
}

#[test]
fn a_form_that_cannot_be_is_refused_with_its_title() {
    let text = super::super::BUILT_IN[1];
    for (from, to, told) in [
        ("duty = [\"notification\"]", "duty = [\"other\"]", "`other`"),
        (
            "duty = [\"notification\"]",
            "duty = [\"early-warning\"]",
            "already",
        ),
        ("duty = [\"notification\"]", "duty = []", "no duty"),
        ("en = \"Marking\"", "en = \"Reported at\"", "twice"),
        ("from = \"border\"", "from = \"horoscope\"", "horoscope"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = Law::read(&text.replacen(from, to, 1)).unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
    let why = law("nis3").unwrap_err().to_string();
    assert!(
        why.contains("nis3") && why.contains("cn-2025, nis2"),
        "{why}"
    );
    assert!(!is_there("nis2", "none") && !is_there("nis3", "other"));
}

#[test]
fn the_clock_due_first_is_meant_unless_another_is_named() {
    let clocks = [
        clock(1, "state-organ", ClockState::Done, T0),
        clock(2, "state-organ-onward", ClockState::Running, T0 + 2 * HOUR),
        clock(3, "other", ClockState::Running, T0 + HOUR),
    ];
    let of = |law, duty| choose(&clocks, law, duty).map(|clock| clock.id);
    assert_eq!(of(None, None), Some(3));
    assert_eq!(of(Some("cn-2025"), Some("state-organ-onward")), Some(2));
    assert_eq!(of(None, Some("state-organ-onward")), Some(2));
    assert_eq!(of(Some("cn-2025"), Some("state-organ")), Some(1));
    assert_eq!(of(None, Some("state-organ")), None);
    assert_eq!(of(Some("nis2"), None), None);
    assert_eq!(choose(&clocks[..1], None, None), None);
}
