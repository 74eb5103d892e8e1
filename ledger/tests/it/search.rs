//! Finding incidents: every key, pages that lose nothing and repeat nothing, words, what runs out, who works on it.

use ledger::clock::NewClock;
use ledger::incident::Triage;
use ledger::{Cursor, Incident, Ledger, Moment, NewIncident, NewStep, Query, Reach};
use model::ids::IncidentId;
use model::incident::{CaseKind, Resolution, Severity, Step};
use model::newsroom::{AccountRole, Right};
use model::time::Timestamp;

use crate::making::new_incident;
use crate::{Backend, T0, fresh, on_both};

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1_440 * MINUTE;

on_both!(
    every_key_finds_its_incidents_and_no_others,
    pages_lose_nothing_and_repeat_nothing,
    words_are_found_in_both_scripts,
    what_runs_out_first_comes_first,
    an_incident_is_given_to_somebody_and_taken_back,
    a_step_on_what_was_changed_is_refused,
    another_organization_finds_its_own_only,
    views_are_kept_replaced_and_dropped,
    a_bulk_act_is_undone_once_and_by_its_actor,
);

fn moment<'a>(now: i64, begins: &'a (dyn Fn(model::time::Day) -> i64 + Sync)) -> Moment<'a> {
    Moment {
        now,
        me: "li",
        begins,
    }
}

fn begins(day: model::time::Day) -> i64 {
    i64::from(day.0) * DAY
}

async fn open(ledger: &Ledger, new: NewIncident, at: i64) -> IncidentId {
    let id = new.id;
    let found = Triage {
        opened: vec![new],
        ..Triage::default()
    };
    ledger
        .commit_triage(found, "test", "test", at)
        .await
        .unwrap();
    id
}

fn numbered(n: u16) -> NewIncident {
    let mut random = [0; 10];
    random[..2].copy_from_slice(&n.to_be_bytes());
    NewIncident {
        id: IncidentId::draw(Timestamp(T0), random),
        ..new_incident(1, "test", &format!("host-{n}.example.test"))
    }
}

async fn found(ledger: &Ledger, text: &str, reach: &Reach) -> Vec<i64> {
    let search = Query::read(text)
        .unwrap()
        .search(&moment(T0 + 10 * DAY, &begins));
    let page = ledger
        .find_incidents(&search, reach, None, 100)
        .await
        .unwrap();
    let count = ledger.count_found(&search, reach).await.unwrap();
    let numbers: Vec<i64> = page
        .incidents
        .iter()
        .map(|one: &Incident| one.number)
        .collect();
    assert_eq!(count.count, numbers.len() as u64, "{text}");
    assert!(!count.more && page.next.is_none(), "{text}");
    numbers
}

async fn every_key_finds_its_incidents_and_no_others(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let plain = numbered(1);
    let rich = NewIncident {
        kind: CaseKind::Backdoor,
        severity: Severity::Critical,
        ip: Some("198.51.100.9".to_owned()),
        asn: Some(64_500),
        name: Some("kit seven".to_owned()),
        brand: Some("示例银行".to_owned()),
        country: Some("DE".to_owned()),
        province: Some("320000".to_owned()),
        flags: vec!["bank", "warned"],
        border: vec![model::incident::Border::Hosting],
        ..numbered(2)
    };
    open(&ledger, plain, T0).await;
    let id = open(&ledger, rich, T0 + 8 * DAY).await;
    let all = &Reach::All;
    for text in [
        "kind:backdoor",
        "severity:critical",
        "ip:198.51.100.9",
        "asn:AS64500",
        "name:\"kit seven\"",
        "brand:示例银行",
        "country:de",
        "province:32",
        "province:320000",
        "flag:bank",
        "flag:warned",
        "border:hosting",
        "border:any",
        "host:host-2.example.test",
        "opened:1973-01-01.. kind:backdoor",
        "age:<3d",
        "-kind:phishing",
        "hxxp://host-2.example[.]test/x",
        "198.51.100[.]9",
        "#2",
        "2",
        "类别:网站后门",
        "opened:2023-01-17",
        "opened:2023-01-10..",
    ] {
        assert_eq!(found(&ledger, text, all).await, [2], "{text}");
    }
    for text in [
        "kind:spam",
        "flag:education",
        "age:<1d",
        "assignee:me",
        "clock:running",
        "campaign:none",
        "owner:ORG-X",
        "closed:2023-01-10..",
        "state:closed",
        "host:host-3.example.test",
    ] {
        assert!(found(&ledger, text, all).await.is_empty(), "{text}");
    }
    for text in [
        "",
        "state:live",
        "state:open",
        "owner:centre",
        "assignee:none",
        "#1 #2",
        "kind:phishing,backdoor",
    ] {
        assert_eq!(found(&ledger, text, all).await, [2, 1], "{text}");
    }
    assert_eq!(found(&ledger, "sort:oldest", all).await, [1, 2]);
    let close = NewStep::new(Step::Close(Resolution::Invalid), "none", T0 + 9 * DAY);
    ledger
        .step(id, all, close, "li", T0 + 9 * DAY)
        .await
        .unwrap();
    assert_eq!(
        found(&ledger, "state:closed closed:2023-01-18", all).await,
        [2]
    );
    assert_eq!(found(&ledger, "state:live", all).await, [1]);
}

