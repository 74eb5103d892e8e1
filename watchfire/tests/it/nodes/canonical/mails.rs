//! Texts that went out, told anew: what is drawn or dated by the run is replaced, incidents bear their places in the
//! common order, and every file beside a letter is opened.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use formats::mail::{Limits, Mail, Part};
use serde_json::{Value, json};

/// What stands before an incident's number: in letters, in subjects, in reasons, in IODEF.
const BEFORE: [&str; 6] = ["Incident ", "事件编号：", "（", "(", "#", "cert.example\">"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// What a notice drew, and the numbers of what it is about.
pub struct Sent {
    pub id: String,
    pub token: String,
    pub message_id: String,
    pub numbers: Vec<String>,
}

impl Sent {
    /// A text without what was drawn.
    fn bare(&self, text: &str) -> String {
        text.replace(&self.message_id, "MESSAGE")
            .replace(&self.token, "TOKEN")
            .replace(&self.id, "NOTICE")
    }
}

/// What replaces what.
pub struct Names<'a> {
    /// Incidents' numbers, and their places in the common order.
    pub places: BTreeMap<String, String>,
    /// Where the run begins: instants from then on are its own, those before are events'.
    pub begun: &'a str,
}

impl Names<'_> {
    /// A mail that was taken, of the notice that it names.
    pub fn mail(&self, bytes: &str, all: &HashMap<String, Sent>) -> Value {
        let mail = Mail::read(bytes.as_bytes(), &Limits::default()).expect("it is a mail");
        let head = |name: &str| {
            let field = mail.headers.raw(&name.to_ascii_lowercase());
            field.unwrap_or_default().trim().to_owned()
        };
        // Read from the bytes: whoever reads mail here believes no such field that came from outside.
        let notice = bytes
            .lines()
            .find_map(|line| line.strip_prefix("X-Watchfire-Notice:"))
            .map_or("", str::trim);
        let sent = all
            .get(notice)
            .unwrap_or_else(|| panic!("nobody wrote notice {notice}"));
        let parts = mail.parts.iter().map(|part| self.part(sent, part));
        json!({
            "from": head("From"),
            "to": head("To"),
            "reply_to": sent.bare(&head("Reply-To")),
            "submitted": head("Auto-Submitted"),
            "subject": self.subject(sent, mail.subject.as_str()),
            "parts": parts.collect::<Vec<_>>(),
        })
    }

    /// A part by its type and name, and what it says.
    fn part(&self, sent: &Sent, part: &Part) -> Value {
        let name = part.name.as_deref().map(|name| sent.bare(name));
        let content = match (part.media.as_str(), &name) {
            ("text/plain", None) => self.letter(&sent.bare(&part.text())),
            ("text/csv", _) => self.table(&part.text()),
            // The head of a mail that an abuse report quotes: that of its own mail, told above.
            ("text/rfc822-headers", _) => Vec::new(),
            _ => self.members(sent, part),
        };
        json!({ "media": part.media, "name": name, "content": content })
    }

    /// A subject without its token.
    pub fn subject(&self, sent: &Sent, text: &str) -> String {
        let mut text = sent.bare(text);
        // Of a single incident the number stands before the token with no word that says so.
        if let [number] = sent.numbers.as_slice()
            && let Some(place) = self.places.get(number)
        {
            let tag = "[#TOKEN]";
            text = text.replace(&format!(" {number} {tag}"), &format!(" {place} {tag}"));
        }
        self.renumbered(&text)
    }

    /// The text with the numbers of the common order.
    pub fn renumbered(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let numbered = BEFORE.iter().find_map(|before| {
                let after = rest.strip_prefix(before)?;
                let more = after.trim_start_matches(|c: char| c.is_ascii_digit());
                let place = self.places.get(&after[..after.len() - more.len()])?;
                Some((before, place, more))
            });
            match numbered {
                Some((before, place, more)) => {
                    out.push_str(before);
                    out.push_str(place);
                    rest = more;
                }
                None => {
                    out.push(next);
                    rest = &rest[next.len_utf8()..];
                }
            }
        }
        out
    }

    /// Lines of a letter. Those about an incident stand as they are, for their instants are events'; paragraphs that
    /// tell a date or a time limit tell the run's.
    fn letter(&self, text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in text.replace("\r\n", "\n").split("\n\n") {
            // English is broken at spaces: where depends on how long a date is.
            let mut prose = String::new();
            for line in paragraph.lines() {
                let labelled = line.starts_with("   ") && !line.starts_with("    ")
                    || line.starts_with("       ");
                let entry = ["Incident ", "事件编号："].iter().find_map(|word| {
                    line.find(word)
                        .filter(|at| line[..*at].chars().all(is_counter))
                });
                if let Some(at) = entry {
                    lines.push(self.renumbered(&line[at..]));
                } else if labelled {
                    lines.push(line.to_owned());
                } else if line.starts_with(' ') {
                    lines.push(self.renumbered(&undated(uncounted(line))));
                } else {
                    prose.push_str(line);
                    prose.push(' ');
                }
            }
            if !prose.is_empty() {
                lines.push(self.renumbered(&undated(&prose)));
            }
        }
        lines.sort();
        lines
    }

    /// Rows of the table, whose first column is the incident's number.
    fn table(&self, text: &str) -> Vec<String> {
        let rows = text.lines().map(|row| {
            let (number, rest) = row.split_once(',').unwrap_or((row, ""));
            let number = self.places.get(number).map_or(number, String::as_str);
            format!("{number},{rest}")
        });
        let mut rows: Vec<String> = rows.collect();
        rows.sort();
        rows
    }

    /// What a machine reads: X-ARF, IODEF, an abuse report; packed or not.
    fn members(&self, sent: &Sent, part: &Part) -> Vec<String> {
        let mut all = Vec::new();
        let read = part.each_text(
            &Limits::default(),
            &mut |member: &str, text: &mut dyn std::io::BufRead| {
                let mut whole = String::new();
                text.read_to_string(&mut whole).expect("it is text");
                let whole = sent.bare(&whole);
                match serde_json::from_str(&whole) {
                    Ok(Value::Object(mut report)) => {
                        // Follows from the notice's id.
                        report.remove("report_id");
                        all.push(self.renumbered(&Value::Object(report).to_string()));
                    }
                    _ if member.ends_with(".csv") => all.extend(self.table(&whole)),
                    _ => all.extend(self.document(&whole)),
                }
                ControlFlow::Continue(())
            },
        );
        read.expect("a part is read");
        all.sort();
        all
    }

    /// Incidents of an IODEF document, without when it was made and until when the party has time.
    fn document(&self, text: &str) -> Vec<String> {
        let incidents = text.split("<Incident ").map(|incident| {
            let lines = incident.lines().map(str::trim).filter(|line| {
                let own = |tag: &str| {
                    let inner = line.strip_prefix(tag)?.split('<').next()?;
                    Some(inner >= self.begun)
                };
                *line != "</IODEF-Document>"
                    && !line.starts_with("<GenerationTime>")
                    && own("<EndTime>") != Some(true)
            });
            self.renumbered(&lines.collect::<Vec<_>>().join("\n"))
        });
        incidents.collect()
    }
}

/// Whether a character may stand before the words that begin an incident's lines: `  3. `.
fn is_counter(c: char) -> bool {
    c == ' ' || c == '.' || c.is_ascii_digit()
}

/// A line of a list without its place in it, `（2）`, which is no incident's number.
fn uncounted(line: &str) -> &str {
    let counted = line.trim_start().strip_prefix('（');
    let counted = counted.and_then(|line| line.split_once('）'));
    match counted {
        Some((counter, rest)) if counter.chars().all(is_counter) => rest,
        _ => line,
    }
}

/// A line without its date, if it tells one.
fn undated(line: &str) -> String {
    let month = MONTHS.iter().any(|month| line.contains(month));
    if !month && !line.contains("UTC") && !line.contains('日') {
        return line.to_owned();
    }
    let mut line = line.to_owned();
    for month in MONTHS {
        line = line.replace(month, "MONTH");
    }
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('0') => {}
            true => out.push('0'),
            false => out.push(c),
        }
    }
    out
}
