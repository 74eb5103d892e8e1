//! Captions and data tables of charts: what they state is in the chart (DOMAIN rule 1.4b).

use std::collections::BTreeSet;

use model::bulletin::{Exact, Lang, Plot, PublishedValue, Text};
use model::statistic;
use model::time::MONTHS;

use super::figures::count;
use super::prints::marks;
use super::{Desk, Report, redraft};

/// Numbers in a text of a caption, without those that tell dates and spans of time.
fn caption_numbers(text: &str) -> Vec<String> {
    const SPANS: [&str; 17] = [
        "周",
        "年",
        "月",
        "日",
        "天",
        "小时",
        "时",
        "个周",
        " week",
        " day",
        " hour",
        " h",
        " of the last",
        "—",
        "–",
        " min",
        " complete week",
    ];
    let mut out = Vec::new();
    let bytes: Vec<(usize, char)> = text.char_indices().collect();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].1.is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = bytes[at].0;
        let letter_before = text[..start]
            .chars()
            .next_back()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '-' || c == '.');
        while at < bytes.len()
            && (bytes[at].1.is_ascii_digit()
                || (matches!(bytes[at].1, '.' | ',')
                    && bytes
                        .get(at + 1)
                        .is_some_and(|next| next.1.is_ascii_digit())))
        {
            at += 1;
        }
        let end = bytes.get(at).map_or(text.len(), |next| next.0);
        let rest = &text[end..];
        let dated = MONTHS
            .iter()
            .any(|month| rest.trim_start().starts_with(&month[..3]));
        if letter_before || dated || SPANS.iter().any(|span| rest.starts_with(span)) {
            continue;
        }
        out.push(text[start..end].to_owned());
    }
    out
}

pub(super) fn captions(desk: &Desk<'_>, report: &mut Report<'_>) {
    for chart in desk.bulletin().charts() {
        for lang in Lang::ALL {
            let mut known: BTreeSet<String> = BTreeSet::new();
            let mut know = |text: &str| known.extend(numbers(text));
            for (_, mark) in marks(&chart.plot) {
                know(mark.text.get(lang));
            }
            let cells = chart.table.rows.iter().flat_map(|row| &row.cells);
            for cell in cells {
                know(cell.text.get(lang));
            }
            let own: BTreeSet<&str> = marks(&chart.plot)
                .iter()
                .filter_map(|(_, mark)| mark.value.as_deref())
                .chain(
                    chart
                        .table
                        .rows
                        .iter()
                        .flat_map(|row| &row.cells)
                        .filter_map(|cell| cell.value.as_deref()),
                )
                .map(|key| key.split('/').next().unwrap_or(key))
                .collect();
            let mut sums: Vec<u64> = Vec::new();
            for value in &desk.bulletin().values {
                let related = own.contains(value.statistic.as_str())
                    || chart
                        .query
                        .split([' ', ';'])
                        .any(|word| word == value.statistic);
                if !related {
                    continue;
                }
                for amount in value.value.iter().chain(&value.previous) {
                    know(amount.text.get(lang));
                    if let Exact::Ratio {
                        numerator,
                        denominator,
                    } = amount.exact
                    {
                        sums.extend([numerator, denominator]);
                    }
                }
                know(value.change.text.get(lang));
            }
            for total in sums {
                know(&total.to_string());
                know(&statistic::grouped(total));
            }
            // What the caption itself works out of the marks: the share of the first ones in all.
            let shares = shares(chart, &desk.bulletin().values);
            for share in &shares {
                know(share);
            }
            for text in [&chart.title, &chart.alt] {
                for number in caption_numbers(text.get(lang)) {
                    if !known.contains(&number) {
                        report.add(
                            format!("chart {}", chart.id),
                            Text::new(
                                format!("图题中的{number}不在图中：“{}”", text.get(lang)),
                                format!(
                                    "{number} in the caption is not in the chart: “{}”",
                                    text.get(lang)
                                ),
                            ),
                            redraft(),
                        );
                    }
                }
            }
        }
    }
}

/// Shares of the first bars in their whole, and in the sum of all: what a caption may state.
fn shares(chart: &model::bulletin::Chart, values: &[PublishedValue]) -> Vec<String> {
    let mut counts: Vec<u64> = marks(&chart.plot)
        .into_iter()
        .filter_map(|(_, mark)| {
            mark.number
                .and_then(|number| number.to_string().parse().ok())
        })
        .collect();
    let mut wholes: Vec<u64> = vec![counts.iter().sum()];
    wholes.extend(values.iter().filter_map(count));
    // The caption of a division by level names one share of its own.
    let firsts: Vec<u64> = (1..=counts.len().min(3))
        .map(|top| counts[..top].iter().sum())
        .collect();
    counts.extend(firsts);
    counts.sort_unstable();
    counts.dedup();
    wholes.sort_unstable();
    wholes.dedup();
    counts
        .iter()
        .flat_map(|part| {
            wholes
                .iter()
                .filter_map(|whole| statistic::percent_tenths(*part, *whole))
        })
        .map(|tenths| {
            statistic::print_percent(tenths)
                .en
                .trim_end_matches('%')
                .to_owned()
        })
        .collect()
}

/// The numbers in a text, as written.
fn numbers(text: &str) -> Vec<String> {
    let part = |c: char| !(c.is_ascii_digit() || matches!(c, '.' | ','));
    text.split(part)
        .map(|word| word.trim_matches(['.', ',']))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

pub(super) fn chart_tables(desk: &Desk<'_>, report: &mut Report<'_>) {
    for chart in desk.bulletin().charts() {
        if chart.table.rows.is_empty() {
            continue;
        }
        for lang in Lang::ALL {
            let cells = chart.table.rows.iter().flat_map(|row| &row.cells);
            let tabled: BTreeSet<&str> = cells.map(|cell| cell.text.get(lang)).collect();
            let cells = chart.table.rows.iter().flat_map(|row| &row.cells);
            let keys: BTreeSet<&str> = cells.filter_map(|cell| cell.value.as_deref()).collect();
            let lost = marks(&chart.plot).into_iter().find(|(_, mark)| {
                let text = mark.text.get(lang);
                // Of shares the table may list the counts: of the same figures.
                let listed = mark.value.as_deref().is_some_and(|key| keys.contains(key));
                let is_share = matches!(chart.plot, Plot::Share(_)) && listed;
                mark.number.is_some() && !text.is_empty() && !tabled.contains(text) && !is_share
            });
            if let Some((names, mark)) = lost {
                let name: Vec<&str> = names.iter().map(|name| name.get(lang)).collect();
                let text = mark.text.get(lang);
                report.add(
                    format!("chart {}", chart.id),
                    Text::new(
                        format!("图中“{}”为{text}，数据表中没有这个数", name.join(" ")),
                        format!(
                            "the chart shows {text} for “{}”, its data table does not",
                            name.join(" ")
                        ),
                    ),
                    redraft(),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_spans_in_captions_are_no_figures() {
        assert_eq!(caption_numbers("近13周中有数的9周，本周2114"), ["2114"]);
        assert_eq!(
            caption_numbers("501 domains, 13 of the last 13 weeks, 9 January, 17,172"),
            ["501", "17,172"]
        );
        assert_eq!(
            caption_numbers("1月9日—1月15日，CVE-2023-1，占34.6%"),
            ["34.6"]
        );
    }
}
