//! Makes an invented site, to be looked at: `cargo run -p bulletin --example site -- DIR [ISSUES]`.
//!
//! ISSUES is how many issues it has, 60 by default; 0 is a site before its first issue. Prints how long each step took.

#[path = "../tests/it/publishing/sample.rs"]
mod sample;
#[path = "../tests/it/render/specimen.rs"]
mod specimen;

use bulletin::publish;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let out = args.next().unwrap_or_else(|| "site".to_owned());
    let count: i64 = args.next().map_or(Ok(60), |count| count.parse())?;
    let mut base = specimen::bulletin();
    base.lead = Some(model::bulletin::Story {
        id: "lead".into(),
        title: model::bulletin::Text::new(
            "仿冒快递理赔的页面一周内出现在三家注册商",
            "Fake parcel refunds across three registrars in one week",
        ),
        paragraphs: vec![model::bulletin::Paragraph::words(
            model::bulletin::Text::new(
                "一组仿冒快递理赔的页面在一周内更换了三家域名注册商。页面结构相同，收款账户相同。示例中心向注册商和境外合作单位通报后，全部域名在两日内停止解析。",
                "One set of pages imitating parcel refunds moved across three registrars within the week, with the same structure and the same payee. After the sample center had told the registrars and partners abroad, all names stopped resolving within two days.",
            ),
        )],
        link: None,
    });
    let started = Instant::now();
    let sample = sample::sample(&base, count, count <= 100);
    println!("{count} issues after {:?}", started.elapsed());
    let kept = serde_json::to_string(&sample.editions)?;
    println!("digests: {} bytes", kept.len());
    let started = Instant::now();
    let _: Vec<publish::Edition> = serde_json::from_str(&kept)?;
    println!("digests read in {:?}", started.elapsed());
    let started = Instant::now();
    let pages = publish::pages(&sample.site())?;
    println!(
        "{} pages, {} bytes in {:?}",
        pages.len(),
        pages.iter().map(|page| page.bytes.len()).sum::<usize>(),
        started.elapsed()
    );
    for page in pages.iter().chain(&sample.others) {
        write(&Path::new(&out).join(&page.name), &page.bytes)?;
    }
    for file in &sample.files {
        write(
            &Path::new(&out).join(publish::ISSUES).join(&file.name),
            &file.bytes,
        )?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes)
}
