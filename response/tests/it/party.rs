//! Imports of parties: what waits for an approval, and undoing the last one.

use ledger::Register;
use model::territory::OwnerClass;
use response::party::{PERCENT, approval, difference, imports_of, read};

use crate::desk::Bench;

const HEADS: &str = "name_en,name_zh,roles,country,province,zone,language,interval_hours,channel,address,format,rung,hours,scope,value\n";

/// A file of so many networks, each with a prefix, and more lines.
fn file(networks: std::ops::Range<u8>, more: &str) -> String {
    let mut text = HEADS.to_owned();
    for n in networks {
        text.push_str(&format!(
            "Net {n},,network-operator,,,,,,mail,noc{n}@example.com,,,,prefix,198.51.100.{n}/32\n"
        ));
    }
    text + more
}

fn owner(name: &str) -> OwnerClass {
    match name.ends_with("gov.test") {
        true => OwnerClass::Government,
        false => OwnerClass::Other,
    }
}

async fn import(bench: &Bench, text: &str, approved: Option<&str>) -> Vec<String> {
    let desk = &bench.desk;
    let (parties, bad) = read(text.as_bytes());
    assert!(bad.is_empty(), "{bad:?}");
    let register = desk.ledger.register().await.unwrap();
    let mut made = difference(parties, &register, "list", bench.now(), &*desk.random);
    let reasons = approval(&made, &register, "list", PERCENT, &owner);
    if approved.is_some() {
        made.approve();
    }
    desk.apply_parties(made, "list", approved, "li")
        .await
        .unwrap();
    reasons
}

fn told(register: &Register) -> (usize, usize, usize) {
    (
        register.organizations.len(),
        register.contacts.len(),
        register.responsibilities.len(),
    )
}

#[tokio::test]
async fn the_last_import_of_a_source_is_undone_and_then_the_one_before() {
    let bench = Bench::new().await;
    let ledger = &bench.desk.ledger;
    assert!(import(&bench, &file(0..4, ""), None).await.is_empty());
    let first = ledger.register().await.unwrap();
    assert_eq!(told(&first), (4, 4, 4));
    // One goes, one comes, one gets another contact and prefix.
    let more = "Net 2,,,,,,,,mail,second@example.com,,,,prefix,203.0.113.0/24\n";
    import(&bench, &file(1..5, more), None).await;
    assert_eq!(told(&ledger.register().await.unwrap()), (5, 6, 5));
    let (undone_import, undone) = bench.desk.undo_import("list", "wang").await.unwrap();
    assert_eq!(undone_import.actor, "li");
    assert_eq!(
        (
            undone.organizations,
            undone.contacts,
            undone.responsible,
            undone.restored
        ),
        (1, 2, 2, 1)
    );
    assert_eq!(ledger.register().await.unwrap(), {
        // As it was, but for when it was.
        let mut same = first;
        let now = ledger.register().await.unwrap();
        for (one, other) in same.organizations.iter_mut().zip(&now.organizations) {
            one.changed_at = other.changed_at;
        }
        same
    });
    bench.desk.undo_import("list", "wang").await.unwrap();
    assert_eq!(told(&ledger.register().await.unwrap()), (0, 0, 0));
    let none = bench.desk.undo_import("list", "wang").await.unwrap_err();
    assert!(none.to_string().contains("no import"), "{none}");
    // What ended can be imported again.
    import(&bench, &file(0..4, ""), None).await;
    assert_eq!(told(&ledger.register().await.unwrap()), (4, 4, 4));
    let trail = ledger
        .audit(Some("register"), ledger::Page::ALL)
        .await
        .unwrap();
    let undone = trail.iter().filter(|row| row.action == "register.undo");
    assert_eq!(undone.count(), 2);
}

#[tokio::test]
async fn what_a_person_changed_since_stays() {
    let bench = Bench::new().await;
    let ledger = &bench.desk.ledger;
    import(&bench, &file(0..2, ""), None).await;
    let register = ledger.register().await.unwrap();
    let id = register.organizations[0].organization_id();
    let protect = |row: &mut ledger::Organization| row.protected = true;
    ledger
        .edit_organization(id, serde_json::json!({}), protect, "wang", bench.now().0)
        .await
        .unwrap();
    let (_, undone) = bench.desk.undo_import("list", "wang").await.unwrap();
    assert_eq!((undone.organizations, undone.kept.len()), (1, 1));
    assert_eq!(told(&ledger.register().await.unwrap()), (1, 1, 1));
}

#[tokio::test]
async fn much_change_entries_of_persons_and_government_wait() {
    let bench = Bench::new().await;
    let ledger = &bench.desk.ledger;
    import(&bench, &file(0..100, ""), None).await;
    // One of two hundred entries is little, forty are not.
    assert!(import(&bench, &file(0..101, ""), None).await.is_empty());
    let much = import(&bench, &file(0..141, ""), None).await;
    assert!(
        much[0].contains("40 changes are more than 10 % of the 202"),
        "{much:?}"
    );

    let more = "City Hall,,site-owner,,,,,,mail,web@example.com,,,,domain,city.gov.test\n";
    let watched = import(&bench, &file(0..141, more), None).await;
    assert!(
        watched[0].contains("government or finance: City Hall"),
        "{watched:?}"
    );
    // Also when it only gets another contact.
    let contact = format!("{more}City Hall,,,,,,,,mail,other@example.com,,,,,\n");
    let watched = import(&bench, &file(0..141, &contact), None).await;
    assert!(watched[0].contains("City Hall"), "{watched:?}");

    let register = ledger.register().await.unwrap();
    let net = register
        .organizations
        .iter()
        .find(|one| one.name_en == "Net 7")
        .unwrap();
    // Although its own source brought it.
    let manual = |row: &mut ledger::Organization| row.protected = true;
    ledger
        .edit_organization(
            net.organization_id(),
            serde_json::json!({}),
            manual,
            "wang",
            0,
        )
        .await
        .unwrap();
    let more = format!("{contact}Net 7,,,,,,,,mail,new7@example.com,,,,,\n");
    let count = async || ledger.contacts(net.organization_id()).await.unwrap().len();
    let held = import(&bench, &file(0..141, &more), None).await;
    assert!(
        held[0].contains("1 changes touch entries that a person made"),
        "{held:?}"
    );
    assert_eq!(count().await, 1);
    import(&bench, &file(0..141, &more), Some("agreed by letter")).await;
    assert_eq!(count().await, 2);
    let kept = imports_of(ledger, "list").await.unwrap();
    assert_eq!(
        kept.last().unwrap().approved.as_deref(),
        Some("agreed by letter")
    );
    // What the file does not name any more ends only with an approval, too.
    let without = file(0..141, &more).replace("198.51.100.7/32", "198.51.100.6/32");
    let held = import(&bench, &without, None).await;
    assert!(
        held[0].contains("2 changes touch entries that a person made"),
        "{held:?}"
    );
    // Nothing new: nothing is written down.
    let before = kept.len();
    import(&bench, &file(0..141, &more), None).await;
    assert_eq!(imports_of(ledger, "list").await.unwrap().len(), before);
}
