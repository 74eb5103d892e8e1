//! What stands beside an incident: the parties that were asked, the clocks that run, and what it has to do with.

use model::marking::Marking;

use super::*;

pub(super) async fn parties(
    desk: &Desk,
    visitor: &Visitor,
    one: &Incident,
    (directives, marked): (&[Directive], (&Marking, &ledger::Beside)),
    organizations: &BTreeMap<OrganizationId, String>,
) -> Result<Vec<PartyView>, Refusal> {
    let (lang, w) = (visitor.lang, CaseWords::of(visitor.lang));
    let notices = desk.ledger.notices_about(one.incident_id()).await?;
    let mut all = Vec::new();
    for directive in directives {
        let id = directive.organization_id.map(|id| id.0);
        let mut rungs = Vec::new();
        if let Some(id) = id {
            let contacts = desk.ledger.contacts(id).await?;
            let own = notices
                .iter()
                .filter(|notice| notice.organization_id.0 == id && notice.kind.0.asks());
            for notice in own {
                let rung = contacts
                    .iter()
                    .find(|contact| Some(contact.id) == notice.contact_id);
                let Some(rung) = rung.map(|contact| contact.rung.0) else {
                    continue;
                };
                rungs.push(RungView {
                    word: word(rung, lang),
                    bounced: notice.state.0 == NoticeState::Bounced,
                    answered: directive.answered_at.is_some()
                        && notice.state.0 == NoticeState::Sent,
                });
            }
        }
        let (state, tone) = directive_word(directive.state, w);
        let mut times = Vec::new();
        let due = directive.state == DirectiveState::Due && one.state.0.is_live();
        if let Some(id) = id.filter(|_| due)
            && let Some(why) = marking::kept_back(desk, marked, id, lang)
        {
            times.push(fill(w.kept_back, &[("why", &why)]));
        }
        if let Some(at) = directive.asked_at {
            times.push(fill(w.asked_at, &[("when", &draw::exact(desk, at))]));
        }
        if let Some(at) = directive.due_at.filter(|_| one.state.0.is_live()) {
            times.push(fill(w.due, &[("when", &draw::exact(desk, at))]));
        }
        if directive.reminded_at.is_some() {
            times.push(w.reminded.to_owned());
        }
        all.push(PartyView {
            name: id.map_or_else(
                || word(directive.role.0, lang).to_owned(),
                |id| {
                    organizations
                        .get(&id)
                        .cloned()
                        .unwrap_or_else(|| id.to_string())
                },
            ),
            href: id
                .filter(|_| visitor.reach() == Some(ledger::Reach::All))
                .map(|id| format!("/console/parties/{id}")),
            state,
            tone,
            line: fill(
                w.directive,
                &[
                    ("place", &directive.place),
                    ("ask", &ask_word(&directive.ask, lang)),
                    ("span", &draw::span(directive.target_secs * 1_000_000, lang)),
                ],
            ),
            times: times.join(" · "),
            reason: directive.reason.clone(),
            rungs,
        });
    }
    Ok(all)
}

/// The strip of clocks.
pub(super) async fn dials(
    desk: &Desk,
    visitor: &Visitor,
    one: &Incident,
    clocks: &[Clock],
    directives: &[Directive],
) -> Result<Vec<Dial>, Refusal> {
    let (lang, w, now) = (visitor.lang, CaseWords::of(visitor.lang), desk.now().0);
    let quiet = |label: &str, big: &str, about: String| Dial {
        label: label.to_owned(),
        clock: None,
        big: big.to_owned(),
        muted: true,
        about,
        end: false,
        form: None,
    };
    let mut all = Vec::new();
    for clock in clocks {
        let label = format!("{} · {}/{}", w.clock_law, clock.law, clock.duty);
        let mut dial = match clock.state {
            ClockState::Running => Dial {
                clock: Some(draw::countdown(
                    desk,
                    (clock.started_at, clock.due_at),
                    now,
                    lang,
                )),
                about: fill(w.due, &[("when", &draw::exact(desk, clock.due_at))]),
                end: true,
                ..quiet(&label, "", String::new())
            },
            state => {
                let word = match (state, clock.is_late(now)) {
                    (ClockState::Waived, _) => w.clock_waived,
                    (_, true) => w.clock_late,
                    _ => w.clock_done,
                };
                quiet(&label, word, clock.ended_reason.clone().unwrap_or_default())
            }
        };
        dial.form = statutory::href(one.number, clock);
        all.push(dial);
    }
    let running =
        |one: &&Directive| matches!(one.state, DirectiveState::Asked | DirectiveState::Answered);
    let next = directives
        .iter()
        .filter(running)
        .filter_map(|one| Some((one.asked_at?, one.due_at?)));
    all.push(match next.min_by_key(|(_, due)| *due) {
        Some(span) => Dial {
            clock: Some(draw::countdown(desk, span, now, lang)),
            about: fill(w.due, &[("when", &draw::exact(desk, span.1))]),
            ..quiet(w.target, "", String::new())
        },
        None => quiet(w.target, w.target_none, String::new()),
    });
    all.push(match (one.noticed_at, one.acknowledged_at) {
        (Some(asked), Some(said)) => Dial {
            muted: false,
            ..quiet(w.ack, &draw::span(said - asked, lang), String::new())
        },
        _ => quiet(w.ack, w.ack_none, String::new()),
    });
    let looks = desk.ledger.verifications(one.incident_id()).await?;
    all.push(match looks.last() {
        Some(last) => Dial {
            muted: false,
            ..quiet(
                w.gone,
                &fill(w.looks, &[("n", &looks.len())]),
                fill(
                    w.gone_last,
                    &[
                        ("finding", &word(last.finding.0, lang)),
                        ("when", &draw::ago(now, last.at, lang)),
                    ],
                ),
            )
        },
        None => quiet(w.gone, w.gone_none, String::new()),
    });
    if clocks.is_empty() {
        all.push(quiet(
            w.clock_law,
            w.clock_none,
            w.clock_none_text.to_owned(),
        ));
    }
    Ok(all)
}

/// Incidents of the same host, address or campaign.
pub(super) async fn related(
    desk: &Desk,
    visitor: &Visitor,
    one: &Incident,
) -> Result<Vec<Related>, Refusal> {
    let (lang, w) = (visitor.lang, CaseWords::of(visitor.lang));
    let mut asked = Vec::new();
    if let Some(campaign) = one.campaign_id {
        asked.push((w.same_campaign, format!("campaign:{campaign}")));
    }
    if let Some(host) = &one.host {
        asked.push((w.same_host, format!("host:\"{host}\"")));
    }
    if let Some(ip) = &one.ip {
        asked.push((w.same_ip, format!("ip:{ip}")));
    }
    let mut all = Vec::new();
    for (why, text) in asked {
        let Ok(query) = Query::read(&text) else {
            continue;
        };
        let search = meant(desk, visitor, &query);
        let found = desk
            .ledger
            .find_incidents(&search, &visitor.within()?, None, RELATED + 1)
            .await?;
        let others: Vec<_> = found
            .incidents
            .iter()
            .filter(|other| other.number != one.number)
            .take(RELATED as usize)
            .map(|other| {
                (
                    other.number,
                    draw::defang(&other.what),
                    StateView::of(other.state.0, lang),
                )
            })
            .collect();
        if !others.is_empty() {
            let href = format!("/console/incidents?q={}", escaped(&query.text(lang)));
            all.push(Related {
                why,
                href,
                all: others,
            });
        }
    }
    Ok(all)
}
