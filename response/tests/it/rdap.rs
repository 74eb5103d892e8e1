//! Registration data against a local service whose answers have the shapes that real ones have: entities
//! that nest, jCards, links to the registrar, redirects, waits, floods.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use ledger::organization::{NewContact, NewOrganization};
use model::ids::{ContactId, OrganizationId};
use model::organization::{Channel, Role, Rung, Scope};
use outbound::{Allowed, Lookup};
use response::rdap::{Bootstrap, Client, Limits, Looked, Question, SOURCE, additions};
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::desk::Bench;

/// A service that answers by path and remembers what it was asked.
struct Service {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/rdap+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn to(path: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nLocation: {path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

fn wait(seconds: &str) -> String {
    format!(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

const NOT_FOUND: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

fn abuse(mail: &str, name: &str) -> String {
    format!(
        r#"{{"objectClassName":"entity","roles":["abuse"],"vcardArray":["vcard",[["version",{{}},"text","4.0"],["fn",{{}},"text","{name}"],["email",{{}},"text","{mail}"]]]}}"#
    )
}

fn registrar(id: u32, name: &str, within: &str) -> String {
    format!(
        r#"{{"objectClassName":"entity","handle":"{id}","roles":["registrar"],"publicIds":[{{"type":"IANA Registrar ID","identifier":"{id}"}}],"vcardArray":["vcard",[["fn",{{}},"text","{name}"]]],"entities":[{within}]}}"#
    )
}

fn domain(name: &str, entities: &str, links: &str) -> String {
    format!(
        r#"{{"objectClassName":"domain","ldhName":"{name}","status":["active"],"entities":[{entities}],"links":[{links}]}}"#
    )
}

fn network(first: &str, last: &str, entities: &str) -> String {
    format!(
        r#"{{"objectClassName":"ip network","handle":"NET-1","startAddress":"{first}","endAddress":"{last}","country":"CN","entities":[{entities}]}}"#
    )
}

impl Service {
    async fn start() -> Service {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    let mut byte = [0];
                    while !head.ends_with(b"\r\n\r\n") {
                        if !matches!(stream.read(&mut byte).await, Ok(1)) {
                            return;
                        }
                        head.push(byte[0]);
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
                    kept.lock().unwrap().push(path.clone());
                    let _ = stream.write_all(answer(&path, port).as_bytes()).await;
                    let _ = stream.shutdown().await;
                });
            }
        });
        Service { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn client(&self) -> Client {
        self.client_with(Limits::default(), &["127.0.0.1"])
    }

    fn client_with(&self, limits: Limits, allow: &[&str]) -> Client {
        let base = format!("http://rdap.test:{}/rdap", self.port);
        let mut bootstrap = Bootstrap::default();
        for entry in [
            "\"test\",\"xn--fsqu00a\"",
            "\"192.0.2.0/24\",\"198.51.100.0/24\"",
        ] {
            let text = format!(r#"{{"services":[[[{entry}],["{base}"]]]}}"#);
            bootstrap.add(text.as_bytes()).unwrap();
        }
        let here: Lookup = Arc::new(|_| Box::pin(async { Ok(vec![Ipv4Addr::LOCALHOST.into()]) }));
        let allowed = Allowed::parse(allow.iter().copied()).unwrap();
        Client::new(bootstrap, here, allowed, RootCertStore::empty(), limits).unwrap()
    }
}

fn answer(path: &str, port: u16) -> String {
    let path = path.strip_prefix("/rdap/").unwrap_or(path);
    match path {
        // A registry that knows the registrar and links to it.
        "domain/thin.test" => ok(&domain(
            "thin.test",
            &registrar(9999, "Example Registrar", ""),
            &format!(
                r#"{{"rel":"related","type":"application/rdap+json","href":"http://registrar.test:{port}/own/domain/thin.test"}}"#
            ),
        )),
        "/own/domain/thin.test" => ok(&domain(
            "thin.test",
            &registrar(
                9999,
                "Example Registrar",
                &abuse("Abuse@registrar.test", "Abuse Desk"),
            ),
            "",
        )),
        // Its registrar answers about another name.
        "domain/lying.test" => ok(&domain(
            "lying.test",
            &registrar(9998, "Odd Registrar", ""),
            &format!(
                r#"{{"rel":"related","href":"http://registrar.test:{port}/own/domain/lying.test"}}"#
            ),
        )),
        "/own/domain/lying.test" => ok(&domain("other.test", &abuse("a@other.test", "Other"), "")),
        "domain/moved.test" => to("/rdap/domain/moved-there.test"),
        "domain/moved-there.test" => to("thin.test"),
        "domain/circle.test" => to("/rdap/domain/circle.test"),
        "domain/inside.test" => to("http://10.0.0.1/rdap/domain/inside.test"),
        path if path.starts_with("domain/deep") => {
            to(&format!("/rdap/{}x.test", path.trim_end_matches(".test")))
        }
        "domain/busy.test" => wait("120"),
        "domain/flood.test" => ok(&domain(&"x".repeat(2 << 20), "", "")),
        "domain/broken.test" => ok("<html>maintenance</html>"),
        "domain/xn--fsqu00a.xn--fsqu00a" => ok(&domain("xn--fsqu00a.xn--fsqu00a", "", "")),
        "ip/192.0.2.7" => ok(&network(
            "192.0.2.0",
            "192.0.2.255",
            &abuse("abuse@net.test", "Example\\r\\nNet"),
        )),
        "ip/198.51.100.7" => ok(&network(
            "198.51.100.0",
            "198.51.100.255",
            &abuse("no address", "X"),
        )),
        _ => NOT_FOUND.to_owned(),
    }
}

fn name(text: &str) -> Question {
    Question::domain(text).unwrap()
}

fn why(looked: Looked) -> String {
    match looked {
        Looked::Unknown(why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_name_leads_to_its_registrar_and_is_asked_once() {
    let (bench, service) = (Bench::new().await, Service::start().await);
    let client = service.client();
    let desk = &bench.desk;
    let question = name("THIN.test.");
    // Not asked without a client: a dry run shows what is kept.
    assert!(why(desk.registered(None, &question).await.unwrap()).contains("was not asked"));
    let Looked::Found(found) = desk.registered(Some(&client), &question).await.unwrap() else {
        panic!("is registered");
    };
    assert_eq!(found.registrar_id, Some(9999));
    assert_eq!(found.abuse, ["abuse@registrar.test"]);
    assert_eq!(
        service.asked(),
        ["/rdap/domain/thin.test", "/own/domain/thin.test"]
    );
    let again = desk.registered(None, &question).await.unwrap();
    assert_eq!(again, Looked::Found(found));
    assert!(service.asked().is_empty());
    bench.pass(25 * 3_600_000_000);
    desk.registered(Some(&client), &question).await.unwrap();
    assert_eq!(service.asked().len(), 2);
    assert_eq!(
        desk.ledger
            .forget_registrations(bench.now().0)
            .await
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn names_are_asked_as_a_labels_and_absent_ones_are_kept_for_an_hour() {
    let (bench, service) = (Bench::new().await, Service::start().await);
    let client = service.client();
    let desk = &bench.desk;
    let found = desk
        .registered(Some(&client), &name("例子.例子"))
        .await
        .unwrap();
    assert!(matches!(found, Looked::Found(_)), "{found:?}");
    assert_eq!(service.asked(), ["/rdap/domain/xn--fsqu00a.xn--fsqu00a"]);
    let absent = name("absent.test");
    for _ in 0..2 {
        let told = desk.registered(Some(&client), &absent).await.unwrap();
        assert_eq!(told, Looked::Absent);
    }
    assert_eq!(service.asked().len(), 1);
    for wrong in ["192.0.2.1", "test", "a b.test", "x/../y.test", ""] {
        assert_eq!(Question::domain(wrong), None, "{wrong}");
    }
}

#[tokio::test]
async fn redirects_are_followed_hop_by_hop_and_end_somewhere() {
    let (bench, service) = (Bench::new().await, Service::start().await);
    let client = service.client();
    let ask = async |text: &str| {
        let looked = bench.desk.registered(Some(&client), &name(text)).await;
        looked.unwrap()
    };
    assert!(matches!(ask("moved.test").await, Looked::Found(_)));
    assert!(why(ask("circle.test").await).contains("in a circle"));
    assert!(why(ask("deep.test").await).contains("more than 6 requests"));
    assert!(why(ask("inside.test").await).contains("10.0.0.1 is a private address"));
    assert!(why(ask("flood.test").await).contains("more than 1048576 bytes"));
    assert!(why(ask("broken.test").await).contains("not JSON"));
    assert!(why(ask("x.example").await).contains("no service is known"));
    // What a registrar tells of another name is not taken over.
    let Looked::Found(lying) = ask("lying.test").await else {
        panic!("is registered");
    };
    assert_eq!((lying.registrar_id, lying.abuse.len()), (Some(9998), 0));
    // The broken twin: without leave even the first request is refused.
    let closed = service.client_with(Limits::default(), &[]);
    let told = bench
        .desk
        .registered(Some(&closed), &name("other.test"))
        .await
        .unwrap();
    assert!(why(told).contains("loopback"));
}

#[tokio::test]
async fn a_service_that_asks_to_wait_is_left_alone_until_then() {
    let (bench, service) = (Bench::new().await, Service::start().await);
    let client = service.client();
    let ask = async |text: &str| {
        let looked = bench.desk.registered(Some(&client), &name(text)).await;
        looked.unwrap()
    };
    assert!(why(ask("busy.test").await).contains("asks to wait 120 s"));
    assert_eq!(service.asked().len(), 1);
    // Another question goes to the same service: not before the time is over.
    assert!(why(ask("thin.test").await).contains("asked to wait"));
    assert!(service.asked().is_empty());
    bench.pass(121_000_000);
    assert!(matches!(ask("thin.test").await, Looked::Found(_)));
}

#[tokio::test]
async fn what_it_tells_is_added_and_never_goes_over_a_person() {
    let (bench, service) = (Bench::new().await, Service::start().await);
    let client = service.client();
    let desk = &bench.desk;
    let mut ids = Vec::new();
    for (host, ip) in [
        ("a.thin.test", "192.0.2.7"),
        ("b.thin.test", "198.51.100.7"),
    ] {
        ids.push(bench.open(host, ip, |_| {}).await);
    }
    let mut incidents = Vec::new();
    for id in &ids {
        incidents.push(
            desk.ledger
                .incident(*id, &ledger::Reach::All)
                .await
                .unwrap(),
        );
    }
    let registrable = |host: &str| host.split_once('.').map(|(_, rest)| rest.to_owned());
    let findings = desk
        .look_up(Some(&client), &incidents, &registrable)
        .await
        .unwrap();
    assert_eq!(findings.registrar(&incidents[1]), Some(9999));
    // One name, asked once although two hosts lie below it.
    let of_name = |path: &&String| path.contains("/domain/");
    assert_eq!(service.asked().iter().filter(of_name).count(), 2);

    let added = desk.take_registrations(&findings).await.unwrap();
    assert_eq!(added.organizations.len(), 2, "{:?}", added.lines);
    let register = desk.ledger.register().await.unwrap();
    let rungs: Vec<_> = register.contacts.iter().map(|one| one.rung.0).collect();
    assert_eq!(rungs, [Rung::Rdap, Rung::Rdap]);
    assert!(
        register
            .organizations
            .iter()
            .all(|one| one.source == SOURCE)
    );
    let net = register
        .organizations
        .iter()
        .find(|one| one.has(Role::NetworkOperator));
    // Its name is hostile text: one line of it.
    assert_eq!(net.unwrap().name_en, "Example Net");
    let told = |scope| {
        let own = register
            .responsibilities
            .iter()
            .filter(move |one| one.scope.0 == scope);
        own.map(|one| one.value.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(Scope::RegistrarId), ["9999"]);
    assert_eq!(told(Scope::Prefix), ["192.0.2.0/24"]);
    // Again: nothing is new.
    let again = desk.take_registrations(&findings).await.unwrap();
    assert!(
        again.lines.is_empty() && again.proposed.is_empty(),
        "{again:?}"
    );
}

#[tokio::test]
async fn an_entry_with_a_contact_stays_as_it_is() {
    let (bench, service) = (Bench::new().await, Service::start().await);
    let client = service.client();
    let desk = &bench.desk;
    let id = bench.open("thin.test", "203.0.113.9", |_| {}).await;
    let incident = desk.ledger.incident(id, &ledger::Reach::All).await.unwrap();
    let whole = |host: &str| Some(host.to_owned());
    let findings = desk
        .look_up(Some(&client), &[incident], &whole)
        .await
        .unwrap();
    let now = bench.now();
    let draw = &*desk.random;
    let entry = |source: &str, protected, mail: Option<&str>| NewOrganization {
        id: OrganizationId::draw(now, draw()),
        name_zh: "示例".to_owned(),
        name_en: format!("Example {source}"),
        roles: vec![Role::Registrar],
        country: None,
        province: None,
        zone: "UTC".to_owned(),
        language: "en".to_owned(),
        interval_secs: 0,
        source: source.to_owned(),
        protected,
        contacts: mail
            .map(|mail| NewContact {
                id: ContactId::draw(now, draw()),
                channel: Channel::Mail,
                address: mail.to_owned(),
                language: None,
                format: None,
                rung: Rung::Agreed,
                hours: None,
                pgp: None,
            })
            .into_iter()
            .collect(),
        responsible: vec![(Scope::RegistrarId, "9999".to_owned())],
    };
    for (source, protected, mail, adds, proposes) in [
        ("manual", true, Some("own@example.com"), 0, 0),
        ("manual", true, None, 0, 1),
        ("list", false, Some("own@example.com"), 0, 0),
        ("list", false, None, 1, 0),
    ] {
        let home = Bench::new().await;
        home.desk
            .ledger
            .add_organizations(vec![entry(source, protected, mail)], "li", now.0)
            .await
            .unwrap();
        let mut register = home.desk.ledger.register().await.unwrap();
        let made = additions(&findings, &register, now, draw);
        let told = (made.contacts.len(), made.proposed.len());
        assert_eq!(told, (adds, proposes), "{source} {protected} {mail:?}");
        assert!(made.organizations.is_empty());
        // Who opted out is not reached by a way around.
        if let Some(contact) = register.contacts.first_mut() {
            contact.opted_out = true;
            let made = additions(&findings, &register, now, draw);
            assert!(made.lines.is_empty() && made.proposed.is_empty());
        }
    }
}
