//! The demo's reference tables: files as others would publish them, printed from the address plan.
//!
//! They are imported like any other, so that the demo's addresses have provinces, operators and
//! countries, its brands a sector, its domains a suffix, and its top sites a warning.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::Result;
use serde_json::{Map, json};

use super::country::{CODE, Country, NAME_EN, NAME_ZH};
use super::files::Files;
use super::reports;

/// Folder of the tables below the workspace.
pub const FOLDER: &str = "reference-sources";

/// Kind, name and paths of every `[[reference]]` entry, in the order of the configuration.
pub const ENTRIES: &[(&str, &str, &str)] = &[
    (
        "shadowserver-schema",
        "demo-report-schema",
        "shadowserver/schema.json",
    ),
    ("region-cidr", "provinces", "region-cidr/*.txt"),
    ("country-cidr", "countries", "country-cidr/*.txt"),
    ("holder-cidr", "operators", "holder-cidr/*.txt"),
    ("prefix-asn", "prefixes", "prefix-asn.tsv"),
    ("asn-names", "as-names", "asn-names.json"),
    ("divisions", "division-names", "divisions.csv"),
    ("countries", "country-names", "countries.csv"),
    ("public-suffix", "suffixes", "public_suffix_list.dat"),
    ("owner-class", "owners", "owner-class.csv"),
    ("brands", "brands", "brands.csv"),
    ("warninglist", "warnings", "warninglists/*.json"),
];

/// Sites of the country that everybody uses; a hit on one of them is never counted unseen.
pub const TOP_SITES: [&str; 8] = [
    "lanji.example",
    "zwfw.gov.example",
    "landi.example",
    "lyra.example",
    "fuyun.example.net",
    "posts.example",
    "xiaoxi.example",
    "shiguang.example",
];

/// Writes all tables.
///
/// # Errors
/// If a file cannot be written.
pub fn write(country: &Country, files: &Files) -> Result<()> {
    let write = |path: &str, text: String| files.write(&format!("{FOLDER}/{path}"), text);
    write("shadowserver/schema.json", reports::schema())?;
    prefixes(country, &write)?;

    let mut text = String::from("code,name,country,iso,zh_short,en\n");
    for province in &country.provinces {
        writeln!(
            text,
            "{},{},{CODE},{},{},{}",
            province.code, province.zh, province.iso, province.zh_short, province.en
        )?;
    }
    write("divisions.csv", text)?;

    // The country's own top-level domain, and those of its neighbors, among the reserved ones.
    let mut text = format!("alpha-2,name,zh,tld\n{CODE},{NAME_EN},{NAME_ZH},example\n");
    for (at, neighbor) in country.neighbors.iter().enumerate() {
        let tld = ["test", "invalid"].get(at).unwrap_or(&"");
        writeln!(
            text,
            "{},{},{},{tld}",
            neighbor.code, neighbor.en, neighbor.zh
        )?;
    }
    write("countries.csv", text)?;

    write("public_suffix_list.dat", SUFFIXES.to_owned())?;
    write(
        "owner-class.csv",
        "suffix,class\ngov.example,government\nedu.example,education\nbank.example,bank\n"
            .to_owned(),
    )?;

    let mut text = String::from("brand,alias,sector,country\n");
    for brand in &country.brands {
        for alias in [brand.zh, brand.slug] {
            writeln!(
                text,
                "{},{alias},{},{}",
                brand.en, brand.sector, brand.country
            )?;
        }
    }
    write("brands.csv", text)?;

    let list = |name: &str, kind: &str, attributes: &[&str], list: &[String]| {
        let list = json!({
            "name": name,
            "description": "Written for the Watchfire demo.",
            "version": 20_260_601,
            "type": kind,
            "matching_attributes": attributes,
            "list": list,
        });
        serde_json::to_string_pretty(&list).expect("a tree of texts is JSON") + "\n"
    };
    let sites: Vec<String> = TOP_SITES.iter().map(|site| (*site).to_owned()).collect();
    let attributes = ["hostname", "domain", "url", "domain|ip"];
    write(
        "warninglists/canglan-top-sites.json",
        list(
            "Sites that everybody in Canglan uses",
            "hostname",
            &attributes,
            &sites,
        ),
    )?;
    let resolvers = ["198.18.0.53", "198.19.0.53", "10.0.0.53", "100.64.0.53"].map(str::to_owned);
    write(
        "warninglists/canglan-resolvers.json",
        list(
            "Public resolvers of Canglan",
            "string",
            &["ip-src", "ip-dst"],
            &resolvers,
        ),
    )
}

