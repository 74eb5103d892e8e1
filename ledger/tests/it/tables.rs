//! The small tables: tallies, infrastructure events, reference tables, history, settings.

use ledger::{
    Hash, HistoryKind, InfrastructureState, NewHistoryRow, NewInfrastructureEvent,
    NewReferenceTable, NewTally, TallyBy,
};
use serde_json::json;

use crate::{Backend, SECOND, T0, archive, empty_commit, fresh, on_both};

on_both!(
    tallies_sum_by_any_group,
    infrastructure_events_touch_a_week_and_are_audited,
    references_keep_their_history,
    history_is_upserted_and_read_by_week,
    settings_are_remembered,
);

async fn tallies_sum_by_any_group(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let tally = |day, observable: &str, tag: Option<&str>, records| NewTally {
        day,
        observable: observable.to_owned(),
        tag: tag.map(str::to_owned),
        records,
    };
    for (report, feed) in [("R-1", "a"), ("R-2", "b"), ("R-3", "a")] {
        archive(&ledger, report, feed).await;
        let mut commit = empty_commit(report, 1);
        commit.tallies = vec![
            tally(9, "url", None, 100),
            tally(10, "url", None, 3),
            tally(10, "ip", None, 2),
            tally(11, "url", None, 1),
            tally(10, "url", Some("high"), 2),
            tally(10, "url", Some("phishing"), 3),
        ];
        ledger.commit_ingest(commit).await.unwrap();
    }
    let sums = async |feed, by| {
        let rows = ledger.tally(10..12, feed, by).await.unwrap();
        rows.into_iter()
            .map(|row| {
                let day = row.day.map(|day| day.to_string());
                let parts = [row.feed, day, row.observable, row.tag]
                    .into_iter()
                    .flatten();
                (parts.collect::<Vec<_>>().join(" "), row.records)
            })
            .collect::<Vec<_>>()
    };
    let own = |list: &[(&str, i64)]| {
        list.iter()
            .map(|(k, n)| ((*k).to_owned(), *n))
            .collect::<Vec<_>>()
    };
    assert_eq!(sums(None, TallyBy::FEED).await, own(&[("a", 12), ("b", 6)]));
    assert_eq!(
        sums(None, TallyBy::DAY).await,
        own(&[("a 10", 10), ("a 11", 2), ("b 10", 5), ("b 11", 1)])
    );
    let observable = own(&[("a ip", 4), ("a url", 8), ("b ip", 2), ("b url", 4)]);
    assert_eq!(sums(None, TallyBy::OBSERVABLE).await, observable);
    assert_eq!(
        sums(Some("b"), TallyBy::TAG).await,
        own(&[("b high", 2), ("b phishing", 3)])
    );
    assert_eq!(sums(None, TallyBy::default()).await, own(&[("", 18)]));
    assert!(
        ledger
            .tally(50..60, None, TallyBy::default())
            .await
            .unwrap()
            .is_empty()
    );
    let all = TallyBy {
        feed: true,
        day: true,
        observable: true,
        tag: true,
    };
    assert_eq!(
        sums(Some("b"), all).await,
        own(&[("b 10 url high", 2), ("b 10 url phishing", 3)])
    );
}

fn outage(id: &str, start_at: i64, end_at: Option<i64>) -> NewInfrastructureEvent {
    NewInfrastructureEvent {
        id: id.to_owned(),
        name_zh: "骨干网中断".to_owned(),
        name_en: "backbone outage".to_owned(),
        place_zh: "某省".to_owned(),
        place_en: "a province".to_owned(),
        scope: "440000".to_owned(),
        level: 3,
        start_at,
        end_at,
        effect_zh: "部分用户无法上网".to_owned(),
        effect_en: "some users were offline".to_owned(),
    }
}

