//! Errands over executors: every part once, whoever is lost; and a search that comes to what one process finds.

use std::fs;
use std::sync::Arc;

use lake::Lake;
use lake::engine::errand::Errand;
use lake::query::Part;
use lake::search::{Ask, Enough, Found, Query, Searcher, errand};

use crate::engine::{TOKEN, VERSION, copied, executor, filled, over, without_identities};

/// What the executors of these tests can do.
pub fn known() -> [Errand; 3] {
    let listed = Errand::new("listed", |lake: Lake, parts: Vec<Part>, asked, pieces| {
        Box::pin(async move {
            for part in parts {
                let here = fs::metadata(lake.root().join(&part.path)).map_err(|e| e.to_string())?;
                let text = format!("{asked} {} {} {}", part.path, part.rows, here.len());
                pieces.give(text.as_bytes()).await?;
            }
            Ok(())
        })
    });
    let breaks = Errand::new("breaks", |_, _, _, pieces| {
        Box::pin(async move {
            pieces.give(b"half of it").await?;
            Err("it broke".to_owned())
        })
    });
    [listed, breaks, errand()]
}

/// What an errand brought, in order.
async fn done(lake: &Lake, parts: &[Part], what: (&str, &str)) -> Option<Vec<String>> {
    let take = |all: &mut Vec<String>, piece: &[u8]| {
        all.push(String::from_utf8_lossy(piece).into_owned());
        Ok(())
    };
    let mut all = lake.errand(parts, what, Vec::new, take).await?;
    all.sort();
    Some(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_is_one_executors_errand() {
    let (_folder, lake, parts) = filled();
    let mut expected: Vec<String> = parts
        .iter()
        .map(|part| format!("q {} {} {}", part.path, part.rows, part.bytes))
        .collect();
    expected.sort();
    let mut executors = vec![executor(lake.root(), TOKEN, VERSION).await];
    for _ in 0..2 {
        executors.push(executor(lake.root(), TOKEN, VERSION).await);
        let spread = over(&lake, &executors, 1);
        let all = done(&spread, &parts, ("listed", "q")).await;
        assert_eq!(all.as_ref(), Some(&expected));
    }
    let rows: u64 = parts.iter().map(|part| part.rows).sum();
    for (why, lake) in [
        ("no engine", lake.clone()),
        ("too few rows", over(&lake, &executors, rows + 1)),
        (
            "nobody there",
            over(&lake, &["http://127.0.0.1:1".to_owned()], 1),
        ),
    ] {
        assert_eq!(done(&lake, &parts, ("listed", "q")).await, None, "{why}");
    }
    let spread = over(&lake, &executors, 1);
    assert_eq!(done(&spread, &parts, ("unknown", "q")).await, None);
    assert_eq!(
        done(&spread, &parts, ("breaks", "q")).await,
        None,
        "no half answer"
    );
    // One that is lost is left out.
    executors.push("http://127.0.0.1:1".to_owned());
    let spread = over(&lake, &executors, 1);
    assert_eq!(done(&spread, &parts, ("listed", "q")).await, Some(expected));
    // A part that is another one on the executors is nobody's: it is done here.
    let longer = Part {
        bytes: parts[0].bytes + 1,
        ..parts[0].clone()
    };
    let mut others = parts.clone();
    others[0] = longer;
    assert_eq!(done(&spread, &others, ("listed", "q")).await, None);
}

fn ask(text: &str) -> Ask {
    const DAY: i64 = 86_400_000_000;
    const START: i64 = 1_673_222_400_000_000;
    Ask {
        query: Query::parse(text).expect("a query"),
        span: (START, START + 4 * DAY),
        edges: (0..=8).map(|half| START + half * DAY / 2).collect(),
        facets: true,
        rows: 50,
        after: None,
    }
}

async fn search(searcher: &Arc<Searcher>, parts: &[Part], ask: &Ask, enough: Enough) -> Found {
    let (searcher, parts, ask) = (Arc::clone(searcher), parts.to_vec(), ask.clone());
    let looked = tokio::task::spawn_blocking(move || searcher.search(&parts, &ask, &enough));
    looked.await.expect("no panic").expect("finds")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_over_executors_finds_what_one_process_finds() {
    let (_folder, lake, parts) = filled();
    let mut executors = Vec::new();
    for _ in 0..3 {
        executors.push(executor(lake.root(), TOKEN, VERSION).await);
    }
    let here = Arc::new(Searcher::new(lake.clone()));
    // Whoever asks could not answer: it has no identities.
    let bare = copied(lake.root());
    without_identities(bare.path(), &parts);
    let asking = Lake::open(bare.path(), 128 << 20, 2).expect("opens");
    let unable = Searcher::new(asking.clone());
    let text = ask("port:any");
    let alone = tokio::task::spawn_blocking({
        let parts = parts.clone();
        move || unable.search(&parts, &text, &(Arc::new(|| false) as Enough))
    });
    assert!(alone.await.expect("no panic").is_err());
    let spread = Arc::new(Searcher::new(over(&asking, &executors, 1)));
    let never: Enough = Arc::new(|| false);
    for text in [
        "ip:192.0.2.0/25",
        "country:CN -ip:2001:db8::/32",
        "port:any",
        "class:phishing",
        "",
    ] {
        let mut ask = ask(text);
        let mut pages = 0;
        loop {
            let expected = search(&here, &parts, &ask, Arc::clone(&never)).await;
            let found = search(&spread, &parts, &ask, Arc::clone(&never)).await;
            assert_eq!(
                (found.total, found.of, &found.steps, &found.facets),
                (
                    expected.total,
                    expected.of,
                    &expected.steps,
                    &expected.facets
                ),
                "{text}"
            );
            assert_eq!(found.places, expected.places, "{text}");
            assert_eq!(
                (found.more, found.partial, found.parts),
                (expected.more, expected.partial, expected.parts),
                "{text}"
            );
            pages += 1;
            match expected.places.last() {
                Some(last) if pages < 3 => ask.after = Some(last.cursor),
                _ => break,
            }
        }
    }
    // Who cannot wait gets a part of it, and is told so.
    let at_once: Enough = Arc::new(|| true);
    let stopped = search(&spread, &parts, &ask("port:any"), at_once).await;
    assert!(stopped.partial && stopped.parts.0 < stopped.parts.1);
    // The twin: executors that hold nothing are no help, and the answer is the one from here.
    let empty = tempfile::tempdir().expect("a folder");
    let others = [
        executor(empty.path(), TOKEN, VERSION).await,
        executor(empty.path(), TOKEN, VERSION).await,
    ];
    let alone = Arc::new(Searcher::new(over(&lake, &others, 1)));
    let found = search(&alone, &parts, &ask("port:any"), Arc::clone(&never)).await;
    let expected = search(&here, &parts, &ask("port:any"), never).await;
    assert_eq!(
        (found.total, found.places),
        (expected.total, expected.places)
    );
}