fn prefixes(country: &Country, write: &impl Fn(&str, String) -> Result<()>) -> Result<()> {
    let cidr = |first: u32, length: u8| format!("{}/{length}", Ipv4Addr::from(first));
    let v6 = |province: usize| {
        format!(
            "{}/32",
            Ipv6Addr::from(u128::from(Country::v6_prefix(province, 0)) << 64)
        )
    };
    let lines = |mut lines: Vec<String>| {
        lines.push(String::new());
        lines.join("\n")
    };
    for (at, province) in country.provinces.iter().enumerate() {
        let mut prefixes: Vec<String> = country
            .blocks
            .iter()
            .filter(|block| block.province == Some(at))
            .map(|block| cidr(block.first, block.length))
            .collect();
        prefixes.push(v6(at));
        write(
            &format!("region-cidr/{}.txt", province.code),
            lines(prefixes),
        )?;
    }
    let mut inside: Vec<String> = country
        .blocks
        .iter()
        .filter(|block| block.country == CODE)
        .map(|block| cidr(block.first, block.length))
        .collect();
    inside.extend((0..country.provinces.len()).map(v6));
    write(&format!("country-cidr/{CODE}.txt"), lines(inside))?;
    for neighbor in &country.neighbors {
        let theirs = country
            .blocks
            .iter()
            .filter(|block| block.country == neighbor.code);
        write(
            &format!("country-cidr/{}.txt", neighbor.code),
            lines(
                theirs
                    .map(|block| cidr(block.first, block.length))
                    .collect(),
            ),
        )?;
    }
    for (at, operator) in country.operators.iter().enumerate() {
        let theirs = country
            .blocks
            .iter()
            .filter(|block| block.operator == Some(at));
        let mut prefixes: Vec<String> = theirs
            .map(|block| cidr(block.first, block.length))
            .collect();
        if operator.id == "xitong" {
            prefixes.extend((0..country.provinces.len()).map(v6));
        }
        write(&format!("holder-cidr/{}.txt", operator.id), lines(prefixes))?;
    }
    let mut table = String::from("; Prefix to origin AS, Canglan demo\n");
    for block in &country.blocks {
        writeln!(table, "{}\t{}", cidr(block.first, block.length), block.asn)?;
    }
    let mobile = country
        .operators
        .iter()
        .find(|operator| operator.id == "xitong")
        .map_or(0, |operator| operator.asn);
    for province in 0..country.provinces.len() {
        writeln!(table, "{}\t{mobile}", v6(province))?;
    }
    write("prefix-asn.tsv", table)?;
    let mut names = Map::new();
    for operator in &country.operators {
        names.insert(
            operator.asn.to_string(),
            json!(format!(
                "{} {} {}, {CODE}",
                operator.id.to_uppercase(),
                operator.zh,
                operator.en
            )),
        );
    }
    for neighbor in &country.neighbors {
        for (asn, name) in neighbor.asns {
            names.insert(asn.to_string(), json!(format!("{name}, {}", neighbor.code)));
        }
    }
    write(
        "asn-names.json",
        serde_json::to_string_pretty(&names)? + "\n",
    )
}

/// What counts as a public suffix in this world. Reserved domains are all there is, so the three
/// `example` domains stand for the generic ones and each name below them is a registration.
const SUFFIXES: &str = "\
// Public suffixes of the Watchfire demo. Reserved domains only (RFC 2606).
// ===BEGIN ICANN DOMAINS===
com
net
org
example
com.example
net.example
org.example
gov.example
edu.example
bank.example
test
invalid
// ===END ICANN DOMAINS===
// ===BEGIN PRIVATE DOMAINS===
example.com
example.net
example.org
// ===END PRIVATE DOMAINS===
";
