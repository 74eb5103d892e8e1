//! The prose around the figures: blocks with both languages side by side, figures cited by reference and shown
//! resolved. What is sent names the version it was written on; where somebody else stored another meanwhile, nothing
//! typed is lost.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bulletin::editorial::{Editorial, Written};
use ledger::Hash;
use model::bulletin::{Bulletin, Lang};
use model::issue::IssueNumber;
use model::newsroom::Right;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::inspector::{self, Listed};
use super::paper::{self, Piece};
use super::stand::Stand;
use super::{centre, issue_of, parse, person, row};
use crate::Desk;
use crate::pages::form::{Input, answer, done};
use crate::pages::shell::{self, Nav, Shell};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get, post, put};
use crate::visitor::Visitor;
use crate::words::{fill, words};

const EDIT: Need = Need::Right(Right::Edit);

pub(crate) const ROUTES: &[Route] = &[
    Route::page(
        "/console/bulletin/{issue}/prose",
        Need::Right(Right::View),
        || get(page),
    ),
    Route::act("/console/bulletin/{issue}/prose", EDIT, || post(save_page)),
    Route::act("/console/bulletin/{issue}/prose/translated", EDIT, || {
        post(translated_page)
    }),
    Route::act("/console/bulletin/{issue}/prose/remove", EDIT, || {
        post(remove_page)
    }),
    Route::api(
        Verb::Get,
        "/api/v1/bulletins/{issue}/prose",
        Need::Right(Right::View),
        says_read,
        || get(read_api),
    ),
    Route::api(
        Verb::Put,
        "/api/v1/bulletins/{issue}/prose",
        EDIT,
        says_write,
        || put(write_api),
    ),
];

words! {
    Words {
        title: "第 {n} 期的文字", "Prose of issue {n}";
        back: "回到编辑台", "Back to the desk";
        how: "数字只按引用写入，不会与所印不符：", "Figures are cited by reference and cannot drift:";
        how_value: "数值", "the value";
        how_unit: "带单位", "with its unit";
        how_change: "环比变化", "its change";
        how_last: "上周值", "last week's value";
        how_other: "不是本期指标的数", "a number that is none of the issue's figures";
        id: "短名", "Short name";
        place: "位置", "Place";
        lead: "本周案例", "Case of the week";
        news: "动态", "News";
        note: "说明", "Note";
        section: "段末：{name}", "End of section: {name}";
        title_zh: "标题（中文）", "Heading, Chinese";
        title_en: "标题（英文）", "Heading, English";
        zh: "中文", "Chinese";
        en: "英文", "English";
        link: "延伸阅读（https 地址，可空）", "Read on (https address, may be empty)";
        count_zh: "{n} 字", "{n} characters";
        count_en: "{n} 词", "{n} words";
        stale: "中文改过，英文尚未跟上", "The Chinese changed and the English did not follow";
        fresh: "英文与中文相符", "The English follows the Chinese";
        translated: "英文已重读，仍与中文相符", "I read the English again: it says what the Chinese says";
        preview: "预览", "Preview";
        save: "保存", "Save";
        saved: "已保存。重新起草后进入成稿", "Stored. Draft again to put it into the issue";
        same: "文字未变", "Nothing changed";
        remove: "删除这一段", "Remove the block";
        remove_ask: "删除这一段文字？旧文字仍保留在步骤记录中。", "Remove this block? Its text stays in the record of steps.";
        removed: "已删除", "Removed";
        confirmed: "已确认英文相符", "The English is confirmed";
        new: "新写一段", "Write a new block";
        blocks: "各段", "Blocks";
        none: "还没有编辑文字", "Nothing is written yet";
        none_text: "成稿由数字自动生成；编辑可以添加本周案例、各段末的说明、动态和注释。", "The issue is composed from its figures; an editor adds the case of the week, remarks on sections, news and notes.";
        resolved: "引用解析后", "With references resolved";
        unknown: "本期没有的引用：{keys}", "References that the issue does not have: {keys}";
        conflict: "{who} 在您编辑时存了另一版本。您写的都在下面；请对照后再保存一次。", "{who} stored another version while you wrote. What you typed is below; compare, then save again.";
        stored_now: "现存的文字", "What is stored now";
        figures: "可引用的数字", "Figures to cite";
        not_drafted: "起草之后，引用才能解析。", "References are resolved once there is a draft.";
        may_not: "您可以阅读；修改需要编辑的权限。", "You may read; writing needs the role editor.";
    }
}

