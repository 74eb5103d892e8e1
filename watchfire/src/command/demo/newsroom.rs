//! The demo's newsroom: one person writes each issue, another one reviews and signs it, and all of them are
//! published by the ordinary path, so that the site has a past.

use std::path::PathBuf;

use bulletin::editorial::{Block, Editorial, Place};
use bulletin::render::{Fonts, Form};
use ledger::{LintOutcome, Review};
use model::bulletin::Text;
use model::newsroom::Right;
use model::time::{ReportingWeek, Timestamp};

use crate::command::bulletin::drafting::{Author, Drafted, actor, draft, plan};
use crate::command::bulletin::publishing::publish_row;
use crate::command::bulletin::{findings, fonts};
use crate::failure::{Failure, Result};
use crate::publishing;
use crate::weekly::Desk;
use crate::weeks::Named;
use crate::workspace::{Session, Workspace};

/// Who writes.
const EDITOR: &str = "wang.wei";
/// Who reads and signs.
const APPROVER: &str = "zhao.min";
/// What every question of the check is answered with here.
const ANSWER: &str = "invented data: the demo's country was made so";

/// Publishes every week in order, so that each compares with the one before: the last in every form, those
/// before it as pages and data. Gives the last and its files on the site.
pub fn publish(
    weeks: &[ReportingWeek],
    now: Timestamp,
    workspace: &Workspace,
    session: &Session,
) -> Result<(Drafted, Vec<PathBuf>)> {
    let desk = Desk::new(workspace)?;
    let fonts = fonts(workspace, &session.talk);
    let hashes = fonts.as_ref().map_or(&[][..], Fonts::hashes);
    let mut progress = session.talk.progress("weeks", weeks.len() as u64, false);
    let mut last = None;
    for (done, week) in weeks.iter().enumerate() {
        let named = Named::of(*week, &workspace.settings);
        progress.at(done as u64, || named.label());
        let newest = done + 1 == weeks.len();
        if newest {
            let by = actor(workspace, EDITOR, Right::Edit, now)?;
            let edition = plan(workspace, named, EDITOR, now)?;
            let (key, prose) = (edition.key(), prose().to_json());
            workspace.block_on(workspace.ledger.save_editorial(&key, &prose, &by, now.0))?;
        }
        let by = Author {
            name: EDITOR,
            note: "",
            published: newest.then(|| week.plus(1).monday()),
            refreeze: None,
            now,
        };
        let drafted = draft(workspace, &desk, named, hashes, &by)?;
        let forms: &[Form] = match newest {
            true => &Form::ALL,
            false => &[Form::Html, Form::Json, Form::Csv, Form::Svg],
        };
        let able: Vec<Form> = forms
            .iter()
            .filter(|form| fonts.is_some() || !form.needs_fonts())
            .copied()
            .collect();
        sign(workspace, &drafted, (&able, fonts.as_ref()), now, session)?;
        last = Some(drafted);
    }
    progress.end();
    publishing::build(workspace)?;
    let last = last.ok_or_else(|| Failure::new("demo", "its country has no weeks"))?;
    let key = last.edition.key();
    let revision = last.issue.revision;
    let files = workspace.block_on(workspace.ledger.renditions(&key, revision))?;
    let folder = workspace.site_dir();
    let home = std::iter::once(folder.join("index.html"));
    let issue = files
        .into_iter()
        .filter(|file| publishing::is_on_site(&file.name))
        .map(|file| folder.join(bulletin::publish::ISSUES).join(file.name));
    Ok((last, home.chain(issue).collect()))
}

/// Publishes weeks in order without any prose, as pages and data.
pub fn publish_plain(
    weeks: &[ReportingWeek],
    now: Timestamp,
    workspace: &Workspace,
    session: &Session,
) -> Result {
    let desk = Desk::new(workspace)?;
    let by = Author {
        name: EDITOR,
        note: "",
        published: None,
        refreeze: None,
        now,
    };
    for week in weeks {
        let drafted = draft(
            workspace,
            &desk,
            Named::of(*week, &workspace.settings),
            &[],
            &by,
        )?;
        let forms = [Form::Html, Form::Json, Form::Csv, Form::Svg];
        sign(workspace, &drafted, (&forms, None), now, session)?;
    }
    publishing::build(workspace)?;
    Ok(())
}

