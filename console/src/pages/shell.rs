//! What stands around every page: navigation, search, language, account, the switch that stops all sending, and what
//! the last action did.

use std::sync::Arc;

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use model::bulletin::Lang;
use model::newsroom::Right;

use super::assets;
use crate::Desk;
use crate::front::Front;
use crate::reasons;
use crate::refusal::Refusal;
use crate::routes::{Need, Route, get};
use crate::visitor::Visitor;
use crate::words::{ShellWords, fill};

/// Where a page stands in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code)]
pub(crate) enum Nav {
    Overview,
    Incidents,
    Events,
    Notices,
    Inbox,
    Parties,
    Feeds,
    Vulnerabilities,
    Bulletin,
    Statistics,
    Duty,
    Exercise,
    Audit,
    Settings,
    Portal,
    /// In none: sign-in, refusals.
    Nowhere,
}

/// One entry of the navigation.
pub(crate) struct Entry {
    pub(crate) label: &'static str,
    pub(crate) href: &'static str,
    /// Path of its icon.
    pub(crate) icon: &'static str,
    pub(crate) current: bool,
    /// What needs a hand there.
    pub(crate) count: u64,
    /// Whether something of it runs out or is broken.
    pub(crate) hot: bool,
    /// Whether a rule stands before it.
    pub(crate) rule: bool,
}

impl Entry {
    /// Its count as it is shown: beyond three digits the exact one helps nobody.
    pub(crate) fn shown(&self) -> String {
        match self.count {
            1000.. => "999+".to_owned(),
            count => count.to_string(),
        }
    }
}

/// Whether notices leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    On,
    NotArmed,
    Stopped,
}

/// What stands around a page.
pub(crate) struct Shell {
    pub(crate) w: &'static ShellWords,
    pub(crate) lang: Lang,
    pub(crate) theme: String,
    pub(crate) title: String,
    pub(crate) version: &'static str,
    pub(crate) entries: Vec<Entry>,
    pub(crate) name: String,
    pub(crate) signed_in: bool,
    /// Whether the visitor works for another organization: then only the portal is theirs.
    pub(crate) portal: bool,
    pub(crate) said: Option<String>,
    pub(crate) here: String,
    /// The time of the house, with its zone.
    pub(crate) now: String,
    pub(crate) sending: Sending,
    pub(crate) may_lead: bool,
    /// Names of who is on duty; `None` where the visitor has no part in it.
    pub(crate) on_duty: Option<String>,
    /// Whether the workspace is for exercises.
    pub(crate) exercise: bool,
}

impl Shell {
    /// Value of the page's `lang` attribute.
    pub(crate) fn tag(&self) -> &'static str {
        match self.lang {
            Lang::Zh => "zh-CN",
            Lang::En => "en",
        }
    }

    /// Whether there is no navigation: sign-in, and pages for the public.
    pub(crate) fn alone(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where the visitor begins.
    pub(crate) fn home(&self) -> &'static str {
        match (self.signed_in, self.portal) {
            (false, _) => "/",
            (true, true) => "/portal",
            (true, false) => "/console",
        }
    }

    /// How the switch that stops all sending is drawn.
    pub(crate) fn sending_class(&self) -> &'static str {
        match self.sending {
            Sending::On => "on",
            Sending::NotArmed => "off",
            Sending::Stopped => "stopped",
        }
    }

    /// How it stands, in words.
    pub(crate) fn sending_label(&self) -> &'static str {
        match self.sending {
            Sending::On => self.w.sending_on,
            Sending::NotArmed => self.w.sending_off,
            Sending::Stopped => self.w.sending_stopped,
        }
    }

    /// The other language's code.
    pub(crate) fn other(&self) -> &'static str {
        match self.lang {
            Lang::Zh => "en",
            Lang::En => "zh",
        }
    }
}

/// What needs a hand, for the navigation; kept for some seconds, for every page shows it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Incidents that wait for a person.
    pub(crate) incidents: u64,
    /// Clocks that are past or run out within half an hour.
    pub(crate) hot: bool,
    /// Mails that wait for a person.
    pub(crate) inbox: u64,
    /// Notices that could not be delivered or wait for a decision.
    pub(crate) notices: u64,
    /// Feeds that fail.
    pub(crate) feeds: u64,
}