/// A block as it is edited.
struct Edited {
    written: Written,
    stale: bool,
    zh: Vec<Vec<Piece>>,
    en: Vec<Vec<Piece>>,
    count_zh: String,
    count_en: String,
    unknown: String,
    anchor: String,
}

#[derive(Template)]
#[template(path = "bulletin-prose.html")]
struct ProsePage {
    shell: Shell,
    w: &'static Words,
    base: String,
    version: String,
    blocks: Vec<(String, String, bool, bool)>,
    open: Option<Edited>,
    known: bool,
    places: Vec<(String, String)>,
    figures: Vec<Listed>,
    conflict: String,
    stored: Option<Written>,
    wrong: String,
    drafted: bool,
    may_edit: bool,
}

#[derive(Debug, Default, Deserialize)]
struct Asked {
    #[serde(default)]
    block: String,
}

/// A block that is sent, with the version it was written on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: String,
    id: String,
    place: String,
    #[serde(default)]
    title_zh: String,
    #[serde(default)]
    title_en: String,
    #[serde(default)]
    zh: String,
    #[serde(default)]
    en: String,
    #[serde(default)]
    link: String,
    #[serde(default)]
    translated: Option<String>,
    /// `preview` or `save`.
    #[serde(default)]
    act: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    block: String,
}

fn says_read() -> Described {
    Described {
        summary: "The prose of an issue.",
        answer: Some(schemars::schema_for!(ProseView).to_value()),
        ..Described::default()
    }
}

fn says_write() -> Described {
    Described {
        summary: "Stores the prose of an issue, if it is still of the version that was read.",
        body: Some(schemars::schema_for!(ProseBody).to_value()),
        answer: Some(schemars::schema_for!(ProseView).to_value()),
        ..Described::default()
    }
}

/// A block of prose.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BlockView {
    /// Short name, unique in the issue.
    id: String,
    /// `lead`, `section:ID`, `news` or `note`.
    place: String,
    /// Heading, Chinese.
    #[serde(default)]
    title_zh: String,
    /// Heading, English.
    #[serde(default)]
    title_en: String,
    /// Prose, Chinese, with references.
    zh: String,
    /// Prose, English.
    #[serde(default)]
    en: String,
    /// Where it can be read on.
    #[serde(default)]
    link: Option<String>,
    /// In a body: the English was read again and holds. In an answer: it follows the Chinese.
    #[serde(default)]
    translated: bool,
}

/// The prose of an issue.
#[derive(Debug, Serialize, JsonSchema)]
struct ProseView {
    /// Names what is stored; sent back with a change.
    version: String,
    /// The blocks.
    blocks: Vec<BlockView>,
}

/// Prose to be stored.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProseBody {
    /// The version that was read.
    version: String,
    /// All blocks, in printed order.
    blocks: Vec<BlockView>,
}

/// Names what is stored.
fn version_of(stored: &str) -> String {
    Hash::of(stored.as_bytes()).to_string()[..16].to_owned()
}

fn editorial(stand: &Stand) -> Result<Editorial, Refusal> {
    match stand.edition.editorial.as_str() {
        "" => Ok(Editorial::default()),
        text => Editorial::from_json(text).map_err(|error| Refusal::broken("stored prose", error)),
    }
}

