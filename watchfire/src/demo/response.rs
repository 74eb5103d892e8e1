//! The demo's work: who can act in the invented country, who complains by mail, and what the parties
//! answer. All of it follows from the seed; the work itself is done by the ordinary commands' path.

use std::net::Ipv4Addr;

use jiff::civil::Date;

use super::country::{Access, Country};
use super::names;
use super::random::{Random, draw};

/// Our own address in the demo.
pub const ADDRESS: &str = "incidents@cert.example";
/// Weeks of the demo in which its CERT works, counted from the last.
pub const WORKED_WEEKS: usize = 2;

/// Registrars: English and Chinese name, IANA id (none of them is assigned), suffix they sell.
const REGISTRARS: [(&str, &str, u32, &[&str], &str); 4] = [
    (
        "Mingzhu Registrar",
        "明珠域名",
        990_001,
        &["example.com"],
        "XC",
    ),
    (
        "Shanhu Names",
        "珊瑚域名",
        990_002,
        &["example.net", "invalid"],
        "XC",
    ),
    (
        "Feizen Domains",
        "菲岑域名",
        990_003,
        &["example.org"],
        "XF",
    ),
    (
        "Canglan Registry",
        "沧澜域名注册管理局",
        990_004,
        &["test", "example"],
        "XC",
    ),
];

/// App platforms: English and Chinese name, domain they offer files at.
const PLATFORMS: [(&str, &str, &str); 6] = [
    ("Lanzhou Store", "澜舟应用商店", "lanstore.example.net"),
    ("Haiying Apps", "海鹰应用市场", "haiying-apps.example.net"),
    ("Chaoxi Downloads", "潮汐下载站", "chaoxi-dl.example.com"),
    ("Qingwa Market", "青瓦市场", "qingwa-market.example.com"),
    ("Fuyun Drive", "浮云网盘", "drive.fuyun.example.net"),
    ("Shibei Ads", "拾贝广告联盟", "ads.shibei.example.org"),
];

/// The register as a party file.
pub fn parties(country: &Country) -> String {
    let mut text = String::from(
        "# Who can act in Canglan. `watchfire orgs import parties.csv --source demo` shows what it changes.\n\
         name_en,name_zh,roles,country,province,zone,language,interval_hours,channel,address,format,rung,hours,scope,value\n",
    );
    let mut line = |cells: [&str; 15]| {
        text.push_str(&cells.join(","));
        text.push('\n');
    };
    let zone = "Asia/Shanghai";
    for (en, zh, iana, suffixes, code) in REGISTRARS {
        let role = match en {
            "Canglan Registry" => "registrar;registry",
            _ => "registrar",
        };
        let (language, zone) = match code {
            "XC" => ("zh", zone),
            _ => ("en", "Europe/Berlin"),
        };
        let slug = slug(en);
        let mail = format!("abuse@{slug}.example");
        let iana = iana.to_string();
        line([
            en,
            zh,
            role,
            code,
            "",
            zone,
            language,
            "",
            "mail",
            &mail,
            "xarf",
            "agreed",
            "",
            "registrar-id",
            &iana,
        ]);
        for suffix in suffixes {
            line([
                en, "", "", "", "", "", "", "", "", "", "", "", "", "domain", suffix,
            ]);
        }
    }
    for (en, zh, domain) in PLATFORMS {
        let mail = format!("security@{domain}");
        line([
            en,
            zh,
            "app-platform",
            "XC",
            "",
            zone,
            "zh",
            "",
            "mail",
            &mail,
            "",
            "agreed",
            "",
            "platform",
            domain,
        ]);
    }
    for operator in &country.operators {
        let role = match operator.access {
            Access::Hosting => "cloud-provider;network-operator",
            Access::Education => "network-operator;education-cert",
            _ => "network-operator",
        };
        let mail = format!("noc@{}", operator.domain);
        let asn = operator.asn.to_string();
        line([
            operator.en,
            operator.zh,
            role,
            "XC",
            "",
            zone,
            "zh",
            "",
            "mail",
            &mail,
            "csv",
            "agreed",
            "",
            "asn",
            &asn,
        ]);
        // A second contact, for when the first comes back.
        if operator.id == "dengta" {
            line([
                operator.en,
                "",
                "",
                "",
                "",
                "",
                "",
                "",
                "mail",
                "abuse@dengta.example.net",
                "",
                "mailbox",
                "",
                "",
                "",
            ]);
        }
    }
    for province in &country.provinces {
        let name = format!("{} Branch", province.en);
        let zh = format!("{}分中心", province.zh_short);
        let mail = format!("{}@branch.cert.example", slug(province.en));
        let code = province.code.to_string();
        line([
            &name,
            &zh,
            "provincial-branch",
            "XC",
            &code,
            zone,
            "zh",
            "",
            "mail",
            &mail,
            "",
            "agreed",
            "",
            "province",
            &code,
        ]);
    }
    for neighbor in &country.neighbors {
        let name = format!("CERT {}", neighbor.en);
        let zh = format!("{}应急响应组织", neighbor.zh);
        let mail = format!("cert@{}.example", neighbor.code.to_lowercase());
        line([
            &name,
            &zh,
            "overseas-cert",
            neighbor.code,
            "",
            "UTC",
            "en",
            "",
            "mail",
            &mail,
            "iodef",
            "agreed",
            "",
            "country",
            neighbor.code,
        ]);
        for (asn, owner) in neighbor.asns {
            let owner = owner.split_once(' ').map_or(owner, |(_, name)| name);
            let mail = format!("abuse@as{asn}.example");
            let asn = asn.to_string();
            line([
                owner,
                "",
                "network-operator",
                neighbor.code,
                "",
                "UTC",
                "en",
                "",
                "mail",
                &mail,
                "arf",
                "rdap",
                "",
                "asn",
                &asn,
            ]);
        }
    }
    text
}