/// Icons of the navigation, drawn in 16 by 16.
mod icon {
    pub(super) const OVERVIEW: &str = "M2.5 7 8 2.5 13.5 7v6.500h-4v-4h-3v4h-4z";
    pub(super) const INCIDENTS: &str =
        "M8 2.500a5.500 5.500 0 1 0 0 11a5.500 5.500 0 1 0 0-11M8 5v3.500M8 11v.01";
    pub(super) const EVENTS: &str = "M2.500 4h11M2.500 8h11M2.500 12h7";
    pub(super) const NOTICES: &str = "M2 3.500h12v9H2zM2.500 4.500l5.500 4 5.500-4";
    pub(super) const INBOX: &str = "M2.500 3.500h11v9h-11zM2.500 9h3l1 1.500h3l1-1.500h3";
    pub(super) const PARTIES: &str =
        "M3 13.500v-11h6v11M9 6.500h4v7M1.500 13.500h13M5.500 5h1M5.500 8h1M5.500 11h1";
    pub(super) const FEEDS: &str =
        "M3 8.500A4.500 4.500 0 0 1 7.500 13M3 4a9 9 0 0 1 9 9M3.200 12.200v1";
    pub(super) const VULNERABILITIES: &str = "M8 2 13 4v4c0 3-2 5-5 6-3-1-5-3-5-6V4z";
    pub(super) const BULLETIN: &str = "M3.500 2h6.500L13 5v9H3.500zM6 7h4.500M6 10h4.500";
    pub(super) const STATISTICS: &str = "M2.500 13.500h11M4 11V8M7 11V4M10 11V6.500M13 11V3";
    pub(super) const DUTY: &str =
        "M8 2.500a5.500 5.500 0 1 0 0 11a5.500 5.500 0 1 0 0-11M8 5v3l2 1.500";
    pub(super) const EXERCISE: &str = "M3.500 13.500v-11l9 3-9 3";
    pub(super) const AUDIT: &str = "M3 8.500 6.500 12 13 4";
    pub(super) const SETTINGS: &str = "M8 6a2 2 0 1 0 0 4a2 2 0 1 0 0-4M8 2v2M8 12v2M2 8h2M12 8h2M3.800 3.800l1.400 1.400M10.800 10.800l1.400 1.400M12.200 3.800l-1.400 1.400M5.200 10.800l-1.400 1.400";
}

fn entries(w: &ShellWords, at: Nav, counts: Counts, visitor: &Visitor) -> Vec<Entry> {
    if !visitor.may(Right::View) {
        return match visitor.may(Right::Answer) {
            false => Vec::new(),
            true => vec![Entry {
                label: w.portal,
                href: "/portal",
                icon: icon::PARTIES,
                current: at == Nav::Portal,
                count: 0,
                hot: false,
                rule: false,
            }],
        };
    }
    let entry = |nav: Nav, label, href, icon, count, hot| Entry {
        label,
        href,
        icon,
        current: nav == at,
        count,
        hot,
        rule: matches!(nav, Nav::Bulletin | Nav::Duty | Nav::Audit),
    };
    let mut all = vec![
        entry(
            Nav::Overview,
            w.overview,
            "/console",
            icon::OVERVIEW,
            0,
            false,
        ),
        entry(
            Nav::Incidents,
            w.incidents,
            "/console/incidents",
            icon::INCIDENTS,
            counts.incidents,
            counts.hot,
        ),
        entry(
            Nav::Events,
            w.events,
            "/console/events",
            icon::EVENTS,
            0,
            false,
        ),
        entry(
            Nav::Notices,
            w.notices,
            "/console/notices",
            icon::NOTICES,
            counts.notices,
            false,
        ),
        entry(
            Nav::Inbox,
            w.inbox,
            "/console/inbox",
            icon::INBOX,
            counts.inbox,
            false,
        ),
        entry(
            Nav::Parties,
            w.parties,
            "/console/parties",
            icon::PARTIES,
            0,
            false,
        ),
        entry(
            Nav::Feeds,
            w.feeds,
            "/console/feeds",
            icon::FEEDS,
            counts.feeds,
            counts.feeds > 0,
        ),
        entry(
            Nav::Vulnerabilities,
            w.vulnerabilities,
            "/console/vulnerabilities",
            icon::VULNERABILITIES,
            0,
            false,
        ),
        entry(
            Nav::Bulletin,
            w.bulletin,
            "/console/bulletin",
            icon::BULLETIN,
            0,
            false,
        ),
        entry(
            Nav::Statistics,
            w.statistics,
            "/console/statistics",
            icon::STATISTICS,
            0,
            false,
        ),
        entry(Nav::Duty, w.duty, "/console/duty", icon::DUTY, 0, false),
        entry(
            Nav::Exercise,
            w.exercise,
            "/console/exercise",
            icon::EXERCISE,
            0,
            false,
        ),
        entry(Nav::Audit, w.audit, "/console/audit", icon::AUDIT, 0, false),
        entry(
            Nav::Settings,
            w.settings,
            "/console/settings",
            icon::SETTINGS,
            0,
            false,
        ),
    ];
    // A branch works its own incidents; the house's own matters are not its.
    if visitor
        .account
        .as_ref()
        .is_some_and(|one| one.organization.is_some())
    {
        all.retain(|entry| ["/console", "/console/incidents"].contains(&entry.href));
    }
    all
}

