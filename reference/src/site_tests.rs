//! Unit tests of host reading and the suffix walk, with reserved and made-up names only.

use proptest::prelude::*;

use super::*;

fn table() -> SiteTable {
    let mut table = SiteTable::built_in();
    for (name, rule, kind) in [
        ("example", Rule::Plain, SuffixKind::Icann),
        ("co.example", Rule::Plain, SuffixKind::Icann),
        ("ck.example", Rule::Wildcard, SuffixKind::Icann),
        ("www.ck.example", Rule::Exception, SuffixKind::Icann),
        ("pages.co.example", Rule::Plain, SuffixKind::Private),
    ] {
        table.add_rule(name, rule, kind);
    }
    table
}

fn look<R>(host: &str, with: impl FnOnce(Option<SiteFacts<'_>>) -> R) -> R {
    let mut scratch = Scratch::default();
    let (names, rule) = (Names::built_in(), TerritoryRule::default());
    with(table().find(host, &mut scratch, &names, &rule))
}

fn domain(host: &str) -> Option<String> {
    look(host, |site| {
        site.and_then(|site| site.domain).map(str::to_owned)
    })
}

#[test]
fn registrable_domains_follow_the_rules() {
    for (host, expected) in [
        ("example", None),
        ("a.example", Some("a.example")),
        ("b.a.example", Some("a.example")),
        ("co.example", None),
        ("a.co.example", Some("a.co.example")),
        ("x.ck.example", None),
        ("y.x.ck.example", Some("y.x.ck.example")),
        ("www.ck.example", Some("www.ck.example")),
        ("z.www.ck.example", Some("www.ck.example")),
        ("me.pages.co.example", Some("me.pages.co.example")),
        ("a.b.unlisted", Some("b.unlisted")),
        ("localhost", None),
    ] {
        assert_eq!(domain(host).as_deref(), expected, "{host}");
    }
}

#[test]
fn suffix_and_top_level_domain_are_told_apart() {
    look("WWW.A.Co.Example.", |site| {
        let site = site.unwrap();
        assert_eq!(
            (site.host, site.suffix, site.tld),
            ("www.a.co.example", Some("co.example"), Some("example"))
        );
        assert_eq!(
            (site.suffix_kind, site.territory),
            (SuffixKind::Icann, Territory::Unknown)
        );
    });
    look("me.pages.co.example", |site| {
        assert_eq!(site.unwrap().suffix_kind, SuffixKind::Private)
    });
    look("a.test", |site| {
        assert_eq!(site.unwrap().suffix_kind, SuffixKind::Unlisted)
    });
}

#[test]
fn country_code_domains_have_a_territory() {
    for (host, country, territory) in [
        ("example.cn", "CN", Territory::Inside),
        ("例子.中国", "CN", Territory::Inside),
        ("example.hk", "HK", Territory::Outside),
        ("example.co.uk", "GB", Territory::Outside),
        ("example.com", "", Territory::Unknown),
    ] {
        look(host, |site| {
            let site = site.unwrap();
            assert_eq!(
                site.country
                    .map(|country| country.to_string())
                    .unwrap_or_default(),
                country,
                "{host}"
            );
            assert_eq!(site.territory, territory, "{host}");
        });
    }
}

#[test]
fn owners_by_suffix() {
    for (host, owner) in [
        ("www.example.gov.cn", OwnerClass::Government),
        ("gov.cn", OwnerClass::Government),
        ("example.gov", OwnerClass::Government),
        ("www.example.gov.br", OwnerClass::Government),
        ("example.go.jp", OwnerClass::Government),
        ("example.政务", OwnerClass::Government),
        ("www.example.edu.cn", OwnerClass::Education),
        ("example.ac.jp", OwnerClass::Education),
        ("example.edu", OwnerClass::Education),
        ("example.bank", OwnerClass::Bank),
        ("gov.example.com", OwnerClass::Other),
        ("egov.cn", OwnerClass::Other),
        ("example-gov.cn", OwnerClass::Other),
        ("example.gov.cn.example.com", OwnerClass::Other),
    ] {
        look(host, |site| {
            assert_eq!(site.unwrap().owner, owner, "{host}")
        });
    }
}

#[test]
fn a_warned_name_covers_what_lies_below_an_exact_one_does_not() {
    let mut table = table();
    table.warn("top.example", 3, true);
    table.warn("exact.example", 5, false);
    let (names, rule, mut scratch) = (
        Names::built_in(),
        TerritoryRule::default(),
        Scratch::default(),
    );
    let mut lists = |host: &str| {
        table
            .find(host, &mut scratch, &names, &rule)
            .unwrap()
            .warnings
            .iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(lists("top.example"), [3]);
    assert_eq!(lists("a.b.top.example"), [3]);
    assert_eq!(lists("stop.example"), [] as [usize; 0]);
    assert_eq!(lists("exact.example"), [5]);
    assert_eq!(lists("a.exact.example"), [] as [usize; 0]);
}

#[test]
fn addresses_in_every_form() {
    for (host, address) in [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:8080", "192.0.2.1"),
        ("192.0.2.1.", "192.0.2.1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[fe80::1%eth0]", "fe80::1"),
        ("3221225985", "192.0.2.1"),
        ("0xC0000201", "192.0.2.1"),
        ("0xc0.0.0x2.01", "192.0.2.1"),
        ("192.513", "192.0.2.1"),
        ("１９２．０．２．１", "192.0.2.1"),
    ] {
        look(host, |site| {
            assert_eq!(
                site.and_then(|site| site.address),
                address.parse().ok(),
                "{host}"
            )
        });
    }
}

#[test]
fn what_is_no_host_is_none() {
    let long = format!("{}.example", "a".repeat(64));
    let longer = vec!["aaaaaaa"; 40].join(".");
    for host in [
        "",
        ".",
        "a..example",
        ".example",
        "a b.example",
        "192.0.2.256",
        "192.0.2.1.5",
        "256.1",
        "[::1",
        "a:b",
        "a/b",
        "*",
        "\u{0}",
        "1.2.3.4294967296",
        &long,
        &longer,
    ] {
        look(host, |site| assert!(site.is_none(), "{host:?}"));
    }
}

#[test]
fn hosts_of_urls() {
    for (url, host) in [
        (
            "http://www.example.com/path?x=http://other.example/",
            Some("www.example.com"),
        ),
        ("hxxps://user:pass@example.com:8443/", Some("example.com")),
        ("https://good.example@evil.example/", Some("evil.example")),
        ("example.com/path", Some("example.com")),
        ("example.com/?u=http://other.example", Some("example.com")),
        ("http://[2001:db8::1]:80/x", Some("[2001:db8::1]")),
        ("http://example.com\\@other.example/", Some("example.com")),
        ("//example.com/x", Some("example.com")),
        ("http:///example.com", Some("example.com")),
        ("  http://example.com#x", Some("example.com")),
        ("http://", None),
        ("", None),
    ] {
        assert_eq!(url_host(url), host, "{url}");
    }
}

#[test]
fn names_for_readers() {
    assert_eq!(display_host("xn--fsqu00a.xn--fiqs8s"), "例子.中国");
    assert_eq!(display_host("xn--"), "xn--");
    assert_eq!(display_host("www.example.com"), "www.example.com");
}

proptest! {
    #[test]
    fn any_text_is_survived(text in ".{0,80}") {
        look(&text, |site| {
            if let Some(site) = site {
                assert!(site.domain.is_none_or(|domain| site.host.ends_with(domain)));
                assert!(site.suffix.is_none_or(|suffix| site.host.ends_with(suffix)));
            }
        });
        let _ = url_host(&text);
        let _ = display_host(&text);
    }

    #[test]
    fn clean_names_stay_clean(name in "[a-zA-Z_-][a-zA-Z0-9_-]{0,11}(\\.[a-zA-Z][a-zA-Z0-9-]{0,8}){0,4}") {
        let clean = clean_name(&name).unwrap();
        prop_assert_eq!(clean_name(&clean), Some(clean.clone()));
    }
}
