//! The rules for pages, in the order in which they are asked.

use model::incident::CaseKind::{MaliciousApp, MalwareHosting};
use model::verification::Finding::{self, Benign, Gone, Inconclusive, Present, Suspended};
use model::verification::ProbeKind;

use super::super::markers::Tells;
use super::super::page::{folded, likeness};
use super::super::seen::{Cut, End};
use super::{Holds, PageView, Rule};

/// From here on two texts are the same page with something changed (a date, a counter).
const SAME: f64 = 0.85;
/// Below this two texts are different pages.
const DIFFERENT: f64 = 0.5;

const fn page(
    name: &'static str,
    finding: Finding,
    about: &'static str,
    holds: fn(&PageView<'_>) -> Option<String>,
) -> Rule {
    Rule {
        name,
        finding,
        about,
        holds: Holds::Page(holds),
    }
}

/// The rules.
pub(super) const PAGES: &[Rule] = &[
    page(
        "address-refused",
        Inconclusive,
        "the address policy let no look happen",
        |v| match &v.page.end {
            End::Refused(why) => Some(why.clone()),
            _ => None,
        },
    ),
    page(
        "no-answer-in-time",
        Inconclusive,
        "the host did not answer in time",
        |v| match &v.page.end {
            End::Timeout(why) => Some(why.clone()),
            _ => None,
        },
    ),
    page(
        "not-reached",
        Inconclusive,
        "the host was not reached from here",
        |v| match &v.page.end {
            End::Unreachable(why) => Some(why.clone()),
            _ => None,
        },
    ),
    page(
        "redirects-in-circles",
        Inconclusive,
        "the redirects do not end",
        |v| match &v.page.end {
            End::Loop(why) => Some(why.clone()),
            _ => None,
        },
    ),
    page(
        "redirect-to-brand",
        Inconclusive,
        "visitors are sent on to the imitated brand",
        |v| {
            let host = v.host();
            let below = |brand: &&String| {
                let brand = brand.trim_end_matches('.').to_ascii_lowercase();
                host == brand
                    || host
                        .strip_suffix(&brand)
                        .is_some_and(|rest| rest.ends_with('.'))
            };
            let brand = v.target.brand_hosts.iter().find(below)?;
            Some(format!("ends at {host}, of the brand {brand}"))
        },
    ),
    page(
        "fingerprint",
        Present,
        "a passage of the harm is in the page, whatever the status",
        |v| {
            let source = v.lower[1].as_str();
            let found = v.target.known_bad.markers.iter().find(|marker| {
                let marker = folded(&marker.to_lowercase());
                !marker.is_empty() && (source.contains(&marker) || v.lower[0].contains(&marker))
            })?;
            Some(format!("status {}, the page holds `{found}`", v.status()))
        },
    ),
    page(
        "defaced-body",
        Present,
        "the body is the one that was defaced",
        |v| {
            let known = v.target.known_bad.defaced_body.as_ref()?;
            (known.eq_ignore_ascii_case(&v.hash) && !v.body.bytes.is_empty())
                .then(|| format!("status {}, BLAKE3 {}", v.status(), v.hash))
        },
    ),
    page(
        "unchanged-body",
        Present,
        "the body is the one that was found harmful",
        |v| {
            let known = v.target.known_bad.body.as_ref()?;
            (known.eq_ignore_ascii_case(&v.hash) && !v.body.bytes.is_empty())
                .then(|| format!("status {}, BLAKE3 {}", v.status(), v.hash))
        },
    ),
    page(
        "still-defaced",
        Present,
        "the text is like the defaced one and not like the good one",
        |v| {
            if v.probe != ProbeKind::Defacement {
                return None;
            }
            let bad = likeness(v.target.defaced_text.as_deref()?, &v.text);
            let good = v
                .target
                .good_text
                .as_deref()
                .map_or(0.0, |good| likeness(good, &v.text));
            (bad >= SAME && bad > good)
                .then(|| format!("{bad:.2} like the defaced text, {good:.2} like the good one"))
        },
    ),
    page(
        "suspension-page",
        Suspended,
        "the provider shows its notice of suspension",
        |v| v.marked(Tells::Suspended),
    ),
    page(
        "challenge",
        Inconclusive,
        "the visitor is asked something first",
        |v| v.marked(Tells::Challenge),
    ),
    page(
        "title-unchanged",
        Present,
        "the title is the one of the harm, at its own host",
        |v| {
            let known = folded(&v.target.known_bad.title.as_ref()?.to_lowercase());
            let own = v.host() == v.target.place.host();
            (own && v.status() == 200 && !known.is_empty() && known == v.lower[2])
                .then(|| format!("status 200, title `{}`", v.title))
        },
    ),
    page(
        "looked-without-token",
        Inconclusive,
        "a part was taken out of the address: what comes without it proves nothing",
        |v| {
            let parts: Vec<_> = v
                .page
                .removed
                .iter()
                .map(|part| part.part.as_str())
                .collect();
            v.token_gone()
                .then(|| format!("status {} without {}", v.status(), parts.join(", ")))
        },
    ),
    page(
        "asks-or-refuses",
        Inconclusive,
        "401, 403, 407, 429 or 451: who asks is refused, others may not be",
        |v| {
            matches!(v.status(), 401 | 403 | 407 | 429 | 451)
                .then(|| format!("status {}", v.status()))
        },
    ),
    page(
        "server-error",
        Inconclusive,
        "the server is in trouble, perhaps for now",
        |v| (v.status() >= 500).then(|| format!("status {}", v.status())),
    ),
    page(
        "redirected-away",
        Inconclusive,
        "the last address is at another host",
        |v| {
            let host = v.host();
            let own = v.target.place.host();
            let bare = |host: &str| host.strip_prefix("www.").unwrap_or(host).to_owned();
            (!host.is_empty() && bare(&host) != bare(&own)).then(|| format!("ends at {host}"))
        },
    ),
    page("not-found", Gone, "404 or 410", |v| {
        matches!(v.status(), 404 | 410).then(|| format!("status {}", v.status()))
    }),
    page(
        "other-status",
        Inconclusive,
        "a status that says nothing of the page",
        |v| (v.status() != 200).then(|| format!("status {}", v.status())),
    ),
    page(
        "body-cut",
        Inconclusive,
        "the body broke off or did not unfold before the harm could be looked for",
        |v| {
            let broken = v
                .last
                .is_some_and(|hop| matches!(hop.cut, Cut::Broken | Cut::Time));
            match &v.body.damage {
                Some(damage) => Some(damage.clone()),
                None => broken.then(|| format!("after {} bytes", v.body.bytes.len())),
            }
        },
    ),
    page("blank", Inconclusive, "nothing is on the page", |v| {
        let program = v.body.is_program();
        let bare = v.text.chars().filter(|c| c.is_alphanumeric()).count() < 3;
        // A page of scripts alone has no text, and shows what it shows to those who run them.
        (bare && !program).then(|| format!("{} bytes without text", v.body.bytes.len()))
    }),
    page(
        "delisted",
        Gone,
        "the platform says that it offers the app no more",
        |v| {
            if v.probe != ProbeKind::Listing {
                return None;
            }
            v.marked(Tells::Delisted)
        },
    ),
    page(
        "parked",
        Inconclusive,
        "the name is for sale or parked",
        |v| v.marked(Tells::Parked),
    ),
    page(
        "soft-404",
        Gone,
        "the page is the one that this host shows for a missing page",
        |v| {
            let (status, url, other) = v.missing.as_ref()?;
            let like = likeness(other, &v.text);
            (*status == v.status() && like >= SAME).then(|| format!("{like:.2} like {url}"))
        },
    ),
    page(
        "soft-404-unproved",
        Inconclusive,
        "the page says that it is missing, with status 200, and was not compared",
        |v| v.marked(Tells::Missing),
    ),
    page(
        "restored",
        Gone,
        "the text is like the good one and not like the defaced one",
        |v| {
            if v.probe != ProbeKind::Defacement {
                return None;
            }
            let good = likeness(v.target.good_text.as_deref()?, &v.text);
            let bad = v
                .target
                .defaced_text
                .as_deref()
                .map_or(0.0, |bad| likeness(bad, &v.text));
            (good >= SAME && bad < DIFFERENT)
                .then(|| format!("{good:.2} like the good text, {bad:.2} like the defaced one"))
        },
    ),
    page("default-page", Benign, "a server's own first page", |v| {
        v.marked(Tells::Default)
    }),
    page(
        "still-a-program",
        Present,
        "a program or an archive is offered, though not the same bytes",
        |v| {
            (matches!(v.target.kind, MaliciousApp | MalwareHosting) && v.body.is_program())
                .then(|| format!("{} bytes, BLAKE3 {}", v.body.bytes.len(), v.hash))
        },
    ),
    page(
        "nothing-to-compare",
        Inconclusive,
        "it answers, and nothing is known by which the harm could be told",
        |v| {
            let unknown = v.target.known_bad.is_empty() && v.target.defaced_text.is_none();
            unknown.then(|| format!("status 200, title `{}`", v.title))
        },
    ),
    page(
        "changed",
        Inconclusive,
        "it answers with something else, which a person must look at",
        |v| {
            Some(format!(
                "status 200, title `{}`, {} bytes",
                v.title,
                v.source.len()
            ))
        },
    ),
];
