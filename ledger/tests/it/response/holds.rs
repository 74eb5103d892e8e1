//! Legal holds on incidents and parties: what they cover when they are placed, and what comes under them later.

use std::collections::BTreeSet;

use ledger::incident::{MovedIncident, Split};
use ledger::{Hold, Holds, NewExpiry, NewHold, Page, Reach, Retained, Rewritten};
use model::ids::EventId;

use super::*;
use crate::{Backend, T0, fresh, on_both};

on_both!(
    a_hold_on_an_incident_covers_what_joins_it_later,
    what_becomes_one_matter_or_was_one_is_held_together,
    a_party_is_held_with_all_that_it_is_asked_about_or_works,
    a_rule_that_looked_before_events_came_under_a_hold_is_refused,
    an_import_does_not_take_back_what_is_held,
);

async fn hold(
    ledger: &Ledger,
    incident: Option<IncidentId>,
    party: Option<OrganizationId>,
) -> ledger::Result<Hold> {
    let new = NewHold {
        incident,
        party,
        reason: "case 17".to_owned(),
        by: "li.na".to_owned(),
        ..NewHold::default()
    };
    ledger.place_hold(new, T0).await
}

async fn release(ledger: &Ledger, hold: &Hold) {
    ledger
        .release_hold(hold.id, "wang.wei", "closed", T0 + 1)
        .await
        .unwrap();
}

async fn held(ledger: &Ledger) -> BTreeSet<EventId> {
    let day = Timestamp(T0).day().0;
    let found = ledger.held_events(day).await.unwrap();
    let counted = ledger.held().await.unwrap().days;
    let counted = counted.values().sum::<i64>();
    assert!(counted >= found.len() as i64);
    found
}

fn events(numbers: &[u8]) -> BTreeSet<EventId> {
    numbers.iter().map(|n| EventId([*n; 16])).collect()
}

async fn is_marked(ledger: &Ledger, id: IncidentId) -> bool {
    incident(ledger, id).await.legal_hold
}

async fn a_hold_on_an_incident_covers_what_joins_it_later(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let (id, other) = (
        open(&ledger, 1, "a.example").await,
        open(&ledger, 2, "b.example").await,
    );
    let nobody = hold(&ledger, Some(incident_id(9)), None).await.unwrap_err();
    assert!(nobody.to_string().contains("not found"), "{nobody}");
    let placed = hold(&ledger, Some(id), None).await.unwrap();
    assert!(
        !placed.covers("feed", "R-1", [1].into_iter()),
        "by event only"
    );
    triage(&ledger, vec![], vec![join(1, 7, T0), join(2, 8, T0)])
        .await
        .unwrap();
    assert_eq!(held(&ledger).await, events(&[1, 7]));
    assert!(is_marked(&ledger, id).await && !is_marked(&ledger, other).await);
    // Work on it goes on and leaves the mark.
    step(&ledger, id, Step::Validate, T0 + 1).await.unwrap();
    assert!(is_marked(&ledger, id).await);
    let second = hold(&ledger, Some(id), None).await.unwrap();
    release(&ledger, &placed).await;
    assert!(is_marked(&ledger, id).await, "another covers it");
    assert_eq!(
        ledger.holds_on(id).await.unwrap(),
        std::slice::from_ref(&second)
    );
    release(&ledger, &second).await;
    assert!(!is_marked(&ledger, id).await);
    assert_eq!(held(&ledger).await, events(&[]));
    let trail = ledger.audit(Some("hold 1"), Page::ALL).await.unwrap();
    let added = trail.last().unwrap();
    assert_eq!(added.action, "hold.add");
    assert!(added.detail.to_string().contains(&id.to_string()));
    ledger.verify_audit().await.unwrap();
}

async fn what_becomes_one_matter_or_was_one_is_held_together(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let (first, second) = (
        open(&ledger, 1, "a.example").await,
        open(&ledger, 2, "b.example").await,
    );
    let placed = hold(&ledger, Some(first), None).await.unwrap();
    ledger
        .merge_incidents(first, second, &Reach::All, "same kit", "ann", T0 + 1)
        .await
        .unwrap();
    assert_eq!(held(&ledger).await, events(&[1, 2]));
    let split = Split {
        id: incident_id(3),
        events: &[[1; 16]],
        what: "another page",
        reason: "not the same kit",
    };
    ledger
        .split_incident(second, &Reach::All, split, "ann", T0 + 2)
        .await
        .unwrap();
    assert_eq!(held(&ledger).await, events(&[1, 2]));
    assert!(is_marked(&ledger, incident_id(3)).await);
    let trail = ledger.audit(Some("hold 1"), Page::ALL).await.unwrap();
    let actions: Vec<&str> = trail.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["hold.extend", "hold.extend", "hold.add"]);
    release(&ledger, &placed).await;
    assert_eq!(held(&ledger).await, events(&[]));
    // A part that is named by itself is held with the whole, which has its events by now.
    hold(&ledger, Some(first), None).await.unwrap();
    assert_eq!(held(&ledger).await, events(&[2]));
}

