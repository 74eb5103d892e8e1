//! Warning lists: what must not be reported or blocked unseen (top sites, resolvers, clouds).
//!
//! A hit is a flag for the analyst, never a deletion. Lists are MISP's; their matching rules are
//! kept: `string` is the whole value, `hostname` the name and everything below it, `cidr` an address
//! in the prefix, `substring` anywhere in the value. Address entries are merged into the address
//! table and name entries into the site table, so that enrichment pays no extra search; this module
//! holds the lists' names and the values that are neither.

use memchr::memmem;
use rustc_hash::FxHashMap;

/// Warning lists as a set of list numbers; see [`crate::Tables::warning_list`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WarningSet(pub(crate) u128);

impl WarningSet {
    /// How many lists a set has room for.
    pub const CAPACITY: usize = 128;

    /// True where no list is hit.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether list number `list` is hit.
    pub fn contains(self, list: usize) -> bool {
        list < Self::CAPACITY && self.0 >> list & 1 == 1
    }

    /// The list numbers hit, rising.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let list = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            (list < Self::CAPACITY).then_some(list)
        })
    }

    /// Both sets together.
    pub fn union(self, other: WarningSet) -> WarningSet {
        WarningSet(self.0 | other.0)
    }
}

/// What kind of value is held against the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// An address.
    Ip,
    /// A host name.
    Host,
    /// A URL; its host is held against the host and address lists too.
    Url,
    /// A file hash in hexadecimal.
    Hash,
}

/// An imported warning list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarningList {
    /// File name without ending: `tranco10k`.
    pub id: String,
    /// The list's own title.
    pub title: String,
    /// The list's own version.
    pub version: String,
    /// Which kinds of value it is for.
    pub(crate) applies: Applies,
    /// Entries in use.
    pub entries: u64,
}

/// Which kinds of value a list is for, from MISP's `matching_attributes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Applies {
    pub ip: bool,
    pub host: bool,
    pub url: bool,
    pub hash: bool,
}

impl Applies {
    /// A list that names no attributes is for every value.
    pub fn from_attributes(attributes: &[String]) -> Self {
        let any = |names: &[&str]| {
            attributes.is_empty()
                || attributes
                    .iter()
                    .any(|attribute| names.contains(&attribute.as_str()))
        };
        let hash = attributes.is_empty()
            || attributes
                .iter()
                .any(|attribute| attribute.contains("md5") || attribute.contains("sha"));
        Applies {
            ip: any(&[
                "ip-src",
                "ip-dst",
                "ip-src|port",
                "ip-dst|port",
                "domain|ip",
            ]),
            host: any(&["hostname", "domain", "hostname|port"]),
            url: any(&["url", "uri", "link"]),
            hash,
        }
    }

    fn covers(self, kind: WarningKind) -> bool {
        match kind {
            WarningKind::Ip => self.ip,
            WarningKind::Host => self.host,
            WarningKind::Url => self.url,
            WarningKind::Hash => self.hash,
        }
    }
}

/// The lists, and their entries that are neither addresses nor host names.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    pub lists: Vec<WarningList>,
    /// Whole values (URLs, hashes) in lower case.
    pub exact: FxHashMap<Box<str>, u128>,
    /// Lower-case text to find anywhere, with its list's number.
    pub substrings: Vec<(memmem::Finder<'static>, u8)>,
}

impl Warnings {
    /// Adds a whole value of list number `list`.
    pub fn add_exact(&mut self, value: &str, list: u8) {
        *self.exact.entry(value.to_lowercase().into()).or_default() |= 1 << list;
    }

    /// Lists that name the whole value or a part of it. `value` is lower case.
    pub fn find(&self, kind: WarningKind, value: &str) -> WarningSet {
        let mut bits = match kind {
            WarningKind::Url => {
                let exact = |value: &str| self.exact.get(value).copied().unwrap_or(0);
                exact(value) | value.strip_suffix('/').map_or(0, exact)
            }
            WarningKind::Hash => self.exact.get(value).copied().unwrap_or(0),
            // Whole addresses and names are in the address and site tables.
            WarningKind::Ip | WarningKind::Host => 0,
        };
        bits &= self.covering(kind);
        for (finder, list) in &self.substrings {
            if self.lists[usize::from(*list)].applies.covers(kind)
                && finder.find(value.as_bytes()).is_some()
            {
                bits |= 1 << list;
            }
        }
        WarningSet(bits)
    }

    fn covering(&self, kind: WarningKind) -> u128 {
        let lists = self.lists.iter().enumerate();
        lists
            .filter(|(_, list)| list.applies.covers(kind))
            .fold(0, |bits, (number, _)| bits | 1 << number)
    }
}
