//! One feed: how it is, what it brought day by day, its reports, what changed in them, and the rows that could not be
//! read.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use intake::drift::Change;
use ledger::{RejectFilter, RejectState, ReportState};
use model::newsroom::Right;
use model::time::Day;
use serde::Deserialize;

use super::{Strip, Words as ListWords, acts, changes, every, note_of, shown, strip, volumes};
use crate::Desk;
use crate::correspondence::FeedState;
use crate::pages::shell::{self, Nav, Shell};
use crate::pages::{draw, mail, paging};
use crate::refusal::Refusal;
use crate::visitor::Visitor;
use crate::words::{fill, words};

words! {
    Words {
        back: "数据源", "Feeds";
        lag: "距上次", "Since the last";
        due: "应到", "Due";
        newest: "最近一天", "Newest day";
        rejects_open: "拒收待处理", "Open rejects";
        provider: "提供方", "Provider";
        format: "格式", "Format";
        zone: "时区", "Zone";
        licence: "许可", "Licence";
        terms: "条款", "Terms";
        publishable: "可公布", "May be printed";
        last_failure: "最近失败", "Last failure";
        fetch: "立即获取", "Fetch now";
        not_asked: "这个数据源由对方送来，不由我们去取。", "This feed is sent to us; nothing is fetched.";
        config: "配置", "Configuration";
        config_on: "启用与停用写在 watchfire.toml 第 {n} 行起的 [[feed]]：", "It is turned on and off in watchfire.toml, in the [[feed]] at line {n}:";
        config_no_line: "启用与停用写在 watchfire.toml 的 [[feed]]：", "It is turned on and off in the [[feed]] of watchfire.toml:";
        days: "每天行数（近 8 周）", "Rows a day (8 weeks)";
        day_label: "{d}：{n} 行", "{d}: {n} rows";
        reports: "最近的报告", "Recent reports";
        report: "报告", "Report";
        received: "收到", "Received";
        rows: "行", "Rows";
        events: "新记录", "Events";
        known: "已有", "Known";
        rejected: "拒收", "Rejected";
        state: "状态", "State";
        no_reports: "还没有收到报告。", "No report came yet.";
        archived: "待读取", "not read yet";
        ingested: "已读取", "read";
        unreadable: "读不出", "unreadable";
        more: "更早的报告", "Earlier reports";
        changes: "结构与数量变化", "Changes";
        change_of: "报告日期", "Report of";
        what: "变化", "What changed";
        column: "列", "Column";
        no_changes: "近四周的报告与以往一致。", "Reports of the last four weeks are like those before.";
        accept: "采用：从此就是这样", "Accept: it is so from now on";
        dismiss: "不采用：这次投递有误", "Dismiss: the deliveries were wrong";
        decide: "决定", "Decide";
        decision: "怎样看待", "What to make of it";
        reason: "原因", "Reason";
        new_column: "新增列", "new column";
        lost_column: "缺列", "column is gone";
        volume: "数量 {n}，常态 {a} 到 {b}", "{n} rows, usual {a} to {b}";
        filled: "有值的行 {a}% → {b}%", "filled in {a}% → {b}% of the rows";
        new_word: "新值“{x}”，占 {n}%", "new value “{x}”, {n}% of the rows";
        lost_word: "原有值“{x}”消失，曾占 {n}%", "value “{x}” is gone, was {n}% of the rows";
        more_rejects: "拒收 {a} / {b} 行，以往至多 {n}%", "{a} of {b} rows rejected, at most {n}% before";
        held_back: "名单骤减或损坏：本次不据此移除条目", "the list shrank or is damaged: nothing is taken off it";
        cannot_read: "读不出：{x}", "cannot be read: {x}";
        rejects: "拒收的行", "Rejects";
        rejects_note: "原件已存，不会丢。", "The originals are kept; nothing is lost.";
        no_rejects: "没有拒收的行。", "No row was rejected.";
        replay_all: "全部重放", "Read all again";
        line: "第 {n} 行", "Line {n}";
        edited: "已改", "corrected";
        edit: "改后重放", "Correct and read again";
        edit_field: "改正后的这一行", "The row, corrected";
        replay: "重放", "Read again";
        keep: "只保存", "Only save";
        drop: "舍弃", "Drop";
        drop_ask: "舍弃后这一行不再重放。继续？", "A dropped row is not read again. Go on?";
        cut: "这一行很长，只显示开头", "the row is long; only its beginning is shown";
        not_text: "这一行不是 UTF-8 文本，不能在此改写", "the row is no UTF-8 text and cannot be corrected here";
        more_rejects_next: "更多拒收", "More rejects";
        missing_field: "缺必填字段", "a required field is missing";
        bad_value: "值不成立", "a value is not of its form";
        bad_time: "时间读不出", "the time cannot be read";
        column_count: "列数不符", "another number of columns";
        encoding: "编码有误", "wrong encoding";
        too_long: "行过长", "too long";
        syntax: "语法有误", "broken syntax";
        too_deep: "嵌套过深", "nested too deep";
        no_observable: "没有可用的地址或标识", "no observable in it";
        by_rule: "被规则舍弃", "dropped by a rule";
        rule_failed: "规则无法套用", "a rule cannot be applied";
        damaged: "文件在此中断", "the delivery breaks here";
        done_fetch: "已排到最前，马上获取", "it is asked at once";
        done_running: "正在获取，或没有等待中的任务", "it is being asked, or nothing waits";
        done_drift: "已决定 {n} 处变化", "{n} changes are decided";
        done_replay: "已重放 {n} 行：新记录 {e}，已有 {d}。", "{n} rows read again: {e} new events, {d} known.";
        done_left: "仍有 {n} 行读不了：", "{n} are left: ";
        done_edit: "改正已保存", "the correction is saved";
        done_drop: "这一行已舍弃", "the row is dropped";
    }
}