async fn infrastructure_events_touch_a_week_and_are_audited(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    ledger
        .add_infrastructure(outage("F-1", T0, Some(T0 + SECOND)), "duty", T0)
        .await
        .unwrap();
    ledger
        .add_infrastructure(outage("F-2", T0 + 5 * SECOND, None), "duty", T0)
        .await
        .unwrap();
    ledger
        .add_infrastructure(
            outage("F-3", T0 - 9 * SECOND, Some(T0 - 8 * SECOND)),
            "duty",
            T0,
        )
        .await
        .unwrap();
    let ids = async |span| {
        let rows = ledger.infrastructure(span).await.unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None).await, ["F-3", "F-1", "F-2"]);
    assert_eq!(ids(Some(T0..T0 + 5 * SECOND)).await, ["F-1"]);
    assert_eq!(ids(Some(T0 + 6 * SECOND..T0 + 7 * SECOND)).await, ["F-2"]);
    let again = ledger
        .add_infrastructure(outage("F-1", T0, None), "duty", T0)
        .await
        .unwrap_err();
    assert_eq!(
        again.to_string(),
        "infrastructure event F-1: was entered before"
    );
    let mut odd = outage("F-4", T0, None);
    odd.level = 5;
    assert_eq!(
        ledger
            .add_infrastructure(odd, "duty", T0)
            .await
            .unwrap_err()
            .label(),
        "conflict"
    );
    let backwards = outage("F-4", T0, Some(T0 - 1));
    assert_eq!(
        ledger
            .add_infrastructure(backwards, "duty", T0)
            .await
            .unwrap_err()
            .label(),
        "conflict"
    );

    ledger
        .close_infrastructure("F-2", Some(T0 + 6 * SECOND), "duty", T0)
        .await
        .unwrap();
    let row = ledger.infrastructure_event("F-2").await.unwrap().unwrap();
    assert_eq!(
        (row.state, row.end_at),
        (InfrastructureState::Ended, Some(T0 + 6 * SECOND))
    );
    ledger
        .close_infrastructure("F-1", None, "chief", T0)
        .await
        .unwrap();
    assert_eq!(ids(Some(T0..T0 + 5 * SECOND)).await, Vec::<String>::new());
    assert_eq!(
        ledger
            .close_infrastructure("F-1", None, "x", T0)
            .await
            .unwrap_err()
            .label(),
        "conflict"
    );
    assert_eq!(
        ledger
            .close_infrastructure("F-9", None, "x", T0)
            .await
            .unwrap_err()
            .label(),
        "not-found"
    );
    assert_eq!(ledger.verify_audit().await.unwrap(), 5);
    let trail = ledger
        .audit(Some("infrastructure event F-1"), Default::default())
        .await
        .unwrap();
    assert_eq!(
        (trail[0].actor.as_str(), trail[0].action.as_str()),
        ("chief", "infrastructure.withdraw")
    );
}

async fn references_keep_their_history(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let table = |kind: &str, name: &str, content: &str, at| NewReferenceTable {
        kind: kind.to_owned(),
        name: name.to_owned(),
        source_path: format!("{name}.csv"),
        source_hash: Hash::of(content.as_bytes()),
        imported_at: at,
        records: content.len() as i64,
        compiled: Hash::of(format!("compiled {content}").as_bytes()),
        compiled_bytes: 8,
    };
    let first = ledger
        .add_reference(table("geo", "regions", "one", T0))
        .await
        .unwrap();
    let same = ledger
        .add_reference(table("geo", "regions", "one", T0 + 9))
        .await
        .unwrap();
    assert_eq!(same, first);
    let second = ledger
        .add_reference(table("geo", "regions", "two", T0 + 1))
        .await
        .unwrap();
    ledger
        .add_reference(table("geo", "more", "x", T0))
        .await
        .unwrap();
    ledger
        .add_reference(table("asn", "routes", "y", T0))
        .await
        .unwrap();
    assert_eq!(
        ledger.latest_reference("geo", "regions").await.unwrap(),
        Some(second.clone())
    );
    assert_eq!(ledger.latest_reference("geo", "none").await.unwrap(), None);
    let names = |rows: Vec<ledger::ReferenceTable>| {
        rows.into_iter()
            .map(|row| (row.name, row.records))
            .collect::<Vec<_>>()
    };
    let own = |list: &[(&str, i64)]| {
        list.iter()
            .map(|(k, n)| ((*k).to_owned(), *n))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(ledger.references(Some("geo")).await.unwrap()),
        own(&[("more", 1), ("regions", 3), ("regions", 3)])
    );
    assert_eq!(
        names(ledger.latest_references(None).await.unwrap()),
        own(&[("routes", 1), ("more", 1), ("regions", 3)])
    );
    assert_eq!(
        ledger.latest_references(Some("geo")).await.unwrap()[1],
        second
    );
    // Going back to the first source is a new import, and the latest.
    let back = ledger
        .add_reference(table("geo", "regions", "one", T0 + 2))
        .await
        .unwrap();
    assert_ne!(back.id, first.id);
    assert_eq!(
        ledger.latest_reference("geo", "regions").await.unwrap(),
        Some(back)
    );
}

