//! Rows by example, against the csv crate, and against framing.

use super::*;
use crate::frame::rows;
use proptest::prelude::*;

fn cells(text: &str) -> Vec<Vec<String>> {
    all(text, b',')
}

fn all(text: &str, delimiter: u8) -> Vec<Vec<String>> {
    let mut scanner = Scanner::new(text, 1, delimiter);
    let mut rows = Vec::new();
    while let Some(row) = scanner.next_row() {
        rows.push(
            (0..row.len())
                .map(|index| row.cell(index).into_owned())
                .collect(),
        );
    }
    rows
}

#[test]
fn cells_are_cut_and_unquoted() {
    assert_eq!(
        cells("a,,\"b\",\"\",\"c,d\"\"e\"\nnext"),
        [vec!["a", "", "b", "", "c,d\"e"], vec!["next"]]
    );
    assert_eq!(cells("a,\"b\nc\",d\r\n"), [["a", "b\nc", "d"]]);
    assert_eq!(cells("a,"), [["a", ""]]);
    assert_eq!(cells("a\r\n\r\nb\rc\n"), [["a"], [""], ["b"], ["c"]]);
    assert_eq!(cells(""), Vec::<Vec<String>>::new());
    let long = "abcdefghijklmnopq".repeat(9);
    assert_eq!(cells(&format!("\"{long}\",{long}")), [[long.clone(), long]]);
    assert_eq!(cells("5\" disk,\"a\"b\",c"), [["5\" disk", "ab\"", "c"]]);
    assert_eq!(cells("\"a\"\"b\"c\"\"d\",e"), [["a\"bc\"\"d\"", "e"]]);
    assert_eq!(cells("\"open,b\nc"), [["open,b"], ["c"]]);
    assert_eq!(cells("\"a\"\"\"\nb"), [["a\""], ["b"]]);
    assert_eq!(cells("\"\"\"\",x"), [["\"", "x"]]);
    assert_eq!(cells("中文,\"中\t文\""), [["中文", "中\t文"]]);
}

#[test]
fn doubled_quotes_at_every_place_of_a_chunk() {
    for before in 0..140 {
        let pad = "x".repeat(before);
        let text = format!("{pad},\"a\"\"b\",\"\",c\r\n\"d\"\n{pad}\"e,f\n");
        let expected: Vec<Vec<String>> = vec![
            [pad.as_str(), "a\"b", "", "c"].map(String::from).to_vec(),
            vec!["d".into()],
            if before == 0 {
                vec!["e,f".into()]
            } else {
                vec![format!("{pad}\"e"), "f".into()]
            },
        ];
        assert_eq!(cells(&text), expected, "{before}");
    }
}

#[test]
fn a_row_can_be_taken_apart() {
    let text = "a,\"b\nc\",d\ne,f\n";
    let mut scanner = Scanner::new(text, 7, b',');
    assert_eq!(
        scanner.next_row().map(|row| (row.len(), row.line())),
        Some((3, 7))
    );
    assert!(scanner.by_line(0));
    let mut rows = Vec::new();
    while let Some(row) = scanner.next_row() {
        rows.push((row.raw().to_owned(), row.line(), row.start()));
        assert!(!scanner.by_line(0));
    }
    assert_eq!(
        rows,
        [
            ("a,\"b".to_owned(), 7, 0),
            ("c\",d".to_owned(), 8, 5),
            ("e,f".to_owned(), 9, 10)
        ]
    );
}

#[test]
fn rows_behind_one_that_is_taken_apart_come_again() {
    let text = "x,y\na,\"b\nc\",d\ne,f\n";
    let mut scanner = Scanner::new(text, 1, b',');
    assert_eq!(scanner.next_rows(8), 3);
    let raws = |scanner: &Scanner<'_>, rows: usize| -> Vec<(String, u64)> {
        let one = |at| (scanner.row(at).raw().to_owned(), scanner.row(at).line());
        (0..rows).map(one).collect()
    };
    let first = raws(&scanner, 3);
    assert_eq!(first[2], ("e,f".to_owned(), 4));
    assert!(!scanner.by_line(0));
    assert!(scanner.by_line(1));
    let rows = scanner.next_rows(8);
    let again = ["a,\"b", "c\",d", "e,f"].map(str::to_owned);
    assert_eq!(
        raws(&scanner, rows),
        again.into_iter().zip(2..).collect::<Vec<_>>()
    );
    assert_eq!(scanner.next_rows(8), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn written_rows_are_read_as_they_were(
        table in proptest::collection::vec(proptest::collection::vec("[a-c,\"\\\\\n\r\t é]{0,12}|[a-z]{0,90}", 1..8), 1..5),
        delimiter in "[,;\t]",
    ) {
        let delimiter = delimiter.as_bytes()[0];
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
        for row in &table {
            writer.write_record(row).expect("memory does not fail");
        }
        let text = String::from_utf8(writer.into_inner().expect("memory does not fail")).expect("text");
        prop_assert_eq!(all(&text, delimiter), table);
    }

    #[test]
    fn it_cuts_where_framing_cuts(text in proptest::collection::vec(proptest::sample::select(b"abcdefgh,,\"\"\"\n\n\r\\\x01".to_vec()), 0..400)) {
        let framing = Framing::QuotedLines { delimiter: b',' };
        let text = String::from_utf8(text).expect("ascii");
        let mut scanner = Scanner::new(&text, 1, b',');
        for row in rows(Block { bytes: text.as_bytes(), offset: 0, line: 1 }, framing) {
            let cut = scanner.next_row().expect("as many rows");
            prop_assert_eq!((cut.raw().as_bytes(), cut.start() as u64, cut.line()), (row.bytes, row.offset, row.line));
            let mut lenient = Vec::new();
            split_lenient(&text.as_bytes()[..cut.end], cut.start, b',', &mut lenient);
            let again = Cut { cells: &lenient, special: true, ..cut };
            prop_assert_eq!(cut.len(), again.len());
            for index in 0..cut.len() {
                prop_assert_eq!(cut.cell(index), again.cell(index));
                prop_assert_eq!(cut.is_blank(index), cut.raw_cell(index).is_empty());
                let mut json = String::new();
                if cut.is_plain() {
                    json = format!("\"{}\"", cut.raw_cell(index));
                } else {
                    cut.push_json(index, &mut json);
                }
                prop_assert_eq!(serde_json::from_str::<String>(&json).expect("json"), cut.cell(index));
            }
        }
        prop_assert!(scanner.next_row().is_none());
    }
}
