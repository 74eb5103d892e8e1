//! `watchfire evidence`: what was seen, and a package of it that others can check.

use std::path::PathBuf;

use clap::Subcommand;
use ledger::verification::NewEvidence;
use ledger::{Evidence, NewAudit};
use model::ids::EvidenceId;
use model::marking::To;
use model::time::Timestamp;
use model::tlp::Tlp;
use response::verify::evidence::Piece;
use response::verify::evidence::sealed::{Custody, seal};
use serde_json::json;

use super::incidents::{minute, word};
use super::orgs;
use crate::cli::Acting;
use crate::failure::{Failure, Result};
use crate::responding::incident;
use crate::table::{Out, Table};
use crate::workspace::{Access, Session, now, random};

/// Keep, list and hand over evidence.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A package is a zip with SHA256SUMS, a manifest and the chain of custody; `sha256sum -c SHA256SUMS` checks
it without this program. Its seal, the SHA-256 of SHA256SUMS, is kept in the audit trail.

Examples:
  watchfire evidence list 704
  watchfire evidence add 704 screenshot.png --source \"photo of the screen\"
  watchfire evidence export 704 --to 704.zip --reason \"for the court, file 12\"
  watchfire evidence export 704 --to 704.zip --recipient \"CERT Beta\" --up-to amber --reason \"asked by mail\"")]
pub struct Args {
    #[command(flatten)]
    pub acting: Acting,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the evidence of an incident.
    List {
        /// Its number or id.
        incident: String,
    },
    /// Add a file.
    Add {
        /// The incident's number or id.
        incident: String,
        /// The file.
        file: PathBuf,
        /// Where it was taken from.
        #[arg(long)]
        source: String,
        /// How far it may be passed on.
        #[arg(long, default_value = "amber")]
        tlp: String,
    },
    /// Write a sealed package.
    Export {
        /// The incident's number or id.
        incident: String,
        /// The file to write; it must not exist.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// For whom and why.
        #[arg(long)]
        reason: String,
        /// Leave out what is marked above this.
        #[arg(long, default_value = "red", value_name = "TLP")]
        up_to: String,
        /// To whom it goes, an organization by name or id: needed where the incident is under embargo or names its
        /// recipients.
        #[arg(long, value_name = "ORG")]
        recipient: Option<String>,
    },
}

pub fn run(args: Args, session: &Session) -> Result {
    match args.what {
        What::List { incident } => list(&incident, session),
        What::Add {
            incident,
            file,
            source,
            tlp,
        } => add(&incident, &file, source, word(&tlp)?, session),
        What::Export {
            incident,
            to,
            reason,
            up_to,
            recipient,
        } => {
            let up_to = word(&up_to)?;
            export(&incident, &to, &reason, (up_to, recipient), session)
        }
    }
}

fn list(which: &str, session: &Session) -> Result {
    let workspace = session.open(Access::Read)?;
    let id = incident(&workspace, which)?.incident_id();
    let all = workspace.block_on(workspace.ledger.evidence(id))?;
    let mut out = Out::new();
    if session.json {
        out.json(&all)?;
        return out.end();
    }
    let mut table = Table::new([
        "taken", "name", "type", "bytes", "tlp", "from", "by", "hash",
    ]);
    for one in &all {
        table.row([
            minute(one.at, &workspace),
            one.name.clone(),
            one.media_type.clone(),
            one.bytes.to_string(),
            one.tlp.to_string(),
            one.source.clone(),
            one.actor.clone(),
            one.blob.to_string().chars().take(12).collect::<String>(),
        ]);
    }
    match table.is_empty() {
        true => session.talk.say("no evidence"),
        false => table.print(&mut out)?,
    }
    out.end()
}