fn slug(name: &str) -> String {
    let lower = name.to_lowercase();
    lower.split_whitespace().collect::<Vec<_>>().join("-")
}

/// A mail somebody writes to the demo's CERT.
#[derive(Clone, Debug)]
pub struct Written {
    /// Minutes after the beginning of its week.
    pub minute: u64,
    /// The mail.
    pub bytes: Vec<u8>,
}

/// The complaints of a week, in the order of their times. `monday` is its first day.
pub fn complaints(seed: u64, week: usize, monday: Date, country: &Country) -> Vec<Written> {
    let mut random = Random::of(seed, "complaints", week as u64);
    // The last week has more of them: the change is a rise.
    let count = 44 + 3 * week as u64 % 17 + random.below(6);
    let brands = &country.brands;
    let mut mails: Vec<Written> = (0..count)
        .map(|number| {
            let minute = random.below(6 * 24 * 60);
            let brand = &brands[random.below(brands.len() as u64) as usize];
            let who = random.below(40);
            let from = format!("citizen{who}@people.example");
            let kind = random.below(100);
            let (subject, body) = match kind {
                0..=11 => {
                    let (en, zh, domain) = PLATFORMS[random.below(6) as usize];
                    let file = random.below(900) + 100;
                    let url = format!("http://{domain}/apk/{}-{file}.apk", brand.slug);
                    app(en, zh, &url, number)
                }
                _ => {
                    let host = names::lure(&mut random, brand.slug);
                    page(brand.zh, brand.en, &host, number)
                }
            };
            let at = monday.at(0, 0, 0, 0) + jiff::Span::new().minutes(minute as i64);
            let id = format!("{week}.{number}@people.example");
            let text = format!(
                "From: <{from}>\r\nTo: <{ADDRESS}>\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\n\
                 Date: {}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Transfer-Encoding: 8bit\r\n\r\n{body}",
                at.strftime("%a, %d %b %Y %H:%M:00 +0800")
            );
            Written {
                minute,
                bytes: text.into_bytes(),
            }
        })
        .collect();
    mails.sort_by_key(|mail| mail.minute);
    mails
}

