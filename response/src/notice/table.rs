//! The table beside every notice: one row an incident, in CSV that a spreadsheet opens without doing anything.

use jiff::tz::TimeZone;
use model::bulletin::Lang;
use model::time::Timestamp;
use model::worded::Word;

use super::words::line;
use super::{Draft, Look};

/// Columns: as stored, and as a Chinese reader sees them. The last two are for the party to fill in and send
/// back; the first tells which incident a row is about.
pub const COLUMNS: [(&str, &str); 17] = [
    ("incident", "事件编号"),
    ("kind", "类型"),
    ("url", "网址"),
    ("host", "域名"),
    ("ip", "IP地址"),
    ("port", "端口"),
    ("hash", "文件哈希"),
    ("first_seen_utc", "首次发现（UTC）"),
    ("last_seen_utc", "最近发现（UTC）"),
    ("first_seen", "首次发现（当地时间）"),
    ("last_seen", "最近发现（当地时间）"),
    ("count", "发现次数"),
    ("asked", "处置要求"),
    ("source", "信息来源"),
    ("evidence", "证据编号"),
    ("reply", "处置结果（请填写）"),
    ("remark", "备注（请填写）"),
];

/// The table of a draft. Chinese tables begin with a byte order mark: without it, spreadsheets there read
/// GB 18030. Victims stand in a column of their own where they may be told.
pub fn write(draft: &Draft, look: &Look) -> Vec<u8> {
    let zh = draft.language == Lang::Zh;
    let people = look.people && draft.items.iter().any(|item| item.victim.is_some());
    let mut out: Vec<u8> = Vec::with_capacity(draft.items.len() * 256);
    if zh {
        out.extend_from_slice("\u{feff}".as_bytes());
    }
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    let mut head: Vec<&str> = COLUMNS
        .iter()
        .map(|(en, cn)| if zh { *cn } else { *en })
        .collect();
    if people {
        head.push(if zh { "受害方" } else { "victim" });
    }
    // Writing to memory does not fail.
    let _ = writer.write_record(&head);
    for item in &draft.items {
        let seen = &item.observed;
        let kind = if zh {
            item.kind.zh()
        } else {
            item.kind.label()
        };
        let mut row = vec![
            cell(&item.incident),
            kind.to_owned(),
            cell(seen.url.as_deref().unwrap_or_default()),
            cell(seen.host.as_deref().unwrap_or_default()),
            seen.ip.map(|ip| ip.to_string()).unwrap_or_default(),
            seen.port.map(|port| port.to_string()).unwrap_or_default(),
            cell(seen.hash.as_deref().unwrap_or_default()),
            utc(item.first_seen),
            utc(item.last_seen),
            local(item.first_seen, &draft.party.zone),
            local(item.last_seen, &draft.party.zone),
            item.count.to_string(),
            item.asked.words(draft.language).to_owned(),
            cell(item.source.as_deref().unwrap_or_default()),
            cell(&item.evidence.join(" ")),
            String::new(),
            String::new(),
        ];
        if people {
            row.push(cell(item.victim.as_deref().unwrap_or_default()));
        }
        let _ = writer.write_record(&row);
    }
    writer.into_inner().unwrap_or_default()
}

/// Text of others in a cell: one line, and never a formula. A spreadsheet takes a cell for one by its first
/// sign (`=`, `+`, `-`, `@`, their wide forms, tab or return), whatever quotes stand around it; an
/// apostrophe before it makes it text.
pub fn cell(text: &str) -> String {
    let line = line(text, 32_000);
    let guard = line.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if guard { format!("'{line}") } else { line }
}

fn utc(at: Timestamp) -> String {
    at.to_jiff()
        .map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}

fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff()
        .map(|at| at.to_zoned_datetime(zone.clone()))
        .map(|at| at.strftime("%Y-%m-%d %H:%M:%S %:z").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            " =1",
            "＝1",
            "\u{200b}=1",
            "\u{feff}@x",
        ] {
            assert!(cell(text).starts_with('\''), "{text:?}");
        }
        assert_eq!(cell("http://example.com/=1"), "http://example.com/=1");
    }
}
