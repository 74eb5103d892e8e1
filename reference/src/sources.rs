//! The reference folder of a workspace: imported files with their date and hash, and their index.
//!
//! A file is checked before it is kept, then copied under its own hash, so that a kill at any moment
//! leaves the old state or the new one: files are written aside, flushed, renamed; the index is
//! replaced last. Files without an index entry are left-overs and are removed by the next import.
//! Dates are handed in; this crate reads no clock.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::tables::{BuildReport, FileReport, SourceFile, Tables};
use crate::{Error, Kind};

const INDEX: &str = "index.json";

/// One imported file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What it holds.
    pub kind: Kind,
    /// Its name; a kind has each name once in a set.
    pub name: String,
    /// Which delivery it belongs to, mostly empty; see [`SourceFile::set`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub set: String,
    /// Path below the reference folder.
    pub path: String,
    /// BLAKE3 of the file as kept, hexadecimal.
    pub hash: String,
    /// Records in use when it was imported.
    pub records: u64,
    /// Lines of no use when it was imported.
    #[serde(default)]
    pub unused: u64,
    /// Lines refused when it was imported.
    pub rejected: u64,
    /// Day of the import, `YYYY-MM-DD`.
    pub date: String,
    /// Order among sources where it is not the kind's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u16>,
}

impl Source {
    /// Whether a file would replace this one.
    fn is_place_of(&self, file: &SourceFile) -> bool {
        self.kind == file.kind && self.set == file.set && self.name == file.name
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    version: u32,
    sources: Vec<Source>,
}

/// The imported files of a workspace.
#[derive(Debug)]
pub struct Sources {
    folder: PathBuf,
    sources: Vec<Source>,
}

/// What one import did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// What was found in the file.
    pub report: FileReport,
    /// True where the very same file had been imported before; its date then stays.
    pub unchanged: bool,
}

impl Sources {
    /// Opens the reference folder; a missing folder or index means that nothing is imported.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Index`].
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        let path = folder.join(INDEX);
        let index = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Index>(&bytes).map_err(|error| Error::Index {
                path: path.clone(),
                reason: error.to_string(),
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Index {
                version: 1,
                sources: Vec::new(),
            },
            Err(source) => return Err(Error::Read { path, source }),
        };
        if index.version != 1 {
            let reason = format!("its version {} is unknown to this program", index.version);
            return Err(Error::Index { path, reason });
        }
        Ok(Sources {
            folder,
            sources: index.sources,
        })
    }

    /// What is imported, by kind, set and name. Files of one rank are asked in this order.
    pub fn list(&self) -> &[Source] {
        &self.sources
    }

    /// Imports files of one kind under their own names; see [`Sources::import_files`].
    ///
    /// # Errors
    /// As [`Sources::import_files`].
    pub fn import(
        &mut self,
        kind: Kind,
        files: &[PathBuf],
        date: &str,
    ) -> Result<Vec<Result<Imported, Error>>, Error> {
        let files: Vec<SourceFile> = files
            .iter()
            .map(|path| SourceFile::new(kind, path))
            .collect();
        self.import_files(&files, date)
    }

    /// Imports files. Each is checked first and refused alone; those that pass are kept and replace
    /// the file of the same kind, set and name. A file that is imported already is only hashed. The
    /// answers come in the order of the files; `date` is today as `YYYY-MM-DD`.
    ///
    /// # Errors
    /// [`Error::Write`] where files cannot be kept: then the index is as before.
    pub fn import_files(
        &mut self,
        files: &[SourceFile],
        date: &str,
    ) -> Result<Vec<Result<Imported, Error>>, Error> {
        let mut outcomes = Vec::with_capacity(files.len());
        let mut sources = self.sources.clone();
        let mut folders = BTreeSet::new();
        let mut taken: BTreeSet<(Kind, &str, &str)> = BTreeSet::new();
        for file in files {
            // Two files for one place in one call would silently drop the first.
            if !taken.insert((file.kind, &file.set, &file.name)) {
                outcomes.push(Err(Error::Unfit {
                    path: file.path.clone(),
                    kind: file.kind,
                    reason: format!(
                        "another file named {:?} comes with it: give them different sets",
                        file.name
                    ),
                }));
                continue;
            }
            outcomes.push(match self.already(file, &sources) {
                Err(error) => Err(error),
                Ok(Some(report)) => Ok(Imported {
                    report,
                    unchanged: true,
                }),
                Ok(None) => match Tables::check(file) {
                    Err(error) => Err(error),
                    Ok(report) => {
                        self.keep(file, &report, date, &mut sources)?;
                        folders.insert(self.folder.join(file.kind.as_str()));
                        Ok(Imported {
                            report,
                            unchanged: false,
                        })
                    }
                },
            });
        }
        // Names of new files are durable before the index speaks of them.
        for folder in folders {
            sync_folder(&folder)?;
        }
        self.replace(sources)?;
        Ok(outcomes)
    }

