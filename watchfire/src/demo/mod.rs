//! An invented country with fourteen weeks of feeds: what `watchfire demo` ingests.
//!
//! [`write`] fills a workspace folder with a configuration, the feeds' files in the published formats
//! of real feeds, and the reference tables that make them resolve; nothing here ingests, counts or
//! prints. The same tables and the same row writer make the benchmark's input
//! (`examples/generate.rs`).
//!
//! Everything follows from the seed and the last week: no clock, no other source of chance, no
//! floating point, so that the same call writes the same bytes anywhere. Everything is reserved for
//! examples (see [`country`]): a name or address that escapes from here reaches nobody.
//!
//! The story, told in [`weeks`]: infections that slowly recede, with two new families in the last
//! week; a holiday in the seventh; a campaign that imitates parcel services and nearly doubles
//! (+87.0 %) in the last; one source that misses a day of the last week, one whose file is empty on
//! an earlier day; a second list of malware hosts from the eleventh week on; reports that gain a
//! column in the ninth; repeated rows, and a few that no parser can read.

use std::path::Path;

use anyhow::Result;
use jiff::civil::{DateTime, date};
use model::time::ReportingWeek;

pub mod benchmark;
pub mod cells;
pub mod config;
pub mod country;
pub mod feeds;
pub mod files;
pub mod names;
pub mod random;
pub mod reference;
pub mod reports;
pub mod response;
pub mod text;
pub mod weeks;

use country::Country;
use feeds::Stage;
use files::{FeedFile, Files, Truth};
use weeks::{Calendar, LAST, WEEKS};

/// The seed of `watchfire demo` where none is given.
pub const DEFAULT_SEED: u64 = 2026;

/// The last week of `watchfire demo` where none is given: 16 to 22 November 2026.
pub fn default_end() -> ReportingWeek {
    ReportingWeek::containing(date(2026, 11, 22))
}

/// What was written, for whoever ingests it and for whoever checks that it was counted rightly.
#[derive(Clone, Debug)]
pub struct DemoCountry {
    /// Chinese name.
    pub name_zh: &'static str,
    /// English name.
    pub name_en: &'static str,
    /// The fourteen weeks.
    pub weeks: Vec<ReportingWeek>,
    /// The feeds' files, in the order of writing.
    pub files: Vec<FeedFile>,
    /// What is in each week, by the generator's own knowledge.
    pub truth: Truth,
    /// Disturbances of the infrastructure to be entered by hand.
    pub infrastructure: Vec<InfrastructureEvent>,
}

impl DemoCountry {
    /// Records of all feeds, repeated and unreadable ones too.
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// Records that must become rejects.
    pub fn rejects(&self) -> u64 {
        self.files.iter().map(|file| file.rejects).sum()
    }

    /// The figures of the last week, by statistic.
    pub fn headline(&self) -> Vec<(&'static str, u64)> {
        self.truth.figures(LAST)
    }

    /// Provinces by infected hosts in a week, most first: Chinese short name, English name, hosts.
    pub fn provinces(&self, week: usize) -> Vec<(&'static str, &'static str, usize)> {
        let country = Country::new();
        let hosts = self.truth.0[week]
            .by_province
            .iter()
            .map(|hosts| hosts.len());
        let mut ranked: Vec<_> = country
            .provinces
            .iter()
            .zip(hosts)
            .map(|(province, hosts)| (province.zh_short, province.en, hosts))
            .collect();
        ranked.sort_by_key(|(_, _, hosts)| std::cmp::Reverse(*hosts));
        ranked
    }
}

/// A disturbance of the infrastructure (DOMAIN rule 1.2: the bulletin names it, and one of 较大 or
/// above caps the rating). The demo's are 一般, which cap nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfrastructureEvent {
    /// Grade in the words of the national plan.
    pub level: &'static str,
    /// Name, Chinese.
    pub name_zh: &'static str,
    /// Name, English.
    pub name_en: &'static str,
    /// Place, Chinese.
    pub place_zh: &'static str,
    /// Place, English.
    pub place_en: &'static str,
    /// Code of the province.
    pub province: u32,
    /// Begin, in the reporting zone.
    pub started: DateTime,
    /// End, in the reporting zone.
    pub ended: DateTime,
    /// Effect, Chinese.
    pub effect_zh: &'static str,
    /// Effect, English.
    pub effect_en: &'static str,
}

