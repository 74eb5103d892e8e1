//! Vulnerabilities: what was recorded lately, whether it is exploited, how bad it is, and how many hosts of the
//! country were seen with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bulletin::statistics::priority::{Known, Patch};
use bulletin::week::Week;
use ledger::LakeFileKind;
use model::newsroom::Right;
use model::time::{MICROS_PER_DAY, ReportingWeek, Timestamp};
use schemars::{JsonSchema, schema_for};
use serde::{Deserialize, Serialize};

use super::form::answer;
use super::paging::{self, Asked, PageOf};
use super::shell::{self, Nav, Shell};
use super::{draw, mail};
use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get};
use crate::visitor::Visitor;
use crate::words::{ShellWords, fill, words};

const VIEW: Need = Need::Right(Right::View);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/vulnerabilities", VIEW, || get(page)),
    Route::api(
        Verb::Get,
        "/api/v1/vulnerabilities",
        VIEW,
        described,
        || get(api),
    ),
];

/// Weeks that are looked at.
const WEEKS: i64 = 8;
/// How long what was read stands: it takes a scan of the lake.
const KEPT: Duration = Duration::from_secs(600);

words! {
    Words {
        search: "编号、标题、产品或厂商", "Id, title, product or vendor";
        find: "查找", "Find";
        exploited_only: "已被利用的", "Exploited";
        here_only: "境内有受影响的", "Seen in the country";
        list: "漏洞列表", "List of vulnerabilities";
        what: "漏洞", "Vulnerability";
        product: "产品", "Product";
        kev: "已被利用", "Exploited";
        epss: "EPSS", "EPSS";
        cvss: "CVSS", "CVSS";
        patch: "补丁", "Patch";
        here: "境内受影响", "In the country";
        recorded: "收录", "Recorded";
        ransomware: "勒索", "ransomware";
        since: "自 {d}", "since {d}";
        patch_yes: "有", "yes";
        patch_steps: "缓解措施", "mitigation";
        patch_no: "无", "no";
        hosts: "{n} 个地址", "{n} addresses";
        disagrees: "公布的评分与其向量的计算结果 {c} 不一致", "its vector comes to {c}";
        found: "近 {w} 周 {n} 个", "{n} in {w} weeks";
        order: "先列已被利用的，再按 EPSS（30 天内被利用的概率）、CVSS 排序。境内受影响只数监测到的地址。", "Exploited ones first, then by EPSS (probability of exploitation within 30 days) and CVSS. In the country: addresses seen with it, no more.";
        bulletin: "周报漏洞一节", "The bulletin's section";
        empty: "没有漏洞记录", "No vulnerability is recorded";
        empty_text: "订阅国家漏洞库（cnvd 格式）后，新收录的漏洞会出现在这里；再订阅 KEV、EPSS 和 NVD，可看是否被利用和评分。", "Once the national database (format cnvd) is a feed, records appear here; KEV, EPSS and NVD feeds add whether they are exploited and how bad they are.";
        empty_other: "没有符合条件的漏洞。", "No vulnerability fits.";
        more: "下一页", "Next page";
    }
}

/// A vulnerability, with how many addresses of the country were seen with it.
pub(crate) struct Listed {
    known: Known,
    here: u64,
}

/// What was read, and when.
pub(crate) type Kept = tokio::sync::Mutex<Option<(Instant, Arc<Vec<Listed>>)>>;

/// What the list is asked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Query {
    /// Text of ids, title, product or vendor.
    #[serde(default)]
    q: String,
    /// Not empty: only what is known to be exploited.
    #[serde(default)]
    exploited: String,
    /// Not empty: only what was seen in the country.
    #[serde(default)]
    here: String,
    /// Rows at most.
    limit: Option<u64>,
    /// `next` of the page before.
    #[serde(default)]
    after: String,
    /// Language of the page, which the visitor has read already.
    #[serde(default, rename = "lang")]
    #[schemars(skip)]
    _lang: String,
}