/// Rejects and reports of a page.
const REJECTS: u64 = 20;
const REPORTS: u64 = 20;
/// Characters of a reject's row that the page shows.
const SHOWN: usize = 2_000;

/// Where the lists of the page go on.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    #[serde(default)]
    rejects: String,
    #[serde(default)]
    reports: String,
}

struct ReportRow {
    origin: String,
    received: String,
    ago: String,
    rows: String,
    events: String,
    known: String,
    rejects: String,
    state: &'static str,
    class: &'static str,
    reason: String,
}

struct ChangeRow {
    day: String,
    column: String,
    tag: &'static str,
    what: String,
}

struct RejectRow {
    id: i64,
    line: String,
    reason: &'static str,
    message: String,
    raw: String,
    text: String,
    edited: bool,
    editable: bool,
    cut: bool,
}

struct DayColumn {
    x: i32,
    y: i64,
    height: i64,
    label: String,
    last: bool,
}

#[derive(Template)]
#[template(path = "feed.html")]
struct FeedPage {
    shell: Shell,
    w: &'static Words,
    feed: String,
    provider: String,
    format: String,
    zone: String,
    licence: String,
    terms: String,
    publishable: String,
    class: &'static str,
    icon: &'static str,
    state: &'static str,
    note: String,
    lag: String,
    due: String,
    newest: String,
    strip: Option<Strip>,
    failure: String,
    asked: bool,
    off: bool,
    config: String,
    days: Vec<DayColumn>,
    reports: Vec<ReportRow>,
    next_reports: String,
    changes: Vec<ChangeRow>,
    rejects: Vec<RejectRow>,
    reject_count: String,
    next_rejects: String,
    may: bool,
}

