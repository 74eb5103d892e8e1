//! Parts made of parts: the same rows, fewer files, and the bytes to prove it.

use std::collections::BTreeMap;

use lake::compact::{self, Written};
use lake::query::Part;
use lake::stage::make_durable;
use lake::{FileKind, IdentityIndex, Lake, ReportWriter};
use model::time::Day;

use crate::staging::{parts, receipt, rows, stage};

/// Everything about every event, in an order of its own.
async fn everything(lake: &Lake, parts: &[Part]) -> String {
    let sql = "select * from events order by event_id";
    let batches = lake.collect(parts, sql).await.expect("answers");
    let text = lake::arrow::util::pretty::pretty_format_batches(&batches);
    text.expect("prints").to_string()
}

fn part(written: &Written) -> Part {
    let staged = &written.files[0].1;
    assert_eq!(staged.kind, FileKind::Part);
    assert_eq!(written.files[1].1.kind, FileKind::Ids);
    assert_eq!(written.files[1].1.rows, staged.rows);
    Part {
        path: staged.path.clone(),
        bytes: staged.bytes,
        rows: staged.rows,
        min_observed: staged.min_observed,
        max_observed: staged.max_observed,
    }
}

/// Three reports on one day, with columns that some lack, and the day.
fn three(lake: &Lake) -> (Vec<Part>, Day) {
    let mut index = IdentityIndex::new(1 << 20);
    let live = BTreeMap::new();
    let mut all = Vec::new();
    let mut day = Day(0);
    for (report, from, count) in [("r1", 0, 300), ("r2", 200, 900), ("r3", 5, 1150)] {
        let staged = stage(lake, &mut index, &live, report, vec![rows(from, count, 1)]);
        day = staged.files[0].1.day;
        all.extend(parts(&staged));
    }
    assert_eq!(all.iter().map(|part| part.rows).sum::<u64>(), 1155);
    (all, day)
}

#[tokio::test]
async fn a_merged_part_holds_the_same_rows_and_identities() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(folder.path(), 64 << 20, 2).expect("opens");
    let (small, day) = three(&lake);
    let before = everything(&lake, &small).await;
    let paths: Vec<&str> = small.iter().map(|part| part.path.as_str()).collect();
    let merged = compact::merge(&lake, day, &paths).expect("merges");
    make_durable(&lake, &merged.files).expect("syncs");
    let origins: Vec<(&str, u64)> = merged
        .origins
        .iter()
        .map(|((_, report), rows)| (report.as_str(), *rows))
        .collect();
    assert_eq!(origins, [("r1", 300), ("r2", 800), ("r3", 55)]);
    let one = part(&merged);
    assert_eq!(everything(&lake, std::slice::from_ref(&one)).await, before);
    let bounds = |parts: &[Part]| {
        let first = parts.iter().map(|part| part.min_observed).min();
        (first, parts.iter().map(|part| part.max_observed).max())
    };
    assert_eq!(bounds(&small), bounds(std::slice::from_ref(&one)));

    // Made again, it is the same file; looked through, it is whole.
    let bytes = std::fs::read(lake.root().join(&one.path)).expect("reads");
    let again = compact::merge(&lake, day, &paths).expect("merges");
    assert_eq!(part(&again).path, one.path);
    assert_eq!(
        std::fs::read(lake.root().join(&one.path)).expect("reads"),
        bytes
    );
    let seen = compact::inspect(&lake, day, &one.path).expect("is whole");
    assert_eq!((seen.rows, seen.origins), (1155, merged.origins.clone()));

    // Deduplication against the merged run is exact.
    let run = lake.root().join(&merged.files[1].1.path);
    let mut index = IdentityIndex::new(1 << 20);
    let mut live = |_: Day| Ok(vec![run.clone()]);
    let mut writer = ReportWriter::new(&lake, "r4", &mut index, &mut live);
    for chunk in rows(0, 1200, 1).take(&receipt("r4")) {
        writer.push(chunk).expect("stages");
    }
    let staged = writer.finish().expect("finishes");
    assert_eq!((staged.events, staged.duplicates), (45, 1155));
}

#[tokio::test]
async fn what_is_split_off_and_the_rest_are_the_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(folder.path(), 64 << 20, 2).expect("opens");
    let (small, day) = three(&lake);
    let before = everything(&lake, &small).await;
    let paths: Vec<&str> = small.iter().map(|part| part.path.as_str()).collect();
    let merged = compact::merge(&lake, day, &paths).expect("merges");
    let path = &merged.files[0].1.path;
    let written = compact::split(&lake, day, path, "test", 3, &mut |facts| {
        Some(match facts.report {
            "r2" => 0,
            "r9" => 1,
            _ => 2,
        })
    });
    let written = written.expect("splits");
    assert!(written[1].is_none(), "nothing is of r9");
    let written: Vec<Written> = written.into_iter().flatten().collect();
    let only: Vec<u64> = written[0].origins.values().copied().collect();
    assert_eq!(only, [800]);
    let both: Vec<Part> = written.iter().map(part).collect();
    assert_eq!(everything(&lake, &both).await, before);
    let kept = everything(&lake, &both[..1]).await;
    assert_eq!(kept, everything(&lake, &small[1..2]).await);

    // A row for which there is no place is left out.
    let dropped = compact::split(&lake, day, path, "drop", 1, &mut |facts| {
        (facts.report == "r2" && facts.class == Some("infected-system")).then_some(0)
    });
    let dropped: Vec<Part> = dropped
        .expect("splits")
        .iter()
        .flatten()
        .map(part)
        .collect();
    assert_eq!(everything(&lake, &dropped).await, kept);
}

#[test]
fn parts_that_overlap_or_are_damaged_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::open(folder.path(), 64 << 20, 2).expect("opens");
    let (small, day) = three(&lake);
    let twice = [small[0].path.as_str(), small[0].path.as_str()];
    let error = compact::merge(&lake, day, &twice).expect_err("overlaps");
    assert!(error.to_string().contains("overlap"), "{error}");

    // The run of another part, and a byte changed inside one.
    let run = |part: &Part| lake.root().join(&part.path).with_extension("ids");
    let own = std::fs::read(run(&small[0])).expect("reads");
    std::fs::copy(run(&small[1]), run(&small[0])).expect("copies");
    let error = compact::inspect(&lake, day, &small[0].path).expect_err("is another");
    assert!(error.to_string().contains("identities"), "{error}");
    let mut bytes = own.clone();
    bytes[16..48].rotate_left(16);
    std::fs::write(run(&small[0]), &bytes).expect("writes");
    assert!(compact::inspect(&lake, day, &small[0].path).is_err());
    std::fs::write(run(&small[0]), &own).expect("writes");
    compact::inspect(&lake, day, &small[0].path).expect("is whole again");
    let path = lake.root().join(&small[0].path);
    let mut bytes = std::fs::read(&path).expect("reads");
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&path, &bytes).expect("writes");
    assert!(compact::merge(&lake, day, &[&small[0].path]).is_err());
}
