//! Facets, chips and the histogram as a page draws them: each a link to the query that it stands for.

use jiff::tz::TimeZone;
use lake::search::{Facet, FacetValue, Found, Key, Query, Span, Value};
use model::bulletin::Lang;
use model::statistic::grouped;

use super::Words;
use super::labels;
use super::steps::Steps;
use crate::almanac::Names;
use crate::words::fill;

/// Values of a facet that are shown.
const SHOWN: usize = 5;
/// Height of the histogram.
const HEIGHT: f64 = 110.0;
/// Its width; the page stretches it.
const WIDTH: f64 = 1000.0;

/// The address of a query.
pub(super) fn href(query: &Query) -> String {
    let text: String = url::form_urlencoded::byte_serialize(query.to_string().as_bytes()).collect();
    format!("/console/events?q={text}")
}

/// A filter of the query.
pub(super) struct Chip {
    pub key: &'static str,
    pub value: String,
    pub exclude: bool,
    /// The query without it.
    pub without: String,
}

/// The chips of a query, the time aside.
pub(super) fn chips(query: &Query, names: &Names, lang: Lang) -> Vec<Chip> {
    let terms = query.terms.iter().flat_map(|term| {
        let (key, exclude) = (term.key, term.exclude);
        term.values.iter().map(move |value| (key, exclude, value))
    });
    terms
        .map(|(key, exclude, value)| Chip {
            key: labels::key(key, lang),
            value: labels::value(key, value, names, lang),
            exclude,
            without: href(&query.without(key, value, exclude)),
        })
        .collect()
}

/// A choice of time.
pub(super) struct Choice {
    pub label: &'static str,
    pub href: String,
    pub current: bool,
}

/// Usual spans.
pub(super) fn times(query: &Query, w: &'static Words) -> Vec<Choice> {
    [
        (w.day_1, Some(Span::Days(1))),
        (w.day_7, Some(Span::Days(7))),
        (w.day_30, Some(Span::Days(30))),
        (w.day_90, Some(Span::Days(90))),
        (w.all_time, None),
    ]
    .map(|(label, span)| Choice {
        label,
        href: href(&query.during(span)),
        current: query.span == span,
    })
    .into()
}

/// The span in words.
pub(super) fn time(query: &Query, w: &Words) -> String {
    let last = |text: &str, n: u32| fill(w.last, &[("n", &fill(text, &[("n", &n)]))]);
    match query.span {
        None => w.all_time.to_owned(),
        Some(Span::Days(1) | Span::Hours(24)) => w.day_1.to_owned(),
        Some(Span::Hours(hours)) => last(w.hours, hours),
        Some(Span::Days(days)) => last(w.days, days),
        Some(span @ Span::Between(Some(_), Some(_))) => span.to_string().replace("..", " – "),
        Some(span) => {
            let text = span.to_string();
            match text.strip_suffix("..") {
                Some(from) => format!("{} {from}", w.from),
                None => format!("{} {}", w.until, text.trim_start_matches("..")),
            }
        }
    }
}

/// A value of a facet.
pub(super) struct Choosable {
    pub label: String,
    pub events: String,
    /// Width of its bar in percent.
    pub width: String,
    pub current: bool,
    /// The query with it, or without where it is chosen.
    pub href: String,
    /// The query that excludes it.
    pub exclude: String,
}

/// A facet.
pub(super) struct Panel {
    pub title: &'static str,
    pub values: Vec<Choosable>,
    /// What is not shown: `12 others`, with its events.
    pub others: Option<(String, String)>,
}

/// The key that a facet's column is asked for by.
fn key(column: &str) -> Option<Key> {
    Some(match column {
        "class_type" => Key::Class,
        "feed" => Key::Feed,
        "province" => Key::Province,
        "country" => Key::Country,
        "asn" => Key::Asn,
        "malware_name" => Key::Malware,
        _ => return None,
    })
}

