//! Settings: the configuration in force with its origins, reference data, the workspace; accounts and tokens in
//! pages of their own. What stands in `watchfire.toml` is changed there only: a page that could run things would be
//! a way in (MISP's CVE-2022-27245).

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use model::newsroom::Right;
use serde::Serialize;

use super::draw;
use super::form::answer;
use super::shell::{self, Nav, Shell};
use crate::Desk;
use crate::premises::{State as Standing, Value};
use crate::refusal::Refusal;
use crate::routes::{Described, Need, Route, Verb, get};
use crate::visitor::Visitor;
use crate::words::words;

pub(crate) mod accounts;
pub(crate) mod deputies;
pub(crate) mod tokens;

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/settings", Need::Right(Right::View), || get(page)),
    Route::api(
        Verb::Get,
        "/api/v1/settings",
        Need::Right(Right::View),
        described,
        || get(read),
    ),
];

words! {
    /// The settings' own navigation.
    Tabs {
        system: "系统", "System";
        accounts: "账户", "Accounts";
        tokens: "接口令牌", "API tokens";
        api: "接口", "API";
        hooks: "回调", "Webhooks";
        me: "我的账户", "My account";
    }
}

words! {
    Words {
        title: "设置", "Settings";
        where_changed: "这里的值在工作区的 watchfire.toml 中修改，改后用 SIGHUP 或 systemctl reload watchfire 生效；listen 与 fetches 要重启。", "These values are changed in watchfire.toml of the workspace; SIGHUP or systemctl reload watchfire puts them in force, listen and fetches need a restart.";
        configuration: "生效的配置", "Configuration in force";
        key: "键", "Key";
        value: "值", "Value";
        origin: "来源", "From";
        by_default: "默认", "default";
        told: "已设 {n} 项", "{n} set";
        secrets: "密码与密钥只在环境变量或各自的文件里，不在此显示。", "Passwords and keys stand in the environment or in files of their own, and are not shown.";
        reference: "参考数据", "Reference data";
        reference_text: "用 watchfire reference import 更新；写在 [[reference]] 下的文件改动后，下次采集时自动更新。", "Renewed by watchfire reference import; files named under [[reference]] are taken in again when they change.";
        reference_none: "还没有参考数据。地址属地、网站归属等靠它判断：在 watchfire.toml 里写 [[reference]]，或运行 watchfire reference import。", "There is none yet. Where addresses lie and whose sites are whose is known by it: write [[reference]] in watchfire.toml, or run watchfire reference import.";
        kind: "种类", "Kind";
        name: "名称", "Name";
        records: "条目", "Records";
        age: "导入", "Brought in";
        hash: "摘要", "Hash";
        workspace: "工作区", "Workspace";
        folder: "目录", "Folder";
        ledger: "账本", "Ledger";
        disk: "磁盘余量", "Free disk";
        of: "{free}，共 {all}", "{free} of {all}";
        version: "版本", "Version";
        unknown: "本进程没有提供。", "This process does not tell.";
    }
}

/// A place of the settings' navigation.
pub(crate) struct Tab {
    pub(crate) label: &'static str,
    pub(crate) href: &'static str,
    pub(crate) current: bool,
}

/// The settings' navigation, as far as it is open to a visitor.
pub(crate) fn tabs(visitor: &Visitor, at: &str) -> Vec<Tab> {
    let w = Tabs::of(visitor.lang);
    let house = of_the_house(visitor).is_ok();
    let all = [
        (
            w.system,
            "/console/settings",
            house && visitor.may(Right::View),
        ),
        (
            w.accounts,
            "/console/settings/users",
            house && visitor.may(Right::Administer),
        ),
        (w.tokens, "/console/settings/tokens", true),
        (
            w.api,
            "/console/settings/api",
            house && visitor.may(Right::View),
        ),
        (
            w.hooks,
            "/console/settings/webhooks",
            house && visitor.may(Right::Administer),
        ),
        (w.me, "/console/me", true),
    ];
    all.into_iter()
        .filter(|(_, _, open)| *open)
        .map(|(label, href, _)| Tab {
            label,
            href,
            current: href == at,
        })
        .collect()
}

