//! Rows of the list: what an incident shows in each column, on the page, in an export and to programs alike.

use std::collections::BTreeMap;

use ledger::{Beside, Directive, DirectiveState, Incident};
use model::bulletin::Lang;
use model::ids::OrganizationId;
use model::incident::{IncidentState, Severity};
use model::worded::Word;
use response::duty::StoredGrade;

use super::words::ListWords;
use super::{StateView, country, province};
use crate::Desk;
use crate::pages::draw::{self, Countdown};
use crate::refusal::Refusal;
use crate::words::{fill, word};

/// Defines the columns: variant, label, key of its word, whether it is usual.
macro_rules! columns {
    ($($name:ident = $label:literal, $word:ident, $usual:literal;)+) => {
        /// A column.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Column { $($name,)+ }

        impl Column {
            pub(super) const ALL: &'static [Column] = &[$(Column::$name),+];

            pub(super) fn label(self) -> &'static str {
                match self { $(Column::$name => $label,)+ }
            }

            pub(super) fn word(self, w: &ListWords) -> &'static str {
                match self { $(Column::$name => w.$word,)+ }
            }

            fn usual(self) -> bool {
                match self { $(Column::$name => $usual,)+ }
            }
        }
    };
}

columns! {
    Clock = "clock", c_clock, true;
    State = "state", c_state, true;
    What = "what", c_what, true;
    Kind = "kind", c_kind, true;
    Level = "level", c_level, true;
    Place = "place", c_place, true;
    Party = "party", c_party, true;
    Age = "age", c_age, true;
    Assignee = "assignee", c_assignee, true;
    Number = "number", c_number, false;
    Host = "host", c_host, false;
    Ip = "ip", c_ip, false;
    Asn = "asn", c_asn, false;
    Brand = "brand", c_brand, false;
    Events = "events", c_events, false;
    Opened = "opened", c_opened, false;
    Seen = "seen", c_seen, false;
    Closed = "closed", c_closed, false;
    Owner = "owner", c_owner, false;
    Tlp = "tlp", c_tlp, false;
}

impl Column {
    /// The columns of a list of labels; the usual ones where it names none.
    pub(super) fn read(text: &str) -> Vec<Column> {
        let named: Vec<Column> = text
            .split(',')
            .filter_map(|label| {
                Column::ALL
                    .iter()
                    .copied()
                    .find(|one| one.label() == label.trim())
            })
            .collect();
        match named.is_empty() {
            true => Column::ALL
                .iter()
                .copied()
                .filter(|one| one.usual())
                .collect(),
            // What an incident is about is always shown: it is the link to it.
            false => Column::ALL
                .iter()
                .copied()
                .filter(|one| *one == Column::What || named.contains(one))
                .collect(),
        }
    }

    /// Their labels; empty where they are the usual ones.
    pub(super) fn written(columns: &[Column]) -> String {
        match columns == Column::read("") {
            true => String::new(),
            false => columns
                .iter()
                .map(|one| one.label())
                .collect::<Vec<_>>()
                .join(","),
        }
    }

    fn class(self) -> &'static str {
        match self {
            Column::Clock => "c-clk",
            Column::State => "c-st",
            Column::What => "as",
            Column::Asn | Column::Events | Column::Number => "c-x num",
            Column::Age => "c-x num",
            Column::Host | Column::Ip => "c-x mono",
            _ => "c-x",
        }
    }

    /// Class of its head.
    pub(super) fn head(self) -> &'static str {
        match self {
            Column::Age | Column::Asn | Column::Events | Column::Number => "num",
            _ => "",
        }
    }
}

/// A cell.
pub(super) struct Cell {
    pub(super) class: &'static str,
    pub(super) what: bool,
    pub(super) clock: Option<Countdown>,
    pub(super) state: Option<StateView>,
    pub(super) text: String,
    pub(super) muted: bool,
    pub(super) strong: bool,
}

/// An incident in the list.
pub(super) struct Row {
    pub(super) number: i64,
    pub(super) what: String,
    pub(super) second: String,
    pub(super) meta: String,
    pub(super) select: String,
    pub(super) cells: Vec<Cell>,
}

/// What the words of rows are made with.
pub(super) struct Pen<'a> {
    pub(super) desk: &'a Desk,
    pub(super) lang: Lang,
    pub(super) now: i64,
    pub(super) names: &'a BTreeMap<String, String>,
}

