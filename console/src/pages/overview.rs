//! Overview: everything that runs out, one list across kinds, sorted by the time left, for at three in the morning
//! nobody merges four lists; beside it the issue in hand and who has not answered; below, the week so far.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use ledger::{IncidentFilter, IncidentSort, Page, Reach};
use model::bulletin::Lang;
use model::incident::IncidentState;
use model::newsroom::Right;

use super::draw::{self, Countdown};
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::refusal::Refusal;
use crate::routes::{Need, Route, get};
use crate::visitor::Visitor;
use crate::words::{ShellWords, fill, word, words};

mod issue;
mod pace;

use issue::InHand;
pub(crate) use pace::Paces;
use pace::Tile;

pub(crate) const ROUTES: &[Route] = &[Route::page("/console", Need::Right(Right::View), || {
    get(overview)
})];

/// Rows of the list.
const MOST: usize = 12;
/// Rows of the lists beside it.
const FEW: usize = 6;

words! {
    Words {
        hand: "现在要动手", "Needs a hand now";
        hand_order: "按剩余时间", "by time left";
        left: "剩余", "left";
        report: "报告", "Report";
        chase: "催办", "Chase";
        sign: "去签发", "Sign";
        law: "法定报告时限", "duty to report";
        asked: "{party}未处置", "{party} has not acted";
        nobody: "无可派发单位", "nobody to ask";
        target: "目标 {span}", "target {span}";
        reminded: "已催办", "reminded";
        deadline: "周报截稿", "bulletin due";
        calm: "现在没有到点的事", "Nothing runs out";
        calm_text: "法定报告时限、各单位的处置时限和周报截稿都会出现在这里，按剩余时间排列。", "Duties to report, the time that parties have to act, and the bulletin's deadline appear here, by time left.";
        waiting: "待核实的事件", "Incidents to be looked at";
        waiting_none: "没有事件等待核实。", "No incident waits to be looked at.";
        count: "{n} 起", "{n}";
        issue: "第 {n} 期周报", "Issue {n}";
        issue_none: "还没有排期的周报。", "No issue is planned yet.";
        issue_open: "打开编辑台", "Open the desk";
        to_deadline: "后截稿，{when}", "until it is due, {when}";
        past_deadline: "已过截稿时间，{when}", "past its deadline, {when}";
        step_freeze: "统计冻结", "Frozen";
        step_write: "撰写", "Written";
        step_review: "复核", "Reviewed";
        step_sign: "签发", "Signed";
        blocking: "阻断签发的检查项", "Findings that block signing";
        comments: "未答复的批注", "Comments not settled";
        unanswered: "未答复的单位", "Parties that have not answered";
        unanswered_none: "各单位都已答复。", "Every party has answered.";
        asks: "{n} 项", "{n} open";
        oldest: "最久 {span}", "oldest {span}";
        week: "本周至今", "This week so far";
        week_about: "{range}，周一零时起累计；深线为本周，浅线为上周，变化与上周同刻相比", "{range}, summed from Monday; dark line this week, pale line the last, change against the same moment of last week";
        statistics: "统计指标", "Statistics";
        opened: "新开事件", "Opened";
        handled: "已处置事件", "Handled";
        crossing: "其中跨境", "of these across borders";
        phishing: "仿冒网页处置", "Phishing handled";
        urls: "恶意程序链接处置", "Malicious URLs handled";
        gone: "核验已消除", "Verified gone";
        unit: "起", "incidents";
        same_moment: "上周同刻 {n} {unit}", "{n} {unit} at this moment last week";
        up: "上升 {n}", "up {n}";
        down: "下降 {n}", "down {n}";
        same: "持平", "unchanged";
        days: "一 二 三 四 五 六 日", "M T W T F S S";
    }
}

/// Something that runs out.
struct Hand {
    clock: Countdown,
    due: i64,
    what: String,
    about: String,
    href: String,
    act: &'static str,
}

/// An incident that nobody has looked at.
struct Waiting {
    number: i64,
    what: String,
    ago: String,
}

/// A party that has not answered.
struct Silent {
    name: String,
    href: String,
    count: String,
    oldest: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    shell: Shell,
    w: &'static Words,
    hands: Vec<Hand>,
    waiting: Vec<Waiting>,
    waiting_count: String,
    issue: Option<InHand>,
    silent: Vec<Silent>,
    centre: bool,
    week: String,
    days: Vec<&'static str>,
    tiles: Vec<Tile>,
}

async fn overview(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    let lang = visitor.lang;
    let reach = visitor.within()?;
    let w = Words::of(lang);
    // The house's own matters are not a branch's.
    let centre = reach == Reach::All;
    let issue = match centre {
        true => issue::in_hand(&desk, w, lang).await?,
        false => None,
    };
    let mut hands = clocks(&desk, &reach, w, lang).await?;
    hands.extend(parties(&desk, &reach, w, lang).await?);
    hands.extend(issue.as_ref().and_then(|issue| issue.hand(&desk, w, lang)));
    hands.sort_by_key(|hand| hand.due);
    hands.truncate(MOST);
    let (waiting, waiting_count) = waiting(&desk, &reach, w, lang).await?;
    let (week, tiles) = pace::week(&desk, &visitor, w, lang).await?;
    let title = ShellWords::of(lang).overview;
    Ok(shell::page(&OverviewPage {
        shell: shell::shell(&desk, &visitor, Nav::Overview, title).await,
        w,
        hands,
        waiting,
        waiting_count,
        issue,
        silent: silent(&desk, &reach, w, lang).await?,
        centre,
        week,
        days: w.days.split(' ').collect(),
        tiles,
    }))
}

