//! The newsroom: who may do what, and the life of an issue from its plan to its withdrawal.

use ledger::{
    Actor, EditionKey, Error, Frozen, Hindrance, Issue, IssueState, Ledger, LintOutcome,
    NewCorrection, NewEdition, NewIssue, NewRendition, Review,
};
use model::newsroom::{AccountRole, CorrectionState, EditionState, Right, Step};

use crate::{Backend, T0, fresh, on_both};

on_both!(
    accounts_give_rights_and_deputies_lend_them_for_days,
    an_issue_is_frozen_once_and_anew_only_with_a_reason,
    nobody_reviews_or_approves_what_they_wrote,
    prose_stored_after_the_draft_is_not_passed_over,
    approval_needs_a_clean_check_a_review_and_no_open_comment,
    a_refreeze_or_a_new_revision_voids_approval,
    what_is_public_is_the_baseline_and_a_withdrawn_issue_is_none,
    late_data_are_proposed_once_and_decided_by_a_person,
);

const DAY: i32 = 19_400;

fn key() -> EditionKey {
    EditionKey {
        series: "weekly".to_owned(),
        year: 2023,
        number: 3,
    }
}

async fn actor(ledger: &Ledger, login: &str, right: Right) -> Actor {
    ledger.actor(login, right, DAY).await.unwrap()
}

fn says(error: Error, part: &str) {
    let text = error.to_string();
    assert!(text.contains(part), "{text}");
}

async fn planned(ledger: &Ledger) {
    let new = NewEdition {
        key: key(),
        week_start: 19_366,
        week_end: 19_372,
        freeze_at: T0,
        deadline_at: T0 + 100,
    };
    ledger.plan_edition(new.clone(), "wang", T0).await.unwrap();
    // Planning it again changes nothing.
    ledger.plan_edition(new, "wang", T0 + 1).await.unwrap();
    assert_eq!(ledger.edition_steps(&key()).await.unwrap().len(), 1);
}

async fn frozen(ledger: &Ledger, statistics: &str, reason: &str) -> ledger::Result<()> {
    let by = actor(ledger, "wang", Right::Edit).await;
    let new = Frozen {
        statistics: statistics.to_owned(),
        lake_snapshot: 5,
        ledger_as_of: T0,
    };
    let done = ledger
        .freeze_edition(&key(), new, &by, reason, T0 + 2)
        .await;
    done.map(drop)
}

async fn drafted(ledger: &Ledger, statistics: &str, bulletin: &str, note: &str) -> Issue {
    let new = NewIssue {
        note: note.to_owned(),
        statistics: statistics.to_owned(),
        bulletin: bulletin.to_owned(),
        ..new_issue()
    };
    ledger.save_draft(new, T0 + 3).await.unwrap()
}

fn new_issue() -> NewIssue {
    NewIssue {
        series: "weekly".to_owned(),
        year: 2023,
        number: 3,
        week_start: 19_366,
        week_end: 19_372,
        lake_snapshot: 5,
        ledger_as_of: T0,
        author: "wang".to_owned(),
        note: String::new(),
        statistics: String::new(),
        bulletin: String::new(),
        around: String::new(),
    }
}

async fn check(ledger: &Ledger, revision: i32, blocks: &[&str], asks: &[&str]) -> Vec<String> {
    let own = |list: &[&str]| list.iter().map(|&item| item.to_owned()).collect();
    let outcome = LintOutcome {
        blocks: own(blocks),
        asks: own(asks),
    };
    let target = (&key(), revision);
    ledger
        .record_lint(target, &outcome, "wang", T0 + 4)
        .await
        .unwrap()
}

async fn review(ledger: &Ledger, revision: i32, login: &str, word: Review) -> ledger::Result<()> {
    let by = actor(ledger, login, Right::Review).await;
    let target = (&key(), revision);
    ledger
        .review_issue(target, word, &by, "read twice", T0 + 5)
        .await
}

