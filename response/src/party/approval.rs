//! When an import waits for a person: it would change much of what its source brought, or touch what a
//! person made or what stands for government and finance.

use std::collections::BTreeSet;

use ledger::Register;
use model::ids::OrganizationId;
use model::organization::Scope;
use model::territory::OwnerClass;

use super::Difference;

/// Percent of a source's entries that may change without an approval.
pub const PERCENT: u64 = 10;
/// Reasons of one kind that are listed.
const MOST: usize = 5;

/// Why a difference needs an approval; empty if it needs none. `percent` is the share of the source's
/// entries that may change without one; a first import changes nothing of anybody. `owner` tells whose a
/// name is.
pub fn approval(
    difference: &Difference,
    register: &Register,
    source: &str,
    percent: u64,
    owner: &dyn Fn(&str) -> OwnerClass,
) -> Vec<String> {
    let mut reasons = Vec::new();
    let own = |other: &str| other == source;
    let entries = register
        .organizations
        .iter()
        .filter(|one| own(&one.source))
        .count()
        + register
            .responsibilities
            .iter()
            .filter(|one| own(&one.source))
            .count();
    let changes = difference.lines.len();
    if entries > 0 && changes as u64 * 100 > percent * entries as u64 {
        reasons.push(format!(
            "{changes} changes are more than {percent} % of the {entries} entries of {source}"
        ));
    }
    if !difference.proposed.is_empty() {
        let count = difference.proposed.len();
        reasons.push(format!("{count} changes touch entries that a person made"));
    }
    let class = |scope: Scope, value: &str| match scope {
        Scope::Domain | Scope::Platform => owner(value),
        _ => OwnerClass::Other,
    };
    let watched = |class: OwnerClass| matches!(class, OwnerClass::Government | OwnerClass::Bank);
    let mut touched: BTreeSet<String> = BTreeSet::new();
    // Organizations that answer for such names now, and what would be added or ended.
    let holders: BTreeSet<OrganizationId> = register
        .responsibilities
        .iter()
        .filter(|duty| watched(class(duty.scope.0, &duty.value)))
        .map(|duty| duty.organization_id.0)
        .collect();
    let name = |id: OrganizationId| {
        let found = register.organizations.iter().find(|one| one.id.0 == id);
        found.map_or_else(|| id.to_string(), |one| one.name_en.clone())
    };
    for new in &difference.add {
        if new
            .responsible
            .iter()
            .any(|(scope, value)| watched(class(*scope, value)))
        {
            touched.insert(new.name_en.clone());
        }
    }
    let ended = register.responsibilities.iter();
    let ended = ended.filter(|duty| difference.ended.contains(&duty.id));
    let ids = difference.contacts.iter().map(|(id, _)| *id);
    let ids = ids.chain(difference.responsible.iter().map(|(id, ..)| *id));
    let ids = ids.chain(ended.map(|duty| duty.organization_id.0));
    touched.extend(ids.filter(|id| holders.contains(id)).map(name));
    for (id, scope, value) in &difference.responsible {
        if watched(class(*scope, value)) {
            touched.insert(name(*id));
        }
    }
    if !touched.is_empty() {
        let some: Vec<_> = touched.iter().take(MOST).cloned().collect();
        let more = match touched.len() > MOST {
            true => ", and others",
            false => "",
        };
        reasons.push(format!(
            "it touches who answers for government or finance: {}{more}",
            some.join(", ")
        ));
    }
    reasons
}
