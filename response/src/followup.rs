//! Following up: who was asked and did not act is reminded at half of its time, and at the end of it
//! the next party is asked. Nothing is closed here but by what a verification found.
//!
//! Reminders keep the quiet hours of the party: they go out from eight to eight in its own zone, and where its time is
//! told in working days only on one. A
//! second party is asked whatever the hour: its time has not begun to run before.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use ledger::{Directive, DirectiveState, Incident, Organization, Reach};
use model::ids::{IncidentId, OrganizationId};
use model::incident::CaseKind;
use model::time::Timestamp;

use crate::calendar::Calendars;
use crate::route::Parties;
use crate::{Desk, Result};

/// Who acts when time does.
pub const ACTOR: &str = "system:followup";
/// Hours of the day in which a reminder may go out, in the party's zone: from, until.
const AWAKE: (i8, i8) = (8, 20);

/// What following up did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FollowedUp {
    /// Directives whose party is to be reminded.
    pub reminded: u64,
    /// Reminders that wait for the party's morning.
    pub asleep: u64,
    /// Incidents whose next party is asked now.
    pub escalated: u64,
    /// Incidents whose last party's time is over.
    pub exhausted: u64,
    /// Lists of hosts that are due again.
    pub listed: u64,
    /// Directives that are over because their incident is.
    pub over: u64,
    /// Directives whose time goes on, because a dispute holds it no longer.
    pub released: u64,
}

/// Whether a reminder may go out to somebody in `zone`.
fn awake(zone: &str, now: Timestamp) -> bool {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let hour = now.to_jiff().map(|at| at.to_zoned_datetime(zone).hour());
    hour.is_none_or(|hour| (AWAKE.0..AWAKE.1).contains(&hour))
}

/// The end of a time that is told in working days, by the calendar of the party's country; `None` where it is told in
/// hours, or has its end already.
fn working(directive: &Directive, party: Option<&Organization>) -> Option<Timestamp> {
    let (asked, days) = (directive.asked_at?, directive.working_days?);
    if !directive.wants_calendar() {
        return None;
    }
    let zone = party.map_or("UTC", |org| org.zone.as_str());
    let country = party.and_then(|org| org.country.as_deref());
    let days = u32::try_from(days).unwrap_or_default();
    let end = Calendars::built_in().after(country, zone, Timestamp(asked), days);
    (Some(end.0) != directive.due_at).then_some(end)
}

/// Whether an incident is a network whose infected hosts go out as lists.
fn is_list(incident: &Incident) -> bool {
    incident.kind.0 == CaseKind::InfectedHost
}

/// What is to be done about one running directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// Half of its time is over and it was not reminded.
    Reminder,
    /// All of its time is over and nobody else was asked yet.
    NextParty,
}

/// What is due about a directive at an instant.
pub fn due(directive: &Directive, now: Timestamp) -> Due {
    let (Some(asked), Some(end)) = (directive.asked_at, directive.due_at) else {
        return Due::Nothing;
    };
    // A person looks at what is disputed; nobody is pressed meanwhile.
    if directive.held_at.is_some() {
        return Due::Nothing;
    }
    let half = asked + (end - asked) / 2;
    if now.0 >= end && directive.escalated_at.is_none() {
        Due::NextParty
    } else if now.0 >= half && now.0 < end && directive.reminded_at.is_none() {
        Due::Reminder
    } else {
        Due::Nothing
    }
}

