//! The definition of a row by example, and that blocks never change it.

use super::*;
use proptest::prelude::*;

const QUOTED: Framing = Framing::QuotedLines { delimiter: b',' };

fn cut(text: &[u8], framing: Framing, size: usize) -> Vec<(u64, u64, Vec<u8>)> {
    let mut cutter = BlockCutter::new(text, framing).with_block_bytes(size);
    let mut found = Vec::new();
    let mut spare = Vec::new();
    while let Some(cut) = cutter
        .next(std::mem::take(&mut spare))
        .expect("memory does not fail")
    {
        match cut {
            Cut::Block(block) => {
                assert!(block.bytes.len() <= size.max(MAX_ROW_BYTES + 2));
                for row in rows(block.as_block(), framing) {
                    found.push((row.line, row.offset, row.bytes.to_vec()));
                }
                spare = block.bytes;
            }
            Cut::Reject(reject) => found.push((reject.line, reject.offset, reject.raw)),
        }
    }
    found
}

fn texts(text: &str, framing: Framing) -> Vec<String> {
    cut(text.as_bytes(), framing, BLOCK_BYTES)
        .into_iter()
        .map(|row| String::from_utf8_lossy(&row.2).into_owned())
        .collect()
}

#[test]
fn a_line_ends_with_lf_crlf_or_cr() {
    assert_eq!(
        texts("a\nb\r\nc\rd\n\ne", Framing::Lines),
        ["a", "b", "c", "d", "", "e"]
    );
    let found = cut(b"a\nb\r\nc\rd\n\ne", QUOTED, 3);
    let lines: Vec<_> = found.iter().map(|row| (row.0, row.1)).collect();
    assert_eq!(lines, [(1, 0), (2, 2), (3, 5), (4, 7), (5, 9), (6, 10)]);
}

#[test]
fn quotes_hold_a_row_together() {
    assert_eq!(texts("\"a\nb\",c\nd", QUOTED), ["\"a\nb\",c", "d"]);
    assert_eq!(
        texts("\"a\nb\",c\nd", Framing::Lines),
        ["\"a", "b\",c", "d"]
    );
    assert_eq!(texts("\"a\"\"\nb\",c\nd", QUOTED), ["\"a\"\"\nb\",c", "d"]);
    assert_eq!(texts("x,\"a\r\nb\"\r\ny", QUOTED), ["x,\"a\r\nb\"", "y"]);
    let found = cut(b"\"a\n\nb\"\nc", QUOTED, BLOCK_BYTES);
    assert_eq!(found[1].0, 4);
}

#[test]
fn a_stray_quote_costs_its_own_row_only() {
    assert_eq!(texts("5\" disk,b\nc,d\n", QUOTED), ["5\" disk,b", "c,d"]);
    assert_eq!(texts("a,\"b\nc,d\ne,f", QUOTED), ["a,\"b", "c,d", "e,f"]);
    assert_eq!(
        texts("\"a,b\n\"c\",d\ne", QUOTED),
        ["\"a,b", "\"c\",d", "e"]
    );
    assert_eq!(texts("\"a\"b\nc\",d\ne", QUOTED), ["\"a\"b", "c\",d", "e"]);
    let many = format!("\"open\n{}", "x,y\n".repeat(300));
    assert_eq!(texts(&many, QUOTED).len(), 301);
    let long = format!("\"open\n{}\n\"late\",x\n", "y".repeat(MAX_SPAN_BYTES));
    assert_eq!(texts(&long, QUOTED).len(), 3);
}

#[test]
fn a_reader_may_take_a_row_apart() {
    let text = b"a,\"b\nc\",d\ne,f\n";
    let mut found = rows(
        Block {
            bytes: text,
            offset: 100,
            line: 7,
        },
        QUOTED,
    );
    let row = found.next().expect("a row");
    assert_eq!(row.bytes, b"a,\"b\nc\",d");
    assert_eq!(
        found.by_line(row),
        Row {
            bytes: b"a,\"b",
            line: 7,
            offset: 100
        }
    );
    let rest: Vec<_> = found.collect();
    assert_eq!(
        rest[0],
        Row {
            bytes: b"c\",d",
            line: 8,
            offset: 105
        }
    );
    assert_eq!(
        rest[1],
        Row {
            bytes: b"e,f",
            line: 9,
            offset: 110
        }
    );
    assert_eq!(rest.len(), 2);
}

#[test]
fn a_header_is_the_first_row_that_is_not_blank() {
    let found = header(b"\n\r\n\"a\",\"b\nc\"\r\nrow\n", QUOTED).expect("a header");
    assert_eq!(
        (found.bytes, found.len, found.lines),
        (&b"\"a\",\"b\nc\""[..], 14, 4)
    );
    assert_eq!(header(b"\n \n", QUOTED), None);
    assert_eq!(header(b"", QUOTED), None);
    assert_eq!(header(b"only", QUOTED).map(|header| header.len), Some(4));
}

/// A line of `length` bytes that is never in memory as a whole.
struct Long {
    length: u64,
    tail: &'static [u8],
}

impl Read for Long {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.length == 0 {
            return self.tail.read(out);
        }
        let count = out.len().min(self.length as usize);
        out[..count].fill(b'x');
        self.length -= count as u64;
        Ok(count)
    }
}

