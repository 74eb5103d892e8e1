//! MISP warning lists: the real ones whole, and each type's matching rule.

use reference::{Error, Kind, Scratch, SourceFile, Tables, WarningKind, WarningSet};

use crate::{data, files_in, source, tables_of};

fn ids(tables: &Tables, set: WarningSet) -> Vec<&str> {
    set.iter()
        .map(|list| tables.warning_list(list).unwrap().id.as_str())
        .collect()
}

#[test]
fn the_real_lists_are_read_whole_and_warn() {
    let Some(data) = data() else { return };
    let sources: Vec<SourceFile> = files_in(&data.join("reference/warninglists"), ".json.gz")
        .into_iter()
        .map(|path| SourceFile::new(Kind::Warninglist, path))
        .collect();
    assert_eq!(sources.len(), 14);
    let (tables, report) = Tables::build(&sources).unwrap();
    for file in &report.files {
        eprintln!(
            "{}: {} in use, {} refused {:?}",
            file.name, file.records, file.rejected, file.problems
        );
        assert!(file.rejected * 100 <= file.records, "{}", file.name);
    }
    let on = |kind, value: &str| {
        ids(&tables, tables.warning(kind, value))
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(on(WarningKind::Ip, "192.168.7.7"), ["rfc1918"]);
    assert!(on(WarningKind::Ip, "104.16.1.1").contains(&"cloudflare".to_owned()));
    assert!(on(WarningKind::Ip, "1.0.0.1").contains(&"public-dns-v4".to_owned()));
    assert!(on(WarningKind::Host, "mail.google.com").contains(&"tranco10k".to_owned()));
    assert!(on(WarningKind::Url, "https://bit.ly/x").contains(&"url-shortener".to_owned()));
    assert_eq!(
        on(WarningKind::Hash, "D41D8CD98F00B204E9800998ECF8427E"),
        ["common-ioc-false-positive"]
    );
    assert_eq!(on(WarningKind::Host, "www.example.test"), [] as [&str; 0]);
    // Enrichment sees the same without asking twice.
    assert!(
        !tables
            .facts(tables.ip("192.168.7.7".parse().unwrap()))
            .warnings
            .is_empty()
    );
    assert!(
        !tables
            .site("192.168.7.7", &mut Scratch::default())
            .unwrap()
            .warnings
            .is_empty()
    );
}

fn list(kind: &str, attributes: &str, entries: &str) -> String {
    format!(
        "{{\"name\":\"t\",\"version\":1,\"type\":{kind:?},\"matching_attributes\":[{attributes}],\"list\":[{entries}]}}"
    )
}

#[test]
fn each_type_matches_by_its_rule() {
    let folder = tempfile::tempdir().unwrap();
    let all = [
        (
            "whole",
            list(
                "string",
                r#""hostname","domain","ip-dst","url""#,
                r#""one.example","192.0.2.1","http://u.example/a""#,
            ),
        ),
        (
            "below",
            list(
                "hostname",
                r#""hostname""#,
                r#""two.example",".three.example""#,
            ),
        ),
        (
            "net",
            list(
                "cidr",
                r#""ip-dst""#,
                r#""198.51.100.0/24","2001:db8::/48""#,
            ),
        ),
        (
            "part",
            list("substring", r#""url","hostname""#, r#""-Cdn.""#),
        ),
        (
            "rule",
            list(
                "regex",
                r#""hostname""#,
                r#""/^(.*\\.)?four\\.example$/i","/^five\\.example$/""#,
            ),
        ),
    ];
    let sources: Vec<SourceFile> = all
        .iter()
        .map(|(id, text)| {
            source(
                folder.path(),
                Kind::Warninglist,
                &format!("{id}.json"),
                text,
            )
        })
        .collect();
    let (tables, report) = Tables::build(&sources).unwrap();
    assert_eq!(
        report.files.iter().map(|file| file.rejected).sum::<u64>(),
        0,
        "{report:?}"
    );
    let on = |kind, value: &str| ids(&tables, tables.warning(kind, value)).join(",");
    for (kind, value, lists) in [
        (WarningKind::Host, "one.example", "whole"),
        (WarningKind::Host, "ONE.example.", "whole"),
        (WarningKind::Host, "a.one.example", ""),
        (WarningKind::Host, "two.example", "below"),
        (WarningKind::Host, "a.two.example", "below"),
        (WarningKind::Host, "a.three.example", "below"),
        (WarningKind::Ip, "192.0.2.1", "whole"),
        (WarningKind::Ip, "192.0.2.2", ""),
        (WarningKind::Ip, "198.51.100.9", "net"),
        (WarningKind::Ip, "2001:db8::9", "net"),
        (WarningKind::Host, "x-cdn.test", "part"),
        (WarningKind::Url, "http://a.test/x-CDN.js", "part"),
        (WarningKind::Url, "http://u.example/a", "whole"),
        (WarningKind::Url, "http://u.example/a/", "whole"),
        (WarningKind::Url, "http://u.example/b", ""),
        (WarningKind::Url, "http://a.two.example/b", "below"),
        (WarningKind::Host, "x.four.example", "rule"),
        (WarningKind::Host, "xfour.example", ""),
        (WarningKind::Host, "five.example", "rule"),
        (WarningKind::Host, "x.five.example", ""),
    ] {
        assert_eq!(on(kind, value), lists, "{value}");
    }
}

#[test]
fn what_a_list_cannot_say_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let text = list(
        "regex",
        "",
        r#""/^ok\\.example$/","/[a-z]+\\.example$/","/example/","x",7"#,
    );
    let report = Tables::check(&source(folder.path(), Kind::Warninglist, "r.json", &text)).unwrap();
    assert_eq!((report.records, report.rejected), (1, 4));
    assert!(
        report.problems[0].starts_with("r.json:list[1]: "),
        "{:?}",
        report.problems
    );
    assert!(matches!(
        tables_of(Kind::Warninglist, "k.json", &list("yara", "", "\"x\"")),
        Err(Error::Unfit { .. })
    ));
    assert!(matches!(
        tables_of(Kind::Warninglist, "k.json", "{"),
        Err(Error::Unfit { .. })
    ));
    assert!(matches!(
        tables_of(Kind::Warninglist, "k.json", &list("cidr", "", "\"x\"")),
        Err(Error::Empty { .. })
    ));
    let many: Vec<SourceFile> = (0..129)
        .map(|at| {
            source(
                folder.path(),
                Kind::Warninglist,
                &format!("l{at}.json"),
                &list("cidr", "", "\"192.0.2.0/24\""),
            )
        })
        .collect();
    assert!(Tables::build(&many[..128]).is_ok());
    assert!(matches!(
        Tables::build(&many),
        Err(Error::TooManyWarningLists { .. })
    ));
}