/// What stands around a page of a title, at a place of the navigation.
pub(crate) async fn shell(desk: &Desk, visitor: &Visitor, at: Nav, title: &str) -> Shell {
    let w = ShellWords::of(visitor.lang);
    let centre = visitor
        .account
        .as_ref()
        .is_some_and(|one| one.organization.is_none());
    let (counts, sending, on_duty) = match visitor.may(Right::View) {
        true if centre => desk.signs().await,
        // A branch is told of its own, not how much the centre has.
        true => {
            let (_, sending, on_duty) = desk.signs().await;
            (super::own_counts(desk, visitor).await, sending, on_duty)
        }
        false => (Counts::default(), Sending::On, String::new().into()),
    };
    let at_now = desk.now();
    Shell {
        w,
        lang: visitor.lang,
        theme: visitor.theme.clone(),
        title: title.to_owned(),
        version: assets::version(),
        entries: entries(w, at, counts, visitor),
        name: visitor
            .account
            .as_ref()
            .map(|account| match account.name.is_empty() {
                true => account.login.clone(),
                false => account.name.clone(),
            })
            .unwrap_or_default(),
        signed_in: visitor.account.is_some(),
        portal: !visitor.may(Right::View),
        said: visitor.said.clone(),
        here: visitor.here.clone(),
        now: super::draw::clock_of_the_house(desk, at_now, visitor.lang),
        sending,
        may_lead: visitor.may(Right::Lead),
        on_duty: (centre && visitor.may(Right::View)).then(|| on_duty.to_string()),
        exercise: desk.exercise,
    }
}

/// What stands around a page for the public: nothing of the house, whoever looks at it.
pub(crate) fn outside(front: &Front, visitor: &Visitor, title: &str) -> Shell {
    Shell {
        w: ShellWords::of(visitor.lang),
        lang: visitor.lang,
        theme: visitor.theme.clone(),
        title: title.to_owned(),
        version: assets::version(),
        entries: Vec::new(),
        name: String::new(),
        signed_in: visitor.account.is_some(),
        portal: !visitor.may(Right::View),
        said: visitor.said.clone(),
        here: visitor.here.clone(),
        now: String::new(),
        sending: Sending::On,
        may_lead: false,
        on_duty: None,
        exercise: front.exercise,
    }
}

/// A template as a page.
pub(crate) fn page(template: &impl Template) -> Response {
    status_page(StatusCode::OK, template)
}

/// A template as a page with a status.
pub(crate) fn status_page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => Refusal::broken("a template", error).into_response(),
    }
}

pub(crate) const ROUTES: &[Route] = &[
    Route::page("/console/{*rest}", Need::SignedIn, || get(absent)),
    Route::page("/portal/{*rest}", Need::SignedIn, || get(absent)),
];

/// An address that leads nowhere.
async fn absent() -> Refusal {
    Refusal::Absent
}

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage {
    shell: Shell,
    heading: String,
    text: String,
    request: String,
}

/// A refusal as a page.
pub(crate) async fn refused(desk: &Arc<Desk>, visitor: &Visitor, refusal: &Refusal) -> Response {
    let around = shell(desk, visitor, Nav::Nowhere, "").await;
    refusal_page(around, visitor, refusal)
}

/// A refusal as a page inside a shell, which gets its title here.
pub(crate) fn refusal_page(mut around: Shell, visitor: &Visitor, refusal: &Refusal) -> Response {
    let w = ShellWords::of(visitor.lang);
    let (heading, text) = match refusal {
        Refusal::Absent => (w.not_found, w.not_found_text.to_owned()),
        Refusal::Broken => (w.failed, String::new()),
        Refusal::Full => (w.failed, w.full_text.to_owned()),
        other => (
            w.refused,
            match reasons::told(other, visitor.lang) {
                text if text.is_empty() => other.problem().title().to_owned(),
                text => text,
            },
        ),
    };
    heading.clone_into(&mut around.title);
    let page = RefusedPage {
        shell: around,
        heading: heading.to_owned(),
        text,
        request: match refusal {
            Refusal::Broken => fill(
                "{label} {id}",
                &[("label", &w.request_id), ("id", &visitor.request)],
            ),
            _ => String::new(),
        },
    };
    match page.render() {
        Ok(html) => {
            let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
            (refusal.status(), [kind], html).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a template");
            refusal.problem().into_response()
        }
    }
}
