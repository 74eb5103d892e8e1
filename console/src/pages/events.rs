//! Events: the lake searched by a short text, one event down to its raw line, SELECTs for those who may, and exports
//! of exactly what is shown.

use std::sync::Arc;

use jiff::tz::TimeZone;
use lake::search::{Ask, Query, QueryError};
use ledger::{NewAudit, Reach};
use model::newsroom::Right;
use serde_json::json;

use crate::Desk;
use crate::almanac::Names;
use crate::lookout::Live;
use crate::refusal::Refusal;
use crate::routes::{Need, Route, Verb, get, post};
use crate::visitor::Visitor;
use crate::words::words;

mod api;
mod export;
mod facets;
pub(crate) mod labels;
mod list;
mod marking;
mod one;
mod sql;
mod steps;

pub(crate) use export::csv_cell;

const VIEW: Need = Need::Right(Right::View);

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/events", VIEW, || get(list::list)),
    Route::page("/console/events/export", VIEW, || get(export::download)),
    Route::page("/console/events/sql", VIEW, || get(sql::page)),
    Route::act("/console/events/sql", VIEW, || post(sql::run)),
    Route::page("/console/events/{event}", VIEW, || get(one::page)),
    Route::api(Verb::Get, "/api/v1/events", VIEW, api::listed, || {
        get(api::list)
    }),
    Route::api(
        Verb::Get,
        "/api/v1/events/histogram",
        VIEW,
        api::counted,
        || get(api::histogram),
    ),
    Route::api(
        Verb::Post,
        "/api/v1/events/sql",
        VIEW,
        api::selected,
        || post(api::select),
    ),
    Route::api(
        Verb::Get,
        "/api/v1/events/{event}",
        VIEW,
        api::opened,
        || get(api::one),
    ),
];