/// The house's own matters are not those of whoever works for another organization.
///
/// # Errors
/// The visitor is not of the house; it looks like absence.
pub(crate) fn of_the_house(visitor: &Visitor) -> Result<(), Refusal> {
    match &visitor.account {
        Some(account) if account.organization.is_none() => Ok(()),
        _ => Err(Refusal::Absent),
    }
}

/// A table of reference data.
#[derive(Serialize, schemars::JsonSchema)]
struct Table {
    /// What it holds.
    kind: String,
    /// Its name.
    name: String,
    /// Records in it.
    records: i64,
    /// BLAKE3 of its source.
    hash: String,
    /// Where it was read from.
    source: String,
    /// When it was brought in (RFC 3339).
    imported_at: String,
    #[serde(skip)]
    age: String,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Settings {
    /// Version of the program.
    version: String,
    /// Configuration in force.
    configuration: Vec<Value>,
    /// Reference data in force.
    reference: Vec<Table>,
}

/// A section of the configuration.
struct Section {
    name: String,
    values: Vec<Value>,
    /// How many of them somebody set; empty for none.
    told: String,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    shell: Shell,
    w: &'static Words,
    tabs: Vec<Tab>,
    standing: Option<Standing>,
    sections: Vec<Section>,
    disk: String,
    tables: Vec<Table>,
}

async fn standing(desk: &Desk) -> Result<Option<Standing>, Refusal> {
    match &desk.premises {
        None => Ok(None),
        Some(premises) => premises
            .state()
            .await
            .map(Some)
            .map_err(|error| Refusal::broken("the settings", error)),
    }
}

async fn tables(desk: &Desk, visitor: &Visitor) -> Result<Vec<Table>, Refusal> {
    let now = desk.now().0;
    let all = desk.ledger.latest_references(None).await?;
    let shown = all.into_iter().map(|one| Table {
        age: draw::ago(now, one.imported_at, visitor.lang),
        hash: one.source_hash.to_string(),
        imported_at: draw::stamp(one.imported_at),
        records: one.records,
        source: one.source_path,
        kind: one.kind,
        name: one.name,
    });
    Ok(shown.collect())
}

/// Bytes in words.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{count} B"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

async fn page(State(desk): State<Arc<Desk>>, visitor: Visitor) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let w = Words::of(visitor.lang);
    let standing = standing(&desk).await?;
    let mut sections: Vec<Section> = Vec::new();
    for value in standing.iter().flat_map(|one| &one.configuration) {
        let first = value.key.split('.').next().unwrap_or_default();
        let name = match first {
            "feed" | "reference" | "retention" => format!("[{first}]"),
            _ => first.to_owned(),
        };
        match sections.last_mut() {
            Some(last) if last.name == name => last.values.push(value.clone()),
            _ => sections.push(Section {
                name,
                values: vec![value.clone()],
                told: String::new(),
            }),
        }
    }
    for section in &mut sections {
        let told = section
            .values
            .iter()
            .filter(|one| one.origin != "default")
            .count();
        if told > 0 {
            section.told = crate::words::fill(w.told, &[("n", &told)]);
        }
    }
    let disk = standing.as_ref().map_or_else(String::new, |one| {
        crate::words::fill(
            w.of,
            &[("free", &bytes(one.free)), ("all", &bytes(one.disk))],
        )
    });
    Ok(shell::page(&SettingsPage {
        shell: shell::shell(&desk, &visitor, Nav::Settings, w.title).await,
        w,
        tabs: tabs(&visitor, "/console/settings"),
        tables: tables(&desk, &visitor).await?,
        standing,
        sections,
        disk,
    }))
}

fn described() -> Described {
    Described {
        summary: "The configuration in force with its origins, and the reference data.",
        answer: Some(schemars::schema_for!(Settings).to_value()),
        ..Described::default()
    }
}

async fn read(
    State(desk): State<Arc<Desk>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    of_the_house(&visitor)?;
    let standing = standing(&desk).await?.unwrap_or_default();
    let settings = Settings {
        version: standing.version,
        configuration: standing.configuration,
        reference: tables(&desk, &visitor).await?,
    };
    answer(&headers, &settings)
}
