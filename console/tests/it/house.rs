//! A house to knock at: a workspace of a test with accounts, a clock that stands still until it is moved, and the
//! console's router.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use console::seal::{KEY, Seal};
use console::{Bonds, Desk, House as Named, Readiness, Terms, password};
use intake::Catalogue;
use ledger::incident::Triage;
use ledger::{BlobStore, Hash, Ledger, NewIncident, NewSession, Reach};
use model::bulletin::Text;
use model::ids::IncidentId;
use model::incident::{CaseKind, Severity};
use model::newsroom::{AccountRole, Right};
use model::territory::Territory;
use model::time::Timestamp;
use model::tlp::Tlp;
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc, watch};
use tower::ServiceExt;

/// Thursday 2026-11-19T03:12:00 in Shanghai.
pub const T0: i64 = 1_795_029_120_000_000;
pub const MINUTE: i64 = 60_000_000;
pub const PASSWORD: &str = "correct horse battery";

/// A person of each role, the login is the role's label; `owner` is an analyst of the organization `ORG-A`.
const PEOPLE: [(&str, AccountRole); 7] = [
    ("viewer", AccountRole::Viewer),
    ("analyst", AccountRole::Analyst),
    ("lead", AccountRole::Lead),
    ("editor", AccountRole::Editor),
    ("approver", AccountRole::Approver),
    ("administrator", AccountRole::Administrator),
    ("party", AccountRole::Party),
];

pub struct House {
    pub router: Router,
    pub ledger: Ledger,
    pub blobs: BlobStore,
    pub folder: TempDir,
    now: Arc<AtomicI64>,
    drawn: AtomicU64,
    // Kept: the desk listens to them.
    _terms: watch::Sender<Arc<Terms>>,
    _ready: watch::Sender<Readiness>,
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// What the page will say was done.
    pub fn said(&self) -> String {
        use base64::Engine;
        let cookie = self
            .headers
            .get_all(header::SET_COOKIE)
            .iter()
            .find_map(|one| one.to_str().unwrap().strip_prefix("watchfire-said="))
            .unwrap_or_default();
        let text = cookie.split(';').next().unwrap();
        let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .unwrap();
        String::from_utf8(bytes).unwrap()
    }
}

impl House {
    /// A house with a person of each role.
    pub async fn new() -> House {
        House::with(|desk| desk).await
    }

    /// The same, with a desk that was completed.
    pub async fn with(complete: impl FnOnce(Desk) -> Desk) -> House {
        House::fed(Catalogue::new(Vec::new()).unwrap(), |desk, _| {
            complete(desk)
        })
        .await
    }

    /// The same, with feeds, and a desk that was completed by what response works at.
    pub async fn fed(
        catalogue: Catalogue,
        complete: impl FnOnce(Desk, response::Desk) -> Desk,
    ) -> House {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger.db"))
            .await
            .unwrap();
        let blobs = BlobStore::new(folder.path().join("blobs"));
        let lake = lake::Lake::open(&folder.path().join("lake"), 256 << 20, 2).unwrap();
        let now = Arc::new(AtomicI64::new(T0));
        let told = Arc::clone(&now);
        let clock = Arc::new(move || Timestamp(told.load(Ordering::SeqCst)));
        let seed = Arc::new(AtomicU64::new(1));
        let bytes = Arc::clone(&seed);
        let response = response::Desk {
            lake,
            ledger: ledger.clone(),
            blobs: blobs.clone(),
            clock: clock.clone(),
            random: Arc::new(move || {
                let mut out = [0; 10];
                out[..8].copy_from_slice(&bytes.fetch_add(1, Ordering::SeqCst).to_be_bytes());
                out
            }),
        };
        let terms = Arc::new(Terms {
            catalogue,
            most_bytes: 1 << 20,
            per_minute: 60,
            most_waiting: 10,
            zone: jiff::tz::TimeZone::get("Asia/Shanghai").unwrap(),
            proxies: Vec::new(),
            house: Named {
                organization: Text::new("示例中心", "Example Center"),
                title: Text::new("示例周报", "Example Weekly"),
                series: "example-weekly".to_owned(),
                address: "duty@cert.example.test".to_owned(),
                phone: String::new(),
            },
        });
        let (terms_sender, terms) = watch::channel(terms);
        let (ready_sender, ready) = watch::channel(Readiness::Ready);
        let bonds = Bonds {
            clock,
            random: Arc::new(move || seed.fetch_add(1, Ordering::SeqCst)),
            arrived: Arc::new(Notify::new()),
            waiting: Arc::new(AtomicU64::new(0)),
            fatal: mpsc::channel(1).0,
        };
        let works_at = response.clone();
        let desk = Desk::new(response, "test".to_owned(), terms, ready, None, bonds)
            .sealing(Arc::new(House::seal()));
        let house = House {
            router: console::router(Arc::new(complete(desk, works_at))),
            ledger,
            blobs,
            folder,
            now,
            drawn: AtomicU64::new(0),
            _terms: terms_sender,
            _ready: ready_sender,
        };
        house.people().await;
        house
    }

