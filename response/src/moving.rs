//! Moving in: a table of incidents of another system, CSV or XLSX, or tickets of RTIR ([`rtir`]). Old numbers,
//! dates and owners stay; no clock starts, nothing is validated, nothing is sent. What comes out is shown
//! before it is stored.

mod rtir;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use ledger::NewIncident;
use ledger::incident::MovedIncident;
use model::ids::IncidentId;
use model::incident::{CaseKind, Resolution, Severity};
use model::territory::Territory;
use model::time::Timestamp;
use model::tlp::Tlp;
use serde::Deserialize;

use crate::party::BadLine;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldKind {
    /// A table with heads of our own.
    Incidents,
    /// Tickets of RTIR.
    Rtir,
}

impl OldKind {
    /// The kinds by their words.
    pub const WORDS: [(&'static str, OldKind); 2] =
        [("incidents", OldKind::Incidents), ("rtir", OldKind::Rtir)];

    /// The kind of a word.
    pub fn named(word: &str) -> Option<Self> {
        let mut all = Self::WORDS.into_iter();
        all.find(|(own, _)| *own == word).map(|(_, kind)| kind)
    }
}

/// What a file is read with.
pub struct Reading<'a> {
    /// What it is.
    pub kind: OldKind,
    /// What words of the other system mean here, in lower case: a kind, a resolution, or `open`.
    pub words: &'a BTreeMap<String, String>,
    /// Numbers that this import brought before.
    pub known: &'a [String],
    /// Zone of times without one.
    pub zone: &'a TimeZone,
    /// The present: nothing opened or ended later.
    pub now: Timestamp,
    /// The random part of ids.
    pub draw: &'a dyn Fn() -> [u8; 10],
}

/// A line of the file: `number`, `kind`, `what` and `opened` are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MovedLine {
    /// Its number in the other system.
    pub number: String,
    /// What it is about: a label of [`CaseKind`].
    pub kind: String,
    /// What it is about, in one line.
    pub what: String,
    /// When it was opened.
    pub opened: String,
    /// When the first notice went out.
    pub noticed: String,
    /// When it ended.
    pub closed: String,
    /// How it ended: a label of [`Resolution`]; needed where `closed` is given.
    pub resolution: String,
    /// low, medium, high, critical; medium if left out.
    pub severity: String,
    /// Who works it; the centre if left out.
    pub owner: String,
    /// The address of the page or file.
    pub url: String,
    /// The host name; of `url` if left out.
    pub host: String,
    /// The internet address.
    pub ip: String,
    /// Malware family, app or vulnerability.
    pub name: String,
    /// The brand that is imitated.
    pub brand: String,
    /// Country, two letters.
    pub country: String,
    /// Province, GB/T 2260.
    pub province: String,
    /// TLP marking; amber if left out.
    pub tlp: String,
}

/// What a file would bring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moving {
    /// Incidents that are new.
    pub all: Vec<MovedIncident>,
    /// Old numbers that this import brought before.
    pub known: Vec<String>,
    /// Old numbers that do not move in by themselves: they belong to one that does.
    pub parts: Vec<String>,
    /// How many are no incidents, or were deleted there.
    pub left: u64,
    /// Lines that cannot be used.
    pub bad: Vec<BadLine>,
}

/// An instant as other systems write it: RFC 3339, or local time of `zone`.
fn instant(text: &str, zone: &TimeZone) -> Result<i64, String> {
    let wrong =
        || format!("`{text}` is no instant such as 2019-05-01 08:00 or 2019-05-01T08:00:00+08:00");
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(at.as_microsecond());
    }
    // A date with more behind it would be read by its date alone.
    let local = match text.parse::<DateTime>() {
        Ok(local) => local,
        Err(_) => text
            .parse::<Date>()
            .map_err(|_| wrong())?
            .to_datetime(jiff::civil::Time::midnight()),
    };
    let at = local.to_zoned_datetime(zone.clone()).map_err(|_| wrong())?;
    Ok(at.timestamp().as_microsecond())
}

fn word<W: std::str::FromStr<Err = model::worded::UnknownWord>>(
    text: &str,
    default: Option<W>,
) -> Result<W, String> {
    match (text, default) {
        ("", Some(default)) => Ok(default),
        _ => text.parse().map_err(|error: W::Err| error.to_string()),
    }
}

