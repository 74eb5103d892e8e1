//! Signing in as the ledger keeps it: attempts by account and address, second factors, identities, tokens of the API.

use ledger::{Admission, Hash, Ledger, NewApiToken, NewIdentity, NewSession, Page};
use model::newsroom::{AccountRole, Right};

use crate::{Backend, SECOND, T0, fresh, on_both};

on_both!(
    strangers_wait_and_the_owner_does_not,
    an_address_waits_for_all_accounts,
    steps_and_codes_are_good_once,
    a_subject_is_one_accounts,
    tokens_are_a_part_of_their_account,
);

const HOME: &str = "192.0.2.7";
const DAY: i64 = 86_400 * SECOND;

async fn people(ledger: &Ledger) {
    let by = ledger.actor("first", Right::Administer, 0).await.unwrap();
    for (login, role) in [
        ("li", AccountRole::Administrator),
        ("wang", AccountRole::Analyst),
        ("wang_wei", AccountRole::Viewer),
    ] {
        ledger
            .set_account(&by, (login, login, &[role], true), T0)
            .await
            .unwrap();
    }
}

async fn tries(ledger: &Ledger, login: &str, source: &str, times: usize, now: i64) -> usize {
    let mut open = 0;
    for _ in 0..times {
        if ledger.try_sign_in(login, source, now).await.unwrap() == Admission::Open {
            open += 1;
        }
    }
    open
}

async fn strangers_wait_and_the_owner_does_not(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    people(&ledger).await;
    let session = NewSession {
        hash: Hash::of(b"text"),
        login: "wang".to_owned(),
        expires_at: T0 + DAY,
        source: HOME.to_owned(),
        agent: String::new(),
        how: "password".to_owned(),
    };
    ledger.begin_session(session, T0).await.unwrap();
    // From many addresses, so that none of them is held back for itself.
    let mut open = 0;
    for n in 0..50 {
        open += tries(&ledger, "wang", &format!("198.51.100.{n}"), 1, T0).await;
    }
    assert_eq!(open, 5, "strangers together");
    assert_eq!(
        tries(&ledger, " WANG ", "203.0.113.1", 1, T0).await,
        0,
        "one login is one login"
    );
    assert_eq!(
        tries(&ledger, "wang", HOME, 1, T0).await,
        1,
        "where its owner works"
    );
    assert_eq!(
        tries(&ledger, "wang", HOME, 10, T0).await,
        4,
        "there it is counted for itself"
    );
    // Each further failure waits longer, never for good.
    let mut now = T0;
    for wait in [30, 60, 120, 240, 480, 900, 900] {
        now += wait * SECOND - 1;
        assert_eq!(
            tries(&ledger, "wang", "203.0.113.2", 1, now).await,
            0,
            "{wait}"
        );
        now += 1;
        assert_eq!(
            tries(&ledger, "wang", "203.0.113.2", 1, now).await,
            1,
            "{wait}"
        );
    }
    ledger.sign_in_succeeded("wang", HOME).await.unwrap();
    assert_eq!(ledger.sign_in_held("wang", now).await.unwrap(), None);
    let trail = ledger.audit(Some("account wang"), Page::ALL).await.unwrap();
    let held = trail
        .iter()
        .filter(|row| row.action == "sign-in.held")
        .count();
    assert_eq!(held, 2, "once from strangers, once at home");
    // An administrator lets go on; of that account and no other.
    tries(&ledger, "wang", "203.0.113.3", 9, now).await;
    tries(&ledger, "wang_wei", "203.0.113.4", 9, now).await;
    let by = ledger.actor("li", Right::Administer, 0).await.unwrap();
    ledger.release_sign_in(&by, "wang", now).await.unwrap();
    assert_eq!(ledger.sign_in_held("wang", now).await.unwrap(), None);
    assert!(
        ledger
            .sign_in_held("wang_wei", now)
            .await
            .unwrap()
            .is_some()
    );
    // Logins that nobody has are counted alike, and leave nothing in the trail.
    assert_eq!(tries(&ledger, "nobody", "203.0.113.5", 9, now).await, 5);
    assert!(
        ledger
            .audit(Some("account nobody"), Page::ALL)
            .await
            .unwrap()
            .is_empty()
    );
    // After a day nothing is held against anybody.
    assert_eq!(
        tries(&ledger, "nobody", "203.0.113.5", 9, now + DAY + 1).await,
        5
    );
}

