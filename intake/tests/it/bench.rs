//! One feed, its spool, and what a test asks of them.

use intake::collect::failure::Failure;
use intake::collect::fetch::{Fetched, fetch};
use intake::collect::state::FetchState;
use model::fetch::Fetch;
use model::time::Timestamp;

use crate::server::{clients, feed};

/// 2023-11-14T22:13:20Z.
pub const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

pub struct Bench {
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Bench {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub async fn fetch(&self, fetch: Fetch, state: &FetchState) -> Result<Fetched, Failure> {
        self.fetch_at(fetch, state, NOW).await
    }

    pub async fn fetch_at(
        &self,
        fetch: Fetch,
        state: &FetchState,
        now: Timestamp,
    ) -> Result<Fetched, Failure> {
        let clients = clients(self.folder.path());
        self::fetch(&clients, &feed(fetch), state, &self.spool(), now).await
    }

    /// Fetches what must come.
    pub async fn gets(&self, fetch: &Fetch, state: &FetchState) -> Fetched {
        let fetched = self.fetch(fetch.clone(), state).await.unwrap();
        assert_eq!(fetched.failures, []);
        // What a caller keeps is JSON.
        let kept = serde_json::to_string(&fetched.state).unwrap();
        assert_eq!(
            serde_json::from_str::<FetchState>(&kept).unwrap(),
            fetched.state
        );
        fetched
    }

    pub fn spool(&self) -> std::path::PathBuf {
        self.folder.path().join("spool")
    }

    /// What lies in the spool.
    pub fn files(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.spool().join("one")) else {
            return Vec::new();
        };
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// Fetches what must fail and leave nothing behind.
    pub async fn fails(&self, fetch: Fetch) -> Failure {
        let failure = self.fetch(fetch, &FetchState::default()).await.unwrap_err();
        assert_eq!(
            self.files(),
            Vec::<String>::new(),
            "left behind after: {failure}"
        );
        assert_eq!(failure.feed, "one");
        failure
    }
}

/// The one delivery's bytes.
pub fn content(fetched: &Fetched) -> Vec<u8> {
    assert_eq!(fetched.deliveries.len(), 1);
    std::fs::read(&fetched.deliveries[0].path).unwrap()
}

/// All deliveries' texts.
pub fn texts(fetched: &Fetched) -> Vec<String> {
    let text = |path| String::from_utf8(std::fs::read(path).unwrap()).unwrap();
    fetched
        .deliveries
        .iter()
        .map(|delivery| text(&delivery.path))
        .collect()
}

/// Their names on the other side.
pub fn names(fetched: &Fetched) -> Vec<&str> {
    fetched
        .deliveries
        .iter()
        .map(|delivery| delivery.name.as_str())
        .collect()
}
