//! A roll-up's life after its draft: read by another person, signed by one who wrote none of it, put on the site, taken
//! back. The same functions of the ledger as of an issue, under the roll-up's own series.

use bulletin::publish::{Asset, Notice};
use bulletin::render::Rendition;
use bulletin::rollup::{series_id, title};
use bulletin::sections::words::day;
use bulletin::sheet::{self, Block, Sheet};
use jiff::civil::Date;
use ledger::{
    Actor, Edition, EditionKey, Frozen, Hash, Issue, IssueState, LintOutcome, NewEdition,
    NewRendition, Review,
};
use model::bulletin::{Lang, Text, Tlp};
use model::newsroom::Right;
use model::period::{PeriodKind, ReportingPeriod};
use model::time::{Day, Timestamp};

use super::{files, key};
use crate::command::bulletin::drafting::actor;
use crate::command::bulletin::{fonts_for_print, parse};
use crate::failure::{Failure, Result};
use crate::publishing::build;
use crate::workspace::{Session, Workspace, now};
use bulletin::period::FrozenPeriod;

/// The kinds in the order in which the site lists them.
pub const KINDS: [PeriodKind; 3] = [PeriodKind::Month, PeriodKind::Quarter, PeriodKind::Year];

/// What is done with a roll-up.
pub enum Act {
    /// Somebody else has read it.
    Review,
    /// It is signed.
    Approve,
    /// It goes onto the site.
    Publish,
    /// It is taken back, for these reasons.
    Withdraw { zh: String, en: String },
}

fn named(workspace: &Workspace, period: ReportingPeriod) -> EditionKey {
    let (year, number) = key(period);
    EditionKey {
        series: series_id(&workspace.settings.series.id, period.kind()),
        year,
        number,
    }
}

/// Plans the edition of a period that is over, and freezes its figures: from then on it can be signed.
///
/// # Errors
/// The ledger fails.
pub fn freeze(
    workspace: &Workspace,
    frozen: &FrozenPeriod,
    (author, note): (&str, &str),
    at: Timestamp,
) -> Result {
    let period = frozen.period;
    // A timer has no account: its edition stays a draft until an editor makes it.
    let Ok(by) = actor(workspace, author, Right::Edit, at) else {
        return Ok(());
    };
    let key = named(workspace, period);
    let (_, end) = period.span(&workspace.settings.zone);
    let ledger = &workspace.ledger;
    let new = NewEdition {
        key: key.clone(),
        week_start: Day::of(period.first()).0,
        week_end: Day::of(period.last()).0,
        freeze_at: end.0,
        deadline_at: end.0,
    };
    let edition = workspace.block_on(ledger.plan_edition(new, by.login(), at.0))?;
    let statistics = frozen.to_json();
    if edition.statistics.as_deref() == Some(statistics.as_str()) {
        return Ok(());
    }
    let as_of = frozen.basis.ledger_as_of.parse::<jiff::Timestamp>();
    let figures = Frozen {
        statistics,
        lake_snapshot: i64::try_from(frozen.basis.lake_snapshot).unwrap_or(i64::MAX),
        ledger_as_of: as_of.map_or(0, |at| Timestamp::from(at).0),
    };
    let reason = match (edition.statistics.is_some(), note.trim()) {
        (false, note) => note,
        (true, "") => "counted anew",
        (true, note) => note,
    };
    workspace.block_on(ledger.freeze_edition(&key, figures, &by, reason, at.0))?;
    Ok(())
}

