//! The kinds of reference files: the KIND of `watchfire reference import KIND FILE...`.
//!
//! A plain table: what each kind takes and, where several kinds answer the same question about an
//! address, which is asked first. Reading each kind is one file under `import`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// What a reference file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// CIDR prefixes of one Chinese province or city.
    RegionCidr,
    /// CIDR prefixes of one country.
    CountryCidr,
    /// CIDR prefixes of one operator, cloud or other holder.
    HolderCidr,
    /// Prefix to origin AS.
    PrefixAsn,
    /// AS number to name.
    AsnNames,
    /// MaxMind DB of countries, cities, ASNs or ISPs.
    Mmdb,
    /// Delegation statistics of a regional internet registry.
    RirDelegated,
    /// The Public Suffix List.
    PublicSuffix,
    /// GB/T 2260 division codes and names.
    Divisions,
    /// ISO 3166 country names.
    Countries,
    /// Brands and whom they belong to.
    Brands,
    /// Domain suffixes of governments, schools and banks, and of countries.
    OwnerClass,
    /// A MISP warning list.
    Warninglist,
    /// Which countries are inside the reporting territory.
    Territory,
}

/// One row of the table of kinds.
#[derive(Clone, Copy, Debug)]
pub struct KindSpec {
    /// The kind.
    pub kind: Kind,
    /// Its name on the command line and in the configuration.
    pub name: &'static str,
    /// What the file must be, one line for `--help` and the documentation.
    pub takes: &'static str,
    /// Default order among the sources of one field of an address: lower is asked first.
    pub rank: u16,
}

/// Every kind, in the order of the documentation.
pub const KINDS: &[KindSpec] = &[
    spec(
        Kind::RegionCidr,
        "region-cidr",
        "one CIDR a line, file named by GB/T 2260 code: 440000.txt is a province, 440100.txt a city, 100000.txt the nation",
        10,
    ),
    spec(
        Kind::CountryCidr,
        "country-cidr",
        "one CIDR a line, file named by ISO 3166 code: JP.txt; or JSON with countryCode and prefixes",
        20,
    ),
    spec(
        Kind::HolderCidr,
        "holder-cidr",
        "one CIDR a line, file named by operator or cloud: chinatelecom.txt",
        10,
    ),
    spec(
        Kind::PrefixAsn,
        "prefix-asn",
        "prefix, tab, AS number (pyasn format; ; and # begin comments)",
        10,
    ),
    spec(
        Kind::AsnNames,
        "asn-names",
        "JSON object of AS number to name, or CSV asn,name",
        10,
    ),
    spec(
        Kind::Mmdb,
        "mmdb",
        "MaxMind DB file: country, city, ASN or ISP",
        30,
    ),
    spec(
        Kind::RirDelegated,
        "rir-delegated",
        "delegated or delegated-extended statistics of a registry",
        40,
    ),
    spec(
        Kind::PublicSuffix,
        "public-suffix",
        "public_suffix_list.dat",
        10,
    ),
    spec(
        Kind::Divisions,
        "divisions",
        "CSV code,name with GB/T 2260 codes of 2, 4 or 6 digits; with a column country also provinces of one's own",
        10,
    ),
    spec(
        Kind::Countries,
        "countries",
        "ISO 3166 CSV with the columns alpha-2 and name, optionally zh and tld",
        10,
    ),
    spec(Kind::Brands, "brands", "CSV alias,brand,sector,country", 10),
    spec(
        Kind::OwnerClass,
        "owner-class",
        "CSV suffix,class,country with class one of government, education, bank, other; country, where names below the suffix count as registered, may be left out",
        10,
    ),
    spec(
        Kind::Warninglist,
        "warninglist",
        "MISP warning list JSON of type string, hostname, cidr, substring or simple regex",
        10,
    ),
    spec(
        Kind::Territory,
        "territory",
        "TOML with inside = [\"CN\"], optionally outside and unknown; or CSV country,territory",
        10,
    ),
];

const fn spec(kind: Kind, name: &'static str, takes: &'static str, rank: u16) -> KindSpec {
    KindSpec {
        kind,
        name,
        takes,
        rank,
    }
}

impl Kind {
    /// This kind's row of the table.
    pub fn spec(self) -> &'static KindSpec {
        &KINDS[self as usize]
    }

    /// Its name on the command line and in the configuration.
    pub fn as_str(self) -> &'static str {
        self.spec().name
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = Error;

    /// Reads the name of a kind.
    ///
    /// # Errors
    /// [`Error::UnknownKind`], naming those there are.
    fn from_str(name: &str) -> Result<Self, Error> {
        KINDS
            .iter()
            .find(|spec| spec.name == name)
            .map(|spec| spec.kind)
            .ok_or_else(|| {
                let known: Vec<&str> = KINDS.iter().map(|spec| spec.name).collect();
                Error::UnknownKind {
                    name: name.to_owned(),
                    known: known.join(", "),
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum_and_names_are_unique() {
        for (at, spec) in KINDS.iter().enumerate() {
            assert_eq!(spec.kind as usize, at);
            assert_eq!(spec.name.parse::<Kind>().unwrap(), spec.kind);
            assert_eq!(
                serde_json::to_string(&spec.kind).unwrap(),
                format!("{:?}", spec.name)
            );
        }
        assert!(
            "geo"
                .parse::<Kind>()
                .unwrap_err()
                .to_string()
                .contains("region-cidr")
        );
    }
}