/// Why a row was refused, in words.
fn reason(label: &str, w: &'static Words) -> &'static str {
    match label {
        "missing-field" => w.missing_field,
        "bad-value" => w.bad_value,
        "bad-time" => w.bad_time,
        "column-count" => w.column_count,
        "encoding" => w.encoding,
        "too-long" => w.too_long,
        "syntax" => w.syntax,
        "too-deep" => w.too_deep,
        "no-observable" => w.no_observable,
        "dropped-by-rule" => w.by_rule,
        "rule-failed" => w.rule_failed,
        "damaged" => w.damaged,
        _ => "",
    }
}

/// A change in words: the column it is about, whether it is new or gone, and what it is.
fn told(change: &Change, w: &'static Words) -> (String, &'static str, String) {
    let plain = mail::plain;
    match change {
        Change::NewColumn { name } => (plain(name), w.new_column, String::new()),
        Change::LostColumn { name } => (plain(name), w.lost_column, String::new()),
        Change::Volume { rows, range, .. } => {
            let (n, a, b) = (
                paging::grouped(*rows),
                paging::grouped(range.0),
                paging::grouped(range.1),
            );
            let text = fill(w.volume, &[("n", &n), ("a", &a), ("b", &b)]);
            (String::new(), "", text)
        }
        Change::Filled { field, was, now } => {
            (plain(field), "", fill(w.filled, &[("a", was), ("b", now)]))
        }
        Change::NewWord { field, word, share } => {
            let text = fill(
                w.new_word,
                &[("n", share), ("x", &plain(word).replace('{', "("))],
            );
            (plain(field), "", text)
        }
        Change::LostWord { field, word, share } => {
            let text = fill(
                w.lost_word,
                &[("n", share), ("x", &plain(word).replace('{', "("))],
            );
            (plain(field), "", text)
        }
        Change::Rejects {
            rejects,
            rows,
            usual,
        } => {
            let text = fill(w.more_rejects, &[("a", rejects), ("b", rows), ("n", usual)]);
            (String::new(), "", text)
        }
        Change::HeldBack { .. } => (String::new(), "", w.held_back.to_owned()),
        Change::Unreadable { reason } => {
            let text = fill(w.cannot_read, &[("x", &plain(reason).replace('{', "("))]);
            (String::new(), "", text)
        }
    }
}

/// Columns of a chart of days, 448 by 64.
fn columns(days: &[(i32, i64)], w: &'static Words) -> Vec<DayColumn> {
    let Some((newest, _)) = days.last() else {
        return Vec::new();
    };
    let most = days.iter().map(|(_, rows)| *rows).max().unwrap_or(0).max(1);
    days.iter()
        .map(|(day, rows)| {
            let height = (rows * 56 / most).max(i64::from(*rows > 0));
            DayColumn {
                x: (56 - (newest - day)) * 8,
                y: 60 - height,
                height,
                label: fill(
                    w.day_label,
                    &[("d", &Day(*day)), ("n", &paging::grouped(*rows))],
                ),
                last: day == newest,
            }
        })
        .collect()
}

pub(super) async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(feed): Path<String>,
    paging::Asked(asked): paging::Asked<Query>,
) -> Result<Response, Refusal> {
    let source = acts::load(&desk, &visitor, &feed)?;
    let (lang, now) = (visitor.lang, desk.now().0);
    let (w, lw) = (Words::of(lang), ListWords::of(lang));
    let health = desk.sources()?.health().await?;
    let health = health.into_iter().find(|one| one.feed == feed);
    let health = health.ok_or(Refusal::Absent)?;
    let volume = volumes(&desk).await?.remove(&feed);
    let found = changes(&desk).await?;
    let own = found.iter().filter(|one| one.feed == feed);
    let rows: Vec<ChangeRow> = own
        .map(|one| {
            let (column, tag, what) = told(&one.change, w);
            ChangeRow {
                day: one
                    .at
                    .date_in(&source.zone)
                    .map_or_else(String::new, |date| date.to_string()),
                column,
                tag,
                what: match one.kind.is_empty() {
                    true => what,
                    false => format!("{what} ({})", mail::plain(&one.kind)),
                },
            }
        })
        .collect();
    let filter = RejectFilter {
        feed: Some(feed.clone()),
        state: Some(RejectState::Open),
        after: asked.rejects.parse().ok(),
        ..RejectFilter::default()
    };
    let all = RejectFilter {
        after: None,
        ..filter.clone()
    };
    let mut rejects = desk.ledger.rejects(&filter, REJECTS + 1).await?;
    let next_rejects = paging::cut(&mut rejects, REJECTS, |one| one.id.to_string());
    let count = desk.ledger.reject_count(&all).await?;
    let rejects = rejects.into_iter().map(|one| {
        let text = String::from_utf8(one.text().to_vec());
        RejectRow {
            id: one.id,
            line: fill(w.line, &[("n", &paging::grouped(one.line))]),
            reason: reason(&one.reason, w),
            message: mail::disarmed(&one.message),
            raw: mail::disarmed(&String::from_utf8_lossy(&one.raw))
                .chars()
                .take(SHOWN)
                .collect(),
            edited: one.edited.is_some(),
            editable: text.is_ok() && !one.is_cut(),
            text: text.unwrap_or_default(),
            cut: one.is_cut() || one.raw.len() > SHOWN,
        }
    });
    let before = asked.reports.split_once('-');
    let before = before.and_then(|(at, id)| Some((at.parse().ok()?, id)));
    let mut reports = desk
        .ledger
        .newest_reports(&feed, before, REPORTS + 1)
        .await?;
    let next_reports = paging::cut(&mut reports, REPORTS, |one| {
        format!("{}-{}", one.received_at, one.id)
    });
    let reports = reports.into_iter().map(|one| {
        let (state, class) = match one.state {
            ReportState::Archived => (w.archived, "m"),
            ReportState::Ingested => (w.ingested, ""),
            ReportState::Unreadable => (w.unreadable, "x"),
        };
        ReportRow {
            origin: mail::plain(one.origin.rsplit('/').next().unwrap_or_default()),
            received: draw::exact(&desk, one.received_at),
            ago: draw::ago(now, one.received_at, lang),
            rows: paging::grouped(one.rows),
            events: paging::grouped(one.events),
            known: paging::grouped(one.duplicates),
            rejects: paging::grouped(one.rejects),
            state,
            class,
            reason: mail::plain(one.reason.as_deref().unwrap_or_default()),
        }
    });
    let (class, icon, state) = shown(health.state, lw);
    let entry = &source.feed;
    let title = format!("{} {}", lw.feed, feed);
    Ok(shell::page(&FeedPage {
        shell: shell::shell(&desk, &visitor, Nav::Feeds, &title).await,
        w,
        provider: mail::plain(&entry.provider),
        format: entry.format.clone(),
        zone: entry.zone.clone(),
        licence: mail::plain(&entry.licence),
        terms: mail::plain(&entry.terms),
        publishable: format!("{:?}", entry.publishable).to_lowercase(),
        class,
        icon,
        state,
        note: note_of(&health, rows.len(), now, lw, lang),
        lag: health.lag_secs.map_or_else(
            || "–".to_owned(),
            |secs| draw::span(secs.cast_signed().saturating_mul(1_000_000), lang),
        ),
        due: every(health.interval_secs, lw, lang),
        newest: volume
            .as_ref()
            .map_or_else(|| "–".to_owned(), |one| paging::grouped(one.now)),
        strip: volume.as_ref().map(|one| strip(one, lw)),
        failure: health
            .last_failure
            .map_or_else(String::new, |at| draw::exact(&desk, at.0)),
        asked: health.asked,
        off: health.state == FeedState::Off,
        config: match health.line {
            Some(line) => fill(w.config_on, &[("n", &line)]),
            None => w.config_no_line.to_owned(),
        },
        days: volume.map_or_else(Vec::new, |one| columns(&one.days, w)),
        reports: reports.collect(),
        next_reports: next_reports.map_or_else(String::new, |after| {
            format!("/console/feeds/{feed}?reports={after}#reports")
        }),
        changes: rows,
        rejects: rejects.collect(),
        reject_count: paging::grouped(count.cast_signed()),
        next_rejects: next_rejects.map_or_else(String::new, |after| {
            format!("/console/feeds/{feed}?rejects={after}#rejects")
        }),
        may: visitor.may(Right::Work),
        feed,
    }))
}
