//! The published site in the workspace's folder.

use std::path::PathBuf;

use crate::command::bulletin::publishing::Written;
use crate::failure::{Failure, Result};
use crate::workspace::{Session, Workspace};

/// Builds the site from what is public.
pub fn build(workspace: &Workspace, _session: &Session) -> Result<Written> {
    let ledger = &workspace.ledger;
    let series = &workspace.settings.series.id;
    let folder = workspace.site_dir();
    std::fs::create_dir_all(&folder).map_err(|error| Failure::new(folder.display(), error))?;
    let mut files = 0;
    let mut home = PathBuf::new();
    for public in workspace.block_on(ledger.published(series))? {
        let key = public.edition.key();
        let renditions = workspace.block_on(ledger.renditions(&key, public.issue.revision))?;
        for file in renditions {
            let bytes = workspace.blobs.read(&file.hash)?;
            let path = folder.join(&file.name);
            std::fs::write(&path, bytes).map_err(|error| Failure::new(path.display(), error))?;
            if file.name.ends_with(".zh.html") {
                home = PathBuf::from(&file.name);
            }
            files += 1;
        }
    }
    Ok(Written {
        folder,
        home,
        files,
    })
}
