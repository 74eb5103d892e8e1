//! Everything the tables know about an address, found with one search.
//!
//! All sources (region, country and holder lists, prefix-to-AS tables, MMDB files, registry
//! statistics, warning lists) are merged when the tables are built: each field becomes a layer of
//! steps (see [`crate::ranges`]), the layers are walked together, and every distinct combination of
//! answers becomes one [`IpFacts`]. A lookup reads two neighbouring entries of a first-level index by
//! the top 16 bits and searches the few steps between them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::territory::Territory;
use rustc_hash::FxHashMap;

use crate::names::Names;
use crate::ranges::{self, Address, Bits, Claim, NONE, Step};
use crate::territory::TerritoryRule;
use crate::warning::WarningSet;
use crate::{Country, cidr::Prefix};

/// What is known of an address. Many addresses share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct IpFacts {
    /// Country it is used in.
    pub country: Option<Country>,
    /// Province as GB/T 2260 code `NN0000`; only where it lies in `country`.
    pub province: Option<u32>,
    /// City as GB/T 2260 code `NNNN00`; only where it lies in `province`.
    pub city: Option<u32>,
    /// Origin AS number.
    pub asn: Option<u32>,
    /// Operator or cloud: index for [`crate::Tables::holder_name`].
    pub holder: Option<u32>,
    /// `country` by the territory rule.
    pub territory: Territory,
    /// Warning lists that name the address or a prefix around it.
    pub warnings: WarningSet,
}

/// Number of a fact set: index for [`crate::Tables::facts`]. 0 is "nothing known". Valid for the
/// tables it came from only.
pub type FactsIndex = u32;

/// Claims of one address family, one list per field.
#[derive(Debug)]
pub(crate) struct Claims<A> {
    pub country: Vec<Claim<A>>,
    pub province: Vec<Claim<A>>,
    pub city: Vec<Claim<A>>,
    pub asn: Vec<Claim<A>>,
    pub holder: Vec<Claim<A>>,
    pub warnings: Vec<(A, A, u8)>,
}

impl<A> Default for Claims<A> {
    fn default() -> Self {
        Claims {
            country: Vec::new(),
            province: Vec::new(),
            city: Vec::new(),
            asn: Vec::new(),
            holder: Vec::new(),
            warnings: Vec::new(),
        }
    }
}

/// What one source says of a range; absent fields claim nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub country: Option<Country>,
    pub province: Option<u32>,
    pub city: Option<u32>,
    pub asn: Option<u32>,
    pub holder: Option<u32>,
}

/// All claims of all sources, gathered while files are read.
#[derive(Debug, Default)]
pub(crate) struct IpDraft {
    pub v4: Claims<u32>,
    pub v6: Claims<u128>,
}

impl<A: Copy> Claims<A> {
    /// Adds what a source of `rank` says of the range.
    pub fn add(&mut self, (first, last, length): (A, A, u8), rank: u32, said: &Said) {
        let claim = |list: &mut Vec<Claim<A>>, value: Option<u32>| {
            if let Some(value) = value {
                list.push(Claim {
                    first,
                    last,
                    rank,
                    length,
                    value,
                });
            }
        };
        claim(
            &mut self.country,
            said.country.map(|country| country.index() as u32),
        );
        claim(&mut self.province, said.province);
        claim(&mut self.city, said.city);
        claim(&mut self.asn, said.asn);
        claim(&mut self.holder, said.holder);
    }
}

impl IpDraft {
    /// Adds what a source of `rank` says of the prefix.
    pub fn add(&mut self, prefix: Prefix, rank: u32, said: &Said) {
        match prefix {
            Prefix::V4(first, last, length) => self.v4.add((first, last, length), rank, said),
            Prefix::V6(first, last, length) => self.v6.add((first, last, length), rank, said),
        }
    }

    /// Adds a prefix to warning list number `list`.
    pub fn warn(&mut self, prefix: Prefix, list: u8) {
        match prefix {
            Prefix::V4(first, last, _) => self.v4.warnings.push((first, last, list)),
            Prefix::V6(first, last, _) => self.v6.warnings.push((first, last, list)),
        }
    }
}

/// The merged table of both families.
#[derive(Debug)]
pub(crate) struct IpTable {
    v4: Family<u32>,
    v6: Family<u128>,
    facts: Vec<IpFacts>,
}

/// Steps of one family with their first-level index.
#[derive(Debug)]
struct Family<A> {
    /// Sorted by start; the first starts at zero. The value is a [`FactsIndex`].
    steps: Vec<Step<A>>,
    /// `index[b]..index[b + 1]` are the steps that start in bucket b (top 16 bits).
    index: Vec<u32>,
}

impl<A: Address> Family<A> {
    fn new(steps: Vec<Step<A>>) -> Self {
        let mut index = vec![0u32; (1 << 16) + 1];
        for step in &steps {
            index[step.start.bucket() + 1] += 1;
        }
        for bucket in 1..index.len() {
            index[bucket] += index[bucket - 1];
        }
        Family { steps, index }
    }

    #[inline]
    fn find(&self, address: A) -> FactsIndex {
        let bucket = address.bucket();
        let (low, high) = (self.index[bucket] as usize, self.index[bucket + 1] as usize);
        let above = low + self.steps[low..high].partition_point(|step| step.start <= address);
        // The first step starts at zero, so at least one step lies at or below any address.
        self.steps[above - 1].value
    }
}

