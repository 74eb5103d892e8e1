//! The merged address table against brute force, on small random sources and on the real ones.

use std::collections::HashMap;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::territory::{Lang, Territory};
use proptest::prelude::*;
use reference::{Country, IpFacts, Kind, SourceFile, Tables};

use crate::{Sampler, data, files_in, source, tables_of};

fn facts(tables: &Tables, address: &str) -> IpFacts {
    *tables.facts(tables.ip(address.parse().unwrap()))
}

#[test]
fn every_prefix_of_every_region_file_resolves_to_its_region() {
    let Some(data) = data() else { return };
    let files: Vec<_> = files_in(&data.join("geo/cn-region-cidr"), "00.txt");
    assert_eq!(files.len(), 375);
    let sources: Vec<SourceFile> = files
        .iter()
        .map(|path| SourceFile::new(Kind::RegionCidr, path))
        .collect();
    let (tables, report) = Tables::build(&sources).unwrap();
    assert_eq!(
        report.files.iter().map(|file| file.rejected).sum::<u64>(),
        0
    );
    let mut lines = 0;
    for path in &files {
        let code: u32 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        for line in std::fs::read_to_string(path)
            .unwrap()
            .lines()
            .filter(|line| !line.is_empty())
        {
            lines += 1;
            let (first, length) = line.split_once('/').unwrap();
            let first = u32::from(first.parse::<Ipv4Addr>().unwrap());
            let last = first | u32::MAX.checked_shr(length.parse().unwrap()).unwrap_or(0);
            for address in [first, last] {
                let facts = tables.facts(tables.ip(Ipv4Addr::from(address).into()));
                let country = match code / 10_000 {
                    71 => "TW",
                    81 => "HK",
                    82 => "MO",
                    _ => "CN",
                };
                assert_eq!(facts.country, Country::new(country), "{line} of {code}");
                assert_eq!(
                    facts.territory,
                    if country == "CN" {
                        Territory::Inside
                    } else {
                        Territory::Outside
                    }
                );
                match code {
                    100_000 => {}
                    province if province % 10_000 == 0 => {
                        assert_eq!(facts.province, Some(province), "{line}")
                    }
                    city => assert_eq!(
                        (facts.province, facts.city),
                        (Some(city / 10_000 * 10_000), Some(city)),
                        "{line}"
                    ),
                }
            }
        }
    }
    assert_eq!(
        lines,
        report.files.iter().map(|file| file.records).sum::<u64>()
    );
    assert_eq!(tables.province_name(440_300, Lang::Zh), Some("广东"));
}

#[test]
fn the_as_table_equals_a_longest_prefix_match() {
    let Some(data) = data() else { return };
    let path = data.join("geo/asn/ipasn_20140513.dat.gz");
    let (tables, report) = Tables::build(&[SourceFile::new(Kind::PrefixAsn, &path)]).unwrap();
    assert_eq!(
        (report.files[0].records, report.files[0].rejected),
        (512_621, 0)
    );
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let mut by_length: Vec<HashMap<u32, u32>> = vec![HashMap::new(); 33];
    let mut edges = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(';')) {
        let (prefix, asn) = line.split_once('\t').unwrap();
        let (first, length) = prefix.split_once('/').unwrap();
        let (first, length) = (
            u32::from(first.parse::<Ipv4Addr>().unwrap()),
            length.parse::<usize>().unwrap(),
        );
        by_length[length].insert(first, asn.parse().unwrap());
        edges.extend([
            first,
            first.wrapping_sub(1),
            first | u32::MAX.checked_shr(length as u32).unwrap_or(0),
        ]);
    }
    let brute = |address: u32| {
        (0..=32usize).rev().find_map(|length| {
            let mask = !u32::MAX.checked_shr(length as u32).unwrap_or(0);
            by_length[length].get(&(address & mask)).copied()
        })
    };
    let mut sampler = Sampler(20140513);
    let mut routed = 0;
    for round in 0..60_000usize {
        let address = if round % 2 == 0 {
            sampler.next() as u32
        } else {
            edges[sampler.next() as usize % edges.len()]
        };
        let asn = tables.facts(tables.ip(Ipv4Addr::from(address).into())).asn;
        assert_eq!(asn, brute(address), "{}", Ipv4Addr::from(address));
        routed += usize::from(asn.is_some());
    }
    assert!(routed > 30_000, "{routed}");
}

