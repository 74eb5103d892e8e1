//! Complaints that come as a table: a branch's list, a hotline's export. Each row is a complaint of its own and goes
//! the way of the public form ([`super::form`]); a row whose content was filed before changes nothing.
//!
//! Which column is what is said by a mapping, or known by its head. Reading a table stores nothing, so that what
//! would be filed can be looked at first.

use std::collections::{BTreeMap, BTreeSet};

use formats::mail::complaint::Observable;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use model::incident::CaseKind;
use model::time::Timestamp;
use model::worded::Word;

use super::form::Reported;

/// How complaints of a table came.
pub const TABLE: &str = "csv";
/// How complaints came that a program pushed.
pub const PUSHED: &str = "api";
/// Bytes of one row's text that are kept.
const BODY: usize = 20_000;

/// What a column of the table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// What it names: one address or several.
    Place,
    /// What kind of case it is.
    Kind,
    /// What was written.
    Text,
    /// Where the reporter is told how it ended.
    Reporter,
    /// When it came.
    Received,
    /// The number it has where it comes from.
    Number,
    /// Name of an app.
    App,
    /// The reporter's language.
    Language,
}

/// Names in a mapping, and heads that say the same without one.
const NAMES: &[(Holds, &str, &[&str])] = &[
    (
        Holds::Place,
        "url",
        &[
            "url", "urls", "link", "address", "ip", "domain", "网址", "链接", "地址", "域名",
        ],
    ),
    (
        Holds::Kind,
        "kind",
        &["kind", "type", "category", "类型", "类别"],
    ),
    (
        Holds::Text,
        "text",
        &[
            "text",
            "description",
            "content",
            "remark",
            "说明",
            "描述",
            "内容",
            "备注",
        ],
    ),
    (
        Holds::Reporter,
        "reporter",
        &["reporter", "email", "mail", "邮箱", "举报人邮箱"],
    ),
    (
        Holds::Received,
        "received",
        &[
            "received",
            "date",
            "time",
            "reported",
            "时间",
            "日期",
            "举报时间",
            "受理时间",
        ],
    ),
    (
        Holds::Number,
        "number",
        &["number", "no", "id", "编号", "受理编号"],
    ),
    (
        Holds::App,
        "app",
        &["app", "application", "应用", "应用名称"],
    ),
    (Holds::Language, "language", &["language", "lang", "语言"]),
];

/// Words for kinds as others write them, beside our own labels and names.
const KINDS: &[(&str, CaseKind)] = &[
    ("钓鱼", CaseKind::Phishing),
    ("仿冒", CaseKind::Phishing),
    ("钓鱼网站", CaseKind::Phishing),
    ("phishing page", CaseKind::Phishing),
    ("诈骗app", CaseKind::MaliciousApp),
    ("恶意app", CaseKind::MaliciousApp),
    ("恶意程序", CaseKind::MalwareHosting),
    ("malware", CaseKind::MalwareHosting),
    ("c2", CaseKind::ControlServer),
    ("botnet", CaseKind::ControlServer),
    ("后门", CaseKind::Backdoor),
    ("篡改", CaseKind::Defacement),
    ("漏洞", CaseKind::Vulnerability),
    ("垃圾邮件", CaseKind::Spam),
    ("攻击", CaseKind::Attack),
];

/// Which column holds what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Head of the column, by what it holds.
    columns: BTreeMap<Holds, String>,
}

