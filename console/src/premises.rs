//! What the house stands on, for the pages of the settings: the configuration in force, the workspace's folder, the
//! disk, the versions. The binary knows it and hands it down.

use async_trait::async_trait;

/// A value of the configuration as it stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Value {
    /// `section.key`.
    pub key: String,
    /// As it is written; secrets never stand in the configuration.
    pub value: String,
    /// Where it comes from: `default`, `watchfire.toml:12`, `environment NAME`.
    pub origin: String,
}

/// How the house stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct State {
    /// The workspace's folder.
    pub folder: String,
    /// Name of the workspace.
    pub name: String,
    /// Where the ledger lies: a file, or a server without its password.
    pub ledger: String,
    /// Bytes that are free on the workspace's disk, and all of them.
    pub free: u64,
    /// All bytes of the disk.
    pub disk: u64,
    /// Version of the program.
    pub version: String,
    /// The configuration, in the order of the file.
    pub configuration: Vec<Value>,
}

/// Tells how the house stands.
#[async_trait]
pub trait Premises: Send + Sync {
    /// How it stands now.
    ///
    /// # Errors
    /// What cannot be read, in words for the log.
    async fn state(&self) -> Result<State, String>;
}
