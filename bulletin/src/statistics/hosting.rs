//! H1 to H6: sites that spread malware (DOMAIN section 1.4).

use model::statistic::{
    Formula, Observed, PartRule, Presentation, Sense, Statistic, TerritoryRule, Window, Words,
};

const DOMAIN: Words = Words::new("注册域名", "registrable domain");
const ADDRESS: Words = Words::new("IP地址", "IP address");
const DOMAINS: Words = Words::new("个", "domains");
const ADDRESSES: Words = Words::new("个", "addresses");
const PERCENT: Words = Words::new("%", "%");

const fn slice(id: &'static str, name: Words, unit: Words, cell: &'static str) -> PartRule {
    PartRule {
        id,
        name,
        unit,
        fields: &[],
        formula: Formula::Count(cell),
        print: Presentation::Integer,
        sense: Sense::Neutral,
    }
}

const DOMAINS_BY: (Words, Words) = (DOMAINS, DOMAIN);
const ADDRESSES_BY: (Words, Words) = (ADDRESSES, ADDRESS);
const SHARE_OF_DOMAINS: (Words, Words) = (PERCENT, DOMAIN);
const SHARE_OF_ADDRESSES: (Words, Words) = (PERCENT, ADDRESS);

const fn hosting(
    id: &'static str,
    name: Words,
    (unit, key): (Words, Words),
    fields: &'static [&'static str],
    formula: Formula,
    remark: Words,
) -> Statistic {
    let counts = matches!(formula, Formula::Count(_));
    Statistic {
        id,
        version: 1,
        before: None,
        name,
        unit,
        key,
        window: Window::Week,
        territory: TerritoryRule::Anywhere,
        observed: Observed::HostingSite,
        fields,
        formula,
        print: if counts {
            Presentation::Integer
        } else {
            Presentation::PercentOneDecimal
        },
        sense: if counts {
            Sense::FewerIsBetter
        } else {
            Sense::Neutral
        },
        compared: counts,
        parts: &[],
        remark,
    }
}

/// The family's statistics.
pub const STATISTICS: &[Statistic] = &[
    hosting(
        "H1",
        Words::new("放马站点域名", "Malware-hosting domains"),
        DOMAINS_BY,
        &["domain"],
        Formula::Count("hosting.domain"),
        Words::new("", ""),
    ),
    hosting(
        "H2",
        Words::new("放马站点IP地址", "Malware-hosting addresses"),
        ADDRESSES_BY,
        &["source_ip"],
        Formula::Count("hosting.address"),
        Words::new("可以多于域名数。", "May exceed the number of domains."),
    ),
    Statistic {
        parts: &[
            slice(
                "inside",
                Words::new("境内注册", "Registered inside"),
                DOMAINS,
                "hosting.domain.territory/inside",
            ),
            slice(
                "outside",
                Words::new("境外注册", "Registered abroad"),
                DOMAINS,
                "hosting.domain.territory/outside",
            ),
            slice(
                "unknown",
                Words::new("注册地未知", "Registration not known"),
                DOMAINS,
                "hosting.domain.territory/unknown",
            ),
        ],
        ..hosting(
            "H3",
            Words::new(
                "在境外注册的放马域名占比",
                "Share of hosting domains registered abroad",
            ),
            SHARE_OF_DOMAINS,
            &["domain", "domain_territory"],
            Formula::Ratio {
                part: "hosting.domain.territory/outside",
                whole: "hosting.domain",
            },
            Words::new(
                "分母为全部放马域名，未知另列。",
                "Of all hosting domains; those of unknown registration are a slice of their own.",
            ),
        )
    },
    hosting(
        "H4",
        Words::new(
            "最常见顶级域下的放马域名占比",
            "Share of hosting domains under the commonest TLD",
        ),
        SHARE_OF_DOMAINS,
        &["domain", "tld"],
        Formula::Commonest {
            family: "hosting.domain.tld",
            whole: "hosting.domain",
        },
        Words::new("列出该顶级域。", "The TLD is named."),
    ),
    Statistic {
        parts: &[
            slice(
                "inside",
                Words::new("位于境内", "Located inside"),
                ADDRESSES,
                "hosting.address.territory/inside",
            ),
            slice(
                "outside",
                Words::new("位于境外", "Located abroad"),
                ADDRESSES,
                "hosting.address.territory/outside",
            ),
            slice(
                "unknown",
                Words::new("位置未知", "Location not known"),
                ADDRESSES,
                "hosting.address.territory/unknown",
            ),
        ],
        ..hosting(
            "H5",
            Words::new(
                "位于境外的放马IP地址占比",
                "Share of hosting addresses located abroad",
            ),
            SHARE_OF_ADDRESSES,
            &["source_ip", "territory"],
            Formula::Ratio {
                part: "hosting.address.territory/outside",
                whole: "hosting.address",
            },
            Words::new("", ""),
        )
    },
    hosting(
        "H6",
        Words::new(
            "不经域名直接访问的放马IP地址",
            "Hosting addresses reached without a domain",
        ),
        ADDRESSES_BY,
        &["source_url"],
        Formula::Count("hosting.direct"),
        Words::new(
            "链接中直接写IP地址，属于H2。",
            "A literal address in the URL; a subset of H2.",
        ),
    ),
];
