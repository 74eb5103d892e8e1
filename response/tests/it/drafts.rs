//! Drafts that the tests of notices share.

use jiff::tz::TimeZone;
use model::bulletin::{Lang, Text};
use model::ids::NoticeId;
use model::incident::{CaseKind, Resolution};
use model::notice::NoticeKind;
use model::organization::Role;
use model::time::Timestamp;
use model::tlp::Tlp;
use response::notice::{Ask, Draft, Earlier, Item, Observed, Party, Sender, Token};

/// 2026-11-20 00:30 UTC.
pub const NOW: Timestamp = Timestamp(1_795_134_600_000_000);
pub const HOUR: i64 = 3_600_000_000;

pub fn after(hours: i64) -> Timestamp {
    Timestamp(NOW.0 + hours * HOUR)
}

pub fn item(kind: CaseKind, observed: Observed) -> Item {
    Item {
        incident: "INC-2026-000123".into(),
        kind,
        observed,
        first_seen: after(-30),
        last_seen: after(-2),
        count: 12,
        asked: Ask::of(kind, Role::CloudProvider),
        evidence: vec!["EVI-77".into(), "EVI-78".into()],
        source: Some("Example Feed".into()),
        reporter: Some("Alice Reporter".into()),
        victim: Some("Example Bank".into()),
        resolution: Some(Resolution::TakenDown),
        message: None,
    }
}

pub fn page() -> Observed {
    Observed {
        url: Some("https://login.example.com/bank/index.php?next=www.example.net".into()),
        host: Some("login.example.com".into()),
        ip: "192.0.2.17".parse().ok(),
        port: Some(443),
        hash: None,
    }
}

pub fn draft(kind: NoticeKind, language: Lang) -> Draft {
    let zone = match language {
        Lang::Zh => "Asia/Shanghai",
        Lang::En => "Europe/Berlin",
    };
    Draft {
        id: NoticeId::draw(NOW, [7; 10]),
        token: Token::derive(&[1; 32], "NOT-test"),
        kind,
        language,
        party: Party {
            name: match kind {
                NoticeKind::Receipt | NoticeKind::Outcome => Text::new("张三", "Alice Reporter"),
                _ => Text::new("示例云计算有限公司", "Example Cloud Ltd"),
            },
            role: Role::CloudProvider,
            zone: TimeZone::get(zone).unwrap(),
        },
        sender: Sender {
            name: Text::new("示例国家网络安全应急中心", "Example National CERT"),
            address: "duty@cert.example".into(),
            phone: "+86 10 5555 0100".into(),
            domain: "cert.example".into(),
            appeal: "appeal@cert.example".into(),
        },
        items: vec![item(CaseKind::Phishing, page())],
        composed_at: NOW,
        target: Some(after(24)),
        tlp: Tlp::Amber,
        earlier: (kind != NoticeKind::First).then(|| Earlier {
            at: after(-24),
            to: Some(Text::new("示例域名注册有限公司", "Example Registrar Ltd")),
        }),
        remark: (kind == NoticeKind::Retraction).then(|| "the page is the bank's own".to_owned()),
        leaf: None,
        exercise: false,
    }
}

/// Several incidents of different kinds.
pub fn several(language: Lang) -> Draft {
    let mut draft = draft(NoticeKind::First, language);
    let bot = Observed {
        ip: "2001:db8::17".parse().ok(),
        ..Observed::default()
    };
    let server = Observed {
        host: Some("c2.example.org".into()),
        ip: "198.51.100.9".parse().ok(),
        port: Some(8443),
        ..Observed::default()
    };
    let file = Observed {
        url: Some("http://files.example.com/app.apk".into()),
        hash: Some("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into()),
        ..Observed::default()
    };
    draft.items.extend([
        item(CaseKind::InfectedHost, bot),
        item(CaseKind::ControlServer, server),
        item(CaseKind::MaliciousApp, file),
        item(CaseKind::Defacement, page()),
        item(CaseKind::Vulnerability, page()),
        item(CaseKind::Spam, page()),
        item(CaseKind::Attack, page()),
    ]);
    for (at, item) in draft.items.iter_mut().enumerate() {
        item.incident = format!("INC-2026-{:06}", 123 + at);
    }
    draft
}

/// Strings that others put wherever they can.
pub const NAUGHTY: &[&str] = &[
    "x\r\nBcc: victim@example.net",
    "x\nX-Injected: yes",
    "x\rX-Injected: yes",
    "x\r\n\r\n<script>alert(1)</script>",
    "\r\n.\r\nMAIL FROM:<a@example.net>",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "{{ l.sender }}{% include \"x\" %}",
    "\u{202e}gnp.exe",
    "\u{2028}X-Injected: yes\u{85}",
    "\0\u{1}\u{7f}\u{9b}31m",
    "=?utf-8?B?WC1JbmplY3RlZDogeWVz?=",
    "\"><img src=x onerror=alert(1)>",
    "]]></Incident><!--",
    "'; DROP TABLE notices; --",
    "--=_boundary--",
    "烽火台\u{feff}🔥𠮷",
    "[#0123456789ab]",
    "\\'] OR [ipv4-addr:value = '203.0.113.1",
];

/// A draft with a string in each field that others fill.
pub fn poisoned(kind: NoticeKind, language: Lang, text: &str) -> Draft {
    let mut draft = draft(kind, language);
    draft.party.name = Text::same(text);
    draft.remark = Some(text.to_owned());
    draft.sender.appeal = text.to_owned();
    draft.earlier = Some(Earlier {
        at: after(-24),
        to: Some(Text::same(text)),
    });
    let item = &mut draft.items[0];
    item.incident = text.to_owned();
    item.observed.url = Some(format!("http://a.example/{text}"));
    item.observed.host = Some(text.to_owned());
    item.observed.hash = Some(text.to_owned());
    item.source = Some(text.to_owned());
    item.victim = Some(text.to_owned());
    item.reporter = Some(text.to_owned());
    item.evidence = vec![text.to_owned()];
    draft
}
