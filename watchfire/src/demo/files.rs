//! The files of the demo as they are written: folder, feed, rows, rows that no parser can read.
//!
//! Also the truth: what the generator itself knows to be in a week. The pipeline must find the same
//! numbers from the files alone, which a test of the whole flow compares.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::weeks::WEEKS;

/// One file of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedFile {
    /// Path below the workspace, with `/`.
    pub path: String,
    /// Feed that it belongs to.
    pub feed: &'static str,
    /// Records in it, repeated and unreadable ones too.
    pub rows: u64,
    /// Records among them that must become rejects.
    pub rejects: u64,
    /// Records among them that repeat an earlier one of the same feed to the byte.
    pub repeats: u64,
}

/// Writes below one folder.
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    /// What has been written of feeds.
    pub feeds: Vec<FeedFile>,
}

impl Files {
    /// Files below `root`, which is made where it does not exist.
    pub fn below(root: &Path) -> Self {
        Files {
            root: root.to_owned(),
            feeds: Vec::new(),
        }
    }

    /// Writes a file that is no feed's.
    ///
    /// # Errors
    /// With the file's path, if it cannot be written.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let full = self.root.join(path);
        let folder = full.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create folder {}", folder.display()))?;
        fs::write(&full, bytes).with_context(|| format!("cannot write {}", full.display()))
    }

    /// Writes a feed's file.
    ///
    /// # Errors
    /// With the file's path, if it cannot be written.
    pub fn feed(&mut self, feed: &'static str, path: String, sheet: Sheet) -> Result<()> {
        self.write(&path, &sheet.bytes)?;
        self.feeds.push(FeedFile {
            path,
            feed,
            rows: sheet.rows,
            rejects: sheet.rejects,
            repeats: sheet.repeats,
        });
        Ok(())
    }
}

/// A file in the making.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// See [`FeedFile::rows`].
    pub rows: u64,
    /// See [`FeedFile::rejects`].
    pub rejects: u64,
    /// See [`FeedFile::repeats`].
    pub repeats: u64,
}

impl Sheet {
    /// A file that begins with a header.
    pub fn with_header(header: &str) -> Self {
        Sheet {
            bytes: header.as_bytes().to_vec(),
            ..Sheet::default()
        }
    }

    /// A record.
    pub fn row(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.rows += 1;
    }

    /// A record that no parser can read.
    pub fn broken(&mut self, bytes: impl AsRef<[u8]>) {
        self.bytes.extend_from_slice(bytes.as_ref());
        self.rows += 1;
        self.rejects += 1;
    }

    /// A record that stands in the feed already.
    pub fn repeat(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.rows += 1;
        self.repeats += 1;
    }
}

/// What is in a week, by the generator's own knowledge.
#[derive(Clone, Debug, Default)]
pub struct WeekTruth {
    /// Addresses of the country infected with anything but Conficker.
    pub bots: BTreeSet<IpAddr>,
    /// Addresses of the country infected with Conficker.
    pub conficker: BTreeSet<IpAddr>,
    /// Infected addresses by province.
    pub by_province: [BTreeSet<IpAddr>; 12],
    /// Domains that spread malware.
    pub hosting_domains: BTreeSet<String>,
    /// Addresses that spread malware.
    pub hosting_ips: BTreeSet<IpAddr>,
    /// Those of them abroad.
    pub hosting_ips_abroad: BTreeSet<IpAddr>,
    /// Addresses in URLs without a domain.
    pub hosting_literal: BTreeSet<IpAddr>,
    /// Defaced sites.
    pub defaced: BTreeSet<String>,
    /// Backdoored sites.
    pub backdoored: BTreeSet<String>,
    /// Phishing pages against the country's brands.
    pub phishing: BTreeSet<String>,
    /// Their host names.
    pub phishing_hosts: BTreeSet<String>,
    /// Their addresses, as far as told.
    pub phishing_ips: BTreeSet<IpAddr>,
    /// Names of malware that infects, is hosted, is exchanged or controlled.
    pub names: BTreeSet<String>,
    /// Vulnerabilities: high, medium, low.
    pub vulnerabilities: [u64; 3],
}

/// The truth of all weeks.
#[derive(Clone, Debug)]
pub struct Truth(pub Vec<WeekTruth>);

impl Default for Truth {
    fn default() -> Self {
        Truth(vec![WeekTruth::default(); WEEKS])
    }
}

impl Truth {
    /// The figures of a week by the ids of the statistics, in their order. `M1` is the sum of its
    /// parts; `M4` is what no earlier week of the demo names (13 weeks, as the statistic looks back).
    pub fn figures(&self, week: usize) -> Vec<(&'static str, u64)> {
        let known: BTreeSet<&String> = self.0[..week]
            .iter()
            .flat_map(|earlier| &earlier.names)
            .collect();
        let new = self.0[week]
            .names
            .iter()
            .filter(|name| !known.contains(name))
            .count() as u64;
        let mut figures = self.0[week].figures();
        figures.insert(3, ("M4", new));
        figures
    }
}

impl WeekTruth {
    fn figures(&self) -> Vec<(&'static str, u64)> {
        let government = |sites: &BTreeSet<String>| {
            sites
                .iter()
                .filter(|site| site.ends_with(".gov.example"))
                .count() as u64
        };
        let [high, medium, low] = self.vulnerabilities;
        let len = |count: usize| count as u64;
        vec![
            ("M1", len(self.bots.len() + self.conficker.len())),
            ("M2", len(self.bots.len())),
            ("M3", len(self.conficker.len())),
            ("H1", len(self.hosting_domains.len())),
            ("H2", len(self.hosting_ips.len())),
            ("H6", len(self.hosting_literal.len())),
            ("W1", len(self.defaced.len())),
            ("W2", government(&self.defaced)),
            ("W3", len(self.backdoored.len())),
            ("W4", government(&self.backdoored)),
            ("W5", len(self.phishing.len())),
            ("W6 domains", len(self.phishing_hosts.len())),
            ("W6 addresses", len(self.phishing_ips.len())),
            ("V1", high + medium + low),
            ("V2", high),
            ("V3", medium),
            ("V4", low),
        ]
    }
}
