//! What a newer schema changes against the one in force: types that come and go, columns that are read
//! differently, and classifications that move. Shadowserver has moved classifications of types that kept
//! their names; taken unseen, such an update moves figures between statistics from one week to the next.

use std::collections::BTreeMap;

use model::classification::classification;
use model::field::Field;
use serde::Serialize;

use super::schema::{Mapping, Place, ReportType, Schema};

/// How the rows of a type are classified where the schema says it for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Classified {
    /// Taxonomy of the type.
    pub taxonomy: Option<String>,
    /// RSIT entry.
    pub class_type: Option<String>,
    /// Finer name.
    pub identifier: Option<String>,
}

/// A column that is read differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remapped {
    /// The column.
    pub column: String,
    /// Where it went; `None` where the schema did not map it.
    pub before: Option<String>,
    /// Where it goes.
    pub after: Option<String>,
}

/// What changes for a type that both schemas have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TypeChange {
    /// The type.
    pub name: String,
    /// Its name in files.
    pub file_name: String,
    /// How its rows were classified.
    pub before: Classified,
    /// How they will be.
    pub after: Classified,
    /// Columns that are read differently.
    pub remapped: Vec<Remapped>,
}

impl TypeChange {
    /// Whether the classification moves.
    pub fn moves(&self) -> bool {
        self.before != self.after
    }
}

/// The changes from one schema to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Version in force.
    pub from: String,
    /// Version of the update.
    pub to: String,
    /// Types that are new.
    pub added: Vec<String>,
    /// Types that are gone: their reports can no longer be read.
    pub removed: Vec<String>,
    /// Types that change, by name.
    pub changed: Vec<TypeChange>,
}

impl Difference {
    /// Types whose classification moves.
    pub fn moved(&self) -> impl Iterator<Item = &TypeChange> {
        self.changed.iter().filter(|change| change.moves())
    }
}

/// Compares the schema in force with another.
pub fn difference(old: &Schema, new: &Schema) -> Difference {
    let by_name = |schema: &Schema| -> BTreeMap<String, usize> {
        let types = schema.types().iter().enumerate();
        types.map(|(at, entry)| (entry.name.clone(), at)).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    let only = |a: &BTreeMap<String, usize>, b: &BTreeMap<String, usize>| {
        a.keys()
            .filter(|name| !b.contains_key(*name))
            .cloned()
            .collect()
    };
    let changed = before.iter().filter_map(|(name, at)| {
        let (old, new) = (&old.types()[*at], &new.types()[*after.get(name)?]);
        let change = TypeChange {
            name: name.clone(),
            file_name: new.file_name.clone(),
            before: classified(old),
            after: classified(new),
            remapped: remapped(old, new),
        };
        (change.moves() || !change.remapped.is_empty()).then_some(change)
    });
    Difference {
        from: old.version().to_owned(),
        to: new.version().to_owned(),
        changed: changed.collect(),
        added: only(&after, &before),
        removed: only(&before, &after),
    }
}

/// How a type's rows are classified, as far as its constants say.
pub fn classified(entry: &ReportType) -> Classified {
    let constant = |wanted: Field| {
        let found = entry.constants.iter().find(|(field, _)| *field == wanted);
        found.map(|(_, value)| value.clone())
    };
    let class_type = constant(Field::ClassType);
    Classified {
        taxonomy: class_type
            .as_deref()
            .and_then(classification)
            .map(|spec| spec.taxonomy.to_owned()),
        class_type,
        identifier: constant(Field::ClassIdentifier),
    }
}

/// The columns of the lake that a type's rows can fill.
pub fn fields(entry: &ReportType) -> Vec<&'static str> {
    let mapped = entry
        .mappings
        .iter()
        .filter_map(|mapping| match mapping.target {
            Place::Field(field) => Some(field.column()),
            _ => None,
        });
    let constants = entry.constants.iter().map(|(field, _)| field.column());
    let mut fields: Vec<&str> = mapped.chain(constants).collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}

fn remapped(old: &ReportType, new: &ReportType) -> Vec<Remapped> {
    // A column may be mapped more than once: to a field, and to a part of it.
    let places = |entry: &ReportType| {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for mapping in &entry.mappings {
            all.entry(mapping.column.clone())
                .or_default()
                .push(place(mapping));
        }
        all.into_iter()
            .map(|(column, mut places)| {
                places.sort();
                (column, places.join(", "))
            })
            .collect::<BTreeMap<_, _>>()
    };
    let (before, after) = (places(old), places(new));
    before
        .keys()
        .chain(after.keys().filter(|column| !before.contains_key(*column)))
        .filter(|column| before.get(*column) != after.get(*column))
        .map(|column| Remapped {
            column: column.clone(),
            before: before.get(column).cloned(),
            after: after.get(column).cloned(),
        })
        .collect()
}

fn place(mapping: &Mapping) -> String {
    let target = match &mapping.target {
        Place::Field(field) => field.column().to_owned(),
        Place::Extra(name) => format!("extra.{name}"),
        Place::Drop => "nowhere".to_owned(),
    };
    match mapping.function {
        super::functions::Function::Keep => target,
        function => format!("{target} by {function:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(version: &str, kinds: &[(&str, &str, &str, &str)]) -> Schema {
        let types: Vec<String> = kinds
            .iter()
            .map(|(name, class, identifier, target)| {
                format!(
                    r#""{name}": {{"feed_name": "{name}", "file_name": "{name}",
                    "required_fields": [["time.source", "timestamp"], ["source.ip", "ip"]],
                    "optional_fields": [["{target}", "sector"]],
                    "constant_fields": {{"classification.type": "{class}", "classification.identifier": "{identifier}"}}}}"#
                )
            })
            .collect();
        let text = format!(
            r#"{{"_meta": {{"date_created": "{version}"}}, {}}}"#,
            types.join(", ")
        );
        Schema::parse(text.as_bytes()).expect("a schema")
    }

    #[test]
    fn moved_classifications_and_columns_are_named() {
        let old = schema(
            "2025-09-01",
            &[
                ("scan_gtp", "vulnerable-system", "open-gtp", "extra."),
                ("scan_old", "vulnerable-system", "open-old", "extra."),
                ("scan_same", "vulnerable-system", "open-same", "extra."),
                ("scan_tag", "vulnerable-system", "open-tag", "extra."),
            ],
        );
        let new = schema(
            "2025-09-15",
            &[
                (
                    "scan_gtp",
                    "potentially-unwanted-accessible",
                    "open-gtp",
                    "extra.",
                ),
                ("scan_new", "vulnerable-system", "open-new", "extra."),
                ("scan_same", "vulnerable-system", "open-same", "extra."),
                (
                    "scan_tag",
                    "vulnerable-system",
                    "open-tag",
                    "source.as_name",
                ),
            ],
        );
        let found = difference(&old, &new);
        assert_eq!(found.added, ["scan_new"]);
        assert_eq!(found.removed, ["scan_old"]);
        let moved: Vec<&str> = found.moved().map(|change| change.name.as_str()).collect();
        assert_eq!(moved, ["scan_gtp"]);
        assert_eq!(found.changed.len(), 2);
        assert_eq!(
            found.changed[1].remapped,
            [Remapped {
                column: "sector".into(),
                before: Some("extra.sector".into()),
                after: Some("source_as_name".into()),
            }]
        );
        let same = difference(&old, &old);
        assert!(same.changed.is_empty() && same.added.is_empty() && same.removed.is_empty());
        assert!(fields(&new.types()[3]).contains(&"source_as_name"));
    }
}
