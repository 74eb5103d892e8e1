//! One `<vulnerability>` element of the share file as text by name. What the texts mean is the
//! parent module's.

use model::reject::RejectReason;
use quick_xml::events::Event;

/// The fields of a vulnerability that hold one text, by the names of the share file.
const ELEMENTS: &[&str] = &[
    "number",
    "title",
    "serverity",
    "openTime",
    "submitTime",
    "referenceLink",
    "isEvent",
    "discovererName",
    "formalWay",
    "description",
    "patchName",
    "patchDescription",
];
pub(super) const NUMBER: usize = 0;
pub(super) const TITLE: usize = 1;
pub(super) const SEVERITY: usize = 2;
pub(super) const OPEN_TIME: usize = 3;
pub(super) const SUBMIT_TIME: usize = 4;
pub(super) const REFERENCE: usize = 5;

/// Those of them that go to `extra` as they are, in this order.
pub(super) const EXTRAS: &[(usize, &str)] = &[
    (6, "is_event"),
    (4, "submit_time"),
    (7, "discoverer_name"),
    (8, "formal_way"),
    (9, "description"),
    (10, "patch_name"),
    (11, "patch_description"),
];

/// Elements that hold lists: what lies in them is structure. Elements inside any other are markup,
/// of which only the text is kept.
const LISTS: &[&str] = &["cves", "products", "bids"];

/// Nesting that is read inside a vulnerability.
const MAX_DEPTH: usize = 32;

/// The text content of one element, reused for the next.
#[derive(Default)]
pub(super) struct Vulnerability {
    pub(super) texts: [String; ELEMENTS.len()],
    cves: Vec<String>,
    pub(super) products: Vec<String>,
    pub(super) bids: Vec<String>,
    /// Elements that are not known, or stand there again.
    pub(super) others: Vec<(String, String)>,
}

impl Vulnerability {
    fn clear(&mut self) {
        self.texts.iter_mut().for_each(String::clear);
        self.cves.clear();
        self.products.clear();
        self.bids.clear();
        self.others.clear();
    }

    /// Reads one `<vulnerability>` element.
    pub(super) fn read(&mut self, xml: &str) -> Result<(), (RejectReason, String)> {
        self.clear();
        let mut reader = quick_xml::Reader::from_str(xml);
        reader.config_mut().allow_dangling_amp = true;
        let mut text = String::new();
        // Start of each open element's text, and the names from the second level on.
        let mut open: Vec<usize> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        loop {
            let syntax =
                |error: quick_xml::Error| (RejectReason::Syntax, format!("broken XML: {error}"));
            match reader.read_event().map_err(syntax)? {
                Event::Start(start) => {
                    if open.len() == MAX_DEPTH {
                        let message = format!("elements are nested deeper than {MAX_DEPTH}");
                        return Err((RejectReason::TooDeep, message));
                    }
                    if !open.is_empty() {
                        names.push(start.local_name().into_inner().to_owned());
                    }
                    open.push(text.len());
                }
                Event::Empty(_) | Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
                Event::DocType(_) => {
                    return Err((
                        RejectReason::Syntax,
                        "a document type inside a vulnerability".into(),
                    ));
                }
                Event::Text(piece) => text.push_str(&piece.xml10_content()),
                Event::CData(piece) => text.push_str(&piece.xml10_content()),
                Event::GeneralRef(name) => reference(&name, &mut text),
                Event::End(_) => {
                    let Some(start) = open.pop() else { break };
                    if let Some(name) = names.pop()
                        && !self.close(&names, &name, &text[start..])
                    {
                        continue;
                    }
                    text.truncate(start);
                }
                Event::Eof => break,
            }
        }
        if !open.is_empty() {
            return Err((
                RejectReason::Syntax,
                "an element of the vulnerability is not closed".into(),
            ));
        }
        Ok(())
    }

    /// An element of the vulnerability ended; `false` where it is markup and its text is its parent's.
    fn close(&mut self, parents: &[String], name: &str, text: &str) -> bool {
        let text = match parents.first() {
            Some(parent) if !LISTS.contains(&parent.as_str()) => return false,
            _ => clean(text),
        };
        match parents.first() {
            None if LISTS.contains(&name) => {}
            None => {
                // The share file's own spelling is `serverity`; it may be corrected one day.
                let index = ELEMENTS.iter().position(|known| *known == name);
                match index.or((name == "severity").then_some(SEVERITY)) {
                    Some(index) if self.texts[index].is_empty() => self.texts[index] = text,
                    _ if text.is_empty() => {}
                    Some(_) => self.others.push((format!("{name}.2"), text)),
                    None => self.others.push((name.to_owned(), text)),
                }
            }
            Some(list) => match (list.as_str(), name) {
                _ if text.is_empty() => {}
                ("cves", "cve") | ("bids", "bid") => {}
                // Follows from the number, so it says nothing more.
                ("cves", "cveUrl") => {}
                ("cves", "cveNumber") => self.cves.push(text),
                ("products", "product") => self.products.push(text),
                ("bids", "bidNumber") => self.bids.push(text),
                _ => self.others.push((name.to_owned(), text)),
            },
        }
        true
    }

    /// The CVE ids, joined, and what stands in their place without being one.
    pub(super) fn ids(&self) -> (String, Vec<String>) {
        let (mut ids, mut odd) = (String::new(), Vec::new());
        let mut seen = rustc_hash::FxHashSet::default();
        for text in &self.cves {
            // Some are typed with spaces: `CVE 2023 00001`.
            let id = text.to_uppercase().replace([' ', '_'], "-");
            let mut parts = id.split('-');
            let digits = |part: Option<&str>, least: usize| {
                part.is_some_and(|part| {
                    part.len() >= least && part.bytes().all(|byte| byte.is_ascii_digit())
                })
            };
            let is_cve = parts.next() == Some("CVE")
                && digits(parts.next(), 4)
                && digits(parts.next(), 4)
                && parts.next().is_none();
            if !is_cve {
                odd.push(text.clone());
            } else if seen.insert(id.clone()) {
                if !ids.is_empty() {
                    ids.push(';');
                }
                ids.push_str(&id);
            }
        }
        (ids, odd)
    }
}

/// Text without space around it and with plain line ends (the share file writes them as `&#xD;`).
fn clean(text: &str) -> String {
    let text = text.trim();
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text.to_owned()
    }
}

/// Appends what a reference stands for. Names that XML does not define, and numbers of characters
/// that it forbids, stay as they are written: nothing is ever expanded.
pub(crate) fn reference(name: &str, out: &mut String) {
    let character = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => name.strip_prefix('#').and_then(|number| {
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            code.ok()
                .and_then(char::from_u32)
                .filter(|character| !is_forbidden(*character))
        }),
    };
    match character {
        Some(character) => out.push(character),
        None => {
            out.push('&');
            out.push_str(name);
            out.push(';');
        }
    }
}

/// Characters outside of XML 1.0's `Char` (section 2.2).
pub(crate) fn is_forbidden(character: char) -> bool {
    matches!(character, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}
