//! Takes figures and text out of each form's bytes again. Each extractor reads the form as its readers do and knows
//! nothing of the renderer.

use model::bulletin::Lang;
use quick_xml::events::Event;
use std::collections::BTreeMap;

/// What a form prints.
#[derive(Debug, Default)]
pub struct Printed {
    /// Key of a figure to its printed text.
    pub figures: BTreeMap<String, String>,
    /// Key of a figure to its number, where the form has numbers.
    pub numbers: BTreeMap<String, Option<f64>>,
    /// All text in reading order; empty where the form has no sentences.
    pub all_text: String,
}

/// A text without white space: forms break lines where they like.
pub fn dense(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn part(parts: &[(String, Vec<u8>)], name: &str) -> String {
    let found = parts.iter().find(|p| p.0 == name);
    let content = found.unwrap_or_else(|| panic!("no part {name}"));
    String::from_utf8(content.1.clone()).expect("UTF-8")
}

/// Name, attributes, text.
type Piece = (String, Vec<(String, String)>, String);

/// The events of an XML text as (name, attributes, text): names with `/` close.
fn events(xml: &str) -> Vec<Piece> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut out = Vec::new();
    let attributes = |e: &quick_xml::events::BytesStart<'_>| {
        e.attributes()
            .map(|a| {
                let a = a.expect("an attribute");
                let name = a.key.as_ref().to_owned();
                (name, unescape(&a.value))
            })
            .collect::<Vec<_>>()
    };
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(e) => {
                let name = e.name().as_ref().to_owned();
                out.push((name, attributes(&e), String::new()));
            }
            Event::Empty(e) => {
                let name = e.name().as_ref().to_owned();
                out.push((name.clone(), attributes(&e), String::new()));
                out.push((format!("/{name}"), Vec::new(), String::new()));
            }
            Event::End(e) => {
                let name = e.name().as_ref().to_owned();
                out.push((format!("/{name}"), Vec::new(), String::new()));
            }
            Event::Text(t) => out.push((String::new(), Vec::new(), t.to_string())),
            Event::GeneralRef(r) => {
                let name = r.to_string();
                out.push((String::new(), Vec::new(), unescape(&format!("&{name};"))));
            }
            Event::Eof => return out,
            _ => {}
        }
    }
}

/// Resolves the five entities and numbered characters.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let end = rest[at..].find(';').expect("a closed entity") + at;
        out.push_str(match &rest[at + 1..end] {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "apos" | "#39" => "'",
            other => panic!("the entity {other}"),
        });
        rest = &rest[end + 1..];
    }
    out + rest
}

/// Rows of seven cells are the list of all figures.
fn seven(rows: &[Vec<String>]) -> BTreeMap<String, String> {
    rows.iter()
        .filter(|r| r.len() == 7 && r[6].starts_with('v'))
        .map(|r| (r[0].clone(), r[2].clone()))
        .collect()
}

pub fn docx(parts: &[(String, Vec<u8>)]) -> Printed {
    let mut out = Printed::default();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut in_text = false;
    for (name, _, text) in events(&part(parts, "word/document.xml")) {
        match name.as_str() {
            "w:tr" => rows.push(Vec::new()),
            "w:tc" => rows.last_mut().expect("a row").push(String::new()),
            "w:t" => in_text = true,
            "/w:t" => in_text = false,
            "/w:p" => out.all_text.push('\n'),
            "" if in_text => {
                out.all_text.push_str(&text);
                if let Some(cell) = rows.last_mut().and_then(|r| r.last_mut()) {
                    cell.push_str(&text);
                }
            }
            _ => {}
        }
    }
    out.figures = seven(&rows);
    out
}

pub fn xlsx(parts: &[(String, Vec<u8>)]) -> Printed {
    let mut strings: Vec<String> = Vec::new();
    for (name, _, text) in events(&part(parts, "xl/sharedStrings.xml")) {
        match name.as_str() {
            "si" => strings.push(String::new()),
            "" => {
                if let Some(last) = strings.last_mut() {
                    last.push_str(&text);
                }
            }
            _ => {}
        }
    }
    // Row and column to kind and content; the sheet of figures is the second.
    let mut cells: BTreeMap<(u32, String), (bool, String)> = BTreeMap::new();
    let mut at: Option<(u32, String)> = None;
    let mut shared = false;
    for (name, attributes, text) in events(&part(parts, "xl/worksheets/sheet2.xml")) {
        let get = |key: &str| attributes.iter().find(|a| a.0 == key).map(|a| a.1.clone());
        match name.as_str() {
            "c" => {
                let place = get("r").expect("a place");
                let split = place.find(|c: char| c.is_ascii_digit()).expect("a row");
                at = Some((
                    place[split..].parse().expect("a row"),
                    place[..split].to_owned(),
                ));
                shared = get("t").as_deref() == Some("s");
            }
            "f" => panic!("a formula"),
            "/c" => at = None,
            "" => {
                if let Some(at) = &at {
                    cells.insert(at.clone(), (shared, text));
                }
            }
            _ => {}
        }
    }
    let mut out = Printed::default();
    let last = cells.keys().map(|k| k.0).max().unwrap_or(0);
    for row in 2..=last {
        let text = |column: &str| match cells.get(&(row, column.to_owned())) {
            Some((true, index)) => strings[index.parse::<usize>().expect("an index")].clone(),
            _ => String::new(),
        };
        let number = match cells.get(&(row, "D".to_owned())) {
            Some((false, number)) => Some(number.parse().expect("a number")),
            Some((true, text)) => panic!("text {text} where a number belongs"),
            None => None,
        };
        out.figures.insert(text("A"), text("E"));
        out.numbers.insert(text("A"), number);
    }
    out
}

