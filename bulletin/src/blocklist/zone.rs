//! A response policy zone (draft-vixie-dns-rpz): `name CNAME .` answers that there is no such name, and
//! needs `*.name` beside it for what lies below.

use std::fmt::Write as _;
use std::net::IpAddr;

use ledger::ListedKind;

use super::gate::network;
use super::{Entry, Head};

/// Octets left for the name that a resolver's operator gives the zone: a name that is too long below it
/// would keep the whole zone from loading.
const ORIGIN: usize = 64;

/// The zone, without its comment head, and how many entries it names.
pub(super) fn zone(head: &Head, entries: &[Entry]) -> (String, u64) {
    let mut text = format!(
        "$TTL 300\n@ IN SOA localhost. hostmaster.localhost. {} 900 300 604800 300\n@ IN NS localhost.\n",
        head.serial
    );
    let mut count = 0;
    for entry in entries {
        match entry.kind {
            ListedKind::Domain if entry.value.len() + 4 + ORIGIN <= 255 => {
                let name = &entry.value;
                let _ = writeln!(text, "{name} IN CNAME .\n*.{name} IN CNAME .");
            }
            ListedKind::Ip | ListedKind::Cidr => {
                let Some((ip, length)) = network(&entry.value) else {
                    continue;
                };
                let _ = writeln!(text, "{} IN CNAME .", trigger(ip, length));
            }
            ListedKind::Domain | ListedKind::Url => continue,
        }
        count += 1;
    }
    (text, count)
}

/// The owner name by which an address triggers: length, then the address backwards. The longest run of
/// zero groups is written `zz`, counted from the end, as BIND takes no other form.
fn trigger(ip: IpAddr, length: u8) -> String {
    let mut text = length.to_string();
    match ip {
        IpAddr::V4(ip) => {
            for byte in ip.octets().iter().rev() {
                let _ = write!(text, ".{byte}");
            }
        }
        IpAddr::V6(ip) => {
            let mut groups = ip.segments();
            groups.reverse();
            let (mut best, mut at) = (0..0, 0);
            while at < groups.len() {
                let run = groups[at..].iter().take_while(|group| **group == 0).count();
                if run > 1 && run > best.len() {
                    best = at..at + run;
                }
                at += run.max(1);
            }
            let mut at = 0;
            while at < groups.len() {
                if at == best.start && !best.is_empty() {
                    text.push_str(".zz");
                    at = best.end;
                } else {
                    let _ = write!(text, ".{:x}", groups[at]);
                    at += 1;
                }
            }
        }
    }
    text.push_str(".rpz-ip");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_trigger_backwards() {
        let owner = |text: &str| network(text).map(|(ip, length)| trigger(ip, length));
        for (address, name) in [
            ("192.0.2.66", "32.66.2.0.192.rpz-ip"),
            ("198.51.100.0/24", "24.0.100.51.198.rpz-ip"),
            ("2001:db8::1", "128.1.zz.db8.2001.rpz-ip"),
            ("2001:db8::/48", "48.zz.db8.2001.rpz-ip"),
            ("2001:db8:0:1:2:3:4:5", "128.5.4.3.2.1.0.db8.2001.rpz-ip"),
            ("2001:0:0:1:0:0:2:3", "128.3.2.zz.1.0.0.2001.rpz-ip"),
        ] {
            assert_eq!(owner(address).as_deref(), Some(name), "{address}");
        }
    }
}
