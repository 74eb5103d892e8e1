//! Looks that are handed in: what they do to an incident.

use std::sync::Arc;

use ledger::NewVerification;
use ledger::portal::{Act, Party};
use model::ids::VerificationId;
use model::incident::{IncidentState, Resolution, Step};
use model::newsroom::{AccountRole, Right};
use model::time::Timestamp;
use model::verification::{Client, Finding, ProbeKind};
use response::checking::{Checked, Checker, Elsewhere};
use response::verify::{self, Markers, Policy, probe};

use super::bench::{Bench, DAY, HOUR, REGISTRAR, page};

/// Looks with a prober that may reach nothing, so that its own looks are never sure.
async fn check(bench: &Bench) -> Checked {
    let lookup: outbound::Lookup =
        Arc::new(|_| Box::pin(async { Err(std::io::Error::other("no resolver here")) }));
    let prober = probe::Prober::new(
        lookup,
        outbound::Allowed::default(),
        rustls::RootCertStore::empty(),
        probe::Clients::usual().unwrap(),
        None,
        probe::Limits::default(),
    );
    let checker = Checker {
        prober: Arc::new(prober),
        elsewhere: Elsewhere::default(),
        policy: Policy::usual().unwrap(),
        markers: Markers::usual().unwrap(),
        rules: verify::Rules::default(),
        software: "test".to_owned(),
    };
    let parties = bench.parties().await;
    bench.desk.check(&checker, &parties, &[]).await.unwrap()
}

/// The registrar, as the account of its own that answers for it.
async fn registrar(bench: &Bench) -> Party {
    let ledger = &bench.desk.ledger;
    let now = bench.now();
    for (login, role) in [
        ("li", AccountRole::Administrator),
        ("zhou", AccountRole::Party),
    ] {
        let by = ledger.actor("li", Right::Administer, 0).await.unwrap();
        let account = (login, "", &[role][..], true);
        ledger.set_account(&by, account, now).await.unwrap();
    }
    let by = ledger.actor("li", Right::Administer, 0).await.unwrap();
    let all = ledger.organizations(Some("Registrar")).await.unwrap();
    let id = all[0].id.0.to_string();
    ledger
        .set_account_organization(&by, "zhou", Some(&id), now)
        .await
        .unwrap();
    let account = ledger.account("zhou").await.unwrap().unwrap();
    ledger.party(&account).await.unwrap()
}

/// A look by somebody who looked.
async fn look(bench: &Bench, finding: Finding) {
    let id = bench.incident(1).await.incident_id();
    let at = bench.now();
    let new = NewVerification {
        id: VerificationId::draw(Timestamp(at), (bench.desk.random)()),
        incident: id,
        at,
        probe: ProbeKind::Http,
        client: Client::Victim,
        vantage: "elsewhere".to_owned(),
        finding,
        reason: "handed in".to_owned(),
        detail: serde_json::json!({}),
        evidence: None,
    };
    bench
        .desk
        .ledger
        .add_verification(new, None, "ann", at)
        .await
        .unwrap();
}

#[tokio::test]
async fn looks_that_are_not_sure_never_end_anything() {
    let bench = Bench::asked().await;
    for _ in 0..30 {
        check(&bench).await;
        bench.pass(7 * HOUR);
        look(&bench, Finding::Inconclusive).await;
        bench.pass(7 * HOUR);
    }
    let after = bench.incident(1).await;
    assert_eq!(
        (after.state.0, after.gone_at),
        (IncidentState::Notified, None)
    );
    let id = after.incident_id();
    assert!(bench.desk.ledger.verifications(id).await.unwrap().len() > 30);
}