words! {
    Words {
        query: "查询", "Query";
        search: "查询", "Search";
        placeholder: "如 class:phishing observed:7d", "for example class:phishing observed:7d";
        time: "时间", "Time";
        all_time: "全部时间", "all time";
        day_1: "近 24 小时", "last 24 hours";
        day_7: "近 7 天", "last 7 days";
        day_30: "近 30 天", "last 30 days";
        day_90: "近 90 天", "last 90 days";
        last: "近 {n}", "last {n}";
        hours: "{n} 小时", "{n} hours";
        days: "{n} 天", "{n} days";
        from: "自", "from";
        until: "至", "until";
        not: "非", "not";
        remove: "去掉", "remove";
        filter: "添加条件", "Filter";
        filter_how: "在查询中写“名称:取值”，逗号隔开多个取值，前面加 - 表示排除，* 放在首尾表示任意。直接写的词按网址、主机和域名查找。", "Write name:value in the query; commas part several values, a - before it excludes, a * at either end stands for anything. A bare word is looked for in URL, host and domain.";
        facets: "分布", "Facets";
        others: "其余 {n} 项", "{n} others";
        exclude: "排除", "exclude";
        of_all: "条，共 {n} 条", "of {n} events";
        took: "{s} 秒，快照 {n}", "{s} s, snapshot {n}";
        partial: "查询超过 {s} 秒，已停止：以下只是最新的一部分（{done}/{all} 个数据文件）。缩小时间或增加条件后可得到完整结果。", "The search was stopped after {s} seconds: this is of the newest part only ({done} of {all} files). Narrow the time or add a filter for all of it.";
        export: "导出", "Export";
        csv_how: "UTF-8，公式已处理", "UTF-8, formulas made harmless";
        xlsx_how: "日期为日期，长数字为文本", "typed dates, long digits as text";
        jsonl_how: "全部字段", "every field";
        export_all: "即所列全部 {n} 条，顺序相同。CSV 约 {size}，标记 {tlp}。", "Exactly the {n} rows found, in this order. About {size} as CSV, marked {tlp}.";
        export_some: "最新的 {n} 条（共 {all} 条）。CSV 约 {size}，标记 {tlp}。", "The newest {n} of {all} rows. About {size} as CSV, marked {tlp}.";
        export_xlsx: "XLSX 至多 {n} 条。", "XLSX holds at most {n} rows.";
        steps_alt: "监测记录按时间的分布", "Events by time";
        each_step: "每 {step} 一柱，{zone} 时间。", "Events in steps of {step}, {zone}.";
        minutes: "{n} 分钟", "{n} minutes";
        hour: "1 小时", "an hour";
        day: "1 天", "a day";
        week: "1 周", "a week";
        month: "30 天", "30 days";
        pick_how: "点选一柱，再点另一柱选出时段。", "Choose a bar, then another for a span.";
        picked: "已选 {from} 至 {to}，{n} 条", "Selected: {from} to {to}, {n} events";
        keep: "只看这段", "Keep only these";
        unpick: "取消选择", "Clear";
        zoom_out: "放宽时间", "Zoom out";
        observed: "观察时间", "Observed";
        what: "内容", "What";
        address: "地址", "Address";
        place: "位置", "Place";
        feed: "数据源", "Feed";
        incident: "事件", "Incident";
        none: "无", "none";
        peek: "速览", "Peek";
        close: "收起", "Close";
        open: "打开", "Open";
        next: "下一页", "Next";
        first: "回到第一页", "First page";
        shown: "本页 {n} 条，共 {all} 条", "{n} on this page, {all} in all";
        nothing: "没有符合条件的监测记录", "No event fits";
        nothing_text: "放宽时间，或去掉一个条件。", "Widen the time, or take a filter away.";
        empty: "还没有监测记录", "There are no events yet";
        empty_text: "接入数据源后，收到的每一条记录都会出现在这里。", "Once a feed is connected, every record that it brings appears here.";
        empty_do: "查看数据源", "Feeds";
        wrong: "查询无法理解", "The query cannot be read";
        sql: "SQL", "SQL";
        one: "监测记录", "Event";
        back: "返回查询", "Back to the search";
        group_0: "发生了什么", "What happened";
        group_1: "在哪里", "Where";
        group_2: "涉及", "What is involved";
        group_3: "本系统补充", "What our tables add";
        group_4: "出处", "Where it was read";
        raw: "原始行", "Raw line";
        raw_of: "报告 {report} 第 {line} 行", "Report {report}, line {line}";
        raw_defanged: "地址已作失活处理", "addresses are defanged";
        raw_cut: "过长，只显示前 {n} KiB。", "Too long: the first {n} KiB are shown.";
        raw_expired: "按保存规则，这份报告的原文已删除。", "A rule of retention took the bytes of this report.";
        raw_missing: "归档中读不到这一行；运行 watchfire doctor 可查明原因。", "The line cannot be read from the archive; `watchfire doctor` says why.";
        joined: "归入的事件", "Incidents it joined";
        joined_none: "没有归入任何事件。", "It joined no incident.";
        joined_why: "规则 {rule}，{at} 归入", "by rule {rule}, joined {at}";
        copy_live: "复制原文", "Copy live";
        only: "只看", "Only";
        sql_title: "用 SQL 查询监测记录", "Events by SQL";
        sql_text: "只能写一条 SELECT。表 events 每行一条记录，地址与编号为文本；events_raw 相同，但地址与编号为字节，统计更快。最长 {secs} 秒，至多 {rows} 行。执行的语句会记入审计。", "One SELECT. The table events has a row for each event, addresses and ids as text; events_raw is the same with addresses and ids as bytes, for counting at speed. {secs} seconds and {rows} rows at most. What you run is written to the audit trail.";
        sql_run: "执行", "Run";
        sql_label: "SELECT 语句", "The SELECT";
        sql_columns: "列", "Columns";
        sql_column: "列名", "Column";
        sql_meaning: "含义", "Meaning";
        sql_rows: "{n} 行，{s} 秒", "{n} rows, {s} s";
        sql_more: "还有更多行未取回：请加上 LIMIT 或条件。", "There are more rows: add a LIMIT or a condition.";
        sql_none: "没有行。", "No row.";
        sql_examples: "示例", "Examples";
        sql_by_feed: "各数据源的记录数", "Events by feed";
        sql_by_province: "境内受感染主机，按省份", "Infected hosts inside, by province";
        sql_by_day: "某网段逐日记录数", "Events of a network by day";
        scroll: "表格，可左右滚动", "Table, scrolls sideways";
        copied: "仅用于处置，请勿直接访问", "for handling only, never to be opened";
    }
}

