//! Signing in through another house's provider: with one of ours that tells the truth or lies in one point, and with
//! npm's `oidc-provider`.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode, header};
use axum::response::Json;
use axum::routing::{get, post};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use console::access::SignIn;
use console::oidc::Provider;
use model::newsroom::AccountRole;
use outbound::Allowed;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::sync::watch;
use url::Url;

use crate::house::{Answer, House};

const BASE: &str = "https://console.example.test";

/// In which point the provider lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    Nonce,
    Issuer,
    Audience,
    Expired,
    Key,
    Unsigned,
    EmptySubject,
    NoSubject,
}

struct Ours {
    issuer: String,
    lie: Lie,
    key: EcdsaKeyPair,
    other: EcdsaKeyPair,
    /// The nonce of the last errand, as the authorization request named it.
    nonce: Mutex<String>,
    /// What the token request held.
    asked: Mutex<BTreeMap<String, String>>,
    /// When a token ends, in seconds since 1970.
    now: i64,
}

fn key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let bytes = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes.as_ref(), &random).unwrap()
}

async fn documents(State(ours): State<Arc<Ours>>) -> Json<Value> {
    let at = |path: &str| format!("{}{path}", ours.issuer);
    Json(json!({
        "issuer": ours.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn keys(State(ours): State<Arc<Ours>>) -> Json<Value> {
    let point = ours.key.public_key().as_ref().to_vec();
    Json(json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "one",
        "x": BASE64_URL_SAFE_NO_PAD.encode(&point[1..33]),
        "y": BASE64_URL_SAFE_NO_PAD.encode(&point[33..65]),
    }] }))
}

async fn token(State(ours): State<Arc<Ours>>, body: String) -> Json<Value> {
    let asked = url::form_urlencoded::parse(body.as_bytes()).into_owned();
    *ours.asked.lock().unwrap() = asked.collect();
    let lie = ours.lie;
    let expires = match lie {
        Lie::Expired => ours.now - 600,
        _ => ours.now + 600,
    };
    let mut claims = json!({
        "iss": if lie == Lie::Issuer { "https://another.example.test" } else { &ours.issuer },
        "aud": if lie == Lie::Audience { "somebody else" } else { "watchfire" },
        "sub": if lie == Lie::EmptySubject { "" } else { "subject-1" },
        "nonce": if lie == Lie::Nonce { "another nonce".to_owned() } else { ours.nonce.lock().unwrap().clone() },
        "iat": ours.now - 60,
        "exp": expires,
        "preferred_username": "Guest.One",
        "name": "来宾",
    });
    if lie == Lie::NoSubject {
        claims.as_object_mut().unwrap().remove("sub");
    }
    let head = match lie {
        Lie::Unsigned => json!({ "alg": "none", "typ": "JWT" }),
        _ => json!({ "alg": "ES256", "typ": "JWT", "kid": "one" }),
    };
    let text = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", text(&head), text(&claims));
    let signer = if lie == Lie::Key {
        &ours.other
    } else {
        &ours.key
    };
    let signature = match lie {
        Lie::Unsigned => Vec::new(),
        _ => signer
            .sign(&SystemRandom::new(), signed.as_bytes())
            .unwrap()
            .as_ref()
            .to_vec(),
    };
    let token = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
    Json(
        json!({ "access_token": "opaque", "token_type": "Bearer", "expires_in": 600, "id_token": token }),
    )
}

/// Starts a provider of ours.
async fn ours(lie: Lie, now: i64) -> Arc<Ours> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let ours = Arc::new(Ours {
        issuer,
        lie,
        key: key(),
        other: key(),
        nonce: Mutex::default(),
        asked: Mutex::default(),
        now: now / 1_000_000,
    });
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(documents))
        .route("/keys", get(keys))
        .route("/token", post(token))
        .with_state(Arc::clone(&ours));
    tokio::spawn(async move { axum::serve(listener, router).await });
    ours
}

