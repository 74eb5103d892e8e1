//! Open data: one CSV a table with a Frictionless data package that describes it, and a page that explains it.
//!
//! Missing cells are said to be missing, never left to guess: a figure that is not available has no `value`, the
//! status `missing` and the reason in `note`. The ISO week stands beside the issue's number: they differ.

use askama::Template;
use model::bulletin::Lang;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::collections::BTreeSet;

use super::frame::{self, Frame};
use super::series::Weeks;
use super::{Site, file};
use crate::render::Rendition;
use crate::render::figures::guard;
use crate::render::view::clean;
use crate::statistics;

/// A column: name, Frictionless type, meaning.
type Column = (&'static str, &'static str, &'static str, &'static str);

/// Columns of the figures, long form.
pub(super) const FIGURES: &[Column] = &[
    ("year", "integer", "期次的年份", "Year of the issue"),
    (
        "number",
        "integer",
        "期号；与ISO周不同",
        "Number of the issue; not the ISO week",
    ),
    (
        "week_start",
        "date",
        "统计周的周一",
        "Monday of the reporting week",
    ),
    (
        "week_end",
        "date",
        "统计周的周日",
        "Sunday of the reporting week",
    ),
    ("iso_week", "string", "ISO 8601周", "ISO 8601 week"),
    (
        "statistic",
        "string",
        "统计指标编号",
        "Identifier of the statistic",
    ),
    (
        "part",
        "string",
        "构成项，空为总数",
        "Part of it; empty for the whole",
    ),
    (
        "value",
        "number",
        "数值，按基本单位；空为没有数值",
        "Number in the base unit; empty where there is none",
    ),
    (
        "exact",
        "string",
        "精确值：计数、分子/分母、等级词或依次的名称",
        "Exact value: count, numerator/denominator, word or names in order",
    ),
    ("unit", "string", "单位", "Unit"),
    (
        "status",
        "string",
        "published为已发布，missing为不可得",
        "published or missing",
    ),
    (
        "complete",
        "boolean",
        "来源是否完整",
        "Whether all sources were complete",
    ),
    (
        "origin",
        "string",
        "counted为本系统计数，transcribed为转录自过去的周报",
        "counted here or transcribed from back issues",
    ),
    (
        "revision",
        "integer",
        "第几次修订；转录的为0",
        "Revision of the issue; 0 for transcribed ones",
    ),
    (
        "definition_version",
        "integer",
        "定义版本",
        "Version of the definition",
    ),
    ("note", "string", "不可得的原因", "Why it is missing"),
];

const ISSUES: &[Column] = &[
    ("year", "integer", "期次的年份", "Year of the issue"),
    ("number", "integer", "期号", "Number of the issue"),
    (
        "week_start",
        "date",
        "统计周的周一",
        "Monday of the reporting week",
    ),
    (
        "week_end",
        "date",
        "统计周的周日",
        "Sunday of the reporting week",
    ),
    ("iso_week", "string", "ISO 8601周", "ISO 8601 week"),
    (
        "status",
        "string",
        "published为有效，withdrawn为已撤回",
        "published or withdrawn",
    ),
    ("revision", "integer", "第几次修订", "Revision in force"),
    (
        "rating",
        "integer",
        "评级，1最好，5最差；空为未评定",
        "Rating, 1 best to 5 worst; empty where not assessed",
    ),
    (
        "rating_zh",
        "string",
        "评级词，中文",
        "Rating word, Chinese",
    ),
    (
        "rating_en",
        "string",
        "评级词，英文",
        "Rating word, English",
    ),
    (
        "first_published",
        "datetime",
        "首次发布",
        "First publication",
    ),
    ("updated", "datetime", "最近一次变动", "Last change"),
    (
        "blake3",
        "string",
        "已签发周报的校验值",
        "Hash of the signed issue",
    ),
    (
        "note",
        "string",
        "撤回原因或最近一次更正",
        "Why it was withdrawn, or its last correction",
    ),
];

