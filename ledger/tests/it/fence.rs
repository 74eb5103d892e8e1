//! Fences: whoever lost what it owned changes nothing; and rights, of which one process has each.

use ledger::fence::of_feed;
use ledger::{JobState, NewJob, Right};

use crate::{Backend, Home, SECOND, T0, fresh, on_both};

on_both!(
    whoever_lost_its_number_changes_nothing,
    feeds_are_owned_side_by_side,
    a_right_is_had_by_one,
    one_job_is_leased_by_name_and_given_back_by_its_worker,
    what_was_given_up_is_put_back_to_work_once,
);

async fn whoever_lost_its_number_changes_nothing(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let names = [of_feed("a")];
    let first = ledger.fenced(&names, "one", T0).await.unwrap();
    first.enqueue(job("a"), T0).await.unwrap();
    assert_eq!(first.fence_number(&names[0]), Some(1));
    let second = ledger.fenced(&names, "two", T0 + 1).await.unwrap();
    assert_eq!(second.fence_number(&names[0]), Some(2));
    let late = first.enqueue(job("b"), T0 + 2).await.unwrap_err();
    assert_eq!(late.label(), "fenced");
    assert!(late.to_string().contains("feed a"), "{late}");
    assert!(!late.is_fatal(), "another goes on with it");
    assert_eq!(first.holds_fences().await.unwrap_err().label(), "fenced");
    assert_eq!(
        ledger.job_counts().await.unwrap().queued,
        1,
        "nothing came of it"
    );
    // The twin: a handle that owns nothing is not asked, and the owner may.
    second.enqueue(job("b"), T0 + 3).await.unwrap();
    ledger.enqueue(job("c"), T0 + 3).await.unwrap();
    assert_eq!(ledger.job_counts().await.unwrap().queued, 3);
    // Who changes the whole takes all of them away.
    assert_eq!(ledger.fence_all("lake compact", T0 + 4).await.unwrap(), 1);
    assert_eq!(
        second.enqueue(job("d"), T0 + 5).await.unwrap_err().label(),
        "fenced"
    );
    let taken = ledger.taken().await.unwrap();
    assert_eq!(
        (taken[0].number, taken[0].holder.as_str()),
        (3, "lake compact")
    );
}

async fn feeds_are_owned_side_by_side(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let both = ledger
        .fenced(&[of_feed("a"), of_feed("b")], "one", T0)
        .await
        .unwrap();
    let other = ledger.fenced(&[of_feed("c")], "two", T0).await.unwrap();
    both.enqueue(job("a"), T0).await.unwrap();
    other.enqueue(job("c"), T0).await.unwrap();
    ledger.fenced(&[of_feed("b")], "three", T0).await.unwrap();
    assert!(
        both.enqueue(job("x"), T0).await.is_err(),
        "one of the two is lost"
    );
    other.enqueue(job("y"), T0).await.unwrap();
}

/// On a file the locks of its folder say who may what, and a right is always given.
async fn a_right_is_had_by_one(on: Backend) {
    let home = Home::new(on);
    let (one, other) = (home.open().await.unwrap(), home.open().await.unwrap());
    let held = one.hold(Right::Lead).await.unwrap().unwrap();
    assert!(held.alive());
    let second = other.hold(Right::Lead).await.unwrap();
    assert_eq!(second.is_some(), on == Backend::Sqlite);
    assert!(
        other.hold(Right::Respond).await.unwrap().is_some(),
        "another right"
    );
    drop((held, second));
    if on == Backend::Sqlite {
        return;
    }
    let mut again = None;
    for _ in 0..100 {
        again = other.hold(Right::Lead).await.unwrap();
        if again.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(again.is_some(), "what was given back is given to the next");
    // While somebody changes the whole nobody begins anything.
    let whole = one.hold(Right::Whole).await.unwrap().unwrap();
    let refused = other.fenced(&[of_feed("a")], "two", T0).await.unwrap_err();
    assert_eq!(refused.label(), "busy");
    assert!(whole.alive());
}

async fn one_job_is_leased_by_name_and_given_back_by_its_worker(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    ledger.enqueue(job("a"), T0).await.unwrap();
    ledger.enqueue(job("b"), T0).await.unwrap();
    let due = ledger.due_jobs(&["take-in"], T0, 10).await.unwrap();
    assert_eq!(due.len(), 2);
    let lease = ledger
        .lease_one(T0, "one", ("take-in", "b"), 60)
        .await
        .unwrap();
    assert_eq!(lease.unwrap().job.key, "b");
    let twice = ledger
        .lease_one(T0, "two", ("take-in", "b"), 60)
        .await
        .unwrap();
    assert!(twice.is_none(), "another has it");
    assert!(
        ledger
            .lease_one(T0, "two", ("take-in", "z"), 60)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        ledger.due_jobs(&["take-in"], T0, 10).await.unwrap().len(),
        1
    );
    assert_eq!(
        ledger.release_own("two", T0 + 1).await.unwrap(),
        0,
        "only its own"
    );
    assert_eq!(ledger.release_own("one", T0 + 1).await.unwrap(), 1);
    // A lease that ran out is due again.
    ledger
        .lease_one(T0 + 1, "one", ("take-in", "b"), 1)
        .await
        .unwrap()
        .unwrap();
    let later = T0 + 2 * SECOND;
    let taken = ledger
        .lease_one(later, "two", ("take-in", "b"), 60)
        .await
        .unwrap();
    assert_eq!(taken.unwrap().job.attempts, 3);
}

async fn what_was_given_up_is_put_back_to_work_once(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let (id, _) = ledger.enqueue(job("a"), T0).await.unwrap();
    let early = ledger.replay_job(id, T0).await.unwrap_err();
    assert!(early.to_string().contains("was not given up"), "{early}");
    let lease = ledger
        .lease_one(T0, "one", ("take-in", "a"), 60)
        .await
        .unwrap();
    assert!(
        ledger
            .fail(lease.unwrap(), T0, "broke", 1, 1)
            .await
            .unwrap()
    );
    let job_again = ledger.replay_job(id, T0 + 5).await.unwrap();
    assert_eq!((job_again.state, job_again.attempts), (JobState::Queued, 0));
    assert_eq!(
        job_again.last_error.as_deref(),
        Some("broke"),
        "what went wrong is kept"
    );
    let lease = ledger
        .lease_one(T0 + 5, "one", ("take-in", "a"), 60)
        .await
        .unwrap();
    ledger
        .fail(lease.unwrap(), T0 + 5, "broke", 1, 1)
        .await
        .unwrap();
    // The same work was asked for meanwhile: it waits once.
    ledger.enqueue(job("a"), T0 + 6).await.unwrap();
    let twice = ledger.replay_job(id, T0 + 7).await.unwrap_err();
    assert!(twice.to_string().contains("waits already"), "{twice}");
}

fn job(key: &str) -> NewJob {
    NewJob {
        kind: "take-in".to_owned(),
        key: key.to_owned(),
        payload: "{}".to_owned(),
        run_at: 0,
    }
}
