//! What tests of letters, mail, parties and feeds begin with: a party, a letter, a mail; and the process behind the
//! console, as far as these pages need one.

use std::sync::Arc;

use async_trait::async_trait;
use console::correspondence::{Correspondence, Declined, FeedHealth, FeedState, Sources};
use formats::mail::own::Own;
use intake::Catalogue;
use intake::replay::Replayed;
use ledger::message::NewMessage;
use ledger::notice::NewNotice;
use ledger::organization::{NewContact, NewOrganization};
use ledger::{DirectiveState, Message, MessageRead, MessageState, NewDirective, Page, Reach};
use model::bulletin::Text;
use model::ids::{ContactId, DirectiveId, IncidentId, NoticeId, OrganizationId};
use model::notice::NoticeKind;
use model::organization::{Channel, Role, Rung, Scope};
use model::time::Timestamp;
use response::Desk as Work;
use response::inbox::deciding::Case;
use response::notice::Sender;
use response::notify::House as Letters;
use response::route::Parties;
use response::triage::{DEFAULT_RULES, Rules};

use crate::house::House;

/// The process behind the console.
struct Office {
    work: Work,
}

fn letters() -> Letters {
    Letters {
        sender: Sender {
            name: Text::new("示例中心", "Example Center"),
            address: "incidents@cert.example".to_owned(),
            phone: "000".to_owned(),
            domain: "cert.example".to_owned(),
            appeal: "incidents@cert.example".to_owned(),
        },
        token_key: [7; 32],
        daily_most: 100,
        party_most: 100,
        hold_over: 100,
        exercise: false,
        relay: None,
        dkim: None,
        signer: None,
        hooks: None,
        files: std::env::temp_dir(),
        node: None,
        seed: Box::new(|| [1; 32]),
    }
}

fn own() -> Own {
    Own {
        verp: vec!["incidents+{token}@cert.example".to_owned()],
        message_domain: "cert.example".to_owned(),
        ..Own::default()
    }
}

#[async_trait]
impl Correspondence for Office {
    async fn write_again(
        &self,
        notice: NoticeId,
        contact: ContactId,
        reason: String,
        actor: String,
    ) -> Result<i64, Declined> {
        let parties = Parties::of(self.work.ledger.register().await?);
        let who = (reason.as_str(), actor.as_str());
        let letters = letters();
        let written = self
            .work
            .write_again(&letters, &parties, notice, contact, who);
        Ok(written.await?.number)
    }

    async fn answer(&self, message: Message, text: String, actor: String) -> Result<i64, Declined> {
        let (letters, own) = (letters(), own());
        let written = self
            .work
            .write_answer(&letters, &own, &message, &text, &actor);
        Ok(written.await?.number)
    }

    async fn open(&self, message: Message, case: Case, actor: String) -> Result<i64, Declined> {
        let rules = Rules::read(DEFAULT_RULES).unwrap();
        let opened = self
            .work
            .take_as_complaint(&message, &case, (&rules, &|_| ()), &actor);
        Ok(opened.await?)
    }
}

#[async_trait]
impl Sources for Office {
    async fn health(&self) -> Result<Vec<FeedHealth>, Declined> {
        let one = |feed: &str, state, failures, lag: Option<u64>| FeedHealth {
            feed: feed.to_owned(),
            state,
            last_success: None,
            lag_secs: lag,
            interval_secs: 86_400,
            last_failure: None,
            error: (failures > 0).then(|| "the credential has expired".to_owned()),
            failures,
            resting_until: None,
            asked: true,
            line: Some(12),
        };
        Ok(vec![
            one("scans", FeedState::Failing, 3, Some(90_000)),
            one("urls", FeedState::Well, 0, Some(60)),
        ])
    }

    async fn fetch(&self, _: String) -> Result<bool, Declined> {
        Ok(true)
    }

    async fn replay(&self, _: String, rejects: Vec<i64>, _: String) -> Result<Replayed, Declined> {
        Ok(Replayed {
            read: rejects.len() as u64,
            events: rejects.len() as u64,
            ..Replayed::default()
        })
    }
}

/// A house with an office behind it, and feeds.
pub async fn house(catalogue: Catalogue) -> House {
    House::fed(catalogue, |desk, work| {
        let office = Arc::new(Office { work });
        desk.corresponding(Arc::clone(&office) as _, office)
    })
    .await
}

/// A house with an office behind it and no feeds.
pub async fn plain() -> House {
    house(Catalogue::new(Vec::new()).unwrap()).await
}

fn drawn(n: u8) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[9] = n;
    bytes
}