/// Markdown: rows of tables are split at bare bars, backslashes before punctuation fall away.
pub fn markdown(text: &str) -> Printed {
    let plain = |t: &str| {
        let mut out = String::new();
        let mut chars = t.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, chars.peek()) {
                ('\\', Some(next)) if next.is_ascii_punctuation() => {}
                ('*', _) => {}
                _ => out.push(c),
            }
            if c == '\\' && chars.peek().is_some_and(char::is_ascii_punctuation) {
                out.extend(chars.next());
            }
        }
        out
    };
    let mut rows = Vec::new();
    for line in text.lines().filter(|l| l.starts_with("| ")) {
        let mut cells = vec![String::new()];
        let mut before = ' ';
        for c in line.chars().skip(1) {
            if c == '|' && before != '\\' {
                cells.push(String::new());
            } else if let Some(last) = cells.last_mut() {
                last.push(c);
            }
            before = c;
        }
        cells.pop();
        rows.push(cells.iter().map(|c| plain(c.trim())).collect::<Vec<_>>());
    }
    Printed {
        figures: seven(&rows),
        all_text: plain(text),
        ..Printed::default()
    }
}

/// Text of HTML with each tag a line end.
fn bare(html: &str) -> String {
    let body = html.split("</head>").last().expect("a body");
    let mut out = String::new();
    for piece in body.split('<') {
        let text = match piece.split_once('>') {
            Some((_, text)) => text,
            None => piece,
        };
        out.push_str(&unescape(text));
        out.push('\n');
    }
    out
}

pub fn wechat(html: &str, lang: Lang) -> Printed {
    let text = bare(html);
    let between = if lang == Lang::Zh { "；" } else { "; " };
    let list = text
        .lines()
        .find(|l| l.starts_with("M1 ") && l.contains(between))
        .expect("the list of all figures");
    let mut figures = BTreeMap::new();
    let mut key = String::new();
    for item in list.split(between) {
        let (first, rest) = item.split_once(' ').unwrap_or((item, ""));
        let known = first.len() < 12 && first.starts_with(|c: char| c.is_ascii_uppercase());
        if known {
            key = first.to_owned();
            figures.insert(key.clone(), rest.to_owned());
        } else if let Some(last) = figures.get_mut(&key) {
            last.push_str(between);
            last.push_str(item);
        }
    }
    Printed {
        figures: figures
            .into_iter()
            .map(|(k, v)| (k, after_name(&v, lang)))
            .collect(),
        all_text: text,
        ..Printed::default()
    }
}

/// The value after a name: the last words from the first that has a digit, else the last word.
fn after_name(text: &str, lang: Lang) -> String {
    let absent = if lang == Lang::Zh {
        "不可得"
    } else {
        "not available"
    };
    if let Some(at) = text.find(absent) {
        return text[at..].to_owned();
    }
    let words: Vec<&str> = text.split(' ').collect();
    let number = |w: &str| {
        let digits = w.trim_start_matches('约');
        digits.starts_with(|c: char| c.is_ascii_digit())
    };
    match words.iter().position(|w| number(w)) {
        Some(at) => {
            let about = at > 0 && words[at - 1] == "about";
            words[at - usize::from(about)..].join(" ")
        }
        // Words and ranks: names in a list are joined by commas.
        None => {
            let mut from = words.len() - 1;
            while from > 0 && words[from - 1].ends_with(',') {
                from -= 1;
            }
            words[from..].join(" ")
        }
    }
}

pub fn mail_html(html: &str) -> Printed {
    let mut figures = BTreeMap::new();
    for row in html.split("<tr class=\"muted\"><td>").skip(1) {
        let cells: Vec<String> = row
            .split("</tr>")
            .next()
            .expect("a closed row")
            .split("</td>")
            .map(|c| unescape(c.rsplit('>').next().expect("text")))
            .collect();
        if cells.len() == 4 {
            figures.insert(cells[0].clone(), cells[2].clone());
        }
    }
    Printed {
        figures,
        all_text: bare(html),
        ..Printed::default()
    }
}

pub fn mail_text(text: &str, lang: Lang) -> Printed {
    let colon = if lang == Lang::Zh { "：" } else { ": " };
    let heading = if lang == Lang::Zh {
        "全部统计指标"
    } else {
        "All figures"
    };
    let (_, list) = text.split_once(&format!("\n{heading}\n")).expect("a list");
    let mut lines: Vec<String> = Vec::new();
    for line in list.lines().skip(1).take_while(|l| *l != "-- ") {
        match (line.strip_prefix("* "), lines.last_mut()) {
            (Some(item), _) => lines.push(item.to_owned()),
            (None, Some(last)) => {
                last.push_str(if lang == Lang::Zh { "" } else { " " });
                last.push_str(line.trim_start());
            }
            (None, None) => {}
        }
    }
    let mut figures = BTreeMap::new();
    for line in lines {
        let Some((name, value)) = line.split_once(colon) else {
            continue;
        };
        let key = name.split(' ').next().expect("a key").to_owned();
        figures.insert(key, value.trim().to_owned());
    }
    Printed {
        figures,
        all_text: text.to_owned(),
        ..Printed::default()
    }
}