impl IpTable {
    /// Merges all claims.
    pub fn build(draft: IpDraft, names: &Names, rule: &TerritoryRule) -> Self {
        let mut store = FactsStore {
            facts: vec![IpFacts::default()],
            numbers: FxHashMap::default(),
        };
        store.numbers.insert(IpFacts::default(), 0);
        // Flattening is most of the work, and the families and layers do not know of each other.
        let (v4, v6) = std::thread::scope(|scope| {
            let v6 = scope.spawn(|| flatten_all(draft.v6));
            let v4 = flatten_all(draft.v4);
            (v4, v6.join().expect("flattening does not panic"))
        });
        let v4 = Family::new(store.merge(v4, names, rule));
        let v6 = Family::new(store.merge(v6, names, rule));
        IpTable {
            v4,
            v6,
            facts: store.facts,
        }
    }

    /// The facts of an address. IPv4-mapped IPv6 addresses are looked up as IPv4.
    #[inline]
    pub fn find(&self, address: IpAddr) -> FactsIndex {
        match address {
            IpAddr::V4(v4) => self.find_v4(v4),
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => self.find_v4(v4),
                None => self.v6.find(v6.into()),
            },
        }
    }

    #[inline]
    fn find_v4(&self, address: Ipv4Addr) -> FactsIndex {
        self.v4.find(address.into())
    }

    /// The fact set of a number; a number from other tables gives "nothing known".
    #[inline]
    pub fn facts(&self, index: FactsIndex) -> &IpFacts {
        self.facts.get(index as usize).unwrap_or(&self.facts[0])
    }

    /// How many fact sets there are.
    pub fn facts_count(&self) -> usize {
        self.facts.len()
    }

    /// How many ranges differ from their neighbours, IPv4 and IPv6.
    pub fn range_counts(&self) -> (usize, usize) {
        (self.v4.steps.len(), self.v6.steps.len())
    }

    /// The merged ranges with their facts, in address order: IPv4, then IPv6. Ranges of which nothing
    /// is known are left out.
    pub fn ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr, FactsIndex)> {
        let v4 = closed(&self.v4.steps, u32::MAX, |next| next - 1).map(|(first, last, value)| {
            (
                Ipv4Addr::from(first).into(),
                Ipv4Addr::from(last).into(),
                value,
            )
        });
        let v6 = closed(&self.v6.steps, u128::MAX, |next| next - 1).map(|(first, last, value)| {
            (
                Ipv6Addr::from(first).into(),
                Ipv6Addr::from(last).into(),
                value,
            )
        });
        v4.chain(v6).filter(|range| range.2 != 0)
    }
}

fn closed<A: Copy>(
    steps: &[Step<A>],
    max: A,
    before: impl Fn(A) -> A,
) -> impl Iterator<Item = (A, A, u32)> {
    steps.iter().enumerate().map(move |(at, step)| {
        let last = steps.get(at + 1).map_or(max, |next| before(next.start));
        (step.start, last, step.value)
    })
}

/// The six layers of a family, with the sets that the last one's values stand for.
struct Layers<A> {
    layers: [Vec<Step<A>>; 6],
    sets: Vec<Bits>,
}

fn flatten_all<A: Address + Send>(claims: Claims<A>) -> Layers<A> {
    let Claims {
        country,
        province,
        city,
        asn,
        holder,
        warnings,
    } = claims;
    std::thread::scope(|scope| {
        // The AS layer is as large as the rest together.
        let asn = scope.spawn(|| ranges::flatten(asn));
        let others = [country, province, city, holder].map(ranges::flatten);
        let (warnings, sets) = ranges::union(&warnings);
        let [country, province, city, holder] = others;
        let asn = asn.join().expect("flattening does not panic");
        Layers {
            layers: [country, province, city, asn, holder, warnings],
            sets,
        }
    })
}

/// Distinct fact sets while merging.
struct FactsStore {
    facts: Vec<IpFacts>,
    numbers: FxHashMap<IpFacts, FactsIndex>,
}

impl FactsStore {
    fn merge<A: Address>(
        &mut self,
        from: Layers<A>,
        names: &Names,
        rule: &TerritoryRule,
    ) -> Vec<Step<A>> {
        let some = |value: u32| (value != NONE).then_some(value);
        let mut steps = Vec::new();
        // Neighbouring steps mostly differ in the AS alone; the rest of the work is remembered.
        ranges::walk(
            from.layers.each_ref().map(Vec::as_slice),
            |start, values| {
                let [country, province, city, asn, holder, warnings] = values.map(some);
                let mut facts = IpFacts {
                    country: country.map(Country::from_index),
                    asn,
                    holder,
                    warnings: WarningSet(warnings.map_or(0, |set| from.sets[set as usize])),
                    ..IpFacts::default()
                };
                if let Some(province) = province {
                    // Sources may disagree: a province stands only in its own country, a city only in
                    // its own province. The coarser answer is the safer one.
                    let home = names.province(province).map(|province| province.country);
                    if facts.country.is_none() {
                        facts.country = home;
                    }
                    if facts.country == home && home.is_some() {
                        facts.province = Some(province);
                        facts.city = city.filter(|city| city / 10_000 == province / 10_000);
                    }
                }
                facts.territory = rule.of(facts.country);
                let next = self.facts.len() as FactsIndex;
                let number = *self.numbers.entry(facts).or_insert_with(|| {
                    self.facts.push(facts);
                    next
                });
                ranges::push_step(&mut steps, start, number);
            },
        );
        steps
    }
}
