//! Which groups moved most, by province, network, family, brand, registrar and campaign.

use super::*;

pub(super) fn movers(inputs: &Inputs<'_>, found: &Difference) -> Vec<Movers> {
    let order = [
        Dimension::Province,
        Dimension::Network,
        Dimension::Family,
        Dimension::Brand,
        Dimension::Tld,
    ];
    let mut out: Vec<Movers> = order
        .into_iter()
        .map(|dimension| Movers {
            name: dimension_name(dimension),
            rows: most(
                found
                    .groups
                    .iter()
                    .filter(|((of, _), _)| *of == dimension)
                    .map(|((_, group), (last, this))| Mover {
                        name: group_name(inputs, dimension, group),
                        last: *last,
                        this: *this,
                    }),
            ),
        })
        .collect();
    let incidents = inputs.handled.map(|(last, this)| {
        [
            (
                (&last.registrars, &this.registrars),
                "注册商（所通报的事件）",
                "registrar (incidents it was asked about)",
            ),
            (
                (&last.campaigns, &this.campaigns),
                "团伙（已处置的事件）",
                "campaign (handled incidents)",
            ),
        ]
    });
    for ((last, this), zh, en) in incidents.into_iter().flatten() {
        let names: BTreeSet<&String> = last.keys().chain(this.keys()).collect();
        let of = |week: &BTreeMap<String, u64>, name: &str| week.get(name).copied().unwrap_or(0);
        out.push(Movers {
            name: Text::new(zh, en),
            rows: most(names.into_iter().map(|name| Mover {
                name: Text::same(name.as_str()),
                last: of(last, name),
                this: of(this, name),
            })),
        });
    }
    out.retain(|movers| !movers.rows.is_empty());
    out
}

pub(super) fn most(rows: impl Iterator<Item = Mover>) -> Vec<Mover> {
    let mut rows: Vec<Mover> = rows.filter(|row| row.last != row.this).collect();
    rows.sort_by(|a, b| {
        b.last
            .abs_diff(b.this)
            .cmp(&a.last.abs_diff(a.this))
            .then_with(|| a.name.en.cmp(&b.name.en))
    });
    rows.truncate(LISTED);
    rows
}
