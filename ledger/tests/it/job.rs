//! Jobs: leased to one worker at a time, done at least once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use ledger::job::work::{DRAFT, KINDS, RENDER};
use ledger::{EditionKey, JobState, NewJob, Page};

use crate::{Backend, SECOND, T0, fresh, on_both};

on_both!(
    work_that_rests_can_be_hurried_and_leases_of_the_dead_given_back,
    what_is_asked_for_at_once_has_not_waited_since_the_beginning_of_time,
    a_key_waits_once,
    jobs_come_when_due_by_time_and_kind,
    workers_in_contention_never_share_a_job,
    an_expired_lease_is_given_away_and_the_late_worker_loses,
    the_same_worker_leasing_again_outdates_its_first_lease,
    failures_back_off_and_are_given_up,
    work_asked_for_while_it_runs_is_run_again,
    no_request_is_lost_in_a_race,
    work_on_an_issue_is_one_at_a_time_and_tells_what_came_of_it,
    work_that_was_given_up_goes_on_beside_no_other,
);

fn job(kind: &str, key: &str, run_at: i64) -> NewJob {
    NewJob {
        kind: kind.to_owned(),
        key: key.to_owned(),
        payload: format!("\"{key}\""),
        run_at,
    }
}

async fn what_is_asked_for_at_once_has_not_waited_since_the_beginning_of_time(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    ledger.enqueue(job("take-in", "a", 0), T0).await.unwrap();
    let due = async |at: i64| ledger.has_due_job(&["take-in"], at).await.unwrap();
    assert!(!due(T0 - 1).await, "nobody had asked for it");
    assert!(due(T0).await);
}

async fn work_that_rests_can_be_hurried_and_leases_of_the_dead_given_back(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    ledger.enqueue(job("fetch", "a", T0), T0).await.unwrap();
    let lease = ledger.lease(T0, "one", &["fetch"], 60).await.unwrap();
    let failed = ledger.fail(lease.unwrap(), T0, "refused", 600, i32::MAX);
    assert!(!failed.await.unwrap(), "it is never given up");
    assert!(
        ledger
            .lease(T0 + 1, "one", &["fetch"], 60)
            .await
            .unwrap()
            .is_none()
    );
    assert!(!ledger.hurry("fetch", "b", T0 + 1).await.unwrap());
    assert!(ledger.hurry("fetch", "a", T0 + 1).await.unwrap());
    let lease = ledger
        .lease(T0 + 1, "one", &["fetch"], 60)
        .await
        .unwrap()
        .unwrap();
    assert!(
        !ledger.hurry("fetch", "a", T0 + 1).await.unwrap(),
        "it runs"
    );

    ledger.enqueue(job("triage", "R-1", 0), T0).await.unwrap();
    ledger
        .lease(T0 + 1, "other", &["triage"], 60)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ledger.release_leases(&["fetch"], T0 + 2).await.unwrap(), 1);
    assert_eq!(
        ledger.job_counts().await.unwrap().leased,
        1,
        "of other kinds it stays"
    );
    let again = ledger
        .lease(T0 + 2, "two", &["fetch"], 60)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.job.id, lease.job.id);
    let late = ledger.complete(lease, T0 + 3).await.unwrap_err();
    assert_eq!(
        late.label(),
        "lease-lost",
        "whoever had it before cannot end it"
    );
    ledger.complete(again, T0 + 3).await.unwrap();
    assert_eq!(ledger.job_counts().await.unwrap().done, 1);
}

async fn a_key_waits_once(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let (id, new) = ledger
        .enqueue(job("triage", "R-1", T0 + 10), T0)
        .await
        .unwrap();
    assert!(new);
    assert_eq!(
        ledger
            .enqueue(job("triage", "R-1", T0 + 5), T0)
            .await
            .unwrap(),
        (id, false)
    );
    assert_eq!(
        ledger.job(id).await.unwrap().unwrap().run_at,
        T0 + 5,
        "the earlier time holds"
    );
    assert!(ledger.enqueue(job("notify", "R-1", 0), T0).await.unwrap().1);
    assert_eq!(ledger.job_counts().await.unwrap().queued, 2);
    // Done, the same key may be asked for anew.
    let lease = ledger
        .lease(T0 + 5, "w", &["triage"], 60)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (lease.job.id, lease.job.payload.as_str(), lease.job.attempts),
        (id, "\"R-1\"", 1)
    );
    ledger.complete(lease, T0 + 6).await.unwrap();
    let (second, new) = ledger
        .enqueue(job("triage", "R-1", 0), T0 + 7)
        .await
        .unwrap();
    assert!(new && second != id);
    assert_eq!(ledger.purge_jobs(T0 + 7).await.unwrap(), 1);
    assert_eq!(ledger.job(id).await.unwrap(), None);
}

