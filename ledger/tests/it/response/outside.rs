//! What people outside bring: complaints of the form, appeals, and what a party may see and say, on both databases.

use ledger::appeal::Judged;
use ledger::complaint::READ_COMPLAINT;
use ledger::portal::{Act, Change, NewPost, PartyTerms};
use ledger::{
    ComplaintState, DirectiveState, Error, Fate, ListedKind, ListedState, NewAppeal, NewListed,
    NewMessage, NewSubmitted, Page,
};
use model::newsroom::{AccountRole, Right};
use model::outside::{AppealAbout, AppealState, Dispute, MatterState, Stage};
use serde_json::json;

use super::complaints::complaint;
use super::*;
use crate::{Backend, T0, fresh, on_both};

on_both!(
    a_complaint_of_the_form_is_read_by_a_job_and_decided_once,
    an_appeal_takes_an_entry_off_or_not,
    a_matter_is_the_party_s_that_was_asked,
    an_incident_changes_hands_by_a_lead,
);

const HOUR: i64 = 3_600_000_000;

async fn lead(ledger: &Ledger) -> ledger::Actor {
    // The first account is an administrator's; while there is none, everybody holds every right.
    ledger.actor("li", Right::Lead, 0).await.unwrap()
}

async fn a_complaint_of_the_form_is_read_by_a_job_and_decided_once(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let file = NewSubmitted {
        original: Hash::of(b"as it came"),
        bytes: 10,
        kind: "png",
        shown: Some((Hash::of(b"drawn"), 3, 2)),
    };
    let mut new = complaint(1);
    new.via = "form".to_owned();
    let (id, receipt) = (new.id, new.receipt.clone());
    let number = ledger
        .file_complaint(new, "zh", vec![file], "system:form", T0)
        .await
        .unwrap();
    assert!(ledger.has_due_job(&[READ_COMPLAINT], T0).await.unwrap());
    let stored = ledger.complaint_numbered(number).await.unwrap();
    assert_eq!(
        (stored.state, stored.receipt_at),
        (ComplaintState::Waiting, Some(T0))
    );
    assert_eq!(stored.language.as_deref(), Some("zh"));
    let files = ledger.submitted_with_complaint(id).await.unwrap();
    assert_eq!(
        (files.len(), files[0].original, files[0].width),
        (1, Hash::of(b"as it came"), 3)
    );
    assert_eq!(ledger.form_complaints_since(T0, None).await.unwrap(), 1);
    assert_eq!(
        ledger
            .form_complaints_since(T0, Some("alice@example.org"))
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        ledger
            .form_complaints_since(T0 + 1, Some("alice@example.org"))
            .await
            .unwrap(),
        0
    );
    let stage = async |by| ledger.stage_of(&receipt, by).await.unwrap();
    assert_eq!(stage(T0 + HOUR).await, Some(Stage::Received));
    assert_eq!(ledger.stage_of("WF-none", T0).await.unwrap(), None);
    let opens = Fate::Opens(Box::new(opened(1, "complaint", "a.example")));
    ledger
        .decide_complaint(id, opens, "system:form", T0 + 1)
        .await
        .unwrap();
    let again = ledger
        .decide_complaint(id, Fate::Refused("x".to_owned()), "li", T0 + 2)
        .await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
    let step = NewStep::new(Step::Validate, "seen", T0 + HOUR);
    ledger
        .step(incident_id(1), &Reach::All, step, "li", T0 + HOUR)
        .await
        .unwrap();
    assert_eq!(stage(T0 + HOUR - 1).await, Some(Stage::Received));
    assert_eq!(stage(T0 + HOUR).await, Some(Stage::Handling));
    let close = NewStep::new(Step::Close(Resolution::Invalid), "seen", T0 + 2 * HOUR);
    ledger
        .step(incident_id(1), &Reach::All, close, "li", T0 + 2 * HOUR)
        .await
        .unwrap();
    assert_eq!(stage(T0 + 2 * HOUR - 1).await, Some(Stage::Handling));
    assert_eq!(stage(T0 + 2 * HOUR).await, Some(Stage::Closed));
    let told = ledger.complaints_to_answer().await.unwrap();
    assert_eq!(told.len(), 1, "who left an address is answered at closure");
}

