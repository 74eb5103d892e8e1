//! `[series]`, `[territory]` and `[site]`: what the bulletin is called and counts as its own, and where it is read.

use bulletin::publish::{Licence, SecurityContact, Settings as SiteSettings};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::bulletin::{Text, Tlp};
use model::issue::NumberingScheme;
use model::newsroom::{Schedule, moment};
use reference::Country;

use super::written::{SiteSection, Written};
use super::{Resolver, Series};

impl Resolver<'_> {
    pub(super) fn site(&mut self, written: &SiteSection) -> SiteSettings {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let licence = some(&written.licence).map(|name| Licence {
            title: some(&written.licence_title).unwrap_or_else(|| name.clone()),
            url: written.licence_url.clone(),
            name,
        });
        let security = some(&written.security_contact).and_then(|contact| {
            let expires = written.security_expires.parse::<Date>();
            let expires = expires.and_then(|day| day.to_zoned_datetime(TimeZone::UTC));
            match expires {
                Ok(expires) => Some(SecurityContact {
                    contact,
                    expires: expires.timestamp().into(),
                }),
                Err(_) => {
                    let message = "security_contact needs the last day of that word";
                    self.problem(
                        "site.security_expires",
                        message,
                        "write a day within a year, as \"2027-06-30\"",
                    );
                    None
                }
            }
        });
        let settings = SiteSettings {
            base_url: some(&written.base_url),
            feed_tag: some(&written.feed_tag),
            licence,
            contact: some(&written.contact),
            security,
        };
        settings.checked().unwrap_or_else(|error| {
            self.problem("site.base_url", error.to_string(), "see docs/site.md");
            SiteSettings::default()
        })
    }

    pub(super) fn series(&mut self, written: &Written) -> Series {
        let series = &written.series;
        let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if series.id.is_empty() || !series.id.chars().all(valid) {
            self.problem(
                "series.id",
                format!("id `{}` cannot name a series", series.id),
                "use a to z, 0 to 9 and -",
            );
        }
        let scheme = match series.scheme.as_str() {
            "sunday-ordinal" => NumberingScheme::SundayOrdinal,
            "iso" => NumberingScheme::Iso,
            "manual" => NumberingScheme::Manual,
            "running" => match series.first_monday.parse::<Date>() {
                Ok(first_monday) => NumberingScheme::Running {
                    first_monday,
                    first_number: series.first_number,
                },
                Err(_) => {
                    let message = "scheme `running` needs the Monday of its first issue";
                    self.problem(
                        "series.scheme",
                        message,
                        "add first_monday = \"YYYY-MM-DD\" and first_number",
                    );
                    NumberingScheme::Manual
                }
            },
            other => {
                let message = format!("scheme `{other}` is unknown");
                self.problem(
                    "series.scheme",
                    message,
                    "choose sunday-ordinal, iso, running or manual",
                );
                NumberingScheme::Manual
            }
        };
        const LABELS: [Tlp; 5] = [
            Tlp::Clear,
            Tlp::Green,
            Tlp::Amber,
            Tlp::AmberStrict,
            Tlp::Red,
        ];
        let wanted = series.tlp.to_ascii_uppercase();
        let is = |label: &Tlp| label.label() == wanted || label.label()[4..] == wanted;
        let tlp = LABELS.into_iter().find(is).unwrap_or_else(|| {
            let message = format!("tlp `{}` is no TLP 2.0 label", series.tlp);
            self.problem(
                "series.tlp",
                message,
                "choose TLP:CLEAR, GREEN, AMBER, AMBER+STRICT or RED",
            );
            Tlp::Red
        });
        let mut at = |key: &str, text: &str, default| {
            moment(text).unwrap_or_else(|error| {
                self.problem(
                    key,
                    error.to_string(),
                    "write a weekday and a time, as \"friday 12:00\"",
                );
                default
            })
        };
        let usual = Schedule::default();
        let schedule = Schedule {
            freeze: at("series.freeze", &series.freeze, usual.freeze),
            deadline: at("series.deadline", &series.deadline, usual.deadline),
        };
        let text =
            |zh: &str, en: &str| (!zh.is_empty() || !en.is_empty()).then(|| Text::new(zh, en));
        Series {
            id: series.id.clone(),
            title: Text::new(&series.title_zh, &series.title_en),
            organization: Text::new(&series.organization_zh, &series.organization_en),
            about: text(&series.about_zh, &series.about_en),
            banner: text(&series.banner_zh, &series.banner_en),
            scheme,
            tlp,
            schedule,
        }
    }

    pub(super) fn inside(&mut self, written: &Written) -> Vec<Country> {
        let mut inside = Vec::new();
        for code in &written.territory.inside {
            match Country::new(code) {
                Some(country) => inside.push(country),
                None => {
                    let message = format!("`{code}` is no country code");
                    self.problem(
                        "territory.inside",
                        message,
                        "write ISO 3166 codes of two letters, as in [\"CN\"]",
                    );
                }
            }
        }
        if written.territory.inside.is_empty() {
            self.problem(
                "territory.inside",
                "no country is inside",
                "name at least one, as in [\"CN\"]",
            );
        }
        inside.sort();
        inside.dedup();
        inside
    }
}