async fn approve(ledger: &Ledger, revision: i32, login: &str) -> ledger::Result<Issue> {
    let by = actor(ledger, login, Right::Approve).await;
    ledger.approve_issue((&key(), revision), &by, T0 + 6).await
}

async fn publish(ledger: &Ledger, revision: i32) -> ledger::Result<()> {
    let by = actor(ledger, "wang", Right::Publish).await;
    let files = vec![NewRendition {
        name: "2023-3.zh.html".to_owned(),
        hash: blake3::hash(b"page").into(),
        size: 4,
    }];
    let done = ledger
        .publish_issue((&key(), revision), (files, "{}"), &by, T0 + 7)
        .await;
    done.map(drop)
}

async fn accounts_give_rights_and_deputies_lend_them_for_days(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let admin = actor(&ledger, "li", Right::Administer).await;
    let set = async |login: &str, roles: &[AccountRole], active| {
        ledger
            .set_account(&admin, (login, "", roles, active), T0)
            .await
    };
    says(
        set("wang", &[AccountRole::Editor], true).await.unwrap_err(),
        "no administrator",
    );
    set("li", &[AccountRole::Administrator], true)
        .await
        .unwrap();
    set("wang", &[AccountRole::Editor], true).await.unwrap();
    set("chen", &[AccountRole::Approver], true).await.unwrap();
    set("zhao", &[AccountRole::Analyst], true).await.unwrap();
    says(
        set("li", &[AccountRole::Viewer], true).await.unwrap_err(),
        "no administrator",
    );
    for login in ["", "wang ", "WANG", "w\u{430}ng", "<b>"] {
        let made = set(login, &[AccountRole::Editor], true).await;
        says(made.unwrap_err(), "is no login");
    }
    let denied = async |login: &str, right, day| ledger.actor(login, right, day).await.unwrap_err();
    says(denied("nobody", Right::Edit, DAY).await, "is not known");
    says(
        denied("zhao", Right::Approve, DAY).await,
        "needs the role approver",
    );
    says(
        denied("chen", Right::Edit, DAY).await,
        "needs the role editor",
    );
    // A right that was asked for is not another.
    let editor = actor(&ledger, "wang", Right::Edit).await;
    let reuse = ledger.set_account(&editor, ("x", "", &[], true), T0).await;
    says(reuse.unwrap_err(), "was let in to");
    let days = (DAY, DAY + 1);
    let id = ledger
        .grant_deputy(&admin, ("chen", "zhao"), days, T0)
        .await
        .unwrap();
    let deputy = actor(&ledger, "zhao", Right::Approve).await;
    assert_eq!(deputy.acting_for(), Some("chen"));
    denied("zhao", Right::Approve, DAY + 2).await;
    denied("zhao", Right::Approve, DAY - 1).await;
    ledger.revoke_deputy(&admin, id, T0).await.unwrap();
    denied("zhao", Right::Approve, DAY).await;
    let wrong = ledger
        .grant_deputy(&admin, ("wang", "zhao"), days, T0)
        .await;
    says(wrong.unwrap_err(), "does not approve");
    set("wang", &[AccountRole::Editor], false).await.unwrap();
    says(denied("wang", Right::Edit, DAY).await, "is closed");
    ledger.verify_audit().await.unwrap();
}

async fn an_issue_is_frozen_once_and_anew_only_with_a_reason(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    says(frozen(&ledger, "1", "").await.unwrap_err(), "2023-3");
    planned(&ledger).await;
    frozen(&ledger, "1", "").await.unwrap();
    says(
        frozen(&ledger, "2", " ").await.unwrap_err(),
        "needs a reason",
    );
    frozen(&ledger, "2", "late sensor data").await.unwrap();
    let steps = ledger.edition_steps(&key()).await.unwrap();
    let kinds: Vec<Step> = steps.iter().map(|step| step.step.0).collect();
    assert_eq!(kinds, [Step::Plan, Step::Freeze, Step::Refreeze]);
    assert_eq!(steps[2].reason, "late sensor data");
    let edition = ledger.edition(&key()).await.unwrap().unwrap();
    assert_eq!(edition.statistics.as_deref(), Some("2"));
    assert_eq!(edition.state(None, false), EditionState::Planned);
    let by = actor(&ledger, "wang", Right::Edit).await;
    assert!(ledger.save_editorial(&key(), "{}", &by, T0).await.unwrap());
    assert!(!ledger.save_editorial(&key(), "{}", &by, T0).await.unwrap());
}