#[test]
fn a_line_of_a_gigabyte_is_a_reject_in_bounded_memory() {
    for framing in [Framing::Lines, QUOTED] {
        let text = (&b"first\n"[..]).chain(Long {
            length: 1 << 30,
            tail: b"\r\nlast\n",
        });
        let mut cutter = BlockCutter::new(text, framing);
        let mut blocks = Vec::new();
        let mut rejects = Vec::new();
        while let Some(cut) = cutter.next(Vec::new()).expect("memory does not fail") {
            assert!(cutter.buffer.capacity() <= 3 * MAX_ROW_BYTES);
            match cut {
                Cut::Block(block) => blocks.push(block),
                Cut::Reject(reject) => rejects.push(reject),
            }
        }
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            (blocks[1].bytes.as_slice(), blocks[1].line),
            (&b"last\n"[..], 3)
        );
        assert_eq!(blocks[1].offset, 6 + (1 << 30) + 2);
        let reject = &rejects[0];
        assert_eq!((rejects.len(), reject.line, reject.offset), (1, 2, 6));
        assert_eq!(
            (reject.reason, reject.raw_len),
            (RejectReason::TooLong, 1 << 30)
        );
        assert_eq!(reject.raw, vec![b'x'; REJECT_KEEP_BYTES]);
        let mut hasher = blake3::Hasher::new();
        for _ in 0..1 << 14 {
            hasher.update(&[b'x'; 1 << 16]);
        }
        assert_eq!(reject.raw_hash, *hasher.finalize().as_bytes());
    }
}

#[test]
fn the_longest_row_is_read_and_the_next_byte_is_too_much() {
    for ending in ["\n", "\r\n", "\r", ""] {
        for (extra, rejected) in [(0, false), (1, true), (2, true)] {
            let text = format!("a\n{}{ending}b{ending}", "x".repeat(MAX_ROW_BYTES + extra));
            for framing in [Framing::Lines, QUOTED] {
                let mut cutter = BlockCutter::new(text.as_bytes(), framing);
                let mut rejects = 0;
                let mut read = 0;
                while let Some(cut) = cutter.next(Vec::new()).expect("memory does not fail") {
                    match cut {
                        Cut::Block(block) => read += rows(block.as_block(), framing).count(),
                        Cut::Reject(reject) => {
                            rejects += 1;
                            let tail = if ending.is_empty() { 1 } else { 0 };
                            assert_eq!(reject.raw_len as usize, MAX_ROW_BYTES + extra + tail);
                        }
                    }
                }
                let rejected = rejected || ending.is_empty();
                let rows = if ending.is_empty() { 2 } else { 3 };
                assert_eq!(
                    (rejects, read),
                    (usize::from(rejected), rows - usize::from(rejected)),
                    "{ending:?} {extra}"
                );
            }
        }
    }
}

struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let all = b"one\ntwo\nthr";
        if self.0 >= all.len() {
            return Err(std::io::Error::other("torn"));
        }
        let count = (&all[self.0..]).read(out)?;
        self.0 += count;
        Ok(count)
    }
}

#[test]
fn rows_before_damage_are_read_and_the_damage_is_told() {
    let mut cutter = BlockCutter::new(Broken(0), QUOTED);
    let Ok(Some(Cut::Block(block))) = cutter.next(Vec::new()) else {
        panic!("a block first")
    };
    assert_eq!(block.bytes, b"one\ntwo\n");
    let Ok(Some(Cut::Reject(reject))) = cutter.next(Vec::new()) else {
        panic!("then a reject")
    };
    assert_eq!((reject.raw.as_slice(), reject.line), (&b"thr"[..], 3));
    assert!(cutter.next(Vec::new()).is_err());
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(
        proptest::sample::select(b"ab,\"\"\"\n\n\r".to_vec()),
        0..400,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_size_of_a_block_changes_nothing(text in hostile(), size in 1usize..300) {
        for framing in [Framing::Lines, QUOTED] {
            prop_assert_eq!(cut(&text, framing, size), cut(&text, framing, BLOCK_BYTES));
        }
    }

    #[test]
    fn rows_and_line_ends_are_the_text(text in hostile(), size in 1usize..300) {
        for framing in [Framing::Lines, QUOTED] {
            let mut at = 0;
            let mut lines = 1;
            for (line, offset, row) in cut(&text, framing, size) {
                let between = &text[at..offset as usize];
                prop_assert!(matches!(between, b"" | b"\n" | b"\r\n" | b"\r"), "{:?}", between);
                prop_assert_eq!(&text[offset as usize..][..row.len()], row.as_slice());
                prop_assert_eq!(line, lines);
                at = offset as usize + row.len();
                lines += 1 + count_lines(&row);
            }
            prop_assert!(matches!(&text[at..], b"" | b"\n" | b"\r\n" | b"\r"));
        }
    }

    #[test]
    fn looking_at_the_end_finds_what_reading_from_the_start_finds(text in hostile(), bytes in 1usize..200, lines in 1usize..20) {
        let mut ends = vec![];
        let mut at = 0;
        while let Some(row) = quoted_row(&text, at, b',', false) {
            ends.push(row.next);
            at = row.next;
        }
        if let Some(end) = settled_row_end(&text, b',', bytes, lines) {
            prop_assert_eq!(Some(&end), ends.last());
        }
    }
}
