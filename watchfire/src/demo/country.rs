//! The invented country: its provinces, operators, neighbors, brands, and who holds which address.
//!
//! Canglan (沧澜) does not exist. Its code XC is user-assigned in ISO 3166-1, its division codes lie in
//! a range that GB/T 2260 leaves free, its AS numbers are private (RFC 6996), its addresses are never
//! routed on the internet (RFC 6890, RFC 3849, RFC 9637) and its names end in reserved domains
//! (RFC 2606). The tables are `assets/demo/*.csv`; the address plan is here, because feeds draw
//! hosts from it and the demo's reference tables are printed from it, so that both always agree.

use std::net::Ipv4Addr;

use super::random::{draw, scale, totals};

/// Code of the country: user-assigned in ISO 3166-1, never a real country's.
pub const CODE: &str = "XC";
/// Its Chinese name.
pub const NAME_ZH: &str = "沧澜";
/// Its English name.
pub const NAME_EN: &str = "Canglan";
/// Where the sinkholes stand that infected hosts call: two documentation networks (RFC 5737).
pub const SINKHOLES: [(u32, &str); 2] = [(0xc000_0200, "XE"), (0xc633_6400, "XF")];
/// A documentation network that no table of the demo names: its territory is unknown.
pub const UNCHARTED: u32 = 0xcb00_7100;
/// First /48 of the country's IPv6 space as the upper 64 bits of an address; province n has the n-th
/// /32 after it (RFC 9637, 3fff::/20).
pub const V6_FIRST: u64 = 0x3fff_0c00_0000_0000;

/// How a network's customers are connected; decides who lives there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Homes and small offices.
    Broadband,
    /// Phones and home gateways behind a mobile network.
    Mobile,
    /// Leased lines of companies.
    Enterprise,
    /// Clouds and data centers.
    Hosting,
    /// Government offices.
    Government,
    /// Schools and universities.
    Education,
}

impl Access {
    fn named(name: &str) -> Self {
        match name {
            "broadband" => Access::Broadband,
            "mobile" => Access::Mobile,
            "enterprise" => Access::Enterprise,
            "hosting" => Access::Hosting,
            "government" => Access::Government,
            "education" => Access::Education,
            other => panic!("operators.csv: unknown access {other}"),
        }
    }
}

/// A province.
#[derive(Clone, Debug)]
pub struct Province {
    /// Six digits in the form of GB/T 2260, `NN0000`.
    pub code: u32,
    /// In the form of ISO 3166-2.
    pub iso: &'static str,
    /// Full Chinese name.
    pub zh: &'static str,
    /// Chinese name as used in prose.
    pub zh_short: &'static str,
    /// English name.
    pub en: &'static str,
    /// Share of the country's hosts, relative.
    pub weight: u64,
    /// Four cities.
    pub cities: [&'static str; 4],
}

/// An operator, cloud or other holder of networks.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Short name, also of its prefix file.
    pub id: &'static str,
    /// Chinese name.
    pub zh: &'static str,
    /// English name.
    pub en: &'static str,
    /// AS number.
    pub asn: u32,
    /// What it sells.
    pub access: Access,
    /// Domain of its reverse names.
    pub domain: &'static str,
    /// Share among operators of its kind, relative.
    pub weight: u64,
    /// NAICS code as reports give it.
    pub naics: &'static str,
    /// Sector as reports give it.
    pub sector: &'static str,
}