/// All vulnerabilities of the last weeks, the first to be looked at first.
async fn all(desk: &Desk) -> Result<Arc<Vec<Listed>>, Refusal> {
    let mut kept = desk.vulnerabilities.lock().await;
    let now = Instant::now();
    if let Some((at, all)) = kept.as_ref()
        && now.duration_since(*at) < KEPT
    {
        return Ok(Arc::clone(all));
    }
    let all = Arc::new(read(desk).await?);
    *kept = Some((now, Arc::clone(&all)));
    Ok(all)
}

async fn read(desk: &Desk) -> Result<Vec<Listed>, Refusal> {
    let broken = |error: bulletin::Error| Refusal::broken("vulnerabilities", error);
    let terms = desk.terms();
    let feeds = terms.catalogue.feeds();
    let end = desk.now();
    let today = end.date_in(&terms.zone).unwrap_or_default();
    let week = Week {
        lake: &desk.response.lake,
        ledger: &desk.ledger,
        feeds: &feeds,
        week: ReportingWeek::containing(today),
        zone: &terms.zone,
        snapshot: desk.ledger.current_snapshot().await?,
    };
    let start = Timestamp(end.0 - WEEKS * 7 * MICROS_PER_DAY);
    let (records, marks) = week.vulnerabilities((start, end)).await.map_err(broken)?;
    let known = records.all(&marks);
    let wanted: BTreeSet<&str> = known
        .iter()
        .flat_map(|one| one.vulnerability.cve.iter().map(String::as_str))
        .collect();
    let here = match wanted.is_empty() {
        true => BTreeMap::new(),
        false => seen_here(desk, (start, end), &wanted).await?,
    };
    Ok(known
        .into_iter()
        .map(|known| {
            let cves = &known.vulnerability.cve;
            let most = cves.iter().filter_map(|cve| here.get(cve)).max();
            Listed {
                here: most.copied().unwrap_or(0),
                known,
            }
        })
        .collect())
}

/// Addresses of the country that were seen with each of these CVE ids.
async fn seen_here(
    desk: &Desk,
    (start, end): (Timestamp, Timestamp),
    wanted: &BTreeSet<&str>,
) -> Result<BTreeMap<String, u64>, Refusal> {
    let days = start.day().0..end.day().0 + 1;
    let files = desk
        .ledger
        .live_files(None, Some(LakeFileKind::Part), Some(days))
        .await?;
    let parts: Vec<_> = files.iter().filter_map(response::triage::part).collect();
    let sql = format!(
        "SELECT vulnerabilities AS ids, CAST(count(DISTINCT source_ip) AS BIGINT) AS n FROM events \
         WHERE territory = 1 AND vulnerabilities IS NOT NULL AND source_ip IS NOT NULL \
         AND observed_at >= to_timestamp_micros({}) GROUP BY vulnerabilities",
        start.0
    );
    let batches = desk.response.lake.collect(&parts, &sql).await;
    let batches = batches.map_err(|error| Refusal::broken("the lake", error))?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for batch in &batches {
        let rows = lake::rows::Rows::of(batch);
        for row in 0..rows.len() {
            let count = rows.int("n", row).unwrap_or(0).unsigned_abs();
            for id in rows.text("ids", row).unwrap_or_default().split(';') {
                if wanted.contains(id) {
                    // Addresses with several lists of ids count in each: at least so many.
                    let most = counts.entry(id.to_owned()).or_default();
                    *most = (*most).max(count);
                }
            }
        }
    }
    Ok(counts)
}

/// Whether one is asked for.
fn fits(one: &Listed, asked: &Query) -> bool {
    let known = &one.known.vulnerability;
    if !asked.exploited.is_empty() && known.exploited.is_none() {
        return false;
    }
    if !asked.here.is_empty() && one.here == 0 {
        return false;
    }
    let text = asked.q.trim().to_lowercase();
    let mut all = [&known.cnvd, &known.title, &known.product, &one.known.vendor]
        .into_iter()
        .chain(&known.cve)
        .chain(&known.cnnvd);
    text.is_empty() || all.any(|own| own.to_lowercase().contains(&text))
}

