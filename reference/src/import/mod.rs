//! From one file of a kind to claims, names and entries: one file per family of formats.
//!
//! Every importer reads the whole of an [`Input`], adds to the [`Draft`] and counts in the [`Tally`].
//! It fails only where nothing of the file can be trusted; a bad line is refused and counted.

mod addresses;
mod codes;
mod mmdb;
mod names;
mod sites;
mod warninglist;

use crate::brand::Brands;
use crate::ip::IpDraft;
use crate::names::Names;
use crate::read::{Input, Tally};
use crate::site::SiteTable;
use crate::territory::TerritoryRule;
use crate::warning::Warnings;
use crate::{Error, Kind};

/// Everything gathered from files, before it is compiled.
#[derive(Debug)]
pub(crate) struct Draft {
    pub ip: IpDraft,
    pub names: Names,
    pub sites: SiteTable,
    pub brands: Brands,
    pub warnings: Warnings,
    /// The imported territory rule.
    pub rule: Option<TerritoryRule>,
    /// One file is looked at alone: what only another file can tell is let pass.
    pub alone: bool,
}

impl Draft {
    /// The built-in names and suffixes, nothing imported.
    pub fn new() -> Self {
        Draft {
            ip: IpDraft::default(),
            names: Names::built_in(),
            sites: SiteTable::built_in(),
            brands: Brands::default(),
            warnings: Warnings::default(),
            rule: None,
            alone: false,
        }
    }
}

/// What is being read, beside the bytes.
pub(crate) struct Job<'a> {
    pub kind: Kind,
    /// File name without endings: the code, country or holder where the kind goes by it.
    pub name: &'a str,
    /// Order among sources; lower wins. The low half orders files of one rank where they compete.
    pub rank: u32,
    /// The rank is the kind's default, not the user's word.
    pub default_rank: bool,
}

/// Reads one file into the draft.
pub(crate) fn read(
    input: &Input,
    job: &Job<'_>,
    draft: &mut Draft,
    tally: &mut Tally,
) -> Result<(), Error> {
    match job.kind {
        Kind::RegionCidr => addresses::region_cidr(input, job, draft, tally),
        Kind::CountryCidr => addresses::country_cidr(input, job, draft, tally),
        Kind::HolderCidr => addresses::holder_cidr(input, job, draft, tally),
        Kind::PrefixAsn => addresses::prefix_asn(input, job, draft, tally),
        Kind::RirDelegated => addresses::rir_delegated(input, job, draft, tally),
        Kind::Mmdb => mmdb::read(input, job, draft, tally),
        Kind::AsnNames => names::asn_names(input, job, draft, tally),
        Kind::Divisions => codes::divisions(input, job, draft, tally),
        Kind::Countries => codes::countries(input, job, draft, tally),
        Kind::Brands => codes::brands(input, job, draft, tally),
        Kind::Territory => codes::territory(input, job, draft, tally),
        Kind::PublicSuffix => sites::public_suffix(input, job, draft, tally),
        Kind::OwnerClass => sites::owner_class(input, job, draft, tally),
        Kind::Warninglist => warninglist::read(input, job, draft, tally),
    }?;
    if tally.records == 0 {
        let first = tally.problems.first().cloned().unwrap_or_default();
        return Err(Error::Empty {
            path: input.path.clone(),
            kind: job.kind,
            rejected: tally.rejected,
            first,
        });
    }
    Ok(())
}

/// The file does not fit its kind.
fn unfit(input: &Input, job: &Job<'_>, reason: impl Into<String>) -> Error {
    Error::Unfit {
        path: input.path.clone(),
        kind: job.kind,
        reason: reason.into(),
    }
}

/// Calls `row` for every row of a CSV file with a header. `columns` are the wanted columns, each with
/// the names it may bear; the first `required` of them must be there. A missing optional column reads
/// as empty. Rows that are no CSV are refused.
fn csv_rows<const N: usize>(
    input: &Input,
    job: &Job<'_>,
    columns: [&[&str]; N],
    required: usize,
    tally: &mut Tally,
    mut row: impl FnMut(u64, [&str; N], &mut Tally),
) -> Result<(), Error> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(input.bytes.as_slice());
    let header = reader
        .headers()
        .map_err(|error| unfit(input, job, error.to_string()))?
        .clone();
    let places = columns.map(|names| {
        header.iter().position(|column| {
            names
                .iter()
                .any(|name| column.trim().eq_ignore_ascii_case(name))
        })
    });
    if let Some(missing) = places.iter().take(required).position(Option::is_none) {
        return Err(unfit(
            input,
            job,
            format!(
                "its first line must be a header with the column {}",
                columns[missing].join(" or ")
            ),
        ));
    }
    let mut record = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let line = record.position().map_or(line, csv::Position::line);
                row(
                    line,
                    places.map(|place| {
                        place
                            .and_then(|place| record.get(place))
                            .unwrap_or("")
                            .trim()
                    }),
                    tally,
                );
            }
            Err(error) => {
                tally.refuse(line, &error);
                if error.is_io_error() {
                    return Ok(());
                }
            }
        }
    }
}
