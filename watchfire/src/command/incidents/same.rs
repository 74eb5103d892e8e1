//! `watchfire incidents same` and `apart`: what a branch, the centre and a CERT abroad each call by their own number,
//! and which of them counts it.

use ledger::{Incident, Reach, SameMatter, Seen};

use crate::command::orgs;
use crate::failure::{Failure, Result};
use crate::responding::incident;
use crate::workspace::{Access, Session, Workspace, now};

/// Links views of one matter.
#[derive(Debug, clap::Args)]
pub struct Link {
    /// The incidents, by number or id.
    #[arg(required = true)]
    incidents: Vec<String>,
    /// The number that the matter has in another house; may be repeated.
    #[arg(long, num_args = 2, value_names = ["ORGANIZATION", "NUMBER"])]
    elsewhere: Vec<String>,
    /// Who counts it: one of the incidents, or a house of --elsewhere by its name. The others are in no figure.
    #[arg(long, value_name = "INCIDENT|ORGANIZATION")]
    counts: String,
    /// What shows that it is one matter.
    #[arg(long)]
    reason: String,
}

/// Takes a view out of a matter.
#[derive(Debug, clap::Args)]
pub struct Apart {
    /// The incident, by number or id.
    incident: String,
    /// The number in another house that is taken out; without it the incident itself is.
    #[arg(long, num_args = 2, value_names = ["ORGANIZATION", "NUMBER"])]
    elsewhere: Vec<String>,
    /// What shows that it is another matter.
    #[arg(long)]
    reason: String,
}

/// A house's number, from the two values of `--elsewhere`.
fn there(pair: &[String], workspace: &Workspace) -> Result<(String, Seen)> {
    let [house, number] = pair else {
        return Err(Failure::usage(
            "--elsewhere",
            "takes a house and its number",
        ));
    };
    let organization = orgs::find(house, workspace)?.id.0;
    let number = number.trim().to_owned();
    let seen = Seen::There {
        organization,
        number,
    };
    Ok((house.clone(), seen))
}

pub fn link(args: &Link, session: &Session) -> Result {
    let workspace = session.open(Access::Write("incidents same"))?;
    let ledger = &workspace.ledger;
    let mut views = Vec::new();
    for which in &args.incidents {
        views.push(Seen::Here(incident(&workspace, which)?.incident_id()));
    }
    let mut counting = None;
    for pair in args.elsewhere.chunks(2) {
        let (house, seen) = there(pair, &workspace)?;
        if house == args.counts {
            counting = Some(seen.clone());
        }
        views.push(seen);
    }
    let counting = match counting {
        Some(seen) => seen,
        None => match incident(&workspace, &args.counts) {
            Ok(one) => Seen::Here(one.incident_id()),
            Err(_) => {
                let why = "is neither an incident nor a house of --elsewhere";
                return Err(Failure::usage(
                    format_args!("--counts {}", args.counts),
                    why,
                ));
            }
        },
    };
    let who = session.actor();
    let linked = ledger.link_same(
        (&views, &counting),
        &Reach::All,
        &args.reason,
        &who,
        now().0,
    );
    let count = workspace.block_on(linked)?;
    session.talk.say(format_args!(
        "one matter in {count} views; {} counts it",
        args.counts
    ));
    Ok(())
}

pub fn apart(args: &Apart, session: &Session) -> Result {
    let workspace = session.open(Access::Write("incidents apart"))?;
    let one = incident(&workspace, &args.incident)?;
    let view = match args.elsewhere.as_slice() {
        [] => Seen::Here(one.incident_id()),
        pair => there(pair, &workspace)?.1,
    };
    let ledger = &workspace.ledger;
    let who = session.actor();
    let parted = ledger.part_same(
        one.incident_id(),
        &view,
        &Reach::All,
        &args.reason,
        &who,
        now().0,
    );
    workspace.block_on(parted)?;
    let left = workspace.block_on(ledger.same_matter(one.incident_id()))?;
    session.talk.say(match left.len() {
        0 => format!(
            "#{} is linked with nothing now and counts itself",
            one.number
        ),
        some => format!("#{} is one of {some} views of its matter", one.number),
    });
    Ok(())
}

/// The views of an incident's matter, a line each, but for its own.
pub fn lines(one: &Incident, views: &[SameMatter], workspace: &Workspace) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for view in views.iter().filter(|view| view.incident_id != Some(one.id)) {
        let counts = if view.counts { ", counts it" } else { "" };
        let ledger = &workspace.ledger;
        let what = match (view.incident_id, view.organization_id) {
            (Some(id), _) => {
                let other = workspace.block_on(ledger.incident(id.0, &Reach::All))?;
                format!("#{}", other.number)
            }
            (None, Some(house)) => {
                let house = workspace.block_on(ledger.organization(house.0))?;
                format!(
                    "{} {}",
                    house.name_en,
                    view.number.as_deref().unwrap_or_default()
                )
            }
            (None, None) => continue,
        };
        lines.push(format!("{what}{counts} (linked by {})", view.linked_by));
    }
    Ok(lines)
}
