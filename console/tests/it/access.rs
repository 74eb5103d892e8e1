//! Access: waits after failed sign-ins, sessions, second factors, passwords that must be changed, requests from other
//! sites; accounts and the audit trail.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use console::access::SignIn;
use model::newsroom::Right;
use std::sync::Arc;
use tokio::sync::watch;

use crate::house::{Answer, House, MINUTE, PASSWORD};

const SECOND: i64 = 1_000_000;

/// The cookie of a name that an answer sets, as a browser sends it back.
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let all = answer.headers.get_all(header::SET_COOKIE).iter();
    let mut all = all.map(|one| one.to_str().unwrap());
    let found = all.find(|one| one.starts_with(&format!("{name}=")))?;
    found.split(';').next().map(str::to_owned)
}

fn session(answer: &Answer) -> String {
    cookie(answer, "__Host-watchfire").expect("a session begins")
}

/// Sends a request with cookies, as a browser does from a page of ours.
async fn send(
    house: &House,
    cookies: &str,
    method: &str,
    path: &str,
    form: &[(&str, &str)],
) -> Answer {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in form {
        body.append_pair(key, value);
    }
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "console.example.test")
        .header(header::ACCEPT_LANGUAGE, "en")
        .header("sec-fetch-site", "same-origin")
        .header(header::COOKIE, cookies)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    house
        .send(request.body(Body::from(body.finish())).unwrap())
        .await
}

async fn sign_in(house: &House, login: &str, password: &str) -> Answer {
    let form = [("login", login), ("password", password)];
    send(house, "", "POST", "/console/sign-in", &form).await
}

/// The code that an authenticator shows now.
async fn code(house: &House, login: &str) -> String {
    let factor = house.ledger.second_factor(login).await.unwrap().unwrap();
    let secret = House::seal().open(login, &factor.secret).unwrap();
    assert!(!factor.secret.contains(&secret), "it is stored sealed");
    let secret = totp_rs::Secret::try_from_base32(&secret).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    let seconds = u64::try_from(house.now() / SECOND).unwrap();
    totp.generate(seconds).to_string()
}