const STATISTICS: &[Column] = &[
    ("statistic", "string", "编号", "Identifier"),
    (
        "definition_version",
        "integer",
        "现行定义版本",
        "Version of the definition in force",
    ),
    ("name_zh", "string", "名称，中文", "Name, Chinese"),
    ("name_en", "string", "名称，英文", "Name, English"),
    ("unit_zh", "string", "单位，中文", "Unit, Chinese"),
    ("unit_en", "string", "单位，英文", "Unit, English"),
    (
        "key_zh",
        "string",
        "去重对象，中文",
        "Distinct key, Chinese",
    ),
    (
        "key_en",
        "string",
        "去重对象，英文",
        "Distinct key, English",
    ),
    (
        "territory",
        "string",
        "地域规则",
        "What place has to do with it",
    ),
    ("formula", "string", "公式", "Formula"),
    ("remark", "string", "说明", "Remark"),
];

/// A figure of a week, ready to write.
pub(super) struct FigureRow {
    cells: Vec<String>,
    number: Option<model::bulletin::Decimal>,
    complete: bool,
}

impl FigureRow {
    pub fn cells(&self) -> Vec<String> {
        self.cells.clone()
    }

    pub fn json(&self) -> Value {
        let mut out = serde_json::Map::new();
        for ((name, kind, ..), cell) in FIGURES.iter().zip(&self.cells) {
            let value = match *kind {
                "number" => json!(self.number),
                "boolean" => json!(self.complete),
                "integer" => json!(cell.parse::<i64>().ok()),
                _ => json!(cell),
            };
            out.insert((*name).to_owned(), value);
        }
        Value::Object(out)
    }
}

/// `2023-W02`.
fn iso_week(monday: jiff::civil::Date) -> String {
    let iso = monday.iso_week_date();
    format!("{}-W{:02}", iso.year(), iso.week())
}

/// The figures of all weeks, oldest first, or those of one statistic.
pub(super) fn figures(all: &Weeks<'_>, only: Option<&str>) -> Vec<FigureRow> {
    let mut out = Vec::new();
    for week in &all.weeks {
        let monday = week.week.monday();
        let head = [
            week.number.year.to_string(),
            week.number.number.to_string(),
            monday.to_string(),
            week.week.sunday().to_string(),
            iso_week(monday),
        ];
        for figure in week
            .all()
            .iter()
            .filter(|figure| only.is_none_or(|id| figure.statistic == id))
        {
            let missing = figure.exact.is_empty();
            let mut cells = head.to_vec();
            cells.extend([
                guard(&figure.statistic),
                guard(&figure.part),
                figure
                    .number
                    .map_or_else(String::new, |number| number.to_string()),
                guard(&figure.exact),
                guard(&figure.unit.en),
                (if missing { "missing" } else { "published" }).to_owned(),
                figure.complete.to_string(),
                (if week.edition.is_some() {
                    "counted"
                } else {
                    "transcribed"
                })
                .to_owned(),
                week.edition
                    .map_or(0, |edition| edition.revision)
                    .to_string(),
                figure.version.to_string(),
                guard(figure.missing.as_ref().map_or("", |reason| &reason.en)),
            ]);
            out.push(FigureRow {
                cells,
                number: figure.number,
                complete: figure.complete,
            });
        }
    }
    out
}

/// RFC 4180, UTF-8 without a mark, for programs.
pub(super) fn csv(columns: &[Column], rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer
        .write_record(columns.iter().map(|column| column.0))
        .expect("memory takes every write");
    for row in rows {
        writer
            .write_record(row)
            .expect("memory takes every write, and rows have one length");
    }
    writer.into_inner().expect("memory takes every write")
}

struct Table {
    name: &'static str,
    title: (&'static str, &'static str),
    columns: &'static [Column],
    key: Vec<&'static str>,
    rows: usize,
    bytes: Vec<u8>,
}

/// The package: its tables, written.
pub(super) struct Package {
    tables: Vec<Table>,
    descriptor: Vec<u8>,
}