async fn pages_lose_nothing_and_repeat_nothing(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let opened = (0..57).map(numbered).collect();
    let triage = Triage {
        opened,
        ..Triage::default()
    };
    ledger
        .commit_triage(triage, "test", "test", T0)
        .await
        .unwrap();
    for text in [
        "",
        "sort:oldest",
        "kind:phishing",
        "state:open",
        "example.test",
        "sort:oldest host",
    ] {
        let search = Query::read(text).unwrap().search(&moment(T0, &begins));
        let (mut all, mut after): (Vec<i64>, Option<Cursor>) = (Vec::new(), None);
        loop {
            let page = ledger
                .find_incidents(&search, &Reach::All, after, 10)
                .await
                .unwrap();
            assert!(page.incidents.len() <= 10);
            all.extend(page.incidents.iter().map(|one| one.number));
            let Some(next) = page.next else { break };
            // As it goes through an address.
            after = Some(next.to_string().parse().unwrap());
        }
        let mut expected: Vec<i64> = (1..=57).collect();
        if !text.contains("oldest") {
            expected.reverse();
        }
        assert_eq!(all, expected, "{text}");
    }
}

async fn words_are_found_in_both_scripts(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let new = NewIncident {
        what: "仿冒示例银行登录页 Kit-7".to_owned(),
        host: Some("login.example-bank.test".to_owned()),
        ..numbered(1)
    };
    open(&ledger, new, T0).await;
    open(&ledger, numbered(2), T0).await;
    let all = &Reach::All;
    for text in [
        "银行",
        "示例银行",
        "仿冒 登录页",
        "kit",
        "KIT-7",
        "bank",
        "example-bank.test",
        "login.example-bank.test",
        "\"Kit-7\"",
        "银行 kind:phishing",
    ] {
        assert_eq!(found(&ledger, text, all).await, [1], "{text}");
    }
    assert_eq!(found(&ledger, "test", all).await, [2, 1]);
    for text in ["证券", "银行 证券", "ban", "银行 kind:spam"] {
        assert!(found(&ledger, text, all).await.is_empty(), "{text}");
    }
}

