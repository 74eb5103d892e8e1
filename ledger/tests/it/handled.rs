//! What the handling figures are read from: by the instants of the rows, the same on both databases.

use ledger::incident::Triage;
use ledger::{
    Hash, Ledger, Moment, Move, NewDirective, NewIncident, NewNotice, NewOrganization, NewStep,
    NewVerification, Query, Reach, Seen, Stock,
};
use model::ids::{DirectiveId, IncidentId, NoticeId, OrganizationId, VerificationId};
use model::incident::{Border, CaseKind, Resolution, Severity, Step};
use model::notice::{NoticeKind, NoticeState};
use model::organization::{Channel, Role};
use model::territory::Territory;
use model::time::Timestamp;
use model::tlp::Tlp;
use model::verification::{Client, Finding, ProbeKind};

use crate::{Backend, SECOND, T0, fresh, on_both};

on_both!(
    handled_counts_once_and_leaves_out_what_was_none,
    a_matter_in_two_incidents_counts_in_the_week_of_the_first,
    of_views_of_one_matter_one_counts,
    a_link_that_cannot_be_changes_nothing,
    the_stock_goes_by_instants,
    the_last_look_counts,
);

const HOUR: i64 = 3600 * SECOND;
const WEEK: i64 = 7 * 24 * HOUR;
const FIRST: (i64, i64) = (T0, T0 + WEEK);
const SECOND_WEEK: (i64, i64) = (T0 + WEEK, T0 + 2 * WEEK);
const WHO: &str = "person:test";

fn random(n: u8) -> [u8; 10] {
    [n; 10]
}

async fn open(ledger: &Ledger, n: u8, kind: CaseKind, at: i64) -> IncidentId {
    let id = IncidentId::draw(Timestamp(at), random(n));
    let new = NewIncident {
        id,
        kind,
        severity: Severity::Medium,
        rule: "test".to_owned(),
        key: n.to_string(),
        what: "http://a.example/".to_owned(),
        url: Some("http://a.example/".to_owned()),
        host: None,
        ip: None,
        asn: None,
        name: None,
        brand: None,
        country: None,
        province: None,
        territory: Territory::Inside,
        border: vec![Border::Hosting, Border::Reporter],
        flags: vec!["government"],
        owner: None,
        tlp: Tlp::Green,
        origin: "triage".to_owned(),
        external_number: None,
        first_seen_at: at,
        last_seen_at: at,
        validated_by: Some("rule:test".to_owned()),
    };
    let triage = Triage {
        opened: vec![new],
        ..Triage::default()
    };
    ledger.commit_triage(triage, "test", WHO, at).await.unwrap();
    id
}

async fn ask(ledger: &Ledger, n: u8, incident: IncidentId, at: i64) -> OrganizationId {
    let organization = OrganizationId::draw(Timestamp(at), random(n));
    let new = NewOrganization {
        id: organization,
        name_zh: format!("注册机构{n}"),
        name_en: format!("Registrar {n}"),
        roles: vec![Role::Registrar],
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
    ledger.add_organizations(vec![new], WHO, at).await.unwrap();
    let directive = DirectiveId::draw(Timestamp(at), random(n));
    let new = NewDirective {
        id: directive,
        incident,
        place: 1,
        role: Role::Registrar,
        organization: Some(organization),
        ask: "suspend".to_owned(),
        reason: "test".to_owned(),
        target_secs: 24 * 3600,
        working_days: None,
    };
    ledger.decide(vec![new], WHO, at).await.unwrap();
    let notice = NoticeId::draw(Timestamp(at), random(n));
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
        covers: vec![(directive, incident)],
    };
    ledger.write_notices(vec![new], WHO, at).await.unwrap();
    ledger.take_notice(at).await.unwrap().unwrap();
    let sent = Move {
        to: NoticeState::Sent,
        reply: String::new(),
        next_at: None,
    };
    ledger.move_notice(notice, sent, WHO, at).await.unwrap();
    organization
}

async fn step(ledger: &Ledger, id: IncidentId, step: Step, at: i64) {
    let new = NewStep::new(step, "test", at);
    ledger.step(id, &Reach::All, new, WHO, at).await.unwrap();
}

