//! Executors over TLS: those of one authority give the answers of one process. Whoever is not of it, or answers in clear,
//! is no executor: the question is counted here, the log says why, and `doctor` names the remedy.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::engine::{Executor, SQL, TOKEN, bench};
use crate::run::Bench;

/// What an executor is known as in these trials.
const HOST: &str = "127.0.0.1";
const WEEK: [&str; 3] = ["--json", "week", "2023-3"];
const QUERY: [&str; 6] = ["query", "--format", "csv", "--limit", "1000", SQL];

/// One who signs certificates.
struct Authority {
    name: &'static str,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Its own certificate lies in the bench as `NAME.ca`.
    fn new(bench: &Bench, name: &'static str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(parameters, key).expect("signs itself");
        bench.write(&format!("{name}.ca"), issuer.pem());
        Authority { name, issuer }
    }

    /// A certificate for `host` and its key.
    fn certificate(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> [String; 2] {
        let mut parameters = CertificateParams::new(vec![host.to_owned()]).expect("a name");
        parameters.distinguished_name.push(DnType::CommonName, host);
        change(&mut parameters);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("signs");
        [certificate.pem(), key.serialize_pem()]
    }

    /// A node with a certificate of this authority, who takes that of others if the same signed it.
    fn node(&self, bench: &Bench, node: &str) -> Bench {
        write(bench, node, &self.certificate(HOST, |_| {}));
        trusting(known_as(at(bench), node), self.name)
    }
}

/// Certificate and key of a node lie in the bench as `NODE.pem` and `NODE.key`.
fn write(bench: &Bench, node: &str, [certificate, key]: &[String; 2]) {
    bench.write(&format!("{node}.pem"), certificate);
    bench.write(&format!("{node}.key"), key);
}

fn at(bench: &Bench) -> Bench {
    Bench::at(bench.path()).set("WATCHFIRE__ENGINE__TOKEN", TOKEN)
}

fn known_as(bench: Bench, node: &str) -> Bench {
    bench
        .set("WATCHFIRE__ENGINE__TLS_CERT", &format!("{node}.pem"))
        .set("WATCHFIRE__ENGINE__TLS_KEY", &format!("{node}.key"))
}

fn trusting(bench: Bench, authority: &str) -> Bench {
    bench.set("WATCHFIRE__ENGINE__CA", &format!("{authority}.ca"))
}

/// The same node, whose questions go to executors.
fn asking(node: Bench, urls: &[&str]) -> Bench {
    node.set("WATCHFIRE__ENGINE__URL", &urls.join(","))
        .set("WATCHFIRE__ENGINE__MIN_ROWS", "1")
}

/// What `doctor` says of the executors: each finding with its grade, message and remedy.
fn found(asking: &Bench) -> Vec<[String; 3]> {
    let all = asking.run(&["--json", "doctor"]).json();
    let all = all.as_array().expect("a list").iter();
    all.filter(|finding| finding["check"] == "engine")
        .map(|finding| {
            ["grade", "message", "remedy"]
                .map(|key| finding[key].as_str().unwrap_or_default().to_owned())
        })
        .collect()
}

#[test]
fn executors_of_one_authority_give_the_answers_of_one_process() {
    let bench = bench();
    let house = Authority::new(&bench, "house");
    let executors = ["first", "second"]
        .map(|name| Executor::start(&house.node(&bench, name), &format!("{HOST}:0")));
    let urls = [0, 1].map(|at: usize| executors[at].address.as_str());
    assert!(urls[0].starts_with("https://"), "{}", urls[0]);
    // The log says what executors did.
    let asking = asking(house.node(&bench, "asker"), &urls).set("WATCHFIRE_LOG", "lake=debug");

    for question in [&QUERY[..], &WEEK[..]] {
        let here = bench.run(question).exits(0);
        let there = asking.run(question).exits(0);
        assert!(here.stdout.len() > 100, "{}", here.stdout);
        assert_eq!(there.stdout, here.stdout, "{question:?}");
        for word in ["not asked", "runs here", "done here"] {
            assert!(!there.stderr.contains(word), "{}", there.stderr);
        }
    }
    asking.run(&WEEK).exits(0).says("done by executors");
    let explain = format!("explain {SQL}");
    let plan = asking.run(&["query", "--format", "csv", &explain]).exits(0);
    plan.prints("DistributedExec").prints("tasks=2");
    for (at, [grade, message, _]) in found(&asking).iter().enumerate() {
        assert_eq!(grade, "ok", "{message}");
        assert!(
            message.contains(urls[at].trim_end_matches('/')),
            "{message}"
        );
    }
    assert_eq!(found(&asking).len(), 2);
}

#[test]
fn who_is_not_of_the_authority_is_no_executor() {
    let bench = bench();
    let (house, other) = (
        Authority::new(&bench, "house"),
        Authority::new(&bench, "other"),
    );
    let expired = house.certificate(HOST, |parameters| {
        parameters.not_after = rcgen::date_time_ymd(2001, 1, 1);
    });
    write(&bench, "expired", &expired);
    let elsewhere = house.certificate("elsewhere.example", |_| {});
    write(&bench, "elsewhere", &elsewhere);
    let start = |node: &Bench| Executor::start(node, &format!("{HOST}:0"));
    let mut good = start(&house.node(&bench, "good"));
    let stranger = start(&other.node(&bench, "stranger"));
    let old = start(&trusting(known_as(at(&bench), "expired"), "house"));
    let misnamed = start(&trusting(known_as(at(&bench), "elsewhere"), "house"));
    let plain = start(&at(&bench));
    let over_tls = plain.address.replace("http://", "https://");
    assert_ne!(over_tls, plain.address);

    let known = || house.node(&bench, "asker");
    let nameless = || trusting(at(&bench), "house");
    other.node(&bench, "intruder");
    let intruder = || trusting(known_as(at(&bench), "intruder"), "house");
    let good_address = good.address.clone();
    let here = bench.run(&QUERY).exits(0).stdout;
    // Who asks, whom, why not, and what is to be mended.
    let trials: [(&str, Bench, &str, &str, &str); 6] = [
        (
            "an executor of another authority",
            known(),
            &stranger.address,
            "signed by nobody whom this node trusts",
            "engine.ca of this node",
        ),
        (
            "a caller without a certificate",
            nameless(),
            &good_address,
            "it asks for a certificate, and this node shows none",
            "set engine.tls_cert and engine.tls_key of this node",
        ),
        (
            "a caller of another authority",
            intruder(),
            &good_address,
            "it does not take the certificate of this node",
            "engine.ca on that node",
        ),
        (
            "an executor in clear behind https",
            known(),
            &over_tls,
            "it answers in clear where engine.url says https",
            "set engine.tls_cert and engine.tls_key on that node",
        ),
        (
            "an executor whose certificate has expired",
            known(),
            &old.address,
            "its certificate has expired",
            "renew engine.tls_cert on that node",
        ),
        (
            "an executor with a certificate of another name",
            known(),
            &misnamed.address,
            "its certificate is for another name",
            "must be for 127.0.0.1",
        ),
    ];
    for (what, node, url, why, key) in trials {
        let asking = asking(node, &[url]);
        let answer = asking.run(&QUERY).exits(0).says("executor is not asked");
        let answer = answer.says(url).says(why).says(key);
        assert_eq!(answer.stdout, here, "{what}");
        let findings = found(&asking);
        let [[grade, message, remedy]] = &findings[..] else {
            panic!("{what}: {findings:?}");
        };
        assert_eq!(grade, "warning", "{what}: {message}");
        assert!(message.contains(url), "{what}: {message}");
        assert!(message.contains(why), "{what}: {message}");
        assert!(remedy.contains(key), "{what}: {remedy}");
        asking.run(&["doctor"]).exits(4);
    }
    good.told(|log| log.contains("a caller is refused").then_some(()));
    // It is there for whoever is of the authority.
    let asking = asking(known(), &[&good_address]);
    assert_eq!(found(&asking)[0][0], "ok", "{:?}", found(&asking));
}

#[test]
fn a_renewed_certificate_is_in_force_at_the_next_connection() {
    let bench = bench();
    let house = Authority::new(&bench, "house");
    let other = Authority::new(&bench, "other");
    let mut executor = Executor::start(&house.node(&bench, "good"), &format!("{HOST}:0"));
    let asking = asking(house.node(&bench, "asker"), &[&executor.address]);
    let state = || found(&asking).remove(0);
    assert_eq!(state()[0], "ok", "{:?}", state());

    write(&bench, "good", &other.certificate(HOST, |_| {}));
    assert!(state()[1].contains("signed by nobody"), "{:?}", state());
    let [certificate, key] = house.certificate(HOST, |_| {});
    // Half a pair cannot be used: what was in force stays so, until the other half is there.
    bench.write("good.pem", certificate);
    assert!(state()[1].contains("signed by nobody"), "{:?}", state());
    executor.told(|log| log.contains("the old stays in force").then_some(()));
    bench.write("good.key", key);
    assert_eq!(state()[0], "ok", "{:?}", state());
}

#[test]
fn a_certificate_may_be_its_own_authority() {
    let bench = bench();
    let mut parameters = CertificateParams::new(vec![HOST.to_owned()]).expect("a name");
    parameters.is_ca = IsCa::ExplicitNoCa;
    let key = KeyPair::generate().expect("a key");
    let certificate = parameters.self_signed(&key).expect("signs itself").pem();
    bench.write("own.ca", &certificate);
    write(&bench, "own", &[certificate, key.serialize_pem()]);
    let node = || trusting(known_as(at(&bench), "own"), "own");
    let executor = Executor::start(&node(), &format!("{HOST}:0"));
    let findings = found(&asking(node(), &[&executor.address]));
    assert_eq!(findings[0][0], "ok", "{findings:?}");
}

#[test]
fn the_configuration_keeps_the_road_from_being_in_clear() {
    let bench = bench();
    let house = Authority::new(&bench, "house");
    let asker = || house.node(&bench, "asker");
    let check = |bench: Bench| bench.run(&["config", "check"]);
    check(asking(asker(), &["https://127.0.0.1:1"])).exits(0);
    check(asking(asker(), &["http://127.0.0.1:1"]))
        .exits(3)
        .says("would be asked in clear");
    check(at(&bench).set("WATCHFIRE__ENGINE__TLS_CERT", "asker.pem"))
        .exits(3)
        .says("TLS needs both tls_cert and tls_key");
    check(trusting(at(&bench), "nobody"))
        .exits(3)
        .says("nobody.ca");
    // The key of another certificate.
    write(&bench, "twin", &house.certificate(HOST, |_| {}));
    let mixed = known_as(at(&bench), "asker").set("WATCHFIRE__ENGINE__TLS_KEY", "twin.key");
    check(mixed).exits(3).says("cannot be used with");
    // One that would know its callers, and is not known itself, does not begin in clear.
    trusting(at(&bench), "house")
        .run(&["executor", "--listen", "127.0.0.1:0"])
        .exits(1)
        .says("needs a certificate of its own");
}
