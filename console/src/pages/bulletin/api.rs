//! Issues through the API: what stands, what stands behind it, and what is done.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bulletin::differences::differences;
use bulletin::statistics;
use model::bulletin::Lang;
use model::issue::IssueNumber;
use model::newsroom::Right;
use model::time::Day;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::inspector;
use super::stand::Stand;
use super::{centre, issue_of, key_of, newsroom, number_of, parse, revisions, row};
use crate::Desk;
use crate::newsroom::{Asked, Checked, Kind, Outcome, Stage, Work};
use crate::pages::draw::stamp;
use crate::pages::form::answer;
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get};
use crate::visitor::Visitor;

fn schema<T: JsonSchema>() -> Option<serde_json::Value> {
    Some(schemars::schema_for!(T).to_value())
}

macro_rules! reads {
    ($($name:ident $path:literal $summary:literal $query:expr, $answer:expr => $handler:ident;)*) => {
        $(fn $name() -> Described {
            Described { summary: $summary, query: $query, answer: $answer, ..Described::default() }
        })*
        pub(crate) const ROUTES: &[Route] = &[
            $(Route::api(Verb::Get, $path, Need::Right(Right::View), $name, || get($handler)),)*
        ];
    };
}

reads! {
    says_list "/api/v1/bulletins" "Lists issues, newest week first." schema::<ListQuery>(), schema::<ListAnswer>() => list;
    says_one "/api/v1/bulletins/{issue}" "An issue and how it stands." None, schema::<Issue>() => one;
    says_work "/api/v1/bulletins/work/{id}" "A piece of work that was begun." None, schema::<WorkView>() => work;
    says_revision "/api/v1/bulletins/{issue}/revisions/{revision}" "A stored revision as it is frozen: the bulletin's own JSON." None, schema::<serde_json::Value>() => revision;
    says_findings "/api/v1/bulletins/{issue}/findings" "What the check of the newest revision finds." None, schema::<Vec<FindingView>>() => findings;
    says_figures "/api/v1/bulletins/{issue}/figures" "Every figure of an issue." schema::<RevisionQuery>(), schema::<Vec<FigureView>>() => figures;
    says_records "/api/v1/bulletins/{issue}/records" "What stands behind a figure: counted keys, and the raw lines of one." schema::<RecordsQuery>(), schema::<RecordsAnswer>() => records;
    says_differences "/api/v1/bulletins/{issue}/differences" "What two revisions print differently." schema::<DifferencesQuery>(), schema::<Vec<DifferenceView>>() => differing;
    says_change "/api/v1/bulletins/{issue}/changes/{statistic}" "Why a figure changed, in parts that add up to the change." None, schema::<serde_json::Value>() => change;
    says_comments "/api/v1/bulletins/{issue}/comments" "The comments on an issue, oldest first." None, schema::<Vec<CommentView>>() => comments;
    says_corrections "/api/v1/bulletins/{issue}/corrections" "Proposed corrections and what was decided." None, schema::<Vec<CorrectionView>>() => corrections;
}

/// An issue.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Issue {
    /// Its number: `2026-46`.
    issue: String,
    /// Monday of its week.
    first_day: String,
    /// Sunday of its week.
    last_day: String,
    /// How it stands: planned, drafted, reviewed, approved, published, archived, withdrawn.
    state: String,
    /// The newest revision.
    revision: Option<i32>,
    /// Hash of the newest revision.
    hash: Option<String>,
    /// The revision that is public.
    published_revision: Option<i32>,
    /// From when on figures are frozen.
    freeze_at: String,
    /// When it is due.
    deadline_at: String,
    /// When its figures were frozen.
    frozen_at: Option<String>,
    /// Who wrote what is not public yet.
    writers: Vec<String>,
    /// What stands in the way of its approval by anybody.
    hindrances: Vec<String>,
    /// Comments that are not settled.
    open_comments: usize,
    /// Corrections that are not decided.
    open_corrections: usize,
}

impl Issue {
    fn of(stand: &Stand) -> Self {
        let edition = &stand.edition;
        Issue {
            issue: stand.issue.to_string(),
            first_day: Day(edition.week_start).to_string(),
            last_day: Day(edition.week_end).to_string(),
            state: stand.state.to_string(),
            revision: stand.newest().map(|head| head.revision),
            hash: stand.newest().map(|head| head.hash.to_string()),
            published_revision: edition.published_revision,
            freeze_at: stamp(edition.freeze_at),
            deadline_at: stamp(edition.deadline_at),
            frozen_at: edition.frozen_at.map(stamp),
            writers: stand.writers(),
            hindrances: stand.hindrances.iter().map(ToString::to_string).collect(),
            open_comments: stand.open_comments(),
            open_corrections: stand.open_corrections(),
        }
    }
}

