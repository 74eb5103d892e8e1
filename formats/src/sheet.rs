//! The first sheet of an XLSX workbook as CSV, so that whatever reads a table reads one of a spreadsheet program
//! too: the same heads, the same mapping, a line a row.
//!
//! A workbook comes from outside. What it unpacks to, how many rows and columns it has and how much they say is
//! bounded before any of it is kept. Numbers come as a spreadsheet shows them, dates as `2026-11-01 08:00:00` without a
//! zone; a formula is the value that was stored with it. Pure.

use std::borrow::Cow;
use std::io::{self, Cursor, Read};

use calamine::{DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx};

/// Bytes that a workbook may unpack to, and parts it may have.
const UNPACKED: u64 = 512 << 20;
const PARTS: usize = 10_000;
/// Columns of a sheet.
const COLUMNS: usize = 512;
/// Bytes of all its cells.
const TEXT: usize = 64 << 20;

/// How a ZIP container begins, and how the older container does that `.xls` and workbooks with a password have.
const ZIP: &[u8] = b"PK\x03\x04";
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0";

/// A table as CSV: a workbook's first visible sheet, or the bytes as they are, which then are no workbook.
///
/// # Errors
/// It is a workbook that cannot be read, or larger than is read; in words, with what helps.
pub fn as_csv(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    if bytes.starts_with(COMPOUND) {
        let why = "is an old workbook (.xls) or has a password: save it as .xlsx without one, or as CSV UTF-8";
        return Err(why.to_owned());
    }
    if !bytes.starts_with(ZIP) {
        return Ok(Cow::Borrowed(bytes));
    }
    bounded(bytes)?;
    let broken =
        |error: calamine::XlsxError| format!("is no workbook that can be read (.xlsx): {error}");
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(broken)?;
    let sheets = workbook.sheets_metadata().iter();
    let mut shown = sheets.filter(|sheet| {
        sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible
    });
    let name = shown.next().map(|sheet| sheet.name.clone());
    let name = name.ok_or("has no sheet that is shown")?;
    let mut cells = workbook.worksheet_cells_reader(&name).map_err(broken)?;
    let mut table = Table::default();
    while let Some(cell) = cells.next_cell().map_err(broken)? {
        let (row, column) = cell.get_position();
        table.put(row as usize, column as usize, text(cell.get_value()))?;
    }
    table.end_row();
    Ok(Cow::Owned(table.csv))
}

/// Refuses a container that unpacks to more than is read. What its directory says of sizes is not believed.
fn bounded(bytes: &[u8]) -> Result<(), String> {
    let broken = |error: &dyn std::fmt::Display| format!("is a damaged workbook: {error}");
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    if archive.len() > PARTS {
        return Err(format!("has {} parts, more than {PARTS}", archive.len()));
    }
    let mut left = UNPACKED;
    for at in 0..archive.len() {
        let part = archive.by_index(at).map_err(|error| broken(&error))?;
        let read = io::copy(&mut part.take(left + 1), &mut io::sink());
        let read = read.map_err(|error| broken(&error))?;
        left = left.checked_sub(read).ok_or_else(|| {
            format!(
                "unpacks to more than {} MB: split it, or save it as CSV UTF-8",
                UNPACKED >> 20
            )
        })?;
    }
    Ok(())
}

/// Rows on their way to CSV: row n of the sheet is line n.
#[derive(Default)]
struct Table {
    csv: Vec<u8>,
    row: Vec<String>,
    /// Rows before the one under way, which are written.
    done: usize,
    /// Cells of the first row that holds any: the heads.
    width: usize,
    text: usize,
}

impl Table {
    fn put(&mut self, row: usize, column: usize, text: String) -> Result<(), String> {
        let place = || format!("row {}, column {}", row + 1, column + 1);
        if text.is_empty() {
            return Ok(());
        }
        if column >= COLUMNS {
            return Err(format!(
                "{}: more than {COLUMNS} columns are not read",
                place()
            ));
        }
        self.text += text.len();
        if self.text > TEXT {
            let most = TEXT >> 20;
            return Err(format!(
                "{}: its cells say more than {most} MB: split it",
                place()
            ));
        }
        if row < self.done {
            return Err(format!("{}: its rows are out of order", place()));
        }
        if row > self.done {
            self.end_row();
            // A blank line for a row without cells, so that a line's number is its row's.
            self.csv.resize(self.csv.len() + (row - self.done), b'\n');
            self.done = row;
        }
        if self.row.len() <= column {
            self.row.resize(column + 1, String::new());
        }
        self.row[column] = text;
        Ok(())
    }