fn provider(issuer: &str, roles: &[AccountRole]) -> Provider {
    Provider {
        issuer: issuer.to_owned(),
        client: "watchfire".to_owned(),
        secret: Some("a secret of the client".to_owned()),
        name: "Example House".to_owned(),
        claim: "preferred_username".to_owned(),
        roles: roles.to_vec(),
        allowed: Arc::new(Allowed::parse(["127.0.0.1"]).unwrap()),
        plain: true,
        base: BASE.to_owned(),
    }
}

/// A house whose people may sign in through a provider.
async fn house(provider: Provider) -> House {
    let terms = SignIn {
        provider: Some(provider),
        ..SignIn::default()
    };
    let (_, terms) = watch::channel(Arc::new(terms));
    House::with(|desk| desk.signing_in(terms)).await
}

async fn visit(house: &House, cookies: &str, path: &str) -> Answer {
    let request = Request::builder()
        .uri(path)
        .header(header::HOST, "console.example.test")
        .header(header::ACCEPT_LANGUAGE, "en")
        // The provider's site sends the browser here.
        .header("sec-fetch-site", "cross-site")
        .header(header::COOKIE, cookies);
    house.send(request.body(Body::empty()).unwrap()).await
}

fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let all = answer.headers.get_all(header::SET_COOKIE).iter();
    let mut all = all.map(|one| one.to_str().unwrap());
    let found =
        all.find(|one| one.starts_with(&format!("{name}=")) && !one.contains("Max-Age=0"))?;
    found.split(';').next().map(str::to_owned)
}

/// Sets out: the errand's cookie, and the address at the provider.
async fn away(house: &House, cookies: &str) -> (String, Url) {
    let sent = visit(
        house,
        cookies,
        "/console/sign-in/oidc?to=/console/incidents",
    )
    .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    let errand = cookie(&sent, "__Host-watchfire-errand").expect("an errand");
    (errand, sent.location().parse().unwrap())
}

