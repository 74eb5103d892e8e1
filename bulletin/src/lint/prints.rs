//! Every number an issue prints, with its place, its key and the words beside it.

use model::bulletin::{
    Amount, Aspect, Bulletin, Cell, Chart, Exact, Lang, Mark, Paragraph, Plot, PublishedValue, Run,
    Table, Text,
};
use model::statistic;

/// How a print relates to its figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The figure's print, perhaps with a unit behind it.
    Sentence,
    /// The figure's print with the unit of ten thousands taken out.
    Tile,
    /// The figure's print, or that of what it divides, at the scale of an axis.
    Plotted,
}

/// A number as printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Print {
    /// Where: `section websites`, `chart provinces`, `tile M1`, `block lead`.
    pub place: String,
    /// Key of the figure.
    pub key: String,
    /// Which of its numbers.
    pub aspect: Aspect,
    /// In which language.
    pub lang: Lang,
    /// As printed.
    pub text: String,
    /// How it relates to the figure.
    pub form: Form,
    /// The words beside it: its clause, the head of its row and column, the name of its series.
    pub beside: String,
}

/// Every number with a key, in the order of the issue, Chinese before English at each place.
pub fn of(bulletin: &Bulletin) -> Vec<Print> {
    let mut out = Vec::new();
    sentence(&mut out, "rating", &bulletin.rating.sentence);
    if let Some(level) = &bulletin.vulnerability {
        sentence(&mut out, "vulnerability level", &level.sentence);
    }
    for paragraph in &bulletin.situation {
        sentence(&mut out, "situation", paragraph);
    }
    for row in &bulletin.rating.working.rows {
        // Over a part of the sources it is another number, and its name says so.
        let whole = bulletin
            .value(&row.value)
            .is_some_and(|value| value.name == row.name);
        if row.missing.is_none() && whole {
            both(
                &mut out,
                "rating",
                &row.value,
                Form::Sentence,
                &row.amount,
                &[&row.name],
            );
        }
    }
    for tile in &bulletin.board.tiles {
        if tile.missing.is_some() {
            continue;
        }
        let place = format!("tile {}", tile.value);
        for lang in Lang::ALL {
            out.push(Print {
                place: place.clone(),
                key: tile.value.clone(),
                aspect: Aspect::Value,
                lang,
                text: format!("{}{}", tile.amount.get(lang), tile.unit.get(lang)),
                form: Form::Tile,
                beside: tile.name.get(lang).to_owned(),
            });
        }
    }
    for cell in bulletin.handling.iter().flat_map(|strip| &strip.cells) {
        let place = format!("tile {}", cell.value);
        both(
            &mut out,
            &place,
            &cell.value,
            Form::Sentence,
            &cell.amount,
            &[&cell.name],
        );
    }
    for story in bulletin.lead.iter().chain(&bulletin.news) {
        let place = format!("block {}", story.id);
        for paragraph in &story.paragraphs {
            sentence(&mut out, &place, paragraph);
        }
    }
    for section in &bulletin.sections {
        let place = format!("section {}", section.id);
        for paragraph in &section.paragraphs {
            sentence(&mut out, &place, paragraph);
        }
        for found in &section.tables {
            table(&mut out, &place, found, Form::Sentence);
        }
        for found in &section.charts {
            chart(&mut out, found);
        }
    }
    for note in &bulletin.notes {
        sentence(&mut out, &format!("note {}", note.id), &note.text);
    }
    out
}

fn both(out: &mut Vec<Print>, place: &str, key: &str, form: Form, text: &Text, names: &[&Text]) {
    for lang in Lang::ALL {
        let beside: Vec<&str> = names.iter().map(|name| name.get(lang)).collect();
        out.push(Print {
            place: place.to_owned(),
            key: key.to_owned(),
            aspect: Aspect::Value,
            lang,
            text: text.get(lang).to_owned(),
            form,
            beside: beside.join(" "),
        });
    }
}

