//! The feeds of the demo, one file for those that tell one part of the story.
//!
//! Each writes its files, counts rows and broken rows, and notes the truth of what it wrote.

use std::net::IpAddr;

use super::cells::write_row;
use super::country::{Block, Country};
use super::files::{Files, Sheet, Truth};
use super::random::Random;
use super::reports::{Column, ReportType, Sighting};
use super::weeks::{Calendar, SEVERITY_FROM};

pub mod exposure;
pub mod hosting;
pub mod infected;
pub mod lists;
pub mod mobile;
pub mod phishing;
pub mod posts;
pub mod vulnerability;
pub mod websites;

/// What every feed of the demo works with.
pub struct Stage<'a> {
    /// The seed of everything.
    pub seed: u64,
    /// The country.
    pub country: &'a Country,
    /// The fourteen weeks.
    pub calendar: Calendar,
    /// Where files go.
    pub files: Files,
    /// What the generator knows.
    pub truth: Truth,
    /// Phishing pages as they were told, for the feeds that tell some of them again.
    pub pages: Vec<phishing::Page>,
    /// Malware URLs as they were told.
    pub urls: Vec<hosting::MalwareUrl>,
}

impl Stage<'_> {
    /// The stream of chance of a purpose.
    pub fn random(&self, purpose: &str, part: u64) -> Random {
        Random::of(self.seed, purpose, part)
    }
}

/// A row of a report that waits for its file, small because there are hundreds of thousands.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Second since 1970.
    pub second: i64,
    /// Key of the host.
    pub host: u64,
    /// What the feed needs to write it.
    pub what: u32,
}

/// The name under which a report type is a feed.
pub fn feed_name(report: &ReportType) -> &'static str {
    FEED_NAMES
        .iter()
        .find(|(file, _)| *file == report.file)
        .expect("every report type has a feed")
        .1
}

/// Report type to feed name: feeds are named `a-z 0-9 -`.
pub const FEED_NAMES: [(&str, &str); 18] = [
    ("event4_sinkhole", "shadowserver-sinkhole"),
    ("event4_sinkhole_http", "shadowserver-sinkhole-http"),
    (
        "event4_microsoft_sinkhole_http",
        "shadowserver-vendor-sinkhole",
    ),
    ("event6_sinkhole", "shadowserver-sinkhole-ipv6"),
    ("event4_honeypot_brute_force", "shadowserver-brute-force"),
    ("event4_ddos_participant", "shadowserver-ddos"),
    ("compromised_website", "shadowserver-website"),
    ("compromised_iot", "shadowserver-iot"),
    ("malware_url", "shadowserver-malware-url"),
    ("scan_rdp", "shadowserver-scan-rdp"),
    ("scan_telnet", "shadowserver-scan-telnet"),
    ("scan_snmp", "shadowserver-scan-snmp"),
    ("scan_smb", "shadowserver-scan-smb"),
    ("scan_elasticsearch", "shadowserver-scan-elasticsearch"),
    ("scan_redis", "shadowserver-scan-redis"),
    ("scan_adb", "shadowserver-scan-adb"),
    ("scan_vnc", "shadowserver-scan-vnc"),
    ("scan_http_vulnerable", "shadowserver-scan-http-vulnerable"),
];

/// A daily report of one type in the making: rows in time order, some repeated, a few broken.
pub struct DailyReport<'a> {
    report: &'static ReportType,
    columns: Vec<Column>,
    /// The file.
    pub sheet: Sheet,
    random: Random,
    /// Lines that will be repeated at the end of the file.
    again: Vec<(usize, usize)>,
    country: &'a Country,
}

impl<'a> DailyReport<'a> {
    /// The report of UTC date number `day`.
    pub fn new(stage: &Stage<'a>, report: &'static ReportType, day: i64) -> Self {
        let with_severity = day >= SEVERITY_FROM as i64 * 7;
        DailyReport {
            report,
            columns: report.columns(with_severity),
            sheet: Sheet::with_header(&report.header(with_severity)),
            random: stage.random(report.file, (day + 1) as u64),
            again: Vec::new(),
            country: stage.country,
        }
    }

    /// Writes a row; every fiftieth is delivered twice, at once or at the end of the file.
    pub fn row(&mut self, sighting: &Sighting<'_>) {
        let from = self.sheet.bytes.len();
        self.sheet
            .row(|out| write_row(out, &self.columns, sighting));
        let to = self.sheet.bytes.len();
        match self.random.below(100) {
            0 => {
                let line = self.sheet.bytes[from..to].to_vec();
                self.sheet.repeat(&line);
            }
            1 => self.again.push((from, to)),
            _ => {}
        }
    }

    /// Adds rows that no parser can read: the first of `kinds` cut off, the second without a true time.
    pub fn broken(&mut self, sighting: &Sighting<'_>, kinds: u32) {
        let mut line = Vec::new();
        write_row(&mut line, &self.columns, sighting);
        let text = String::from_utf8(line).expect("report rows are UTF-8");
        if kinds > 0 {
            let cells: Vec<&str> = text.split(',').take(6).collect();
            self.sheet.broken(cells.join(",") + "\n");
        }
        if kinds > 1 {
            let after = text.split_once(',').map_or("", |(_, after)| after);
            self.sheet
                .broken(format!("\"2026-13-45 25:61:00\",{after}"));
        }
    }

    /// The finished file and its path.
    pub fn finish(mut self, calendar: Calendar, day: i64) -> (String, Sheet) {
        for (from, to) in std::mem::take(&mut self.again) {
            let line = self.sheet.bytes[from..to].to_vec();
            self.sheet.repeat(&line);
        }
        (
            format!(
                "feeds/shadowserver/{}-{}-canglan.csv",
                calendar.date(day),
                self.report.file
            ),
            self.sheet,
        )
    }

    /// One of the two sinkholes, by key.
    pub fn sinkhole(&self, key: u64) -> &'a Block {
        let first = self.country.blocks.len() - 2;
        &self.country.blocks[first + (key & 1) as usize]
    }
}

/// An IPv4 address from its number.
pub fn v4(address: u32) -> IpAddr {
    IpAddr::V4(address.into())
}