fn take(line: MovedLine, with: &Reading<'_>) -> Result<MovedIncident, String> {
    let Reading {
        zone, now, draw, ..
    } = *with;
    let given = |text: String| (!text.is_empty()).then_some(text);
    if line.number.is_empty() {
        return Err("number is empty".to_owned());
    }
    if line.what.is_empty() {
        return Err("what is empty".to_owned());
    }
    let opened_at = instant(&line.opened, zone)?;
    let noticed = given(line.noticed).map(|text| instant(&text, zone));
    let noticed_at = noticed.transpose()?;
    let closed = match (line.closed.as_str(), line.resolution.as_str()) {
        ("", "") => None,
        ("", _) | (_, "") => return Err("closed and resolution stand together".to_owned()),
        (at, how) => Some((word::<Resolution>(how, None)?, instant(at, zone)?)),
    };
    if opened_at > now.0 || closed.is_some_and(|(_, at)| at > now.0 || at < opened_at) {
        return Err("opens or ends in the future, or ends before it opens".to_owned());
    }
    if noticed_at.is_some_and(|at| at > now.0 || at < opened_at) {
        return Err("noticed lies before it opens, or in the future".to_owned());
    }
    let ip = match line.ip.as_str() {
        "" => None,
        text => {
            let ip = text.parse::<std::net::IpAddr>();
            Some(
                ip.map_err(|_| format!("`{text}` is no address"))?
                    .to_string(),
            )
        }
    };
    let of_url = url::Url::parse(&line.url).ok();
    let of_url = of_url.and_then(|url| url.host_str().map(str::to_owned));
    let country = given(line.country.to_ascii_uppercase());
    if country.as_ref().is_some_and(|code| code.len() != 2) {
        return Err(format!(
            "country `{}` is no code of two letters",
            line.country
        ));
    }
    let tlp = match line.tlp.as_str() {
        "" => Tlp::Amber,
        text => Tlp::read(text).ok_or_else(|| format!("`{text}` is no TLP marking"))?,
    };
    Ok(MovedIncident {
        incident: NewIncident {
            id: IncidentId::draw(now, draw()),
            kind: word::<CaseKind>(&line.kind, None)?,
            severity: word(&line.severity, Some(Severity::Medium))?,
            rule: String::new(),
            key: String::new(),
            what: line.what,
            host: given(line.host).or(of_url),
            url: given(line.url),
            ip,
            asn: None,
            name: given(line.name),
            brand: given(line.brand),
            territory: match country.as_deref() {
                Some("CN") => Territory::Inside,
                Some(_) => Territory::Outside,
                None => Territory::Unknown,
            },
            country,
            province: given(line.province),
            border: Vec::new(),
            flags: Vec::new(),
            owner: given(line.owner),
            tlp,
            origin: String::new(),
            external_number: Some(line.number),
            first_seen_at: opened_at,
            last_seen_at: closed.map_or(opened_at, |(_, at)| at),
            validated_by: None,
        },
        opened_at,
        noticed_at,
        closed,
        note: None,
    })
}

/// Reads a file. A table of our own has the names of [`MovedLine`] as heads.
pub fn read(bytes: &[u8], with: &Reading<'_>) -> Moving {
    if with.kind == OldKind::Rtir {
        return rtir::read(bytes, with);
    }
    let mut out = Moving::default();
    let bytes = match formats::sheet::as_csv(bytes) {
        Ok(bytes) => bytes,
        Err(reason) => {
            out.bad.push(BadLine { line: 0, reason });
            return out;
        }
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut seen = BTreeSet::new();
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(bytes);
    for (at, line) in reader.deserialize::<MovedLine>().enumerate() {
        let taken = line.map_err(|error| error.to_string()).and_then(|line| {
            match with.known.contains(&line.number) {
                true => Ok(Err(line.number)),
                false => take(line, with).map(Ok),
            }
        });
        match taken {
            Ok(Err(number)) => out.known.push(number),
            Ok(Ok(moved)) => {
                let number = moved.incident.external_number.clone();
                match seen.insert(number.clone()) {
                    true => out.all.push(moved),
                    false => out.bad.push(BadLine {
                        line: at + 1,
                        reason: format!("number {} stands there twice", number.unwrap_or_default()),
                    }),
                }
            }
            Err(reason) => out.bad.push(BadLine {
                line: at + 1,
                reason,
            }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_824_000_000_000);

    #[test]
    fn numbers_dates_and_owners_are_kept_and_bad_lines_are_told() {
        let text = "number,kind,what,opened,noticed,closed,resolution,owner,url,country\n\
            17,phishing,old page,2019-05-01 08:00,2019-05-01 09:00,2019-05-02,taken-down,31,http://a.example.com/x,US\n\
            18,phishing,open page,2019-05-01T08:00:00Z,,,,,,\n\
            18,phishing,twice,2019-05-01,,,,,,\n\
            19,wizardry,x,2019-05-01,,,,,,\n\
            20,phishing,x,yesterday,,,,,,\n\
            21,phishing,x,2019-05-02,,2019-05-01,invalid,,,\n\
            22,phishing,x,2019-05-02,,2019-05-03,,,,\n\
            23,phishing,x,2999-05-02,,,,,,\n\
            7,phishing,before,2019-05-01,,,,,,\n,phishing,x,2019-05-01,,,,,,\n";
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let reading = Reading {
            kind: OldKind::Incidents,
            words: &BTreeMap::new(),
            known: &["7".to_owned()],
            zone: &zone,
            now: NOW,
            draw: &|| [1; 10],
        };
        let made = read(text.as_bytes(), &reading);
        assert_eq!(made.known, ["7"]);
        let told: Vec<_> = made.bad.iter().map(|bad| bad.line).collect();
        assert_eq!(told, [3, 4, 5, 6, 7, 8, 10], "{:?}", made.bad);
        let [first, second] = &made.all[..] else {
            panic!("{:?}", made.all);
        };
        // Eight in Shanghai is midnight UTC.
        assert_eq!(first.opened_at, 1_556_668_800_000_000);
        assert_eq!(second.opened_at - first.opened_at, 8 * 3_600_000_000);
        assert_eq!(first.incident.external_number.as_deref(), Some("17"));
        assert_eq!(first.incident.owner.as_deref(), Some("31"));
        assert_eq!(first.incident.host.as_deref(), Some("a.example.com"));
        assert_eq!(
            first.closed.map(|(how, _)| how),
            Some(Resolution::TakenDown)
        );
        assert_eq!((second.closed, second.noticed_at), (None, None));
    }
}
