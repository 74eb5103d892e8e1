//! The vocabulary of one observation: every typed field an event may carry.
//!
//! [`Field`] is a closed list and [`Field::spec`] its table: column name in the lake, name in
//! IntelMQ's data harmonisation (3.5.0), and kind. Parsers, the lake's columns, `parse --as intelmq`
//! and the column mappings of feed entries all read this one table, so a new field is one line here.
//! What a source says beyond these fields goes to the record's `extra` object, never nowhere.

use std::fmt;

/// How a field's value is held and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text, as the source wrote it unless the field's rule says otherwise.
    Text,
    /// IPv4 or IPv6 address; zone ids are cut (RFC 4007 zones have no meaning off the host).
    Ip,
    /// Signed integer.
    Int,
    /// Finite double.
    Float,
    /// Truth value.
    Bool,
    /// Microseconds since the Unix epoch, UTC.
    Time,
}

/// One row of the field table.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    /// The field itself.
    pub field: Field,
    /// Column name in the lake, in SQL views and in our own JSON.
    pub column: &'static str,
    /// Key in IntelMQ's flat JSON; empty where IntelMQ has no such field.
    pub intelmq: &'static str,
    /// How the value is held.
    pub kind: Kind,
}

macro_rules! fields {
    ($($variant:ident $column:literal $intelmq:literal $kind:ident $doc:literal;)+) => {
        /// A typed field of a parsed observation. The order is the order of identity hashing and of
        /// the lake's columns: append, never reorder.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Field { $(#[doc = $doc] $variant,)+ }

        /// The field table, in the order of [`Field`].
        pub const FIELDS: &[FieldSpec] = &[
            $(FieldSpec { field: Field::$variant, column: $column, intelmq: $intelmq, kind: Kind::$kind },)+
        ];
    };
}

fields! {
    ObservedAt "observed_at" "time.source" Time "When the source observed it; a list without dates takes its snapshot's time.";
    ClassType "class_type" "classification.type" Text "RSIT entry in canonical spelling (or one of IntelMQ's five additions).";
    ClassIdentifier "class_identifier" "classification.identifier" Text "The source's own finer name, e.g. `open-telnet`.";
    SourceIp "source_ip" "source.ip" Ip "The affected or offending asset.";
    SourcePort "source_port" "source.port" Int "Port, 0 to 65535.";
    SourceHost "source_host" "source.fqdn" Text "Host name, lower case, A-label form.";
    SourceUrl "source_url" "source.url" Text "URL as given, refanged.";
    SourceNetwork "source_network" "source.network" Text "CIDR prefix.";
    SourceAsn "source_asn" "source.asn" Int "AS number as the source states it.";
    SourceAsName "source_as_name" "source.as_name" Text "AS name as the source states it.";
    SourceCountry "source_country" "source.geolocation.cc" Text "Country as the source states it, two letters.";
    SourceRegion "source_region" "source.geolocation.region" Text "Region as the source states it.";
    SourceCity "source_city" "source.geolocation.city" Text "City as the source states it.";
    SourceReverseDns "source_reverse_dns" "source.reverse_dns" Text "Reverse DNS name.";
    SourceAccount "source_account" "source.account" Text "Account, often an e-mail address.";
    SourceLocalHostname "source_local_hostname" "source.local_hostname" Text "Name of the host inside its network.";
    SourceLocalIp "source_local_ip" "source.local_ip" Ip "Address of the host inside its network.";
    SourceAbuseContact "source_abuse_contact" "source.abuse_contact" Text "Contact candidates as the source states them.";
    SourceUrlPath "source_url_path" "source.urlpath" Text "Path of a URL where only that is known.";
    DestinationIp "destination_ip" "destination.ip" Ip "The counterpart: sinkhole, target or control server.";
    DestinationPort "destination_port" "destination.port" Int "Port, 0 to 65535.";
    DestinationHost "destination_host" "destination.fqdn" Text "Host name, lower case, A-label form.";
    DestinationUrl "destination_url" "destination.url" Text "URL as given, refanged.";
    DestinationNetwork "destination_network" "destination.network" Text "CIDR prefix.";
    DestinationAsn "destination_asn" "destination.asn" Int "AS number as the source states it.";
    DestinationAsName "destination_as_name" "destination.as_name" Text "AS name as the source states it.";
    DestinationCountry "destination_country" "destination.geolocation.cc" Text "Country as the source states it.";
    DestinationRegion "destination_region" "destination.geolocation.region" Text "Region as the source states it.";
    DestinationCity "destination_city" "destination.geolocation.city" Text "City as the source states it.";
    DestinationReverseDns "destination_reverse_dns" "destination.reverse_dns" Text "Reverse DNS name.";
    DestinationAccount "destination_account" "destination.account" Text "Account.";
    ProtocolTransport "protocol_transport" "protocol.transport" Text "tcp, udp ...";
    ProtocolApplication "protocol_application" "protocol.application" Text "http, telnet ...";
    MalwareName "malware_name" "malware.name" Text "Malware family, lower case.";
    MalwareVersion "malware_version" "malware.version" Text "Malware version.";
    Md5 "hash_md5" "malware.hash.md5" Text "MD5 of the sample, lower-case hex.";
    Sha1 "hash_sha1" "malware.hash.sha1" Text "SHA-1 of the sample, lower-case hex.";
    Sha256 "hash_sha256" "malware.hash.sha256" Text "SHA-256 of the sample, lower-case hex.";
    ProductFullName "product_full_name" "product.full_name" Text "Product in the source's words.";
    ProductVendor "product_vendor" "product.vendor" Text "Vendor.";
    ProductName "product_name" "product.name" Text "Product.";
    ProductVersion "product_version" "product.version" Text "Version.";
    Vulnerabilities "vulnerabilities" "product.vulnerabilities" Text "CVE ids, upper case, joined with `;`.";
    Severity "severity" "severity" Text "The source's severity: critical, high, medium, low or info.";
    Description "description" "event_description.text" Text "Short description or title.";
    DescriptionTarget "target" "event_description.target" Text "Whom it imitates or aims at: brand or organization, in the source's words.";
    DescriptionUrl "reference_url" "event_description.url" Text "Where it is described.";
    Status "status" "status" Text "Status in the source's words.";
    Comment "comment" "comment" Text "Free comment of the source.";
    ScreenshotUrl "screenshot_url" "screenshot_url" Text "Where a screenshot is kept.";
    Tlp "tlp" "tlp" Text "TLP 2.0 marking.";
    FeedAccuracy "feed_accuracy" "feed.accuracy" Float "The source's own confidence, 0 to 100.";
    VulnerabilityId "vulnerability_id" "" Text "Id of a vulnerability record itself: CNVD-2023-00001 or CVE-2023-0001.";
    ObjectType "object_type" "" Text "Affected kind of object of a vulnerability record (application, network equipment ...).";
    AppPackage "app_package" "" Text "Package name of a mobile application.";
    Certificate "certificate" "" Text "Fingerprint of a signing or TLS certificate, lower-case hex.";
    Reporter "reporter" "" Text "Who reported it inside the source.";
    Tags "tags" "" Text "The source's tags, lower case, joined with one space.";
}