impl Package {
    pub fn into_files(self) -> Vec<Rendition> {
        let mut out: Vec<Rendition> = self
            .tables
            .into_iter()
            .map(|table| Rendition {
                name: format!("data/{}.csv", table.name),
                bytes: table.bytes,
            })
            .collect();
        out.push(Rendition {
            name: "data/datapackage.json".to_owned(),
            bytes: self.descriptor,
        });
        out
    }
}

/// Tables and descriptor.
pub(super) fn files(site: &Site<'_>, all: &Weeks<'_>) -> Package {
    let figures = figures(all, None);
    let mut editions: Vec<_> = site.editions.iter().collect();
    editions.sort_by_key(|edition| edition.week.first);
    let at = |at: model::time::Timestamp| {
        at.to_jiff().map_or_else(String::new, |at| {
            at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
        })
    };
    let issues: Vec<Vec<String>> = editions
        .iter()
        .map(|edition| {
            let life = &edition.life;
            let note = match (&life.withdrawn, life.revised.last()) {
                (Some(withdrawal), _) => &withdrawal.reason.en,
                (None, Some(last)) => &last.text.en,
                (None, None) => "",
            };
            vec![
                edition.issue.number.year.to_string(),
                edition.issue.number.number.to_string(),
                edition.week.first.to_string(),
                edition.week.last.to_string(),
                iso_week(edition.week.first),
                (if edition.stands() {
                    "published"
                } else {
                    "withdrawn"
                })
                .to_owned(),
                edition.revision.to_string(),
                edition
                    .level
                    .filter(|_| edition.stands())
                    .map_or_else(String::new, |level| level.to_string()),
                guard(if edition.stands() {
                    &edition.word.zh
                } else {
                    ""
                }),
                guard(if edition.stands() {
                    &edition.word.en
                } else {
                    ""
                }),
                at(life.first_published),
                at(life.updated),
                guard(&edition.hash),
                guard(note),
            ]
        })
        .collect();
    let mut definitions: Vec<Vec<String>> = statistics::all()
        .into_iter()
        .map(|s| {
            vec![
                s.id.to_owned(),
                s.version.to_string(),
                guard(s.name.zh),
                guard(s.name.en),
                guard(s.unit.zh),
                guard(s.unit.en),
                guard(s.key.zh),
                guard(s.key.en),
                guard(s.territory.words().en),
                guard(&s.formula.to_string()),
                guard(s.remark.en),
            ]
        })
        .collect();
    // Statistics that are declared no more, but were published: by the newest issue that has them.
    let mut listed: BTreeSet<&str> = statistics::all()
        .iter()
        .map(|statistic| statistic.id)
        .collect();
    for figure in all.weeks.iter().rev().flat_map(|week| week.all()) {
        if listed.insert(&figure.statistic) {
            let cells = [
                &figure.statistic,
                &figure.version.to_string(),
                &figure.name.zh,
                &figure.name.en,
                &figure.unit.zh,
                &figure.unit.en,
            ];
            let mut row: Vec<String> = cells.into_iter().map(|cell| guard(cell)).collect();
            row.resize(STATISTICS.len(), String::new());
            definitions.push(row);
        }
    }
    let tables = vec![
        Table {
            name: "figures",
            title: ("全部指标，逐周", "All figures, week by week"),
            columns: FIGURES,
            key: vec!["year", "number", "statistic", "part"],
            rows: figures.len(),
            bytes: csv(FIGURES, figures.iter().map(FigureRow::cells)),
        },
        Table {
            name: "issues",
            title: ("各期周报", "Issues"),
            columns: ISSUES,
            key: vec!["year", "number"],
            rows: issues.len(),
            bytes: csv(ISSUES, issues.into_iter()),
        },
        Table {
            name: "statistics",
            title: ("指标定义", "Definitions of the statistics"),
            columns: STATISTICS,
            key: vec!["statistic"],
            rows: definitions.len(),
            bytes: csv(STATISTICS, definitions.into_iter()),
        },
    ];
    let descriptor = descriptor(site, &tables);
    Package { tables, descriptor }
}

