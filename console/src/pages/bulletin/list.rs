//! The issues: state, the time that is left, how far each is and what hinders it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use model::newsroom::{EditionState, Right};
use model::time::Day;

use super::stand::{self, Stand};
use super::{centre, newsroom};
use crate::Desk;
use crate::newsroom::Kind;
use crate::pages::draw::{self, Countdown};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Need, Route, get};
use crate::visitor::Visitor;
use crate::words::{ShellWords, fill, word, words};

pub(crate) const ROUTES: &[Route] = &[Route::page(
    "/console/bulletin",
    Need::Right(Right::View),
    || get(list),
)];

/// Issues that are shown in full.
const SHOWN: usize = 60;

words! {
    Words {
        in_hand: "在编", "In hand";
        done: "已发布", "Published";
        issue: "期号", "Issue";
        week: "统计周", "Week";
        state: "状态", "State";
        left: "距截稿", "Due in";
        way: "进度", "Progress";
        hinders: "尚待", "What is missing";
        revision: "修订 {n}", "revision {n}";
        since: "发布于", "Published on";
        plan: "排定后四周", "Plan four weeks";
        empty: "还没有任何一期", "No issue yet";
        empty_text: "周报每周一期。排定之后，各期的定稿时刻、截稿时刻和进度会列在这里；首次起草也会自动排期。", "The weekly has one issue a week. Once planned, each issue's freeze moment, deadline and progress stand here; the first draft plans by itself.";
        late: "{n} 处更正待定", "{n} corrections to decide";
        corrections: "更正", "Corrections";
        none_in_hand: "目前没有在编的期次。", "No issue is in hand.";
        flash: "紧急通报", "Flash alerts";
        sheets: "日报与汇编", "Daily sheets and roll-ups";
        working: "正在处理", "Working";
        from: "{at} 起可定稿", "freezes from {at}";
    }
}

struct Row {
    issue: String,
    href: String,
    week: String,
    state: &'static str,
    revision: String,
    clock: Option<Countdown>,
    way: Vec<(&'static str, &'static str)>,
    hinders: String,
    since: String,
    working: bool,
    late: String,
}

#[derive(Template)]
#[template(path = "bulletin-list.html")]
struct ListPage {
    shell: Shell,
    w: &'static Words,
    hand: Vec<Row>,
    done: Vec<Row>,
    may_edit: bool,
}

async fn list(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let lang = visitor.lang;
    let w = Words::of(lang);
    let now = desk.now().0;
    let series = desk.terms().house.series.clone();
    let works = newsroom(&desk)?.works().await?;
    let (mut hand, mut done) = (Vec::new(), Vec::new());
    for edition in desk.ledger.editions(&series).await?.into_iter().take(SHOWN) {
        let stand = Stand::around(&desk, edition).await?;
        let edition = &stand.edition;
        let issue = stand.issue.to_string();
        let busy = |work: &&crate::newsroom::Work| {
            work.issue == stand.issue && work.ended_at.is_none() && work.kind != Kind::Late
        };
        let open = !stand.settled();
        let hinders = match stand.state {
            EditionState::Planned => {
                fill(w.from, &[("at", &draw::exact(&desk, edition.freeze_at))])
            }
            _ if open => stand
                .hindrances
                .iter()
                .filter(|one| **one != ledger::Hindrance::Approved)
                .map(|one| stand::say(one, lang))
                .next()
                .unwrap_or_default(),
            _ => String::new(),
        };
        let row = Row {
            href: format!("/console/bulletin/{issue}"),
            week: format!("{} – {}", Day(edition.week_start), Day(edition.week_end)),
            state: word(stand.state, lang),
            revision: stand
                .newest()
                .map(|head| fill(w.revision, &[("n", &head.revision)]))
                .unwrap_or_default(),
            clock: open.then(|| {
                let span = (edition.freeze_at, edition.deadline_at);
                draw::countdown(&desk, span, now, lang)
            }),
            way: stand.way(lang),
            hinders,
            since: edition
                .published_at
                .map(|at| draw::exact(&desk, at))
                .unwrap_or_default(),
            working: works.iter().any(|work| busy(&work)),
            late: match stand.open_corrections() {
                0 => String::new(),
                n => fill(w.late, &[("n", &n)]),
            },
            issue,
        };
        match open {
            true => hand.push(row),
            false => done.push(row),
        }
    }
    // What is due first stands first.
    hand.reverse();
    let title = ShellWords::of(lang).bulletin;
    Ok(shell::page(&ListPage {
        shell: shell::shell(&desk, &visitor, Nav::Bulletin, title).await,
        w,
        hand,
        done,
        may_edit: visitor.may(Right::Edit),
    }))
}
