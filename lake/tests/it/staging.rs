//! From records to parts and back through SQL.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures::StreamExt;
use lake::arrow::array::AsArray;
use lake::arrow::datatypes::Int64Type;
use lake::query::Part;
use lake::stage::{Staged, make_durable};
use lake::{Columns, Enrichment, FileKind, IdentityIndex, Lake, Named, Receipt, ReportWriter};
use model::field::Field;
use model::record::Record;
use model::time::{Day, MICROS_PER_DAY, Timestamp};

const START: i64 = 1_673_222_400_000_000;

pub fn receipt(report: &str) -> Receipt {
    Receipt {
        feed: "demo".into(),
        report: report.into(),
        member: 0,
        received_at: START,
        source_schema: None,
    }
}

/// `n` rows over `days`, some with columns that others lack.
pub fn rows(from: u64, n: u64, days: u64) -> Columns {
    let mut columns = Columns::new();
    let mut record = Record::new();
    for i in from..from + n {
        record.clear();
        record.line = i + 1;
        record.set_time(
            Field::ObservedAt,
            Timestamp(START + (i % days) as i64 * MICROS_PER_DAY + i as i64),
        );
        let ip = if i % 5 == 0 {
            format!("2001:db8::{:x}:{:x}", i >> 16, i & 0xffff)
        } else {
            format!("192.0.2.{}", i % 250)
        };
        record.set_ip(Field::SourceIp, ip.parse().expect("an address"));
        record.set_text(Field::ClassType, "infected-system");
        if i % 7 == 0 {
            record.extra_text("note", "quoted \" text");
        }
        if i % 11 == 0 {
            record.set_int(Field::SourcePort, (i % 65536) as i64);
        }
        let enrichment = Enrichment {
            country: (i % 2 == 0).then_some("CN"),
            ..Enrichment::default()
        };
        let named = Named {
            feed: "demo",
            keys: None,
            row: &record,
        };
        columns.append(named, &record, &enrichment);
    }
    columns
}

pub fn stage(
    lake: &Lake,
    index: &mut IdentityIndex,
    live: &BTreeMap<Day, Vec<PathBuf>>,
    stem: &str,
    chunks: Vec<Columns>,
) -> Staged {
    let mut runs = |day: Day| Ok(live.get(&day).cloned().unwrap_or_default());
    let mut writer = ReportWriter::new(lake, stem, index, &mut runs);
    for mut columns in chunks {
        for chunk in columns.take(&receipt(stem)) {
            writer.push(chunk).expect("stages");
        }
    }
    let staged = writer.finish().expect("finishes");
    make_durable(lake, &staged.files).expect("syncs");
    staged
}

pub fn parts(staged: &Staged) -> Vec<Part> {
    staged
        .files
        .iter()
        .filter(|(_, file)| file.kind == FileKind::Part)
        .map(|(_, file)| Part {
            path: file.path.clone(),
            bytes: file.bytes,
            rows: file.rows,
            min_observed: file.min_observed,
            max_observed: file.max_observed,
        })
        .collect()
}

async fn number(lake: &Lake, parts: &[Part], sql: &str) -> i64 {
    let batches = lake.collect(parts, sql).await.expect("answers");
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test]
async fn rows_are_events_once_and_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(folder.path(), 64 << 20, 2).expect("opens");
    let mut index = IdentityIndex::new(1 << 20);
    let mut live = BTreeMap::new();
    let first = stage(
        &lake,
        &mut index,
        &live,
        "r1-g0",
        vec![rows(0, 5000, 3), rows(2000, 5000, 3)],
    );
    assert_eq!((first.events, first.duplicates), (7000, 3000));
    for (_, file) in &first.files {
        if file.kind == FileKind::Ids {
            live.entry(file.day)
                .or_insert_with(Vec::new)
                .push(lake.root().join(&file.path));
        }
    }
    // A second report repeats half of the first; the index is new, as after a restart.
    let mut index = IdentityIndex::new(1 << 20);
    let second = stage(&lake, &mut index, &live, "r2-g0", vec![rows(3500, 7000, 3)]);
    assert_eq!((second.events, second.duplicates), (3500, 3500));
    let mut all = parts(&first);
    all.extend(parts(&second));
    assert_eq!(all.iter().map(|part| part.rows).sum::<u64>(), 10_500);
    assert_eq!(
        number(&lake, &all, "select count(*) from events").await,
        10_500
    );
    assert_eq!(
        number(
            &lake,
            &all,
            "select count(distinct event_id) from events_raw"
        )
        .await,
        10_500
    );
    assert_eq!(
        number(
            &lake,
            &all,
            "select count(*) from events where source_ip = '192.0.2.7'"
        )
        .await,
        number(
            &lake,
            &all,
            "select count(*) from events_raw where source_ip = ip('192.0.2.7')"
        )
        .await
    );
    assert_eq!(
        number(
            &lake,
            &all,
            "select count(*) from events where country = 'CN'"
        )
        .await,
        5250
    );
    assert_eq!(
        number(
            &lake,
            &all,
            "select count(*) from events where extra like '%quoted%'"
        )
        .await,
        1500
    );
    assert_eq!(number(&lake, &all, "select count(*) from events where observed_at >= '2023-01-10' and observed_at < '2023-01-11'").await, 3500);
    let span = (Timestamp(START), Timestamp(START + MICROS_PER_DAY));
    let mut counted = 0;
    for mut stream in lake
        .scan(&all, span, &["feed", "source_ip", "brand"])
        .await
        .expect("scans")
    {
        while let Some(batch) = stream.next().await {
            counted += batch.expect("a batch").num_rows();
        }
    }
    assert_eq!(counted, 3500);
}

#[tokio::test]
async fn a_long_report_over_many_days_stays_exact() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(folder.path(), 64 << 20, 2).expect("opens");
    let mut index = IdentityIndex::new(1 << 20);
    let live = BTreeMap::new();
    // More days than parts may be open at a time, visited in turn.
    let chunks = (0..4).map(|n| rows(n * 3000, 4000, 200)).collect();
    let staged = stage(&lake, &mut index, &live, "r-g0", chunks);
    assert_eq!((staged.events, staged.duplicates), (13_000, 3000));
    let all = parts(&staged);
    assert_eq!(
        number(
            &lake,
            &all,
            "select count(distinct event_id) from events_raw"
        )
        .await,
        13_000
    );
}

#[tokio::test]
async fn only_select_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(folder.path(), 64 << 20, 2).expect("opens");
    for sql in [
        "create table x as select 1",
        "drop view events",
        "copy (select 1) to '/tmp/x.csv'",
        "create external table x stored as csv location '/etc/passwd'",
        "insert into events select 1",
        "set datafusion.execution.batch_size = 1",
        "select * from '/etc/passwd'",
        "delete from events",
        "truncate table events",
        "select 1; drop view events",
    ] {
        let refused = lake.query(&[], sql).await;
        assert!(refused.is_err(), "{sql} was answered");
    }
    assert!(lake.query(&[], "select count(*) from events").await.is_ok());
    assert!(
        lake.query(&[], "explain select count(*) from events")
            .await
            .is_ok()
    );
}