/// The newest revision of a period that is over.
fn newest(workspace: &Workspace, period: ReportingPeriod) -> Result<(EditionKey, Issue)> {
    let key = named(workspace, period);
    let ledger = &workspace.ledger;
    let again = || {
        let kind = match period.kind() {
            PeriodKind::Month => "month",
            PeriodKind::Quarter => "quarter",
            PeriodKind::Year => "year",
        };
        format!("watchfire rollup {kind} {}", period.issue())
    };
    if workspace.block_on(ledger.edition(&key))?.is_none() {
        return Err(Failure::new(period, "has no edition of a whole period yet").remedy(again()));
    }
    let row = crate::command::bulletin::drafting::newest(workspace, &key)?;
    row.map(|row| (key, row))
        .ok_or_else(|| Failure::new(period, "is not drafted yet").remedy(again()))
}

/// Checks the newest revision and stores what that came to.
fn check(
    workspace: &Workspace,
    (key, row): (&EditionKey, &Issue),
    checker: &str,
) -> Result<Vec<String>> {
    let bulletin = parse(row)?;
    let mut blocks = bulletin.check();
    if row.digest() != row.hash {
        blocks.push("its row was changed after it was frozen".to_owned());
    }
    let outcome = LintOutcome {
        blocks: blocks
            .iter()
            .map(|one| Hash::of(one.as_bytes()).to_string())
            .collect(),
        asks: Vec::new(),
    };
    let target = (key, row.revision);
    workspace.block_on(
        workspace
            .ledger
            .record_lint(target, &outcome, checker, now().0),
    )?;
    Ok(blocks)
}

/// Does one step of a roll-up's life, and says what it came to.
///
/// # Errors
/// The person may not, or something stands in the way: the ledger says what.
pub fn act(workspace: &Workspace, period: ReportingPeriod, act: &Act, session: &Session) -> Result {
    let login = session.actor();
    let (key, row) = newest(workspace, period)?;
    let ledger = &workspace.ledger;
    let target = (&key, row.revision);
    let by = |right: Right| -> Result<Actor> { actor(workspace, &login, right, now()) };
    let what = match act {
        Act::Review => {
            let by = by(Right::Review)?;
            if let Some(first) = check(workspace, (&key, &row), by.login())?.first() {
                return Err(Failure::new(period, first));
            }
            let review = ledger.review_issue(target, Review::Passes, &by, "", now().0);
            workspace.block_on(review)?;
            format!("is reviewed by {}", by.login())
        }
        Act::Approve => {
            let by = by(Right::Approve)?;
            check(workspace, (&key, &row), by.login())?;
            workspace.block_on(ledger.approve_issue(target, &by, now().0))?;
            format!("is approved by {}, hash {}", by.login(), row.hash)
        }
        Act::Publish => {
            put_out(workspace, (&key, &row), period, &by(Right::Publish)?)?;
            "is public".to_owned()
        }
        Act::Withdraw { zh, en } => {
            let by = by(Right::Approve)?;
            let edition = workspace.block_on(ledger.edition(&key))?;
            if edition.is_none_or(|edition| edition.withdrawn_at.is_none()) {
                let reasons = (zh.as_str(), en.as_str());
                workspace.block_on(ledger.withdraw_issue(&key, reasons, &by, now().0))?;
            }
            build(workspace)?;
            "is withdrawn: its pages say so".to_owned()
        }
    };
    session
        .talk
        .say(format_args!("{period} revision {} {what}", row.revision));
    Ok(())
}

fn put_out(
    workspace: &Workspace,
    (key, row): (&EditionKey, &Issue),
    period: ReportingPeriod,
    by: &Actor,
) -> Result {
    let ledger = &workspace.ledger;
    if row.state != IssueState::Approved {
        return Err(Failure::new(period, "is not approved"));
    }
    let mut bulletin = parse(row)?;
    if bulletin.tlp != Tlp::Clear {
        let why = format!("is {}: the site is for everybody", bulletin.tlp.label());
        return Err(Failure::new(period, why));
    }
    bulletin.state = model::bulletin::State::Approved;
    let edition = workspace.block_on(ledger.edition(key))?;
    let known = edition.and_then(|edition| edition.published_revision);
    if known != Some(row.revision) {
        let fonts = fonts_for_print(workspace)?;
        let mut kept = Vec::new();
        for file in files(&bulletin, period.kind(), Some(&fonts))? {
            let blob = workspace.blobs.put_bytes(&file.bytes)?;
            kept.push(NewRendition {
                name: file.name,
                hash: blob.hash,
                size: i64::try_from(file.bytes.len()).unwrap_or(i64::MAX),
            });
        }
        let target = (key, row.revision);
        workspace.block_on(ledger.publish_issue(target, (kept, ""), by, now().0))?;
    }
    build(workspace)?;
    Ok(())
}