    async fn people(&self) {
        let first = self
            .ledger
            .actor("first", Right::Administer, 0)
            .await
            .unwrap();
        // The administrator first: an account that nobody could add to would be refused.
        let mut people = PEOPLE.to_vec();
        people.rotate_left(5);
        for (login, role) in people {
            let roles = [role];
            self.ledger
                .set_account(&first, (login, login, &roles, true), T0)
                .await
                .unwrap();
        }
        let by = self.ledger.actor("administrator", Right::Administer, 0);
        let by = by.await.unwrap();
        let new = ("owner", "owner", [AccountRole::Analyst].as_slice(), true);
        self.ledger.set_account(&by, new, T0).await.unwrap();
        self.ledger
            .set_account_organization(&by, "owner", Some("ORG-A"), T0)
            .await
            .unwrap();
    }

    /// The key that the house seals with.
    pub fn seal() -> Seal {
        Seal::new(&[9; KEY]).unwrap()
    }

    /// The clock goes on.
    pub fn pass(&self, micros: i64) {
        self.now.fetch_add(micros, Ordering::SeqCst);
    }

    pub fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    /// Gives a login the test's password.
    pub async fn password(&self, login: &str) {
        let hash = password::hash(PASSWORD, [7; 16]).unwrap();
        self.ledger
            .set_password("administrator", login, (&hash, false), self.now())
            .await
            .unwrap();
    }

    /// A session's cookie of a login.
    pub async fn cookie(&self, login: &str) -> String {
        let text = format!("{login}-{}", self.drawn.fetch_add(1, Ordering::SeqCst));
        let new = NewSession {
            hash: Hash::of(text.as_bytes()),
            login: login.to_owned(),
            expires_at: self.now() + 7 * 24 * 60 * MINUTE,
            source: "192.0.2.1".to_owned(),
            agent: "test".to_owned(),
            how: "password".to_owned(),
        };
        self.ledger.begin_session(new, self.now()).await.unwrap();
        format!("__Host-watchfire={text}")
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// Reads an address, as a login; an empty one is nobody.
    pub async fn get(&self, login: &str, path: &str) -> Answer {
        self.ask(login, "GET", path, None).await
    }

    /// Sends a page's form, as a login.
    pub async fn post(&self, login: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        for (key, value) in form {
            body.append_pair(key, value);
        }
        let kind = "application/x-www-form-urlencoded";
        self.ask(login, "POST", path, Some((kind, body.finish())))
            .await
    }

    /// Sends JSON to the API by any method, as a login.
    pub async fn json(
        &self,
        login: &str,
        method: &str,
        path: &str,
        value: &serde_json::Value,
    ) -> Answer {
        let body = ("application/json", value.to_string());
        self.ask(login, method, path, Some(body)).await
    }

    async fn ask(
        &self,
        login: &str,
        method: &str,
        path: &str,
        body: Option<(&str, String)>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "console.example.test")
            .header(header::ACCEPT_LANGUAGE, "en")
            .header("sec-fetch-site", "same-origin");
        if !login.is_empty() {
            request = request.header(header::COOKIE, self.cookie(login).await);
        }
        let request = match body {
            None => request.body(Body::empty()),
            Some((kind, text)) => request
                .header(header::CONTENT_TYPE, kind)
                .body(Body::from(text)),
        };
        self.send(request.unwrap()).await
    }

    /// An incident that waits to be looked at; its number.
    pub async fn incident(&self, what: &str, owner: Option<&str>) -> i64 {
        let n = self.drawn.fetch_add(1, Ordering::SeqCst);
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        let id = IncidentId::draw(Timestamp(self.now()), bytes);
        let new = NewIncident {
            id,
            kind: CaseKind::Phishing,
            severity: Severity::High,
            rule: "person".to_owned(),
            key: format!("key {n}"),
            what: what.to_owned(),
            url: Some(format!("https://login-{n}.example.test/a")),
            host: Some(format!("login-{n}.example.test")),
            ip: Some("192.0.2.7".to_owned()),
            asn: Some(64_500),
            name: None,
            brand: Some("示例银行".to_owned()),
            country: Some("XC".to_owned()),
            province: Some("320000".to_owned()),
            territory: Territory::Inside,
            border: Vec::new(),
            flags: Vec::new(),
            owner: owner.map(str::to_owned),
            tlp: Tlp::Amber,
            origin: "person".to_owned(),
            external_number: None,
            first_seen_at: self.now(),
            last_seen_at: self.now(),
            validated_by: None,
        };
        let found = Triage {
            opened: vec![new],
            ..Triage::default()
        };
        self.ledger
            .commit_triage(found, "person", "analyst", self.now())
            .await
            .unwrap();
        let opened = self.ledger.incident(id, &Reach::All).await.unwrap();
        opened.number
    }
}
