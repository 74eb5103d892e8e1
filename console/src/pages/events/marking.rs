//! How far what was found may be passed on: the highest TLP marking among it.

use lake::search::{Event, FacetValue, Found};
use model::tlp::Tlp;

/// Markings that are for few: whoever reads such events is written down.
fn is_for_few(tlp: Tlp) -> bool {
    tlp >= Tlp::AmberStrict
}

/// The highest marking of what was found. What its source did not mark is the center's own, to be passed on by need.
pub(super) fn highest(found: &Found) -> Tlp {
    let Some(facet) = found.facets.iter().find(|facet| facet.column == "tlp") else {
        return Tlp::Amber;
    };
    let marked = facet.values.iter().map(|(value, _)| match value {
        FacetValue::Text(text) => Tlp::read(text).unwrap_or(Tlp::Red),
        FacetValue::Number(_) => Tlp::Red,
    });
    let unmarked = (facet.none + facet.beyond > 0).then_some(Tlp::Amber);
    marked.chain(unmarked).max().unwrap_or(Tlp::Amber)
}

/// The marking of an event; one that cannot be read is the strictest.
pub(super) fn of(event: &Event) -> Option<Tlp> {
    let text = event.text("tlp")?;
    Some(Tlp::read(text).unwrap_or(Tlp::Red))
}

/// How many of the events are marked for few.
pub(super) fn for_few<'e>(events: impl IntoIterator<Item = &'e Event>) -> u64 {
    let marked = events.into_iter().filter_map(of);
    marked.filter(|tlp| is_for_few(*tlp)).count() as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lake::search::{Cell, Cursor};
    use model::ids::EventId;

    use super::*;

    fn event(tlp: Option<&str>) -> Event {
        let at = lake::search::columns(&["tlp"])[0];
        Event {
            cursor: Cursor {
                observed_at: 0,
                event: EventId([0; 16]),
            },
            cells: tlp
                .map(|tlp| (at, Cell::Text(tlp.to_owned())))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn what_cannot_be_read_is_the_strictest() {
        assert_eq!(of(&event(Some("TLP:AMBER+STRICT"))), Some(Tlp::AmberStrict));
        assert_eq!(of(&event(Some("purple"))), Some(Tlp::Red));
        assert_eq!(of(&event(None)), None);
        let all = [
            event(Some("green")),
            event(Some("RED")),
            event(None),
            event(Some("amber")),
        ];
        assert_eq!(for_few(&all), 1);
        assert_eq!(highest(&Found::default()), Tlp::Amber);
    }
}