/// A country abroad.
#[derive(Clone, Debug)]
pub struct Neighbor {
    /// User-assigned code.
    pub code: &'static str,
    /// Chinese name.
    pub zh: &'static str,
    /// English name.
    pub en: &'static str,
    /// First part of its addresses, in 240.0.0.0/4.
    pub first_octet: u8,
    /// Share of what is hosted abroad, relative.
    pub weight: u64,
    /// AS number and name: access network, then hosting.
    pub asns: [(u32, &'static str); 2],
}

/// A brand that phishing pages imitate.
#[derive(Clone, Debug)]
pub struct Brand {
    /// Chinese name, as the phishing list writes it.
    pub zh: &'static str,
    /// English name.
    pub en: &'static str,
    /// Sector.
    pub sector: &'static str,
    /// Country whose public it serves.
    pub country: &'static str,
    /// As it is imitated in host names.
    pub slug: &'static str,
    /// Share within its sector, relative.
    pub weight: u64,
}

/// A malware family with the sinkhole report that sees it.
#[derive(Clone, Debug)]
pub struct Family {
    /// Name.
    pub name: &'static str,
    /// Report type.
    pub report: &'static str,
    /// Port that it calls.
    pub port: u16,
    /// Share of infected hosts, relative.
    pub weight: u64,
    /// Growth a week, in thousandths.
    pub trend: u64,
    /// Week from which it is seen, 0 to 13.
    pub born: usize,
    /// Tag.
    pub tag: &'static str,
}

/// An invented product in which vulnerabilities are found.
#[derive(Clone, Debug)]
pub struct Product {
    /// Vendor, Chinese.
    pub vendor_zh: &'static str,
    /// Vendor, English.
    pub vendor: &'static str,
    /// Name.
    pub name: &'static str,
    /// Kind of affected object, in CNVD's words.
    pub kind: &'static str,
}

/// A prefix of one holder in one place.
#[derive(Clone, Debug)]
pub struct Block {
    /// First address.
    pub first: u32,
    /// Prefix length.
    pub length: u8,
    /// Position in [`Country::provinces`]; `None` abroad.
    pub province: Option<usize>,
    /// Position in [`Country::operators`]; `None` abroad.
    pub operator: Option<usize>,
    /// Country code.
    pub country: &'static str,
    /// Origin AS.
    pub asn: u32,
    /// Region in the capitals of the reports.
    pub region: String,
    /// Cities in the capitals of the reports; an address keeps its city.
    pub cities: Vec<String>,
    /// Domain of its reverse names.
    pub domain: String,
    /// NAICS code.
    pub naics: &'static str,
    /// Sector.
    pub sector: &'static str,
    /// How its customers are connected.
    pub access: Access,
}

impl Block {
    /// The address at a random place in the block, never the first or last of a /24.
    #[inline]
    pub fn address(&self, bits: u64) -> u32 {
        let address = self.first + scale(bits, 1 << (32 - self.length)) as u32;
        address & !0xff | (1 + address % 254)
    }

    /// The city of an address of the block.
    #[inline]
    pub fn city(&self, address: u32) -> &str {
        let at = (address - self.first) >> (32 - u32::from(self.length)).saturating_sub(2);
        &self.cities[at as usize % self.cities.len()]
    }
}

/// Blocks by weight.
#[derive(Clone, Debug, Default)]
struct Pool {
    blocks: Vec<usize>,
    totals: Vec<u64>,
}

impl Pool {
    fn new(blocks: &[Block], weight: impl Fn(&Block) -> u64) -> Self {
        let blocks: Vec<(usize, u64)> = blocks
            .iter()
            .enumerate()
            .map(|(at, block)| (at, weight(block)))
            .filter(|(_, weight)| *weight > 0)
            .collect();
        Pool {
            totals: totals(blocks.iter().map(|(_, weight)| *weight)),
            blocks: blocks.into_iter().map(|(at, _)| at).collect(),
        }
    }

    #[inline]
    fn at(&self, bits: u64) -> usize {
        let at = scale(bits, self.totals.last().copied().unwrap_or(0));
        self.blocks[self.totals.partition_point(|&total| total <= at)]
    }
}

/// Which part of the world a host is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// Homes, phones and offices of the country: where infected hosts are.
    Customers,
    /// Clouds and data centers of the country: where sites are.
    Hosting,
    /// Government networks of the country.
    Government,
    /// Education networks of the country.
    Education,
    /// Hosting abroad.
    Abroad,
    /// Access networks abroad.
    AbroadCustomers,
}

/// The country with its tables and its address plan.
#[derive(Clone, Debug)]
pub struct Country {
    /// Twelve provinces.
    pub provinces: Vec<Province>,
    /// Operators and clouds.
    pub operators: Vec<Operator>,
    /// Countries abroad.
    pub neighbors: Vec<Neighbor>,
    /// Imitated brands.
    pub brands: Vec<Brand>,
    /// Malware families.
    pub families: Vec<Family>,
    /// Products.
    pub products: Vec<Product>,
    /// The address plan.
    pub blocks: Vec<Block>,
    pools: [Pool; 6],
}

impl Default for Country {
    fn default() -> Self {
        Self::new()
    }
}

impl Country {
    /// Reads the built-in tables and lays out the addresses.
    pub fn new() -> Self {
        let number = |text: &str| {
            text.parse::<u64>()
                .expect("the demo's tables hold numbers where numbers belong")
        };
        let provinces: Vec<Province> = rows(include_str!("../../assets/demo/provinces.csv"))
            .map(|row| Province {
                code: number(row[0]) as u32,
                iso: row[1],
                zh: row[2],
                zh_short: row[3],
                en: row[4],
                weight: number(row[5]),
                cities: [row[6], row[7], row[8], row[9]],
            })
            .collect();
        let operators: Vec<Operator> = rows(include_str!("../../assets/demo/operators.csv"))
            .map(|row| Operator {
                id: row[0],
                zh: row[1],
                en: row[2],
                asn: number(row[3]) as u32,
                access: Access::named(row[4]),
                domain: row[5],
                weight: number(row[6]),
                naics: row[7],
                sector: row[8],
            })
            .collect();
        let neighbors: Vec<Neighbor> = rows(include_str!("../../assets/demo/abroad.csv"))
            .map(|row| Neighbor {
                code: row[0],
                zh: row[1],
                en: row[2],
                first_octet: number(row[3]) as u8,
                weight: number(row[4]),
                asns: [
                    (number(row[5]) as u32, row[6]),
                    (number(row[7]) as u32, row[8]),
                ],
            })
            .collect();
        let brands = rows(include_str!("../../assets/demo/brands.csv"))
            .map(|row| Brand {
                zh: row[0],
                en: row[1],
                sector: row[2],
                country: row[3],
                slug: row[4],
                weight: number(row[5]),
            })
            .collect();
        let families = rows(include_str!("../../assets/demo/families.csv"))
            .map(|row| Family {
                name: row[0],
                report: row[1],
                port: number(row[2]) as u16,
                weight: number(row[3]),
                trend: number(row[4]),
                born: number(row[5]) as usize,
                tag: row[6],
            })
            .collect();
        let products = rows(include_str!("../../assets/demo/products.csv"))
            .map(|row| Product {
                vendor_zh: row[0],
                vendor: row[1],
                name: row[2],
                kind: row[3],
            })
            .collect();
        let blocks = plan(&provinces, &operators, &neighbors);
        let weight = |block: &Block| {
            let province = block.province.map_or(0, |at| provinces[at].weight);
            province * block.operator.map_or(0, |at| operators[at].weight)
        };
        let of = |wanted: &'static [Access]| {
            Pool::new(&blocks, |block| {
                if wanted.contains(&block.access) {
                    weight(block)
                } else {
                    0
                }
            })
        };
        let abroad = |wanted: Access| {
            Pool::new(&blocks, |block| {
                match neighbors
                    .iter()
                    .find(|neighbor| neighbor.code == block.country)
                {
                    Some(neighbor) if block.access == wanted && block.length < 24 => {
                        neighbor.weight
                    }
                    _ => 0,
                }
            })
        };
        let pools = [
            of(&[Access::Broadband, Access::Mobile, Access::Enterprise]),
            of(&[Access::Hosting]),
            of(&[Access::Government]),
            of(&[Access::Education]),
            abroad(Access::Hosting),
            abroad(Access::Broadband),
        ];
        Country {
            provinces,
            operators,
            neighbors,
            brands,
            families,
            products,
            blocks,
            pools,
        }
    }

