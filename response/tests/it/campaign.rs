//! Proposals of campaigns from stored incidents.

use ledger::{IncidentFilter, IncidentSort, Page, Reach};
use response::campaign::{Shared, WITHIN, propose};

use crate::desk::{Bench, NOW};

#[tokio::test]
async fn what_is_shared_within_a_week_is_proposed_and_nothing_else() {
    let bench = Bench::new().await;
    let ledger = &bench.desk.ledger;
    let mut ids = Vec::new();
    // Three at one address within a week, a fourth a week after the first, two at another.
    for (n, (ip, after, brand)) in [
        ("192.0.2.1", 0, Some("Example Bank")),
        ("192.0.2.1", WITHIN / 2, None),
        ("192.0.2.1", WITHIN - 1, None),
        ("192.0.2.1", WITHIN, None),
        ("192.0.2.2", 0, Some("Example Bank")),
        ("192.0.2.2", 0, None),
        ("192.0.2.3", 5, Some("Example Bank")),
    ]
    .into_iter()
    .enumerate()
    {
        let host = format!("h{n}.example.com");
        let id = bench.open(&host, ip, |new| {
            new.first_seen_at = NOW - 2 * WITHIN + after;
            new.brand = brand.map(str::to_owned);
        });
        ids.push(id.await);
    }
    let all = async || {
        let page = Page::ALL;
        let filter = IncidentFilter::default();
        ledger
            .incidents(&filter, &Reach::All, IncidentSort::Oldest, page)
            .await
            .unwrap()
    };
    let made = propose(&all().await, &|_| None);
    let told: Vec<_> = made
        .iter()
        .map(|one| (one.shared, one.numbers.clone()))
        .collect();
    assert_eq!(
        told,
        [
            (Shared::Address, vec![1, 2, 3]),
            (Shared::Brand, vec![1, 5, 7])
        ]
    );
    // One registrant of two hosts and a third: proposed; the same incidents are not proposed twice.
    let registrant = |one: &ledger::Incident| (one.number <= 3).then(|| "H-1".to_owned());
    assert_eq!(propose(&all().await, &registrant).len(), 2);

    // In a campaign: the others would join it; in two: nobody is proposed.
    let draw = |n: u8| model::ids::CampaignId::draw(bench.now(), [n; 10]);
    ledger
        .add_campaign(draw(1), "one", "kit", &ids[..1], "li", NOW)
        .await
        .unwrap();
    let made = propose(&all().await, &|_| None);
    assert!(made.iter().all(|one| one.campaign == Some(draw(1))));
    assert_eq!(made.iter().map(|one| one.incidents.len()).max(), Some(2));
    ledger
        .add_campaign(draw(2), "two", "kit", &ids[1..2], "li", NOW)
        .await
        .unwrap();
    let made = propose(&all().await, &|_| None);
    assert!(
        made.iter().all(|one| one.shared == Shared::Brand),
        "{made:?}"
    );
    ledger
        .join_campaign(draw(1), &[ids[4], ids[6]], "kit", "li", NOW)
        .await
        .unwrap();
    assert!(propose(&all().await, &|_| None).is_empty());
}