impl Field {
    /// How many fields there are.
    pub const COUNT: usize = FIELDS.len();

    /// This field's row of the table.
    pub fn spec(self) -> &'static FieldSpec {
        &FIELDS[self as usize]
    }

    /// Column name in the lake and in our JSON.
    pub fn column(self) -> &'static str {
        self.spec().column
    }

    /// How the value is held.
    pub fn kind(self) -> Kind {
        self.spec().kind
    }

    /// Finds a field by its column name or by its IntelMQ key; mappings in feed entries accept both.
    pub fn named(name: &str) -> Option<Field> {
        FIELDS
            .iter()
            .find(|spec| spec.column == name || (!name.is_empty() && spec.intelmq == name))
            .map(|spec| spec.field)
    }
}

/// What an observation may be about, the most specific first, with the word for its kind.
pub const OBSERVABLES: &[(Field, &str)] = &[
    (Field::VulnerabilityId, "vulnerability"),
    (Field::SourceUrl, "url"),
    (Field::AppPackage, "app"),
    (Field::Certificate, "certificate"),
    (Field::SourceHost, "domain"),
    (Field::SourceIp, "ip"),
    (Field::SourceNetwork, "network"),
    (Field::Sha256, "sha256"),
    (Field::Sha1, "sha1"),
    (Field::Md5, "md5"),
    (Field::SourceAccount, "account"),
    (Field::DestinationUrl, "url"),
    (Field::DestinationHost, "domain"),
    (Field::DestinationIp, "ip"),
];

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.column())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_ordered() {
        let mut columns = std::collections::HashSet::new();
        let mut keys = std::collections::HashSet::new();
        for (index, spec) in FIELDS.iter().enumerate() {
            assert_eq!(spec.field as usize, index, "{} out of order", spec.column);
            assert!(columns.insert(spec.column), "{} twice", spec.column);
            assert!(
                spec.intelmq.is_empty() || keys.insert(spec.intelmq),
                "{} twice",
                spec.intelmq
            );
            assert_eq!(Field::named(spec.column), Some(spec.field));
        }
        // The presence mask of a record is a u64.
        const { assert!(Field::COUNT <= 64) };
    }
}
