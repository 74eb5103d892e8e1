//! TweetFeed: indicators that researchers posted, one CSV a day without a header: time, reporter,
//! type (url, domain, ip, md5, sha256), value, tags, reference. Times are UTC.
//!
//! The feed classifies by hash tags, so the classification of a row comes from the tables of this
//! file: first what its tags say ([`TAGS`]), then what that means for the kind of thing it is about
//! ([`classify`]). Tags are kept as they are, lower case, for whoever reads them otherwise. A day
//! that the collector missed is an empty file, and so an empty report.

use jiff::tz::TimeZone;
use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::{Reject, RejectReason};

use crate::entry::{self, Entry};
use crate::row::{self, Cut, Scanner};
use crate::{
    Block, BlockReader, Context, Format, Framing, Output, Reader, Unreadable, observable, value,
};

/// TweetFeed's daily CSV.
pub const FORMAT: Format = Format {
    name: "tweetfeed",
    about: "TweetFeed's daily CSV: time, reporter, type, value, tags, reference",
    open,
    check,
};

const COLUMNS: usize = 6;
const DELIMITER: u8 = b',';
const FRAMING: Framing = Framing::QuotedLines {
    delimiter: DELIMITER,
};

/// Rows at the head of which at least one must be readable, lest a whole file of another format is
/// rejected line by line.
const PROBED: usize = 20;

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    let bom = if head.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    if head[bom..].trim_ascii().is_empty() {
        return Err(Unreadable::Empty);
    }
    let reader = Daily {
        entry: Entry::compile(ctx)?,
        zone: ctx.zone.clone(),
    };
    let mut record = Record::new();
    let rows = || {
        head[bom..]
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .filter(|row| !row.trim_ascii().is_empty())
    };
    let mut readable = rows()
        .take(PROBED)
        .filter_map(|row| row::text(row).ok())
        .map(|text| {
            let mut rows = Scanner::new(text, 1, DELIMITER);
            rows.next_row()
                .is_some_and(|row| reader.fill(&row, &mut record).is_ok())
        });
    if !readable.any(|readable| readable) {
        let found = rows()
            .next()
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        let detail = format!(
            "found `{}`, expected rows of time,reporter,type,value,tags,reference",
            value::shorten(&found)
        );
        return Err(Unreadable::Header {
            format: FORMAT.name,
            detail,
        });
    }
    Ok(Reader::Blocks {
        reader: Box::new(reader),
        framing: FRAMING,
        header_len: bom,
        header_lines: 0,
    })
}

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check(feed);
    problems.extend(entry::check_options(feed, &[]));
    if !feed.columns.is_empty() {
        problems.push("columns: the fields of format tweetfeed are fixed; remove the table".into());
    }
    problems
}

struct Daily {
    entry: Entry,
    zone: TimeZone,
}

impl BlockReader for Daily {
    fn read(&self, block: Block<'_>, record: &mut Record, out: &mut dyn Output) {
        row::texts(block, FRAMING, out, |text, offset, line, out| {
            let mut rows = Scanner::new(text, line, DELIMITER);
            while let Some(row) = rows.next_row() {
                if row.is_empty() {
                    continue;
                }
                let offset = offset + row.start() as u64;
                match self.fill(&row, record) {
                    Ok(()) => {
                        record.line = row.line();
                        record.offset = offset;
                        record.len = row.raw().len() as u32;
                        out.record(record);
                    }
                    Err((reason, message)) => {
                        let reject =
                            Reject::new(row.line(), offset, reason, message, row.raw().as_bytes());
                        // A stray quote may have drawn the next lines into the row.
                        if reason != RejectReason::ColumnCount || !rows.by_line(0) {
                            out.reject(reject);
                        }
                    }
                }
            }
        });
    }
}

