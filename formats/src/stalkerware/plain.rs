//! Applications as the list writes nine of ten of them, read without a YAML parser.
//!
//! A general parser takes some 25 µs for an application of two indicators, most of it for what no
//! application has: anchors, flow style, quotes, scalars over several lines. Here only block style is
//! read, one plain scalar a line, of characters that mean nothing to YAML where they stand; whatever
//! else is in an application sends all of it to [`super::yaml`], so nothing is refused here. What is
//! read here the other reads alike: the test says so.

use super::{Application, C2_LISTS, Indicator, KNOWN_OTHERS, LISTS};

/// Indicators of an application, far below what the budget of the other way lets through.
const MOST: usize = 10_000;

/// Bytes of a scalar: YAML bounds how far a parser looks for the colon of a key.
const LONGEST: usize = 1_000;

/// Reads an application; `None` where it is not plain.
pub(super) fn read(text: &str) -> Option<Application<'_>> {
    let mut app = Application::default();
    let mut reader = Reader {
        seen: Vec::new(),
        column: None,
        open: Open::Nothing,
        left: MOST,
    };
    let mut offset = 0;
    for (line, text) in text.split('\n').enumerate() {
        let bare = text.trim_start_matches(' ');
        let column = text.len() - bare.len();
        if !bare.is_empty() {
            reader.line(&mut app, bare, column, offset + column, line as u64)?;
        }
        offset += text.len() + 1;
    }
    reader.column.map(|_| app)
}

struct Reader<'a> {
    /// Keys that were there: one that comes again is an error, which the other way words.
    seen: Vec<&'a str>,
    /// Where the application's keys stand.
    column: Option<usize>,
    open: Open,
    left: usize,
}

/// What lines may belong to that stand further in.
enum Open {
    Nothing,
    /// A list, with the column of its dashes.
    List(To, Option<usize>),
    /// The control servers: the column of their keys, and the list that is open among them.
    Servers(Option<usize>, Option<(usize, Option<usize>)>),
}

/// Where items of a list go.
#[derive(Clone, Copy)]
enum To {
    Names,
    /// A list of [`LISTS`].
    Indicators(usize),
    /// The last of the other keys.
    Other,
}

impl<'a> Reader<'a> {
    /// Reads a line from its first character on; `None` where it is not plain.
    fn line(
        &mut self,
        app: &mut Application<'a>,
        bare: &'a str,
        column: usize,
        at: usize,
        line: u64,
    ) -> Option<()> {
        let item = bare.strip_prefix("- ");
        let Some(keys) = self.column else {
            self.column = Some(column + 2);
            return self.key(app, item?);
        };
        if let Some(text) = item {
            let indicator = Indicator {
                text: plain(text)?.into(),
                at: at + 2,
                line,
            };
            return self.item(app, indicator, column);
        }
        if column == keys {
            return self.key(app, bare);
        }
        let Open::Servers(inner, list) = &mut self.open else {
            return None;
        };
        let known = *inner.get_or_insert(column) == column && column > keys;
        let name = bare.strip_suffix(':').filter(|_| known)?;
        let at = C2_LISTS.iter().position(|known| *known == name)?;
        if self.seen.contains(&name) {
            return None;
        }
        self.seen.push(name);
        *list = Some((LISTS.len() - C2_LISTS.len() + at, None));
        Some(())
    }

    fn key(&mut self, app: &mut Application<'a>, bare: &'a str) -> Option<()> {
        let (name, rest) = bare.split_once(':')?;
        let value = match rest.strip_prefix(' ') {
            Some(value) => Some(plain(value)?),
            None if rest.is_empty() => None,
            None => return None,
        };
        if self.seen.contains(&name) {
            return None;
        }
        self.seen.push(name);
        self.open = match (name, value) {
            ("name", value) => {
                app.name = value.map(Into::into);
                Open::Nothing
            }
            ("type", value) => {
                app.kind = value.map(Into::into);
                Open::Nothing
            }
            (_, Some(_)) => return None,
            ("names", None) => Open::List(To::Names, None),
            ("c2", None) => Open::Servers(None, None),
            (name, None) if KNOWN_OTHERS.contains(&name) => {
                app.others.push((name.to_owned(), serde_json::Value::Null));
                Open::List(To::Other, None)
            }
            (name, None) => {
                let members = &LISTS[..LISTS.len() - C2_LISTS.len()];
                let list = members.iter().position(|(known, _)| *known == name)?;
                Open::List(To::Indicators(list), None)
            }
        };
        Some(())
    }