    fn end_row(&mut self) {
        if self.row.is_empty() {
            return;
        }
        if self.width == 0 {
            self.width = self.row.len();
        }
        if self.row.len() < self.width {
            self.row.resize(self.width, String::new());
        }
        // Each cell in quotes: what begins with a hash is no comment.
        for (at, cell) in self.row.drain(..).enumerate() {
            if at > 0 {
                self.csv.push(b',');
            }
            self.csv.push(b'"');
            self.csv.extend(cell.replace('"', "\"\"").bytes());
            self.csv.push(b'"');
        }
        self.csv.push(b'\n');
        self.done += 1;
    }
}

/// A cell in words; what breaks a line does so no more.
fn text(value: &DataRef<'_>) -> String {
    let plain = match value {
        DataRef::Empty => return String::new(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.clone()
        }
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => self::number(*number),
        DataRef::Bool(is) => is.to_string(),
        DataRef::DateTime(at) => instant(at),
        DataRef::Error(error) => error.to_string(),
    };
    let breaks = |c: char| matches!(c, '\n' | '\r' | '\0' | '\u{2028}' | '\u{2029}');
    match plain.contains(breaks) {
        true => plain
            .replace("\r\n", " ")
            .replace(breaks, " ")
            .trim()
            .to_owned(),
        false => plain,
    }
}

fn number(number: f64) -> String {
    match number.fract() == 0.0 && number.abs() < 1e15 {
        true => format!("{number:.0}"),
        false => number.to_string(),
    }
}

/// A date as local time, to the second: what is stored is a fraction of a day.
fn instant(at: &ExcelDateTime) -> String {
    if at.is_duration() {
        return number(at.as_f64());
    }
    let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
    let civil = jiff::civil::DateTime::new(
        year as i16,
        month as i8,
        day as i8,
        hour as i8,
        minute as i8,
        second as i8,
        i32::from(milli) * 1_000_000,
    );
    let civil = civil.and_then(|civil| civil.round(jiff::Unit::Second));
    civil.map_or_else(
        |_| number(at.as_f64()),
        |civil| civil.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A workbook of one sheet with these rows as XML, and shared strings.
    fn workbook(rows: &str, shared: &str) -> Vec<u8> {
        let parts = [
            (
                "[Content_Types].xml",
                r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>"#.to_owned(),
            ),
            (
                "_rels/.rels",
                r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#.to_owned(),
            ),
            (
                "xl/workbook.xml",
                r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="old" sheetId="1" r:id="rId1"/></sheets></workbook>"#.to_owned(),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#.to_owned(),
            ),
            (
                "xl/styles.xml",
                r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>"#.to_owned(),
            ),
            (
                "xl/sharedStrings.xml",
                format!(r#"<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{shared}</sst>"#),
            ),
            (
                "xl/worksheets/sheet1.xml",
                format!(r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>"#),
            ),
        ];
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        for (name, content) in parts {
            zip.start_file(name, options).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn inline(place: &str, text: &str) -> String {
        format!(r#"<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>"#)
    }

    #[test]
    fn a_sheet_reads_as_the_csv_it_would_have_been_saved_as() {
        let rows = format!(
            r#"<row r="1">{}{}<c r="C1" t="s"><v>0</v></c></row><row r="3">{}<c r="B3" s="1"><v>43586.333333333336</v></c></row><row r="4">{}<c r="B4"><v>17</v></c><c r="C4"><v>0.5</v></c></row>"#,
            inline("A1", "number"),
            inline("B1", "opened"),
            inline("A3", "#7"),
            inline("A4", "say &quot;a&quot;\nb"),
        );
        let bytes = workbook(&rows, "<si><t>what</t></si>");
        let csv = as_csv(&bytes).unwrap();
        let expected = "\"number\",\"opened\",\"what\"\n\n\"#7\",\"2019-05-01 08:00:00\",\"\"\n\"say \"\"a\"\" b\",\"17\",\"0.5\"\n";
        assert_eq!(std::str::from_utf8(&csv).unwrap(), expected);
        let plain = b"number,what\n";
        assert_eq!(&*as_csv(plain).unwrap(), plain);
    }

    #[test]
    fn what_is_no_workbook_or_asks_for_too_much_is_refused_in_words() {
        let says = |bytes: &[u8], words: &str| {
            let why = as_csv(bytes).unwrap_err();
            assert!(why.contains(words), "{why}");
        };
        says(b"PK\x03\x04 and nothing more", "damaged workbook");
        says(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as .xlsx");
        // One cell at the far corner would be a table of 17 thousand million.
        let far = format!(r#"<row r="1048576">{}</row>"#, inline("XFD1048576", "x"));
        says(&workbook(&far, ""), "columns are not read");
        let back = format!(
            r#"<row r="5">{}</row><row r="2">{}</row>"#,
            inline("A5", "x"),
            inline("A2", "y")
        );
        says(&workbook(&back, ""), "out of order");
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("mimetype", options).unwrap();
        zip.write_all(b"application/vnd.oasis.opendocument.spreadsheet")
            .unwrap();
        says(&zip.finish().unwrap().into_inner(), "is no workbook");
    }
}
