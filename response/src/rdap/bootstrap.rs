//! Where to ask (RFC 9224): the bootstrap files of IANA, imported as files. The longest match decides:
//! most labels for names, longest prefix for addresses.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;
use serde::Deserialize;
use url::Url;

use super::Question;

/// A bootstrap file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadBootstrap {
    /// It is no JSON of the expected shape.
    #[error("the RDAP bootstrap file is not as RFC 9224 has it: {0}: get it from IANA again")]
    Json(#[from] serde_json::Error),
    /// It names nothing that can be asked.
    #[error("the RDAP bootstrap file names no service: get it from IANA again")]
    Empty,
}

#[derive(Deserialize)]
struct File {
    services: Vec<Vec<Vec<String>>>,
}

/// The services, compiled from any of dns.json, ipv4.json, ipv6.json and asn.json.
#[derive(Clone, Default)]
pub struct Bootstrap {
    names: HashMap<String, Vec<Url>>,
    v4: PrefixMap<Ipv4Net, Vec<Url>>,
    v6: PrefixMap<Ipv6Net, Vec<Url>>,
    numbers: Vec<(u32, u32, Vec<Url>)>,
}

fn range(text: &str) -> Option<(u32, u32)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some((first, last))
}

/// The base addresses that can be asked, encrypted ones first; each ends with a slash.
fn services(texts: &[String]) -> Vec<Url> {
    let mut all: Vec<Url> = texts
        .iter()
        .filter_map(|text| Url::parse(&format!("{}/", text.trim_end_matches('/'))).ok())
        .filter(|url| matches!(url.scheme(), "https" | "http") && url.host().is_some())
        .collect();
    all.sort_by_key(|url| url.scheme() != "https");
    all
}

impl Bootstrap {
    /// Adds a file; what it is about is seen from its entries. How many entries were taken.
    ///
    /// # Errors
    /// It is none, or names nothing.
    pub fn add(&mut self, bytes: &[u8]) -> Result<usize, BadBootstrap> {
        let file: File = serde_json::from_slice(bytes)?;
        let mut taken = 0;
        for service in &file.services {
            let [entries, texts] = service.as_slice() else {
                continue;
            };
            let urls = services(texts);
            if urls.is_empty() {
                continue;
            }
            for entry in entries {
                taken += 1;
                if let Ok(net) = entry.parse::<IpNet>() {
                    match net.trunc() {
                        IpNet::V4(net) => drop(self.v4.insert(net, urls.clone())),
                        IpNet::V6(net) => drop(self.v6.insert(net, urls.clone())),
                    }
                } else if let Some((first, last)) = range(entry) {
                    self.numbers.push((first, last, urls.clone()));
                } else {
                    let name = entry.trim_matches('.').to_lowercase();
                    let name = idna::domain_to_ascii(&name).unwrap_or(name);
                    self.names.insert(name, urls.clone());
                }
            }
        }
        match taken {
            0 => Err(BadBootstrap::Empty),
            taken => Ok(taken),
        }
    }

    /// The services to ask, the preferred first; none if nobody is known.
    pub fn services(&self, question: &Question) -> &[Url] {
        let found = match question {
            Question::Domain(name) => {
                let mut rest = name.as_str();
                loop {
                    if let Some(urls) = self.names.get(rest) {
                        break Some(urls);
                    }
                    match rest.split_once('.') {
                        Some((_, above)) => rest = above,
                        // RFC 9224: an entry without labels stands for the root.
                        None => break self.names.get(""),
                    }
                }
            }
            Question::Address(IpAddr::V4(ip)) => {
                self.v4.get_lpm(&Ipv4Net::from(*ip)).map(|found| found.1)
            }
            Question::Address(IpAddr::V6(ip)) => {
                self.v6.get_lpm(&Ipv6Net::from(*ip)).map(|found| found.1)
            }
            Question::Number(number) => {
                let holds = |one: &&(u32, u32, Vec<Url>)| (one.0..=one.1).contains(number);
                let holding = self.numbers.iter().filter(holds);
                holding.min_by_key(|one| one.1 - one.0).map(|one| &one.2)
            }
        };
        found.map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bootstrap: &Bootstrap, question: Question) -> Option<String> {
        bootstrap.services(&question).first().map(Url::to_string)
    }

    fn domain(name: &str) -> Question {
        Question::domain(name).unwrap()
    }

    #[test]
    fn the_longest_match_decides() {
        let mut all = Bootstrap::default();
        for text in [
            r#"{"services":[[["example"],["http://a.test","https://a.test"]],
                [["co.example","例子"],["https://b.test/rdap/"]],[["odd"],["ftp://c.test"]]]}"#,
            r#"{"services":[[["192.0.2.0/24"],["https://wide.test"]],[["192.0.2.128/25"],["https://narrow.test"]]]}"#,
            r#"{"services":[[["2001:db8::/32"],["https://six.test"]]]}"#,
            r#"{"services":[[["64496-64511"],["https://as.test"]],[["64500"],["https://one.test"]]]}"#,
        ] {
            all.add(text.as_bytes()).unwrap();
        }
        let of = |question| first(&all, question);
        assert_eq!(
            of(domain("www.x.example")).as_deref(),
            Some("https://a.test/")
        );
        assert_eq!(
            of(domain("x.CO.example.")).as_deref(),
            Some("https://b.test/rdap/")
        );
        assert_eq!(
            of(domain("x.例子")).as_deref(),
            Some("https://b.test/rdap/")
        );
        assert_eq!(of(domain("x.odd")), None);
        assert_eq!(of(domain("x.test")), None);
        let ip = |text: &str| Question::Address(text.parse().unwrap());
        assert_eq!(of(ip("192.0.2.1")).as_deref(), Some("https://wide.test/"));
        assert_eq!(
            of(ip("192.0.2.200")).as_deref(),
            Some("https://narrow.test/")
        );
        assert_eq!(of(ip("2001:db8::1")).as_deref(), Some("https://six.test/"));
        assert_eq!(of(ip("198.51.100.1")), None);
        assert_eq!(
            of(Question::Number(64500)).as_deref(),
            Some("https://one.test/")
        );
        assert_eq!(
            of(Question::Number(64501)).as_deref(),
            Some("https://as.test/")
        );
        assert_eq!(of(Question::Number(65551)), None);
    }

    #[test]
    fn what_is_no_bootstrap_file_is_refused() {
        let mut all = Bootstrap::default();
        for text in ["", "[]", r#"{"services":[]}"#, r#"{"services":[[["a"]]]}"#] {
            assert!(all.add(text.as_bytes()).is_err(), "{text}");
        }
    }
}
