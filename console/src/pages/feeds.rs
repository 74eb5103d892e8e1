//! Feeds: whether each comes as it should, how much it brought against what is usual, and what could not be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use intake::drift::Finding;
use ledger::{RejectFilter, RejectState};
use model::bulletin::Lang;
use model::newsroom::Right;
use model::time::Timestamp;

use super::shell::{self, Nav, Shell};
use super::{draw, mail, paging};
use crate::Desk;
use crate::correspondence::{FeedHealth, FeedState};
use crate::refusal::Refusal;
use crate::routes::{Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::{ShellWords, fill, words};

mod acts;
mod api;
mod one;

#[cfg(test)]
pub(crate) use one::Words as OneWords;

const VIEW: Need = Need::Right(Right::View);
const WORK: Need = Need::Right(Right::Work);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/feeds", VIEW, || get(list)),
    Route::page("/console/feeds/{feed}", VIEW, || get(one::page)),
    Route::act("/console/feeds/{feed}/fetch", WORK, || {
        post(acts::fetch_form)
    }),
    Route::act("/console/feeds/{feed}/drift", WORK, || {
        post(acts::drift_form)
    }),
    Route::act("/console/feeds/{feed}/replay", WORK, || {
        post(acts::replay_form)
    }),
    Route::act("/console/feeds/{feed}/rejects/{id}/edit", WORK, || {
        post(acts::edit_form)
    }),
    Route::act("/console/feeds/{feed}/rejects/{id}/drop", WORK, || {
        post(acts::drop_form)
    }),
    Route::api(
        Verb::Get,
        "/api/v1/feeds",
        VIEW,
        api::list_described,
        || get(api::list),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/feeds/{feed}",
        VIEW,
        api::one_described,
        || get(api::one),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/feeds/{feed}/deliveries",
        VIEW,
        api::deliveries_described,
        || get(api::deliveries),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/feeds/{feed}/rejects",
        VIEW,
        api::rejects_described,
        || get(api::rejects),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/feeds/{feed}/rejects/{id}/edit",
        WORK,
        api::edit_described,
        || post(api::edit),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/feeds/{feed}/rejects/{id}/drop",
        WORK,
        api::drop_described,
        || post(api::drop_it),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/feeds/{feed}/replay",
        WORK,
        api::replay_described,
        || post(api::replay),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/feeds/{feed}/fetch",
        WORK,
        api::fetch_described,
        || post(api::fetch),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/feeds/{feed}/drift",
        WORK,
        api::drift_described,
        || post(api::drift),
    ),
];

/// Days before a feed's newest one from which the usual is taken.
const USUAL_DAYS: i32 = 56;
/// Days that are read in one go: a feed that went silent long ago shows no strip.
const READ_DAYS: i64 = 120;
/// Earlier days needed before there is a usual, and of the same weekday before only those count.
const KNOWN: usize = 3;
const WEEKDAYS: usize = 4;
/// Weeks before a feed's newest report in which changes of it are looked for.
pub(crate) const DRIFT_WEEKS: u32 = 4;
/// How long what was found stands: comparing reports takes a while.
const KEPT: std::time::Duration = std::time::Duration::from_secs(60);

words! {
    Words {
        health: "健康", "Health";
        feed: "数据源", "Feed";
        provider: "提供方", "Provider";
        lag: "距上次", "Since the last";
        due: "应到", "Due";
        newest: "最近一天", "Newest day";
        strip: "与常态", "Against usual";
        rejects: "拒收", "Rejects";
        note: "说明", "Remark";
        list: "数据源列表", "List of feeds";
        count: "数据源", "feeds";
        failing_count: "中断", "failing";
        attention: "需留意", "to be looked at";
        reject_count: "拒收待处理", "open rejects";
        failing: "中断", "Failing";
        never: "从未到达", "Never came";
        late: "迟到", "Late";
        well: "正常", "Well";
        off: "停用", "Off";
        changed: "有变化", "Changed";
        few: "量偏低", "Low";
        many: "量偏高", "High";
        every: "每 {s}", "every {s}";
        rest: "重试 {n} 次，{t} 再试", "{n} tries, again {t}";
        failed: "失败 {n} 次", "failed {n} times";
        drifts: "{n} 处变化待定", "{n} changes to be decided";
        strip_new: "最近一天 {n}，还不知道常态", "newest day {n}; what is usual is not known yet";
        strip_label: "最近一天 {n}，常态 {a} 到 {b}", "newest day {n}, usual {a} to {b}";
        usual_text: "常态为近 8 周同一星期几的第 5 至第 95 百分位（不足四周时取全部日子）；竖线为最近一天，超出浅带变为琥珀色。", "Usual: the 5th to 95th percentile of the same weekday over 8 weeks (of all days while there are fewer than four); the bar is the newest day, amber outside the band.";
        empty: "还没有数据源", "No feed yet";
        empty_text: "运行 watchfire feeds catalogue 看可订阅的公开数据源，用 watchfire feeds add 名称 订阅；或在 watchfire.toml 写 [[feed]]。", "Run watchfire feeds catalogue for public feeds and watchfire feeds add NAME to subscribe, or write [[feed]] into watchfire.toml.";
    }
}

