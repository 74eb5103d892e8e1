//! The compiled tables: built once from imported files, then only read.
//!
//! [`Tables`] is plain immutable data without locks: share it in an `Arc` between all workers. The
//! names a lookup gives back borrow from it. What the tables were built from is in the
//! [`BuildReport`] and, as one hash, in [`Tables::fingerprint`].

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use model::territory::{Lang, Territory};
use serde::Serialize;

use crate::brand::{self, Brand, Brands};
use crate::import::{self, Draft, Job};
use crate::ip::{FactsIndex, IpFacts, IpTable};
use crate::names::{self, Holder, Names, Province};
use crate::read::{self, Tally};
use crate::site::{self, Scratch, SiteFacts, SiteTable, clean_name, url_host};
use crate::territory::TerritoryRule;
use crate::warning::{WarningKind, WarningList, WarningSet, Warnings};
use crate::{Country, Error, Kind};

/// Raised whenever the same files would give other answers; part of the fingerprint.
const TABLES_VERSION: u32 = 1;

/// A reference file to build tables from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// What it holds.
    pub kind: Kind,
    /// Its name without endings: the region, country or holder of the kinds that go by it.
    pub name: String,
    /// Which delivery it belongs to, where several bring files of one kind and name: two publishers'
    /// lists of the same operator, for instance. Plays no part in lookups.
    pub set: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Order among the sources of one field of an address: the lower is asked first, and files of
    /// one rank are one source, in which the longer prefix wins. `None` takes the kind's default.
    pub rank: Option<u16>,
    /// BLAKE3 it must have, where it is known.
    pub hash: Option<[u8; 32]>,
}

impl SourceFile {
    /// A file that goes by its own name and its kind's default rank.
    pub fn new(kind: Kind, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        SourceFile {
            kind,
            name: name_of(&path),
            set: String::new(),
            path,
            rank: None,
            hash: None,
        }
    }

    fn rank(&self) -> u16 {
        self.rank.unwrap_or(self.kind.spec().rank)
    }
}

/// A file's name without folder, packing (`.gz`, `.zst`) and one more ending.
fn name_of(path: &Path) -> String {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let unpacked = [".gz", ".zst", ".zstd"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(&name);
    match unpacked.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => unpacked.to_owned(),
    }
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its set, mostly empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub set: String,
    /// Where it lay.
    pub path: PathBuf,
    /// BLAKE3 of the file as it lies on disk, hexadecimal.
    pub hash: String,
    /// Lines, entries or networks in use.
    pub records: u64,
    /// Lines that say nothing we keep.
    pub unused: u64,
    /// Lines that could not be read.
    pub rejected: u64,
    /// The first of them as `file:line: reason`, at most [`crate::KEPT_PROBLEMS`].
    pub problems: Vec<String>,
}

/// What became of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BuildReport {
    /// One entry a file, in the order in which they were asked.
    pub files: Vec<FileReport>,
    /// Merged IPv4 ranges.
    pub ranges_v4: usize,
    /// Merged IPv6 ranges.
    pub ranges_v6: usize,
    /// Distinct sets of facts about addresses.
    pub fact_sets: usize,
    /// Names in the site table.
    pub site_names: usize,
    /// Named AS.
    pub asn_names: usize,
    /// Brands, built-in ones included.
    pub brands: usize,
}

/// All reference tables, compiled.
#[derive(Debug)]
pub struct Tables {
    ip: IpTable,
    names: Names,
    sites: SiteTable,
    brands: Brands,
    warnings: Warnings,
    rule: TerritoryRule,
    fingerprint: [u8; 32],
}

impl Default for Tables {
    fn default() -> Self {
        Tables::empty()
    }
}

impl Tables {
    /// Tables of the built-in data alone: no address has facts; names, suffixes, owner classes,
    /// brands and the default territory rule answer.
    pub fn empty() -> Self {
        Tables::compile(Draft::new(), hasher().finalize().into())
    }

    /// Builds tables from files.
    ///
    /// # Errors
    /// The first file that cannot be used at all, see [`Error`]; bad lines are no error but counted
    /// in the report.
    pub fn build(files: &[SourceFile]) -> Result<(Self, BuildReport), Error> {
        let mut order: Vec<&SourceFile> = files.iter().collect();
        // Divisions come first: region lists go by them.
        order.sort_by_key(|file| (file.kind != Kind::Divisions, file.rank()));
        let mut draft = Draft::new();
        let mut report = BuildReport::default();
        let mut hasher = hasher();
        for (ordinal, file) in order.into_iter().enumerate() {
            let (read, hash) = read_into(file, ordinal, &mut draft)?;
            for text in [
                file.kind.as_str().as_bytes(),
                file.name.as_bytes(),
                &file.rank().to_le_bytes(),
                &hash,
            ] {
                hasher
                    .update(&(text.len() as u64).to_le_bytes())
                    .update(text);
            }
            report.files.push(read);
        }
        let tables = Tables::compile(draft, hasher.finalize().into());
        (report.ranges_v4, report.ranges_v6) = tables.ip.range_counts();
        report.fact_sets = tables.ip.facts_count();
        report.site_names = tables.sites.len();
        report.asn_names = tables.names.asn_count();
        report.brands = tables.brands.len();
        Ok((tables, report))
    }