/// A page of what is asked for, how many there are, and the cursor to the next.
fn cut<'a>(
    all: &'a [Listed],
    asked: &Query,
) -> Result<(Vec<&'a Listed>, usize, Option<String>), Refusal> {
    let fitting: Vec<_> = all.iter().filter(|one| fits(one, asked)).collect();
    let count = fitting.len();
    let from = match asked.after.as_str() {
        "" => 0,
        after => {
            let place = fitting
                .iter()
                .position(|one| one.known.vulnerability.cnvd == after);
            place.ok_or_else(|| Refusal::invalid("after", "is no cursor"))? + 1
        }
    };
    let limit = paging::limit(asked.limit);
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut page: Vec<_> = fitting.into_iter().skip(from).take(most + 1).collect();
    let next = paging::cut(&mut page, limit, |one| one.known.vulnerability.cnvd.clone());
    Ok((page, count, next))
}

struct Row {
    title: String,
    ids: String,
    product: String,
    vendor: String,
    severity: String,
    kev: String,
    ransomware: bool,
    epss: String,
    cvss: String,
    cvss_note: String,
    patch: &'static str,
    here: String,
    recorded: String,
}

#[derive(Template)]
#[template(path = "vulnerabilities.html")]
struct VulnerabilitiesPage {
    shell: Shell,
    w: &'static Words,
    q: String,
    exploited: bool,
    here: bool,
    filtered: bool,
    found: String,
    rows: Vec<Row>,
    next: String,
}

/// A probability of 0 to 1 as per cent.
fn percent(probability: &str) -> String {
    let share = probability.parse::<f64>().unwrap_or(0.0) * 100.0;
    match share < 1.0 {
        true => format!("{share:.2}%"),
        false => format!("{share:.1}%"),
    }
}

fn row(desk: &Desk, one: &Listed, w: &'static Words, lang: model::bulletin::Lang) -> Row {
    let known = &one.known.vulnerability;
    let ids = std::iter::once(&known.cnvd)
        .chain(&known.cve)
        .chain(&known.cnnvd)
        .map(String::as_str);
    let ids: Vec<_> = ids.collect();
    let severity = match (known.severity.as_deref(), lang) {
        (Some("critical"), model::bulletin::Lang::Zh) => "严重".to_owned(),
        (Some("high"), model::bulletin::Lang::Zh) => "高危".to_owned(),
        (Some("medium"), model::bulletin::Lang::Zh) => "中危".to_owned(),
        (Some("low"), model::bulletin::Lang::Zh) => "低危".to_owned(),
        (other, _) => mail::plain(other.unwrap_or_default()),
    };
    Row {
        title: match known.title.is_empty() {
            true => known.cnvd.clone(),
            false => mail::plain(&known.title),
        },
        ids: mail::plain(&ids.join(" · ")),
        product: mail::plain(&known.product),
        vendor: mail::plain(&one.known.vendor),
        severity,
        kev: known
            .exploited
            .as_ref()
            .map_or_else(String::new, |one| fill(w.since, &[("d", &one.added)])),
        ransomware: known.exploited.as_ref().is_some_and(|one| one.ransomware),
        epss: known
            .predicted
            .as_ref()
            .map_or_else(|| "–".to_owned(), |one| percent(&one.probability)),
        cvss: known.score.as_ref().map_or_else(
            || "–".to_owned(),
            |score| {
                format!(
                    "{}{}",
                    score.printed(),
                    if score.disagrees() { "*" } else { "" }
                )
            },
        ),
        cvss_note: known.score.as_ref().map_or_else(String::new, |score| {
            let version = format!("v{}", score.version);
            match score.disagrees() {
                true => {
                    let computed = score.computed.as_deref().unwrap_or_default();
                    format!("{version}; {}", fill(w.disagrees, &[("c", &computed)]))
                }
                false => version,
            }
        }),
        patch: match known.patch {
            Patch::Available => w.patch_yes,
            Patch::Mitigation => w.patch_steps,
            Patch::None => w.patch_no,
        },
        here: match one.here {
            0 => "–".to_owned(),
            n => fill(w.hosts, &[("n", &paging::grouped(n.cast_signed()))]),
        },
        recorded: draw::exact(desk, one.known.recorded)
            .chars()
            .take(10)
            .collect(),
    }
}