async fn handled(ledger: &Ledger, span: (i64, i64)) -> Vec<i64> {
    let rows = ledger.incidents_handled(span).await.unwrap();
    rows.into_iter().map(|row| row.number).collect()
}

async fn handled_counts_once_and_leaves_out_what_was_none(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    assert_eq!(ledger.handling_began().await.unwrap(), None);
    let gone = open(&ledger, 1, CaseKind::Phishing, T0).await;
    let refused = open(&ledger, 2, CaseKind::Phishing, T0).await;
    let none = open(&ledger, 3, CaseKind::Phishing, T0).await;
    let unasked = open(&ledger, 4, CaseKind::Phishing, T0).await;
    let mut asked = Vec::new();
    for (n, id) in (1..).zip([gone, refused, none]) {
        asked.push(ask(&ledger, n, id, T0 + HOUR).await);
    }
    step(&ledger, gone, Step::FindGone, T0 + 2 * HOUR).await;
    let close = Step::Close(Resolution::Refused);
    step(&ledger, refused, close, T0 + 3 * HOUR).await;
    let close = Step::Close(Resolution::Invalid);
    step(&ledger, none, close, T0 + 3 * HOUR).await;
    // Gone by itself: nobody was asked, nobody handled it.
    step(&ledger, unasked, Step::FindGone, T0 + 3 * HOUR).await;
    assert_eq!(handled(&ledger, FIRST).await, [1, 2]);
    assert_eq!(ledger.handling_began().await.unwrap(), Some(T0 + 2 * HOUR));
    let rows = ledger.incidents_handled(FIRST).await.unwrap();
    assert_eq!(rows[0].borders(), [Border::Reporter, Border::Hosting]);
    assert_eq!(rows[0].ended_at(), Some(T0 + 2 * HOUR));
    assert_eq!(rows[1].ended_at(), None);
    let parties = ledger.parties_asked(&[gone, refused]).await.unwrap();
    let who: Vec<_> = parties
        .iter()
        .map(|party| (party.incident_id.0, party.organization_id.unwrap().0))
        .collect();
    assert_eq!(who, [(gone, asked[0]), (refused, asked[1])]);
    let names = ledger.organization_names(&asked).await.unwrap();
    assert_eq!(names[&asked[1]].1, "注册机构2");
    let opened = ledger.incidents_opened(FIRST).await.unwrap();
    assert_eq!(opened.len(), 3, "all but the invalid one");

    // Back, and gone again, and closed, a week later: counted once.
    step(&ledger, gone, Step::FindBack, T0 + WEEK).await;
    step(&ledger, gone, Step::FindGone, T0 + WEEK + HOUR).await;
    let close = Step::Close(Resolution::TakenDown);
    step(&ledger, gone, close, T0 + WEEK + 2 * HOUR).await;
    assert!(handled(&ledger, SECOND_WEEK).await.is_empty());
    assert_eq!(handled(&ledger, FIRST).await, [1, 2]);
    // Invalid after all.
    step(&ledger, gone, Step::Reopen, T0 + WEEK + 3 * HOUR).await;
    let close = Step::Close(Resolution::Invalid);
    step(&ledger, gone, close, T0 + WEEK + 4 * HOUR).await;
    assert_eq!(handled(&ledger, FIRST).await, [2]);
    assert!(handled(&ledger, SECOND_WEEK).await.is_empty());
    assert_eq!(ledger.handling_began().await.unwrap(), Some(T0 + 2 * HOUR));
}

async fn a_matter_in_two_incidents_counts_in_the_week_of_the_first(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let part = open(&ledger, 1, CaseKind::Phishing, T0).await;
    ask(&ledger, 1, part, T0).await;
    step(&ledger, part, Step::Act, T0 + HOUR).await;
    let whole = open(&ledger, 2, CaseKind::Phishing, T0 + WEEK).await;
    let at = T0 + WEEK + HOUR;
    ledger
        .merge_incidents(part, whole, &Reach::All, "same", WHO, at)
        .await
        .unwrap();
    ask(&ledger, 2, whole, at).await;
    step(&ledger, whole, Step::FindGone, at + HOUR).await;
    assert_eq!(handled(&ledger, FIRST).await, [2]);
    assert!(handled(&ledger, SECOND_WEEK).await.is_empty());
}