/// What a feed brought on its newest day, against what is usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Volume {
    /// Rows on the newest day.
    pub(crate) now: i64,
    /// The band of what is usual, where enough days are known.
    pub(crate) usual: Option<(i64, i64)>,
    /// Days and their rows, the oldest first.
    pub(crate) days: Vec<(i32, i64)>,
}

impl Volume {
    /// Whether the newest day lies below or above what is usual.
    pub(crate) fn out(&self) -> Option<std::cmp::Ordering> {
        let (low, high) = self.usual?;
        match (self.now < low, self.now > high) {
            (true, _) => Some(std::cmp::Ordering::Less),
            (_, true) => Some(std::cmp::Ordering::Greater),
            _ => None,
        }
    }
}

/// What each feed brought, by its name.
pub(crate) async fn volumes(desk: &Desk) -> Result<BTreeMap<String, Volume>, Refusal> {
    let now = desk.now().0;
    let since = now.saturating_sub(READ_DAYS * model::time::MICROS_PER_DAY);
    let zone = desk.terms().zone.clone();
    let mut days: BTreeMap<String, BTreeMap<i32, i64>> = BTreeMap::new();
    for (feed, at, rows) in desk.ledger.report_rows(since).await? {
        let Some(date) = Timestamp(at).date_in(&zone) else {
            continue;
        };
        let day = model::time::Day::of(date).0;
        *days.entry(feed).or_default().entry(day).or_default() += rows;
    }
    Ok(days
        .into_iter()
        .filter_map(|(feed, days)| Some((feed, volume(days.into_iter().collect())?)))
        .collect())
}

/// The volume of days and their rows, the oldest first.
fn volume(days: Vec<(i32, i64)>) -> Option<Volume> {
    let (newest, now) = *days.last()?;
    let earlier = days
        .iter()
        .filter(|(day, _)| *day < newest && *day >= newest - USUAL_DAYS);
    let all: Vec<_> = earlier.copied().collect();
    let same = all.iter().filter(|(day, _)| (newest - day) % 7 == 0);
    let same: Vec<i64> = same.map(|(_, rows)| *rows).collect();
    let mut rows = match same.len() >= WEEKDAYS {
        true => same,
        false => all.iter().map(|(_, rows)| *rows).collect(),
    };
    rows.sort_unstable();
    let at = |percent: usize| rows[(rows.len() - 1) * percent / 100];
    let usual = (rows.len() >= KNOWN).then(|| (at(5), rows[((rows.len() - 1) * 95).div_ceil(100)]));
    let days = days
        .into_iter()
        .filter(|(day, _)| *day >= newest - USUAL_DAYS);
    Some(Volume {
        now,
        usual,
        days: days.collect(),
    })
}

/// What is kept of the changes of feeds.
pub(crate) type Kept = tokio::sync::Mutex<Option<(std::time::Instant, Arc<Vec<Finding>>)>>;

/// What changed in the reports of all feeds that are turned on and is not decided yet; kept for a minute.
pub(crate) async fn changes(desk: &Desk) -> Result<Arc<Vec<Finding>>, Refusal> {
    let mut kept = desk.drift.lock().await;
    let now = std::time::Instant::now();
    if let Some((at, found)) = kept.as_ref()
        && now.duration_since(*at) < KEPT
    {
        return Ok(Arc::clone(found));
    }
    let terms = desk.terms();
    let mut all = Vec::new();
    for source in terms
        .catalogue
        .sources()
        .iter()
        .filter(|one| one.feed.enabled)
    {
        let found = intake::drift::recent(&desk.ledger, source, DRIFT_WEEKS).await;
        let found = found.map_err(|error| Refusal::broken("changes of a feed", error))?;
        all.extend(found.into_iter().filter(|one| one.decision.is_none()));
    }
    let all = Arc::new(all);
    *kept = Some((now, Arc::clone(&all)));
    Ok(all)
}

