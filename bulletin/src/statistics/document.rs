//! The first part of `docs/statistics.md`, generated from the declarations.

use std::fmt::Write;

use model::statistic::{Observed, Sense, Window};

use super::all;

/// The marker between the generated part and the part written by hand.
pub const END_MARKER: &str = "<!-- end of the generated part: edit below, not above -->";

/// The generated part, ending with [`END_MARKER`].
pub fn document() -> String {
    let mut out = String::from(HEAD);
    for statistic in all() {
        let _ = writeln!(
            out,
            "\n### {} {} · {}\n",
            statistic.id, statistic.name.zh, statistic.name.en
        );
        let window = match statistic.window {
            Window::Week => "the reporting week".to_owned(),
            Window::Weeks { weeks } => format!("the {weeks} weeks up to the reporting week"),
            Window::WeekFirstSeen { weeks } => {
                format!("the reporting week, not seen in the {weeks} weeks before")
            }
        };
        let unit = if statistic.unit.en.is_empty() {
            "none".to_owned()
        } else {
            format!("{} / {}", statistic.unit.zh, statistic.unit.en)
        };
        let fields = if statistic.fields.is_empty() {
            "none beyond the kind".to_owned()
        } else {
            code(statistic.fields)
        };
        let sense = match statistic.sense {
            Sense::FewerIsBetter => "fewer is better",
            Sense::Neutral => "neither better nor worse",
        };
        let change = if statistic.compared {
            "stated"
        } else {
            "not stated"
        };
        let _ = writeln!(out, "| | |\n|---|---|");
        for (name, text) in [
            ("definition version", statistic.version.to_string()),
            ("unit", unit),
            (
                "distinct key",
                format!("{} / {}", statistic.key.zh, statistic.key.en),
            ),
            ("window", window),
            ("territory", statistic.territory.words().en.to_owned()),
            ("formula", format!("`{}`", statistic.formula)),
            (
                "feeds needed",
                match statistic.observed {
                    Observed::Handling => format!(
                        "none: read from the ledger's incidents (`{}`)",
                        statistic.observed.label()
                    ),
                    observed => format!(
                        "one that brings {} (`{}`)",
                        observed.words().en,
                        observed.label()
                    ),
                },
            ),
            ("fields needed", fields),
            ("printed", statistic.print.words().en.to_owned()),
            ("change", format!("{change}; {sense}")),
        ] {
            let _ = writeln!(out, "| {name} | {text} |");
        }
        if let Some(before) = statistic.before {
            let _ = writeln!(
                out,
                "| definition before | version {} until the week of {}, beside until that of {}: {} |",
                before.definition.version,
                before.since,
                before.until(),
                before.change.en
            );
        }
        for part in statistic.parts {
            let needs = if part.fields.is_empty() {
                String::new()
            } else {
                format!(", needs {}", code(part.fields))
            };
            let _ = writeln!(
                out,
                "| part `{}/{}` | {} · {}: `{}`{needs} |",
                statistic.id, part.id, part.name.zh, part.name.en, part.formula
            );
        }
        if !statistic.remark.en.is_empty() {
            let _ = writeln!(out, "\n{}", statistic.remark.en);
        }
    }
    out.push('\n');
    out.push_str(END_MARKER);
    out.push('\n');
    out
}

fn code(fields: &[&str]) -> String {
    fields
        .iter()
        .map(|field| format!("`{field}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

const HEAD: &str = "# Statistics

Every number Watchfire publishes is one of these. This part is generated from the declarations in
`bulletin/src/statistics/`; a test holds the two equal.

**Counting.** A figure counts distinct keys of one reporting week (Monday 00:00 to Sunday 24:00 in the
reporting zone), never rows. Each count is stored with its division by the sets of feeds that saw the
keys, so what it would be over any of its sources can be said from the stored value alone.

**Availability.** A statistic is available in a week if an enabled feed brings events of its kind with
values in its fields, and at least one such feed reported in the week. Otherwise it is *not available*,
never 0, and its section leaves the bulletin. What a feed brings is told by its entry (format,
classification, mapping) and by what it brought in this and the last 13 weeks. What was done (I1 to I7,
T1 to T3, S1) needs no feed: it is available from the first week in which an incident was handled here.

**Change.** `100 x (this - last) / last` on unrounded counts against the frozen value of the issue
before, one decimal, half away from zero; 0.0% is printed as unchanged; a base of 0 prints no per cent;
a base under 10 prints both counts. If a source was incomplete or changed in either week, the change is
computed over the sources that were complete and unchanged in both, says so, and is neither better nor
worse; if there was none, the word is *not comparable*.

**Warning lists.** Infected hosts, hosting sites and phishing pages that a warning list names (top
sites, public resolvers, sinkholes) are left out and counted apart.

**Cells.** Formulas speak of cells: named sets of keys, such as `infected.trojan`; `family/*` are all
cells of a family. `watchfire week ISSUE --explain ID` lists the keys of every cell a figure reads.

## Definitions
";