/// An issue as it stands after something was done to it.
pub(crate) async fn stands(desk: &Desk, issue: IssueNumber) -> Result<Response, Refusal> {
    let stand = Stand::of(desk, issue).await?;
    Ok(axum::Json(Issue::of(&stand)).into_response())
}

/// A piece of work.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WorkView {
    /// Its number.
    id: i64,
    /// About which issue.
    issue: String,
    /// What it is.
    kind: Kind,
    /// Who asked for it.
    by: String,
    /// When.
    begun_at: String,
    /// How far it is.
    stage: Stage,
    /// When it ended.
    ended_at: Option<String>,
    /// What it came to.
    outcome: Option<Outcome>,
}

impl WorkView {
    /// A piece of work as programs see it.
    pub(crate) fn of(work: &Work) -> Self {
        WorkView {
            id: work.id,
            issue: work.issue.to_string(),
            kind: work.kind,
            by: work.by.clone(),
            begun_at: stamp(work.begun_at),
            stage: work.stage,
            ended_at: work.ended_at.map(stamp),
            outcome: work.outcome.clone(),
        }
    }
}

/// A finding of the check.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FindingView {
    /// Names exactly what it says; an answer is given by it.
    name: String,
    /// The rule.
    rule: &'static str,
    /// `blocks` or `asks`.
    severity: &'static str,
    /// What it is about.
    object: String,
    /// What is wrong, Chinese.
    text_zh: String,
    /// What is wrong, English.
    text_en: String,
    /// What to do, Chinese.
    remedy_zh: String,
    /// What to do, English.
    remedy_en: String,
    /// Who answered for it.
    answered_by: Option<String>,
}

/// What a check found, as programs see it.
pub(crate) fn findings_of(checked: &Checked, stand: &Stand) -> Vec<FindingView> {
    let one = |finding: &bulletin::lint::Finding| {
        let name = finding.fingerprint();
        FindingView {
            answered_by: super::rail::answer_of(&stand.steps, &name).map(|(who, _)| who),
            name,
            rule: finding.rule,
            severity: match finding.severity {
                bulletin::lint::Severity::Blocks => "blocks",
                bulletin::lint::Severity::Asks => "asks",
            },
            object: finding.object.clone(),
            text_zh: finding.text.zh.clone(),
            text_en: finding.text.en.clone(),
            remedy_zh: finding.remedy.zh.clone(),
            remedy_en: finding.remedy.en.clone(),
        }
    };
    checked.findings.iter().map(one).collect()
}

/// A reviewer's comment.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CommentView {
    /// Its number.
    id: i64,
    /// The revision that was read.
    revision: i32,
    /// What it is about; empty for the whole.
    place: String,
    /// Who wrote it.
    author: String,
    /// What it says.
    text: String,
    /// When.
    at: String,
    /// Who found it settled.
    settled_by: Option<String>,
}

impl CommentView {
    /// A comment as programs see it.
    pub(crate) fn of(one: &ledger::Comment) -> Self {
        CommentView {
            id: one.id,
            revision: one.revision,
            place: one.place.clone(),
            author: one.author.clone(),
            text: one.text.clone(),
            at: stamp(one.at),
            settled_by: one.settled_by.clone(),
        }
    }
}

/// A proposed correction.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CorrectionView {
    /// Key of the figure.
    figure: String,
    /// The revision that printed it.
    revision: i32,
    /// What is printed, exactly.
    printed: String,
    /// What it would be now.
    counted: String,
    /// What differs, as far as is known.
    cause: String,
    /// `open`, `accepted` or `declined`.
    state: String,
    /// Who decided.
    decided_by: Option<String>,
    /// Why.
    note: String,
}

impl CorrectionView {
    /// A correction as programs see it.
    pub(crate) fn of(one: &ledger::Correction) -> Self {
        CorrectionView {
            figure: one.value.clone(),
            revision: one.revision,
            printed: one.printed.clone(),
            counted: one.counted.clone(),
            cause: one.cause.clone(),
            state: one.state.to_string(),
            decided_by: one.decided_by.clone(),
            note: one.note.clone(),
        }
    }
}

/// A figure.
#[derive(Debug, Serialize, JsonSchema)]
struct FigureView {
    /// Its key: `M1`, `W2/share`.
    key: String,
    /// Its statistic.
    statistic: String,
    /// Version of the definition.
    definition_version: u32,
    /// Name, Chinese.
    name_zh: String,
    /// Name, English.
    name_en: String,
    /// The exact value; `None`: not available.
    exact: Option<String>,
    /// Printed in Chinese.
    text_zh: Option<String>,
    /// Printed in English.
    text_en: Option<String>,
    /// Last week's exact value.
    previous: Option<String>,
    /// The change as printed in English.
    change_en: String,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Issues at most, 1 to 200; 50 where it is left out.
    #[serde(default)]
    limit: Option<usize>,
    /// The issue after which the list goes on.
    #[serde(default)]
    after: Option<String>,
}

