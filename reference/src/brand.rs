//! Whom a phishing page imitates: from a source's free text to a brand, its sector and country.
//!
//! W5 counts pages *against* sites of the territory wherever the page lies (DOMAIN section 1.4), so
//! the target's country decides. Sources write targets as they like; a text is looked up as it
//! stands, then folded (case, full-width letters, blanks), then without a company form such as
//! 株式会社, 有限公司 or Inc. What is still not found has no brand: nothing is guessed.

use model::territory::Territory;
use rustc_hash::FxHashMap;

use crate::Country;
use crate::names::rows;

const BRANDS: &str = include_str!("../data/brands.csv");

/// The built-in table's text, for the fingerprint.
pub(crate) const BUILT_IN: [&str; 1] = [BRANDS];

/// A brand that phishing pages imitate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// The one name under which it is counted.
    pub name: String,
    /// Sector in one word, such as `bank`, `telecom`, `government`; may be empty.
    pub sector: String,
    /// Country whose site or public it is.
    pub country: Option<Country>,
    /// `country` by the territory rule: the target territory.
    pub territory: Territory,
}

/// Brands by every text that names them.
#[derive(Debug, Default)]
pub(crate) struct Brands {
    brands: Vec<Brand>,
    numbers: FxHashMap<String, usize>,
    by_text: FxHashMap<Box<str>, usize>,
}

impl Brands {
    /// Adds an alias of a brand. What was added first stays: imported tables come before the
    /// built-in one.
    pub fn add(&mut self, alias: &str, name: &str, sector: &str, country: Option<Country>) {
        let number = *self.numbers.entry(fold(name)).or_insert_with(|| {
            self.brands.push(Brand {
                name: name.to_owned(),
                sector: sector.to_owned(),
                country,
                territory: Territory::Unknown,
            });
            self.brands.len() - 1
        });
        for text in [alias, name] {
            let folded = fold(text);
            if !folded.is_empty() {
                self.by_text.entry(text.into()).or_insert(number);
                self.by_text.entry(folded.into()).or_insert(number);
            }
        }
    }

    /// Adds the built-in table and decides every brand's territory.
    pub fn finish(&mut self, rule: &crate::TerritoryRule) {
        for row in rows(BRANDS) {
            self.add(&row[0], &row[1], &row[2], Country::new(&row[3]));
        }
        for brand in &mut self.brands {
            brand.territory = rule.of(brand.country);
        }
    }

    /// The brand that a source's text names.
    pub fn find(&self, text: &str) -> Option<&Brand> {
        let by_text = |text: &str| self.by_text.get(text).map(|&number| &self.brands[number]);
        by_text(text).or_else(|| {
            let folded = fold(text);
            by_text(&folded).or_else(|| by_text(strip_company_form(&folded)?))
        })
    }

    /// How many brands there are.
    pub fn len(&self) -> usize {
        self.brands.len()
    }
}

/// Lower case, full-width ASCII to plain, runs of blanks to one.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for char in text.chars() {
        let char = match char {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(char as u32 - 0xfee0).unwrap_or(char),
            _ => char,
        };
        if char.is_whitespace() {
            if !folded.is_empty() && !folded.ends_with(' ') {
                folded.push(' ');
            }
        } else {
            folded.extend(char.to_lowercase());
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// Company forms, longest first where one ends another.
const COMPANY_FORMS: [&str; 17] = [
    "股份有限公司",
    "有限责任公司",
    "有限公司",
    "集团",
    "公司",
    "株式会社",
    "(株)",
    "㈱",
    " co., ltd.",
    " co.,ltd.",
    ", inc.",
    " inc.",
    " inc",
    " corporation",
    " corp.",
    " ltd.",
    " ltd",
];

/// The folded text without a company form before or behind it; `None` if it has none.
fn strip_company_form(folded: &str) -> Option<&str> {
    let stripped = COMPANY_FORMS.iter().find_map(|form| {
        folded
            .strip_suffix(form)
            .or_else(|| folded.strip_prefix(form))
    });
    stripped.map(str::trim).filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fold_to_one_brand() {
        let mut brands = Brands::default();
        brands.add("例示銀行", "Example Bank", "bank", Country::new("JP"));
        brands.finish(&crate::TerritoryRule::default());
        for text in [
            "例示銀行",
            "example bank",
            "ＥＸＡＭＰＬＥ　Bank",
            " Example  Bank ",
            "株式会社例示銀行",
            "例示銀行株式会社",
        ] {
            assert_eq!(
                brands.find(text).map(|brand| brand.name.as_str()),
                Some("Example Bank"),
                "{text}"
            );
        }
        assert!(brands.find("example").is_none());
        assert!(brands.find("").is_none());
        assert!(brands.find("株式会社").is_none());
    }

    #[test]
    fn an_imported_brand_replaces_the_built_in_one() {
        let mut brands = Brands::default();
        brands.add("Alipay", "Alipay", "payment", Country::new("SG"));
        brands.finish(&crate::TerritoryRule::default());
        assert_eq!(brands.find("Alipay").unwrap().country, Country::new("SG"));
        assert_eq!(brands.find("支付宝").unwrap().country, Country::new("SG"));
    }

    #[test]
    fn built_in_brands_are_well_formed() {
        for row in rows(BRANDS) {
            assert_eq!(row.len(), 4, "{row:?}");
            assert!(
                !row[1].is_empty() && Country::new(&row[3]).is_some(),
                "{row:?}"
            );
        }
    }
}
