//! The explorer of statistics: every declared number by week and month, divided where it has dimensions, compared,
//! downloaded, and opened down to the records behind it.
//!
//! Definitions are the declarations themselves; figures of published weeks are those that were frozen for them. The
//! week that runs is counted on request and marked as not final.

use std::collections::BTreeMap;
use std::sync::Arc;

use bulletin::statistics::{self as declared, breakdown::By};
use ledger::Reach;
use model::bulletin::Lang;
use model::newsroom::Right;
use model::statistic::{Formula, Observed, Statistic, Words as Named};
use model::time::ReportingWeek;

use crate::Desk;
use crate::almanac::{Almanac, AlmanacError, CountedWeek, Origin};
use crate::refusal::Refusal;
use crate::routes::{Need, Route, Verb, get};
use crate::visitor::Visitor;
use crate::words::words;

mod api;
mod behind;
mod chart;
mod divided;
mod download;
mod index;
mod one;
mod series;

const VIEW: Need = Need::Right(Right::View);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/statistics", VIEW, || get(index::page)),
    Route::page("/console/statistics/{statistic}", VIEW, || get(one::page)),
    Route::page("/console/statistics/{statistic}/behind", VIEW, || {
        get(behind::page)
    }),
    Route::page("/console/statistics/{statistic}/download", VIEW, || {
        get(download::file)
    }),
    Route::api(Verb::Get, "/api/v1/statistics", VIEW, api::listed, || {
        get(api::list)
    }),
    Route::api(
        Verb::Get,
        "/api/v1/statistics/{statistic}",
        VIEW,
        api::opened,
        || get(api::one),
    ),
];

