//! Campaigns, splitting, and incidents that move in: what belongs together, what does not, and what was
//! begun elsewhere.

use ledger::clock::NewClock;
use ledger::incident::{Join, MovedIncident, Period, Split, Triage};
use ledger::{IncidentFilter, Ledger, Page, Reach};
use model::ids::{CampaignId, IncidentId};
use model::incident::{IncidentState, Resolution};
use model::time::Timestamp;

use crate::making::new_incident;
use crate::{Backend, SECOND, T0, fresh, on_both};

on_both!(
    an_incident_is_in_one_open_campaign_at_most,
    a_campaign_that_cannot_be_changes_nothing,
    shares_are_counted_by_campaign,
    events_split_off_and_the_rest_stays,
    a_split_that_cannot_be_changes_nothing,
    old_incidents_keep_numbers_and_dates_and_move_out_again,
    what_was_worked_on_stays,
);

const DAY: i32 = 19_366;

async fn incidents(ledger: &Ledger, seeds: std::ops::Range<u8>) -> Vec<IncidentId> {
    let opened: Vec<_> = seeds
        .map(|n| new_incident(n, "phishing-host", &format!("h{n}.example.com")))
        .collect();
    let ids = opened.iter().map(|new| new.id).collect();
    let triage = Triage {
        opened,
        ..Triage::default()
    };
    ledger
        .commit_triage(triage, "phishing-host", "system:triage", T0)
        .await
        .unwrap();
    ids
}

fn campaign(seed: u8) -> CampaignId {
    CampaignId::draw(Timestamp(T0), [seed; 10])
}

async fn size(ledger: &Ledger, id: CampaignId) -> u64 {
    let filter = IncidentFilter {
        campaign: Some(id),
        ..IncidentFilter::default()
    };
    ledger.incident_count(&filter, &Reach::All).await.unwrap()
}

async fn an_incident_is_in_one_open_campaign_at_most(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let ids = incidents(&ledger, 0..4).await;
    let (one, two) = (campaign(1), campaign(2));
    ledger
        .add_campaign(one, " kit 7 ", "same kit", &ids[..2], "li", T0)
        .await
        .unwrap();
    let taken = ledger
        .add_campaign(two, "kit 7", "same kit", &[], "li", T0)
        .await;
    assert_eq!(taken.unwrap_err().label(), "conflict");
    ledger
        .add_campaign(two, "kit 8", "same kit", &ids[3..], "li", T0)
        .await
        .unwrap();
    // The first is in it already, the third is new.
    let joined = ledger
        .join_campaign(one, &[ids[0], ids[2]], "seen", "li", T0)
        .await;
    assert_eq!((joined.unwrap(), size(&ledger, one).await), (1, 3));
    // One that belongs to another: neither joins.
    let left = ledger
        .leave_campaign(one, &[ids[2]], "not it", "li", T0)
        .await;
    assert_eq!(left.unwrap(), 1);
    let other = ledger
        .join_campaign(one, &[ids[2], ids[3]], "seen", "li", T0)
        .await;
    assert_eq!(other.unwrap_err().label(), "conflict");
    assert_eq!(size(&ledger, one).await, 2);

    ledger
        .close_campaign(one, "over", "li", T0 + 1)
        .await
        .unwrap();
    assert!(
        ledger
            .join_campaign(one, &[ids[2]], "seen", "li", T0)
            .await
            .is_err()
    );
    assert!(
        ledger
            .close_campaign(one, "over", "li", T0 + 1)
            .await
            .is_err()
    );
    // Its incidents stay in it, and its name is free.
    assert_eq!(size(&ledger, one).await, 2);
    ledger
        .add_campaign(campaign(3), "kit 7", "back", &[], "li", T0 + 2)
        .await
        .unwrap();
    let all = ledger.campaigns().await.unwrap();
    assert_eq!((all.len(), all[0].name.as_str()), (3, "kit 7"));
    let trail = ledger
        .audit(Some(&format!("incident {}", ids[2])), Page::ALL)
        .await
        .unwrap();
    let moves = trail.iter().filter(|row| row.action == "incident.campaign");
    assert_eq!(moves.count(), 2);
}

