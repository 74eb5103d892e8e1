//! Probe.
use std::path::Path;
use std::sync::Arc;
use intake::collect::{files, Wanted};
use intake::ingest::Intake;
use model::time::Timestamp;
fn main() {
    let root = std::env::args().nth(1).expect("dir");
    let workers: usize = std::env::args().nth(2).map_or(2, |n| n.parse().expect("n"));
    let root = Path::new(&root);
    let text = std::fs::read_to_string(root.join("watchfire.toml")).expect("config");
    let value: toml::Table = toml::from_str(&text).expect("toml");
    let feeds: Vec<model::feed::Feed> = value["feed"].as_array().expect("feeds").iter().map(|f| f.clone().try_into().expect("feed")).collect();
    let catalogue = intake::Catalogue::compile(feeds).expect("catalogue");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("rt");
    let t0 = std::time::Instant::now();
    let mut sources = Vec::new(); let mut schema = None;
    for entry in value["reference"].as_array().expect("refs") {
        let kind = entry["kind"].as_str().expect("kind");
        let paths = entry["paths"].as_array().expect("paths");
        for p in paths {
            for path in glob(root.join(p.as_str().expect("s")).to_str().expect("s")) {
                if kind == "shadowserver-schema" { schema = Some(Arc::new(formats::shadowserver::Schema::parse(&std::fs::read(&path).expect("r")).expect("schema"))); continue; }
                sources.push(reference::SourceFile::new(kind.parse().expect("kind"), path));
            }
        }
    }
    let (tables, report) = reference::Tables::build(&sources).unwrap_or_else(|e| panic!("{e}"));
    eprintln!("tables {:?} v4 {} facts {}", t0.elapsed(), report.ranges_v4, report.fact_sets);
    let ledger = runtime.block_on(ledger::Ledger::open(&root.join("ledger.db"))).expect("ledger");
    let clock = || Timestamp(jiff::Timestamp::now().as_microsecond());
    let intake = Intake { ledger, blobs: ledger::BlobStore::new(root.join("blobs")), lake: lake::Lake::open(&root.join("lake"), 512<<20, 2).expect("lake"),
        enricher: intake::enrich::Enricher::new(Arc::new(tables)), schema, workers, runtime: runtime.handle().clone(), clock: &clock };
    let deliveries = files(&catalogue, root, &[Wanted::All]).expect("files");
    eprintln!("{} files", deliveries.len());
    let t1 = std::time::Instant::now();
    let summary = intake.ingest(&deliveries, false, &mut |_| {}).expect("ingest");
    let rows: u64 = summary.feeds.iter().map(|f| f.rows).sum();
    eprintln!("{:#?}", summary.feeds);
    eprintln!("unreadable {:?} warnings {:?}", summary.unreadable.iter().take(3).collect::<Vec<_>>(), summary.warnings.iter().take(5).collect::<Vec<_>>());
    let s = t1.elapsed().as_secs_f64();
    eprintln!("{rows} rows in {s:.2} s: {:.0} rows/s", rows as f64 / s);
}
fn glob(p: &str) -> Vec<std::path::PathBuf> {
    let path = Path::new(p);
    let (dir, pat) = (path.parent().expect("p"), path.file_name().expect("n").to_str().expect("s"));
    if !pat.contains('*') { return vec![path.to_owned()]; }
    let (a, b) = pat.split_once('*').expect("star");
    let mut v: Vec<_> = std::fs::read_dir(dir).expect("dir").map(|e| e.expect("e").path()).filter(|p| { let n = p.file_name().expect("n").to_string_lossy().into_owned(); n.starts_with(a) && n.ends_with(b) }).collect();
    v.sort(); v
}
