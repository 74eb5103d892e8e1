//! The figures as a workbook for spreadsheets: numbers are numbers, texts are texts, never formulas.
//!
//! First a sheet that says what this is, then all figures, then the data behind each chart, then the working of the
//! rating. A value that is not available is an empty cell with its reason beside it, never 0.

use super::view::{self, Page};
use super::words::Words;
use super::{flow, words};
use crate::Error;
use model::bulletin::{Amount, Bulletin, Cell, Decimal, Lang, PublishedValue};
use rust_xlsxwriter::{
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError,
};

/// The longest text that a cell holds.
const LONGEST: usize = 32_000;

/// Looks of cells.
struct Looks {
    title: Format,
    head: Format,
    text: Format,
    number: Format,
    right: Format,
}

/// The bulletin's figures as an XLSX file.
///
/// # Errors
/// [`Error::Workbook`] where the writer refuses, which only a fault of ours can cause.
pub fn xlsx(b: &Bulletin, lang: Lang) -> Result<Vec<u8>, Error> {
    write(b, lang).map_err(|error| Error::Workbook {
        issue: b.issue.number.to_string(),
        reason: error.to_string(),
    })
}

fn write(b: &Bulletin, lang: Lang) -> Result<Vec<u8>, XlsxError> {
    let p = view::page(b, lang);
    let w = Words::of(lang);
    let base = Format::new().set_font_name(match lang {
        Lang::Zh => "Microsoft YaHei",
        Lang::En => "Calibri",
    });
    let base = base.set_font_size(10).set_align(FormatAlign::Top);
    let looks = Looks {
        title: base.clone().set_bold().set_font_size(14),
        head: base
            .clone()
            .set_bold()
            .set_text_wrap()
            .set_border_bottom(FormatBorder::Thin),
        text: base.clone().set_text_wrap(),
        number: base.clone().set_num_format("General"),
        right: base.set_align(FormatAlign::Right),
    };
    let mut book = Workbook::new();
    book.set_properties(&properties(b, &p)?);
    let sheet = book.add_worksheet();
    sheet.set_name(w.read_me)?;
    read_me(sheet, &p, lang, &looks)?;
    let sheet = book.add_worksheet();
    sheet.set_name(w.figures)?;
    figures(sheet, b, lang, &looks)?;
    for chart in b.charts() {
        let sheet = book.add_worksheet();
        sheet.set_name(words::chart(chart.number, lang))?;
        chart_sheet(sheet, b, chart, lang, &looks)?;
    }
    let sheet = book.add_worksheet();
    sheet.set_name(w.rating_sheet)?;
    rating(sheet, &p, &looks)?;
    book.save_to_buffer()
}

/// Times are noon of the day of publication: there is no clock here.
fn properties(b: &Bulletin, p: &Page<'_>) -> Result<DocProperties, XlsxError> {
    let day = b.published.as_ref().map_or(b.week.last, |d| d.date);
    let year = u16::try_from(day.year()).unwrap_or(1900);
    let (month, day) = (day.month().unsigned_abs(), day.day().unsigned_abs());
    let at = ExcelDateTime::from_ymd(year, month, day)?.and_hms(12, 0, 0)?;
    Ok(DocProperties::new()
        .set_title(format!("{} {}", p.title, p.issue))
        .set_subject(&p.week)
        .set_author(&p.publisher)
        .set_company(&p.publisher)
        .set_keywords(p.tlp)
        .set_comment(b.hash.as_deref().unwrap_or_default())
        .set_creation_datetime(&at))
}

/// A text cell; the length is that of the format, not of the reader.
fn text(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    text: &str,
    look: &Format,
) -> Result<(), XlsxError> {
    let cut = text
        .char_indices()
        .nth(LONGEST)
        .map_or(text, |(at, _)| &text[..at]);
    if !cut.is_empty() {
        sheet.write_string_with_format(row, column, cut, look)?;
    }
    Ok(())
}

fn number(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    value: Option<Decimal>,
    look: &Format,
) -> Result<(), XlsxError> {
    if let Some(value) = value {
        sheet.write_number_with_format(row, column, value.to_f64(), look)?;
    }
    Ok(())
}