    /// The host that belongs to `key`: its address and block never change.
    #[inline]
    pub fn host(&self, among: Among, key: u64) -> (u32, &Block) {
        let block = &self.blocks[self.pools[among as usize].at(draw(key, 0x51))];
        (block.address(draw(key, 0x52)), block)
    }

    /// The block that holds an address, if any does.
    pub fn block_of(&self, address: Ipv4Addr) -> Option<&Block> {
        let address = u32::from(address);
        self.blocks
            .iter()
            .find(|block| (address ^ block.first).leading_zeros() >= u32::from(block.length))
    }

    /// The mobile network of a province, the only one with IPv6.
    pub fn mobile(&self, province: usize) -> &Block {
        let mobile =
            |block: &&Block| block.province == Some(province) && block.access == Access::Mobile;
        self.blocks
            .iter()
            .find(mobile)
            .expect("the plan gives every province a mobile network")
    }

    /// A province's prefix as the upper half of an IPv6 address, and a customer's place in it.
    pub fn v6_prefix(province: usize, customer: u64) -> u64 {
        V6_FIRST + ((province as u64) << 32) + (customer & 0xffff_ffff)
    }
}

/// Who holds which prefix.
///
/// Inside: 10.0.0.0/8 broadband and leased lines, 100.64.0.0/10 mobile, 172.16.0.0/12 hosting,
/// 198.18.0.0/15 government and education. Abroad: the /8s of 240.0.0.0/4, and the sinkholes.
fn plan(provinces: &[Province], operators: &[Operator], neighbors: &[Neighbor]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let operator = |id: &str| {
        operators
            .iter()
            .position(|operator| operator.id == id)
            .expect("the plan names operators of the table")
    };
    let mut inside = |first: [u8; 4], length: u8, province: usize, holder: usize| {
        let holder_row = &operators[holder];
        blocks.push(Block {
            first: u32::from_be_bytes(first),
            length,
            province: Some(province),
            operator: Some(holder),
            country: CODE,
            asn: holder_row.asn,
            region: provinces[province].en.to_ascii_uppercase(),
            cities: provinces[province]
                .cities
                .iter()
                .map(|city| city.to_ascii_uppercase())
                .collect(),
            domain: holder_row.domain.to_owned(),
            naics: holder_row.naics,
            sector: holder_row.sector,
            access: holder_row.access,
        });
    };
    // The four provinces with the most hosts hold the spare prefixes of a plan made for sixteen.
    let spare = [1, 2, 0, 3];
    for slot in 0..16u8 {
        let province = if slot < 12 {
            usize::from(slot)
        } else {
            spare[usize::from(slot) - 12]
        };
        let second = slot * 16;
        if slot < 12 {
            inside([10, second, 0, 0], 13, province, operator("lanxun"));
            inside([10, second + 8, 0, 0], 14, province, operator("zhonglian"));
            inside([10, second + 12, 0, 0], 15, province, operator("haixian"));
            inside([10, second + 14, 0, 0], 15, province, operator("lanline"));
            inside([198, 18, slot * 16, 0], 20, province, operator("govnet"));
            inside([198, 19, slot * 16, 0], 20, province, operator("edunet"));
        } else {
            inside([10, second, 0, 0], 12, province, operator("lanxun"));
        }
        inside([100, 64 + slot * 4, 0, 0], 14, province, operator("xitong"));
    }
    let hosting = [
        ("fuyun", [0usize, 1, 1, 2, 5].as_slice()),
        ("zhanqiao", &[1, 0, 3, 4]),
        ("dengta", &[2, 6, 7, 8]),
        ("xinggang", &[1, 9, 3]),
    ];
    let mut second = 16;
    for (id, places) in hosting {
        for &province in places {
            inside([172, second, 0, 0], 16, province, operator(id));
            second += 1;
        }
    }
    for neighbor in neighbors {
        for (half, (asn, name)) in neighbor.asns.iter().enumerate() {
            let tag = name.split(' ').next().unwrap_or(name).to_ascii_lowercase();
            let hosting = half == 1;
            blocks.push(Block {
                first: u32::from_be_bytes([neighbor.first_octet, 128 * half as u8, 0, 0]),
                length: 9,
                province: None,
                operator: None,
                country: neighbor.code,
                asn: *asn,
                region: neighbor.en.to_ascii_uppercase(),
                cities: ["NORTH", "EAST", "SOUTH", "WEST"]
                    .iter()
                    .map(|side| format!("{} {side}", neighbor.en.to_ascii_uppercase()))
                    .collect(),
                domain: format!("{tag}.example.org"),
                naics: if hosting { "518210" } else { "517311" },
                sector: "Communications, Service Provider, and Hosting Service",
                access: if hosting {
                    Access::Hosting
                } else {
                    Access::Broadband
                },
            });
        }
    }
    for (first, code) in SINKHOLES {
        let neighbor = neighbors
            .iter()
            .find(|neighbor| neighbor.code == code)
            .expect("sinkholes stand in countries of the table");
        blocks.push(Block {
            first,
            length: 24,
            province: None,
            operator: None,
            country: code,
            asn: neighbor.asns[1].0,
            region: neighbor.en.to_ascii_uppercase(),
            cities: vec![format!("{} NORTH", neighbor.en.to_ascii_uppercase())],
            domain: "sinkhole.example.org".to_owned(),
            naics: "518210",
            sector: "Communications, Service Provider, and Hosting Service",
            access: Access::Hosting,
        });
    }
    blocks
}

