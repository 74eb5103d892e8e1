//! Invented host names, every one below a domain that RFC 2606 reserves.

use super::random::{Random, draw, scale, totals};
use super::text;

/// Suffixes under which anyone could register in this world, with their weights among malicious names.
/// The demo's Public Suffix List says so too; `.com`, `.net` and `.org` exist only as `example.*`.
const SUFFIXES: [(&str, u64); 6] = [
    ("example.com", 660),
    ("example.net", 96),
    ("example.org", 62),
    ("test", 104),
    ("example", 56),
    ("invalid", 22),
];

const DEPARTMENTS: [&str; 24] = [
    "tax",
    "health",
    "water",
    "transport",
    "police",
    "court",
    "archive",
    "tourism",
    "planning",
    "housing",
    "forestry",
    "statistics",
    "audit",
    "culture",
    "sports",
    "labor",
    "customs",
    "weather",
    "fisheries",
    "lands",
    "energy",
    "records",
    "council",
    "grain",
];

const LURES: [&str; 16] = [
    "login", "secure", "verify", "pay", "account", "service", "update", "app", "center", "online",
    "help", "vip", "club", "info", "mobile", "home",
];

/// A suffix as malicious names choose it.
pub fn suffix(key: u64) -> &'static str {
    let at = scale(
        draw(key, 0x21),
        SUFFIXES.iter().map(|(_, weight)| weight).sum(),
    );
    let totals = totals(SUFFIXES.iter().map(|(_, weight)| *weight));
    SUFFIXES[totals.partition_point(|&total| total <= at)].0
}

/// The name of an ordinary site of the country, the same for the same key.
pub fn site(key: u64) -> String {
    let mut name = Vec::new();
    text::site_name(&mut name, key);
    // Keys are many more than names: four letters more keep two sites apart.
    name.push(b'-');
    text::letters(&mut name, draw(key, 0x22), 4);
    let suffix = match scale(draw(key, 0x23), 1000) {
        0..60 => "edu.example",
        60..755 => "example.com",
        755..820 => "example.net",
        820..880 => "example.org",
        _ => "example",
    };
    finish(name, suffix)
}

/// The name of a government site, the same for the same number.
pub fn government_site(number: u64, cities: &[String]) -> String {
    let department = DEPARTMENTS[(number % DEPARTMENTS.len() as u64) as usize];
    let city = &cities[(number / DEPARTMENTS.len() as u64) as usize % cities.len()];
    format!("{department}-{city}.gov.example")
}

/// How many government sites there are to choose from.
pub fn government_sites(cities: &[String]) -> u64 {
    (DEPARTMENTS.len() * cities.len()) as u64
}

/// A name that imitates a brand.
pub fn lure(random: &mut Random, slug: &str) -> String {
    let key = random.next();
    let mut name = Vec::new();
    match random.below(5) {
        0 => {
            name.extend_from_slice(slug.as_bytes());
            name.push(b'-');
            name.extend_from_slice(random.pick(&LURES).as_bytes());
            text::letters(&mut name, key, 3);
        }
        1 => {
            name.extend_from_slice(random.pick(&LURES).as_bytes());
            name.push(b'-');
            name.extend_from_slice(slug.as_bytes());
            text::number(&mut name, random.within(10, 9_999));
        }
        2 => {
            text::letters(&mut name, key, 5);
            name.push(b'-');
            name.extend_from_slice(slug.as_bytes());
        }
        3 => {
            // Typing errors: a letter doubled.
            let at = random.below(slug.len() as u64) as usize;
            name.extend_from_slice(&slug.as_bytes()[..=at]);
            name.extend_from_slice(&slug.as_bytes()[at..]);
            name.push(b'-');
            text::letters(&mut name, key, 4);
        }
        _ => {
            name.push(b'a' + (key % 26) as u8);
            text::letters(&mut name, key, 9);
        }
    }
    finish(name, suffix(key))
}

/// A name made by a machine, as malware hosts have them.
pub fn machine_made(key: u64) -> String {
    let mut name = Vec::new();
    match draw(key, 0x24) % 3 {
        0 => {
            text::site_name(&mut name, key);
            text::letters(&mut name, draw(key, 0x25), 3);
        }
        1 => {
            name.extend_from_slice(b"cdn");
            text::letters(&mut name, key, 8);
        }
        _ => {
            name.push(b'a' + (key % 26) as u8);
            text::letters(&mut name, key, 11);
        }
    }
    finish(name, suffix(key))
}

fn finish(name: Vec<u8>, suffix: &str) -> String {
    let mut name = String::from_utf8(name).expect("names are made of ASCII");
    name.push('.');
    name.push_str(suffix);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_reserved_and_repeat() {
        let mut random = Random::of(1, "names", 0);
        let reserved = |name: &str| {
            let last = name.rsplit('.').next().unwrap_or(name);
            matches!(last, "example" | "test" | "invalid")
                || ["example.com", "example.net", "example.org"]
                    .iter()
                    .any(|domain| name.ends_with(&format!(".{domain}")))
        };
        let cities = vec!["dongpu".to_owned()];
        for key in 0..2000 {
            for name in [
                site(key),
                machine_made(key),
                lure(&mut random, "landi"),
                government_site(key, &cities),
            ] {
                assert!(reserved(&name), "{name}");
                assert!(
                    !name.starts_with('-') && !name.contains("-.") && !name.contains(' '),
                    "{name}"
                );
            }
            assert_eq!(site(key), site(key));
        }
    }
}
