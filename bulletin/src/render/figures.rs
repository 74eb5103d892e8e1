//! Every figure of an issue for other programs: JSON and CSV.
//!
//! JSON is the frozen bulletin itself. CSV is its list of values, RFC 4180 with a byte-order mark so that office
//! programs read UTF-8, each text cell guarded against being taken for a formula.

use super::words::Words;
use model::bulletin::{Bulletin, Chart, Direction, Judgement, Lang, PublishedValue};

/// The bulletin as indented JSON with a final newline. Deterministic: fields stand in declared order.
pub fn json(b: &Bulletin) -> String {
    let mut out = serde_json::to_string_pretty(b)
        .expect("strings, numbers, lists and structs are always JSON");
    out.push('\n');
    out
}

/// Heads of the CSV, per language.
const HEADS: [(&str, &str); 17] = [
    ("键", "key"),
    ("编号", "statistic"),
    ("定义版本", "definition_version"),
    ("名称", "name"),
    ("单位", "unit"),
    ("数值", "value"),
    ("精确值", "exact"),
    ("刊印", "printed"),
    ("上周数值", "previous"),
    ("上周精确值", "previous_exact"),
    ("环比%", "change_percent"),
    ("环比刊印", "change_printed"),
    ("方向", "direction"),
    ("评判", "judgement"),
    ("完整来源", "complete_sources"),
    ("应有来源", "expected_sources"),
    ("说明", "note"),
];

/// Every figure of the issue, one a line: key, definition, value as a number, exact value, last week, change.
pub fn csv(b: &Bulletin, lang: Lang) -> Vec<u8> {
    let head = HEADS.iter().map(|(zh, en)| match lang {
        Lang::Zh => (*zh).to_owned(),
        Lang::En => (*en).to_owned(),
    });
    write(std::iter::once(head.collect()).chain(b.values.iter().map(|v| row(v, lang))))
}

fn row(v: &PublishedValue, lang: Lang) -> Vec<String> {
    let number = |a: &Option<model::bulletin::Amount>| {
        a.as_ref()
            .and_then(|a| a.number)
            .map_or_else(String::new, |n| n.to_string())
    };
    let exact = |a: &Option<model::bulletin::Amount>| {
        a.as_ref()
            .map_or_else(String::new, |a| guard(&a.exact.plain()))
    };
    let direction = match v.change.direction {
        Direction::Up => "up",
        Direction::Down => "down",
        Direction::Flat => "flat",
        Direction::None => "",
    };
    let judgement = match v.change.judgement {
        Judgement::Worse => "worse",
        Judgement::Better => "better",
        Judgement::Neutral => "",
        Judgement::NotComparable => "not_comparable",
    };
    let w = Words::of(lang);
    let note = match (&v.missing, &v.change.note, v.preliminary) {
        (Some(reason), ..) => format!("{}{}{}", w.not_available, w.colon, reason.get(lang)),
        (None, Some(note), _) => note.get(lang).to_owned(),
        (None, None, true) => w.preliminary_value.to_owned(),
        (None, None, false) => String::new(),
    };
    let sources = |f: fn(&model::bulletin::Incomplete) -> u32| {
        v.incomplete
            .as_ref()
            .map_or_else(String::new, |i| f(i).to_string())
    };
    vec![
        guard(&v.key),
        guard(&v.statistic),
        v.definition_version.to_string(),
        guard(v.name.get(lang)),
        guard(v.unit.get(lang)),
        number(&v.value),
        exact(&v.value),
        guard(v.value.as_ref().map_or("", |a| a.text.get(lang))),
        number(&v.previous),
        exact(&v.previous),
        v.change.percent.map_or_else(String::new, |p| p.to_string()),
        guard(v.change.text.get(lang)),
        direction.to_owned(),
        judgement.to_owned(),
        sources(|i| i.complete),
        sources(|i| i.expected),
        guard(&note),
    ]
}

/// The data table of a chart.
pub fn chart_csv(chart: &Chart, lang: Lang) -> Vec<u8> {
    let text = |t: &model::bulletin::Text| guard(t.get(lang));
    let width = chart
        .table
        .rows
        .iter()
        .map(|r| r.cells.len() + 1)
        .max()
        .unwrap_or(1);
    let mut head: Vec<String> = chart.table.head.iter().map(text).collect();
    head.resize(head.len().max(width), String::new());
    let columns = head.len();
    let rows = chart.table.rows.iter().map(|r| {
        let mut row: Vec<String> = std::iter::once(text(&r.name))
            .chain(r.cells.iter().map(|c| text(&c.text)))
            .collect();
        row.resize(columns, String::new());
        row
    });
    write(std::iter::once(head).chain(rows))
}

/// RFC 4180 with byte-order mark.
fn write(rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .flexible(true)
        .from_writer(vec![0xef, 0xbb, 0xbf]);
    for row in rows {
        writer
            .write_record(&row)
            .expect("memory takes every record");
    }
    writer.into_inner().expect("memory takes every record")
}

/// A text that a spreadsheet would take for a formula gets an apostrophe before it; plain numbers do not.
pub(crate) fn guard(text: &str) -> String {
    let text = super::view::clean(text);
    let first = text.trim_start().chars().next();
    let formula = matches!(
        first,
        Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
    );
    if formula && text.parse::<model::bulletin::Decimal>().is_err() {
        format!("'{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_guarded_and_numbers_are_not() {
        for bad in ["=1+1", "+cmd", "-2+3", "@x", " =x", "\t=x", "＝x"] {
            assert!(guard(bad).starts_with('\''), "{bad}");
        }
        for good in ["-3.2", "18.1%", "28.4万", "", "–"] {
            assert_eq!(guard(good), good);
        }
    }

    #[test]
    fn cells_are_quoted_by_rfc_4180() {
        let bytes = write([vec!["a,b".to_owned(), "c\"d".to_owned(), "e".to_owned()]].into_iter());
        assert_eq!(bytes, "\u{feff}\"a,b\",\"c\"\"d\",e\r\n".as_bytes());
    }
}
