//! The week's vulnerabilities in the order in which a reader should look at them: what is known to be
//! exploited first, then what is likely to be, then what is worst.
//!
//! The national database's records are joined, by CVE id, with what other feeds say of them: a catalog of
//! exploited vulnerabilities (KEV), exploit predictions (EPSS), published CVSS scores. Scores are printed as
//! published; the `cvss` crate computes what each vector comes to, and where both disagree it is said.
//! Nothing here does arithmetic of its own on a score. The list is part of the frozen week, so it can be
//! made again.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use jiff::civil::Date;
use lake::arrow::array::RecordBatch;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::columns::{TextColumn, TimeColumn};
use crate::Error;
use crate::sections::words::is_han;

/// Entries of the list.
pub const LISTED: usize = 10;
/// Columns that the scans of it select.
pub const PRIORITY_COLUMNS: &[&str] = &[
    "feed",
    "vulnerability_id",
    "vulnerabilities",
    "severity",
    "description",
    "product_name",
    "product_vendor",
    "observed_at",
    "extra",
];

/// A CVSS score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// Version of the scale: `2.0`, `3.1`, `4.0`.
    pub version: String,
    /// As published, one decimal; `None`: only the vector was.
    pub published: Option<String>,
    /// The vector as published.
    pub vector: Option<String>,
    /// What the vector comes to, one decimal; `None`: there is no vector, or it is none.
    pub computed: Option<String>,
}

impl Score {
    /// From what a feed published; `None` where it is neither a score from 0 to 10 nor a vector.
    pub fn of(version: Option<&str>, score: Option<&str>, vector: Option<&str>) -> Option<Self> {
        let parsed = vector.and_then(|vector| cvss::Cvss::from_str(vector).ok());
        let computed = parsed.as_ref().map(|parsed| one_decimal(parsed.score()));
        let published = score
            .and_then(|text| text.parse::<f64>().ok())
            .filter(|score| (0.0..=10.0).contains(score))
            .map(one_decimal);
        if published.is_none() && computed.is_none() {
            return None;
        }
        let of_vector = parsed.as_ref().map(|parsed| match parsed {
            cvss::Cvss::CvssV20(_) => "2.0",
            cvss::Cvss::CvssV30(_) => "3.0",
            cvss::Cvss::CvssV31(_) => "3.1",
            _ => "4.0",
        });
        Some(Score {
            version: of_vector.or(version).unwrap_or("").to_owned(),
            published,
            vector: vector.map(str::to_owned),
            computed,
        })
    }

    /// The printed score: the published one, else what the vector comes to.
    pub fn printed(&self) -> &str {
        let score = self.published.as_ref().or(self.computed.as_ref());
        score.map_or("", String::as_str)
    }

    /// Whether the published score is not what its vector comes to.
    pub fn disagrees(&self) -> bool {
        matches!((&self.published, &self.computed), (Some(a), Some(b)) if a != b)
    }

    /// In tenths, for the order.
    fn tenths(&self) -> u32 {
        let score: f64 = self.printed().parse().unwrap_or(0.0);
        (score * 10.0).round() as u32
    }
}

fn one_decimal(score: f64) -> String {
    format!("{score:.1}")
}

/// That a vulnerability is known to be exploited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exploited {
    /// The day its catalog took it up.
    pub added: Date,
    /// Whether it is used by extortionists.
    pub ransomware: bool,
    /// By when the catalog wants it patched.
    pub due: Option<String>,
}

/// How likely it is exploited within thirty days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Predicted {
    /// The probability as published, 0 to 1.
    pub probability: String,
    /// Its percentile as published, 0 to 1.
    pub percentile: String,
    /// Version of the model: scores of two models do not compare.
    pub model: Option<String>,
}

/// Whether there is a remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Patch {
    /// The record names a patch.
    Available,
    /// The record names the vendor's way of dealing with it, no patch.
    Mitigation,
    /// The record names neither.
    None,
}

