//! S3 against PyPI `moto` and the crate `s3s-fs`, which check signatures, and against listings that get it wrong.

use intake::collect::failure::Kind;
use intake::collect::state::FetchState;
use model::fetch::{Fetch, Secret, Transport};

use crate::bench::{Bench, NOW, names, texts};
use crate::peers::{Peer, free_port, program, python};
use crate::server::{Server, answer, clients, entry, feed};

/// Makes a user, a bucket and objects, writes the user's key, and has signatures checked from then on.
const SET_UP: &str = r#"
import boto3, json, sys, urllib.request
port, out = sys.argv[1], sys.argv[2]
at = dict(endpoint_url=f"http://127.0.0.1:{port}", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
iam = boto3.client("iam", **at)
iam.create_user(UserName="reader")
allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=json.dumps(allow))
key = iam.create_access_key(UserName="reader")["AccessKey"]
s3 = boto3.client("s3", **at)
s3.create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
for name in ["in/a.csv", "in/b c+d%.csv", "in/e&f=.csv", "in/报告.csv", "in/folder/", "in/~x.csv", "in/z.csv", "out/y.csv"]:
    s3.put_object(Bucket="reports", Key=name, Body=name.encode())
json.dump(key, open(out, "w"), default=str)
urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}))
"#;

/// Changes one object and adds one, as the user.
const CHANGE: &str = r#"
import boto3, json, sys
key = json.load(open(sys.argv[2]))
s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}", region_name="eu-west-1",
    aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
s3.put_object(Bucket="reports", Key="in/a.csv", Body=b"changed")
s3.put_object(Bucket="reports", Key="in/new.csv", Body=b"new")
s3.delete_object(Bucket="reports", Key="in/z.csv")
"#;

fn bucket(url: String) -> Fetch {
    let mut fetch = entry(url);
    fetch.kind = Transport::S3;
    fetch.user = Some(Secret::new("${ACCESS_KEY}"));
    fetch.password = Some(Secret::new("${SECRET_KEY}"));
    fetch
        .options
        .insert("region".to_owned(), "eu-west-1".to_owned());
    fetch.options.insert("prefix".to_owned(), "in/".to_owned());
    fetch
}

#[tokio::test(flavor = "multi_thread")]
async fn moto_gives_new_and_changed_objects_to_the_right_key_only() {
    let bench = Bench::new();
    let Some(server) = program("moto_server") else {
        return;
    };
    let port = free_port();
    let words = port.to_string();
    // Listings of three keys a page.
    let environment = [("MOTO_S3_DEFAULT_MAX_KEYS", "3")];
    let _peer = Peer::start(
        &server,
        port,
        &["-H", "127.0.0.1", "-p", &words],
        &environment,
    );
    let key = bench.folder.path().join("key.json");
    if !python("boto3", SET_UP, &[&words, key.to_str().unwrap()]) {
        return;
    }
    let text = std::fs::read(&key).unwrap();
    let made: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let mut clients = clients(bench.folder.path());
    let variables = [
        ("ACCESS_KEY", "AccessKeyId"),
        ("SECRET_KEY", "SecretAccessKey"),
    ];
    for (name, field) in variables {
        clients
            .environment
            .insert(name.to_owned(), made[field].as_str().unwrap().to_owned());
    }
    // The store's clock is the machine's.
    let now = jiff::Timestamp::now().into();
    // By another name moto would take its first part for the bucket.
    let mut fetch = bucket(format!("http://localhost:{port}/reports"));
    fetch.allow_private = vec!["localhost".to_owned()];
    let feed = feed(fetch);
    let spool = bench.spool();
    let get = async |state: &FetchState| {
        intake::collect::fetch::fetch(&clients, &feed, state, &spool, now).await
    };
    let first = get(&FetchState::default()).await.unwrap();
    assert_eq!(first.failures, []);
    let mut expected = vec![
        "in/a.csv",
        "in/b c+d%.csv",
        "in/e&f=.csv",
        "in/报告.csv",
        "in/~x.csv",
        "in/z.csv",
    ];
    expected.sort_unstable();
    assert_eq!(texts(&first), expected);
    assert!(
        first.deliveries[0].origin.ends_with("/reports/in/a.csv"),
        "{:?}",
        first.deliveries[0]
    );

    let quiet = get(&first.state).await.unwrap();
    assert_eq!((quiet.deliveries.len(), quiet.failures.len()), (0, 0));
    assert!(python("boto3", CHANGE, &[&words, key.to_str().unwrap()]));
    let changed = get(&quiet.state).await.unwrap();
    assert_eq!(texts(&changed), ["changed", "new"]);
    assert_eq!(names(&changed), ["a.csv", "new.csv"]);
    assert!(
        !changed.state.seen.contains_key("in/z.csv"),
        "what is gone is forgotten"
    );

    // The twin: the same request with another secret.
    clients
        .environment
        .insert("SECRET_KEY".to_owned(), "another-secret".to_owned());
    let failure = intake::collect::fetch::fetch(&clients, &feed, &changed.state, &spool, now)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, Kind::Status(403), "{failure}");
    assert!(!failure.to_string().contains("another-secret"));
}

