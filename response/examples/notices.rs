//! How long it takes to render 100,000 incidents aggregated to 5,000 mails, and in how much memory.
//!
//! `cargo run --release -p response --example notices [INCIDENTS] [MAILS]`

use std::time::Instant;

use jiff::tz::TimeZone;
use model::bulletin::{Lang, Text};
use model::ids::NoticeId;
use model::incident::CaseKind;
use model::notice::NoticeKind;
use model::organization::{NoticeFormat, Role};
use model::time::Timestamp;
use model::tlp::Tlp;
use model::worded::Word as _;
use response::deliver::header::{Mailbox, MessageId};
use response::deliver::message::{Mail, Protection, build};
use response::deliver::openpgp::Seed;
use response::notice::{Ask, Draft, Item, Look, Observed, Party, Sender, Token, compose};

const NOW: Timestamp = Timestamp(1_795_134_600_000_000);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let incidents = arguments.next().transpose()?.unwrap_or(100_000);
    let mails = arguments.next().transpose()?.unwrap_or(5_000).max(1);
    let zones = [TimeZone::get("Asia/Shanghai")?, TimeZone::UTC];
    let started = Instant::now();
    let (mut bytes, mut told) = (0, 0);
    for n in 0..mails {
        let from = incidents * n / mails;
        let to = incidents * (n + 1) / mails;
        let draft = draft(n, from..to, &zones);
        let look = Look {
            format: NoticeFormat::ALL[n % NoticeFormat::ALL.len()],
            ..Look::default()
        };
        let composed = compose(&draft, &look)?;
        let contact = format!("abuse@party{n}.example");
        let mail = Mail {
            composed: &composed,
            notice: draft.id,
            token: &draft.token,
            id: MessageId::of(draft.id, &contact, "cert.example"),
            from: Mailbox::read("notice@cert.example")?,
            to: Mailbox::read(&contact)?,
            references: Vec::new(),
            date: NOW,
        };
        let message = build(&mail, "cert.example", &Protection::default(), Seed([0; 32]))?;
        bytes += message.bytes.len();
        told += draft.items.len();
    }
    let took = started.elapsed();
    println!(
        "{told} incidents in {mails} mails: {:.2} s, {:.1} MB of mail, {} of memory at most",
        took.as_secs_f64(),
        bytes as f64 / 1e6,
        peak().unwrap_or_else(|| "unknown".into()),
    );
    Ok(())
}

/// The most memory the process had, as the system tells.
fn peak() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.trim_start_matches("VmHWM:").trim().to_owned())
}

fn draft(n: usize, incidents: std::ops::Range<usize>, zones: &[TimeZone; 2]) -> Draft {
    let language = Lang::ALL[n % 2];
    let mut random = [0; 10];
    random[..8].copy_from_slice(&(n as u64).to_le_bytes());
    let id = NoticeId::draw(NOW, random);
    let items = incidents.map(|at| {
        let kind = CaseKind::ALL[at % CaseKind::ALL.len()];
        Item {
            incident: format!("INC-2026-{at:06}"),
            kind,
            observed: Observed {
                url: Some(format!(
                    "http://host{at}.example.com/path/{at}/login.php?session={at:x}"
                )),
                host: Some(format!("host{at}.example.com")),
                ip: Some(std::net::Ipv4Addr::new(198, 51, 100, (at % 256) as u8).into()),
                port: Some(443),
                hash: None,
            },
            first_seen: Timestamp(NOW.0 - 90_000_000_000 - at as i64),
            last_seen: Timestamp(NOW.0 - 3_600_000_000),
            count: 1 + at as u64 % 9,
            asked: Ask::of(kind, Role::CloudProvider),
            evidence: vec![format!("EVI-{at}")],
            source: Some("Example Feed".into()),
            reporter: None,
            victim: None,
            resolution: None,
            message: None,
        }
    });
    Draft {
        id,
        token: Token::derive(&[1; 32], &id.to_string()),
        kind: NoticeKind::First,
        language,
        party: Party {
            name: Text::new(format!("示例单位{n}"), format!("Example party {n}")),
            role: Role::CloudProvider,
            zone: zones[n % 2].clone(),
        },
        sender: Sender {
            name: Text::new("示例国家网络安全应急中心", "Example National CERT"),
            address: "duty@cert.example".into(),
            phone: "+86 10 5555 0100".into(),
            domain: "cert.example".into(),
            appeal: "appeal@cert.example".into(),
        },
        items: items.collect(),
        composed_at: NOW,
        target: Some(Timestamp(NOW.0 + 86_400_000_000)),
        tlp: Tlp::Amber,
        earlier: None,
        remark: None,
        leaf: None,
        exercise: false,
    }
}
