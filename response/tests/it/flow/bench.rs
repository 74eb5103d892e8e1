//! A desk in a temporary folder, a clock that is set by hand, and a mail server that says what it is
//! told to and remembers what it took.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use formats::mail::own::Own;
use lake::{Columns, Enrichment, FileKind, IdentityIndex, Lake, Named, Receipt, ReportWriter};
use ledger::incident::Triaged;
use ledger::{
    BlobStore, Directive, DirectiveState, Hash, Incident, IncidentFilter, IncidentSort,
    IngestCommit, LakeFileKind, Ledger, NewIncident, NewLakeFile, NewReport, NewStep, Notice, Page,
    Reach, ReportKind,
};
use model::bulletin::Text;
use model::field::Field;
use model::incident::Step;
use model::record::Record;
use model::time::{Day, Timestamp};
use response::Desk;
use response::deliver::smtp;
use response::inbox::reading::ReadMail;
use response::notice::Sender;
use response::notify::House;
use response::notify::sending::SentNotices;
use response::route::{DEFAULT_TABLE, Known, Parties, Table};
use response::triage::{DEFAULT_RULES, Rules};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

/// 2026-11-20 00:30 UTC: half past eight in the morning in Shanghai.
pub const NOW: i64 = 1_795_134_600_000_000;
pub const HOUR: i64 = 3_600_000_000;
pub const DAY: i64 = 24 * HOUR;
pub const FOREVER: Timestamp = Timestamp(i64::MAX);
/// What the instance is.
pub const HERE: &str = "here";

/// An event as a feed tells it.
#[derive(Clone, Default)]
pub struct Event {
    pub class: &'static str,
    pub host: &'static str,
    pub domain: &'static str,
    pub ip: &'static str,
    pub warning: Option<&'static str>,
    pub owner: model::territory::OwnerClass,
    pub territory: model::territory::Territory,
    pub country: Option<&'static str>,
    pub asn: Option<u32>,
    pub at: i64,
    /// Tells events of the same instant apart.
    pub n: u64,
}

/// A phishing page.
pub fn page(host: &'static str, n: u64) -> Event {
    Event {
        class: "phishing",
        host,
        domain: host,
        ip: "192.0.2.1",
        at: NOW - HOUR,
        n,
        ..Event::default()
    }
}

pub struct Bench {
    pub desk: Desk,
    pub clock: Arc<AtomicI64>,
    pub server: Server,
    pub domain: &'static str,
    _folder: TempDir,
}

impl Bench {
    pub async fn new() -> Bench {
        Bench::of("cert.example").await
    }

    pub async fn of(domain: &'static str) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(NOW));
        let told = Arc::clone(&clock);
        let drawn = AtomicU64::new(0);
        let desk = Desk {
            lake: Lake::open(&folder.path().join("lake"), 64 << 20, 2).unwrap(),
            ledger: Ledger::open(&folder.path().join("ledger.db"))
                .await
                .unwrap(),
            blobs: BlobStore::new(folder.path().join("blobs")),
            clock: Arc::new(move || Timestamp(told.load(Ordering::SeqCst))),
            random: Arc::new(move || {
                let n = drawn.fetch_add(1, Ordering::SeqCst).to_le_bytes();
                // Not in the bits that an id uses for its version.
                std::array::from_fn(|at| match at {
                    4.. => n.get(at - 4).copied().unwrap_or(7),
                    _ => 7,
                })
            }),
        };
        Bench {
            desk,
            clock,
            server: Server::start().await,
            domain,
            _folder: folder,
        }
    }

    pub fn set(&self, at: i64) {
        self.clock.store(at, Ordering::SeqCst);
    }

    pub fn pass(&self, micros: i64) {
        self.clock.fetch_add(micros, Ordering::SeqCst);
    }

    pub fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub fn house(&self) -> House {
        let at = self.server.at;
        let config = smtp::Config {
            connect_secs: 5,
            command_secs: 5,
            data_secs: 2,
            ..smtp::Config::new("127.0.0.1", at.port(), smtp::Security::Plain, self.domain)
        };
        House {
            sender: Sender {
                name: Text::new("示例应急中心", "Example CERT"),
                address: format!("duty@{}", self.domain),
                phone: String::new(),
                domain: self.domain.to_owned(),
                appeal: format!("duty@{}", self.domain),
            },
            token_key: [3; 32],
            daily_most: 100,
            party_most: 100,
            hold_over: 50,
            exercise: false,
            relay: Some(smtp::Relay::new(config).unwrap()),
            dkim: None,
            signer: None,
            hooks: None,
            files: PathBuf::from("/nonexistent"),
            node: None,
            seed: Box::new(|| [9; 32]),
        }
    }