/// Sets up a second factor on a session; its cookie afterwards and the recovery codes.
async fn set_up(house: &House, login: &str, cookies: &str) -> (String, Vec<String>) {
    let begun = send(
        house,
        cookies,
        "POST",
        "/console/me/second-factor/begin",
        &[],
    )
    .await;
    assert_eq!(
        begun.location(),
        "/console/me/second-factor",
        "{}",
        begun.body
    );
    let page = send(house, cookies, "GET", "/console/me/second-factor", &[]).await;
    assert!(page.body.contains("<svg class=\"qr\""), "{}", page.body);
    assert!(
        !page.body.contains("style="),
        "no style stands inside a page"
    );
    let wrong = [("code", "000000")];
    let wrong = send(
        house,
        cookies,
        "POST",
        "/console/me/second-factor/confirm",
        &wrong,
    )
    .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let shown = code(house, login).await;
    let form = [("code", shown.as_str())];
    let done = send(
        house,
        cookies,
        "POST",
        "/console/me/second-factor/confirm",
        &form,
    )
    .await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let codes: Vec<String> = done
        .body
        .split("<li class=\"mono\">")
        .skip(1)
        .filter_map(|rest| rest.split('<').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(codes.len(), 10);
    (session(&done), codes)
}

#[tokio::test]
async fn guesses_wait_longer_and_longer_and_unknown_logins_wait_alike() {
    let house = House::new().await;
    house.password("analyst").await;
    for login in ["analyst", "nobody.here"] {
        // Letter case and blanks make no other account of it.
        for spelled in [
            login,
            &login.to_uppercase(),
            &format!(" {login} "),
            login,
            login,
        ] {
            let tried = sign_in(&house, spelled, "wrong password 1").await;
            assert_eq!(tried.status, StatusCode::UNAUTHORIZED, "{spelled}");
        }
        let held = sign_in(&house, login, PASSWORD).await;
        assert_eq!(held.status, StatusCode::TOO_MANY_REQUESTS, "{login}");
        let wait: i64 = held.headers[header::RETRY_AFTER]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((25..=31).contains(&wait), "{wait}");
        assert!(cookie(&held, "__Host-watchfire").is_none());
    }
    // By another method it is no other count, and the API signs nobody in.
    let request = Request::builder()
        .method("PUT")
        .uri("/console/sign-in")
        .body(Body::empty());
    let put = house.send(request.unwrap()).await;
    assert_eq!(put.status, StatusCode::METHOD_NOT_ALLOWED);
    house.pass(31 * SECOND);
    let signed = sign_in(&house, "analyst", PASSWORD).await;
    assert_eq!(
        signed.status,
        StatusCode::SEE_OTHER,
        "nobody is kept out for good"
    );
    let again = sign_in(&house, "analyst", "wrong password 1").await;
    assert_eq!(
        again.status,
        StatusCode::UNAUTHORIZED,
        "the count began anew"
    );
    let trail = house
        .ledger
        .audit(Some("account analyst"), ledger::Page::ALL)
        .await
        .unwrap();
    let held = trail
        .iter()
        .filter(|row| row.action == "sign-in.held")
        .count();
    assert_eq!(held, 1, "it is written down once");
}

#[tokio::test]
async fn a_planted_session_is_not_taken_over() {
    let house = House::new().await;
    house.password("analyst").await;
    let planted = house.cookie("viewer").await;
    let form = [("login", "analyst"), ("password", PASSWORD)];
    let signed = send(&house, &planted, "POST", "/console/sign-in", &form).await;
    let own = session(&signed);
    assert_ne!(own, planted);
    let before = send(&house, &planted, "GET", "/api/v1/me", &[]).await;
    assert_eq!(
        before.status,
        StatusCode::UNAUTHORIZED,
        "the old one has ended"
    );
    let after = send(&house, &own, "GET", "/api/v1/me", &[]).await;
    assert_eq!(after.json()["login"], "analyst");
    let left = send(&house, &own, "POST", "/console/sign-out", &[]).await;
    assert_eq!(left.location(), "/console/sign-in");
    let gone = send(&house, &own, "GET", "/api/v1/me", &[]).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_code_is_good_once_and_codes_are_counted_with_passwords() {
    let house = House::new().await;
    house.password("analyst").await;
    let first = session(&sign_in(&house, "analyst", PASSWORD).await);
    let other = session(&sign_in(&house, "analyst", PASSWORD).await);
    let (own, codes) = set_up(&house, "analyst", &first).await;
    let gone = send(&house, &other, "GET", "/api/v1/me", &[]).await;
    assert_eq!(
        gone.status,
        StatusCode::UNAUTHORIZED,
        "signed in by a password alone"
    );
    let mine = send(&house, &own, "GET", "/api/v1/me", &[]).await;
    assert_eq!(mine.json()["second_factor"], true);

    // A password alone signs nobody in any more.
    let half = sign_in(&house, "analyst", PASSWORD).await;
    assert!(
        half.location().starts_with("/console/sign-in/code"),
        "{}",
        half.location()
    );
    assert!(cookie(&half, "__Host-watchfire").is_none());
    let half = cookie(&half, "__Host-watchfire-half").unwrap();
    let nobody = send(&house, &half, "GET", "/api/v1/me", &[]).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    let page = send(&house, &half, "GET", "/console/sign-in/code", &[]).await;
    assert_eq!(page.status, StatusCode::OK);

    // The step that the set-up used is used up.
    let used = code(&house, "analyst").await;
    let replayed = send(
        &house,
        &half,
        "POST",
        "/console/sign-in/code",
        &[("code", &used)],
    )
    .await;
    assert_eq!(replayed.status, StatusCode::UNAUTHORIZED);
    house.pass(30 * SECOND);
    let fresh = code(&house, "analyst").await;
    let good = send(
        &house,
        &half,
        "POST",
        "/console/sign-in/code",
        &[("code", &fresh)],
    )
    .await;
    let how = house.ledger.sessions_of("analyst").await.unwrap();
    assert_eq!(how[0].how, "password+totp");
    session(&good);
    let twice = send(
        &house,
        &half,
        "POST",
        "/console/sign-in/code",
        &[("code", &fresh)],
    )
    .await;
    assert_eq!(
        twice.location(),
        "/console/sign-in",
        "the half session is over"
    );

    // A recovery code, typed as one likes, is good once.
    let begin = async || {
        cookie(
            &sign_in(&house, "analyst", PASSWORD).await,
            "__Host-watchfire-half",
        )
        .unwrap()
    };
    let typed = codes[3].to_uppercase().replace('-', " ");
    let half = begin().await;
    let good = send(
        &house,
        &half,
        "POST",
        "/console/sign-in/code",
        &[("code", &typed)],
    )
    .await;
    session(&good);
    let half = begin().await;
    let twice = send(
        &house,
        &half,
        "POST",
        "/console/sign-in/code",
        &[("code", &typed)],
    )
    .await;
    assert_eq!(twice.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        house.ledger.recovery_codes_left("analyst").await.unwrap(),
        9
    );

    // Guessing at codes makes the account wait, passwords too.
    for _ in 0..3 {
        send(
            &house,
            &half,
            "POST",
            "/console/sign-in/code",
            &[("code", "123456")],
        )
        .await;
    }
    let held = send(
        &house,
        &half,
        "POST",
        "/console/sign-in/code",
        &[("code", &codes[5])],
    )
    .await;
    assert_eq!(held.status, StatusCode::TOO_MANY_REQUESTS);
    let held = sign_in(&house, "analyst", PASSWORD).await;
    assert_eq!(held.status, StatusCode::TOO_MANY_REQUESTS);
    house.pass(15 * MINUTE);
    let late = send(
        &house,
        &half,
        "POST",
        "/console/sign-in/code",
        &[("code", &codes[5])],
    )
    .await;
    assert_eq!(
        late.location(),
        "/console/sign-in",
        "the second step has ten minutes"
    );
}

#[tokio::test]
async fn a_password_that_was_given_must_be_changed_before_anything_else() {
    let house = House::new().await;
    let made = house
        .json(
            "administrator",
            "POST",
            "/api/v1/accounts/analyst/password",
            &serde_json::json!({}),
        )
        .await;
    let given = made.json()["password"].as_str().unwrap().to_owned();
    let owed = session(&sign_in(&house, "analyst", &given).await);
    let page = send(&house, &owed, "GET", "/console", &[]).await;
    assert_eq!(page.location(), "/console/me/password");
    let api = send(&house, &owed, "GET", "/api/v1/me", &[]).await;
    assert_eq!(api.status, StatusCode::UNAUTHORIZED);
    let form = send(&house, &owed, "GET", "/console/me/password", &[]).await;
    assert!(
        form.body.contains("Somebody else made this password"),
        "{}",
        form.body
    );
    let change = async |current: &str, new: &str, again: &str| {
        let form = [("current", current), ("password", new), ("again", again)];
        send(&house, &owed, "POST", "/console/me/password", &form).await
    };
    let new = "a walk by the river";
    for (current, password, again) in [
        ("not the given one", new, new),
        (&given, new, "a walk by the lake"),
        (&given, "short", "short"),
        (&given, "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa"),
        (&given, "analyst likes tea", "analyst likes tea"),
        (&given, &given, &given),
    ] {
        let refused = change(current, password, again).await;
        assert_eq!(
            refused.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{password}"
        );
    }
    let done = change(&given, new, new).await;
    assert_eq!(done.location(), "/console");
    let own = session(&done);
    let page = send(&house, &own, "GET", "/console", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    let before = send(&house, &owed, "GET", "/console/me/password", &[]).await;
    assert_eq!(
        before.status,
        StatusCode::SEE_OTHER,
        "the old session has ended"
    );
    assert_eq!(
        sign_in(&house, "analyst", &given).await.status,
        StatusCode::UNAUTHORIZED
    );
    session(&sign_in(&house, "analyst", new).await);
}

#[tokio::test]
async fn a_password_known_from_a_breach_is_not_taken() {
    let known = tempfile::tempdir().unwrap();
    let path = known.path().join("known.txt");
    std::fs::write(&path, "a walk by the river\n").unwrap();
    let terms = SignIn {
        breached: Some(console::breached::Breached::open(&path).unwrap()),
        ..SignIn::default()
    };
    let (_kept, terms) = watch::channel(Arc::new(terms));
    let house = House::with(|desk| desk.signing_in(terms)).await;
    house.password("analyst").await;
    let own = house.cookie("analyst").await;
    let form = |new| [("current", PASSWORD), ("password", new), ("again", new)];
    let refused = send(
        &house,
        &own,
        "POST",
        "/console/me/password",
        &form("a walk by the river"),
    )
    .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.body.contains("known from a breach"),
        "{}",
        refused.body
    );
    let taken = send(
        &house,
        &own,
        "POST",
        "/console/me/password",
        &form("a walk by the lake"),
    )
    .await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn roles_that_need_a_second_factor_owe_one_once_the_house_has_the_first() {
    let house = House::new().await;
    for login in ["administrator", "approver", "viewer"] {
        house.password(login).await;
    }
    let free = session(&sign_in(&house, "approver", PASSWORD).await);
    let page = send(&house, &free, "GET", "/console", &[]).await;
    assert_eq!(page.status, StatusCode::OK, "nobody has one yet");
    // One in a role that needs none begins nothing.
    let own = house.cookie("viewer").await;
    set_up(&house, "viewer", &own).await;
    let free = session(&sign_in(&house, "approver", PASSWORD).await);
    let page = send(&house, &free, "GET", "/console", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    let own = house.cookie("administrator").await;
    set_up(&house, "administrator", &own).await;
    let owed = session(&sign_in(&house, "approver", PASSWORD).await);
    let page = send(&house, &owed, "GET", "/console", &[]).await;
    assert_eq!(page.location(), "/console/me/second-factor");
    let (own, _) = set_up(&house, "approver", &owed).await;
    let page = send(&house, &own, "GET", "/console", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    let off = [("password", PASSWORD)];
    let off = send(&house, &own, "POST", "/console/me/second-factor/off", &off).await;
    assert_eq!(off.status, StatusCode::CONFLICT, "the role needs it");
    house.password("editor").await;
    let editor = session(&sign_in(&house, "editor", PASSWORD).await);
    let page = send(&house, &editor, "GET", "/console", &[]).await;
    assert_eq!(page.status, StatusCode::OK, "this role does not");
}

#[tokio::test]
async fn what_another_site_sends_does_nothing() {
    let house = House::new().await;
    let own = house.cookie("analyst").await;
    let attempt = async |path: &str, name: &'static str, value: &'static str| {
        let mut request = Request::builder()
            .method("POST")
            .uri(path)
            .header(header::HOST, "console.example.test")
            .header(header::COOKIE, &own)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if !name.is_empty() {
            request = request.header(name, value);
        }
        let body = Body::from("name=changed&days=1&view=true");
        house.send(request.body(body).unwrap()).await.status
    };
    let refused = StatusCode::FORBIDDEN;
    for path in ["/console/settings/tokens", "/api/v1/me/tokens"] {
        for (name, value, crossed) in [
            ("sec-fetch-site", "same-origin", false),
            ("sec-fetch-site", "none", false),
            ("sec-fetch-site", "same-site", true),
            ("sec-fetch-site", "cross-site", true),
            ("sec-fetch-site", "nonsense", true),
            ("origin", "https://console.example.test", false),
            ("origin", "https://evil.example.test", true),
            (
                "origin",
                "https://console.example.test.evil.example.test",
                true,
            ),
            ("origin", "null", true),
        ] {
            let status = attempt(path, name, value).await;
            assert_eq!(
                status == refused,
                crossed,
                "{path} {name}: {value}: {status}"
            );
        }
    }
    // A page's form that no browser vouches for is not taken with a cookie.
    assert_eq!(attempt("/console/settings/tokens", "", "").await, refused);
}

#[tokio::test]
async fn accounts_are_kept_by_administrators_of_the_house() {
    let house = House::new().await;
    let form = [
        ("login", "new.one"),
        ("name", "新人"),
        ("viewer", "true"),
        ("new", "true"),
    ];
    let made = house
        .post("administrator", "/console/settings/users", &form)
        .await;
    assert_eq!(
        made.location(),
        "/console/settings/users/new.one",
        "{}",
        made.body
    );
    let page = house
        .post(
            "administrator",
            "/console/settings/users/new.one/password",
            &[],
        )
        .await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("shown this once"), "{}", page.body);
    // The last administrator cannot go, by any of the ways there are.
    for body in [
        serde_json::json!({ "login": "administrator", "roles": ["viewer"] }),
        serde_json::json!({ "login": "administrator", "roles": ["administrator"], "active": false }),
    ] {
        let refused = house
            .json("administrator", "POST", "/api/v1/accounts", &body)
            .await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.body);
    }
    let by = house
        .ledger
        .actor("administrator", Right::Administer, 0)
        .await
        .unwrap();
    let away = house
        .ledger
        .set_account_organization(&by, "administrator", Some("ORG-A"), house.now())
        .await;
    assert!(away.is_err(), "an administrator is of the house");
    // Closing ends sessions; unknown fields are refused, not passed over.
    let own = house.cookie("new.one").await;
    let form = [
        ("login", "new.one"),
        ("viewer", "true"),
        ("active", "false"),
    ];
    house
        .post("administrator", "/console/settings/users", &form)
        .await;
    let gone = send(&house, &own, "GET", "/api/v1/me", &[]).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
    let body = serde_json::json!({ "login": "new.one", "roles": ["viewer"], "created_by": "me" });
    let refused = house
        .json("administrator", "POST", "/api/v1/accounts", &body)
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn reading_the_audit_trail_is_written_down_and_its_chain_is_checked() {
    let house = House::new().await;
    let page = house
        .get("viewer", "/console/audit?action=account.&check=true")
        .await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains("whole"), "{}", page.body);
    assert!(page.body.contains("account.add"), "{}", page.body);
    let csv = house
        .get("viewer", "/console/audit/export?format=csv&actor=first")
        .await;
    assert!(csv.body.starts_with("\u{feff}seq,at,actor"), "{}", csv.body);
    assert!(
        csv.headers[header::CONTENT_DISPOSITION]
            .to_str()
            .unwrap()
            .contains("audit.csv")
    );
    let first = house.get("viewer", "/api/v1/audit?limit=3").await.json();
    let next = first["next"].as_str().unwrap().to_owned();
    let second = house
        .get("viewer", &format!("/api/v1/audit?limit=3&after={next}"))
        .await
        .json();
    let seq = |list: &serde_json::Value, at: usize| list["items"][at]["seq"].as_i64().unwrap();
    assert_eq!(seq(&second, 0), seq(&first, 2) - 1);
    let reads = house
        .get("viewer", "/api/v1/audit?action=read")
        .await
        .json();
    let reads = reads["items"].as_array().unwrap();
    assert_eq!(reads.len(), 5, "{reads:?}");
    assert!(reads.iter().all(|row| row["actor"] == "viewer"));
    assert!(
        reads[0]["object"]
            .as_str()
            .unwrap()
            .starts_with("audit trail")
    );
    let chain = house.get("viewer", "/api/v1/audit/chain").await.json();
    assert_eq!(chain["whole"], true);
}