async fn an_address_waits_for_all_accounts(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    people(&ledger).await;
    let mut open = 0;
    for n in 0..40 {
        open += tries(&ledger, &format!("guess{n}"), "2001:db8:7:7::1", 1, T0).await;
    }
    assert_eq!(open, 20);
    assert_eq!(
        tries(&ledger, "li", "2001:db8:7:7:ffff::9", 1, T0).await,
        0,
        "the same site"
    );
    assert_eq!(
        tries(&ledger, "li", "2001:db8:7:8::1", 1, T0).await,
        1,
        "another one"
    );
    // Whoever has an account does not clear the address between two guesses.
    ledger
        .sign_in_succeeded("wang", "2001:db8:7:7::1")
        .await
        .unwrap();
    assert_eq!(tries(&ledger, "wang", "2001:db8:7:7::1", 1, T0).await, 0);
}

async fn steps_and_codes_are_good_once(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    people(&ledger).await;
    ledger.offer_second_factor("wang", "ONE", T0).await.unwrap();
    ledger.offer_second_factor("wang", "TWO", T0).await.unwrap();
    assert!(
        !ledger.use_step("wang", 7).await.unwrap(),
        "nothing is confirmed yet"
    );
    let codes: Vec<Hash> = (0..3u8).map(|n| Hash::of(&[n])).collect();
    ledger
        .confirm_second_factor("wang", 7, &codes, T0)
        .await
        .unwrap();
    assert_eq!(
        ledger.second_factor("wang").await.unwrap().unwrap().secret,
        "TWO"
    );
    let again = ledger
        .offer_second_factor("wang", "THREE", T0)
        .await
        .unwrap_err();
    assert_eq!(again.label(), "conflict");
    assert!(
        !ledger.use_step("wang", 7).await.unwrap(),
        "used to confirm"
    );
    assert!(ledger.use_step("wang", 8).await.unwrap());
    assert!(!ledger.use_step("wang", 8).await.unwrap());
    assert!(!ledger.use_step("wang", 6).await.unwrap(), "an older one");
    assert!(
        ledger
            .use_recovery_code("wang", codes[1], T0)
            .await
            .unwrap()
    );
    assert!(
        !ledger
            .use_recovery_code("wang", codes[1], T0)
            .await
            .unwrap()
    );
    assert!(
        !ledger.use_recovery_code("li", codes[2], T0).await.unwrap(),
        "somebody else's"
    );
    assert_eq!(ledger.recovery_codes_left("wang").await.unwrap(), 2);
    ledger
        .renew_recovery_codes("wang", &[Hash::of(b"new")], T0)
        .await
        .unwrap();
    assert!(
        !ledger
            .use_recovery_code("wang", codes[2], T0)
            .await
            .unwrap()
    );
    let half = Hash::of(b"half");
    ledger
        .begin_half_session(half, ("wang", "password"), T0 + 600 * SECOND, T0)
        .await
        .unwrap();
    assert!(
        ledger
            .half_session(half, T0 + 600 * SECOND)
            .await
            .unwrap()
            .is_none()
    );
    assert!(ledger.half_session(half, T0).await.unwrap().is_some());
    ledger
        .set_password("li", "wang", ("hash", true), T0)
        .await
        .unwrap();
    assert!(
        ledger.half_session(half, T0).await.unwrap().is_none(),
        "another password"
    );
    ledger.drop_second_factor("li", "wang", T0).await.unwrap();
    assert!(ledger.second_factors().await.unwrap().is_empty());
    assert_eq!(ledger.recovery_codes_left("wang").await.unwrap(), 0);
    let trail = ledger.audit(Some("account wang"), Page::ALL).await.unwrap();
    assert!(
        trail.iter().all(|row| !row.detail.contains("TWO")),
        "no secret in the trail"
    );
}