/// The facets of what was found; one that says one thing of everything, and was not asked for, says nothing.
pub(super) fn panels(
    found: &Found,
    query: &Query,
    names: &Names,
    w: &'static Words,
    lang: Lang,
) -> Vec<Panel> {
    let facets = found
        .facets
        .iter()
        .filter_map(|facet| Some((key(facet.column)?, facet)));
    facets
        .filter(|(key, facet)| {
            !facet.values.is_empty() || query.terms.iter().any(|term| term.key == *key)
        })
        .map(|(key, facet)| panel(key, facet, query, names, w, lang))
        .collect()
}

fn panel(
    key: Key,
    facet: &Facet,
    query: &Query,
    names: &Names,
    w: &'static Words,
    lang: Lang,
) -> Panel {
    let mut all: Vec<(Value, u64)> = facet
        .values
        .iter()
        .map(|(value, events)| match value {
            FacetValue::Text(text) => (Value::text(text), *events),
            FacetValue::Number(number) => (Value::Number(*number), *events),
        })
        .collect();
    if facet.none > 0 {
        let at = all.partition_point(|(_, events)| *events > facet.none);
        all.insert(at, (Value::None, facet.none));
    }
    let most = all.first().map_or(1, |(_, events)| (*events).max(1));
    let shown = all.len().min(SHOWN);
    let chosen = |at: usize, value: &Value| at < shown || query.has(key, value);
    let mut values = Vec::new();
    let mut others = (0_usize, facet.beyond);
    for (at, (value, events)) in all.iter().enumerate() {
        if !chosen(at, value) {
            others = (others.0 + 1, others.1 + events);
            continue;
        }
        let current = query.has(key, value);
        values.push(Choosable {
            label: labels::value(key, value, names, lang),
            events: grouped(*events),
            width: percent(*events, most),
            current,
            href: href(&match current {
                true => query.without(key, value, false),
                false => query.with(key, value.clone(), false),
            }),
            exclude: href(&query.with(key, value.clone(), true)),
        });
    }
    Panel {
        title: labels::key(key, lang),
        values,
        others: (others.1 > 0).then(|| {
            let label = fill(w.others, &[("n", &grouped(others.0.max(1) as u64))]);
            (label, grouped(others.1))
        }),
    }
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1}", part as f64 * 100.0 / whole as f64)
}

/// A bar of the histogram.
pub(super) struct Bar {
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
    pub picked: bool,
    pub href: String,
    /// Said on hover.
    pub title: String,
}

/// The histogram.
pub(super) struct Histogram {
    pub bars: Vec<Bar>,
    pub labels: Vec<String>,
    /// What a step is, and whose time.
    pub note: String,
    pub picked: Option<Picked>,
    /// The query with twice the time.
    pub wider: Option<String>,
}

/// A chosen span.
pub(super) struct Picked {
    /// From when to when, and how many.
    pub text: String,
    /// The query of that span only.
    pub keep: String,
    /// The page without the choice.
    pub clear: String,
    pub x: String,
    pub width: String,
}

/// Chosen instants: `from..to` in microseconds.
pub(super) fn pick(text: &str) -> Option<(i64, i64)> {
    let (from, to) = text.split_once("..")?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from < to).then_some((from, to))
}

/// What a histogram is drawn from.
pub(super) struct Drawn<'a> {
    pub query: &'a Query,
    pub zone: &'a TimeZone,
    pub steps: &'a Steps,
    pub counts: &'a [u64],
    pub picked: Option<(i64, i64)>,
}