impl Desk {
    /// Looks at all directives whose time runs. Returns what was done, and the directives whose party
    /// is to be reminded, by party: [`Desk::write_reminders`] writes to them.
    ///
    /// # Errors
    /// The ledger fails; what was done by then stays.
    pub async fn follow_up(
        &self,
        parties: &Parties,
    ) -> Result<(FollowedUp, BTreeMap<OrganizationId, Vec<Directive>>)> {
        let mut told = FollowedUp::default();
        let mut reminders: BTreeMap<OrganizationId, Vec<Directive>> = BTreeMap::new();
        let mut moved = BTreeSet::new();
        for directive in self.ledger.directives_running().await? {
            let id = directive.incident_id.0;
            let incident = self.ledger.incident(id, &Reach::All).await?;
            let now = (self.clock)();
            if !incident.state.0.is_live() {
                self.edit(&directive, "the incident is over", |row, _| {
                    row.state = DirectiveState::Over;
                })
                .await?;
                told.over += 1;
                continue;
            }
            if directive.is_held_out(now.0) {
                self.edit(&directive, "a dispute holds no longer", |row, now| {
                    row.release(now);
                })
                .await?;
                told.released += 1;
                continue;
            }
            let party = directive.organization_id.and_then(|id| parties.get(id.0));
            let directive = match working(&directive, party) {
                None => directive,
                Some(end) => {
                    self.edit(&directive, "its time is told in working days", |row, _| {
                        row.due_at = Some(end.0);
                    })
                    .await?;
                    Directive {
                        due_at: Some(end.0),
                        ..directive
                    }
                }
            };
            // Nobody is pressed about what is gone.
            if incident.gone_at.is_some() {
                continue;
            }
            match due(&directive, now) {
                Due::Nothing => {}
                // A list of hosts is not pressed for: when its time is over and more were seen, the
                // next list follows (DOMAIN 5.1: every five working days).
                Due::Reminder if is_list(&incident) => {}
                Due::NextParty if is_list(&incident) => {
                    if directive
                        .asked_at
                        .is_some_and(|asked| incident.last_seen_at > asked)
                    {
                        self.edit(
                            &directive,
                            "more hosts were seen: the next list",
                            |row, _| {
                                row.state = DirectiveState::Due;
                            },
                        )
                        .await?;
                        told.listed += 1;
                    }
                }
                Due::Reminder => {
                    let Some(organization) = directive.organization_id.map(|id| id.0) else {
                        continue;
                    };
                    let zone = party.map_or("UTC", |org| &org.zone);
                    let country = party.and_then(|org| org.country.as_deref());
                    let rests = directive.working_days.is_some()
                        && !Calendars::built_in().works_at(country, zone, now);
                    if rests || !awake(zone, now) {
                        told.asleep += 1;
                        continue;
                    }
                    told.reminded += 1;
                    reminders.entry(organization).or_default().push(directive);
                }
                Due::NextParty => {
                    // First the next party, then the mark: a process that is killed in between does it
                    // again, which changes nothing.
                    if moved.insert(id) {
                        match self.next_party(id, directive.place).await? {
                            true => told.escalated += 1,
                            false => told.exhausted += 1,
                        }
                    }
                    self.edit(&directive, "its time is over", |row, now| {
                        row.escalated_at = Some(now);
                    })
                    .await?;
                }
            }
        }
        Ok((told, reminders))
    }

    /// Makes the directives of the next place due, unless a later party is being asked already; whether
    /// there are any.
    pub(crate) async fn next_party(&self, incident: IncidentId, place: i32) -> Result<bool> {
        let why = "the party before did not act in time";
        self.next_party_because(incident, place, why).await
    }

    /// The same for another reason.
    pub(crate) async fn next_party_because(
        &self,
        incident: IncidentId,
        place: i32,
        why: &str,
    ) -> Result<bool> {
        let all = self.ledger.directives(incident).await?;
        let under_way = |one: &Directive| {
            let states = [
                DirectiveState::Due,
                DirectiveState::Noticed,
                DirectiveState::Asked,
                DirectiveState::Answered,
            ];
            one.place > place && one.escalated_at.is_none() && states.contains(&one.state)
        };
        if all.iter().any(under_way) {
            return Ok(true);
        }
        let planned = |one: &&Directive| one.state == DirectiveState::Planned && one.place > place;
        let Some(next) = all.iter().filter(planned).map(|one| one.place).min() else {
            return Ok(false);
        };
        for one in all.iter().filter(planned).filter(|one| one.place == next) {
            self.edit(one, why, |row, _| {
                row.state = DirectiveState::Due;
            })
            .await?;
        }
        Ok(true)
    }

