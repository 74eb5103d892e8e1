//! What belongs to an incident, a page at a time: events, notes, notices, and everything in the order in which it happened.

use super::*;

/// An event that joined.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EventOut {
    event: String,
    rule: String,
    joined_at: String,
}

pub(crate) async fn events(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
    query: Asked<PageQuery>,
) -> Result<Response, Refusal> {
    let asked = asked(query)?;
    let (limit, offset) = (limit(asked.limit)?, offset(asked.after.as_deref())?);
    let one = acts::load(&desk, &visitor, number).await?;
    let page = Page {
        offset,
        limit: limit + 1,
    };
    let mut found = desk
        .ledger
        .incident_events(one.incident_id(), &visitor.within()?, page)
        .await?;
    let more = found.len() as u64 > limit;
    found.truncate(limit as usize);
    let items = found
        .iter()
        .map(|event| EventOut {
            event: event
                .event_id
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            rule: event.rule.clone(),
            joined_at: stamp(event.joined_at),
        })
        .collect();
    form::answer(
        &headers,
        &Items {
            items,
            next: more.then(|| (offset + limit).to_string()),
        },
    )
}

/// A note.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NoteOut {
    id: i64,
    at: String,
    actor: String,
    body: String,
}

pub(crate) async fn notes(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
    query: Asked<PageQuery>,
) -> Result<Response, Refusal> {
    let asked = asked(query)?;
    let (limit, offset) = (limit(asked.limit)?, offset(asked.after.as_deref())?);
    let one = acts::load(&desk, &visitor, number).await?;
    let all = desk
        .ledger
        .incident_notes(one.incident_id(), &visitor.within()?)
        .await?;
    let more = all.len() as u64 > offset + limit;
    let items = all
        .into_iter()
        .skip(offset as usize)
        .take(limit as usize)
        .map(|note| NoteOut {
            id: note.id,
            at: stamp(note.at),
            actor: note.actor,
            body: note.body,
        })
        .collect();
    form::answer(
        &headers,
        &Items {
            items,
            next: more.then(|| (offset + limit).to_string()),
        },
    )
}

/// A notice about the incident.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NoticeOut {
    number: i64,
    id: String,
    kind: String,
    state: String,
    organization: String,
    channel: String,
    address: String,
    subject: String,
    hold_reason: Option<String>,
    attempts: i32,
    created_at: String,
    sent_at: Option<String>,
}

pub(crate) async fn notices(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
    query: Asked<PageQuery>,
) -> Result<Response, Refusal> {
    let asked = asked(query)?;
    let (limit, offset) = (limit(asked.limit)?, offset(asked.after.as_deref())?);
    let one = acts::load(&desk, &visitor, number).await?;
    let all = desk.ledger.notices_about(one.incident_id()).await?;
    let more = all.len() as u64 > offset + limit;
    let items = all
        .into_iter()
        .skip(offset as usize)
        .take(limit as usize)
        .map(|notice| NoticeOut {
            number: notice.number,
            id: notice.id.to_string(),
            kind: notice.kind.to_string(),
            state: notice.state.to_string(),
            organization: notice.organization_id.to_string(),
            channel: notice.channel.to_string(),
            address: notice.address,
            subject: notice.subject,
            hold_reason: notice.hold_reason,
            attempts: notice.attempts,
            created_at: stamp(notice.created_at),
            sent_at: notice.sent_at.map(stamp),
        })
        .collect();
    form::answer(
        &headers,
        &Items {
            items,
            next: more.then(|| (offset + limit).to_string()),
        },
    )
}

/// Something that happened.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ItemOut {
    at: String,
    /// `notices`, `replies`, `probes`, `notes`, `steps` or `events`.
    kind: String,
    title: String,
    text: String,
    quote: String,
    about: String,
}

pub(crate) async fn timeline(
    State(desk): At,
    visitor: Visitor,
    headers: HeaderMap,
    Path(number): Path<i64>,
    query: Asked<PageQuery>,
) -> Result<Response, Refusal> {
    let asked = asked(query)?;
    let (limit, offset) = (limit(asked.limit)?, offset(asked.after.as_deref())?);
    let one = acts::load(&desk, &visitor, number).await?;
    let (all, _) = timeline::all(&desk, &visitor, &one, &people(&desk).await?).await?;
    let more = all.len() as u64 > offset + limit;
    let items = all
        .into_iter()
        .skip(offset as usize)
        .take(limit as usize)
        .map(|item| ItemOut {
            at: stamp(item.at),
            kind: item.kind.to_owned(),
            title: item.title,
            text: item.text,
            quote: item.quote,
            about: item.sub,
        })
        .collect();
    form::answer(
        &headers,
        &Items {
            items,
            next: more.then(|| (offset + limit).to_string()),
        },
    )
}