async fn nobody_reviews_or_approves_what_they_wrote(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    planned(&ledger).await;
    frozen(&ledger, "1", "").await.unwrap();
    drafted(&ledger, "1", "a", "").await;
    check(&ledger, 1, &[], &[]).await;
    let own = review(&ledger, 1, "wang", Review::Passes).await;
    says(own.unwrap_err(), "wrote it and cannot review");
    // Whoever only changed the prose wrote it too.
    let editor = actor(&ledger, "liu", Right::Edit).await;
    ledger
        .save_editorial(&key(), "x", &editor, T0)
        .await
        .unwrap();
    let own = review(&ledger, 1, "liu", Review::Passes).await;
    says(own.unwrap_err(), "wrote it and cannot review");
    review(&ledger, 1, "chen", Review::Passes).await.unwrap();
    for writer in ["wang", "liu"] {
        let own = approve(&ledger, 1, writer).await;
        says(own.unwrap_err(), "wrote it and cannot approve");
    }
    let row = approve(&ledger, 1, "chen").await.unwrap();
    assert_eq!(row.approved_by.as_deref(), Some("chen"));
}

async fn prose_stored_after_the_draft_is_not_passed_over(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    planned(&ledger).await;
    frozen(&ledger, "1", "").await.unwrap();
    drafted(&ledger, "1", "a", "").await;
    check(&ledger, 1, &[], &[]).await;
    review(&ledger, 1, "chen", Review::Passes).await.unwrap();
    // An editor who is an approver too writes between the draft and the signature.
    let editor = actor(&ledger, "sun", Right::Edit).await;
    let prose = "{\"blocks\":[{\"id\":\"lead\"}]}";
    ledger
        .save_editorial(&key(), prose, &editor, T0)
        .await
        .unwrap();
    let refused = "its prose was changed after it was drafted";
    says(approve(&ledger, 1, "chen").await.unwrap_err(), refused);
    says(
        review(&ledger, 1, "chen", Review::Passes)
            .await
            .unwrap_err(),
        refused,
    );
    // Taken back, the revision says again what is stored.
    ledger
        .save_editorial(&key(), "", &editor, T0)
        .await
        .unwrap();
    approve(&ledger, 1, "chen").await.unwrap();
    // Written before the publication, it is in the next revision: its writer signs that no less.
    ledger
        .save_editorial(&key(), prose, &editor, T0)
        .await
        .unwrap();
    publish(&ledger, 1).await.unwrap();
    let around = format!("{{\"editorial\":{prose}}}");
    let next = NewIssue {
        note: "prose".to_owned(),
        statistics: "1".to_owned(),
        bulletin: "b".to_owned(),
        around,
        ..new_issue()
    };
    ledger.save_draft(next, T0 + 8).await.unwrap();
    check(&ledger, 2, &[], &[]).await;
    says(
        review(&ledger, 2, "sun", Review::Passes).await.unwrap_err(),
        "wrote it",
    );
    review(&ledger, 2, "chen", Review::Passes).await.unwrap();
    says(approve(&ledger, 2, "sun").await.unwrap_err(), "wrote it");
}

