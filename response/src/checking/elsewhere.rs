//! Looks from elsewhere: after this process has looked, each vantage is asked for the same probes in its turn. Policy,
//! marks and permits were asked before; whether anything may leave this instance is asked before each vantage, since
//! somebody may stop it meanwhile. What a vantage does not tell is no look: nothing is stored of it and nothing is
//! concluded from it.

use std::time::Duration;

use model::verification::{Client, ProbeKind};
use tokio::time::Instant;

use super::{Checker, DueLook, Sightings};
use crate::Desk;
use crate::notify::arming::Leave;
use crate::verify::judge;
use crate::verify::probe::http::Room;
use crate::verify::probe::{Clock, Looked};
use crate::verify::vantage::{NoLook, Vantage};

/// How long one thing is looked at from elsewhere before the vantages that are left wait for another round.
const MOST: Duration = Duration::from_secs(300);

/// From where else it is looked.
#[derive(Debug, Default)]
pub struct Elsewhere {
    /// The vantages.
    pub vantages: Vec<Vantage>,
    /// What the instance is, as [`Desk::may_leave`] knows it.
    pub identity: String,
}

impl Desk {
    /// Has something that is due looked at from elsewhere, one vantage after the other.
    pub(super) async fn look_elsewhere(
        &self,
        checker: &Checker,
        due: &DueLook,
        clock: &Clock,
        seen: &mut Sightings,
    ) {
        let vantages = &checker.elsewhere.vantages;
        let began = Instant::now();
        // Another one is the first each time: where all are slow, none is always left out.
        let first = due.looks.len() % vantages.len().max(1);
        for vantage in vantages[first..].iter().chain(&vantages[..first]) {
            if began.elapsed() > MOST || !self.may_ask(checker).await {
                return;
            }
            let whole = self.look_from(checker, due, vantage, clock, seen).await;
            seen.unanswered += u64::from(!whole);
        }
    }

    /// Whether anything may leave: not from an instance that is not armed, nor after a stop.
    async fn may_ask(&self, checker: &Checker) -> bool {
        match self.may_leave(&checker.elsewhere.identity).await {
            Ok(Leave::Yes(_)) => true,
            Ok(Leave::No(why)) => {
                tracing::debug!(why, "no vantage elsewhere is asked");
                false
            }
            Err(error) => {
                tracing::warn!(%error, "no vantage elsewhere is asked: it is not known whether that may be");
                false
            }
        }
    }

    /// Asks one vantage for every probe; whether it gave them all.
    async fn look_from(
        &self,
        checker: &Checker,
        due: &DueLook,
        vantage: &Vantage,
        clock: &Clock,
        seen: &mut Sightings,
    ) -> bool {
        let prober = &checker.prober;
        let made_up = self.made_up();
        let mut asked = Vec::new();
        let mut whole = true;
        for client in [Client::Plain, Client::Victim] {
            for errand in prober.errands(&due.target, due.permit, client, &made_up) {
                let page = !matches!(errand.probe, ProbeKind::Dns | ProbeKind::Tcp);
                let once = (errand.probe, errand.client);
                if asked.contains(&once) || (page && !vantage.plays(errand.client)) {
                    continue;
                }
                asked.push(once);
                let at = clock.now();
                match vantage.see(&errand, prober, clock).await {
                    Ok(told) => {
                        let looked = Looked {
                            probe: errand.probe,
                            client: errand.client,
                            at,
                            judged: judge(&due.target, errand.probe, &told, &checker.markers),
                            seen: told,
                            // Places are those of bodies that this process reads from sites.
                            room: Room::none(),
                        };
                        seen.all.push((vantage.name().to_owned(), looked));
                    }
                    Err(NoLook::Resting) => return false,
                    Err(error) => {
                        whole = false;
                        tracing::warn!(
                            vantage = vantage.name(),
                            incident = due.incident.number,
                            probe = %errand.probe,
                            client = %errand.client,
                            %error,
                            "a vantage elsewhere gave no look"
                        );
                    }
                }
            }
        }
        whole
    }
}