/// One entry of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vulnerability {
    /// Its number in the national database.
    pub cnvd: String,
    /// CVE ids, sorted.
    pub cve: Vec<String>,
    /// CNNVD ids, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cnnvd: Vec<String>,
    /// Its title as recorded: of a feed, hostile text.
    pub title: String,
    /// Its title in English, where a catalog of exploited vulnerabilities, a CVE record or the NVD gives one; as
    /// hostile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title_en: Option<String>,
    /// The vendor's and product's words without Chinese, of whichever feed names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_en: Option<String>,
    /// The affected product, as recorded.
    pub product: String,
    /// Severity as recorded.
    pub severity: Option<String>,
    /// Its CVSS score of the newest scale.
    pub score: Option<Score>,
    /// Known to be exploited.
    pub exploited: Option<Exploited>,
    /// Predicted to be.
    pub predicted: Option<Predicted>,
    /// Whether there is a remedy.
    pub patch: Patch,
}

/// Order of the list: KEV, EPSS, CVSS, the recorded severity, the number.
fn rank(of: &Vulnerability) -> (bool, i64, i64, u8, String) {
    let probability = of
        .predicted
        .as_ref()
        .and_then(|predicted| predicted.probability.parse::<f64>().ok());
    let millionths = probability.map_or(-1, |p| (p * 1e6).round() as i64);
    let severity = match of.severity.as_deref() {
        Some("critical") => 0,
        Some("high") => 1,
        Some("medium") => 2,
        Some("low") => 3,
        _ => 4,
    };
    (
        of.exploited.is_none(),
        -millionths,
        -i64::from(of.score.as_ref().map_or(0, Score::tenths)),
        severity,
        of.cnvd.clone(),
    )
}

/// What one row says of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Record {
    cve: BTreeSet<String>,
    cnnvd: BTreeSet<String>,
    title: Option<String>,
    product: Option<String>,
    severity: Option<String>,
    score: Option<(String, Score)>,
    patch: bool,
    way: bool,
    vendor: Option<String>,
    /// When it was recorded first, microseconds UTC.
    recorded: Option<i64>,
}

/// A recorded vulnerability, as those see it who handle incidents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What is known of it.
    pub vulnerability: Vulnerability,
    /// The affected product's vendor, as recorded; empty where none is.
    pub vendor: String,
    /// When it was recorded, microseconds UTC.
    pub recorded: i64,
}

/// Of two values the one that stays, whatever the order of rows: the first in the order of texts.
fn settle(kept: &mut Option<String>, other: Option<String>) {
    *kept = match (kept.take(), other) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
}

/// The newer scale, then the first in the order of texts.
fn settle_score(kept: &mut Option<(String, Score)>, other: Option<(String, Score)>) {
    let key =
        |score: &(String, Score)| (std::cmp::Reverse(score.1.version.clone()), score.0.clone());
    *kept = match (kept.take(), other) {
        (Some(a), Some(b)) => Some(if key(&b) < key(&a) { b } else { a }),
        (a, b) => a.or(b),
    };
}

/// Collects the week's records.
#[derive(Debug, Default)]
pub struct RecordScan {
    withheld: BTreeSet<String>,
    records: BTreeMap<String, Record>,
}

/// The ids of a row that begin so.
fn ids(texts: [Option<&str>; 2], prefix: &str) -> impl Iterator<Item = String> {
    texts
        .into_iter()
        .flatten()
        .flat_map(|text| text.split([',', ' ', ';']))
        .map(str::trim)
        .filter(move |id| id.starts_with(prefix))
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .into_iter()
}

