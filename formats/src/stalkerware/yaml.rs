//! An application by a YAML parser, under a budget.

use model::reject::RejectReason;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_saphyr::Spanned;

use super::Indicator;
use crate::draft::Fault;
use crate::value;

/// Reads an application.
pub(super) fn read(text: &str) -> Result<super::Application<'static>, Fault> {
    let parsed: Result<Vec<Application>, _> = serde_saphyr::from_str_with_options(text, options());
    match parsed.map(|mut list| list.pop()) {
        Ok(Some(app)) => Ok(app.indicators(text.len())),
        Ok(None) => Err((RejectReason::Syntax, "the application is empty".into())),
        Err(error) => {
            let message = format!("broken YAML: {}", value::shorten(&error.to_string()));
            Err((reason(&error), message))
        }
    }
}

/// What one application may cost: the real list needs a hundredth of it.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 16,
            max_nodes: 100_000,
            max_events: 400_000,
            max_documents: 1,
            max_anchors: 100,
            max_aliases: 100,
            max_merge_keys: 10,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 8,
        },
        with_snippet: false,
    }
}

type List = Vec<Option<Spanned<String>>>;

/// An application as it is written.
#[derive(Debug, Default)]
struct Application {
    name: Option<String>,
    names: Option<Vec<Option<String>>>,
    kind: Option<String>,
    packages: Option<List>,
    ios_bundles: Option<List>,
    certificates: Option<List>,
    websites: Option<List>,
    distribution: Option<List>,
    c2: Option<C2>,
    /// Keys that say something else, kept as they are.
    others: Vec<(String, serde_json::Value)>,
}

/// Its control servers; a few entries write `ip` for `ips`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct C2 {
    ips: Option<List>,
    ip: Option<List>,
    domains: Option<List>,
    urls: Option<List>,
}

impl Application {
    /// Its indicators by list, each with its place.
    fn indicators(self, len: usize) -> super::Application<'static> {
        let c2 = self.c2.unwrap_or_default();
        let lists = [
            self.packages,
            self.ios_bundles,
            self.certificates,
            self.websites,
            self.distribution,
            c2.domains,
            c2.ips,
            c2.ip,
            c2.urls,
        ];
        // An alias stands where it is used.
        let indicator = |spanned: Spanned<String>| Indicator {
            at: spanned
                .referenced
                .span()
                .byte_offset()
                .unwrap_or(0)
                .min(len as u64) as usize,
            line: spanned.referenced.line().saturating_sub(1),
            text: spanned.value.into(),
        };
        let names = self.names.into_iter().flatten().flatten();
        super::Application {
            name: self.name.map(Into::into),
            names: names.map(Into::into).collect(),
            kind: self.kind.map(Into::into),
            lists: lists.map(|list| {
                let indicators = list.into_iter().flatten().flatten();
                indicators.map(indicator).collect()
            }),
            others: self.others,
        }
    }
}

impl<'de> Deserialize<'de> for Application {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Application;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an application (`- name: ...`)")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Application, A::Error> {
                let mut app = Application::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "name" => app.name = map.next_value()?,
                        "names" => app.names = map.next_value()?,
                        "type" => app.kind = map.next_value()?,
                        "packages" => app.packages = map.next_value()?,
                        "ios_bundles" => app.ios_bundles = map.next_value()?,
                        "certificates" => app.certificates = map.next_value()?,
                        "websites" => app.websites = map.next_value()?,
                        "distribution" => app.distribution = map.next_value()?,
                        "c2" => app.c2 = map.next_value()?,
                        _ => app.others.push((key, map.next_value()?)),
                    }
                }
                Ok(app)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// Whether YAML was refused for what it would cost or because it is broken.
fn reason(error: &serde_saphyr::Error) -> RejectReason {
    use serde_saphyr::Error::*;
    match error {
        AliasError { error, .. } | WithSnippet { error, .. } => reason(error),
        Budget { .. }
        | AliasReplayLimitExceeded { .. }
        | AliasExpansionLimitExceeded { .. }
        | AliasReplayStackDepthExceeded { .. }
        | AliasReplayCounterOverflow { .. } => RejectReason::TooDeep,
        // The scanner's own limit on nesting reaches us as text only.
        other if other.to_string().starts_with("recursion limit exceeded") => RejectReason::TooDeep,
        _ => RejectReason::Syntax,
    }
}
