//! Pages of a local server: redirects, bounds, refusals, certificates.

use std::time::Duration;

use model::incident::CaseKind;
use model::verification::{Client, Finding};
use outbound::Allowed;
use response::verify::page::Body;
use response::verify::permit::Permit;
use response::verify::probe::{Clients, Limits, Prober, tls};
use response::verify::seen::{Cut, End, PortState, Seen};
use response::verify::target::Place;
use rustls::RootCertStore;

use super::server::{KIT, NOW, Server, look, lookup, page, prober, prober_with, target};

#[tokio::test]
async fn redirects_are_kept_hop_by_hop_and_carry_no_cookie() {
    let server = Server::start().await;
    let page = page(&prober(), &server.url("/hop")).await;
    let way: Vec<_> = page
        .hops
        .iter()
        .map(|hop| (hop.status, hop.url.clone()))
        .collect();
    let at = |path: &str| server.url(path).to_string();
    assert_eq!(
        way,
        [(302, at("/hop")), (302, at("/hop2?x=1")), (200, at("/kit"))]
    );
    assert_eq!(page.end, End::Answered);
    assert_eq!(page.last().unwrap().body, KIT.as_bytes());
    assert!(page.hops.iter().all(|hop| hop.address.is_some()));
    for head in server.heads.lock().unwrap().iter() {
        assert!(head.starts_with("GET "), "{head}");
        assert!(!head.to_lowercase().contains("cookie"), "{head}");
        assert!(!head.to_lowercase().contains("referer"), "{head}");
    }
}

#[tokio::test]
async fn no_redirect_leads_inside() {
    let server = Server::start().await;
    let prober = prober();
    for path in [
        "/to-private",
        "/to-metadata",
        "/to-inside",
        "/to-loopback",
        "/to-file",
    ] {
        let page = page(&prober, &server.url(path)).await;
        assert!(
            matches!(page.end, End::Refused(_)),
            "{path}: {:?}",
            page.end
        );
        assert_eq!(page.hops.len(), 1, "{path}: what led there is kept");
    }
    // The twin: without the operator's word this very server is refused too, by name and by address.
    let strict = Prober::new(
        lookup(),
        Allowed::default(),
        RootCertStore::empty(),
        Clients::usual().unwrap(),
        None,
        Limits::default(),
    );
    let before = server.asked().len();
    for url in [
        server.url("/kit"),
        format!("http://127.0.0.1:{}/kit", server.port)
            .parse()
            .unwrap(),
    ] {
        let page = page(&strict, &url).await;
        assert!(matches!(page.end, End::Refused(_)), "{url}: {:?}", page.end);
    }
    assert_eq!(server.asked().len(), before, "nothing was sent");
}

#[tokio::test]
async fn circles_end() {
    let server = Server::start().await;
    for path in ["/loop", "/count?n=0"] {
        let page = page(&prober(), &server.url(path)).await;
        assert!(matches!(page.end, End::Loop(_)), "{path}: {:?}", page.end);
        assert!(page.hops.len() <= 11, "{}", page.hops.len());
    }
}

#[tokio::test]
async fn slow_endless_and_folded_bodies_are_bounded() {
    let server = Server::start().await;
    let limits = Limits {
        stall: Duration::from_millis(500),
        body: 100_000,
        ..Limits::default()
    };
    let prober = prober_with(limits, RootCertStore::empty());
    let slow = page(&prober, &server.url("/slow")).await;
    // Connect and stall together are waited for.
    assert!(matches!(slow.end, End::Timeout(_)), "{:?}", slow.end);
    let endless = page(&prober, &server.url("/endless")).await;
    let last = endless.last().unwrap();
    assert_eq!((last.body.len(), last.cut), (100_000, Cut::Length));
    let drip = page(&prober, &server.url("/drip")).await;
    assert_eq!(drip.last().unwrap().cut, Cut::Time);
    let cut = page(&prober, &server.url("/cut")).await;
    assert_eq!(cut.last().unwrap().cut, Cut::Broken);
    let bomb = page(&prober, &server.url("/bomb")).await;
    let body = Body::of(bomb.last().unwrap(), 1 << 20);
    assert_eq!((body.bytes.len(), body.partial), (1 << 20, true));
    let folded = page(&prober, &server.url("/gzip")).await;
    assert_eq!(
        Body::of(folded.last().unwrap(), 1 << 20).bytes,
        KIT.as_bytes()
    );
    let nonsense = page(&prober, &server.url("/nonsense")).await;
    assert!(
        matches!(nonsense.end, End::Unreachable(_)),
        "{:?}",
        nonsense.end
    );
    let nowhere = page(&prober, &"http://nowhere.test/".parse().unwrap()).await;
    assert!(
        matches!(nowhere.end, End::Unreachable(_)),
        "{:?}",
        nowhere.end
    );
}

