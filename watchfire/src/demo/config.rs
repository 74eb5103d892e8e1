//! The demo's `watchfire.toml`: as a CERT would write it, with comments for whoever reads it first.

use super::country::{CODE, NAME_EN, NAME_ZH};
use super::feeds::{FEED_NAMES, exposure};
use super::reference;
use super::reports::REPORTS;

/// Feeds that are not Shadowserver's, as they stand in the configuration.
const OTHER_FEEDS: &str = include_str!("../../assets/demo/feeds.toml");

/// The configuration of the demo's workspace.
pub fn demo(seed: u64) -> String {
    let mut text = format!(
        r#"# Workspace of the Watchfire demo: {NAME_EN} ({NAME_ZH}), a country that does not exist.
# Made from seed {seed}. Every name, address and number in it is reserved for examples.

[workspace]
name = "canglan-demo"
# The zone of the reporting week: it filters, it never decides where data lie.
zone = "Asia/Shanghai"

[series]
id = "canglan-weekly"
title_zh = "{NAME_ZH}网络安全周报"
title_en = "{NAME_EN} Cybersecurity Weekly"
organization_zh = "{NAME_ZH}国家网络应急中心（演示）"
organization_en = "{NAME_EN} National Emergency Response Center (demo)"
# An issue's number is the ordinal of its week's Sunday within the year.
scheme = "sunday-ordinal"
banner_zh = "演示数据：国家、机构、地址与数字均为虚构。"
banner_en = "Demonstration: country, bodies, addresses and figures are invented."
about_zh = "{NAME_ZH}并不存在。本期由演示数据生成，用于展示周报从监测数据到成稿的全过程。"
about_en = "{NAME_EN} does not exist. This issue was made from demonstration data, to show the whole way from feeds to bulletin."

[territory]
# Countries that count as inside; every other known one is outside.
inside = ["{CODE}"]

[rating]
profile = "default"
"#
    );
    references(&mut text);
    text.push_str("\n# --- Shadowserver: one feed a report type, so that a day missed by one of them shows. ---\n");
    shadowserver(&mut text, exposure::is_weekly);
    text.push('\n');
    text.push_str(OTHER_FEEDS);
    text.push_str(
        r#"
# --- Response. Who can act stands in parties.csv; nothing leaves this workspace: there is no mail server. ---

[response]
name_zh = "沧澜国家网络应急中心"
name_en = "Canglan National Emergency Response Center"
address = "incidents@cert.example"
phone = "000-0000"
"#,
    );
    text
}

/// The configuration of a workspace for exercises: the same country, and quick rounds.
pub fn exercise(seed: u64) -> String {
    demo(seed)
        .replacen("# Workspace of the Watchfire demo", "# Workspace for exercises", 1)
        .replacen(
            "name = \"canglan-demo\"\n",
            "name = \"canglan-exercise\"\n# Nothing leaves; parties are played by the serving process.\nexercise = true\n",
            1,
        )
        .replacen("phone = \"000-0000\"\n", "phone = \"000-0000\"\nround_secs = 3\n", 1)
}

/// The configuration of a benchmark workspace: the same country, Shadowserver's reports only.
pub fn benchmark(rows: u64, days: u64, seed: u64) -> String {
    let mut text = format!(
        r#"# Benchmark input of Watchfire: {rows} rows over {days} days from seed {seed}.

[workspace]
name = "benchmark"
zone = "Asia/Shanghai"

[series]
title_zh = "基准测试"
title_en = "Benchmark"
organization_zh = "基准测试"
organization_en = "Benchmark"
scheme = "sunday-ordinal"

[territory]
inside = ["{CODE}"]

[rating]
profile = "default"
"#
    );
    references(&mut text);
    shadowserver(&mut text, |_| false);
    text
}

fn references(text: &mut String) {
    text.push_str("\n# Tables that others publish; imported on the first ingest.\n");
    for (kind, name, path) in reference::ENTRIES {
        let folder = reference::FOLDER;
        text.push_str(&format!(
            "\n[[reference]]\nkind = \"{kind}\"\nname = \"{name}\"\npaths = [\"{folder}/{path}\"]\n"
        ));
    }
}

fn shadowserver(text: &mut String, weekly: impl Fn(&str) -> bool) {
    for report in REPORTS {
        let name = FEED_NAMES
            .iter()
            .find(|(file, _)| *file == report.file)
            .expect("every report type has a feed")
            .1;
        let file = report.file;
        let every = if weekly(file) { "every_days = 7\n" } else { "" };
        let terms = format!("{}; for the networks of {NAME_EN} only", report.name);
        text.push_str(&format!(
            r#"
[[feed]]
name = "{name}"
provider = "Shadowserver (demo)"
format = "shadowserver"
paths = ["feeds/shadowserver/????-??-??-{file}-*.csv"]
zone = "UTC"
{every}licence = "demo data, CC0-1.0"
terms = "{terms}"
publishable = "counts"
"#
        ));
    }
}