/// Writes the demo's workspace into `dir`: `watchfire.toml`, `feeds/` and `reference-sources/`. The
/// last of the fourteen weeks is `end`. `progress` is called with what is being written, how many of
/// the parts are done and how many there are.
///
/// # Errors
/// If a file cannot be written; the message names it.
pub fn write(
    dir: &Path,
    seed: u64,
    end: ReportingWeek,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<DemoCountry> {
    type Part = fn(&mut Stage<'_>) -> Result<()>;
    let parts: [(&str, Part); 9] = [
        ("infected hosts", feeds::infected::write),
        ("open and attacked services", feeds::exposure::write),
        ("websites", feeds::websites::write),
        ("phishing", feeds::phishing::write),
        ("malware hosts", feeds::hosting::write),
        ("posts", feeds::posts::write),
        ("lists and samples", feeds::lists::write),
        ("vulnerabilities", feeds::vulnerability::write),
        ("mobile", feeds::mobile::write),
    ];
    let total = parts.len() as u64 + 1;
    let country = Country::new();
    let calendar = Calendar::ending(end);
    let mut stage = Stage {
        seed,
        country: &country,
        calendar,
        files: Files::below(dir),
        truth: Truth::default(),
        pages: Vec::new(),
        urls: Vec::new(),
    };
    progress("reference tables", 0, total);
    reference::write(&country, &stage.files)?;
    for (done, (name, part)) in parts.into_iter().enumerate() {
        progress(name, done as u64 + 1, total);
        part(&mut stage)?;
    }
    stage
        .files
        .write("parties.csv", response::parties(&country))?;
    // Last, so that a folder with a configuration is a whole demo.
    stage.files.write("watchfire.toml", config::demo(seed))?;
    progress("done", total, total);
    Ok(DemoCountry {
        name_zh: country::NAME_ZH,
        name_en: country::NAME_EN,
        weeks: (0..WEEKS).map(|week| calendar.week(week)).collect(),
        files: stage.files.feeds,
        truth: stage.truth,
        infrastructure: infrastructure(calendar, &country),
    })
}

/// Writes what an exercise needs of the country: its reference tables and its register, without feeds.
///
/// # Errors
/// If a file cannot be written; the message names it.
pub fn write_tables(dir: &Path) -> Result<()> {
    let country = Country::new();
    let files = Files::below(dir);
    reference::write(&country, &files)?;
    files.write("parties.csv", response::parties(&country))?;
    Ok(())
}

fn infrastructure(calendar: Calendar, country: &Country) -> Vec<InfrastructureEvent> {
    let at = |week: usize, day: i64, hour: i8, minute: i8| {
        calendar
            .date((week * 7) as i64 + day)
            .at(hour, minute, 0, 0)
    };
    vec![
        InfrastructureEvent {
            level: "一般",
            name_zh: "接入机房供电中断",
            name_en: "Power failure at an access site",
            place_zh: "雁泽省泽口",
            place_en: "Zekou, Yanze",
            province: country.provinces[7].code,
            started: at(LAST, 1, 14, 20),
            ended: at(LAST, 1, 17, 5),
            effect_zh: "约1.2万户宽带用户上网中断，当日恢复",
            effect_en: "about 12,000 broadband customers offline, restored the same day",
        },
        InfrastructureEvent {
            level: "一般",
            name_zh: "省内光缆被施工挖断",
            name_en: "Cable cut by construction work",
            place_zh: "青岚省岚山",
            place_en: "Lanshan, Qinglan",
            province: country.provinces[4].code,
            started: at(4, 3, 9, 40),
            ended: at(4, 3, 13, 15),
            effect_zh: "部分专线用户绕行，时延升高",
            effect_en: "some leased lines detoured, delays rose",
        },
    ]
}

#[cfg(test)]
mod tests;
