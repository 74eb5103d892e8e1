//! The indicator board: the first figure of the bulletin (DOMAIN section 1.3).
//!
//! Eight indicators have their places. One that is not available leaves the board, unless it was
//! there last week: then its tile stays and says why it is empty. Freed places go to the next
//! available figures, so that a site with other feeds still has a board of its own.

use model::bulletin::{Board, Text, Tile};
use model::statistic::{self, Presentation};

use super::Page;
use super::series::Past;
use crate::statistics;

/// The eight of DOMAIN section 1.3, in printed order, with short names.
const INDICATORS: [(&str, &str, &str); 8] = [
    ("M1", "感染恶意程序的主机", "Infected hosts"),
    ("W5", "仿冒页面", "Phishing pages"),
    ("V1", "新收录漏洞", "New vulnerabilities"),
    ("V2", "其中高危漏洞", "of which high-risk"),
    ("W1", "被篡改网站", "Defaced websites"),
    ("W2", "被篡改的政府网站", "Gov. sites defaced"),
    ("W3", "被植入后门的网站", "Backdoored websites"),
    ("W4", "被植入后门的政府网站", "Gov. sites backdoored"),
];

/// What may take a freed place.
const STAND_INS: [(&str, &str, &str); 4] = [
    ("H1", "放马站点域名", "Hosting domains"),
    ("H2", "放马站点IP地址", "Hosting addresses"),
    ("W6", "仿冒页面涉及域名", "Phishing domains"),
    ("M4", "新增恶意程序名称", "New malware names"),
];

/// Tiles in a row.
const ROW: usize = 4;

/// The board.
pub fn board(page: &Page<'_>) -> Board {
    let had = |id: &str| {
        page.last
            .and_then(|last| last.value(id))
            .is_some_and(|value| value.measured.quantity().is_some())
    };
    let shown = |id: &str| page.figures.has(id) || had(id);
    let mut tiles: Vec<Tile> = INDICATORS
        .iter()
        .filter(|(id, ..)| shown(id))
        .filter_map(|(id, zh, en)| tile(page, id, Text::new(*zh, *en)))
        .collect();
    for (id, zh, en) in STAND_INS {
        if !tiles.len().is_multiple_of(ROW) && page.figures.has(id) {
            tiles.extend(tile(page, id, Text::new(zh, en)));
        }
    }
    Board {
        note: note(&tiles),
        tiles,
    }
}

fn note(tiles: &[Tile]) -> Text {
    let mut zh = String::from("与上一期的冻结数相比。");
    let mut en = String::from("Against the frozen figures of the issue before.");
    let lines = tiles.iter().any(|tile| !tile.spark.marks.is_empty());
    let bands = tiles.iter().any(|tile| tile.spark.range.is_some());
    match (lines, bands) {
        (true, true) => {
            zh.push_str("折线为近13周，浅色带为此前各周的范围。");
            en.push_str(" Line: 13 weeks; pale band: range of the weeks before.");
        }
        (true, false) => {
            zh.push_str("折线为近13周。");
            en.push_str(" Line: 13 weeks.");
        }
        (false, _) => {}
    }
    let absent = INDICATORS
        .iter()
        .filter(|(id, ..)| !tiles.iter().any(|tile| tile.value == *id))
        .count();
    if absent > 0 {
        zh.push_str(&format!("另有{absent}项本周没有可用数据，见覆盖与方法。"));
        en.push_str(&format!(
            " Without data this week: {absent} more, see coverage and method."
        ));
    }
    Text::new(zh, en)
}

fn tile(page: &Page<'_>, id: &str, name: Text) -> Option<Tile> {
    let value = page.figures.get(id)?;
    let statistic = statistics::named(id)?;
    let (amount, unit) = match page.figures.count(id) {
        Some(count)
            if statistic.print == Presentation::WanOneDecimal && count >= statistic::WAN =>
        {
            let printed = page.figures.printed(id, model::bulletin::Aspect::Value);
            let thousands = printed
                .en
                .strip_suffix(",000")
                .unwrap_or(&printed.en)
                .to_owned();
            let unit = Text::new(format!("万{}", statistic.unit.zh), "thousand");
            (
                Text::new(printed.zh.trim_end_matches('万'), thousands),
                unit,
            )
        }
        Some(_) => (
            page.figures.printed(id, model::bulletin::Aspect::Value),
            Text::new(statistic.unit.zh, ""),
        ),
        None => (Text::default(), Text::default()),
    };
    Some(Tile {
        value: id.to_owned(),
        name,
        amount,
        unit,
        missing: value.missing.clone(),
        change: value.change.clone(),
        spark: Past::of(id, page.this, page.past).spark(id),
        incomplete: value.incomplete.clone().filter(|_| value.value.is_some()),
    })
}
