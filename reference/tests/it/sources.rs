//! The reference folder: importing, replacing, reopening, left-overs and altered files.

use reference::{Country, Error, Kind, SourceFile, Sources};

use crate::source;

#[test]
fn imports_are_kept_listed_and_built_after_reopening() {
    let (from, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let good = source(
        from.path(),
        Kind::CountryCidr,
        "CN.txt",
        "192.0.2.0/24\nbad\n",
    )
    .path;
    let bad = source(from.path(), Kind::CountryCidr, "JP.txt", "").path;
    let mut sources = Sources::open(folder.path().join("reference")).unwrap();
    let outcomes = sources
        .import(Kind::CountryCidr, &[good.clone(), bad], "2023-01-16")
        .unwrap();
    assert!(!outcomes[0].as_ref().unwrap().unchanged);
    assert!(matches!(outcomes[1], Err(Error::Empty { .. })));

    let mut sources = Sources::open(folder.path().join("reference")).unwrap();
    let [kept] = sources.list() else {
        panic!("{:?}", sources.list())
    };
    assert_eq!(
        (
            kept.name.as_str(),
            kept.records,
            kept.rejected,
            kept.date.as_str()
        ),
        ("CN", 1, 1, "2023-01-16")
    );
    let (tables, report) = sources.tables().unwrap();
    assert_eq!(report.files[0].hash, kept.hash);
    assert_eq!(
        tables
            .facts(tables.ip("192.0.2.9".parse().unwrap()))
            .country,
        Country::new("CN")
    );

    // The same bytes again change nothing, not even the date.
    let outcomes = sources
        .import(Kind::CountryCidr, std::slice::from_ref(&good), "2023-01-17")
        .unwrap();
    assert!(outcomes[0].as_ref().unwrap().unchanged);
    assert_eq!(sources.list()[0].date, "2023-01-16");

    // Other bytes of the same name replace the file; the old one goes.
    std::fs::write(&good, "198.51.100.0/24\n").unwrap();
    sources
        .import(Kind::CountryCidr, &[good], "2023-01-18")
        .unwrap();
    assert_eq!(sources.list().len(), 1);
    assert_eq!(
        std::fs::read_dir(folder.path().join("reference/country-cidr"))
            .unwrap()
            .count(),
        1
    );
    let (replaced, _) = sources.tables().unwrap();
    assert_ne!(replaced.fingerprint(), tables.fingerprint());
    assert_eq!(replaced.ip("192.0.2.9".parse().unwrap()), 0);
}

#[test]
fn names_and_ranks_may_be_given_and_strange_names_stay_in_the_folder() {
    let (from, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut file = source(from.path(), Kind::HolderCidr, "list.txt", "192.0.2.0/24\n");
    file.name = "../../电信/x".to_owned();
    file.rank = Some(3);
    let mut sources = Sources::open(folder.path()).unwrap();
    sources
        .import_files(std::slice::from_ref(&file), "2023-01-16")
        .unwrap();
    assert_eq!(sources.list()[0].name, file.name);
    assert!(!sources.list()[0].path.contains(".."));
    let files = sources.files();
    assert!(files[0].path.starts_with(folder.path()) && files[0].path.is_file());
    assert_eq!(
        (files[0].rank, files[0].name.as_str()),
        (Some(3), file.name.as_str())
    );
    assert!(sources.tables().is_ok());
}

#[test]
fn files_of_one_name_need_sets_and_can_be_removed() {
    let (from, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut first = source(
        from.path(),
        Kind::HolderCidr,
        "cernet.txt",
        "192.0.2.0/24\n",
    );
    let mut second = source(
        from.path(),
        Kind::HolderCidr,
        "cernet.lst",
        "198.51.100.0/24\n",
    );
    let mut sources = Sources::open(folder.path()).unwrap();
    let outcomes = sources
        .import_files(&[first.clone(), second.clone()], "2023-01-16")
        .unwrap();
    assert!(outcomes[0].is_ok());
    assert!(matches!(outcomes[1], Err(Error::Unfit { .. })));
    first.set = "isp".to_owned();
    second.set = "operator".to_owned();
    let outcomes = sources
        .import_files(&[first, second], "2023-01-16")
        .unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(sources.list().len(), 3);
    assert!(sources.remove(Kind::HolderCidr, "", "cernet").unwrap());
    assert!(!sources.remove(Kind::HolderCidr, "", "cernet").unwrap());
    let reopened = Sources::open(folder.path()).unwrap();
    let sets: Vec<&str> = reopened
        .list()
        .iter()
        .map(|source| source.set.as_str())
        .collect();
    assert_eq!(sets, ["isp", "operator"]);
    let (tables, _) = reopened.tables().unwrap();
    for address in ["192.0.2.1", "198.51.100.1"] {
        let holder = tables.facts(tables.ip(address.parse().unwrap())).holder;
        assert_eq!(
            holder.and_then(|holder| tables.holder_name(holder)),
            Some("cernet")
        );
    }
}

#[test]
fn an_altered_file_is_noticed_and_left_overs_do_no_harm() {
    let (from, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = source(from.path(), Kind::CountryCidr, "CN.txt", "192.0.2.0/24\n");
    let mut sources = Sources::open(folder.path()).unwrap();
    // What a kill between writing and renaming, or before the index, leaves behind.
    std::fs::create_dir_all(folder.path().join("country-cidr")).unwrap();
    for name in [
        "country-cidr/JP-0000000000000000.txt",
        "country-cidr/CN-1.txt.new",
        "index.json.new",
    ] {
        std::fs::write(folder.path().join(name), "half").unwrap();
    }
    sources.import_files(&[file], "2023-01-16").unwrap();
    assert_eq!(
        std::fs::read_dir(folder.path().join("country-cidr"))
            .unwrap()
            .count(),
        1
    );
    assert!(sources.tables().is_ok());

    let kept: &SourceFile = &sources.files()[0];
    std::fs::write(&kept.path, "192.0.2.0/25\n").unwrap();
    let error = sources.tables().unwrap_err();
    assert!(
        matches!(error, Error::Changed { .. }) && error.to_string().contains("country-cidr"),
        "{error}"
    );
    std::fs::remove_file(&kept.path).unwrap();
    assert!(matches!(sources.tables(), Err(Error::Read { .. })));

    std::fs::write(
        folder.path().join("index.json"),
        "{\"version\":2,\"sources\":[]}",
    )
    .unwrap();
    assert!(matches!(
        Sources::open(folder.path()),
        Err(Error::Index { .. })
    ));
    std::fs::write(folder.path().join("index.json"), "{").unwrap();
    assert!(matches!(
        Sources::open(folder.path()),
        Err(Error::Index { .. })
    ));
}