fn member(extra: &Value, name: &str) -> Option<String> {
    match &extra[name] {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn score(extra: &Value) -> Option<(String, Score)> {
    let [version, score, vector] =
        ["cvss_version", "cvss_score", "cvss_vector"].map(|name| member(extra, name));
    let found = Score::of(version.as_deref(), score.as_deref(), vector.as_deref())?;
    Some((vector.unwrap_or_default(), found))
}

impl RecordScan {
    /// An empty scan; `withheld` feeds do not count.
    pub fn new(withheld: impl IntoIterator<Item = String>) -> Self {
        RecordScan {
            withheld: withheld.into_iter().collect(),
            records: BTreeMap::new(),
        }
    }

    /// Reads a batch with the columns of [`PRIORITY_COLUMNS`].
    ///
    /// # Errors
    /// [`Error::ColumnType`] if the batch is not one of the lake's.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let text = |name: &str| TextColumn::of(batch, name);
        let (feed, id, others) = (
            text("feed")?,
            text("vulnerability_id")?,
            text("vulnerabilities")?,
        );
        if id.is_void() {
            return Ok(());
        }
        let (severity, title, product, extra) = (
            text("severity")?,
            text("description")?,
            text("product_name")?,
            text("extra")?,
        );
        let (vendor, at) = (
            text("product_vendor")?,
            TimeColumn::of(batch, "observed_at")?,
        );
        for row in 0..batch.num_rows() {
            let Some(number) = id.get(row).filter(|id| id.starts_with("CNVD-")) else {
                continue;
            };
            if feed
                .get(row)
                .is_none_or(|feed| self.withheld.contains(feed))
            {
                continue;
            }
            let known: Value = extra
                .get(row)
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default();
            let one = self.records.entry(number.to_owned()).or_default();
            one.cve.extend(ids([others.get(row), None], "CVE-"));
            one.cnnvd.extend(ids([others.get(row), None], "CNNVD-"));
            settle(&mut one.title, title.get(row).map(str::to_owned));
            let named = product.get(row).map(str::to_owned);
            settle(&mut one.product, named);
            settle(&mut one.severity, severity.get(row).map(str::to_owned));
            settle_score(&mut one.score, score(&known));
            one.patch |= member(&known, "patch_name").is_some();
            one.way |= member(&known, "formal_way").is_some();
            settle(&mut one.vendor, vendor.get(row).map(str::to_owned));
            one.recorded = match (one.recorded, at.get(row)) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        Ok(())
    }

    /// Takes in another scan.
    pub fn merge(&mut self, other: RecordScan) {
        for (number, record) in other.records {
            let one = self.records.entry(number).or_default();
            one.cve.extend(record.cve);
            one.cnnvd.extend(record.cnnvd);
            settle(&mut one.title, record.title);
            settle(&mut one.product, record.product);
            settle(&mut one.severity, record.severity);
            settle_score(&mut one.score, record.score);
            one.patch |= record.patch;
            one.way |= record.way;
            settle(&mut one.vendor, record.vendor);
            one.recorded = match (one.recorded, record.recorded) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
    }

    /// The CVE ids that other feeds are asked about.
    pub fn wanted(&self) -> BTreeSet<String> {
        let records = self.records.values();
        records
            .flat_map(|record| record.cve.iter().cloned())
            .collect()
    }

    /// All records with what other feeds say of them, the first to be looked at first.
    pub fn all(self, marks: &MarkScan) -> Vec<Known> {
        let mut all: Vec<Known> = self
            .records
            .into_iter()
            .map(|(cnvd, record)| {
                let of = || record.cve.iter().filter_map(|cve| marks.marks.get(cve));
                let mut score = record.score.clone();
                for mark in of() {
                    settle_score(&mut score, mark.score.clone());
                }
                let exploited = of().filter_map(|mark| mark.exploited.clone());
                let predicted = of().filter_map(|mark| mark.predicted.clone());
                let probability =
                    |of: &Predicted| (of.probability.parse::<f64>().unwrap_or(0.0) * 1e6) as i64;
                let vendor = record.vendor.clone().unwrap_or_default();
                let recorded = record.recorded.unwrap_or(0);
                let title_en = english_of(record.title.as_deref());
                let product_en = words([record.vendor.as_deref(), record.product.as_deref()]);
                let vulnerability = Vulnerability {
                    title_en: of()
                        .filter_map(|mark| mark.title.clone())
                        .min()
                        .map_or(title_en, |(_, title)| Some(title)),
                    product_en: of()
                        .filter_map(|mark| mark.product.clone())
                        .min()
                        .or(product_en),
                    exploited: exploited.min_by_key(|exploited| exploited.added),
                    predicted: predicted
                        .map(|(_, predicted)| predicted)
                        .max_by_key(probability),
                    score: score.map(|(_, score)| score),
                    cve: record.cve.iter().cloned().collect(),
                    cnnvd: record.cnnvd.iter().cloned().collect(),
                    title: record.title.unwrap_or_default(),
                    product: record.product.unwrap_or_default(),
                    severity: record.severity,
                    patch: match (record.patch, record.way) {
                        (true, _) => Patch::Available,
                        (false, true) => Patch::Mitigation,
                        (false, false) => Patch::None,
                    },
                    cnvd,
                };
                Known {
                    vulnerability,
                    vendor,
                    recorded,
                }
            })
            .collect();
        all.sort_by_cached_key(|one| rank(&one.vulnerability));
        all
    }

    /// The list.
    pub fn finish(self, marks: &MarkScan) -> Vec<Vulnerability> {
        let all = self.all(marks).into_iter().map(|one| one.vulnerability);
        let all: Vec<Vulnerability> = all.take(LISTED).collect();
        // A list without any mark or score would only repeat numbers.
        let told = |one: &Vulnerability| {
            one.exploited.is_some() || one.predicted.is_some() || one.score.is_some()
        };
        match all.iter().any(told) {
            true => all,
            false => Vec::new(),
        }
    }
}

/// What other feeds say of a CVE.
#[derive(Clone, Debug, Default)]
struct Mark {
    exploited: Option<Exploited>,
    /// With the instant it was published at.
    predicted: Option<(i64, Predicted)>,
    score: Option<(String, Score)>,
    /// An English title, with how far it is from one: that of a catalog, a short text, the beginning of a long one.
    title: Option<(u8, String)>,
    /// Vendor and product.
    product: Option<String>,
}

/// Characters of a text that is still a title.
const TITLE: usize = 120;

/// A text without Chinese as a title of one line, cut at a word; `None` of a Chinese or empty one.
fn english_of(text: Option<&str>) -> Option<String> {
    let text: Vec<&str> = text?.split_whitespace().collect();
    let text = text.join(" ");
    if text.is_empty() || text.chars().any(is_han) {
        return None;
    }
    if text.chars().count() <= TITLE {
        return Some(text.trim_end_matches('.').to_owned());
    }
    let end = text
        .char_indices()
        .nth(TITLE)
        .map_or(text.len(), |(at, _)| at);
    let cut = text[..end].rfind(' ').unwrap_or(end);
    Some(format!(
        "{}…",
        text[..cut].trim_end_matches([',', ';', '.'])
    ))
}

/// Vendor and product as one text, each once and only where it is not Chinese.
fn words(texts: [Option<&str>; 2]) -> Option<String> {
    let [vendor, product] = texts.map(english_of);
    match (vendor, product) {
        (Some(vendor), Some(product))
            if !product.to_lowercase().starts_with(&vendor.to_lowercase()) =>
        {
            Some(format!("{vendor} {product}"))
        }
        (vendor, product) => product.or(vendor),
    }
}

/// Collects marks of the wanted CVE ids.
#[derive(Debug, Default)]
pub struct MarkScan {
    wanted: BTreeSet<String>,
    catalogs: BTreeSet<String>,
    marks: BTreeMap<String, Mark>,
}

impl MarkScan {
    /// An empty scan; `catalogs` are the feeds whose entries are exploited vulnerabilities.
    pub fn new(wanted: BTreeSet<String>, catalogs: BTreeSet<String>) -> Self {
        MarkScan {
            wanted,
            catalogs,
            marks: BTreeMap::new(),
        }
    }

    /// Reads a batch with the columns of [`PRIORITY_COLUMNS`].
    ///
    /// # Errors
    /// [`Error::ColumnType`] if the batch is not one of the lake's.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let text = |name: &str| TextColumn::of(batch, name);
        let (feed, id, others, extra) = (
            text("feed")?,
            text("vulnerability_id")?,
            text("vulnerabilities")?,
            text("extra")?,
        );
        let (description, product, vendor) = (
            text("description")?,
            text("product_name")?,
            text("product_vendor")?,
        );
        let at = TimeColumn::of(batch, "observed_at")?;
        for row in 0..batch.num_rows() {
            let here: BTreeSet<String> = ids([id.get(row), others.get(row)], "CVE-")
                .filter(|id| self.wanted.contains(id))
                .collect();
            if here.is_empty() {
                continue;
            }
            let known: Value = extra
                .get(row)
                .and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default();
            let instant = at.get(row).unwrap_or(0);
            let catalog = feed
                .get(row)
                .is_some_and(|feed| self.catalogs.contains(feed));
            let exploited = catalog.then(|| Exploited {
                added: Timestamp(instant).day().date(),
                ransomware: member(&known, "known_ransomware_campaign_use").as_deref()
                    == Some("Known"),
                due: member(&known, "due_date"),
            });
            let predicted = member(&known, "epss").map(|probability| Predicted {
                probability,
                percentile: member(&known, "epss_percentile").unwrap_or_default(),
                model: member(&known, "epss_model"),
            });
            let title = english_of(description.get(row)).map(|title| {
                let distance = match (catalog, title.ends_with('…')) {
                    (true, _) => 0,
                    (false, false) => 1,
                    (false, true) => 2,
                };
                (distance, title)
            });
            let mark = Mark {
                title,
                product: words([vendor.get(row), product.get(row)]),
                exploited,
                predicted: predicted.map(|predicted| (instant, predicted)),
                score: score(&known),
            };
            for id in here {
                self.marks.entry(id).or_default().take(mark.clone());
            }
        }
        Ok(())
    }

    /// Takes in another scan.
    pub fn merge(&mut self, other: MarkScan) {
        for (id, mark) in other.marks {
            self.marks.entry(id).or_default().take(mark);
        }
    }
}

impl Mark {
    /// Takes in what another row says: the first day in a catalog, the newest prediction.
    fn take(&mut self, other: Mark) {
        self.exploited = match (self.exploited.take(), other.exploited) {
            (Some(a), Some(b)) => Some(Exploited {
                added: a.added.min(b.added),
                ransomware: a.ransomware || b.ransomware,
                due: [a.due, b.due].into_iter().flatten().min(),
            }),
            (a, b) => a.or(b),
        };
        let key = |one: &(i64, Predicted)| (one.0, one.1.probability.clone());
        self.predicted = match (self.predicted.take(), other.predicted) {
            (Some(a), Some(b)) => Some(if key(&b) > key(&a) { b } else { a }),
            (a, b) => a.or(b),
        };
        settle_score(&mut self.score, other.score);
        self.title = match (self.title.take(), other.title) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        settle(&mut self.product, other.product);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_scores_stand_and_vectors_are_checked() {
        let of = |version, score, vector| Score::of(version, score, vector);
        let two = of(Some("2.0"), Some("7.5"), Some("AV:N/AC:L/Au:N/C:P/I:P/A:P"));
        let two = two.expect("a score");
        assert_eq!(
            (two.version.as_str(), two.printed(), two.disagrees()),
            ("2.0", "7.5", false)
        );
        let three = of(
            None,
            Some("9.8"),
            Some("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
        );
        let three = three.expect("a score");
        assert_eq!((three.version.as_str(), three.disagrees()), ("3.1", false));
        let four = of(
            None,
            None,
            Some("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"),
        );
        let four = four.expect("the vector alone");
        assert_eq!((four.version.as_str(), four.printed()), ("4.0", "9.3"));
        // Published 8.8 where the vector comes to 9.8: printed as published, and said.
        let odd = of(
            Some("3.1"),
            Some("8.8"),
            Some("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
        );
        let odd = odd.expect("a score");
        assert_eq!((odd.printed(), odd.disagrees()), ("8.8", true));
        assert_eq!(odd.computed.as_deref(), Some("9.8"));
        let broken = of(Some("3.1"), Some("5.0"), Some("CVSS:3.1/nonsense")).expect("the score");
        assert_eq!((broken.computed, broken.version.as_str()), (None, "3.1"));
        assert_eq!(of(None, Some("11"), None), None);
        assert_eq!(of(None, None, Some("none")), None);
    }

    fn entry(cnvd: &str) -> Vulnerability {
        Vulnerability {
            cnvd: cnvd.to_owned(),
            cve: vec![],
            cnnvd: vec![],
            title: String::new(),
            title_en: None,
            product_en: None,
            product: String::new(),
            severity: None,
            score: None,
            exploited: None,
            predicted: None,
            patch: Patch::None,
        }
    }

    #[test]
    fn english_titles_are_short_and_hold_no_chinese() {
        assert_eq!(english_of(Some("某产品存在漏洞")), None);
        assert_eq!(english_of(Some("  ")), None);
        assert_eq!(
            english_of(Some("Example Gateway\n Injection Vulnerability.")).as_deref(),
            Some("Example Gateway Injection Vulnerability")
        );
        let long = "An unauthenticated attacker ".repeat(9);
        let cut = english_of(Some(&long)).expect("a beginning");
        assert!(
            cut.ends_with('…') && cut.chars().count() <= TITLE + 1,
            "{cut}"
        );
        let named = |vendor, product| words([vendor, product]);
        assert_eq!(
            named(Some("Example"), Some("Gateway")).as_deref(),
            Some("Example Gateway")
        );
        assert_eq!(
            named(Some("Example"), Some("Example Gateway")).as_deref(),
            Some("Example Gateway")
        );
        assert_eq!(
            named(Some("示例公司"), Some("Gateway")).as_deref(),
            Some("Gateway")
        );
        assert_eq!(named(Some("示例公司"), Some("网关")), None);
    }

    #[test]
    fn a_catalog_s_title_goes_before_others() {
        let mut one = Mark::default();
        for (distance, title) in [
            (2, "A very long…"),
            (1, "Zeta flaw"),
            (0, "Zeta Gateway Flaw"),
            (1, "Alpha"),
        ] {
            one.take(Mark {
                title: Some((distance, title.to_owned())),
                ..Mark::default()
            });
        }
        assert_eq!(one.title, Some((0, "Zeta Gateway Flaw".to_owned())));
    }

    #[test]
    fn exploited_go_before_likely_before_bad() {
        let exploited = Vulnerability {
            exploited: Some(Exploited {
                added: jiff::civil::date(2026, 11, 16),
                ransomware: false,
                due: None,
            }),
            ..entry("CNVD-2026-90004")
        };
        let predicted = |p: &str| {
            Some(Predicted {
                probability: p.to_owned(),
                percentile: "0.9".to_owned(),
                model: None,
            })
        };
        let likely = Vulnerability {
            predicted: predicted("0.91"),
            ..entry("CNVD-2026-90003")
        };
        let less = Vulnerability {
            predicted: predicted("0.0091"),
            score: Score::of(None, Some("10.0"), None),
            ..entry("CNVD-2026-90002")
        };
        let bad = Vulnerability {
            score: Score::of(None, Some("9.8"), None),
            ..entry("CNVD-2026-90001")
        };
        let mut all = [bad.clone(), less.clone(), likely.clone(), exploited.clone()];
        all.sort_by_cached_key(rank);
        assert_eq!(all, [exploited, likely, less, bad]);
    }
}
