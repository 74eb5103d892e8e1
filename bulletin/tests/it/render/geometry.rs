//! Chart geometry as properties: whatever the numbers, nothing leaves the picture and nothing is not a number.

use super::hostile::well_formed;
use super::specimen;
use bulletin::render::charts::{Width, draw};
use bulletin::render::{Frame, charts, palette::Palette};
use model::bulletin::*;
use proptest::prelude::*;

/// Numbers of some attributes of every element in an SVG.
fn numbers<'a>(svg: &'a str, names: &'a [&'a str]) -> impl Iterator<Item = (&'a str, f64)> {
    names.iter().flat_map(move |name| {
        let pattern = format!(" {name}=\"");
        svg.match_indices(&pattern)
            .map(|(at, _)| at + pattern.len())
            .collect::<Vec<_>>()
            .into_iter()
            .map(move |at| {
                (
                    *name,
                    svg[at..]
                        .split('"')
                        .next()
                        .expect("quoted")
                        .parse()
                        .expect("a number"),
                )
            })
    })
}

/// Checks that every coordinate lies in the view box.
pub fn inside(svg: &str) {
    well_formed(svg);
    let view = svg
        .split("viewBox=\"")
        .nth(1)
        .and_then(|t| t.split('"').next())
        .expect("a view box");
    let view: Vec<f64> = view
        .split(' ')
        .map(|t| t.parse().expect("a number"))
        .collect();
    let body = svg.split_once('>').expect("a root").1;
    let (w, h) = (
        view[2] + view[0].min(0.0) * 2.0,
        view[3] + view[1].min(0.0) * 2.0,
    );
    let body = body.split("</defs>").last().expect("a body");
    for (name, x) in numbers(body, &["x", "x1", "x2", "cx"]) {
        assert!(
            (view[0]..=w + 0.6).contains(&x),
            "{name}={x} beyond {w}: {svg}"
        );
    }
    for (name, y) in numbers(body, &["y", "y1", "y2", "cy"]) {
        assert!(
            (view[1]..=h + 0.6).contains(&y),
            "{name}={y} beyond {h}: {svg}"
        );
    }
    for points in body.split("points=\"").skip(1) {
        for pair in points.split('"').next().expect("quoted").split(' ') {
            let (x, y) = pair.split_once(',').expect("a pair");
            let (x, y): (f64, f64) = (x.parse().expect("a number"), y.parse().expect("a number"));
            assert!(
                (0.0..=w).contains(&x) && (0.0..=h).contains(&y),
                "{pair} in {svg}"
            );
        }
    }
    for rect in body.split("<rect ").skip(1) {
        let tag = format!(" {}", rect.split('>').next().expect("closed"));
        let get = |name| numbers(&tag, &[name]).next().map_or(0.0, |n| n.1);
        assert!(
            get("x") + get("width") <= w + 16.6 + 0.6 && get("width") >= 0.0,
            "{rect:.90}"
        );
        assert!(
            get("y") + get("height") <= h + 16.6 + 0.6 && get("height") >= 0.0,
            "{rect:.90}"
        );
    }
}

fn every_way(chart: &Chart) {
    for lang in Lang::ALL {
        for width in [Width::Wide, Width::Narrow] {
            inside(&draw(chart, lang, width, &Palette::LIGHT, Frame::File(0.0)));
            let page = draw(chart, lang, width, &Palette::PAGE, Frame::Page("w"));
            well_formed(&page);
            let literal = ["fill=\"#", "stroke=\"#"].iter().any(|l| page.contains(l));
            assert!(!literal, "a literal color in a page");
        }
    }
}