    /// Reads one file as [`Tables::build`] would and keeps nothing: what importing it would give.
    ///
    /// # Errors
    /// As [`Tables::build`].
    pub fn check(file: &SourceFile) -> Result<FileReport, Error> {
        let mut draft = Draft {
            alone: true,
            ..Draft::new()
        };
        read_into(file, 0, &mut draft).map(|(report, _)| report)
    }

    fn compile(draft: Draft, fingerprint: [u8; 32]) -> Self {
        let Draft {
            ip,
            names,
            sites,
            mut brands,
            warnings,
            rule,
            alone: _,
        } = draft;
        let rule = rule.unwrap_or_default();
        brands.finish(&rule);
        let ip = IpTable::build(ip, &names, &rule);
        Tables {
            ip,
            names,
            sites,
            brands,
            warnings,
            rule,
            fingerprint,
        }
    }

    /// Number of the facts about an address; see [`Tables::facts`]. One search, no allocation.
    #[inline]
    pub fn ip(&self, address: IpAddr) -> FactsIndex {
        self.ip.find(address)
    }

    /// The facts of a number. Equal facts have equal numbers, so a column of numbers groups well.
    #[inline]
    pub fn facts(&self, index: FactsIndex) -> &IpFacts {
        self.ip.facts(index)
    }

    /// How many sets of facts there are: numbers lie below this, so that a caller may prepare a value
    /// for each (a dictionary column, for instance).
    pub fn facts_count(&self) -> usize {
        self.ip.facts_count()
    }

    /// The merged ranges of which something is known: first and last address and facts.
    pub fn ip_ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr, FactsIndex)> {
        self.ip.ranges()
    }

    /// What a host name tells; `None` if the text is neither a host name nor an address. Allocates
    /// only for names that must be rewritten, into `scratch`.
    pub fn site<'a>(&self, host: &'a str, scratch: &'a mut Scratch) -> Option<SiteFacts<'a>> {
        let mut facts = self.sites.find(host, scratch, &self.names, &self.rule)?;
        if let Some(address) = facts.address {
            facts.warnings = self.facts(self.ip(address)).warnings;
        } else if !self.warnings.substrings.is_empty() {
            facts.warnings = facts
                .warnings
                .union(self.warnings.find(WarningKind::Host, facts.host));
        }
        Some(facts)
    }

    /// The brand that a source's text of a phishing target names.
    pub fn brand(&self, text: &str) -> Option<&Brand> {
        self.brands.find(text)
    }

    /// Where a phishing page aims: the territory of the brand that the text names.
    pub fn target_territory(&self, text: &str) -> Territory {
        self.brand(text)
            .map_or(Territory::Unknown, |brand| brand.territory)
    }

    /// Where a country lies by the territory rule.
    pub fn territory(&self, country: Option<Country>) -> Territory {
        self.rule.of(country)
    }

    /// The territory rule in force.
    pub fn territory_rule(&self) -> &TerritoryRule {
        &self.rule
    }

    /// The country of a top-level domain in lower-case A-label form; `None` for a gTLD.
    pub fn tld_country(&self, tld: &str) -> Option<Country> {
        self.names.country_of_tld(tld)
    }

    /// Province of a GB/T 2260 code of any level.
    pub fn province(&self, code: u32) -> Option<&Province> {
        self.names.province(code)
    }

    /// All provinces in the order of their codes.
    pub fn provinces(&self) -> &[Province] {
        self.names.provinces()
    }

    /// Name of the province of a code as used in prose: 广东, Guangdong.
    pub fn province_name(&self, code: u32, lang: Lang) -> Option<&str> {
        let province = self.names.province(code)?;
        Some(match lang {
            Lang::Zh => &province.zh_short,
            Lang::En => &province.en,
        })
    }

    /// Chinese name of a division of any level; cities and counties need an imported table.
    pub fn division_name(&self, code: u32) -> Option<&str> {
        self.names.division(code)
    }

    /// Name of a country.
    pub fn country_name(&self, country: Country, lang: Lang) -> Option<&str> {
        self.names.country(country, lang)
    }

    /// The two letters of a country's English name as lists write it, or of themselves.
    pub fn country_named(&self, name: &str) -> Option<String> {
        // Names that lists use and the standard does not.
        const OTHERS: [(&str, &str); 4] = [
            ("south korea", "KR"),
            ("united states", "US"),
            ("united kingdom", "GB"),
            ("russia", "RU"),
        ];
        let name = name.trim();
        let letters = b'A'..=b'Z';
        let mut codes = letters
            .clone()
            .flat_map(|a| letters.clone().map(move |b| [a, b]))
            .filter_map(|code| Country::new(std::str::from_utf8(&code).ok()?));
        let lower = name.to_lowercase();
        let other = OTHERS.iter().find(|(other, _)| *other == lower);
        let same = |code: &Country| {
            let named = self.country_name(*code, Lang::En);
            named.is_some_and(|own| own.to_lowercase() == lower || code.as_str() == name)
        };
        match other {
            Some((_, code)) => Some((*code).to_owned()),
            None => codes.find(same).map(|code| code.to_string()),
        }
    }

    /// Canonical name of a holder, as stored with events: `chinatelecom`.
    pub fn holder_name(&self, holder: u32) -> Option<&str> {
        self.names.holder(holder).map(|holder| holder.name.as_str())
    }

    /// A holder with its printed names.
    pub fn holder(&self, holder: u32) -> Option<&Holder> {
        self.names.holder(holder)
    }

    /// Name of an AS.
    pub fn asn_name(&self, asn: u32) -> Option<&str> {
        self.names.asn(asn)
    }

    /// Warning lists that name a value. For addresses and hosts met while enriching, the warnings
    /// are already in [`IpFacts`] and [`SiteFacts`].
    pub fn warning(&self, kind: WarningKind, value: &str) -> WarningSet {
        let value = value.trim();
        let host = |host: &str| {
            self.site(host, &mut Scratch::default())
                .map(|site| site.warnings)
                .unwrap_or_default()
        };
        let listed = match kind {
            WarningKind::Ip => value
                .parse()
                .map(|address| self.facts(self.ip(address)).warnings)
                .unwrap_or_default(),
            WarningKind::Host => host(value),
            WarningKind::Url => url_host(value).map(host).unwrap_or_default(),
            WarningKind::Hash => WarningSet::default(),
        };
        listed.union(self.warnings.find(kind, &value.to_lowercase()))
    }

    /// A warning list by its number in a [`WarningSet`].
    pub fn warning_list(&self, list: usize) -> Option<&WarningList> {
        self.warnings.lists.get(list)
    }

    /// All warning lists, by number.
    pub fn warning_lists(&self) -> &[WarningList] {
        &self.warnings.lists
    }

    /// Hash over the built-in data, all files in use with their kind, name and rank, and the version
    /// of this code: equal fingerprints answer alike. Stored with every part of the lake.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The form of a host name that everything is keyed by: lower-case A-labels without a trailing
    /// dot. `None` for addresses and for what is no name.
    pub fn clean_host(host: &str) -> Option<String> {
        clean_name(host)
    }
}

