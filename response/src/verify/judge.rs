//! What was seen becomes a finding. One table of rules per thing seen, each with a name; the first
//! that holds decides, and its name and what it saw are kept with the finding. Pure.
//!
//! The order is the meaning. A way that ended at the imitated brand shows nothing, the less since the
//! brand's own page looks like the harm. Then the harm's own fingerprint: a page that is still there is
//! up whatever its status, and pages that hide answer 404 with the page below it. Then what says
//! nothing. Only what is left may be gone.

use model::verification::{Finding, ProbeKind};
use serde::Serialize;
use url::Url;

use super::markers::{Markers, Sought, Tells};
use super::page::{Body, text, title};
use super::seen::{Cut, Hop, Names, Page, PortState, Seen};
use super::target::{Place, Target};

mod others;
mod pages;

/// Bytes of an unfolded body that are looked at.
pub const LOOKED_AT: usize = 1 << 20;
/// A finding, with the rule that made it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// What.
    pub finding: Finding,
    /// Name of the rule, of [`rules`].
    pub reason: &'static str,
    /// What it saw, for a person.
    pub detail: String,
    /// Whether the harm itself was not recognized, only what it left: true of `present` alone.
    pub weak: bool,
}

/// A row of the table.
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// What it finds.
    pub finding: Finding,
    /// When it holds, in a sentence.
    pub about: &'static str,
    holds: Holds,
}

/// What a rule looks at.
enum Holds {
    Page(fn(&PageView<'_>) -> Option<String>),
    Names(fn(&Names, &Markers) -> Option<String>),
    Registration(fn(Option<&formats::rdap::Registration>, &Markers) -> Option<String>),
    Port(fn(&PortState) -> Option<String>),
}

/// A page with all that rules ask of it, read once.
struct PageView<'a> {
    target: &'a Target,
    probe: ProbeKind,
    page: &'a Page,
    last: Option<&'a Hop>,
    url: Option<Url>,
    body: Body,
    hash: String,
    source: String,
    text: String,
    title: String,
    lower: [String; 5],
    missing: Option<(u16, String, String)>,
    markers: &'a Markers,
}

impl<'a> PageView<'a> {
    fn of(
        target: &'a Target,
        probe: ProbeKind,
        page: &'a Page,
        missing: Option<&Page>,
        markers: &'a Markers,
    ) -> Self {
        let last = page.last();
        let body = last.map(|hop| Body::of(hop, LOOKED_AT)).unwrap_or_default();
        let source = body.source(last.and_then(|hop| hop.header("content-type")).as_deref());
        let text = text(&source);
        let title = title(&source).unwrap_or_default();
        let last_url = last.map(|hop| hop.url.clone()).unwrap_or_default();
        let server = last
            .and_then(|hop| hop.header("server"))
            .unwrap_or_default();
        let lower = [&text, &source, &title, &last_url, &server].map(|part| part.to_lowercase());
        // One that was cut cannot be compared.
        let whole = missing
            .and_then(Page::last)
            .filter(|hop| hop.cut == Cut::Whole);
        let missing = whole.map(|hop| {
            let body = Body::of(hop, LOOKED_AT);
            let source = body.source(hop.header("content-type").as_deref());
            (hop.status, hop.url.clone(), self::text(&source))
        });
        PageView {
            target,
            probe,
            page,
            last,
            url: last_url.parse().ok(),
            hash: body.hash(),
            body,
            source,
            text,
            title,
            lower,
            missing,
            markers,
        }
    }

    fn status(&self) -> u16 {
        self.last.map_or(0, |hop| hop.status)
    }

    fn host(&self) -> String {
        let host = self.url.as_ref().and_then(Url::host_str);
        host.unwrap_or_default().to_ascii_lowercase()
    }

    fn marked(&self, kind: Tells) -> Option<String> {
        let [text, source, title, url, server] = &self.lower;
        let platform = match &self.target.place {
            Place::Listing { platform, .. } => Some(platform.as_str()),
            _ => None,
        };
        let sought = Sought {
            text,
            source,
            title,
            url,
            server,
            platform,
        };
        let row = self.markers.find(kind, &sought)?;
        Some(format!("marker {}", row.name))
    }

    /// Whether the last answer may be taken for what a victim gets for the reported address.
    fn token_gone(&self) -> bool {
        self.page
            .removed
            .iter()
            .any(|part| part.part != "fragment" && part.rule != "user")
    }
}

/// Every rule, in the order in which they are asked.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    pages::PAGES.iter().chain(others::OTHERS)
}

/// What a look found. Some rule always holds: of every kind of thing seen the last rows hold of all
/// that is left.
pub fn judge(target: &Target, probe: ProbeKind, seen: &Seen, markers: &Markers) -> Judged {
    let view = match seen {
        Seen::Page(page) => Some(PageView::of(target, probe, page, None, markers)),
        Seen::Compared { page, missing } => {
            Some(PageView::of(target, probe, page, Some(missing), markers))
        }
        _ => None,
    };
    for rule in rules() {
        let held = match (&rule.holds, seen) {
            (Holds::Page(holds), _) => view.as_ref().and_then(holds),
            (Holds::Names(holds), Seen::Names(names)) => holds(names, markers),
            (Holds::Registration(holds), Seen::Registration(found)) => {
                holds(found.as_deref(), markers)
            }
            (Holds::Port(holds), Seen::Port(port)) => holds(&port.state),
            _ => None,
        };
        if let Some(detail) = held {
            return Judged {
                finding: rule.finding,
                reason: rule.name,
                detail,
                weak: matches!(
                    rule.name,
                    "unchanged-body" | "title-unchanged" | "still-a-program" | "port-open"
                ),
            };
        }
    }
    Judged {
        finding: Finding::Inconclusive,
        reason: "no-rule",
        detail: "no rule speaks of this".to_owned(),
        weak: false,
    }
}