#[test]
fn the_specimen_stays_inside() {
    let b = specimen::bulletin();
    assert_eq!(b.charts().count(), 10);
    b.charts().for_each(every_way);
    for chart in b.charts() {
        inside(&bulletin::render::svg(
            chart,
            Lang::En,
            Width::Narrow,
            &Palette::DARK,
        ));
    }
    for rating in [b.rating.clone(), specimen::sparse().rating] {
        inside(&charts::rating_scale(
            &rating,
            Lang::En,
            496.0,
            &Palette::PRINT,
            Frame::File(0.0),
        ));
    }
    for tile in b.board.tiles.iter().chain(&specimen::sparse().board.tiles) {
        inside(&charts::sparkline(
            &tile.spark,
            "x",
            "s",
            Lang::Zh,
            &Palette::LIGHT,
            Frame::File(0.0),
        ));
    }
}

/// A number of any size, or a gap.
fn mark() -> impl Strategy<Value = Mark> {
    let number = prop_oneof![
        3 => Just(None),
        4 => (0i64..1000).prop_map(|n| Some(Decimal::new(n, 0))),
        2 => Just(Some(Decimal::ZERO)),
        2 => (0i64..=i64::MAX, 0u8..9).prop_map(|(n, s)| Some(Decimal::new(n, s))),
        1 => (-1000i64..0).prop_map(|n| Some(Decimal::new(n, 1))),
    ];
    let text = prop_oneof![Just(String::new()), "[0-9]{1,7}", "\\PC{0,30}"];
    (number, text, any::<bool>()).prop_map(|(number, text, preliminary)| Mark {
        value: None,
        number,
        text: Text::same(text),
        preliminary,
    })
}

fn marks(n: usize) -> impl Strategy<Value = Vec<Mark>> {
    prop::collection::vec(mark(), n..=n)
}

fn text() -> impl Strategy<Value = Text> {
    "(\\PC{0,40}|[一-龥]{0,20})".prop_map(Text::same)
}

fn weeks(n: usize) -> Vec<Week> {
    let first = jiff::civil::date(2022, 1, 3);
    (0..n)
        .map(|i| Week {
            first: first.saturating_add(jiff::Span::new().weeks(i as i64)),
            text: Text::same(format!("{i}/{i}")),
        })
        .collect()
}

fn change() -> impl Strategy<Value = Change> {
    text().prop_map(|text| Change {
        direction: Direction::Up,
        judgement: Judgement::Worse,
        text,
        ..Change::default()
    })
}

