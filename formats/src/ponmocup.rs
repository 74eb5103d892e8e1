//! The list of Ponmocup redirections once kept at security-research.dyndns.org: four columns with
//! spaces between, the last being a site whose `.htaccess` was changed and the ones before the host
//! and URL to which its visitors are sent. A line is two events: the distributor and the compromised
//! site, each with the other as its counterpart. The head says when the list was made.

use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::RejectReason;

use crate::entry::{self, Entry};
use crate::line::{Emit, Fault, Lines};
use crate::{Context, Format, Reader, Unreadable, selection, value};

/// The Ponmocup list.
pub const FORMAT: Format = Format {
    name: "ponmocup",
    about: "Ponmocup redirections: address, host, URL, infected site",
    open,
    check,
};

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check_fixed(feed);
    problems.extend(entry::check_options(feed, selection::OPTIONS));
    problems
}

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    if head.trim_ascii().is_empty() {
        return Err(Unreadable::Empty);
    }
    let mut entry = Entry::compile(ctx)?;
    // A list without its own time stands for the snapshot's, as any other.
    let _ = entry.stand_for(selection::dated(ctx.feed, head, ctx.zone));
    let zone = ctx.zone.clone();
    let parse = move |line: &str, record: &mut Record, emit: &mut Emit<'_>| -> Result<(), Fault> {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let &[address, host, url, site] = cells.as_slice() else {
            let message = format!("{} columns where 4 are expected", cells.len());
            return Err((RejectReason::ColumnCount, message));
        };
        let address = Some(address)
            .filter(|address| *address != "/")
            .unwrap_or("");
        for (class, description, values) in [
            (
                "malware-distribution",
                "has malicious code redirecting to malicious host",
                [
                    (Field::SourceIp, address),
                    (Field::SourceHost, host),
                    (Field::SourceUrl, url),
                    (Field::DestinationHost, site),
                ],
            ),
            (
                "system-compromise",
                "host has been compromised and has malicious code infecting users",
                [
                    (Field::DestinationIp, address),
                    (Field::DestinationHost, host),
                    (Field::DestinationUrl, url),
                    (Field::SourceHost, site),
                ],
            ),
        ] {
            record.clear();
            for (field, text) in values {
                value::set(record, field, text, &zone)
                    .map_err(|bad| (bad.reason, bad.message(text)))?;
            }
            record.set_text(Field::ClassType, class);
            record.set_text(Field::Description, description);
            emit(record);
        }
        Ok(())
    };
    Ok(Lines::reader(entry, &["#"], parse))
}