impl Daily {
    fn fill(&self, row: &Cut<'_>, record: &mut Record) -> Result<(), (RejectReason, String)> {
        record.clear();
        if row.len() != COLUMNS {
            let message = format!("{} columns where {COLUMNS} are expected", row.len());
            return Err((RejectReason::ColumnCount, message));
        }
        let [time, reporter, kind, text, tags, reference] =
            [0, 1, 2, 3, 4, 5].map(|column| row.cell(column));
        let missing = |what: &str| (RejectReason::MissingField, format!("the row has no {what}"));
        let set = |record: &mut Record, field, text: &str| {
            value::set(record, field, text, &self.zone)
                .map_err(|bad| (bad.reason, bad.message(text)))
        };
        let place = |record: &mut Record, field, text: &str| {
            observable::set_with_port(record, field, text, &self.zone)
                .map_err(|bad| (bad.reason, bad.message(text)))
        };
        set(record, Field::ObservedAt, &time)?;
        if record.written_day.is_none() {
            return Err(missing("time"));
        }
        let Some(text) = value::given(&text) else {
            return Err(missing("value"));
        };
        let thing = match kind.trim().to_ascii_lowercase().as_str() {
            "url" => {
                set(record, Field::SourceUrl, text)?;
                Thing::Url
            }
            "domain" => {
                place(record, Field::SourceHost, text)?;
                Thing::Domain
            }
            "ip" => {
                place(record, Field::SourceIp, text)?;
                Thing::Ip
            }
            "md5" => {
                set(record, Field::Md5, text)?;
                Thing::Hash
            }
            "sha1" => {
                set(record, Field::Sha1, text)?;
                Thing::Hash
            }
            "sha256" => {
                set(record, Field::Sha256, text)?;
                Thing::Hash
            }
            other => {
                let message = format!(
                    "type `{}` is not url, domain, ip, md5, sha1 or sha256",
                    value::shorten(other)
                );
                return Err((RejectReason::BadValue, message));
            }
        };
        set(record, Field::Reporter, &reporter)?;
        set(record, Field::Tags, &tags)?;
        if set(record, Field::DescriptionUrl, &reference).is_err() {
            record.extra_text("reference", reference.trim());
        }
        let verdict = classify(thing, record.text(Field::Tags).unwrap_or(""));
        if let Some((class, tag)) = verdict.class {
            record.set_text(Field::ClassType, class);
            record.set_text(Field::ClassIdentifier, tag);
        }
        if let Some(family) = verdict.family {
            record.set_text(Field::MalwareName, family);
        }
        self.entry.finish(record);
        if !record.has(Field::ClassType) {
            record.set_text(Field::ClassType, "undetermined");
        }
        Ok(())
    }
}

/// What an indicator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thing {
    Url,
    Domain,
    Ip,
    Hash,
}

/// What a tag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sense {
    /// A page that imitates.
    Phishing,
    /// A control server, or the framework that it runs.
    Control,
    /// A family of malware that reports to control servers.
    Family,
    /// Malware, no more exactly.
    Malware,
    /// Attacks through a named hole.
    Exploit,
    /// A page that cheats otherwise.
    Scam,
}

/// One tag: its sense, and the malware family that it names, in the spelling that the C2 lists use.
struct Tag {
    tag: &'static str,
    sense: Sense,
    family: Option<&'static str>,
}

const fn plain(tag: &'static str, sense: Sense) -> Tag {
    Tag {
        tag,
        sense,
        family: None,
    }
}

const fn named(tag: &'static str, sense: Sense, family: &'static str) -> Tag {
    Tag {
        tag,
        sense,
        family: Some(family),
    }
}

use Sense::{Control, Exploit, Family, Malware, Phishing, Scam};

/// Tags in use at TweetFeed, lower case without `#`, in order of name. Actors (`lazarus`) are left
/// out: they say who, not what.
const TAGS: &[Tag] = &[
    named("agenttesla", Family, "agent tesla"),
    named("alienbot", Family, "alienbot"),
    named("amadey", Family, "amadey"),
    named("asyncrat", Family, "asyncrat"),
    plain("backdoor", Malware),
    plain("banker", Malware),
    named("batloader", Family, "batloader"),
    named("bazarloader", Family, "bazarloader"),
    named("blackcat", Family, "blackcat"),
    plain("botnet", Control),
    named("bruteratel", Control, "brute ratel c4"),
    named("bumblebee", Family, "bumblebee"),
    plain("c2", Control),
    plain("cnc", Control),
    named("cobaltstrike", Control, "cobalt strike"),
    named("covenant", Control, "covenant"),
    named("danabot", Family, "danabot"),
    named("darkgate", Family, "darkgate"),
    named("dcrat", Family, "dcrat"),
    named("deimosc2", Control, "deimos"),
    named("dridex", Family, "dridex"),
    named("emotet", Family, "emotet"),
    plain("exploit", Exploit),
    plain("follina", Exploit),
    named("formbook", Family, "formbook"),
    named("gootloader", Family, "gootloader"),
    named("gozi", Family, "ursnif"),
    named("guloader", Family, "guloader"),
    named("havoc", Control, "havoc"),
    named("hookbot", Family, "hookbot"),
    named("icedid", Family, "icedid"),
    plain("infostealer", Malware),
    named("lockbit", Family, "lockbit"),
    plain("log4j", Exploit),
    plain("log4shell", Exploit),
    named("lokibot", Family, "lokibot"),
    named("lumma", Family, "lumma"),
    named("lummastealer", Family, "lumma"),
    plain("maldoc", Malware),
    plain("malware", Malware),
    named("metasploit", Control, "metasploit framework"),
    named("meterpreter", Control, "metasploit framework"),
    named("mirai", Family, "mirai"),
    named("mozi", Family, "mozi"),
    named("mythic", Control, "mythic"),
    named("nanocore", Family, "nanocore"),
    named("netsupport", Family, "netsupport rat"),
    named("njrat", Family, "njrat"),
    plain("opendir", Malware),
    plain("phishing", Phishing),
    named("pikabot", Family, "pikabot"),
    named("plugx", Family, "plugx"),
    named("poshc2", Control, "posh"),
    plain("proxynotshell", Exploit),
    named("qakbot", Family, "qakbot"),
    named("qbot", Family, "qakbot"),
    named("quasar", Family, "quasar"),
    named("quasarrat", Family, "quasar"),
    named("raccoon", Family, "raccoon"),
    plain("ransomware", Malware),
    named("raspberryrobin", Family, "raspberry robin"),
    plain("rat", Malware),
    named("redline", Family, "redline"),
    named("redlinestealer", Family, "redline"),
    named("remcos", Family, "remcos"),
    named("rhadamanthys", Family, "rhadamanthys"),
    plain("scam", Scam),
    named("sliver", Control, "sliver"),
    named("smokeloader", Family, "smokeloader"),
    named("socgholish", Family, "socgholish"),
    plain("spring4shell", Exploit),
    plain("spyware", Malware),
    named("stealc", Family, "stealc"),
    plain("stealer", Malware),
    named("systembc", Family, "systembc"),
    named("trickbot", Family, "trickbot"),
    plain("trojan", Malware),
    named("ursnif", Family, "ursnif"),
    named("vidar", Family, "vidar"),
    named("warzone", Family, "warzone"),
    named("xloader", Family, "formbook"),
    named("xworm", Family, "xworm"),
];