/// A range strip of 132 by 16: the pale band is what is usual, the bar is now.
#[derive(Clone, Debug)]
pub(crate) struct Strip {
    pub(crate) label: String,
    pub(crate) band_x: i64,
    pub(crate) band: i64,
    pub(crate) mark: i64,
    pub(crate) out: bool,
    pub(crate) usual: bool,
}

/// Draws a volume.
pub(crate) fn strip(volume: &Volume, w: &'static Words) -> Strip {
    const WIDTH: i64 = 132;
    let (low, high) = volume.usual.unwrap_or((0, 0));
    let most = volume.now.max(high).max(1);
    // A fifth stays free at the right, so that what is usual is not at the edge.
    let x = |rows: i64| rows.max(0).saturating_mul(WIDTH * 5 / 6) / most;
    let (n, a, b) = (
        paging::grouped(volume.now),
        paging::grouped(low),
        paging::grouped(high),
    );
    Strip {
        label: match volume.usual {
            Some(_) => fill(w.strip_label, &[("n", &n), ("a", &a), ("b", &b)]),
            None => fill(w.strip_new, &[("n", &n)]),
        },
        band_x: x(low),
        band: (x(high) - x(low)).max(2),
        mark: x(volume.now).clamp(2, WIDTH - 2),
        out: volume.out().is_some(),
        usual: volume.usual.is_some(),
    }
}

/// How a feed is shown: class, icon, word.
pub(crate) fn shown(
    state: FeedState,
    w: &'static Words,
) -> (&'static str, &'static str, &'static str) {
    const CROSS: &str =
        "M8 2.500a5.500 5.500 0 1 0 0 11a5.500 5.500 0 1 0 0-11m-2 3.500 4 4M10 6l-4 4";
    const CLOCK: &str = "M8 2.500a5.500 5.500 0 1 0 0 11a5.500 5.500 0 1 0 0-11M8 5v3l2 1.500";
    const TICK: &str = "M8 2.500a5.500 5.500 0 1 0 0 11a5.500 5.500 0 1 0 0-11m-2.500 5.700 1.800 1.800 3.200-3.800";
    const DASH: &str = "M8 2.500a5.500 5.500 0 1 0 0 11a5.500 5.500 0 1 0 0-11M5.500 8h5";
    match state {
        FeedState::Failing => ("x", CROSS, w.failing),
        FeedState::Never => ("w", CLOCK, w.never),
        FeedState::Late => ("w", CLOCK, w.late),
        FeedState::Well => ("g", TICK, w.well),
        FeedState::Off => ("m", DASH, w.off),
    }
}

/// The icon of what is to be looked at.
const WARN: &str = "M8 2.500 14.500 13.500h-13zM8 6.500v3M8 11.500v.01";

struct Row {
    feed: String,
    href: String,
    provider: String,
    class: &'static str,
    icon: &'static str,
    state: &'static str,
    lag: String,
    lag_hot: bool,
    last: String,
    due: String,
    newest: String,
    strip: Option<Strip>,
    rejects: String,
    note: String,
    rank: (u8, String),
}

#[derive(Template)]
#[template(path = "feeds.html")]
struct FeedsPage {
    shell: Shell,
    w: &'static Words,
    rows: Vec<Row>,
    failing: usize,
    attention: usize,
    rejects: String,
}

/// Open rejects per feed.
pub(crate) async fn open_rejects(desk: &Desk) -> Result<BTreeMap<String, i64>, Refusal> {
    let open = RejectFilter {
        state: Some(RejectState::Open),
        ..RejectFilter::default()
    };
    let mut all = BTreeMap::new();
    for (feed, _, count) in desk.ledger.reject_reasons(&open).await? {
        *all.entry(feed).or_default() += count;
    }
    Ok(all)
}

/// What is to be said of a feed beside its state.
pub(crate) fn note_of(
    one: &FeedHealth,
    drifts: usize,
    now: i64,
    w: &'static Words,
    lang: Lang,
) -> String {
    let mut parts = Vec::new();
    if one.failures > 0 {
        let again = one.resting_until.map(|at| draw::ago(now, at.0, lang));
        parts.push(match again {
            Some(again) => fill(w.rest, &[("n", &one.failures), ("t", &again)]),
            None => fill(w.failed, &[("n", &one.failures)]),
        });
        if let Some(error) = &one.error {
            parts.push(mail::disarmed(error));
        }
    }
    if drifts > 0 {
        parts.push(fill(w.drifts, &[("n", &drifts)]));
    }
    parts.join(match lang {
        Lang::Zh => "；",
        Lang::En => "; ",
    })
}