/// Marks at which a clause ends.
const STOPS: [char; 12] = [
    '，', '。', '；', '、', '（', '）', ',', ';', '(', ')', ':', '：',
];

fn sentence(out: &mut Vec<Print>, place: &str, paragraph: &Paragraph) {
    for lang in Lang::ALL {
        let runs = paragraph.get(lang);
        for (at, run) in runs.iter().enumerate() {
            let Run::Number {
                value,
                aspect,
                text,
            } = run
            else {
                continue;
            };
            out.push(Print {
                place: place.to_owned(),
                key: value.clone(),
                aspect: *aspect,
                lang,
                text: text.clone(),
                form: Form::Sentence,
                beside: format!("{} {}", before(&runs[..at]), after(&runs[at + 1..])),
            });
        }
    }
}

/// Words of the clause before a number, back to the number before it.
fn before(runs: &[Run]) -> String {
    let mut words = String::new();
    for run in runs.iter().rev() {
        match run {
            Run::Number { .. } => break,
            run => words = format!("{}{words}", run.text()),
        }
    }
    let cut = words.rfind(|c| STOPS.contains(&c) || c == '.');
    cut.map_or(words.clone(), |at| {
        words[at..].chars().skip(1).collect::<String>()
    })
}

/// Words of the clause after a number, up to the next number.
fn after(runs: &[Run]) -> String {
    let mut words = String::new();
    for run in runs {
        match run {
            Run::Number { .. } => break,
            run => words.push_str(run.text()),
        }
    }
    let cut = words.find(|c| STOPS.contains(&c) || c == '.');
    cut.map_or(words.clone(), |at| words[..at].to_owned())
}

fn cell(out: &mut Vec<Print>, place: &str, cell: &Cell, form: Form, names: &[&Text]) {
    if let Some(key) = &cell.value {
        both(out, place, key, form, &cell.text, names);
    }
}

fn table(out: &mut Vec<Print>, place: &str, table: &Table, form: Form) {
    for row in &table.rows {
        for (at, found) in row.cells.iter().enumerate() {
            let mut names = vec![&row.name];
            names.extend(table.head.get(at + 1));
            cell(out, place, found, form, &names);
        }
    }
}

fn chart(out: &mut Vec<Print>, chart: &Chart) {
    let place = format!("chart {}", chart.id);
    for (names, mark) in marks(&chart.plot) {
        if let Some(key) = &mark.value {
            both(out, &place, key, Form::Plotted, &mark.text, &names);
        }
    }
    table(out, &place, &chart.table, Form::Plotted);
}

/// The marks of a plot with the names they stand under; bands and rules, which are not data, are left out.
pub fn marks(plot: &Plot) -> Vec<(Vec<&Text>, &Mark)> {
    let mut out: Vec<(Vec<&Text>, &Mark)> = Vec::new();
    match plot {
        Plot::Line(plot) => {
            for series in &plot.series {
                out.extend(series.marks.iter().map(|mark| (vec![&series.name], mark)));
            }
        }
        Plot::Columns(plot) => {
            for group in &plot.groups {
                for (at, mark) in group.marks.iter().enumerate() {
                    let mut names = vec![&group.name];
                    names.extend(plot.names.get(at));
                    out.push((names, mark));
                }
            }
        }
        Plot::Ranked(plot) => {
            for row in &plot.rows {
                out.push((vec![&row.name], &row.whole));
                out.extend(row.part.iter().map(|part| (vec![&row.name], part)));
            }
        }
        Plot::Share(plot) => {
            for row in &plot.rows {
                for (at, mark) in row.marks.iter().enumerate() {
                    let mut names = vec![&row.name];
                    names.extend(plot.parts.get(at).map(|part| &part.name));
                    out.push((names, mark));
                }
            }
        }
        Plot::Dumbbell(plot) => {
            for row in &plot.rows {
                out.push((vec![&row.name], &row.last));
                out.push((vec![&row.name], &row.now));
            }
        }
        Plot::Histogram(plot) => {
            out.extend(plot.bins.iter().map(|bin| (vec![&bin.text], &bin.count)));
        }
        Plot::Multiples(plot) => {
            for panel in &plot.panels {
                out.extend(panel.marks.iter().map(|mark| (vec![&panel.name], mark)));
            }
        }
    }
    out
}