/// Check, answers, review, approval, publication.
fn sign(
    workspace: &Workspace,
    drafted: &Drafted,
    forms: (&[Form], Option<&Fonts>),
    now: Timestamp,
    session: &Session,
) -> Result {
    let (key, row) = (drafted.edition.key(), &drafted.issue);
    let ledger = &workspace.ledger;
    if drafted.edition.published_revision == Some(row.revision) {
        return Ok(());
    }
    let target = (&key, row.revision);
    let checked = findings::check(workspace, &key, row)?;
    let outcome = LintOutcome {
        blocks: checked.blocks(),
        asks: checked.asks(),
    };
    let open = workspace.block_on(ledger.record_lint(target, &outcome, EDITOR, now.0))?;
    let reviewer = actor(workspace, APPROVER, Right::Review, now)?;
    let approver = actor(workspace, APPROVER, Right::Approve, now)?;
    let publisher = actor(workspace, EDITOR, Right::Publish, now)?;
    workspace.block_on(async {
        if !open.is_empty() {
            ledger
                .acknowledge_findings(target, &open, &reviewer, ANSWER, now.0)
                .await?;
        }
        ledger
            .review_issue(target, Review::Passes, &reviewer, "", now.0)
            .await?;
        ledger.approve_issue(target, &approver, now.0).await
    })?;
    let row = workspace.block_on(ledger.issue(&key.series, key.year, key.number, row.revision))?;
    let row = row.ok_or_else(|| Failure::new(key.object(), "was signed and is gone"))?;
    publish_row(
        workspace,
        (&key, &row),
        &publisher,
        forms,
        now.0,
        &session.talk,
    )
}

/// What the demo's editor wrote about its last week.
fn prose() -> Editorial {
    let block = |id: &str, place: Place, title: Text, text: Text| {
        let mut block = Block {
            id: id.to_owned(),
            place,
            title,
            text,
            link: None,
            translated_of: String::new(),
        };
        block.translated_of = block.source();
        block
    };
    let lead = block(
        "lead",
        Place::Lead,
        Text::new(
            "一起仿冒快递理赔的活动",
            "A campaign that imitates parcel claims",
        ),
        Text::new(
            "本周共发现仿冒页面{W5|个}，其中不少以“快递理赔”为名，诱骗收件人填写银行卡号和验证码。页面多在夜间上线，域名注册不足一周。\n\n我中心协调域名注册机构和境外应急组织处置仿冒投诉{I3|起}。请勿点击短信中的链接；理赔请在官方应用内办理。",
            "{W5} phishing pages were found this week; many promise a claim for a lost parcel and ask for card numbers and one-time codes. They mostly come online at night, on domains registered less than a week before.\n\nThe centre handled {I3} phishing complaints with registrars and overseas CERTs. Do not follow links in text messages; make claims in the carrier's own app.",
        ),
    );
    let drill = block(
        "news-drill",
        Place::News,
        Text::new("国家级应急演练举行", "National exercise held"),
        Text::new(
            "各分中心与基础电信企业参加了本年度网络安全应急演练，演练场景为大规模仿冒与断网并发。",
            "All branches and the basic telecom operators took part in this year's exercise, which combined mass phishing with an outage.",
        ),
    );
    let patch = block(
        "news-patch",
        Place::News,
        Text::new("请尽快安装安全更新", "Install security updates soon"),
        Text::new(
            "本周新收录漏洞{V1|个}，其中高危{V2|个}。请对照附表核对所用产品。",
            "{V1} vulnerabilities were recorded this week, {V2} of them high-risk. Compare the list with the products in use.",
        ),
    );
    Editorial {
        blocks: vec![lead, drill, patch],
    }
}
