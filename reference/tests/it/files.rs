//! Every kind meets bad files: empty, binary, cut, misnamed, with a wrong header.

use std::io::Write;

use model::territory::Lang;
use proptest::prelude::*;
use reference::{Country, Error, KEPT_PROBLEMS, KINDS, Kind, SourceFile, Tables};

use crate::{data, source, tables_of};

#[test]
fn no_kind_takes_an_empty_or_a_foreign_file() {
    let folder = tempfile::tempdir().unwrap();
    for spec in KINDS {
        for (name, content) in [
            ("440000.txt", ""),
            ("JP.txt", "\n\n# only a comment\n"),
            ("x.txt", "\u{0}\u{1}\u{2} no such thing ,,,\n"),
        ] {
            let file = source(folder.path(), spec.kind, name, content);
            let error = Tables::check(&file).expect_err(spec.name);
            assert!(
                error.to_string().contains(name) && error.to_string().contains(spec.name)
                    || matches!(error, Error::Damaged { .. }),
                "{error}"
            );
            assert!(error.label().starts_with("reference-"));
        }
    }
    let missing = SourceFile::new(Kind::PrefixAsn, folder.path().join("missing.dat"));
    assert!(matches!(Tables::check(&missing), Err(Error::Read { .. })));
}

#[test]
fn bad_lines_are_counted_and_the_first_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from("\u{feff}192.0.2.0/24\r\n# comment\r\n");
    for line in 0..30 {
        text.push_str(&format!("192.0.2.{}/x\r\n", line));
    }
    let report = Tables::check(&source(folder.path(), Kind::CountryCidr, "CN.txt", &text)).unwrap();
    assert_eq!(
        (report.records, report.rejected, report.problems.len()),
        (1, 30, KEPT_PROBLEMS)
    );
    assert_eq!(report.problems[0], "CN.txt:3: prefix length is no number");
}

#[test]
fn names_that_say_nothing_are_refused_with_the_remedy() {
    for (kind, name) in [
        (Kind::RegionCidr, "china.txt"),
        (Kind::RegionCidr, "990000.txt"),
        (Kind::RegionCidr, "440103.txt"),
        (Kind::RegionCidr, "4401.txt"),
        (Kind::CountryCidr, "japan.txt"),
    ] {
        let error = tables_of(kind, name, "192.0.2.0/24\n").unwrap_err();
        assert!(matches!(error, Error::Unfit { .. }), "{error}");
    }
}

#[test]
fn packed_files_read_as_plain_ones_and_broken_packing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let plain = "192.0.2.0/24\t64496\n".repeat(2000);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(plain.as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    let zst = zstd::encode_all(plain.as_bytes(), 1).unwrap();
    for (name, bytes) in [
        ("a.dat.gz", &gz),
        ("a.dat.zst", &zst),
        ("misnamed.txt", &gz),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(
            Tables::check(&SourceFile::new(Kind::PrefixAsn, &path))
                .unwrap()
                .records,
            2000,
            "{name}"
        );
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = Tables::check(&SourceFile::new(Kind::PrefixAsn, &path)).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
}

#[test]
fn code_tables_add_names() {
    let folder = tempfile::tempdir().unwrap();
    let sources = [
        source(
            folder.path(),
            Kind::Divisions,
            "d.csv",
            "code,name\n44,\"广东省\"\n4403,深圳市\n440305,南山区\n1101,市辖区\nx,y\n",
        ),
        source(
            folder.path(),
            Kind::Countries,
            "c.csv",
            "name,alpha-2\nNippon,JP\nNowhere,XXX\n",
        ),
        source(
            folder.path(),
            Kind::AsnNames,
            "a.csv",
            "asn,name\n64496,Example Net\nAS64497,\"Other, Net\"\nx,y\n",
        ),
        source(
            folder.path(),
            Kind::AsnNames,
            "b.json",
            "{\"64496\":\"later\",\"64498\":\"Third\",\"64499\":5}",
        ),
        source(
            folder.path(),
            Kind::Brands,
            "brands.csv",
            "alias,brand,sector,country\n例示,Example,bank,CN\n,Second,,\n,,,\nx,y,z,Japan\n",
        ),
    ];
    let (tables, report) = Tables::build(&sources).unwrap();
    let rejected: Vec<u64> = report.files.iter().map(|file| file.rejected).collect();
    assert_eq!(rejected, [1, 1, 1, 1, 2], "{report:?}");
    assert_eq!(tables.division_name(440_305), Some("南山区"));
    assert_eq!(tables.division_name(110_100), Some("北京市"));
    assert_eq!(
        tables.country_name(Country::new("JP").unwrap(), Lang::En),
        Some("Nippon")
    );
    assert_eq!(
        tables.country_name(Country::new("JP").unwrap(), Lang::Zh),
        Some("日本")
    );
    assert_eq!(tables.asn_name(64_496), Some("Example Net"));
    assert_eq!(tables.asn_name(64_498), Some("Third"));
    assert_eq!(
        tables.brand("例示").map(|brand| brand.name.as_str()),
        Some("Example")
    );
    assert_eq!(
        tables.brand("second").map(|brand| brand.country),
        Some(None)
    );
}

#[test]
fn the_fingerprint_follows_content_name_and_rank() {
    let folder = tempfile::tempdir().unwrap();
    let file = source(folder.path(), Kind::CountryCidr, "CN.txt", "192.0.2.0/24\n");
    let print = |files: &[SourceFile]| Tables::build(files).unwrap().0.fingerprint();
    let first = print(std::slice::from_ref(&file));
    assert_eq!(first, print(std::slice::from_ref(&file)));
    assert_ne!(first, Tables::empty().fingerprint());
    assert_ne!(
        first,
        print(&[SourceFile {
            name: "JP".to_owned(),
            ..file.clone()
        }])
    );
    assert_ne!(
        first,
        print(&[SourceFile {
            rank: Some(5),
            ..file.clone()
        }])
    );
    std::fs::write(&file.path, "192.0.2.0/25\n").unwrap();
    assert_ne!(first, print(&[file]));
}

#[test]
fn the_registrar_and_rdap_files_are_not_taken_for_something_else() {
    let Some(data) = data() else { return };
    for (kind, path) in [
        (Kind::Divisions, "geo/registrar/registrar-ids-1.csv"),
        (Kind::Divisions, "geo/gbt2260/HK-MO-TW.json"),
        (Kind::Countries, "geo/gbt2260/cities.csv"),
        (Kind::Warninglist, "geo/rdap/bootstrap/dns.json"),
        (Kind::AsnNames, "geo/rdap/bootstrap/dns.json"),
        (Kind::PrefixAsn, "geo/rir/delegated-apnic-latest.gz"),
        (Kind::Territory, "geo/iso3166/all.csv"),
    ] {
        let error = Tables::check(&SourceFile::new(kind, data.join(path))).expect_err(path);
        eprintln!("{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_bytes_are_survived_by_every_kind(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in "[0-9a-f:./,\"{}\\[\\]|#*! \t\n-]{0,200}") {
        let folder = tempfile::tempdir().unwrap();
        for spec in KINDS {
            for content in [bytes.as_slice(), text.as_bytes()] {
                let path = folder.path().join("440000.x");
                std::fs::write(&path, content).unwrap();
                let mut file = SourceFile::new(spec.kind, path);
                if spec.kind == Kind::CountryCidr {
                    file.name = "CN".to_owned();
                }
                let _ = Tables::build(&[file]);
            }
        }
    }
}
