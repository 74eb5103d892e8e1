//! The scenarios, as data.

use model::duty::{AlarmRule, AlarmSeverity};

use super::{Aim, Goal, Prop, Scenario};

const CITIZEN: &str = "citizen1@people.example";

/// All of them, in the order in which a new officer plays them.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "phishing",
        title: (
            "网页仿冒：从举报到办结",
            "A phishing page, from complaint to closed",
        ),
        brief: (
            "一位市民来信举报钓鱼网站。核实、通报处置单位、等对方处置并核验，直到办结。",
            "A citizen writes about a phishing page. Look at it, have its operator told, wait until it is gone, and close.",
        ),
        minutes: 15,
        props: &[Prop::Mail {
            from: CITIZEN,
            subject: "Phishing page",
            text: "Hello,\n\nthis page imitates Canglan Bank and asks for card numbers:\nhxxp://{host}/account\n\nRegards",
            host: 0,
        }],
        aims: &[
            Aim {
                goal: Goal::Validated(0),
                name: ("核实事件", "Found true"),
                points: 25,
                hint: (
                    "在“事件”里打开它，看页面，再点“核实”。",
                    "Open it under Incidents, look at the page, then validate it.",
                ),
            },
            Aim {
                goal: Goal::Written(0),
                name: ("写成通报", "Notice written"),
                points: 20,
                hint: (
                    "核实后系统会选定处置单位并写成通报；首次联系的单位要您在“通报”里批准。",
                    "Once it is found true, the system chooses whom to ask and writes; the first contact with a party waits for you under Notices.",
                ),
            },
            Aim {
                goal: Goal::Noticed(0),
                name: ("通报发出", "Notice out"),
                points: 25,
                hint: (
                    "在“通报”里看待审批的，批准它。",
                    "Look at what is held under Notices, and approve it.",
                ),
            },
            Aim {
                goal: Goal::Closed(0),
                name: ("办结", "Closed"),
                points: 30,
                hint: (
                    "对方答复后系统会核验；核验消除后办结。",
                    "When they have answered, it is looked at; once it is verified gone, it is closed.",
                ),
            },
        ],
    },
    Scenario {
        name: "campaign",
        title: ("同一伙人的四个网站", "Four pages of one hand"),
        brief: (
            "半小时内来了四封举报，都冒充同一家快递。逐个核实，并归为一个活动一起通报。",
            "Four complaints within half an hour, all about the same parcel service. Find each true, and handle them as one campaign.",
        ),
        minutes: 25,
        props: &[
            Prop::Mail {
                from: "citizen2@people.example",
                subject: "Phishing page",
                text: "Hello,\n\na text message sent me to this fake parcel page, it imitates Swift Parcel:\nhxxp://{host}/parcel",
                host: 0,
            },
            Prop::Mail {
                from: "citizen3@people.example",
                subject: "举报钓鱼网站",
                text: "您好：\n\n收到短信，链接指向假冒迅达快递的钓鱼网站：\nhxxp://{host}/parcel\n请予处置。",
                host: 1,
            },
            Prop::Mail {
                from: "citizen4@people.example",
                subject: "Phishing page",
                text: "Hello,\n\nanother phishing page of Swift Parcel:\nhxxp://{host}/parcel",
                host: 2,
            },
            Prop::Mail {
                from: "citizen5@people.example",
                subject: "举报钓鱼网站",
                text: "您好：\n\n又一个假冒迅达快递的钓鱼网站：\nhxxp://{host}/parcel\n请尽快处置。",
                host: 3,
            },
        ],
        aims: &[
            Aim {
                goal: Goal::AllValidated,
                name: ("四个都核实", "All four found true"),
                points: 40,
                hint: (
                    "在“事件”里按 x 选中多个，一次核实。",
                    "Select them with x under Incidents, and validate them at once.",
                ),
            },
            Aim {
                goal: Goal::OneCampaign,
                name: ("归为一个活动", "One campaign"),
                points: 30,
                hint: (
                    "选中后归入同一个活动。",
                    "Select them, and put them into one campaign.",
                ),
            },
            Aim {
                goal: Goal::Noticed(0),
                name: ("通报发出", "Notices out"),
                points: 30,
                hint: ("在“通报”里批准。", "Approve what is held under Notices."),
            },
        ],
    },
    Scenario {
        name: "storm",
        title: ("通报被退回", "Notices come back"),
        brief: (
            "处置单位的第一个邮箱已经停用，通报会被退回。让通报到达另一个联系人。",
            "The first mailbox of the party is gone: the notice comes back. See that another contact is reached.",
        ),
        minutes: 20,
        props: &[Prop::Mail {
            from: "citizen6@people.example",
            subject: "Phishing page",
            text: "Hello,\n\nthis page imitates Canglan Bank:\nhxxp://{host}/login\n\nRegards",
            host: 0,
        }],
        aims: &[
            Aim {
                goal: Goal::Validated(0),
                name: ("核实事件", "Found true"),
                points: 20,
                hint: ("在“事件”里核实它。", "Validate it under Incidents."),
            },
            Aim {
                goal: Goal::Noticed(0),
                name: ("第一份通报发出", "First notice out"),
                points: 20,
                hint: ("在“通报”里批准。", "Approve it under Notices."),
            },
            Aim {
                goal: Goal::WrittenTo(0, 2),
                name: ("改发另一联系人", "Written to another contact"),
                points: 40,
                hint: (
                    "退信后系统会换联系人；若没有，就在“处置单位”里补一个。",
                    "After the bounce the next contact is taken; where there is none, add one under Parties.",
                ),
            },
            Aim {
                goal: Goal::Noted(0),
                name: ("记下经过", "Noted"),
                points: 20,
                hint: ("在事件里写一条备注。", "Write a note on the incident."),
            },
        ],
    },
    Scenario {
        name: "wrong-takedown",
        title: ("误处置", "A wrong takedown"),
        brief: (
            "一份举报指向的其实是正规网站。网站负责人来信申诉：查清，不要让它被误处置，并按“不成立”办结。",
            "A complaint names a site that is honest after all, and its owner writes. Look into it before anybody takes it down, and close it as invalid.",
        ),
        minutes: 20,
        props: &[
            Prop::Mail {
                from: "rival@people.example",
                subject: "Phishing page",
                text: "This page is phishing, take it down at once:\nhxxp://{host}/shop",
                host: 0,
            },
            Prop::Mail {
                from: "owner@shop.example",
                subject: "Our shop was blocked by mistake",
                text: "We are the owners of {host}, registered for ten years. It is our own shop and imitates nobody. Please look again.",
                host: 0,
            },
        ],
        aims: &[
            Aim {
                goal: Goal::Noted(0),
                name: ("写明查证结果", "What was found out is noted"),
                points: 30,
                hint: (
                    "在事件里写一条备注：看了什么，结论是什么。",
                    "Write a note on the incident: what you looked at, and what it is.",
                ),
            },
            Aim {
                goal: Goal::Dismissed(0),
                name: ("按不成立办结", "Closed as invalid"),
                points: 50,
                hint: (
                    "在事件里选“不成立”，写明理由。",
                    "Choose invalid on the incident, and say why.",
                ),
            },
            Aim {
                goal: Goal::InboxClear,
                name: ("来件都处理了", "No mail waits"),
                points: 20,
                hint: (
                    "在“收件”里处理申诉来信。",
                    "Handle the owner's mail under Inbox.",
                ),
            },
        ],
    },
    Scenario {
        name: "outage",
        title: ("数据源中断", "A feed outage"),
        brief: (
            "凌晨三点，最大的数据源中断告警。处理告警并说明情况，答应何时回话，写进交接。",
            "Three in the morning: the largest feed is silent, and it rings. Take the alarm up and say what you found, promise when you will look again, and hand it over.",
        ),
        minutes: 10,
        props: &[Prop::Alarm {
            rule: AlarmRule::Feed,
            severity: AlarmSeverity::High,
            what: (
                "数据源 phishing-list 中断：连续 5 次超时",
                "Feed phishing-list gives nothing: five timeouts in a row",
            ),
            href: "/console/feeds",
        }],
        aims: &[
            Aim {
                goal: Goal::AlarmTaken,
                name: ("处理告警并说明", "Alarm taken up, with a remark"),
                points: 40,
                hint: (
                    "值班 → 告警，写一句情况，点“我来处理”。",
                    "Duty, Alarms: say in a line what you found, and take it up.",
                ),
            },
            Aim {
                goal: Goal::Promised,
                name: ("记下承诺", "Promise written down"),
                points: 30,
                hint: (
                    "值班 → 承诺：答应谁、何时之前回话。",
                    "Duty, Promises: to whom, and by when.",
                ),
            },
            Aim {
                goal: Goal::HandedOver,
                name: ("写进交接", "Handed over"),
                points: 30,
                hint: (
                    "值班 → 交接班：写明情况，签字。",
                    "Duty, Handover: say what must be known, and sign.",
                ),
            },
        ],
    },
    Scenario {
        name: "infected-host",
        title: ("银行内网有受控主机", "An infected host at a bank"),
        brief: (
            "境外伙伴来信：某银行的一台主机被控。核实、通报银行，并答应伙伴何时回话。",
            "A partner abroad writes: a host of a bank is under control. Find it true, have the bank told, and promise the partner an answer.",
        ),
        minutes: 15,
        props: &[Prop::Mail {
            from: "cert@partner.example",
            subject: "Botnet: infected host",
            text: "Dear colleagues,\n\na host of a bank in your country is infected with malware and part of a botnet. It was seen as:\nhxxp://{host}/gate.php\n\nPlease tell us what you find.",
            host: 0,
        }],
        aims: &[
            Aim {
                goal: Goal::Validated(0),
                name: ("核实事件", "Found true"),
                points: 30,
                hint: ("在“事件”里核实它。", "Validate it under Incidents."),
            },
            Aim {
                goal: Goal::Noticed(0),
                name: ("通报发出", "Notice out"),
                points: 40,
                hint: ("在“通报”里批准。", "Approve it under Notices."),
            },
            Aim {
                goal: Goal::Promised,
                name: ("答应伙伴何时回话", "The partner has a promise"),
                points: 30,
                hint: ("值班 → 承诺。", "Duty, Promises."),
            },
        ],
    },
    Scenario {
        name: "defacement",
        title: ("政府网站被篡改", "A government site is defaced"),
        brief: (
            "政府网站首页被篡改，法定报告时限开始计时。定级、通报，并在时限内报告。",
            "The front page of a government site is defaced, and the law's clock runs. Grade it, have it told, and report in time.",
        ),
        minutes: 20,
        props: &[Prop::Mail {
            from: "citizen7@people.example",
            subject: "Defacement of a government site",
            text: "Hello,\n\nthe front page of this government site was defaced, it shows a hacked by message:\nhxxp://{host}/\n\nRegards",
            host: 0,
        }],
        aims: &[
            Aim {
                goal: Goal::Validated(0),
                name: ("核实事件", "Found true"),
                points: 20,
                hint: ("在“事件”里核实它。", "Validate it under Incidents."),
            },
            Aim {
                goal: Goal::Graded(0),
                name: ("定级", "Graded"),
                points: 30,
                hint: (
                    "在事件里按实际影响定级：三级及以上起算法定时限。",
                    "Grade it on its page by what was harmed: from grade 3 on, the clocks of the law begin.",
                ),
            },
            Aim {
                goal: Goal::ClocksDone(0),
                name: ("按时报告", "Reported in time"),
                points: 30,
                hint: (
                    "报告之后，在事件里把时限标为已报告。",
                    "When it is reported, mark the clocks done on the incident.",
                ),
            },
            Aim {
                goal: Goal::Noticed(0),
                name: ("通报发出", "Notice out"),
                points: 20,
                hint: ("在“通报”里批准。", "Approve it under Notices."),
            },
        ],
    },
    Scenario {
        name: "hostile",
        title: ("恶意举报", "A hostile complaint"),
        brief: (
            "有人借举报打击对手，语气强硬，要求立即关停。页面并无问题：不要通报，按不成立办结并写明理由。",
            "Somebody complains to harm a rival, and threatens. The page is honest: ask nobody for anything, close it as invalid, and say why.",
        ),
        minutes: 10,
        props: &[Prop::Mail {
            from: "angry@people.example",
            subject: "Phishing page, last warning",
            text: "Take this phishing page down within the hour or I go to the press:\nhxxp://{host}/news\nI will not say more.",
            host: 0,
        }],
        aims: &[
            Aim {
                goal: Goal::Dismissed(0),
                name: ("按不成立办结", "Closed as invalid"),
                points: 50,
                hint: (
                    "在事件里选“不成立”，写明理由。",
                    "Choose invalid on the incident, and say why.",
                ),
            },
            Aim {
                goal: Goal::Noted(0),
                name: ("写明查证结果", "What was found out is noted"),
                points: 30,
                hint: ("在事件里写一条备注。", "Write a note on the incident."),
            },
            Aim {
                goal: Goal::NeverNoticed(0),
                name: ("没有通报任何人", "Nobody was asked"),
                points: 20,
                hint: (
                    "不要核实，也不要批准通报。",
                    "Do not validate it, and approve no notice.",
                ),
            },
        ],
    },
    Scenario {
        name: "handover",
        title: ("交接班", "A handover"),
        brief: (
            "您要下班了。把未了的事、答应别人的事写清，签字交给下一班；请同事签字接班。",
            "Your shift ends. Say what is open and what was promised, sign it over, and have a colleague sign.",
        ),
        minutes: 10,
        props: &[],
        aims: &[
            Aim {
                goal: Goal::Promised,
                name: ("记下一个承诺", "A promise is written down"),
                points: 30,
                hint: ("值班 → 承诺。", "Duty, Promises."),
            },
            Aim {
                goal: Goal::HandedOver,
                name: ("签字交班", "Signed over"),
                points: 40,
                hint: (
                    "值班 → 交接班：写明交代事项，选接班人，签字。",
                    "Duty, Handover: what must be known, who takes over, sign.",
                ),
            },
            Aim {
                goal: Goal::TakenOver,
                name: ("接班人签字", "Taken over"),
                points: 30,
                hint: (
                    "请接班人登录，在交接班页面签字。",
                    "Have the taker sign in and sign on the handover page.",
                ),
            },
        ],
    },
    Scenario {
        name: "late-correction",
        title: ("迟到的数据", "A late correction"),
        brief: (
            "周报发布之后，一个数据源补交了那一周的数据。核对会变的数字，更正并重新发布；审核和签发由另一人做。由编辑来演练。",
            "After the issue was published, a feed delivers more of that week. Find the figures that change, correct them and publish again; somebody else reviews and signs. For an editor.",
        ),
        minutes: 25,
        props: &[
            Prop::LateReport {
                feed: "phishing-list",
                rows: 12,
            },
            Prop::Mail {
                from: "desk@feeds.example",
                subject: "Phishing list: rows that we sent late",
                text: "Dear colleagues,\n\nour list of last week was not whole. The missing rows are delivered now.\nWe are sorry.",
                host: 0,
            },
        ],
        aims: &[
            Aim {
                goal: Goal::CorrectionFound,
                name: ("查出会变的数字", "Figures that change are found"),
                points: 25,
                hint: (
                    "周报 → 已发布的那一期 → 迟到的数据：重新计数。",
                    "Bulletin, the published issue, Late data: count again.",
                ),
            },
            Aim {
                goal: Goal::CorrectionAccepted,
                name: ("决定更正", "The correction is accepted"),
                points: 25,
                hint: (
                    "在同一页接受更正并写明理由，再以“重新冻结”起草新修订。",
                    "Accept it there with a reason, then draft a new revision that freezes the figures anew.",
                ),
            },
            Aim {
                goal: Goal::CorrectionPublished,
                name: ("更正后的修订已发布", "The corrected revision is public"),
                points: 50,
                hint: (
                    "检查、回答提问，请另一人审核和签发，然后发布。",
                    "Check it, answer what is asked, have somebody else review and sign, then publish.",
                ),
            },
        ],
    },
];
