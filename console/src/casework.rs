//! What the pages of incidents ask of whoever keeps the workspace: acts for which rules, registration data, mail
//! settings and probes are read from its configuration.

use async_trait::async_trait;
use response::casework::Plan;
use response::checking::Checked;
use response::duty::Law;
use response::grade::Scheme;
use response::notify::WrittenNotices;

/// Why it cannot be done, with the remedy, for the person who asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

/// Acts on one incident. The caller loaded it within the reach of `actor` and asked for the right.
#[async_trait]
pub trait Casework: Send + Sync {
    /// Whom the incident of this number would be sent to, with the letters; stores nothing.
    ///
    /// # Errors
    /// The configuration or a store cannot be used.
    async fn plan(&self, number: i64) -> Result<Plan, Trouble>;

    /// Sends it on: decides, and writes to those whose turn it is. Audited.
    ///
    /// # Errors
    /// It is not validated, or the configuration or a store cannot be used.
    async fn dispatch(&self, number: i64, actor: &str) -> Result<WrittenNotices, Trouble>;

    /// Reminds those who were asked. Audited.
    ///
    /// # Errors
    /// Nobody is asked now, or the configuration or a store cannot be used.
    async fn remind(&self, number: i64, actor: &str) -> Result<WrittenNotices, Trouble>;

    /// Looks now whether it is gone. Audited.
    ///
    /// # Errors
    /// The configuration or a store cannot be used.
    async fn probe(&self, number: i64, actor: &str) -> Result<Checked, Trouble>;

    /// The schemes of grading and the laws in force here.
    ///
    /// # Errors
    /// The configuration names what there is none of.
    fn grading(&self) -> Result<(Vec<Scheme>, Vec<Law>), Trouble>;
}
