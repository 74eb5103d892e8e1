//! What the pages of the settings tell of: the configuration in force, the workspace, its disk.

use std::sync::Arc;

use async_trait::async_trait;
use console::premises::{Premises, State, Value};

use super::Server;
use crate::workspace::LEDGER;

/// The serving process, as the settings' pages see it.
pub struct House(pub Arc<Server>);

#[async_trait]
impl Premises for House {
    async fn state(&self) -> Result<State, String> {
        let workspace = self.0.workspace();
        let root = workspace.root.clone();
        let disk = tokio::task::spawn_blocking(move || rustix::fs::statvfs(&root)).await;
        let disk = disk.map_err(|error| error.to_string())?;
        let disk = disk.map_err(|error| error.to_string())?;
        let settings = &workspace.settings;
        let configuration = settings.shown.iter().map(|one| Value {
            key: one.key.clone(),
            value: one.value.to_string(),
            origin: one.origin.to_string(),
        });
        Ok(State {
            folder: workspace.root.display().to_string(),
            name: settings.name.clone(),
            ledger: match &settings.ledger {
                // Shown without its password.
                Some(address) => format!("{address:?}"),
                None => LEDGER.to_owned(),
            },
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
            disk: disk.f_blocks.saturating_mul(disk.f_frsize),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            configuration: configuration.collect(),
        })
    }
}