#[tokio::test]
async fn enough_independent_looks_end_it_and_one_that_finds_it_opens_it_again() {
    let bench = Bench::asked().await;
    look(&bench, Finding::Present).await;
    let up = bench.now();
    for n in 0..3 {
        bench.pass(2 * HOUR);
        look(&bench, Finding::Gone).await;
        if n < 2 {
            check(&bench).await;
            assert!(bench.incident(1).await.state.0.is_live(), "after {n}");
        }
    }
    // Its next look is due, tells nothing, and what the others told is enough.
    bench.pass(2 * DAY);
    let told = check(&bench).await;
    assert_eq!((told.gone, told.closed), (1, 1));
    let closed = bench.incident(1).await;
    assert_eq!(closed.state.0, IncidentState::Closed);
    assert_eq!(closed.resolution.unwrap().0, Resolution::TakenDown);
    assert_eq!(closed.last_up_at, Some(up));
    assert_eq!(closed.gone_at, Some(up + 2 * HOUR));
    assert!(
        bench
            .states(1)
            .await
            .iter()
            .all(|state| *state == ledger::DirectiveState::Over)
    );
    let counted = closed.counted_at;
    bench.pass(3 * DAY);
    look(&bench, Finding::Present).await;
    bench.pass(DAY);
    assert_eq!(check(&bench).await.back, 1);
    let back = bench.incident(1).await;
    assert_eq!(back.state.0, IncidentState::Validated);
    assert_eq!((back.resolution, back.counted_at), (None, counted));
    // Its parties are asked anew.
    assert_eq!(bench.write().await.notices, 1);
    assert_eq!(check(&bench).await.back, 0);
}

#[tokio::test]
async fn a_party_s_word_begins_the_waits_anew() {
    let bench = Bench::asked().await;
    // Found up so often that the wait has grown to its six hours.
    for _ in 0..8 {
        look(&bench, Finding::Present).await;
        bench.pass(6 * HOUR);
    }
    look(&bench, Finding::Present).await;
    bench.pass(HOUR);
    assert_eq!(check(&bench).await.incidents, 0, "not for six hours");
    let party = registrar(&bench).await;
    let said = (Act::Fix, "The domain is on hold.", None);
    let answered = bench.desk.answer_matter(&party, 1, said, "zhou").await;
    answered.unwrap();
    // At once; a name server still has the old address.
    assert_eq!(check(&bench).await.incidents, 1);
    look(&bench, Finding::Present).await;
    bench.pass(HOUR / 6);
    assert_eq!(check(&bench).await.incidents, 0, "not every round");
    bench.pass(HOUR / 2);
    assert_eq!(check(&bench).await.incidents, 1, "not six hours later");
}

#[tokio::test]
async fn what_nobody_was_asked_about_is_gone_and_not_closed() {
    let bench = Bench::new().await;
    bench.register(&[REGISTRAR]).await;
    bench.report("r1", &[page("a.example", 1)]).await;
    bench.triage(&["r1"]).await;
    bench.step(1, Step::Validate).await;
    for _ in 0..3 {
        look(&bench, Finding::Gone).await;
        bench.pass(2 * HOUR);
    }
    bench.pass(2 * DAY);
    let told = check(&bench).await;
    assert_eq!((told.gone, told.closed), (1, 0));
    assert_eq!(bench.incident(1).await.state.0, IncidentState::Gone);
}

#[tokio::test]
async fn who_is_not_to_be_probed_is_not() {
    let bench = Bench::asked().await;
    let party = bench
        .desk
        .ledger
        .organizations(Some("Registrar"))
        .await
        .unwrap();
    let mark = |row: &mut ledger::Organization| {
        row.may_probe = false;
        row.mark_reason = Some("asked not to be".to_owned());
    };
    let what = serde_json::json!({ "may_probe": false });
    let ledger = &bench.desk.ledger;
    let id = party[0].id.0;
    ledger
        .edit_organization(id, what, mark, "ann", bench.now())
        .await
        .unwrap();
    let told = check(&bench).await;
    assert_eq!((told.withheld, told.looks), (1, 0));
}

#[tokio::test]
async fn one_that_is_back_leaves_its_matter_to_who_has_it_by_now() {
    let bench = Bench::asked().await;
    for step in [Step::FindGone, Step::Close(Resolution::TakenDown)] {
        bench.step(1, step).await;
    }
    // Opened by hand meanwhile, as by another process.
    let mut late = page("a.example", 9);
    late.at = bench.now();
    bench.pass(15 * DAY);
    late.at = bench.now();
    bench.report("r9", &[late]).await;
    assert_eq!(bench.triage(&["r9"]).await.opened, 1);
    bench.set(bench.incident(1).await.closed_at.unwrap() + 2 * DAY);
    look(&bench, Finding::Present).await;
    bench.pass(DAY);
    let told = check(&bench).await;
    assert_eq!(told.back, 0);
    assert_eq!(bench.incident(1).await.state.0, IncidentState::Closed);
}