impl Mapping {
    /// Reads `url=网址`, one an entry.
    ///
    /// # Errors
    /// A name is none, stands twice, or has no head; with what may stand there.
    pub fn read<S: AsRef<str>>(entries: &[S]) -> Result<Mapping, String> {
        let mut mapping = Mapping::default();
        for entry in entries {
            let entry = entry.as_ref();
            let known = || {
                NAMES
                    .iter()
                    .map(|(_, name, _)| *name)
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let Some((name, head)) = entry.split_once('=') else {
                return Err(format!(
                    "`{entry}` is no mapping: write NAME=HEAD, with a name of {}",
                    known()
                ));
            };
            let found = NAMES.iter().find(|(_, own, _)| *own == name.trim());
            let Some((holds, ..)) = found else {
                return Err(format!("`{name}` is no name of a column: {}", known()));
            };
            if head.trim().is_empty() {
                return Err(format!("`{entry}` names no column of the table"));
            }
            if mapping
                .columns
                .insert(*holds, head.trim().to_owned())
                .is_some()
            {
                return Err(format!("`{name}` is mapped twice"));
            }
        }
        Ok(mapping)
    }

    /// Where each of them stands among the heads: as mapped, else as heads are known.
    fn places(&self, heads: &[String]) -> Result<BTreeMap<Holds, usize>, String> {
        let find = |wanted: &str| {
            let wanted = wanted.to_lowercase();
            heads.iter().position(|head| head.to_lowercase() == wanted)
        };
        let mut found = BTreeMap::new();
        for (holds, _, known) in NAMES {
            let at = match self.columns.get(holds) {
                Some(head) => Some(find(head).ok_or_else(|| {
                    format!(
                        "has no column `{head}`; its columns are {}",
                        heads.join(", ")
                    )
                })?),
                None => known.iter().find_map(|head| find(head)),
            };
            let taken = |at: usize| found.values().any(|other| *other == at);
            if let Some(at) = at.filter(|at| !taken(*at)) {
                found.insert(*holds, at);
            }
        }
        if !found.contains_key(&Holds::Place) && !found.contains_key(&Holds::App) {
            return Err(format!(
                "has no column that names an address or an app: map one, as url=HEAD; its columns are {}",
                heads.join(", ")
            ));
        }
        Ok(found)
    }
}

/// What a table is read with.
pub struct Reading<'a> {
    /// Which column holds what.
    pub mapping: &'a Mapping,
    /// How they come: [`TABLE`] or [`PUSHED`].
    pub via: &'static str,
    /// The kind of rows that name none.
    pub kind: Option<CaseKind>,
    /// Zone of times without one.
    pub zone: &'a TimeZone,
    /// The present: nothing came later.
    pub now: Timestamp,
    /// What sets rows of this source apart from the same rows of another.
    pub source: &'a str,
}

/// A row that is no complaint.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BadRow {
    /// Line of the file at which it begins.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// What a table holds.
#[derive(Clone, Debug, Default)]
pub struct Bulk {
    /// Complaints, with the line each begins at.
    pub rows: Vec<(u64, Reported)>,
    /// Rows that are none.
    pub bad: Vec<BadRow>,
    /// Rows that say what an earlier row of the table says.
    pub twice: u64,
    /// Which head was taken for what.
    pub columns: Vec<(&'static str, String)>,
}

/// Reads a table: XLSX, or in UTF-8 CSV with commas, semicolons or tabs.
///
/// # Errors
/// It has no heads, or no column names an address or an app.
pub fn read(bytes: &[u8], with: &Reading<'_>) -> Result<Bulk, String> {
    let bytes = formats::sheet::as_csv(bytes)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if std::str::from_utf8(bytes).is_err() {
        return Err("is not UTF-8: save it as CSV UTF-8".to_owned());
    }
    let first = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let count = |delimiter: u8| first.iter().filter(|byte| **byte == delimiter).count();
    let delimiter = [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|one| count(*one));
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .delimiter(delimiter.unwrap_or(b','))
        .from_reader(bytes);
    let heads = reader.headers().map_err(|error| error.to_string())?;
    let heads: Vec<String> = heads.iter().map(str::to_owned).collect();
    let places = with.mapping.places(&heads)?;
    let mut out = Bulk {
        columns: NAMES
            .iter()
            .filter_map(|(holds, name, _)| Some((*name, heads[*places.get(holds)?].clone())))
            .collect(),
        ..Bulk::default()
    };
    let mut seen = BTreeSet::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                out.bad.push(BadRow {
                    line,
                    reason: error.to_string(),
                });
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(str::is_empty) {
            continue;
        }
        let cell = |holds: Holds| {
            let at = places.get(&holds);
            at.and_then(|at| record.get(*at)).unwrap_or_default()
        };
        match one(&cell, with) {
            Ok(reported) if seen.insert(reported.receipt.clone()) => {
                out.rows.push((line, reported))
            }
            Ok(_) => out.twice += 1,
            Err(reason) => out.bad.push(BadRow { line, reason }),
        }
    }
    Ok(out)
}