/// Stores prose in the place of what was read.
async fn store(
    desk: &Desk,
    visitor: &Visitor,
    stand: &Stand,
    (version, written): (&str, Vec<Written>),
) -> Result<bool, Refusal> {
    let by = person(desk, visitor, Right::Edit).await?;
    if version != version_of(&stand.edition.editorial) {
        return Err(Refusal::Changed);
    }
    let new = editorial(stand)?.rewritten(written);
    let new = new.map_err(|error| Refusal::invalid("", error))?;
    let now = desk.now().0;
    Ok(desk
        .ledger
        .save_editorial(&stand.key, &new.to_json(), &by, now)
        .await?)
}

/// The newest draft, where there is one: references are resolved by its figures.
async fn newest(desk: &Desk, stand: &Stand) -> Result<Option<Bulletin>, Refusal> {
    match stand.newest() {
        Some(head) => Ok(Some(parse(&row(desk, &stand.key, head.revision).await?)?)),
        None => Ok(None),
    }
}

/// References of a text that the issue has no figure for.
fn unknown(b: &Bulletin, texts: [&str; 2]) -> Vec<String> {
    let mut out = Vec::new();
    for text in texts {
        for part in text.split('{').skip(1) {
            let Some((inside, _)) = part.split_once('}') else {
                continue;
            };
            let slot = inside.split('|').next().unwrap_or(inside);
            if slot.starts_with('=') {
                continue;
            }
            let key = slot.trim_start_matches(['~', '<']);
            if b.value(key).is_none() && !out.iter().any(|known| known == key) {
                out.push(key.to_owned());
            }
        }
    }
    out
}

/// What is printed of pieces.
fn plain(paragraphs: &[Vec<Piece>]) -> String {
    let pieces = paragraphs.iter().flatten();
    pieces.map(|piece| piece.text.as_str()).collect()
}

fn edited(b: Option<&Bulletin>, written: Written, stale: bool, w: &Words) -> Edited {
    let show = |lang| match b {
        Some(b) => paper::resolved(b, &written.zh, &written.en, lang),
        None => Vec::new(),
    };
    let (zh, en) = (show(Lang::Zh), show(Lang::En));
    // Counted as printed, where it can be: references are no words.
    let (text_zh, text_en) = match b {
        Some(_) => (plain(&zh), plain(&en)),
        None => (written.zh.clone(), written.en.clone()),
    };
    let characters = text_zh.chars().filter(|c| !c.is_whitespace()).count();
    let missing = b.map_or_else(Vec::new, |b| unknown(b, [&written.zh, &written.en]));
    Edited {
        stale,
        zh,
        en,
        count_zh: fill(w.count_zh, &[("n", &characters)]),
        count_en: fill(w.count_en, &[("n", &text_en.split_whitespace().count())]),
        unknown: match missing.is_empty() {
            true => String::new(),
            false => fill(w.unknown, &[("keys", &missing.join(", "))]),
        },
        anchor: written.id.clone(),
        written,
    }
}

/// What the page is drawn with besides what is stored.
#[derive(Default)]
struct Typed {
    written: Option<Written>,
    conflict: bool,
    wrong: String,
}

