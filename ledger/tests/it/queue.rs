//! The queue of a cluster: a call is done once, calls of a queue one after the other, new ones at once, and a node that
//! has nothing to do leaves the server alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ledger::queue::{Doing, LOOK};
use ledger::{Call, Ledger};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::cluster;

fn call(key: &str, queue: &str) -> Call {
    Call {
        kind: "take-in".to_owned(),
        key: key.to_owned(),
        queue: Some(queue.to_owned()),
        priority: 0,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_done_once_in_turn_and_soon() {
    let Some(server) = cluster::shared() else {
        return;
    };
    let url = server.database();
    let name = url.rsplit('/').next().unwrap().to_owned();
    let ledger = Ledger::connect(&url).await.unwrap();
    let queue = ledger.queue(8).await.unwrap().unwrap();
    // What was done when: key, begin, end.
    type Done = Vec<(String, Instant, Instant)>;
    let done: Arc<Mutex<Done>> = Arc::default();
    let (stop, stopped) = watch::channel(false);
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let (queue, done, mut stopped) = (queue.clone(), Arc::clone(&done), stopped.clone());
        let doing: Doing = Arc::new(move |_, key| {
            let done = Arc::clone(&done);
            Box::pin(async move {
                let begun = Instant::now();
                sleep(Duration::from_millis(60)).await;
                done.lock().unwrap().push((key, begun, Instant::now()));
                Ok(())
            })
        });
        // A lease as it is by default: heartbeats of a short one are most of what an idle node says.
        let times = (Duration::from_secs(60), Duration::from_secs(4));
        let stop = async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        nodes.push(tokio::spawn(async move {
            queue.work(&["take-in"], 2, times, doing, stop).await
        }));
    }
    let count = || {
        let sql = format!("SELECT xact_commit FROM pg_stat_database WHERE datname = '{name}'");
        server.sql("postgres", &sql).parse::<i64>().unwrap()
    };
    // A connection that is quiet tells of its transactions up to ten seconds late, so those of a slow start may fall
    // into any of the first windows. Two idle nodes make some sixty, the server's own look after the tables a few more;
    // nodes that never rest have no window with less than hundreds.
    let mut idle = i64::MAX;
    for _ in 0..8 {
        let before = count();
        sleep(Duration::from_secs(6)).await;
        idle = idle.min(count() - before);
        if idle < 120 {
            break;
        }
    }
    assert!(idle < 120, "{idle} transactions of two idle nodes in 6 s");

    let begun = Instant::now();
    let calls: Vec<Call> = (0..12)
        .map(|n| call(&n.to_string(), &format!("q{}", n % 4)))
        .collect();
    queue.put(&calls).await.unwrap();
    queue.put(&calls[..1]).await.unwrap();
    while done.lock().unwrap().len() < 12 {
        assert!(
            begun.elapsed() < Duration::from_secs(40),
            "{:?}",
            done.lock().unwrap()
        );
        sleep(Duration::from_millis(20)).await;
    }
    // The second call for the same work may have come when the first was done: then it is done once more.
    while queue.depth().await.unwrap() != (0, 0) {
        assert!(begun.elapsed() < Duration::from_secs(40), "calls are left");
        sleep(Duration::from_millis(20)).await;
    }
    // New calls are told, and not found at the next look: one of some that come while all rest is done before it.
    let mut told = false;
    for n in 12..18 {
        let (begun, before) = (Instant::now(), done.lock().unwrap().len());
        let new = call(&n.to_string(), &format!("q{}", n % 4));
        queue.put(&[new]).await.unwrap();
        while done.lock().unwrap().len() == before {
            assert!(begun.elapsed() < Duration::from_secs(40), "{n} is not done");
            sleep(Duration::from_millis(20)).await;
        }
        told |= begun.elapsed() < LOOK / 2;
        if told {
            break;
        }
    }
    assert!(told, "new calls wait for the next look");
    stop.send_replace(true);
    for node in nodes {
        node.await.unwrap().unwrap();
    }
    let done = done.lock().unwrap().clone();
    let mut of_queue: BTreeMap<u32, Vec<(Instant, Instant)>> = BTreeMap::new();
    for (key, begun, ended) in &done {
        of_queue
            .entry(key.parse::<u32>().unwrap() % 4)
            .or_default()
            .push((*begun, *ended));
    }
    for (queue, mut spans) in of_queue {
        spans.sort();
        let apart = spans.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        assert!(apart, "calls of q{queue} were done at the same time");
    }
    assert_eq!(queue.depth().await.unwrap(), (0, 0));
}
