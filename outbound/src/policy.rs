//! Which addresses may be asked. An address comes from outside as soon as the other side may
//! redirect or answer for a name, so the question is put after resolution and at every redirect
//! (the class of CVE-2018-8949 and its kin: a server that fetches for others reaches what only it
//! can reach).
//!
//! Public addresses are open. Everything that IANA's special-purpose registries (RFC 6890, RFC 8190)
//! call not globally reachable is refused unless the entry's `allow_private` names the host, the
//! address or its network. A name does not open link-local addresses, where clouds keep their
//! metadata: these must be written as addresses.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::{Error, Result};

/// The future of a look-up.
pub type Looking = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// Turns a host name into addresses. Handed in, so that a test can answer for names.
pub type Lookup = Arc<dyn Fn(String) -> Looking + Send + Sync>;

/// The look-up of the operating system.
pub fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// What is allowed besides public addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    names: Vec<String>,
    networks: Vec<IpNet>,
}

impl Allowed {
    /// Reads `allow_private`.
    ///
    /// # Errors
    /// An item that is neither a name nor an address nor a network.
    pub fn parse<'a>(items: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut allowed = Allowed::default();
        for item in items {
            let item = item.trim();
            if let Ok(network) = item.parse::<IpNet>() {
                allowed.networks.push(network);
            } else if let Ok(address) = item.parse::<IpAddr>() {
                allowed.networks.push(address.into());
            } else if let Ok(Host::Domain(name)) = Host::parse(item) {
                allowed.names.push(name);
            } else {
                return Err(format!(
                    "`{item}` is neither a host name nor an address nor a network such as 10.1.0.0/16"
                ));
            }
        }
        Ok(allowed)
    }

    /// Adds a host name that the operator wrote elsewhere, such as a proxy's.
    pub fn add_host(&mut self, host: &str) {
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => self.networks.push(address.into()),
            Err(_) => self.names.push(host.to_ascii_lowercase()),
        }
    }

    /// Whether there are addresses and networks only.
    pub fn has_no_names(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether an address lies in one of the networks.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(&address.to_canonical()))
    }

    fn names(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(host))
    }

    /// Why `address`, written literally or found for the name `host`, may not be asked.
    pub fn refusal(&self, host: Option<&str>, address: IpAddr) -> Option<String> {
        let why = special(address)?;
        if self.holds(address) {
            return None;
        }
        let named = host.is_some_and(|host| self.names(host));
        if named && !matches!(why, "link-local" | "multicast" | "unspecified") {
            return None;
        }
        Some(match host {
            Some(host) => format!(
                "{host} is at {address}, a {why} address; if that is meant, add it to `allow_private`"
            ),
            None => {
                format!("{address} is a {why} address; if that is meant, add it to `allow_private`")
            }
        })
    }

    /// Puts the question to a URL: its scheme, and its host where that is an address. Names are
    /// asked when they are resolved, see [`Guard`]; behind a proxy it is the proxy that resolves,
    /// so that only names of this very machine can be refused here.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn check(&self, url: &Url, proxied: bool) -> Result<()> {
        let refuse = |detail: String| Err(Error::Refused(detail));
        if !matches!(url.scheme(), "http" | "https") {
            return refuse(format!("`{}` is neither http nor https", url.scheme()));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(name)) => {
                let bare = name.strip_suffix('.').unwrap_or(name);
                let own = bare == "localhost" || bare.ends_with(".localhost");
                if proxied && own && !self.names(name) {
                    return refuse(format!(
                        "{name} is a name of this machine; if that is meant, add it to `allow_private`"
                    ));
                }
                return Ok(());
            }
            None => return refuse("the address has no host".to_owned()),
        };
        match self.refusal(None, address) {
            Some(detail) => refuse(detail),
            None => Ok(()),
        }
    }
}