async fn link(ledger: &Ledger, views: &[Seen], counting: &Seen, at: i64) -> usize {
    let views = (views, counting);
    ledger
        .link_same(views, &Reach::All, "one page", WHO, at)
        .await
        .unwrap()
}

async fn found(ledger: &Ledger, text: &str) -> Vec<i64> {
    let moment = Moment {
        now: T0,
        me: WHO,
        begins: &|_| T0,
    };
    let search = Query::read(text).unwrap().search(&moment);
    let found = ledger
        .find_incidents(&search, &Reach::All, None, 10)
        .await
        .unwrap();
    found.incidents.iter().map(|one| one.number).collect()
}

async fn of_views_of_one_matter_one_counts(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let centre = open(&ledger, 1, CaseKind::Phishing, T0).await;
    let branch = open(&ledger, 2, CaseKind::Phishing, T0).await;
    let cert = ask(&ledger, 1, centre, T0).await;
    ask(&ledger, 2, branch, T0).await;
    for id in [centre, branch] {
        step(&ledger, id, Step::Act, T0 + HOUR).await;
    }
    assert_eq!(handled(&ledger, FIRST).await, [1, 2]);
    let (mine, theirs) = (Seen::Here(centre), Seen::Here(branch));
    let at = T0 + 3 * HOUR;
    assert_eq!(
        link(&ledger, std::slice::from_ref(&mine), &theirs, at).await,
        2
    );
    assert_eq!(handled(&ledger, FIRST).await, [2]);
    assert_eq!(
        ledger.stock_numbers(Stock::Opened, FIRST).await.unwrap(),
        [2]
    );
    // What was known before stands as it was known.
    let before = ledger
        .standing(Some(T0 + 2 * HOUR), T0 + WEEK)
        .await
        .unwrap();
    assert_eq!(before.incidents_handled(FIRST).await.unwrap().len(), 2);

    // A house abroad has it too, and counts it.
    let there = Seen::There {
        organization: cert,
        number: "CERT-2026-118".to_owned(),
    };
    let views = [mine.clone(), there.clone()];
    assert_eq!(link(&ledger, &views, &there, at + 1).await, 3);
    assert!(handled(&ledger, FIRST).await.is_empty());
    assert_eq!(found(&ledger, "CERT-2026-118").await, [2, 1]);
    let known = ledger.same_matter(branch).await.unwrap();
    let counting: Vec<bool> = known.iter().map(|view| view.counts).collect();
    assert_eq!(counting, [false, false, true]);
    let part = async |view: &Seen| {
        ledger
            .part_same(centre, view, &Reach::All, "another page", WHO, at + 2)
            .await
    };
    let refused = part(&there).await.unwrap_err().to_string();
    assert!(refused.contains("counts for the others"), "{refused}");
    link(&ledger, &views, &mine, at + 3).await;
    part(&there).await.unwrap();
    assert_eq!(handled(&ledger, FIRST).await, [1]);
    // Who is left alone counts itself, and no link stays.
    part(&theirs).await.unwrap();
    assert_eq!(handled(&ledger, FIRST).await, [1, 2]);
    for id in [centre, branch] {
        assert!(ledger.same_matter(id).await.unwrap().is_empty());
    }

    // Two views that become one incident count once, and as the link said with a third.
    link(&ledger, std::slice::from_ref(&mine), &theirs, at + 4).await;
    link(&ledger, &views, &there, at + 5).await;
    ledger
        .merge_incidents(centre, branch, &Reach::All, "one", WHO, at + 6)
        .await
        .unwrap();
    assert!(handled(&ledger, FIRST).await.is_empty());
    assert_eq!(ledger.same_matter(branch).await.unwrap().len(), 2);
    ledger
        .part_same(branch, &there, &Reach::All, "another", WHO, at + 7)
        .await
        .unwrap();
    assert_eq!(handled(&ledger, FIRST).await, [2]);
}