words! {
    Words {
        lead: "周报中的每一项数字：定义、历史与背后的记录。已刊发的周用刊发时冻结的数值，本周为此刻的计数。", "Every number of the bulletin: its definition, its past, and the records behind it. Published weeks have the values that were frozen for them, this week what is counted now.";
        statistic: "指标", "Statistic";
        latest: "最近一期", "Latest";
        past: "近 26 周", "Last 26 weeks";
        issue: "期次", "Issue";
        week: "周", "Week";
        month: "月", "Month";
        value: "数值", "Value";
        on_week: "环比", "On last week";
        on_year: "同比", "On last year";
        source: "来源", "From";
        note: "说明", "Note";
        published: "已刊发", "published";
        frozen: "已冻结，未刊发", "frozen, not published";
        transcribed: "转录", "transcribed";
        live: "此刻计数，未冻结", "counted now, not final";
        incomplete: "来源不全", "sources incomplete";
        not_available: "无数据", "not available";
        by: "按", "By";
        by_week: "周", "week";
        by_month: "月（各周平均）", "month (mean of its weeks)";
        range: "时段", "Span";
        range_quarter: "近 13 周", "last 13 weeks";
        range_half: "近 26 周", "last 26 weeks";
        range_year: "近 53 周", "last 53 weeks";
        range_all: "全部", "all";
        compare: "对比", "Compare with";
        compare_none: "不对比", "nothing";
        compare_year: "去年同期", "the year before";
        part: "分项", "Part";
        whole: "总数", "the whole";
        show: "显示", "Show";
        divide: "分布", "Divided by";
        divide_how: "一个对象出现在多组时，各组都计入，合计可大于总数。", "What is seen in several groups counts in each, so that they may add up to more than the whole.";
        divide_week: "{week}，共 {n}", "{week}, {n} in all";
        divide_none: "这一周没有可分组的计数。", "Nothing was counted in this week that could be divided.";
        group: "组", "Group";
        share: "占比", "Share";
        unknown: "不明", "unknown";
        day: "日", "day";
        province: "省份", "province";
        asn: "网络（AS）", "network (AS)";
        country: "国家或地区", "country";
        malware: "恶意程序", "malware";
        feed: "数据源", "feed";
        tld: "顶级域", "top-level domain";
        brand: "被仿冒品牌", "imitated brand";
        sector: "行业", "sector";
        class: "类型", "class";
        definition: "定义", "Definition";
        version: "定义版本", "Version";
        unit: "单位", "Unit";
        key: "计数对象", "What is counted once";
        territory: "地域", "Territory";
        formula: "算法", "Formula";
        printed: "刊印方式", "Printed as";
        remark: "须知", "Note well";
        download: "下载", "Download";
        table: "数据", "Data";
        behind: "背后的记录", "Records behind it";
        behind_lead: "{name}，{week}：每行一个计入的对象，附所见数据源与监测记录。", "{name}, {week}: a line for each thing that was counted, with the feeds and events that saw it.";
        behind_count: "{n} 行，快照 {snapshot}。", "{n} lines, snapshot {snapshot}.";
        behind_frozen: "此处按现有记录重数；刊印的数值是刊发时冻结的，两者可能因迟到的报告而不同。", "Counted anew from the records as they are; what was printed was frozen then, so late reports may make a difference.";
        behind_none: "这一周没有计入任何对象。", "Nothing was counted in this week.";
        input: "计入项", "Input";
        object: "对象", "Counted";
        feeds: "数据源", "Feeds";
        events: "监测记录", "Events";
        more: "另 {n} 条", "{n} more";
        next: "下一页", "Next";
        first: "回到开头", "Back to the beginning";
        all_events: "在监测记录中查看", "See the events";
        back: "全部指标", "All statistics";
        back_one: "返回该指标", "Back to the statistic";
        none: "尚无数值", "No value yet";
        none_text: "冻结一期周报，或用 watchfire history import 导入过往刊印数后，这里会出现走势。", "Once an issue is frozen, or back issues are imported with watchfire history import, its series appears here.";
        no_almanac: "统计暂不可用", "Statistics are not available";
        no_almanac_text: "此进程没有打开工作区。", "This process has no workspace at hand.";
        better: "好转", "better";
        worse: "变差", "worse";
        up: "上升", "up";
        down: "下降", "down";
        flat: "持平", "unchanged";
        no_number: "该指标为文字或排名，不画曲线。", "This statistic is a word or a ranking, so there is no line.";
        chart_none: "至少要有两周的数值才能画曲线。", "A line needs two weeks with a value.";
        running: "本周仍在计数，稍后再看。", "This week is being counted; look again in a moment.";
        scroll: "表格，可左右滚动", "Table, scrolls sideways";
        family_0: "恶意程序感染", "Malware infections";
        family_1: "放马站点", "Malware hosting";
        family_2: "网站安全", "Websites";
        family_3: "漏洞", "Vulnerabilities";
        family_4: "事件处置", "Handling";
        family_5: "名单条目", "Block lists";
    }
}

/// Families, as the published index divides them.
fn families(w: &'static Words) -> [(&'static str, &'static [Statistic]); 6] {
    [
        (w.family_0, declared::malware::STATISTICS),
        (w.family_1, declared::hosting::STATISTICS),
        (w.family_2, declared::websites::STATISTICS),
        (w.family_3, declared::vulnerabilities::STATISTICS),
        (w.family_4, declared::handling::STATISTICS),
        (w.family_5, declared::lists::STATISTICS),
    ]
}

/// A word of a declaration.
fn named(words: Named, lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => words.zh,
        Lang::En => words.en,
    }
}

/// The house's figures are the house's: a branch has none of them here.
fn of_the_house(visitor: &Visitor) -> Result<(), Refusal> {
    match visitor.within()? {
        Reach::All => Ok(()),
        Reach::Owner(_) => Err(Refusal::Absent),
    }
}

/// The statistic of an address.
fn statistic(id: &str) -> Result<&'static Statistic, Refusal> {
    declared::named(id).ok_or(Refusal::Absent)
}

/// Who counts.
fn almanac(desk: &Desk) -> Result<&Arc<dyn Almanac>, Refusal> {
    desk.almanac
        .as_ref()
        .ok_or_else(|| Refusal::conflict("statistics", "this process has no workspace at hand"))
}

