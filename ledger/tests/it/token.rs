//! Tokens: found by their hash while they are in use, and never stored themselves.

use ledger::{Hash, NewToken, Page};

use crate::{Backend, T0, fresh, on_both};

on_both!(a_token_is_good_until_it_is_revoked,);

fn token(name: &str, text: &str, feed: Option<&str>) -> NewToken {
    NewToken {
        name: name.to_owned(),
        hash: Hash::of(text.as_bytes()),
        feed: feed.map(str::to_owned),
    }
}

async fn a_token_is_good_until_it_is_revoked(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let hash = Hash::of(b"one");
    ledger
        .add_token(token("mail", "one", Some("phish")), "operator", T0)
        .await
        .unwrap();
    let found = ledger.token(hash).await.unwrap().unwrap();
    assert_eq!(
        (found.name.as_str(), found.feed.as_deref()),
        ("mail", Some("phish"))
    );
    assert!(ledger.token(Hash::of(b"two")).await.unwrap().is_none());
    let taken = ledger
        .add_token(token("mail", "two", None), "operator", T0)
        .await
        .unwrap_err();
    assert_eq!(taken.label(), "conflict");

    ledger
        .revoke_token("mail", "operator", T0 + 1)
        .await
        .unwrap();
    assert!(ledger.token(hash).await.unwrap().is_none());
    let gone = ledger
        .revoke_token("mail", "operator", T0 + 2)
        .await
        .unwrap_err();
    assert_eq!(gone.label(), "not-found");
    // The name is free again, the old row stays.
    ledger
        .add_token(token("mail", "two", None), "operator", T0 + 3)
        .await
        .unwrap();
    let all = ledger.tokens().await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].revoked_at, Some(T0 + 1));

    let trail = ledger.audit(None, Page::ALL).await.unwrap();
    let actions: Vec<&str> = trail.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions.len(), 3, "{actions:?}");
    assert!(trail.iter().all(|row| !row.detail.contains("one")));
}
