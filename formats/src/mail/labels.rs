//! Lines of `label: value`, the form that notifiers write for machines and people alike: X-ARF before
//! JSON (YAML of one level), and mails whose text lists what they complain about.

use std::collections::BTreeMap;

/// Lines that are looked at.
const MAX_LINES: usize = 20_000;

/// Characters of a label.
const MAX_LABEL: usize = 48;

/// The labels of a text, plain and lower case, with their values in order.
pub(super) fn read(text: &str) -> Vec<(String, String)> {
    text.lines().take(MAX_LINES).filter_map(label).collect()
}

fn label(line: &str) -> Option<(String, String)> {
    let line = line
        .trim()
        .trim_start_matches(['-', '*', '•', '#', '|', '>', ' ']);
    let at = line.find([':', '：'])?;
    let (label, rest) = line.split_at(at);
    let value = rest.trim_start_matches([':', '：']).trim();
    let fits = !label.is_empty()
        && label.chars().count() <= MAX_LABEL
        && label.chars().all(|c| {
            c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '\'' | '/' | '(' | ')' | '’')
        });
    if !fits || rest.starts_with("://") || value.starts_with("//") || value.is_empty() {
        return None;
    }
    let label: String = label
        .trim()
        .to_lowercase()
        .chars()
        .map(|c| if matches!(c, '_' | ' ') { '-' } else { c })
        .filter(|c| !matches!(c, '\'' | '’'))
        .collect();
    Some((label, plain(value)))
}

/// A value without the marks of YAML around it: quotes and the type that Python's writer puts before.
fn plain(value: &str) -> String {
    let value = match value.strip_prefix("!!") {
        Some(typed) => typed.split_once(' ').map_or("", |(_, value)| value),
        None => value,
    };
    let value = value.trim().trim_matches('*');
    let quoted = |mark: char| {
        value
            .strip_prefix(mark)
            .and_then(|rest| rest.strip_suffix(mark))
    };
    quoted('\'')
        .or_else(|| quoted('"'))
        .unwrap_or(value)
        .trim()
        .to_owned()
}

/// Labels as a map; of one that stands twice the first value counts.
pub(super) fn map(labels: &[(String, String)]) -> BTreeMap<&str, &str> {
    let mut map = BTreeMap::new();
    for (label, value) in labels {
        map.entry(label.as_str()).or_insert(value.as_str());
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_every_hand() {
        let text = "---\nReported-From: a@example.com\nDate: '2015-05-15'\n- Issue: x: y\n\
                    Targeted-URL: !!python/unicode 'http://a.example/'\nhttp://a.example/: no\n\
                    Infringer's IP Address: 192.0.2.1\n源IP：192.0.2.2\nSource :  192.0.2.3\nx:\n";
        let read = read(text);
        let shown: Vec<String> = read.iter().map(|(l, v)| format!("{l}={v}")).collect();
        assert_eq!(
            shown,
            [
                "reported-from=a@example.com",
                "date=2015-05-15",
                "issue=x: y",
                "targeted-url=http://a.example/",
                "infringers-ip-address=192.0.2.1",
                "源ip=192.0.2.2",
                "source=192.0.2.3",
            ]
        );
    }
}