async fn history_is_upserted_and_read_by_week(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let row = |number: Option<i32>, kind, value: i64| NewHistoryRow {
        series: "weekly".to_owned(),
        year: 2013,
        number,
        week_start: number.map(|number| 15_000 + 7 * number),
        week_end: number.map(|number| 15_006 + 7 * number),
        kind,
        values: json!({ "infected": 73.7, "defaced": value })
            .as_object()
            .unwrap()
            .clone(),
        note: String::new(),
        source: "a newspaper".to_owned(),
    };
    use HistoryKind::{Derived, Published, Undated};
    let rows = vec![
        row(Some(2), Published, 1),
        row(Some(2), Derived, 2),
        row(Some(1), Derived, 3),
        row(None, Undated, 4),
        row(None, Undated, 5),
    ];
    assert_eq!(ledger.import_history(rows.clone(), T0).await.unwrap(), 5);
    assert_eq!(ledger.import_history(rows, T0 + 1).await.unwrap(), 5);
    ledger
        .import_history(vec![row(Some(2), Published, 9)], T0 + 2)
        .await
        .unwrap();
    let defaced = async |days| {
        let rows = ledger.history("weekly", days).await.unwrap();
        rows.into_iter()
            .map(|row| row.values().unwrap()["defaced"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    let mut all = defaced(None).await;
    all[3..].sort();
    assert_eq!(all, [3, 9, 2, 4, 5]);
    assert_eq!(defaced(Some(15_014..15_015)).await, [9, 2]);
    assert!(ledger.history("monthly", None).await.unwrap().is_empty());
    let rows = ledger
        .history("weekly", Some(15_007..15_008))
        .await
        .unwrap();
    assert_eq!(rows[0].figures, r#"{"infected":73.7,"defaced":3}"#);
}

async fn settings_are_remembered(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    assert_eq!(
        ledger.setting::<String>("feed.a.cursor").await.unwrap(),
        None
    );
    ledger.set_setting("feed.a.cursor", &"x1").await.unwrap();
    ledger.set_setting("feed.a.cursor", &"x2").await.unwrap();
    ledger.set_setting("feedXa", &7).await.unwrap();
    assert_eq!(
        ledger
            .setting::<String>("feed.a.cursor")
            .await
            .unwrap()
            .as_deref(),
        Some("x2")
    );
    let listed = ledger.settings("feed.").await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].key.as_str(), listed[0].json.as_str()),
        ("feed.a.cursor", "\"x2\"")
    );
    let wrong = ledger.setting::<i64>("feed.a.cursor").await.unwrap_err();
    assert!(
        wrong.to_string().contains("setting feed.a.cursor"),
        "{wrong}"
    );
    assert!(ledger.remove_setting("feed.a.cursor").await.unwrap());
    assert!(!ledger.remove_setting("feed.a.cursor").await.unwrap());
}
