//! A tree against the value that the same parser makes.

use serde_json::Value;

use super::*;

/// Whether a tree says of a text what `Value` says of it.
#[track_caller]
fn check(text: &str) {
    let mut tree = Tree::default();
    match (tree.read(text), serde_json::from_str::<Value>(text)) {
        (Ok(json), Ok(value)) => {
            same(json, &value);
            let mut written = String::new();
            json.write(&mut written);
            assert_eq!(written, value.to_string(), "{text}");
            assert_eq!(json.to_value(), value);
        }
        (Err(ours), Err(theirs)) => assert_eq!(ours.to_string(), theirs.to_string(), "{text}"),
        (ours, theirs) => panic!("{text}: {:?} and {theirs:?}", ours.map(|_| ())),
    }
}

fn same(json: Json<'_>, value: &Value) {
    assert_eq!(json.is_null(), value.is_null());
    assert_eq!(json.bool(), value.as_bool());
    assert_eq!(json.number(), value.as_number());
    assert_eq!(json.str(), value.as_str());
    assert_eq!(json.is_object(), value.is_object());
    let list: Vec<Json<'_>> = json.list().collect();
    let theirs = value.as_array().into_iter().flatten();
    assert_eq!(list.len(), theirs.clone().count());
    list.into_iter().zip(theirs).for_each(|(a, b)| same(a, b));
    let members: Vec<Json<'_>> = json.members().collect();
    let theirs = value.as_object().into_iter().flatten();
    assert_eq!(members.len(), theirs.clone().count());
    for (member, (name, value)) in members.into_iter().zip(theirs) {
        assert_eq!(member.name(), name);
        assert_eq!(json.get(name).map(|found| found.at), Some(member.at));
        same(member, value);
    }
    assert!(json.get("no such member").is_none() && json.member("none").is_null());
}

#[test]
fn a_tree_says_what_a_value_says() {
    for text in [
        "",
        " null ",
        "nul",
        "true false",
        "[1, -1, -0, 0.0, 1.50, 1e2, 1E400, 18446744073709551616, -9223372036854775809]",
        "1e400",
        "01",
        "-",
        r#""a\u00e9\n\"\\\/\b\f\u0001中""#,
        r#""\ud800""#,
        r#""\ud83d\ude00""#,
        "\"\u{1}\"",
        "\"open",
        r#"{"a": 1, "b": {"a": [2, {"c": null}], "d": ""}, "a\u0062": [[], {}, ""]}"#,
        r#"{"a": 1, "b": 2, "a": {"x": 1, "x": [2]}}"#,
        r#"{"a": 1, "\u0061": 2}"#,
        r#"{"b": {"x": 1, "x": 2}, "": 1, "": 2}"#,
        r#"{"a" 1}"#,
        r#"{1: 2}"#,
        r#"{"a": 1,}"#,
        "[1,]",
        "[1 2]",
        "{\"a\": [1}",
    ] {
        check(text);
    }
    for depth in [126, 127, 128, 400_000] {
        check(&format!("{}1{}", "[".repeat(depth), "]".repeat(depth)));
        check(&format!(
            "{}1{}",
            "{\"a\":".repeat(depth),
            "}".repeat(depth)
        ));
    }
    for twice in [0, 31, 32, 33, 99] {
        let members: Vec<String> = (0..100).map(|n| format!("\"m{n}\": {n}")).collect();
        check(&format!("{{{}, \"m{twice}\": null}}", members.join(",")));
        check(&format!("{{{}}}", members.join(",")));
    }
}

#[test]
fn an_escaped_zero_is_found_and_nothing_else() {
    let mut tree = Tree::default();
    for (text, zero) in [
        (r#"["a\u0000b"]"#, true),
        (r#"{"\u0000": 1}"#, true),
        (r#"["a\\u0000b", "\\\\u0000"]"#, false),
        // What does not hold any more says nothing.
        (r#"{"a": "\u0000", "a": 1}"#, false),
    ] {
        assert!(tree.read(text).is_ok());
        assert_eq!(tree.has_nul(), zero, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_as_a_value_reads_it(
        text in "[\\[\\]{}\",:ab\\\\u0-9e. -]{0,60}",
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"\\u0061\"", "\"é\\n\"", "1", "-2.5e3", "null", "true", " ",
        ]), 0..40),
    ) {
        check(&text);
        check(&pieces.concat());
    }

    #[test]
    fn any_value_is_read_back(seed in proptest::collection::vec((0u8..8, ".{0,6}"), 1..60)) {
        let mut seed = seed.into_iter();
        let value = grow(&mut seed, 6);
        check(&value.to_string());
        check(&serde_json::to_string_pretty(&value).expect("a value"));
    }
}

fn grow(seed: &mut impl Iterator<Item = (u8, String)>, depth: u8) -> Value {
    match seed.next() {
        Some((0 | 1, _)) if depth > 0 => (0..3)
            .map(|_| grow(seed, depth - 1))
            .collect::<Vec<_>>()
            .into(),
        Some((2..=4, name)) if depth > 0 => {
            let member = |n: u8| (format!("{name}{n}"), grow(seed, depth - 1));
            Value::Object((0..4).map(member).collect())
        }
        Some((5, text)) => (text.len() as f64 / 3.0).into(),
        Some((6, text)) => (text.len() as i64 - 3).into(),
        Some((_, text)) => text.into(),
        None => Value::Null,
    }
}