fn failed(error: AlmanacError) -> Refusal {
    Refusal::broken("statistics", error)
}

/// How long a page waits for the week that runs; it goes on being counted meanwhile.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(4);

/// Every week with figures, oldest first, the running one last; whether that one is still being counted.
async fn weeks(desk: &Desk) -> Result<(Vec<Arc<CountedWeek>>, bool), Refusal> {
    let almanac = almanac(desk)?;
    let mut weeks = almanac.weeks().await.map_err(failed)?;
    let now = this_week(desk);
    if weeks
        .iter()
        .any(|one| now.is_some_and(|now| one.week >= now))
    {
        return Ok((weeks, false));
    }
    let Some(now) = now else {
        return Ok((weeks, false));
    };
    let counting = {
        let almanac = Arc::clone(almanac);
        tokio::spawn(async move { almanac.live(now).await })
    };
    match tokio::time::timeout(PATIENCE, counting).await {
        Ok(Ok(Ok(live))) => {
            weeks.push(live);
            Ok((weeks, false))
        }
        Ok(Ok(Err(error))) => {
            tracing::warn!(%error, "the running week cannot be counted");
            Ok((weeks, false))
        }
        Ok(Err(error)) => Err(Refusal::broken("the running week", error)),
        Err(_) => Ok((weeks, true)),
    }
}

/// The week of the house's clock.
fn this_week(desk: &Desk) -> Option<ReportingWeek> {
    let zone = desk.terms().zone.clone();
    desk.now().date_in(&zone).map(ReportingWeek::containing)
}

/// Where the figures of a week come from, in words.
fn origin_word(origin: Origin, w: &'static Words) -> &'static str {
    match origin {
        Origin::Published => w.published,
        Origin::Frozen => w.frozen,
        Origin::Transcribed => w.transcribed,
        Origin::Live => w.live,
    }
}

/// By what the counts of a statistic can be divided: only counts and sums of events can.
fn divisions(statistic: &Statistic) -> &'static [By] {
    let counted = matches!(statistic.formula, Formula::Count(_) | Formula::Sum(_));
    let scanned = !matches!(statistic.observed, Observed::Listing | Observed::Handling);
    match (counted && scanned, statistic.observed) {
        (false, _) => &[],
        (true, Observed::InfectedHost) => &[By::Day, By::Province, By::Asn, By::Malware, By::Feed],
        (true, Observed::PhishingPage) => &[
            By::Day,
            By::Brand,
            By::Sector,
            By::Country,
            By::Tld,
            By::Feed,
        ],
        (true, Observed::HostingSite) => &[
            By::Day,
            By::Country,
            By::Province,
            By::Asn,
            By::Tld,
            By::Feed,
        ],
        (true, Observed::Defacement | Observed::Backdoor) => {
            &[By::Day, By::Province, By::Asn, By::Tld, By::Feed]
        }
        (true, Observed::VulnerabilityRecord) => &[By::Day, By::Feed],
        (true, _) => &[By::Day, By::Feed],
    }
}

/// A division in words.
fn division(by: By, w: &'static Words) -> &'static str {
    match by {
        By::Day => w.day,
        By::Province => w.province,
        By::Asn => w.asn,
        By::Country => w.country,
        By::Malware => w.malware,
        By::Feed => w.feed,
        By::Tld => w.tld,
        By::Brand => w.brand,
        By::Sector => w.sector,
        By::Class => w.class,
    }
}

/// The parts of a statistic that the weeks have, by name, in order.
fn parts(
    statistic: &Statistic,
    weeks: &[Arc<CountedWeek>],
    lang: Lang,
) -> BTreeMap<String, String> {
    let figures = weeks.iter().rev().take(60).flat_map(|week| &week.figures);
    figures
        .filter(|figure| figure.statistic == statistic.id && !figure.part.is_empty())
        .filter(|figure| figure.number.is_some())
        .map(|figure| (figure.part.clone(), figure.name.get(lang).to_owned()))
        .collect()
}