/// Rows of a built-in table without its header. Cells may stand in quotes; quotes inside do not occur.
fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (mut cells, mut rest) = (Vec::new(), Some(line));
            while let Some(text) = rest {
                let (cell, after) = match text
                    .strip_prefix('"')
                    .and_then(|quoted| quoted.split_once('"'))
                {
                    Some((cell, after)) => (cell, after.strip_prefix(',')),
                    None => match text.split_once(',') {
                        Some((cell, after)) => (cell, Some(after)),
                        None => (text, None),
                    },
                };
                cells.push(cell);
                rest = after;
            }
            cells
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_has_no_overlaps_and_no_gaps_in_its_tables() {
        let country = Country::new();
        assert_eq!(country.provinces.len(), 12);
        assert!(country.brands.len() >= 25);
        for (at, a) in country.blocks.iter().enumerate() {
            assert!(
                a.length == 32 || a.first.trailing_zeros() >= 32 - u32::from(a.length),
                "{a:?}"
            );
            for b in &country.blocks[at + 1..] {
                let shorter = a.length.min(b.length);
                assert!(
                    (a.first ^ b.first).leading_zeros() < u32::from(shorter),
                    "{a:?} {b:?}"
                );
            }
        }
    }

    #[test]
    fn hosts_lie_in_their_blocks() {
        let country = Country::new();
        let kinds = [
            Among::Customers,
            Among::Hosting,
            Among::Government,
            Among::Education,
            Among::Abroad,
            Among::AbroadCustomers,
        ];
        for among in kinds {
            for key in 0..500 {
                let (address, block) = country.host(among, key);
                let found = country
                    .block_of(address.into())
                    .expect("every host lies in a block");
                assert_eq!(found.first, block.first);
                assert_eq!(
                    block.country == CODE,
                    !matches!(among, Among::Abroad | Among::AbroadCustomers)
                );
                assert!(!block.city(address).is_empty());
                assert!(!matches!(address % 256, 0 | 255));
            }
        }
        assert!(country.block_of(UNCHARTED.into()).is_none());
    }

    #[test]
    fn private_as_numbers_and_user_assigned_codes_only() {
        let country = Country::new();
        let private = |asn: u32| (64_512..=65_534).contains(&asn) || asn >= 4_200_000_000;
        assert!(country.blocks.iter().all(|block| private(block.asn)));
        assert!(
            country
                .neighbors
                .iter()
                .all(|neighbor| neighbor.code.starts_with('X') && neighbor.code != "XK")
        );
    }
}
