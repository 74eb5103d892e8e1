//! How far rules are trusted.

use ledger::rule_trust::NEEDED;
use ledger::{Error, RuleMode};

use crate::{Backend, T0, fresh, on_both};

on_both!(two_people_promote_a_rule_and_its_errors_demote_it,);

async fn two_people_promote_a_rule_and_its_errors_demote_it(on: Backend) {
    let (_home, ledger) = fresh(on).await;
    let rule = "phishing-host";
    let judge = async |right: bool, times: i64| {
        let mut last = None;
        for _ in 0..times {
            last = Some(ledger.judged_rule(rule, right, T0).await.unwrap());
        }
        last.unwrap()
    };
    judge(true, NEEDED - 1).await;
    let early = ledger.promote_rule(rule, "ann", T0).await.unwrap_err();
    assert!(early.to_string().contains("1 more"), "{early}");
    judge(true, 1).await;
    // 2 of 202 are under one in a hundred, 3 of 203 are not.
    judge(false, 2).await;
    let first = ledger.promote_rule(rule, "ann", T0).await.unwrap();
    assert_eq!(first.mode, RuleMode::Hold);
    let same = ledger.promote_rule(rule, "ann", T0).await;
    assert!(matches!(same, Err(Error::Conflict { .. })));
    judge(false, 1).await;
    assert!(ledger.promote_rule(rule, "bob", T0).await.is_err());
    judge(true, 100).await;
    let second = ledger.promote_rule(rule, "bob", T0).await.unwrap();
    assert_eq!(second.mode, RuleMode::Automatic);
    assert!(ledger.promote_rule(rule, "eve", T0).await.is_err());
    // 6 of 306 are not yet more than two in a hundred; 7 of 307 are.
    assert_eq!(judge(false, 3).await.mode, RuleMode::Automatic);
    let held = judge(false, 1).await;
    assert_eq!(
        (held.mode, held.approved, held.first_vote),
        (RuleMode::Hold, 0, None)
    );
    let trail = ledger.audit(Some("rule phishing-host"), ledger::Page::default());
    assert_eq!(trail.await.unwrap()[0].action, "rule.demote");
    // A person may always hold it, also one that nobody judged.
    ledger
        .demote_rule("other", "a new feed", "ann", T0)
        .await
        .unwrap();
}
