//! Times the lookups over the founding data: `WATCHFIRE_DATA=... cargo run --release -p reference
//! --example lookup`. Prints load time, table sizes and nanoseconds a lookup; not a test.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Instant;

use reference::{Kind, Scratch, SourceFile, Tables};

fn main() {
    let data = std::env::var_os("WATCHFIRE_DATA")
        .map(PathBuf::from)
        .expect("WATCHFIRE_DATA names the data folder");
    let geo = data.join("geo");
    let mut sources = Vec::new();
    let mut add = |kind, folder: &Path, ending: &str| {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
            .expect("the folder is there")
            .flatten()
            .map(|entry| entry.path())
            .collect();
        paths.retain(|path| {
            path.to_string_lossy().ends_with(ending)
                && path.metadata().is_ok_and(|meta| meta.len() > 0)
        });
        paths.sort();
        sources.extend(paths.into_iter().map(|path| SourceFile::new(kind, path)));
    };
    add(Kind::RegionCidr, &geo.join("cn-region-cidr"), "00.txt");
    add(Kind::CountryCidr, &geo.join("country-cidr"), "");
    add(Kind::HolderCidr, &geo.join("cn-isp-cidr"), ".txt");
    add(Kind::HolderCidr, &geo.join("cn-operator"), ".txt");
    add(Kind::PrefixAsn, &geo.join("asn"), ".dat.gz");
    add(Kind::AsnNames, &geo.join("asn"), "asnames.json.gz");
    add(Kind::RirDelegated, &geo.join("rir"), ".gz");
    add(
        Kind::PublicSuffix,
        &geo.join("psl"),
        "public_suffix_list.dat",
    );
    add(
        Kind::Warninglist,
        &data.join("reference/warninglists"),
        ".json.gz",
    );

    let start = Instant::now();
    let (tables, report) = Tables::build(&sources).expect("the founding data build");
    println!(
        "load: {} files in {:.0?}",
        report.files.len(),
        start.elapsed()
    );
    println!(
        "{} IPv4 ranges, {} IPv6 ranges, {} fact sets, {} site names",
        report.ranges_v4, report.ranges_v6, report.fact_sets, report.site_names
    );

    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    };
    let known: Vec<(IpAddr, IpAddr, u32)> = tables.ip_ranges().collect();
    let scattered: Vec<IpAddr> = (0..1_000_000)
        .map(|_| known[next() as usize % known.len()].0)
        .collect();
    let random: Vec<IpAddr> = (0..1_000_000)
        .map(|_| Ipv4Addr::from(next() as u32).into())
        .collect();
    let near: Vec<IpAddr> = (0..1_000_000)
        .map(|_| Ipv4Addr::from(0x0101_0000 | next() as u32 & 0xffff).into())
        .collect();
    let v6: Vec<IpAddr> = (0..1_000_000)
        .map(|_| Ipv6Addr::from(0x2400 << 112 | u128::from(next()) << 48).into())
        .collect();
    for (name, addresses) in [
        ("ip, start of a random known range", &scattered),
        ("ip, random IPv4", &random),
        ("ip, one /16", &near),
        ("ip, random IPv6", &v6),
    ] {
        time(name, addresses.len(), || {
            addresses.iter().fold(0u64, |sum, address| {
                sum + u64::from(tables.facts(tables.ip(*address)).asn.unwrap_or(0))
            })
        });
    }

    let hosts: Vec<String> = (0..200_000)
        .map(|at| match at % 4 {
            0 => format!("www.site{}.com", next() % 50_000),
            1 => format!("a{}.b{}.com.cn", next() % 1000, next() % 50_000),
            2 => format!("login.shop{}.xyz", next() % 50_000),
            _ => format!("x{}.dept.gov.cn", next() % 50_000),
        })
        .collect();
    let shouted: Vec<String> = hosts.iter().map(|host| host.to_uppercase()).collect();
    let mut scratch = Scratch::default();
    for (name, hosts) in [("site, plain host", &hosts), ("site, capitals", &shouted)] {
        time(name, hosts.len(), || {
            hosts.iter().fold(0u64, |sum, host| {
                sum + tables
                    .site(host, &mut scratch)
                    .and_then(|site| site.domain)
                    .map_or(0, str::len) as u64
            })
        });
    }
    let empty = Tables::empty();
    time("site, compiled suffix list", hosts.len(), || {
        hosts.iter().fold(0u64, |sum, host| {
            sum + empty
                .site(host, &mut scratch)
                .and_then(|site| site.domain)
                .map_or(0, str::len) as u64
        })
    });
    time("brand", 1_000_000, || {
        (0..1_000_000).fold(0u64, |sum, at| {
            sum + u64::from(
                tables
                    .brand(["楽天", "Amazon", "no such brand", "中国银行"][at % 4])
                    .is_some(),
            )
        })
    });
}

fn time(name: &str, count: usize, mut run: impl FnMut() -> u64) {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        black_box(run());
        best = best.min(start.elapsed().as_nanos() as f64 / count as f64);
    }
    println!("{best:8.1} ns  {name}");
}
