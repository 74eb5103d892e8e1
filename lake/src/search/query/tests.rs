//! Queries are read as they are written, and written as they were read.

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn zone() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(8))
}

#[test]
fn a_text_is_read_as_it_is_meant() {
    let query = parsed(
        "type:phishing -feed:x ip:192.0.2.9/24 province:32 observed:2026-11-16..2026-11-22 login",
    );
    assert_eq!(
        query.to_string(),
        "observed:2026-11-16..2026-11-22 class:phishing -feed:x ip:192.0.2.0/24 province:32 login"
    );
    assert_eq!(query.terms.len(), 5);
    // Values of one key stand together, whichever way they are written.
    assert_eq!(
        parsed("tld:test,com tld:net tld:test").to_string(),
        "tld:test,com,net"
    );
    // What is shown can be pasted.
    assert_eq!(parsed("192.0.2[.]7").to_string(), "ip:192.0.2.7");
    assert_eq!(parsed("as64500").to_string(), "asn:AS64500");
    assert_eq!(parsed("2001:db8::1").to_string(), "ip:2001:db8::1");
    assert_eq!(parsed("abcd::1").to_string(), "ip:abcd::1");
    assert_eq!(
        parsed("https://login.example.test/a:b").to_string(),
        "\"https://login.example.test/a:b\""
    );
    assert_eq!(
        parsed("malware:none -host:any url:\"a b\"").to_string(),
        "malware:none -host:any url:\"a b\""
    );
    assert_eq!(
        parsed("host:*.example.test").to_string(),
        "host:*.example.test"
    );
    assert_eq!(parsed("feed:*").to_string(), "feed:any");
    assert_eq!(parsed(" \t ").to_string(), "");
    assert_eq!(parsed("observed:1w").to_string(), "observed:7d");
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_remedy() {
    let wrong = |text: &str| Query::parse(text).expect_err(text).to_string();
    assert!(
        wrong("login fed:x").starts_with("character 7: there is no filter `fed`, perhaps `feed`")
    );
    assert_eq!(
        wrong("ip:192.0.2.300"),
        "character 4: `192.0.2.300` is no value of `ip`; write for example ip:192.0.2.0/24"
    );
    assert!(wrong("feed:").contains("`feed:` has no value"));
    assert!(wrong("feed:a,").contains("`feed:` has no value"));
    assert!(wrong("url:\"abc").contains("opened and not closed"));
    assert!(wrong("url:\"abc\"d").contains("behind the quotation mark"));
    assert!(wrong("host:a*b").contains("not within it"));
    assert!(wrong("*").contains("`*`"));
    assert!(wrong("observed:7d observed:8d").contains("said once"));
    assert!(wrong("-observed:7d").contains("said once"));
    assert!(wrong("observed:2026-11-22..2026-11-16").contains("ends before it begins"));
    assert!(wrong("observed:yesterday").contains("no value of `observed`"));
    assert!(wrong("province:3").contains("no value of `province`"));
    assert!(wrong("asn:99999999999").contains("no value of `asn`"));
    assert!(wrong(&"a ".repeat(3000)).contains("more than"));
    let many: Vec<String> = (0..300).map(|n| format!("w{n}")).collect();
    assert!(wrong(&many.join(" ")).contains("more than"));
}

#[test]
fn a_span_is_one_of_the_house() {
    let now = Timestamp(1_795_000_000_000_000);
    let (from, to) = parsed("observed:2026-11-16..2026-11-22")
        .span
        .expect("one")
        .bounds(now, &zone());
    let monday: jiff::Timestamp = "2026-11-15T16:00:00Z".parse().expect("an instant");
    assert_eq!(from, monday.as_microsecond());
    assert_eq!(to - from, 7 * 86_400_000_000);
    let back = Span::between(from, to, &zone());
    assert_eq!(
        back.map(|span| span.to_string()).as_deref(),
        Some("2026-11-16..2026-11-22")
    );
    let hours = Span::between(from + 3_600_000_000, to, &zone());
    assert_eq!(
        hours.map(|span| span.to_string()).as_deref(),
        Some("2026-11-16T01:00..2026-11-23T00:00")
    );
    let (from, to) = Span::Days(7).bounds(now, &zone());
    assert_eq!((now.0 - from, to), (7 * 86_400_000_000, now.0 + 1));
    assert_eq!(
        parsed("observed:..2026-11-22")
            .span
            .expect("one")
            .bounds(now, &zone())
            .0,
        i64::MIN
    );
}

#[test]
fn chips_edit_the_query() {
    let query = parsed("class:phishing feed:a");
    let more = query.with(Key::Feed, Value::text("b"), false);
    assert_eq!(more.to_string(), "class:phishing feed:a,b");
    assert!(more.has(Key::Feed, &Value::text("b")));
    assert_eq!(
        more.without(Key::Feed, &Value::text("a"), false)
            .to_string(),
        "class:phishing feed:b"
    );
    // Excluding what was asked for takes it back.
    assert_eq!(
        query.with(Key::Feed, Value::text("a"), true).to_string(),
        "class:phishing -feed:a"
    );
    assert_eq!(
        query.during(Some(Span::Hours(3))).to_string(),
        "observed:3h class:phishing feed:a"
    );
}

fn values(key: Key) -> BoxedStrategy<Value> {
    let text =
        (".{1,12}", any::<bool>(), any::<bool>()).prop_map(|(text, before, after)| Value::Text {
            text,
            before,
            after,
        });
    let own = match key.form() {
        Form::Text => text.boxed(),
        Form::Within => ".{1,12}".prop_map(|text| Value::text(&text)).boxed(),
        Form::Word(apart) => ".{1,12}"
            .prop_map(move |text: String| Value::text(&text.replace(apart, "x")))
            .boxed(),
        Form::Net => prop_oneof![
            (any::<u32>(), 0..=32_u8).prop_map(|(ip, length)| net(&format!(
                "{}/{length}",
                std::net::Ipv4Addr::from(ip)
            ))),
            (any::<u128>(), 0..=128_u8).prop_map(|(ip, length)| net(&format!(
                "{}/{length}",
                std::net::Ipv6Addr::from(ip)
            ))),
        ]
        .prop_map(|net| {
            let (ip, length) = net.expect("one");
            Value::Net(ip, length)
        })
        .boxed(),
        Form::Number => (0..i64::MAX).prop_map(Value::Number).boxed(),
        Form::Asn => any::<u32>().prop_map(|n| Value::Number(n.into())).boxed(),
        Form::Division => (0..1_000_000_i64).prop_map(Value::Number).boxed(),
        Form::Territory => (1..=2_i64).prop_map(Value::Number).boxed(),
    };
    match key {
        Key::Text => own,
        _ => prop_oneof![8 => own, 1 => Just(Value::Any), 1 => Just(Value::None)].boxed(),
    }
}

fn spans() -> impl Strategy<Value = Option<Span>> {
    let day = |n: i16| {
        jiff::civil::date(2026, 1, 1)
            .checked_add(i64::from(n).days())
            .expect("a day")
    };
    let moment = move |n: i16, minutes: Option<i16>| match minutes {
        None => Moment::Day(day(n)),
        Some(minutes) => Moment::At(
            DateTime::from(day(n))
                .checked_add(i64::from(minutes).minutes())
                .expect("a time"),
        ),
    };
    let of = proptest::option::of(0..1440_i16);
    prop_oneof![
        Just(None),
        (1..1000_u32).prop_map(|n| Some(Span::Hours(n))),
        (1..1000_u32).prop_map(|n| Some(Span::Days(n))),
        (0..400_i16, of)
            .prop_map(move |(n, minutes)| Some(Span::Between(Some(moment(n, minutes)), None))),
        (0..400_i16).prop_map(move |n| Some(Span::Between(None, Some(moment(n, None))))),
        (0..400_i16, 0..400_i16, proptest::option::of(0..1440_i16)).prop_map(
            move |(from, len, minutes)| {
                let to = match minutes {
                    None => moment(from + len, None),
                    Some(_) => moment(from + len + 1, minutes),
                };
                Some(Span::Between(Some(moment(from, None)), Some(to)))
            }
        ),
    ]
}

fn queries() -> impl Strategy<Value = Query> {
    let term = (0..KEYS.len(), any::<bool>()).prop_flat_map(|(at, exclude)| {
        let key = KEYS[at].key;
        let most = if key == Key::Text { 2 } else { 4 };
        proptest::collection::vec(values(key), 1..most).prop_map(move |values| Term {
            key,
            exclude,
            values,
        })
    });
    (spans(), proptest::collection::vec(term, 0..6)).prop_map(|(span, terms)| {
        let mut query = Query {
            span,
            terms: Vec::new(),
        };
        terms.into_iter().for_each(|term| query.add(term));
        query
    })
}

proptest! {
    #[test]
    fn the_printed_form_reads_back_as_the_same_query(query in queries()) {
        let text = query.to_string();
        prop_assert_eq!(Query::parse(&text), Ok(query), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused_and_its_printed_form_stays(text in "\\PC{0,40}|[a-z:,*\" -]{0,30}") {
        if let Ok(query) = Query::parse(&text) {
            let printed = query.to_string();
            prop_assert_eq!(Query::parse(&printed), Ok(query));
        }
    }
}
