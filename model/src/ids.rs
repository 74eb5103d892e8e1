//! Identities. Events and reports are named by content, so the same bytes have the same name on
//! every node and in every run; ledger objects are UUIDv7 with a printed prefix.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

/// An id's text could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct BadId {
    /// What was given.
    pub text: String,
    /// What was expected.
    pub what: &'static str,
}

/// Identity of an event: see [`crate::record::Record::identity`]. Printed as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventId(pub [u8; 16]);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

impl FromStr for EventId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId {
            text: text.to_owned(),
            what: "an event id (32 hex digits)",
        };
        let mut id = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return Err(bad());
        }
        for (byte, digits) in id.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
        }
        Ok(EventId(id))
    }
}

/// Identity of a raw delivery: 128 bits of BLAKE3 over the feed's name, the content hash of the
/// bytes as delivered, and what the delivery stands for beyond its bytes. Printed as `R-` and 32 hex
/// digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReportId(String);

impl ReportId {
    /// The id of a delivery of `feed` whose bytes hash to `content`. `standing` is what its name adds
    /// to the bytes (the date of an undated list, the kind of report), empty where it adds nothing:
    /// an unchanged list of another week is another report.
    pub fn of(feed: &str, content: &[u8; 32], standing: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(feed.as_bytes());
        hasher.update(&[0]);
        hasher.update(content);
        hasher.update(standing.as_bytes());
        let hex = hasher.finalize().to_hex();
        ReportId(format!("R-{}", &hex[..32]))
    }

    /// The printed form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ReportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ReportId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let digits = text.strip_prefix("R-").unwrap_or("");
        if digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(ReportId(text.to_ascii_lowercase().replacen("r-", "R-", 1)))
        } else {
            Err(BadId {
                text: text.to_owned(),
                what: "a report id (R- and 32 hex digits)",
            })
        }
    }
}

/// Ids of ledger objects: a UUIDv7 with a printed prefix. Drawn from a clock and a random source that
/// are handed down, so that a seeded run draws the same ids again.
macro_rules! ledger_ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// What stands before the dash.
            pub const PREFIX: &'static str = $prefix;

            /// A new id of the instant `now`; ten random bytes tell it from others of that instant.
            pub fn draw(now: Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.0 / 1000).unwrap_or(0);
                $name(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let bad = || BadId {
                    text: text.to_owned(),
                    what: concat!("an id (", $prefix, "- and a UUID)"),
                };
                let uuid = text.strip_prefix(concat!($prefix, "-")).ok_or_else(bad)?;
                Uuid::parse_str(uuid).map($name).map_err(|_| bad())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ledger_ids! {
    /// An incident: what is opened, worked and closed.
    IncidentId, "INC";
    /// Several incidents of one hand: same kit, address, registrant or brand.
    CampaignId, "CAM";
    /// A body that can act, or reports.
    OrganizationId, "ORG";
    /// A way to reach an organization.
    ContactId, "CON";
    /// The stored decision whom to ask for what.
    DirectiveId, "DIR";
    /// One message to one contact.
    NoticeId, "NOT";
    /// One look whether it is gone.
    VerificationId, "VER";
    /// A piece of evidence with its blob.
    EvidenceId, "EVI";
    /// A complaint somebody made; its number is the receipt.
    ComplaintId, "CMP";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip() {
        let event = EventId([7; 16]);
        assert_eq!(event.to_string().parse::<EventId>(), Ok(event));
        assert!("zz".parse::<EventId>().is_err());
        assert!("é".repeat(16).parse::<EventId>().is_err());
        let report = ReportId::of("jpcert", &[1; 32], "");
        assert_eq!(report.as_str().parse::<ReportId>(), Ok(report.clone()));
        assert_ne!(report, ReportId::of("other", &[1; 32], ""));
        assert_ne!(report, ReportId::of("jpcert", &[1; 32], "2023-01-09"));
        let incident = IncidentId::draw(Timestamp(1_673_222_400_000_000), [9; 10]);
        assert!(incident.to_string().starts_with("INC-01859"), "{incident}");
        assert_eq!(incident.to_string().parse::<IncidentId>(), Ok(incident));
        assert!(incident.to_string().parse::<NoticeId>().is_err());
    }
}