fn add(which: &str, file: &std::path::Path, source: String, tlp: Tlp, session: &Session) -> Result {
    let workspace = session.open(Access::Write("evidence add"))?;
    let id = incident(&workspace, which)?.incident_id();
    let blob = workspace.blobs.put_file(file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let at = now();
    let new = NewEvidence {
        id: EvidenceId::draw(at, random()),
        incident: id,
        blob: blob.hash,
        name: name.into_owned(),
        media_type: "application/octet-stream".to_owned(),
        bytes: blob.len,
        source,
        tlp,
        at: at.0,
    };
    workspace.block_on(workspace.ledger.add_evidence(new, &session.actor(), at.0))?;
    session.talk.say(format_args!("kept under {}", blob.hash));
    Ok(())
}

/// The name of a piece within the package: its place, and what of its own name is fit.
fn member(place: usize, one: &Evidence) -> String {
    let fit = |c: char| match c {
        c if c.is_ascii_alphanumeric() || ".-_".contains(c) => c,
        _ => '_',
    };
    let name: String = one.name.chars().map(fit).take(80).collect();
    format!("{:03}-{}", place + 1, name.trim_start_matches('.'))
}

fn export(
    which: &str,
    to: &std::path::Path,
    reason: &str,
    (up_to, recipient): (Tlp, Option<String>),
    session: &Session,
) -> Result {
    if to.exists() {
        return Err(Failure::new(to.display(), "is there already").remedy("name another file"));
    }
    let workspace = session.open(Access::Write("evidence export"))?;
    let one = incident(&workspace, which)?;
    let id = one.incident_id();
    let recipient = match &recipient {
        Some(text) => Some(orgs::find(text, &workspace)?),
        None => None,
    };
    let to_whom = match &recipient {
        Some(party) => To::Party(party.organization_id()),
        None => To::Outsider,
    };
    let marking = workspace.block_on(workspace.ledger.marking(&one))?;
    marking.may_leave(to_whom, now()).map_err(|why| {
        Failure::new(format_args!("incident #{}", one.number), why)
            .remedy("say with --recipient whom it goes to, if its marking allows that one")
    })?;
    let all = workspace.block_on(workspace.ledger.evidence(id))?;
    let (may, must_not): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.tlp.0 <= up_to);
    if may.is_empty() {
        return Err(Failure::new(
            format_args!("incident #{}", one.number),
            "has no evidence that may be handed over",
        )
        .remedy("watchfire evidence list, or a wider --up-to"));
    }
    let who = session.actor();
    let at = now();
    let (mut pieces, mut custody) = (Vec::new(), Vec::new());
    for (place, kept) in may.iter().enumerate() {
        let name = member(place, kept);
        custody.push(Custody {
            at: Timestamp(kept.at),
            who: kept.actor.clone(),
            what: format!("collected: {}", kept.source),
            member: name.clone(),
        });
        pieces.push(Piece {
            name,
            media: "application/octet-stream",
            bytes: workspace.blobs.read(&kept.blob)?,
        });
    }
    custody.push(Custody {
        at,
        who: who.clone(),
        what: format!("exported: {reason}"),
        member: String::new(),
    });
    let about = format!("incident {} ({id})", one.number);
    let sealed = seal(&about, &pieces, &custody)
        .map_err(|error| Failure::new(format_args!("incident #{}", one.number), error))?;
    // In the trail before it is in anybody's hands.
    let record = NewAudit {
        actor: who,
        action: "evidence.export".to_owned(),
        object: format!("incident {id}"),
        detail: json!({ "seal": sealed.seal, "sha256": sealed.sha256, "pieces": pieces.len(),
            "left_out": must_not.len(), "up_to": up_to, "reason": reason,
            "recipient": recipient.as_ref().map(|party| party.organization_id()) }),
    };
    workspace.block_on(workspace.ledger.append_audit(record, at.0))?;
    std::fs::write(to, &sealed.bytes).map_err(|error| Failure::new(to.display(), error))?;
    let mut out = Out::new();
    match session.json {
        true => out.json(
            &json!({ "file": to, "seal": sealed.seal, "sha256": sealed.sha256,
            "pieces": pieces.len(), "left_out": must_not.len() }),
        )?,
        false => out.line(format_args!("{} {}", sealed.seal, to.display()))?,
    }
    out.end()?;
    session.talk.say(format_args!(
        "{} pieces, {} left out by their marking; the seal is in the audit trail",
        pieces.len(),
        must_not.len()
    ));
    Ok(())
}
