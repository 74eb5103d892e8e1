//! Delivery into a folder that the party, or a tool of it, collects from.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Why a file was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is none that we write.
    #[error(
        "`{0}` is no file name for a delivery: letters, digits, dots, dashes and underscores only, and no leading dot"
    )]
    Name(String),
    /// Something else has that name.
    #[error("{0} is there with other content: a delivery never overwrites; move it away first")]
    Taken(PathBuf),
    /// The disk did not do it.
    #[error("{path} cannot be written: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes a file whole or not at all: under another name, synced, renamed, folder synced. The same name and bytes
/// again change nothing, so a retry is harmless; the same name with other bytes is an error.
///
/// Blocking.
///
/// # Errors
/// See [`Error`]. After one, the file is not there, or it is there whole.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if name.is_empty() || name.len() > 200 || name.starts_with('.') || !name.bytes().all(fine) {
        return Err(Error::Name(crate::notice::words::line(name, 80)));
    }
    let path = folder.join(name);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    };
    match fs::read(&path) {
        Ok(there) if there == bytes => return Ok(path),
        Ok(_) => return Err(Error::Taken(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(Error::Io { path, source }),
    }
    let hidden = folder.join(format!(".{name}.part"));
    let mut file = File::create(&hidden).map_err(failed(&hidden))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    if let Err(source) = written.and_then(|()| fs::rename(&hidden, &path)) {
        let _ = fs::remove_file(&hidden);
        return Err(Error::Io { path, source });
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed(folder))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), "notice-1.csv", b"a").unwrap();
        assert_eq!(write(folder.path(), "notice-1.csv", b"a").unwrap(), path);
        assert!(matches!(
            write(folder.path(), "notice-1.csv", b"b"),
            Err(Error::Taken(_))
        ));
        for name in ["", ".x", "../x", "a/b", "a\0b", "烽火", "a b"] {
            assert!(
                matches!(write(folder.path(), name, b"a"), Err(Error::Name(_))),
                "{name:?}"
            );
        }
        let names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|one| one.unwrap().file_name())
            .collect();
        assert_eq!(names, ["notice-1.csv"]);
        let gone = folder.path().join("gone");
        assert!(matches!(write(&gone, "x", b"a"), Err(Error::Io { .. })));
    }
}
