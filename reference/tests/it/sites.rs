//! Registrable domains against the published vectors and a second implementation; owner classes.

use std::io::BufRead;

use model::territory::{OwnerClass, Territory};
use publicsuffix::{List, Psl};
use reference::{Kind, Scratch, SourceFile, Tables, url_host};

use crate::{data, files_in, tables_of};

fn list(data: &std::path::Path) -> (Tables, List) {
    let path = data.join("geo/psl/public_suffix_list.dat");
    let list = std::fs::read_to_string(&path).unwrap().parse().unwrap();
    let (tables, report) = Tables::build(&[SourceFile::new(Kind::PublicSuffix, path)]).unwrap();
    assert!(
        report.files[0].records > 9_000 && report.files[0].rejected == 0,
        "{report:?}"
    );
    (tables, list)
}

fn domain(tables: &Tables, host: &str) -> Option<String> {
    tables
        .site(host, &mut Scratch::default())?
        .domain
        .map(str::to_owned)
}

/// The vectors' answers are written as people write them; ours are A-labels.
fn expect(tables: &Tables, host: &str, expected: &str) {
    let clean = (expected != "null").then(|| Tables::clean_host(expected).unwrap());
    assert_eq!(domain(tables, host), clean, "{host}");
}

#[test]
fn published_vectors() {
    let Some(data) = data() else { return };
    let (tables, _) = list(&data);
    let mut vectors = 0;
    for line in std::fs::read_to_string(data.join("geo/psl/tests.txt"))
        .unwrap()
        .lines()
    {
        let mut words = line
            .split_whitespace()
            .take_while(|word| !word.starts_with("//"));
        if let (Some(host), Some(expected)) = (words.next(), words.next()) {
            expect(&tables, host, expected);
            vectors += 1;
        }
    }
    for line in std::fs::read_to_string(data.join("geo/psl/test_psl.txt"))
        .unwrap()
        .lines()
    {
        let Some(inner) = line
            .strip_prefix("checkPublicSuffix(")
            .and_then(|rest| rest.split(')').next())
        else {
            continue;
        };
        let (host, expected) = inner.split_once(", ").unwrap();
        expect(
            &tables,
            host.trim_matches('\''),
            expected.trim_matches('\''),
        );
        vectors += 1;
    }
    assert!(vectors > 150, "{vectors}");
}

#[test]
fn every_host_of_the_feeds_has_the_domain_that_a_second_implementation_gives() {
    let Some(data) = data() else { return };
    let (tables, second) = list(&data);
    let built_in = Tables::empty();
    let mut scratch = Scratch::default();
    let (mut urls, mut hosts, mut addresses, mut none, mut differ) = (0, 0, 0, 0, 0);
    for path in files_in(&data.join("feeds/phishing/jpcert"), ".csv") {
        for line in std::io::BufReader::new(std::fs::File::open(path).unwrap())
            .lines()
            .skip(1)
        {
            let line = line.unwrap();
            let Some(url) = line.split(',').nth(1).filter(|url| url.contains("://")) else {
                continue;
            };
            urls += 1;
            let host = url_host(url).unwrap_or("");
            let Some(site) = tables.site(host, &mut scratch) else {
                none += 1;
                continue;
            };
            if site.address.is_some() {
                addresses += 1;
                continue;
            }
            hosts += 1;
            let theirs = second
                .domain(site.host.as_bytes())
                .map(|domain| domain.as_bytes().to_vec());
            assert_eq!(site.domain.map(|domain| domain.as_bytes().to_vec()), theirs);
            let theirs = second
                .suffix(site.host.as_bytes())
                .map(|suffix| suffix.as_bytes().to_vec());
            assert_eq!(site.suffix.map(|suffix| suffix.as_bytes().to_vec()), theirs);
            // The compiled list is of another date, so a few private suffixes may differ.
            let ours = site.domain.map(str::to_owned);
            differ += usize::from(domain(&built_in, host) != ours);
        }
    }
    eprintln!(
        "{urls} urls: {hosts} names, {addresses} addresses, {none} neither; {differ} differ from the compiled list"
    );
    assert!(urls > 30_000 && hosts > urls * 9 / 10, "{urls} {hosts}");
    assert!(
        none * 1000 < urls,
        "{none} of {urls} hosts are neither name nor address"
    );
    assert!(differ * 100 < hosts, "{differ} of {hosts}");
}

#[test]
fn the_compiled_list_answers_where_none_is_imported() {
    let tables = Tables::empty();
    for (host, expected) in [
        ("www.example.com", Some("example.com")),
        ("www.example.com.cn", Some("example.com.cn")),
        ("com.cn", None),
        ("www.例子.公司.cn", Some("xn--fsqu00a.xn--55qx5d.cn")),
        ("www.example.test", Some("example.test")),
    ] {
        assert_eq!(domain(&tables, host).as_deref(), expected, "{host}");
    }
}

#[test]
fn imported_owner_classes_add_to_the_built_in_ones() {
    let tables = tables_of(
        Kind::OwnerClass,
        "owners.csv",
        "suffix,class\nbank.example.cn,bank\n.school.test,education\nfin.*,bank\nshop.gov.cn,other\n",
    )
    .unwrap();
    let owner = |host: &str| tables.site(host, &mut Scratch::default()).unwrap().owner;
    assert_eq!(owner("www.bank.example.cn"), OwnerClass::Bank);
    assert_eq!(owner("example.cn"), OwnerClass::Other);
    assert_eq!(owner("a.school.test"), OwnerClass::Education);
    assert_eq!(owner("x.fin.tv"), OwnerClass::Bank);
    assert_eq!(owner("a.gov.cn"), OwnerClass::Government);
    assert_eq!(owner("a.shop.gov.cn"), OwnerClass::Other);
    assert!(
        tables_of(
            Kind::OwnerClass,
            "owners.csv",
            "suffix,class\nexample.cn,shop\n"
        )
        .is_err()
    );
}

#[test]
fn an_imported_suffix_may_have_a_country() {
    let text = "suffix,class,country\ninside.example,,CN\ngov.inside.example,government,\nus.test,bank,US\nx.test,,\ny.test,,USA\n";
    let folder = tempfile::tempdir().unwrap();
    let file = crate::source(folder.path(), Kind::OwnerClass, "owners.csv", text);
    let (tables, report) = Tables::build(&[file]).unwrap();
    assert_eq!((report.files[0].records, report.files[0].rejected), (3, 2));
    for (host, territory, owner) in [
        (
            "www.shop.inside.example",
            Territory::Inside,
            OwnerClass::Other,
        ),
        (
            "www.gov.inside.example",
            Territory::Inside,
            OwnerClass::Government,
        ),
        ("a.us.test", Territory::Outside, OwnerClass::Bank),
        ("a.x.test", Territory::Unknown, OwnerClass::Other),
    ] {
        let mut scratch = Scratch::default();
        let site = tables.site(host, &mut scratch).unwrap();
        assert_eq!((site.territory, site.owner), (territory, owner), "{host}");
    }
}

#[test]
fn brands_of_the_phishing_feed_are_mostly_known() {
    let Some(data) = data() else { return };
    let tables = Tables::empty();
    let (mut rows, mut known) = (0, 0);
    for month in ["202212.csv", "202301.csv"] {
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_path(data.join("feeds/phishing/jpcert").join(month))
            .unwrap();
        for row in reader.records() {
            let row = row.unwrap();
            rows += 1;
            known += usize::from(row.get(2).is_some_and(|text| tables.brand(text).is_some()));
        }
    }
    assert!(known * 100 > rows * 90, "{known} of {rows}");
}