async fn a_campaign_that_cannot_be_changes_nothing(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let ids = incidents(&ledger, 0..2).await;
    let lost = IncidentId::draw(Timestamp(T0), [99; 10]);
    for (name, reason, with) in [
        ("", "same kit", vec![]),
        ("kit", " ", vec![]),
        ("kit", "same kit", vec![ids[0], lost]),
    ] {
        let made = ledger
            .add_campaign(campaign(1), name, reason, &with, "li", T0)
            .await;
        assert!(made.is_err(), "{name} {reason}");
    }
    assert!(ledger.campaigns().await.unwrap().is_empty());
    ledger
        .merge_incidents(ids[0], ids[1], &Reach::All, "same", "li", T0)
        .await
        .unwrap();
    let merged = ledger
        .add_campaign(campaign(1), "kit", "same kit", &ids, "li", T0)
        .await;
    assert!(
        merged
            .unwrap_err()
            .to_string()
            .contains("became part of another")
    );
    assert!(ledger.campaign(campaign(1)).await.is_err());
}

async fn shares_are_counted_by_campaign(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let ids = incidents(&ledger, 0..5).await;
    ledger
        .add_campaign(campaign(1), "kit", "same kit", &ids[..3], "li", T0)
        .await
        .unwrap();
    let told = |rows: Vec<ledger::incident::CampaignCount>| {
        let mut told: Vec<_> = rows
            .iter()
            .map(|row| (row.campaign_id.is_some(), row.count))
            .collect();
        told.sort_unstable();
        told
    };
    let week = (T0, T0 + 7 * 86_400 * SECOND);
    let opened = ledger.count_campaigns(Period::Opened, week).await.unwrap();
    assert_eq!(told(opened), [(false, 2), (true, 3)]);
    assert!(
        ledger
            .count_campaigns(Period::Handled, week)
            .await
            .unwrap()
            .is_empty()
    );
    let listed = ledger
        .incident_campaigns(&IncidentFilter::default(), &Reach::All)
        .await;
    assert_eq!(told(listed.unwrap()), [(false, 2), (true, 3)]);
}

/// An incident that five events of two days joined.
async fn joined(ledger: &Ledger) -> IncidentId {
    let new = new_incident(7, "phishing-host", "example.com");
    let id = new.id;
    let joined = (0..5u8)
        .map(|n| Join {
            incident: id,
            event: [n; 16],
            day: DAY + i32::from(n / 3),
            observed_at: T0 + i64::from(n) * SECOND,
        })
        .collect();
    let triage = Triage {
        opened: vec![new],
        joined,
        ..Triage::default()
    };
    ledger
        .commit_triage(triage, "phishing-host", "system:triage", T0)
        .await
        .unwrap();
    id
}

async fn events_split_off_and_the_rest_stays(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = joined(&ledger).await;
    let new = IncidentId::draw(Timestamp(T0), [8; 10]);
    ledger
        .add_campaign(campaign(1), "kit", "same kit", &[id], "li", T0)
        .await
        .unwrap();
    // The same event named twice is one.
    let events = [[3; 16], [4; 16], [3; 16]];
    let made = ledger
        .split_incident(
            id,
            &Reach::All,
            Split {
                id: new,
                events: &events,
                what: "another page",
                reason: "not the kit",
            },
            "li",
            T0 + 1,
        )
        .await
        .unwrap();
    assert_eq!(
        (made.events, made.state.0, made.number),
        (2, IncidentState::Open, 2)
    );
    assert_eq!(made.what, "another page");
    assert_eq!(made.campaign_id.map(|id| id.0), Some(campaign(1)));
    let old = ledger.incident(id, &Reach::All).await.unwrap();
    assert_eq!(old.events, 3);
    assert!(made.first_seen_at >= old.first_seen_at && made.last_seen_at <= old.last_seen_at);
    let of = async |id| {
        ledger
            .incident_events(id, &Reach::All, Page::ALL)
            .await
            .unwrap()
            .len()
    };
    assert_eq!((of(id).await, of(new).await), (3, 2));
    // What comes for the rule and key joins the old one.
    let keys = [ledger::Incident::live_key("phishing-host", "example.com")];
    let live = ledger.live_incidents(&keys).await.unwrap();
    assert_eq!(live[0].1, id);
    for of in [id, new] {
        let trail = ledger
            .audit(Some(&format!("incident {of}")), Page::ALL)
            .await
            .unwrap();
        assert!(trail.len() >= 2 || of == new, "{trail:?}");
    }
}