/// Why an address is not public, `None` if it is.
pub fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    Some(match (a, b, c) {
        (0, 0, 0) if address.is_unspecified() => "unspecified",
        (0, ..) => "this-network",
        (10, ..) | (192, 168, _) => "private",
        (172, 16..=31, _) => "private",
        (127, ..) => "loopback",
        (169, 254, _) => "link-local",
        (100, 64..=127, _) => "carrier-grade NAT",
        (192, 0, 0) => "protocol",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "documentation",
        (192, 88, 99) => "6to4 relay",
        (198, 18..=19, _) => "benchmarking",
        (224..=239, ..) => "multicast",
        (240..=255, ..) => "reserved",
        _ => return None,
    })
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let parts = address.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    Some(match parts {
        [0, 0, 0, 0, 0, 0, 0, 0] => "unspecified",
        [0, 0, 0, 0, 0, 0, 0, 1] => "loopback",
        // What these carry is an IPv4 address: it is the one to be judged.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            return special_v4(embedded(high, low));
        }
        [0x2002, high, low, ..] => return special_v4(embedded(high, low)),
        [0, 0, 0, 0, 0, 0, ..] => "IPv4-compatible",
        [0x64, 0xff9b, 1, ..] => "local translation",
        [0x100, 0, 0, 0, ..] => "discard-only",
        [0x2001, 0..=0x1ff, ..] => "protocol",
        [0x2001, 0xdb8, ..] => "documentation",
        [0x3fff, 0..=0xfff, ..] => "documentation",
        [0x5f00, ..] => "segment routing",
        [first, ..] if first & 0xfe00 == 0xfc00 => "private",
        [first, ..] if first & 0xffc0 == 0xfe80 => "link-local",
        [first, ..] if first & 0xffc0 == 0xfec0 => "site-local",
        [first, ..] if first & 0xff00 == 0xff00 => "multicast",
        _ => return None,
    })
}

/// Resolves names for the HTTP client and lets only allowed addresses through. What it gives is what
/// is connected to: no second look-up can answer differently.
pub struct Guard {
    /// The look-up.
    pub lookup: Lookup,
    /// The policy.
    pub allowed: Arc<Allowed>,
}

impl Guard {
    /// Addresses of a name that may be connected to.
    ///
    /// # Errors
    /// A name without addresses, or with none that is allowed.
    pub async fn addresses(
        lookup: Lookup,
        allowed: Arc<Allowed>,
        name: String,
    ) -> Result<Vec<IpAddr>> {
        let found = lookup(name.clone())
            .await
            .map_err(|error| Error::Unreachable(format!("{name} is not resolved: {error}")))?;
        let mut refusal = None;
        let open: Vec<IpAddr> = found
            .into_iter()
            .filter(|address| match allowed.refusal(Some(&name), *address) {
                Some(why) => {
                    refusal.get_or_insert(why);
                    false
                }
                None => true,
            })
            .collect();
        match (open.is_empty(), refusal) {
            (false, _) => Ok(open),
            (true, Some(why)) => Err(Error::Refused(why)),
            (true, None) => Err(Error::Unreachable(format!("{name} has no address"))),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let looking = Guard::addresses(
            Arc::clone(&self.lookup),
            Arc::clone(&self.allowed),
            name.as_str().to_owned(),
        );
        Box::pin(async move {
            let open = looking.await?;
            let addresses = open.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_known() {
        let refused = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
        ];
        for address in refused {
            assert!(special(address.parse().unwrap()).is_some(), "{address}");
        }
        let open = [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "169.253.1.1",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2a00::1",
        ];
        for address in open {
            assert_eq!(special(address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn literals_are_seen_through() {
        let none = Allowed::default();
        let refused = [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://017700000001/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://169.254.169.254/latest/meta-data/",
            "http://0/",
            "ftp://1.1.1.1/",
            "file:///etc/passwd",
            "gopher://1.1.1.1/",
        ];
        for url in refused {
            let url: Url = url.parse().unwrap();
            assert!(none.check(&url, false).is_err(), "{url}");
        }
        assert!(
            none.check(&"https://1.1.1.1/".parse().unwrap(), false)
                .is_ok()
        );
        let local: Url = "http://localhost/".parse().unwrap();
        assert!(none.check(&local, true).is_err());
    }

    #[test]
    fn names_addresses_and_networks_open_what_they_say() {
        let allowed = Allowed::parse(["inside.example.org", "10.1.0.0/16", "127.0.0.1"]).unwrap();
        let asks = |host: Option<&str>, address: &str| {
            allowed.refusal(host, address.parse().unwrap()).is_none()
        };
        assert!(asks(None, "10.1.2.3") && asks(None, "127.0.0.1") && asks(None, "::ffff:10.1.2.3"));
        assert!(!asks(None, "10.2.0.1") && !asks(None, "127.0.0.2"));
        assert!(asks(Some("inside.example.org"), "192.168.1.1"));
        assert!(asks(Some("INSIDE.example.org."), "192.168.1.1"));
        assert!(!asks(Some("other.example.org"), "192.168.1.1"));
        assert!(!asks(Some("inside.example.org"), "169.254.169.254"));
        assert!(Allowed::parse(["10.0.0.0/99"]).is_err());
    }
}
