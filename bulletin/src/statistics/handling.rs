//! I1 to I7, T1 to T3 and S1: what was done. Declared as the others; not counted in the scan of the week
//! but read from the ledger's incidents ([`crate::handling`]). No feed supplies them: they are available
//! from the first week in which any incident was handled in Watchfire.

use model::statistic::{
    Formula, Observed, PartRule, Presentation, Sense, Statistic, TerritoryRule, Window, Words,
};

const INCIDENTS: Words = Words::new("起", "incidents");
const INCIDENT: Words = Words::new("事件", "incident");
const HOURS: Words = Words::new("小时", "hours");
const PERCENT: Words = Words::new("%", "%");

const fn statistic(id: &'static str, name: Words, formula: Formula, remark: Words) -> Statistic {
    Statistic {
        id,
        version: 1,
        before: None,
        name,
        unit: INCIDENTS,
        key: INCIDENT,
        window: Window::Week,
        territory: TerritoryRule::Anywhere,
        observed: Observed::Handling,
        fields: &[],
        formula,
        print: Presentation::Integer,
        sense: Sense::Neutral,
        compared: true,
        parts: &[],
        remark,
    }
}

const fn part(id: &'static str, name: Words, formula: Formula) -> PartRule {
    PartRule {
        id,
        name,
        unit: INCIDENTS,
        fields: &[],
        formula,
        print: Presentation::Integer,
        sense: Sense::Neutral,
    }
}

const fn share(id: &'static str, name: Words, part: &'static str, whole: &'static str) -> PartRule {
    PartRule {
        id,
        name,
        unit: PERCENT,
        fields: &[],
        formula: Formula::Ratio { part, whole },
        print: Presentation::PercentOneDecimal,
        sense: Sense::Neutral,
    }
}

const fn hours(id: &'static str, name: Words, cell: &'static str) -> PartRule {
    PartRule {
        id,
        name,
        unit: HOURS,
        fields: &[],
        formula: Formula::Measure(cell),
        print: Presentation::HoursOneDecimal,
        sense: Sense::FewerIsBetter,
    }
}