/// Duties to report whose time runs.
async fn clocks(desk: &Desk, reach: &Reach, w: &Words, lang: Lang) -> Result<Vec<Hand>, Refusal> {
    let now = desk.now().0;
    let mut out = Vec::new();
    for clock in desk.ledger.clocks_running().await? {
        if out.len() == MOST {
            break;
        }
        // Of another owner's incident nothing is said.
        let Ok(incident) = desk.ledger.incident(clock.incident_id.0, reach).await else {
            continue;
        };
        out.push(Hand {
            clock: draw::countdown(desk, (clock.started_at, clock.due_at), now, lang),
            due: clock.due_at,
            what: draw::defang(&incident.what),
            about: format!(
                "{} · {} {} · {} · #{}",
                w.law,
                clock.law,
                clock.duty,
                word(incident.kind.0, lang),
                incident.number
            ),
            href: format!("/console/incidents/{}", incident.number),
            act: w.report,
        });
    }
    Ok(out)
}

/// Parties whose time to act runs.
async fn parties(desk: &Desk, reach: &Reach, w: &Words, lang: Lang) -> Result<Vec<Hand>, Refusal> {
    let now = desk.now().0;
    let running = desk.ledger.running(reach, MOST as u64).await?;
    let ids: Vec<_> = running
        .iter()
        .filter_map(|one| one.directive.organization_id.map(|id| id.0))
        .collect();
    let names = desk.ledger.organization_names(&ids).await?;
    let hand = |one: ledger::Running| {
        let asked = one.directive.asked_at?;
        let due = one.directive.due_at?;
        let name = one
            .directive
            .organization_id
            .and_then(|id| names.get(&id.0))
            .map(|(en, zh)| if lang == Lang::Zh { zh } else { en });
        let party = match name {
            Some(name) => fill(w.asked, &[("party", name)]),
            None => w.nobody.to_owned(),
        };
        let target = draw::span(one.directive.target_secs.saturating_mul(1_000_000), lang);
        let mut about = vec![
            fill(w.target, &[("span", &target)]),
            word(one.incident.kind.0, lang).to_owned(),
        ];
        about.extend(one.directive.reminded_at.map(|_| w.reminded.to_owned()));
        about.push(format!("#{}", one.incident.number));
        Some(Hand {
            clock: draw::countdown(desk, (asked, due), now, lang),
            due,
            what: format!("{} · {party}", draw::defang(&one.incident.what)),
            about: about.join(" · "),
            href: format!("/console/incidents/{}", one.incident.number),
            act: w.chase,
        })
    };
    Ok(running.into_iter().filter_map(hand).collect())
}

/// Incidents that nobody has looked at, the oldest of the gravest, and how many there are.
async fn waiting(
    desk: &Desk,
    reach: &Reach,
    w: &Words,
    lang: Lang,
) -> Result<(Vec<Waiting>, String), Refusal> {
    let now = desk.now().0;
    let filter = IncidentFilter {
        states: vec![IncidentState::Open],
        ..IncidentFilter::default()
    };
    let page = Page {
        offset: 0,
        limit: FEW as u64,
    };
    let found = desk
        .ledger
        .incidents(&filter, reach, IncidentSort::Oldest, page)
        .await?;
    let count = desk.ledger.incident_count(&filter, reach).await?;
    let rows = found.into_iter().map(|one| Waiting {
        number: one.number,
        ago: draw::ago(now, one.opened_at, lang),
        what: draw::defang(&one.what),
    });
    let count = fill(w.count, &[("n", &draw::thousands(count))]);
    Ok((rows.collect(), count))
}

/// Parties that have not answered.
async fn silent(desk: &Desk, reach: &Reach, w: &Words, lang: Lang) -> Result<Vec<Silent>, Refusal> {
    let now = desk.now().0;
    let rows = desk.ledger.unanswered(reach).await?;
    let ids: Vec<_> = rows.iter().map(|row| row.organization_id.0).collect();
    let names = desk.ledger.organization_names(&ids).await?;
    let one = |row: ledger::Unanswered| {
        let id = row.organization_id.0;
        let name = names.get(&id).map(|(en, zh)| match lang {
            Lang::Zh => zh.clone(),
            Lang::En => en.clone(),
        });
        Silent {
            name: name.unwrap_or_else(|| id.to_string()),
            href: format!("/console/parties/{id}"),
            count: fill(w.asks, &[("n", &row.count)]),
            oldest: fill(w.oldest, &[("span", &draw::span(now - row.since, lang))]),
        }
    };
    Ok(rows.into_iter().take(FEW).map(one).collect())
}