/// A page of issues.
#[derive(Debug, Serialize, JsonSchema)]
struct ListAnswer {
    items: Vec<Issue>,
    next: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RevisionQuery {
    /// The revision; the newest where it is left out.
    #[serde(default)]
    revision: Option<i32>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RecordsQuery {
    /// Key of the figure.
    figure: String,
    /// The revision; the newest where it is left out.
    #[serde(default)]
    revision: Option<i32>,
    /// A counted key whose raw lines are read.
    #[serde(default)]
    key: String,
    /// Keys at most, 1 to 1,000; 100 where it is left out.
    #[serde(default)]
    limit: Option<usize>,
}

/// What stands behind a figure.
#[derive(Debug, Serialize, JsonSchema)]
struct RecordsAnswer {
    /// The figure.
    figure: String,
    /// The exact printed value.
    printed: Option<String>,
    /// Records above the line.
    records: u64,
    /// Records below the line, of a quotient.
    whole: Option<u64>,
    /// Whether they are what is printed; `None`: they cannot be compared.
    same: Option<bool>,
    /// The lake's snapshot that they are read at.
    snapshot: i64,
    /// The SELECT whose rows hold them.
    query: String,
    /// The counted keys.
    keys: Vec<KeyView>,
    /// Raw lines of the opened key.
    raw: Vec<RawView>,
    /// What rules of retention took.
    expired: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct KeyView {
    /// The cell it counts in.
    cell: String,
    /// The key.
    key: String,
    /// Feeds that saw it.
    feeds: Vec<String>,
    /// Its events, as `report:line`, a hundred at most.
    events: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RawView {
    /// The report.
    report: String,
    /// Its feed.
    feed: String,
    /// Line in it.
    line: u64,
    /// The event.
    event: String,
    /// The line as the feed wrote it, live.
    text: String,
    /// When the report was received.
    received_at: String,
    /// BLAKE3 of the archived report.
    archive: String,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DifferencesQuery {
    /// The revision to compare the newest with; the one before where it is left out.
    #[serde(default)]
    against: Option<i32>,
    /// `zh` or `en`.
    #[serde(default)]
    lang: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DifferenceView {
    /// Key of a figure, or a place.
    what: String,
    /// What it said.
    before: String,
    /// What it says.
    after: String,
}

type At = State<Arc<Desk>>;

async fn list(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Query(asked): Query<ListQuery>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let limit = asked.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Refusal::invalid("limit", "between 1 and 200"));
    }
    let series = desk.terms().house.series.clone();
    let mut editions = desk.ledger.editions(&series).await?;
    if let Some(after) = &asked.after {
        let after: IssueNumber = after
            .parse()
            .map_err(|_| Refusal::invalid("after", "is no issue such as 2026-46"))?;
        let at = editions
            .iter()
            .position(|one| number_of(one.year, one.number) == after)
            .ok_or_else(|| Refusal::invalid("after", "there is no such issue"))?;
        editions.drain(..=at);
    }
    let more = editions.len() > limit;
    let mut items = Vec::new();
    for edition in editions.into_iter().take(limit) {
        items.push(Issue::of(&Stand::around(&desk, edition).await?));
    }
    let next = match more {
        true => items.last().map(|issue| issue.issue.clone()),
        false => None,
    };
    answer(&headers, &ListAnswer { items, next })
}

async fn one(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(issue): Path<String>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let stand = Stand::of(&desk, issue_of(&issue)?).await?;
    answer(&headers, &Issue::of(&stand))
}

async fn work(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let id: i64 = id.parse().map_err(|_| Refusal::Absent)?;
    let works = newsroom(&desk)?.works().await?;
    let found = works
        .iter()
        .find(|work| work.id == id)
        .ok_or(Refusal::Absent)?;
    answer(&headers, &WorkView::of(found))
}

/// The revision asked for, else the newest.
async fn stored(
    desk: &Desk,
    issue: &str,
    revision: Option<i32>,
) -> Result<(IssueNumber, ledger::Issue), Refusal> {
    let issue = issue_of(issue)?;
    let key = key_of(desk, issue);
    let revision = match revision {
        Some(revision) => revision,
        None => {
            revisions(desk, &key)
                .await?
                .first()
                .ok_or(Refusal::Absent)?
                .revision
        }
    };
    Ok((issue, row(desk, &key, revision).await?))
}

async fn revision(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path((issue, revision)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let revision: i32 = revision.parse().map_err(|_| Refusal::Absent)?;
    let (_, row) = stored(&desk, &issue, Some(revision)).await?;
    answer(&headers, &parse(&row)?)
}

async fn findings(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(issue): Path<String>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let stand = Stand::of(&desk, issue_of(&issue)?).await?;
    let checked = newsroom(&desk)?.findings(stand.issue).await?;
    answer(&headers, &findings_of(&checked, &stand))
}

async fn comments(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(issue): Path<String>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let all = desk
        .ledger
        .comments(&key_of(&desk, issue_of(&issue)?))
        .await?;
    let all: Vec<CommentView> = all.iter().map(CommentView::of).collect();
    answer(&headers, &all)
}

async fn corrections(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(issue): Path<String>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let all = desk
        .ledger
        .corrections(&key_of(&desk, issue_of(&issue)?))
        .await?;
    let all: Vec<CorrectionView> = all.iter().map(CorrectionView::of).collect();
    answer(&headers, &all)
}

async fn figures(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(issue): Path<String>,
    Query(asked): Query<RevisionQuery>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let (_, row) = stored(&desk, &issue, asked.revision).await?;
    let b = parse(&row)?;
    let all: Vec<FigureView> = b
        .values
        .iter()
        .map(|value| {
            let amount = value.value.as_ref();
            FigureView {
                key: value.key.clone(),
                statistic: value.statistic.clone(),
                definition_version: value.definition_version,
                name_zh: value.name.zh.clone(),
                name_en: value.name.en.clone(),
                exact: amount.map(|amount| amount.exact.plain()),
                text_zh: amount.map(|amount| amount.text.zh.clone()),
                text_en: amount.map(|amount| amount.text.en.clone()),
                previous: value.previous.as_ref().map(|amount| amount.exact.plain()),
                change_en: value.change.text.en.clone(),
            }
        })
        .collect();
    answer(&headers, &all)
}

async fn records(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(issue): Path<String>,
    Query(asked): Query<RecordsQuery>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let limit = asked.limit.unwrap_or(100);
    if !(1..=1_000).contains(&limit) {
        return Err(Refusal::invalid("limit", "between 1 and 1,000"));
    }
    let (issue, row) = stored(&desk, &issue, asked.revision).await?;
    let b = parse(&row)?;
    let value = b.value(&asked.figure).ok_or(Refusal::Absent)?;
    let statistic = statistics::named(&value.statistic).ok_or(Refusal::Absent)?;
    let (upper, lower) = inspector::cells(statistic, &value.key);
    if upper.is_empty() {
        return Err(Refusal::conflict(
            value.key.clone(),
            "follows from other figures and has no records of its own",
        ));
    }
    let behind = newsroom(&desk)?
        .behind(Asked {
            issue,
            revision: row.revision,
            statistic: statistic.id.to_owned(),
            cells: upper,
            most: limit,
            key: asked.key,
        })
        .await?;
    let (records, whole, same) = inspector::compared(value, statistic, &behind);
    let keys = behind.lines.iter().map(|line| KeyView {
        cell: line.input.clone(),
        key: line.key.clone(),
        feeds: line.feeds.clone(),
        events: line
            .events
            .iter()
            .map(|event| format!("{}:{}", event.report, event.line))
            .collect(),
    });
    let raw = behind.raws.iter().map(|raw| RawView {
        report: raw.report.clone(),
        feed: raw.feed.clone(),
        line: raw.line,
        event: raw.event.clone(),
        text: raw.text.clone(),
        received_at: stamp(raw.received_at),
        archive: raw.archive.to_string(),
    });
    let found = RecordsAnswer {
        figure: value.key.clone(),
        printed: value.value.as_ref().map(|amount| amount.exact.plain()),
        records,
        whole: lower.map(|_| whole),
        same,
        snapshot: behind.snapshot,
        query: behind.query.clone(),
        keys: keys.collect(),
        raw: raw.collect(),
        expired: behind.gone.clone(),
    };
    answer(&headers, &found)
}

async fn differing(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(issue): Path<String>,
    Query(asked): Query<DifferencesQuery>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let lang = match asked.lang.as_deref() {
        None | Some("en") => Lang::En,
        Some("zh") => Lang::Zh,
        Some(_) => return Err(Refusal::invalid("lang", "zh or en")),
    };
    let (_, newest) = stored(&desk, &issue, None).await?;
    let against = asked.against.unwrap_or(newest.revision - 1);
    let (_, other) = stored(&desk, &issue, Some(against)).await?;
    let found = differences(&parse(&other)?, &parse(&newest)?, lang);
    let all: Vec<DifferenceView> = found
        .into_iter()
        .map(|one| DifferenceView {
            what: one.what,
            before: one.before,
            after: one.after,
        })
        .collect();
    answer(&headers, &all)
}

async fn change(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path((issue, statistic)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let issue = issue_of(&issue)?;
    let found = newsroom(&desk)?.change(issue, &statistic).await?;
    answer(&headers, &found)
}