#[test]
fn the_founding_data_merges_into_one_table() {
    let Some(data) = data() else { return };
    let geo = data.join("geo");
    let mut sources: Vec<SourceFile> = Vec::new();
    let mut add = |kind, paths: Vec<std::path::PathBuf>| {
        sources.extend(paths.into_iter().map(|path| SourceFile::new(kind, path)))
    };
    add(
        Kind::RegionCidr,
        files_in(&geo.join("cn-region-cidr"), "00.txt"),
    );
    add(Kind::CountryCidr, files_in(&geo.join("country-cidr"), ""));
    add(Kind::HolderCidr, files_in(&geo.join("cn-isp-cidr"), ".txt"));
    add(
        Kind::HolderCidr,
        files_in(&geo.join("cn-operator"), ".txt")
            .into_iter()
            .filter(|path| !path.ends_with("drpeng6.txt"))
            .collect(),
    );
    add(Kind::PrefixAsn, files_in(&geo.join("asn"), ".dat.gz"));
    add(
        Kind::AsnNames,
        files_in(&geo.join("asn"), "asnames.json.gz"),
    );
    add(Kind::RirDelegated, files_in(&geo.join("rir"), ".gz"));
    add(Kind::Divisions, files_in(&geo.join("gbt2260"), ".csv"));
    add(Kind::Countries, files_in(&geo.join("iso3166"), ".csv"));
    let (tables, report) = Tables::build(&sources).unwrap();
    for file in &report.files {
        assert_eq!(
            file.rejected,
            0,
            "{}: {:?}",
            file.path.display(),
            file.problems
        );
    }
    eprintln!(
        "{} IPv4 ranges, {} IPv6 ranges, {} fact sets",
        report.ranges_v4, report.ranges_v6, report.fact_sets
    );
    assert!(report.ranges_v4 > 300_000 && report.ranges_v6 > 20_000);

    // A public resolver of each kind of place, as the lists have had them for years.
    let telecom = facts(&tables, "202.96.128.86");
    assert_eq!(
        (telecom.country, telecom.province),
        (Country::new("CN"), Some(440_000))
    );
    assert_eq!(
        telecom.holder.and_then(|holder| tables.holder_name(holder)),
        Some("chinatelecom")
    );
    assert_eq!(facts(&tables, "133.1.1.1").country, Country::new("JP"));
    assert_eq!(
        facts(&tables, "2001:da8::1")
            .holder
            .and_then(|holder| tables.holder_name(holder)),
        Some("cernet")
    );
    assert_eq!(facts(&tables, "2001:da8::1").country, Country::new("CN"));
    assert_eq!(facts(&tables, "::ffff:202.96.128.86"), telecom);
    assert_eq!(tables.ip("10.0.0.1".parse().unwrap()), 0);
    assert_eq!(tables.asn_name(15_169), Some("GOOGLE - Google Inc., US"));
    assert_eq!(tables.division_name(440_300), Some("深圳市"));
    assert_eq!(tables.division_name(110_100), Some("北京市"));
    assert_eq!(
        tables.country_name(Country::new("JP").unwrap(), Lang::Zh),
        Some("日本")
    );

    // Facts agree with themselves everywhere.
    let mut last = None;
    for (first, end, index) in tables.ip_ranges() {
        assert!(
            first <= end && last.is_none_or(|last| last < first),
            "{first}"
        );
        last = Some(end);
        let facts = tables.facts(index);
        assert_eq!((tables.ip(first), tables.ip(end)), (index, index));
        if let Some(province) = facts.province {
            assert_eq!(
                tables.province(province).map(|province| province.country),
                facts.country,
                "{first}"
            );
        }
        if let Some(city) = facts.city {
            assert_eq!(Some(city / 10_000 * 10_000), facts.province, "{first}");
        }
        assert_eq!(facts.territory, tables.territory(facts.country));
    }
}

#[test]
fn a_source_of_lower_rank_wins_and_provinces_stay_in_their_country() {
    let folder = tempfile::tempdir().unwrap();
    let mut region = source(
        folder.path(),
        Kind::RegionCidr,
        "440100.txt",
        "198.51.100.0/24\n",
    );
    let country = source(
        folder.path(),
        Kind::CountryCidr,
        "jp.txt",
        "198.51.100.128/25\n203.0.113.0/24 # note\n",
    );
    let at =
        |sources: &[SourceFile], address: &str| facts(&Tables::build(sources).unwrap().0, address);

    let city = at(&[country.clone(), region.clone()], "198.51.100.200");
    assert_eq!(
        (city.country, city.province, city.city),
        (Country::new("CN"), Some(440_000), Some(440_100))
    );
    assert_eq!(
        at(&[country.clone(), region.clone()], "203.0.113.9").country,
        Country::new("JP")
    );

    region.rank = Some(30);
    let abroad = at(&[country, region], "198.51.100.200");
    assert_eq!(
        (abroad.country, abroad.province, abroad.city),
        (Country::new("JP"), None, None)
    );
}

#[test]
fn an_imported_territory_rule_replaces_the_default() {
    for (name, rule) in [
        ("rule.toml", "inside = [\"JP\"]\nunknown = [\"EU\"]\n"),
        ("rule.csv", "country,territory\nJP,inside\nEU,unknown\n"),
    ] {
        let tables = tables_of(Kind::Territory, name, rule).unwrap();
        let of = |code: &str| tables.territory(Country::new(code));
        assert_eq!(
            (of("JP"), of("CN"), of("EU"), of("AP")),
            (
                Territory::Inside,
                Territory::Outside,
                Territory::Unknown,
                Territory::Unknown
            )
        );
        assert_eq!(tables.target_territory("三井住友銀行"), Territory::Inside);
    }
    for (name, rule) in [
        ("none.toml", "inside = []\n"),
        ("typo.toml", "inside = [\"CN\"]\noutsied = [\"US\"]\n"),
        ("code.toml", "inside = [\"CHN\"]\n"),
        ("twice.toml", "inside = [\"CN\"]\noutside = [\"CN\"]\n"),
        ("word.csv", "country,territory\nCN,here\n"),
        ("empty.csv", ""),
    ] {
        assert!(tables_of(Kind::Territory, name, rule).is_err(), "{name}");
    }
}