async fn an_appeal_takes_an_entry_off_or_not(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let by = lead(&ledger).await;
    let entry = |list: &str| NewListed {
        list: list.to_owned(),
        kind: ListedKind::Domain,
        value: "a.example".to_owned(),
        classification: "phishing".to_owned(),
        incident: None,
        feed: None,
        licence: "own".to_owned(),
        grounds: "seen".to_owned(),
        verified_at: T0,
        expires_at: T0 + 1_000 * HOUR,
    };
    ledger
        .propose_listings(vec![entry("one"), entry("two")], false, "li", T0)
        .await
        .unwrap();
    let all = ledger
        .listings(&ledger::ListingFilter::default(), Page::ALL)
        .await
        .unwrap();
    let appeal = |receipt: &str| NewAppeal {
        receipt: receipt.to_owned(),
        about: AppealAbout::Listing,
        object: "a.example\0".to_owned(),
        body: "it is clean".to_owned(),
        name: None,
        address: None,
        language: "en",
        received_at: None,
    };
    let first = ledger
        .file_appeal(appeal("A"), vec![], "system:form", T0)
        .await
        .unwrap();
    let second = ledger
        .file_appeal(appeal("B"), vec![], "system:form", T0)
        .await
        .unwrap();
    // A receipt is one appeal's: what comes under it again, whatever it says, changes nothing.
    let other = NewAppeal {
        body: "another text".to_owned(),
        ..appeal("A")
    };
    let again = ledger.file_appeal(other, vec![], "system:form", T0).await;
    assert_eq!(again.unwrap(), first);
    let kept = ledger.appeals(None, Page::ALL).await.unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|one| one.body == "it is clean"));
    let judged = |upheld, reason: &str| Judged {
        upheld,
        reason: reason.to_owned(),
        listing: Some(all[0].id),
        incident: None,
    };
    for wrong in [judged(false, "no"), judged(true, " ")] {
        let refused = ledger.decide_appeal(&by, first, wrong, T0).await;
        assert!(
            matches!(refused, Err(Error::Conflict { .. })),
            "{refused:?}"
        );
    }
    let mut nobody = judged(true, "yes");
    nobody.incident = Some(99);
    let refused = ledger.decide_appeal(&by, first, nobody, T0).await;
    assert!(
        matches!(refused, Err(Error::NotFound { .. })),
        "{refused:?}"
    );
    let stands = ledger.listing(all[0].id).await.unwrap();
    assert_eq!(
        stands.state,
        ListedState::Proposed,
        "nothing of what failed is left"
    );
    let done = ledger
        .decide_appeal(&by, first, judged(true, "checked"), T0 + 1)
        .await
        .unwrap();
    assert_eq!(
        (done.state.0, done.decided_by.as_deref()),
        (AppealState::Upheld, Some("li"))
    );
    for row in &all {
        assert_eq!(
            ledger.listing(row.id).await.unwrap().state,
            ListedState::Delisted,
            "in every list"
        );
    }
    let decline = Judged {
        reason: "no".to_owned(),
        ..Judged::default()
    };
    ledger
        .decide_appeal(&by, second, decline, T0 + 2)
        .await
        .unwrap();
    assert_eq!(ledger.appeals_waiting().await.unwrap(), 0);
    assert_eq!(
        ledger.appeal_of("B").await.unwrap().unwrap().state.0,
        AppealState::Declined
    );
    ledger.verify_audit().await.unwrap();
}