/// The kind that a word of a table means: a label or name of ours, or what others say.
pub(crate) fn kind_of(text: &str) -> Option<CaseKind> {
    let lower = text.trim().to_lowercase();
    let own = CaseKind::ALL.iter().find(|kind| {
        [kind.label(), kind.zh(), kind.en()]
            .iter()
            .any(|name| name.to_lowercase() == lower)
    });
    let other = || KINDS.iter().find(|(word, _)| *word == lower);
    own.copied().or_else(|| other().map(|(_, kind)| *kind))
}

/// An instant as tables write it; without a zone it is of `zone`.
fn instant(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from(at));
    }
    let text = text.replace('/', "-").replace('T', " ");
    let local = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|form| DateTime::strptime(form, &text).ok())
        .or_else(|| {
            let day = Date::strptime("%Y-%m-%d", &text).ok()?;
            Some(day.at(0, 0, 0, 0))
        })?;
    let zoned = zone.to_ambiguous_zoned_datetime(local).compatible().ok()?;
    Some(Timestamp::from(zoned.timestamp()))
}

/// The addresses in a cell.
fn named(text: &str) -> Vec<Observable> {
    let mut all: Vec<Observable> = Vec::new();
    for token in text.split(|c: char| c.is_whitespace() || "，；、|;".contains(c)) {
        if let Some(one) = Observable::read(token.trim_matches([',', '"', '\'']))
            && !all.contains(&one)
        {
            all.push(one);
        }
    }
    all
}

/// A complaint from what its cells hold.
///
/// # Errors
/// It names nothing, or a cell is not what it should be; which and why.
pub fn one<'a>(cell: &dyn Fn(Holds) -> &'a str, with: &Reading<'_>) -> Result<Reported, String> {
    let place = cell(Holds::Place);
    let places = named(place);
    let app = cell(Holds::App);
    if !place.is_empty() && places.is_empty() {
        return Err(format!("`{}` names no address", short(place)));
    }
    if places.is_empty() && app.is_empty() {
        return Err("names neither an address nor an app".to_owned());
    }
    let kind = match cell(Holds::Kind) {
        "" => with
            .kind
            .ok_or("names no kind: give one for all by --kind")?,
        text => kind_of(text).ok_or_else(|| format!("`{}` is no kind of case", short(text)))?,
    };
    let received_at = match cell(Holds::Received) {
        "" => None,
        text => {
            let at = instant(text, with.zone);
            let at = at.ok_or_else(|| format!("`{}` is no time", short(text)))?;
            if at > with.now {
                return Err(format!("`{}` lies in the future", short(text)));
            }
            Some(at)
        }
    };
    let reporter = cell(Holds::Reporter);
    let sound = |address: &str| {
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>,;\"".contains(c);
        address.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && host.contains('.') && !host.contains('@')
        }) && address.chars().all(plain)
    };
    if !reporter.is_empty() && !sound(reporter) {
        return Err(format!("`{}` is no mail address", short(reporter)));
    }
    let language = match cell(Holds::Language).to_lowercase().as_str() {
        "en" | "english" | "英文" => "en",
        _ => "zh",
    };
    let number = cell(Holds::Number);
    let mut body: String = cell(Holds::Text).to_owned();
    if !number.is_empty() {
        body = format!("{}: {number}\n\n{body}", with.source)
            .trim_end()
            .to_owned();
    }
    let end = body.char_indices().map(|(at, _)| at).find(|at| *at > BODY);
    body.truncate(end.unwrap_or(body.len()));
    // The same row again is the same complaint. It is no receipt that anybody can ask by: those have another form.
    let mut hasher = blake3::Hasher::new();
    let received = received_at.map_or(String::new(), |at| at.to_string());
    for text in [
        with.source,
        number,
        place,
        app,
        kind.label(),
        &body,
        reporter,
        &received,
    ] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    Ok(Reported {
        receipt: format!("{}:{}", with.via, &hasher.finalize().to_hex()[..32]),
        via: with.via,
        kind,
        places,
        app: app.to_owned(),
        body,
        address: Some(reporter.to_owned()).filter(|address| !address.is_empty()),
        language,
        files: Vec::new(),
        received_at,
    })
}

/// The beginning of a cell, for a message.
fn short(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    match text.chars().count() > 40 {
        true => format!("{shown}…"),
        false => shown,
    }
}

