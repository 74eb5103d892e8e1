//! Bambenek Consulting's feeds: `indicator,description,time,manual`, comments with `#`. The indicator
//! is an address or a domain; the description names the malware (`IP used by a/b C&C`: the last of
//! several names counts), the manual page describes it. What is listed, control servers or generated
//! domains, the feed's entry says.

use model::feed::Feed;
use model::field::Field;
use model::record::Record;
use model::reject::RejectReason;

use crate::entry::{self, Entry};
use crate::line::{Emit, Fault, Lines};
use crate::{Context, Format, Reader, Unreadable, observable, value};

/// Bambenek Consulting's feeds.
pub const FORMAT: Format = Format {
    name: "bambenek",
    about: "Bambenek's feeds: indicator,description,time,manual",
    open,
    check,
};

fn check(feed: &Feed) -> Vec<String> {
    let mut problems = entry::check_fixed(feed);
    problems.extend(entry::check_options(feed, &[]));
    if feed.classification.is_none() {
        problems.push("classification: is missing; name `c2-server` or `dga-domain`".into());
    }
    problems
}

fn open(ctx: &Context<'_>, head: &[u8]) -> Result<Reader, Unreadable> {
    if head.trim_ascii().is_empty() {
        return Err(Unreadable::Empty);
    }
    let zone = ctx.zone.clone();
    let parse = move |line: &str, record: &mut Record, emit: &mut Emit<'_>| -> Result<(), Fault> {
        let cells: Vec<&str> = line.split(',').collect();
        let &[indicator, description, time, manual] = cells.as_slice() else {
            let message = format!("{} columns where 4 are expected", cells.len());
            return Err((RejectReason::ColumnCount, message));
        };
        observable::set(record, indicator, &zone)
            .map_err(|bad| (bad.reason, bad.message(indicator)))?;
        if !value::has_observable(record) {
            return Err((RejectReason::NoObservable, "the indicator is empty".into()));
        }
        for (field, text) in [
            (Field::ObservedAt, time),
            (Field::Description, description),
            (Field::DescriptionUrl, manual),
        ] {
            value::set(record, field, text, &zone)
                .map_err(|bad| (bad.reason, bad.message(text)))?;
        }
        if let Some(name) = malware(description) {
            record.set_text(Field::MalwareName, &name.to_lowercase());
        }
        emit(record);
        Ok(())
    };
    Ok(Lines::reader(Entry::compile(ctx)?, &["#"], parse))
}

/// The name of the malware in a description.
fn malware(description: &str) -> Option<&str> {
    let (_, names) = description.split_once(" used by ")?;
    let names = names.split_whitespace().next()?;
    names.rsplit('/').next().filter(|name| !name.is_empty())
}