async fn a_link_that_cannot_be_changes_nothing(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let one = open(&ledger, 1, CaseKind::Phishing, T0).await;
    let other = open(&ledger, 2, CaseKind::Phishing, T0).await;
    let (mine, theirs) = (Seen::Here(one), Seen::Here(other));
    let nobody = Seen::There {
        organization: OrganizationId::draw(Timestamp(T0), random(9)),
        number: "1".to_owned(),
    };
    let branch = Reach::Owner("branch".to_owned());
    let cases = [
        (mine.clone(), mine.clone(), Reach::All, "why", "two views"),
        (mine.clone(), theirs.clone(), Reach::All, " ", "a reason"),
        (mine.clone(), nobody, Reach::All, "why", "organization"),
        (mine, theirs, branch, "why", "incident"),
    ];
    for (view, counting, reach, reason, told) in cases {
        let views = [view];
        let refused = ledger
            .link_same((&views, &counting), &reach, reason, WHO, T0)
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains(told), "{refused}");
    }
    for id in [one, other] {
        assert!(ledger.same_matter(id).await.unwrap().is_empty());
    }
}

async fn the_stock_goes_by_instants(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let late = open(&ledger, 1, CaseKind::Defacement, T0).await;
    ask(&ledger, 1, late, T0).await;
    let fresh_one = open(&ledger, 2, CaseKind::Phishing, T0 + WEEK - HOUR).await;
    ask(&ledger, 2, fresh_one, T0 + WEEK - HOUR).await;
    let gone = open(&ledger, 3, CaseKind::Phishing, T0).await;
    ask(&ledger, 3, gone, T0).await;
    step(&ledger, gone, Step::FindGone, T0 + HOUR).await;
    let close = Step::Close(Resolution::TakenDown);
    step(&ledger, gone, close, T0 + WEEK + HOUR).await;
    let all = [
        Stock::Opened,
        Stock::Closed,
        Stock::Open,
        Stock::Overdue,
        Stock::Government,
    ];
    let look = async |span| {
        let mut found = Vec::new();
        for of in all {
            let numbers = ledger.stock_numbers(of, span).await.unwrap();
            assert_eq!(ledger.stock(of, span).await.unwrap(), numbers.len() as u64);
            found.push(numbers);
        }
        found
    };
    let first: [&[i64]; 5] = [&[1, 2, 3], &[], &[1, 2], &[1], &[1]];
    assert_eq!(look(FIRST).await, first);
    let second: [&[i64]; 5] = [&[], &[3], &[1, 2], &[1, 2], &[1]];
    assert_eq!(look(SECOND_WEEK).await, second);
    // What ends in the second week was in hand at the end of the first.
    step(&ledger, late, Step::FindGone, T0 + WEEK + 2 * HOUR).await;
    assert_eq!(look(FIRST).await, first);
    let second: [&[i64]; 5] = [&[], &[3], &[2], &[2], &[]];
    assert_eq!(look(SECOND_WEEK).await, second);
}

async fn the_last_look_counts(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = open(&ledger, 1, CaseKind::Phishing, T0).await;
    let unseen = open(&ledger, 2, CaseKind::Phishing, T0).await;
    for (n, finding) in (1..).zip([Finding::Present, Finding::Gone, Finding::Inconclusive]) {
        let at = T0 + i64::from(n) * HOUR;
        let look = NewVerification {
            id: VerificationId::draw(Timestamp(at), random(n)),
            incident: id,
            at,
            probe: ProbeKind::Http,
            client: Client::Victim,
            vantage: "local".to_owned(),
            finding,
            reason: "test".to_owned(),
            detail: serde_json::json!({}),
            evidence: None,
        };
        ledger.add_verification(look, None, WHO, at).await.unwrap();
    }
    let last = ledger.last_findings(&[id, unseen]).await.unwrap();
    assert_eq!(
        last.into_iter().collect::<Vec<_>>(),
        [(id, Finding::Inconclusive)]
    );
}
