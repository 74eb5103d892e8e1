//! Code tables with names: provinces and divisions, countries, top-level domains, holders, AS.
//!
//! The built-in part is our own small data (`data/*.csv`, see `data/README.md`); imported
//! `divisions`, `countries`, `asn-names` and MMDB files add to it and, for one code, replace it.

use model::territory::Lang;
use rustc_hash::FxHashMap;

use crate::Country;

const PROVINCES: &str = include_str!("../data/provinces.csv");
const COUNTRIES: &str = include_str!("../data/countries.csv");
const TLDS: &str = include_str!("../data/tlds.csv");
const HOLDERS: &str = include_str!("../data/holders.csv");

/// The built-in tables' text, for the fingerprint.
pub(crate) const BUILT_IN: [&str; 4] = [PROVINCES, COUNTRIES, TLDS, HOLDERS];

/// A province-level division of GB/T 2260.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Province {
    /// GB/T 2260 code, `NN0000`.
    pub code: u32,
    /// ISO 3166-2 subdivision without `CN-`, such as `GD`.
    pub iso: String,
    /// The ISO 3166-1 country that address databases give it: CN, or HK, MO, TW.
    pub country: Country,
    /// Full Chinese name, 广东省.
    pub zh: String,
    /// Chinese name as used in prose and charts, 广东.
    pub zh_short: String,
    /// English name, Guangdong.
    pub en: String,
}

/// A named holder of addresses: an operator or a cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Canonical short name, as stored: `chinatelecom`.
    pub name: String,
    /// Chinese name.
    pub zh: String,
    /// English name.
    pub en: String,
}

/// All names of a set of tables.
#[derive(Debug)]
pub(crate) struct Names {
    /// In the order of codes.
    provinces: Vec<Province>,
    /// Chinese names of imported divisions below and at province level.
    divisions: FxHashMap<u32, Box<str>>,
    /// By [`Country::index`]: English and Chinese name.
    countries: Vec<Option<(Box<str>, Box<str>)>>,
    /// Top-level domains that are not simply a country's code, lower-case A-labels.
    tlds: FxHashMap<Box<str>, Country>,
    /// Canonical holders by index.
    holders: Vec<Holder>,
    /// File name or alias to index in `holders`.
    holder_numbers: FxHashMap<String, u32>,
    /// AS number to name.
    asns: FxHashMap<u32, Box<str>>,
}

impl Names {
    /// The built-in names.
    pub fn built_in() -> Self {
        let mut names = Names {
            provinces: Vec::new(),
            divisions: FxHashMap::default(),
            countries: vec![None; Country::CODES],
            tlds: FxHashMap::default(),
            holders: Vec::new(),
            holder_numbers: FxHashMap::default(),
            asns: FxHashMap::default(),
        };
        for row in rows(PROVINCES) {
            names.provinces.push(Province {
                code: row[0].parse().expect("built-in province codes are numbers"),
                iso: row[1].trim_start_matches("CN-").to_owned(),
                country: built_in_country(&row[2]),
                zh: row[3].to_owned(),
                zh_short: row[4].to_owned(),
                en: row[5].to_owned(),
            });
        }
        for row in rows(COUNTRIES) {
            names.set_country(built_in_country(&row[0]), &row[1], Some(&row[2]));
        }
        for row in rows(TLDS) {
            names.tlds.insert(row[0].into(), built_in_country(&row[1]));
        }
        for row in rows(HOLDERS) {
            let number = match names
                .holders
                .iter()
                .position(|holder| holder.name == row[1])
            {
                Some(at) => at as u32,
                None => {
                    names.holders.push(Holder {
                        name: row[1].to_owned(),
                        zh: row[2].to_owned(),
                        en: row[3].to_owned(),
                    });
                    names.holders.len() as u32 - 1
                }
            };
            names.holder_numbers.insert(row[0].to_owned(), number);
        }
        names
    }

    /// The province of a GB/T 2260 code of any level.
    pub fn province(&self, code: u32) -> Option<&Province> {
        let code = code / 10_000 * 10_000;
        self.provinces
            .binary_search_by_key(&code, |province| province.code)
            .ok()
            .map(|at| &self.provinces[at])
    }

    /// All provinces in the order of their codes.
    pub fn provinces(&self) -> &[Province] {
        &self.provinces
    }

    /// The province of an ISO 3166-2:CN subdivision: `GD`, or `44` as before 2017.
    pub fn province_of_iso(&self, iso: &str) -> Option<u32> {
        let found = self.provinces.iter().find(|province| province.iso == iso);
        let found = found.map(|province| province.code);
        found.or_else(|| {
            self.province(iso.parse::<u32>().ok()?.checked_mul(10_000)?)
                .map(|province| province.code)
        })
    }

    /// Adds or replaces a province.
    pub fn set_province(&mut self, province: Province) {
        match self
            .provinces
            .binary_search_by_key(&province.code, |known| known.code)
        {
            Ok(at) => self.provinces[at] = province,
            Err(at) => self.provinces.insert(at, province),
        }
    }

    /// Adds or replaces a division's Chinese name.
    pub fn set_division(&mut self, code: u32, name: &str) {
        self.divisions.insert(code, name.into());
    }