fn hasher() -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&TABLES_VERSION.to_le_bytes());
    for table in names::BUILT_IN
        .iter()
        .chain(&site::BUILT_IN)
        .chain(&brand::BUILT_IN)
    {
        hasher
            .update(&(table.len() as u64).to_le_bytes())
            .update(table.as_bytes());
    }
    hasher
}

/// A rank with an order inside it, as claims carry it.
pub(crate) fn ranked(rank: u16, order: u32) -> u32 {
    u32::from(rank) << 16 | order
}

/// Reads one file into the draft; `ordinal` is its place among all files.
fn read_into(
    file: &SourceFile,
    ordinal: usize,
    draft: &mut Draft,
) -> Result<(FileReport, [u8; 32]), Error> {
    let input = read::open(&file.path)?;
    if file.hash.is_some_and(|hash| hash != input.hash) {
        return Err(Error::Changed {
            path: file.path.clone(),
            kind: file.kind,
        });
    }
    // Lists of one rank compete by prefix length. MMDB files are flat, so among several the first
    // simply wins.
    let order = if file.kind == Kind::Mmdb {
        ordinal.min(0xffff) as u32
    } else {
        0
    };
    let job = Job {
        kind: file.kind,
        name: &file.name,
        rank: ranked(file.rank(), order),
        default_rank: file.rank.is_none(),
    };
    let mut tally = Tally::new(&file.path);
    import::read(&input, &job, draft, &mut tally)?;
    let report = FileReport {
        kind: file.kind,
        name: file.name.clone(),
        set: file.set.clone(),
        path: file.path.clone(),
        hash: blake3::Hash::from(input.hash).to_hex().to_string(),
        records: tally.records,
        unused: tally.unused,
        rejected: tally.rejected,
        problems: tally.problems,
    };
    Ok((report, input.hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_packing_and_one_ending() {
        for (path, name) in [
            ("/x/440100.txt", "440100"),
            ("US.txt.gz", "US"),
            ("tranco10k.json.zst", "tranco10k"),
            ("delegated-apnic-latest.gz", "delegated-apnic-latest"),
            ("chinanet", "chinanet"),
            (".hidden", ".hidden"),
        ] {
            assert_eq!(name_of(Path::new(path)), name);
        }
    }

    #[test]
    fn empty_tables_answer_from_built_in_data() {
        let tables = Tables::empty();
        assert_eq!(tables.ip("192.0.2.1".parse().unwrap()), 0);
        assert_eq!(tables.facts(0), &IpFacts::default());
        assert_eq!(tables.facts(9), &IpFacts::default());
        assert_eq!(tables.province_name(440_000, Lang::Zh), Some("广东"));
        assert_eq!(tables.fingerprint(), Tables::empty().fingerprint());
        assert_ne!(tables.fingerprint(), [0; 32]);
        fn shared<T: Send + Sync>() {}
        shared::<Tables>();
    }
}