/// A party with two contacts, which answers for a domain.
pub async fn party(house: &House, name: &str, n: u8) -> (OrganizationId, [ContactId; 2]) {
    let at = Timestamp(house.now());
    let id = OrganizationId::draw(at, drawn(n));
    let contacts = [
        ContactId::draw(at, drawn(n.wrapping_mul(2))),
        ContactId::draw(at, drawn(n.wrapping_mul(2) + 1)),
    ];
    let contact = |at: usize, rung| NewContact {
        id: contacts[at],
        channel: Channel::Mail,
        address: format!(
            "abuse{at}@{}.example",
            name.to_lowercase().replace(' ', "-")
        ),
        language: None,
        format: None,
        rung,
        hours: None,
        pgp: None,
    };
    let new = NewOrganization {
        id,
        name_zh: format!("{name}（中）"),
        name_en: name.to_owned(),
        roles: vec![Role::Registrar],
        country: Some("XC".to_owned()),
        province: None,
        zone: "UTC".to_owned(),
        language: "en".to_owned(),
        interval_secs: 0,
        source: "list".to_owned(),
        protected: false,
        contacts: vec![contact(0, Rung::Agreed), contact(1, Rung::Mailbox)],
        responsible: vec![(Scope::Domain, format!("name-{n}.test"))],
    };
    let ledger = &house.ledger;
    ledger
        .add_organizations(vec![new], "test", house.now())
        .await
        .unwrap();
    (id, contacts)
}

/// A letter to a party's first contact about an incident; held where there is a reason. Its number.
pub async fn letter(
    house: &House,
    party: OrganizationId,
    contact: ContactId,
    hold: Option<&str>,
    n: u8,
) -> i64 {
    let number = house.incident("https://login.example.test/a", None).await;
    let ledger = &house.ledger;
    let incident = ledger.incident_numbered(number, &Reach::All).await.unwrap();
    let at = Timestamp(house.now());
    let directive = NewDirective {
        id: DirectiveId::draw(at, drawn(n)),
        incident: incident.incident_id(),
        place: 1,
        role: Role::Registrar,
        organization: Some(party),
        ask: "suspend-domain".to_owned(),
        reason: "domain example.test".to_owned(),
        target_secs: 86_400,
        working_days: None,
    };
    let covers: (DirectiveId, IncidentId) = (directive.id, directive.incident);
    ledger
        .decide(vec![directive], "test", house.now())
        .await
        .unwrap();
    let body = "From: incidents@cert.example\r\nTo: abuse0@one.example\r\nSubject: notice\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nPlease suspend <b>login</b>.\r\n";
    let blob = house.blobs.put_bytes(body.as_bytes()).unwrap();
    let new = NewNotice {
        id: NoticeId::draw(at, drawn(n)),
        kind: NoticeKind::First,
        organization: party,
        contact: Some(contact),
        channel: Channel::Mail,
        address: "abuse0@one.example".to_owned(),
        format: None,
        language: "en".to_owned(),
        subject: format!("notice {n}"),
        token: format!("token-{n}"),
        message_id: format!("notice.{n}@cert.example"),
        thread: Vec::new(),
        body: blob.hash,
        hold_reason: hold.map(str::to_owned),
        approved_by: None,
        exercise: false,
        covers: vec![covers],
    };
    let id = new.id;
    ledger
        .write_notices(vec![new], "test", house.now())
        .await
        .unwrap();
    ledger.notice(id).await.unwrap().number
}

/// A mail that waits for a person; its id.
pub async fn mail(house: &House, text: &str) -> String {
    let bytes = format!(
        "From: A Person <person@reporter.example>\r\nTo: incidents@cert.example\r\nSubject: what is this\r\nMessage-ID: <{}@reporter.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--b\r\nContent-Type: text/html; name=\"page.html\"\r\nContent-Disposition: attachment; filename=\"page.html\"\r\n\r\n<script>alert(1)</script>\r\n--b--\r\n",
        text.len()
    );
    let blob = house.blobs.put_bytes(bytes.as_bytes()).unwrap();
    let id = blob.hash.to_string();
    let new = NewMessage {
        blob: blob.hash,
        origin: "INBOX 1".to_owned(),
        message_id: None,
        received_at: house.now(),
    };
    let ledger = &house.ledger;
    ledger.receive_message(new, house.now()).await.unwrap();
    let read = MessageRead {
        sender: "person@reporter.example".to_owned(),
        subject: "what is this".to_owned(),
        nature: "reply".to_owned(),
        state: MessageState::Waiting,
        reason: Some("it refers to a notice that is not known here".to_owned()),
        proposal: None,
        notice: None,
        incident: None,
    };
    ledger.message_read(&id, read, house.now()).await.unwrap();
    id
}

/// Whether the directives of all incidents are due.
pub async fn due(house: &House) -> usize {
    let due = DirectiveState::Due;
    let found = house.ledger.directives_in(due, Page::ALL).await.unwrap();
    found.len()
}