    /// Forgets an imported file; false if there was none.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn remove(&mut self, kind: Kind, set: &str, name: &str) -> Result<bool, Error> {
        let mut sources = self.sources.clone();
        sources.retain(|source| !(source.kind == kind && source.set == set && source.name == name));
        let removed = sources.len() < self.sources.len();
        self.replace(sources)?;
        Ok(removed)
    }

    /// Puts a new index in place of the old one, if it differs.
    fn replace(&mut self, mut sources: Vec<Source>) -> Result<(), Error> {
        sources.sort_by(|a, b| (a.kind, &a.set, &a.name).cmp(&(b.kind, &b.set, &b.name)));
        if sources == self.sources {
            return Ok(());
        }
        let index = Index {
            version: 1,
            sources,
        };
        let text = serde_json::to_vec_pretty(&index).expect("an index is plain text and numbers");
        make_folder(&self.folder)?;
        write_aside(&self.folder.join(INDEX), &text)?;
        sync_folder(&self.folder)?;
        self.sources = index.sources;
        self.remove_left_overs();
        Ok(())
    }

    /// What is known of a file that is imported already with the same bytes and rank.
    fn already(&self, file: &SourceFile, sources: &[Source]) -> Result<Option<FileReport>, Error> {
        let known = sources.iter().find(|source| source.is_place_of(file));
        let Some(known) = known.filter(|known| known.rank == file.rank) else {
            return Ok(None);
        };
        if hash_file(&file.path)? != known.hash || !self.folder.join(&known.path).exists() {
            return Ok(None);
        }
        Ok(Some(FileReport {
            kind: known.kind,
            name: known.name.clone(),
            set: known.set.clone(),
            path: file.path.clone(),
            hash: known.hash.clone(),
            records: known.records,
            unused: known.unused,
            rejected: known.rejected,
            problems: Vec::new(),
        }))
    }

    /// Copies a checked file under its hash and enters it.
    fn keep(
        &self,
        file: &SourceFile,
        report: &FileReport,
        date: &str,
        sources: &mut Vec<Source>,
    ) -> Result<(), Error> {
        let bytes = fs::read(&file.path).map_err(|source| Error::Read {
            path: file.path.clone(),
            source,
        })?;
        if blake3::hash(&bytes).to_hex().as_str() != report.hash {
            return Err(Error::Changed {
                path: file.path.clone(),
                kind: file.kind,
            });
        }
        let entry = Source {
            kind: file.kind,
            name: file.name.clone(),
            set: file.set.clone(),
            path: format!("{}/{}", file.kind, kept_name(file, &report.hash)),
            hash: report.hash.clone(),
            records: report.records,
            unused: report.unused,
            rejected: report.rejected,
            date: date.to_owned(),
            rank: file.rank,
        };
        make_folder(&self.folder.join(file.kind.as_str()))?;
        write_aside(&self.folder.join(&entry.path), &bytes)?;
        match sources.iter_mut().find(|source| source.is_place_of(file)) {
            Some(known) => *known = entry,
            None => sources.push(entry),
        }
        Ok(())
    }

    /// Removes files that no entry speaks of. Failing to do so is harmless: the next import tries
    /// again.
    fn remove_left_overs(&self) {
        for kind in crate::KINDS {
            let Ok(entries) = fs::read_dir(self.folder.join(kind.name)) else {
                continue;
            };
            for entry in entries.flatten() {
                let path = format!("{}/{}", kind.name, entry.file_name().to_string_lossy());
                if !self.sources.iter().any(|source| source.path == path) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
    }

    /// The imported files as input for [`Tables::build`], with the hashes they must have.
    pub fn files(&self) -> Vec<SourceFile> {
        self.sources
            .iter()
            .map(|source| SourceFile {
                kind: source.kind,
                name: source.name.clone(),
                set: source.set.clone(),
                path: self.folder.join(&source.path),
                rank: source.rank,
                hash: blake3::Hash::from_hex(&source.hash).ok().map(Into::into),
            })
            .collect()
    }

    /// Builds the tables of everything imported.
    ///
    /// # Errors
    /// As [`Tables::build`]; [`Error::Changed`] where a kept file was altered.
    pub fn tables(&self) -> Result<(Tables, BuildReport), Error> {
        Tables::build(&self.files())
    }
}

/// The name a file is kept under. Its own name may come from anywhere: the hash tells files apart,
/// the harmless part of the name only helps whoever looks into the folder.
fn kept_name(file: &SourceFile, hash: &str) -> String {
    let harmless = |char: char| char.is_alphanumeric() || char == '-' || char == '_';
    let name: String = file
        .name
        .chars()
        .map(|char| if harmless(char) { char } else { '_' })
        .take(60)
        .collect();
    let ending = file.path.extension().and_then(|ending| ending.to_str());
    let ending = ending.filter(|ending| {
        ending.len() <= 8 && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    match ending {
        Some(ending) => format!("{name}-{}.{ending}", &hash[..16]),
        None => format!("{name}-{}", &hash[..16]),
    }
}

/// BLAKE3 of a file, hexadecimal.
fn hash_file(path: &Path) -> Result<String, Error> {
    let read = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut File::open(path).map_err(read)?, &mut hasher).map_err(read)?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|source| Error::Write {
        path: folder.to_owned(),
        source,
    })
}

/// Writes a file so that it appears whole or not at all, flushed before it gets its name.
fn write_aside(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let wrong = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    let mut file = File::create(&aside).map_err(wrong)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(wrong)?;
    fs::rename(&aside, path).map_err(wrong)
}

/// Makes new names in a folder durable.
fn sync_folder(folder: &Path) -> Result<(), Error> {
    let wrong = |source| Error::Write {
        path: folder.to_owned(),
        source,
    };
    // Folders can be opened and flushed on Unix only; elsewhere the rename itself is all there is.
    if cfg!(unix) {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(wrong)
    } else {
        Ok(())
    }
}
