//! What our own tables say about a row: place, network, site, brand, warnings.
//!
//! Own tables go before what the source states; where they know nothing of an address, the source's
//! country and AS number stand (a feed's word is better than none, and the territory rule applies
//! to it alike).

use std::sync::Arc;

use lake::Enrichment;
use model::field::Field;
use model::record::Record;
use reference::{Country, Scratch, Tables, WarningKind, WarningSet, url_host};

/// Looks rows up. Shared by threads; each brings its own scratch memory.
#[derive(Clone, Debug)]
pub struct Enricher {
    tables: Arc<Tables>,
}

impl Enricher {
    /// An enricher over compiled tables.
    pub fn new(tables: Arc<Tables>) -> Self {
        Enricher { tables }
    }

    /// Version of the tables, stored with what was enriched by them.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.tables.fingerprint()
    }

    /// Everything the tables say about `record`.
    pub fn enrich<'a>(&'a self, record: &'a Record, scratch: &'a mut Scratch) -> Enrichment<'a> {
        let tables = &*self.tables;
        let mut found = Enrichment::default();
        let url = record.text(Field::SourceUrl);
        let host = url
            .and_then(url_host)
            .or_else(|| record.text(Field::SourceHost));
        let mut warnings = WarningSet::default();
        let mut address = record.ip(Field::SourceIp);
        if let Some(site) = host.and_then(|host| tables.site(host, scratch)) {
            found.host = Some(site.host);
            found.domain = site.domain;
            found.tld = site.tld;
            found.domain_territory = site.territory;
            found.owner_class = site.owner;
            address = address.or(site.address);
            // A page on a top site is a page, not the site: the list names the site as a whole, so
            // it speaks only where the site as a whole is accused.
            if url.is_none_or(accuses_whole_site) {
                warnings = site.warnings;
            }
        }
        if let Some(address) = address {
            let facts = tables.facts(tables.ip(address));
            let stated = || record.text(Field::SourceCountry);
            found.country = facts.country.as_ref().map(Country::as_str).or_else(stated);
            found.territory = match &facts.country {
                Some(_) => facts.territory,
                None => tables.territory(stated().and_then(Country::new)),
            };
            found.province = facts.province.map(|code| code as i32);
            found.city = facts.city.map(|code| code as i32);
            let stated = || {
                record
                    .int(Field::SourceAsn)
                    .and_then(|asn| u32::try_from(asn).ok())
            };
            found.asn = facts.asn.or_else(stated);
            found.holder = facts.holder.and_then(|holder| tables.holder_name(holder));
            if url.is_none() && host.is_none() {
                warnings = warnings.union(facts.warnings);
            }
        }
        if warnings.is_empty() {
            let hash = [Field::Sha256, Field::Sha1, Field::Md5]
                .iter()
                .find_map(|field| record.text(*field));
            if let Some(hash) = hash {
                warnings = tables.warning(WarningKind::Hash, hash);
            }
        }
        found.warning = warnings
            .iter()
            .next()
            .and_then(|list| tables.warning_list(list))
            .map(|list| list.id.as_str());
        let target = record.text(Field::DescriptionTarget);
        if let Some(brand) = target.and_then(|target| tables.brand(target)) {
            found.brand = Some(&brand.name);
            found.sector = (!brand.sector.is_empty()).then_some(&brand.sector);
            found.target_territory = brand.territory;
        }
        found
    }
}

/// A URL without a path worth the name stands for its whole site.
fn accuses_whole_site(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.find(['/', '?', '#']) {
        None => true,
        Some(at) => matches!(&rest[at..], "/" | "?" | "#"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_accuses_a_page() {
        for whole in ["https://example.com", "http://example.com/", "example.com"] {
            assert!(accuses_whole_site(whole), "{whole}");
        }
        for page in [
            "https://example.com/a",
            "http://example.com/?q=1",
            "https://example.com/#x",
        ] {
            assert!(!accuses_whole_site(page), "{page}");
        }
    }
}