async fn a_subject_is_one_accounts(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    people(&ledger).await;
    let new = |subject: &str, login: &str| NewIdentity {
        issuer: "https://id.example.test".to_owned(),
        subject: subject.to_owned(),
        login: login.to_owned(),
    };
    for subject in ["", " "] {
        assert!(
            ledger
                .bind_identity("li", new(subject, "wang"), T0)
                .await
                .is_err()
        );
    }
    ledger
        .bind_identity("li", new("one", "wang"), T0)
        .await
        .unwrap();
    assert!(
        ledger
            .bind_identity("li", new("one", "li"), T0)
            .await
            .is_err(),
        "it is wang's"
    );
    assert!(
        ledger
            .bind_identity("li", new("two", "wang"), T0)
            .await
            .is_err(),
        "wang has one"
    );
    assert!(
        ledger
            .bind_identity("li", new("two", "nobody"), T0)
            .await
            .is_err()
    );
    let found = ledger
        .identity("https://id.example.test", "one")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.login, "wang");
    assert!(
        ledger
            .identity("https://other.example.test", "one")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        ledger
            .loose_identity("li", "li", found.id, T0)
            .await
            .is_err(),
        "not li's"
    );
    ledger
        .loose_identity("li", "wang", found.id, T0)
        .await
        .unwrap();
    assert!(
        ledger
            .open_account(("new", ""), &[AccountRole::Administrator], T0)
            .await
            .is_err()
    );
    assert!(
        ledger
            .open_account(("wang", ""), &[AccountRole::Viewer], T0)
            .await
            .is_err()
    );
    assert!(
        ledger
            .open_account(("New One", ""), &[AccountRole::Viewer], T0)
            .await
            .is_err()
    );
    ledger
        .open_account(("new", "N"), &[AccountRole::Viewer], T0)
        .await
        .unwrap();
    assert!(
        ledger
            .account("new")
            .await
            .unwrap()
            .unwrap()
            .may(Right::View)
    );
}

async fn tokens_are_a_part_of_their_account(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    people(&ledger).await;
    let new = |name: &str, scopes: &[Right], days: i64| NewApiToken {
        login: "wang".to_owned(),
        name: name.to_owned(),
        hash: Hash::of(name.as_bytes()),
        scopes: scopes.to_vec(),
        expires_at: T0 + days * DAY,
    };
    for (name, scopes, days) in [
        ("", [Right::View].as_slice(), 7),
        ("none", &[], 7),
        ("more", &[Right::View, Right::Lead], 7),
        ("past", &[Right::View], 0),
        ("long", &[Right::View], 400),
    ] {
        let refused = ledger
            .add_api_token("wang", new(name, scopes, days), T0)
            .await;
        assert_eq!(refused.unwrap_err().label(), "conflict", "{name}");
    }
    let id = ledger
        .add_api_token("wang", new("siem", &[Right::View], 7), T0)
        .await
        .unwrap();
    assert!(
        ledger
            .add_api_token("wang", new("siem", &[Right::View], 7), T0)
            .await
            .is_err()
    );
    let found = ledger
        .api_token(Hash::of(b"siem"), T0 + 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.scopes(), found.login.as_str()),
        (vec![Right::View], "wang")
    );
    let used = ledger.api_tokens(Some("wang")).await.unwrap();
    assert_eq!(used[0].used_at, Some(T0 + 1));
    assert!(
        ledger
            .api_token(Hash::of(b"siem"), T0 + 7 * DAY)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        ledger
            .revoke_api_token("li", id, Some("li"), T0)
            .await
            .is_err(),
        "not li's own"
    );
    ledger.revoke_api_token("li", id, None, T0).await.unwrap();
    assert!(
        ledger
            .api_token(Hash::of(b"siem"), T0 + 1)
            .await
            .unwrap()
            .is_none()
    );
    assert!(ledger.api_tokens(Some("li")).await.unwrap().is_empty());
    assert_eq!(ledger.api_tokens(None).await.unwrap().len(), 1);
}