    pub fn own(&self) -> Own {
        Own {
            verp: vec![format!("duty+{{token}}@{}", self.domain)],
            message_domain: self.domain.to_owned(),
            addresses: vec![format!("duty@{}", self.domain)],
        }
    }

    /// Stores a report with these events, as intake does.
    pub async fn report(&self, id: &str, events: &[Event]) {
        let mut columns = Columns::new();
        let mut record = Record::new();
        for (line, event) in events.iter().enumerate() {
            record.clear();
            record.line = line as u64 + 1;
            record.set_time(Field::ObservedAt, Timestamp(event.at));
            record.set_text(Field::ClassType, event.class);
            record.set_int(Field::SourcePort, event.n as i64);
            if !event.ip.is_empty() {
                record.set_ip(Field::SourceIp, event.ip.parse().unwrap());
            }
            if !event.host.is_empty() {
                record.set_text(Field::SourceUrl, &format!("http://{}/login", event.host));
            }
            let some = |text: &'static str| Some(text).filter(|text| !text.is_empty());
            let enrichment = Enrichment {
                host: some(event.host),
                domain: some(event.domain),
                warning: event.warning,
                owner_class: event.owner,
                territory: event.territory,
                country: event.country,
                asn: event.asn,
                ..Enrichment::default()
            };
            let named = Named {
                feed: "feed",
                keys: None,
                row: &record,
            };
            columns.append(named, &record, &enrichment);
        }
        let lake = self.desk.lake.clone();
        let mut index = IdentityIndex::new(1 << 20);
        let mut runs = |_: Day| Ok(Vec::new());
        let mut writer = ReportWriter::new(&lake, id, &mut index, &mut runs);
        let receipt = Receipt {
            feed: "feed".to_owned(),
            report: id.to_owned(),
            member: 0,
            received_at: self.now(),
            source_schema: None,
        };
        for chunk in columns.take(&receipt) {
            writer.push(chunk).unwrap();
        }
        let staged = writer.finish().unwrap();
        lake::stage::make_durable(&lake, &staged.files).unwrap();
        let add = staged.files.iter().map(|(_, file)| NewLakeFile {
            path: file.path.clone(),
            kind: match file.kind {
                FileKind::Part => LakeFileKind::Part,
                FileKind::Ids => LakeFileKind::Ids,
            },
            day: file.day.0,
            feed: Some("feed".to_owned()),
            report_id: Some(id.to_owned()),
            generation: 1,
            rows: file.rows as i64,
            bytes: file.bytes as i64,
            min_observed_at: Some(file.min_observed),
            max_observed_at: Some(file.max_observed),
            schema_version: 1,
        });
        let new = NewReport {
            id: id.to_owned(),
            feed: "feed".to_owned(),
            kind: ReportKind::Feed,
            origin: format!("{id}.csv"),
            blob: Hash::of(id.as_bytes()),
            bytes: 1,
            received_at: self.now(),
            snapshot_at: None,
        };
        self.desk.ledger.archive_report(new).await.unwrap();
        let commit = IngestCommit {
            report_id: id.to_owned(),
            generation: 1,
            add: add.collect(),
            now: self.now(),
            ..IngestCommit::default()
        };
        self.desk.ledger.commit_ingest(commit).await.unwrap();
    }

    pub async fn triage(&self, reports: &[&str]) -> Triaged {
        self.triage_by(DEFAULT_RULES, reports).await
    }

    pub async fn triage_by(&self, rules: &str, reports: &[&str]) -> Triaged {
        let rules = Rules::read(rules).unwrap();
        let reports: Vec<_> = reports.iter().map(|id| (*id).to_owned()).collect();
        self.desk.triage(&rules, &reports).await.unwrap()
    }

    /// The register of these lines.
    pub async fn register(&self, lines: &[&str]) {
        let head = "name_en,name_zh,roles,country,province,zone,language,interval_hours,channel,address,format,rung,hours,scope,value";
        let text = format!("{head}\n{}\n", lines.join("\n"));
        let (parties, bad) = response::party::read(text.as_bytes());
        assert!(bad.is_empty(), "{bad:?}");
        let register = self.desk.ledger.register().await.unwrap();
        let random = Arc::clone(&self.desk.random);
        let difference = response::party::difference(
            parties,
            &register,
            "test",
            Timestamp(self.now()),
            &*random,
        );
        self.desk
            .apply_parties(difference, "test", Some("a test"), "test")
            .await
            .unwrap();
    }