/// The family's statistics.
pub const STATISTICS: &[Statistic] = &[
    Statistic {
        parts: &[
            part(
                "ended",
                Words::new("其中已消除", "of which ended"),
                Formula::Count("handled.outcome/ended"),
            ),
            part(
                "acted",
                Words::new(
                    "其中处置单位已处置、待核验",
                    "of which acted on, to be verified",
                ),
                Formula::Count("handled.outcome/acted"),
            ),
            part(
                "refused",
                Words::new("其中拒绝处置", "of which refused"),
                Formula::Count("handled.outcome/refused"),
            ),
            part(
                "no-response",
                Words::new("其中未获回应", "of which without response"),
                Formula::Count("handled.outcome/no-response"),
            ),
            part(
                "moved",
                Words::new("其中已转移", "of which moved elsewhere"),
                Formula::Count("handled.outcome/moved"),
            ),
            part(
                "reopened",
                Words::new("其中再次出现", "of which back since"),
                Formula::Count("handled.outcome/reopened"),
            ),
        ],
        ..statistic(
            "I1",
            Words::new("处置事件", "Incidents handled"),
            Formula::Count(crate::handling::BEGUN),
            Words::new(
                "已向至少一家单位发出通报、且已有结果的事件，计入两者齐备的那一周，一起事件只计一次；不成立、重复和过期批量办结的不计，拒绝处置和未获回应的另行列出。",
                "Incidents about which at least one party was asked and an outcome is recorded, in the week in which both first held; an incident counts once, ever. Closed as invalid, duplicate or stale they do not count; refused ones and those without response are shown apart. The six parts add up to the figure.",
            ),
        )
    },
    Statistic {
        parts: &[
            share(
                "share",
                Words::new("跨境占比", "Cross-border share"),
                "handled.cross-border",
                "handled.incident",
            ),
            part(
                "reporter",
                Words::new("举报方在境外", "reporter abroad"),
                Formula::Count("handled.border/reporter"),
            ),
            part(
                "victim",
                Words::new("受害方在境外", "victim or brand abroad"),
                Formula::Count("handled.border/victim"),
            ),
            part(
                "hosting",
                Words::new("托管在境外", "hosted abroad"),
                Formula::Count("handled.border/hosting"),
            ),
            part(
                "registrar",
                Words::new("注册商在境外", "registrar abroad"),
                Formula::Count("handled.border/registrar"),
            ),
            part(
                "party",
                Words::new("处置方在境外", "handling party abroad"),
                Formula::Count("handled.border/party"),
            ),
        ],
        ..statistic(
            "I2",
            Words::new("其中跨境事件", "of which cross-border"),
            Formula::Count("handled.cross-border"),
            Words::new(
                "举报方、受害方或被仿冒品牌、托管地址、注册商、处置单位中任何一个在境外的事件；原因可有几个，各部分之和可大于总数。",
                "Handled incidents of which the reporter, the victim or imitated brand, the hosting address, the registrar or a handling party is outside the territory. Several reasons may hold: the parts may add up to more.",
            ),
        )
    },
    Statistic {
        parts: &[
            part(
                "partners",
                Words::new(
                    "其中会同域名注册机构和境外应急组织处置",
                    "of which with registrars and overseas CERTs",
                ),
                Formula::Count("handled.phishing.partners"),
            ),
            part(
                "registrar",
                Words::new("其中通报域名注册机构", "of which registrars were asked"),
                Formula::Count("handled.phishing.registrar"),
            ),
            part(
                "overseas-cert",
                Words::new("其中通报境外应急组织", "of which overseas CERTs were asked"),
                Formula::Count("handled.phishing.overseas-cert"),
            ),
        ],
        ..statistic(
            "I3",
            Words::new("处置网页仿冒事件", "Phishing incidents handled"),
            Formula::Count("handled.kind/phishing"),
            Words::new(
                "I1中类型为网页仿冒的事件；域名注册机构含注册管理机构。",
                "Those of I1 that are phishing. Registrars include registries.",
            ),
        )
    },
    Statistic {
        unit: Words::new("家", "platforms"),
        key: Words::new("应用平台", "app platform"),
        ..statistic(
            "I4",
            Words::new("清理恶意APP的应用平台", "App platforms that acted"),
            Formula::Count("handled.platform"),
            Words::new(
                "I1中恶意APP链接事件所通报、且自称已处置或其链接已核验消除的应用平台，按单位去重。",
                "Distinct platforms asked about malicious app URLs of I1 that said they acted, or whose URL was found gone.",
            ),
        )
    },
    Statistic {
        unit: Words::new("条", "URLs"),
        key: Words::new("链接", "URL"),
        ..statistic(
            "I5",
            Words::new("清理的恶意APP链接", "Malicious app URLs handled there"),
            Formula::Count("handled.url"),
            Words::new(
                "I4各平台清理的链接，按链接去重；计链接不计事件，不是I1的一部分。",
                "Distinct URLs that the platforms of I4 dealt with: URLs, not cases, and so no part of I1.",
            ),
        )
    },
    Statistic {
        unit: Words::new("", ""),
        key: INCIDENT,
        print: Presentation::Rank,
        compared: false,
        ..statistic(
            "I6",
            Words::new("处置事件按类型", "Incidents handled, by type"),
            Formula::Division {
                family: "handled.kind",
                whole: crate::handling::BEGUN,
            },
            Words::new(
                "每起事件只有一个类型，各类之和为I1。",
                "An incident has one type: the types add up to I1.",
            ),
        )
    },
    Statistic {
        unit: Words::new("", ""),
        key: Words::new("事件与处置单位角色", "incident and role of the party"),
        print: Presentation::Rank,
        compared: false,
        ..statistic(
            "I7",
            Words::new("处置事件按处置单位", "Incidents handled, by handling party"),
            Formula::Ranking {
                family: "handled.role",
                top: 3,
            },
            Words::new(
                "按所通报单位的角色；一起事件可通报多家单位，各项之和可大于I1。",
                "By the role in which parties were asked. One incident may go to several: the roles may add up to more than I1.",
            ),
        )
    },
    Statistic {
        unit: HOURS,
        key: Words::new(
            "本周立案并已通报的事件",
            "incident opened in the week and asked about",
        ),
        print: Presentation::HoursOneDecimal,
        sense: Sense::FewerIsBetter,
        compared: false,
        parts: &[
            hours(
                "p90",
                Words::new("九成下线用时", "Time until nine in ten are down"),
                "takedown.p90",
            ),
            hours(
                "phishing",
                Words::new("其中网页仿冒", "of which phishing"),
                "takedown.phishing.median",
            ),
            hours(
                "from-opening",
                Words::new(
                    "全部本周立案的事件，自立案起",
                    "of all opened in the week, from opening",
                ),
                "takedown.from-opening.median",
            ),
            part(
                "n",
                Words::new("测算所依据的事件", "Incidents it is measured on"),
                Formula::Count("takedown.n"),
            ),
            part(
                "open",
                Words::new("其中尚未下线", "Of these, not down"),
                Formula::Count("takedown.open"),
            ),
            share(
                "inconclusive",
                Words::new(
                    "最近一次核验无法判定的占比",
                    "Share of which the last look could not tell",
                ),
                "takedown.inconclusive",
                "takedown.n",
            ),
        ],
        ..statistic(
            "T1",
            Words::new("下线用时中位数", "Median time to takedown"),
            Formula::Measure("takedown.median"),
            Words::new(
                "自首次通报至首次核验消除；本周立案、已通报的网页仿冒、恶意APP链接、恶意程序传播、控制端、网页篡改和网站后门事件，尚未下线的按删失处理（Kaplan–Meier估计），截至本期数据时刻；无法判定的不算下线。",
                "From the first notice to the first look that found it gone. Incidents of phishing, malicious apps, malware downloads, control servers, defacement and backdoors that were opened in the week and asked about; those not down are censored at the instant the ledger was read (Kaplan and Meier's estimate). What cannot be told is not down, and a party's word takes nothing down.",
            ),
        )
    },
    Statistic {
        unit: PERCENT,
        key: Words::new(
            "本周立案并已通报的事件",
            "incident opened in the week and asked about",
        ),
        print: Presentation::PercentOneDecimal,
        compared: false,
        ..statistic(
            "T2",
            Words::new("24小时内下线占比", "Share down within 24 hours"),
            Formula::Ratio {
                part: "takedown.within-day",
                whole: "takedown.n",
            },
            Words::new(
                "T1的事件中自首次通报起24小时内下线的占比；未下线的计入分母。",
                "Of the incidents of T1, those down within 24 hours of the first notice; what is not down counts in the whole.",
            ),
        )
    },
    Statistic {
        unit: HOURS,
        key: Words::new(
            "本周立案并已通报的事件",
            "incident opened in the week and asked about",
        ),
        print: Presentation::HoursOneDecimal,
        sense: Sense::FewerIsBetter,
        compared: false,
        parts: &[
            hours(
                "p90",
                Words::new("九成签收用时", "Time until nine in ten are acknowledged"),
                "acknowledge.p90",
            ),
            part(
                "n",
                Words::new("测算所依据的事件", "Incidents it is measured on"),
                Formula::Count("acknowledge.n"),
            ),
            part(
                "open",
                Words::new("其中尚未签收", "Of these, not acknowledged"),
                Formula::Count("acknowledge.open"),
            ),
        ],
        ..statistic(
            "T3",
            Words::new("签收用时中位数", "Median time to acknowledgement"),
            Formula::Measure("acknowledge.median"),
            Words::new(
                "自首次通报至首次签收；本周立案、已通报的全部事件，测算方法同T1。",
                "From the first notice to the first acknowledgement, of all incidents opened in the week and asked about; measured as T1.",
            ),
        )
    },
    Statistic {
        parts: &[
            part(
                "overdue",
                Words::new("其中已超时限", "of which past their deadline"),
                Formula::Count("stock.overdue"),
            ),
            part(
                "government",
                Words::new(
                    "其中未恢复的政府网站",
                    "of which government sites not restored",
                ),
                Formula::Count("stock.government"),
            ),
            part(
                "opened",
                Words::new("本周立案", "Opened in the week"),
                Formula::Count("stock.opened"),
            ),
            part(
                "closed",
                Words::new("本周办结", "Closed in the week"),
                Formula::Count("stock.closed"),
            ),
        ],
        ..statistic(
            "S1",
            Words::new("周末仍在处置", "In hand at the end of the week"),
            Formula::Count("stock.open"),
            Words::new(
                "周末既未办结也未核验消除的事件；已超时限的，是所通报单位到期仍未处置的。",
                "Incidents neither closed nor found gone at the end of the week. Past their deadline: a party was asked, its time is over and it has not acted. Opened and closed are counted however they were closed.",
            ),
        )
    },
];