fn heads(sheet: &mut Worksheet, row: u32, heads: &[&str], look: &Format) -> Result<(), XlsxError> {
    for (column, head) in (0u16..).zip(heads) {
        text(sheet, row, column, head, look)?;
    }
    Ok(())
}

fn widths(sheet: &mut Worksheet, widths: &[f64]) -> Result<(), XlsxError> {
    for (column, width) in (0u16..).zip(widths) {
        sheet.set_column_width(column, *width)?;
    }
    Ok(())
}

fn read_me(
    sheet: &mut Worksheet,
    p: &Page<'_>,
    lang: Lang,
    looks: &Looks,
) -> Result<(), XlsxError> {
    let w = Words::of(lang);
    text(sheet, 0, 0, &p.title, &looks.title)?;
    let provenance = p.provenance.join(w.comma);
    let mut lines: Vec<(&str, String)> = vec![
        (w.issue, format!("{}  {}  {}", p.issue, p.week, p.published)),
        (w.publisher, p.publisher.clone()),
        ("TLP", p.tlp.to_owned()),
        (w.situation, p.rating.word.clone()),
        (w.figures, w.figures_about.to_owned()),
    ];
    if !p.draft.is_empty() {
        lines.push(("", p.draft.to_owned()));
    }
    lines.push(("", p.banner.clone()));
    for c in &p.corrections {
        lines.push((w.corrections, format!("{} {}", c.0, c.1)));
    }
    for note in &p.notes {
        lines.push((w.coverage, flow::plain(&note.1)));
    }
    lines.push((w.hash, p.hash.clone()));
    lines.push((w.provenance, provenance));
    lines.push(("", p.about.clone()));
    lines.retain(|l| !l.1.is_empty());
    for (row, (name, what)) in (2u32..).zip(&lines) {
        text(sheet, row, 0, name, &looks.head)?;
        text(sheet, row, 1, what, &looks.text)?;
    }
    widths(sheet, &[22.0, 90.0])
}

fn figures(
    sheet: &mut Worksheet,
    b: &Bulletin,
    lang: Lang,
    looks: &Looks,
) -> Result<(), XlsxError> {
    let w = Words::of(lang);
    let names = [
        w.statistic,
        w.name,
        w.unit,
        w.value,
        w.printed,
        w.exact,
        w.previous,
        w.change_percent,
        w.change,
        w.complete_sources,
        w.expected_sources,
        w.version,
        w.note,
    ];
    heads(sheet, 0, &names, &looks.head)?;
    for (row, v) in (1u32..).zip(&b.values) {
        figure(sheet, row, v, lang, looks)?;
    }
    sheet.set_freeze_panes(1, 2)?;
    let last = u32::try_from(b.values.len()).unwrap_or(u32::MAX);
    if last > 0 {
        sheet.autofilter(0, 0, last, names.len() as u16 - 1)?;
    }
    widths(
        sheet,
        &[
            16.0, 36.0, 10.0, 12.0, 18.0, 16.0, 12.0, 10.0, 16.0, 10.0, 10.0, 8.0, 40.0,
        ],
    )
}

fn figure(
    sheet: &mut Worksheet,
    row: u32,
    v: &PublishedValue,
    lang: Lang,
    looks: &Looks,
) -> Result<(), XlsxError> {
    let w = Words::of(lang);
    let clean = |t: &model::bulletin::Text| view::clean(t.get(lang));
    let of = |a: &Option<Amount>| a.as_ref().and_then(|a| a.number);
    text(sheet, row, 0, &view::clean(&v.key), &looks.text)?;
    text(sheet, row, 1, &clean(&v.name), &looks.text)?;
    text(sheet, row, 2, &clean(&v.unit), &looks.text)?;
    number(sheet, row, 3, of(&v.value), &looks.number)?;
    if let Some(a) = &v.value {
        text(sheet, row, 4, &clean(&a.text), &looks.right)?;
        text(sheet, row, 5, &view::clean(&a.exact.plain()), &looks.right)?;
    }
    number(sheet, row, 6, of(&v.previous), &looks.number)?;
    number(sheet, row, 7, v.change.percent, &looks.number)?;
    text(sheet, row, 8, &clean(&v.change.text), &looks.right)?;
    if let Some(i) = &v.incomplete {
        let count = |n: u32| Some(Decimal::count(u64::from(n)));
        number(sheet, row, 9, count(i.complete), &looks.number)?;
        number(sheet, row, 10, count(i.expected), &looks.number)?;
    }
    let version = Decimal::count(u64::from(v.definition_version));
    number(sheet, row, 11, Some(version), &looks.number)?;
    let note = match (&v.missing, &v.change.note, v.preliminary) {
        (Some(reason), ..) => format!("{}{}{}", w.not_available, w.colon, clean(reason)),
        (None, Some(note), _) => clean(note),
        (None, None, true) => w.preliminary_value.to_owned(),
        (None, None, false) => String::new(),
    };
    text(sheet, row, 12, &note, &looks.text)
}