    pub async fn parties(&self) -> Parties {
        Parties::of(self.desk.ledger.register().await.unwrap())
    }

    pub async fn incidents(&self) -> Vec<Incident> {
        let filter = IncidentFilter::default();
        let found =
            self.desk
                .ledger
                .incidents(&filter, &Reach::All, IncidentSort::Oldest, Page::ALL);
        found.await.unwrap()
    }

    pub async fn incident(&self, number: i64) -> Incident {
        let found = self.desk.ledger.incident_numbered(number, &Reach::All);
        found.await.unwrap()
    }

    pub async fn step(&self, number: i64, step: Step) -> Incident {
        let id = self.incident(number).await.incident_id();
        let new = NewStep::new(step, "looked at", self.now());
        let ledger = &self.desk.ledger;
        let done = ledger.step(id, &Reach::All, new, "ann", self.now());
        done.await.unwrap()
    }

    pub async fn directives(&self, number: i64) -> Vec<Directive> {
        let id = self.incident(number).await.incident_id();
        self.desk.ledger.directives(id).await.unwrap()
    }

    pub async fn states(&self, number: i64) -> Vec<DirectiveState> {
        let all = self.directives(number).await;
        all.iter().map(|one| one.state).collect()
    }

    pub async fn notices(&self) -> Vec<Notice> {
        let mut all = self.desk.ledger.notices(&[], Page::ALL).await.unwrap();
        all.reverse();
        all
    }

    pub async fn route(&self) -> response::route::Routed {
        let table = Table::read(DEFAULT_TABLE).unwrap();
        let parties = self.parties().await;
        let known = |_: &Incident| Known::default();
        self.desk.route(&table, &parties, known).await.unwrap()
    }

    /// Routes, follows up and writes what is due.
    pub async fn write(&self) -> response::notify::WrittenNotices {
        self.route().await;
        let parties = self.parties().await;
        let (_, reminders) = self.desk.follow_up(&parties).await.unwrap();
        let house = self.house();
        let mut told = self.desk.write_notices(&house, &parties).await.unwrap();
        let reminded = self
            .desk
            .write_reminders(&house, &parties, reminders)
            .await
            .unwrap();
        assert!(told.problems.is_empty(), "{:?}", told.problems);
        assert!(reminded.problems.is_empty(), "{:?}", reminded.problems);
        told.notices += reminded.notices;
        told
    }

    /// Lets all that is held go.
    pub async fn approve(&self) {
        for notice in self.notices().await {
            if notice.state.0 == model::notice::NoticeState::Held {
                let id = notice.notice_id();
                let ledger = &self.desk.ledger;
                ledger
                    .judge_notice(id, true, "read", "ann", self.now())
                    .await
                    .unwrap();
            }
        }
    }

    pub async fn arm(&self) {
        self.desk.arm(HERE, "on duty", "ann").await.unwrap();
    }

    pub async fn send(&self) -> SentNotices {
        let house = self.house();
        self.desk.send_notices(&house, HERE, FOREVER).await.unwrap()
    }

    /// A validated incident whose registrar was asked by notice #1.
    pub async fn asked() -> Bench {
        let bench = Bench::new().await;
        bench.register(&[REGISTRAR, NETWORK]).await;
        bench.report("r1", &[page("a.example", 1)]).await;
        bench.triage(&["r1"]).await;
        bench.step(1, Step::Validate).await;
        bench.write().await;
        bench.approve().await;
        bench.arm().await;
        assert_eq!(bench.send().await.sent, 1);
        bench
    }

    /// Takes a mail in and reads it.
    pub async fn mail(&self, text: &str) -> ReadMail {
        let bytes = text.replace('\n', "\r\n");
        let at = Timestamp(self.now());
        self.desk
            .receive(bytes.as_bytes(), "test", at)
            .await
            .unwrap();
        let rules = Rules::read(DEFAULT_RULES).unwrap();
        let enrich = |_: &mut NewIncident| {};
        let own = self.own();
        let read = self.desk.read_messages(&own, &rules, &enrich, FOREVER);
        read.await.unwrap()
    }

    pub async fn last_message(&self) -> ledger::Message {
        let all = self.desk.ledger.messages(None, Page::ALL).await.unwrap();
        let last = all
            .into_iter()
            .max_by_key(|one| (one.handled_at, one.received_at));
        last.expect("a message")
    }
}

