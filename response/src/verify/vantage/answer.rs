//! The side that is asked: a probe that another machine wants made is checked, made by the probes that look from here
//! too, under the address policy and the bounds of this process, and told without a finding. Who may ask is not
//! decided here.

use std::time::Duration;

use model::time::Timestamp;
use model::verification::ProbeKind;
use reqwest::header::HeaderMap;
use tokio::time::timeout;

use super::super::probe::clients::header;
use super::super::probe::{Clock, Errand, Prober};
use super::super::seen::{End, Page, Seen};
use super::super::strip::strip;
use super::super::target::Place;
use super::longest;
use super::wire::{Asked, Told, VERSION};

/// Headers that a page is asked for with, at most, and their bytes.
const HEADERS: (usize, usize) = (40, 8 << 10);
/// Characters of a made-up word.
const WORD: usize = 40;

/// A secret as the side that is asked holds it. Digests are compared, in a time that does not tell how much of a
/// guess was right.
#[derive(Clone)]
pub struct Shared(blake3::Hash);

impl Shared {
    /// Of a secret.
    pub fn of(secret: &str) -> Self {
        Shared(blake3::hash(secret.as_bytes()))
    }

    /// Whether a guess is the secret.
    pub fn is(&self, guess: &[u8]) -> bool {
        blake3::hash(guess) == self.0
    }
}

/// Why a probe is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Declined {
    /// The request is none that a side like this one makes.
    #[error("{0}")]
    Wrong(String),
    /// The address policy of this vantage closes what is asked for.
    #[error("{0}")]
    Refused(String),
    /// It took longer than who asks waits.
    #[error("the look did not end within {0} s")]
    Late(u64),
}

fn wrong<T>(why: impl Into<String>) -> Result<T, Declined> {
    Err(Declined::Wrong(why.into()))
}

/// Makes a probe.
///
/// # Errors
/// Why it is not made, for who asks.
pub async fn answer(prober: &Prober, asked: Asked) -> Result<Told, Declined> {
    if asked.version != VERSION {
        return wrong(format!(
            "this vantage speaks version {VERSION}, who asks {}: bring both to one version",
            asked.version
        ));
    }
    let bounds = asked.limits;
    let errand = errand(asked)?;
    if let Some(why) = prober.refusal(&errand.place) {
        return Err(Declined::Refused(why));
    }
    let whole = Duration::from_millis(bounds.whole_ms);
    let prober = prober.within(bounds.redirects, bounds.body, whole);
    // Instants are told as what went by since the look began: whose clock is right is nobody's question here.
    let clock = Clock::at(Timestamp(0));
    let most = longest(&prober.limits());
    let Ok(seen) = timeout(most, prober.see(&errand, &clock)).await else {
        return Err(Declined::Late(most.as_secs()));
    };
    // The places that its bodies take are kept until it is told.
    let Some((seen, _room)) = seen else {
        return wrong("this vantage has no name server to ask: start it with --resolver");
    };
    if let Seen::Page(Page {
        hops,
        end: End::Refused(why),
        ..
    }) = &seen
        && hops.is_empty()
    {
        return Err(Declined::Refused(why.clone()));
    }
    match Told::of(&errand, &seen) {
        Some(told) => Ok(told),
        None => wrong("registration data are asked for by who wants them"),
    }
}

/// What is asked for, if a side like this one can have asked for it.
fn errand(asked: Asked) -> Result<Errand, Declined> {
    use ProbeKind::{Defacement, Dns, Http, Listing, Tcp};
    match (asked.probe, &asked.place) {
        (Http | Defacement | Listing, Place::Page { url })
        | (Listing, Place::Listing { url, .. }) => {
            let (clean, removed) = strip(url);
            // Who asks takes them out: one that did not would make this vantage tell whose mail was read.
            if !removed.is_empty() || clean != *url {
                return wrong("the address holds what may name a person; it is taken out before");
            }
        }
        (Dns, Place::Name { name }) if !name.is_empty() && name.len() <= 253 => {}
        (Tcp, Place::Port { host, port }) if !host.is_empty() && *port > 0 => {}
        (probe, _) => return wrong(format!("probe {probe} does not look at such a place")),
    }
    let (count, bytes) = HEADERS;
    let size = |(name, value): &(String, String)| name.len() + value.len();
    if asked.headers.len() > count || asked.headers.iter().map(size).sum::<usize>() > bytes {
        return wrong("more headers than a look sends");
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &asked.headers {
        let (name, value) = header(name, value).map_err(Declined::Wrong)?;
        headers.append(name, value);
    }
    let plain = |word: &String| {
        !word.is_empty() && word.len() <= WORD && word.bytes().all(|c| c.is_ascii_alphanumeric())
    };
    if !asked.made_up.as_ref().is_none_or(plain) {
        return wrong("the made-up word is none");
    }
    Ok(Errand {
        probe: asked.probe,
        client: asked.client,
        place: asked.place,
        removed: Vec::new(),
        headers,
        made_up: asked.made_up.filter(|_| asked.probe == Http),
    })
}

#[cfg(test)]
mod tests {
    use model::verification::Client;

    use super::super::wire::Most;
    use super::*;

    fn asked(probe: ProbeKind, place: Place) -> Asked {
        Asked {
            version: VERSION,
            probe,
            client: Client::Victim,
            place,
            headers: vec![("user-agent".to_owned(), "one".to_owned())],
            made_up: None,
            limits: Most {
                redirects: 10,
                body: 1 << 20,
                whole_ms: 60_000,
            },
        }
    }

    fn page(url: &str) -> Place {
        Place::Page {
            url: url.parse().expect("an address"),
        }
    }

    #[test]
    fn only_what_an_asker_asks_is_looked_at() {
        let fine = asked(ProbeKind::Http, page("https://a.example/login"));
        assert!(errand(fine.clone()).is_ok());
        for url in [
            "https://a.example/?mail=alice@example.org",
            "https://a.example/#part",
            "https://a:b@a.example/",
        ] {
            assert!(errand(asked(ProbeKind::Http, page(url))).is_err(), "{url}");
        }
        for (probe, place) in [
            (ProbeKind::Dns, page("https://a.example/")),
            (ProbeKind::Person, page("https://a.example/")),
            (
                ProbeKind::Dns,
                Place::Name {
                    name: String::new(),
                },
            ),
            (
                ProbeKind::Tcp,
                Place::Port {
                    host: "a.example".to_owned(),
                    port: 0,
                },
            ),
        ] {
            assert!(errand(asked(probe, place.clone())).is_err(), "{place:?}");
        }
        for (name, value) in [("cookie", "a=b"), ("authorization", "x"), ("a b", "c")] {
            let mut odd = fine.clone();
            odd.headers.push((name.to_owned(), value.to_owned()));
            assert!(errand(odd).is_err(), "{name}");
        }
        let mut odd = fine;
        odd.made_up = Some("../etc".to_owned());
        assert!(errand(odd).is_err());
    }

    #[test]
    fn a_secret_is_compared_as_a_whole() {
        let shared = Shared::of("0123456789abcdef0123456789abcdef");
        assert!(shared.is(b"0123456789abcdef0123456789abcdef"));
        for guess in [
            &b""[..],
            b"0123456789abcdef",
            b"0123456789abcdef0123456789abcdeF",
        ] {
            assert!(!shared.is(guess));
        }
    }
}
