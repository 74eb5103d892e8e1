//! Letters that go out, and mail that comes in.

use async_trait::async_trait;
use console::correspondence::{Correspondence, Declined};
use ledger::{Message, NewIncident};
use model::ids::{ContactId, NoticeId};
use response::inbox::deciding::Case;

use super::{Office, failed};
use crate::reference_files;
use crate::responding::{desk, enrich, house, own, parties, rules};

#[async_trait]
impl Correspondence for Office {
    async fn write_again(
        &self,
        notice: NoticeId,
        contact: ContactId,
        reason: String,
        actor: String,
    ) -> Result<i64, Declined> {
        self.change(move |workspace, server, _| {
            let house = house(workspace, &server.environment, false).map_err(failed)?;
            let parties = parties(workspace).map_err(failed)?;
            let who = (reason.as_str(), actor.as_str());
            let desk = desk(workspace);
            let written = desk.write_again(&house, &parties, notice, contact, who);
            Ok(workspace.block_on(written)?.number)
        })
        .await
    }

    async fn answer(&self, message: Message, text: String, actor: String) -> Result<i64, Declined> {
        self.change(move |workspace, server, _| {
            let house = house(workspace, &server.environment, false).map_err(failed)?;
            let own = own(workspace);
            let desk = desk(workspace);
            let written = desk.write_answer(&house, &own, &message, &text, &actor);
            Ok(workspace.block_on(written)?.number)
        })
        .await
    }

    async fn open(&self, message: Message, case: Case, actor: String) -> Result<i64, Declined> {
        self.change(move |workspace, _, talk| {
            let rules = rules(workspace).map_err(failed)?;
            let tables = reference_files::tables(workspace, talk).map_err(failed)?;
            let enrich = |incident: &mut NewIncident| enrich(&tables, incident);
            let desk = desk(workspace);
            let taken = desk.take_as_complaint(&message, &case, (&rules, &enrich), &actor);
            Ok(workspace.block_on(taken)?)
        })
        .await
    }
}
