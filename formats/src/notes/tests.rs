//! What is found in text, what is not, and that both hold for text that nobody thought of.

use proptest::prelude::*;

use super::find::{find, refang};
use super::is_reference;

fn names(line: &str) -> String {
    let shown = find(line).into_iter().map(|found| {
        let port = found
            .port
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        format!("{}={}{port}@{}", found.field, found.text, found.confidence)
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_named_is_found() {
    for (line, expected) in [
        (
            "hxxps://login[.]example[.]com/a?b=c,d",
            "source_url=https://login.example.com/a?b=c,d@95",
        ),
        (
            "see http://www.example.com/x.",
            "source_url=http://www.example.com/x@70",
        ),
        (
            "(http://www.example.com/x)",
            "source_url=http://www.example.com/x@70",
        ),
        ("http://a.example/(x)", "source_url=http://a.example/(x)@70"),
        (
            "hxxp://a.example/x,hxxp://b.example/y",
            "source_url=http://a.example/x@95 source_url=http://b.example/y@95",
        ),
        (
            "bad[.]example, worse(dot)example;",
            "source_host=bad.example@95 source_host=worse.example@95",
        ),
        ("www [.] example [.] com", "source_host=www.example.com@95"),
        (
            "C2:evil[.]example[.]org:8443",
            "source_host=evil.example.org:8443@95",
        ),
        (
            "域名：坏[.]例子.test，地址：192.0.2.7",
            "source_host=xn--7es.xn--fsqu00a.test@95 source_ip=192.0.2.7@60",
        ),
        ("192.0.2.10:443", "source_ip=192.0.2.10:443@85"),
        ("192[.]0[.]2[.]10", "source_ip=192.0.2.10@95"),
        ("ip=198.51.100.7", "source_ip=198.51.100.7@60"),
        (
            "[2001:db8::1]:8080 2001:db8::2",
            "source_ip=2001:db8::1:8080@85 source_ip=2001:db8::2@60",
        ),
        ("203.0.113.0/24", "source_network=203.0.113.0/24@60"),
        (
            "203.0.113.9/gate.php",
            "source_url=http://203.0.113.9/gate.php@60",
        ),
        ("tcp://203.0.113.9:4444", "source_ip=203.0.113.9:4444@85"),
        (
            "md5: d41d8cd98f00b204e9800998ecf8427e",
            "hash_md5=d41d8cd98f00b204e9800998ecf8427e@80",
        ),
        (
            "sha1:DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
            "hash_sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709@85",
        ),
        (
            ".dll e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 pw = x",
            "hash_sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855@90",
        ),
        (
            "(cve-2023-00001, CVE-2023-12345)",
            "vulnerabilities=CVE-2023-00001@95 vulnerabilities=CVE-2023-12345@95",
        ),
        (
            "mail from user[at]example[.]com",
            "source_account=user@example.com@95",
        ),
        (
            "mail.example.com and example.cn",
            "source_host=mail.example.com@50 source_host=example.cn@50",
        ),
        ("payload[.]zip", "source_host=payload.zip@95"),
    ] {
        assert_eq!(names(line), expected, "{line}");
    }
}

#[test]
fn what_is_not_named_is_not_invented() {
    for line in [
        "rundll32.exe sample.dat,Start",
        "rundll32  /s sample.sm,Start",
        "C:\\Windows\\System32\\cmd.exe /c copy a.to b.in",
        "a.exe b.dll c.js setup.py install.sh lib.rs x.tar.gz jquery.min.js README.md index.php report.doc",
        "payload[.]exe was dropped",
        "version 1.2.3.4",
        "Version: 192.0.2.1 of the firmware",
        "v1.2.3.4 1.2.3.4 2.10.0.1 10.0.19041.1 404.46 1.2.3",
        "Chrome/91.0.44.77 Mozilla/5.0",
        "10.1.2.3 127.0.0.1 192.168.1.1:443 172.16.0.1 169.254.1.1 224.0.0.1 0.0.0.0 255.255.255.255",
        "http://localhost/x http://router/ http://10.0.0.1/",
        "13.12.2022 2022-12-13 12:26:48 00:0c:29:98:b2:71",
        "6c355ef8-faf6-4b52-8247-3df4cf5784c6",
        "12345678901234567890123456789012",
        "std::string ab::cd e.g. i.e. etc. U.S.A. 3.14",
        "It was done.In the end.So it is.It",
        "System.Net.WebClient Object.in Math.ai",
        "CVE-2023-1 CVE-20-0001 XCVE-2023-0001",
        "@someone user@ @example.com user@host a@b.exe",
        "foo.bar.baz config.value this.thing",
        "",
    ] {
        assert_eq!(names(line), "", "{line}");
    }
}

#[test]
fn references_are_told() {
    for line in [
        "Reference: http://a.example/",
        "- Source : x",
        "参考：http://a.example/",
        "# Ref: x",
    ] {
        assert!(is_reference(line), "{line}");
    }
    for line in ["http://a.example/", "C2: x", "the reference: x"] {
        assert!(!is_reference(line), "{line}");
    }
}

fn host() -> impl Strategy<Value = String> {
    (
        "[a-z][a-z0-9]{1,10}",
        proptest::sample::select(vec![
            "example",
            "example.com",
            "invalid",
            "test",
            "example.org",
        ]),
    )
        .prop_map(|(label, domain)| format!("{label}.{domain}"))
}

/// Writes a plain text as people make it harmless.
fn defang(text: &str, dot: &str) -> String {
    let text = text.replacen("http", "hxxp", 1);
    let at = text.find("://").map_or(0, |at| at + 3);
    let end = text[at..].find('/').map_or(text.len(), |end| at + end);
    format!(
        "{}{}{}",
        &text[..at],
        text[at..end].replace('.', dot),
        &text[end..]
    )
}

const DOTS: [&str; 8] = [
    "[.]", "(.)", "{.}", "[dot]", "(dot)", "[DOT]", "[。]", "\\.",
];

proptest! {
    #[test]
    fn a_harmless_form_is_made_plain(host in host(), path in "(/[a-z0-9_]{1,8}){0,3}", dot in proptest::sample::select(DOTS.to_vec()), secure in any::<bool>()) {
        let url = format!("http{}://{host}{path}", if secure { "s" } else { "" });
        let harmless = defang(&url, dot);
        prop_assert_eq!(refang(&harmless), (url.clone(), true));
        let found = find(&format!("seen at {harmless}, then gone"));
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].text, &url);
        let found = find(&host.replace('.', dot));
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!((&found[0].text, found[0].confidence), (&host, 95.0));
    }

    #[test]
    fn plain_text_stays_as_it_is(text in "[a-z0-9./:_-]{0,40}") {
        prop_assume!(!text.starts_with("fxp:") && !text.starts_with("hx") && !text.starts_with("ht"));
        prop_assert_eq!(refang(&text), (text.clone(), false));
    }

    #[test]
    fn nothing_is_found_that_does_not_stand_there(line in "[a-z0-9.:/@\\[\\]() ,=-]{0,80}") {
        let plain: String = refang(&line).0.split(' ').collect();
        for found in find(&line) {
            // Addresses and hosts may be written in another form, and a URL may gain its scheme.
            let text = found.text.trim_start_matches("http://");
            prop_assert!(
                plain.contains(text) || found.text.contains(':') && !found.text.contains('.'),
                "{:?} in {}", found, line
            );
        }
    }

    #[test]
    fn files_and_versions_are_neither_hosts_nor_addresses(
        name in "[a-z]{1,8}",
        ending in proptest::sample::select(vec!["exe", "dll", "js", "py", "sh", "zip", "doc", "php", "lnk", "so", "rs", "pl"]),
        parts in proptest::collection::vec(0u8.., 3..6),
    ) {
        prop_assert_eq!(names(&format!("{name}.{ending}")), "");
        let number = parts.iter().map(u8::to_string).collect::<Vec<_>>().join(".");
        prop_assert_eq!(names(&format!("version {number}")), "");
        prop_assert_eq!(names(&format!("v{number}")), "");
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in any::<String>(), marks in "[\\[\\](){}.:/@a。\\\\*=,;hx-]{0,40}") {
        find(&text);
        find(&marks);
        find(&format!("{text}{marks}"));
    }
}
