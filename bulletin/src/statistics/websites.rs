//! W1 to W9: defaced and backdoored websites, phishing pages (DOMAIN section 1.4).

use model::statistic::{
    Formula, Observed, PartRule, Presentation, Sense, Statistic, TerritoryRule, Window, Words,
};

const SITES: Words = Words::new("个", "sites");
const SITE: Words = Words::new("网站（域名）", "site (registrable domain)");
const PERCENT: Words = Words::new("%", "%");
const PAGE: Words = Words::new("页面链接", "page (URL)");
const PAGES: Words = Words::new("个", "pages");
const NOTHING: Words = Words::new("", "");
const SITE_FIELDS: &[&str] = &["domain", "territory"];

const fn site(id: &'static str, name: Words, observed: Observed, formula: Formula) -> Statistic {
    Statistic {
        id,
        version: 1,
        before: None,
        name,
        unit: SITES,
        key: SITE,
        window: Window::Week,
        territory: TerritoryRule::SiteInside,
        observed,
        fields: SITE_FIELDS,
        formula,
        print: Presentation::Integer,
        sense: Sense::FewerIsBetter,
        compared: true,
        parts: &[],
        remark: NOTHING,
    }
}

const fn government(
    id: &'static str,
    name: Words,
    observed: Observed,
    formula: Formula,
    parts: &'static [PartRule],
) -> Statistic {
    Statistic {
        parts,
        remark: Words::new(
            "按所有者分类表判定的政府网站。",
            "Government sites by the table of owner classes.",
        ),
        ..site(id, name, observed, formula)
    }
}

const fn by_type(id: &'static str, name: Words, observed: Observed, formula: Formula) -> Statistic {
    Statistic {
        unit: PERCENT,
        print: Presentation::PercentOneDecimal,
        sense: Sense::Neutral,
        compared: false,
        remark: Words::new(
            "类型为.com、.net、政府、.org、教育和其他，各类之和为全部。",
            "Types are .com, .net, government, .org, education and other; they add up to all.",
        ),
        ..site(id, name, observed, formula)
    }
}

const fn page(
    id: &'static str,
    name: Words,
    unit: Words,
    key: Words,
    fields: &'static [&'static str],
    formula: Formula,
) -> Statistic {
    Statistic {
        id,
        version: 1,
        before: None,
        name,
        unit,
        key,
        window: Window::Week,
        territory: TerritoryRule::TargetInside,
        observed: Observed::PhishingPage,
        fields,
        formula,
        print: Presentation::Integer,
        sense: Sense::FewerIsBetter,
        compared: true,
        parts: &[],
        remark: NOTHING,
    }
}

const fn share(name: Words, part: &'static str, whole: &'static str) -> PartRule {
    PartRule {
        id: "share",
        name,
        unit: PERCENT,
        fields: &[],
        formula: Formula::Ratio { part, whole },
        print: Presentation::PercentOneDecimal,
        sense: Sense::Neutral,
    }
}

const fn count(id: &'static str, name: Words, unit: Words, cell: &'static str) -> PartRule {
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

/// The family's statistics.
pub const STATISTICS: &[Statistic] = &[
    site(
        "W1",
        Words::new("被篡改网站", "Defaced websites"),
        Observed::Defacement,
        Formula::Count("defaced.site"),
    ),
    government(
        "W2",
        Words::new("被篡改的政府网站", "Government sites defaced"),
        Observed::Defacement,
        Formula::Count("defaced.site.type/gov"),
        &[share(
            Words::new(
                "被篡改网站中政府网站占比",
                "Share of government sites among defaced websites",
            ),
            "defaced.site.type/gov",
            "defaced.site",
        )],
    ),
    site(
        "W3",
        Words::new("被植入后门的网站", "Backdoored websites"),
        Observed::Backdoor,
        Formula::Count("backdoored.site"),
    ),
    government(
        "W4",
        Words::new("被植入后门的政府网站", "Government sites backdoored"),
        Observed::Backdoor,
        Formula::Count("backdoored.site.type/gov"),
        &[share(
            Words::new(
                "被植入后门的网站中政府网站占比",
                "Share of government sites among backdoored websites",
            ),
            "backdoored.site.type/gov",
            "backdoored.site",
        )],
    ),
    Statistic {
        parts: &[
            count(
                "elsewhere",
                Words::new("针对境外对象的仿冒页面", "Phishing pages against others"),
                PAGES,
                "phishing.elsewhere",
            ),
            count(
                "untargeted",
                Words::new("仿冒对象不明的仿冒页面", "Phishing pages of unknown target"),
                PAGES,
                "phishing.untargeted",
            ),
        ],
        remark: Words::new(
            "按被仿冒对象计，页面位置不限；对象不明或属于境外的页面不计入，另存其数。",
            "By the imitated party, wherever the page lies; pages against others or of unknown target are not counted, their numbers are stored beside it.",
        ),
        ..page(
            "W5",
            Words::new("仿冒页面", "Phishing pages"),
            PAGES,
            PAGE,
            &["source_url", "target_territory"],
            Formula::Count("phishing.page"),
        )
    },
    Statistic {
        parts: &[PartRule {
            fields: &["source_ip"],
            sense: Sense::FewerIsBetter,
            ..count(
                "address",
                Words::new("仿冒页面涉及IP地址", "Addresses of phishing pages"),
                Words::new("个", "addresses"),
                "phishing.address",
            )
        }],
        ..page(
            "W6",
            Words::new("仿冒页面涉及域名", "Domains of phishing pages"),
            Words::new("个", "domains"),
            Words::new("注册域名；IP地址", "registrable domain; IP address"),
            &["source_url", "target_territory", "domain"],
            Formula::Count("phishing.domain"),
        )
    },
    Statistic {
        print: Presentation::AboutInteger,
        sense: Sense::Neutral,
        compared: false,
        remark: Words::new(
            "地址已知的页面数除以其IP地址数。",
            "Pages whose address is known, divided by the number of their addresses.",
        ),
        ..page(
            "W7",
            Words::new("平均每个IP地址承载的仿冒页面", "Phishing pages per address"),
            PAGES,
            PAGE,
            &["source_url", "target_territory", "source_ip"],
            Formula::Ratio {
                part: "phishing.addressed",
                whole: "phishing.address",
            },
        )
    },
    by_type(
        "W8",
        Words::new("被篡改网站的类型", "Defaced websites by type"),
        Observed::Defacement,
        Formula::Division {
            family: "defaced.site.type",
            whole: "defaced.site",
        },
    ),
    by_type(
        "W9",
        Words::new("被植入后门的网站的类型", "Backdoored websites by type"),
        Observed::Backdoor,
        Formula::Division {
            family: "backdoored.site.type",
            whole: "backdoored.site",
        },
    ),
];