async fn what_runs_out_first_comes_first(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let mut ids = Vec::new();
    for n in 1..=5 {
        ids.push(open(&ledger, numbered(n), T0).await);
    }
    let clock = |at: usize, duty: &str, minutes: i64| NewClock {
        incident: ids[at],
        law: "cn-2025".to_owned(),
        duty: duty.to_owned(),
        started_at: T0,
        due_at: T0 + minutes * MINUTE,
        reason: "down".to_owned(),
    };
    let clocks = vec![
        clock(2, "other", 60),
        clock(0, "other", 240),
        clock(0, "first", 600),
        clock(4, "other", 120),
    ];
    ledger.start_clocks(clocks, "li", T0).await.unwrap();
    let search = Query::read("sort:clock")
        .unwrap()
        .search(&moment(T0, &begins));
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = ledger
            .find_incidents(&search, &Reach::All, after, 1)
            .await
            .unwrap();
        all.extend(page.incidents.iter().map(|one| one.number));
        let Some(next) = page.next else { break };
        after = Some(next.to_string().parse().unwrap());
    }
    assert_eq!(all, [3, 5, 1], "each once, by what runs out first");
    let soon = Query::read("clock:<3h")
        .unwrap()
        .search(&moment(T0, &begins));
    let page = ledger
        .find_incidents(&soon, &Reach::All, None, 9)
        .await
        .unwrap();
    assert_eq!(
        page.incidents
            .iter()
            .map(|one| one.number)
            .collect::<Vec<_>>(),
        [5, 3]
    );
    let over = Query::read("clock:over")
        .unwrap()
        .search(&moment(T0 + 61 * MINUTE, &begins));
    let page = ledger
        .find_incidents(&over, &Reach::All, None, 9)
        .await
        .unwrap();
    assert_eq!(page.incidents[0].number, 3);
}

async fn people(ledger: &Ledger) {
    let first = ledger.actor("first", Right::Administer, 0).await.unwrap();
    let roles = [AccountRole::Administrator, AccountRole::Analyst];
    ledger
        .set_account(&first, ("li", "Li", &roles, true), T0)
        .await
        .unwrap();
    let first = ledger.actor("li", Right::Administer, 0).await.unwrap();
    ledger
        .set_account(&first, ("sun", "Sun", &[AccountRole::Viewer], true), T0)
        .await
        .unwrap();
    ledger
        .set_account(&first, ("bran", "Bran", &[AccountRole::Analyst], true), T0)
        .await
        .unwrap();
    ledger
        .set_account_organization(&first, "bran", Some("ORG-A"), T0)
        .await
        .unwrap();
}

async fn an_incident_is_given_to_somebody_and_taken_back(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    people(&ledger).await;
    let id = open(&ledger, numbered(1), T0).await;
    let all = &Reach::All;
    for nobody in ["sun", "bran", "unknown"] {
        let told = ledger
            .assign_incident(id, all, Some(nobody), "li", T0)
            .await;
        assert!(
            matches!(told, Err(ledger::Error::Conflict { .. })),
            "{nobody}"
        );
    }
    let before = ledger
        .assign_incident(id, all, Some("li"), "sun", T0)
        .await
        .unwrap();
    assert_eq!(before, None);
    assert_eq!(ledger.assignees(&[id]).await.unwrap()[&id], "li");
    assert_eq!(found(&ledger, "assignee:me", all).await, [1]);
    let before = ledger
        .assign_incident(id, all, None, "li", T0)
        .await
        .unwrap();
    assert_eq!(before.as_deref(), Some("li"));
    assert!(found(&ledger, "assignee:li", all).await.is_empty());
    let trail = ledger
        .audit(Some(&format!("incident {id}")), ledger::Page::default())
        .await
        .unwrap();
    let told = trail
        .iter()
        .filter(|row| row.action == "incident.assign")
        .count();
    assert_eq!(told, 2);
    let elsewhere = Reach::Owner("ORG-B".to_owned());
    let told = ledger
        .assign_incident(id, &elsewhere, Some("li"), "li", T0)
        .await;
    assert!(matches!(told, Err(ledger::Error::NotFound { .. })));
}

async fn a_step_on_what_was_changed_is_refused(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = open(&ledger, numbered(1), T0).await;
    let all = &Reach::All;
    let validate = || NewStep::new(Step::Validate, "seen", T0).of_version(Some(1));
    ledger.step(id, all, validate(), "li", T0).await.unwrap();
    let close = NewStep::new(Step::Close(Resolution::Invalid), "none", T0).of_version(Some(1));
    let told = ledger.step(id, all, close, "wang", T0).await;
    assert!(
        matches!(told, Err(ledger::Error::Changed { .. })),
        "{told:?}"
    );
    let now = ledger.incident(id, all).await.unwrap();
    assert!(now.state.0.is_live());
    let close =
        NewStep::new(Step::Close(Resolution::Invalid), "none", T0).of_version(Some(now.version));
    ledger.step(id, all, close, "wang", T0).await.unwrap();
}