impl crate::Desk {
    /// Files the complaints of a table, each by itself: what was filed when a process is killed is known when it is
    /// done again. How many are new, how many were there.
    ///
    /// # Errors
    /// The ledger fails; what was filed by then stays.
    pub async fn file_bulk(&self, bulk: Bulk) -> crate::Result<(u64, u64)> {
        let (mut new, mut known) = (0, 0);
        for (_, reported) in bulk.rows {
            match self.ledger.complaint_of(&reported.receipt).await? {
                Some(_) => known += 1,
                None => {
                    self.file_complaint(reported).await?;
                    new += 1;
                }
            }
        }
        Ok((new, known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_824_000_000_000);

    fn table(text: &str, entries: &[&str], kind: Option<CaseKind>) -> Result<Bulk, String> {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let mapping = Mapping::read(entries)?;
        read(
            text.as_bytes(),
            &Reading {
                mapping: &mapping,
                via: TABLE,
                kind,
                zone: &zone,
                now: NOW,
                source: "branch",
            },
        )
    }

    #[test]
    fn heads_are_known_or_mapped_and_every_bad_row_says_why() {
        let text = "\u{feff}编号,网址,类型,说明,邮箱,举报时间\n\
            1,hxxps://a.bad[.]example/login,仿冒,假冒银行,ann@example.com,2026-11-01 08:00\n\
            2,nothing here,仿冒,x,,\n\
            3,https://b.bad.example/,魔法,x,,\n\
            4,https://c.bad.example/,phishing,x,not an address,\n\
            5,https://d.bad.example/,phishing,x,,tomorrow\n\
            6,https://d.bad.example/,phishing,x,,2999-01-01\n\
            1,hxxps://a.bad[.]example/login,仿冒,假冒银行,ann@example.com,2026-11-01 08:00\n\
            ,,,,,\n";
        let made = table(text, &[], None).unwrap();
        let [(2, first)] = &made.rows[..] else {
            panic!("{:?}", made.rows);
        };
        assert_eq!(first.kind, CaseKind::Phishing);
        assert_eq!(first.places.len(), 1);
        assert!(
            first.places[0].text.contains("a.bad.example"),
            "{:?}",
            first.places
        );
        assert_eq!(first.address.as_deref(), Some("ann@example.com"));
        // Eight in Shanghai is midnight UTC.
        assert_eq!(
            first.received_at.unwrap().to_string(),
            "2026-11-01T00:00:00Z"
        );
        assert!(first.body.contains("branch: 1") && first.body.contains("假冒银行"));
        let bad: Vec<u64> = made.bad.iter().map(|bad| bad.line).collect();
        assert_eq!(
            (bad, made.twice),
            (vec![3, 4, 5, 6, 7], 1),
            "{:?}",
            made.bad
        );
        assert!(made.columns.contains(&("url", "网址".to_owned())));

        // Heads of another house, mapped; the kind is one for all.
        let text = "Fundstelle;Wer\nhttps://a.bad.example/;bob@example.com\n";
        assert!(table(text, &[], None).unwrap_err().contains("Fundstelle"));
        let made = table(text, &["url=Fundstelle", "reporter=Wer"], None).unwrap();
        assert!(made.bad[0].reason.contains("--kind"));
        let made = table(
            text,
            &["url=Fundstelle", "reporter=Wer"],
            Some(CaseKind::Phishing),
        )
        .unwrap();
        assert_eq!(made.rows.len(), 1);
        for wrong in ["url", "wizard=x", "url="] {
            assert!(table(text, &[wrong], None).is_err(), "{wrong}");
        }
        assert!(
            table(text, &["url=Nichts"], None)
                .unwrap_err()
                .contains("has no column")
        );
        assert!(table("a,b\n\u{0}", &[], None).is_err());
    }

    #[test]
    fn the_same_row_is_the_same_complaint_and_another_source_is_another() {
        let text = "url,kind\nhttps://a.bad.example/,phishing\n";
        let one = table(text, &[], None).unwrap().rows[0].1.receipt.clone();
        assert_eq!(one, table(text, &[], None).unwrap().rows[0].1.receipt);
        let zone = TimeZone::UTC;
        let other = read(
            text.as_bytes(),
            &Reading {
                mapping: &Mapping::default(),
                via: TABLE,
                kind: None,
                zone: &zone,
                now: NOW,
                source: "hotline",
            },
        );
        assert_ne!(one, other.unwrap().rows[0].1.receipt);
        assert!(
            !one.starts_with("WF-"),
            "nobody looks it up by the public form"
        );
    }
}
