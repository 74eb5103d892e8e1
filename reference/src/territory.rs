//! Which countries are inside the reporting territory, and where a domain counts as registered.
//!
//! The default is the reading of DOMAIN section 1.4: mainland China (`CN`) is inside (境内); Hong
//! Kong, Macao and Taiwan and every other country are outside (境外); no country is unknown. A CERT
//! elsewhere imports its own rule of kind `territory`:
//!
//! ```toml
//! inside = ["DE"]
//! outside = []          # optional, only to contradict `unknown`
//! unknown = ["EU", "AP"] # codes that name no one country
//! ```
//!
//! Registration (H3) goes by the top-level domain: a ccTLD counts as registered in its country
//! (`.cn` and `.中国` inside, `.hk` outside by the default rule), a gTLD is unknown, because nothing
//! in the name tells where its registrant is. A table of kind `owner-class` may give longer suffixes a
//! country. A registration record, once one is held, should replace this fall-back.

use model::territory::Territory;

use crate::Country;

/// The rule from country to territory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerritoryRule {
    /// By [`Country::index`]; codes not named in the rule are outside.
    by_country: [Territory; Country::CODES],
}

/// Codes that registries and databases use for "somewhere in a region" or "nowhere": they prove no
/// country. `EU` is not among them, as no reading of the default rule puts it inside.
const NO_COUNTRY: [&str; 5] = ["AP", "ZZ", "XX", "QM", "XZ"];

impl Default for TerritoryRule {
    fn default() -> Self {
        let mut rule = TerritoryRule {
            by_country: [Territory::Outside; Country::CODES],
        };
        for code in NO_COUNTRY {
            rule.set(Country::new(code).expect("two letters"), Territory::Unknown);
        }
        rule.set(Country::new("CN").expect("two letters"), Territory::Inside);
        rule
    }
}

impl TerritoryRule {
    /// A rule with nothing inside yet: the start of an imported one.
    pub(crate) fn blank() -> Self {
        let mut rule = TerritoryRule::default();
        rule.set(Country::new("CN").expect("two letters"), Territory::Outside);
        rule
    }

    /// Says where a country lies.
    pub(crate) fn set(&mut self, country: Country, territory: Territory) {
        self.by_country[country.index()] = territory;
    }

    /// Where a country lies; no country is [`Territory::Unknown`].
    pub fn of(&self, country: Option<Country>) -> Territory {
        country.map_or(Territory::Unknown, |country| {
            self.by_country[country.index()]
        })
    }

    /// The countries inside, in the order of their codes.
    pub fn inside(&self) -> impl Iterator<Item = Country> {
        (0..Country::CODES as u32)
            .map(Country::from_index)
            .filter(|country| self.of(Some(*country)) == Territory::Inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mainland_is_inside_hong_kong_macao_and_taiwan_are_outside() {
        let rule = TerritoryRule::default();
        let of = |code: &str| rule.of(Country::new(code));
        assert_eq!(of("CN"), Territory::Inside);
        for code in ["HK", "MO", "TW", "US", "EU"] {
            assert_eq!(of(code), Territory::Outside, "{code}");
        }
        assert_eq!(of("AP"), Territory::Unknown);
        assert_eq!(rule.of(None), Territory::Unknown);
        assert_eq!(
            rule.inside()
                .map(|country| country.to_string())
                .collect::<Vec<_>>(),
            ["CN"]
        );
    }
}