async fn jobs_come_when_due_by_time_and_kind(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    ledger
        .enqueue(job("a", "late", T0 + 100), T0)
        .await
        .unwrap();
    ledger
        .enqueue(job("a", "second", T0 + 2), T0)
        .await
        .unwrap();
    ledger.enqueue(job("b", "first", T0 + 1), T0).await.unwrap();
    assert!(ledger.lease(T0, "w", &[], 60).await.unwrap().is_none());
    let mut keys = Vec::new();
    while let Some(lease) = ledger.lease(T0 + 50, "w", &[], 60).await.unwrap() {
        keys.push(lease.job.key);
    }
    assert_eq!(keys, ["first", "second"]);
    assert!(
        ledger
            .lease(T0 + 100, "w", &["b"], 60)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        ledger
            .lease(T0 + 100, "w", &["b", "a"], 60)
            .await
            .unwrap()
            .unwrap()
            .job
            .key,
        "late"
    );
}

async fn workers_in_contention_never_share_a_job(on: Backend) {
    let (home, ledger) = fresh(on).await;
    for n in 0..200 {
        ledger
            .enqueue(job("work", &format!("{n:03}"), n), T0)
            .await
            .unwrap();
    }
    // Half of the workers have connections of their own, as another process would.
    let other = home.open().await.unwrap();
    let workers: Vec<_> = (0..8)
        .map(|n| {
            let ledger = if n % 2 == 0 {
                ledger.clone()
            } else {
                other.clone()
            };
            tokio::spawn(async move {
                let mut done = Vec::new();
                while let Some(lease) = ledger
                    .lease(T0, &format!("w{n}"), &["work"], 60)
                    .await
                    .unwrap()
                {
                    done.push(lease.job.key.clone());
                    tokio::task::yield_now().await;
                    ledger.complete(lease, T0).await.unwrap();
                }
                done
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    assert_eq!(all.len(), 200);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 200);
    assert_eq!(ledger.job_counts().await.unwrap().done, 200);
}

async fn an_expired_lease_is_given_away_and_the_late_worker_loses(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    ledger.enqueue(job("work", "k", 0), T0).await.unwrap();
    let slow = ledger.lease(T0, "slow", &[], 10).await.unwrap().unwrap();
    assert!(
        ledger
            .lease(T0 + 9 * SECOND, "quick", &[], 10)
            .await
            .unwrap()
            .is_none()
    );
    ledger
        .extend_lease(&slow, T0 + 9 * SECOND, 10)
        .await
        .unwrap();
    assert!(
        ledger
            .lease(T0 + 18 * SECOND, "quick", &[], 10)
            .await
            .unwrap()
            .is_none()
    );
    let quick = ledger
        .lease(T0 + 19 * SECOND, "quick", &[], 10)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((quick.job.id, quick.job.attempts), (slow.job.id, 2));
    assert_eq!(
        ledger
            .extend_lease(&slow, T0, 10)
            .await
            .unwrap_err()
            .label(),
        "lease-lost"
    );
    assert_eq!(
        ledger.complete(slow.clone(), T0).await.unwrap_err().label(),
        "lease-lost"
    );
    assert_eq!(
        ledger.fail(slow, T0, "x", 1, 9).await.unwrap_err().label(),
        "lease-lost"
    );
    ledger.complete(quick, T0 + 20 * SECOND).await.unwrap();
    assert_eq!(ledger.job_counts().await.unwrap().done, 1);
}

async fn the_same_worker_leasing_again_outdates_its_first_lease(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    ledger.enqueue(job("work", "k", 0), T0).await.unwrap();
    let first = ledger.lease(T0, "w", &[], 1).await.unwrap().unwrap();
    let second = ledger
        .lease(T0 + SECOND, "w", &[], 1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        ledger.complete(first, T0).await.unwrap_err().label(),
        "lease-lost"
    );
    ledger.complete(second, T0).await.unwrap();
}

async fn failures_back_off_and_are_given_up(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let (id, _) = ledger.enqueue(job("work", "k", 0), T0).await.unwrap();
    let lease = ledger.lease(T0, "w", &[], 60).await.unwrap().unwrap();
    assert!(!ledger.fail(lease, T0, "host is down", 30, 2).await.unwrap());
    // Asking again does not shorten the wait.
    ledger.enqueue(job("work", "k", 0), T0).await.unwrap();
    assert!(
        ledger
            .lease(T0 + 29 * SECOND, "w", &[], 60)
            .await
            .unwrap()
            .is_none()
    );
    let lease = ledger
        .lease(T0 + 30 * SECOND, "w", &[], 60)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(lease.job.last_error.as_deref(), Some("host is down"));
    assert!(
        ledger
            .fail(lease, T0 + 31 * SECOND, "still down", 30, 2)
            .await
            .unwrap()
    );
    let row = ledger.job(id).await.unwrap().unwrap();
    assert_eq!((row.state, row.attempts), (JobState::Failed, 2));
    assert_eq!(
        ledger
            .jobs(Some(JobState::Failed), Page::default())
            .await
            .unwrap()
            .len(),
        1
    );
    assert!(
        ledger
            .lease(T0 + 1000 * SECOND, "w", &[], 60)
            .await
            .unwrap()
            .is_none()
    );
    // Given up, the work may be asked for anew.
    assert!(ledger.enqueue(job("work", "k", 0), T0).await.unwrap().1);
}

async fn work_asked_for_while_it_runs_is_run_again(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let (id, _) = ledger.enqueue(job("work", "k", 0), T0).await.unwrap();
    let lease = ledger.lease(T0, "w", &[], 60).await.unwrap().unwrap();
    assert_eq!(
        ledger.enqueue(job("work", "k", 0), T0 + 1).await.unwrap(),
        (id, false)
    );
    ledger.complete(lease, T0 + 2).await.unwrap();
    let lease = ledger.lease(T0 + 2, "w", &[], 60).await.unwrap().unwrap();
    assert_eq!(lease.job.id, id);
    ledger.complete(lease, T0 + 3).await.unwrap();
    assert!(ledger.lease(T0 + 4, "w", &[], 60).await.unwrap().is_none());
}

/// Two ask for the same work while two do it. Whoever leases the job looks at what was asked for until
/// then; when nothing is left to lease, the last request was looked at after it was made.
async fn no_request_is_lost_in_a_race(on: Backend) {
    const REQUESTS: u64 = 100;
    let (home, ledger) = fresh(on).await;
    let other = home.open().await.unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let seen = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = [&ledger, &other]
        .into_iter()
        .enumerate()
        .map(|(n, ledger)| {
            let ledger = ledger.clone();
            let (asked, seen, over) = (asked.clone(), seen.clone(), over.clone());
            tokio::spawn(async move {
                loop {
                    let last = over.load(SeqCst);
                    match ledger.lease(T0, &format!("w{n}"), &[], 60).await.unwrap() {
                        Some(lease) => {
                            seen.fetch_max(asked.load(SeqCst), SeqCst);
                            ledger.complete(lease, T0).await.unwrap();
                        }
                        None if last => return,
                        None => tokio::task::yield_now().await,
                    }
                }
            })
        })
        .collect();
    let askers: Vec<_> = [&ledger, &other]
        .into_iter()
        .map(|ledger| {
            let (ledger, asked) = (ledger.clone(), asked.clone());
            tokio::spawn(async move {
                for _ in 0..REQUESTS / 2 {
                    asked.fetch_add(1, SeqCst);
                    ledger.enqueue(job("work", "k", 0), T0).await.unwrap();
                }
            })
        })
        .collect();
    for asker in askers {
        asker.await.unwrap();
    }
    over.store(true, SeqCst);
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(seen.load(SeqCst), REQUESTS);
    let counts = ledger.job_counts().await.unwrap();
    assert_eq!((counts.queued, counts.leased), (0, 0));
}

fn issue(number: i32) -> EditionKey {
    EditionKey {
        series: "weekly".to_owned(),
        year: 2023,
        number,
    }
}

async fn work_on_an_issue_is_one_at_a_time_and_tells_what_came_of_it(on: Backend) {
    let (home, ledger) = fresh(on).await;
    let begin = async |kind: &str, number: i32, at: i64| {
        let payload = format!("{{\"n\":{number}}}");
        ledger.begin_work(kind, &issue(number), payload, at).await
    };
    let first = begin(DRAFT, 2, T0).await.unwrap();
    assert_eq!(
        (first.state, first.key.as_str()),
        (JobState::Queued, "issue weekly 2023-2")
    );
    // Neither kind of work is begun beside it, while it waits or is under way; another issue is free.
    for kind in KINDS {
        let busy = begin(kind, 2, T0).await.unwrap_err();
        assert_eq!(busy.label(), "conflict");
        assert!(!busy.is_outage());
    }
    let second = begin(RENDER, 3, T0).await.unwrap();
    let key = first.key.clone();
    let wrong = ledger.lease_one(T0, "w", (RENDER, &key), 60).await;
    assert!(wrong.unwrap().is_none(), "it is work of the other kind");
    let lease = ledger.lease_one(T0, "w", (DRAFT, &key), 60).await;
    let lease = lease.unwrap().unwrap();
    assert!(begin(RENDER, 2, T0).await.is_err());
    ledger.note_stage(&lease, "counting").await.unwrap();
    // Another process sees the same.
    let other = home.open().await.unwrap();
    let seen = other.works(50).await.unwrap();
    assert_eq!(
        seen.iter().map(|job| job.id).collect::<Vec<_>>(),
        [second.id, first.id]
    );
    assert_eq!(
        (seen[1].state, seen[1].stage.as_deref()),
        (JobState::Leased, Some("counting"))
    );

    ledger
        .finish_work(lease.clone(), "{\"outcome\":\"drafted\"}", T0 + 1)
        .await
        .unwrap();
    let late = ledger.finish_work(lease.clone(), "{}", T0 + 2).await;
    assert_eq!(late.unwrap_err().label(), "lease-lost");
    let late = ledger.note_stage(&lease, "site").await;
    assert_eq!(late.unwrap_err().label(), "lease-lost");
    let done = ledger.job(first.id).await.unwrap().unwrap();
    assert_eq!(
        (done.state, done.finished_at),
        (JobState::Done, Some(T0 + 1))
    );
    assert_eq!(done.outcome.as_deref(), Some("{\"outcome\":\"drafted\"}"));
    assert_eq!(done.payload, "{\"n\":2}");

    // What came of it stays when other jobs are forgotten, and the issue is free again.
    let plain = ledger.enqueue(job("fetch", "a", 0), T0).await.unwrap().0;
    let lease = ledger.lease(T0 + 2, "w", &["fetch"], 60).await.unwrap();
    ledger.complete(lease.unwrap(), T0 + 2).await.unwrap();
    assert_eq!(ledger.purge_jobs(T0 + 3).await.unwrap(), 1);
    assert_eq!(ledger.job(plain).await.unwrap(), None);
    let third = begin(RENDER, 2, T0 + 3).await.unwrap();
    let newest = ledger.works(2).await.unwrap();
    assert_eq!(
        newest.iter().map(|job| job.id).collect::<Vec<_>>(),
        [third.id, second.id]
    );
}

async fn work_that_was_given_up_goes_on_beside_no_other(on: Backend) {
    let (_dir, ledger) = fresh(on).await;
    let begin = async |kind: &str| {
        let payload = "{}".to_owned();
        ledger.begin_work(kind, &issue(2), payload, T0).await
    };
    let failed = begin(RENDER).await.unwrap();
    let lease = ledger.lease(T0, "w", &KINDS, 60).await.unwrap().unwrap();
    assert!(
        ledger
            .fail(lease, T0, "the store is away", 0, 1)
            .await
            .unwrap()
    );
    let row = ledger.works(1).await.unwrap().remove(0);
    assert_eq!(
        (row.state, row.last_error.as_deref()),
        (JobState::Failed, Some("the store is away"))
    );
    let other = begin(DRAFT).await.unwrap();
    let busy = ledger.replay_job(failed.id, T0).await.unwrap_err();
    assert_eq!(busy.label(), "conflict");
    let lease = ledger.lease(T0, "w", &KINDS, 60).await.unwrap().unwrap();
    assert_eq!(lease.job.id, other.id);
    ledger.finish_work(lease, "{}", T0).await.unwrap();
    let again = ledger.replay_job(failed.id, T0).await.unwrap();
    assert_eq!((again.state, again.attempts), (JobState::Queued, 0));
    assert!(begin(DRAFT).await.is_err());
}
