//! Looking at events: which rule fits a row, by which key, and what it tells about the matter.

use lake::arrow::array::{Array, AsArray, RecordBatch};
use lake::arrow::datatypes::{Int32Type, TimestampMicrosecondType, UInt8Type, UInt32Type};
use lake::query::ip_text;
use model::territory::{OwnerClass, Territory};

use super::rules::{KeyPart, Place, Rule, Rules};

/// The columns a look reads.
pub const COLUMNS: &[&str] = &[
    "event_id",
    "report",
    "feed",
    "observed_at",
    "class_type",
    "class_identifier",
    "source_ip",
    "source_url",
    "malware_name",
    "vulnerability_id",
    "app_package",
    "host",
    "domain",
    "asn",
    "country",
    "province",
    "territory",
    "domain_territory",
    "target_territory",
    "brand",
    "owner_class",
    "warning",
];

/// What is told about a matter by one of its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The address of the page or file.
    pub url: Option<String>,
    /// The host name.
    pub host: Option<String>,
    /// The internet address.
    pub ip: Option<String>,
    /// The autonomous system.
    pub asn: Option<i64>,
    /// Malware family, app or vulnerability.
    pub name: Option<String>,
    /// The imitated brand.
    pub brand: Option<String>,
    /// Country, two letters.
    pub country: Option<String>,
    /// Province, six digits.
    pub province: Option<String>,
    /// Where the asset lies.
    pub territory: Territory,
    /// Where the name is registered.
    pub registered: Territory,
    /// Where the victim or brand belongs.
    pub target: Territory,
    /// Whose site it is.
    pub owner: OwnerClass,
    /// Whether a warning list names it: then a person must look.
    pub warned: bool,
}

/// An event that fits a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Place of the rule.
    pub rule: usize,
    /// What it is joined by.
    pub key: String,
    /// Its identity.
    pub event: [u8; 16],
    /// When it was observed, microseconds UTC.
    pub observed_at: i64,
}

/// A batch of rows by the columns of a look.
pub struct Rows<'b> {
    batch: &'b RecordBatch,
}

impl<'b> Rows<'b> {
    /// The rows of a batch that has [`COLUMNS`] in their order.
    pub fn of(batch: &'b RecordBatch) -> Self {
        Rows { batch }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    fn text(&self, name: &str, row: usize) -> Option<&'b str> {
        let array = self.batch.column_by_name(name)?.as_string_opt::<i32>()?;
        (array.is_valid(row) && !array.value(row).is_empty()).then(|| array.value(row))
    }

    fn small(&self, name: &str, row: usize) -> u8 {
        let array = self
            .batch
            .column_by_name(name)
            .and_then(|array| array.as_primitive_opt::<UInt8Type>());
        array
            .filter(|array| array.is_valid(row))
            .map_or(0, |array| array.value(row))
    }

    fn ip(&self, row: usize) -> Option<String> {
        let array = self.batch.column_by_name("source_ip")?;
        let array = array.as_binary_opt::<i32>()?;
        array.is_valid(row).then(|| ip_text(array.value(row)))?
    }

    fn asn(&self, row: usize) -> Option<i64> {
        let array = self.batch.column_by_name("asn")?;
        let array = array.as_primitive_opt::<UInt32Type>()?;
        array.is_valid(row).then(|| i64::from(array.value(row)))
    }

    fn province(&self, row: usize) -> Option<String> {
        let array = self.batch.column_by_name("province")?;
        let array = array.as_primitive_opt::<Int32Type>()?;
        array
            .is_valid(row)
            .then(|| format!("{:06}", array.value(row)))
    }

    fn name(&self, row: usize) -> Option<&'b str> {
        ["app_package", "vulnerability_id", "malware_name"]
            .iter()
            .find_map(|column| self.text(column, row))
    }

    fn owner(&self, row: usize) -> OwnerClass {
        let code = self.small("owner_class", row);
        let mut all = OwnerClass::ALL.into_iter();
        all.find(|owner| owner.code() == code).unwrap_or_default()
    }

    /// The report a row came in.
    pub fn report(&self, row: usize) -> &'b str {
        self.text("report", row).unwrap_or_default()
    }

    fn part(&self, part: KeyPart, row: usize) -> Option<String> {
        match part {
            KeyPart::Host => self.text("host", row).map(str::to_owned),
            KeyPart::Domain => self.text("domain", row).map(str::to_owned),
            KeyPart::Url => self.text("source_url", row).map(str::to_owned),
            KeyPart::Ip => self.ip(row),
            KeyPart::Asn => self.asn(row).map(|asn| format!("AS{asn}")),
            KeyPart::Name => self.name(row).map(str::to_owned),
            KeyPart::Brand => self.text("brand", row).map(str::to_owned),
            KeyPart::Province => self.province(row),
            KeyPart::Feed => self.text("feed", row).map(str::to_owned),
        }
    }

    fn fits(&self, rule: &Rule, row: usize) -> Option<String> {
        if !rule.identifiers.is_empty() {
            let own = self.text("class_identifier", row)?.to_lowercase();
            if !rule
                .identifiers
                .iter()
                .any(|word| own.contains(word.as_str()))
            {
                return None;
            }
        }
        if !rule.owners.is_empty() && !rule.owners.contains(&self.owner(row)) {
            return None;
        }
        match (rule.territory, territory(self.small("territory", row))) {
            (None, _)
            | (Some(Place::Inside), Territory::Inside)
            | (Some(Place::Outside), Territory::Outside) => {}
            _ => return None,
        }
        if !rule.feeds.is_empty() {
            let feed = self.text("feed", row)?;
            if !rule.feeds.iter().any(|own| own == feed) {
                return None;
            }
        }
        let mut key = String::new();
        for alternatives in &rule.key {
            let part = alternatives.iter().find_map(|part| self.part(*part, row))?;
            if !key.is_empty() {
                key.push(' ');
            }
            key.push_str(&part);
        }
        Some(ledger::Incident::key_text(&key))
    }

    /// The first rule that fits a row.
    pub fn fit(&self, rules: &Rules, row: usize) -> Option<Fit> {
        let class = self.text("class_type", row)?;
        let (rule, key) = rules
            .of_class(class)
            .find_map(|(at, rule)| Some((at, self.fits(rule, row)?)))?;
        let id = self.batch.column_by_name("event_id")?;
        let event = id.as_fixed_size_binary_opt()?.value(row).try_into().ok()?;
        let at = self.batch.column_by_name("observed_at")?;
        let at = at.as_primitive_opt::<TimestampMicrosecondType>()?;
        Some(Fit {
            rule,
            key,
            event,
            observed_at: at.value(row),
        })
    }

    /// Whether a warning list names a row.
    pub fn warned(&self, row: usize) -> bool {
        self.text("warning", row).is_some()
    }

    /// What a row tells about its matter.
    pub fn facts(&self, row: usize) -> Facts {
        let own = |name| self.text(name, row).map(str::to_owned);
        Facts {
            url: own("source_url"),
            host: own("host"),
            ip: self.ip(row),
            asn: self.asn(row),
            name: self.name(row).map(str::to_owned),
            brand: own("brand"),
            country: own("country"),
            province: self.province(row),
            territory: territory(self.small("territory", row)),
            registered: territory(self.small("domain_territory", row)),
            target: territory(self.small("target_territory", row)),
            owner: self.owner(row),
            warned: self.warned(row),
        }
    }
}

/// The territory of a code of the lake.
fn territory(code: u8) -> Territory {
    let mut all = Territory::ALL.into_iter();
    all.find(|place| place.code() == code).unwrap_or_default()
}