    fn item(
        &mut self,
        app: &mut Application<'a>,
        indicator: Indicator<'a>,
        column: usize,
    ) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        let (to, least, dashes) = match &mut self.open {
            Open::List(to, dashes) => (*to, self.column?, dashes),
            Open::Servers(Some(inner), Some((list, dashes))) => {
                (To::Indicators(*list), *inner, dashes)
            }
            _ => return None,
        };
        if *dashes.get_or_insert(column) != column || column < least {
            return None;
        }
        match to {
            To::Names => app.names.push(indicator.text),
            To::Indicators(list) => app.lists[list].push(indicator),
            To::Other => {
                let (_, value) = app.others.last_mut()?;
                if value.is_null() {
                    *value = serde_json::Value::Array(Vec::new());
                }
                let text = word(&indicator.text)?.into();
                value.as_array_mut()?.push(text);
            }
        }
        Some(())
    }
}

/// A scalar that is its own text, in any position of block style.
fn plain(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let (first, last) = (bytes.first()?, bytes.last()?);
    let mark = |byte: u8| b"._-/+@%=&~? ".contains(&byte);
    let fits = |(at, byte): (usize, &u8)| match byte {
        // A colon before a space makes a key.
        b':' => bytes.get(at + 1).is_some_and(|next| *next != b' '),
        byte => byte.is_ascii_alphanumeric() || mark(*byte),
    };
    let is_plain = bytes.len() <= LONGEST
        && first.is_ascii_alphanumeric()
        && *last != b' '
        && !text.eq_ignore_ascii_case("null")
        && bytes.iter().enumerate().all(fits);
    is_plain.then_some(text)
}

/// A scalar that is text by itself, where its place does not ask for text: no number, no truth value.
fn word(text: &str) -> Option<&str> {
    const OTHERS: &[&str] = &[
        "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "infinity", "nan",
    ];
    let is_other = OTHERS.iter().any(|other| other.eq_ignore_ascii_case(text));
    (text.starts_with(|first: char| first.is_ascii_alphabetic()) && !is_other).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    #[test]
    fn the_usual_form_is_plain() {
        let text = "- name: Spy Example\n  names:\n  - OtherName\n  type: stalkerware\n  packages:\n  - com.example.spy\n  \
            certificates:\n  - 31A6ECECD97CF39BC4126B8745CD94A7C30BF81C\n  - 12E5\n  distribution:\n    - https://dl.spy.example/app.apk\n\n  \
            c2:\n    ips:\n    - 192.0.2.9\n    domains:\n    - c2.spy.example\n  certificate_organizations:\n  - Spy Ltd";
        let app = read(text).expect("a plain application");
        assert_eq!(Ok(&app), yaml::read(text).as_ref());
        assert_eq!(app.lists.iter().map(Vec::len).sum::<usize>(), 6);
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_other() {
        for text in [
            "",
            "- name",
            "- name: 'a'",
            "- name: a # b",
            "- name: a\n   b",
            "- name: a\n  name: b",
            "- name: null",
            "- name: a\n  packages: [b]",
            "- name: a\n  packages: b",
            "- name: a\n  packages:\n  - b\n    - c",
            "- name: a\n  packages:\n    - b\n  - c",
            "- name: a\n  packages:\n  - b: c",
            "- name: a\n  packages:\n  -\n  - c",
            "- name: a\n  c2:\n  - b",
            "- name: a\n  c2:\n    phones:\n    - b",
            "- name: a\n  c2:\n    ips:\n    - b\n    ips:\n    - c",
            "- name: a\n  certificate_organizations:\n  - 1",
            "- name: a\n  certificate_organizations:\n  - Yes",
            "- name: a\n  other:\n  - b",
            "- name: a\r\n  type: b",
            "- name: é",
            "- name: a\n- name: b",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let many = format!("- name: a\n  packages:\n{}", "  - b\n".repeat(MOST + 1));
        assert_eq!(read(&many), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_plain_the_other_reads_alike(
            lines in proptest::collection::vec((0usize..6, proptest::sample::select(vec![
                "- ", "- a", "- a b", "- 1", "- 0x1F", "- 1e3", "- yes", "- a:b", "- a: b", "- https://a.example/?b=c&d", "- 2023-01-09",
                "- ~", "- -a", "- Null", "- a?", "- a %b", "- 192.0.2.1", "", " ", "- |", "- a #b", "- inf", "- ..", "- a--- b", "- 1:20",
                "name:", "name: a", "name: 1.5", "type: true", "type: a b", "names:", "packages:", "ios_bundles:", "certificates:", "websites:",
                "distribution:", "c2:", "ips:", "ip:", "domains:", "urls:", "certificate_organizations:", "certificate_cname_re:", "other:",
                "other: a", "packages: a", "a", ": a", "a:b",
            ])), 0..14),
            indent in 0usize..3,
        ) {
            let mut text = format!("{}- name: A", " ".repeat(indent));
            for (column, line) in lines {
                // Most often where it may stand.
                let column = [0, 1, 2, 2, 4, 3][column] + indent;
                text.push_str(&format!("\n{}{line}", " ".repeat(column)));
            }
            if let Some(app) = read(&text) {
                let other = yaml::read(&text);
                proptest::prop_assert_eq!(Ok(&app), other.as_ref(), "{}", text);
            }
        }
    }
}