async fn approval_needs_a_clean_check_a_review_and_no_open_comment(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    planned(&ledger).await;
    drafted(&ledger, "1", "a", "").await;
    let refused = async |part: &str| says(approve(&ledger, 1, "chen").await.unwrap_err(), part);
    refused("not frozen yet").await;
    let met = ledger.hindrances(&key(), &["wang"]).await.unwrap();
    let wrote = Hindrance::Wrote("wang".to_owned());
    assert_eq!(
        met,
        [
            Hindrance::NotFrozen,
            wrote,
            Hindrance::Unchecked,
            Hindrance::Unreviewed
        ]
    );
    frozen(&ledger, "1", "").await.unwrap();
    refused("was not checked").await;
    assert_eq!(
        check(&ledger, 1, &["sum/M1"], &["range/W1"]).await,
        ["range/W1"]
    );
    refused("1 findings of the check block it").await;
    check(&ledger, 1, &[], &["range/W1"]).await;
    refused("nobody answered for 1").await;
    let by = actor(&ledger, "zhao", Right::Review).await;
    let answer = async |finding: &str, reason: &str| {
        let list = [finding.to_owned()];
        let target = (&key(), 1);
        ledger
            .acknowledge_findings(target, &list, &by, reason, T0)
            .await
    };
    says(
        answer("range/W1", "").await.unwrap_err(),
        "with a reason only",
    );
    says(
        answer("range/W2", "x").await.unwrap_err(),
        "asks nothing by the name",
    );
    answer("range/W1", "a campaign").await.unwrap();
    assert!(check(&ledger, 1, &[], &["range/W1"]).await.is_empty());
    refused("was not reviewed").await;
    let comment = ledger
        .comment_issue((&key(), 1), ("malware", "unclear"), &by, T0)
        .await
        .unwrap();
    review(&ledger, 1, "zhao", Review::Passes).await.unwrap();
    refused("1 comments are not settled").await;
    ledger.settle_comment(comment, &by, T0).await.unwrap();
    ledger.settle_comment(comment, &by, T0).await.unwrap_err();
    review(&ledger, 1, "zhao", Review::Returned).await.unwrap();
    refused("was returned by zhao").await;
    let met = ledger.hindrances(&key(), &["chen"]).await.unwrap();
    assert_eq!(met, [Hindrance::Returned("zhao".to_owned())]);
    review(&ledger, 1, "zhao", Review::Passes).await.unwrap();
    assert_eq!(
        approve(&ledger, 1, "chen").await.unwrap().state,
        IssueState::Approved
    );
    refused("approved already").await;
    ledger.verify_audit().await.unwrap();
}

async fn a_refreeze_or_a_new_revision_voids_approval(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    planned(&ledger).await;
    frozen(&ledger, "1", "").await.unwrap();
    drafted(&ledger, "1", "a", "").await;
    check(&ledger, 1, &[], &[]).await;
    review(&ledger, 1, "chen", Review::Passes).await.unwrap();
    frozen(&ledger, "2", "late data").await.unwrap();
    says(
        approve(&ledger, 1, "chen").await.unwrap_err(),
        "frozen anew",
    );
    drafted(&ledger, "2", "b", "late data").await;
    says(
        approve(&ledger, 1, "chen").await.unwrap_err(),
        "a newer revision exists",
    );
    // The review was of another revision.
    check(&ledger, 2, &[], &[]).await;
    says(
        approve(&ledger, 2, "chen").await.unwrap_err(),
        "was not reviewed",
    );
    says(publish(&ledger, 2).await.unwrap_err(), "is not approved");
    review(&ledger, 2, "chen", Review::Passes).await.unwrap();
    approve(&ledger, 2, "chen").await.unwrap();
    publish(&ledger, 2).await.unwrap();
    publish(&ledger, 2).await.unwrap();
    // The correction is written by chen now: who wrote the first edition may sign it.
    let by = actor(&ledger, "chen", Right::Edit).await;
    ledger.save_editorial(&key(), "y", &by, T0).await.unwrap();
    let steps = ledger.edition_steps(&key()).await.unwrap();
    let published = steps.iter().filter(|step| step.step.0 == Step::Publish);
    assert_eq!(published.count(), 1);
}