#[tokio::test]
async fn a_bad_certificate_is_written_down_and_does_not_end_the_look() {
    let (server, der) = Server::start_tls("other.test").await;
    // Some root that did not sign it, so that there is something to object with.
    let other = rcgen::generate_simple_self_signed(vec!["root.test".to_owned()]).unwrap();
    let (roots, taken) = tls::roots(other.cert.pem().as_bytes());
    assert_eq!(taken, 1);
    let prober = prober_with(Limits::default(), roots);
    let url = format!("https://phish.test:{}/kit", server.port)
        .parse()
        .unwrap();
    let seen = page(&prober, &url).await;
    let last = seen.last().unwrap();
    assert_eq!(last.body, KIT.as_bytes());
    let shown = last.tls.as_ref().unwrap();
    assert!(shown.checked && shown.error.is_some(), "{shown:?}");
    let first = &shown.chain[0];
    assert_eq!(first.names, ["other.test"]);
    assert!(first.subject.contains("CN="), "{}", first.subject);
    assert_eq!(first.subject, first.issuer);
    assert!(first.not_before < first.not_after && first.not_after.is_some());
    assert_eq!(
        first.sha256,
        hex::encode(ring::digest::digest(&ring::digest::SHA256, &der))
    );
    // The twin: a certificate that is vouched for and for this name is not objected to.
    let (good, der) = Server::start_tls("phish.test").await;
    let mut roots = RootCertStore::empty();
    roots.add(der.into()).unwrap();
    let url = format!("https://phish.test:{}/kit", good.port)
        .parse()
        .unwrap();
    let seen = page(&prober_with(Limits::default(), roots), &url).await;
    let shown = seen.last().unwrap().tls.clone().unwrap();
    assert_eq!((shown.checked, shown.error), (true, None));
}

#[tokio::test]
async fn a_victim_like_client_looks_like_one() {
    let server = Server::start().await;
    let mut app = target(server.url("/other"));
    app.kind = CaseKind::MaliciousApp;
    let prober = prober();
    look(&prober, &app, Permit::OneGet, Client::Victim).await;
    look(
        &prober,
        &target(server.url("/other")),
        Permit::OneGet,
        Client::Plain,
    )
    .await;
    let heads = server.heads.lock().unwrap().clone();
    assert!(
        heads[0].contains("Mobile Safari") && heads[0].contains("Accept-Language: zh-CN"),
        "{}",
        heads[0]
    );
    assert!(
        heads[1].contains("watchfire") && !heads[1].contains("Mozilla"),
        "{}",
        heads[1]
    );
}

#[tokio::test]
async fn what_is_permitted_is_what_is_sent() {
    let server = Server::start().await;
    let prober = prober();
    let soft = target(server.url("/soft/a?x=1"));
    assert!(
        look(&prober, &soft, Permit::Passive, Client::Plain)
            .await
            .is_empty()
    );
    assert!(
        look(&prober, &soft, Permit::ByApproval, Client::Plain)
            .await
            .is_empty()
    );
    assert!(server.asked().is_empty(), "nothing was sent");
    let one = look(&prober, &soft, Permit::OneGet, Client::Plain).await;
    assert_eq!(server.asked(), ["GET /soft/a?x=1 HTTP/1.1"]);
    assert_eq!(
        one[0].judged.finding,
        Finding::Inconclusive,
        "{:?}",
        one[0].judged
    );
    let two = look(&prober, &soft, Permit::Compare, Client::Plain).await;
    assert_eq!(server.asked()[2], "GET /soft/zq-no-such-page-zq HTTP/1.1");
    assert_eq!(
        (two[0].judged.finding, two[0].judged.reason),
        (Finding::Gone, "soft-404")
    );
    // The twin: the same comparison does not take a page that is there for a missing one.
    let there = look(
        &prober,
        &target(server.url("/kit")),
        Permit::Compare,
        Client::Plain,
    )
    .await;
    assert_eq!(
        there[0].judged.finding,
        Finding::Present,
        "{:?}",
        there[0].judged
    );
}

#[tokio::test]
async fn a_token_is_not_sent_and_its_404_proves_nothing() {
    let server = Server::start().await;
    let prober = prober();
    let with = target(server.url("/gone?e=victim%40mail.example"));
    let looked = look(&prober, &with, Permit::OneGet, Client::Victim).await;
    assert_eq!(server.asked(), ["GET /gone HTTP/1.1"]);
    let judged = &looked[0].judged;
    assert_eq!(
        (judged.finding, judged.reason),
        (Finding::Inconclusive, "looked-without-token")
    );
    let without = look(
        &prober,
        &target(server.url("/gone")),
        Permit::OneGet,
        Client::Victim,
    )
    .await;
    assert_eq!(without[0].judged.finding, Finding::Gone);
}

#[tokio::test]
async fn ports_answer_refuse_or_are_not_tried() {
    let server = Server::start().await;
    let closed = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let prober = prober();
    for (host, port, finding) in [
        ("c2.test", server.port, Finding::Present),
        ("c2.test", closed, Finding::Gone),
        ("inside.test", 80, Finding::Inconclusive),
        ("10.0.0.1", 80, Finding::Inconclusive),
    ] {
        let mut case = target(server.url("/"));
        case.kind = CaseKind::ControlServer;
        case.place = Place::Port {
            host: host.to_owned(),
            port,
        };
        let looked = look(&prober, &case, Permit::OneGet, Client::Plain).await;
        assert_eq!(
            looked[0].judged.finding, finding,
            "{host}:{port} {:?}",
            looked[0].judged
        );
        if finding == Finding::Inconclusive {
            let Seen::Port(seen) = &looked[0].seen else {
                panic!("no port")
            };
            assert!(matches!(seen.state, PortState::Failed { .. }), "{seen:?}");
        }
        assert!(looked[0].at >= NOW);
    }
}