fn part(url: &Url, name: &str) -> String {
    let found = url.query_pairs().find(|(key, _)| key == name);
    found
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Goes to a provider of ours and comes back.
async fn round(house: &House, ours: &Ours, cookies: &str) -> Answer {
    let (errand, url) = away(house, cookies).await;
    assert_eq!(part(&url, "code_challenge_method"), "S256");
    assert_eq!(
        part(&url, "redirect_uri"),
        format!("{BASE}/console/sign-in/oidc/back")
    );
    *ours.nonce.lock().unwrap() = part(&url, "nonce");
    let state = part(&url, "state");
    let cookies = format!("{errand}; {cookies}");
    visit(
        house,
        &cookies,
        &format!("/console/sign-in/oidc/back?code=abc&state={state}"),
    )
    .await
}

#[tokio::test]
async fn an_account_is_tied_to_its_subject_on_first_use() {
    let ours = ours(Lie::None, crate::house::T0).await;
    let house = house(provider(&ours.issuer, &[])).await;
    let page = house.get("", "/console/sign-in").await;
    assert!(
        page.body.contains("Sign in with Example House"),
        "{}",
        page.body
    );
    // Nobody has this login: nobody is signed in, and none is made.
    let nobody = round(&house, &ours, "").await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    assert!(
        nobody.body.contains("no account here belongs to you"),
        "{}",
        nobody.body
    );
    // An administrator makes the account.
    let form = [("login", "guest.one"), ("viewer", "true"), ("new", "true")];
    house
        .post("administrator", "/console/settings/users", &form)
        .await;
    let signed = round(&house, &ours, "").await;
    assert_eq!(signed.location(), "/console/incidents");
    let own = cookie(&signed, "__Host-watchfire").unwrap();
    let me = visit(&house, &own, "/api/v1/me").await.json();
    assert_eq!(me["login"], "guest.one");
    assert!(
        ours.asked.lock().unwrap().contains_key("code_verifier"),
        "PKCE"
    );
    let sessions = house.ledger.sessions_of("guest.one").await.unwrap();
    assert_eq!(sessions[0].how, "oidc");
    let tied = house.ledger.identities_of("guest.one").await.unwrap();
    assert_eq!(tied[0].subject, "subject-1");
    // Another login with the same subject is still the same account: the subject counts.
    let again = round(&house, &ours, "").await;
    assert!(cookie(&again, "__Host-watchfire").is_some());
    // A closed account is closed here, too.
    let form = [
        ("login", "guest.one"),
        ("viewer", "true"),
        ("active", "false"),
    ];
    house
        .post("administrator", "/console/settings/users", &form)
        .await;
    let closed = round(&house, &ours, "").await;
    assert_eq!(closed.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_account_with_a_password_is_taken_over_by_no_name() {
    let ours = ours(Lie::None, crate::house::T0).await;
    let house = house(provider(&ours.issuer, &[])).await;
    let form = [("login", "guest.one"), ("analyst", "true"), ("new", "true")];
    house
        .post("administrator", "/console/settings/users", &form)
        .await;
    house.password("guest.one").await;
    let refused = round(&house, &ours, "").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    // Its owner ties it, signed in.
    let own = house.cookie("guest.one").await;
    let tied = round(&house, &ours, &own).await;
    assert_eq!(tied.location(), "/console/me", "{}", tied.body);
    let signed = round(&house, &ours, "").await;
    assert!(
        cookie(&signed, "__Host-watchfire").is_some(),
        "{}",
        signed.body
    );
}

#[tokio::test]
async fn accounts_are_made_only_where_roles_are_named() {
    let ours = ours(Lie::None, crate::house::T0).await;
    let house = house(provider(&ours.issuer, &[AccountRole::Viewer])).await;
    let signed = round(&house, &ours, "").await;
    assert!(
        cookie(&signed, "__Host-watchfire").is_some(),
        "{}",
        signed.body
    );
    let made = house.ledger.account("guest.one").await.unwrap().unwrap();
    assert_eq!(
        (made.roles.as_str(), made.name.as_str()),
        ("viewer", "来宾")
    );
    assert_eq!(made.created_by, "system:oidc");
}

#[tokio::test]
async fn a_provider_that_lies_in_one_point_signs_nobody_in() {
    for lie in [
        Lie::Nonce,
        Lie::Issuer,
        Lie::Audience,
        Lie::Expired,
        Lie::Key,
        Lie::Unsigned,
        Lie::EmptySubject,
        Lie::NoSubject,
    ] {
        let ours = ours(lie, crate::house::T0).await;
        let house = house(provider(&ours.issuer, &[AccountRole::Viewer])).await;
        let refused = round(&house, &ours, "").await;
        assert_eq!(
            refused.status,
            StatusCode::UNAUTHORIZED,
            "{lie:?}: {}",
            refused.body
        );
        assert!(cookie(&refused, "__Host-watchfire").is_none(), "{lie:?}");
        assert!(
            house.ledger.account("guest.one").await.unwrap().is_none(),
            "{lie:?}"
        );
        // It may say why to itself, never to whoever tries.
        assert!(
            !refused.body.contains("nonce") && !refused.body.contains("issuer"),
            "{lie:?}"
        );
    }
}

#[tokio::test]
async fn what_was_not_begun_in_this_browser_is_not_ended_in_it() {
    let ours = ours(Lie::None, crate::house::T0).await;
    let house = house(provider(&ours.issuer, &[AccountRole::Viewer])).await;
    let (errand, url) = away(&house, "").await;
    *ours.nonce.lock().unwrap() = part(&url, "nonce");
    let state = part(&url, "state");
    let other = "x".repeat(state.len());
    for (cookies, query) in [
        ("", format!("code=abc&state={state}")),
        (errand.as_str(), format!("code=abc&state={other}")),
        (
            &errand,
            format!("code=abc&state={state}&iss=https://another.example.test"),
        ),
        (&errand, format!("error=access_denied&state={state}")),
        (&errand, format!("state={state}")),
    ] {
        let back = visit(
            &house,
            cookies,
            &format!("/console/sign-in/oidc/back?{query}"),
        )
        .await;
        assert_eq!(back.status, StatusCode::UNAUTHORIZED, "{query}");
        assert!(cookie(&back, "__Host-watchfire").is_none(), "{query}");
    }
    // Without a provider there is no such address.
    let plain = House::new().await;
    let absent = visit(&plain, "", "/console/sign-in/oidc").await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_provider_at_a_private_address_is_not_asked_unless_that_is_meant() {
    let ours = ours(Lie::None, crate::house::T0).await;
    let closed = Provider {
        allowed: Arc::new(Allowed::default()),
        ..provider(&ours.issuer, &[])
    };
    let house = house(closed).await;
    let refused = visit(&house, "", "/console/sign-in/oidc").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(ours.asked.lock().unwrap().is_empty());
}

/// A running `oidc-provider`; killed when dropped.
struct Peer {
    child: Child,
    issuer: String,
    /// Kept open: a process that writes to a pipe nobody reads would end.
    _out: ChildStdout,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts npm's `oidc-provider` from the folder that `WATCHFIRE_PEERS_NPM` names.
fn peer() -> Option<Peer> {
    let folder = std::env::var_os("WATCHFIRE_PEERS_NPM")?;
    let there = std::path::Path::new(&folder).join("node_modules/oidc-provider");
    if !there.is_dir() {
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/oidc.cjs");
    let mut child = Command::new("node")
        .arg(script)
        .arg(format!("{BASE}/console/sign-in/oidc/back"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut line = String::new();
    let mut out = child.stdout.take()?;
    std::io::BufReader::new(&mut out)
        .read_line(&mut line)
        .ok()?;
    let issuer = line.trim().to_owned();
    assert!(
        issuer.starts_with("http://127.0.0.1:"),
        "oidc-provider says {line:?}"
    );
    Some(Peer {
        child,
        issuer,
        _out: out,
    })
}

/// Follows the provider's own redirects as a browser does, up to the address that leads back to us.
async fn follow(mut url: Url) -> Url {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap();
    let mut jar: BTreeMap<String, String> = BTreeMap::new();
    for _ in 0..10 {
        let cookies: Vec<String> = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = client
            .get(url.clone())
            .header(header::COOKIE, cookies.join("; "))
            .send()
            .await
            .unwrap();
        for one in answer.headers().get_all(header::SET_COOKIE) {
            let pair = one.to_str().unwrap().split(';').next().unwrap();
            if let Some((name, value)) = pair.split_once('=') {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        let status = answer.status();
        let to = answer
            .headers()
            .get(header::LOCATION)
            .map(|to| to.to_str().unwrap().to_owned());
        let Some(to) = to else {
            panic!("{url} answers {status}: {}", answer.text().await.unwrap());
        };
        url = url.join(&to).unwrap();
        if url.as_str().starts_with(BASE) {
            return url;
        }
    }
    panic!("it leads nowhere");
}

#[tokio::test]
async fn oidc_provider_of_npm_signs_in() {
    console::tls::install();
    let Some(peer) = peer() else {
        eprintln!(
            "SKIPPED: npm's oidc-provider is not installed; see .ci/run and WATCHFIRE_PEERS_NPM"
        );
        return;
    };
    let house = house(provider(&peer.issuer, &[AccountRole::Analyst])).await;
    // The provider has a clock of its own.
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    house.pass(i64::try_from(now.as_micros()).unwrap() - house.now());
    let (errand, url) = away(&house, "").await;
    let back = follow(url).await;
    let path = format!("{}?{}", back.path(), back.query().unwrap());
    let signed = visit(&house, &errand, &path).await;
    assert_eq!(signed.location(), "/console/incidents", "{}", signed.body);
    let own = cookie(&signed, "__Host-watchfire").unwrap();
    let me = visit(&house, &own, "/api/v1/me").await.json();
    assert_eq!(me["login"], "guest.peer");
    let tied = house.ledger.identities_of("guest.peer").await.unwrap();
    assert_eq!(
        (tied[0].issuer.as_str(), tied[0].subject.as_str()),
        (peer.issuer.as_str(), "peer-subject-1")
    );
    // The same answer a second time: the code is used up.
    let twice = visit(&house, &errand, &path).await;
    assert_eq!(twice.status, StatusCode::UNAUTHORIZED);
}