fn party_organization(n: u8, roles: Vec<Role>) -> NewOrganization {
    NewOrganization {
        id: OrganizationId::draw(Timestamp(T0), random(n)),
        name_zh: format!("单位{n}"),
        name_en: format!("Party {n}"),
        roles,
        country: None,
        province: None,
        zone: "UTC".to_owned(),
        language: "en".to_owned(),
        interval_secs: 0,
        source: "manual".to_owned(),
        protected: true,
        contacts: vec![NewContact {
            id: ContactId::draw(Timestamp(T0), random(n)),
            channel: Channel::Mail,
            address: format!("desk@{n}.example.com"),
            language: None,
            format: None,
            rung: Rung::Agreed,
            hours: None,
            pgp: None,
        }],
        responsible: vec![],
    }
}

async fn a_matter_is_the_party_s_that_was_asked(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let by = ledger.actor("first", Right::Administer, 0).await.unwrap();
    ledger
        .set_account(&by, ("root", "", &[AccountRole::Administrator], true), T0)
        .await
        .unwrap();
    let by = ledger.actor("root", Right::Administer, 0).await.unwrap();
    let all = vec![
        party_organization(1, vec![Role::Registrar]),
        party_organization(2, vec![Role::Registrar]),
    ];
    let ids: Vec<_> = all.iter().map(|one| one.id).collect();
    ledger.add_organizations(all, "test", T0).await.unwrap();
    let mut parties = Vec::new();
    for (login, id) in [("a", ids[0]), ("b", ids[1])] {
        ledger
            .set_account(&by, (login, "", &[AccountRole::Party], true), T0)
            .await
            .unwrap();
        let account = ledger.account(login).await.unwrap().unwrap();
        assert!(ledger.party(&account).await.is_err(), "tied to nothing");
        ledger
            .set_account_organization(&by, login, Some(&id.to_string()), T0)
            .await
            .unwrap();
        let account = ledger.account(login).await.unwrap().unwrap();
        parties.push(ledger.party(&account).await.unwrap());
    }
    let root = ledger.account("root").await.unwrap().unwrap();
    assert!(
        ledger.party(&root).await.is_err(),
        "who may not answer is no party"
    );
    let triage = Triage {
        opened: vec![opened(1, "r", "a.example")],
        ..Triage::default()
    };
    ledger.commit_triage(triage, "r", "test", T0).await.unwrap();
    let incident = ledger.incident(incident_id(1), &Reach::All).await.unwrap();
    let number = incident.number;
    let step = |step| NewStep::new(step, "test", T0);
    ledger
        .step(incident_id(1), &Reach::All, step(Step::Validate), "li", T0)
        .await
        .unwrap();
    let directive = DirectiveId::draw(Timestamp(T0), random(1));
    let new = NewDirective {
        id: directive,
        incident: incident_id(1),
        place: 1,
        role: Role::Registrar,
        organization: Some(ids[0]),
        ask: "suspend-domain".to_owned(),
        reason: "why".to_owned(),
        target_secs: 60,
        working_days: None,
    };
    ledger.decide(vec![new], "test", T0).await.unwrap();
    // Decided and not asked: no word of it yet.
    assert!(matches!(
        ledger.matter(&parties[0], number, T0).await,
        Err(Error::NotFound { .. })
    ));
    let asked = |row: &mut Directive| {
        row.state = DirectiveState::Asked;
        row.asked_at = Some(T0);
        row.due_at = Some(T0 + HOUR);
    };
    ledger
        .edit_directive(directive, json!({}), asked, "test", T0)
        .await
        .unwrap();
    ledger
        .step(incident_id(1), &Reach::All, step(Step::Notify), "li", T0)
        .await
        .unwrap();
    let matter = ledger.matter(&parties[0], number, T0).await.unwrap();
    assert_eq!(
        (matter.state, matter.due_at),
        (MatterState::Asked, Some(T0 + HOUR))
    );
    assert_eq!(
        ledger
            .matters(&parties[0], true, None, 10, T0)
            .await
            .unwrap(),
        [matter]
    );
    assert!(
        ledger
            .matters(&parties[0], true, Some(number), 10, T0)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(ledger.matters_live(&parties[1], T0).await.unwrap(), 0);
    let post = |act, body: &str| NewPost {
        act,
        body: body.to_owned(),
        ticket: None,
        message: None,
        once: false,
    };
    for act in [
        Act::Acknowledge,
        Act::Fix,
        Act::Dispute(Dispute::Gone),
        Act::Write,
    ] {
        let denied = ledger
            .answer_matter(&parties[1], number, post(act, "x"), "b", T0)
            .await;
        assert!(matches!(denied, Err(Error::NotFound { .. })), "{denied:?}");
    }
    let foreign = ledger
        .tell_party((number, &Reach::All), ids[1], "x", "li", T0)
        .await;
    assert!(matches!(foreign, Err(Error::NotFound { .. })));
    let mut with = post(Act::Dispute(Dispute::NotOurs), "no\0");
    let message = NewMessage {
        blob: Hash::of(b"letter"),
        origin: "portal".to_owned(),
        message_id: None,
        received_at: T0,
    };
    with.message = Some((message, "subject".to_owned()));
    ledger
        .answer_matter(&parties[0], number, with, "a", T0 + 1)
        .await
        .unwrap();
    assert!(
        !ledger
            .has_due_job(&[ledger::message::READ_MESSAGE], T0 + 2)
            .await
            .unwrap(),
        "it was read already"
    );
    let waiting = ledger
        .messages(Some(ledger::MessageState::Waiting), Page::ALL)
        .await
        .unwrap();
    assert_eq!(waiting[0].incident_id.map(|id| id.0), Some(incident_id(1)));
    let incident = ledger.incident(incident_id(1), &Reach::All).await.unwrap();
    assert_eq!(incident.acknowledged_at, None, "not ours is no receipt");
    ledger
        .answer_matter(&parties[0], number, post(Act::Fix, ""), "a", T0 + 2)
        .await
        .unwrap();
    let incident = ledger.incident(incident_id(1), &Reach::All).await.unwrap();
    assert_eq!(incident.acted_at, Some(T0 + 2));
    ledger
        .tell_party((number, &Reach::All), ids[0], "thanks", "li", T0 + 3)
        .await
        .unwrap();
    assert_eq!(
        ledger
            .matter_posts(&parties[0], number, T0)
            .await
            .unwrap()
            .len(),
        3
    );
    assert!(ledger.matter_posts(&parties[1], number, T0).await.is_err());
    assert_eq!(
        ledger
            .portal_posts(&Reach::All, Page::ALL)
            .await
            .unwrap()
            .len(),
        3
    );
    // Under an embargo the matter is away for its party, and back when that is over; a named recipient keeps it.
    let held = [AccountRole::Analyst];
    ledger
        .set_account(&by, ("ann", "", &held, true), T0)
        .await
        .unwrap();
    let ann = ledger.actor("ann", Right::Work, 0).await.unwrap();
    let mut new = ledger::NewMarking {
        embargo_until: Some(Some(T0 + 2 * HOUR)),
        reason: "their mail".to_owned(),
        ..ledger::NewMarking::default()
    };
    let all = (number, &Reach::All);
    ledger.mark_incident(&ann, all, &new, T0 + 4).await.unwrap();
    let (before, over) = (T0 + HOUR, T0 + 2 * HOUR);
    let absent = ledger.matter(&parties[0], number, before).await;
    assert!(matches!(absent, Err(Error::NotFound { .. })), "{absent:?}");
    let listed = ledger
        .matters(&parties[0], false, None, 10, before)
        .await
        .unwrap();
    assert!(listed.is_empty());
    assert_eq!(ledger.matters_live(&parties[0], before).await.unwrap(), 0);
    let silent = ledger
        .answer_matter(&parties[0], number, post(Act::Write, "x"), "a", before)
        .await;
    assert!(matches!(silent, Err(Error::NotFound { .. })));
    // Who works here is told why.
    let told = ledger.tell_party(all, ids[0], "x", "li", before).await;
    assert!(matches!(told, Err(Error::Conflict { .. })), "{told:?}");
    assert!(ledger.matter(&parties[0], number, over).await.is_ok());
    new.recipients = Some([ids[0]].into_iter().collect());
    ledger.mark_incident(&ann, all, &new, T0 + 5).await.unwrap();
    assert!(ledger.matter(&parties[0], number, before).await.is_ok());
    let elsewhere = Reach::Owner(ids[1].to_string());
    assert!(
        ledger
            .portal_posts(&elsewhere, Page::ALL)
            .await
            .unwrap()
            .is_empty()
    );

    let theirs = ContactId::draw(Timestamp(T0), random(2));
    let own = ContactId::draw(Timestamp(T0), random(1));
    let terms = |contact| PartyTerms {
        language: "zh",
        interval_secs: 60,
        formats: vec![(contact, None)],
    };
    assert!(
        ledger
            .set_party_terms(&parties[0], terms(theirs), "a", T0)
            .await
            .is_err()
    );
    assert_eq!(
        ledger.organization(ids[0]).await.unwrap().language,
        "en",
        "all or nothing"
    );
    ledger
        .set_party_terms(&parties[0], terms(own), "a", T0)
        .await
        .unwrap();
    let change = |contact| Change::Reach {
        contact,
        channel: "mail".to_owned(),
        address: "new@example.com".to_owned(),
    };
    assert!(
        ledger
            .propose_change(&parties[0], &change(theirs), "a", T0)
            .await
            .is_err()
    );
    let id = ledger
        .propose_change(&parties[0], &change(own), "a", T0)
        .await
        .unwrap();
    ledger
        .set_account(&by, ("li", "", &[AccountRole::Lead], true), T0)
        .await
        .unwrap();
    let li = lead(&ledger).await;
    ledger
        .decide_change(&li, id, (true, "called"), T0 + 1)
        .await
        .unwrap();
    assert_eq!(
        ledger.contacts(ids[0]).await.unwrap()[0].address,
        "new@example.com"
    );
    assert_eq!(
        ledger
            .party_changes(&parties[1], Page::ALL)
            .await
            .unwrap()
            .len(),
        0
    );
    ledger.verify_audit().await.unwrap();
}

async fn an_incident_changes_hands_by_a_lead(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let by = lead(&ledger).await;
    let (branch, cloud) = (
        party_organization(1, vec![Role::ProvincialBranch]),
        party_organization(2, vec![Role::CloudProvider]),
    );
    let (branch_id, cloud_id) = (branch.id, cloud.id);
    ledger
        .add_organizations(vec![branch, cloud], "test", T0)
        .await
        .unwrap();
    let triage = Triage {
        opened: vec![opened(1, "r", "a.example")],
        ..Triage::default()
    };
    ledger.commit_triage(triage, "r", "test", T0).await.unwrap();
    let number = ledger
        .incident(incident_id(1), &Reach::All)
        .await
        .unwrap()
        .number;
    let all = (number, &Reach::All);
    for (to, reason) in [(Some(cloud_id), "x"), (Some(branch_id), " "), (None, "x")] {
        let refused = ledger.hand_over(&by, all, to, reason, T0).await;
        assert!(
            matches!(refused, Err(Error::Conflict { .. })),
            "{refused:?}"
        );
    }
    let own = Reach::Owner(branch_id.to_string());
    assert!(ledger.incident_numbered(number, &own).await.is_err());
    ledger
        .hand_over(&by, all, Some(branch_id), "its province", T0 + 1)
        .await
        .unwrap();
    assert!(ledger.incident_numbered(number, &own).await.is_ok());
    // A branch gives back, and hands to nobody else.
    let on = ledger
        .hand_over(&by, (number, &own), Some(branch_id), "x", T0 + 2)
        .await;
    assert!(matches!(on, Err(Error::Conflict { .. })), "{on:?}");
    let back = ledger
        .hand_over(&by, (number, &own), None, "too large", T0 + 3)
        .await
        .unwrap();
    assert_eq!(back.owner, None);
    assert!(ledger.incident_numbered(number, &own).await.is_err());
    assert_eq!(
        ledger
            .incident_notes(incident_id(1), &Reach::All)
            .await
            .unwrap()
            .len(),
        2
    );
}
