//! Stalkerware: indicators of watching applications as YAML, in the published form, a snapshot a
//! week. The applications are invented.

use std::fmt::Write;

use anyhow::Result;

use super::Stage;
use crate::demo::country::Among;
use crate::demo::files::Sheet;
use crate::demo::names;
use crate::demo::random::{draw, scale};
use crate::demo::text;
use crate::demo::weeks::WEEKS;

const APPS: [&str; 14] = [
    "QuietTracker",
    "FamilyLantern",
    "GuardHeron",
    "PhoneTide",
    "NightOtter",
    "KinWatcher",
    "ShadowReed",
    "EyeOfMoth",
    "PocketHarbor",
    "SilentFox",
    "CoralKeeper",
    "DeepListener",
    "TraceWillow",
    "OwlMonitor",
];

/// Writes the feed.
///
/// # Errors
/// If a file cannot be written.
pub fn write(stage: &mut Stage<'_>) -> Result<()> {
    for week in 0..WEEKS {
        let mut yaml = String::new();
        let mut rows = 0;
        for (number, app) in APPS.iter().enumerate() {
            let key = draw(stage.seed ^ 0x57a1, number as u64);
            let slug = app.to_lowercase();
            let _ = write!(
                yaml,
                "- name: {app}\n  names:\n  - {app}\n  - {app} Pro\n  type: stalkerware\n  packages:\n"
            );
            for n in 0..1 + scale(draw(key, 1), 3) {
                let _ = writeln!(
                    yaml,
                    "  - com.example.{slug}{}",
                    ["", ".sync", ".helper"][n as usize]
                );
                rows += 1;
            }
            yaml.push_str("  certificates:\n");
            // The list grows with the weeks, by certificates.
            for n in 0..1 + (scale(draw(key, 2), 2 + week as u64) / 2).min(6) {
                let mut certificate = Vec::new();
                text::hex(&mut certificate, draw(key, 10 + n), 40);
                let certificate = String::from_utf8(certificate)
                    .expect("hexadecimal is ASCII")
                    .to_uppercase();
                let _ = writeln!(yaml, "  - {certificate}");
                rows += 1;
            }
            let _ = write!(
                yaml,
                "  websites:\n  - {slug}.example.com\n  distribution:\n  - get-{slug}.test\n  c2:\n    domains:\n    - {}\n    ips:\n",
                names::machine_made(key)
            );
            let (address, _) = stage.country.host(Among::Abroad, key);
            let _ = writeln!(yaml, "    - {}", std::net::Ipv4Addr::from(address));
            rows += 4;
            // The reader takes a distribution site for what it is: a site that spreads malware.
            stage.truth.0[week]
                .hosting_domains
                .insert(format!("get-{slug}.test"));
            stage.truth.0[week].names.insert(slug);
        }
        let sheet = Sheet {
            rows,
            ..Sheet::with_header(&yaml)
        };
        let date = stage.calendar.week(week).monday();
        stage.files.feed(
            "stalkerware",
            format!("feeds/stalkerware/ioc_{date}.yaml"),
            sheet,
        )?;
    }
    Ok(())
}