async fn draw(
    desk: &Desk,
    visitor: &Visitor,
    stand: &Stand,
    (block, typed): (&str, Typed),
) -> Result<ProsePage, Refusal> {
    let lang = visitor.lang;
    let w = Words::of(lang);
    let stored = editorial(stand)?;
    let b = newest(desk, stand).await?;
    let found = stored.blocks.iter().find(|one| one.id == block);
    let known = found.is_some();
    let stale = found.is_some_and(bulletin::editorial::Block::is_stale);
    let fresh = block == "new" || stored.blocks.is_empty();
    let typed_is_there = typed.written.is_some();
    let written = typed
        .written
        .or_else(|| found.map(Written::of))
        .or_else(|| {
            fresh.then(|| Written {
                id: match stored.blocks.is_empty() {
                    true => "lead".to_owned(),
                    false => String::new(),
                },
                place: match stored.blocks.is_empty() {
                    true => "lead".to_owned(),
                    false => "news".to_owned(),
                },
                ..Written::default()
            })
        });
    let mut places = vec![
        ("lead".to_owned(), w.lead.to_owned()),
        ("news".to_owned(), w.news.to_owned()),
        ("note".to_owned(), w.note.to_owned()),
    ];
    for section in b.iter().flat_map(|b| &b.sections) {
        let name = fill(w.section, &[("name", &section.title.get(lang))]);
        places.push((format!("section:{}", section.id), name));
    }
    let last = stand
        .steps
        .iter()
        .rfind(|step| step.step.0 == model::newsroom::Step::Edit);
    let base = format!("/console/bulletin/{}", stand.issue);
    let title = fill(w.title, &[("n", &stand.issue)]);
    Ok(ProsePage {
        shell: shell::shell(desk, visitor, Nav::Bulletin, &title).await,
        w,
        version: version_of(&stand.edition.editorial),
        blocks: stored
            .blocks
            .iter()
            .map(|one| {
                let name = match one.title.get(lang) {
                    "" => one.id.clone(),
                    title => title.to_owned(),
                };
                (one.id.clone(), name, one.is_stale(), one.id == block)
            })
            .collect(),
        open: written.map(|written| edited(b.as_ref(), written, stale, w)),
        known,
        places,
        figures: b
            .as_ref()
            .map(|b| inspector::all(b, visitor, &base))
            .unwrap_or_default(),
        conflict: match typed.conflict {
            true => fill(
                w.conflict,
                &[(
                    "who",
                    &last.map(|step| step.actor.clone()).unwrap_or_default(),
                )],
            ),
            false => String::new(),
        },
        stored: match typed.conflict && typed_is_there {
            true => found.map(Written::of),
            false => None,
        },
        wrong: typed.wrong,
        drafted: b.is_some(),
        may_edit: visitor.may(Right::Edit),
        base,
    })
}

async fn page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(issue): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let stand = Stand::of(&desk, issue_of(&issue)?).await?;
    let block = match asked.block.as_str() {
        "" => editorial(&stand)?
            .blocks
            .first()
            .map(|one| one.id.clone())
            .unwrap_or_default(),
        named => named.to_owned(),
    };
    let page = draw(&desk, &visitor, &stand, (&block, Typed::default())).await?;
    Ok(shell::page(&page))
}

/// What is stored with one block written anew, or added at the end.
fn with(stored: &Editorial, new: &Written) -> Vec<Written> {
    let mut all: Vec<Written> = stored.blocks.iter().map(Written::of).collect();
    match all.iter_mut().find(|one| one.id == new.id) {
        Some(old) => *old = new.clone(),
        None => all.push(new.clone()),
    }
    all
}