async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Asked(asked): Asked<Query>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let lang = visitor.lang;
    let w = Words::of(lang);
    let all = all(&desk).await?;
    let (found, count, next) = cut(&all, &asked)?;
    let rows = found.into_iter().map(|one| row(&desk, one, w, lang));
    let rows: Vec<_> = rows.collect();
    let next = next.map_or_else(String::new, |after| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (key, value) in [
            ("q", &asked.q),
            ("exploited", &asked.exploited),
            ("here", &asked.here),
            ("after", &after),
        ] {
            if !value.is_empty() {
                query.append_pair(key, value);
            }
        }
        format!("/console/vulnerabilities?{}", query.finish())
    });
    let title = ShellWords::of(lang).vulnerabilities;
    let count = paging::grouped(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(shell::page(&VulnerabilitiesPage {
        shell: shell::shell(&desk, &visitor, Nav::Vulnerabilities, title).await,
        w,
        exploited: !asked.exploited.is_empty(),
        here: !asked.here.is_empty(),
        filtered: !all.is_empty(),
        found: fill(w.found, &[("n", &count), ("w", &WEEKS)]),
        rows,
        next,
        q: asked.q,
    }))
}

/// A vulnerability, as programs see it.
#[derive(Serialize, JsonSchema)]
struct VulnerabilityOut {
    /// Its number in the national database.
    cnvd: String,
    cve: Vec<String>,
    cnnvd: Vec<String>,
    title: String,
    product: String,
    vendor: String,
    severity: Option<String>,
    /// CVSS score as published, and its version.
    cvss: Option<String>,
    cvss_version: Option<String>,
    /// The day its catalog took it up as exploited.
    exploited_since: Option<String>,
    ransomware: bool,
    /// Probability of exploitation within thirty days, 0 to 1.
    epss: Option<String>,
    /// `available`, `mitigation`, `none`.
    patch: &'static str,
    /// Addresses of the country that were seen with it, at least.
    seen_here: u64,
    recorded_at: String,
}

impl From<&Listed> for VulnerabilityOut {
    fn from(one: &Listed) -> Self {
        let known = &one.known.vulnerability;
        VulnerabilityOut {
            cnvd: known.cnvd.clone(),
            cve: known.cve.clone(),
            cnnvd: known.cnnvd.clone(),
            title: known.title.clone(),
            product: known.product.clone(),
            vendor: one.known.vendor.clone(),
            severity: known.severity.clone(),
            cvss: known.score.as_ref().map(|score| score.printed().to_owned()),
            cvss_version: known.score.as_ref().map(|score| score.version.clone()),
            exploited_since: known.exploited.as_ref().map(|one| one.added.to_string()),
            ransomware: known.exploited.as_ref().is_some_and(|one| one.ransomware),
            epss: known.predicted.as_ref().map(|one| one.probability.clone()),
            patch: match known.patch {
                Patch::Available => "available",
                Patch::Mitigation => "mitigation",
                Patch::None => "none",
            },
            seen_here: one.here,
            recorded_at: draw::stamp(one.known.recorded),
        }
    }
}

async fn api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Asked(asked): Asked<Query>,
) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let all = all(&desk).await?;
    let (found, _, next) = cut(&all, &asked)?;
    let items = found.into_iter().map(VulnerabilityOut::from).collect();
    answer(&headers, &PageOf { items, next })
}

fn described() -> Described {
    Described {
        summary: "Vulnerabilities recorded in the last eight weeks, the first to be looked at first",
        query: Some(schema_for!(Query).to_value()),
        answer: Some(schema_for!(PageOf<VulnerabilityOut>).to_value()),
        ..Described::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_printed_as_a_share() {
        assert_eq!(percent("0.9432"), "94.3%");
        assert_eq!(percent("0.0004"), "0.04%");
        assert_eq!(percent("none"), "0.00%");
    }
}