impl Drawn<'_> {
    /// The histogram in words and shapes.
    pub fn histogram(&self, w: &'static Words, lang: Lang) -> Histogram {
        let edges = &self.steps.edges;
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1);
        let step = WIDTH / self.counts.len().max(1) as f64;
        let own = href(self.query);
        let bars = self.counts.iter().enumerate().map(|(at, count)| {
            let (from, to) = (edges[at], edges[at + 1]);
            let height = match *count {
                0 => 0.0,
                count => (count as f64 / most as f64 * (HEIGHT - 4.0)).max(1.0),
            };
            // A second choice stretches the first.
            let (first, last) = self
                .picked
                .map_or((from, to), |(first, last)| (first.min(from), last.max(to)));
            let inside = self
                .picked
                .is_some_and(|(first, last)| first <= from && to <= last);
            let (first, last) = if inside { (from, to) } else { (first, last) };
            Bar {
                x: format!("{:.1}", at as f64 * step),
                y: format!("{:.1}", HEIGHT - height),
                width: format!("{:.1}", (step - 1.6).max(step * 0.6)),
                height: format!("{height:.1}"),
                picked: inside,
                href: format!("{own}&pick={first}..{last}#time"),
                title: format!(
                    "{} – {}: {}",
                    self.moment(from, lang),
                    self.moment(to, lang),
                    grouped(*count)
                ),
            }
        });
        Histogram {
            bars: bars.collect(),
            labels: self.steps.labels(self.zone, lang),
            note: fill(
                w.each_step,
                &[
                    ("step", &self.steps.length.words(w, lang)),
                    ("zone", &self.zone.iana_name().unwrap_or("UTC")),
                ],
            ),
            picked: self
                .picked
                .and_then(|picked| self.picked(picked, step, w, lang)),
            wider: self.wider(),
        }
    }

    fn picked(&self, (from, to): (i64, i64), step: f64, w: &Words, lang: Lang) -> Option<Picked> {
        let edges = &self.steps.edges;
        let first = edges.iter().position(|edge| *edge >= from)?;
        let last = edges.iter().rposition(|edge| *edge <= to)?;
        if first >= last {
            return None;
        }
        let events: u64 = self.counts.get(first..last)?.iter().sum();
        let span = Span::between(edges[first], edges[last], self.zone)?;
        Some(Picked {
            text: fill(
                w.picked,
                &[
                    ("from", &self.moment(edges[first], lang)),
                    ("to", &self.moment(edges[last], lang)),
                    ("n", &grouped(events)),
                ],
            ),
            keep: href(&self.query.during(Some(span))),
            clear: href(self.query),
            x: format!("{:.1}", first as f64 * step),
            width: format!("{:.1}", (last - first) as f64 * step),
        })
    }

    /// Twice the time around the middle, where the query has one.
    fn wider(&self) -> Option<String> {
        self.query.span?;
        let (from, to) = (*self.steps.edges.first()?, *self.steps.edges.last()?);
        let half = (to - from) / 2;
        let span = Span::between(
            from.saturating_sub(half),
            to.saturating_add(half),
            self.zone,
        )?;
        Some(href(&self.query.during(Some(span))))
    }

    fn moment(&self, at: i64, lang: Lang) -> String {
        let at = model::time::Timestamp(at)
            .to_jiff()
            .map(|at| self.zone.to_datetime(at));
        let at = at.unwrap_or_default();
        let day = super::steps::day(at, lang);
        match at.time() == jiff::civil::Time::midnight() {
            true => day,
            false => format!("{day} {}", at.strftime("%H:%M")),
        }
    }
}

/// A filter for one value of a shown event, and one against it.
pub(super) fn filters(query: &Query, key: Key, value: &Value) -> (String, String) {
    (
        href(&query.with(key, value.clone(), false)),
        href(&query.with(key, value.clone(), true)),
    )
}

/// Every key with an example, for the help beside the query.
pub(super) fn keys(lang: Lang) -> Vec<(&'static str, String)> {
    let time = (Words::of(lang).time, "observed:7d".to_owned());
    let all = Key::all().map(|key| {
        let example = match key {
            Key::Warning | Key::Hash => format!("{}:any", key.name()),
            Key::Report => format!("{}:R-0123*", key.name()),
            key => format!("{}:{}", key.name(), key.example()),
        };
        (labels::key(key, lang), example)
    });
    std::iter::once(time).chain(all).collect()
}
