//! What `watchfire doctor` looks at on a public node (docs/public.md): it has no ledger, and none is made.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::disk;
use crate::config::Settings;
use crate::failure::Result;
use crate::findings::Findings;
use crate::serve::public::{inner_is_private, nothing_of_the_inside, sealer, secret};
use crate::talk::human_bytes;
use crate::workspace::Session;

/// The inside asks every few seconds: what waited so long was not fetched.
const LONG: Duration = Duration::from_secs(15 * 60);

/// Looks at a public node's folder and configuration.
///
/// # Errors
/// Exit code 4 if something is wrong or wanting.
pub fn examine(root: &Path, settings: &Settings, session: &Session) -> Result {
    let mut findings = Findings::default();
    let check = |findings: &mut Findings, what, done: Result, well: &str| match done {
        Ok(()) => findings.ok(what, well),
        Err(failure) => findings.failure(what, &failure, "see docs/public.md"),
    };
    let clean = nothing_of_the_inside(root, settings, session);
    let well = "nothing here leads inside";
    check(&mut findings, "inside", clean, well);
    let key = sealer(root, settings).map(drop);
    let well = "what is sent can be sealed to the inside";
    check(&mut findings, "seal key", key, well);
    let shared = secret(root, settings).map(drop);
    let well = "the inner door opens to whoever shows it";
    check(&mut findings, "secret", shared, well);
    let private = inner_is_private(root, settings);
    let well = "the secret crosses no network in clear";
    check(&mut findings, "inner door", private, well);
    let folder = root.join(&settings.public.folder);
    spool(&folder, settings, &mut findings);
    let site = console::outpost::site_dir(&folder);
    match site.join("index.html").exists() {
        true => findings.ok("site", "what the inside left is there"),
        false => findings.warning(
            "site",
            format!("nothing was left in {} yet", site.display()),
            "inside: name this node under [public] nodes, then `watchfire outpost exchange`",
        ),
    }
    disk(root, &mut findings);
    findings.print(session)
}

fn spool(folder: &Path, settings: &Settings, findings: &mut Findings) {
    let most = u64::from(settings.public.spool_mb) << 20;
    let level = match console::outpost::spooled(folder) {
        Ok(level) => level,
        Err(error) => {
            let message = format!("{}: {error}", folder.display());
            return findings.error("spool", message, "look at the folder and its owner");
        }
    };
    let (files, bytes) = (level.files, human_bytes(level.bytes));
    let waited = level
        .oldest
        .and_then(|since| SystemTime::now().duration_since(since).ok());
    if level.bytes > most / 2 {
        let message = format!("{files} wait, {bytes} of {}", human_bytes(most));
        let remedy = "inside: look why nothing is fetched (`watchfire outpost exchange`), or raise public.spool_mb";
        return findings.error("spool", message, remedy);
    }
    match waited.filter(|waited| *waited > LONG) {
        Some(waited) => findings.warning(
            "spool",
            format!(
                "{files} wait, the oldest for {} minutes",
                waited.as_secs() / 60
            ),
            "inside: `watchfire outpost exchange` says why nothing is fetched",
        ),
        None => findings.ok(
            "spool",
            format!("{files} wait, {bytes} of {}", human_bytes(most)),
        ),
    }
}