/// Two parties that answer for `example`: one by its registrar, one by its address.
pub const REGISTRAR: &str =
    "Registrar,注册商,registrar,,,UTC,en,0,mail,abuse@registrar.test,csv,agreed,,tld,example";
pub const NETWORK: &str = "Network,网络,network-operator,,,UTC,en,0,mail,abuse@network.test,csv,agreed,,prefix,192.0.2.0/24";

/// A mail server. Answers to the content come from the front of `answers`; when none is left it takes
/// everything. `hang-up` closes the connection after the content.
pub struct Server {
    pub at: std::net::SocketAddr,
    pub answers: Arc<Mutex<Vec<&'static str>>>,
    pub taken: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let answers = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (said, kept) = (Arc::clone(&answers), Arc::clone(&taken));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (said, kept) = (Arc::clone(&said), Arc::clone(&kept));
                tokio::spawn(async move {
                    let _ = talk(socket, said, kept).await;
                });
            }
        });
        Server { at, answers, taken }
    }

    pub fn answer(&self, with: &[&'static str]) {
        *self.answers.lock().unwrap() = with.to_vec();
    }

    pub fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }

    /// Values of a header of all mails taken, in order.
    pub fn headers(&self, name: &str) -> Vec<String> {
        let all = self.taken();
        all.iter().map(|mail| header(mail, name)).collect()
    }
}

/// The value of a header, unfolded; empty where there is none.
pub fn header(mail: &str, name: &str) -> String {
    let head = mail.split("\r\n\r\n").next().unwrap_or_default();
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let line = head.lines().find(|line| {
        line.split_once(':')
            .is_some_and(|(own, _)| own.eq_ignore_ascii_case(name))
    });
    let value = line.and_then(|line| line.split_once(':'));
    value.map_or(String::new(), |(_, value)| value.trim().to_owned())
}

async fn talk(
    socket: tokio::net::TcpStream,
    answers: Arc<Mutex<Vec<&'static str>>>,
    taken: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(socket);
    stream.write_all(b"220 mx.test ESMTP\r\n").await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-mx.test\r\n250 8BITMIME",
            "DATA" => {
                stream.write_all(b"354 go ahead\r\n").await?;
                let mut content = String::new();
                loop {
                    let mut bytes = Vec::new();
                    if stream.read_until(b'\n', &mut bytes).await? == 0 || bytes == b".\r\n" {
                        break;
                    }
                    content.push_str(&String::from_utf8_lossy(&bytes));
                }
                let answer = {
                    let mut answers = answers.lock().unwrap();
                    match answers.is_empty() {
                        true => "250 2.0.0 taken",
                        false => answers.remove(0),
                    }
                };
                if answer.starts_with('2') || answer == "hang-up" {
                    taken.lock().unwrap().push(content);
                }
                if answer == "hang-up" {
                    return Ok(());
                }
                answer
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

/// Makes one part of these, as compaction does.
pub async fn merge(bench: &Bench, files: &[ledger::LakeFile]) {
    let lake = &bench.desk.lake;
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let merged = lake::compact::merge(lake, Day(files[0].day), &paths).unwrap();
    lake::stage::make_durable(lake, &merged.files).unwrap();
    let add = merged.files.iter().map(|(_, file)| NewLakeFile {
        path: file.path.clone(),
        kind: match file.kind {
            FileKind::Part => LakeFileKind::Part,
            FileKind::Ids => LakeFileKind::Ids,
        },
        day: file.day.0,
        feed: None,
        report_id: None,
        generation: 1,
        rows: file.rows as i64,
        bytes: file.bytes as i64,
        min_observed_at: Some(file.min_observed),
        max_observed_at: Some(file.max_observed),
        schema_version: 1,
    });
    let part = merged
        .files
        .iter()
        .find(|(_, file)| file.kind == FileKind::Part);
    let members = merged
        .origins
        .iter()
        .map(|((feed, report), rows)| ledger::LakeMember {
            path: part.unwrap().1.path.clone(),
            report_id: report.clone(),
            feed: feed.clone(),
            rows: *rows as i64,
        });
    let change = ledger::LakeCommit {
        reason: "compaction".to_owned(),
        add: add.collect(),
        members: members.collect(),
        remove: files.iter().map(|file| file.path.clone()).collect(),
        job: None,
        now: bench.now(),
    };
    bench.desk.ledger.commit_lake(change).await.unwrap();
}