/// Rows of a page.
pub(super) const PAGE: usize = 50;

/// The whole lake is the house's own: a branch sees what joined its incidents, by their pages.
pub(super) fn of_the_house(visitor: &Visitor) -> Result<(), Refusal> {
    match visitor.within()? {
        Reach::All => Ok(()),
        Reach::Owner(_) => Err(Refusal::Absent),
    }
}

/// Who may run SELECTs: whoever works incidents, and whoever answers for the figures (editors). A viewer reads what
/// the pages show.
pub(super) fn may_select(visitor: &Visitor) -> bool {
    visitor.may(Right::Work) || visitor.may(Right::Edit)
}

/// A search as it was asked for.
pub(super) struct Asked {
    pub query: Query,
    pub live: Live,
    pub zone: TimeZone,
    pub span: (i64, i64),
}

impl Asked {
    /// Reads a text against the lake as it is.
    pub async fn of(desk: &Desk, text: &str) -> Result<Result<Asked, QueryError>, Refusal> {
        let query = match Query::parse(text) {
            Ok(query) => query,
            Err(error) => return Ok(Err(error)),
        };
        let live = desk.lookout.live(desk).await?;
        let zone = desk.terms().zone.clone();
        let span = query
            .span
            .map_or((i64::MIN, i64::MAX), |span| span.bounds(desk.now(), &zone));
        Ok(Ok(Asked {
            query,
            live,
            zone,
            span,
        }))
    }

    /// The same for programs, to whom a text that cannot be read is a problem.
    pub async fn strictly(desk: &Desk, text: &str) -> Result<Asked, Refusal> {
        Asked::of(desk, text)
            .await?
            .map_err(|error| Refusal::invalid("q", error))
    }

    /// What is to be found, without steps and facets.
    pub fn plainly(&self, rows: usize) -> Ask {
        Ask {
            query: self.query.clone(),
            span: self.span,
            edges: Arc::from([]),
            facets: false,
            rows,
            after: None,
        }
    }
}

/// Writes a read into the audit trail.
pub(super) async fn record(
    desk: &Desk,
    visitor: &Visitor,
    action: &str,
    object: &str,
    detail: serde_json::Value,
) -> Result<(), Refusal> {
    let new = NewAudit {
        actor: visitor.login().to_owned(),
        action: action.to_owned(),
        object: object.to_owned(),
        detail,
    };
    Ok(desk.ledger.append_audit(new, desk.now().0).await?)
}

/// Writes down that events were read that are marked for few.
pub(super) async fn record_sensitive(
    desk: &Desk,
    visitor: &Visitor,
    text: &str,
    marked: u64,
) -> Result<(), Refusal> {
    match marked {
        0 => Ok(()),
        marked => {
            let detail = json!({ "query": text, "marked": marked });
            record(desk, visitor, "events.read-sensitive", "events", detail).await
        }
    }
}

/// Names of provinces and sectors; none where nobody knows them.
pub(super) async fn names(desk: &Desk) -> Arc<Names> {
    match &desk.almanac {
        None => Arc::default(),
        Some(almanac) => almanac.names().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "names of provinces cannot be read");
            Arc::default()
        }),
    }
}