fn page(zh: &str, en: &str, host: &str, number: u64) -> (String, String) {
    let harmless = format!("hxxp://{}/account", host.replace('.', "[.]"));
    match number % 3 {
        0 => (
            "Phishing page".to_owned(),
            format!(
                "Hello,\r\n\r\nthis page imitates {en} and asks for card numbers:\r\n{harmless}\r\n\r\nRegards\r\n"
            ),
        ),
        _ => (
            "=?utf-8?B?5Li+5oql6ZKT6bG8572R6aG1?=".to_owned(),
            format!(
                "您好：\r\n\r\n收到短信，链接指向假冒{zh}的钓鱼网站：\r\n{harmless}\r\n请予处置。\r\n"
            ),
        ),
    }
}

fn app(en: &str, zh: &str, url: &str, number: u64) -> (String, String) {
    let harmless = url.replacen("http", "hxxp", 1);
    match number % 2 {
        0 => (
            "Malicious app, malware download".to_owned(),
            format!(
                "Hello,\r\n\r\n{en} offers malware, a malicious app that sends premium messages:\r\n{harmless}\r\n"
            ),
        ),
        _ => (
            "=?utf-8?B?5Li+5oql5oG25oSP5bqU55So?=".to_owned(),
            format!(
                "您好：\r\n\r\n{zh}上有恶意程序（恶意APP）下载，安装后自动扣费：\r\n{harmless}\r\n"
            ),
        ),
    }
}

/// The address at which the world serves a host: in a hosting network, at home or abroad.
pub fn address_of(seed: u64, host: &str, country: &Country) -> Ipv4Addr {
    let mut random = Random::of(seed, host, 0);
    let fits: Vec<_> = country
        .blocks
        .iter()
        .filter(|block| match block.operator {
            Some(operator) => country.operators[operator].access == Access::Hosting,
            None => true,
        })
        .collect();
    let block = fits[random.below(fits.len() as u64) as usize];
    let size = 1u64 << (32 - u32::from(block.length));
    (block.first + random.below(size) as u32).into()
}

/// What a party does about a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Acts after so many hours and says so.
    Fixes(u64),
    /// Acts after so many hours and says nothing.
    FixesSilently(u64),
    /// Acts, and it comes back after so many hours more.
    Relapses(u64, u64),
    /// Says that it is not its own.
    NotOurs,
    /// Does nothing.
    Nothing,
}

/// What a party does about one incident; the same for the same seed, party and incident.
pub fn act(seed: u64, address: &str, incident: i64) -> Act {
    let mut key = draw(seed, incident as u64);
    for byte in address.bytes() {
        key = draw(key, u64::from(byte));
    }
    let hours = 2 + draw(key, 1) % 30;
    // Abroad takes longer.
    let hours = match address.starts_with("cert@") || address.contains("as42") {
        true => hours + 20,
        false => hours,
    };
    match draw(key, 2) % 100 {
        0..=69 => Act::Fixes(hours),
        70..=81 => Act::FixesSilently(hours + 8),
        82..=84 => Act::Relapses(hours, 40),
        85..=89 => Act::NotOurs,
        _ => Act::Nothing,
    }
}

/// The address whose mailbox does not exist any more.
pub const DEAD: &str = "noc@dengta.example.net";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_follow_from_the_seed() {
        let country = Country::new();
        let monday = jiff::civil::date(2026, 11, 16);
        let one = complaints(7, 13, monday, &country);
        let two = complaints(7, 13, monday, &country);
        assert!(one.len() > 40);
        assert!(one.iter().zip(&two).all(|(a, b)| a.bytes == b.bytes));
        let other = complaints(8, 13, monday, &country);
        assert!(one[0].bytes != other[0].bytes);
    }

    #[test]
    fn every_party_of_the_file_can_be_read() {
        let text = parties(&Country::new());
        let (parties, bad) = response::party::read(text.as_bytes());
        assert_eq!(bad, []);
        assert!(parties.len() > 45, "{}", parties.len());
        assert!(parties.iter().all(|party| !party.contacts.is_empty()));
    }
}