/// Names of people by their logins.
pub(super) async fn people(desk: &Desk) -> Result<BTreeMap<String, String>, Refusal> {
    let all = desk.ledger.accounts().await?.into_iter();
    Ok(all
        .filter(|one| !one.name.is_empty())
        .map(|one| (one.login, one.name))
        .collect())
}

impl Pen<'_> {
    fn w(&self) -> &'static ListWords {
        ListWords::of(self.lang)
    }

    /// What runs out first: a clock of the law, or a party's time; when it began and ends.
    pub(super) fn running(&self, one: &Incident, beside: &Beside) -> Option<(i64, i64)> {
        let id = one.incident_id();
        let clocks = beside.clocks.get(&id).into_iter().flatten();
        let clocks = clocks.map(|clock| (clock.started_at, clock.due_at));
        let asked = beside.directives.get(&id).into_iter().flatten();
        let asked = asked
            .filter(|one| matches!(one.state, DirectiveState::Asked | DirectiveState::Answered));
        let asked = asked.filter_map(|one| Some((one.asked_at?, one.due_at?)));
        clocks.chain(asked).min_by_key(|(_, due)| *due)
    }

    /// Who is asked now, or who would be.
    pub(super) fn parties(&self, one: &Incident, beside: &Beside) -> String {
        let all = beside.directives.get(&one.incident_id());
        let under_way = |one: &&Directive| {
            !matches!(
                one.state,
                DirectiveState::Over | DirectiveState::Planned | DirectiveState::NoContact
            )
        };
        let mut named: Vec<OrganizationId> = Vec::new();
        for directive in all.into_iter().flatten().filter(under_way) {
            named.extend(
                directive
                    .organization_id
                    .map(|id| id.0)
                    .filter(|id| !named.contains(id)),
            );
        }
        let first = named.first().and_then(|id| beside.organizations.get(id));
        let first = first.map(|org| org.name(self.lang_code()).to_owned());
        match (first, named.len()) {
            (None, _) => String::new(),
            (Some(name), 1) => name,
            (Some(name), n) => fill(self.w().more_parties, &[("name", &name), ("n", &n)]),
        }
    }

    fn lang_code(&self) -> &'static str {
        match self.lang {
            Lang::Zh => "zh",
            Lang::En => "en",
        }
    }

    /// Its level: the grade where it has one, its weight otherwise; and whether it weighs.
    pub(super) fn level(&self, one: &Incident) -> (String, bool) {
        match StoredGrade::of(one).and_then(|stored| stored.grade) {
            Some(grade) => {
                let text = match self.lang {
                    Lang::Zh => grade.zh().to_owned(),
                    Lang::En => grade.roman().to_owned(),
                };
                (text, grade.number() <= 3)
            }
            None => (
                word(one.severity.0, self.lang).to_owned(),
                one.severity.0 >= Severity::High,
            ),
        }
    }

    /// Where it lies.
    pub(super) fn place(&self, one: &Incident) -> String {
        if one.territory == "outside" {
            let place = one.country.as_deref().map(|code| country(code, self.lang));
            return fill(self.w().abroad, &[("place", &place.unwrap_or_default())]);
        }
        match (&one.province, &one.country) {
            (Some(code), _) => province(code, self.lang),
            (None, Some(code)) => country(code, self.lang),
            _ => String::new(),
        }
    }

    /// Title and second line: what it is about, and at which address where that says more.
    pub(super) fn lines(&self, one: &Incident) -> (String, String) {
        let name = one.host.as_deref().or(one.ip.as_deref());
        let target = one.url.as_deref().or(name);
        let own = [&one.url, &one.host, &one.ip];
        // A line that only repeats an address is told by its name.
        let repeats = own.into_iter().any(|own| own.as_deref() == Some(&one.what));
        let title = match (repeats, name) {
            (true, Some(name)) => draw::defang(name),
            _ => draw::defang(&one.what),
        };
        let second = target.map(draw::defang).unwrap_or_default();
        match second == title {
            true => (title, String::new()),
            false => (title, second),
        }
    }

    /// What it is called where it stands alone: with its kind, where its line is an address.
    pub(super) fn title(&self, one: &Incident) -> String {
        let (title, _) = self.lines(one);
        let names = [&one.host, &one.ip];
        let bare = names
            .into_iter()
            .flatten()
            .any(|name| draw::defang(name) == title);
        match bare {
            true => format!("{} {title}", word(one.kind.0, self.lang)),
            false => title,
        }
    }

    fn at(&self, at: Option<i64>) -> String {
        at.map_or_else(String::new, |at| draw::exact(self.desk, at))
    }

    /// How long it is open, or was.
    fn age(&self, one: &Incident) -> String {
        draw::span(one.closed_at.unwrap_or(self.now) - one.opened_at, self.lang)
    }

    /// The name of whoever works on it.
    pub(super) fn person(&self, one: &Incident, beside: &Beside) -> Option<String> {
        let login = beside.assignees.get(&one.incident_id())?;
        Some(self.names.get(login).unwrap_or(login).clone())
    }

    fn owner(&self, one: &Incident, beside: &Beside) -> String {
        let Some(owner) = &one.owner else {
            return self.w().centre.to_owned();
        };
        let found = owner
            .parse()
            .ok()
            .and_then(|id| beside.organizations.get(&id));
        found.map_or_else(
            || owner.clone(),
            |org| org.name(self.lang_code()).to_owned(),
        )
    }

    /// The text of a column, as exports have it.
    pub(super) fn text(&self, one: &Incident, beside: &Beside, column: Column) -> String {
        match column {
            Column::Clock => self
                .running(one, beside)
                .map_or_else(String::new, |(_, due)| draw::exact(self.desk, due)),
            Column::State => match one.resolution {
                Some(how) => format!(
                    "{} · {}",
                    word(one.state.0, self.lang),
                    word(how.0, self.lang)
                ),
                None => word(one.state.0, self.lang).to_owned(),
            },
            Column::What => {
                let (first, second) = self.lines(one);
                match second.is_empty() || first == second {
                    true => first,
                    false => format!("{first} {second}"),
                }
            }
            Column::Kind => word(one.kind.0, self.lang).to_owned(),
            Column::Level => self.level(one).0,
            Column::Place => self.place(one),
            Column::Party => self.parties(one, beside),
            Column::Age => self.age(one),
            Column::Assignee => self.person(one, beside).unwrap_or_default(),
            Column::Number => one.number.to_string(),
            Column::Host => one.host.as_deref().map(draw::defang).unwrap_or_default(),
            Column::Ip => one.ip.as_deref().map(draw::defang).unwrap_or_default(),
            Column::Asn => one.asn.map_or_else(String::new, |asn| format!("AS{asn}")),
            Column::Brand => one.brand.clone().unwrap_or_default(),
            Column::Events => one.events.to_string(),
            Column::Opened => self.at(Some(one.opened_at)),
            Column::Seen => self.at(Some(one.last_seen_at)),
            Column::Closed => self.at(one.closed_at),
            Column::Owner => self.owner(one, beside),
            Column::Tlp => one.tlp.0.label().to_uppercase(),
        }
    }

    fn cell(&self, one: &Incident, beside: &Beside, column: Column) -> Cell {
        let w = self.w();
        let mut cell = Cell {
            class: column.class(),
            what: column == Column::What,
            clock: None,
            state: None,
            text: String::new(),
            muted: false,
            strong: false,
        };
        match column {
            Column::Clock => match self.running(one, beside) {
                Some(span) => {
                    cell.clock = Some(draw::countdown(self.desk, span, self.now, self.lang));
                }
                None => {
                    cell.muted = true;
                    cell.text = match one.state.0 {
                        IncidentState::Acted => w.wait_acted.to_owned(),
                        IncidentState::Gone => w.wait_gone.to_owned(),
                        _ => String::new(),
                    };
                }
            },
            Column::State => cell.state = Some(StateView::of(one.state.0, self.lang)),
            Column::Level => (cell.text, cell.strong) = self.level(one),
            Column::Party => {
                cell.text = self.parties(one, beside);
                if cell.text.is_empty() && one.state.0.is_live() {
                    (cell.text, cell.muted) = (w.to_route.to_owned(), true);
                }
            }
            Column::Assignee => match self.person(one, beside) {
                Some(name) => cell.text = name,
                None => (cell.text, cell.muted) = (w.nobody.to_owned(), true),
            },
            _ => cell.text = self.text(one, beside, column),
        }
        cell
    }

    /// An incident as a row of these columns.
    pub(super) fn row(&self, one: &Incident, beside: &Beside, columns: &[Column]) -> Row {
        let (what, second) = self.lines(one);
        let parts = [
            word(one.kind.0, self.lang).to_owned(),
            self.parties(one, beside),
            self.person(one, beside).unwrap_or_default(),
        ];
        let meta: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Row {
            number: one.number,
            select: fill(
                self.w().select,
                &[("what", &format!("#{} {what}", one.number))],
            ),
            what,
            second,
            meta: meta.join(" · "),
            cells: columns
                .iter()
                .map(|column| self.cell(one, beside, *column))
                .collect(),
        }
    }
}
