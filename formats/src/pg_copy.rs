//! Rows of tables as `pg_dump --data-only` writes them: COPY blocks in plain text. What stands around the blocks is
//! passed over. Pure.

use std::collections::BTreeMap;

/// A table of a dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of its columns, in lower case.
    pub columns: Vec<String>,
    /// The line of the file that each row stands in, and its cells; `None` is NULL.
    pub rows: Vec<(usize, Vec<Option<String>>)>,
}

impl Table {
    /// The place of the first of these columns that it has.
    pub fn place(&self, names: &[&str]) -> Option<usize> {
        let mut names = names.iter();
        names.find_map(|name| self.columns.iter().position(|own| own == name))
    }
}

/// What a dump holds: tables by their names without schema, parts of one table as one; and what is wrong with rows that
/// do not fit their columns, with their lines.
pub type Dump = (BTreeMap<String, Table>, Vec<(usize, String)>);

/// Reads a dump.
///
/// # Errors
/// It is no dump in plain text with COPY, or ends within a block; in words, with what helps.
pub fn tables(bytes: &[u8]) -> Result<Dump, String> {
    if bytes.starts_with(b"PGDMP") {
        let why = "is a dump in PostgreSQL's own format: write it as text by `pg_restore --data-only -f FILE DUMP`";
        return Err(why.to_owned());
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| "is not UTF-8: dump it with --encoding=UTF8".to_owned())?;
    let (mut tables, mut bad) = (BTreeMap::<String, Table>::new(), Vec::new());
    let mut open: Option<(String, usize)> = None;
    let mut inserts = false;
    for (at, line) in text.split('\n').enumerate() {
        let (line, number) = (line.strip_suffix('\r').unwrap_or(line), at + 1);
        let Some((name, _)) = &open else {
            inserts |= line.starts_with("INSERT INTO ");
            if let Some((name, columns)) = copied(line) {
                let table = tables.entry(name.clone()).or_default();
                if !table.rows.is_empty() && table.columns != columns {
                    return Err(format!(
                        "line {number}: table {name} stands there twice, with other columns"
                    ));
                }
                table.columns = columns;
                open = Some((name, number));
            }
            continue;
        };
        if line == "\\." {
            open = None;
            continue;
        }
        let table = tables.entry(name.clone()).or_default();
        let cells: Vec<Option<String>> = line.split('\t').map(cell).collect();
        match cells.len() == table.columns.len() {
            true => table.rows.push((number, cells)),
            false => bad.push((
                number,
                format!(
                    "{name}: has {} cells under {} columns",
                    cells.len(),
                    table.columns.len()
                ),
            )),
        }
    }
    if let Some((name, began)) = open {
        return Err(format!(
            "ends within table {name}, which began in line {began}: it was cut off, dump it again"
        ));
    }
    match (tables.is_empty(), inserts) {
        (false, _) => Ok((tables, bad)),
        (true, true) => Err(
            "holds INSERT statements: dump it with --data-only and without --inserts".to_owned(),
        ),
        (true, false) => {
            Err("holds no rows of tables: write it by `pg_dump --data-only`".to_owned())
        }
    }
}

/// The table and columns of a line that begins a block.
fn copied(line: &str) -> Option<(String, Vec<String>)> {
    let inner = line
        .strip_prefix("COPY ")?
        .trim_end()
        .strip_suffix(" FROM stdin;")?;
    let (name, columns) = inner.split_once(" (")?;
    let bare = |text: &str| text.trim().trim_matches('"').to_lowercase();
    let name = bare(name.rsplit('.').next()?);
    let columns = columns.strip_suffix(')')?.split(',').map(bare).collect();
    Some((name, columns))
}

/// A cell without its escapes.
fn cell(text: &str) -> Option<String> {
    if text == "\\N" {
        return None;
    }
    if !text.contains('\\') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.bytes().peekable();
    while let Some(byte) = left.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let digits =
            |left: &mut std::iter::Peekable<std::str::Bytes<'_>>, base: u32, most: usize| {
                let mut value = 0;
                let mut count = 0;
                while let Some(digit) = left
                    .peek()
                    .and_then(|byte| char::from(*byte).to_digit(base))
                {
                    if count == most {
                        break;
                    }
                    value = value * base + digit;
                    count += 1;
                    left.next();
                }
                (count > 0).then_some(value as u8)
            };
        bytes.push(match left.peek() {
            Some(b'0'..=b'7') => digits(&mut left, 8, 3).unwrap_or_default(),
            Some(b'x') => {
                left.next();
                digits(&mut left, 16, 2).unwrap_or(b'x')
            }
            Some(_) => match left.next().unwrap_or_default() {
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                other => other,
            },
            None => b'\\',
        });
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_with_their_escapes_and_what_stands_around_is_passed_over() {
        let dump = "--\n-- PostgreSQL database dump\n--\nSET client_encoding = 'UTF8';\n\n\
            COPY public.organisation (organisation_id, name, \"comment\") FROM stdin;\n\
            1\tExample\\tNet\ta\\nb \\\\ \\x41\\101\n2\t\\N\t\nshort\n\\.\n\n\
            COPY fqdn (fqdn_id, fqdn) FROM stdin;\n\\.\n";
        let (tables, bad) = tables(dump.as_bytes()).unwrap();
        let organisation = &tables["organisation"];
        assert_eq!(organisation.place(&["id", "comment"]), Some(2));
        let (line, cells) = &organisation.rows[0];
        assert_eq!((*line, cells[1].as_deref()), (7, Some("Example\tNet")));
        assert_eq!(cells[2].as_deref(), Some("a\nb \\ AA"));
        let empty = (None, Some(String::new()));
        assert_eq!(
            (
                organisation.rows[1].1[1].clone(),
                organisation.rows[1].1[2].clone()
            ),
            empty
        );
        assert!(tables["fqdn"].rows.is_empty());
        assert_eq!(
            bad,
            [(9, "organisation: has 1 cells under 3 columns".to_owned())]
        );
    }

    #[test]
    fn what_is_no_such_dump_says_how_to_write_one() {
        for (bytes, says) in [
            (&b"PGDMP\x01"[..], "pg_restore"),
            (
                b"INSERT INTO organisation VALUES (1);\n",
                "without --inserts",
            ),
            (b"number,what\n", "pg_dump --data-only"),
            (b"\xff\xfe", "--encoding=UTF8"),
            (b"COPY a (b) FROM stdin;\n1\n", "was cut off"),
            (b"COPY a (b) FROM stdin;\n1", "was cut off"),
        ] {
            let why = tables(bytes).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }
}
