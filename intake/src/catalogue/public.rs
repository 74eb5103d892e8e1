//! The catalogue of public feeds: data that the binary carries, so that turning a known feed on is
//! copying its entry.
//!
//! `feeds.toml` holds entries as `[[feed]]` in the configuration has them, and what only a catalogue
//! needs to say: where the feed is, how often to ask, who may. Nothing here is in use: a feed is when
//! it stands in the configuration. Not here: fetching ([`crate::collect`]).

use std::fmt::Write;

use model::feed::Feed;
use toml::{Table, Value};

/// The data.
const FEEDS: &str = include_str!("feeds.toml");

/// Who may have a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Who is registered with the provider, perhaps under an agreement.
    Registration,
    /// Who has a key of the provider, part of the address or of the request.
    Key,
}

impl Access {
    /// The word of the catalogue.
    pub fn label(self) -> &'static str {
        match self {
            Access::Open => "open",
            Access::Registration => "registration",
            Access::Key => "key",
        }
    }
}

/// A feed of the catalogue.
#[derive(Clone, Debug)]
pub struct PublicFeed {
    /// Its entry, turned off and without paths.
    pub feed: Feed,
    /// What it lists, in a sentence.
    pub about: String,
    /// Where the provider describes it.
    pub documentation: String,
    /// Where it is; `${NAME}` stands for what only the subscriber knows.
    pub address: String,
    /// Seconds between two fetches.
    pub interval_secs: u64,
    /// Who may have it.
    pub access: Access,
    entry: Table,
}

impl PublicFeed {
    /// The entry as it stands in a configuration, turned on or off, with the files that belong to it
    /// and, where the address is one of HTTP, how it is fetched.
    pub fn entry(&self, paths: &[String], enabled: bool) -> String {
        let mut entry = self.entry.clone();
        let paths = paths.iter().cloned().map(Value::String).collect();
        entry.insert("paths".into(), Value::Array(paths));
        entry.insert("enabled".into(), Value::Boolean(enabled));
        if self.address.starts_with("https://") || self.address.starts_with("http://") {
            let mut fetch = Table::new();
            if self.feed.format == "misp" {
                fetch.insert("kind".into(), Value::String("misp".to_owned()));
            }
            fetch.insert("url".into(), Value::String(self.address.clone()));
            // The catalogue's numbers are far below the largest integer of TOML.
            let secs = i64::try_from(self.interval_secs).unwrap_or(i64::MAX);
            fetch.insert("interval_secs".into(), Value::Integer(secs));
            entry.insert("fetch".into(), Value::Table(fetch));
        }
        let mut whole = Table::new();
        whole.insert("feed".into(), Value::Array(vec![Value::Table(entry)]));
        let mut text = String::new();
        for line in [&self.about, &self.address, &self.documentation] {
            writeln!(text, "# {line}").expect("writing to a string does not fail");
        }
        text + &whole.to_string()
    }
}

/// Every feed of the catalogue, in its order.
///
/// # Errors
/// What is wrong with the data, with the name of the entry: a fault of the build, which a test finds.
pub fn feeds() -> Result<Vec<PublicFeed>, String> {
    let whole: Table = FEEDS
        .parse()
        .map_err(|error| format!("feeds.toml: {error}"))?;
    let entries = whole.get("feed").and_then(Value::as_array);
    let entries = entries.ok_or("feeds.toml: there is no [[feed]]")?;
    entries
        .iter()
        .map(|entry| {
            entry
                .as_table()
                .ok_or("not a table".to_owned())
                .and_then(read)
        })
        .collect()
}

/// The feeds with all words in name, provider, description, format or classification, whatever their
/// case.
///
/// # Errors
/// As [`feeds`].
pub fn search(words: &str) -> Result<Vec<PublicFeed>, String> {
    let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    let mut found = feeds()?;
    found.retain(|public| {
        let feed = &public.feed;
        let class = feed.classification.as_deref().unwrap_or_default();
        let text = [
            &feed.name,
            &feed.provider,
            &public.about,
            &feed.format,
            class,
        ]
        .join("\n");
        let text = text.to_lowercase();
        words.iter().all(|word| text.contains(word))
    });
    Ok(found)
}

/// The feed of that name.
///
/// # Errors
/// As [`feeds`].
pub fn find(name: &str) -> Result<Option<PublicFeed>, String> {
    Ok(feeds()?.into_iter().find(|public| public.feed.name == name))
}