async fn list(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    visitor.of_the_house()?;
    let (lang, now) = (visitor.lang, desk.now().0);
    let w = Words::of(lang);
    let health = desk.sources()?.health().await?;
    let volumes = volumes(&desk).await?;
    let rejects = open_rejects(&desk).await?;
    let changes = changes(&desk).await?;
    let terms = desk.terms();
    let mut rows = Vec::new();
    for one in health {
        let drifts = changes
            .iter()
            .filter(|change| change.feed == one.feed)
            .count();
        let volume = volumes
            .get(&one.feed)
            .filter(|_| one.state != FeedState::Off);
        let (mut class, mut icon, mut state) = shown(one.state, w);
        if one.state == FeedState::Well {
            let odd = match (drifts, volume.and_then(Volume::out)) {
                (1.., _) => Some(w.changed),
                (0, Some(std::cmp::Ordering::Less)) => Some(w.few),
                (0, Some(_)) => Some(w.many),
                (0, None) => None,
            };
            if let Some(word) = odd {
                (class, icon, state) = ("w", WARN, word);
            }
        }
        let feed = terms
            .catalogue
            .get(&one.feed)
            .ok()
            .map(|source| &source.feed);
        let rank = match class {
            "x" => 0,
            "w" => 1,
            "g" => 2,
            _ => 3,
        };
        rows.push(Row {
            href: format!("/console/feeds/{}", one.feed),
            provider: feed.map_or_else(String::new, |feed| mail::plain(&feed.provider)),
            class,
            icon,
            state,
            lag: one.lag_secs.map_or_else(
                || "–".to_owned(),
                |secs| draw::span(secs.cast_signed().saturating_mul(1_000_000), lang),
            ),
            lag_hot: matches!(one.state, FeedState::Failing | FeedState::Late),
            last: one
                .last_success
                .map_or_else(String::new, |at| draw::exact(&desk, at.0)),
            due: every(one.interval_secs, w, lang),
            newest: volume.map_or_else(|| "–".to_owned(), |one| paging::grouped(one.now)),
            strip: volume.map(|one| strip(one, w)),
            rejects: paging::grouped(rejects.get(&one.feed).copied().unwrap_or(0)),
            note: note_of(&one, drifts, now, w, lang),
            rank: (rank, one.feed.clone()),
            feed: one.feed,
        });
    }
    rows.sort_by(|a, b| a.rank.cmp(&b.rank));
    let title = ShellWords::of(lang).feeds;
    Ok(shell::page(&FeedsPage {
        shell: shell::shell(&desk, &visitor, Nav::Feeds, title).await,
        w,
        failing: rows.iter().filter(|row| row.class == "x").count(),
        attention: rows.iter().filter(|row| row.class == "w").count(),
        rejects: paging::grouped(rejects.values().sum()),
        rows,
    }))
}

/// An interval in words: `每 1 天`, `every 5 min`.
pub(crate) fn every(secs: u64, w: &'static Words, lang: Lang) -> String {
    let (number, unit) = match secs {
        secs if secs >= 86_400 && secs % 86_400 == 0 => (secs / 86_400, ("天", "d")),
        secs if secs >= 3_600 && secs % 3_600 == 0 => (secs / 3_600, ("小时", "h")),
        secs => (secs.div_ceil(60), ("分钟", "min")),
    };
    let unit = match lang {
        Lang::Zh => unit.0,
        Lang::En => unit.1,
    };
    fill(w.every, &[("s", &format!("{number} {unit}"))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_is_of_the_same_weekday_once_there_are_four() {
        let days: Vec<(i32, i64)> = (0..36)
            .map(|day| {
                (
                    day,
                    if day % 7 == 0 {
                        100 + i64::from(day)
                    } else {
                        10
                    },
                )
            })
            .collect();
        let found = volume(days).unwrap();
        assert_eq!(found.now, 135);
        assert_eq!(found.usual, Some((100, 128)));
        assert_eq!(found.out(), Some(std::cmp::Ordering::Greater));
    }

    #[test]
    fn two_days_say_nothing_of_what_is_usual() {
        let found = volume(vec![(0, 5), (1, 6), (2, 900)]).unwrap();
        assert_eq!((found.usual, found.out()), (None, None));
        assert_eq!(volume(Vec::new()), None);
        let strip = strip(&found, Words::of(Lang::En));
        assert!(strip.mark <= 132 && !strip.out);
    }
}