fn descriptor(site: &Site<'_>, tables: &[Table]) -> Vec<u8> {
    let resources: Vec<Value> = tables
        .iter()
        .map(|table| {
            let fields: Vec<Value> = table
                .columns
                .iter()
                .map(|(name, kind, _, en)| {
                    let required = table.key.contains(name) && *name != "part";
                    let mut field = json!({ "name": name, "type": kind, "description": en });
                    if *kind == "boolean" {
                        field["trueValues"] = json!(["true"]);
                        field["falseValues"] = json!(["false"]);
                    }
                    if required {
                        field["constraints"] = json!({ "required": true });
                    }
                    field
                })
                .collect();
            let mut schema = json!({ "fields": fields, "missingValues": [""] });
            // A key whose part is empty for the whole is none to a reader that takes empty for missing.
            if !table.key.contains(&"part") {
                schema["primaryKey"] = json!(table.key);
            }
            if table.name == "figures" {
                schema["foreignKeys"] = json!([{ "fields": ["statistic"], "reference": { "resource": "statistics", "fields": ["statistic"] } }]);
            }
            json!({
                "name": table.name,
                "title": table.title.1,
                "path": format!("{}.csv", table.name),
                "profile": "tabular-data-resource",
                "scheme": "file",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "bytes": table.bytes.len(),
                "hash": format!("sha256:{}", hex(digest(&SHA256, &table.bytes).as_ref())),
                "schema": schema,
            })
        })
        .collect();
    let updated = site
        .editions
        .iter()
        .map(|edition| edition.life.updated)
        .max()
        .and_then(model::time::Timestamp::to_jiff);
    let mut package = json!({
        "profile": "tabular-data-package",
        "name": name(site),
        "title": clean(&site.title.en),
        "description": clean(&format!("{} · {}", site.title.zh, site.organization.zh)),
        "contributors": [{ "title": clean(&site.organization.en), "role": "publisher" }],
        "resources": resources,
    });
    if let Some(updated) = updated {
        package["created"] = json!(updated.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    if let Some(base) = site.settings.base() {
        package["homepage"] = json!(base);
    }
    if let Some(licence) = &site.settings.licence {
        package["licenses"] =
            json!([{ "name": licence.name, "title": licence.title, "path": licence.url }]);
    }
    let mut text =
        serde_json::to_string_pretty(&package).expect("strings, numbers and lists are always JSON");
    text.push('\n');
    text.into_bytes()
}

/// Name of the package: lower case letters, digits and hyphens.
fn name(site: &Site<'_>) -> String {
    let letters: String = site
        .title
        .en
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let words: Vec<&str> = letters.split('-').filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        "bulletin".to_owned()
    } else {
        words.join("-")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct TableView {
    title: &'static str,
    file: String,
    rows: String,
    size: String,
    columns: Vec<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "site/data.html")]
struct Page {
    f: Frame,
    tables: Vec<TableView>,
}

/// The page that explains the data.
pub(super) fn page(site: &Site<'_>, package: &Package, lang: Lang) -> Rendition {
    let w = super::words::Words::of(lang);
    let f = Frame::new(
        site,
        lang,
        "data",
        "data",
        format!("{} - {}", w.data, clean(site.title.get(lang))),
        w.data_text.to_owned(),
    );
    let pick = |zh: &'static str, en: &'static str| if lang == Lang::Zh { zh } else { en };
    let tables = package
        .tables
        .iter()
        .map(|table| TableView {
            title: pick(table.title.0, table.title.1),
            file: format!("data/{}.csv", table.name),
            rows: match lang {
                Lang::Zh => format!("{}行", table.rows),
                Lang::En => format!("{} rows", model::statistic::grouped(table.rows as u64)),
            },
            size: match table.bytes.len() {
                small if small < 10_000 => "<10 kB".to_owned(),
                size => format!("{} kB", size.div_ceil(1000)),
            },
            columns: table
                .columns
                .iter()
                .map(|(name, _, zh, en)| (*name, pick(zh, en)))
                .collect(),
        })
        .collect();
    let text = Page { f, tables }
        .render()
        .expect("a template without fallible parts renders into memory");
    file(&frame::page("data", lang), text)
}