/// What the tags come to: the class with the tag that decided it, and the first family they name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    class: Option<(&'static str, &'static str)>,
    family: Option<&'static str>,
}

/// Classifies an indicator by its tags. In order:
///
/// 1. a hash names a sample, whatever it was used for: `malware`;
/// 2. `phishing` decides before malware: the page that deceives is the thing to take down, and what
///    it hands out comes with it;
/// 3. a tag of a control framework: `c2-server`; so is a family's tag on an address, because an
///    address that is named after a family is where its samples report to;
/// 4. malware or a family on a URL or domain: `malware-distribution`, the thing is what was clicked;
/// 5. a named hole: `exploit`, the address it is attacked from;
/// 6. `scam`: `masquerade`, the nearest that RSIT's fraud class has.
///
/// An address that is said to be `malware` and no more may serve, control or suffer: that, and tags
/// that are not in the table, leave it to the feed's entry.
fn classify(thing: Thing, tags: &str) -> Verdict {
    let mut known: [Option<&Tag>; 8] = [None; 8];
    let found = tags
        .split(' ')
        .filter_map(|tag| TAGS.binary_search_by(|known| known.tag.cmp(tag)).ok());
    for (slot, index) in known.iter_mut().zip(found) {
        *slot = Some(&TAGS[index]);
    }
    let known = known.iter().flatten();
    let class = |class: &'static str, sense| {
        known
            .clone()
            .find(|tag| tag.sense == sense)
            .map(|tag| (class, tag.tag))
    };
    let class = match thing {
        Thing::Hash => known.clone().next().map(|tag| ("malware", tag.tag)),
        Thing::Url | Thing::Domain => class("phishing", Phishing)
            .or_else(|| class("c2-server", Control))
            .or_else(|| class("malware-distribution", Family))
            .or_else(|| class("malware-distribution", Malware))
            .or_else(|| class("exploit", Exploit))
            .or_else(|| class("masquerade", Scam)),
        Thing::Ip => class("phishing", Phishing)
            .or_else(|| class("c2-server", Control))
            .or_else(|| class("c2-server", Family))
            .or_else(|| class("exploit", Exploit))
            .or_else(|| class("masquerade", Scam)),
    };
    Verdict {
        class,
        family: known.clone().find_map(|tag| tag.family),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_of_name() {
        for pair in TAGS.windows(2) {
            assert!(
                pair[0].tag < pair[1].tag,
                "{} before {}",
                pair[0].tag,
                pair[1].tag
            );
        }
        for tag in TAGS {
            assert_eq!(tag.tag, tag.tag.to_lowercase());
        }
    }

    #[test]
    fn tags_mean_what_the_thing_allows() {
        use Thing::*;
        let cases: &[(Thing, &str, Option<&str>, Option<&str>)] = &[
            (Url, "malware phishing scam", Some("phishing"), None),
            (Url, "malware", Some("malware-distribution"), None),
            (Url, "scam", Some("masquerade"), None),
            (
                Domain,
                "cobaltstrike icedid",
                Some("c2-server"),
                Some("cobalt strike"),
            ),
            (
                Domain,
                "icedid malware",
                Some("malware-distribution"),
                Some("icedid"),
            ),
            (Ip, "icedid", Some("c2-server"), Some("icedid")),
            (Ip, "malware", None, None),
            (Ip, "proxynotshell", Some("exploit"), None),
            (Ip, "lazarus", None, None),
            (Hash, "phishing", Some("malware"), None),
            (Hash, "qbot", Some("malware"), Some("qakbot")),
            (Hash, "", None, None),
        ];
        for (thing, tags, class, family) in cases {
            let verdict = classify(*thing, tags);
            let found = verdict.class.map(|(class, _)| class);
            assert_eq!(
                (found, verdict.family),
                (*class, *family),
                "{thing:?} {tags}"
            );
            if let Some(class) = found {
                assert!(model::classification::type_code(class).is_some(), "{class}");
            }
        }
    }
}
