//! A dispute holds what is asked of a party, for a while.

use super::*;

#[tokio::test]
async fn a_dispute_holds_the_time_until_it_is_withdrawn_answered_or_three_days_old() {
    let t = two().await;
    let house = &t.house;
    let id = house
        .ledger
        .incident_numbered(t.mine, &Reach::All)
        .await
        .unwrap()
        .id
        .0;
    let path = format!("/portal/incidents/{}/answers", t.mine);
    let row = async || house.ledger.directives(id).await.unwrap().remove(0);
    let withdraw = [("act", "withdrawn")];
    let dispute = [("act", "disputed"), ("ground", "legitimate")];
    let due = row().await.due_at.expect("its time runs");
    // Nothing stands: nothing can be taken back.
    let none = house.post("party", &path, &withdraw).await;
    assert_eq!(none.status, StatusCode::CONFLICT, "{}", none.body);
    // "Not ours" is no reason to wait: the next party is.
    let other = [("act", "disputed"), ("ground", "not-ours")];
    house.post("party", &path, &other).await;
    assert_eq!(row().await.held_at, None);
    house.post("party", &path, &dispute).await;
    assert_eq!(row().await.held_at, Some(house.now()));
    let at = format!("/portal/incidents/{}", t.mine);
    let page = house.get("party", &at).await;
    assert!(page.body.contains("Withdraw the dispute"));
    house.pass(60 * MINUTE);
    let done = house.post("party", &path, &withdraw).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let after = row().await;
    assert_eq!(
        (after.held_at, after.due_at),
        (None, Some(due + 60 * MINUTE))
    );
    // Another party cannot take it back, nor is it told that there is one.
    house.post("party", &path, &dispute).await;
    let foreign = house.post("viewer", &path, &withdraw).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    // The center answers: time goes on.
    house.pass(30 * MINUTE);
    let number = t.mine.to_string();
    let organization = t.one.to_string();
    let tell = [
        ("incident", number.as_str()),
        ("organization", organization.as_str()),
        ("text", "it imitates a bank"),
    ];
    house.post("analyst", "/console/answers/tell", &tell).await;
    assert_eq!(row().await.held_at, None);
    assert_eq!(row().await.due_at, Some(due + 90 * MINUTE));
    // What is disputed for ever gains three days, and no more.
    house.post("party", &path, &dispute).await;
    house.pass(10 * 24 * 60 * MINUTE);
    assert!(row().await.is_held_out(house.now()));
    house.post("party", &path, &withdraw).await;
    let most = due + 90 * MINUTE + ledger::HOLD_MOST;
    assert_eq!(row().await.due_at, Some(most));
}

#[tokio::test]
async fn an_appeal_and_a_dispute_are_settled_each_by_itself() {
    let t = two().await;
    let house = &t.house;
    let incident = house
        .ledger
        .incident_numbered(t.mine, &Reach::All)
        .await
        .unwrap();
    let row = async || {
        house
            .ledger
            .directives(incident.id.0)
            .await
            .unwrap()
            .remove(0)
    };
    let due = row().await.due_at.expect("its time runs");
    let appeal = ledger::NewAppeal {
        receipt: "receipt".to_owned(),
        about: model::outside::AppealAbout::Incident,
        object: "shop.example.test".to_owned(),
        body: "it is my own shop".to_owned(),
        name: None,
        address: None,
        language: "en",
        received_at: None,
    };
    let appeal = house
        .ledger
        .file_appeal(appeal, Vec::new(), "system:form", house.now())
        .await
        .unwrap();
    let path = format!("/portal/incidents/{}/answers", t.mine);
    let at = format!("/portal/incidents/{}", t.mine);
    let dispute = [("act", "disputed"), ("ground", "legitimate")];
    let withdraw = [("act", "withdrawn")];
    let hold = format!("/api/v1/appeals/{appeal}/hold");
    let held = house
        .json(
            "lead",
            "POST",
            &hold,
            &json!({ "incident": t.mine.to_string() }),
        )
        .await;
    assert_eq!(held.status, StatusCode::OK, "{}", held.body);
    // An appeal is nothing that the party could take back.
    let none = house.post("party", &path, &withdraw).await;
    assert_eq!(none.status, StatusCode::CONFLICT, "{}", none.body);
    let page = house.get("party", &at).await.body;
    assert!(
        page.contains("while an appeal is looked at") && !page.contains("Withdraw the dispute")
    );
    house.pass(60 * MINUTE);
    house.post("party", &path, &dispute).await;
    let page = house.get("party", &at).await.body;
    assert!(page.contains("Withdraw the dispute"));
    house.pass(60 * MINUTE);
    house.post("party", &path, &withdraw).await;
    let after = row().await;
    assert!(after.held_at.is_some(), "the appeal holds it still");
    assert_eq!(after.due_at, Some(due));
    // The other way round: the appeal is decided while a dispute stands.
    house.post("party", &path, &dispute).await;
    house.pass(60 * MINUTE);
    let decide = format!("/api/v1/appeals/{appeal}/decide");
    let body = json!({ "decision": "declined", "reason": "it imitates a bank" });
    let done = house.json("lead", "POST", &decide, &body).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    assert!(row().await.held_at.is_some(), "the dispute holds it still");
    house.pass(60 * MINUTE);
    house.post("party", &path, &withdraw).await;
    let after = row().await;
    assert_eq!((after.held_at, after.held_for), (None, None));
    assert_eq!(after.due_at, Some(due + 240 * MINUTE));
}
