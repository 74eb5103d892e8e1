//! What the tests share: storages over a store, and files to put there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use storage::{Address, Secret, Storage};

use crate::stores::{BUCKET, KEY};

/// The address of a store at an endpoint, below a prefix of the test's own.
pub fn address(endpoint: &str, prefix: &str) -> Address {
    let mut address = Address::parse(&format!("s3://{BUCKET}/{prefix}")).unwrap();
    address.endpoint = endpoint.to_owned();
    address.access_key = KEY.0.to_owned();
    address.secret_key = Secret(KEY.1.to_owned());
    address.patience = Duration::from_secs(4);
    address
}

/// A node: a folder of its own over the store.
pub struct Node {
    pub folder: tempfile::TempDir,
    pub files: Storage,
}

impl Node {
    pub fn over(address: &Address, mark: &str) -> Node {
        let folder = tempfile::tempdir().unwrap();
        let files = Storage::over(folder.path(), address, mark).unwrap();
        Node { folder, files }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, as one that is durable here.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Reads a file by way of the storage.
    pub fn read(&self, name: &str) -> std::io::Result<Vec<u8>> {
        use std::io::Read;
        let mut bytes = Vec::new();
        self.files.open(&self.path(name))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Bytes that nothing else has.
pub fn content(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// Whether a file says that the store has it too.
pub fn is_kept(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o222 == 0)
}