/// A prefix inside 10.0.0.0/20 or 2001:db8::/116, so that small sources overlap a lot.
fn prefixes(count: usize) -> impl Strategy<Value = Vec<(u16, u8)>> {
    proptest::collection::vec((0u16..4096, 0u8..=12), 1..count)
}

fn covers((start, bits): (u16, u8), low: u16) -> bool {
    low >> bits == start >> bits
}

/// The value of the longest prefix that covers `low`, the first of equals.
fn longest<V: Copy>(claims: &[((u16, u8), V)], low: u16) -> Option<V> {
    let covering = claims
        .iter()
        .enumerate()
        .filter(|(_, (prefix, _))| covers(*prefix, low));
    covering
        .min_by_key(|(at, (prefix, _))| (prefix.1, *at))
        .map(|(_, (_, value))| *value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn merged_tables_equal_a_brute_force_longest_prefix_match(
        regions in proptest::collection::vec((prefixes(12), 0usize..4), 1..4),
        countries in proptest::collection::vec((prefixes(12), 0usize..3), 1..4),
        asns in prefixes(30),
        v6 in any::<bool>(),
    ) {
        const CODES: [u32; 4] = [440_000, 440_100, 110_000, 810_000];
        const COUNTRIES: [&str; 3] = ["CN", "HK", "JP"];
        let text = |(start, bits): (u16, u8)| {
            // Bits behind the prefix are set on purpose: published lists have that.
            if v6 {
                format!("{}/{}", Ipv6Addr::from(0x2001_0db8 << 96 | u128::from(start)), 128 - bits)
            } else {
                format!("{}/{}", Ipv4Addr::from(0x0a00_0000 | u32::from(start)), 32 - bits)
            }
        };
        let folder = tempfile::tempdir().unwrap();
        let mut sources = Vec::new();
        let (mut region_claims, mut country_claims, mut as_claims) = (Vec::new(), Vec::new(), Vec::new());
        for (at, (prefixes, code)) in regions.iter().enumerate() {
            let lines: Vec<String> = prefixes.iter().map(|prefix| text(*prefix)).collect();
            let mut file = source(folder.path(), Kind::RegionCidr, &format!("r{at}"), &lines.join("\r\n"));
            file.name = CODES[*code].to_string();
            sources.push(file);
            region_claims.extend(prefixes.iter().map(|prefix| (*prefix, CODES[*code])));
        }
        for (at, (prefixes, code)) in countries.iter().enumerate() {
            let lines: Vec<String> = prefixes.iter().map(|prefix| text(*prefix)).collect();
            let mut file = source(folder.path(), Kind::CountryCidr, &format!("c{at}"), &lines.join("\n"));
            file.name = COUNTRIES[*code].to_owned();
            sources.push(file);
            country_claims.extend(prefixes.iter().map(|prefix| (*prefix, COUNTRIES[*code])));
        }
        let lines: Vec<String> = asns.iter().enumerate().map(|(at, prefix)| format!("{}\t{}", text(*prefix), 64_496 + at)).collect();
        sources.push(source(folder.path(), Kind::PrefixAsn, "as.dat", &lines.join("\n")));
        as_claims.extend(asns.iter().enumerate().map(|(at, prefix)| (*prefix, 64_496 + at as u32)));

        let (tables, _) = Tables::build(&sources).unwrap();
        let home = |code: u32| if code == 810_000 { "HK" } else { "CN" };
        for low in 0..4096u16 {
            let address: IpAddr = if v6 {
                Ipv6Addr::from(0x2001_0db8 << 96 | u128::from(low)).into()
            } else {
                Ipv4Addr::from(0x0a00_0000 | u32::from(low)).into()
            };
            let facts = tables.facts(tables.ip(address));
            let region = longest(&region_claims, low);
            let country = region.map(home).or_else(|| longest(&country_claims, low));
            prop_assert_eq!(facts.country, country.and_then(Country::new), "{}", address);
            prop_assert_eq!(facts.asn, longest(&as_claims, low));
            prop_assert_eq!(facts.province, region.map(|code| code / 10_000 * 10_000));
            let cities: Vec<_> = region_claims.iter().filter(|(_, code)| code % 10_000 != 0).copied().collect();
            prop_assert_eq!(facts.city, longest(&cities, low).filter(|city| Some(city / 10_000 * 10_000) == facts.province));
        }
        prop_assert_eq!(tables.ip("192.0.2.1".parse().unwrap()), 0);
    }
}