async fn what_is_public_is_the_baseline_and_a_withdrawn_issue_is_none(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    planned(&ledger).await;
    frozen(&ledger, "1", "").await.unwrap();
    drafted(&ledger, "1", "a", "").await;
    check(&ledger, 1, &[], &[]).await;
    review(&ledger, 1, "chen", Review::Passes).await.unwrap();
    approve(&ledger, 1, "chen").await.unwrap();
    publish(&ledger, 1).await.unwrap();
    // A correction is drafted and approved, and not public: what is public counts.
    frozen(&ledger, "2", "late data").await.unwrap();
    let silent = NewIssue {
        note: String::new(),
        statistics: "2".to_owned(),
        ..new_issue()
    };
    let silent = ledger.save_draft(silent, T0).await;
    says(silent.unwrap_err(), "must say what changed");
    drafted(&ledger, "2", "b", "late data").await;
    check(&ledger, 2, &[], &[]).await;
    review(&ledger, 2, "chen", Review::Passes).await.unwrap();
    approve(&ledger, 2, "chen").await.unwrap();
    let baseline = async || ledger.baseline("weekly", 2023, 3).await.unwrap();
    assert_eq!(baseline().await.unwrap().revision, 1);
    publish(&ledger, 2).await.unwrap();
    assert_eq!(baseline().await.unwrap().revision, 2);
    let by = actor(&ledger, "chen", Right::Approve).await;
    let wrong = ledger.withdraw_issue(&key(), ("", "x"), &by, T0).await;
    says(wrong.unwrap_err(), "both languages");
    let edition = ledger
        .withdraw_issue(&key(), ("数据有误", "wrong data"), &by, T0 + 9)
        .await
        .unwrap();
    assert_eq!(
        edition.state(Some((2, IssueState::Approved)), true),
        EditionState::Withdrawn
    );
    assert_eq!(baseline().await, None);
    assert_eq!(ledger.published("weekly").await.unwrap().len(), 1);
    says(publish(&ledger, 2).await.unwrap_err(), "is withdrawn");
    assert_eq!(
        ledger.rendition_names(&key()).await.unwrap(),
        ["2023-3.zh.html"]
    );
    ledger.verify_audit().await.unwrap();
}

async fn late_data_are_proposed_once_and_decided_by_a_person(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    planned(&ledger).await;
    let figure = |value: &str, counted: &str| NewCorrection {
        value: value.to_owned(),
        printed: "10".to_owned(),
        counted: counted.to_owned(),
    };
    let propose = async |found: Vec<NewCorrection>| {
        let target = (&key(), 1);
        ledger
            .propose_corrections(target, (found, "late", 6), "wang", T0)
            .await
            .unwrap()
    };
    assert_eq!(
        propose(vec![figure("M1", "12"), figure("W1", "11")])
            .await
            .len(),
        2
    );
    assert_eq!(propose(vec![figure("M1", "12")]).await.len(), 1);
    let again = propose(vec![figure("M1", "13")]).await;
    assert_eq!((again.len(), again[0].counted.as_str()), (1, "13"));
    let by = actor(&ledger, "wang", Right::Edit).await;
    let decide = async |accept, note: &str| {
        ledger
            .decide_corrections(&key(), accept, &by, note, T0)
            .await
    };
    says(decide(true, "").await.unwrap_err(), "with a reason only");
    let decided = decide(false, "a test feed").await.unwrap();
    assert_eq!(decided[0].state.0, CorrectionState::Declined);
    says(
        decide(true, "x").await.unwrap_err(),
        "no correction is open",
    );
    // What was declined does not come back while it says the same.
    assert!(propose(vec![figure("M1", "13")]).await.is_empty());
    assert_eq!(propose(vec![figure("M1", "14")]).await.len(), 1);
}
