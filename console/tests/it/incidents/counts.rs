//! Counts are kept, and follow what changes.

use super::*;

#[tokio::test]
async fn counts_follow_own_acts_at_once_and_those_of_others_soon() {
    let house = with_branch().await;
    // Signing in is an act too: each is signed in once.
    let (analyst, viewer) = (house.cookie("analyst").await, house.cookie("viewer").await);
    let branch = house.cookie("branch").await;
    let says = async |who: &str, q: &str, n: u64| {
        let request = Request::get(list(q))
            .header(header::HOST, "console.example.test")
            .header(header::ACCEPT_LANGUAGE, "en")
            .header(header::COOKIE, who)
            .body(Body::empty());
        let page = ok(house.send(request.unwrap()).await);
        page.body.contains(&format!(">{n} incidents<"))
    };
    let open = "state:open";
    // Opened by the analyst, as all of these.
    house.incident("Imitates Example Bank", None).await;
    assert!(says(&analyst, open, 1).await && says(&viewer, open, 1).await);
    house.incident("Imitates Example Post", None).await;
    assert!(
        says(&viewer, open, 1).await,
        "what others did may take a moment"
    );
    assert!(
        says(&analyst, open, 2).await,
        "what one did oneself may not"
    );
    assert!(says(&viewer, open, 2).await, "one reading is for all");
    house.incident("Imitates Example Rail", Some("ORG-A")).await;
    assert!(says(&viewer, open, 2).await);
    house.pass(3_000_000);
    // Nobody waits for it: who looks now sees the old count, and has the new one read.
    assert!(says(&viewer, open, 2).await);
    let mut looks = 0;
    while !says(&viewer, open, 3).await {
        looks += 1;
        assert!(looks < 1_000, "what others did shows soon");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // After a pause it is read first.
    house.incident("Imitates Example Air", None).await;
    house.pass(10_000_000);
    assert!(says(&viewer, open, 4).await);
    assert!(
        says(&branch, open, 1).await,
        "a branch has counts of its own"
    );
    // Age is a matter of time, not of changes.
    assert!(says(&viewer, "age:>1h", 0).await);
    house.pass(2 * 60 * MINUTE);
    assert!(says(&viewer, "age:>1h", 4).await);
}