/// What is wrong with an entry: faults of the format's own check, and what a catalogue must say.
pub fn problems(public: &PublicFeed) -> Vec<String> {
    let feed = &public.feed;
    let mut problems = match formats::format(&feed.format) {
        Ok(format) => (format.check)(feed),
        Err(error) => vec![error.to_string()],
    };
    for (key, text) in [
        ("provider", &feed.provider),
        ("licence", &feed.licence),
        ("terms", &feed.terms),
        ("about", &public.about),
        ("documentation", &public.documentation),
        ("address", &public.address),
    ] {
        if text.trim().is_empty() {
            problems.push(format!("{key}: is missing"));
        }
    }
    if feed.enabled {
        problems.push("enabled: a feed of the catalogue is off".into());
    }
    if public.interval_secs < 300 {
        problems.push("interval_secs: under five minutes is impolite".into());
    }
    problems
}

fn read(entry: &Table) -> Result<PublicFeed, String> {
    let mut entry = entry.clone();
    let name = entry
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("a feed")
        .to_owned();
    let fault = |what: &str| format!("feeds.toml: {name}: {what}");
    let mut text = |key: &str| match entry.remove(key) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(fault(&format!("`{key}` is missing or no text"))),
    };
    let about = text("about")?;
    let documentation = text("documentation")?;
    let address = text("address")?;
    let access = match text("access")?.as_str() {
        "open" => Access::Open,
        "registration" => Access::Registration,
        "key" => Access::Key,
        other => {
            return Err(fault(&format!(
                "access `{other}` is none of open, registration, key"
            )));
        }
    };
    let interval = entry
        .remove("interval_secs")
        .and_then(|value| value.as_integer());
    let interval_secs = interval
        .and_then(|secs| u64::try_from(secs).ok())
        .ok_or_else(|| fault("`interval_secs` is missing or no number"))?;
    let feed: Feed = Value::Table(entry.clone())
        .try_into()
        .map_err(|error| fault(&error.to_string()))?;
    Ok(PublicFeed {
        feed,
        about,
        documentation,
        address,
        interval_secs,
        access,
        entry,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use model::field::Field;
    use model::record::Record;
    use model::reject::Reject;

    use super::*;

    /// Formats that serve feeds of any provider.
    const SHARED: [&str; 3] = ["csv", "json", "list"];

    #[test]
    fn every_entry_is_in_order() {
        let feeds = feeds().expect("the data can be read");
        let mut names = HashSet::new();
        let mut wrong = Vec::new();
        for public in &feeds {
            let name = &public.feed.name;
            assert!(names.insert(name.clone()), "{name} stands twice");
            let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(name.chars().all(valid), "{name}");
            wrong.extend(
                problems(public)
                    .into_iter()
                    .map(|problem| format!("{name}: {problem}")),
            );
            // Shadowserver's schema and rows that bring their own classification say it themselves.
            let by_row = public
                .feed
                .values
                .values()
                .flat_map(|values| values.values());
            let by_row = by_row
                .flat_map(|fields| fields.keys())
                .any(|key| key == "class_type");
            assert!(
                public.feed.classification.is_some()
                    || by_row
                    || public.feed.format == "shadowserver",
                "{name} has no classification"
            );
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(feeds.len() >= 90, "only {} feeds", feeds.len());
        let shared = feeds
            .iter()
            .filter(|public| SHARED.contains(&public.feed.format.as_str()));
        assert!(
            2 * shared.count() > feeds.len(),
            "too few use the shared formats"
        );
    }

    #[test]
    fn a_search_takes_all_words_in_any_case() {
        let names = |words: &str| -> Vec<String> {
            let found = search(words).expect("the data can be read");
            found.into_iter().map(|public| public.feed.name).collect()
        };
        assert!(names("FEODO json").contains(&"feodotracker-json".to_owned()));
        assert!(names("blocklist.de").len() > 5);
        assert_eq!(names("no such thing"), Vec::<String>::new());
        assert_eq!(
            names("").len(),
            feeds().expect("the data can be read").len()
        );
    }

    #[test]
    fn an_entry_comes_back_from_its_text() {
        for public in feeds().expect("the data can be read") {
            let text = public.entry(&["feeds/x/*".to_owned()], true);
            let whole: Table = text.parse().expect("TOML");
            let mut feed: Feed = whole["feed"][0].clone().try_into().expect("a feed");
            assert!(feed.enabled && feed.paths == ["feeds/x/*"]);
            (feed.enabled, feed.paths) = (false, Vec::new());
            let fetch = feed.fetch.take();
            assert_eq!(fetch.is_some(), public.address.starts_with("http"));
            let problems = fetch.map(|fetch| crate::collect::plan::check(&fetch));
            let name = &public.feed.name;
            assert_eq!(problems.unwrap_or_default(), [""; 0], "{name}");
            assert_eq!(feed, public.feed);
        }
        assert!(find("tor-exits").is_ok_and(|found| found.is_some()));
        assert!(find("tor-entries").is_ok_and(|found| found.is_none()));
    }

    #[derive(Default)]
    struct Read {
        records: Vec<String>,
        rejects: Vec<String>,
    }

    impl formats::Output for Read {
        fn record(&mut self, record: &Record) {
            let shown = |field: &Field| match record.get(*field)? {
                model::record::Value::Text(text) => Some(text.to_owned()),
                model::record::Value::Ip(ip) => Some(ip.to_string()),
                model::record::Value::Int(value) => Some(value.to_string()),
                model::record::Value::Time(at) if !record.undated => Some(at.to_string()),
                _ => None,
            };
            let shown: Vec<String> = SHOWN.iter().filter_map(shown).collect();
            self.records.push(shown.join(" "));
        }
        fn reject(&mut self, reject: Reject) {
            self.rejects.push(reject.message);
        }
        fn warn(&mut self, _: formats::Warning) {}
    }

    const SHOWN: [Field; 13] = [
        Field::ObservedAt,
        Field::ClassType,
        Field::SourceIp,
        Field::SourcePort,
        Field::SourceHost,
        Field::SourceUrl,
        Field::SourceNetwork,
        Field::SourceAsn,
        Field::MalwareName,
        Field::Sha256,
        Field::Certificate,
        Field::VulnerabilityId,
        Field::Status,
    ];

    /// What the provider's form looks like, with reserved names, and what the entry makes of it.
    const SAMPLES: &[(&str, &str, &[&str])] = &[
        (
            "urlhaus-recent",
            "# abuse.ch URLhaus\r\n#\r\n# id,dateadded,url,url_status,last_online,threat,tags,urlhaus_link,reporter\r\n\
             \"1\",\"2023-01-09 08:00:00\",\"http://192.0.2.1:8080/x\",\"online\",\"2023-01-09 08:00:00\",\"malware_download\",\"a,b\",\"https://example.com/1/\",\"who\"\r\n",
            &["2023-01-09T08:00:00Z malware-distribution http://192.0.2.1:8080/x online"],
        ),
        (
            "threatfox-recent",
            r#"{"7": [{"ioc_value": "192.0.2.1:443", "ioc_type": "ip:port", "threat_type": "botnet_cc", "malware_printable": "Example",
              "first_seen_utc": "2023-01-09 08:00:00", "confidence_level": 75, "tags": "a,b", "anonymous": "0"}],
              "8": [{"ioc_value": "da39a3ee5e6b4b0d3255bfef95601890afd80709da39a3ee5e6b4b0d3255bfef", "threat_type": "payload",
              "first_seen_utc": "2023-01-09 08:00:00"}]}"#,
            &[
                "2023-01-09T08:00:00Z c2-server 192.0.2.1 443 example",
                "2023-01-09T08:00:00Z malware da39a3ee5e6b4b0d3255bfef95601890afd80709da39a3ee5e6b4b0d3255bfef",
            ],
        ),
        (
            "feodotracker-csv",
            "# Feodo Tracker\n\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"last_online\",\"malware\"\n\
             \"2023-01-09 08:00:00\",\"192.0.2.1\",\"443\",\"online\",\"2023-01-09\",\"Example\"\n# END\n",
            &["2023-01-09T08:00:00Z c2-server 192.0.2.1 443 example online"],
        ),
        (
            "sslbl-ip",
            "# SSLBL\n# Firstseen,DstIP,DstPort\n2023-01-09 08:00:00,192.0.2.1,443\n",
            &["2023-01-09T08:00:00Z c2-server 192.0.2.1 443"],
        ),
        (
            "sslbl-certificates",
            "# Listingdate,SHA1,Listingreason\n2023-01-09 08:00:00,da39a3ee5e6b4b0d3255bfef95601890afd80709,Example C&C\n",
            &["2023-01-09T08:00:00Z c2-server da39a3ee5e6b4b0d3255bfef95601890afd80709"],
        ),
        (
            "phishtank-csv",
            "phish_id,url,phish_detail_url,submission_time,verified,verification_time,online,target\n\
             1,http://example.com/x,http://example.net/1,2023-01-09T08:00:00+00:00,yes,2023-01-09T08:01:00+00:00,yes,Example\n",
            &["2023-01-09T08:00:00Z phishing http://example.com/x online"],
        ),
        (
            "phishing-database-domains-active",
            "a.example.com\nb.example.com\n",
            &["phishing a.example.com", "phishing b.example.com"],
        ),
        (
            "phishstats",
            "# head\n\"2023-01-09 08:00:00\",\"5.1\",\"http://example.com/x\",\"192.0.2.1\"\n",
            &["2023-01-09T08:00:00Z phishing 192.0.2.1 http://example.com/x"],
        ),
        (
            "spamhaus-drop-v4",
            "{\"cidr\":\"192.0.2.0/24\",\"sblid\":\"SBL1\",\"rir\":\"x\"}\n{\"type\":\"metadata\",\"records\":1}\n",
            &["blocklist 192.0.2.0/24"],
        ),
        (
            "spamhaus-asndrop",
            "{\"asn\":64496,\"rir\":\"x\",\"domain\":\"example.com\",\"cc\":\"ZZ\",\"asname\":\"Example\"}\n{\"type\":\"metadata\"}\n",
            &["blocklist 64496"],
        ),
        (
            "tor-exit-addresses",
            "ExitNode 00\nPublished 2023-01-09 07:00:00\nLastStatus 2023-01-09 08:00:00\nExitAddress 192.0.2.1 2023-01-09 08:00:00\n",
            &["2023-01-09T08:00:00Z tor 192.0.2.1"],
        ),
        (
            "blackbook",
            "Domain,Malware,Date added,Source\nc2.example.com,example,2023-01-09,https://example.net\n",
            &["2023-01-09T00:00:00Z c2-server c2.example.com example"],
        ),
        ("ipsum", "192.0.2.1\n", &["blocklist 192.0.2.1"]),
        (
            "dataplane-sshpwauth",
            "# ASN  |  ASname  |  ipaddr  |  lastseen  |  category\n\
             64496  |  EXAMPLE, ZZ  |  192.0.2.1  |  2023-01-09 08:00:00  |  sshpwauth\n\
             NA  |  NA  |  192.0.2.2  |  2023-01-09 08:00:00  |  sshpwauth\n",
            &[
                "2023-01-09T08:00:00Z brute-force 192.0.2.1 64496",
                "2023-01-09T08:00:00Z brute-force 192.0.2.2",
            ],
        ),
        (
            "c2intel-ip",
            "#ip,ioc\n192.0.2.1,Possible example\n",
            &["c2-server 192.0.2.1"],
        ),
        (
            "viriback-c2",
            "Family,URL,IP,FirstSeen\nExample,http://example.com/panel,192.0.2.1,09-01-2023\n",
            &["2023-01-09T00:00:00Z c2-server 192.0.2.1 http://example.com/panel example"],
        ),
        (
            "epss",
            "#model_version:v2025.03.14,score_date:2023-01-09T00:00:00+0000\ncve,epss,percentile\nCVE-2023-0001,0.5,0.9\n",
            &["vulnerable-system CVE-2023-0001"],
        ),
        (
            "turris-greylist",
            "# terms\nAddress,Tags\n192.0.2.1,\"port_scan,telnet\"\n",
            &["scanner 192.0.2.1", "brute-force 192.0.2.1"],
        ),
        (
            "bruteforceblocker",
            "# IP\n192.0.2.1\t\t# 2023-01-09 08:00:00\t\t5\t1\n",
            &["brute-force 192.0.2.1"],
        ),
        (
            "vxvault",
            "<pre>\r\nVX Vault last 100 Links\r\nMon, 09 Jan 2023 08:00:00 +0000\r\n\r\nhttp://example.com/x\r\n",
            &["malware-distribution http://example.com/x"],
        ),
    ];

    #[test]
    fn entries_read_what_their_providers_write() {
        for (name, text, expected) in SAMPLES {
            let public = find(name).expect("the data can be read").expect(name);
            let zone = jiff::tz::TimeZone::get(&public.feed.zone).expect("a zone");
            let ctx = formats::Context {
                feed: &public.feed,
                zone: &zone,
                file_name: name,
                path: name,
                snapshot: model::time::Timestamp(1_673_222_400_000_000),
                schema: None,
            };
            let mut rest = text.as_bytes();
            let open = formats::drive::open(&ctx, &mut rest).expect("memory does not fail");
            let open = open.unwrap_or_else(|why| panic!("{name}: {why}"));
            let mut read = Read::default();
            formats::drive::read(open, &mut rest, &mut Record::new(), &mut read);
            assert_eq!(read.rejects, Vec::<String>::new(), "{name}");
            assert_eq!(read.records, *expected, "{name}");
        }
    }
}