async fn another_organization_finds_its_own_only(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let own = NewIncident {
        owner: Some("ORG-A".to_owned()),
        ..numbered(1)
    };
    open(&ledger, own, T0).await;
    open(&ledger, numbered(2), T0).await;
    let reach = Reach::Owner("ORG-A".to_owned());
    for text in ["", "state:live", "example.test", "#1 #2", "kind:phishing"] {
        assert_eq!(found(&ledger, text, &reach).await, [1], "{text}");
    }
    let numbered = ledger.incidents_numbered(&[1, 2], &reach).await.unwrap();
    assert_eq!(numbered.len(), 1);
}

async fn views_are_kept_replaced_and_dropped(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let first = ledger
        .keep_view("li", ("mine", "assignee:me", ""), "li", T0)
        .await
        .unwrap();
    ledger
        .keep_view("role:analyst", ("open", "state:open", ""), "li", T0)
        .await
        .unwrap();
    let again = ledger
        .keep_view("li", ("mine", "state:live", "kind"), "li", T0)
        .await
        .unwrap();
    assert_eq!(again.id, first.id);
    let all = ledger.views(&["li", "role:analyst"]).await.unwrap();
    assert_eq!(all.len(), 2);
    assert!(
        all.iter()
            .any(|view| view.query == "state:live" && view.columns == "kind")
    );
    assert!(
        ledger
            .drop_view("wang", first.id, "wang", T0)
            .await
            .is_err()
    );
    ledger.drop_view("li", first.id, "li", T0).await.unwrap();
    assert_eq!(ledger.views(&["li"]).await.unwrap(), []);
    for name in ["", "   ", &"长".repeat(41)] {
        assert!(
            ledger
                .keep_view("li", (name, "", ""), "li", T0)
                .await
                .is_err(),
            "{name}"
        );
    }
}

async fn a_bulk_act_is_undone_once_and_by_its_actor(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let detail = serde_json::json!({ "to": "li" });
    ledger
        .begin_bulk("b1", ("assign", &detail, 3), "li", T0)
        .await
        .unwrap();
    assert!(
        !ledger.claim_undo("b1", "li", T0).await.unwrap(),
        "not while it runs"
    );
    ledger
        .bulk_went("b1", (2, 1), &serde_json::json!([]), Some((T0, true)))
        .await
        .unwrap();
    assert!(ledger.bulk_act("b1", "wang").await.is_err());
    assert_eq!(ledger.bulk_act("b1", "li").await.unwrap().done, 2);
    assert!(ledger.claim_undo("b1", "li", T0).await.unwrap());
    assert!(!ledger.claim_undo("b1", "li", T0).await.unwrap());
}

mod property {
    use ledger::{Key, Query};
    use model::bulletin::Lang;
    use proptest::prelude::*;

    /// Texts that hold what is special.
    fn text() -> impl Strategy<Value = String> {
        proptest::string::string_regex("[a-zA-Z0-9 .,:\"\\\\#\\[\\]()\\-：，银行>/_]{0,24}")
            .unwrap()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in text(), key in 0..Key::ALL.len(), not: bool) {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            let minus = if not { "-" } else { "" };
            let key = Key::ALL[key].label();
            for whole in [text.clone(), format!("{minus}{key}:\"{quoted}\" {text}"), format!("{minus}{key}:{text}")] {
                let Ok(query) = Query::read(&whole) else { continue };
                for lang in [Lang::En, Lang::Zh] {
                    let written = query.text(lang);
                    prop_assert_eq!(Query::read(&written), Ok(query.clone()), "{} -> {}", whole, written);
                }
            }
        }
    }
}