    /// Chinese name of a division of any level.
    pub fn division(&self, code: u32) -> Option<&str> {
        match self.divisions.get(&code) {
            Some(name) => Some(name),
            None => self
                .province(code)
                .filter(|province| province.code == code)
                .map(|province| province.zh.as_str()),
        }
    }

    /// Adds or replaces a country's names; without a Chinese name the one there is stays.
    pub fn set_country(&mut self, country: Country, en: &str, zh: Option<&str>) {
        let slot = &mut self.countries[country.index()];
        let zh = zh
            .map(Into::into)
            .or_else(|| slot.take().map(|names| names.1))
            .unwrap_or_else(|| en.into());
        *slot = Some((en.into(), zh));
    }

    /// Name of a country.
    pub fn country(&self, country: Country, lang: Lang) -> Option<&str> {
        let (en, zh) = self.countries[country.index()].as_ref()?;
        Some(match lang {
            Lang::En => en,
            Lang::Zh => zh,
        })
    }

    /// The country of a top-level domain in lower-case A-label form; `None` for a gTLD.
    pub fn country_of_tld(&self, tld: &str) -> Option<Country> {
        let plain = Country::new(tld).filter(|country| self.countries[country.index()].is_some());
        plain.or_else(|| self.tlds.get(tld).copied())
    }

    /// Makes a top-level domain a country's: one that is not simply the country's code.
    pub fn set_tld(&mut self, tld: &str, country: Country) {
        self.tlds.insert(
            tld.trim_start_matches('.').to_ascii_lowercase().into(),
            country,
        );
    }

    /// The number of a holder by file name or alias; a new name becomes a new holder.
    pub fn holder_number(&mut self, name: &str) -> u32 {
        let name = name.to_lowercase();
        if let Some(&number) = self.holder_numbers.get(&name) {
            return number;
        }
        let number = self.holders.len() as u32;
        self.holders.push(Holder {
            name: name.clone(),
            zh: name.clone(),
            en: name.clone(),
        });
        self.holder_numbers.insert(name, number);
        number
    }

    /// The holder of a number.
    pub fn holder(&self, number: u32) -> Option<&Holder> {
        self.holders.get(number as usize)
    }

    /// Names an AS unless a better source has named it before.
    pub fn name_asn(&mut self, asn: u32, name: &str) {
        self.asns.entry(asn).or_insert_with(|| name.into());
    }

    /// Name of an AS.
    pub fn asn(&self, asn: u32) -> Option<&str> {
        self.asns.get(&asn).map(AsRef::as_ref)
    }

    /// How many AS have names.
    pub fn asn_count(&self) -> usize {
        self.asns.len()
    }
}

fn built_in_country(code: &str) -> Country {
    Country::new(code).expect("built-in country codes have two letters")
}

/// Rows of a built-in table, header left out.
pub(crate) fn rows(table: &'static str) -> impl Iterator<Item = csv::StringRecord> {
    csv::Reader::from_reader(table.as_bytes())
        .into_records()
        .map(|row| row.expect("built-in tables are well-formed, see the test below"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_tables_are_whole() {
        let names = Names::built_in();
        assert_eq!(names.provinces().len(), 34);
        assert!(names.provinces().is_sorted_by_key(|province| province.code));
        assert_eq!(names.countries.iter().flatten().count(), 249);
        let mut seen = std::collections::HashSet::new();
        for row in rows(COUNTRIES) {
            assert!(seen.insert(row[0].to_owned()), "{} twice", &row[0]);
            assert!(!row[1].is_empty() && !row[2].is_empty());
        }
        for province in names.provinces() {
            assert!(
                province.zh.starts_with(&province.zh_short),
                "{}",
                province.code
            );
        }
    }

    #[test]
    fn provinces_answer_for_every_code_below_them() {
        let names = Names::built_in();
        assert_eq!(names.province(440_100).unwrap().zh_short, "广东");
        assert_eq!(names.province(810_000).unwrap().country.as_str(), "HK");
        assert!(names.province(100_000).is_none());
        assert_eq!(names.province_of_iso("GD"), Some(440_000));
        assert_eq!(names.province_of_iso("44"), Some(440_000));
        assert_eq!(names.province_of_iso("CA"), None);
    }

    #[test]
    fn country_code_top_level_domains_have_their_country() {
        let names = Names::built_in();
        let of = |tld: &str| names.country_of_tld(tld).map(|country| country.to_string());
        assert_eq!(of("cn").as_deref(), Some("CN"));
        assert_eq!(of("xn--fiqs8s").as_deref(), Some("CN"));
        assert_eq!(of("uk").as_deref(), Some("GB"));
        assert_eq!(of("hk").as_deref(), Some("HK"));
        assert_eq!(of("com"), None);
        assert_eq!(of("xn--vuq861b"), None);
    }

    #[test]
    fn one_holder_has_many_file_names() {
        let mut names = Names::built_in();
        assert_eq!(
            names.holder_number("chinanet6"),
            names.holder_number("chinatelecom")
        );
        let new = names.holder_number("Example-Net");
        assert_eq!(names.holder(new).unwrap().name, "example-net");
    }
}
