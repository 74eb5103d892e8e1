//! How fast incidents are found among many: makes so many in a new ledger and times what the pages of the console ask
//! for. `cargo run --release --example million -- FOLDER [INCIDENTS]`; a ledger that is there already is used again.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::path::Path;
use std::time::Instant;

use ledger::incident::Triage;
use ledger::{Cursor, Ledger, Moment, NewIncident, Query, Reach};
use model::ids::IncidentId;
use model::incident::{CaseKind, IncidentState, Severity};
use model::territory::Territory;
use model::time::{Day, Timestamp};
use model::tlp::Tlp;
use model::worded::Word;
use sea_orm::{ConnectionTrait, Database};

/// 2026-11-19T00:00:00Z.
const T0: i64 = 1_795_046_400_000_000;
const DAY: i64 = 86_400_000_000;
/// Incidents a transaction.
const TOGETHER: i64 = 5_000;

/// A number that looks drawn and is the same in every run.
fn mixed(n: i64, salt: u64) -> u64 {
    let mut x = (n as u64).wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn incident(n: i64) -> NewIncident {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&mixed(n, 1).to_be_bytes());
    random[8..].copy_from_slice(&(n as u16).to_be_bytes());
    let kind = CaseKind::ALL[(mixed(n, 2) % 12) as usize];
    let host = format!("login-{n}.example-{}.test", mixed(n, 3) % 5_000);
    let province = 11 + mixed(n, 4) % 34;
    NewIncident {
        id: IncidentId::draw(Timestamp(T0 + n), random),
        kind,
        severity: Severity::ALL[(mixed(n, 5) % 4) as usize],
        rule: "bench".to_owned(),
        key: format!("key {n}"),
        what: format!("{host} imitates 示例银行{}", mixed(n, 6) % 300),
        url: Some(format!("https://{host}/secure/{n}")),
        host: Some(host),
        ip: Some(format!(
            "198.51.{}.{}",
            mixed(n, 7) % 256,
            mixed(n, 8) % 256
        )),
        asn: Some((64_496 + mixed(n, 9) % 16) as i64),
        name: None,
        brand: Some(format!("brand {}", mixed(n, 10) % 800)),
        country: Some(["CN", "US", "DE", "SG"][(mixed(n, 11) % 4) as usize].to_owned()),
        province: Some(format!("{province}0000")),
        territory: Territory::Inside,
        border: Vec::new(),
        flags: if mixed(n, 12).is_multiple_of(400) {
            vec!["government"]
        } else {
            Vec::new()
        },
        owner: None,
        tlp: Tlp::Amber,
        origin: "bench".to_owned(),
        external_number: None,
        first_seen_at: T0,
        last_seen_at: T0,
        validated_by: None,
    }
}

async fn fill(ledger: &Ledger, file: &Path, count: i64) {
    let begun = Instant::now();
    for from in (0..count).step_by(TOGETHER as usize) {
        let opened = (from..(from + TOGETHER).min(count)).map(incident).collect();
        let found = Triage {
            opened,
            ..Triage::default()
        };
        ledger
            .commit_triage(found, "bench", "bench", T0)
            .await
            .unwrap();
    }
    println!(
        "{count} incidents opened in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    // Spread over two years; all but the last two in a hundred are over.
    let db = Database::connect(format!("sqlite://{}?mode=rw", file.display()))
        .await
        .unwrap();
    let step = 730 * DAY / count;
    let live = count - count / 50;
    let states = [
        IncidentState::Open,
        IncidentState::Validated,
        IncidentState::Notified,
        IncidentState::Acted,
    ];
    let cases: String = (0..4)
        .map(|n| format!("WHEN {n} THEN '{}' ", states[n].label()))
        .collect();
    for sql in [
        format!("UPDATE incident SET opened_at = {T0} - ({count} - number) * {step}"),
        format!(
            "UPDATE incident SET state = 'closed', live_key = NULL, closed_at = opened_at + {DAY} WHERE number <= {live}"
        ),
        format!("UPDATE incident SET state = CASE number % 4 {cases} END WHERE number > {live}"),
    ] {
        db.execute_unprepared(&sql).await.unwrap();
    }
}

/// What people ask for: what waits, what is rare among many, what is pasted, words that many or few hold.
const QUESTIONS: [&str; 17] = [
    "",
    "state:open",
    "state:live",
    "state:live kind:phishing severity:critical,high",
    "state:live province:32 kind:backdoor",
    "state:closed",
    "state:closed kind:spam province:65 severity:critical",
    "kind:phishing",
    "country:DE severity:low",
    "flag:government",
    "opened:2026-11-01..2026-11-07",
    "age:>300d kind:defacement province:11",
    "host:login-777777.example-4548.test",
    "ip:198.51.100.7",
    "asn:64500 kind:attack",
    "示例银行299",
    "login imitates brand",
];

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().expect("a folder");
    let count: i64 = args.next().map_or(1_000_000, |text| text.parse().unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    let file = Path::new(&folder).join("ledger.db");
    let there = file.exists();
    let ledger = Ledger::open(&file).await.unwrap();
    if !there {
        fill(&ledger, &file, count).await;
    }
    let begins = |day: Day| i64::from(day.0) * DAY;
    let moment = Moment {
        now: T0,
        me: "li",
        begins: &begins,
    };
    println!(
        "{:55} {:>7} {:>9} {:>9} {:>9} {:>9}",
        "query", "rows", "page p50", "page p99", "count p50", "count p99"
    );
    for question in QUESTIONS {
        let search = Query::read(question).unwrap().search(&moment);
        let (mut pages, mut counts) = (Vec::new(), Vec::new());
        let (mut rows, mut after, mut bounded): (usize, Option<Cursor>, _) = (0, None, None);
        for _ in 0..60 {
            let begun = Instant::now();
            let found = ledger
                .find_incidents(&search, &Reach::All, after, 50)
                .await
                .unwrap();
            pages.push(begun.elapsed());
            rows = rows.max(found.incidents.len());
            after = found.next;
            let begun = Instant::now();
            bounded = Some(ledger.count_found(&search, &Reach::All).await.unwrap());
            counts.push(begun.elapsed());
        }
        pages.sort();
        counts.sort();
        let millis = |times: &[std::time::Duration], percent: usize| {
            times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3
        };
        let told = bounded.map_or_else(String::new, |b| {
            format!("{}{}", b.count, if b.more { "+" } else { "" })
        });
        println!(
            "{question:55} {rows:>7} {:>9.2} {:>9.2} {:>9.2} {:>9.2}  {told}",
            millis(&pages, 50),
            millis(&pages, 99),
            millis(&counts, 50),
            millis(&counts, 99),
        );
    }
}