/// Whether a print is one of its figure; `wholes` are the totals that a chart may take a share of.
pub fn fits(print: &Print, value: &PublishedValue, wholes: &[u64]) -> bool {
    let text = print.text.as_str();
    match print.aspect {
        Aspect::Value => match &value.value {
            None => !text.contains(|c: char| c.is_ascii_digit()),
            Some(amount) => {
                let own = amount.text.get(print.lang);
                match print.form {
                    Form::Sentence => is_print(text, own),
                    Form::Tile => is_print(text, own) || is_tile(text, own, print.lang),
                    Form::Plotted => {
                        text == own
                            || plotted(amount, wholes)
                                .iter()
                                .any(|known| known.get(print.lang) == text)
                    }
                }
            }
        },
        Aspect::Previous => match &value.previous {
            None => text.is_empty(),
            Some(amount) => is_print(text, amount.text.get(print.lang)),
        },
        Aspect::Change => {
            let per_cent = value
                .change
                .percent
                .map(|percent| format!("{}%", percent.fixed(1)));
            per_cent.is_some_and(|known| is_print(text, &known))
                || is_print(text, value.change.text.get(print.lang))
        }
    }
}

/// A print with a unit behind it, or alone.
fn is_print(text: &str, print: &str) -> bool {
    text.strip_prefix(print).is_some_and(|unit| {
        !unit.contains(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '%' | '万'))
    })
}

/// `1.5` and `万台` for `1.5万`, `15` and `thousand` for `15,000`.
fn is_tile(text: &str, print: &str, lang: Lang) -> bool {
    match lang {
        Lang::Zh => text.starts_with(print),
        Lang::En => text
            .strip_suffix("thousand")
            .is_some_and(|thousands| format!("{thousands},000") == print),
    }
}

/// What a chart may print for a figure: the count in full and at the scale of ten thousands, or its share; of
/// a quotient what it divides.
fn plotted(amount: &Amount, wholes: &[u64]) -> Vec<Text> {
    // M1 is the sum of its printed parts: at the scale of ten thousands it is the printed number.
    let rounded = amount
        .number
        .and_then(|number| number.to_string().parse().ok());
    let of = |count: u64| {
        let tenths = statistic::wan_tenths(rounded.unwrap_or(count));
        [
            Text::new(count.to_string(), statistic::grouped(count)),
            Text::new(
                format!("{}.{}", tenths / 10, tenths % 10),
                statistic::grouped(tenths),
            ),
        ]
    };
    match &amount.exact {
        Exact::Count { count } => {
            let shares = wholes
                .iter()
                .filter_map(|whole| statistic::percent_tenths(*count, *whole))
                .map(statistic::print_percent);
            of(*count).into_iter().chain(shares).collect()
        }
        Exact::Ratio { numerator, .. } => {
            let tenths = statistic::wan_tenths(*numerator);
            let scaled = Text::new(
                format!("{}.{}", tenths / 10, tenths % 10),
                statistic::grouped(tenths),
            );
            vec![
                Text::new(numerator.to_string(), statistic::grouped(*numerator)),
                scaled,
            ]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_print_may_have_a_unit_behind_it_and_nothing_more() {
        assert!(is_print("645个", "645") && is_print("645", "645"));
        assert!(
            !is_print("6450", "645") && !is_print("645.2", "645") && !is_print("28.4万", "28.4")
        );
        assert!(is_tile("1.5万台", "1.5万", Lang::Zh) && is_tile("15thousand", "15,000", Lang::En));
        assert!(!is_tile("14thousand", "15,000", Lang::En));
    }
}
