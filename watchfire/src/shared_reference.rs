//! Reference files of a workspace whose files lie in a store: every node has those that one of them imported.
//!
//! Imported files never change under their names, which hold their hash; only the index that lists them does. So the
//! files are published as they are, the index as a blob, and a row of the ledger says which index is in force: that of
//! the newest import, whichever node made it. In a plain folder the index beside the files is the only one.

use std::fs;
use std::io::Write;
use std::path::Path;

use ledger::{Hash, NewReferenceTable};
use reference::Sources;
use storage::Wanted;

use crate::failure::{Failure, Result};
use crate::workspace::{Workspace, now};

/// Kind and name of the row in the ledger.
const KIND: &str = "reference-index";
const NAME: &str = "tables";
/// The index in the reference folder.
const INDEX: &str = "index.json";

/// The imported files, all of them here.
///
/// # Errors
/// The ledger or the store fails, or a file is not what was imported.
pub fn sources(workspace: &Workspace) -> Result<Sources> {
    let folder = workspace.reference_dir();
    if !workspace.files.is_remote() {
        return Ok(Sources::open(folder)?);
    }
    take_over(workspace, &folder.join(INDEX))?;
    let sources = Sources::open(folder)?;
    let wanted = sources.files().into_iter().map(|file| Wanted {
        path: file.path,
        bytes: None,
        hash: file.hash,
    });
    workspace.files.fetch(wanted.collect())?;
    Ok(sources)
}

/// Puts the index in force in the place of ours, if it is another.
fn take_over(workspace: &Workspace, path: &Path) -> Result {
    let row = workspace.ledger.latest_reference(KIND, NAME);
    let Some(row) = workspace.block_on(row)? else {
        return Ok(());
    };
    let fail = |error: std::io::Error| Failure::new(path.display(), error);
    match fs::read(path) {
        Ok(own) if Hash::of(&own) == row.compiled => return Ok(()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fail(error)),
        _ => {}
    }
    let bytes = workspace.blobs.read(&row.compiled)?;
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    let write = || {
        fs::create_dir_all(workspace.reference_dir())?;
        let mut file = fs::File::create(&aside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    };
    write().map_err(fail)
}

/// Lets the other nodes have what was imported here: files first, then the index that names them.
///
/// # Errors
/// The ledger or the store fails: the index in force stays.
pub fn share(workspace: &Workspace, sources: &Sources) -> Result {
    if !workspace.files.is_remote() {
        return Ok(());
    }
    let path = workspace.reference_dir().join(INDEX);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        // Nothing was ever imported.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::new(path.display(), error)),
    };
    let row = workspace.ledger.latest_reference(KIND, NAME);
    let before = workspace.block_on(row)?;
    if before.is_some_and(|row| row.compiled == Hash::of(&bytes)) {
        return Ok(());
    }
    let files = sources.files();
    let records = files.len() as i64;
    workspace
        .files
        .publish(files.into_iter().map(|file| file.path).collect())?;
    let blob = workspace.blobs.put_bytes(&bytes)?;
    let row = NewReferenceTable {
        kind: KIND.to_owned(),
        name: NAME.to_owned(),
        source_path: path.display().to_string(),
        source_hash: blob.hash,
        imported_at: now().0,
        records,
        compiled: blob.hash,
        compiled_bytes: blob.len as i64,
    };
    workspace.block_on(workspace.ledger.add_reference(row))?;
    Ok(())
}