    async fn edit(
        &self,
        directive: &Directive,
        why: &str,
        change: impl FnOnce(&mut Directive, i64) + Send,
    ) -> Result<()> {
        let now = (self.clock)().0;
        let what = serde_json::json!({ "because": why });
        let edit = move |row: &mut Directive| change(row, now);
        self.ledger
            .edit_directive(directive.id.0, what, edit, ACTOR, now)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ledger::Cause;

    use super::*;

    const HOUR: i64 = 3_600_000_000;

    /// One that a registrar was asked for, with its time.
    pub(crate) fn directive(asked: i64, end: i64) -> Directive {
        use ledger::Text;
        use model::ids::DirectiveId;
        use model::organization::Role;
        Directive {
            id: Text(DirectiveId::draw(Timestamp(0), [1; 10])),
            incident_id: Text(IncidentId::draw(Timestamp(0), [2; 10])),
            place: 1,
            role: Text(Role::Registrar),
            organization_id: None,
            ask: "suspend-domain".to_owned(),
            reason: String::new(),
            state: DirectiveState::Asked,
            target_secs: (end - asked) / 1_000_000,
            working_days: None,
            decided_at: asked,
            asked_at: Some(asked),
            due_at: Some(end),
            reminded_at: None,
            escalated_at: None,
            answered_at: None,
            acted_at: None,
            ticket: None,
            held_at: None,
            held_for: None,
        }
    }

    #[test]
    fn reminders_at_half_and_the_next_party_at_the_end_once_each() {
        let mut one = directive(0, 24 * HOUR);
        assert_eq!(due(&one, Timestamp(11 * HOUR)), Due::Nothing);
        assert_eq!(due(&one, Timestamp(12 * HOUR)), Due::Reminder);
        one.reminded_at = Some(12 * HOUR);
        assert_eq!(due(&one, Timestamp(23 * HOUR)), Due::Nothing);
        assert_eq!(due(&one, Timestamp(24 * HOUR)), Due::NextParty);
        one.escalated_at = Some(24 * HOUR);
        assert_eq!(due(&one, Timestamp(99 * HOUR)), Due::Nothing);
    }

    #[test]
    fn working_days_have_their_end_by_the_calendar_once() {
        // Thursday 2026-02-12T02:00Z, before Spring Festival; three working days are no three days.
        let asked = 1_770_861_600_000_000;
        let mut one = directive(asked, asked + 72 * HOUR);
        assert_eq!(working(&one, None), None, "told in hours");
        one.working_days = Some(3);
        let end = working(&one, None).expect("by the calendar");
        // Without a party: weekends only, UTC. Friday, Monday, Tuesday.
        assert_eq!(end.to_string(), "2026-02-17T02:00:00Z");
        one.due_at = Some(end.0);
        assert_eq!(working(&one, None), None, "once");
        // What a dispute moved is not taken back.
        one.hold(Cause::Dispute, asked + HOUR);
        one.release(asked + 3 * HOUR);
        assert_eq!(working(&one, None), None);
    }

    #[test]
    fn a_dispute_moves_the_end_by_as_long_as_it_stood_and_no_further() {
        let mut one = directive(0, 24 * HOUR);
        one.hold(Cause::Dispute, 10 * HOUR);
        one.hold(Cause::Dispute, 11 * HOUR);
        for at in [13, 24, 40] {
            assert_eq!(due(&one, Timestamp(at * HOUR)), Due::Nothing);
        }
        let mut withdrawn = one.clone();
        withdrawn.settle(Cause::Dispute, 20 * HOUR);
        assert_eq!(withdrawn.due_at, Some(34 * HOUR));
        assert_eq!(due(&withdrawn, Timestamp(16 * HOUR)), Due::Nothing);
        assert_eq!(due(&withdrawn, Timestamp(17 * HOUR)), Due::Reminder);
        assert_eq!(due(&withdrawn, Timestamp(34 * HOUR)), Due::NextParty);
        // Whoever disputes for ever gains three days.
        assert!(!one.is_held_out(81 * HOUR) && one.is_held_out(82 * HOUR));
        one.release(500 * HOUR);
        assert_eq!(one.due_at, Some(96 * HOUR));
        // What was not held does not move.
        one.release(600 * HOUR);
        assert_eq!(one.due_at, Some(96 * HOUR));
    }

    #[test]
    fn what_two_causes_hold_goes_on_when_both_are_settled() {
        for (first, second) in [
            (Cause::Dispute, Cause::Appeal(7)),
            (Cause::Appeal(7), Cause::Dispute),
        ] {
            let mut one = directive(0, 24 * HOUR);
            one.hold(first, 10 * HOUR);
            one.hold(second, 12 * HOUR);
            one.settle(first, 14 * HOUR);
            assert!(one.is_held_for(second) && !one.is_held_for(first));
            assert_eq!(due(&one, Timestamp(24 * HOUR)), Due::Nothing);
            // What holds nothing settles nothing.
            one.settle(Cause::Appeal(8), 15 * HOUR);
            assert_eq!(one.due_at, Some(24 * HOUR));
            one.settle(second, 20 * HOUR);
            assert_eq!((one.held_at, one.due_at), (None, Some(34 * HOUR)));
        }
        // Held before causes were kept: whoever settles lets go.
        let mut old = directive(0, 24 * HOUR);
        old.held_at = Some(10 * HOUR);
        old.settle(Cause::Appeal(7), 11 * HOUR);
        assert_eq!((old.held_at, old.due_at), (None, Some(25 * HOUR)));
    }

    #[test]
    fn nobody_is_woken_for_a_reminder() {
        // 1970-01-01T00:00Z is eight in the morning in Shanghai and midnight in Reykjavik.
        assert!(awake("Asia/Shanghai", Timestamp(0)));
        assert!(!awake("Atlantic/Reykjavik", Timestamp(0)));
        assert!(!awake("Asia/Shanghai", Timestamp(12 * HOUR)));
    }
}