async fn a_split_that_cannot_be_changes_nothing(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = joined(&ledger).await;
    let new = IncidentId::draw(Timestamp(T0), [8; 10]);
    let all: Vec<[u8; 16]> = (0..5u8).map(|n| [n; 16]).collect();
    for (events, reason) in [
        (vec![], "other"),
        (all, "other"),
        (vec![[1; 16], [77; 16]], "other"),
        (vec![[1; 16]], " "),
    ] {
        let made = ledger
            .split_incident(
                id,
                &Reach::All,
                Split {
                    id: new,
                    events: &events,
                    what: "x",
                    reason,
                },
                "li",
                T0,
            )
            .await;
        assert_eq!(made.unwrap_err().label(), "conflict", "{events:?}");
    }
    // Out of reach it looks as if it were not there.
    let reach = Reach::Owner("31".to_owned());
    let made = ledger
        .split_incident(
            id,
            &reach,
            Split {
                id: new,
                events: &[[1; 16]],
                what: "x",
                reason: "y",
            },
            "li",
            T0,
        )
        .await;
    assert_eq!(made.unwrap_err().label(), "not-found");
    let old = ledger.incident(id, &Reach::All).await.unwrap();
    assert_eq!((old.events, old.version), (5, 2));
    assert!(ledger.incident(new, &Reach::All).await.is_err());
}

fn moved(seed: u8, number: &str, closed: Option<(Resolution, i64)>) -> MovedIncident {
    let mut incident = new_incident(seed, "", "");
    incident.external_number = Some(number.to_owned());
    incident.owner = Some("31".to_owned());
    MovedIncident {
        incident,
        opened_at: T0 - 100 * SECOND,
        noticed_at: closed.map(|_| T0 - 90 * SECOND),
        closed,
        note: None,
    }
}

async fn old_incidents_keep_numbers_and_dates_and_move_out_again(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let ended = Some((Resolution::TakenDown, T0 - 50 * SECOND));
    let all = vec![moved(1, "RT-17", None), moved(2, "RT-18", ended)];
    assert_eq!(ledger.move_in("rt", all, "li", T0).await.unwrap(), 2);
    let found = ledger
        .incidents_numbered_elsewhere("RT-18", &Reach::All)
        .await
        .unwrap();
    let one = &found[0];
    assert_eq!(
        (one.opened_at, one.closed_at),
        (T0 - 100 * SECOND, Some(T0 - 50 * SECOND))
    );
    assert_eq!(
        (one.owner.as_deref(), one.origin.as_str()),
        (Some("31"), "import:rt")
    );
    assert_eq!(one.state.0, IncidentState::Closed);
    // Handled then, not now.
    assert_eq!(one.counted_at, Some(T0 - 50 * SECOND));
    let open = ledger
        .incidents_numbered_elsewhere("RT-17", &Reach::All)
        .await
        .unwrap();
    assert_eq!(
        (open[0].state.0, open[0].validated_at),
        (IncidentState::Open, None)
    );
    assert!(
        ledger
            .clocks(open[0].incident_id())
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        ledger
            .directives(open[0].incident_id())
            .await
            .unwrap()
            .is_empty()
    );
    let mut known = ledger.moved_numbers("rt").await.unwrap();
    known.sort();
    assert_eq!(known, ["RT-17", "RT-18"]);
    // The same open matter twice under one name: all or nothing.
    let again = vec![moved(3, "RT-19", None), moved(4, "RT-17", None)];
    assert!(ledger.move_in("rt", again, "li", T0).await.is_err());
    let wrong = vec![moved(
        5,
        "RT-20",
        Some((Resolution::Invalid, T0 - 200 * SECOND)),
    )];
    assert_eq!(
        ledger
            .move_in("rt", wrong, "li", T0)
            .await
            .unwrap_err()
            .label(),
        "conflict"
    );

    let out = ledger.move_out("rt", "li", T0 + 1).await.unwrap();
    assert_eq!((out.removed, out.kept.len()), (2, 0));
    assert_eq!(
        ledger
            .incident_count(&IncidentFilter::default(), &Reach::All)
            .await
            .unwrap(),
        0
    );
    let nothing = ledger.move_out("rt", "li", T0 + 1).await.unwrap();
    assert_eq!(nothing.removed, 0);
}

async fn what_was_worked_on_stays(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let all = (1..5).map(|n| moved(n, &format!("RT-{n}"), None)).collect();
    ledger.move_in("rt", all, "li", T0).await.unwrap();
    let id = |n: u8| new_incident(n, "", "").id;
    ledger
        .note_incident(id(1), &Reach::All, "called", "li", T0)
        .await
        .unwrap();
    let clock = NewClock {
        incident: id(2),
        law: "cn-2025".to_owned(),
        duty: "other".to_owned(),
        started_at: T0,
        due_at: T0 + SECOND,
        reason: "grave".to_owned(),
    };
    ledger.start_clocks(vec![clock], "li", T0).await.unwrap();
    // One that another became part of.
    ledger
        .merge_incidents(id(4), id(3), &Reach::All, "same", "li", T0)
        .await
        .unwrap();
    let out = ledger.move_out("rt", "li", T0 + 1).await.unwrap();
    assert_eq!((out.removed, out.kept.as_slice()), (0, &[1, 2, 3, 4][..]));
}
