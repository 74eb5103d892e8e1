//! Many looks at once: bounds that hold, hosts that are spared, and a look that breaks down.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use response::verify::many::{Bounds, many};

/// By host: whether a look is there, and when the last one ended.
type Hosts = HashMap<usize, (bool, Option<tokio::time::Instant>)>;

const PAUSE: Duration = Duration::from_millis(20);

#[tokio::test]
async fn so_many_in_flight_and_one_at_a_host() {
    let bounds = Bounds {
        in_flight: 8,
        pause: PAUSE,
        ahead: 4,
    };
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let hosts: Arc<Mutex<Hosts>> = Arc::default();
    let mut done = Vec::new();
    let went = many(
        (0..40usize).map(|n| (n, n % 5)),
        bounds,
        |(_, host)| format!("h{host}.test"),
        |(n, host)| {
            let (now, most, hosts) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&hosts));
            async move {
                let running = now.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(running, Ordering::SeqCst);
                {
                    let mut hosts = hosts.lock().unwrap();
                    let state = hosts.entry(host).or_insert((false, None));
                    assert!(!state.0, "two at host {host}");
                    if let Some(ended) = state.1 {
                        assert!(ended.elapsed() >= PAUSE, "no pause at {host}");
                    }
                    state.0 = true;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
                hosts
                    .lock()
                    .unwrap()
                    .insert(host, (false, Some(tokio::time::Instant::now())));
                now.fetch_sub(1, Ordering::SeqCst);
                n
            }
        },
        |n| done.push(n),
    )
    .await;
    done.sort_unstable();
    assert_eq!(done, (0..40).collect::<Vec<_>>());
    assert_eq!((went.done, went.broken), (40, 0));
    // Five hosts, one look each.
    assert_eq!(most.load(Ordering::SeqCst), 5);
    assert_eq!(went.most_in_flight, 5);
}

#[tokio::test]
async fn a_look_that_breaks_down_ends_alone_and_the_source_is_not_run_ahead_of() {
    let taken = Arc::new(AtomicUsize::new(0));
    let source = Arc::clone(&taken);
    let bounds = Bounds {
        in_flight: 4,
        pause: Duration::ZERO,
        ahead: 2,
    };
    let mut done = 0;
    let went = many(
        (0..1_000usize).inspect(move |_| {
            source.fetch_add(1, Ordering::SeqCst);
        }),
        bounds,
        |n| n.to_string(),
        |n| async move {
            assert!(n != 7, "this one breaks down");
            tokio::task::yield_now().await;
        },
        |()| {
            done += 1;
            // Those in flight and those that wait, no more.
            assert!(taken.load(Ordering::SeqCst) <= done + 1 + 4 + 8);
        },
    )
    .await;
    assert_eq!((went.done, went.broken, went.most_in_flight), (999, 1, 4));
}