async fn save_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(issue): Path<String>,
    Input(form): Input<Form>,
) -> Result<Response, Refusal> {
    person(&desk, &visitor, Right::Edit).await?;
    let w = Words::of(visitor.lang);
    let stand = Stand::of(&desk, issue_of(&issue)?).await?;
    let written = Written {
        id: form.id.trim().to_owned(),
        place: form.place,
        title_zh: form.title_zh,
        title_en: form.title_en,
        zh: form.zh,
        en: form.en,
        link: Some(form.link.trim().to_owned()).filter(|link| !link.is_empty()),
        translated: form.translated.is_some(),
    };
    let again = |written: Written, typed: Typed| {
        let id = written.id.clone();
        (
            id,
            Typed {
                written: Some(written),
                ..typed
            },
        )
    };
    if form.act == "preview" {
        let (id, typed) = again(written, Typed::default());
        let page = draw(&desk, &visitor, &stand, (&id, typed)).await?;
        return Ok(shell::page(&page));
    }
    let all = with(&editorial(&stand)?, &written);
    match store(&desk, &visitor, &stand, (&form.version, all)).await {
        Ok(changed) => {
            let to = format!(
                "/console/bulletin/{}/prose?block={}",
                stand.issue,
                super::encode(&written.id)
            );
            let said = match changed {
                true => w.saved,
                false => w.same,
            };
            Ok(done(&to, said))
        }
        // Nothing typed is lost: the page comes back with it.
        Err(Refusal::Changed) => {
            let conflict = Typed {
                conflict: true,
                ..Typed::default()
            };
            let (id, typed) = again(written, conflict);
            let page = draw(&desk, &visitor, &stand, (&id, typed)).await?;
            Ok(shell::status_page(StatusCode::CONFLICT, &page))
        }
        Err(Refusal::Invalid(_, wrong)) => {
            let refused = Typed {
                wrong,
                ..Typed::default()
            };
            let (id, typed) = again(written, refused);
            let page = draw(&desk, &visitor, &stand, (&id, typed)).await?;
            Ok(shell::status_page(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(other) => Err(other),
    }
}

/// Changes what is stored, whatever version it is of: the act names a block and nothing of its text.
async fn changed(
    desk: &Desk,
    visitor: &Visitor,
    issue: &str,
    act: impl FnOnce(&mut Vec<Written>) -> bool,
) -> Result<IssueNumber, Refusal> {
    person(desk, visitor, Right::Edit).await?;
    let stand = Stand::of(desk, issue_of(issue)?).await?;
    let mut all: Vec<Written> = editorial(&stand)?.blocks.iter().map(Written::of).collect();
    if !act(&mut all) {
        return Err(Refusal::Absent);
    }
    let version = version_of(&stand.edition.editorial);
    store(desk, visitor, &stand, (&version, all)).await?;
    Ok(stand.issue)
}

async fn translated_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(issue): Path<String>,
    Input(one): Input<One>,
) -> Result<Response, Refusal> {
    let confirm = |all: &mut Vec<Written>| {
        let found = all.iter_mut().find(|block| block.id == one.block);
        found.map(|block| block.translated = true).is_some()
    };
    let issue = changed(&desk, &visitor, &issue, confirm).await?;
    let to = format!("/console/bulletin/{issue}#check");
    Ok(done(&to, Words::of(visitor.lang).confirmed))
}

async fn remove_page(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(issue): Path<String>,
    Input(one): Input<One>,
) -> Result<Response, Refusal> {
    let remove = |all: &mut Vec<Written>| {
        let before = all.len();
        all.retain(|block| block.id != one.block);
        all.len() < before
    };
    let issue = changed(&desk, &visitor, &issue, remove).await?;
    let to = format!("/console/bulletin/{issue}/prose");
    Ok(done(&to, Words::of(visitor.lang).removed))
}

fn view(stand: &Stand) -> Result<ProseView, Refusal> {
    let blocks = editorial(stand)?.blocks;
    Ok(ProseView {
        version: version_of(&stand.edition.editorial),
        blocks: blocks
            .iter()
            .map(|block| {
                let one = Written::of(block);
                BlockView {
                    id: one.id,
                    place: one.place,
                    title_zh: one.title_zh,
                    title_en: one.title_en,
                    zh: one.zh,
                    en: one.en,
                    link: one.link,
                    translated: !block.is_stale(),
                }
            })
            .collect(),
    })
}

async fn read_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(issue): Path<String>,
) -> Result<Response, Refusal> {
    centre(&visitor)?;
    let stand = Stand::of(&desk, issue_of(&issue)?).await?;
    answer(&headers, &view(&stand)?)
}

async fn write_api(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    Path(issue): Path<String>,
    Input(body): Input<ProseBody>,
) -> Result<Response, Refusal> {
    person(&desk, &visitor, Right::Edit).await?;
    let stand = Stand::of(&desk, issue_of(&issue)?).await?;
    let written = body.blocks.into_iter().map(|one| Written {
        id: one.id,
        place: one.place,
        title_zh: one.title_zh,
        title_en: one.title_en,
        zh: one.zh,
        en: one.en,
        link: one.link,
        translated: one.translated,
    });
    store(&desk, &visitor, &stand, (&body.version, written.collect())).await?;
    let stand = Stand::of(&desk, stand.issue).await?;
    Ok(axum::Json(view(&stand)?).into_response())
}