/// What of roll-ups stands on the site.
#[derive(Default)]
pub struct Public {
    /// As the home page leads to them, the newest period first.
    pub notices: Vec<Notice>,
    /// Their files.
    pub assets: Vec<Asset>,
    /// What stands in the place of those that were taken back.
    pub tombstones: Vec<Rendition>,
}

/// Everything public of roll-ups.
///
/// # Errors
/// The ledger fails.
pub fn public(workspace: &Workspace) -> Result<Public> {
    let ledger = &workspace.ledger;
    let mut out = Public::default();
    let mut found: Vec<(Date, Notice)> = Vec::new();
    for kind in KINDS {
        let series = series_id(&workspace.settings.series.id, kind);
        for edition in workspace.block_on(ledger.published(&series))? {
            let Some(notice) = notice(workspace, kind, &edition) else {
                continue;
            };
            let revision = edition.published_revision.unwrap_or(1);
            if notice.withdrawn {
                out.tombstones
                    .extend(tombstone(workspace, &notice, &edition));
            } else {
                for file in workspace.block_on(ledger.renditions(&edition.key(), revision))? {
                    out.assets.push(Asset {
                        path: file.name,
                        size: u64::try_from(file.size).unwrap_or_default(),
                        blake3: file.hash.to_string(),
                    });
                }
            }
            found.push((Day(edition.week_end).date(), notice));
        }
    }
    found.sort_by(|a, b| (b.0, &b.1.stem).cmp(&(a.0, &a.1.stem)));
    out.notices = found.into_iter().map(|(_, notice)| notice).collect();
    Ok(out)
}

fn notice(workspace: &Workspace, kind: PeriodKind, edition: &Edition) -> Option<Notice> {
    let period = ReportingPeriod::containing(kind, Day(edition.week_start).date());
    Some(Notice {
        name: period.text(),
        title: title(&workspace.settings.series.title, kind),
        stem: format!("{}-{}", kind.series(), period.issue()),
        at: Timestamp(edition.first_published_at?),
        withdrawn: edition.withdrawn_at.is_some(),
    })
}

/// The pages of a roll-up that was taken back.
fn tombstone(workspace: &Workspace, notice: &Notice, edition: &Edition) -> Vec<Rendition> {
    let settings = &workspace.settings;
    let at = edition.withdrawn_at.map(Timestamp);
    let when = at
        .and_then(|at| at.date_in(&settings.zone))
        .map(day)
        .unwrap_or_default();
    let sheet = Sheet {
        publisher: settings.series.organization.clone(),
        series: notice.title.clone(),
        number: notice.name.clone(),
        title: notice.title.clone(),
        level: None,
        status: Some(Text::new("已撤回", "withdrawn")),
        tlp: settings.series.tlp,
        banner: settings.series.banner.clone(),
        blocks: vec![Block::Statement(Text::new(
            format!("已于{}撤回。原因：{}", when.zh, edition.withdrawn_zh),
            format!("Withdrawn on {}. Reason: {}", when.en, edition.withdrawn_en),
        ))],
        foot: Vec::new(),
        stem: notice.stem.clone(),
    };
    Lang::ALL
        .iter()
        .map(|lang| Rendition {
            name: format!("{}.{}.html", sheet.stem, lang.code()),
            bytes: sheet::html(&sheet, *lang).into_bytes(),
        })
        .collect()
}
