//! Killed at any moment, nothing acknowledged is lost and nothing counts twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{SERVE, Serving, ask, feed, until, urls};
use crate::run::Bench;

/// Kills; each at another moment after the start.
const KILLS: u64 = 6;

fn prepared() -> (Bench, String) {
    let bench = Bench::with(&format!(
        "{SERVE}pushes_per_minute = 100000\n{}{}",
        feed("mail", ""),
        feed("drop", "paths = [\"in/*.txt\"]")
    ));
    let made = bench.run(&["tokens", "add", "gateway"]).exits(0);
    let token = format!("Authorization: Bearer {}", made.stdout.trim());
    (bench, token)
}

#[test]
fn kills_while_reports_are_pushed_and_dropped() {
    let (bench, token) = prepared();
    let mut acknowledged = BTreeSet::new();
    let mut dropped = BTreeSet::new();
    let mut number = 0;
    for round in 0..KILLS {
        let serving = Serving::start(&bench);
        let address = serving.address;
        let stop = Arc::new(AtomicBool::new(false));
        let (told, head, first) = (Arc::clone(&stop), token.clone(), number);
        let pushing = std::thread::spawn(move || {
            let (mut done, mut number) = (Vec::new(), first);
            while !told.load(Ordering::Relaxed) {
                number += 1;
                let url = format!("http://p{number}.example.com/");
                // Half of each report repeats the one before.
                let body = format!("{url}\nhttp://p{}.example.com/\n", number - 1);
                let path = "/api/v1/feeds/mail/reports";
                match ask(address, "POST", path, &[&head], body.as_bytes()) {
                    Some(answer) if answer.status == 202 => done.push(url),
                    Some(answer) => panic!("{answer:?}"),
                    None => break,
                }
            }
            (done, number)
        });
        for n in 0..3 {
            let url = format!("http://d{round}-{n}.example.com/");
            bench.write(&format!("in/{round}-{n}.txt"), format!("{url}\n"));
            dropped.insert(url);
        }
        // A fixed sequence of moments, so that a failure can be repeated.
        std::thread::sleep(Duration::from_millis(300 + (round * 1371) % 2500));
        serving.kill();
        stop.store(true, Ordering::Relaxed);
        let (done, last) = pushing.join().expect("the sender ends");
        acknowledged.extend(done);
        number = last;
    }
    assert!(
        acknowledged.len() > 10,
        "{} were acknowledged",
        acknowledged.len()
    );
    let serving = Serving::start(&bench);
    until("all that was acknowledged", || {
        let there: BTreeSet<String> = urls(&bench, "mail").into_iter().collect();
        acknowledged.is_subset(&there)
    });
    until("all that was dropped", || {
        urls(&bench, "drop").len() >= dropped.len()
    });
    until("nothing waits", || {
        serving.meter("watchfire_reports_waiting") == Some(0.0)
    });
    serving.signal("TERM");
    assert_eq!(serving.end(), 0);
    for (feed, expected) in [("mail", &acknowledged), ("drop", &dropped)] {
        let there = urls(&bench, feed);
        let once: BTreeSet<&String> = there.iter().collect();
        assert_eq!(
            once.len(),
            there.len(),
            "something of {feed} is there twice"
        );
        assert!(expected.iter().all(|url| once.contains(url)));
    }
    let doctor = bench.run(&["doctor", "--deep"]).stdout;
    assert!(doctor.contains("every part whole"), "{doctor}");
    assert!(
        !doctor
            .lines()
            .any(|line| line.starts_with("ERROR") || line.starts_with("damage")),
        "{doctor}"
    );
}

#[test]
fn a_signal_ends_it_in_good_order() {
    let (bench, token) = prepared();
    let serving = Serving::start(&bench);
    let path = "/api/v1/feeds/mail/reports";
    for n in 0..20 {
        let body = format!("http://t{n}.example.com/\n");
        let answer = ask(serving.address, "POST", path, &[&token], body.as_bytes());
        answer.expect("it answers").is(202);
    }
    serving.signal("TERM");
    let log = serving.shared_log();
    assert_eq!(serving.end(), 0);
    let log = log.lock().expect("nobody panics with it").clone();
    assert!(log.contains("stopping: work under way may end"), "{log}");
    // What was left waits in the archive for whoever comes next.
    let serving = Serving::start(&bench);
    until("the rest", || urls(&bench, "mail").len() == 20);
    serving.signal("TERM");
    assert_eq!(serving.end(), 0);
}