/// Another's S3: the crate `s3s-fs`, whose objects are files and whose signatures are always checked.
#[tokio::test(flavor = "multi_thread")]
async fn s3s_fs_gives_new_objects_to_the_right_key_only() {
    let bench = Bench::new();
    let Some(server) = program("s3s-fs") else {
        return;
    };
    let port = free_port();
    let words = port.to_string();
    let root = bench.folder.path().join("store");
    let put = |name: &str, text: &str| {
        let path = root.join("reports").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let mut expected = vec![
        "in/a.csv",
        "in/b c+d%.csv",
        "in/e&f=.csv",
        "in/报告.csv",
        "in/~x.csv",
        "in/z.csv",
    ];
    for name in &expected {
        put(name, name);
    }
    put("out/y.csv", "out/y.csv");
    let key = ["--access-key", "READER", "--secret-key", "a-secret"];
    let at = ["--host", "127.0.0.1", "--port", &words];
    let arguments: Vec<&str> = [&at[..], &key[..], &[root.to_str().unwrap()]].concat();
    let _peer = Peer::start(&server, port, &arguments, &[]);
    let mut clients = clients(bench.folder.path());
    for (name, value) in [("ACCESS_KEY", "READER"), ("SECRET_KEY", "a-secret")] {
        clients
            .environment
            .insert(name.to_owned(), value.to_owned());
    }
    let now = jiff::Timestamp::now().into();
    let mut fetch = bucket(format!("http://localhost:{port}/reports"));
    fetch.allow_private = vec!["localhost".to_owned()];
    let feed = feed(fetch);
    let spool = bench.spool();
    let get = async |state: &FetchState| {
        intake::collect::fetch::fetch(&clients, &feed, state, &spool, now).await
    };
    let first = get(&FetchState::default()).await.unwrap();
    assert_eq!(first.failures, []);
    expected.sort_unstable();
    assert_eq!(texts(&first), expected);
    let quiet = get(&first.state).await.unwrap();
    assert_eq!((quiet.deliveries.len(), quiet.failures.len()), (0, 0));
    put("in/new.csv", "new");
    // It lists no entity tags: time and size tell a changed object from the old one.
    put("in/a.csv", "in/a.csv, longer");
    std::fs::remove_file(root.join("reports/in/z.csv")).unwrap();
    let changed = get(&quiet.state).await.unwrap();
    assert_eq!(texts(&changed), ["in/a.csv, longer", "new"]);
    assert_eq!(names(&changed), ["a.csv", "new.csv"]);
    assert!(!changed.state.seen.contains_key("in/z.csv"));

    // The twin: the same request with another secret.
    clients
        .environment
        .insert("SECRET_KEY".to_owned(), "another-secret".to_owned());
    let failure = intake::collect::fetch::fetch(&clients, &feed, &changed.state, &spool, now)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, Kind::Status(403), "{failure}");
    assert!(!failure.to_string().contains("another-secret"));
}

const LISTING: &str = "<ListBucketResult><Contents><Key>a.csv</Key><ETag>1</ETag></Contents>\
    <Contents><Key>b/../c.csv</Key><ETag>1</ETag></Contents><Contents><Key>d.csv</Key><ETag>1</ETag></Contents>\
    </ListBucketResult>";

#[tokio::test]
async fn one_bad_object_does_not_hold_up_the_others() {
    let bench = Bench::new();
    let server = Server::say(vec![
        answer("200 OK", "", LISTING.as_bytes()),
        answer("404 Not Found", "", b""),
        answer("200 OK", "", b"good"),
    ])
    .await;
    let mut fetch = entry(server.url("/bucket"));
    fetch.kind = Transport::S3;
    let fetched = bench.fetch(fetch, &FetchState::default()).await.unwrap();
    assert_eq!(texts(&fetched), ["good"]);
    assert_eq!(fetched.failures.len(), 2);
    assert_eq!(fetched.state.seen.keys().collect::<Vec<_>>(), ["d.csv"]);
    assert!(
        fetched.state.not_before > Some(NOW),
        "it is tried again, after a rest"
    );
    // Without a user nothing is signed.
    assert!(
        !server
            .request(0)
            .to_ascii_lowercase()
            .contains("authorization")
    );
}

#[tokio::test]
async fn listings_that_get_it_wrong_are_told_so() {
    let endless =
        "<ListBucketResult><NextContinuationToken>t</NextContinuationToken></ListBucketResult>";
    for (text, kind) in [
        ("<html>", Kind::Malformed),
        ("", Kind::Malformed),
        (endless, Kind::Refused),
    ] {
        let bench = Bench::new();
        let server = Server::say(vec![answer("200 OK", "", text.as_bytes())]).await;
        let mut fetch = entry(server.url("/bucket"));
        fetch.kind = Transport::S3;
        assert_eq!(bench.fails(fetch).await.kind, kind, "{text}");
    }
}