async fn a_party_is_held_with_all_that_it_is_asked_about_or_works(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let (asked, owned) = (
        open(&ledger, 1, "a.example").await,
        IncidentId::draw(Timestamp(T0), random(2)),
    );
    open(&ledger, 3, "c.example").await;
    let (one, _) = party(&ledger, 1).await;
    let (two, _) = party(&ledger, 2).await;
    directive(&ledger, 1, asked, one).await;
    let nobody = OrganizationId::draw(Timestamp(T0), random(9));
    assert!(hold(&ledger, None, Some(nobody)).await.is_err());
    let both = hold(&ledger, Some(asked), Some(one)).await.unwrap_err();
    assert!(both.to_string().contains("nothing else"), "{both}");
    let placed = hold(&ledger, None, Some(one)).await.unwrap();
    assert_eq!(held(&ledger).await, events(&[1]));
    let new = NewIncident {
        owner: Some(one.to_string()),
        ..opened(2, "phishing-host", "b.example")
    };
    triage(&ledger, vec![new], vec![join(2, 2, T0)])
        .await
        .unwrap();
    assert!(is_marked(&ledger, owned).await);
    directive(&ledger, 3, incident_id(3), one).await;
    assert_eq!(held(&ledger).await, events(&[1, 2, 3]));
    // The party's entry is merged into another's: what that is asked from now on may be the first's.
    ledger
        .merge_organizations(one, two, "one company", "ann", T0)
        .await
        .unwrap();
    let later = open(&ledger, 4, "d.example").await;
    directive(&ledger, 4, later, two).await;
    assert_eq!(held(&ledger).await, events(&[1, 2, 3, 4]));
    assert_eq!(ledger.covered_by_holds().await.unwrap()[&placed.id], 4);
    release(&ledger, &placed).await;
    assert_eq!(held(&ledger).await, events(&[]));
    let after = open(&ledger, 5, "e.example").await;
    directive(&ledger, 5, after, two).await;
    assert!(!is_marked(&ledger, after).await);
}

async fn a_rule_that_looked_before_events_came_under_a_hold_is_refused(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let id = open(&ledger, 1, "a.example").await;
    hold(&ledger, Some(id), None).await.unwrap();
    let seen = ledger.held().await.unwrap();
    triage(&ledger, vec![], vec![join(1, 7, T0)]).await.unwrap();
    let expire = async |held: Holds| {
        let expired = vec![NewExpiry {
            rule: "a year".to_owned(),
            report_id: "R-1".to_owned(),
            feed: "feed".to_owned(),
            day: None,
            count: 1,
            bytes: 1,
        }];
        let none = Rewritten::default();
        ledger
            .expire(Retained::Raw, expired, none, &held, "li.na", T0)
            .await
    };
    let refused = expire(seen).await.unwrap_err();
    assert!(refused.to_string().contains("other events"), "{refused}");
    expire(ledger.held().await.unwrap()).await.unwrap();
}

async fn an_import_does_not_take_back_what_is_held(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let moved = |n: u8| MovedIncident {
        incident: NewIncident {
            external_number: Some(format!("RT-{n}")),
            ..opened(n, "import", &format!("rt/{n}"))
        },
        opened_at: T0,
        noticed_at: None,
        closed: None,
        note: Some("as it was".to_owned()),
    };
    ledger
        .move_in("rt", vec![moved(1), moved(2)], "ann", T0)
        .await
        .unwrap();
    let placed = hold(&ledger, Some(incident_id(1)), None).await.unwrap();
    let out = ledger.move_out("rt", "ann", T0).await.unwrap();
    assert_eq!((out.removed, out.held, out.kept), (1, vec![1], vec![]));
    release(&ledger, &placed).await;
    assert_eq!(ledger.move_out("rt", "ann", T0).await.unwrap().removed, 1);
}