fn plot() -> impl Strategy<Value = Plot> {
    let line = (0usize..14, 0usize..5, any::<bool>()).prop_flat_map(|(n, s, band)| {
        (
            prop::collection::vec((text(), marks(n)), s..=s),
            prop::collection::vec(0usize..16, 0..3),
            mark(),
            mark(),
            text(),
        )
            .prop_map(move |(series, breaks, low, high, unit)| {
                Plot::Line(LinePlot {
                    scale: Scale { zh: 10_000, en: 0 },
                    unit: unit.clone(),
                    weeks: weeks(n),
                    series: series
                        .into_iter()
                        .map(|(name, marks)| Series { name, marks })
                        .collect(),
                    band: band.then(|| Band {
                        weeks: 52,
                        low: low.clone(),
                        high: high.clone(),
                        median: Some(low),
                    }),
                    breaks: breaks
                        .into_iter()
                        .map(|at| Break {
                            at,
                            note: unit.clone(),
                        })
                        .collect(),
                })
            })
    });
    let columns = (0usize..15, 0usize..4).prop_flat_map(|(groups, names)| {
        (
            prop::collection::vec(
                (text(), marks(names), any::<bool>(), text()),
                groups..=groups,
            ),
            text(),
        )
            .prop_map(move |(groups, name)| {
                Plot::Columns(ColumnPlot {
                    scale: Scale::default(),
                    names: vec![name.clone(); names],
                    groups: groups
                        .into_iter()
                        .map(|(name, marks, emphasis, foot)| ColumnGroup {
                            name,
                            marks,
                            emphasis,
                            foot,
                        })
                        .collect(),
                    foot_name: Some(name),
                })
            })
    });
    let ranked = prop::collection::vec(
        (
            text(),
            mark(),
            prop::option::of(mark()),
            text(),
            any::<bool>(),
        ),
        0..12,
    )
    .prop_map(|rows| {
        Plot::Ranked(RankedPlot {
            whole_name: None,
            part_name: Some(Text::same("part")),
            share_name: Some(Text::same("share")),
            rows: rows
                .into_iter()
                .map(|(name, whole, part, share, emphasis)| RankedRow {
                    name,
                    whole,
                    part,
                    share,
                    emphasis,
                })
                .collect(),
        })
    });
    let share = (0usize..4).prop_flat_map(|parts| {
        (prop::collection::vec((text(), marks(parts)), 0..4), text()).prop_map(
            move |(rows, name)| {
                Plot::Share(SharePlot {
                    parts: (0..parts)
                        .map(|i| SharePart {
                            name: name.clone(),
                            unknown: i == 2,
                        })
                        .collect(),
                    rows: rows
                        .into_iter()
                        .map(|(name, marks)| ShareRow { name, marks })
                        .collect(),
                })
            },
        )
    });
    let dumbbell = prop::collection::vec((text(), mark(), mark(), change(), any::<bool>()), 0..10)
        .prop_map(|rows| {
            Plot::Dumbbell(DumbbellPlot {
                scale: Scale::default(),
                rows: rows
                    .into_iter()
                    .map(|(name, last, now, change, emphasis)| DumbbellRow {
                        name,
                        last,
                        now,
                        change,
                        emphasis,
                    })
                    .collect(),
            })
        });
    let histogram = (
        prop::collection::vec((mark(), any::<bool>(), text()), 0..16),
        prop::collection::vec((-5i64..80, text(), any::<bool>()), 0..6),
        text(),
    )
        .prop_map(|(bins, rules, axis)| {
            let last = bins.len().saturating_sub(1);
            Plot::Histogram(HistogramPlot {
                bins: bins
                    .into_iter()
                    .enumerate()
                    .map(|(i, (count, within, text))| Bin {
                        from: Decimal::count(4 * i as u64),
                        to: (i != last).then(|| Decimal::count(4 * (i as u64 + 1))),
                        text,
                        count,
                        within,
                    })
                    .collect(),
                rules: rules
                    .into_iter()
                    .map(|(at, text, target)| Rule {
                        at: Decimal::new(at, 0),
                        short: text.clone(),
                        text,
                        target,
                    })
                    .collect(),
                within_text: Some(axis.clone()),
                axis,
            })
        });
    let multiples = (0usize..14).prop_flat_map(|n| {
        prop::collection::vec((text(), marks(n), text(), change()), 0..8).prop_map(move |panels| {
            Plot::Multiples(MultiplesPlot {
                weeks: weeks(n),
                panels: panels
                    .into_iter()
                    .map(|(name, marks, range_text, change)| Panel {
                        name,
                        marks,
                        range_text,
                        change,
                    })
                    .collect(),
            })
        })
    });
    prop_oneof![line, columns, ranked, share, dumbbell, histogram, multiples]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_data_stays_inside(plot in plot(), title in text()) {
        every_way(&Chart {
            number: 1,
            id: "any".to_owned(),
            title: title.clone(),
            subtitle: title.clone(),
            alt: title.clone(),
            plot,
            table: Table::default(),
            source: title,
            query: String::new(),
            note: None,
        });
    }

    #[test]
    fn any_spark_stays_inside(marks in marks(13), at in 0usize..15, low in mark(), high in mark()) {
        let range = low.number.zip(high.number).map(|(low, high)| SparkRange { low, high, text: Text::default() });
        let spark = Spark { marks, breaks: vec![Break { at, note: Text::default() }], range };
        inside(&charts::sparkline(&spark, "", "s", Lang::En, &Palette::LIGHT, Frame::File(0.0)));
    }
}
