//! Why a figure changed: the difference in parts that add up to it, what moved, holidays, and a sentence to take over.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use bulletin::change::{Confidence, page as printed};
use bulletin::statistics;
use model::bulletin::Text;
use model::newsroom::Right;

use super::{centre, issue_of, newsroom};
use crate::Desk;
use crate::newsroom::Declined;
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Need, Route, get};
use crate::visitor::Visitor;
use crate::words::{fill, words};

pub(crate) const ROUTES: &[Route] = &[Route::page(
    "/console/bulletin/{issue}/explain/{statistic}",
    Need::Right(Right::View),
    || get(explain),
)];

words! {
    Words {
        title: "{name}：为什么变化", "{name}: why it changed";
        back: "回到这个数字", "Back to the figure";
        this: "本周", "This week";
        last: "上周", "Last week";
        difference: "变化", "Change";
        new: "新增对象", "New";
        gone: "消失对象", "Gone";
        continuing: "延续对象", "Continuing";
        parts: "变化的构成", "What it is put down to";
        part: "归因", "Put down to";
        net: "净变化", "Net";
        share: "占比", "Share";
        basis: "依据", "Evidence";
        confidence: "把握", "Confidence";
        total: "合计", "Total";
        proposed: "建议的文句", "Proposed sentence";
        proposed_text: "机器拟，供编辑取舍；数字为引用，可直接粘贴到“改文字”。", "Made by the program for an editor to judge; its figures are references and can be pasted into the prose.";
        copy: "复制", "Copy";
        movers: "变动最大者：{name}", "What moved most: {name}";
        group: "类别", "Group";
        remarks: "其他变化", "What else differs";
        cannot: "无法解释这个变化", "This change cannot be explained";
        issues: "第 {a} 期与第 {b} 期相比", "issue {a} against issue {b}";
    }
}

struct Row {
    name: String,
    new: u64,
    gone: u64,
    net: String,
    share: String,
    bar: u64,
    class: &'static str,
    evidence: String,
    confidence: String,
}

struct Group {
    name: String,
    rows: Vec<(String, u64, u64, String)>,
}

struct Explained {
    about: String,
    facts: Vec<(&'static str, String)>,
    rows: Vec<Row>,
    total: String,
    proposed: String,
    confidence: String,
    movers: Vec<Group>,
    remarks: Vec<String>,
}

#[derive(Template)]
#[template(path = "bulletin-change.html")]
struct ChangePage {
    shell: Shell,
    w: &'static Words,
    heading: String,
    base: String,
    statistic: String,
    found: Option<Explained>,
    why: String,
}

async fn explain(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path((issue, id)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let lang = visitor.lang;
    let w = Words::of(lang);
    let issue = issue_of(&issue)?;
    let statistic = statistics::named(&id).ok_or(Refusal::Absent)?;
    let t = |text: &Text| text.get(lang).to_owned();
    let (found, why) = match newsroom(&desk)?.change(issue, statistic.id).await {
        Ok(found) => (Some(found), String::new()),
        Err(Declined::Refused(why)) => (None, why),
        Err(other) => return Err(other.into()),
    };
    let heading = fill(w.title, &[("name", &t(&statistic.name.text()))]);
    let found = found.map(|found| {
        let most = found.rows.iter().map(|row| row.count.unsigned_abs());
        let most = most.max().unwrap_or(1).max(1);
        let rows = found.rows.iter().map(|row| Row {
            name: t(&row.name),
            new: row.new,
            gone: row.gone,
            net: printed::signed(row.count, lang),
            share: printed::share(row.share),
            bar: row.count.unsigned_abs() * 120 / most,
            class: match (row.confidence, row.count < 0) {
                (Confidence::NotEstablished, _) => "open",
                (_, true) => "fell",
                (_, false) => "rose",
            },
            evidence: t(&row.evidence),
            confidence: t(&row.confidence.text()),
        });
        let movers = found.movers.iter().filter(|movers| !movers.rows.is_empty());
        let movers = movers.map(|movers| Group {
            name: fill(w.movers, &[("name", &t(&movers.name))]),
            rows: movers
                .rows
                .iter()
                .map(|row| {
                    let net = i64::try_from(row.this).unwrap_or(i64::MAX)
                        - i64::try_from(row.last).unwrap_or(i64::MAX);
                    (t(&row.name), row.last, row.this, printed::signed(net, lang))
                })
                .collect(),
        });
        let difference = printed::signed(found.difference, lang);
        Explained {
            about: fill(w.issues, &[("a", &found.issue), ("b", &found.baseline)]),
            facts: vec![
                (w.this, found.this.to_string()),
                (w.last, found.last.to_string()),
                (w.difference, format!("{difference} {}", t(&found.printed))),
                (w.new, found.new.to_string()),
                (w.gone, found.gone.to_string()),
                (w.continuing, found.continuing.to_string()),
            ],
            rows: rows.collect(),
            total: difference,
            proposed: found.proposed.as_ref().map(t).unwrap_or_default(),
            confidence: t(&found.confidence.text()),
            movers: movers.collect(),
            remarks: found.remarks.iter().map(t).collect(),
        }
    });
    Ok(shell::page(&ChangePage {
        shell: shell::shell(&desk, &visitor, Nav::Bulletin, &heading).await,
        w,
        heading,
        base: format!("/console/bulletin/{issue}"),
        statistic: statistic.id.to_owned(),
        found,
        why,
    }))
}