/// The data behind a chart, its title and measure above; a cell that is a figure, or nothing but a number, is one.
fn chart_sheet(
    sheet: &mut Worksheet,
    b: &Bulletin,
    chart: &model::bulletin::Chart,
    lang: Lang,
    looks: &Looks,
) -> Result<(), XlsxError> {
    let clean = |t: &model::bulletin::Text| view::clean(t.get(lang));
    let w = Words::of(lang);
    text(sheet, 0, 0, &clean(&chart.title), &looks.title)?;
    text(sheet, 1, 0, &clean(&chart.subtitle), &looks.right)?;
    let source = format!("{}{}{}", w.source, w.colon, clean(&chart.source));
    let head: Vec<String> = chart.table.head.iter().map(&clean).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    heads(sheet, 3, &head, &looks.head)?;
    let mut columns = head.len();
    let mut end = 4u32;
    for (row, r) in (4u32..).zip(&chart.table.rows) {
        text(sheet, row, 0, &clean(&r.name), &looks.text)?;
        for (column, c) in (1u16..).zip(&r.cells) {
            match typed(b, c, lang) {
                Some(n) => number(sheet, row, column, Some(n), &looks.number)?,
                None => text(sheet, row, column, &clean(&c.text), &looks.right)?,
            }
        }
        columns = columns.max(r.cells.len() + 1);
        end = row + 1;
    }
    text(sheet, end + 1, 0, &source, &looks.right)?;
    sheet.set_freeze_panes(4, 1)?;
    let mut sizes = vec![16.0; columns.max(1)];
    sizes[0] = 36.0;
    widths(sheet, &sizes)
}

/// The number of a cell: that of the figure it prints, or its text where that is a plain number.
fn typed(b: &Bulletin, cell: &Cell, lang: Lang) -> Option<Decimal> {
    let figure = cell.value.as_ref().and_then(|key| b.value(key));
    if let Some(amount) = figure.and_then(|v| v.value.as_ref()) {
        return amount.number;
    }
    let printed = cell.text.get(lang);
    // English groups thousands by commas.
    let plain: String = printed.chars().filter(|c| *c != ',').collect();
    let grouped = lang == Lang::En
        && printed.split(',').skip(1).all(|part| {
            let digits = part.split('.').next().unwrap_or_default();
            digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit())
        });
    if grouped || plain.len() == printed.len() {
        plain.parse().ok()
    } else {
        None
    }
}

fn rating(sheet: &mut Worksheet, p: &Page<'_>, looks: &Looks) -> Result<(), XlsxError> {
    let grid = flow::working(p);
    heads(sheet, 0, &grid.head, &looks.head)?;
    let mut row = 1;
    for r in &grid.rows {
        for (column, c) in (0u16..).zip(&r.cells) {
            // Numbers of the working are printed with a true minus.
            let plain = c.replace('\u{2212}', "-");
            match plain.parse::<Decimal>() {
                Ok(n) if column > 2 => number(sheet, row, column, Some(n), &looks.number)?,
                _ if column == 0 => text(sheet, row, column, c, &looks.text)?,
                _ => text(sheet, row, column, c, &looks.right)?,
            }
        }
        row += 1;
    }
    for note in &p.rating.notes {
        row += 1;
        text(sheet, row, 0, note, &looks.right)?;
    }
    sheet.set_freeze_panes(1, 1)?;
    widths(sheet, &[36.0, 16.0, 16.0, 12.0, 12.0, 30.0])
}
